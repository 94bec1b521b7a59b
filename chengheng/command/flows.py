"""How orders move: an order from issue to close, and the order as each organisation has it, receipt and finish.

Escalation (local rule): warned at four fifths of a limit; late, the dispatchers are told; at one and a half times the
limit, again, and whoever has it is called by telephone; at twice the limit the commander is told and called. Calls need
a voice gateway among the channels of notices.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command import actions
from chengheng.command.conference import flows as conference_flows  # noqa: F401
from chengheng.command.models import Order, Target
from chengheng.common import flow
from chengheng.common.flow import SAME, Clock, Flow, Step, StepField

_ALERTS = (Decimal("0.8"), Decimal(1), Decimal("1.5"), Decimal(2))
_LADDER = ((), ("command.target.supervise",), ("command.target.supervise",), ("command.target.lead",))
_CALLS_FROM = Decimal("1.5")
PHOTOS = StepField("photos", _("Photos"), "files", required=False)
PLACE = StepField("place", _("Place"), "place", required=False)
NOTE = StepField("note", _("How it was carried out"), "textarea")


def _marks(_target: Target, _actor: Any) -> list[tuple[str, str]]:
    return [(str(mark), str(mark)) for mark in range(5, 0, -1)]


ORDER = flow.register(
    Flow(
        "command.order",
        label=pgettext_lazy("dispatch", "Order"),
        start="issued",
        states={
            "issued": pgettext_lazy("state", "Issued"),
            "done": _("Finished by all"),
            "closed": _("Closed"),
            "recalled": _("Recalled"),
        },
        final={"closed", "recalled"},
        clocks=[Clock("whole", _("The whole order"), (Decimal("0.8"), Decimal(1)), ((), ("command.target.supervise",)))],
        steps=[
            Step("supplement", _("Supplement"), "issued", SAME, "command.order.supplement", needs=("note",),
                 by=actions.supplement_order),
            Step("complete", _("All have finished"), "issued", "done", "command.order.complete", stop="whole",
                 machine=True),
            Step("reopen", _("Open again"), "done", "issued", "command.order.complete", machine=True),
            Step("close", _("Close"), ("issued", "done"), "closed", "command.order.close", stop="whole",
                 by=actions.close_order, primary=True),
            Step("recall", _("Recall"), "issued", "recalled", "command.order.recall", needs=("note",),
                 by=actions.recall_order, danger=True),
        ],
    ),
    Order,
)  # fmt: skip

TARGET = flow.register(
    Flow(
        "command.target",
        label=pgettext_lazy("dispatch", "Order received"),
        start="issued",
        states={
            "issued": _("To be received"),
            "received": _("Being carried out"),
            "done": _("Reported finished"),
            "accepted": _("Accepted as done"),
            "withdrawn": _("Recalled"),
        },
        final={"accepted", "withdrawn"},
        clocks=[Clock("receipt", _("Receipt"), _ALERTS, _LADDER, _CALLS_FROM),
                Clock("finish", _("Finish"), _ALERTS, _LADDER, _CALLS_FROM)],
        steps=[
            Step("receive", pgettext_lazy("dispatch", "Receive"), "issued", "received", "command.target.receive", stop="receipt",
                 by=actions.receive_order, guard=actions.addressed_to, primary=True),
            Step("report", _("Report progress"), "received", SAME, "command.target.report", needs=("note",),
                 by=actions.report_progress, guard=actions.addressed_to, fields=(NOTE, PHOTOS, PLACE)),
            Step("finish", _("Finished"), "received", "done", "command.target.finish", stop="finish", needs=("note",),
                 by=actions.finish_order, guard=actions.all_ticked, primary=True,
                 fields=(NOTE, PHOTOS, PLACE)),
            Step("accept", _("Accept as done"), "done", "accepted", "command.target.accept", by=actions.accept_target,
                 primary=True, fields=(StepField("mark", _("Mark (5 is best)"), "choice", required=False, choices=_marks),)),
            Step("send_back", _("Send back as not done"), "done", "received", "command.target.send_back",
                 start="finish", needs=("note",), by=actions.send_back_target, danger=True,
                 fields=(StepField("finish", _("New limit"), "limit"),)),
            Step("supervise", _("Supervise"), ("issued", "received"), SAME, "command.target.supervise",
                 needs=("note",), by=actions.supervise_target),
            Step("extend", _("Give more time"), ("issued", "received"), SAME, "command.target.extend", needs=("note",),
                 by=actions.extend_target, fields=(StepField("hours", _("More hours"), "number"),)),
            Step("withdraw", _("Withdraw"), ("issued", "received"), "withdrawn", "command.target.withdraw",
                 needs=("note",), by=actions.withdraw_target, danger=True),
        ],
    ),
    Target,
)  # fmt: skip
