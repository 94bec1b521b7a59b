"""One RTP packet, and the framing of packets on a TCP connection (RFC 4571, Annex L)."""

from __future__ import annotations

import struct
from typing import NamedTuple

_FIXED = struct.Struct("!BBHII")


class RtpError(ValueError):
    """These bytes are no RTP."""


class Packet(NamedTuple):
    """Fixed header fields and the payload without extension and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet:
    """Read one packet. RtpError when version, lengths or padding are wrong; RTCP (types 200 to 204) is refused."""
    if len(data) < 12:
        raise RtpError("too short")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        raise RtpError("not version 2")
    if 200 <= second <= 207:
        raise RtpError("RTCP")
    start, end = 12, len(data)
    if first & 0x3F:
        start += (first & 0x0F) * 4
        if first & 0x10:
            if end < start + 4:
                raise RtpError("extension cut off")
            start += 4 + int.from_bytes(data[start + 2 : start + 4], "big") * 4
        if first & 0x20:
            end -= data[-1]
        if start > end:
            raise RtpError("lengths do not fit")
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[start:end])


def build(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    head = _FIXED.pack(0x80, payload_type | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return head + payload


def frame(packet: bytes) -> bytes:
    """A packet as it travels on TCP."""
    return len(packet).to_bytes(2, "big") + packet


class Splitter:
    """Cuts a TCP connection into packets. RtpError: what comes is no RTP, close the connection."""

    def __init__(self) -> None:
        self._rest = b""  # less than one packet

    def receive(self, data: bytes, now: float = 0.0) -> list[bytes]:
        buffer = self._rest + data if self._rest else data
        packets: list[bytes] = []
        position, size = 0, len(buffer)
        while size - position >= 2:
            length = buffer[position] << 8 | buffer[position + 1]
            start = position + 2
            if 0 < length < 12:
                raise RtpError("a frame too short for RTP")
            if length and size > start and buffer[start] >> 6 != 2:
                raise RtpError("not RTP on this connection")
            end = start + length
            if end > size:
                break
            if length:
                packets.append(buffer[start:end])
            position = end
        self._rest = buffer[position:] if position < size else b""
        return packets


class Packetizer:
    """Cuts frames into packets of at most `size` payload bytes, the marker on the last (for senders)."""

    def __init__(self, ssrc: int, payload_type: int = 96, size: int = 1400, sequence: int = 0) -> None:
        self.ssrc, self.payload_type, self.size, self.sequence = ssrc, payload_type, size, sequence

    def packets(self, data: bytes, timestamp: int, marker: bool = True) -> list[bytes]:
        out = []
        for start in range(0, len(data), self.size):
            last = start + self.size >= len(data)
            out.append(
                build(self.payload_type, last and marker, self.sequence, timestamp, self.ssrc,
                      data[start : start + self.size])
            )  # fmt: skip
            self.sequence = (self.sequence + 1) & 0xFFFF
        return out
