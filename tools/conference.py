"""Venues of a conference without a browser, for the kill test and the benchmark.

`python -m tools.conference N` in a site's environment makes N venues with somebody on duty each, and a running meeting, and
prints who they are; `Place` is one venue's page: it gets its tickets, speaks to the gateway, and comes back by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from tools.site import ROOT, Site

CSRF = "c" * 32
SOUND_ONLY = "\r\n".join((
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=rtcp-mux", "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=fingerprint:sha-256 " + ":".join(["AA"] * 32), "a=setup:actpass", "a=mid:0",
    "a=sendonly", "a=rtpmap:111 opus/48000/2", "",
))  # fmt: skip
"""What a venue offers that has no media: the engine answers it, nothing flows."""


def cast(site: Site, venues: int) -> dict[str, Any]:
    """Make venues and a running meeting in a site: {"meeting", "session_cookie", "csrf_cookie", "people": [{…}]}.

    The first of the people is the chair. Each has "session", "token" (of the API), "organisation" (its code).
    """
    done = subprocess.run(
        [sys.executable, "-m", "tools.conference", str(venues)], env=site.environment(), cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Place:
    """One venue in the meeting. `answered` are the moments at which the engine took what it sends."""

    def __init__(self, site: Site, scene: dict[str, Any], number: int) -> None:
        self.site, self.scene, self.number = site, scene, number
        self.who = scene["people"][number]
        self.doc: dict[str, Any] = {}
        self.me = 0
        self.answered: list[float] = []
        self.joined = asyncio.Event()
        self.leaving = False
        self.socket: aiohttp.ClientWebSocketResponse | None = None
        self.offer: Callable[[], Awaitable[str]] = self._no_media
        self.on: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {}
        self.changed = asyncio.Event()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def _no_media(self) -> str:
        return SOUND_ONLY

    async def run(self) -> None:
        """Be there until `leaving`."""
        jar = {self.scene["session_cookie"]: self.who["session"], self.scene["csrf_cookie"]: CSRF}
        tries = 0
        async with aiohttp.ClientSession(cookies=jar, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            while not self.leaving:
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError):
                    address = f"{self.site.address}/command/meetings/{self.scene['meeting']}/ticket/"
                    async with http.post(
                        address, headers={"X-CSRFToken": CSRF}, timeout=aiohttp.ClientTimeout(10)
                    ) as got:
                        ticket = (await got.json())["ticket"]
                    live = f"http://127.0.0.1:{self.site.live_port}/command/room"
                    async with http.ws_connect(live, params={"ticket": ticket}, max_msg_size=0) as self.socket:
                        async for message in self.socket:
                            if message.type is aiohttp.WSMsgType.TEXT:
                                tries = 0
                                await self._heard(json.loads(message.data))
                tries += 1
                for waiting in self._waiting.values():
                    if not waiting.done():
                        waiting.set_exception(ConnectionError())
                self._waiting.clear()
                await asyncio.sleep(min(3.0, 0.15 * tries))  # as the page does

    async def say(self, **message: Any) -> None:
        if self.socket is None or self.socket.closed:
            raise ConnectionError
        await self.socket.send_json(message)

    async def act(self, verb: str, **data: Any) -> None:
        """Use a verb; returns when the gateway has acknowledged it. Raises ConnectionError, TimeoutError, ValueError."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self.say(t="act", n=number, do=verb, **data)
            told = await asyncio.wait_for(answer, 10)
        finally:
            self._waiting.pop(number, None)
        if not told["ok"]:
            raise ValueError(told.get("code"))

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self.say(t="pub", sdp=await self.offer())

    async def _heard(self, told: dict[str, Any]) -> None:
        kind = told["t"]
        if kind in ("welcome", "state"):
            self.doc = told["doc"]
            self.changed.set()
            self.changed = asyncio.Event()
        if kind == "welcome":
            self.me = told["me"]
            self.joined.set()
        if (kind == "welcome" and told["engine"]) or (kind == "engine" and told["up"]):
            self._later(self._publish())
        elif kind == "pub-answer":
            self.answered.append(time.monotonic())
        elif kind == "done" and told["n"] in self._waiting and not self._waiting[told["n"]].done():
            self._waiting[told["n"]].set_result(told)
        if kind in self.on:
            await self.on[kind](told)


def _make(venues: int) -> dict[str, Any]:
    from datetime import date

    import django

    django.setup()
    from django.conf import settings
    from django.test import Client

    from chengheng.command.conference import actions
    from chengheng.command.models import Site as Venue
    from chengheng.common.people.actions.tokens import create_token
    from tests import access, builders

    commission = builders.organisation("Commission", kind="commission", code="K0")
    people = [builders.holder("command.chief", commission, name="k-chief")]
    Venue.objects.create(
        code="K-0", name="Main venue", kind="main", organisation=commission, serves_from=date(2024, 1, 1)
    )
    for number in range(1, venues):
        place = builders.organisation(f"Unit {number}", commission, code=f"K{number}")
        Venue.objects.create(
            code=f"K-{number}", name=f"Venue {number}", kind="unit", organisation=place, serves_from=date(2024, 1, 1)
        )
        people.append(builders.holder("command.site", place, name=f"k-site{number}"))
    chief = people[0]
    meeting = actions.call_now(chief, title="Snow", sites=Venue.objects.filter(code__startswith="K-"), minutes=600)
    out = []
    for person in people:
        client = Client()
        access.sign_in(client, person)
        out.append({
            "session": client.cookies[settings.SESSION_COOKIE_NAME].value, "organisation": person.organisation.code,
            "token": create_token(person, person, "kill")[1],
        })  # fmt: skip
    return {
        "meeting": meeting.pk, "session_cookie": settings.SESSION_COOKIE_NAME, "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "people": out,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_make(int(sys.argv[1]))))
