"""The tracks of a recording that the engine does not write: cameras and terminals, which it takes as remote publishers.

Their packets pass through the gateway, which keeps them in Janus' own format beside the engine's files. What must not go
in: when a meeting is recorded (the rows say), and what becomes of the files (`recording`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import BinaryIO

from chengheng.command.conference.live.legs import later
from chengheng.protocols.janus.mjr import Writer

log = logging.getLogger("chengheng.conference")
PART = 64 * 1024
PART_SECONDS = 1.0
"""So much is kept back before it is written: what a killed gateway loses of a recording."""


class Tape:
    """One track. Written in a thread, in the order of coming; a disk that refuses ends this track and nothing else."""

    def __init__(self, path: Path, codec: str) -> None:
        self.path, self.codec = path, codec
        self._part = path.with_name(path.name + ".part")
        self._writer: Writer | None = None
        self._file: BinaryIO | None = None
        self._kept = bytearray()
        self._flushed = time.monotonic()
        self._writing = asyncio.Lock()
        self._failed = False

    def add(self, packet: bytes) -> None:
        if self._failed:
            return
        at = time.time()
        if self._writer is None:
            self._writer = Writer(self.codec, at)
            self._kept += self._writer.head()
        self._kept += self._writer.packet(packet, at)
        if len(self._kept) >= PART or time.monotonic() - self._flushed >= PART_SECONDS:
            self._flushed = time.monotonic()
            later(self._write())

    async def _write(self) -> None:
        async with self._writing:
            kept, self._kept = self._kept, bytearray()
            if not kept or self._failed:
                return
            try:
                await asyncio.to_thread(self._append, kept)
            except OSError as error:
                self._failed = True
                log.error("the recording %s cannot be written: %s", self.path.name, error)

    def _append(self, data: bytearray) -> None:
        if self._file is None:
            self._file = self._part.open("ab", buffering=0)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    async def close(self) -> None:
        """Write what is kept back; the file gets its whole name."""
        await self._write()
        file, self._file = self._file, None
        if file is not None:
            await asyncio.to_thread(self._finish, file)

    def _finish(self, file: BinaryIO) -> None:
        try:
            file.close()
            self._part.rename(self.path)
        except OSError as error:
            log.error("the recording %s cannot be finished: %s", self.path.name, error)


class Reel:
    """What a meeting records now: tapes in `folder` (None: it is not recorded), one for each track of each feed."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.folder: Path | None = None
        self._tapes: dict[tuple[str, int], Tape] = {}

    def take(self, feed: str, index: int, codec: str, packet: bytes) -> None:
        """A packet of a feed's track; `index` as the engine numbers its sections."""
        if self.folder is None:
            return
        tape = self._tapes.get((feed, index))
        if tape is None:
            kind = "video" if codec == "h264" else "audio"
            name = f"meeting-{self.room}-user-{feed}-{time.time_ns() // 1000}-{kind}-{index}.mjr"
            tape = self._tapes[feed, index] = Tape(self.folder / name, codec)
        tape.add(packet)

    async def finish(self, feed: str) -> None:
        """A feed is over: its tracks are whole."""
        for key in [key for key in self._tapes if key[0] == feed]:
            await self._tapes.pop(key).close()

    async def turn(self, folder: Path | None) -> None:
        """Record into this folder from now on, or no more. It exists already."""
        if folder == self.folder:
            return
        self.folder = folder
        tapes, self._tapes = self._tapes, {}
        for tape in tapes.values():
            await tape.close()
