"""Janus's recordings (.mjr): one track's RTP packets as they came, after a JSON header.

`MJR00002`, a 16-bit length, the header; then for each packet `MEET`, 32 bits of milliseconds since the first, a 16-bit
length, the packet. A recording that was cut off (the engine was killed) ends at its last whole packet. `Writer` makes the
same of packets that Janus does not record: those of its remote publishers.

Nothing of a track is kept but the packets of one window: `content` may be a memory-mapped file of many hours.
"""

from __future__ import annotations

import heapq
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from chengheng.protocols.rtp.packet import RtpError, parse

MAGIC, MARK = b"MJR00002", b"MEET"
CLOCKS = {"opus": 48_000, "pcma": 8_000, "pcmu": 8_000, "h264": 90_000}
"""Ticks of a second in the timestamps of each codec (RFC 7587, RFC 3551, RFC 6184)."""
LEAP_SECONDS = 2.0
"""Timestamps that run ahead of the packets' coming by more, or back, were set anew: time goes on as the packets came."""
WINDOW = 512
"""Packets among which the order is mended: what a repeat brings later than that is left out (some seconds of a picture)."""


class NotRecording(ValueError):
    """Not a file of this format."""


@dataclass(frozen=True)
class Track:
    """One track: `kind` audio or video, its codec, the wall time of its first frame in UNIX seconds."""

    kind: str
    codec: str
    began_at: float
    header: dict[str, Any]
    content: bytes | mmap
    start: int

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Milliseconds since the first packet, and the packet, in the order of their coming."""
        return _packets(self.content, self.start)

    def seconds(self) -> float:
        """How long it lasts: the coming of the last whole packet."""
        last, at, size = 0, self.start, len(self.content)
        while at + 10 <= size and self.content[at : at + 4] == MARK:
            milliseconds, length = struct.unpack_from(">IH", self.content, at + 4)
            at += 10 + length
            if at <= size:
                last = max(last, milliseconds)
        return last / 1000


@dataclass(frozen=True)
class Piece:
    """A coded frame: ticks of its codec's clock (`CLOCKS`) since the track's first packet."""

    at: int
    data: bytes
    key: bool = True


class Writer:
    """Makes a recording: `head` once, then `packet` for each. Times are UNIX seconds."""

    def __init__(self, codec: str, began_at: float) -> None:
        self.codec, self.began_at = codec, began_at

    def head(self) -> bytes:
        stamp = int(self.began_at * 1e6)
        kind = "v" if self.codec == "h264" else "a"
        header = json.dumps({"t": kind, "c": self.codec, "s": stamp, "u": stamp}).encode()
        return MAGIC + struct.pack(">H", len(header)) + header

    def packet(self, packet: bytes, at: float) -> bytes:
        since = max(0, round((at - self.began_at) * 1000))
        return MARK + struct.pack(">IH", since & 0xFFFFFFFF, len(packet)) + packet


def read(content: bytes | mmap) -> Track:
    """The track of a file's content, which must stay open while it is used. Raises NotRecording."""
    if content[:8] != MAGIC or len(content) < 10:
        raise NotRecording("not an .mjr of version 2")
    (length,) = struct.unpack_from(">H", content, 8)
    try:
        header = json.loads(content[10 : 10 + length])
        kind = {"v": "video", "a": "audio"}[header["t"]]
        codec, began = str(header["c"]), float(header.get("u") or header["s"]) / 1e6
    except (ValueError, KeyError, TypeError) as error:
        raise NotRecording("its header cannot be read") from error
    return Track(kind, codec, began, header, content, 10 + length)


def _packets(content: bytes | mmap, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 10 <= len(content) and content[at : at + 4] == MARK:
        milliseconds, length = struct.unpack_from(">IH", content, at + 4)
        packet = content[at + 10 : at + 10 + length]
        if len(packet) < length:
            return
        yield milliseconds, packet
        at += 10 + length


def _ordered(track: Track) -> Iterator[tuple[int, int, bool, bytes]]:
    """Packets by sequence number, each once, numbers and timestamps unrolled."""
    waiting: list[tuple[int, int, bool, bytes]] = []
    known: set[int] = set()
    highest = latest = base = done = -1
    clock, latest_came = CLOCKS.get(track.codec, 90_000), 0
    for came, packet in track.packets():
        try:
            parsed = parse(packet)
        except RtpError:
            continue
        sequence, stamp, marker, payload = parsed.sequence, parsed.timestamp, parsed.marker, parsed.payload
        if not payload:
            continue
        if base < 0:
            highest, latest, base = sequence, stamp, stamp
            done = sequence - WINDOW
        number = highest + (sequence - highest + 0x8000) % 0x10000 - 0x8000
        moment = latest + (stamp - latest + 0x80000000) % 0x100000000 - 0x80000000
        if number > highest:
            passed = (came - latest_came) * clock // 1000
            if not -clock * LEAP_SECONDS <= moment - latest <= passed + clock * LEAP_SECONDS:
                base += moment - latest - passed
            highest, latest, latest_came = number, moment, came
        if number in known or number <= done:
            continue
        known.add(number)
        heapq.heappush(waiting, (number, moment - base, marker, bytes(payload)))
        if len(waiting) > WINDOW:
            out = heapq.heappop(waiting)
            done = out[0]
            known.discard(done)
            yield out
    while waiting:
        yield heapq.heappop(waiting)


def sound(track: Track) -> Iterator[Piece]:
    """The sound's frames: one a packet (Opus: RFC 7587, G.711: RFC 3551)."""
    for _number, stamp, _marker, payload in _ordered(track):
        yield Piece(stamp, payload)


def h264(track: Track) -> Iterator[Piece]:
    """The picture's frames as Annex B (RFC 6184: single units, STAP-A, FU-A), from the first key frame on.

    A frame with a missing packet is left out, and with it all up to the next key frame.
    """
    units: list[bytes] = []
    part = bytearray()
    broken, waiting, last, stamp_now = False, True, None, 0

    def close() -> Iterator[Piece]:
        nonlocal units, broken, waiting
        key = any(unit[0] & 31 == 5 for unit in units if unit)
        if broken:
            waiting = True
        elif key:
            waiting = False
        if units and not broken and not waiting:
            yield Piece(stamp_now, b"".join(b"\0\0\0\1" + unit for unit in units), key)
        units, broken = [], False

    for number, stamp, marker, payload in _ordered(track):
        if stamp != stamp_now and units:
            yield from close()
        stamp_now = stamp
        if last is not None and number != last + 1:
            broken, part = True, bytearray()
        last = number
        kind = payload[0] & 31
        if kind == 28 and len(payload) > 2:
            if payload[1] & 128:
                part = bytearray([(payload[0] & 0xE0) | (payload[1] & 31)])
            elif not part:
                broken = True
            part += payload[2:]
            if payload[1] & 64 and part:
                units.append(bytes(part))
                part = bytearray()
        elif kind == 24:
            at = 1
            while at + 2 <= len(payload):
                (size,) = struct.unpack_from(">H", payload, at)
                if unit := payload[at + 2 : at + 2 + size]:
                    units.append(unit)
                at += 2 + size
        elif 1 <= kind <= 23:
            units.append(payload)
        if marker:
            yield from close()
    yield from close()
