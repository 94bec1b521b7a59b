"""The last way for a browser that cannot show H.265: a few cameras at once are coded anew as H.264, counted.

One process of its own for each, so that the live process only passes bytes; shared by all viewers of that stream, ended
a little after the last. How many may run is a dated set (`TranscodeLimit`); whoever comes beyond it is refused in words.
What it cost is measured in the process itself and kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from chengheng.common.live import in_thread
from chengheng.protocols.mpegps.demux import Unit
from chengheng.video import queries, rules
from chengheng.video.live import store
from chengheng.video.live.platform import CallStopped, LiveCall
from chengheng.video.live.sound import Heard
from chengheng.video.live.source import Source, Viewer
from chengheng.video.live.transcode_child import IN, OUT

if TYPE_CHECKING:
    from chengheng.video.live.platform import Platform

log = logging.getLogger("chengheng.video.transcoding")
LARGEST = 16 * 1024 * 1024
FIRST_SECONDS = 15.0
KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "LANG")  # the site's secrets stay here


class Transcoder:
    """One stream coded anew. `source` is what viewers watch instead of the call's own."""

    def __init__(self, call: LiveCall, pk: int) -> None:
        self.call, self.pk = call, pk
        self.source = Source()
        self.viewer = Viewer()
        self._heard = Heard(self.source.stream.muxer)
        self.cpu_seconds = 0.0
        self.frames = 0
        self.reason = ""
        self.idle_since = time.monotonic()
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Until the stream ends, nobody watches, or the process fails."""
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chengheng.video.live.transcode_child", str(rules.TRANSCODE_HEIGHT),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self.call.source.attach(self.viewer)
        self.call.source.hearing.add(self._hear)
        tasks = {
            asyncio.ensure_future(self._feed(process.stdin)),
            asyncio.ensure_future(self._take(process.stdout)),
            asyncio.ensure_future(self._idle()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.call.source.detach(self.viewer)
            self.call.source.hearing.discard(self._hear)
            self.reason = self.reason or self.viewer.ended or "transcode_failed"
            self.source.end(self.reason)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _feed(self, sink: asyncio.StreamWriter) -> None:
        """Pass pictures on; a process that cannot keep up makes the viewer's queue skip to the next key frame."""
        from chengheng.video.live.webrtc import annex_b  # aiortc is heavy: only when a picture is sent

        muxer = self.call.source.stream.muxer
        while True:
            segments = await self.viewer.next()
            if not segments:
                return
            for segment in segments:
                if segment.mime or not segment.video:
                    continue
                if segment.codec != "h265":
                    self.reason = "transcode_over"
                    return
                data = annex_b(segment)
                if segment.key:
                    data = muxer.parameter_sets() + data
                sink.write(IN.pack(len(data), segment.time, segment.key) + data)
                await sink.drain()

    async def _take(self, stream: asyncio.StreamReader) -> None:
        try:
            while True:
                size, at, _key, spent = OUT.unpack(await stream.readexactly(OUT.size))
                if size > LARGEST:
                    return
                data = await stream.readexactly(size)
                self.cpu_seconds, self.frames = spent, self.frames + 1
                self.source.segments(self.source.stream.muxer.receive(Unit("video", "h264", at, at, data, False)))
        except asyncio.IncompleteReadError:
            return

    def _hear(self, units: list[Unit]) -> None:
        """The sound beside the new pictures: their time stamps are the times of the call's own line."""
        if not self.source.viewers:
            return
        line, muxer = self.call.source.stream.muxer, self.source.stream.muxer
        for unit in units:
            placed = unit._replace(pts=line.time_of(unit.pts))
            self.source.segments(muxer.receive(placed) if unit.codec == "aac" else self._heard([placed]))

    async def _idle(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            if self.source.viewers:
                self.idle_since = now
            elif now - self.idle_since > rules.TRANSCODE_IDLE_SECONDS:
                self.reason = "idle"
                return


class Transcoding:
    """All that run. `source_for` joins one or begins one; CallStopped says that the limit is reached."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.running: dict[str, Transcoder] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._door = asyncio.Lock()

    async def source_for(self, call: LiveCall) -> Transcoder:
        """The transcoded stream of a call, with its first key frame."""
        async with self._door:
            found = self.running.get(call.id)
            if found is None:
                most = await in_thread(queries.transcode_limit)
                refused = len(self.running) >= most
                pk = await in_thread(store.begin_transcode, call.channel_pk, "transcode_full" if refused else "")
                if refused:
                    raise CallStopped("transcode_full", f"{len(self.running)}/{most}")
                found = self.running[call.id] = Transcoder(call, pk)
                task = self._tasks[call.id] = asyncio.ensure_future(self._run(found))
                self.platform.later(task)
        found.idle_since = time.monotonic() + FIRST_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                while not found.source.key_wanted.is_set() and not found.source.ended:
                    await asyncio.sleep(0.05)
        found.idle_since = time.monotonic()
        if found.source.ended or not found.source.key_wanted.is_set():
            raise CallStopped(found.source.ended or "transcode_failed")
        return found

    async def _run(self, item: Transcoder) -> None:
        try:
            await item.run()
        finally:
            self.running.pop(item.call.id, None)
            self._tasks.pop(item.call.id, None)
            reason = item.reason or "transcode_failed"
            await in_thread(store.end_transcode, item.pk, item.frames, item.cpu_seconds, reason)

    async def stop(self) -> None:
        for item in list(self.running.values()):
            item.reason = "shutdown"
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
