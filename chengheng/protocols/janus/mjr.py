"""Janus's recordings (.mjr): one track's RTP packets as they came, after a JSON header.

`MJR00002`, a 16-bit length, the header; then for each packet `MEET`, 32 bits of milliseconds since the first, a 16-bit
length, the packet. A recording that was cut off (the engine was killed) ends at its last whole packet.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chengheng.protocols.rtp.packet import RtpError, parse

MAGIC, MARK = b"MJR00002", b"MEET"


class NotRecording(ValueError):
    """Not a file of this format."""


@dataclass(frozen=True)
class Track:
    """One track: `kind` audio or video, its codec, the wall time of its first frame in UNIX seconds."""

    kind: str
    codec: str
    began_at: float
    header: dict[str, Any]
    packets: list[tuple[int, bytes]]


@dataclass(frozen=True)
class Piece:
    """A coded frame: 48 kHz (sound) or 90 kHz (picture) ticks since the track's first packet."""

    at: int
    data: bytes
    key: bool = True


def read(content: bytes) -> Track:
    """The track of a file's content. Raises NotRecording."""
    if content[:8] != MAGIC or len(content) < 10:
        raise NotRecording("not an .mjr of version 2")
    (length,) = struct.unpack_from(">H", content, 8)
    try:
        header = json.loads(content[10 : 10 + length])
        kind = {"v": "video", "a": "audio"}[header["t"]]
        codec, began = str(header["c"]), float(header.get("u") or header["s"]) / 1e6
    except (ValueError, KeyError, TypeError) as error:
        raise NotRecording("its header cannot be read") from error
    return Track(kind, codec, began, header, list(_packets(content, 10 + length)))


def _packets(content: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 10 <= len(content) and content[at : at + 4] == MARK:
        milliseconds, length = struct.unpack_from(">IH", content, at + 4)
        packet = content[at + 10 : at + 10 + length]
        if len(packet) < length:
            return
        yield milliseconds, packet
        at += 10 + length


def _ordered(track: Track) -> list[tuple[int, int, bool, bytes]]:
    """Packets by sequence number, each once, numbers and timestamps unrolled."""
    found: dict[int, tuple[int, int, bool, bytes]] = {}
    highest = latest = base = -1
    for _milliseconds, packet in track.packets:
        try:
            parsed = parse(packet)
        except RtpError:
            continue
        sequence, stamp, marker, payload = parsed.sequence, parsed.timestamp, parsed.marker, parsed.payload
        if not payload:
            continue
        if base < 0:
            highest, latest, base = sequence, stamp, stamp
        number = highest + (sequence - highest + 0x8000) % 0x10000 - 0x8000
        moment = latest + (stamp - latest + 0x80000000) % 0x100000000 - 0x80000000
        found.setdefault(number, (number, moment - base, marker, payload))
        if number > highest:
            highest, latest = number, moment
    return [found[number] for number in sorted(found)]


def opus(track: Track) -> list[Piece]:
    """The sound's frames: one a packet (RFC 7587)."""
    return [Piece(stamp, payload) for _number, stamp, _marker, payload in _ordered(track)]


def h264(track: Track) -> list[Piece]:
    """The picture's frames as Annex B (RFC 6184: single units, STAP-A, FU-A), from the first key frame on.

    A frame with a missing packet is left out, and with it all up to the next key frame.
    """
    out: list[Piece] = []
    units: list[bytes] = []
    part = bytearray()
    broken, waiting, last, stamp_now = False, True, None, 0

    def close() -> None:
        nonlocal units, broken, waiting
        key = any(unit[0] & 31 == 5 for unit in units if unit)
        if broken:
            waiting = True
        elif key:
            waiting = False
        if units and not broken and not waiting:
            out.append(Piece(stamp_now, b"".join(b"\0\0\0\1" + unit for unit in units), key))
        units, broken = [], False

    for number, stamp, marker, payload in _ordered(track):
        if stamp != stamp_now and units:
            close()
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
            close()
    close()
    return out
