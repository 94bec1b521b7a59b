"""The live port's routes for conferences: `/command/room` (a place in a meeting), `/command/console` (a venue's bell,
and tests of a line). Each is opened with a one-use ticket and the session's own cookie.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from aiohttp import WSMsgType, web
from django.conf import settings
from django.utils import translation

from chengheng.command.conference import actions, engine, queries, turn, verbs
from chengheng.command.conference.live.exchange import Exchange
from chengheng.command.conference.live.janus import EngineLost, EngineRefused, Janus
from chengheng.command.conference.live.legs import Receiver, Sender, Wanted, later
from chengheng.command.conference.live.room import Member, Room
from chengheng.command.conference.live.terminal import TerminalLeg
from chengheng.common.errors import Refusal
from chengheng.common.live import in_thread, user_of
from chengheng.protocols.janus.descriptions import NotAllowed

log = logging.getLogger("chengheng.conference")
PERMISSION_SECONDS = 8.0
LARGEST = 256 * 1024
GATEWAY: web.AppKey[Gateway] = web.AppKey("conference", object)  # type: ignore[arg-type]


class Console:
    """A venue's open console."""

    def __init__(self, site: int, user: Any, session: str, socket: web.WebSocketResponse) -> None:
        self.site, self.user, self.session, self.socket = site, user, session, socket
        self.test: LineTest | None = None

    async def say(self, message: dict[str, Any]) -> None:
        if not self.socket.closed:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await self.socket.send_json(message)


class LineTest:
    """A browser's own picture and sound, there and back, in a room of its own."""

    def __init__(self, janus: Janus, number: int, say: Any) -> None:
        self.janus, self.say = janus, say
        self.name, self.secret = f"t{number}", engine.secret(f"test/{number}")
        self.control = 0
        self.sender = Sender(janus, self.name, self.secret, "0.1", say, self._sent)
        self.receiver = Receiver(janus, self.name, f"{self.name}/back", say, lambda _feed, mid: {"id": 0, "what": mid})

    async def begin(self, sdp: str) -> str:
        self.control = await self.janus.attach(f"{self.name}/control", lambda _told: None)
        with contextlib.suppress(EngineRefused):
            await self.janus.message(self.control, {
                "request": "create", "room": self.name, "secret": self.secret, "is_private": True,
                "admin_key": engine.secret("admin"), "publishers": 1, "bitrate": 1_000_000, "videocodec": "h264",
                "audiocodec": "opus", "fir_freq": 0,
            })  # fmt: skip
        return await self.sender.offer(sdp, lambda _offered: set())

    def _sent(self) -> None:
        if self.sender.up:
            offered = self.sender.offered
            self.receiver.show([Wanted("0.1", mid) for mid in (offered.sound, offered.camera) if mid])

    async def close(self) -> None:
        with contextlib.suppress(EngineLost, EngineRefused):
            await self.receiver.close()
            await self.sender.close()
            if self.control and self.janus.epoch == self.sender.epoch:
                await self.janus.message(self.control, {"request": "destroy", "room": self.name, "secret": self.secret})
                await self.janus.detach(self.control)


