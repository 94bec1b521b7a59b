"""The event stream of the live process: `GET /events` gives a signed-in person their notices as they are told.

PostgreSQL announces each message when its transaction commits (LISTEN/NOTIFY); one query then reads the notices of the
people who are connected here. A stream that breaks comes back with `Last-Event-ID` (or `?after=`) and gets what it
missed. The stream is a hint: the bell counts from the database, so nothing is lost when it is down.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any

import psycopg
from aiohttp import web
from django.db import connection

from chengheng.common import live
from chengheng.common.notices.models import Notice
from chengheng.common.notices.telling import CHANNEL

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0
STREAMS_PER_USER = 8
MOST_MISSED = 50
_FULL = 200  # notices that a slow stream may lag behind before it is cut, to come back by itself

Event = tuple[int, str]
Streams = dict[int, set["asyncio.Queue[Event | None]"]]
STREAMS: web.AppKey[Streams] = web.AppKey("notice_streams", dict)


def setup(app: web.Application) -> None:
    """This room's part of the live process."""
    streams: Streams = defaultdict(set)
    app[STREAMS] = streams
    app.router.add_get("/events", events)
    app.cleanup_ctx.append(_listening)


def as_event(notice: Notice) -> Event:
    """The notice as the page's script reads it."""
    data = {
        "id": notice.pk, "title": notice.title, "body": notice.body[:300], "level": notice.level,
        "url": notice.get_absolute_url(), "at": notice.at.isoformat(),
    }  # fmt: skip
    return notice.pk, f"id: {notice.pk}\nevent: notice\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _told(message: int, users: Iterable[int]) -> list[tuple[int, Event]]:
    rows = Notice.objects.filter(message_id=message, user_id__in=list(users))
    return [(row.user_id, as_event(row)) for row in rows]


def _missed(user: int, after: int) -> list[Event]:
    rows = Notice.objects.filter(user_id=user, pk__gt=after).order_by("-pk")[:MOST_MISSED]
    return [as_event(row) for row in reversed(rows)]


async def events(request: web.Request) -> web.StreamResponse:
    """The stream of one browser window."""
    user = await live.require_user(request)
    streams = request.app[STREAMS]
    if len(streams[user.pk]) >= STREAMS_PER_USER:
        raise web.HTTPTooManyRequests(text="too many windows", headers={"Retry-After": "30"})
    mine: asyncio.Queue[Event | None] = asyncio.Queue(_FULL)
    streams[user.pk].add(mine)
    try:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        await response.write(b"retry: 3000\n\n")
        sent: set[int] = set()
        after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        if after.isascii() and after.isdigit() and len(after) < 19:
            for number, text in await live.in_thread(_missed, user.pk, int(after)):
                sent.add(number)
                await response.write(text.encode())
        clock = asyncio.get_running_loop().time
        look_again = clock() + HEARTBEAT_SECONDS
        while True:
            try:
                event = await asyncio.wait_for(mine.get(), max(0.0, look_again - clock()))
            except TimeoutError:
                if await live.user_of(request) is None:  # signed out, or the session ended
                    break
                await response.write(b": here\n\n")
                look_again = clock() + HEARTBEAT_SECONDS
                continue
            if event is None:
                break
            if event[0] not in sent:
                await response.write(event[1].encode())
        return response
    except ConnectionResetError:  # the window was closed
        return response
    finally:
        streams[user.pk].discard(mine)
        if not streams[user.pk]:
            del streams[user.pk]


async def _listening(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(_listen(app[STREAMS]))
    yield
    task.cancel()
    for queues in list(app[STREAMS].values()):
        for one in queues:
            _put(one, None)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _listen(streams: Streams) -> None:
    """Hear announcements for the life of the process; a lost connection is made again, and streams are told to return."""
    wait = 0.5
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True) as heard:
                await heard.execute(f"listen {CHANNEL}")
                wait = 0.5
                async for note in heard.notifies():
                    if streams:
                        await _hand_out(streams, int(note.payload))
        except (psycopg.Error, OSError, ValueError) as error:
            logger.warning("the notice stream lost the database: %s", error)
        # what was told meanwhile was not heard: let every stream come back with its Last-Event-ID
        for queues in list(streams.values()):
            for one in list(queues):
                _put(one, None)
        await asyncio.sleep(wait)
        wait = min(wait * 2, 10)


async def _hand_out(streams: Streams, message: int) -> None:
    for user, event in await live.in_thread(_told, message, list(streams)):
        for one in list(streams.get(user, ())):
            _put(one, event)


def _put(one: asyncio.Queue[Event | None], event: Event | None) -> None:
    """Hand an event to a stream; one that lags too far behind is cut and comes back by itself."""
    if event is None or one.full():
        while not one.empty():
            one.get_nowait()
        event = None
    one.put_nowait(event)


def _parameters() -> dict[str, Any]:
    """Django's connection parameters for psycopg."""
    parameters = connection.get_connection_params()
    return {
        key: value
        for key, value in parameters.items()
        if key in ("host", "port", "user", "password", "dbname", "sslmode")
    }
