"""The sound of a meeting mixed for its terminals, which take one stream only: a room of Janus' audio bridge.

What venues say in their browsers goes there inside the engine; a terminal's own sound is put in by its call. Nobody hears
themselves. Browsers do not use the mix: they get every open microphone as it is.
"""

from __future__ import annotations

import contextlib
from typing import Any

from chengheng.command.conference import engine
from chengheng.command.conference.live.janus import EngineLost, EngineRefused, Janus
from chengheng.command.conference.live.line import LOOPBACK


class Mixer:
    """Lives as long as the engine's session in which it was made (`epoch`)."""

    def __init__(self, janus: Janus, room: str, secret: str, control: int) -> None:
        self.janus, self.room, self.secret, self.control = janus, room, secret, control
        self.epoch = janus.epoch
        self.name = f"{room}-mix"
        self.handle = 0
        self._heard: dict[tuple[str, str], tuple[int, str]] = {}
        """(feed, mid) → handle in the mix, the forwarder's number."""

    async def open(self) -> None:
        """Make the room. Raises EngineLost, EngineRefused."""
        self.handle = await self.janus.attach(f"{self.name}/control", lambda _told: None, "audiobridge")
        body = {
            "request": "create", "room": self.name, "secret": self.secret, "admin_key": engine.secret("admin"),
            "is_private": True, "sampling_rate": 48000, "default_prebuffering": 3, "allow_rtp_participants": True,
        }  # fmt: skip
        try:
            await self.janus.message(self.handle, body)
        except EngineRefused as error:
            if error.code != 486:  # it is there already: only the gateway had died; who was in it is gone
                raise
            await self.janus.message(self.handle, {"request": "destroy", "room": self.name, "secret": self.secret})
            await self.janus.message(self.handle, body)

    async def join(self, codec: str, payload_type: int, port: int | None) -> tuple[int, int]:
        """Put somebody in, who hears the others at `port` (None: hears nothing). Handle, and the port to send to."""
        handle = await self.janus.attach(self.name, lambda _told: None, "audiobridge")
        rtp: dict[str, Any] = {"payload_type": payload_type}
        if port is not None:
            rtp |= {"ip": LOOPBACK, "port": port}
        try:
            answer = await self.janus.message(
                handle, {"request": "join", "room": self.name, "codec": codec, "rtp": rtp, "muted": False}
            )
        except EngineRefused:
            await self.janus.detach(handle)
            raise
        return handle, int(answer.data["rtp"]["port"])

    async def hear(self, wanted: set[tuple[str, str]]) -> None:
        """Exactly these voices of browsers, as (feed, mid), are in the mix."""
        for key in [key for key in self._heard if key not in wanted]:
            handle, forwarder = self._heard.pop(key)
            with contextlib.suppress(EngineRefused):  # it ended with its feed
                await self.janus.message(self.control, {
                    "request": "stop_rtp_forward", "room": self.room, "secret": self.secret, "publisher_id": key[0],
                    "stream_id": int(forwarder), "admin_key": engine.secret("admin"),
                })  # fmt: skip
            await self.janus.detach(handle)
        for feed, mid in wanted - set(self._heard):
            handle, port = await self.join("opus", 111, None)
            try:
                number = await forward(self, feed, mid, port, 111)
            except EngineRefused:
                await self.janus.detach(handle)
                raise
            self._heard[feed, mid] = (handle, str(number))

    async def close(self) -> None:
        """The room ends, and with it everybody's part in it."""
        if self.epoch != self.janus.epoch:
            return
        with contextlib.suppress(EngineLost, EngineRefused):
            await self.hear(set())
            await self.janus.message(self.handle, {"request": "destroy", "room": self.name, "secret": self.secret})
            await self.janus.detach(self.handle)


async def forward(mixer: Mixer, feed: str, mid: str, port: int, payload_type: int, **more: Any) -> int:
    """Have the engine send a feed's stream to a port of this machine; the forwarder's number."""
    answer = await mixer.janus.message(mixer.control, {
        "request": "rtp_forward", "room": mixer.room, "secret": mixer.secret, "publisher_id": feed, "host": LOOPBACK,
        "admin_key": engine.secret("admin"), "streams": [{"mid": mid, "port": port, "pt": payload_type, **more}],
    })  # fmt: skip
    return int(answer.data["forwarders"][0]["stream_id"])
