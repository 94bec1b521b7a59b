"""What our control plane adds to a conference of 33 venues, next to the bare engine in the same run.

A whole site (`chengheng up`) with the demonstration city's 33 venues; every venue signs in, gets its ticket, connects and
has its description answered by Janus. Processor time of the live process (ours) and of Janus, by /proc. No media flows
here: the engine's load by media is not measured by this benchmark.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import statistics as stats
import tempfile
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks.report import Report
from tools.site import Site

VENUES = 33
ACTS = 100
OFFER = "\r\n".join((
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
    *(line for mid, head, code in ((0, "audio 9 UDP/TLS/RTP/SAVPF 111", "111 opus/48000/2"),
                                   (1, "video 9 UDP/TLS/RTP/SAVPF 96", "96 H264/90000"))
      for line in (f"m={head}", "c=IN IP4 0.0.0.0", "a=rtcp-mux", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx",
                   "a=fingerprint:sha-256 " + ":".join(["AA"] * 32), "a=setup:actpass", f"a=mid:{mid}", "a=sendonly",
                   f"a=rtpmap:{code}")), "",
))  # fmt: skip


class Person:
    """One signed-in demonstration user."""

    def __init__(self, site: Site, user: str) -> None:
        self.site, self.jar = site, CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.get("/people/sign-in/")
        self.post("/people/sign-in/demo/", user=user)

    def get(self, path: str) -> str:
        with self.opener.open(f"{self.site.address}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, *more: tuple[str, str], **fields: str) -> tuple[str, str]:
        """The body of the answer, and the address where it led."""
        token = next(cookie.value or "" for cookie in self.jar if "csrf" in cookie.name)
        body = urllib.parse.urlencode([("csrfmiddlewaretoken", token), *fields.items(), *more]).encode()
        with self.opener.open(f"{self.site.address}{path}", body, timeout=60) as answer:
            return str(answer.read().decode()), str(answer.url)

    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.jar}


def run(report: Report) -> None:
    if not shutil.which("janus"):
        print("  Janus is not installed: nothing measured")
        return
    folder = Path(tempfile.mkdtemp(prefix="ch-bench-"))
    folder.chmod(0o755)
    try:
        site = Site(folder, demo=True)
        try:
            site.start(600)
            _measure(report, site)
        finally:
            site.stop(120)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(report: Report, site: Site) -> None:
    with urllib.request.urlopen(f"{site.address}/people/sign-in/", timeout=30) as answer:
        page = answer.read().decode()
    buttons = re.findall(r'name="user" value="(\d+)".*?</button>', page, re.S)
    names = {re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text)): number for number, text in re.findall(
        r'name="user" value="(\d+)"(.*?)</button>', page, re.S)}  # fmt: skip
    print(f"  {len(buttons)} demonstration users")
    chief = Person(site, next(number for name, number in names.items() if "沈指挥长" in name))
    form = chief.get("/command/meetings/new/")
    sites = re.findall(r'name="sites" value="(\d+)"', form)
    _body, where = chief.post(
        "/command/meetings/new/", *(("sites", number) for number in sites), title="Bench", minutes="60", layout="9",
        free_mics="on",
    )  # fmt: skip
    room = urllib.parse.urlsplit(where).path
    guards = [number for name, number in names.items() if "值班员" in name][: VENUES - 1]
    people = [chief, *(Person(site, number) for number in guards)]
    ours, theirs = (psutil.Process(site.processes()[name]["pid"]) for name in ("live", "janus"))

    def used(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    begun = (used(ours), used(theirs))
    joins, spread = asyncio.run(_conference(site, people, room.replace("/room/", "/ticket/")))
    live, engine = used(ours) - begun[0], used(theirs) - begun[1]
    print(f"  {len(people)} venues")
    report.line("join, ticket to engine's answer: median", stats.median(joins) * 1000, "ms")
    report.line(f"join of venue {len(people)}", joins[-1] * 1000, "ms", "picture: plus ICE, DTLS and one key frame")
    report.line("chair's act until the last venue has it: median", stats.median(spread) * 1000, "ms")
    report.line("live process, whole run", live * 1000, "ms CPU", f"{len(people)} joins, {len(spread)} acts")
    report.line("Janus, whole run (no media)", engine * 1000, "ms CPU")
    report.line("live process by act, to all venues", live * 1000 / max(1, len(spread)), "ms CPU", "joins included")


async def _conference(site: Site, people: list[Person], tickets: str) -> tuple[list[float], list[float]]:
    """Everybody joins one after another; then the chair acts. Seconds of each join, and of each act."""
    joins, spread = [], []
    sockets: list[Any] = []
    sessions = []
    for person in people:
        began = time.perf_counter()
        body, _where = await asyncio.to_thread(person.post, tickets)
        ticket = re.search(r'"ticket": ?"([^"]+)"', body)
        assert ticket, body[:300]
        session = aiohttp.ClientSession(cookies=person.cookies(), cookie_jar=aiohttp.CookieJar(unsafe=True))
        sessions.append(session)
        address = f"http://127.0.0.1:{site.live_port}/command/room"
        socket = await session.ws_connect(address, params={"ticket": ticket[1]}, max_msg_size=0)
        sockets.append(socket)
        await _until(socket, "welcome")
        await socket.send_json({"t": "pub", "sdp": OFFER})
        await _until(socket, "pub-answer")
        joins.append(time.perf_counter() - began)
    for number in range(int(os.environ.get("BENCH_ACTS", str(ACTS)))):
        began = time.perf_counter()
        await sockets[0].send_json({"t": "act", "n": number, "do": "set_banner", "text": f"b{number}"})
        await asyncio.gather(*(_banner(socket, f"b{number}") for socket in sockets))
        spread.append(time.perf_counter() - began)
    for session in sessions:
        await session.close()
    return joins, spread


async def _until(socket: Any, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            told: dict[str, Any] = await socket.receive_json()
            assert told["t"] not in ("bye", "refused"), told
            if told["t"] == kind:
                return told


async def _banner(socket: Any, text: str) -> None:
    while True:
        told = await _until(socket, "state")
        if told["doc"].get("banner") == text:
            return
