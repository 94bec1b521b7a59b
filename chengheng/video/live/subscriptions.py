"""Subscriptions at devices and lower platforms (GB/T 28181-2022 9.11): begun, refreshed, ended, and their notices.

What is wanted stands at the entry, what is held too; `settle` makes the one follow the other and is safe to repeat.
A device that said no is not asked again before it registers anew; one that stays silent is asked again later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chengheng.common.sipnode import NoAnswer
from chengheng.protocols.gb28181 import manscdp
from chengheng.protocols.sip.dialog import Dialog
from chengheng.video import rules

if TYPE_CHECKING:
    from chengheng.protocols.sip.endpoint import Peer
    from chengheng.protocols.sip.message import Message
    from chengheng.video.live.platform import Entry, Platform

log = logging.getLogger("chengheng.video.subscriptions")
EVENTS = {"Catalog": "Catalog", "Alarm": "presence", "MobilePosition": "presence"}  # CmdType: Event header (9.11)
XML = "Application/MANSCDP+xml"
WORKERS = 10
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 8.0
AGAIN_SECONDS = 60.0


@dataclass(eq=False)
class Held:
    """A subscription that runs: its dialog, until when (wall clock), what came."""

    dialog: Dialog
    until: float
    refresh_at: float
    interval_s: int = 0
    notices: int = 0
    last_at: float = 0.0


class Subscriptions:
    """All of one platform's. `begin`, `notice` and `settle` are called by the platform; `run` looks who is due."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.asked = 0
        self._queue: asyncio.Queue[Entry] = asyncio.Queue()
        self._counted: dict[tuple[int, str], Held] = {}

    # -- who is due ----------------------------------------------------------------------------------------------
    async def look(self) -> None:
        """Hand those whose time has come to the workers, and tell the store what came meanwhile."""
        now = time.time()
        for entry in self.platform.entries.values():
            if entry.due_at <= now and entry.online and not entry.settling:
                entry.settling = True
                self._queue.put_nowait(entry)
        counted, self._counted = self._counted, {}
        if counted:
            rows = [(pk, subject, held.notices, held.last_at) for (pk, subject), held in counted.items()]
            for held in counted.values():
                held.notices = 0
            await self.platform.store.notices(rows)

    async def work(self) -> None:
        """One worker."""
        while True:
            entry = await self._queue.get()
            entry.settling = False
            try:
                await self.settle(entry)
            except Exception:
                log.exception("the subscriptions of %s could not be settled", entry.gb_id)
                entry.due_at = time.time() + AGAIN_SECONDS

    def forget(self, entry: Entry) -> None:
        """The device has registered anew: whatever it had agreed to, it has forgotten."""
        entry.generation += 1
        entry.subscriptions.clear()
        entry.declined.clear()
        entry.due_at = time.time() + 1.0

    async def settle(self, entry: Entry) -> None:
        """Ask for what is wanted and not held, end what is held and not wanted, refresh what is due."""
        from chengheng.video.live.platform import CallStopped

        if entry.settling:
            return
        entry.settling = True
        try:
            for subject in EVENTS:
                held, wanted = entry.subscriptions.get(subject), subject in entry.wants
                if held is not None and not wanted:
                    await self._end(entry, subject, held)
                elif held is not None:
                    moved = subject == "MobilePosition" and held.interval_s != entry.position_s
                    if moved or held.refresh_at <= time.time():
                        await self._refresh(entry, subject, held)
                elif wanted and entry.declined.get(subject, 0.0) <= time.time():
                    await self._begin(entry, subject)
            entry.due_at = self._next(entry)
        except CallStopped:
            entry.due_at = time.time() + AGAIN_SECONDS
        finally:
            entry.settling = False

    def _next(self, entry: Entry) -> float:
        times = [float("inf")]
        for subject in EVENTS:
            held, wanted = entry.subscriptions.get(subject), subject in entry.wants
            if held is not None:
                times.append(held.refresh_at if wanted else 0.0)
            elif wanted:
                times.append(entry.declined.get(subject, 0.0))
        return min(times)

    # -- asking --------------------------------------------------------------------------------------------------
    def _body(self, entry: Entry, subject: str) -> bytes:
        values: dict[str, manscdp.Value] = {}
        if subject == "Alarm":  # 0: all
            values = {"StartAlarmPriority": 0, "EndAlarmPriority": 0, "AlarmMethod": 0}
        elif subject == "MobilePosition":
            values = {"Interval": entry.position_s}
        return manscdp.query(subject, self.platform.sn(), entry.gb_id, **values)

    async def _begin(self, entry: Entry, subject: str) -> None:
        message, peer = self.platform._new(
            "SUBSCRIBE", entry, entry.gb_id, self._body(entry, subject), content_type=XML, event=EVENTS[subject],
            expires=str(rules.SUBSCRIBE_SECONDS),
        )  # fmt: skip
        generation = entry.generation
        self.asked += 1
        try:
            response = await self.platform.node.request(message, peer, ANSWER_SECONDS)
        except NoAnswer:
            entry.declined[subject] = time.time() + AGAIN_SECONDS
            await self._tell(entry, subject, "no_answer")
            return
        if entry.generation != generation:
            return  # it registered anew while it was asked
        refusal = _refusal(response)
        if refusal:
            await self._decline(entry, subject, refusal)
            return
        held = Held(Dialog.called(message, response, peer), 0.0, 0.0)
        entry.subscriptions[subject] = held
        await self._granted(entry, subject, held, response)

    async def _granted(self, entry: Entry, subject: str, held: Held, response: Message) -> None:
        granted = response.expires or rules.SUBSCRIBE_SECONDS
        now = time.time()
        held.until, held.refresh_at = now + granted, now + rules.refresh_after(granted)
        held.interval_s = entry.position_s
        entry.declined.pop(subject, None)
        await self._tell(entry, subject, "active", held.until)

    async def _refresh(self, entry: Entry, subject: str, held: Held) -> None:
        """Again in the same dialog; a device that no longer knows it is asked from the beginning."""
        message = self._inside(entry, subject, held, rules.SUBSCRIBE_SECONDS)
        message.body = self._body(entry, subject)
        try:
            response = await self.platform.node.request(message, self._peer(entry), ANSWER_SECONDS)
        except NoAnswer:
            held.refresh_at = time.time() + AGAIN_SECONDS
            if held.until <= time.time():
                entry.subscriptions.pop(subject, None)
                await self._tell(entry, subject, "no_answer")
            return
        if entry.subscriptions.get(subject) is not held:
            return
        refusal = _refusal(response)
        if not refusal:
            await self._granted(entry, subject, held, response)
            return
        entry.subscriptions.pop(subject, None)
        if response.status in (404, 408, 481):
            await self._begin(entry, subject)
        else:
            await self._decline(entry, subject, refusal)

    async def _end(self, entry: Entry, subject: str, held: Held) -> None:
        message = self._inside(entry, subject, held, 0)
        message.body = self._body(entry, subject)
        entry.subscriptions.pop(subject, None)
        try:
            await self.platform.node.request(message, self._peer(entry), ANSWER_SECONDS)
        except NoAnswer:
            log.info("%s did not answer the end of its subscription to %s", entry.gb_id, subject)
        await self._tell(entry, subject, "ended")

    def _inside(self, entry: Entry, subject: str, held: Held, expires: int) -> Message:
        host, port = self.platform.node.local_for(self._peer(entry))
        return held.dialog.request(
            "SUBSCRIBE", event=EVENTS[subject], expires=str(expires), content_type=XML,
            contact=f"<sip:{self.platform.settings.gb_id}@{host}:{port}>",
        )  # fmt: skip

    def _peer(self, entry: Entry) -> Peer:
        from chengheng.video.live.platform import CallStopped

        if entry.peer is None or entry.expires_at < time.time() or not self.platform.node.reachable(entry.peer):
            raise CallStopped("offline")
        return entry.peer

    async def _decline(self, entry: Entry, subject: str, refusal: str) -> None:
        entry.declined[subject] = float("inf")
        await self._tell(entry, subject, "refused", detail=refusal)

    async def _tell(self, entry: Entry, subject: str, state: str, until: float = 0.0, detail: str = "") -> None:
        await self.platform.store.subscription(entry.pk, subject, state, until, detail)

    # -- notices -------------------------------------------------------------------------------------------------
    def notice(self, entry: Entry, subject: str, request: Message) -> bool:
        """Account for a NOTIFY about `subject` ("" when it says nothing); False when nobody asked for it."""
        state = request.get("subscription-state").lower()
        ended = state.startswith("terminated")
        found = next(
            ((name, held) for name, held in entry.subscriptions.items() if held.dialog.call_id == request.call_id), None
        )
        if found is None:
            if ended and not subject:
                self.forget(entry)  # some end everything without saying what
            return not subject or subject in entry.wants  # notices of a dialog from before our restart count too
        name, held = found
        now = time.time()
        if subject:
            held.notices += 1
            held.last_at = now
            self._counted[entry.pk, name] = held
        if ended:
            entry.subscriptions.pop(name, None)
            final = "rejected" in state or "noresource" in state
            entry.declined[name] = float("inf") if final else now + AGAIN_SECONDS
            entry.due_at = min(entry.due_at, now + AGAIN_SECONDS)
            self.platform.later(self._tell(entry, name, "terminated", detail=request.get("subscription-state")))
        else:
            left = _seconds_left(state)
            if left and now + left < held.until:  # it shortened what it had granted
                held.until, held.refresh_at = now + left, min(held.refresh_at, now + rules.refresh_after(left))
                entry.due_at = min(entry.due_at, held.refresh_at)
        return True


def _refusal(response: Message) -> str:
    """Why the device said no, "" when it said yes; some say yes in SIP and no in the body."""
    if response.status >= 300:
        return f"{response.status} {response.reason}"
    if b"<Result>" in response.body:
        try:
            result = manscdp.read(response.body).text("Result")
        except manscdp.ManscdpError:
            return ""
        if result.upper() not in ("OK", ""):
            return f"{response.status} {result}"
    return ""


def _seconds_left(state: str) -> int:
    """The seconds of "active;expires=60"; 0 when it does not say."""
    for part in state.split(";")[1:]:
        name, _equals, value = part.strip().partition("=")
        if name == "expires":
            return manscdp.integer(value) or 0
    return 0
