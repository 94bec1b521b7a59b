"""How a fault moves: reported, responded, on site, fixed, verified, closed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from chengheng.common import flow
from chengheng.common.flow import Clock, Flow, Step, StepField
from chengheng.maintenance import actions
from chengheng.maintenance.models import Fault

_ALERTS = (Decimal("0.5"), Decimal("0.8"), Decimal(1), Decimal("1.5"))
_TOLD = ((), (), ("maintenance.fault.verify",), ("maintenance.fault.void",))
PHOTOS = StepField("photos", _("Photos"), "files", required=False)


def _causes(_fault: Fault, _actor: Any) -> list[tuple[str, Any]]:
    return list(Fault.Cause.choices)


FAULT = flow.register(
    Flow(
        "maintenance.fault",
        label=_("Device fault"),
        start="reported",
        states={
            "reported": _("Reported"),
            "responded": _("Responded"),
            "on_site": _("On site"),
            "waiting": _("Waiting"),
            "fixed": _("Fixed"),
            "verified": _("Repair verified"),
            "closed": _("Closed"),
            "voided": _("Voided"),
        },
        final={"closed", "voided"},
        clocks=[
            Clock("respond", _("Response"), _ALERTS, _TOLD),
            Clock("arrive", _("Arrival on site"), _ALERTS, _TOLD),
            Clock("repair", _("Repair"), _ALERTS, _TOLD),
        ],
        steps=[
            Step("respond", _("Respond"), "reported", "responded", "maintenance.fault.respond", stop="respond",
                 by=actions.respond, primary=True),
            Step("arrive", _("Arrive on site"), ("reported", "responded"), "on_site", "maintenance.fault.respond",
                 stop=("respond", "arrive"), by=actions.arrive, primary=True),
            Step("fix", _("It works again"), ("responded", "on_site"), "fixed", "maintenance.fault.fix",
                 stop=("respond", "arrive", "repair"), by=actions.fix, primary=True,
                 fields=(
                     StepField("cause", _("root cause"), "choice", choices=_causes),
                     StepField("note", _("solution"), "textarea"),
                     StepField("parts", _("parts used"), "textarea", required=False,
                               help=_("One a line, for example “Power supply ×2”.")),
                     StepField("cost", _("cost (yuan)"), "number", required=False),
                     PHOTOS,
                 )),
            Step("wait", _("Wait for parts"), ("responded", "on_site"), "waiting", "maintenance.fault.wait",
                 pause="repair", needs=("note",)),
            Step("go_on", _("Go on"), "waiting", "responded", "maintenance.fault.respond", resume="repair",
                 primary=True),
            Step("recover", _("Recovered by itself"), ("reported", "responded", "on_site", "waiting"), "fixed",
                 "maintenance.fault.recover", stop=("respond", "arrive", "repair"), machine=True),
            Step("return", _("The fault is back"), ("fixed", "verified"), "responded", "maintenance.fault.join",
                 start="repair", machine=True),
            Step("verify", _("Verify"), "fixed", "verified", "maintenance.fault.verify", by=actions.verify,
                 primary=True, fields=(PHOTOS,)),
            Step("rework", _("Not repaired"), "fixed", "responded", "maintenance.fault.verify", start="repair",
                 needs=("note",), by=actions.rework, danger=True),
            Step("close", _("Close"), "verified", "closed", "maintenance.fault.close", by=actions.close,
                 primary=True),
            Step("void", _("Void"), ("reported", "responded", "on_site", "waiting", "fixed"), "voided",
                 "maintenance.fault.void", needs=("note",), by=actions.void, danger=True),
        ],
    ),
    Fault,
)  # fmt: skip
