"""What can be refused about files and batches."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import NotFound, Refusal


class UnreadableFile(Refusal):
    """The file as a whole cannot be taken."""

    code = "intake_unreadable_file"
    status = 422
    message = _("This file cannot be read.")


class HostileFile(UnreadableFile):
    """The file looks made to harm: it is not opened further."""

    code = "intake_hostile_file"
    message = _("This file was not opened: it is built like one that does harm (%(reason)s).")


class FileTooLarge(UnreadableFile):
    code = "intake_file_too_large"
    status = 413
    message = _("The file is too large: at most %(limit)s.")


class NoHeader(UnreadableFile):
    """Kept as a problem of the batch, because a person may match the headings by hand."""

    code = "intake_no_header"
    message = _("No sheet has a heading row with the needed columns. Missing: %(missing)s.")


class UnknownImporter(NotFound):
    code = "intake_unknown"
    message = _("There is no import of this name.")


class AlreadyImported(Refusal):
    code = "intake_already_imported"
    message = _("This very file was imported already on %(at)s by %(by)s.")


class NotReady(Refusal):
    code = "intake_not_ready"
    message = _("This batch cannot be committed in its present state: %(state)s.")


class NotCommitted(Refusal):
    code = "intake_not_committed"
    message = _("Only a committed batch can be undone.")


class DependedUpon(Refusal):
    code = "intake_depended_upon"
    message = _("This import cannot be undone: %(what)s depends on its rows by now.")


class Contradicted(Refusal):
    code = "intake_contradicted"
    message = _("The database refused a row: %(why)s. Nothing was imported; check the file again.")
