"""The GB/T 28181 platform: registrar, presence, catalogs, call-ups, control. Knows no database: `Store` is its window.

REGISTER and Keepalive are handled in the step in which they arrive, from memory; the store is told in batches. What
takes several messages (a catalog, a call) is a coroutine.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from chengheng.common.sipnode import NoAnswer, Node
from chengheng.protocols.gb28181 import edition as edition_of
from chengheng.protocols.gb28181 import ids, manscdp, mansrtsp, sdp
from chengheng.protocols.gb28181.gathering import Gathering
from chengheng.protocols.gb28181.redact import redact
from chengheng.protocols.sip import digest
from chengheng.protocols.sip.dialog import Dialog
from chengheng.protocols.sip.endpoint import Peer, new_call_id, new_tag
from chengheng.protocols.sip.message import REASONS, Message, user_of
from chengheng.protocols.sip.usual import Usual
from chengheng.video import rules
from chengheng.video.live.ports import Inlet, NoPort, PortRange
from chengheng.video.live.source import Source, Viewer
from chengheng.video.live.subscriptions import LOOK_SECONDS, WORKERS, Held, Subscriptions
from chengheng.video.live.talk import Talk, Talks

log = logging.getLogger("chengheng.video")
MEDIA_WAIT_SECONDS = 10.0
KEY_WAIT_SECONDS = 12.0
MEDIA_LOST_SECONDS = 10.0
GREETERS = 10  # devices that are asked at once after they have registered
XML = "Application/MANSCDP+xml"


def utcnow() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """`gb_id` our own ID, `realm` free text of the digest, `host` to bind, `announce` our address in SDP ("" finds it)."""

    gb_id: str
    realm: str
    host: str = "127.0.0.1"
    port: int = 5060
    announce: str = ""
    media_first: int = 30000
    media_last: int = 30999
    algorithm: str = "MD5"
    key: bytes = b""


@dataclass
class Entry:
    """A device in memory: what the store said, its binding, its presence."""

    pk: int
    gb_id: str
    login: str
    password: str
    enabled: bool = True
    mode: str = "tcp_passive"
    pinned: str = ""
    edition: int | None = None
    peer: Peer | None = None
    contact: str = ""
    expires_at: float = 0.0  # wall clock
    seen_at: float = 0.0
    saved_seen_at: float = 0.0
    online: bool = False
    keepalive_s: float = rules.KEEPALIVE_SECONDS
    failures: int = 0
    locked_until: float = 0.0
    catalog_minutes: int = 720
    catalog_at: float = 0.0
    registered_at: float = 0.0
    greeted: bool = False
    call_id: str = ""  # of its registration: another one means that it has restarted
    wants: frozenset[str] = frozenset({"Catalog"})  # what it shall tell by itself: Catalog, Alarm, MobilePosition
    position_s: int = 10
    subscriptions: dict[str, Held] = field(default_factory=dict)
    declined: dict[str, float] = field(default_factory=dict)  # subject: not to be asked for again before
    due_at: float = 0.0  # when its subscriptions are to be looked at
    settling: bool = False
    generation: int = 0
    writing: asyncio.Task[None] | None = None


class Store(Protocol):
    """What the platform tells and asks the database. Every method may take its time."""

    async def devices(self, changed_since: datetime | None) -> list[Entry]: ...
    async def presence(self, entries: list[Entry], turned: list[tuple[int, bool, datetime, str]]) -> None: ...
    async def device_info(self, pk: int, info: manscdp.DeviceInfo, edition: int | None) -> None: ...
    async def catalog(
        self, pk: int, items: list[manscdp.CatalogItem], complete: bool, total: int | None, whole: bool
    ) -> None: ...
    async def alarm(self, pk: int, alarm: manscdp.Alarm) -> None: ...
    async def positions(self, pk: int, found: list[manscdp.Position]) -> None: ...
    async def subscription(self, pk: int, subject: str, state: str, until: float, detail: str) -> None: ...
    async def notices(self, rows: list[tuple[int, str, int, float]]) -> None: ...
    async def call_began(self, call: LiveCall) -> None: ...
    async def call_changed(self, call: LiveCall) -> None: ...
    async def talk_began(self, talk: Talk) -> None: ...
    async def talk_ended(self, talk: Talk) -> None: ...
    async def registration_refused(self, pk: int, failures: int, locked_until: float) -> None: ...


class CallStopped(Exception):
    """A call-up that did not come about or has ended: `code` is a key of `words.REASONS`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


@dataclass(eq=False)
class LiveCall:
    """One INVITE and its stream. `steps` maps rules.STEPS to times; `key` is what viewers share it by."""

    id: str
    entry: Entry
    channel_pk: int
    channel_id: str
    kind: str
    mode: str
    purpose: str = "view"
    user_pk: int | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    speed: float = 1.0
    stream_number: int = 0
    key: Hashable = None
    source: Source = field(default_factory=Source)
    inlet: Inlet | None = None
    dialog: Dialog | None = None
    peer: Peer | None = None
    ssrc: str = ""
    steps: dict[str, datetime] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    stop_code: str = ""
    stop_detail: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    idle_since: float | None = None
    info_seq: int = 0
    saved: bool = False
    filesize: int | None = None
    listeners: set[Callable[[str], None]] = field(default_factory=set)
    holds: int = 0

    def step(self, name: str) -> None:
        if name not in self.steps:
            self.steps[name] = utcnow()
            for listener in tuple(self.listeners):
                listener(name)

    def note(self, direction: str, message: Message) -> None:
        if len(self.trace) < 40:
            at = utcnow().strftime("%H:%M:%S.%f")[:-3]
            self.trace.append(f"{at} {direction}\n{redact(message.encode())}")


