"""The live port's routes of this room: viewers (`/video/play`, `/video/webrtc`) and orders from pages (`/video/order`).

A viewer brings a play token; that it may watch is asked again every few seconds, so that a sign-out or a lost
permission ends the picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import WSMsgType, web
from django.conf import settings

from chengheng.common import pictures as common_pictures
from chengheng.common.live import in_thread
from chengheng.common.sipnode import NoAnswer
from chengheng.protocols.gb28181 import ptz
from chengheng.video import rules, tokens, words
from chengheng.video.live import pictures, sound, store, work
from chengheng.video.live.captures import Captures
from chengheng.video.live.platform import CallStopped, Entry, LiveCall, Platform
from chengheng.video.live.platform import Settings as PlatformSettings
from chengheng.video.live.source import Source, Viewer
from chengheng.video.live.talk import Talk
from chengheng.video.live.transcoding import Transcoding
from chengheng.video.live.upstream import Upwards

log = logging.getLogger("chengheng.video")
PERMISSION_SECONDS = 8.0
SERVICE: web.AppKey[Service] = web.AppKey("video", object)  # type: ignore[arg-type]


class Watcher:
    """One open player."""

    def __init__(self, play: tokens.Play, socket: web.WebSocketResponse | None = None) -> None:
        self.play = play
        self.socket = socket
        self.call: LiveCall | None = None
        self.viewer: Viewer | None = None
        self.source: Source | None = None  # what is watched: the call's own stream, or one that was coded anew
        self.opened = time.monotonic()
        self.first_picture_ms: int | None = None
        self.watching_pk: int | None = None
        self.close_reason = ""
        self.moved = False

    @property
    def right(self) -> tuple[int, int, str]:
        return self.play.user, self.play.channel, self.play.session

    def cut(self, reason: str) -> None:
        self.close_reason = reason
        if self.viewer is not None:
            self.viewer.end(reason)


class Service:
    """The platform with its database, its viewers and its orders, for the life of the live process."""

    def __init__(self) -> None:
        first, _dash, last = settings.MEDIA_PORTS.partition("-")
        self.platform = Platform(
            PlatformSettings(
                settings.SIP_ID, settings.SIP_REALM, settings.SIP_HOST, settings.SIP_PORT, settings.MEDIA_HOST,
                int(first), int(last or first), key=tokens.order("key", {}).encode(),
            ),
            store.DatabaseStore(),
        )  # fmt: skip
        self.upwards = Upwards(self.platform, self._upstream_told)
        self.watchers: set[Watcher] = set()
        self.once_play = tokens.Once(tokens.PLAY_SECONDS)
        self.once_order = tokens.Once(tokens.ORDER_SECONDS)
        self.recordings: dict[int, work.Recording] = {}
        self.talking: dict[Talk, tuple[int, int, str]] = {}
        self.transcoding = Transcoding(self.platform)
        self.captures = Captures(self)
        self.platform.on_snapshots = self.captures.finished
        self.faults = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """aiohttp's clean-up context: sockets open before the first request, closed after the last."""
        try:
            await in_thread(store.close_stale)
            await self.platform.start()
            self._tasks = [asyncio.create_task(self._permissions()), asyncio.create_task(self._upstreams())]
            log.info("GB/T 28181 platform %s listens on %s:%s", settings.SIP_ID, settings.SIP_HOST, settings.SIP_PORT)
        except Exception as error:  # pages and other rooms' streams go on without cameras
            self.faults = f"{type(error).__name__}: {error}"
            log.exception("the video platform could not start")
        yield
        for watcher in list(self.watchers):
            watcher.cut("shutdown")
        for task in self._tasks:
            task.cancel()
        for recording in list(self.recordings.values()):
            recording.recorder.close("shutdown")
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self.captures.stop()
                await self.transcoding.stop()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self.upwards.stop()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(4):
                await self.platform.stop()

    async def _upstream_told(self, pk: int, registered: bool, fault: str) -> None:
        await in_thread(store.save_upstream, pk, registered, fault)

    async def _upstreams(self) -> None:
        """Take over platforms above as they are set up; also once a minute, for channels that came or went."""
        while True:
            try:
                await self.upwards.reload(await in_thread(store.load_upstreams))
            except Exception:
                log.exception("the platforms above could not be read")
            await asyncio.sleep(60)

    async def _permissions(self) -> None:
        while True:
            await asyncio.sleep(PERMISSION_SECONDS)
            rights = {watcher.right for watcher in self.watchers}
            speakers = set(self.talking.values())
            if not rights and not speakers:
                continue
            try:
                kept = await in_thread(store.still_permitted, rights)
                heard = await in_thread(store.still_permitted, speakers, "video.channel.talk")
            except Exception:
                log.exception("permissions could not be asked")
                continue
            for watcher in list(self.watchers):
                if watcher.right in rights and watcher.right not in kept:
                    watcher.cut("revoked")
            for made, right in list(self.talking.items()):
                if right in speakers and right not in heard:
                    await self.platform.talks.end(made, "revoked")

    async def entry(self, channel_pk: int) -> tuple[Entry, str]:
        """The device in memory and the channel's ID. CallStopped when it is not there."""
        found = await in_thread(store.channel_of, channel_pk)
        if found is None:
            raise CallStopped("offline")
        _pk, channel_id, device_pk = found
        entry = self.platform.by_pk.get(device_pk)
        if entry is None:
            await self.platform.reload()
            entry = self.platform.by_pk.get(device_pk)
        if entry is None:
            raise CallStopped("offline")
        return entry, channel_id

    # -- viewers -------------------------------------------------------------------------------------------------
    async def play(self, request: web.Request) -> web.StreamResponse:
        """WebSocket: JSON texts tell steps and formats, binaries are fMP4. See frontend/src/islands/video."""
        try:
            play = tokens.read_play(request.query.get("token", ""), self.once_play)
        except tokens.BadToken:
            return web.Response(status=403, text="this token is not valid (any more)")
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=64 * 1024, compress=False)
        await socket.prepare(request)
        watcher = Watcher(play, socket)
        self.watchers.add(watcher)
        reader: asyncio.Task[None] | None = None
        try:
            call = await self._call_for(watcher)
            watcher.call = call
            if call.source.sound is None:
                call.source.sound = sound.Heard(call.source.stream.muxer)
            way = "mse"
            if call.source.stream.muxer.codec == "h265" and request.query.get("h265") != "1":
                if request.query.get("convert") != "1":
                    await self._say(socket, {"type": "codec", "codec": "h265", "text": str(words.CODING["h265"])})
                    watcher.close_reason = "codec"
                    return socket
                await self._say(socket, {"type": "converting", "text": str(words.CODING["converting"])})
                item = await self.transcoding.source_for(call)
                watcher.source, way = item.source, "transcode"
                watcher.viewer = Viewer()
                item.source.attach(watcher.viewer)
                await self._say(socket, {"type": "converted", "text": str(words.CODING["converted"])})
            else:
                watcher.source, watcher.viewer = call.source, self.platform.viewer(call)
            watcher.watching_pk = await in_thread(store.open_watching, call.id, play.user, way)
            reader = asyncio.create_task(self._read(watcher))
            await self._feed(watcher)
        except CallStopped as stopped:
            what, look = words.reason(stopped.code)
            watcher.close_reason = stopped.code
            await self._say(
                socket,
                {"type": "stopped", "code": stopped.code, "what": what, "look": look, "detail": stopped.detail},
            )
        except (ConnectionResetError, ConnectionError, asyncio.CancelledError):
            watcher.close_reason = watcher.close_reason or "left"
        finally:
            if reader is not None:
                reader.cancel()
            await self._leave(watcher)
            with contextlib.suppress(Exception):
                await socket.close()
        return socket

    async def webrtc(self, request: web.Request) -> web.Response:
        """POST {"token", "sdp"}: the low-latency mode for H.264; the answer is {"sdp"}."""
        from chengheng.video.live import webrtc

        try:
            told = await request.json()
            play = tokens.read_play(str(told["token"]), self.once_play)
            offer = str(told["sdp"])
        except (tokens.BadToken, ValueError, KeyError, TypeError):
            return web.json_response({"code": "bad_token"}, status=403)
        watcher = Watcher(play)
        try:
            call = watcher.call = await self._call_for(watcher)
            if call.source.stream.muxer.codec != "h264":
                raise CallStopped("bad_codec", call.source.stream.muxer.codec)
            viewer = watcher.viewer = self.platform.viewer(call)
            try:
                connection, answer = await webrtc.answer(call.source, viewer, offer)
            except Exception as error:  # whatever a browser sends in its description must not hurt others
                call.source.detach(viewer)
                log.info("a WebRTC offer could not be answered: %s", error)
                raise CallStopped("failed", type(error).__name__) from error
        except CallStopped as stopped:
            what, look = words.reason(stopped.code)
            return web.json_response({"code": stopped.code, "what": what, "look": look}, status=409)
        self.watchers.add(watcher)
        watcher.watching_pk = await in_thread(store.open_watching, call.id, play.user, "webrtc")

        async def until_over() -> None:
            try:
                await webrtc.lasting(connection, viewer)
            finally:
                await self._leave(watcher)

        self.platform.later(until_over())
        return web.json_response({"sdp": answer, "call": call.id})

    async def _call_for(self, watcher: Watcher) -> LiveCall:
        play, socket = watcher.play, watcher.socket
        entry, channel_id = await self.entry(play.channel)

        def tell(step: str) -> None:
            if socket is not None and not socket.closed and step in words.STEPS:
                self.platform.later(self._say(socket, {"type": "step", "step": step, "text": str(words.STEPS[step])}))

        if play.kind == "live":
            return await self.platform.live(
                entry, play.channel, channel_id, user_pk=play.user, stream_number=play.stream, listener=tell
            )
        call = self.platform.prepare(
            entry, play.channel, channel_id, play.kind, user_pk=play.user,
            from_at=datetime.fromtimestamp(play.from_at, UTC), to_at=datetime.fromtimestamp(play.to_at, UTC),
        )  # fmt: skip
        call.listeners.add(tell)
        return await self.platform.begin(call)

    async def _say(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if not socket.closed:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await socket.send_str(json.dumps(message, ensure_ascii=False))

    async def _feed(self, watcher: Watcher) -> None:
        socket, viewer, call = watcher.socket, watcher.viewer, watcher.call
        assert socket is not None
        assert viewer is not None
        assert call is not None
        while not socket.closed:
            segments = await viewer.next()
            if not segments:
                break
            parts: list[bytes] = []
            for segment in segments:
                if segment.mime:
                    if parts:
                        await socket.send_bytes(b"".join(parts))
                        parts = []
                    picture = (watcher.source or call.source).stream.muxer.picture
                    await self._say(
                        socket,
                        {
                            "type": "format", "mime": segment.mime, "call": call.id,
                            "width": picture.width if picture else 0, "height": picture.height if picture else 0,
                            "kind": call.kind,
                        },
                    )  # fmt: skip
                parts.append(segment.data)
            if parts:
                await socket.send_bytes(b"".join(parts))
        if viewer.ended:
            watcher.close_reason = viewer.ended
            what, look = words.reason(viewer.ended)
            await self._say(
                socket,
                {"type": "stopped", "code": viewer.ended, "what": what, "look": look, "detail": call.stop_detail},
            )

    async def _read(self, watcher: Watcher) -> None:
        socket = watcher.socket
        assert socket is not None
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                told = json.loads(message.data)
                await self._told(watcher, told)
            except (ValueError, KeyError, TypeError):
                continue
            except CallStopped as stopped:
                await self._say(socket, {"type": "refused", "what": words.reason(stopped.code)[0]})
            except NoAnswer:
                await self._say(socket, {"type": "refused", "what": words.reason("no_answer")[0]})
        if watcher.viewer is not None:
            watcher.viewer.end("left")

    async def _told(self, watcher: Watcher, told: dict[str, Any]) -> None:
        call, play = watcher.call, watcher.play
        assert call is not None
        kind = told.get("type")
        if kind == "first_picture" and watcher.first_picture_ms is None:
            watcher.first_picture_ms = min(600_000, int((time.monotonic() - watcher.opened) * 1000))
            if "first_frame" not in call.steps:
                call.step("first_frame")
                await self.platform.store.call_changed(call)
        elif kind == "ptz":
            self.steer(call.entry, play.channel, call.channel_id, play.user, play.name, play.priority, told, watcher)
        elif kind == "playback" and call.kind == "playback":
            scale = told.get("scale")
            scale = float(scale) if scale is not None else None
            if scale is not None and scale not in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
                return
            seek = told.get("seek")
            await self.platform.playback_control(
                call, "PAUSE" if told.get("act") == "pause" else "PLAY", scale=scale,
                seek_s=max(0.0, float(seek)) if seek is not None else None,
            )  # fmt: skip

    def steer(
        self,
        entry: Entry,
        channel_pk: int,
        channel_id: str,
        user: int | str,
        name: str,
        priority: int,
        told: dict[str, Any],
        watcher: Watcher | None = None,
    ) -> None:
        """Move the camera if this person may now; a stop is always passed on to whoever moved it."""
        if not priority:
            raise CallStopped("revoked")
        now = time.monotonic()
        holder = self.platform.steering.get(channel_pk)
        if not rules.may_steer(holder, user, priority, now):
            assert holder is not None
            if watcher is not None and watcher.socket is not None:
                self.platform.later(self._say(watcher.socket, {"type": "steered", "who": holder.name}))
                return
            raise CallStopped("steered", holder.name)
        command = steering_command(told)
        self.platform.steering[channel_pk] = rules.Steering(user, name, priority, now)
        if holder is None or holder.user != user or now - holder.at > 60:
            self.platform.later(in_thread(work.record_steering, user, channel_pk))
        self.platform.steer(entry, channel_id, command, priority)

    async def _leave(self, watcher: Watcher) -> None:
        self.watchers.discard(watcher)
        if watcher.call is not None and watcher.viewer is not None:
            (watcher.source or watcher.call.source).detach(watcher.viewer)
            holder = self.platform.steering.get(watcher.play.channel)
            if holder is not None and holder.user == watcher.play.user:
                self.platform.steering.pop(watcher.play.channel, None)
                with contextlib.suppress(CallStopped):  # a camera must not go on turning when its hand is gone
                    self.platform.steer(
                        watcher.call.entry, watcher.call.channel_id, ptz.Move().encode(), watcher.play.priority
                    )
            watched = {item for item in self.watchers if item.call is watcher.call and item.viewer is not None}
            if watcher.call.kind != "live" and not watched:
                self.platform.later(self.platform.end(watcher.call, "stopped"))
        if watcher.watching_pk is not None:
            dropped = watcher.viewer.dropped if watcher.viewer else 0
            with contextlib.suppress(Exception):
                await in_thread(
                    store.close_watching, watcher.watching_pk, watcher.first_picture_ms, dropped,
                    watcher.close_reason or "left",
                )  # fmt: skip

    # -- speaking ------------------------------------------------------------------------------------------------
    async def talk(self, request: web.Request) -> web.StreamResponse:
        """WebSocket: texts tell the steps; binaries from the page are A-law samples; {"type": "over"} lets go."""
        try:
            play = tokens.read_talk(request.query.get("token", ""), self.once_play)
        except tokens.BadToken:
            return web.Response(status=403, text="this token is not valid (any more)")
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=64 * 1024, compress=False)
        await socket.prepare(request)
        made: Talk | None = None
        try:
            entry, _channel_id = await self.entry(play.channel)
            target = await in_thread(store.loudspeaker_of, play.channel)
            made = Talk(secrets.token_hex(16), entry, play.channel, target, play.user, play.name, play.priority)
            self.talking[made] = (play.user, play.channel, play.session)
            await self._speak(made, socket)
            if made.stop_code not in ("talk_over", "talk_gone"):
                raise CallStopped(made.stop_code, made.stop_detail)
        except CallStopped as stopped:
            what, look = words.reason(stopped.code)
            told = {"code": stopped.code, "what": what, "look": look, "detail": stopped.detail}
            await self._say(socket, {"type": "stopped", **told})
        finally:
            if made is not None:
                self.talking.pop(made, None)
                await self.platform.talks.end(made, "talk_gone")
            with contextlib.suppress(Exception):
                await socket.close()
        return socket

    async def _speak(self, made: Talk, socket: web.WebSocketResponse) -> None:
        """Until the speaker lets go or the announcement ends otherwise; what is said before the device listens is lost."""
        talks = self.platform.talks

        def tell(step: str) -> None:
            if step in words.TALK_STEPS:
                text = str(words.TALK_STEPS[step])
                self.platform.later(self._say(socket, {"type": "step", "step": step, "text": text}))

        made.listeners.add(tell)
        beginning = asyncio.ensure_future(talks.begin(made))
        reading = asyncio.ensure_future(self._listen(made, socket))
        over = asyncio.ensure_future(made.ended.wait())
        try:
            await asyncio.wait((beginning, reading, over), return_when=asyncio.FIRST_COMPLETED)
            if beginning.done():
                beginning.result()
                await asyncio.wait((reading, over), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                code = reading.result()
                beginning.cancel()
                await asyncio.gather(beginning, return_exceptions=True)
                await talks.end(made, code)
        finally:
            for task in (beginning, reading, over):
                task.cancel()
            await asyncio.gather(beginning, reading, over, return_exceptions=True)

    async def _listen(self, made: Talk, socket: web.WebSocketResponse) -> str:
        """Pass on what the page sends; why it does not send any more."""
        while True:
            try:
                message = await socket.receive(timeout=rules.QUIET_TALK_SECONDS)
            except TimeoutError:
                return "talk_quiet"
            if message.type == WSMsgType.BINARY:
                made.say(message.data)
            elif message.type == WSMsgType.TEXT:
                if message.data == '{"type":"over"}':
                    return "talk_over"
            else:
                return "talk_gone"

    # -- orders --------------------------------------------------------------------------------------------------
    async def order(self, request: web.Request) -> web.Response:
        """A signed order of a page, a task or a command; the answer is JSON."""
        try:
            do, values = tokens.read_order((await request.read()).decode("ascii", "replace"), self.once_order)
        except tokens.BadToken:
            return web.json_response({"code": "bad_token"}, status=403)
        handler = getattr(work, f"do_{do}", None)
        if handler is None:
            return web.json_response({"code": "unknown"}, status=404)
        if self.faults:
            return web.json_response({"code": "failed", "detail": self.faults}, status=503)
        try:
            return web.json_response({"answer": await handler(self, **values)})
        except CallStopped as stopped:
            return web.json_response({"code": stopped.code, "detail": stopped.detail}, status=409)
        except NoAnswer:
            return web.json_response({"code": "no_answer"}, status=409)
        except Exception:
            log.exception("the order %s failed", do)
            return web.json_response({"code": "failed"}, status=500)


def steering_command(told: dict[str, Any]) -> str:
    """The command of a player's message: move with speeds −1…1, lens, or preset. ValueError for anything else."""

    def speed(name: str, most: int) -> int:
        value = float(told.get(name) or 0)
        if not -1 <= value <= 1:
            raise ValueError("speeds are −1 to 1")
        return round(value * most)

    if "preset" in told:
        number, act = int(told["preset"]), str(told.get("act", "call"))
        if act not in ("call", "set", "delete"):
            raise ValueError("unknown act")
        try:
            return ptz.PresetAct(act, number).encode()
        except ptz.PtzError as error:
            raise ValueError("preset numbers are 1 to 255") from error
    if "focus" in told or "iris" in told:
        return ptz.Lens(speed("focus", 255), speed("iris", 255)).encode()
    return ptz.Move(speed("pan", 255), speed("tilt", 255), speed("zoom", 15)).encode()


def setup(app: web.Application) -> None:
    """Add this room to the live process; port 0 leaves it out."""
    if not settings.SIP_PORT:
        return
    service = Service()
    app[SERVICE] = service
    common_pictures.offer("video.channel", partial(pictures.show, service))
    app.router.add_get("/video/play", service.play)
    app.router.add_get("/video/talk", service.talk)
    app.router.add_post("/video/order", service.order)
    app.router.add_post("/video/webrtc", service.webrtc)
    app.cleanup_ctx.append(service.run)
