"""What can go wrong with devices and faults."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class DependsOnItself(Invalid):
    code = "depends_on_itself"
    message = _("A device cannot depend on itself, not even through others.")


class AlreadyRetired(Refusal):
    code = "already_retired"
    message = _("This device is retired already.")


class TooManyReports(Refusal):
    code = "too_many_reports"
    status = 429
    message = _("Too many reports came from here. Please try again in a few minutes.")


class BadTarget(Invalid):
    code = "bad_target"
    message = _("Give the target as an address that this kind of probe understands.")


class VisitDone(Refusal):
    code = "visit_done"
    message = _("This visit was recorded already.")


class WrongLabel(Invalid):
    code = "wrong_label"
    message = _("This label belongs to another device.")


class PeriodReversed(Invalid):
    code = "period_reversed"
    message = _("The end lies before the start.")


class BadDelivery(Refusal):
    code = "bad_alert_signature"
    status = 403
    message = _("The source, the signature or the time of these alerts is not right.")


class BillStruck(Refusal):
    code = "bill_struck"
    message = _("This bill was struck already.")


class WindowOver(Refusal):
    code = "window_over"
    message = _("This maintenance window is over.")


class NoSuchDevice(Invalid):
    code = "no_such_device"
    message = _("There is no device of this identifier.")
