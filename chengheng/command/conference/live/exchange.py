"""The exchange: where terminals sign in, are called from, and call (SIP, RFC 3261), on a port of its own.

Only terminals that are entered get in, by digest (RFC 7616); who fails too often is not answered for a while. A call that
comes is checked as a sign-in is. What must not go in: media (`terminal`), who may be in a meeting (`terminals`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from chengheng.command.conference import rules, terminals
from chengheng.command.conference.live.legs import later
from chengheng.command.conference.live.line import NoPort
from chengheng.command.conference.live.terminal import TerminalLeg
from chengheng.common.errors import Refusal
from chengheng.common.live import in_thread
from chengheng.common.sipnode import NoAnswer, Node, local_address
from chengheng.protocols.sip import call
from chengheng.protocols.sip.dialog import Dialog
from chengheng.protocols.sip.digest import Guard, Verdict
from chengheng.protocols.sip.endpoint import Peer, new_call_id, new_tag
from chengheng.protocols.sip.message import Message, parameter, response_to, tag_of, uri_of, user_of

log = logging.getLogger("chengheng.conference")
SHORTEST, LONGEST = 30, 3600
"""Seconds that a sign-in holds, at least and at most."""
WRONG, PAUSE = 8, 60.0
"""So many wrong sign-ins of one address, and it is not answered for so many seconds."""
CALL_SECONDS = rules.RING_SECONDS + 2.0
METHODS = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, REGISTER"
SDP = "application/sdp"
_SAFE = re.compile(r"sip:[!-;=?-~]{1,250}")
_REFUSALS = {401: "declined", 403: "declined", 404: "missed", 408: "missed", 480: "missed", 487: "hung_up"}
Enter = Callable[[int, int], Awaitable[TerminalLeg | None]]
"""Meeting and place → a call's media there, not yet open; None when there is one already."""


