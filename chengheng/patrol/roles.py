"""Who does what in patrol. The posts are those of GB/T 30428.4's evaluation: 监督员, 受理员, 值班长, 派遣员, 专业部门.

The city supervises, the districts supervise and command (两级监督、一级指挥): each post exists for the whole city and for
the area of a duty.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "patrol.case.view": _("View a case"),
    "patrol.case.report": _("Report a problem"),
    "patrol.case.receive": _("Take down a report"),
    "patrol.case.accept": _("Accept the report"),
    "patrol.case.refuse": _("Refuse the report"),
    "patrol.case.ask_verify": _("Have it verified on site"),
    "patrol.case.verify": _("Verify on site"),
    "patrol.case.file": _("File the case"),
    "patrol.case.not_file": _("Do not file"),
    "patrol.case.dispatch": _("Dispatch to a department"),
    "patrol.case.handle": _("Report it handled"),
    "patrol.case.hand_back": _("Hand back"),
    "patrol.case.ask_extension": _("Ask for more time"),
    "patrol.case.extend": _("Give more time"),
    "patrol.case.suspend": _("Suspend"),
    "patrol.case.resume": _("Resume"),
    "patrol.case.urge": _("Urge"),
    "patrol.case.ask_check": _("Have it checked on site"),
    "patrol.case.check": _("Check on site"),
    "patrol.case.rework": _("Send back for rework"),
    "patrol.case.close": _("Close the case"),
    "patrol.case.void": _("Void the case"),
    "patrol.case.appeal": _("Appeal"),
    "patrol.case.decide_appeal": _("Decide the appeal"),
    "patrol.case.reclassify": _("Change the class"),
    "patrol.case.merge": _("Merge duplicates"),
    "patrol.case.import": _("Import cases"),
    "patrol.task.view": _("View a collector's task"),
    "patrol.shift.work": _("Work a shift"),
    "patrol.shift.view": _("View shifts and tracks"),
    "patrol.dictionary.view": _("View the dictionary"),
    "patrol.dictionary.import": _("Import the dictionary"),
    "patrol.standard.view": _("View filing standards"),
    "patrol.standard.import": _("Import filing standards"),
    "patrol.statistics.view": _("View statistics"),
    "patrol.bulletin.publish": _("Publish the monthly bulletin"),
    "patrol.bulletin.export": _("Export a monthly bulletin"),
    "patrol.bulletin.view": _("View monthly bulletins"),
    "patrol.allocation.view": _("View reward allocations"),
    "patrol.allocation.publish": _("Publish the reward allocation"),
    "patrol.allocation.run": _("Run the reward allocation"),
    "patrol.allocation.approve": _("Sign off the reward allocation"),
    "patrol.settings.change": _("Change patrol's settings"),
    "patrol.sampling.plan": _("Plan a re-inspection"),
    "patrol.sampling.view": _("View re-inspections"),
    "patrol.sampling.visit": _("Re-inspect on site"),
    "patrol.sampling.decide": _("Decide what was missed"),
    "patrol.boundary.view": _("View the boundary of collection"),
    "patrol.boundary.import": _("Import the boundary of collection"),
    "patrol.case.doubt": _("Doubt the evidence"),
    "patrol.hook.manage": _("Have changes of cases told to another system"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_LOOK = ("patrol.case.view", "patrol.statistics.view")
_REFERENCE = dict.fromkeys(("patrol.dictionary.view", "patrol.standard.view"), Reach.ALL)
"""The same for the whole city, so that a district's duty reaches it too."""
_POSTS = {
    "receptionist": (_("Receptionist"), ("receive", "accept", "refuse", "ask_verify", "ask_check", "reclassify", "merge")),
    "duty_chief": (
        _("Duty chief"),
        ("file", "not_file", "ask_verify", "reclassify", "merge", "void", "extend", "suspend", "resume", "close",
         "rework", "urge", "ask_check", "decide_appeal"),
    ),
    "dispatcher": (_("Dispatcher"), ("dispatch", "urge", "ask_check", "resume")),
}  # fmt: skip
for _reach, _prefix, _where in (
    (Reach.ALL, "city_", pgettext_lazy("case", "city")),
    (Reach.AREA, "district_", _("district")),
):
    for _post, (_label, _verbs) in _POSTS.items():
        declare(
            Role(
                f"patrol.{_prefix}{_post}",
                _label,
                {
                    **dict.fromkeys((*_LOOK, "patrol.task.view", *(f"patrol.case.{verb}" for verb in _verbs)), _reach),
                    **_REFERENCE,
                    "patrol.bulletin.export": Reach.ALL,
                    "patrol.bulletin.view": Reach.ALL,
                },
                group="patrol",
            )
        )

declare(
    Role(
        "patrol.collector",
        _("Collector"),
        {
            "patrol.case.view": Reach.OWN,
            "patrol.case.report": Reach.ALL,
            "patrol.case.verify": Reach.OWN,
            "patrol.case.check": Reach.OWN,
            "patrol.task.view": Reach.OWN,
            "patrol.shift.work": Reach.OWN,
            "patrol.shift.view": Reach.OWN,
            "patrol.dictionary.view": Reach.ALL,
        },
        group="patrol",
    )
)
declare(
    Role(
        "patrol.department",
        _("Handling department"),
        {
            **dict.fromkeys(
                (
                    *_LOOK,
                    "patrol.case.handle",
                    "patrol.case.hand_back",
                    "patrol.case.ask_extension",
                    "patrol.case.appeal",
                ),
                Reach.ORGANISATION,
            ),
            **_REFERENCE,
            "patrol.bulletin.export": Reach.ALL,
            "patrol.bulletin.view": Reach.ALL,
        },
        group="patrol",
    )
)
_SUPERVISOR = ("patrol.case.urge", "patrol.shift.view", "patrol.task.view", "patrol.sampling.plan",
               "patrol.sampling.view", "patrol.sampling.visit", "patrol.sampling.decide", "patrol.boundary.view",
               "patrol.bulletin.publish", "patrol.bulletin.view", "patrol.allocation.run", "patrol.allocation.view",
               "patrol.allocation.publish")  # fmt: skip
_MANAGER = ("patrol.hook.manage", "patrol.boundary.import", "patrol.boundary.view", "patrol.sampling.view", "patrol.dictionary.import", "patrol.standard.import", "patrol.case.import", "patrol.settings.change",
            "patrol.shift.view", "patrol.task.view", "patrol.bulletin.publish", "patrol.bulletin.view",
            "patrol.allocation.approve", "patrol.allocation.view", "patrol.allocation.publish")  # fmt: skip
declare(
    Role(
        "patrol.supervisor",
        _("City supervisor"),
        dict.fromkeys((*_LOOK, *_REFERENCE, *_SUPERVISOR), Reach.ALL),
        group="patrol",
    )
)
declare(
    Role(
        "patrol.manager",
        _("Patrol manager"),
        dict.fromkeys((*_LOOK, *_REFERENCE, *_MANAGER), Reach.ALL),
        group="patrol",
    )
)
declare(
    Role(
        "patrol.outside",
        _("Other system"),
        {
            "patrol.case.view": Reach.OWN,
            "patrol.case.receive": Reach.ALL,
            "patrol.dictionary.view": Reach.ALL,
            "patrol.hook.manage": Reach.OWN,
        },
        group="patrol",
    )
)
