"""Session descriptions (SDP, RFC 8866) that a browser sends: what it offers, and whether it may.

Only what must be known before Janus sees them. A data channel is refused: chat goes another way, and Janus before 1.4.1
reads over its end.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 64 * 1024
MOST_SECTIONS = 64


@dataclass(frozen=True)
class Section:
    """One m-line. `direction`: sendrecv, sendonly, recvonly or inactive; a section of port 0 is inactive.

    `layers`: whether it sends the same picture in several sizes (simulcast: RFC 8853, or the
    group of SSRCs that browsers had before it).
    """

    kind: str
    mid: str
    direction: str
    layers: bool = False

    @property
    def sends(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")


class NotAllowed(ValueError):
    """This description must not go on; the words say why."""


def sections(sdp: str) -> list[Section]:
    """The m-lines of a description in their order. Raises NotAllowed for what is not one."""
    if len(sdp) > LONGEST or not sdp.startswith("v=0"):
        raise NotAllowed("not a session description")
    found: list[Section] = []
    kind, mid, direction, port, layers = "", "", "sendrecv", "", False
    for line in [*sdp.replace("\r\n", "\n").split("\n"), "m="]:
        if line.startswith("m="):
            if kind:
                found.append(Section(kind, mid, "inactive" if port == "0" else direction, layers))
            parts = line[2:].split(" ")
            kind, mid, direction, port, layers = parts[0], "", "sendrecv", parts[1] if len(parts) > 1 else "", False
        elif line.startswith("a=mid:"):
            mid = line[6:].strip()
        elif line.startswith(("a=simulcast:", "a=ssrc-group:SIM ")):
            layers = True
        elif line[2:] in ("sendrecv", "sendonly", "recvonly", "inactive") and line.startswith("a="):
            direction = line[2:]
    if len(found) > MOST_SECTIONS:
        raise NotAllowed("too many sections")
    return found


@dataclass(frozen=True)
class Offer:
    """What a browser offers to send, by mid; "" where it does not send such a thing."""

    sound: str = ""
    camera: str = ""
    screen: str = ""
    layers: bool = False
    """Of the camera: whether it comes in several sizes."""


def offer(sdp: str) -> Offer:
    """What a sending browser offers: at most one sound, then the camera, then the screen. Raises NotAllowed."""
    sound = camera = screen = ""
    layers = False
    for at, section in enumerate(sections(sdp)):
        if section.kind not in ("audio", "video"):
            raise NotAllowed(f"{section.kind} is not taken")
        if not section.mid:
            raise NotAllowed("a section without a name")
        if section.kind == "audio":
            if sound or at:
                raise NotAllowed("sound is the first section, and only one")
            sound = section.mid if section.sends else "-"
        elif not camera:
            camera, layers = section.mid if section.sends else "-", section.layers
        elif not screen:
            screen = section.mid if section.sends else "-"
        else:
            raise NotAllowed("at most two pictures")
    sound, camera, screen = ("" if mid == "-" else mid for mid in (sound, camera, screen))
    return Offer(sound, camera, screen, layers)


def answer_only(sdp: str) -> None:
    """Check a receiving browser's answer: it sends nothing. Raises NotAllowed."""
    for section in sections(sdp):
        if section.kind not in ("audio", "video"):
            raise NotAllowed(f"{section.kind} is not taken")
        if section.sends:
            raise NotAllowed("this connection only receives")
