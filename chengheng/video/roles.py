"""Who may do what with cameras. Priorities of steering are local rules: a commander takes a camera from an operator."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from chengheng.common.people import access
from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "video.channel.view": _("Watch a camera"),
    "video.channel.steer": _("Steer a camera"),
    "video.channel.command": _("Take a camera from others"),
    "video.channel.talk": _("Speak through a camera"),
    "video.channel.change": _("Change a camera's entry"),
    "video.channel.playback": _("Look at recordings in the device"),
    "video.channel.snapshot": _("Keep a snapshot"),
    "video.recording.make": _("Record a camera"),
    "video.recording.view": _("Look at recordings kept here"),
    "video.operation.view": _("View an operation"),
    "video.operation.change": _("Plan an operation"),
    "video.device.view": _("View devices"),
    "video.device.change": _("Set up devices"),
    "video.device.password": _("Give a device a new password"),
    "video.device.catalog": _("Read a device's catalog"),
    "video.device.subscribe": _("Choose what a device tells by itself"),
    "video.alarm.see": _("Mark an alarm as seen"),
    "video.call.view": _("View call-ups"),
    "video.call.stop": _("Stop a call-up"),
    "video.upstream.view": _("View platforms above"),
    "video.upstream.change": _("Set up platforms above"),
    "video.scene.save": _("Save a wall scene"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_WATCH = ("video.channel.view", "video.operation.view", "video.scene.save", "video.call.view")
_OPERATE = (
    *_WATCH, "video.channel.steer", "video.channel.playback", "video.channel.snapshot", "video.recording.make",
    "video.recording.view", "video.operation.change", "video.alarm.see", "video.device.view",
    "video.device.subscribe", "video.channel.talk",
)  # fmt: skip
_COMMAND = (*_OPERATE, "video.channel.command", "video.call.stop")
_SET_UP = (
    *_WATCH, "video.device.view", "video.device.change", "video.device.password", "video.device.catalog",
    "video.device.subscribe", "video.channel.change", "video.upstream.view", "video.upstream.change", "video.call.stop", "video.alarm.see",
)  # fmt: skip

VIEWER = declare(Role("video.viewer", _("Video viewer"), dict.fromkeys(_WATCH, Reach.ALL), group="video"))
OPERATOR = declare(Role("video.operator", _("Video operator"), dict.fromkeys(_OPERATE, Reach.ALL), group="video"))
COMMANDER = declare(Role("video.commander", _("Video commander"), dict.fromkeys(_COMMAND, Reach.ALL), group="video"))
DISTRICT = declare(
    Role("video.district_operator", _("District video operator"), dict.fromkeys(_OPERATE, Reach.AREA), group="video")
)
UNIT = declare(
    Role("video.unit_viewer", _("Video viewer of a unit"), dict.fromkeys(_WATCH, Reach.ORGANISATION), group="video")
)
ENGINEER = declare(
    Role("video.engineer", _("Video engineer"), dict.fromkeys(_SET_UP, Reach.ALL), group="video", privileged=True)
)


def talking_priority(user: Any, channel: Any) -> int:
    """0: may not speak; else as for steering: a commander takes the loudspeaker from an operator."""
    if not access.may(user, "video.channel.talk", channel):
        return 0
    return 6 if access.may(user, "video.channel.command", channel) else 3


def steering_priority(user: Any, channel: Any) -> int:
    """0: may not steer; 3 operator, 6 commander (1 to 9 as in ControlPriority, greater wins)."""
    if access.may(user, "video.channel.command", channel):
        return 6
    return 3 if access.may(user, "video.channel.steer", channel) else 0
