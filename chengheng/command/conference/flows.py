"""How a meeting moves: planned, running, over or called off. Inside a running one, see `verbs`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command.conference import actions
from chengheng.command.conference.guards import leads
from chengheng.command.conference.models import Meeting
from chengheng.common import flow
from chengheng.common.flow import Flow, Step

MEETING = flow.register(
    Flow(
        "command.meeting",
        label=_("Meeting"),
        start="planned",
        states={
            "planned": pgettext_lazy("meeting", "Planned"),
            "running": pgettext_lazy("meeting", "Running"),
            "ended": pgettext_lazy("meeting", "Over"),
            "cancelled": pgettext_lazy("meeting", "Called off"),
        },
        final={"ended", "cancelled"},
        clocks=[],
        steps=[
            Step("begin", _("Begin now"), "planned", "running", "command.meeting.begin", by=actions.begin_meeting, guard=leads("command.meeting.begin"),
                 primary=True),
            Step("end", _("End the meeting"), "running", "ended", "command.meeting.end", by=actions.end_meeting, guard=leads("command.meeting.end"),
                 danger=True),
            Step("cancel", _("Call it off"), "planned", "cancelled", "command.meeting.cancel", needs=("note",),
                 by=actions.cancel_meeting, guard=leads("command.meeting.cancel"), danger=True),
        ],
    ),
    Meeting,
)  # fmt: skip
