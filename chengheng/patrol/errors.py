"""What can go wrong with city cases."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

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


class AskedAlready(Refusal):
    code = "asked_already"
    message = _("More time was asked for already; it waits for an answer.")


class NotAsked(Refusal):
    code = "not_asked"
    message = _("No more time was asked for.")


class NotADuplicate(Invalid):
    code = "not_a_duplicate"
    message = _("A case cannot be a duplicate of itself or of a duplicate.")


class UnknownCount(Invalid):
    code = "unknown_count"
    message = _("“%(count)s” is not a count of the statistics.")


class MonthNotOver(Invalid):
    code = "month_not_over"
    message = _("%(month)s is not over yet, or is not a month.")


class NoRuleSet(Invalid):
    code = "no_rule_set"
    message = _("No score rule set was in force in this month.")


class NoReason(Invalid):
    code = "no_reason"
    message = _("This month is published already. Say why there is a further edition.")


class NoScores(Invalid):
    code = "no_scores"
    message = _("No bulletin with scores is published for these months.")


class UnknownMethod(Invalid):
    code = "unknown_method"
    message = _("This method of allocation does not exist.")


class WrongParameters(Invalid):
    code = "wrong_parameters"
    message = _("The method cannot be worked out with these parameters.")


class SamePerson(Refusal):
    code = "same_person"
    message = _("This needs another person than the one who did the step before.")


class NothingToDraw(Invalid):
    code = "nothing_to_draw"
    message = _("There is no area to draw from.")


class VisitedAlready(Refusal):
    code = "visited_already"
    message = _("This area was visited already.")


class DecidedAlready(Refusal):
    code = "decided_already"
    message = pgettext_lazy("re-inspection", "This was decided already.")