class Platform:
    """Start with `start`, end with `stop`. `watch` gives a viewer; `call` a stream; `query_*`, `control` ask devices."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.node = Node(settings.host, settings.port)
        self.node.on_request = self._request
        self.node.on_usual = self._usual
        self.node.on_gone = self._connection_gone
        self.guard = digest.Guard(settings.realm, settings.key or secrets.token_bytes(32), settings.algorithm)
        self.ports = PortRange(settings.host, settings.media_first, settings.media_last)
        self.entries: dict[str, Entry] = {}
        self.by_pk: dict[int, Entry] = {}
        self.calls: dict[str, LiveCall] = {}
        self.shared: dict[Hashable, asyncio.Task[LiveCall]] = {}
        self.steering: dict[int, rules.Steering] = {}
        self.on_upper_request: Callable[[Message, Peer], bool] = lambda request, peer: False
        self.above_ids: frozenset[str] = frozenset()
        self.on_alarm: Callable[[Entry, manscdp.Alarm], None] = lambda entry, alarm: None
        self.on_turn: Callable[[Entry], None] = lambda entry: None
        self.on_channels: Callable[[Entry, list[manscdp.CatalogItem]], None] = lambda entry, items: None
        self.on_positions: Callable[[Entry, list[manscdp.Position]], None] = lambda entry, found: None
        self.subscriptions = Subscriptions(self)
        self.talks = Talks(self)
        self.node.on_ack = self.talks.acknowledge
        self.on_snapshots: Callable[[Entry, manscdp.SnapshotsDone], None] = lambda entry, done: None
        self.refused_sources: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.counts = {"registered": 0, "refused": 0, "keepalive": 0, "unknown": 0, "blocked": 0}
        self._sn = secrets.randbelow(100_000)
        self._clock = (0, "")
        self._serial = secrets.randbelow(9000)
        self._queries: dict[tuple[str, int], asyncio.Future[manscdp.Command]] = {}
        self._gatherings: dict[tuple[str, str, int], tuple[Gathering, asyncio.Event]] = {}
        self._turned: list[tuple[int, bool, datetime, str]] = []
        self._dirty: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._greetings: asyncio.Queue[Entry] = asyncio.Queue()
        self._running: list[asyncio.Task[None]] = []
        self._last_load: datetime | None = None
        self._dialogs: dict[str, LiveCall] = {}

    # -- life ----------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        await self.reload()
        await self.node.start()
        self._running = [
            asyncio.create_task(self._every(1.0, self._watch_calls)),
            asyncio.create_task(self._every(3.0, self._presence)),
            asyncio.create_task(self._every(10.0, self.reload)),
            asyncio.create_task(self._every(30.0, self._refresh)),
            asyncio.create_task(self._every(LOOK_SECONDS, self.subscriptions.look)),
            *(asyncio.create_task(self._greeter()) for _number in range(GREETERS)),
            *(asyncio.create_task(self.subscriptions.work()) for _number in range(WORKERS)),
        ]

    async def stop(self) -> None:
        for call in list(self.calls.values()):
            await self.end(call, "shutdown")
        for talk in list(self.talks.speaking.values()):
            await self.talks.end(talk, "shutdown")
        for task in (*self._running, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._running, *self._tasks, return_exceptions=True)
        await self._presence()
        await self.node.stop()

    async def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                log.exception("%s failed; it will be tried again", work.__name__)

    def later(self, work: Any) -> None:
        """Run a coroutine beside the loop; its failure is logged, not lost."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)

        def done(ended: asyncio.Task[Any]) -> None:
            self._tasks.discard(ended)
            if not ended.cancelled() and ended.exception() is not None:
                error = ended.exception()
                if not isinstance(error, NoAnswer | CallStopped):
                    log.error("background work failed", exc_info=error)

        task.add_done_callback(done)

    async def reload(self) -> None:
        """Take over devices that were added or changed; a binding survives unless the device was switched off."""
        started = utcnow()
        for new in await self.store.devices(self._last_load):
            old = self.entries.get(new.gb_id)
            if old is None:
                self.entries[new.gb_id] = self.by_pk[new.pk] = new
            else:
                for name in ("login", "password", "mode", "pinned", "catalog_minutes"):
                    setattr(old, name, getattr(new, name))
                if (old.wants, old.position_s) != (new.wants, new.position_s):
                    for subject in new.wants - old.wants:
                        old.declined.pop(subject, None)
                    old.wants, old.position_s, old.due_at = new.wants, new.position_s, 0.0
                if old.enabled and not new.enabled:
                    self._turn(old, False, "disabled")
                    old.expires_at, old.peer = 0.0, None
                old.enabled = new.enabled
                if new.locked_until < old.locked_until:
                    old.locked_until, old.failures = new.locked_until, new.failures
        self._last_load = started

    # -- requests of others --------------------------------------------------------------------------------------
    def _request(self, request: Message, peer: Peer) -> None:
        method = request.method
        if method == "REGISTER":
            self._register(request, peer)
        elif self.on_upper_request(request, peer):
            return
        elif method in ("MESSAGE", "NOTIFY"):
            self._message(request, peer)
        elif method == "BYE":
            self._bye(request, peer)
        elif method == "OPTIONS":
            self.node.accept(
                request, peer, allow="INVITE, ACK, BYE, CANCEL, MESSAGE, NOTIFY, SUBSCRIBE, INFO, REGISTER"
            )
        elif method == "INVITE" and self.talks.invited(request, peer):
            return
        elif method in ("INVITE", "SUBSCRIBE", "INFO", "CANCEL"):
            self.node.refuse(request, peer, 403)
        else:
            self.node.refuse(request, peer, 405)

    def _blocked(self, host: str, now: float) -> bool:
        known = self.refused_sources.get(host)
        return known is not None and known[0] >= rules.SOURCE_FAILURES_TO_LOCK and now < known[1]

    def _count_refusal(self, host: str, now: float) -> None:
        count, _until = self.refused_sources.pop(host, (0, 0.0))
        self.refused_sources[host] = (count + 1, now + rules.LOCK_SECONDS)
        while len(self.refused_sources) > 10_000:
            self.refused_sources.popitem(last=False)

    def _register(self, request: Message, peer: Peer) -> None:
        version, contact = request.get("x-gb-ver"), request.get("contact")
        who = user_of(request.get("from"))
        status, lines = self._registration(
            who, request.get("authorization"), request.expires, contact, version, peer, request.call_id
        )
        headers = {name.lower().replace("-", "_"): value for name, value in lines}
        if status == 200:
            self.node.accept(request, peer, new_tag(), **headers)
            self.node.endpoint.learn(request)
        elif status:
            self.node.refuse(request, peer, status, **headers)

    def _usual(self, request: Usual, peer: Peer) -> bytes | None:
        """The same decisions for a registration or keepalive that was read the usual way."""
        if request.method == "REGISTER":
            status, lines = self._registration(
                request.who, request.authorization, request.expires, request.contact, request.version, peer,
                request.key[0],
            )  # fmt: skip
            if not status:
                return b""
            told = "".join([f"{name}: {value}\r\n" for name, value in lines])
            return request.answer(
                f"{status} {REASONS[status]}", peer.host, peer.port, new_tag(), told, self.node.endpoint.agent
            )
        if request.who in self.above_ids:
            return None
        entry = self._known_by(request.who, peer)
        if entry is None:
            return None
        self._alive(entry)
        return request.answer("200 OK", peer.host, peer.port, new_tag(), "", self.node.endpoint.agent)

    def _registration(
        self, who: str, authorization: str, asked: int | None, contact: str, version: str, peer: Peer, call_id: str = ""
    ) -> tuple[int, tuple[tuple[str, str], ...]]:
        """Decide about a REGISTER: status (0: no answer at all) and the answer's own header lines."""
        now = time.time()
        if self.refused_sources and self._blocked(peer.host, now):
            self.counts["blocked"] += 1
            return 0, ()  # a guesser learns nothing and costs nothing
        entry = self.entries.get(who)
        if entry is None or not entry.enabled or (entry.pinned and entry.pinned != peer.host):
            self.counts["unknown"] += 1
            self._count_refusal(peer.host, now)
            return 403, ()
        if entry.locked_until > now:
            return 403, ()
        verdict = self.guard.check(authorization, "REGISTER", who, peer.host, entry.login, entry.password, now)
        if verdict is not digest.Verdict.RIGHT:
            if verdict in (digest.Verdict.WRONG, digest.Verdict.REPLAYED):
                self._failed(entry, peer, now)
                if entry.locked_until > now:
                    return 403, ()
            stale = verdict is digest.Verdict.STALE
            return 401, (("WWW-Authenticate", self.guard.challenge(who, peer.host, now, stale)),)
        entry.failures = 0
        expires = rules.granted_expires(asked)
        lines = [("Date", self._date(int(now))), ("Expires", str(expires))]
        if version:
            lines.append(("X-GB-Ver", "3.0"))
        if contact:
            lines.append(("Contact", contact))
        entry.seen_at = now
        self._dirty.add(who)
        if expires == 0:
            entry.expires_at, entry.greeted = 0.0, False
            self.subscriptions.forget(entry)
            self._turn(entry, False, "unregistered")
            return 200, tuple(lines)
        self.counts["registered"] += 1
        fresh = not entry.online or entry.peer != peer
        entry.peer, entry.contact = peer, contact
        entry.expires_at = now + expires
        entry.registered_at = now
        entry.edition = edition_of(version) or entry.edition
        self._turn(entry, True, "registered")
        if fresh or not entry.greeted or (entry.call_id and entry.call_id != call_id):
            self.subscriptions.forget(entry)
        entry.call_id = call_id
        if fresh or not entry.greeted:
            entry.greeted = True
            self._greetings.put_nowait(entry)
        return 200, tuple(lines)

    def _date(self, second: int) -> str:
        """The Date header (9.10 time sync), made once a second."""
        if self._clock[0] != second:
            self._clock = (second, f"{manscdp.stamp(datetime.fromtimestamp(second, UTC))}.000")
        return self._clock[1]

    def _failed(self, entry: Entry, peer: Peer, now: float) -> None:
        self.counts["refused"] += 1
        self._count_refusal(peer.host, now)
        entry.failures += 1
        if entry.failures >= rules.FAILURES_TO_LOCK:
            entry.locked_until = now + rules.LOCK_SECONDS
            log.warning("device %s is locked: %s wrong passwords, last from %s", entry.gb_id, entry.failures, peer.host)
            entry.failures = 0
        self.later(self.store.registration_refused(entry.pk, entry.failures, entry.locked_until))

    def _turn(self, entry: Entry, online: bool, reason: str) -> None:
        if entry.online == online:
            return
        entry.online = online
        self._turned.append((entry.pk, online, utcnow(), reason))
        self._dirty.add(entry.gb_id)
        self.on_turn(entry)

    def _known(self, request: Message, peer: Peer) -> Entry | None:
        """The registered device that this request comes from; its address must be that of its registration."""
        return self._known_by(user_of(request.get("from")), peer)

    def _known_by(self, who: str, peer: Peer) -> Entry | None:
        entry = self.entries.get(who)
        if entry is None or entry.peer is None or not entry.enabled:
            return None
        if entry.expires_at < time.time() or entry.peer.host != peer.host or entry.peer.transport != peer.transport:
            return None
        if peer.transport == "tcp" and entry.peer.port != peer.port:
            return None
        return entry

    def _message(self, request: Message, peer: Peer) -> None:
        entry = self._known(request, peer)
        if entry is None:
            self.counts["unknown"] += 1
            self.node.refuse(request, peer, 403)
            return
        body = request.body
        if b">Keepalive<" in body and b"<Info>" not in body:
            self._alive(entry)
            self.node.accept(request, peer, new_tag())
            self.node.endpoint.learn(request)
            return
        entry.seen_at = time.time()
        self._dirty.add(entry.gb_id)
        if not body.strip():
            self.node.accept(request, peer, new_tag())
            if request.method == "NOTIFY":
                self.subscriptions.notice(entry, "", request)
            return
        try:
            command = manscdp.read(body)
        except manscdp.ManscdpError as error:
            log.info("unreadable message of %s: %s", entry.gb_id, error)
            self.node.refuse(request, peer, 400)
            return
        if request.method == "NOTIFY" and not self.subscriptions.notice(entry, command.name, request):
            self.node.refuse(request, peer, 481)  # RFC 6665 4.1.3: whoever sends it ends its subscription then
            return
        self.node.accept(request, peer, new_tag())
        self._command(entry, command, request)

    def _alive(self, entry: Entry) -> None:
        """A keepalive without news."""
        entry.seen_at = time.time()
        self._dirty.add(entry.gb_id)
        self.counts["keepalive"] += 1
        if not entry.online:
            self._turn(entry, True, "keepalive")

    def _command(self, entry: Entry, command: manscdp.Command, request: Message) -> None:
        name = command.name
        if name == "Keepalive":
            self.counts["keepalive"] += 1
            self._turn(entry, True, "keepalive")
        elif name in ("Catalog", "RecordInfo") and command.kind == "Response":
            page = manscdp.catalog(command) if name == "Catalog" else manscdp.records(command)
            self._page(entry, name, command.sn, page)
        elif name == "Catalog" and command.kind == "Notify":
            items = list(manscdp.catalog(command).items)
            if items:
                self._in_order(entry, self.store.catalog(entry.pk, items, False, None, False))
                self.on_channels(entry, items)
        elif name == "Alarm" and command.kind == "Notify":
            alarm = manscdp.alarm(command)
            self.later(self.store.alarm(entry.pk, alarm))
            self.on_alarm(entry, alarm)
            self._reply(entry, manscdp.respond("Alarm", command.sn or 0, command.device_id, Result="OK"))
        elif name == "MobilePosition" and command.kind == "Notify":
            places = manscdp.positions(command)
            self.later(self.store.positions(entry.pk, places))
            self.on_positions(entry, places)
        elif name == "MediaStatus":
            for call in list(self.calls.values()):
                if call.entry is entry and (call.dialog is None or call.dialog.call_id == request.call_id):
                    self.later(self.end(call, "finished"))
                    break
            else:
                for call in list(self.calls.values()):
                    if call.entry is entry and call.channel_id == command.device_id and call.kind != "live":
                        self.later(self.end(call, "finished"))
        elif name == "UploadSnapShotFinished":
            self.on_snapshots(entry, manscdp.snapshots_done(command))
        elif command.kind == "Response" and command.sn is not None:
            waiting = self._queries.get((name, command.sn))
            if waiting is not None and not waiting.done():
                waiting.set_result(command)

    def _page(self, entry: Entry, name: str, sn: int | None, page: manscdp.Page) -> None:
        for key, (gathering, wake) in list(self._gatherings.items()):
            if key[0] == entry.gb_id and key[1] == name and (sn is None or key[2] == sn):
                if gathering.receive(page, time.monotonic()):
                    wake.set()
                return
        if name == "Catalog" and page.items:  # an answer that nobody waits for any more still tells something
            self._in_order(entry, self.store.catalog(entry.pk, list(page.items), False, page.total, False))

    def _in_order(self, entry: Entry, work: Any) -> None:
        """As `later`, but after what is still being written of this device: OFF and ON must not overtake each other."""
        before = entry.writing

        async def after() -> None:
            if before is not None:
                await asyncio.wait((before,))
            await work

        entry.writing = asyncio.ensure_future(after())
        self.later(entry.writing)

    def _connection_gone(self, peer: Peer) -> None:
        for entry in self.entries.values():
            if entry.peer == peer:
                entry.greeted = False  # it will come back on another connection
        for call in list(self.calls.values()):
            if call.peer == peer and call.inlet is not None and call.kind != "live":
                self.later(self.end(call, "media_lost", "connection"))

    # -- presence ------------------------------------------------------------------------------------------------
    async def _presence(self) -> None:
        now = time.time()
        for entry in self.entries.values():
            if entry.online:
                quiet = now - entry.seen_at
                if entry.expires_at < now:
                    self._turn(entry, False, "expired")
                    entry.greeted = False
                elif quiet > entry.keepalive_s * rules.KEEPALIVE_MISSES + 5:
                    self._turn(entry, False, "keepalive_missed")
                    entry.greeted = False
        turned, self._turned = self._turned, []
        changed = {item[0] for item in turned}
        due = [
            self.entries[name]
            for name in list(self._dirty)
            if name in self.entries
            and (
                self.entries[name].pk in changed or self.entries[name].seen_at - self.entries[name].saved_seen_at > 300
            )
        ][:2000]
        if due or turned:
            try:
                await self.store.presence(due, turned)
            except Exception:
                self._turned = turned + self._turned
                raise
        for entry in due:
            entry.saved_seen_at = entry.seen_at
            self._dirty.discard(entry.gb_id)

    async def _refresh(self) -> None:
        """Read catalogs again when their time has come."""
        now = time.time()
        for entry in list(self.entries.values()):
            if entry.online and entry.catalog_minutes and now - entry.catalog_at > entry.catalog_minutes * 60:
                entry.catalog_at = now
                self.later(self.query_catalog(entry))

    async def _greeter(self) -> None:
        while True:
            entry = await self._greetings.get()
            try:
                await self._greet(entry)
            except CallStopped:
                continue
            except Exception:
                log.exception("%s could not be asked after it had registered", entry.gb_id)

    async def _greet(self, entry: Entry) -> None:
        """After a registration: who are you, what have you, tell me what changes."""
        await asyncio.sleep(0.2)  # devices that have just registered are not yet ready to be asked
        for work in (self.query_info, self.query_catalog, self.subscriptions.settle):
            try:
                await work(entry)
            except NoAnswer:
                log.info("%s did not answer %s", entry.gb_id, work.__name__)

    # -- asking devices ------------------------------------------------------------------------------------------
    def sn(self) -> int:
        self._sn += 1
        return self._sn

    def _new(self, method: str, entry: Entry, target: str, body: bytes = b"", **headers: str) -> tuple[Message, Peer]:
        peer = entry.peer
        if peer is None or entry.expires_at < time.time() or not self.node.reachable(peer):
            raise CallStopped("offline")
        host, port = self.node.local_for(peer)
        message = Message(method=method, uri=f"sip:{target}@{peer.host}:{peer.port}", body=body)
        message.set("from", f"<sip:{self.settings.gb_id}@{host}:{port}>;tag={new_tag()}")
        message.set("to", f"<sip:{target}@{peer.host}:{peer.port}>")
        message.set("call-id", new_call_id(host))
        message.set("cseq", f"1 {method}")
        message.set("contact", f"<sip:{self.settings.gb_id}@{host}:{port}>")
        for name, value in headers.items():
            message.set(name.replace("_", "-"), value)
        return message, peer

    def _reply(self, entry: Entry, body: bytes) -> None:
        try:
            message, peer = self._new("MESSAGE", entry, entry.gb_id, body, content_type=XML)
        except CallStopped:
            return
        self.later(self.node.request(message, peer, 8))

    async def tell(
        self,
        entry: Entry,
        body: bytes,
        timeout: float = 8.0,
        note: Callable[[str, Message], None] = lambda direction, message: None,
    ) -> Message:
        """Send a command and wait until the device has taken it. NoAnswer, or CallStopped when it says no."""
        message, peer = self._new("MESSAGE", entry, entry.gb_id, body, content_type=XML)
        note("→", message)
        response = await self.node.request(message, peer, timeout)
        note("←", response)
        if response.status >= 300:
            raise CallStopped("refused", f"{response.status} {response.reason}")
        return response

    async def ask(
        self, entry: Entry, name: str, target: str = "", timeout: float = 10.0, **values: Any
    ) -> manscdp.Command:
        """A query with one answer message."""
        sn = self.sn()
        try:
            return await self._answered(
                entry, name, sn, manscdp.query(name, sn, target or entry.gb_id, **values), timeout
            )
        except TimeoutError as error:
            raise NoAnswer(entry.gb_id) from error

    async def configure(self, entry: Entry, target: str, timeout: float = 5.0, **values: Any) -> str:
        """A DeviceConfig; the device's Result, "" when it took the command and says nothing more."""
        sn = self.sn()
        body = manscdp.write("Control", "DeviceConfig", sn, target, values)
        try:
            return (await self._answered(entry, "DeviceConfig", sn, body, timeout)).text("Result")
        except TimeoutError:
            return ""

    async def _answered(self, entry: Entry, name: str, sn: int, body: bytes, timeout: float) -> manscdp.Command:
        """Send a command and wait for the message that answers it. TimeoutError, or as `tell`."""
        with self.awaiting(name, sn) as answer:
            await self.tell(entry, body)
            async with asyncio.timeout(timeout):
                return await answer

    @contextmanager
    def awaiting(self, name: str, sn: int) -> Iterator[asyncio.Future[manscdp.Command]]:
        """The message that will answer the command `name` with this number, for as long as it is waited for."""
        answer = self._queries[name, sn] = asyncio.get_running_loop().create_future()
        try:
            yield answer
        finally:
            self._queries.pop((name, sn), None)

    async def query_info(self, entry: Entry) -> manscdp.DeviceInfo:
        info = manscdp.device_info(await self.ask(entry, "DeviceInfo"))
        await self.store.device_info(entry.pk, info, entry.edition)
        return info

    async def query_status(self, entry: Entry) -> manscdp.DeviceStatus:
        return manscdp.device_status(await self.ask(entry, "DeviceStatus"))

    async def _gather(self, entry: Entry, name: str, sn: int, body: bytes, gathering: Gathering) -> Gathering:
        wake = asyncio.Event()
        key = (entry.gb_id, name, sn)
        self._gatherings[key] = (gathering, wake)
        try:
            await self.tell(entry, body)
            while not gathering.over(time.monotonic()):
                try:
                    async with asyncio.timeout(0.5):
                        await wake.wait()
                except TimeoutError:
                    continue
        finally:
            gathering.closed = True
            self._gatherings.pop(key, None)
        return gathering

    async def query_catalog(self, entry: Entry) -> Gathering:
        """Read the whole catalog and store it; only a complete one may mark channels as gone."""
        sn = self.sn()
        found = await self._gather(
            entry, "Catalog", sn, manscdp.query("Catalog", sn, entry.gb_id), Gathering(sn, time.monotonic())
        )
        entry.catalog_at = time.time()
        if found.pages:
            await self.store.catalog(entry.pk, list(found.items.values()), found.complete, found.total, True)
            self.on_channels(entry, list(found.items.values()))
        return found

    async def query_records(self, entry: Entry, channel_id: str, from_at: datetime, to_at: datetime) -> Gathering:
        sn = self.sn()
        body = manscdp.query(
            "RecordInfo", sn, channel_id, StartTime=manscdp.stamp(from_at), EndTime=manscdp.stamp(to_at),
            FilePath="", Address="", Secrecy=0, Type="all", RecorderID="",
        )  # fmt: skip
        gathering = Gathering(
            sn, time.monotonic(), key=lambda item: (item.device_id, item.from_at, item.to_at, item.path)
        )
        return await self._gather(entry, "RecordInfo", sn, body, gathering)

    async def query_presets(self, entry: Entry, channel_id: str) -> list[manscdp.Preset]:
        return manscdp.presets(await self.ask(entry, "PresetQuery", channel_id))

    async def control(self, entry: Entry, channel_id: str, **values: Any) -> None:
        """A DeviceControl: PTZCmd, HomePosition, GuardCmd, RecordCmd, IFameCmd, SnapShotConfig …"""
        await self.tell(entry, manscdp.control(self.sn(), channel_id, **values))

    def steer(self, entry: Entry, channel_id: str, command: str, priority: int) -> None:
        """A PTZ command without waiting: the next one comes within a tenth of a second."""
        body = manscdp.control(self.sn(), channel_id, PTZCmd=command, Info={"ControlPriority": priority})
        message, peer = self._new("MESSAGE", entry, entry.gb_id, body, content_type=XML)
        self.later(self.node.request(message, peer, 8))

    # -- calls ---------------------------------------------------------------------------------------------------
    def _next_ssrc(self, history: bool) -> str:
        self._serial = (self._serial + 1) % 10_000
        return ids.ssrc(self.settings.gb_id, self._serial, history)

    def prepare(
        self,
        entry: Entry,
        channel_pk: int,
        channel_id: str,
        kind: str = "live",
        *,
        purpose: str = "view",
        user_pk: int | None = None,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        speed: float = 1.0,
        stream_number: int = 0,
    ) -> LiveCall:
        """A call that is not begun yet, so that its steps can be listened to from the first."""
        call = LiveCall(
            id=secrets.token_hex(16), entry=entry, channel_pk=channel_pk, channel_id=channel_id, kind=kind,
            mode=entry.mode, purpose=purpose, user_pk=user_pk, from_at=from_at, to_at=to_at, speed=speed,
            stream_number=stream_number, source=Source(tcp=entry.mode != "udp"),
        )  # fmt: skip
        call.step("asked")
        return call

    async def begin(self, call: LiveCall) -> LiveCall:
        """INVITE, media, first key frame. CallStopped says where it stopped; the call is then recorded and closed."""
        await self.store.call_began(call)
        call.saved = True
        self.calls[call.id] = call
        try:
            await self._invite(call)
            await self._await_media(call)
        except CallStopped as stopped:
            await self.end(call, stopped.code, stopped.detail)
            raise
        except NoAnswer as error:
            await self.end(call, "no_answer")
            raise CallStopped("no_answer") from error
        except asyncio.CancelledError:
            await self.end(call, "stopped")
            raise
        except Exception as error:
            log.exception("a call to %s failed", call.channel_id)
            await self.end(call, "failed", type(error).__name__)
            raise CallStopped("failed") from error
        call.idle_since = time.monotonic()
        call.ready.set()
        self.later(self.store.call_changed(call))
        return call

    async def _invite(self, call: LiveCall) -> None:
        entry = call.entry
        if entry.peer is None or entry.expires_at < time.time() or not self.node.reachable(entry.peer):
            raise CallStopped("offline")
        call.source.on_first_packet = lambda: call.step("first_packet")
        call.source.on_first_key = lambda: call.step("first_key")
        call.inlet = Inlet(
            self.ports, call.mode, call.source.packet, lambda reason: self.later(self._sender_gone(call))
        )
        try:
            await call.inlet.open()
        except NoPort as error:
            raise CallStopped("no_port") from error
        history = call.kind != "live"
        call.ssrc = self._next_ssrc(history)
        offer = self._offer(call)
        message, peer = self._new(
            "INVITE", entry, call.channel_id, offer.encode(), content_type="APPLICATION/SDP",
            subject=sdp.subject(call.channel_id, call.ssrc, self.settings.gb_id, "1" if history else "0"),
        )  # fmt: skip
        call.peer = peer
        call.inlet.allowed = {peer.host}
        call.note("→", message)
        call.step("invited")
        try:
            response = await self.node.request(message, peer, 20, provisional=lambda found: call.note("←", found))
        except NoAnswer:
            self._cancel(message, peer)
            raise
        call.note("←", response)
        if response.status >= 300:
            raise CallStopped("refused", f"{response.status} {response.reason}")
        call.dialog = Dialog.called(message, response, peer)
        self._dialogs[call.dialog.call_id] = call
        ack = call.dialog.ack(message.cseq[0])
        self.node.send(ack, peer)
        call.note("→", ack)
        call.step("answered")
        try:
            answer = sdp.read(response.body)
        except sdp.SdpError as error:
            if call.mode == "tcp_active":
                raise CallStopped("bad_answer") from error
            answer = sdp.Description(host=peer.host)
        if answer.host and answer.host[0].isdigit():
            call.inlet.allowed.add(answer.host)
        if answer.ssrc_value is not None:
            call.ssrc = answer.ssrc  # a foreign domain chooses its own (Annex F note 4)
        call.filesize = answer.filesize
        if call.mode == "tcp_active":
            try:
                await call.inlet.connect(answer.host or peer.host, answer.port)
            except (OSError, TimeoutError) as error:
                raise CallStopped("connect_failed", f"{answer.host}:{answer.port}") from error

    def _cancel(self, invite: Message, peer: Peer) -> None:
        cancel = Message(method="CANCEL", uri=invite.uri)
        for name in ("from", "to", "call-id"):
            cancel.set(name, invite.get(name))
        cancel.set("cseq", f"{invite.cseq[0]} CANCEL")
        self.later(self.node.request(cancel, peer, 4))

    def _offer(self, call: LiveCall) -> sdp.Description:
        assert call.inlet is not None
        assert call.entry.peer is not None
        host = self.settings.announce or self.node.local_for(call.entry.peer)[0]
        tcp = call.mode != "udp"
        attributes = []
        if call.kind == "live" and call.stream_number:
            attributes = [f"streamnumber:{call.stream_number}"]
            if call.entry.edition != 2022:
                attributes += [f"streamprofile:{call.stream_number}", "streamMode:SUB"]
        return sdp.Description(
            owner=self.settings.gb_id,
            session={"live": "Play", "playback": "Playback", "download": "Download"}[call.kind],
            host=host,
            port=call.inlet.port,
            tcp=tcp,
            payloads=[96, 97, 98, 99],
            direction="recvonly",
            setup={"tcp_passive": "passive", "tcp_active": "active"}.get(call.mode, ""),
            uri="" if call.kind == "live" else f"{call.channel_id}:0",
            from_at=int(call.from_at.timestamp()) if call.from_at else 0,
            to_at=int(call.to_at.timestamp()) if call.to_at else 0,
            download_speed=int(call.speed) or 1 if call.kind == "download" else None,
            ssrc=call.ssrc,
            attributes=attributes,
        )

    async def _await_media(self, call: LiveCall) -> None:
        started = time.monotonic()
        source = call.source
        while not source.key_wanted.is_set():
            if call.stop_code:
                raise CallStopped(call.stop_code, call.stop_detail)
            spent = time.monotonic() - started
            rtp = source.stream.rtp
            if rtp.first_at is None and spent > MEDIA_WAIT_SECONDS:
                assert call.inlet is not None
                raise CallStopped("foreign_media" if call.inlet.refused else "no_media")
            if rtp.first_at is not None and spent > MEDIA_WAIT_SECONDS + KEY_WAIT_SECONDS:
                codec = source.stream.muxer.announced_codec
                if source.stream.first_unit_at is None:
                    raise CallStopped("not_program_stream")
                if codec not in ("", "h264", "h265") and not source.stream.muxer.codec:
                    raise CallStopped("bad_codec", codec)
                raise CallStopped("no_key_frame", f"{rtp.missing} of {rtp.packets + rtp.missing} packets missing")
            try:
                async with asyncio.timeout(0.25):
                    await source.key_wanted.wait()
            except TimeoutError:
                continue

    async def _sender_gone(self, call: LiveCall) -> None:
        await asyncio.sleep(1.0)  # a BYE that explains it may be on its way
        await self.end(call, "finished" if call.kind != "live" else "media_lost")

    def _bye(self, request: Message, peer: Peer) -> None:
        if self.talks.bye(request, peer):
            return
        call = self._dialogs.get(request.call_id)
        if call is None or call.peer is None or call.peer.host != peer.host:
            self.node.refuse(request, peer, 481)
            return
        self.node.accept(request, peer)
        call.note("←", request)
        call.dialog = None
        self.later(self.end(call, "finished" if call.kind != "live" else "device_ended"))

    async def end(self, call: LiveCall, code: str, detail: str = "") -> None:
        """Close the ports, say BYE, tell viewers and store. Safe to repeat."""
        if call.stop_code:
            return
        call.stop_code, call.stop_detail = code, detail
        self.calls.pop(call.id, None)
        if call.key is not None:
            self.shared.pop(call.key, None)
        if call.inlet is not None:
            call.inlet.close()
        dialog, call.dialog = call.dialog, None
        if dialog is not None:
            self._dialogs.pop(dialog.call_id, None)
            bye = dialog.request("BYE")
            call.note("→", bye)
            if call.peer is not None and self.node.reachable(call.peer):
                self.later(self.node.request(bye, call.peer, 8))
        call.source.end(code)
        for listener in tuple(call.listeners):
            listener("ended")
        if call.saved:
            try:
                await self.store.call_changed(call)
            except Exception:
                log.exception("a call could not be stored")

    async def _watch_calls(self) -> None:
        self.talks.look()
        now = time.monotonic()
        for call in list(self.calls.values()):
            if not call.ready.is_set():
                continue
            call.source.tick()
            busy = bool(call.source.viewers) or call.holds > 0
            if busy:
                call.idle_since = None
            elif call.idle_since is None:
                call.idle_since = now
            elif now - call.idle_since > (rules.IDLE_SECONDS if call.kind == "live" else 5):
                await self.end(call, "idle")
                continue
            if call.kind in ("live", "download") and now - call.source.stream.rtp.last_at > MEDIA_LOST_SECONDS:
                await self.end(call, "media_lost")

    async def live(
        self,
        entry: Entry,
        channel_pk: int,
        channel_id: str,
        *,
        purpose: str = "view",
        user_pk: int | None = None,
        stream_number: int = 0,
        listener: Callable[[str], None] | None = None,
    ) -> LiveCall:
        """The one live call of a channel: joined when it exists, begun when not (Annex K: fetched once)."""
        key = (channel_pk, stream_number)
        task = self.shared.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() or task.result().stop_code)):
            call = self.prepare(
                entry, channel_pk, channel_id, purpose=purpose, user_pk=user_pk, stream_number=stream_number
            )
            call.key = key
            if listener:
                call.listeners.add(listener)
            task = asyncio.create_task(self.begin(call))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            task.call = call  # type: ignore[attr-defined]
            self.shared[key] = task
        elif listener:
            joined: LiveCall = task.call  # type: ignore[attr-defined]
            for step in joined.steps:
                listener(step)
            joined.listeners.add(listener)
        return await asyncio.shield(task)

    def of(self, channel_pk: int, stream_number: int = 0) -> LiveCall | None:
        """The live call of a channel that is ready, if there is one."""
        task = self.shared.get((channel_pk, stream_number))
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            return task.result()
        return None

    async def playback_control(
        self, call: LiveCall, control: str, *, scale: float | None = None, seek_s: float | None = None
    ) -> None:
        """PLAY, PAUSE or TEARDOWN in the dialog; our time line follows the new speed (quirk 13)."""
        if call.dialog is None or call.peer is None:
            raise CallStopped(call.stop_code or "finished")
        call.info_seq += 1
        body = mansrtsp.Control(control, call.info_seq, scale, seek_s, control == "PLAY" and seek_s is None)
        message = call.dialog.request("INFO", content_type="Application/MANSRTSP")
        message.body = body.encode()
        response = await self.node.request(message, call.peer, 8)
        if response.status >= 300:
            raise CallStopped("refused", f"{response.status} {response.reason}")
        if scale is not None:
            call.source.stream.play_at(scale)

    def viewer(self, call: LiveCall) -> Viewer:
        viewer = Viewer()
        call.source.attach(viewer)
        call.idle_since = None
        return viewer
