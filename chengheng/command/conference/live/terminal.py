"""A terminal's place in a meeting: one call, and what it sends and receives through the engine.

The call is with us, not with the engine: an engine that dies is not noticed by the terminal. Its picture and sound go
into the room as a publisher that sends plain RTP; it gets one picture (whom the meeting looks at) and the mixed sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from chengheng.command.conference import engine, rules, terminals
from chengheng.command.conference.live.janus import EngineLost, EngineRefused, Janus
from chengheng.command.conference.live.legs import later
from chengheng.command.conference.live.line import LOOPBACK, SILENCE, Line, Splice, ear
from chengheng.command.conference.live.mixer import Mixer, forward
from chengheng.command.conference.live.tape import Reel
from chengheng.command.conference.live.voice import Voice
from chengheng.command.conference.models import Attendance
from chengheng.common.live import in_thread
from chengheng.protocols.janus.descriptions import Offer
from chengheng.protocols.rtp.packet import Packet, RtpError, build, parse
from chengheng.protocols.sip import call

log = logging.getLogger("chengheng.conference")
SSRC = 1000
"""Of the first stream of a remote publisher; the next one's is 10 more (Janus)."""
SILENT_SECONDS = 30.0
"""A call that brings no packet for so long is over: the terminal has lost its line or its power."""
KEY_FRAME_SECONDS = 1.0
_numbers = itertools.count(1)


class Source(NamedTuple):
    """What a terminal is shown: whose stream, how a whole picture is asked for, whether it comes in layers."""

    feed: str
    mid: str
    ask: Callable[[], None]
    layers: bool = False


