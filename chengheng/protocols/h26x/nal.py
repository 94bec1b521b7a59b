"""Annex B byte streams to NAL units, and what a unit is.

Nothing is decoded. Parameter sets are read for profile, level and size only.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

H264, H265 = "h264", "h265"
_START = re.compile(rb"\x00\x00\x01")
_KINDS_264 = {7: "sps", 8: "pps"}
_KINDS_265 = {32: "vps", 33: "sps", 34: "pps"}


def split(data: bytes) -> list[bytes]:
    """NAL units of an Annex B stretch, start codes and trailing zeros removed."""
    marks = [found.start() for found in _START.finditer(data)]  # faster than bytes.find here
    if not marks:
        return []
    units = []
    marks.append(len(data))
    for here, after in itertools.pairwise(marks):
        end = after
        while end > here + 3 and data[end - 1] == 0:
            end -= 1
        if end > here + 3:
            units.append(data[here + 3 : end])
    return units


def sniff(units: list[bytes]) -> str | None:
    """Codec by the parameter sets that are there; None when none is. What the container says may be wrong."""
    for unit in units:
        head = unit[0]
        if len(unit) > 2 and unit[1] in (1, 9) and head in (0x40, 0x42, 0x44):
            return H265
        if head & 0x9F == 7 and head & 0x60 and len(unit) > 4:
            return H264
    return None


def is_slice(codec: str, unit: bytes) -> bool:
    """Whether the unit carries picture data (VCL)."""
    if codec == H264:
        return 1 <= unit[0] & 0x1F <= 5
    return unit[0] >> 1 & 0x3F < 32


def is_key(codec: str, unit: bytes) -> bool:
    """Whether the unit is a slice that decoding can start at (IDR; for H.265 any IRAP)."""
    if codec == H264:
        return unit[0] & 0x1F == 5
    return 16 <= unit[0] >> 1 & 0x3F <= 21


def is_dropped(codec: str, unit: bytes) -> bool:
    """Delimiters, filler, end marks: they carry nothing, and alone in a sample they kill Chromium's player."""
    if codec == H264:
        return unit[0] & 0x1F in (0, 9, 10, 11, 12) or unit[0] & 0x1F >= 24
    kind = unit[0] >> 1 & 0x3F
    return 35 <= kind <= 38 or kind >= 41


def parameter_kind(codec: str, unit: bytes) -> str:
    """vps, sps, pps, or "" for any other unit."""
    if codec == H264:
        return _KINDS_264.get(unit[0] & 0x1F, "")
    return _KINDS_265.get(unit[0] >> 1 & 0x3F, "")


class _Bits:
    """Reads a raw byte sequence payload bit by bit, emulation prevention removed."""

    def __init__(self, data: bytes) -> None:
        self._data = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("parameter set cut off")
        self._left -= count
        return self._data >> self._left & (1 << count) - 1

    def ue(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("no Exp-Golomb number")
        return (1 << zeros) - 1 + self.take(zeros)

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def _payload(unit: bytes, header: int) -> _Bits:
    return _Bits(unit[header : header + 600].replace(b"\x00\x00\x03", b"\x00\x00"))


@dataclass(frozen=True)
class Picture:
    """What a sequence parameter set says. `general` holds the 12 bytes of H.265's profile, tier and level."""

    codec: str
    width: int
    height: int
    profile: int
    constraints: int
    level: int
    chroma: int = 1
    luma_bits: int = 8
    chroma_bits: int = 8
    general: bytes = b""
    sublayers: int = 1
    nested: bool = False

    @property
    def mime(self) -> str:
        """RFC 6381 name, as `MediaSource.isTypeSupported` wants it."""
        if self.codec == H264:
            return f"avc1.{self.profile:02X}{self.constraints:02X}{self.level:02X}"
        space = ("", "A", "B", "C")[self.general[0] >> 6]
        tier = "H" if self.general[0] & 0x20 else "L"
        flags = int(f"{int.from_bytes(self.general[1:5], 'big'):032b}"[::-1], 2)
        tail = self.general[5:11].rstrip(b"\0")
        rest = "".join(f".{byte:X}" for byte in tail)
        return f"hvc1.{space}{self.general[0] & 31}.{flags:X}.{tier}{self.level}{rest}"


def picture(codec: str, sps: bytes) -> Picture:
    """Read a sequence parameter set. ValueError when it is broken or the size is absurd."""
    found = _h264(sps) if codec == H264 else _h265(sps)
    if not (16 <= found.width <= 16384 and 16 <= found.height <= 16384):
        raise ValueError("absurd picture size")
    return found


def _scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _index in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _h264(sps: bytes) -> Picture:
    if len(sps) < 5:
        raise ValueError("parameter set cut off")
    profile, constraints, level = sps[1], sps[2], sps[3]
    bits = _payload(sps, 4)
    bits.ue()
    chroma, luma_bits, chroma_bits = 1, 8, 8
    if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135):
        chroma = bits.ue()
        if chroma == 3:
            bits.take(1)
        luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
        bits.take(1)
        if bits.take(1):
            for index in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _scaling(bits, 16 if index < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.take(1)
        bits.se()
        bits.se()
        count = bits.ue()
        if count > 255:
            raise ValueError("broken parameter set")
        for _index in range(count):
            bits.se()
    bits.ue()
    bits.take(1)
    width = (bits.ue() + 1) * 16
    height = (bits.ue() + 1) * 16
    frames_only = bits.take(1)
    if not frames_only:
        height *= 2
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        across = 1 if chroma in (0, 3) else 2
        down = (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= across * (bits.ue() + bits.ue())
        height -= down * (bits.ue() + bits.ue())
    return Picture(H264, width, height, profile, constraints, level, chroma, luma_bits, chroma_bits)


def _h265(sps: bytes) -> Picture:
    bits = _payload(sps, 2)
    bits.take(4)
    sublayers = bits.take(3)
    nested = bool(bits.take(1))
    general = bytes(bits.take(8) for _index in range(12))
    present = [(bits.take(1), bits.take(1)) for _index in range(sublayers)]
    if sublayers:
        bits.take(2 * (8 - sublayers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.take(1)
    width, height = bits.ue(), bits.ue()
    if bits.take(1):
        across = 1 if chroma in (0, 3) else 2
        down = 2 if chroma == 1 else 1
        width -= across * (bits.ue() + bits.ue())
        height -= down * (bits.ue() + bits.ue())
    luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
    return Picture(
        H265, width, height, general[0] & 31, 0, general[11], chroma, luma_bits, chroma_bits, general,
        sublayers + 1, nested,
    )  # fmt: skip
