"""Who does what in dust weighing. Planner, inspector and weigher are different people's work; a contractor may appeal."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "cleanliness.road.view": _("View roads"),
    "cleanliness.road.change": _("Keep the road register"),
    "cleanliness.road.import": _("Import roads"),
    "cleanliness.rules.view": _("View rule sets"),
    "cleanliness.rules.adopt": _("Adopt a rule set"),
    "cleanliness.plan.view": _("View plans"),
    "cleanliness.plan.make": _("Draw a plan"),
    "cleanliness.plan.seal": _("Seal a plan"),
    "cleanliness.plan.move": _("Move a planned check"),
    "cleanliness.item.view": _("View one's day"),
    "cleanliness.check.view": _("View road checks"),
    "cleanliness.check.submit": _("Check a road"),
    "cleanliness.check.sign": _("Sign as the second person"),
    "cleanliness.check.conclude": _("Work out a result"),
    "cleanliness.check.appeal": _("Appeal against a result"),
    "cleanliness.check.decide": _("Decide an appeal, order a re-check"),
    "cleanliness.check.void": _("Void a check"),
    "cleanliness.bag.receive": _("Receive bags"),
    "cleanliness.bag.weigh": _("Weigh bags"),
    "cleanliness.point.decide": _("Decide about an outlier"),
    "cleanliness.scale.view": _("View scales"),
    "cleanliness.scale.keep": _("Keep scales and calibrations"),
    "cleanliness.result.view": _("View results"),
    "cleanliness.result.recompute": _("Work out results under another rule set"),
    "cleanliness.bulletin.view": _("View bulletins"),
    "cleanliness.bulletin.publish": _("Publish a bulletin"),
    "cleanliness.cost.view": _("View costs of checks"),
    "cleanliness.cost.enter": _("Enter costs of checks"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)


def _of(prefix: str, *verbs: str) -> tuple[str, ...]:
    return tuple(f"cleanliness.{prefix}.{verb}" for verb in verbs)


_LOOK = ("cleanliness.road.view", "cleanliness.rules.view", "cleanliness.check.view", "cleanliness.result.view",
         "cleanliness.bulletin.view")  # fmt: skip

declare(
    Role(
        "cleanliness.planner",
        _("Sampling planner"),
        dict.fromkeys(
            (*_LOOK, *_of("road", "change", "import"), *_of("plan", "view", "make", "seal", "move"),
             "cleanliness.item.view", *_of("cost", "view", "enter")),
            Reach.ALL,
        ),
        group="cleanliness",
    )
)  # fmt: skip
declare(
    Role(
        "cleanliness.inspector",
        _("Road inspector"),
        {
            "cleanliness.road.view": Reach.ALL,
            "cleanliness.rules.view": Reach.ALL,
            "cleanliness.item.view": Reach.OWN,
            "cleanliness.check.view": Reach.OWN,
            "cleanliness.check.submit": Reach.OWN,
            "cleanliness.check.sign": Reach.OWN,
        },
        group="cleanliness",
    )
)
declare(
    Role(
        "cleanliness.weigher",
        _("Weigher"),
        dict.fromkeys(
            ("cleanliness.check.view", "cleanliness.rules.view", *_of("bag", "receive", "weigh"),
             *_of("scale", "view", "keep")),
            Reach.ALL,
        ),
        group="cleanliness",
    )
)  # fmt: skip
declare(
    Role(
        "cleanliness.supervisor",
        _("Cleanliness supervisor"),
        dict.fromkeys(
            (*_LOOK, *_of("plan", "view"), *_of("check", "decide", "void"), "cleanliness.point.decide",
             "cleanliness.rules.adopt", "cleanliness.result.recompute", "cleanliness.bulletin.publish",
             "cleanliness.scale.view", "cleanliness.cost.view"),
            Reach.ALL,
        ),
        group="cleanliness",
    )
)  # fmt: skip
declare(
    Role(
        "cleanliness.district",
        _("District cleanliness officer"),
        {
            **dict.fromkeys(
                ("cleanliness.road.view", "cleanliness.check.view", "cleanliness.check.appeal"), Reach.AREA
            ),
            "cleanliness.rules.view": Reach.ALL,
            "cleanliness.bulletin.view": Reach.ALL,
        },
        group="cleanliness",
    )
)
declare(
    Role(
        "cleanliness.contractor",
        _("Cleaning contractor"),
        {
            **dict.fromkeys(
                ("cleanliness.road.view", "cleanliness.check.view", "cleanliness.check.appeal"), Reach.ORGANISATION
            ),
            "cleanliness.rules.view": Reach.ALL,
            "cleanliness.bulletin.view": Reach.ALL,
        },
        group="cleanliness",
    )
)
