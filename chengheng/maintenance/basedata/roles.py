"""Who may do what with base data: the keeper drafts, another approves and publishes, surveyors walk."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "maintenance.base.view": _("View base data"),
    "maintenance.base.change": _("Draft changes of base data"),
    "maintenance.base.check": _("Check base data"),
    "maintenance.base.approve": _("Approve changes of base data"),
    "maintenance.base.publish": _("Publish base data"),
    "maintenance.base.survey": _("Survey components"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_KEEP = ("maintenance.base.view", "maintenance.base.change", "maintenance.base.survey")
_PUBLISH = ("maintenance.base.view", "maintenance.base.approve", "maintenance.base.publish")

declare(Role("maintenance.base_keeper", _("Keeper of base data"), dict.fromkeys(_KEEP, Reach.ALL), group="maintenance"))
declare(
    Role(
        "maintenance.base_approver", _("Approver of base data"), dict.fromkeys(_PUBLISH, Reach.ALL), group="maintenance"
    )
)
declare(
    Role(
        "maintenance.surveyor", _("Surveyor of components"),
        {"maintenance.base.survey": Reach.OWN, "maintenance.base.view": Reach.ALL}, group="maintenance",
    )
)  # fmt: skip
