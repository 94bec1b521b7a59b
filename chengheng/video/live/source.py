"""One stream and everybody who watches it: fetched once, fanned out (Annex K), cached from the last key frame.

A viewer is attached in the same step in which the cache is read: no frame is missing and none comes twice (facts §4,
bug a). Each viewer has a byte-bounded queue; one that is too slow loses everything up to the next key frame.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from chengheng.protocols.fmp4.muxer import Segment
from chengheng.protocols.media import Stream
from chengheng.protocols.mpegps.demux import Unit

VIEWER_BYTES = 6 * 1024 * 1024
CACHE_BYTES = 24 * 1024 * 1024


class Viewer:
    """One watcher's queue. `await next()` gives what is there: a segment with `mime` is an initialisation."""

    def __init__(self, most_bytes: int = VIEWER_BYTES) -> None:
        self._queue: deque[Segment] = deque()
        self._bytes = 0
        self._most = most_bytes
        self._wake = asyncio.Event()
        self._skipping = False
        self.dropped = 0
        self.ended = ""

    def put(self, segment: Segment) -> None:
        if segment.mime:
            self._queue.append(segment)
        elif self._skipping and not (segment.video and segment.key):
            self.dropped += 1
            return
        else:
            self._skipping = False
            self._queue.append(segment)
        self._bytes += len(segment.data)
        if self._bytes > self._most:
            self._drop()
        self._wake.set()

    def _drop(self) -> None:
        kept = [segment for segment in self._queue if segment.mime]
        self.dropped += len(self._queue) - len(kept)
        self._queue = deque(kept[-1:])
        self._bytes = sum(len(segment.data) for segment in self._queue)
        self._skipping = True

    async def next(self) -> list[Segment]:
        """Everything that waits, in order; empty when the stream has ended."""
        while not self._queue:
            if self.ended:
                return []
            self._wake.clear()
            await self._wake.wait()
        found = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return found

    def wait_for_key(self, waiting: bool) -> None:
        """Whether pictures are passed over until the next key frame."""
        self._skipping = waiting

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._wake.set()


class Source:
    """A stream that comes in. `on_segment` of listeners (recorder, snapshots) is called in the loop's step."""

    def __init__(self, tcp: bool = True, speed: float = 1.0) -> None:
        self.stream = Stream(tcp=tcp, speed=speed)
        self._usual = self.stream.rtp.usual
        self.viewers: set[Viewer] = set()
        self.listeners: set[Callable[[Segment], None]] = set()
        self.packet_listeners: set[Callable[[bytes], None]] = set()
        self.hearing: set[Callable[[list[Unit]], None]] = set()  # who takes the sound as the sender coded it
        self.initialisation: Segment | None = None
        self.cache: list[Segment] = []
        self._cached = 0
        self.on_first_packet: Callable[[], None] = lambda: None
        self.on_first_key: Callable[[], None] = lambda: None
        self.sound: Callable[[list[Unit]], list[Segment]] | None = None
        self.key_wanted = asyncio.Event()
        self.last_key: bytes = b""
        self.last_frame_at = 0.0
        self.ended = ""
        self.peak = 0

    def packet(self, data: bytes) -> None:
        if self._usual(data):  # nine of ten, in the middle of a frame
            if self.packet_listeners:
                for relay in self.packet_listeners:
                    relay(data)
            return
        stream = self.stream
        now = time.monotonic()
        first = stream.rtp.first_at is None
        segments = stream.receive(data, now)
        if first and stream.rtp.first_at is not None:
            self.on_first_packet()
        if self.packet_listeners:
            for relay in self.packet_listeners:
                relay(data)
        if segments:
            self.segments(segments)
        if stream.audio:
            units, stream.audio = stream.audio, []
            for hear in tuple(self.hearing):
                hear(units)
            if self.viewers and self.sound is not None:
                self.segments(self.sound(units))

    def tick(self) -> None:
        """Called a few times a second: packets that are waited for in vain are given up."""
        segments = self.stream.tick(time.monotonic())
        if segments:
            self.segments(segments)

    def segments(self, segments: list[Segment]) -> None:
        for segment in segments:
            if segment.mime:
                self.initialisation = segment
                self.cache.clear()
                self._cached = 0
            elif segment.video and segment.key:
                self.cache.clear()
                self._cached = 0
                if not self.key_wanted.is_set():
                    self.key_wanted.set()
                    self.on_first_key()
            if not segment.mime and (self.cache or (segment.video and segment.key)):
                self.cache.append(segment)
                self._cached += len(segment.data)
                if self._cached > CACHE_BYTES:  # a group of pictures without end: newcomers wait for the next
                    self.cache.clear()
                    self._cached = 0
                self.last_frame_at = time.monotonic()
            for viewer in self.viewers:
                viewer.put(segment)
            for listener in tuple(self.listeners):
                listener(segment)

    def attach(self, viewer: Viewer) -> None:
        """Add a viewer and give it the initialisation and everything since the last key frame, in one step."""
        if self.ended:
            viewer.end(self.ended)
            return
        if self.initialisation is not None:
            viewer.put(self.initialisation)
        viewer.wait_for_key(not self.cache)
        for segment in self.cache:
            viewer.put(segment)
        self.viewers.add(viewer)
        self.peak = max(self.peak, len(self.viewers))

    def detach(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)

    def end(self, reason: str) -> None:
        self.ended = reason
        for viewer in list(self.viewers):
            viewer.end(reason)
        self.viewers.clear()
        for listener in tuple(self.listeners):
            close = getattr(listener, "close", None)
            if close:
                close(reason)
        self.listeners.clear()
        self.hearing.clear()
