"""The steps of a call-up and why it stopped, in plain words; what to do about it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

STEPS: dict[str, str | Promise] = {
    "asked": _("Asked for"),
    "invited": _("Device invited"),
    "answered": _("Device answered"),
    "first_packet": _("First packet arrived"),
    "first_key": _("First key frame arrived"),
    "first_frame": _("First picture shown"),
}

TALK_STEPS: dict[str, str | Promise] = {
    "asked": pgettext_lazy("talk", "Asked for"),
    "told": _("Announced to the device"),
    "agreed": _("Device agreed"),
    "invited": _("Device asked for the sound"),
    "connected": _("Way for the sound stands"),
    "speaking": _("First sound sent"),
}

# what is said beside the steps about H.265
CODING: dict[str, str | Promise] = {
    "h265": _("H.265: this browser cannot show it"),
    "converting": _("Last way: coded anew here as H.264"),
    "converted": _("Coded anew, at most 720 lines"),
}

# code: (what happened, what to look at)
REASONS: dict[str, tuple[str | Promise, str | Promise]] = {
    "idle": (_("Nobody was watching any more."), ""),
    "stopped": (_("Stopped by a user."), ""),
    "finished": (_("The recording has come to its end."), ""),
    "shutdown": (_("The live process was restarted."), ""),
    "offline": (_("The device is not registered."), _("Look at its power, its network and its platform settings.")),
    "no_answer": (
        _("The device did not answer the invitation."),
        _("It may have moved to another address without registering anew, or a firewall drops our packets."),
    ),
    "refused": (
        _("The device refused the invitation."),
        _("486 means that its number of streams is used up, 488 that it cannot send in this way, 404 that it does not "
          "know the channel: read its catalog again."),
    ),
    "bad_answer": (_("The device's answer could not be read."), _("Look at the signalling below.")),
    "connect_failed": (
        _("The device said yes, but its media port could not be reached."),
        _("Choose TCP with the device connecting to us, or open the way to its media port."),
    ),
    "no_media": (
        _("The device said yes, but no media arrived."),
        _("Usually the address that we announce is not reachable from the device, or the media ports are closed."),
    ),
    "foreign_media": (
        _("Media came from an address that is not the device's, and was refused."),
        _("The device answers from behind another address: enter that address at the device."),
    ),
    "no_key_frame": (
        _("Packets arrive, but no key frame."),
        _("Too many packets are lost (use TCP), or the key frame interval of the camera is too long."),
    ),
    "not_program_stream": (
        _("What arrives is no MPEG program stream."),
        _("Set the camera's GB/T 28181 stream to PS; bare H.264 or H.265 in RTP is not read."),
    ),
    "bad_codec": (
        _("The picture is coded in a way that cannot be shown (neither H.264 nor H.265)."),
        _("Set the camera to H.264."),
    ),
    "media_lost": (_("Media stopped arriving."), _("The network broke, or the device stopped sending.")),
    "device_ended": (_("The device ended the call."), ""),
    "no_port": (_("All media ports are in use."), _("Widen CHENGHENG_MEDIA_PORTS.")),
    "too_slow": (_("The viewer's connection was too slow."), ""),
    "revoked": (_("The permission to watch ended."), ""),
    "transcode_full": (
        _("The camera sends H.265, which this browser cannot show, and as many cameras as permitted are being coded "
          "anew already."),
        _("Use a browser that shows H.265, set the camera's second stream to H.264, or try again later."),
    ),
    "transcode_failed": (
        _("The H.265 picture could not be coded anew."),
        _("Use a browser that shows H.265, or set the camera's second stream to H.264."),
    ),
    "transcode_over": (_("The camera changed to another coding."), ""),
    "no_capture": (_("The device does not take pictures by itself: that came with GB/T 28181-2022."), ""),
    "capture_runs": (_("The camera is taking pictures for somebody else."), ""),
    "capture_refused": (_("The device refused to take pictures by itself."), _("Keep a snapshot of the live picture.")),
    "talk_over": (_("The speaker let go."), ""),
    "talk_gone": (_("The speaker's page is gone."), ""),
    "talk_quiet": (_("No sound came from the speaker's page any more."), _("Look whether the browser may use the microphone.")),
    "talk_limit": (_("An announcement is over after two minutes. Press again to go on."), ""),
    "talk_taken": (_("Somebody with a higher priority has taken the loudspeaker."), ""),
    "talk_busy": (_("Somebody else is speaking through this device."), _("Wait, or ask a commander.")),
    "talk_no_answer": (
        _("The device did not answer to the announcement."),
        _("Usually it has no loudspeaker or does not know voice broadcast."),
    ),
    "talk_refused": (
        _("The device refused the announcement."),
        _("Usually it has no loudspeaker, or its sound output is switched off."),
    ),
    "talk_no_invite": (
        _("The device said yes, but did not ask for the sound."),
        _("Look whether voice broadcast is switched on at the device and whether it knows our address."),
    ),
    "talk_bad_offer": (_("The device's request for the sound could not be read."), _("Look at the signalling below.")),
    "talk_codec": (
        _("The device does not take G.711 A-law (PCMA)."),
        _("Set its two-way audio to G.711A."),
    ),
    "talk_no_ack": (
        _("The device did not confirm our answer."), _("The network loses packets, or the device has restarted."),
    ),
    "talk_no_connection": (
        _("The connection for the sound did not come about."),
        _("Open the media ports between us and the device, or set the device to UDP."),
    ),
    "talk_lost": (_("The device closed the connection for the sound."), ""),
    "talk_device_ended": (_("The device ended the announcement."), ""),
    "failed": (_("The call failed."), _("Look at the signalling below.")),
}  # fmt: skip


# how a capture by the device went wrong
CAPTURE_FAULTS: dict[str, str | Promise] = {
    "timeout": _("The device took the command, but its time is over."),
    "foreign": _("Pictures came from an address that is not the device's."),
    "not_a_picture": _("What the device sent is no JPEG picture."),
    "too_large": _("A picture was too large."),
    "too_slow": _("The upload took too long."),
    "no_picture": _("The upload held no picture."),
    "not_a_form": _("The upload could not be read."),
    "no_answer": _("The device did not answer."),
    "shutdown": _("The live process was restarted."),
}


# how a device codes its sound; of what is not named here nothing is kept or passed on
SOUNDS = {"g711a": "G.711A → AAC", "g711u": "G.711U → AAC", "aac": "AAC"}


# why a device came or went
TURNS: dict[str, str | Promise] = {
    "registered": _("registered"),
    "unregistered": _("unregistered"),
    "keepalive": _("gave a sign of life again"),
    "keepalive_missed": _("gave no sign of life"),
    "expired": _("registration ran out"),
    "disabled": _("switched off here"),
    "restart": _("our live process was restarted"),
}


def reason(code: str) -> tuple[str, str]:
    """What happened and what to look at, for a stop reason."""
    what, look = REASONS.get(code, REASONS["failed"]) if code else ("", "")
    return str(what), str(look)
