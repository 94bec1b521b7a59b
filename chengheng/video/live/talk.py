"""Voice broadcast: somebody speaks through a device's loudspeaker (GB/T 28181-2016 and 2022 9.12).

We tell the device that there is something to hear (MESSAGE Broadcast), it answers, and then it is the device that
invites us; we answer with where the sound comes from and send G.711 A-law in RTP, by UDP or TCP. One speaker a device;
a greater priority takes the loudspeaker over. Knows no database and no browser: `Store` is the platform's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chengheng.common.sipnode import NoAnswer
from chengheng.protocols.gb28181 import manscdp, sdp
from chengheng.protocols.gb28181.redact import redact
from chengheng.protocols.rtp.packet import build
from chengheng.protocols.sip.dialog import Dialog
from chengheng.protocols.sip.endpoint import Peer, new_tag
from chengheng.protocols.sip.message import Message, response_to, user_of
from chengheng.video import rules
from chengheng.video.live.ports import NoPort, Outlet

if TYPE_CHECKING:
    from chengheng.video.live.platform import Entry, Platform

log = logging.getLogger("chengheng.video.talk")
ENCODING = "PCMA/8000"
RATE = 8000
PACKET = 160  # samples: 20 ms, one byte each
AHEAD = RATE  # a speaker may be this many samples ahead of the clock; more is a flood, not a voice
ANSWER_SECONDS = 6.0
INVITE_SECONDS = 8.0
CONNECT_SECONDS = 8.0


@dataclass(eq=False)
class Talk:
    """One announcement. `steps` maps rules.TALK_STEPS to times; `stop_code` is a key of `words.REASONS`."""

    id: str
    entry: Entry
    channel_pk: int
    target_id: str
    user_pk: int | None = None
    name: str = ""
    priority: int = 0
    steps: dict[str, datetime] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    transport: str = ""
    stop_code: str = ""
    stop_detail: str = ""
    packets: int = 0
    saved: bool = False
    invite: asyncio.Future[tuple[Message, Peer]] | None = None
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    dialog: Dialog | None = None
    peer: Peer | None = None
    outlet: Outlet | None = None
    payload_type: int = 8
    ssrc: int = 0
    listeners: set[Callable[[str], None]] = field(default_factory=set)
    _rest: bytes = b""
    _sequence: int = field(default_factory=lambda: secrets.randbelow(65_536))
    _stamp: int = field(default_factory=lambda: secrets.randbelow(1 << 32))
    _taken: int = 0
    _since: float = 0.0

    def step(self, name: str) -> None:
        if name not in self.steps:
            self.steps[name] = datetime.now(UTC)
            for listener in tuple(self.listeners):
                listener(name)

    def note(self, direction: str, message: Message) -> None:
        if len(self.trace) < 20:
            at = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
            self.trace.append(f"{at} {direction}\n{redact(message.encode())}")

    @property
    def seconds(self) -> float:
        """How much was said."""
        return self.packets * PACKET / RATE

    def say(self, sound: bytes) -> None:
        """A-law samples, of any number; what comes faster than it can be heard is dropped."""
        if self.stop_code or self.outlet is None or "connected" not in self.steps:
            return
        now = time.monotonic()
        self._since = self._since or now
        sound = sound[: max(0, int((now - self._since) * RATE) + AHEAD - self._taken)]
        self._taken += len(sound)
        whole = self._rest + sound
        end = len(whole) - len(whole) % PACKET
        for at in range(0, end, PACKET):
            self.outlet.send(
                build(
                    self.payload_type, not self.packets, self._sequence, self._stamp, self.ssrc, whole[at : at + PACKET]
                )
            )
            self.packets += 1
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._stamp = (self._stamp + PACKET) & 0xFFFFFFFF
            self.step("speaking")
        self._rest = whole[end:]


class Talks:
    """All of one platform's announcements. `begin`, then `Talk.say`, then `end`; the platform hands requests over."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.speaking: dict[int, Talk] = {}
        self._dialogs: dict[str, Talk] = {}

    async def begin(self, talk: Talk) -> None:
        """Until the device listens. CallStopped says where it stopped; the talk is then recorded and closed."""
        from chengheng.video.live.platform import CallStopped

        talk.step("asked")
        other = self.speaking.get(talk.entry.pk)
        if other is not None and not rules.may_interrupt(other.priority, talk.priority):
            raise CallStopped("talk_busy", other.name)
        self.speaking[talk.entry.pk] = talk
        try:
            if other is not None:
                await self.end(other, "talk_taken", talk.name)
            await self.platform.store.talk_began(talk)
            talk.saved = True
            request, peer = await self._announce(talk)
            await self._answer(talk, request, peer)
            if talk.stop_code:  # somebody else took the loudspeaker, or the device said BYE meanwhile
                raise CallStopped(talk.stop_code, talk.stop_detail)
        except CallStopped as stopped:
            await self.end(talk, stopped.code, stopped.detail)
            raise
        except asyncio.CancelledError:
            await self.end(talk, "talk_over")
            raise
        except Exception as error:
            log.exception("an announcement at %s failed", talk.entry.gb_id)
            await self.end(talk, "failed", type(error).__name__)
            raise CallStopped("failed") from error
        asyncio.get_running_loop().call_later(rules.LONGEST_TALK_SECONDS, self._too_long, talk)

    def _too_long(self, talk: Talk) -> None:
        if not talk.stop_code:
            self.platform.later(self.end(talk, "talk_limit"))

    async def _announce(self, talk: Talk) -> tuple[Message, Peer]:
        """Tell the device and wait for its yes and its invitation; one that invites at once has said yes with it."""
        from chengheng.video.live.platform import CallStopped

        platform, entry = self.platform, talk.entry
        loop = asyncio.get_running_loop()
        invite = talk.invite = loop.create_future()
        invite.add_done_callback(lambda done: done.cancelled() or done.exception())
        sn = platform.sn()
        with platform.awaiting("Broadcast", sn) as answer:
            try:
                await platform.tell(
                    entry, manscdp.broadcast(sn, platform.settings.gb_id, talk.target_id), ANSWER_SECONDS, talk.note
                )
            except NoAnswer as error:
                raise CallStopped("talk_no_answer") from error
            except CallStopped as stopped:
                raise CallStopped(
                    "talk_refused" if stopped.code == "refused" else stopped.code, stopped.detail
                ) from None
            talk.step("told")
            await asyncio.wait((answer, invite), timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if answer.done() and not invite.done():
                result = answer.result().text("Result")
                if result.upper() not in ("OK", ""):
                    raise CallStopped("talk_refused", (answer.result().text("Reason") or result)[:200])
            elif not invite.done():
                raise CallStopped("talk_no_answer")
        if not talk.stop_code:
            talk.step("agreed")
        try:
            async with asyncio.timeout(INVITE_SECONDS):
                return await asyncio.shield(invite)
        except TimeoutError as error:
            raise CallStopped("talk_no_invite") from error

    async def _answer(self, talk: Talk, request: Message, peer: Peer) -> None:
        """Answer the device's INVITE, and wait for its ACK and, by TCP, for the connection."""
        from chengheng.video.live.platform import CallStopped

        platform = self.platform
        talk.note("←", request)
        talk.step("invited")
        try:
            offer = sdp.read(request.body)
        except sdp.SdpError as error:
            self._refuse(request, peer, 488)
            raise CallStopped("talk_bad_offer", str(error)) from error
        number = offer.payload_of(ENCODING)
        if number is None or offer.media != "audio":
            self._refuse(request, peer, 488)
            told = ", ".join(offer.rtpmap.get(item, str(item)) for item in offer.payloads)
            raise CallStopped("talk_codec", f"{offer.media} {told}"[:200])
        target = offer.host if offer.host not in ("", "0.0.0.0") else peer.host  # noqa: S104
        outlet = talk.outlet = Outlet(platform.ports)
        try:
            await self._open(talk, offer, target, peer)
        except (NoPort, OSError, TimeoutError) as error:
            self._refuse(request, peer, 500)
            raise CallStopped("no_port" if isinstance(error, NoPort) else "failed", str(error)) from error
        talk.payload_type = number
        ssrc = offer.ssrc_value
        talk.ssrc = ssrc if ssrc is not None else secrets.randbelow(1 << 32)
        answer = sdp.Description(
            owner=platform.settings.gb_id, session="Play", media="audio", port=outlet.port, tcp=offer.tcp,
            host=platform.settings.announce or platform.node.local_for(peer)[0], payloads=[number],
            rtpmap={number: ENCODING}, direction="sendonly",
            setup={"tcp_passive": "passive", "tcp_active": "active"}.get(talk.transport, ""),
            ssrc=offer.ssrc or f"{talk.ssrc:010d}", format="v/////a/1/8/1",
        )  # fmt: skip
        tag = new_tag()
        host, port = platform.node.local_for(peer)
        response = response_to(request, 200, "", tag)
        response.set("contact", f"<sip:{platform.settings.gb_id}@{host}:{port}>")
        response.set("content-type", "APPLICATION/SDP")
        response.body = answer.encode()
        talk.dialog, talk.peer = Dialog.answered(request, tag, peer), peer
        self._dialogs[request.call_id] = talk
        platform.node.answer(request, peer, response)
        platform.node.flush()
        talk.note("→", response)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await talk.acknowledged.wait()
        except TimeoutError as error:
            raise CallStopped("talk_no_ack") from error
        if talk.stop_code:
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if talk.transport == "tcp_active":
                    await outlet.tcp_active(target, offer.port, platform.settings.host)
                await outlet.connected.wait()
        except (OSError, TimeoutError) as error:
            raise CallStopped("talk_no_connection", f"{target}:{offer.port}") from error
        if not talk.stop_code:
            talk.step("connected")

    async def _open(self, talk: Talk, offer: sdp.Description, target: str, peer: Peer) -> None:
        """Take a port of the range for the way that the device asked for (Annex L); TCP active connects later."""
        outlet, bind = talk.outlet, self.platform.settings.host
        assert outlet is not None
        if not offer.tcp:
            talk.transport = "udp"
            await outlet.udp(target, offer.port, bind)
        elif offer.setup == "passive":
            talk.transport = "tcp_active"
            outlet.take_port()
        else:
            talk.transport = "tcp_passive"
            await outlet.tcp_passive(bind, {peer.host, target})

    def _refuse(self, request: Message, peer: Peer, status: int) -> None:
        self.platform.node.refuse(request, peer, status)
        self.platform.node.flush()

    # -- what the device sends -----------------------------------------------------------------------------------
    def invited(self, request: Message, peer: Peer) -> bool:
        """An INVITE: True when it belongs to an announcement that waits for one."""
        who = user_of(request.get("from"))
        for talk in self.speaking.values():
            at = talk.entry.peer
            if talk.invite is None or talk.invite.done() or at is None or at.host != peer.host:
                continue
            if who in (talk.entry.gb_id, talk.target_id) or talk.target_id in request.get("subject"):
                talk.invite.set_result((request, peer))
                return True
        return False

    def acknowledge(self, request: Message, peer: Peer) -> None:
        talk = self._dialogs.get(request.call_id)
        if talk is not None:
            talk.acknowledged.set()

    def bye(self, request: Message, peer: Peer) -> bool:
        """A BYE: True when it ends an announcement of ours."""
        talk = self._dialogs.get(request.call_id)
        if talk is None or talk.peer is None or talk.peer.host != peer.host:
            return False
        self.platform.node.accept(request, peer)
        talk.note("←", request)
        talk.dialog = None
        self._dialogs.pop(request.call_id, None)
        self.platform.later(self.end(talk, "talk_device_ended"))
        return True

    def look(self) -> None:
        """Called every second: a device that closed its connection ends the announcement."""
        for talk in list(self.speaking.values()):
            if talk.outlet is not None and talk.outlet.lost and not talk.stop_code:
                self.platform.later(self.end(talk, "talk_lost"))

    async def end(self, talk: Talk, code: str, detail: str = "") -> None:
        """Say BYE, give the port back, tell listeners and store. Safe to repeat."""
        from chengheng.video.live.platform import CallStopped

        if talk.stop_code:
            return
        talk.stop_code, talk.stop_detail = code, detail
        if self.speaking.get(talk.entry.pk) is talk:
            del self.speaking[talk.entry.pk]
        if talk.outlet is not None:
            talk.outlet.close()
            talk.outlet.connected.set()
        talk.acknowledged.set()
        if talk.invite is not None and not talk.invite.done():  # whoever waits for something learns why it is over
            talk.invite.set_exception(CallStopped(code, detail))
        dialog, talk.dialog = talk.dialog, None
        if dialog is not None:
            self._dialogs.pop(dialog.call_id, None)
            bye = dialog.request("BYE")
            talk.note("→", bye)
            if talk.peer is not None and self.platform.node.reachable(talk.peer):
                self.platform.later(self.platform.node.request(bye, talk.peer, 8))
        talk.ended.set()
        for listener in tuple(talk.listeners):
            listener("ended")
        if talk.saved:
            try:
                # whoever waited for this end may be cancelled by it: it is stored all the same
                await asyncio.shield(asyncio.ensure_future(self.platform.store.talk_ended(talk)))
            except Exception:
                log.exception("an announcement could not be stored")
