"""H.264 in RTP (RFC 6184), for senders: single NAL unit packets, and FU-A for what is too large for one."""

from __future__ import annotations

from collections.abc import Iterator

from chengheng.protocols.rtp.packet import build

_FU_A = 28


def payloads(unit: bytes, size: int = 1200) -> Iterator[bytes]:
    """The payloads of one NAL unit (without start code), each of at most `size` bytes (5.6, 5.8)."""
    if len(unit) <= size:
        if unit:
            yield unit
        return
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    most = size - 2
    for at in range(1, len(unit), most):
        edge = (0x80 if at == 1 else 0) | (0x40 if at + most >= len(unit) else 0)
        yield bytes((indicator, edge | kind)) + unit[at : at + most]


class Sender:
    """Cuts access units into packets of one stream; the marker stands on the last packet of each (5.1)."""

    def __init__(self, ssrc: int, payload_type: int = 96, size: int = 1200, sequence: int = 0) -> None:
        self.ssrc, self.payload_type, self.size, self.sequence = ssrc, payload_type, size, sequence

    def packets(self, units: list[bytes], timestamp: int) -> list[bytes]:
        """The packets of one access unit, given as NAL units without start codes."""
        cut = [payload for unit in units for payload in payloads(unit, self.size)]
        out = []
        for at, payload in enumerate(cut, 1):
            out.append(build(self.payload_type, at == len(cut), self.sequence, timestamp, self.ssrc, payload))
            self.sequence = (self.sequence + 1) & 0xFFFF
        return out
