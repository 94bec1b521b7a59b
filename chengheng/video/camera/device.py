"""A simulated device: registers, keeps alive, answers queries, sends streams, is steered, misbehaves when told to."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from PIL import Image

from chengheng.common.sipnode import NoAnswer, Node
from chengheng.protocols.gb28181 import manscdp, mansrtsp, ptz, sdp
from chengheng.protocols.mpegps import mux
from chengheng.protocols.rtp.packet import Packetizer, RtpError, Splitter, parse
from chengheng.protocols.sip import digest
from chengheng.protocols.sip.dialog import Dialog
from chengheng.protocols.sip.endpoint import Peer, new_call_id, new_tag
from chengheng.protocols.sip.message import Message, response_to, uri_of
from chengheng.video.camera.picture import Encoder, View, draw
from chengheng.video.camera.voice import Voice
from chengheng.video.live.ports import Outlet

log = logging.getLogger("chengheng.video.camera")
XML = "Application/MANSCDP+xml"


@dataclass
class Faults:
    """What goes wrong on demand. Shares are 0…1 of packets."""

    loss: float = 0.0
    reorder: float = 0.0
    wrong_ssrc: bool = False
    own_ssrc: bool = False  # announces its own y= in the 200, as a foreign domain does
    answer_delay_s: float = 0.0
    refuse: int = 0
    silent: bool = False  # says yes and sends nothing
    deaf: bool = False  # does not answer an INVITE at all
    no_marker: bool = False
    split_datagrams: bool = False
    catalog_short: bool = False  # announces more than it sends
    catalog_single: bool = False  # one item a message, last first
    black: bool = False
    frozen: bool = False
    stop_after_s: float = 0.0
    refuse_subscribe: int = 0  # refuses subscriptions with this status
    short_subscribe: int = 0  # grants so many seconds only
    forgetful: bool = False  # does not know its subscriptions any more when they are refreshed
    no_sub: bool = False  # has no second stream: refuses it with 488
    no_capture: bool = False  # refuses to take pictures by itself
    bad_pictures: bool = False  # uploads what is no picture
    no_speaker: bool = False  # has no loudspeaker: refuses a broadcast
    no_fetch: bool = False  # says yes to a broadcast and does not ask for the sound
    talk: str = "udp"  # how it takes the sound: udp, tcp_active (it connects), tcp_passive (it listens)
    unscaled: bool = True  # plays fast without scaling its time stamps (facts §2 quirk 13)


@dataclass
class CameraChannel:
    """One simulated camera with its view and its encoder, shared by all who watch it."""

    id: str
    name: str
    lon: float | None = None
    lat: float | None = None
    ptz_type: int = 1
    parent_id: str = ""
    view: View = field(default_factory=View)
    moving: ptz.Move = field(default_factory=ptz.Move)
    presets: dict[int, View] = field(default_factory=dict)


@dataclass(eq=False)
class Subscribed:
    """What the platform subscribed to here."""

    dialog: Dialog
    peer: Peer
    event: str
    until: float
    interval_s: float
    refreshed: int = 0


@dataclass(eq=False)
class Sending:
    """One stream that goes out."""

    channel: CameraChannel
    dialog: Dialog
    peer: Peer
    outlet: Outlet
    packetizer: Packetizer
    kind: str
    from_at: datetime | None = None
    to_at: datetime | None = None
    scale: float = 1.0
    paused: bool = False
    position: float = 0.0
    task: asyncio.Task[None] | None = None
    started: float = 0.0


@dataclass(eq=False)
class Hearing:
    """A broadcast that is heard: its packets, and the last half minute of its A-law samples."""

    dialog: Dialog | None = None
    packets: int = 0
    missing: int = 0
    sound: bytearray = field(default_factory=bytearray)
    ended: bool = False
    things: list[Any] = field(default_factory=list)
    _next: int | None = None

    def packet(self, data: bytes) -> None:
        try:
            found = parse(data)
        except RtpError:
            return
        if found.payload_type != 8:
            return
        self.packets += 1
        self.missing += (found.sequence - self._next) & 0xFFFF if self._next is not None else 0
        self._next = (found.sequence + 1) & 0xFFFF
        self.sound += found.payload
        del self.sound[: max(0, len(self.sound) - 240_000)]

    def close(self) -> None:
        self.ended = True
        for thing in self.things:
            thing.close()


class _Ear(asyncio.DatagramProtocol):
    """Takes a broadcast's packets from datagrams."""

    def __init__(self, hearing: Hearing) -> None:
        self.hearing = hearing

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.hearing.packet(data)


