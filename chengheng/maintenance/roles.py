"""Who may do what in maintenance: the centre's manager and duty desk, the vendor's engineers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "maintenance.device.view": _("View devices under maintenance"),
    "maintenance.device.change": _("Change devices under maintenance"),
    "maintenance.device.import": _("Import devices under maintenance"),
    "maintenance.device.retire": _("Retire a device"),
    "maintenance.device.watch": _("Set up probes"),
    "maintenance.device.exclude": _("Approve a maintenance window"),
    "maintenance.source.change": _("Set up sources of alerts"),
    "maintenance.fault.view": _("View faults"),
    "maintenance.fault.report": _("Report a fault"),
    "maintenance.fault.respond": _("Respond to a fault"),
    "maintenance.fault.fix": _("Repair a fault"),
    "maintenance.fault.wait": _("Let a fault wait"),
    "maintenance.fault.verify": _("Verify a repair"),
    "maintenance.fault.close": _("Close a fault"),
    "maintenance.fault.void": _("Void a fault"),
    "maintenance.fault.recover": _("Recovered by itself"),
    "maintenance.fault.join": _("Another report of the same fault"),
    "maintenance.contract.view": _("View maintenance contracts"),
    "maintenance.contract.change": _("Change maintenance contracts"),
    "maintenance.contract.report": _("Service report"),
    "maintenance.money.view": _("View what upkeep cost"),
    "maintenance.money.enter": _("Enter a bill"),
    "maintenance.money.strike": _("Strike a bill"),
    "maintenance.money.import": _("Import bills"),
    "maintenance.visit.view": _("View inspection visits"),
    "maintenance.visit.record": _("Record an inspection visit"),
    "maintenance.plan.change": _("Plan inspections"),
    "maintenance.system.change": _("Set up systems and sites"),
    "maintenance.fault.rate": _("Rate a repair"),
    "maintenance.spare.view": _("View spare parts"),
    "maintenance.spare.change": _("Keep spare parts"),
    "maintenance.spare.move": _("Book spare parts"),
    "maintenance.knowledge.view": _("Read what helps"),
    "maintenance.knowledge.write": _("Write down what helps"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_SHARED = ("maintenance.spare.view", "maintenance.knowledge.view")
"""What nobody owns: parts and experience are for every vendor."""
_LOOK = ("maintenance.device.view", "maintenance.fault.view", "maintenance.visit.view", "maintenance.contract.view")
_MONEY = ("maintenance.money.view", "maintenance.money.enter", "maintenance.money.import", "maintenance.money.strike")
_DESK = (
    *_LOOK, *_SHARED, "maintenance.knowledge.write", "maintenance.fault.report", "maintenance.fault.verify", "maintenance.fault.close", "maintenance.fault.wait",
    "maintenance.fault.void",
)  # fmt: skip
_MANAGE = (
    *_DESK, "maintenance.device.change", "maintenance.device.import", "maintenance.device.retire",
    "maintenance.device.watch", "maintenance.source.change", "maintenance.device.exclude", "maintenance.contract.change", "maintenance.plan.change",
    "maintenance.visit.record", "maintenance.system.change", "maintenance.spare.change", *_MONEY,
)  # fmt: skip
_REPAIR = (*_LOOK, "maintenance.fault.report", "maintenance.fault.respond", "maintenance.fault.fix",
           "maintenance.visit.record")  # fmt: skip

declare(
    Role(
        "maintenance.viewer",
        _("Maintenance viewer"),
        dict.fromkeys((*_LOOK, *_SHARED, "maintenance.money.view"), Reach.ALL),
        group="maintenance",
    )
)
declare(Role("maintenance.desk", _("Maintenance duty desk"), dict.fromkeys(_DESK, Reach.ALL), group="maintenance"))
declare(Role("maintenance.manager", _("Maintenance manager"), dict.fromkeys(_MANAGE, Reach.ALL), group="maintenance"))
declare(
    Role(
        "maintenance.vendor",
        _("Vendor's engineer"),
        dict.fromkeys(_REPAIR, Reach.ORGANISATION)
        | dict.fromkeys(_SHARED, Reach.ALL)
        | {"maintenance.knowledge.write": Reach.OWN},
        group="maintenance",
    )
)