class Gateway:
    """All meetings of this process, for its life."""

    def __init__(self) -> None:
        self.janus = Janus(settings.JANUS_PORT, engine.secret("api"))
        self.janus.changed.append(self._engine_changed)
        self.rooms: dict[int, Room] = {}
        self.consoles: set[Console] = set()
        self.tests = 0
        self.exchange = Exchange(self._enter_terminal) if settings.TERMINAL_PORT else None
        self.hearing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """aiohttp's clean-up context."""
        with contextlib.suppress(Exception):
            await in_thread(actions.close_stale)
        self._tasks = [asyncio.create_task(work()) for work in (self.janus.run, self._listen, self._permissions)]
        if self.exchange is not None:
            try:
                await self.exchange.start()
            except OSError as error:
                log.error("no terminals in meetings: port %s cannot be opened: %s", settings.TERMINAL_PORT, error)
                self.exchange = None
        yield
        if self.exchange is not None:
            await asyncio.gather(
                *(room.close_terminals("restart") for room in self.rooms.values()), return_exceptions=True
            )
            await self.exchange.stop()
        for room in list(self.rooms.values()):
            for member in list(room.members.values()):
                await member.socket.close()
        for console in list(self.consoles):
            await console.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _engine_changed(self) -> None:
        for room in list(self.rooms.values()):
            room.engine_changed()

    async def room(self, pk: int) -> Room:
        room = self.rooms.get(pk)
        if room is None:
            room = self.rooms[pk] = Room(pk, self.janus, self.exchange.dial if self.exchange is not None else None)
        return room

    async def _enter_terminal(self, meeting: int, place: int) -> TerminalLeg | None:
        """A terminal calls in: its media in the meeting; None when there is a call of its already."""
        room = await self.room(meeting)
        if place in room.terminals and not room.terminals[place].finished:
            return None
        leg = room.enter_terminal(place)
        await room.load()
        room.begin_ticking()
        return leg

    # What changed

    async def _listen(self) -> None:
        """Hear announcements for the life of the process; after a lost connection everything is read again."""
        from chengheng.common.notices.stream import _parameters

        wait = 0.2
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True) as heard:
                    await heard.execute(f"listen {actions.CHANNEL}")
                    wait = 0.2
                    self.hearing.set()
                    for pk in list(self.rooms):
                        later(self._changed(pk))
                    async for note in heard.notifies():
                        if note.payload == actions.TEST_ALL:
                            later(self._test_all())
                        else:
                            later(self._changed(int(note.payload)))
            except (psycopg.Error, OSError, ValueError) as error:
                log.warning("conferences lost the database: %s", error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5)

    async def _changed(self, pk: int) -> None:
        room = self.rooms.get(pk)
        if room is not None:
            await room.load()
            if not room.is_used and self.rooms.pop(pk, None) is not None:
                later(room.release())
        if self.consoles:
            await self._ring()

    async def _ring(self) -> None:
        for console in list(self.consoles):
            await console.say({"t": "calls", "calls": await in_thread(queries.calls_of, console.site)})

    async def _test_all(self) -> None:
        """Have consoles test their line, one a second: together they would measure each other."""
        for console in list(self.consoles):
            await console.say({"t": "test"})
            await asyncio.sleep(1)

    async def _permissions(self) -> None:
        """Who has signed out, or may no more, is out within seconds."""
        while True:
            await asyncio.sleep(PERMISSION_SECONDS)
            members = [member for room in self.rooms.values() for member in room.members.values()]
            wanted = {(one.user.pk, one.session) for one in members} | {
                (one.user.pk, one.session) for one in self.consoles
            }
            if not wanted:
                continue
            try:
                kept = await in_thread(queries.still_permitted, wanted)
            except Exception:
                log.exception("sessions could not be asked")
                continue
            for member in members:
                if (member.user.pk, member.session) not in kept:
                    await member.bye("signed_out")
            for console in list(self.consoles):
                if (console.user.pk, console.session) not in kept:
                    await console.socket.close()

    # A place in a meeting

    async def _ticket(self, request: web.Request) -> tuple[Any, Any, str]:
        """The used-up ticket and its user; both must be this session's. Raises HTTPForbidden."""
        user = await user_of(request)
        session = request.cookies.get(settings.SESSION_COOKIE_NAME, "")
        try:
            ticket = await in_thread(actions.take_ticket, request.query.get("ticket", ""))
        except Refusal as refusal:
            raise web.HTTPForbidden(text=refusal.code) from refusal
        if user is None or ticket.user_id != user.pk:
            raise web.HTTPForbidden(text="conference_ticket")
        return ticket, user, session

    async def place(self, request: web.Request) -> web.StreamResponse:
        """WebSocket of a participant. See frontend/src/islands/conference."""
        ticket, user, session = await self._ticket(request)
        if ticket.participant is None:
            raise web.HTTPForbidden(text="conference_ticket")
        socket = web.WebSocketResponse(heartbeat=8, max_msg_size=LARGEST, compress=False)
        await socket.prepare(request)
        try:
            attendance = await in_thread(actions.enter, ticket.participant_id, user, tell=False)
        except Refusal as refusal:
            await socket.send_json({"t": "bye", "code": refusal.code, "text": str(refusal)})
            await socket.close()
            return socket
        room = await self.room(ticket.participant.meeting_id)
        member = Member(room, ticket.participant_id, ticket.participant.name, user, session, socket, attendance)
        try:
            await room.join(member)
            await member.say({
                "t": "welcome", "me": member.pk, "engine": self.janus.up, "focus": room.focus,
                "version": room.version, "doc": room.document_for(member), "talking": list(room.talking),
                "ice": turn.servers(f"p{member.pk}"),
            })  # fmt: skip
            if self.consoles:
                later(self._ring())
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._heard(member, message.data)
        finally:
            room.part(member)
            with contextlib.suppress(Exception):
                await member.close_legs()
            with contextlib.suppress(Exception):
                await in_thread(
                    actions.leave, attendance, member.gone or "lost", loss_percent=member.loss if member.level else None,
                    jitter_ms=member.jitter if member.level else None,
                )  # fmt: skip
        return socket

    async def _heard(self, member: Member, text: str) -> None:
        try:
            told = json.loads(text)
            kind = told["t"]
            if kind == "act":
                later(self._act(member, told))
            elif kind == "pub":
                later(self._publish(member, str(told["sdp"])))
            elif kind == "view":
                member.view(told["want"])
            elif kind == "sub-answer" and member.receiver is not None:
                member.receiver.answered(str(told["sdp"]))
            elif kind == "trickle":
                leg = member.sender if told.get("pc") == "pub" else member.receiver
                if leg is not None:
                    await leg.trickle(told.get("candidate"))
            elif kind == "leave":
                member.gone = "left"
            elif kind == "stats":
                member.measured(told)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, NotAllowed) as error:
            log.info("%s sent what cannot be read: %s", member.feed, error)

    async def _publish(self, member: Member, sdp: str) -> None:
        try:
            await member.publish(sdp)
        except (EngineLost, EngineRefused) as error:
            log.info("%s: %s", member.feed, error)
            await member.say({"t": "engine", "up": self.janus.up})

    async def _act(self, member: Member, told: dict[str, Any]) -> None:
        number = told.get("n")
        data = {key: value for key, value in told.items() if key not in ("t", "n", "do")}
        try:
            await in_thread(_use, str(told.get("do")), member.pk, member.user, data)
        except Refusal as refusal:
            with translation.override(settings.LANGUAGE_CODE):
                await member.say({"t": "done", "n": number, "ok": False, **refusal.as_dict()})
        else:
            await member.say({"t": "done", "n": number, "ok": True})

    # A venue's console, and tests

    async def console(self, request: web.Request) -> web.StreamResponse:
        """WebSocket of a console: it rings, and it tests the line when asked."""
        ticket, user, session = await self._ticket(request)
        if ticket.site_id is None:
            raise web.HTTPForbidden(text="conference_ticket")
        socket = web.WebSocketResponse(heartbeat=10, max_msg_size=LARGEST, compress=False)
        await socket.prepare(request)
        console = Console(ticket.site_id, user, session, socket)
        self.consoles.add(console)
        try:
            await console.say({"t": "welcome", "engine": self.janus.up, "ice": turn.servers(f"c{console.site}")})
            await console.say({"t": "calls", "calls": await in_thread(queries.calls_of, console.site)})
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    later(self._console_heard(console, message.data))
        finally:
            self.consoles.discard(console)
            if console.test is not None:
                await console.test.close()
        return socket

    async def _console_heard(self, console: Console, text: str) -> None:
        try:
            told = json.loads(text)
            kind = told["t"]
            if kind == "answer":
                await in_thread(_answer_call, console.user, console.site, int(told["meeting"]), bool(told["accept"]))
            elif kind == "pub":
                await self._begin_test(console, str(told["sdp"]))
            elif kind == "sub-answer" and console.test is not None:
                console.test.receiver.answered(str(told["sdp"]))
            elif kind == "trickle" and console.test is not None:
                leg = console.test.sender if told.get("pc") == "pub" else console.test.receiver
                await leg.trickle(told.get("candidate"))
            elif kind == "test-over" and console.test is not None:
                test, console.test = console.test, None
                await test.close()
        except Refusal as refusal:
            await console.say({"t": "refused", **refusal.as_dict()})
        except (ValueError, KeyError, TypeError, AttributeError, NotAllowed) as error:
            log.info("a console sent what cannot be read: %s", error)
        except (EngineLost, EngineRefused) as error:
            log.info("a test failed: %s", error)
            await console.say({"t": "test-failed"})

    async def _begin_test(self, console: Console, sdp: str) -> None:
        if console.test is not None:
            await console.test.close()
        self.tests += 1
        console.test = LineTest(self.janus, self.tests, console.say)
        await console.say({"t": "pub-answer", "sdp": await console.test.begin(sdp)})


def _use(verb: str, participant: int, user: Any, data: dict[str, Any]) -> None:
    user.refresh_from_db()  # their duties may have changed since they connected
    verbs.use(verb, participant, user, data)


def _answer_call(user: Any, site_pk: int, meeting: int, accept: bool) -> None:
    from chengheng.command.models import Site

    actions.answer_call(user, Site.objects.get(pk=site_pk), meeting, accept)


def setup(app: web.Application) -> None:
    """Add conferences to the live process; without the engine they are left out."""
    if not engine.is_here():
        return
    gateway = app[GATEWAY] = Gateway()
    app.router.add_get("/command/room", gateway.place)
    app.router.add_get("/command/console", gateway.console)
    app.cleanup_ctx.append(gateway.run)
