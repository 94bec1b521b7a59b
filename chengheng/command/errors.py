"""What can go wrong in command, as values."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class NoTarget(Invalid):
    code = "command_no_target"
    message = _("An order needs at least one organisation that gets it.")


class BadLimits(Invalid):
    code = "command_bad_limits"
    message = _("The receipt must be due before the order is, and both within thirty days.")


class PlanRunning(Refusal):
    code = "command_plan_running"
    message = _("This level of the plan is running already.")


class PlanOff(Refusal):
    code = "command_plan_off"
    message = _("This plan is not in force.")


class RunOver(Refusal):
    code = "command_run_over"
    message = _("This run of the plan is over.")


class StillOpen(Refusal):
    code = "command_still_open"
    message = _("%(count)s of the organisations have not finished. Recall the order, or wait for them.")


class NotOnTheirDuty(Refusal):
    code = "command_not_their_duty"
    message = _("Only the person on duty, or who keeps the rota, hands the shift over.")


class HandedOver(Refusal):
    code = "command_handed_over"
    message = _("This shift has been handed over already.")


class TwoOnDuty(Invalid):
    code = "command_shift_overlaps"
    message = _("This person is on duty in these hours already.")


class WrongHours(Invalid):
    code = "command_wrong_hours"
    message = _("A shift ends after it starts and lasts at most seven days.")


class NotServing(Refusal):
    code = "command_site_not_serving"
    message = _("This venue was not in service at that time.")


class InTheFuture(Invalid):
    code = "command_in_the_future"
    message = _("This time has not come yet.")


class BadChecklist(Invalid):
    code = "command_bad_checklist"
    message = _("A checklist has at most thirty different items of at most 120 letters, one a line.")


class ItemsOpen(Refusal):
    code = "command_items_open"
    message = _("%(count)s items of the checklist are not ticked yet.")


class NotForYou(Refusal):
    code = "command_not_for_you"
    message = _("This order was given to a person by name; only they receive and finish it.")


class NotOpen(Refusal):
    code = "command_not_open"
    message = _("Items are ticked while an order is being carried out: receive it first.")


class NotADraft(Refusal):
    code = "command_not_a_draft"
    message = _("Only a draft may be changed. Make a new edition.")


class DraftThere(Refusal):
    code = "command_draft_there"
    message = _("There is a draft of this plan already.")


class PlanIncomplete(Refusal):
    code = "command_plan_incomplete"
    message = _("“%(level)s” has no order in it.")


class NoLevel(Refusal):
    code = "command_no_level"
    message = _("A plan needs at least one level.")


class CodeTaken(Invalid):
    code = "command_code_taken"
    message = _("There is a plan with this code already.")


class RankTaken(Invalid):
    code = "command_rank_taken"
    message = _("This plan has a level of this rank already.")


class StepNeeds(Invalid):
    code = "command_step_needs"
    message = _("Name the area, the role or the organisations that this order goes to.")
