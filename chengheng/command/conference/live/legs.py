"""What one browser sends (`Sender`) and receives (`Receiver`) through the engine: a handle each, no rights.

A receiver's changes go one at a time: the engine offers, the browser answers, only then comes the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from chengheng.command.conference.live.janus import EngineLost, EngineRefused, Janus
from chengheng.protocols.janus.descriptions import Offer, answer_only, offer
from chengheng.protocols.janus.messages import Told

log = logging.getLogger("chengheng.conference")
BROWSER_SECONDS = 10.0
Say = Callable[[dict[str, Any]], Awaitable[None]]


class Sender:
    """What a browser sends into a room. `up` when media may flow; `hushed` are the mids that the engine drops."""

    def __init__(self, janus: Janus, room: str, secret: str, feed: str, say: Say, changed: Callable[[], None]) -> None:
        self.janus, self.room, self.secret, self.feed = janus, room, secret, feed
        self.say, self.changed = say, changed
        self.epoch = janus.epoch
        self.handle = 0
        self.up = False
        self.offered = Offer()
        self.hushed: set[str] = set()
        self.on_talk: Callable[[str, bool], None] | None = None

    async def offer(self, sdp: str, hush: Callable[[Offer], set[str]]) -> str:
        """Take a browser's description; the engine's answer. What `hush` names is silent before anything flows.

        Raises NotAllowed, EngineLost, EngineRefused.
        """
        wanted = offer(sdp)
        jsep = {"type": "offer", "sdp": sdp}
        if not self.handle:
            self.handle = await self.janus.attach(self.feed, self._told)
            body = {"request": "joinandconfigure", "ptype": "publisher", "room": self.room, "id": self.feed}
        else:
            body = {"request": "configure"}
        answer = await self.janus.message(self.handle, body, jsep)
        if answer.jsep is None:
            raise EngineLost("no answer description")
        self.offered = wanted
        self.hushed = set()
        await self.hush(hush(wanted))
        return str(answer.jsep["sdp"])

    async def hush(self, mids: set[str]) -> None:
        """Have the engine drop exactly these."""
        for mid, mute in [(mid, True) for mid in mids - self.hushed] + [(mid, False) for mid in self.hushed - mids]:
            body = {"request": "moderate", "room": self.room, "secret": self.secret, "id": self.feed, "mid": mid,
                    "mute": mute}  # fmt: skip
            try:
                await self.janus.message(self.handle, body)
            except EngineRefused as error:
                log.warning("%s: moderate %s: %s", self.feed, mid, error)
                continue
            (self.hushed.add if mute else self.hushed.discard)(mid)

    async def trickle(self, candidate: dict[str, Any] | None) -> None:
        if self.handle:
            await self.janus.send(self.janus.client.trickle(self.handle, candidate))

    def _told(self, told: Told) -> None:
        if told.kind == "webrtcup" and not self.up:
            self.up = True
            self.changed()
        elif told.kind in ("hangup", "detached") and self.up:
            self.up = False
            self.changed()
        elif told.kind == "trickle":
            _later(self.say({"t": "trickle", "pc": "pub", "candidate": told.data}))
        elif told.kind == "event" and told.data.get("videoroom") in ("talking", "stopped-talking") and self.on_talk:
            self.on_talk(str(told.data.get("id", "")), told.data["videoroom"] == "talking")

    async def close(self) -> None:
        self.up = False
        if self.handle and self.janus.epoch == self.epoch:
            await self.janus.detach(self.handle)
        self.handle = 0


@dataclass(frozen=True)
class Wanted:
    """One stream to be received: of which feed, which of its mids, at which layer (2 the largest; -1: it has none)."""

    feed: str
    mid: str
    layer: int = -1


class Receiver:
    """What a browser receives. `show(wanted)` may be called at any time; the last one counts."""

    def __init__(self, janus: Janus, room: str, opaque: str, say: Say, name_of: Callable[[str, str], Any]) -> None:
        self.janus, self.room, self.opaque, self.say, self.name_of = janus, room, opaque, say, name_of
        self.epoch = janus.epoch
        self.handle = 0
        self.shown: dict[tuple[str, str], tuple[str, int]] = {}
        """(feed, mid) → our mid and layer, as the browser has them now."""
        self._wanted: list[Wanted] = []
        self._worker: asyncio.Task[None] | None = None
        self._again = False
        self._answer: asyncio.Future[str] | None = None
        self._closed = False

    def show(self, wanted: list[Wanted]) -> None:
        self._wanted = wanted
        self._again = True
        if (self._worker is None or self._worker.done()) and not self._closed:
            self._worker = asyncio.create_task(self._work())

    def answered(self, sdp: str) -> None:
        """The browser's answer to the last offer. Raises NotAllowed."""
        answer_only(sdp)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(sdp)

    async def trickle(self, candidate: dict[str, Any] | None) -> None:
        if self.handle:
            await self.janus.send(self.janus.client.trickle(self.handle, candidate))

    async def _work(self) -> None:
        tries = 0
        while self._again and not self._closed:
            self._again = False
            try:
                await self._step()
                tries = 0
            except EngineLost:
                if not self.janus.up or self.janus.epoch != self.epoch:
                    return
                # it is there and was too busy to answer in time: nobody knows what became of the request
                handle, self.handle, self.shown = self.handle, 0, {}
                if handle:
                    await self.janus.detach(handle)
                tries += 1
                if tries > 5:
                    return
                await asyncio.sleep(0.2 * tries)
                self._again = True
            except (EngineRefused, TimeoutError) as error:
                # a feed went away between wish and request, or the browser did not answer: look again, a few times
                log.info("%s: %s", self.opaque, error or "no answer")
                if isinstance(error, TimeoutError):  # what was offered was never agreed on: offer all of it anew
                    handle, self.handle, self.shown = self.handle, 0, {}
                    await self.janus.detach(handle)
                tries += 1
                if tries > 5:
                    return
                await asyncio.sleep(0.2 * tries)
                self._again = True

    async def _step(self) -> None:
        wanted = {(one.feed, one.mid): one for one in self._wanted}
        more = [one for key, one in wanted.items() if key not in self.shown]
        less = [mid for key, (mid, _layer) in self.shown.items() if key not in wanted]
        if more and not self.handle:
            self.handle = await self.janus.attach(self.opaque, self._told)
            body: dict[str, Any] = {
                "request": "join", "ptype": "subscriber", "room": self.room, "autoupdate": False,
                "streams": [_stream(one) for one in more],
            }  # fmt: skip
            fresh = True
        elif self.handle and (more or less):
            body, fresh = {"request": "update"}, False
            if more:
                body["subscribe"] = [_stream(one) for one in more]
            if less:
                body["unsubscribe"] = [{"sub_mid": mid} for mid in less]
        else:
            body, fresh = {}, False
        if body:
            try:
                answer = await self.janus.message(self.handle, body)
            except EngineRefused:
                if fresh:
                    await self.janus.detach(self.handle)
                    self.handle = 0
                elif less:  # what goes away must go, even when something else cannot come
                    self._read(await self.janus.message(
                        self.handle, {"request": "unsubscribe", "streams": [{"sub_mid": mid} for mid in less]}
                    ), wanted)  # fmt: skip
                raise
            self._read(answer, wanted)
            if answer.jsep is not None:
                await self._negotiate(answer.jsep, fresh)
        layers = [
            (key, mid, wanted[key].layer)
            for key, (mid, layer) in self.shown.items()
            if key in wanted and wanted[key].layer >= 0 and wanted[key].layer != layer
        ]
        if layers:
            await self.janus.message(
                self.handle,
                {"request": "configure", "streams": [{"mid": mid, "substream": layer} for _key, mid, layer in layers]},
            )
            for key, mid, layer in layers:
                self.shown[key] = (mid, layer)

    def _read(self, answer: Any, wanted: dict[tuple[str, str], Wanted]) -> None:
        """Learn from the engine which of our sections carries what."""
        streams = answer.data.get("streams")
        if not isinstance(streams, list):
            return
        before, self.shown = self.shown, {}
        for stream in streams:
            if stream.get("active") is False or "feed_id" not in stream:
                continue
            key = (str(stream["feed_id"]), str(stream.get("feed_mid", "")))
            layer = before[key][1] if key in before else wanted[key].layer if key in wanted else -1
            self.shown[key] = (str(stream["mid"]), layer)

    async def _negotiate(self, jsep: dict[str, Any], fresh: bool) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        tracks = [
            {"mid": mid, **named}
            for (feed, feed_mid), (mid, _layer) in self.shown.items()
            if (named := self.name_of(feed, feed_mid)) is not None
        ]
        await self.say({"t": "sub-offer", "sdp": jsep["sdp"], "tracks": tracks, "fresh": fresh})
        sdp = await asyncio.wait_for(self._answer, BROWSER_SECONDS)
        await self.janus.message(self.handle, {"request": "start"}, {"type": "answer", "sdp": sdp})

    def _told(self, told: Told) -> None:
        if told.kind == "trickle":
            _later(self.say({"t": "trickle", "pc": "sub", "candidate": told.data}))
        elif told.kind == "hangup" and not self._closed:
            _later(self._restart())

    async def _restart(self) -> None:
        """The connection broke (the browser's network changed): begin anew."""
        if self._worker is not None:
            self._worker.cancel()
        if self.handle and self.janus.epoch == self.epoch:
            await self.janus.detach(self.handle)
        self.handle, self.shown = 0, {}
        await asyncio.sleep(0.2)
        self.show(self._wanted)

    async def close(self) -> None:
        self._closed = True
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._worker
        if self.handle and self.janus.epoch == self.epoch:
            await self.janus.detach(self.handle)
        self.handle = 0


def _stream(one: Wanted) -> dict[str, Any]:
    stream: dict[str, Any] = {"feed": one.feed, "mid": one.mid}
    if one.layer >= 0:
        stream["substream"] = one.layer
    return stream


_tasks: set[asyncio.Task[Any]] = set()


def _later(work: Any) -> None:
    """Run something that nobody waits for."""
    task = asyncio.ensure_future(work)
    _tasks.add(task)
    task.add_done_callback(_done)


def _done(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, EngineLost):
        log.error("work that nobody waits for failed", exc_info=error)


later = _later
