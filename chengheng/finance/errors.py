"""What can go wrong in finance."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class UnknownUnit(Invalid):
    code = "finance_unknown_unit"
    message = _("%(organisation)s is not a unit under financial supervision.")


class SameBatch(Refusal):
    code = "finance_same_batch"
    message = _("These very rows are in force already: %(batch)s.")


class NotUndone(Refusal):
    code = "finance_not_undone"
    message = _("A batch of evidence is never taken back. Import a corrected one; it replaces this one.")


class Unreadable(Invalid):
    code = "finance_unreadable"
    message = _("The file cannot be read as GB/T 24589 (line %(line)s): %(reason)s")


class OutOfBalance(Invalid):
    code = "finance_out_of_balance"
    message = _("The file was not taken: debit %(debit)s yuan, credit %(credit)s yuan.")


class SeparationOfDuties(Refusal):
    code = "finance_separation_of_duties"
    status = 403
    message = _("Whoever did “%(before)s” may not do “%(now)s” on the same doubt.")


class OwnUnit(Refusal):
    code = "finance_own_unit"
    status = 403
    message = _("An auditor may not decide about a doubt of the unit that they belong to.")


class AlreadyTakenUp(Refusal):
    code = "finance_already_taken_up"
    message = _("This finding was taken up already: %(doubt)s.")


class NotExecutable(Refusal):
    code = "finance_not_executable"
    message = _("Rule %(rule)s is not executable yet.")


class UnknownParameter(Invalid):
    code = "finance_unknown_parameter"
    message = _("Rule %(rule)s has no parameter “%(name)s”.")


class NotProposed(Refusal):
    code = "finance_not_proposed"
    message = _("“%(change)s” was decided already.")


class NotTried(Refusal):
    code = "finance_not_tried"
    message = _("“%(change)s” has not been tried on the books yet.")
