"""A list page that builds itself by script, read by a Chromium that the operator installed.

The browser is a process group of its own, with a folder of its own that goes afterwards, a deadline, a bound on memory and
on what it writes, and no way to the network but a proxy of ours on loopback. The proxy asks `addresses` and the resolver
about every request, as the fetcher does: scripts, frames, redirects and sockets of the page included. It connects to
exactly the address that was checked. Names are not resolved by the browser. As root it runs as nobody.

Nobody logs in, and nothing is kept from one page to the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.conf import settings

from chengheng.opinion.collect.addresses import Refused, public, target
from chengheng.opinion.collect.fetcher import AGENT, FetchFailed, Resolve, system_resolve

_OWN = ("google.com", "googleapis.com", "gvt1.com", "gstatic.com")  # what a Chromium asks for by itself: never let out
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_HEAD = 32_768  # bytes of a request's head
_BODY = 100_000  # bytes that a page may send with one request
_ENDED_WITHIN = 10.0  # seconds for a killed browser to be gone
_FLAGS = (
    "--headless=new", "--dump-dom", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-breakpad",
    "--no-first-run", "--no-default-browser-check", "--mute-audio", "--disable-quic", "--disable-notifications",
    "--disable-features=AsyncDns,DnsOverHttps,OptimizationHints,MediaRouter,Translate,InterestFeedContentSuggestions",
    "--blink-settings=imagesEnabled=false", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--proxy-bypass-list=<-loopback>", "--deny-permission-prompts", "--js-flags=--max-old-space-size=256",
    "--no-pings", "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-field-trial-config",
    "--disable-component-extensions-with-background-pages", "--renderer-process-limit=2", "--password-store=basic",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one page may cost. `settle_ms` is the page's own clock: waiting timers cost no real time."""

    seconds: float = 25.0
    settle_ms: int = 8000
    memory: int = 1_500_000_000
    answer: int = 10_000_000
    traffic: int = 25_000_000
    requests: int = 200


@dataclass(slots=True)
class Rendered:
    """The page as its scripts left it, and the addresses that it asked for in vain."""

    html: bytes
    refused: list[str] = field(default_factory=list)
    requests: int = 0


def browser() -> str:
    """The Chromium of this site; "" when there is none."""
    if settings.CHROMIUM:
        return shutil.which(settings.CHROMIUM) or ""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


class _Proxy:
    """Lets through what the fetcher would fetch, and counts."""

    def __init__(self, site: str, bounds: Bounds, resolve: Resolve, inside: bool) -> None:
        self._site, self.bounds, self._resolve, self._inside = site, bounds, resolve, inside
        self.refused: list[str] = []
        self.requests = self.traffic = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            async with asyncio.timeout(self.bounds.seconds):
                await self._one(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        method, url, _version = first.split(" ", 2)
        self.requests += 1
        tunnel = method == "CONNECT"
        try:
            if self.requests > self.bounds.requests or self.traffic > self.bounds.traffic:
                raise Refused("too_many")
            aim = target(f"https://{url}/" if tunnel else url, inside=self._inside)
            if tunnel and aim.port != 443 and not self._inside:
                raise Refused("port")
            if aim.host.endswith(_OWN) and not self._site.endswith(_OWN):
                raise Refused("")
            address = await self._checked(aim.host, aim.port, aim.address is None)
        except (Refused, FetchFailed) as reason:
            if str(reason) and len(self.refused) < 20:
                self.refused.append(f"{reason} {url}"[:300])
            writer.write(b"HTTP/1.1 403 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        there, back = await asyncio.open_connection(address, aim.port)
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await self._both(self._pipe(reader, back, self.bounds.traffic), self._pipe(there, writer))
                return
            said = {line.split(":", 1)[0].strip().lower(): line for line in lines if ":" in line}
            length = said.get("content-length", ":0").split(":", 1)[1].strip()
            if not length.isdecimal() or int(length) > _BODY or "transfer-encoding" in said:
                return
            kept = [line for name, line in said.items() if not name.startswith("proxy-") and name != "connection"]
            parts = urlsplit(aim.url)
            path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            back.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode("latin-1"))
            if int(length):
                back.write(await reader.readexactly(int(length)))
            await back.drain()
            await self._pipe(there, writer)
        finally:
            back.close()

    async def _checked(self, host: str, port: int, named: bool) -> str:
        """The one address to connect to; Refused when any address of the name is not public."""
        bare = host.strip("[]")
        found = await self._resolve(host, port) if named else [bare]
        if not found or not all(public(one) or (self._inside and one == "127.0.0.1") for one in found):
            raise Refused("address")
        return found[0]

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int = 0) -> None:
        sent = 0
        while piece := await reader.read(65_536):
            sent += len(piece)
            self.traffic += len(piece)
            if self.traffic > self.bounds.traffic or (most and sent > most):
                return
            writer.write(piece)
            await writer.drain()

    @staticmethod
    async def _both(*ways: Awaitable[None]) -> None:
        """Until one side has ended."""
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def render(
    url: str, bounds: Bounds | None = None, resolve: Resolve = system_resolve, inside: bool = False
) -> Rendered:
    """The page at `url` as its scripts leave it; `FetchFailed` otherwise. `inside` lets tests reach loopback."""
    bounds, program = bounds or Bounds(), browser()
    if not program:
        raise FetchFailed("headless_missing")
    try:
        aim = target(url, inside=inside)
    except Refused as reason:
        raise FetchFailed(f"refused_{reason}", permanent=True) from reason
    proxy = _Proxy(aim.host, bounds, resolve, inside)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=_HEAD)
    port = server.sockets[0].getsockname()[1]
    try:
        async with _running(program, aim.url, port, bounds) as process:
            html = await _within(process, bounds)
    finally:
        server.close()
        await proxy.close()
    if not html.strip() or b"<" not in html:
        raise FetchFailed("headless_failed")
    if any(line.endswith(f" {aim.url}") for line in proxy.refused):
        raise FetchFailed("refused_address", permanent=True)
    return Rendered(html, proxy.refused, proxy.requests)


