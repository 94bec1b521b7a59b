"""What can go wrong in this room."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class BadIdentifier(Invalid):
    code = "video.bad_identifier"
    message = _("A GB/T 28181 ID has 20 digits.")


class LiveUnreachable(Refusal):
    code = "video.live_unreachable"
    status = 503
    message = _("The live process does not answer. It carries signalling and media; ask the administrator to start it.")


class DeviceOffline(Refusal):
    code = "video.device_offline"
    message = _("The device is not registered now.")


class Steered(Refusal):
    code = "video.steered"
    message = _("%(who)s is steering this camera.")


class NoCapture(Refusal):
    code = "video.no_capture"
    message = _(
        "The device does not take pictures by itself: that came with GB/T 28181-2022, and it speaks %(edition)s."
    )


class CallFailed(Refusal):
    code = "video.call_failed"
    message = _("No picture: %(reason)s")


class NotMovable(Refusal):
    code = "video.not_movable"
    message = _("This camera cannot be steered.")
