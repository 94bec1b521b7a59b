"""Upwards: we register at a platform above as a lower platform and serve it our shared channels (9.1 to 9.8).

It asks for the catalog, for device information, for live pictures and recordings, and steers what it may; it subscribes
to changes of the catalog, alarms and positions (9.11) and is told what concerns the shared channels. A picture is taken
from the one call that our own viewers share; its packets go up re-stamped with the SSRC that was agreed on, not taken
apart. IDs are mapped both ways; what is not shared does not exist for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chengheng.common.sipnode import NoAnswer
from chengheng.protocols.gb28181 import manscdp, mansrtsp, ptz, sdp
from chengheng.protocols.gb28181.ids import ssrc as make_ssrc
from chengheng.protocols.sip import digest
from chengheng.protocols.sip.dialog import Dialog
from chengheng.protocols.sip.endpoint import Peer, new_call_id, new_tag
from chengheng.protocols.sip.message import Message, response_to, uri_of
from chengheng.video import rules
from chengheng.video.live.platform import XML, CallStopped, Entry, LiveCall, Platform
from chengheng.video.live.ports import Outlet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger("chengheng.video.upstream")
KEEPALIVE_SECONDS = 60.0
EXPIRES = 3600
EVENTS = {"Catalog": "Catalog", "Alarm": "presence", "MobilePosition": "presence"}  # CmdType: Event header (9.11)
TURNS = ("ON", "OFF", "VLOST", "DEFECT")
TOGETHER_SECONDS = 0.2
PAGE = 20  # items of a catalog message over UDP; over TCP 2000


@dataclass(frozen=True)
class Shared:
    """One channel as the platform above sees it."""

    mapped_id: str
    channel_pk: int
    channel_id: str
    device_pk: int
    item: manscdp.CatalogItem
    may_steer: bool = False


@dataclass
class Above:
    """A platform above: where it is, who we are there, what it may see."""

    pk: int
    gb_id: str
    realm: str
    host: str
    port: int
    transport: str
    own_id: str
    login: str
    password: str
    shares: dict[str, Shared] = field(default_factory=dict)


@dataclass(eq=False)
class Subscriber:
    """What the platform above subscribed to; `told` is what it knows of the catalog, `only` one channel or all."""

    subject: str
    dialog: Dialog
    event: str
    until: float = 0.0
    interval_s: int = 0
    only: str = ""
    told: dict[str, manscdp.CatalogItem] = field(default_factory=dict)
    sent_at: dict[str, float] = field(default_factory=dict)


def changes(before: dict[str, manscdp.CatalogItem], after: dict[str, manscdp.CatalogItem]) -> list[manscdp.CatalogItem]:
    """The events (Annex P) that lead from one catalog to the other: DEL, ADD, UPDATE, then the turns of states."""
    events = [before[name]._replace(event="DEL") for name in before if name not in after]
    for name, item in after.items():
        old = before.get(name)
        if old is None:
            events.append(item._replace(event="ADD"))
        elif old._replace(status="", lon=None, lat=None) != item._replace(status="", lon=None, lat=None):
            events.append(item._replace(event="UPDATE"))
        turned = "ON" if old is None else old.status
        if turned != item.status:
            event = item.status if item.status in TURNS else "ON" if item.online else "OFF"
            events.append(item._replace(event=event, status="ON" if item.online else "OFF"))
    return events


@dataclass(eq=False)
class Relay:
    """One picture that goes up."""

    dialog: Dialog
    call: LiveCall
    outlet: Outlet
    ssrc: int
    own_call: bool

    def packet(self, data: bytes) -> None:
        """Pass a packet on under the SSRC that was agreed on."""
        self.outlet.send(data[:8] + self.ssrc.to_bytes(4, "big") + data[12:])


class Registration:
    """One platform above, for as long as it is set up. `told(registered, fault)` reports changes."""

    def __init__(self, platform: Platform, above: Above, told: Callable[[bool, str], Awaitable[None]]) -> None:
        self.platform, self.above, self.told = platform, above, told
        self.registered = False
        self.relays: dict[str, Relay] = {}
        self.subscriptions: dict[str, Subscriber] = {}
        self._telling: asyncio.Task[None] | None = None
        self._call_id = new_call_id("up")
        self._seq = 0
        self._sn = secrets.randbelow(10_000)
        self._task: asyncio.Task[None] | None = None
        self._serial = secrets.randbelow(9000)

    # -- registration --------------------------------------------------------------------------------------------
    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for relay in list(self.relays.values()):
            await self._end(relay, bye=True)
        if self.registered:
            with contextlib.suppress(NoAnswer, TimeoutError):
                async with asyncio.timeout(3):
                    await self._register(0)
        self.registered = False

    async def _peer(self) -> Peer:
        if self.above.transport == "tcp":
            return await self.platform.node.connect(self.above.host, self.above.port)
        return Peer("udp", self.above.host, self.above.port)

    async def _run(self) -> None:
        wait = 2.0
        while True:
            fault = ""
            try:
                status = await self._register(EXPIRES)
                if status == 200:
                    wait = 2.0
                    await self._tell(True, "")
                    await self._keep()
                    fault = "keepalive"
                else:
                    fault = f"REGISTER {status}"
            except NoAnswer:
                fault = "no answer"
            except (ValueError, OSError) as error:
                fault = str(error)[:150]
            await self._tell(False, fault)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 60.0)  # 9.1: not more often than once a minute when it goes on failing

    async def _tell(self, registered: bool, fault: str) -> None:
        if registered != self.registered or fault:
            self.registered = registered
            await self.told(registered, fault)

    async def _keep(self) -> None:
        """Keepalives until three are missed in a row, registration refreshed in time."""
        began, missed = time.monotonic(), 0
        while missed < 3:
            if time.monotonic() - began > EXPIRES * 0.7:
                if await self._register(EXPIRES) != 200:
                    return
                began = time.monotonic()
            self._sn += 1
            try:
                status = await self._send(manscdp.notify("Keepalive", self._sn, self.above.own_id, Status="OK"))
            except NoAnswer:
                missed += 1
                continue
            if status == 200:
                missed = 0
            elif status in (401, 403):
                return
            else:
                missed += 1
            await asyncio.sleep(KEEPALIVE_SECONDS)

    def _message(self, method: str, peer: Peer, body: bytes = b"", **headers: str) -> Message:
        above = self.above
        host, port = self.platform.node.local_for(peer)
        message = Message(method=method, uri=f"sip:{above.gb_id}@{above.realm}", body=body)
        message.set("from", f"<sip:{above.own_id}@{above.realm}>;tag={new_tag()}")
        message.set("to", f"<sip:{above.gb_id}@{above.realm}>")
        message.set("call-id", new_call_id(host))
        message.set("cseq", f"20 {method}")
        message.set("contact", f"<sip:{above.own_id}@{host}:{port}>")
        for name, value in headers.items():
            message.set(name.replace("_", "-"), value)
        return message

    async def _register(self, expires: int) -> int:
        peer = await self._peer()
        authorization = ""
        status = 0
        for _attempt in range(2):
            self._seq += 1
            message = self._message("REGISTER", peer, expires=str(expires), x_gb_ver="3.0")
            message.set("to", f"<sip:{self.above.own_id}@{self.above.realm}>")
            message.set("call-id", self._call_id)
            message.set("cseq", f"{self._seq} REGISTER")
            if authorization:
                message.set("authorization", authorization)
            answer = await self.platform.node.request(message, peer, 8)
            status = answer.status
            if status != 401 or authorization:
                break
            authorization = digest.answer(
                answer.get("www-authenticate"), self.above.login, self.above.password, "REGISTER", message.uri
            )
        return status

    async def _send(self, body: bytes) -> int:
        """One MESSAGE up; the next waits for its answer (Annex N)."""
        peer = await self._peer()
        return (
            await self.platform.node.request(self._message("MESSAGE", peer, body, content_type=XML), peer, 8)
        ).status

    # -- its requests --------------------------------------------------------------------------------------------
    def request(self, request: Message, peer: Peer) -> bool:
        """Handle a request that comes from this platform; False when it is not for us."""
        method = request.method
        relay = self.relays.get(request.call_id)
        if method == "INVITE":
            self.platform.later(self._invite(request, peer))
        elif method == "BYE" and relay is not None:
            self.platform.node.accept(request, peer)
            self.platform.later(self._end(relay))
        elif method == "INFO" and relay is not None:
            self.platform.later(self._info(relay, request, peer))
        elif method == "CANCEL":
            self.platform.node.accept(request, peer)
        elif method == "MESSAGE":
            self._command(request, peer)
        elif method == "SUBSCRIBE":
            self._subscribe(request, peer)
        else:
            return False
        return True

    def _command(self, request: Message, peer: Peer) -> None:
        node = self.platform.node
        try:
            command = manscdp.read(request.body)
        except manscdp.ManscdpError:
            node.refuse(request, peer, 400)
            return
        node.accept(request, peer, new_tag())
        sn, name, target = command.sn or 0, command.name, command.device_id
        shared = self.above.shares.get(target)
        if command.kind == "Query" and name == "Catalog":
            self.platform.later(self._catalog(sn))
        elif command.kind == "Query" and name == "DeviceInfo":
            self.platform.later(self._send(manscdp.respond(
                "DeviceInfo", sn, target, DeviceName="Chengheng", Result="OK", Manufacturer="Chengheng",
                Model="Platform", Firmware="1", Channel=len(self.above.shares),
            )))  # fmt: skip
        elif command.kind == "Query" and name == "DeviceStatus":
            online = shared is None or self._online(shared)
            self.platform.later(self._send(manscdp.respond(
                "DeviceStatus", sn, target, Result="OK", Online="ONLINE" if online else "OFFLINE", Status="OK",
                DeviceTime=manscdp.stamp(datetime.now(UTC)),
            )))  # fmt: skip
        elif command.kind == "Query" and name == "RecordInfo" and shared is not None:
            self.platform.later(self._records(sn, command, shared))
        elif command.kind == "Control" and name == "DeviceControl" and shared is not None and shared.may_steer:
            self._steer(command, shared)

    def _online(self, shared: Shared) -> bool:
        entry = self.platform.by_pk.get(shared.device_pk)
        return entry is not None and entry.online and shared.item.online

    def items(self) -> list[manscdp.CatalogItem]:
        """The catalog as it is seen from above; `status` is ON, OFF, VLOST or DEFECT."""
        return [
            shared.item._replace(
                id=shared.mapped_id, parent_id=self.above.own_id, group_id="", ip_address="", port=None,
                status="ON" if self._online(shared) else shared.item.status if not shared.item.online else "OFF",
            )
            for shared in self.above.shares.values()
        ]  # fmt: skip

    async def _catalog(self, sn: int) -> None:
        items = [item._replace(status="ON" if item.online else "OFF") for item in self.items()]
        size = 2000 if self.above.transport == "tcp" else PAGE
        for first in range(0, max(1, len(items)), size):
            await self._send(manscdp.catalog_page(sn, self.above.own_id, len(items), items[first : first + size]))

    async def _records(self, sn: int, command: manscdp.Command, shared: Shared) -> None:
        start, end = manscdp.moment(command.text("StartTime")), manscdp.moment(command.text("EndTime"))
        entry = self.platform.by_pk.get(shared.device_pk)
        found: list[Any] = []
        if start and end and entry is not None:
            with contextlib.suppress(CallStopped, NoAnswer):
                found = list((await self.platform.query_records(entry, shared.channel_id, start, end)).items.values())
        for first in range(0, max(1, len(found)), 8):
            page = [
                manscdp.RecordItem(shared.mapped_id, item.name, item.from_at, item.to_at, item.kind, item.path,
                                   item.address, item.secrecy, item.size_bytes)
                for item in found[first : first + 8]
            ]  # fmt: skip
            await self._send(manscdp.record_page(sn, shared.mapped_id, shared.item.name, len(found), page))

    def _steer(self, command: manscdp.Command, shared: Shared) -> None:
        text = command.text("PTZCmd")
        entry = self.platform.by_pk.get(shared.device_pk)
        if not text or entry is None:
            return
        try:
            ptz.decode(text)
        except ptz.PtzError:
            return
        now = time.monotonic()
        holder = self.platform.steering.get(shared.channel_pk)
        name = f"upstream {self.above.gb_id}"
        if not rules.may_steer(holder, name, 2, now):  # our own people go first
            return
        self.platform.steering[shared.channel_pk] = rules.Steering(name, self.above.gb_id, 2, now)
        with contextlib.suppress(CallStopped):
            self.platform.steer(entry, shared.channel_id, text, 2)

    # -- what it subscribed to -----------------------------------------------------------------------------------
    def _subscribe(self, request: Message, peer: Peer) -> None:
        """Begin, refresh or end a subscription; each subject has one, the latest."""
        node = self.platform.node
        held = next((item for item in self.subscriptions.values() if item.dialog.call_id == request.call_id), None)
        subject, target, interval = held.subject if held else "Catalog", "", held.interval_s if held else 0
        if request.body.strip():
            try:
                command = manscdp.read(request.body)
            except manscdp.ManscdpError:
                node.refuse(request, peer, 400)
                return
            subject, target, interval = command.name, command.device_id, command.number("Interval") or 0
        if subject not in EVENTS:
            node.refuse(request, peer, 489)
            return
        if target and target not in (self.above.own_id, self.platform.settings.gb_id, *self.above.shares):
            node.refuse(request, peer, 404)
            return
        granted = rules.granted_subscription(request.expires)
        if held is None and granted == 0:
            node.refuse(request, peer, 481)
            return
        tag = held.dialog.key[1] if held else new_tag()
        host, port = node.local_for(peer)
        node.accept(
            request, peer, tag, expires=str(granted), contact=f"<sip:{self.above.own_id}@{host}:{port}>",
            event=request.get("event") or EVENTS[subject],
        )  # fmt: skip
        if granted == 0:
            self.subscriptions.pop(subject, None)
            return
        if held is None:
            held = Subscriber(subject, Dialog.answered(request, tag, peer), request.get("event") or EVENTS[subject])
            self.subscriptions[subject] = held
            held.only = target if target in self.above.shares else ""
            if subject == "Catalog":  # Annex P: it takes everything for online until it is told otherwise
                held.told = {item.id: item._replace(status="ON") for item in self._seen_by(held)}
        held.until, held.interval_s = time.time() + granted, max(0, min(interval, 3600))
        if subject == "Catalog":
            self.poke()

    def poke(self) -> None:
        """Something may have changed: say soon what did; what comes together is told together."""
        if "Catalog" in self.subscriptions and (self._telling is None or self._telling.done()):
            self._telling = asyncio.ensure_future(self._tell_changes())
            self.platform.later(self._telling)

    async def _tell_changes(self) -> None:
        """Compare the catalog with what the subscriber knows, until there is nothing left to say."""
        await asyncio.sleep(TOGETHER_SECONDS)
        while (held := self._live("Catalog")) is not None:
            now = {item.id: item for item in self._seen_by(held)}
            events = changes(held.told, now)
            if not events:
                return
            size = 200 if self.above.transport == "tcp" else 4
            for first in range(0, len(events), size):
                page = events[first : first + size]
                self._sn += 1
                body = manscdp.catalog_page(self._sn, self.above.own_id, len(page), page, kind="Notify")
                if not await self._notify(held, body):
                    return
            held.told = now

    def _seen_by(self, held: Subscriber) -> list[manscdp.CatalogItem]:
        return [item for item in self.items() if held.only in ("", item.id)]

    def _live(self, subject: str) -> Subscriber | None:
        held = self.subscriptions.get(subject)
        if held is not None and held.until < time.time():
            del self.subscriptions[subject]
            return None
        return held if self.registered else None

    async def _notify(self, held: Subscriber, body: bytes) -> bool:
        """One NOTIFY; a subscriber that no longer knows the dialog is forgotten. False: it was not taken."""
        message = held.dialog.request(
            "NOTIFY", event=held.event, subscription_state=f"active;expires={max(0, int(held.until - time.time()))}",
            content_type=XML,
        )  # fmt: skip
        message.body = body
        try:
            status = (await self.platform.node.request(message, await self._peer(), 8)).status
        except NoAnswer:
            return False
        if status in (403, 404, 481, 489) and self.subscriptions.get(held.subject) is held:
            del self.subscriptions[held.subject]
        return status < 300

    def channels_told(self, entry: Entry, items: list[manscdp.CatalogItem]) -> None:
        """A device told of its channels: what is shared of it follows at once, not with the next reading of the rows."""
        states = {item.id: item for item in items if item.event not in ("DEL", "ADD")}
        for mapped, shared in list(self.above.shares.items()):
            item = states.get(shared.channel_id) if shared.device_pk == entry.pk else None
            if item is None:
                continue
            status = item.event if item.event in TURNS else "ON" if item.online else "OFF"
            if status != shared.item.status and (item.event in TURNS or item.status):
                self.above.shares[mapped] = replace(shared, item=shared.item._replace(status=status))
        self.poke()

    def placed(self, entry: Entry, found: list[manscdp.Position]) -> None:
        """Positions of shared channels, or of the device that carries them, not more often than was asked for."""
        held = self._live("MobilePosition")
        if held is None:
            return
        now = time.monotonic()
        for shared in self.above.shares.values():
            if shared.device_pk != entry.pk or (held.only and held.only != shared.mapped_id):
                continue
            mine = [item for item in found if item.device_id in (shared.channel_id, entry.gb_id)]
            if not mine or now - held.sent_at.get(shared.mapped_id, -1e9) < held.interval_s * 0.9:
                continue
            held.sent_at[shared.mapped_id] = now
            at = mine[-1]
            self._sn += 1
            body = manscdp.notify(
                "MobilePosition", self._sn, shared.mapped_id, Time=manscdp.stamp(at.at or datetime.now(UTC)),
                Longitude=at.lon, Latitude=at.lat, Speed=at.speed_kmh, Direction=at.direction, Altitude=at.altitude_m,
            )  # fmt: skip
            self.platform.later(self._notify(held, body))

    def alarmed(self, entry: Entry, alarm: manscdp.Alarm) -> None:
        """An alarm of a shared channel."""
        held = self._live("Alarm")
        if held is None:
            return
        for shared in self.above.shares.values():
            if shared.device_pk != entry.pk or shared.channel_id != alarm.device_id:
                continue
            if held.only and held.only != shared.mapped_id:
                continue
            self._sn += 1
            body = manscdp.notify(
                "Alarm", self._sn, shared.mapped_id, AlarmPriority=alarm.priority, AlarmMethod=alarm.method,
                AlarmTime=manscdp.stamp(alarm.at or datetime.now(UTC)), AlarmDescription=alarm.description,
                Longitude=alarm.lon, Latitude=alarm.lat,
                Info={"AlarmType": alarm.kind} if alarm.kind is not None else None,
            )  # fmt: skip
            self.platform.later(self._notify(held, body))

    # -- pictures upwards ----------------------------------------------------------------------------------------
    async def _invite(self, request: Message, peer: Peer) -> None:
        node = self.platform.node
        tag = new_tag()
        target = uri_of(request.uri).user
        shared = self.above.shares.get(target) or self.above.shares.get(uri_of(request.get("to")).user)
        try:
            offer: sdp.Description | None = sdp.read(request.body)
        except sdp.SdpError:
            offer = None
        entry = self.platform.by_pk.get(shared.device_pk) if shared is not None else None
        if shared is None or entry is None:
            self._refuse(request, peer, 404)
            return
        if offer is None or offer.media != "video" or not offer.host:
            self._refuse(request, peer, 488)
            return
        node.answer(request, peer, response_to(request, 100))
        node.flush()
        outlet = Outlet()
        try:
            call, own = await self._call(shared, entry, offer)
        except CallStopped as stopped:
            self._refuse(request, peer, 486 if "486" in stopped.detail else 480)
            return
        call.holds += 1
        self._serial += 1
        # in a foreign domain the called side chooses the SSRC (Annex F note 4); what was asked for is kept when given
        text = offer.ssrc if offer.ssrc_value is not None else make_ssrc(self.above.own_id, self._serial, not own)
        answer = sdp.Description(
            owner=shared.mapped_id, session=offer.session, host=self._announced(peer), tcp=offer.tcp, payloads=[96],
            direction="sendonly", ssrc=text, from_at=offer.from_at, to_at=offer.to_at, filesize=call.filesize,
        )  # fmt: skip
        try:
            bind = self.platform.settings.host
            if not offer.tcp:
                answer.port = await outlet.udp(offer.host, offer.port, bind)
            elif offer.setup != "active":
                answer.setup, answer.port = "active", await outlet.tcp_active(offer.host, offer.port, bind)
            else:
                answer.setup, answer.port = "passive", await outlet.tcp_passive(bind)
        except OSError:
            call.holds -= 1
            outlet.close()
            self._refuse(request, peer, 488)
            return
        host, port = node.local_for(peer)
        response = response_to(
            request, 200, "", tag, contact=f"<sip:{self.above.own_id}@{host}:{port}>", content_type="APPLICATION/SDP"
        )
        response.body = answer.encode()
        node.answer(request, peer, response)
        node.flush()
        relay = Relay(Dialog.answered(request, tag, peer), call, outlet, int(text) & 0xFFFFFFFF, own)
        self.relays[request.call_id] = relay
        call.source.packet_listeners.add(relay.packet)
        call.listeners.add(lambda step: self.platform.later(self._end(relay, bye=True)) if step == "ended" else None)

    def _refuse(self, request: Message, peer: Peer, status: int) -> None:
        self.platform.node.refuse(request, peer, status)
        self.platform.node.flush()

    def _announced(self, peer: Peer) -> str:
        return self.platform.settings.announce or self.platform.node.local_for(peer)[0]

    async def _call(self, shared: Shared, entry: Any, offer: sdp.Description) -> tuple[LiveCall, bool]:
        """The shared live call, or a call of its own for a recording."""
        if offer.kind in ("playback", "download"):
            call = self.platform.prepare(
                entry, shared.channel_pk, shared.channel_id, offer.kind, purpose="relay",
                from_at=datetime.fromtimestamp(offer.from_at, UTC), to_at=datetime.fromtimestamp(offer.to_at, UTC),
            )  # fmt: skip
            return await self.platform.begin(call), True
        return (
            await self.platform.live(entry, shared.channel_pk, shared.channel_id, purpose="relay"),
            False,
        )

    async def _info(self, relay: Relay, request: Message, peer: Peer) -> None:
        """Pass a playback control down."""
        status = 200
        try:
            control = mansrtsp.read(request.body)
            if isinstance(control, mansrtsp.Control):
                await self.platform.playback_control(
                    relay.call, control.method, scale=control.scale, seek_s=control.seek_s
                )
        except (mansrtsp.MansrtspError, CallStopped, NoAnswer):
            status = 400
        self.platform.node.answer(request, peer, response_to(request, status))
        self.platform.node.flush()

    async def _end(self, relay: Relay, bye: bool = False) -> None:
        if self.relays.pop(relay.dialog.call_id, None) is None:
            return
        relay.call.source.packet_listeners.discard(relay.packet)
        relay.call.holds -= 1
        relay.outlet.close()
        if bye:
            with contextlib.suppress(NoAnswer):
                await self.platform.node.request(relay.dialog.request("BYE"), relay.dialog.peer, 4)
        if relay.own_call:
            await self.platform.end(relay.call, "stopped")


class Upwards:
    """All platforms above. `reload` takes over what is set up; `request` finds whose request it is."""

    def __init__(self, platform: Platform, told: Callable[[int, bool, str], Awaitable[None]]) -> None:
        self.platform, self._told = platform, told
        self.registrations: dict[int, Registration] = {}
        platform.on_upper_request = self.request
        platform.on_turn = self._turned
        platform.on_channels = self._channels
        platform.on_positions = self._placed
        platform.on_alarm = self._alarmed

    def _turned(self, entry: Entry) -> None:
        for item in self.registrations.values():
            if any(shared.device_pk == entry.pk for shared in item.above.shares.values()):
                item.poke()

    def _channels(self, entry: Entry, items: list[manscdp.CatalogItem]) -> None:
        for item in self.registrations.values():
            item.channels_told(entry, items)

    def _placed(self, entry: Entry, found: list[manscdp.Position]) -> None:
        for item in self.registrations.values():
            item.placed(entry, found)

    def _alarmed(self, entry: Entry, alarm: manscdp.Alarm) -> None:
        for item in self.registrations.values():
            item.alarmed(entry, alarm)

    async def reload(self, rows: list[Above]) -> None:
        """Start, change and stop registrations; shares of a running one change without a new registration."""
        wanted = {row.pk: row for row in rows}
        self.platform.above_ids = frozenset(row.gb_id for row in rows)
        for pk, running in list(self.registrations.items()):
            row = wanted.get(pk)
            if row is None or _who(row) != _who(running.above):
                del self.registrations[pk]
                await running.stop()
            else:
                running.above.shares = row.shares
                running.poke()
        for pk, row in wanted.items():
            if pk not in self.registrations:

                async def told(registered: bool, fault: str, pk: int = pk) -> None:
                    await self._told(pk, registered, fault)

                self.registrations[pk] = Registration(self.platform, row, told)
                self.registrations[pk].start()

    async def stop(self) -> None:
        await asyncio.gather(*(item.stop() for item in self.registrations.values()), return_exceptions=True)

    def request(self, request: Message, peer: Peer) -> bool:
        """Requests of a platform above come from its address under its ID; everything else is not for us."""
        who = uri_of(request.get("from")).user
        for registration in self.registrations.values():
            above = registration.above
            if not registration.registered or peer.host not in registration_hosts(above):
                continue
            if who == above.gb_id or request.call_id in registration.relays:
                return registration.request(request, peer)
        return False


def registration_hosts(above: Above) -> set[str]:
    """The addresses that count as this platform's."""
    import socket

    if above.host not in _resolved:
        try:
            found = {item[4][0] for item in socket.getaddrinfo(above.host, None)}
        except OSError:
            found = set()
        _resolved[above.host] = {above.host} | {str(item) for item in found}
    return _resolved[above.host]


_resolved: dict[str, set[str]] = {}


def _who(above: Above) -> tuple[Any, ...]:
    return (
        above.gb_id,
        above.realm,
        above.host,
        above.port,
        above.transport,
        above.own_id,
        above.login,
        above.password,
    )
