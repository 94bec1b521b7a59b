"""Who does what in command: the chief, the dispatcher at the main venue, the venue that gets orders, who only reads."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "command.site.view": _("View venues and their links"),
    "command.site.change": _("Change venues"),
    "command.site.check": _("Record a link check"),
    "command.order.view": _("View an order"),
    "command.order.give": _("Give an order"),
    "command.order.template": _("Change order templates"),
    "command.order.supplement": _("Supplement an order"),
    "command.order.recall": _("Recall an order"),
    "command.order.complete": _("All organisations have finished"),
    "command.order.close": _("Close an order"),
    "command.target.view": _("View an order received"),
    "command.target.receive": _("Receive an order"),
    "command.target.report": _("Report progress"),
    "command.target.finish": _("Report it finished"),
    "command.target.accept": _("Accept what was done"),
    "command.target.send_back": _("Send an order back as not done"),
    "command.target.supervise": _("Supervise"),
    "command.target.extend": _("Give an organisation more time"),
    "command.target.withdraw": _("Withdraw the order from an organisation"),
    "command.target.lead": _("Be told when orders stay late"),
    "command.plan.view": pgettext_lazy("emergency", "View plans"),
    "command.plan.change": pgettext_lazy("emergency", "Change plans"),
    "command.plan.adopt": pgettext_lazy("emergency", "Put plans in force, retire them"),
    "command.plan.start": _("Start a plan"),
    "command.run.view": _("View runs of plans"),
    "command.run.end": _("End a run of a plan"),
    "command.rota.view": _("View the rota"),
    "command.rota.change": _("Change the rota"),
    "command.rota.hand_over": _("Hand a shift over"),
    "command.weather.view": _("View weather notes"),
    "command.weather.note": _("Write weather notes"),
    "command.resource.view": _("View resources"),
    "command.resource.change": _("Change resources"),
    "command.meeting.view": _("View meetings"),
    "command.papers.view": _("Open files and recordings of meetings"),
    "command.meeting.call": _("Call a meeting"),
    "command.meeting.begin": _("Begin a meeting"),
    "command.meeting.end": _("End a meeting"),
    "command.meeting.cancel": _("Call a meeting off"),
    "command.meeting.change": _("Change minutes, groups and templates of meetings"),
    "command.meeting.control": _("Steer a running meeting"),
    "command.meeting.camera": _("Show a camera in a meeting"),
    "command.meeting.watch": _("Watch a meeting without an invitation"),
    "command.meeting.attend": _("Attend meetings for one's venue"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_LOOK = tuple(act for act in ACTS if act.endswith(".view"))
_GIVE = (
    "command.order.give", "command.order.template", "command.order.supplement", "command.order.recall", "command.order.close",
    "command.target.accept", "command.target.send_back", "command.target.supervise", "command.target.extend",
    "command.target.withdraw", "command.site.check",
    "command.rota.change", "command.rota.hand_over", "command.resource.change", "command.weather.note",
)  # fmt: skip
_MEET = (
    "command.meeting.call", "command.meeting.begin", "command.meeting.end", "command.meeting.cancel",
    "command.meeting.change", "command.meeting.control",
)  # fmt: skip
_OWN = ("command.target.receive", "command.target.report", "command.target.finish")
_PLAN = ("command.plan.change", "command.plan.start", "command.run.end")


def _role(code: str, label: str | Promise, acts_of: tuple[str, ...], reach: Reach) -> None:
    grants = dict.fromkeys(acts_of, reach)
    if "command.weather.view" in grants:  # the city's weather is everybody's
        grants["command.weather.view"] = Reach.ALL
    declare(Role(f"command.{code}", label, grants, group="command"))


_role(
    "chief",
    _("Commander"),
    (
        *_LOOK,
        *_GIVE,
        *_PLAN,
        *_MEET,
        "command.plan.adopt",
        "command.meeting.watch",
        "command.target.lead",
        "command.site.change",
    ),
    Reach.ALL,
)
_role("dispatcher", _("Command dispatcher"), (*_LOOK, *_GIVE, *_PLAN, *_MEET, "command.meeting.watch"), Reach.ALL)
_role("keeper", _("Keeper of the venues"),
      ("command.site.view", "command.site.change", "command.site.check", "command.rota.view", *_MEET,
       "command.meeting.view", "command.papers.view", "command.meeting.watch"), Reach.ALL)  # fmt: skip
_role("viewer", _("Reader of command"), _LOOK, Reach.ALL)
_role(
    "district_dispatcher",
    _("District command dispatcher"),
    (*_LOOK, *_GIVE, *_OWN, *_MEET, "command.meeting.attend"),
    Reach.ORGANISATION,
)
_role(
    "site", _("Venue on duty"),
    ("command.site.view", "command.target.view", *_OWN, "command.meeting.attend", "command.papers.view", "command.rota.view", "command.rota.change", "command.weather.view",
     "command.rota.hand_over", "command.resource.view", "command.resource.change"),
    Reach.ORGANISATION,
)  # fmt: skip
_role("receiver", _("Receives orders by name"), ("command.target.view", *_OWN), Reach.OWN)
