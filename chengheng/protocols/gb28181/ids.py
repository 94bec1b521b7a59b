"""Identifiers of Annex D (rule A, 20 digits), region nodes, and SSRC (Annex F, y=)."""

from __future__ import annotations

from dataclasses import dataclass

TYPES = {
    111: "dvr", 112: "video server", 113: "encoder", 114: "decoder", 115: "video matrix", 116: "audio matrix",
    117: "alarm controller", 118: "nvr", 130: "hvr", 131: "camera", 132: "ip camera", 133: "display",
    134: "alarm input", 135: "alarm output", 136: "audio input", 137: "audio output", 138: "mobile equipment",
    139: "other peripheral", 200: "signalling server", 201: "web server", 202: "media server", 203: "proxy server",
    204: "security server", 205: "alarm server", 206: "database server", 207: "gis server", 208: "management server",
    209: "gateway", 210: "storage server", 211: "security path gateway", 215: "business group",
    216: "virtual organisation",
}  # fmt: skip
CAMERA_TYPES = frozenset({131, 132})
SERVER_TYPES = frozenset(range(200, 215))
GROUP, ORGANISATION = 215, 216


@dataclass(frozen=True)
class Code:
    """A rule A identifier in its parts: 8 digits region, 2 industry, 3 type, 1 network, 6 serial."""

    region: str
    industry: str
    type: int
    network: str
    serial: str

    @property
    def label(self) -> str:
        """English name of the type; users and external servers by range, "unknown" else."""
        if 300 <= self.type <= 499:
            return "user"
        if self.type >= 500:
            return "external server"
        return TYPES.get(self.type, "unknown")


def read(identifier: str) -> Code | None:
    """The parts of a 20-digit identifier; None for anything else (16-digit and masked ones occur in the field)."""
    text = identifier.strip()
    if len(text) != 20 or not (text.isascii() and text.isdigit()):
        return None
    return Code(text[:8], text[8:10], int(text[10:13]), text[13], text[14:])


def is_region(identifier: str) -> bool:
    """Region nodes are the 2, 4, 6 or 8 digits of GB/T 2260 and its units."""
    text = identifier.strip()
    return len(text) in (2, 4, 6, 8) and text.isascii() and text.isdigit()


def kind_of(identifier: str, parental: bool = False) -> str:
    """What a catalog item is: region, group, organisation, camera, alarm, audio, device or other.

    `Parental` is only believed where the identifier says nothing, because some devices set it on leaves (facts §2
    quirk 8).
    """
    if is_region(identifier):
        return "region"
    code = read(identifier)
    if code is None:
        return "device" if parental else "camera"
    if code.type == GROUP:
        return "group"
    if code.type == ORGANISATION:
        return "organisation"
    if code.type in CAMERA_TYPES:
        return "camera"
    if code.type in (134, 135):
        return "alarm"
    if code.type in (136, 137):
        return "audio"
    if code.type in (111, 112, 113, 118, 130, 138) or code.type in SERVER_TYPES:
        return "device"
    return "other"


def is_loudspeaker(identifier: str) -> bool:
    """Whether this is a voice output device (type 137, Annex D)."""
    code = read(identifier)
    return code is not None and code.type == 137


def ssrc(domain: str, number: int, history: bool = False) -> str:
    """y= of 10 digits: 0 live or 1 history, digits 4 to 8 of the domain's identifier, 4 digits unique in it."""
    middle = (domain + "00000000")[3:8]
    if not (middle.isascii() and middle.isdigit()):
        middle = "00000"
    return f"{int(history)}{middle}{number % 10000:04d}"


def read_ssrc(text: str) -> int | None:
    """Value of a y= line, whatever its number of digits; None when it is no number of 32 bits."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    value = int(text)
    return value if value < 1 << 32 else None
