"""From packets of one sender to pieces in order: reordering, loss, sender changes.

A piece is the payload of all packets with one time stamp (2022: one stamp per frame). It is given out at the marker
bit, or, where markers are missing or on every packet (facts §2 quirk 10), when the stamp changes. After a loss the
next piece says so; the reader then shows the last whole picture until a key frame comes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_FIXED = struct.Struct("!BBHII")
_UNPACK = _FIXED.unpack_from
WINDOW = 64
HOLD_SECONDS = 0.12


class Piece(NamedTuple):
    """Bytes of one time stamp. `lost`: something before it is missing; `torn`: something inside it, or its end."""

    timestamp: int
    payload_type: int
    data: bytes
    lost: bool
    ended: bool  # by a trusted marker: nothing more of this time stamp will come
    torn: bool = False


_NOTHING: list[Piece] = []  # shared: callers only read what they are given


class Receiver:
    """One stream; `bytes` counts what was given out. `window` packets or `hold` seconds are waited for a missing one; TCP needs neither (window 0)."""

    __slots__ = (
        "_chunks", "_gap_since", "_hold", "_last_ended", "_lost", "_marker_bad", "_next", "_pending", "_quick", "_stamp",
        "_strange", "_torn", "_type", "_window", "bytes", "duplicates", "first_at", "last_at", "missing", "packets",
        "reordered", "ssrc", "ssrc_changes",
    )  # fmt: skip

    def __init__(self, window: int = WINDOW, hold: float = HOLD_SECONDS) -> None:
        self._window, self._hold = window, hold
        self._pending: dict[int, bytes] = {}
        self._gap_since = 0.0
        self._next = -1
        self._stamp = -1
        self._type = 0
        self._chunks: list[bytes] = []
        self._lost = False
        self._torn = False
        self._marker_bad = False
        self._last_ended = -1
        self._strange = 0
        self._quick = 0  # usual packets since the last frame
        self.ssrc: int | None = None
        self.ssrc_changes = 0
        self.packets = self.bytes = self.missing = self.reordered = self.duplicates = 0
        self.first_at: float | None = None
        self.last_at = 0.0

    def usual(self, data: bytes) -> bool:
        """Take the usual packet: in order, in the middle of a frame, nothing held back. False: it must go to `receive`.

        Nine of ten packets; they are counted when their frame is given out, and need no clock.
        """
        if len(data) < 12:
            return False
        first, second, sequence, stamp, ssrc = _UNPACK(data)
        if (
            sequence == self._next
            and stamp == self._stamp
            and first == 0x80
            and second < 0x80
            and ssrc == self.ssrc
            and self._chunks
            and not self._pending
        ):
            self._next = (sequence + 1) & 0xFFFF
            self._chunks.append(data[12:])
            self._quick += 1
            if self._strange:
                self._strange = 0
            return True
        return False

    def receive(self, data: bytes, now: float) -> list[Piece]:
        """One packet in, finished pieces out; bytes that are no RTP are dropped silently (counted by the owner)."""
        if self.usual(data):
            return _NOTHING
        if len(data) < 12:
            return []
        first, second, sequence, _stamp, ssrc = _UNPACK(data)
        if first >> 6 != 2 or 200 <= second <= 207:
            return []
        if ssrc != self.ssrc:
            if self.ssrc is None:
                self.ssrc = ssrc
                self.first_at = now
            else:
                # one foreign packet is not a restart; sixteen in a row are
                self._strange += 1
                if self._strange < 16:
                    return []
                self.ssrc = ssrc
                self.ssrc_changes += 1
                self._restart()
        self._strange = 0
        self.packets += 1
        self.last_at = now
        if self._next < 0:
            self._next = sequence
        ahead = (sequence - self._next) & 0xFFFF
        if ahead == 0:
            self._next = (sequence + 1) & 0xFFFF
            out: list[Piece] = []
            self._take(data, out)
            if self._pending:
                self._drain(out, now)
            return out
        if ahead >= 0x8000:
            if 0x10000 - ahead > 1000:  # far behind: the sender began anew
                self._restart()
                self._lost = True
                self._next = sequence
                return self.receive(data, now)
            self.duplicates += 1
            return []
        if sequence in self._pending:
            self.duplicates += 1
            return []
        if not self._pending:
            self._gap_since = now
        self._pending[sequence] = data
        self.reordered += 1
        if len(self._pending) > self._window or now - self._gap_since > self._hold or ahead > 3000:
            return self._give_up(now)
        return []

    def tick(self, now: float) -> list[Piece]:
        """Stop waiting for a packet that does not come."""
        if self._pending and now - self._gap_since > self._hold:
            return self._give_up(now)
        return []

    def _give_up(self, now: float) -> list[Piece]:
        out: list[Piece] = []
        while self._pending:
            first = min(self._pending, key=lambda sequence: (sequence - self._next) & 0xFFFF)
            self.missing += (first - self._next) & 0xFFFF
            if self._chunks:
                self._torn = True
            else:
                self._lost = True
            self._next = first
            self._drain(out, now)
            if len(self._pending) <= self._window // 2:
                break
        self._gap_since = now
        return out

    def _drain(self, out: list[Piece], now: float) -> None:
        while True:
            data = self._pending.pop(self._next, None)
            if data is None:
                self._gap_since = now
                return
            self._next = (self._next + 1) & 0xFFFF
            self._take(data, out)

    def _take(self, data: bytes, out: list[Piece]) -> None:
        first, second, _sequence, stamp, _ssrc = _FIXED.unpack_from(data)
        start, end = 12, len(data)
        if first & 0x3F:
            start += (first & 0x0F) * 4
            if first & 0x10:
                start += 4 + int.from_bytes(data[start + 2 : start + 4], "big") * 4
            if first & 0x20:
                end -= data[-1]
            if start > end:
                return
        if stamp != self._stamp:
            if self._chunks:
                torn = self._torn
                self._give(out, False)
                self._lost = self._lost or torn  # the hole may reach into this one
            self._stamp = stamp
        elif stamp == self._last_ended and not self._chunks:
            self._marker_bad = True  # more of a stamp that a marker had ended
        self._type = second & 0x7F
        self._chunks.append(data[start:end])
        if second > 0x7F and not self._marker_bad:
            self._last_ended = stamp
            self._give(out, True)

    def _give(self, out: list[Piece], ended: bool) -> None:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self.packets += self._quick
        self._quick = 0
        self.bytes += len(data) + 12 * len(chunks)
        out.append(Piece(self._stamp, self._type, data, self._lost, ended, self._torn))
        self._chunks = []
        self._lost = self._torn = False

    def _restart(self) -> None:
        self._pending.clear()
        self._chunks = []
        self._next = -1
        self._stamp = self._last_ended = -1
        self._lost, self._torn = True, False
