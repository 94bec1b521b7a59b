"""Recording a stream to a file as it passes: fragments rebased to begin at zero, ended when the format changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from chengheng.protocols.fmp4.boxes import TIMESCALE
from chengheng.protocols.fmp4.muxer import Segment

_TIME = 60  # where the decode time stands in our own fragments


class Recorder:
    """A listener of a `Source`. `ended(reason)` is called once; `path` then holds a complete fMP4, or nothing."""

    def __init__(
        self, path: Path, ended: Callable[[str], None], most_bytes: int = 900 * 1024 * 1024, seconds: float = 0
    ) -> None:
        self.path = path
        self._file: BinaryIO = path.open("xb")
        self._ended = ended
        self._most = most_bytes
        self._seconds = seconds
        self._base: int | None = None
        self._head: bytes | None = None
        self.size = 0
        self.frames = 0
        self.seconds = 0.0
        self.closed = False

    def begin(self, initialisation: Segment | None, cache: list[Segment]) -> None:
        """Take what is there already: the initialisation and everything since the last key frame."""
        if initialisation is not None:
            self(initialisation)
        for segment in cache:
            self(segment)

    def __call__(self, segment: Segment) -> None:
        if self.closed:
            return
        if segment.mime:
            if self._head is None:
                self._head = segment.data
                self._write(segment.data)
            elif segment.data != self._head:
                self.close("format_changed")
            return
        if not segment.video:
            return  # recordings are without sound
        if self._head is None or (self._base is None and not (segment.video and segment.key)):
            return
        if self._base is None:
            self._base = segment.time
        self._write(self._rebased(segment))
        if segment.video:
            self.frames += 1
            self.seconds = (segment.time - self._base) / TIMESCALE
        if self.size > self._most:
            self.close("full")
        elif self._seconds and self.seconds >= self._seconds:
            self.close("done")

    def _rebased(self, segment: Segment) -> bytes:
        data = segment.data
        assert self._base is not None
        time = int.from_bytes(data[_TIME : _TIME + 8], "big") - self._base
        return data[:_TIME] + max(0, time).to_bytes(8, "big") + data[_TIME + 8 :]

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)

    def close(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        self._file.close()
        self._ended(reason)