class _FramedEar(asyncio.Protocol):
    """…and from a connection (RFC 4571)."""

    def __init__(self, hearing: Hearing) -> None:
        self.hearing = hearing
        self.splitter = Splitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.hearing.things.append(transport)

    def data_received(self, data: bytes) -> None:
        for packet in self.splitter.receive(data):
            self.hearing.packet(packet)


class Camera:
    """`await start()` registers; `await stop()` leaves. `target` is the platform's (host, port); transport udp or tcp."""

    def __init__(
        self,
        gb_id: str,
        password: str,
        target: tuple[str, int],
        platform_id: str,
        channels: list[CameraChannel],
        *,
        realm: str = "",
        login: str = "",
        transport: str = "udp",
        codec: str = "h264",
        width: int = 640,
        height: int = 368,
        fps: int = 25,
        gop: int = 50,
        bit_rate: int = 800_000,
        host: str = "127.0.0.1",
        port: int = 0,
        keepalive_s: float = 20.0,
        edition: str = "3.0",
        faults: Faults | None = None,
        name: str = "",
        mobile: bool = False,
        sound: str = "",
    ) -> None:
        self.mobile, self.sound = mobile, sound
        self.gb_id, self.password, self.target, self.platform_id = gb_id, password, target, platform_id
        self.realm = realm or platform_id[:10]
        self.login = login or gb_id
        self.channels = {channel.id: channel for channel in channels}
        self.transport, self.codec, self.width, self.height = transport, codec, width, height
        self.fps, self.gop, self.bit_rate = fps, gop, bit_rate
        self.host, self.keepalive_s, self.edition = host, keepalive_s, edition
        self.faults = faults or Faults()
        self.name = name or f"Simulated {gb_id[-4:]}"
        self.node = Node(host, port, agent="Chengheng simulator")
        self.node.on_request = self._request
        self.registered = asyncio.Event()
        self.status = 0
        self.sendings: list[Sending] = []
        self.received: list[manscdp.Command] = []
        self.on_command: Callable[[manscdp.Command], None] = lambda command: None
        self.chance = random.Random(gb_id)  # noqa: S311
        self._sn = 0
        self._register_seq = 0
        self._call_id = ""
        self._tag = new_tag()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pictures: dict[str, _Pictures] = {}
        self.subscriptions: dict[str, Subscribed] = {}
        self.heard: list[Hearing] = []

    # -- life ----------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        await self.node.start()
        self._call_id = new_call_id(self.host)
        self._spawn(self._presence())

    async def stop(self, unregister: bool = True) -> None:
        for sending in list(self.sendings):
            self._stop_sending(sending)
        for hearing in self.heard:
            hearing.close()
        if unregister and self.registered.is_set():
            with contextlib.suppress(NoAnswer, TimeoutError):
                async with asyncio.timeout(3):
                    await self.register(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.node.stop()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _peer(self) -> Peer:
        if self.transport == "tcp":
            return await self.node.connect(*self.target)
        return Peer("udp", *self.target)

    async def _presence(self) -> None:
        while True:
            try:
                status = await self.register(3600)
                if status == 200:
                    self.registered.set()
                    while await self.keepalive():
                        await asyncio.sleep(self.keepalive_s)
                self.registered.clear()
            except NoAnswer:
                self.registered.clear()
            await asyncio.sleep(2)

    def _message(self, method: str, body: bytes = b"", **headers: str) -> Message:
        message = Message(method=method, uri=f"sip:{self.platform_id}@{self.realm}", body=body)
        message.set("from", f"<sip:{self.gb_id}@{self.realm}>;tag={new_tag()}")
        message.set("to", f"<sip:{self.platform_id}@{self.realm}>")
        message.set("call-id", new_call_id(self.host))
        message.set("cseq", f"20 {method}")
        for name, value in headers.items():
            message.set(name.replace("_", "-"), value)
        return message

    async def register(self, expires: int) -> int:
        """Register, or leave with 0; answers one challenge. Returns the last status."""
        peer = await self._peer()
        authorization = ""
        for _attempt in range(2):
            self._register_seq += 1
            message = self._message("REGISTER", expires=str(expires))
            message.set("to", f"<sip:{self.gb_id}@{self.realm}>")
            message.set("call-id", self._call_id)
            message.set("cseq", f"{self._register_seq} REGISTER")
            message.set("contact", f"<sip:{self.gb_id}@{self.host}:{self.node.port}>")
            if self.edition:
                message.set("x-gb-ver", self.edition)
            if authorization:
                message.set("authorization", authorization)
            response = await self.node.request(message, peer, 6)
            self.status = response.status
            if response.status != 401 or authorization:
                return response.status
            authorization = digest.answer(
                response.get("www-authenticate"), self.login, self.password, "REGISTER", message.uri
            )
        return self.status

    async def send(self, body: bytes) -> int:
        """A MESSAGE to the platform; the status of its answer."""
        message = self._message("MESSAGE", body, content_type=XML)
        response = await self.node.request(message, await self._peer(), 6)
        return response.status

    async def keepalive(self) -> bool:
        self._sn += 1
        return await self.send(manscdp.notify("Keepalive", self._sn, self.gb_id, Status="OK")) == 200

    async def alarm(self, channel_id: str, method: int = 5, kind: int = 2, text: str = "移动侦测") -> int:
        """An alarm: as NOTIFY to whoever subscribed, else as MESSAGE."""
        self._sn += 1
        body = manscdp.notify(
            "Alarm",
            self._sn,
            channel_id,
            AlarmPriority=1,
            AlarmMethod=method,
            AlarmTime=manscdp.stamp(datetime.now(manscdp.CHINA)),
            AlarmDescription=text,
            Info={"AlarmType": kind},
        )
        return await self.notify("Alarm", body) or await self.send(body)

    async def position(self, lon: float, lat: float) -> int:
        """Where the device is: as NOTIFY to whoever subscribed, else as MESSAGE."""
        self._sn += 1
        body = manscdp.notify(
            "MobilePosition",
            self._sn,
            self.gb_id,
            Time=manscdp.stamp(datetime.now(manscdp.CHINA)),
            Longitude=lon,
            Latitude=lat,
            Speed=31.5,
            Direction=90,
            Altitude=3,
        )
        return await self.notify("MobilePosition", body) or await self.send(body)

    async def catalog_event(self, channel_id: str, event: str, name: str = "") -> int:
        """Tell a subscriber ON, OFF, VLOST, DEFECT, ADD, UPDATE or DEL; the status, 0 without a subscription."""
        self._sn += 1
        channel = self.channels.get(channel_id)
        item = manscdp.CatalogItem(
            channel_id, name or (channel.name if channel else ""), parent_id=self.gb_id, event=event,
            status="OFF" if event in ("OFF", "VLOST", "DEFECT") else "ON",
        )  # fmt: skip
        return await self.notify("Catalog", manscdp.catalog_page(self._sn, self.gb_id, 1, [item], kind="Notify"))

    async def notify(self, subject: str, body: bytes, state: str = "active") -> int:
        """A NOTIFY in the dialog of a subscription; the status of its answer, 0 when nobody subscribed."""
        held = self.subscriptions.get(subject)
        if held is None or held.until < time.time():
            self.subscriptions.pop(subject, None)
            return 0
        told = f"{state};expires={int(held.until - time.time())}" if state == "active" else state
        message = held.dialog.request("NOTIFY", event=held.event, subscription_state=told, content_type=XML)
        message.body = body
        message.set("contact", f"<sip:{self.gb_id}@{self.host}:{self.node.port}>")
        status = (await self.node.request(message, held.peer, 6)).status
        if status == 481 or state != "active":
            self.subscriptions.pop(subject, None)
        return status

    async def _drive(self, held: Subscribed) -> None:
        """Positions on a round through the streets, as often as the subscriber wants, while it wants them."""
        place = next((channel for channel in self.channels.values() if channel.lon and channel.lat), None)
        lon, lat = (place.lon, place.lat) if place else (117.2, 39.13)
        assert lon is not None
        assert lat is not None
        began = time.monotonic()
        while self.subscriptions.get("MobilePosition") is held:
            angle = (time.monotonic() - began) / 120 * 2 * math.pi
            with contextlib.suppress(NoAnswer):
                await self.position(round(lon + 0.01 * math.cos(angle), 6), round(lat + 0.006 * math.sin(angle), 6))
            await asyncio.sleep(max(0.2, held.interval_s))

    def _subscribe(self, request: Message, peer: Peer) -> None:
        """Take a subscription, refresh it or end it."""
        expires = request.expires if request.expires is not None else 600
        name = manscdp.read(request.body).name if request.body else "Catalog"
        known = next(
            (item for item in self.subscriptions.items() if item[1].dialog.call_id == request.call_id), (name, None)
        )
        name, held = known
        inside = "tag=" in request.get("to")
        if self.faults.refuse_subscribe or (inside and (held is None or (self.faults.forgetful and expires))):
            if inside:
                self.subscriptions.pop(name, None)
            self.node.refuse(request, peer, self.faults.refuse_subscribe or 481)
            return
        if expires and self.faults.short_subscribe:
            expires = self.faults.short_subscribe
        tag = held.dialog.key[1] if held else new_tag()
        self.node.accept(
            request, peer, tag, expires=str(expires), contact=f"<sip:{self.gb_id}@{self.host}:{self.node.port}>",
        )  # fmt: skip
        if expires == 0:
            self.subscriptions.pop(name, None)
            return
        interval = float(manscdp.read(request.body).number("Interval") or 5) if request.body else 5.0
        if held is None:
            held = Subscribed(Dialog.answered(request, tag, peer), peer, request.get("event"), 0.0, interval)
            self.subscriptions[name] = held
            if name == "MobilePosition" and self.mobile:
                self._spawn(self._drive(held))
        else:
            held.refreshed += 1
        held.until, held.interval_s, held.peer = time.time() + expires, interval, peer

    # -- requests ------------------------------------------------------------------------------------------------
    def _request(self, request: Message, peer: Peer) -> None:
        method = request.method
        if method == "INVITE":
            self._spawn(self._invite(request, peer))
        elif method == "MESSAGE":
            self.node.accept(request, peer, new_tag())
            try:
                self._command(manscdp.read(request.body), peer)
            except manscdp.ManscdpError:
                log.info("%s: unreadable command", self.gb_id)
        elif method == "SUBSCRIBE":
            self._subscribe(request, peer)
        elif method == "BYE" and (heard := self._hearing(request.call_id)) is not None:
            self.node.accept(request, peer)
            heard.close()
        elif method in ("BYE", "INFO"):
            sending = next((item for item in self.sendings if item.dialog.call_id == request.call_id), None)
            if sending is None:
                self.node.refuse(request, peer, 481)
                return
            if method == "BYE":
                self.node.accept(request, peer)
                self._stop_sending(sending)
            else:
                self._info(sending, request, peer)
        elif method == "CANCEL":
            self.node.accept(request, peer)
        else:
            self.node.refuse(request, peer, 405)

    def _info(self, sending: Sending, request: Message, peer: Peer) -> None:
        control = mansrtsp.read(request.body)
        answer = response_to(request, 200)
        if isinstance(control, mansrtsp.Control):
            if control.method == "PAUSE":
                sending.paused = True
            elif control.method == "PLAY":
                sending.paused = False
                if control.scale:
                    sending.scale = control.scale
                if control.seek_s is not None:
                    sending.position = control.seek_s
                    self._pictures_of(sending).key_wanted = True
            answer.set("content-type", "Application/MANSRTSP")
            answer.body = mansrtsp.ok(control.cseq)
        self.node.answer(request, peer, answer)

    def _command(self, command: manscdp.Command, peer: Peer) -> None:
        self.received.append(command)
        self.on_command(command)
        sn, name = command.sn or 0, command.name
        if command.kind == "Query" and name == "Catalog":
            self._spawn(self._answer_catalog(sn))
        elif command.kind == "Query" and name == "DeviceInfo":
            self._later(manscdp.respond(
                "DeviceInfo", sn, self.gb_id, DeviceName=self.name, Result="OK", Manufacturer="Chengheng",
                Model="Simulator", Firmware="1.0", Channel=len(self.channels),
            ))  # fmt: skip
        elif command.kind == "Query" and name == "DeviceStatus":
            self._later(manscdp.respond(
                "DeviceStatus", sn, self.gb_id, Result="OK", Online="ONLINE", Status="OK", Encode="ON", Record="ON",
                DeviceTime=manscdp.stamp(datetime.now(manscdp.CHINA)),
            ))  # fmt: skip
        elif command.kind == "Query" and name == "RecordInfo":
            self._spawn(self._answer_records(sn, command))
        elif command.kind == "Query" and name == "PresetQuery":
            channel = self.channels.get(command.device_id)
            items: list[Any] = [
                {"PresetID": number, "PresetName": f"预置点{number}"} for number in (channel.presets if channel else ())
            ]
            self._later(manscdp.respond(
                "PresetQuery", sn, command.device_id, PresetList={"@Num": len(items), "Item": items} if items else {},
            ))  # fmt: skip
        elif command.kind == "Notify" and name == "Broadcast":
            self._spawn(self._hear(sn, command))
        elif command.kind == "Control" and name == "DeviceConfig":
            self._spawn(self._configure(sn, command))
        elif command.kind == "Control" and name == "DeviceControl":
            self._control(command)

    def _control(self, command: manscdp.Command) -> None:
        channel = self.channels.get(command.device_id)
        text = command.text("PTZCmd")
        if channel is None or not text:
            return
        try:
            act = ptz.decode(text)
        except ptz.PtzError:
            return
        if isinstance(act, ptz.Move):
            channel.moving = act
        elif isinstance(act, ptz.PresetAct):
            if act.act == "set":
                channel.presets[act.number] = View(channel.view.pan, channel.view.tilt, channel.view.zoom)
            elif act.act == "delete":
                channel.presets.pop(act.number, None)
            elif act.number in channel.presets:
                saved = channel.presets[act.number]
                channel.view = View(saved.pan, saved.tilt, saved.zoom)

    async def _configure(self, sn: int, command: manscdp.Command) -> None:
        """2022: take pictures and upload them, each as a form, as one make was seen to do; then say that it is done."""
        config = command.root.find("SnapShotConfig")
        channel = self.channels.get(command.device_id)
        able = config is not None and channel is not None and self.edition == "3.0" and not self.faults.no_capture
        answer = manscdp.respond("DeviceConfig", sn, command.device_id, Result="OK" if able else "Error")
        with contextlib.suppress(NoAnswer):
            await self.send(answer)
        if not able or config is None or channel is None:
            return
        number = manscdp.integer(manscdp.text_of(config, "SnapNum")) or 1
        interval = manscdp.integer(manscdp.text_of(config, "Interval")) or 1
        url, session = manscdp.text_of(config, "UploadURL"), manscdp.text_of(config, "SessionID")
        names = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as client:
            for index in range(number):
                if index:
                    await asyncio.sleep(interval)
                at = datetime.now(manscdp.CHINA)
                name = f"{channel.id}02{at.strftime('%Y%m%d%H%M%S%f')[:17]}{index:02d}"
                data = await asyncio.to_thread(self._jpeg, channel, at)
                if self.faults.bad_pictures:
                    data = b"<html>" + data[6:]
                form = aiohttp.FormData()
                form.add_field("SessionID", session)
                form.add_field("file", data, filename=f"{name}.jpg", content_type="image/jpeg")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with client.post(url, data=form) as taken:
                        if taken.status == 200:
                            names.append(name)
        self._sn += 1
        with contextlib.suppress(NoAnswer):
            await self.send(manscdp.notify(
                "UploadSnapShotFinished", self._sn, command.device_id, SessionID=session,
                SnapShotList={"SnapShotFileID": names} if names else {},
            ))  # fmt: skip

    # -- broadcasts ----------------------------------------------------------------------------------------------
    def _hearing(self, call_id: str) -> Hearing | None:
        return next((item for item in self.heard if item.dialog and item.dialog.call_id == call_id), None)

    async def _hear(self, sn: int, command: manscdp.Command) -> None:
        """A broadcast: say yes, ask the platform for the sound by INVITE, take it (9.12)."""
        source, target = command.text("SourceID"), command.text("TargetID")
        able = not self.faults.no_speaker and target in {self.gb_id, *self.channels}
        with contextlib.suppress(NoAnswer):
            await self.send(manscdp.respond("Broadcast", sn, target, Result="OK" if able else "ERROR"))
        if not able or self.faults.no_fetch:
            return
        hearing = Hearing()
        loop = asyncio.get_running_loop()
        way = self.faults.talk
        offer = sdp.Description(
            owner=self.gb_id, session="Play", host=self.host, media="audio", payloads=[8], direction="recvonly",
            ssrc=f"{self.chance.randrange(10**9):010d}", format="v/////a/1/8/1", tcp=way != "udp",
        )  # fmt: skip
        if way == "udp":
            transport, _ear = await loop.create_datagram_endpoint(lambda: _Ear(hearing), local_addr=(self.host, 0))
            hearing.things.append(transport)
            offer.port = transport.get_extra_info("sockname")[1]
        elif way == "tcp_passive":
            server = await loop.create_server(lambda: _FramedEar(hearing), self.host, 0)
            hearing.things.append(server)
            offer.setup, offer.port = "passive", server.sockets[0].getsockname()[1]
        else:
            offer.setup, offer.port = "active", 9
        message = self._message("INVITE", offer.encode(), content_type="APPLICATION/SDP")
        message.uri = f"sip:{source}@{self.realm}"
        message.set("subject", sdp.subject(source, "1", target, "1"))
        message.set("contact", f"<sip:{self.gb_id}@{self.host}:{self.node.port}>")
        peer = await self._peer()
        try:
            response = await self.node.request(message, peer, 8)
            if response.status != 200:
                hearing.close()
                return
            hearing.dialog = Dialog.called(message, response, peer)
            self.heard.append(hearing)
            self.node.send(hearing.dialog.ack(message.cseq[0]), peer)
            if way == "tcp_active":
                answer = sdp.read(response.body)
                await loop.create_connection(lambda: _FramedEar(hearing), answer.host, answer.port)
        except (NoAnswer, OSError, sdp.SdpError):
            hearing.close()

    async def hang_up(self, hearing: Hearing) -> None:
        """End a broadcast from here."""
        if hearing.dialog is not None:
            with contextlib.suppress(NoAnswer):
                await self.node.request(hearing.dialog.request("BYE"), await self._peer(), 4)
        hearing.close()

    def _jpeg(self, channel: CameraChannel, at: datetime) -> bytes:
        picture = draw(self.width, self.height, 0, channel.view, channel.id[-10:], at, int(at.timestamp() * 1000))
        out = io.BytesIO()
        Image.fromarray(picture * (not self.faults.black)).save(out, "JPEG", quality=90)
        return out.getvalue()

    def _later(self, body: bytes) -> None:
        async def send() -> None:
            try:
                await self.send(body)
            except NoAnswer:
                log.info("%s: nobody took the answer", self.gb_id)

        self._spawn(send())

    async def _answer_catalog(self, sn: int) -> None:
        items = [
            manscdp.CatalogItem(
                channel.id, channel.name, "Chengheng", "Simulator", "0", self.gb_id[:6], address="模拟点位",
                parent_id=channel.parent_id or self.gb_id, register_way=1, secrecy=0, status="ON", lon=channel.lon,
                lat=channel.lat, ptz_type=channel.ptz_type, parental=False,
            )
            for channel in self.channels.values()
        ]  # fmt: skip
        total = len(items) + (2 if self.faults.catalog_short else 0)
        size = 1 if self.faults.catalog_single else 2000 if self.transport == "tcp" else 4
        pages = [items[at : at + size] for at in range(0, len(items), size)]
        if self.faults.catalog_single:
            pages.reverse()
        for page in pages or [[]]:
            body = manscdp.catalog_page(sn, self.gb_id, total, page)
            if self.faults.split_datagrams and self.transport == "udp":
                await self._send_split(body)
            else:
                await self.send(body)

    async def _send_split(self, body: bytes) -> None:
        """One message cut over several datagrams (facts §2 quirk 6)."""
        peer = await self._peer()
        message = self._message("MESSAGE", body, content_type=XML)
        host, port = self.node.local_for(peer)
        message.headers = {"via": [f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{new_tag()}"], **message.headers}
        data = message.encode()
        for at in range(0, len(data), 400):
            self.node.endpoint.outgoing.append((peer, data[at : at + 400]))
        self.node.flush()

    async def _answer_records(self, sn: int, command: manscdp.Command) -> None:
        """Recordings of a quarter of an hour each, without a gap, over what was asked for and is past."""
        start = manscdp.moment(command.text("StartTime"))
        end = manscdp.moment(command.text("EndTime"))
        now = datetime.now(manscdp.CHINA)
        items: list[manscdp.RecordItem] = []
        if start and end:
            at = start.replace(minute=start.minute // 15 * 15, second=0)
            while at < min(end, now) and len(items) < 2000:
                items.append(
                    manscdp.RecordItem(
                        command.device_id,
                        "rec",
                        at,
                        min(at + timedelta(minutes=15), now),
                        "time",
                        size_bytes=90_000_000,
                    )
                )
                at += timedelta(minutes=15)
        for first in range(0, max(1, len(items)), 8):
            await self.send(manscdp.record_page(sn, command.device_id, self.name, len(items), items[first : first + 8]))

    # -- streams -------------------------------------------------------------------------------------------------
    async def _invite(self, request: Message, peer: Peer) -> None:
        faults = self.faults
        if faults.deaf:
            return
        if faults.answer_delay_s:
            await asyncio.sleep(faults.answer_delay_s)
        channel = self.channels.get(uri_of(request.uri).user) or self.channels.get(uri_of(request.get("to")).user)
        try:
            offer = sdp.read(request.body)
        except sdp.SdpError:
            offer = None
        second = offer is not None and "streamnumber:1" in offer.attributes
        if (
            faults.refuse
            or channel is None
            or offer is None
            or not request.get("subject")
            or (faults.no_sub and second)
        ):
            self.node.refuse(request, peer, faults.refuse or (404 if channel is None else 488))
            self.node.flush()
            return
        tag = new_tag()
        outlet = Outlet()
        asked = offer.ssrc_value or 0
        announced = f"{(asked + 7) % 10**10:010d}" if faults.own_ssrc else offer.ssrc
        used = (asked + 7 if faults.own_ssrc else asked + 99 if faults.wrong_ssrc else asked) & 0xFFFFFFFF
        answer = sdp.Description(
            owner=channel.id, session=offer.session or "Play", host=self.host, tcp=offer.tcp, payloads=[96],
            direction="sendonly", ssrc=announced, from_at=offer.from_at, to_at=offer.to_at,
        )  # fmt: skip
        if not offer.tcp:
            answer.port = await outlet.udp(offer.host, offer.port, self.host)
        elif offer.setup == "passive":
            answer.setup, answer.port = "active", 9
        else:
            answer.setup = "passive"
            answer.port = await outlet.tcp_passive(self.host)
        response = response_to(request, 200, "", tag)
        response.set("contact", f"<sip:{self.gb_id}@{self.host}:{self.node.port}>")
        response.set("content-type", "Application/SDP")
        response.body = answer.encode()
        self.node.answer(request, peer, response)
        self.node.flush()
        dialog = Dialog.answered(request, tag, peer)
        packetizer = Packetizer(used, 96, 1400, self.chance.randrange(65_536))
        zone = manscdp.CHINA
        sending = Sending(
            channel, dialog, peer, outlet, packetizer, offer.kind or "play",
            datetime.fromtimestamp(offer.from_at, zone) if offer.from_at else None,
            datetime.fromtimestamp(offer.to_at, zone) if offer.to_at else None,
        )  # fmt: skip
        if sending.kind == "download":
            sending.scale = float(offer.download_speed or 1)
        self.sendings.append(sending)
        if faults.silent:
            return
        try:
            if offer.tcp and offer.setup == "passive":
                await outlet.tcp_active(offer.host, offer.port, self.host)
        except OSError:
            log.warning("%s: no connection to %s:%s", self.gb_id, offer.host, offer.port)
            return
        sending.task = asyncio.ensure_future(self._send(sending))
        self._tasks.add(sending.task)
        sending.task.add_done_callback(self._tasks.discard)

    def _pictures_of(self, sending: Sending) -> _Pictures:
        """Live pictures are encoded once for all who watch; a playback has its own."""
        key = sending.channel.id if sending.kind == "play" else f"{sending.channel.id}/{id(sending)}"
        pictures = self._pictures.get(key)
        if pictures is None:
            pictures = self._pictures[key] = _Pictures(self, sending.channel)
        return pictures

    async def _send(self, sending: Sending) -> None:
        async with asyncio.timeout(10):
            await sending.outlet.connected.wait()
        pictures = self._pictures_of(sending)
        pictures.key_wanted = True
        sending.started = time.monotonic()
        faults = self.faults
        held: list[bytes] = []
        number = 0
        pts = 90_000
        due = time.monotonic()
        try:
            while not sending.outlet.lost:
                if faults.stop_after_s and time.monotonic() - sending.started > faults.stop_after_s:
                    return
                if sending.kind == "play":
                    data, key = await pictures.live()
                else:
                    due = max(due + 1 / (self.fps * sending.scale), time.monotonic() - 0.2)
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    if sending.paused:
                        continue
                    assert sending.from_at is not None
                    at = sending.from_at + timedelta(seconds=sending.position)
                    if sending.to_at is not None and at >= sending.to_at:
                        await self._finish(sending)
                        return
                    data, key = pictures.make(at)
                    sending.position += 1 / self.fps
                number += 1
                pts += 90_000 // self.fps if faults.unscaled else int(90_000 / self.fps / sending.scale)
                if not data:
                    continue
                whole = mux.frame(self.codec, data, pts, key, self.sound, pictures.sound)
                for packet in sending.packetizer.packets(whole, pts, not faults.no_marker):
                    if faults.loss and self.chance.random() < faults.loss:
                        continue
                    if faults.reorder and self.chance.random() < faults.reorder:
                        held.append(packet)
                        continue
                    sending.outlet.send(packet)
                    while held:
                        sending.outlet.send(held.pop())
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s: sending failed", self.gb_id)
        finally:
            sending.outlet.close()
            if sending in self.sendings:
                self.sendings.remove(sending)
            if sending.kind != "play":
                self._pictures.pop(f"{sending.channel.id}/{id(sending)}", None)

    async def _finish(self, sending: Sending) -> None:
        """End of the recording: MediaStatus 121 in the dialog (Annex B)."""
        self._sn += 1
        message = sending.dialog.request("MESSAGE", content_type=XML)
        message.body = manscdp.notify("MediaStatus", self._sn, sending.channel.id, NotifyType=121)
        try:
            await self.node.request(message, sending.peer, 4)
        except NoAnswer:
            log.info("%s: nobody took the end of the recording", self.gb_id)

    def _stop_sending(self, sending: Sending) -> None:
        if sending in self.sendings:
            self.sendings.remove(sending)
        if sending.task is not None:
            sending.task.cancel()
        sending.outlet.close()


class _Pictures:
    """Draws and encodes one channel. `live` paces itself by the clock and gives everybody the same unit."""

    def __init__(self, camera: Camera, channel: CameraChannel) -> None:
        self.camera, self.channel = camera, channel
        self.encoder = Encoder(camera.codec, camera.width, camera.height, camera.fps, camera.gop, camera.bit_rate)
        self.voice = Voice(camera.sound, camera.fps) if camera.sound else None
        self.sound = b""  # that goes with the last picture
        self.number = 0
        self.key_wanted = True
        self._next: asyncio.Future[tuple[bytes, bool]] | None = None
        self._due = 0.0

    def make(self, at: datetime) -> tuple[bytes, bool]:
        camera, channel = self.camera, self.channel
        move, view = channel.moving, channel.view
        step = 1 / camera.fps
        view.pan = max(-1.0, min(1.0, view.pan + move.pan / 255 * step))
        view.tilt = max(-1.0, min(1.0, view.tilt + move.tilt / 255 * step))
        view.zoom = max(1.0, min(3.0, view.zoom + move.zoom / 15 * step))
        if not camera.faults.frozen:
            self.number += 1
        picture = draw(
            camera.width, camera.height, self.number, view, channel.id[-10:], at,
            0 if camera.faults.frozen else int(at.timestamp() * 1000),
        )  # fmt: skip
        if camera.faults.black:
            picture = picture * 0
        if self.voice is not None:
            self.sound = self.voice.piece(at)
        key, self.key_wanted = self.key_wanted, False
        return self.encoder.encode(picture, key)

    async def live(self) -> tuple[bytes, bool]:
        if self._next is None or self._next.done():
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            now = loop.time()
            self._due = max(self._due + 1 / self.camera.fps, now - 0.2)
            loop.call_at(max(now, self._due), self._produce, self._next)
        return await asyncio.shield(self._next)

    def _produce(self, future: asyncio.Future[tuple[bytes, bool]]) -> None:
        if future.done():
            return
        try:
            future.set_result(self.make(datetime.now(manscdp.CHINA)))
        except Exception as error:
            future.set_exception(error)