class Exchange:
    """`await start()`, then `dial(leg)`; calls that come are put into a meeting by `enter`."""

    def __init__(self, enter: Enter) -> None:
        self.enter = enter
        self.node = Node(settings.SIP_HOST, settings.TERMINAL_PORT, most_connections=1000)
        self.node.on_request = self._requested
        self.guard = Guard(terminals.REALM, secrets.token_bytes(32))
        self.calls: dict[str, _Call] = {}
        self._wrong: dict[str, tuple[int, float]] = {}

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        await self.node.start()

    async def stop(self) -> None:
        for one in list(self.calls.values()):
            one.hang_up()
        await self.node.stop()

    # Requests

    def _requested(self, request: Message, peer: Peer) -> None:
        method, known = request.method, self.calls.get(request.call_id)
        if known is not None and known.peer.host != peer.host:
            known = None
        if method in ("REGISTER", "INVITE") and known is None and self._is_paused(peer.host):
            return
        if method == "REGISTER":
            later(self._register(request, peer))
        elif method == "INVITE":
            if known is not None and known.dialog is not None:
                known.described_anew(request, peer)
            elif tag_of(request.get("to")):
                self.node.refuse(request, peer, 481)
            else:
                self.node.answer(request, peer, response_to(request, 100))
                later(self._called(request, peer))
        elif method == "BYE" and known is not None:
            self.node.accept(request, peer)
            del self.calls[request.call_id]
            known.leg.over("left")
        elif method == "CANCEL":
            self.node.accept(request, peer)
            if known is not None and known.dialog is None:
                known.leg.over("left")
        elif method == "INFO" and known is not None:
            self.node.accept(request, peer)
            known.informed(request)
        elif method == "OPTIONS":
            self.node.accept(request, peer, new_tag(), allow=METHODS, accept=SDP)
        elif method in ("BYE", "INFO"):
            self.node.refuse(request, peer, 481)
        else:
            self.node.refuse(request, peer, 405, allow=METHODS)

    # Who it is

    def _is_paused(self, host: str) -> bool:
        count, until = self._wrong.get(host, (0, 0.0))
        if until and time.monotonic() > until:
            del self._wrong[host]
            return False
        return count >= WRONG

    async def _who(self, request: Message, peer: Peer) -> terminals.Known | None:
        """The terminal that this request comes from; None: it was refused, or asked for its password."""
        number = user_of(request.get("from"))
        header = request.get("authorization")
        found = await in_thread(terminals.known, number) if number.isdecimal() and len(number) <= 20 else None
        # a number that nobody has is asked for its password as any other: who tries learns nothing
        verdict = self.guard.check(
            header, request.method, number, peer.host, number, "", time.time(),
            known_ha1=found.digest if found is not None else secrets.token_hex(16),
        )  # fmt: skip
        if verdict is Verdict.RIGHT and found is not None:
            self._wrong.pop(peer.host, None)
            return found
        if verdict in (Verdict.WRONG, Verdict.UNSUPPORTED):
            if len(self._wrong) > 10_000:
                self._wrong.clear()
            self._wrong[peer.host] = (self._wrong.get(peer.host, (0, 0.0))[0] + 1, time.monotonic() + PAUSE)
            log.info("a terminal's sign-in was refused: %s from %s", number, peer.host)
            self.node.refuse(request, peer, 403)
        else:
            stale = verdict in (Verdict.STALE, Verdict.REPLAYED)
            challenge = self.guard.challenge(number, peer.host, time.time(), stale=stale)
            self.node.refuse(request, peer, 401, www_authenticate=challenge)
        self.node.flush()
        return None

    async def _register(self, request: Message, peer: Peer) -> None:
        known = await self._who(request, peer)
        if known is None:
            return
        contact = request.get("contact")
        asked = parameter(contact, "expires")
        seconds = int(asked) if asked.isdecimal() and len(asked) < 10 else request.expires
        seconds = LONGEST if seconds is None else min(seconds, LONGEST)
        uri = contact.partition("<")[2].partition(">")[0] if "<" in contact else contact.partition(";")[0]
        if contact.strip() == "*":
            seconds, uri = 0, ""
        elif seconds and not _SAFE.fullmatch(uri.strip()):
            self.node.refuse(request, peer, 400)
            self.node.flush()
            return
        elif 0 < seconds < SHORTEST:
            self.node.refuse(request, peer, 423, min_expires=str(SHORTEST))
            self.node.flush()
            return
        await in_thread(
            terminals.signed_in, known.pk, uri.strip(), peer.host, peer.port, peer.transport, seconds,
            request.get("user-agent"),
        )  # fmt: skip
        held = {"contact": f"<{uri.strip()}>;expires={seconds}"} if seconds else {}
        self.node.accept(request, peer, new_tag(), expires=str(seconds), **held)
        self.node.flush()

    # A call that comes

    async def _called(self, request: Message, peer: Peer) -> None:
        known = await self._who(request, peer)
        if known is None:
            return
        try:
            streams = call.held_to(call.read(request.body.decode("utf-8", "replace")), known.encryption)
            call.chosen(streams)
        except call.BadDescription:
            self._refuse(request, peer, 488)
            return
        try:
            meeting, place = await in_thread(terminals.calls_in, known.pk, uri_of(request.uri).user)
        except Refusal as refusal:
            self._refuse(request, peer, 404 if refusal.status == 404 else 403)
            return
        leg = await self.enter(meeting, place)
        if leg is None:
            self._refuse(request, peer, 486)
            return
        one = _Call(self, leg, peer, known.encryption)
        self.calls[request.call_id] = one
        leg.begin(lambda leg: one.take(request, streams))

    def _refuse(self, request: Message, peer: Peer, status: int) -> None:
        self.node.refuse(request, peer, status)
        self.node.flush()

    # A call that we make

    async def dial(self, leg: TerminalLeg, meeting: int, title: str) -> str:
        """Call the terminal of a place; "" when it has answered, else why not."""
        where = await in_thread(terminals.where, leg.pk)
        if where is None:
            return "missed"
        try:
            host = await _resolved(where.host)
            peer = Peer(where.way, host, where.port)
            one = _Call(self, leg, peer, where.encryption)
            return await one.make(where, meeting, title)
        except (NoAnswer, NoPort, OSError) as error:
            log.info("terminal %s: %r", where.number, error)
            return "missed"


