"""A running meeting in the live process: who is connected, what flows, and making the engine agree with the rows.

`doc` is the document of `queries.state`; nothing here changes it. Ephemeral things only: who speaks, whose picture is the
main one now, how good each line is.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from chengheng.command.conference import actions, engine, queries, rules
from chengheng.command.conference.live.camera import CameraLeg
from chengheng.command.conference.live.janus import EngineLost, EngineRefused, Janus
from chengheng.command.conference.live.legs import Receiver, Sender, Wanted, later
from chengheng.command.conference.live.mixer import Mixer
from chengheng.command.conference.live.tape import Reel
from chengheng.command.conference.live.terminal import Source, TerminalLeg
from chengheng.command.conference.models import Attendance
from chengheng.common.live import in_thread
from chengheng.protocols.janus.descriptions import NotAllowed, Offer

log = logging.getLogger("chengheng.conference")
MOST_PICTURES = 20
BITRATE = 1_500_000
_numbers = itertools.count(1)
Dial = Callable[[TerminalLeg, int, str], Awaitable[str]]
"""Calls a terminal into a meeting of this number and title; "" when it has answered."""


class Member:
    """One connection of one participant."""

    def __init__(
        self, room: Room, pk: int, name: str, user: Any, session: str, socket: web.WebSocketResponse,
        attendance: Attendance,
    ) -> None:  # fmt: skip
        self.room, self.pk, self.name, self.user, self.session = room, pk, name, user, session
        self.socket, self.attendance = socket, attendance
        self.number = next(_numbers)
        self.sender: Sender | None = None
        self.receiver: Receiver | None = None
        self.wants: dict[tuple[int, str], int] = {}
        self.loss, self.jitter = Decimal(0), Decimal(0)
        self.level = 0
        self.remark = 0
        self.stroke = 0
        self.lock = asyncio.Lock()
        self.gone = ""
        self.since = time.monotonic()

    @property
    def feed(self) -> str:
        return f"{self.pk}.{self.number}"

    @property
    def row(self) -> dict[str, Any]:
        return self.room.rows.get(self.pk, {})

    async def say(self, message: dict[str, Any]) -> None:
        await self.say_text(json.dumps(message))

    async def say_text(self, text: str) -> None:
        """A message that is written already: what goes to everybody is written once."""
        if not self.socket.closed:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await self.socket.send_str(text)

    async def bye(self, code: str) -> None:
        """Out at once: first the media, then the words."""
        self.gone = self.gone or code
        await self.close_legs()
        await self.say({"t": "bye", "code": code})
        with contextlib.suppress(Exception):
            await self.socket.close()

    async def close_legs(self) -> None:
        for leg in (self.sender, self.receiver):
            if leg is not None:
                with contextlib.suppress(EngineLost):
                    await leg.close()
        self.sender = self.receiver = None

    # What it sends

    async def publish(self, sdp: str) -> None:
        """Take what the browser wants to send; what it may not send is refused or dropped by the engine."""
        row = self.row
        if not row.get("admitted") or row.get("removed") or not rules.may_send(str(row.get("role", "viewer"))):
            await self.say({"t": "refused", "what": "pub"})
            return
        async with self.lock:
            await self.room.ready()
            sender = self.sender
            if sender is None or sender.epoch != self.room.janus.epoch or not sender.up:
                if sender is not None:
                    await sender.close()
                self.number = next(_numbers)
                sender = self.sender = Sender(
                    self.room.janus, self.room.name, self.room.secret, self.feed, self.say, self._sent
                )
                sender.on_talk = self.room.talk
            try:
                answer = await sender.offer(sdp, self.hushed)
            except (NotAllowed, EngineRefused) as error:
                log.info("%s: an offer was refused: %s", self.feed, error)
                await self.say({"t": "refused", "what": "pub"})
                return
        await self.say({"t": "pub-answer", "sdp": answer})
        self.room.look_again()

    def hushed(self, offered: Offer) -> set[str]:
        """The mids that the rows do not allow."""
        row, out = self.row, set()
        if offered.sound and row.get("mic") != "open":
            out.add(offered.sound)
        if offered.camera and row.get("cameraHeld"):
            out.add(offered.camera)
        if offered.screen and self.room.doc.get("presenter") != self.pk:
            out.add(offered.screen)
        return out

    def _sent(self) -> None:
        self.room.look_again()

    # What it receives

    def look(self) -> None:
        """Ask the engine for what this browser shows: its pictures, and the open microphones."""
        room = self.room
        if not self.row.get("admitted") or not room.janus.up or self.gone:
            return
        wanted: list[Wanted] = []
        for other in room.members.values():
            sender = other.sender
            if sender is None or not sender.up or other is self or sender.epoch != room.janus.epoch:
                continue
            if sender.offered.sound and other.row.get("mic") == "open":
                wanted.append(Wanted(sender.feed, sender.offered.sound))
            for what, mid in (("camera", sender.offered.camera), ("screen", sender.offered.screen)):
                if what == "screen" and room.doc.get("presenter") != other.pk:
                    continue
                if mid and (other.pk, what) in self.wants:
                    layer = self.wants[other.pk, what] if what == "camera" else -1
                    wanted.append(Wanted(sender.feed, mid, layer))
        for pk, camera in room.cameras.items():
            if camera.up and camera.epoch == room.janus.epoch and (pk, "camera") in self.wants:
                wanted.append(Wanted(camera.feed, camera.offered.camera))
        for pk, leg in room.terminals.items():
            if not leg.up or leg.epoch != room.janus.epoch or not leg.admitted:
                continue
            if leg.offered.sound and leg.mic:
                wanted.append(Wanted(leg.feed, leg.offered.sound))
            if leg.offered.camera and leg.camera and (pk, "camera") in self.wants:
                wanted.append(Wanted(leg.feed, leg.offered.camera))
        if self.receiver is None or self.receiver.epoch != room.janus.epoch:
            if not wanted:
                return
            self.receiver = Receiver(room.janus, room.name, f"{room.name}/{self.pk}", self.say, room.name_of)
        self.receiver.show(wanted)

    def view(self, wants: Any) -> None:
        """What the browser shows now: [participant, "camera"|"screen", layer], at most twenty."""
        found: dict[tuple[int, str], int] = {}
        for one in list(wants)[:MOST_PICTURES]:
            pk, what, layer = one
            if isinstance(pk, int) and what in ("camera", "screen") and layer in (0, 1, 2):
                found[pk, what] = layer
        if found != self.wants:
            self.wants = found
            self.look()

    def measured(self, told: dict[str, Any]) -> None:
        """What the browser says of its line: the worse of both ways."""
        loss, jitter = float(told.get("loss", 0)), float(told.get("jitter", 0))
        if not (0 <= loss <= 100 and 0 <= jitter <= 99_999):  # not for "NaN" either
            raise ValueError("figures of no line")
        self.loss, self.jitter = Decimal(str(round(loss, 2))), Decimal(str(round(jitter, 1)))
        self.level = rules.quality(self.loss, self.jitter)


class Room:
    """A meeting that somebody is connected to."""

    def __init__(self, pk: int, janus: Janus, dial: Dial | None = None) -> None:
        self.pk, self.janus, self.dial = pk, janus, dial
        self.name = f"m{pk}"
        self.secret = engine.secret(f"room/{pk}")
        self.doc: dict[str, Any] = {}
        self.rows: dict[int, dict[str, Any]] = {}
        self.version = 0
        self.members: dict[int, Member] = {}
        self.control = 0
        self.epoch = -1
        self.recording: str = ""
        self.reel = Reel(self.name)
        self.talking: dict[int, float] = {}
        self.speaker: int | None = None
        self.speaking_since = 0.0
        self.focus: int | None = None
        self.cameras: dict[int, CameraLeg] = {}
        self.terminals: dict[int, TerminalLeg] = {}
        self.mixer: Mixer | None = None
        self._mixing = asyncio.Lock()
        self._mix_again = False
        self._ready = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._stale = False
        self._ticker: asyncio.Task[None] | None = None
        self._looking: asyncio.TimerHandle | None = None

    def name_of(self, feed: str, mid: str) -> dict[str, Any] | None:
        """Whose picture or sound a feed's section is."""
        pk = int(feed.partition(".")[0])
        if pk in self.cameras:
            return {"id": pk, "what": "camera"}
        if pk in self.terminals:
            return {"id": pk, "what": "sound" if mid == self.terminals[pk].offered.sound else "camera"}
        member = self.members.get(pk)
        if member is None or member.sender is None:
            return None
        offered = member.sender.offered
        what = {offered.sound: "sound", offered.camera: "camera", offered.screen: "screen"}.get(mid, "camera")
        return {"id": pk, "what": what}

    # Agreeing with the rows

    async def load(self) -> None:
        """Read the rows again and make everything agree with them. Calls that overlap become one more reading."""
        self._stale = True
        async with self._loading:
            if not self._stale:
                return
            self._stale = False
            doc = await in_thread(queries.state, self.pk)
            if doc is None:
                doc = {**self.doc, "state": "ended"}
            self.doc, self.rows = doc, {row["id"]: row for row in doc.get("participants", ())}
            self.version += 1
            if doc["state"] != "running":
                for member in list(self.members.values()):
                    await member.bye("ended")
                await self._close_cameras()
                await self.close_terminals("ended")
                await self.reel.turn(None)
                await self._destroy()
                return
            for member in list(self.members.values()):
                if member.row.get("removed") or not member.row:
                    await member.bye("removed")
            await self._turn_reel()
            await self._agree()
            await self._show_cameras()
            self._call_terminals()
            await self._tell_all()
            self.look_again()

    async def _agree(self) -> None:
        """Mutes and recording, as the rows say."""
        try:
            for member in list(self.members.values()):
                sender = member.sender
                if sender is not None and sender.handle and sender.epoch == self.janus.epoch:
                    await sender.hush(member.hushed(sender.offered))
            if self.epoch == self.janus.epoch:
                await self._record()
        except (EngineLost, EngineRefused) as error:
            log.info("%s: %s", self.name, error)

    async def _show_cameras(self) -> None:
        """A leg for every camera that the rows show, while somebody is here; none for the others."""
        wanted = {
            pk for pk, row in self.rows.items()
            if row["role"] == "camera" and not row["removed"] and not row["cameraHeld"] and self.members
        }  # fmt: skip
        for pk in [pk for pk in self.cameras if pk not in wanted]:
            later(self.cameras.pop(pk).close())
        for pk in wanted - set(self.cameras):
            self.cameras[pk] = CameraLeg(
                self.janus, self.name, self.secret, pk, self._handle, self.look_again, self.reel
            )

    async def _handle(self) -> int:
        """The handle that steers this room. Raises EngineLost."""
        await self.ready()
        return self.control

    async def _close_cameras(self) -> None:
        legs, self.cameras = list(self.cameras.values()), {}
        for leg in legs:
            await leg.close()

    # Terminals

    def _call_terminals(self) -> None:
        """A call for every terminal that the rows call; an end to the others. What each may send, as the rows say."""
        if self.dial is None:
            return
        wanted = {
            pk for pk, row in self.rows.items()
            if row["role"] == "terminal" and not row["removed"] and row["call"] in ("ringing", "accepted")
        }  # fmt: skip
        for pk in [pk for pk, leg in self.terminals.items() if leg.finished or pk not in wanted]:
            row = self.rows.get(pk, {})
            later(self.terminals.pop(pk).close("removed" if row.get("removed") else "hung_up"))
        for pk in wanted - set(self.terminals):
            self.enter_terminal(pk).begin(self._dialled)
        for pk, leg in self.terminals.items():
            row = self.rows[pk]
            leg.admitted = bool(row["admitted"])
            leg.mic, leg.camera = row["mic"] == "open", not row["cameraHeld"]

    def enter_terminal(self, pk: int) -> TerminalLeg:
        leg = self.terminals[pk] = TerminalLeg(self.janus, self.name, self.secret, pk, self.look_again, self.reel)
        leg.on_talk = self.talk
        return leg

    async def _dialled(self, leg: TerminalLeg) -> str:
        assert self.dial is not None
        return await self.dial(leg, self.pk, str(self.doc.get("title", "")))

    async def _mix(self) -> None:
        """Have the engine agree with the calls that stand. Calls of this that overlap become one more round."""
        self._mix_again = True
        async with self._mixing:
            if not self._mix_again:
                return
            self._mix_again = False
            legs = [leg for leg in self.terminals.values() if leg.answered]
            mixer = self.mixer
            try:
                if not legs or not self.janus.up:
                    self.mixer = None
                    if mixer is not None:
                        await mixer.close()
                    return
                await self.ready()
                if mixer is None or mixer.epoch != self.janus.epoch:
                    mixer = Mixer(self.janus, self.name, self.secret, self.control)
                    await mixer.open()
                    self.mixer = mixer
                for leg in legs:
                    await leg.join_engine(mixer)
                await mixer.hear(self._voices())
                for leg in legs:
                    await leg.watch(mixer, self._shown_to(leg))
            except (EngineLost, EngineRefused) as error:
                log.info("%s: terminals: %s", self.name, error)

    def _senders(self) -> list[tuple[Member, Sender]]:
        return [
            (member, member.sender) for member in self.members.values()
            if member.sender is not None and member.sender.up and member.sender.epoch == self.janus.epoch
            and member.row.get("admitted")
        ]  # fmt: skip

    def _voices(self) -> set[tuple[str, str]]:
        return {
            (sender.feed, sender.offered.sound)
            for member, sender in self._senders()
            if sender.offered.sound and member.row.get("mic") == "open"
        }

    def _shown_to(self, leg: TerminalLeg) -> Source | None:
        """What a terminal sees: as the browsers' main picture (broadcast, shared screen, round, spotlight, who speaks),
        else the chair, else anybody; never itself."""
        found: dict[int, Source] = {}
        doc = self.doc
        for member, sender in self._senders():
            ask = _asking(self.janus, sender.handle)
            if member.pk == doc.get("presenter") and sender.offered.screen and doc.get("broadcast") is None:
                return Source(sender.feed, sender.offered.screen, ask)
            if sender.offered.camera and not member.row.get("cameraHeld"):
                found[member.pk] = Source(sender.feed, sender.offered.camera, ask, sender.offered.layers)
        for pk, camera in self.cameras.items():
            if camera.up and camera.epoch == self.janus.epoch:
                found[pk] = Source(camera.feed, camera.offered.camera, _nothing)
        for pk, other in self.terminals.items():
            if (
                other is not leg
                and other.up
                and other.epoch == self.janus.epoch
                and other.camera
                and other.offered.camera
            ):
                found[pk] = Source(other.feed, other.offered.camera, other.ask)
        for wanted in (doc.get("broadcast"), self.focus, doc.get("spotlight"), self.speaker, doc.get("chair")):
            if wanted in found:
                return found[wanted]
        return next(iter(found.values()), None)

    async def close_terminals(self, why: str) -> None:
        legs, self.terminals = list(self.terminals.values()), {}
        await asyncio.gather(*(leg.close(why) for leg in legs))
        await self._mix()

    @property
    def _tape(self) -> str:
        """The folder's name of what is recorded now; "" when nothing is."""
        return str(self.doc.get("tape", "")) if self.doc.get("recording") else ""

    async def _turn_reel(self) -> None:
        """Record cameras and terminals as the rows say, whether the engine is here or not."""
        folder = engine.recordings() / self._tape if self._tape else None
        if folder == self.reel.folder:
            return
        try:
            if folder is not None:
                await asyncio.to_thread(_make_folder, folder)
        except OSError as error:
            log.error("%s cannot be recorded: %s", self.name, error)
            return
        await self.reel.turn(folder)
        for leg in self.terminals.values():
            leg.ask()  # a track begins with a whole picture

    async def _record(self) -> None:
        wanted = self._tape
        if wanted == self.recording:
            return
        if wanted:
            folder = engine.recordings() / wanted
            await asyncio.to_thread(_make_folder, folder)
            await self.janus.message(self.control, {
                "request": "edit", "room": self.name, "secret": self.secret, "new_rec_dir": str(folder),
            })  # fmt: skip
        await self.janus.message(self.control, {
            "request": "enable_recording", "room": self.name, "secret": self.secret, "record": bool(wanted),
        })  # fmt: skip
        self.recording = wanted

    async def ready(self) -> None:
        """The engine has this room. Raises EngineLost."""
        async with self._ready:
            if self.epoch == self.janus.epoch and self.control:
                return
            if not self.janus.up:
                raise EngineLost
            self.control = await self.janus.attach(f"{self.name}/control", lambda _told: None)
            try:
                await self.janus.message(self.control, {
                    "request": "create", "room": self.name, "secret": self.secret, "is_private": True,
                    "admin_key": engine.secret("admin"), "publishers": 100, "bitrate": BITRATE, "bitrate_cap": True,
                    "fir_freq": 0, "videocodec": "h264", "audiocodec": "opus,pcma,pcmu", "opus_fec": True,
                    "audiolevel_event": True, "audio_active_packets": round(rules.VOICE_SECONDS * 50),
                    "audio_level_average": rules.VOICE_LEVEL,
                    "notify_joining": False, "lock_record": True,
                })  # fmt: skip
            except EngineRefused as error:
                if error.code != 427:  # it is there already: only the gateway had died
                    raise
            self.epoch, self.recording = self.janus.epoch, ""
            await self._record()

    async def _destroy(self) -> None:
        if self.control and self.epoch == self.janus.epoch:
            with contextlib.suppress(EngineLost, EngineRefused):
                await self.janus.message(self.control, {"request": "destroy", "room": self.name, "secret": self.secret})
                await self.janus.detach(self.control)
        self.control, self.epoch = 0, -1

    async def release(self) -> None:
        """Nobody is here any more: give the handle back. The engine's empty room stays for who comes back."""
        await self._close_cameras()
        await self.close_terminals("restart")
        await self.reel.turn(None)
        control, self.control = self.control, 0
        if control and self.epoch == self.janus.epoch:
            await self.janus.detach(control)

    def engine_changed(self) -> None:
        """The engine came or went: browsers send anew when it is here."""
        for member in list(self.members.values()):
            member.sender = None
            if member.receiver is not None:
                later(member.receiver.close())
                member.receiver = None
            later(member.say({"t": "engine", "up": self.janus.up}))
        for pk in [pk for pk in self.talking if pk not in self.terminals]:  # a terminal's voice is heard by us
            self.talk(str(pk), False)
        self.look_again()

    def look_again(self) -> None:
        """Have every member ask for what it shows; changes that come together are one."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(0.02, self._look)

    def _look(self) -> None:
        self._looking = None
        for member in list(self.members.values()):
            member.look()
        if self.terminals or self.mixer is not None:
            for pk in [pk for pk, leg in self.terminals.items() if leg.finished]:
                del self.terminals[pk]
            later(self._mix())

    # Telling

    def document_for(self, member: Member) -> dict[str, Any]:
        """What a member may see: in the lobby only that there is a meeting."""
        if member.row.get("admitted"):
            return self.doc
        hidden = {key: self.doc.get(key) for key in ("id", "title", "state", "began", "ends")}
        return {**hidden, "participants": [member.row] if member.row else [], "waiting": True}

    async def _tell_all(self) -> None:
        for_all = ""
        for member in list(self.members.values()):
            doc = self.document_for(member)
            if doc is self.doc and for_all:
                await member.say_text(for_all)
                continue
            text = json.dumps({"t": "state", "version": self.version, "doc": doc})
            if doc is self.doc:
                for_all = text
            await member.say_text(text)
        await self._tell_remarks()
        await self._tell_strokes()

    async def _tell_strokes(self) -> None:
        since = min((member.stroke for member in self.members.values() if member.row.get("admitted")), default=None)
        if since is None or not self.doc.get("board", {}).get("open"):
            return
        strokes = await in_thread(queries.strokes, self.pk, since)
        if not strokes:
            return
        for member in list(self.members.values()):
            fresh = [stroke for stroke in strokes if stroke["id"] > member.stroke]
            if fresh and member.row.get("admitted"):
                member.stroke = fresh[-1]["id"]
                await member.say({"t": "strokes", "strokes": fresh})

    async def _tell_remarks(self) -> None:
        said = int(self.doc.get("said") or 0)
        since = min((member.remark for member in self.members.values() if member.row.get("admitted")), default=said)
        if since >= said:
            return
        lines = await in_thread(queries.remarks, self.pk, since)
        if not lines:
            return
        for member in list(self.members.values()):
            fresh = [line for line in lines if line["id"] > member.remark]
            if fresh and member.row.get("admitted"):
                member.remark = fresh[-1]["id"]
                await member.say({"t": "chat", "lines": fresh})

    async def broadcast(self, message: dict[str, Any]) -> None:
        text = json.dumps(message)
        for member in list(self.members.values()):
            await member.say_text(text)

    # Coming and going

    async def join(self, member: Member) -> None:
        old = self.members.get(member.pk)
        self.members[member.pk] = member
        if old is not None:
            later(old.bye("replaced"))
        await self.load()
        self.begin_ticking()

    def begin_ticking(self) -> None:
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())

    @property
    def is_used(self) -> bool:
        """Whether anybody is connected, or a terminal's call stands."""
        return bool(self.members or self.terminals)

    def part(self, member: Member) -> None:
        if self.members.get(member.pk) is member:
            del self.members[member.pk]
            self.talking.pop(member.pk, None)
        if not self.is_used and self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        self.look_again()

    # Who speaks, and whose picture is the main one

    def talk(self, feed: str, on: bool) -> None:
        """The engine hears a voice, or no more. Every sender's handle tells it; the first counts."""
        try:
            pk = int(feed.partition(".")[0])
        except ValueError:
            return
        if on == (pk in self.talking):
            return
        if on:
            self.talking[pk] = time.monotonic()
        else:
            began = self.talking.pop(pk)
            if pk == self.speaker:
                self._close_speech(pk, began)
        later(self.broadcast({"t": "talk", "id": pk, "on": on}))

    def _close_speech(self, pk: int, began: float) -> None:
        seconds = time.monotonic() - began
        if seconds >= rules.SPEAKER_HOLD_SECONDS:
            later(in_thread(actions.note_speech, pk, seconds))

    async def _tick(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(0.25)
            rounds += 1
            now = time.monotonic()
            for leg in list(self.terminals.values()):
                leg.listen(now)
            held = [pk for pk, since in self.talking.items() if now - since >= rules.SPEAKER_HOLD_SECONDS]
            if held and self.speaker not in held:
                self.speaker = max(held, key=lambda pk: self.talking[pk])
            await self._focus()
            if self.terminals and rounds % 4 == 0:
                await self._mix()
            if rounds % 12 == 0:
                levels = {str(pk): member.level for pk, member in self.members.items() if member.level}
                levels |= {str(pk): leg.level for pk, leg in self.terminals.items() if leg.answered}
                await self.broadcast({"t": "quality", "levels": levels})

    async def _focus(self) -> None:
        focus: int | None = None
        if self.doc.get("poll"):
            order = [row["id"] for row in self.doc["participants"] if row["here"] and row["role"] != "viewer"]
            began = datetime.fromisoformat(self.doc["pollStarted"])
            focus = rules.polled(order, began, self.doc["poll"], datetime.now(UTC))
        elif self.doc.get("voiceSwitch") and (self.speaker in self.members or self.speaker in self.terminals):
            focus = self.speaker
        if focus != self.focus:
            self.focus = focus
            await self.broadcast({"t": "focus", "id": focus})


def _asking(janus: Janus, handle: int) -> Callable[[], None]:
    return lambda: later(janus.send(janus.client.message(handle, {"request": "configure", "keyframe": True})))


def _nothing() -> None:
    """A camera sends whole pictures by itself."""


def _make_folder(folder: Any) -> None:
    import os
    import pwd

    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(engine.USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