@asynccontextmanager
async def _running(program: str, url: str, port: int, bounds: Bounds) -> AsyncIterator[asyncio.subprocess.Process]:
    as_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="chengheng-page-", ignore_cleanup_errors=True) as folder:
        if as_root:
            shutil.chown(folder, "nobody")
        process = await asyncio.create_subprocess_exec(
            program, *_FLAGS, *(["--no-sandbox"] if as_root else []), f"--user-data-dir={folder}/profile",
            f"--user-agent={AGENT}", f"--proxy-server=http://127.0.0.1:{port}", f"--virtual-time-budget={bounds.settle_ms}",
            f"--timeout={int(bounds.seconds * 600)}", url,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={"HOME": folder, "TMPDIR": folder, "PATH": os.environ.get("PATH", ""), "LANG": "zh_CN.UTF-8"},
            cwd=folder, start_new_session=True, user="nobody" if as_root else None,
            group="nogroup" if as_root and Path("/etc/debian_version").exists() else None,
            extra_groups=[] if as_root else None,
        )  # fmt: skip
        try:
            yield process
        finally:
            for one in _family(process.pid):
                with contextlib.suppress(psutil.Error):
                    one.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDED_WITHIN):
                    while process.stdout and await process.stdout.read(65_536):
                        pass  # what nobody reads any more would keep `wait` waiting
                    await process.wait()


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


async def _within(process: asyncio.subprocess.Process, bounds: Bounds) -> bytes:
    """All that the browser writes, within its bounds."""
    assert process.stdout is not None
    reading = asyncio.create_task(_read(process.stdout, bounds.answer))
    watching = asyncio.create_task(_watch(process.pid, bounds.memory))
    try:
        async with asyncio.timeout(bounds.seconds):
            await asyncio.wait([reading, watching], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return reading.result()
        raise FetchFailed("headless_memory", permanent=True)
    except TimeoutError as error:
        raise FetchFailed("headless_too_slow") from error
    finally:
        for task in (reading, watching):
            task.cancel()
        await asyncio.gather(reading, watching, return_exceptions=True)


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    found = bytearray()
    while piece := await stream.read(65_536):
        found += piece
        if len(found) > most:
            raise FetchFailed("headless_too_large", permanent=True)
    return bytes(found)


async def _watch(pid: int, most: int) -> None:
    """Returns when the browser with its children has taken more memory than it may."""
    while True:
        held = 0
        for one in _family(pid):
            with contextlib.suppress(psutil.Error):
                memory = one.memory_info()
                held += memory.rss - memory.shared
        if held > most:
            return
        await asyncio.sleep(0.2)