class _Call:
    """One call's signalling."""

    def __init__(self, exchange: Exchange, leg: TerminalLeg, peer: Peer, encryption: str) -> None:
        self.encryption = encryption
        self.exchange, self.node, self.leg, self.peer = exchange, exchange.node, leg, peer
        self.dialog: Dialog | None = None
        self.session, self.version = secrets.randbits(31), 1
        self.call_id = ""
        self._invite: Message | None = None

    @property
    def host(self) -> str:
        """Our address for media, as the terminal sees us."""
        ours = local_address(self.peer.host, "")
        public = settings.CONFERENCE_PUBLIC
        return public if public and not ipaddress.ip_address(self.peer.host).is_private else ours

    async def _open(self) -> None:
        first, _dash, last = str(settings.CONFERENCE_PORTS).partition("-")
        await self.leg.open(settings.SIP_HOST, int(first), int(last or first))
        self.leg.bye = self.hang_up

    # We are called

    async def take(self, request: Message, streams: list[call.Stream]) -> str:
        """Answer a call; "" when it stands."""
        self.call_id = request.call_id
        await self._open()
        tag = new_tag()
        self.dialog = Dialog.answered(request, tag, self.peer)
        self._agree(streams, [one.payload_type for one in streams])
        self._answer(request, self.peer, streams, tag)
        return ""

    def _answer(self, request: Message, peer: Peer, streams: list[call.Stream], tag: str) -> None:
        response = response_to(request, 200, "", tag, contact=self._contact(), content_type=SDP, allow=METHODS)
        response.body = call.answer(
            streams, self.host, self.leg.sound.port, self.leg.picture.port, self.session, self.version, self.leg.keys
        )
        self.node.answer(request, peer, response)
        self.node.flush()

    def described_anew(self, request: Message, peer: Peer) -> None:
        """The terminal holds, goes on, or has moved."""
        if not request.body:  # it asks what we offer; what was agreed on stands
            self.node.refuse(request, peer, 488)
            return
        try:
            streams = call.held_to(call.read(request.body.decode("utf-8", "replace")), self.encryption)
            self._agree(streams, [one.payload_type for one in streams])
        except call.BadDescription:
            self.node.refuse(request, peer, 488)
            return
        self.version += 1
        self._answer(request, peer, streams, "")

    def _agree(self, streams: list[call.Stream], ours: list[int]) -> None:
        self.leg.agreed(streams, self.peer.host, ours)

    def _contact(self) -> str:
        host, port = self.node.local_for(self.peer)
        way = ";transport=tcp" if self.peer.transport == "tcp" else ""
        return f"<sip:chengheng@{host}:{port}{way}>"

    # We call

    async def make(self, where: terminals.Where, meeting: int, title: str) -> str:
        """Call, and wait for the answer. Raises NoAnswer, NoPort."""
        await self._open()
        host, _port = self.node.local_for(self.peer)
        invite = Message(method="INVITE", uri=where.uri)
        name = re.sub(r'[\x00-\x1f"\\\x7f]', "", title)[:60]
        self.call_id = new_call_id(host)
        for header, value in (
            ("from", f'"{name}" <sip:{meeting}@{host}>;tag={new_tag()}'), ("to", f"<{where.uri}>"),
            ("call-id", self.call_id), ("cseq", "1 INVITE"), ("contact", self._contact()), ("allow", METHODS),
            ("content-type", SDP),
        ):  # fmt: skip
            invite.set(header, value)
        invite.body = call.offer(
            self.host, self.leg.sound.port, self.leg.picture.port, self.session,
            self.leg.keys if self.encryption else call.NO_KEYS, required=self.encryption == "required",
        )  # fmt: skip
        self._invite = invite
        self.exchange.calls[self.call_id] = self
        try:
            response = await self.node.request(invite, self.peer, CALL_SECONDS)
        except (NoAnswer, asyncio.CancelledError):
            self._cancel()
            raise
        if response.status >= 300:
            self._forget()
            return _REFUSALS.get(response.status, "declined" if response.status in (486, 600, 603) else "missed")
        self.dialog = Dialog.called(invite, response, self.peer)
        self.node.send(self.dialog.ack(1), self.peer)
        try:
            streams = call.held_to(call.read(response.body.decode("utf-8", "replace")), self.encryption)
            self._agree(streams, list(call.OFFERED.values()))
        except call.BadDescription as error:
            log.info("terminal %s: %s", where.number, error)
            return "missed"
        return ""

    def _cancel(self) -> None:
        """Stop the bell: a request with the INVITE's own branch (RFC 3261 §9.1)."""
        invite = self._invite
        self._forget()
        if invite is None or not invite.get("via"):
            return
        cancel = Message(method="CANCEL", uri=invite.uri)
        for header in ("via", "from", "to", "call-id", "max-forwards"):
            cancel.headers[header] = list(invite.all(header))
        cancel.set("cseq", "1 CANCEL")
        self.node.endpoint.outgoing.append((self.peer, cancel.encode()))
        self.node.flush()

    def _forget(self) -> None:
        self.exchange.calls.pop(self.call_id, None)

    def hang_up(self) -> None:
        """Say goodbye, once."""
        dialog, self.dialog = self.dialog, None
        if dialog is not None and self.exchange.calls.get(self.call_id) is self:
            self._forget()
            later(self._goodbye(dialog))

    async def _goodbye(self, dialog: Dialog) -> None:
        with contextlib.suppress(NoAnswer):
            await self.node.request(dialog.request("BYE"), self.peer, 8)

    def informed(self, request: Message) -> None:
        """Keys and wishes that come as text (RFC 5168, and the usual "dtmf-relay")."""
        kind, body = request.content_type, request.body[:2000].decode("ascii", "replace")
        if kind == "application/media_control+xml" and "picture_fast_update" in body:
            self.leg.want_picture()
        elif kind == "application/dtmf-relay" and (found := re.search(r"Signal\s*=\s*([0-9*#])", body)):
            self.leg.key(found[1])


async def _resolved(host: str) -> str:
    """The address of a name. Raises OSError."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    found: Any = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    return str(found[0][4][0])
