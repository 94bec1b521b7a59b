"""One polite GET that cannot be led inside, filled up or held open.

The name is resolved once; if any answer is not public the fetch is refused; the connection goes to one of exactly those
addresses with the name kept for Host and TLS, and the peer is compared again once connected (a name that changes its
mind between check and use finds no second look-up). Redirects are followed by hand and checked like the first URL.
Bodies are counted before and after decompression. A whole fetch has one deadline, so a slow drip ends like a silence.
"""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from chengheng.opinion.collect.addresses import Refused, Target, follow, public, target

AGENT = "ChenghengBot/1.0 (city management public opinion; respects robots.txt)"
Resolve = Callable[[str, int], Awaitable[list[str]]]


class FetchFailed(Exception):
    """The fetch was refused or failed. `reason` is a stable code; `permanent` means that coming again is useless."""

    def __init__(self, reason: str, permanent: bool = False, retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.permanent, self.retry_after, self.status = reason, permanent, retry_after, status


@dataclass(frozen=True, slots=True)
class Caps:
    """What one fetch may cost."""

    bytes_in: int = 5_000_000
    bytes_out: int = 10_000_000
    ratio: int = 60
    seconds: float = 20.0
    connect_seconds: float = 6.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, or none when nothing changed (`status` 304)."""

    url: str
    status: int
    body: bytes
    media_type: str
    charset: str
    etag: str
    last_modified: str
    links: tuple[str, ...] = field(default=())  # raw Link headers (a WebSub hub is announced there)


async def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, by the system's resolver."""
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise FetchFailed("name_not_found") from error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class _Pinned(AbstractResolver):
    """Answers aiohttp with what was checked, and with nothing else."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], list[str]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.known[host, port]
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Unpacker:
    """Decompresses piece by piece and stops when the sum or the ratio passes the caps."""

    def __init__(self, encoding: str, caps: Caps) -> None:
        self.caps, self.read, self.made = caps, 0, 0
        self._engine: Any = None
        if encoding in ("gzip", "x-gzip"):
            self._engine = zlib.decompressobj(31)
        elif encoding == "deflate":
            self._engine = zlib.decompressobj()
        elif encoding not in ("", "identity"):
            raise FetchFailed("encoding", permanent=True)

    def feed(self, piece: bytes) -> list[bytes]:
        self.read += len(piece)
        if self.read > self.caps.bytes_in:
            raise FetchFailed("too_large", permanent=True)
        if self._engine is None:
            self.made += len(piece)
            self._check()
            return [piece]
        made = []
        while piece:
            try:
                part = self._engine.decompress(piece, 65_536)
            except zlib.error as error:
                raise FetchFailed("bad_compression") from error
            self.made += len(part)
            self._check()
            made.append(part)
            piece = self._engine.unconsumed_tail
            if self._engine.eof:
                break
        return made

    def _check(self) -> None:
        if self.made > self.caps.bytes_out:
            raise FetchFailed("too_large", permanent=True)
        if self.made > 100_000 and self.made > self.caps.ratio * max(self.read, 1):
            raise FetchFailed("compression_bomb", permanent=True)


def _retry_after(text: str | None) -> float | None:
    if text and text.strip().isdigit():
        return min(float(text), 86_400.0)
    return None


class Fetcher:
    """Use as an async context. `inside=True` lets tests reach loopback; no setting can say it."""

    def __init__(
        self, caps: Caps | None = None, resolve: Resolve = system_resolve, inside: bool = False, together: int = 200
    ) -> None:
        self.caps, self._resolve, self._inside, self._together = caps or Caps(), resolve, inside, together
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Fetcher:
        self._pinned = _Pinned()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._pinned,
                use_dns_cache=False,
                force_close=True,
                limit=self._together,
                happy_eyeballs_delay=None,
            ),
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": AGENT,
                "Accept-Encoding": "gzip, deflate",
                "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
            },
            max_line_size=8190,
            max_field_size=8190,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str, etag: str = "", last_modified: str = "") -> Answer:
        """The body behind `url`; `FetchFailed` otherwise. Nothing else escapes."""
        conditions = {}
        if etag:
            conditions["If-None-Match"] = etag
        if last_modified:
            conditions["If-Modified-Since"] = last_modified
        return await self._whole(url, conditions)

    async def post(self, url: str, form: Mapping[str, str]) -> int:
        """Send a form to a hub: the status (2xx), or `FetchFailed`. The same rules as for `get`; the answer is not read."""
        return (await self._whole(url, {}, form)).status

    @property
    def resolve(self) -> Resolve:
        """How this fetcher finds the addresses of a name."""
        return self._resolve

    @property
    def inside(self) -> bool:
        """Whether this fetcher reaches loopback (a test's)."""
        return self._inside

    async def _whole(self, url: str, conditions: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """One request with all its redirects within the time for it; whatever goes wrong is a `FetchFailed`."""
        try:
            async with asyncio.timeout(self.caps.seconds):
                return await self._followed(url, conditions, form)
        except Refused as error:
            raise FetchFailed(f"refused_{error}", permanent=True) from error
        except TimeoutError as error:
            raise FetchFailed("too_slow") from error
        except (aiohttp.ClientError, OSError, ValueError, KeyError, asyncio.IncompleteReadError) as error:
            raise FetchFailed(f"connection_{type(error).__name__}") from error

    async def _followed(self, url: str, conditions: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        aim = target(url, inside=self._inside)
        seen = {aim.url}
        for _ in range(self.caps.redirects + 1):
            answer = await self._once(aim, conditions, form)
            if isinstance(answer, Answer):
                return answer
            aim = follow(aim, answer, inside=self._inside)
            if aim.url in seen:
                raise FetchFailed("redirect_loop", permanent=True)
            seen.add(aim.url)
        raise FetchFailed("too_many_redirects", permanent=True)

    def _allowed(self, address: str) -> bool:
        return public(address) or (self._inside and address == "127.0.0.1")

    async def _once(self, aim: Target, conditions: Mapping[str, str], form: Mapping[str, str] | None) -> Answer | str:
        if aim.address is None:
            addresses = await self._resolve(aim.host, aim.port)
            if not addresses or not all(self._allowed(address) for address in addresses):
                raise FetchFailed("refused_address", permanent=True)
            self._pinned.known[aim.host, aim.port] = addresses
        assert self._session is not None, "use the fetcher as a context"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.caps.connect_seconds)
        async with self._session.request(
            "GET" if form is None else "POST", aim.url, headers=conditions, data=form, allow_redirects=False,
            timeout=timeout,
        ) as reply:  # fmt: skip
            transport = reply.connection.transport if reply.connection else None
            peer = transport.get_extra_info("peername") if transport else None
            if peer and not self._allowed(str(peer[0])):
                raise FetchFailed("refused_address", permanent=True)
            if form is not None and 200 <= reply.status < 300:
                return self._answer(aim, reply, b"")
            if reply.status in ((301, 302, 303, 307, 308) if form is None else (307, 308)):
                if not reply.headers.get("Location"):
                    raise FetchFailed("redirect_nowhere")
                return reply.headers["Location"]
            if reply.status == 304:
                return self._answer(aim, reply, b"")
            if reply.status != 200:
                permanent = reply.status in (401, 403, 404, 405, 406, 410, 451)
                raise FetchFailed(
                    f"http_{reply.status}", permanent, _retry_after(reply.headers.get("Retry-After")), reply.status
                )
            if (reply.content_length or 0) > self.caps.bytes_in:
                raise FetchFailed("too_large", permanent=True)
            unpacker = _Unpacker(reply.headers.get("Content-Encoding", "").strip().lower(), self.caps)
            body = bytearray()
            async for piece in reply.content.iter_chunked(65_536):
                for part in unpacker.feed(piece):
                    body += part
            return self._answer(aim, reply, bytes(body))

    @staticmethod
    def _answer(aim: Target, reply: aiohttp.ClientResponse, body: bytes) -> Answer:
        try:
            charset = reply.charset or ""
        except (RuntimeError, ValueError):
            charset = ""
        return Answer(
            aim.url,
            reply.status,
            body,
            reply.content_type,
            charset,
            reply.headers.get("ETag", "")[:500],
            reply.headers.get("Last-Modified", "")[:100],
            tuple(reply.headers.getall("Link", ())[:10]),
        )
