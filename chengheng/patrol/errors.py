"""What can go wrong with city cases."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class UnknownClass(Invalid):
    code = "unknown_class"
    message = _("“%(class_code)s” is not a %(kind)s of %(edition)s.")


class NoPlace(Invalid):
    code = "no_place"
    message = _("A position or an address is needed.")


class NotInTheCity(Invalid):
    code = "not_in_the_city"
    message = _("This position lies outside all districts.")


class NoStandard(Refusal):
    code = "no_standard"
    message = _(
        "No filing standard is in force for class %(class_code)s (%(edition)s). Choose a condition or import the table."
    )


class NoDepartment(Invalid):
    code = "no_department"
    message = _("Choose the department that handles this case.")


class TaskDone(Refusal):
    code = "task_done"
    message = _("This task was done or withdrawn already.")


class TaskOpen(Refusal):
    code = "task_open"
    message = _("A collector is still asked about this case.")


class TooManyExtensions(Refusal):
    code = "too_many_extensions"
    message = _("This case was given more time %(count)s times already.")


class TooLate(Refusal):
    code = "too_late"
    message = _("The time for this has passed.")


class AlreadySuspended(Refusal):
    code = "already_suspended"
    message = _("This case was suspended once already.")


class ShiftOpen(Refusal):
    code = "shift_open"
    message = _("You are signed in to a shift already.")


class NoShift(Refusal):
    code = "no_shift"
    message = _("You are not signed in to a shift.")


class NotADuplicate(Invalid):
    code = "not_a_duplicate"
    message = _("A case cannot be a duplicate of itself or of a duplicate.")
