"""What can go wrong with base data."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class UnreadableTable(Invalid):
    """The spreadsheet says nowhere where its rows are, or lacks what is needed (`why`)."""

    code = "unreadable_table"
    message = _("This table cannot be taken over: %(why)s")


class NotDraft(Refusal):
    code = "change_set_not_draft"
    message = _("Only a draft can be changed.")


class NothingChanges(Refusal):
    code = "nothing_changes"
    message = _("This change set changes nothing.")


class HasProblems(Refusal):
    code = "change_set_has_problems"
    message = _("%(count)s problems must be put right first.")


class FourEyes(Refusal):
    code = "four_eyes"
    message = _("Whoever made a change set cannot approve it.")


class MovedOn(Refusal):
    code = "base_data_moved_on"
    message = _("Since the check edition %(number)s was published. Return the change set and check it again.")


class TaskDone(Refusal):
    code = "census_done"
    message = _("This census is finished.")


class PhotoNeeded(Invalid):
    code = "photo_needed"
    message = _("A photo is needed for this.")