class TerminalLeg:
    """As `Sender` to those who receive it: `feed`, `epoch`, `up`, `offered`. `bye` ends the call's signalling."""

    def __init__(
        self, janus: Janus, room: str, secret: str, pk: int, changed: Callable[[], None], reel: Reel
    ) -> None:  # fmt: skip
        self.janus, self.room, self.secret, self.pk, self.changed, self.reel = janus, room, secret, pk, changed, reel
        self.number = next(_numbers)
        self.epoch = -1
        self.up = False
        self.offered = Offer()
        self.mic = self.camera = self.admitted = False
        self.answered = False
        self.level = 3
        self.sound = Line(self._said, lambda _data: None)
        self.picture = Line(self._showed, self._asked)
        self.told: tuple[call.Stream | None, call.Stream | None] = (None, None)
        self.bye: Callable[[], None] = lambda: None
        self.on_talk: Callable[[str, bool], None] = lambda _feed, _on: None
        self._voice: Voice | None = None
        self._task: asyncio.Task[None] | None = None
        self._attendance: Attendance | None = None
        self._over: asyncio.Future[str] | None = None
        self._closed = False
        self._inner: list[asyncio.DatagramTransport] = []
        self._ports = (0, 0, 0, 0)
        """Of the engine: its publisher's media and RTCP, the mix; of us: where it sends the picture."""
        self._mix_port = self._shown_port = 0
        self._handle = 0
        self._in_sound, self._in_picture = Splice(111, 48000, SSRC), Splice(96, 90000, SSRC)
        self._in_mix = Splice(111, 48000)
        self._out_sound, self._out_picture = Splice(0, 48000), Splice(0, 90000)
        self._source: Source | None = None
        self._forwarder: tuple[str, int] | None = None
        self._shown_ssrc = 0
        self._whole = False
        self._asked_at = 0.0
        self._last_key: tuple[str, int] = ("", -1)
        self._ours: set[int] = set()
        self.control = 0

    @property
    def keys(self) -> tuple[bytes, bytes]:
        """What we encrypt sound and picture with, if the call is encrypted."""
        return self.sound.key, self.picture.key

    @property
    def feed(self) -> str:
        return f"{self.pk}.t{self.number}"

    # The call

    async def open(self, host: str, first: int, last: int) -> None:
        """Take the ports towards the terminal. Raises NoPort."""
        for line in (self.sound, self.picture):
            await line.open(host, first, last)

    def begin(self, dial: Callable[[TerminalLeg], Awaitable[str]]) -> None:
        """Have the call made and kept until it ends; `dial` returns "" when it stands, else why not."""
        self._task = asyncio.create_task(self._run(dial))

    async def _run(self, dial: Callable[[TerminalLeg], Awaitable[str]]) -> None:
        self._over = asyncio.get_running_loop().create_future()
        why = "restart"
        try:
            why = await dial(self)
            if not why:
                self._attendance = await in_thread(terminals.came, self.pk)
                if self._attendance is None:
                    why = "ended"
                else:
                    self.answered = True
                    self.changed()
                    why = await self._kept()
        except asyncio.CancelledError:
            why = "hung_up"
        except Exception:
            log.exception("the call of %s failed", self.feed)
            why = "missed"
        finally:
            await self._finish(why)

    async def _kept(self) -> str:
        """Until somebody ends the call, or nothing comes any more."""
        assert self._over is not None
        while True:
            done, _pending = await asyncio.wait({self._over}, timeout=3)
            if done:
                return self._over.result()
            if time.monotonic() - max(self.sound.came_at, self.picture.came_at) > SILENT_SECONDS:
                return "lost"
            loss = max(self.sound.loss_percent(), self.picture.loss_percent())
            self.level = rules.quality(Decimal(str(round(loss, 2))), Decimal(0))
            self._latch()

    def over(self, why: str) -> None:
        """The call ends: the terminal hung up, or the gateway."""
        if self._over is not None and not self._over.done():
            self._over.set_result(why)

    async def _finish(self, why: str) -> None:
        self._closed = True
        self.answered = False
        if why != "left":
            with contextlib.suppress(Exception):
                self.bye()
        if self._voice is not None:
            self._voice.stop()
        await self.leave_engine()
        await self.reel.finish(self.feed)
        for line in (self.sound, self.picture):
            line.close()
        for transport in self._inner:
            transport.close()
        with contextlib.suppress(Exception):
            await in_thread(terminals.went, self.pk, self._attendance, why)
        self.changed()

    @property
    def finished(self) -> bool:
        return self._closed

    async def close(self, why: str = "hung_up") -> None:
        """End the call; a bell that still rings is stopped."""
        if self._task is None or self._task.done():
            return
        if self.answered:
            self.over(why)
        else:
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._task

    def agreed(self, streams: list[call.Stream], host: str, ours: Iterable[int]) -> None:
        """What the descriptions have settled; also when they are exchanged anew. `ours`: the numbers that we named."""
        self.told = call.chosen(streams)
        for line, stream, out in zip(
            (self.sound, self.picture), self.told, (self._out_sound, self._out_picture), strict=True
        ):
            if stream is not None:
                line.encrypt(stream.key)
                line.hosts = {host, stream.host}
                line.remote = (stream.host, stream.port) if stream.receives else None
                line.remote_control = (stream.host, stream.control_port)
                out.payload_type = stream.payload_type
        sound = self.told[0]
        if sound is not None:
            clock = 48000 if sound.codec == "opus" else 8000
            self._out_sound.clock = self._in_sound.clock = self._in_mix.clock = clock
        self._ours = set(ours)

    # The engine

    async def join_engine(self, mixer: Mixer) -> None:
        """A publisher for what it sends, a part in the mix. Raises EngineLost, EngineRefused."""
        if self.epoch == self.janus.epoch or self._closed:
            return
        await self._listen()
        await self.reel.finish(self.feed)
        self.number = next(_numbers)
        sound, picture = self.told
        streams: list[dict[str, Any]] = []
        if sound is not None:
            streams.append({"type": "audio", "mindex": 0, "mid": "0", "codec": sound.codec})
            self._in_sound = Splice(111, self._in_sound.clock, SSRC)
        if picture is not None:
            streams.append({"type": "video", "mindex": len(streams), "mid": "1", "codec": "h264", "fmtp": call.H264})
            self._in_picture = Splice(96, 90000, SSRC + 10 * (len(streams) - 1))
        epoch, self.control = self.janus.epoch, mixer.control
        answer = await self.janus.message(mixer.control, {
            "request": "add_remote_publisher", "room": self.room, "secret": self.secret, "id": self.feed,
            "admin_key": engine.secret("admin"), "iface": LOOPBACK, "streams": streams,
        })  # fmt: skip
        mix = 0
        if sound is not None:
            self._handle, mix = await mixer.join(sound.codec, 111, self._mix_port)
            self._in_mix = Splice(111, self._in_mix.clock)
        self._ports = (int(answer.data["port"]), int(answer.data.get("rtcp_port") or 0), mix, 0)
        self.offered = Offer(sound="0" if sound is not None else "", camera="1" if picture is not None else "")
        self.epoch, self.up = epoch, True
        self._source = self._forwarder = None
        if mix and sound is not None:
            quiet = build(111, False, 0, 0, self._in_mix.ssrc, SILENCE[sound.codec])
            self._send(0, self._in_mix.next(parse(quiet)), mix)
        self._latch()
        self.ask()
        self.changed()

    async def _listen(self) -> None:
        """Our ports on loopback: for the mix, the picture, and the engine's RTCP."""
        if self._inner:
            return
        for heard in (self._mixed, self._shown, self._engine_asks):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((LOOPBACK, 0))
            sock.setblocking(False)
            self._inner.append(await ear(sock, heard))
        self._mix_port, self._shown_port = (one.get_extra_info("sockname")[1] for one in self._inner[:2])

    async def leave_engine(self) -> None:
        was, self.up = self.up, False
        if not was or self.epoch != self.janus.epoch:
            return
        with contextlib.suppress(EngineLost, EngineRefused):
            if self._handle:
                await self.janus.detach(self._handle)
            if self.control:
                await self.janus.message(self.control, {
                    "request": "remove_remote_publisher", "room": self.room, "secret": self.secret, "id": self.feed,
                })  # fmt: skip

    async def watch(self, mixer: Mixer, source: Source | None) -> None:
        """Show the terminal this. Raises EngineLost, EngineRefused."""
        if self.told[1] is None or self._closed:
            return
        now, then = (one and one[:2] for one in (source, self._source))
        if now == then and (source is None or self._forwarder is not None):
            self._ask_again()
            return
        if self._forwarder is not None:
            feed, number = self._forwarder
            self._forwarder = None
            with contextlib.suppress(EngineRefused):
                await self.janus.message(mixer.control, {
                    "request": "stop_rtp_forward", "room": self.room, "secret": self.secret, "publisher_id": feed,
                    "stream_id": number, "admin_key": engine.secret("admin"),
                })  # fmt: skip
        self._source = source
        if source is None:
            return
        feed, mid, _ask, layers = source
        self._shown_ssrc, self._whole = secrets.randbits(31), False
        self._forwarder = (feed, await forward(
            mixer, feed, mid, self._shown_port, 96, ssrc=self._shown_ssrc, **({"simulcast": True} if layers else {})
        ))  # fmt: skip
        self._asked_at = 0.0
        self._ask_again()

    # Packets from the terminal

    def _said(self, packet: Packet) -> None:
        sound = self.told[0]
        if sound is None or not self.admitted:
            return
        if packet.payload_type != sound.payload_type and packet.payload_type not in self._ours:
            self._key(packet)
            return
        if self.mic and self.up:
            port, _control, mix, _none = self._ports
            data = self._in_sound.next(packet)
            self._send(0, data, port)
            self.reel.take(self.feed, 0, sound.codec, data)
            if self._voice is None or self._voice.codec != sound.codec:
                self._voice = Voice(sound.codec, lambda on: self.on_talk(self.feed, on))
            self._voice.heard(packet.payload, time.monotonic())
            if mix:
                self._send(0, self._in_mix.next(packet), mix)

    def listen(self, now: float) -> None:
        """Called often: notices that the voice has ended because nothing comes any more."""
        if self._voice is not None:
            self._voice.still(now)

    def _key(self, packet: Packet) -> None:
        key = call.key_pressed(packet.payload)
        if key and self._last_key != (key, packet.timestamp):  # every event is sent many times
            self._last_key = (key, packet.timestamp)
            self.key(key)

    def key(self, key: str) -> None:
        """A key of the terminal was pressed."""
        later(in_thread(terminals.pressed, self.pk, key))

    def _showed(self, packet: Packet) -> None:
        if self.camera and self.admitted and self.up:
            data = self._in_picture.next(packet)
            self._send(1, data, self._ports[0])
            self.reel.take(self.feed, 1, "h264", data)

    def _asked(self, data: bytes) -> None:
        """The terminal's RTCP: it may want a whole picture."""
        if call.wants_picture(data):
            self.want_picture()

    # Packets from the engine

    def _mixed(self, data: bytes, _address: Any) -> None:
        if self.admitted:
            with contextlib.suppress(RtpError):
                self.sound.send(self._out_sound.next(parse(data)))

    def _shown(self, data: bytes, _address: Any) -> None:
        try:
            packet = parse(data)
        except RtpError:
            return
        if packet.ssrc != self._shown_ssrc or not self.admitted:
            return
        if not self._whole:
            if not call.starts_picture(packet.payload):
                return
            self._whole = True
        self.picture.send(self._out_picture.next(packet))

    def _engine_asks(self, data: bytes, _address: Any) -> None:
        if call.wants_picture(data):
            self.ask()

    def ask(self) -> None:
        """Ask the terminal for a whole picture."""
        if self.told[1] is not None:
            self.picture.send_control(call.picture_wanted(self._out_picture.ssrc, self._in_picture.source or 0))

    def _latch(self) -> None:
        """Tell the engine where its requests for whole pictures go: it answers where a report came from."""
        if self._inner and self._ports[1] and self.told[1] is not None:
            self._inner[2].sendto(
                b"\x80\xc9\x00\x01" + self._in_picture.ssrc.to_bytes(4, "big"), (LOOPBACK, self._ports[1])
            )

    def _ask_again(self) -> None:
        """Until a whole picture has come for the terminal, its source is asked for one."""
        if self._source is not None and not self._whole:
            self.want_picture()

    def want_picture(self) -> None:
        """The terminal wants a whole picture of what it is shown."""
        source, now = self._source, time.monotonic()
        if source is None or now - self._asked_at < KEY_FRAME_SECONDS:
            return
        self._asked_at = now
        source.ask()

    def _send(self, which: int, data: bytes, port: int) -> None:
        self._inner[which].sendto(data, (LOOPBACK, port))
