"""Pictures that a 2022 device takes itself and uploads (9.14): one address for one session, on a media port of its own.

The listener exists only while the session runs, takes uploads from the device's own address under an unguessable path,
no more than were asked for, and believes nothing: size, type and the whole picture are checked before it is kept.
UploadSnapShotFinished ends the session; without it, its time does.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import re
import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from chengheng.common.errors import Refusal
from chengheng.common.live import in_thread
from chengheng.common.sipnode import NoAnswer
from chengheng.protocols.gb28181 import manscdp
from chengheng.video import actions, queries, rules
from chengheng.video.live import still
from chengheng.video.live.platform import CallStopped
from chengheng.video.live.ports import NoPort

if TYPE_CHECKING:
    from chengheng.video.live.platform import Entry
    from chengheng.video.live.web import Service

log = logging.getLogger("chengheng.video.captures")
LARGEST = 12 * 1024 * 1024  # of one picture: 4K JPEGs have 2 to 4 MB (local rule)
GRACE_SECONDS = 30.0  # beyond the time that taking the pictures needs (local rule)
ANSWER_SECONDS = 5.0
MOST_REFUSED = 10
_NAME = re.compile(r"[0-9A-Za-z_-]{1,60}")


@dataclass(eq=False)
class Session:
    """One running capture."""

    pk: int
    entry: Entry
    channel_pk: int
    channel_id: str
    name: str
    token: str
    wanted: int
    user_pk: int | None
    received: int = 0
    refused: int = 0
    taken: int = 0  # uploads that were let in, kept or not yet
    fault: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    runner: web.AppRunner | None = None
    port: int = 0


class Captures:
    """All sessions that run. `begin` starts one; `finished` is the device's notice."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sessions: dict[str, Session] = {}

    async def begin(
        self, entry: Entry, channel_pk: int, channel_id: str, wanted: int, interval_s: int, user_pk: int | None
    ) -> int:
        """Open the address and tell the device; the capture's key. CallStopped when the device does not do it."""
        platform = self.service.platform
        if entry.edition != 2022:
            raise CallStopped("no_capture")
        if entry.peer is None or not entry.online:
            raise CallStopped("offline")
        if any(item.channel_pk == channel_pk for item in self.sessions.values()):
            raise CallStopped("capture_runs")
        name = secrets.token_hex(16)
        session = Session(0, entry, channel_pk, channel_id, name, secrets.token_urlsafe(32), wanted, user_pk)
        self.sessions[name] = session
        try:
            url = await self._listen(session)
            session.pk = await in_thread(actions.begin_capture, channel_pk, name, wanted, interval_s, user_pk)
            config = {"SnapNum": wanted, "Interval": interval_s, "UploadURL": url, "SessionID": name}
            result = await platform.configure(entry, channel_id, ANSWER_SECONDS, SnapShotConfig=config)
            if result.upper() not in ("OK", ""):
                raise CallStopped("capture_refused", result[:60])
        except (CallStopped, NoAnswer) as error:
            await self._close(session)
            if session.pk:
                told = error.detail or error.code if isinstance(error, CallStopped) else "no_answer"
                await in_thread(actions.end_capture, session.pk, "refused", 0, 0, told)
            if isinstance(error, CallStopped) and error.code == "refused":
                raise CallStopped("capture_refused", error.detail) from error
            raise
        except BaseException:
            await self._close(session)
            raise
        platform.later(self._run(session, wanted * interval_s + GRACE_SECONDS))
        return session.pk

    async def _listen(self, session: Session) -> str:
        platform = self.service.platform
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", "/{token}", partial(self._upload, session))
        session.runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handle_signals=False)
        await session.runner.setup()
        try:
            sock = platform.ports.bind(socket.SOCK_STREAM)
        except NoPort as error:
            raise CallStopped("no_port") from error
        session.port = sock.getsockname()[1]
        await web.SockSite(session.runner, sock, backlog=8).start()
        assert session.entry.peer is not None
        host = platform.settings.announce or platform.node.local_for(session.entry.peer)[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{session.port}/{session.token}"

    async def _run(self, session: Session, seconds: float) -> None:
        """Until the device says that it has finished, every picture came, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await session.over.wait()
                while session.taken > session.received + session.refused:  # still being checked
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.2)  # the last answer is on its way
        await self._close(session)
        state = "done" if session.received >= session.wanted else "short" if session.received else "failed"
        fault = session.fault or ("" if state == "done" or session.over.is_set() else "timeout")
        await in_thread(actions.end_capture, session.pk, state, session.received, session.refused, fault)

    async def _close(self, session: Session) -> None:
        self.sessions.pop(session.name, None)
        runner, session.runner = session.runner, None
        if runner is not None:
            await runner.cleanup()
        if session.port:
            self.service.platform.ports.free(session.port)

    async def stop(self) -> None:
        for session in list(self.sessions.values()):
            await self._close(session)

    def finished(self, entry: Entry, done: manscdp.SnapshotsDone) -> None:
        """UploadSnapShotFinished: only the session's own device ends it."""
        session = self.sessions.get(done.session)
        if session is not None and session.entry is entry:
            session.over.set()

    # -- uploads -------------------------------------------------------------------------------------------------
    async def _upload(self, session: Session, request: web.Request) -> web.Response:
        """POST or PUT of one picture, bare or as a form. Whoever is not the device learns nothing."""
        peer = session.entry.peer
        if not hmac.compare_digest(request.match_info["token"].encode(), session.token.encode()):
            return web.Response(status=404)
        if peer is None or request.remote != peer.host:
            session.fault = session.fault or "foreign"
            return web.Response(status=404)
        if request.method not in ("POST", "PUT"):
            return web.Response(status=405)
        if session.over.is_set() or session.taken - session.refused >= session.wanted:
            return web.Response(status=410)
        if session.refused >= MOST_REFUSED:
            return web.Response(status=429)
        session.taken += 1
        try:
            name, data = await _picture(request)
            await in_thread(self._keep, session, name, data)
        except (_Bad, Refusal) as error:
            session.refused += 1
            session.fault = str(getattr(error, "code", "") or error)[:60]
            log.info("an upload of %s was refused: %s", session.entry.gb_id, session.fault)
            return web.Response(status=error.status)
        except BaseException:
            session.refused += 1
            raise
        session.received += 1
        if session.received >= session.wanted:
            session.over.set()
        return web.Response(status=200)

    def _keep(self, session: Session, name: str, data: bytes) -> None:
        """Check and store one picture (in a thread)."""
        try:
            shot = still.opened(data)
        except ValueError as error:
            raise _Bad("not_a_picture", 415) from error
        verdict = rules.verdict(shot.mean, shot.deviation, shot.sharpness, None, queries.thresholds())
        figures: dict[str, Any] = {"file": name}
        taken = taken_at(name)
        if taken is not None:
            figures["device_time"] = taken.isoformat()
        actions.keep_snapshot(
            session.channel_pk, shot, verdict, "", "device", session.user_pk, None, capture_pk=session.pk,
            figures=figures,
        )  # fmt: skip


class _Bad(Exception):
    """An upload that is not taken."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code, self.status = code, status


async def _picture(request: web.Request) -> tuple[str, bytes]:
    """(file name without its ending, bytes) of an upload. _Bad when it is too large or holds none."""
    if (request.content_length or 0) > LARGEST + 64 * 1024:
        raise _Bad("too_large", 413)
    try:
        async with asyncio.timeout(20):
            if request.content_type.startswith("multipart/"):
                return await _form(request)
            return "", await _bounded(request.content.read)
    except TimeoutError as error:
        raise _Bad("too_slow", 408) from error
    except (ValueError, AssertionError, web.HTTPException) as error:
        raise _Bad("not_a_form", 400) from error


async def _form(request: web.Request) -> tuple[str, bytes]:
    reader = await request.multipart()
    for _part in range(12):
        part = await reader.next()
        if part is None:
            break
        if not isinstance(part, BodyPartReader):
            continue  # a form within the form
        if part.filename or (part.headers.get("Content-Type") or "").startswith("image/"):
            found = _NAME.match((part.filename or "").rsplit("/", 1)[-1])
            return found[0] if found else "", await _bounded(part.read_chunk)
        await _bounded(part.read_chunk)
    raise _Bad("no_picture", 400)


async def _bounded(read: Any) -> bytes:
    parts, size = [], 0
    while chunk := await read(64 * 1024):
        size += len(chunk)
        if size > LARGEST:
            raise _Bad("too_large", 413)
        parts.append(bytes(chunk))
    return b"".join(parts)


def taken_at(name: str) -> datetime | None:
    """The time in a file's name: 20 digits of the device, 2 of the kind, 17 of the time, 2 of a serial (2022, 9.14)."""
    if len(name) < 39 or not name[:39].isdigit():
        return None
    try:
        return datetime.strptime(name[22:39], "%Y%m%d%H%M%S%f").replace(tzinfo=manscdp.CHINA)
    except ValueError:
        return None
