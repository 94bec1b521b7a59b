"""A camera's place in a meeting: its picture goes into the room as a publisher that sends plain RTP to the engine.

Janus takes such a publisher on a port of its own on loopback; browsers receive it as they receive any venue. There is no
sound. A picture that ends is called up again, later each time; an engine that dies does not end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from chengheng.command.conference import actions, engine, queries
from chengheng.command.conference.live.janus import EngineLost, EngineRefused, Janus
from chengheng.command.conference.live.tape import Reel
from chengheng.common import pictures
from chengheng.common.live import in_thread
from chengheng.protocols.janus.descriptions import Offer
from chengheng.protocols.rtp.h264 import Sender as Packets

log = logging.getLogger("chengheng.conference")
LOOPBACK = "127.0.0.1"
SSRC = 1000
"""Of the first stream of a remote publisher: Janus tells its streams apart by 1000 + 10 × index."""
PERMISSION_SECONDS = 8.0
AGAIN_SECONDS = (1.0, 15.0)
_numbers = itertools.count(1)


class CameraLeg:
    """As `Sender` to those who receive it: `feed`, `epoch`, `up`, `offered`."""

    def __init__(
        self, janus: Janus, room: str, secret: str, pk: int, control: Callable[[], Awaitable[int]],
        changed: Callable[[], None], reel: Reel,
    ) -> None:  # fmt: skip
        self.janus, self.room, self.secret, self.pk = janus, room, secret, pk
        self.control, self.changed, self.reel = control, changed, reel
        self.number = next(_numbers)
        self.epoch = -1
        self.up = False
        self.offered = Offer(camera="0")
        self.sent = 0
        self._here = False
        """Whether the rows say that its picture is here."""
        self._task = asyncio.create_task(self._run())

    @property
    def feed(self) -> str:
        return f"{self.pk}.c{self.number}"

    async def _run(self) -> None:
        wait = AGAIN_SECONDS[0]
        while True:
            sent = self.sent
            try:
                found = await in_thread(queries.picture_of, self.pk)
                if found is None:  # removed, or whoever brought it may not watch it any more
                    return
                await self._shown(*found)
            except pictures.NoPicture as none:
                log.info("%s: no picture: %s", self.feed, none.code)
            except (EngineLost, EngineRefused, OSError) as error:
                log.info("%s: %s", self.feed, error)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("%s could not be shown", self.feed)
            wait = AGAIN_SECONDS[0] if self.sent > sent else min(wait * 2, AGAIN_SECONDS[1])
            await asyncio.sleep(wait)

    async def _shown(self, key: str, user_pk: int | None) -> None:
        """From the call-up until the picture or the right to it ends. An engine that dies meanwhile gets it again when it is
        back: the call-up stands, and so does the camera's place."""
        picture = await pictures.open(key, user_pk)
        again = False
        try:
            while True:
                if again or not self.janus.up:  # what comes now is seen by nobody
                    if not await picture.frames():
                        return
                    if not self.janus.up:
                        continue
                try:
                    await self._published(picture)
                    return
                except EngineLost as error:
                    log.info("%s: the engine is gone %s", self.feed, error)
                    again = True
        finally:
            await picture.close()
            if self._here:
                self._here = False
                with contextlib.suppress(Exception):
                    await in_thread(actions.show_camera, self.pk, False)

    async def _published(self, picture: pictures.Picture) -> None:
        """Send through one life of the engine. Raises EngineLost, EngineRefused."""
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        out.setblocking(False)
        try:
            control = await self.control()
            self.number, self.epoch = next(_numbers), self.janus.epoch
            answer = await self.janus.message(control, {
                "request": "add_remote_publisher", "room": self.room, "secret": self.secret, "id": self.feed,
                "admin_key": engine.secret("admin"), "iface": LOOPBACK,
                "streams": [{"type": "video", "mindex": 0, "mid": "0", "codec": "h264", "fmtp":
                             "profile-level-id=42e01f;packetization-mode=1"}],
            })  # fmt: skip
            out.connect((LOOPBACK, int(answer.data["port"])))
            await self._send(picture, out)
        finally:
            out.close()
            await self._hide()

    async def _send(self, picture: pictures.Picture, out: socket.socket) -> None:
        packets, asked, whole = Packets(SSRC), time.monotonic(), False
        while frames := await picture.frames():
            if self.epoch != self.janus.epoch:
                raise EngineLost
            if time.monotonic() - asked > PERMISSION_SECONDS:
                asked = time.monotonic()
                if await in_thread(queries.picture_of, self.pk) is None:
                    return
            for frame in frames:
                whole = whole or frame.key  # nobody can show a part of a picture
                if not whole:
                    continue
                for packet in packets.packets(frame.units, frame.time):
                    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                        out.send(packet)
                    self.reel.take(self.feed, 0, "h264", packet)
                self.sent += 1
            if whole and not self.up:
                self.up = True
                if not self._here:
                    self._here = True
                    await in_thread(actions.show_camera, self.pk, True)
                self.changed()

    async def _hide(self) -> None:
        """Out of the engine."""
        was, self.up = self.up, False
        await self.reel.finish(self.feed)
        if self.epoch == self.janus.epoch:
            body: dict[str, Any] = {"request": "remove_remote_publisher", "room": self.room, "secret": self.secret,
                                    "id": self.feed}  # fmt: skip
            with contextlib.suppress(EngineLost, EngineRefused):
                await self.janus.message(await self.control(), body)
        if was:
            self.changed()

    async def close(self) -> None:
        """Out of the room."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._task
