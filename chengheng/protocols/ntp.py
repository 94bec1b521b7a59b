"""NTP client requests and answers (RFC 5905 §7.3, §8; as a client of RFC 4330 does), sans-I/O.

Times are seconds since 1970 as float; the caller's clock comes in as an argument.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SINCE_1900 = 2_208_988_800
ERA = 1 << 32
SIZE = 48
_LAYOUT = struct.Struct("!BBbbII4sIIIIIIII")


class NtpError(ValueError):
    """These bytes are no answer to this question."""


@dataclass(frozen=True)
class Answer:
    """What a server said. `offset_s`: its clock less ours; `delay_s`: time on the way, both ways."""

    stratum: int
    leap: int
    reference: str
    offset_s: float
    delay_s: float
    dispersion_s: float

    @property
    def fault(self) -> str:
        """Why a client must not follow this server; "" when it may."""
        if self.stratum == 0:
            return f"refused: {self.reference}"
        if self.leap == 3:
            return "its clock is not synchronised"
        return f"stratum {self.stratum}" if self.stratum > 15 else ""


def _stamp(at: float) -> tuple[int, int]:
    whole = int(at // 1)
    return (whole + SINCE_1900) % ERA, min(int((at - whole) * ERA), ERA - 1)


def _seconds(whole: int, part: int, near: float) -> float:
    """Since 1970, in the era that lies nearest to `near` (RFC 5905 §6: eras of 136 years)."""
    at = whole - SINCE_1900 + part / ERA
    return at + round((near - at) / ERA) * ERA


def request(sent_at: float) -> bytes:
    """A client's question (mode 3, version 4) that carries `sent_at`."""
    seconds, part = _stamp(sent_at)
    return _LAYOUT.pack(0b00_100_011, 0, 0, 0, 0, 0, b"", 0, 0, 0, 0, 0, 0, seconds, part)


def read(data: bytes, sent_at: float, received_at: float) -> Answer:
    """The answer to the question sent at `sent_at`. NtpError when it is none, or belongs to another question."""
    if len(data) < SIZE:
        raise NtpError("too short")
    (first, stratum, _poll, _precision, _delay, dispersion, reference, _rs, _rf, origin, origin_part, came, came_part,
     went, went_part) = _LAYOUT.unpack(data[:SIZE])  # fmt: skip
    if first & 7 != 4 or not 1 <= first >> 3 & 7 <= 4:
        raise NtpError("not a server's answer")
    if (origin, origin_part) != _stamp(sent_at):
        raise NtpError("an answer to another question")
    name = reference.rstrip(b"\0").decode("ascii", "replace") if stratum < 2 else ".".join(str(b) for b in reference)
    if stratum == 0:
        return Answer(0, first >> 6, name, 0.0, 0.0, 0.0)
    if not went:
        raise NtpError("no time in it")
    server_in, server_out = _seconds(came, came_part, received_at), _seconds(went, went_part, received_at)
    offset = ((server_in - sent_at) + (server_out - received_at)) / 2
    delay = max((received_at - sent_at) - (server_out - server_in), 0.0)
    return Answer(stratum, first >> 6, name, offset, delay, dispersion / 65536)
