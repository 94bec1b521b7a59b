"""Asking once: ICMP echo, TCP connect, HTTP(S), SNMP. Each probe ends within its timeout and never raises.

What must not go in: the database, schedules, judgement over more than one answer.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp


@dataclass(frozen=True)
class Answer:
    """What one probe found. `ms` is the time to the answer, None without one; `text` says why not (or what was read)."""

    ok: bool
    ms: float | None = None
    text: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """A target as its kind of probe understands it."""

    kind: str
    host: str
    port: int = 0
    url: str = ""


def understand(kind: str, target: str, options: dict[str, Any]) -> Target:
    """`10.0.0.1` (icmp), `10.0.0.1:22` (tcp), `https://…` (http), `10.0.0.1[:161]` (snmp). ValueError otherwise."""
    target = target.strip()
    if kind == "http":
        parts = urlsplit(target)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(target)
        return Target(kind, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), target)
    parts = urlsplit(f"//{target}")
    if not parts.hostname or parts.path or parts.query or parts.username:
        raise ValueError(target)
    port = parts.port or (161 if kind == "snmp" else 0)
    if kind not in {"icmp", "tcp", "snmp"} or (kind == "tcp" and not port) or (kind == "icmp" and parts.port):
        raise ValueError(target)
    return Target(kind, parts.hostname, port)


async def _address(host: str) -> str:
    """The numeric address; names are looked up each time, as a user's machine would."""
    with suppress(ValueError):
        return str(ip_address(host))
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


class NoPing(Exception):
    """This machine permits neither datagram nor raw ICMP sockets."""


class Pinger:
    """ICMP echo for any number of targets over one socket: datagram where the kernel permits, else raw.

    An answer belongs to a question by sequence number and by a random token in the payload, so neither another
    program's echo nor a late answer is taken for ours.
    """

    def __init__(self) -> None:
        self.raw = False
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        except OSError:
            try:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
                self.raw = True
            except OSError as error:
                raise NoPing(str(error)) from error
        self._socket.setblocking(False)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._waiting: dict[bytes, tuple[asyncio.Future[float], float, str]] = {}
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._token = struct.pack("!Q", time.time_ns() & (2**64 - 1))
        self._loop.add_reader(self._socket, self._receive)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    async def ping(self, address: str, timeout: float) -> float:
        """Milliseconds to the echo; TimeoutError or OSError."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        key = self._token + struct.pack("!I", self._number)
        header = struct.pack("!BBHHH", 8, 0, 0, 0x4348, self._number & 0xFFFF)
        header = struct.pack("!BBHHH", 8, 0, _checksum(header + key), 0x4348, self._number & 0xFFFF)
        future: asyncio.Future[float] = self._loop.create_future()
        self._waiting[key] = (future, time.perf_counter(), address)
        try:
            self._socket.sendto(header + key, (address, 0))
            async with asyncio.timeout(timeout):
                return await future
        finally:
            self._waiting.pop(key, None)

    def _receive(self) -> None:
        for _turn in range(256):
            try:
                packet, sender = self._socket.recvfrom(2048)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error of some target; its question times out
            at = time.perf_counter()
            if self.raw or packet[:1] == b"\x45":
                packet = packet[(packet[0] & 0x0F) * 4 :]
            if len(packet) < 20 or packet[0] != 0:
                continue
            asked = self._waiting.get(packet[8:20])
            if asked is not None and asked[2] == sender[0] and not asked[0].done():
                asked[0].set_result((at - asked[1]) * 1000)


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Prober:
    """Asks targets; holds what probes share (the ICMP socket, the HTTP session)."""

    def __init__(self) -> None:
        self._pinger: Pinger | None = None
        self.no_ping = ""
        try:
            self._pinger = Pinger()
        except NoPing as error:
            self.no_ping = str(error)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._pinger:
            self._pinger.close()
        if self._session:
            await self._session.close()

    async def ask(self, target: Target, options: dict[str, Any], timeout: float) -> Answer:
        """One probe; every failure of the network is an answer that is not ok."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                found = await getattr(self, f"_{target.kind}")(target, options, timeout)
        except TimeoutError:
            return Answer(False, None, f"no answer within {timeout:g} s")
        except (OSError, ssl.SSLError, aiohttp.ClientError, NoPing, ValueError, RuntimeError) as error:
            return Answer(False, None, (str(error) or type(error).__name__)[:160])
        if isinstance(found, Answer):
            return found
        return Answer(True, (time.perf_counter() - began) * 1000)

    async def _icmp(self, target: Target, options: dict[str, Any], timeout: float) -> Answer:
        if self._pinger is None:
            raise NoPing(f"ICMP is not permitted here: {self.no_ping}")
        return Answer(True, await self._pinger.ping(await _address(target.host), timeout))

    async def _tcp(self, target: Target, options: dict[str, Any], timeout: float) -> None:
        address = await _address(target.host)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.get_running_loop().sock_connect(connection, (address, target.port))
        finally:
            connection.close()

    async def _http(self, target: Target, options: dict[str, Any], timeout: float) -> Answer:
        """Good when the status is below 400 (or as asked), the text is there, and the certificate lasts."""
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, limit=0, enable_cleanup_closed=True)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "chengheng-prober"}
            )
        began = time.perf_counter()
        verify = bool(options.get("verify", True))
        async with self._session.get(target.url, allow_redirects=False, ssl=verify) as response:
            days = _certificate_days(response)
            body = await response.content.read(262_144)
            ms = (time.perf_counter() - began) * 1000
            numbers = {"status": float(response.status)} | ({"certificate_days": days} if days is not None else {})
            wanted = options.get("status")
            if response.status != wanted if wanted else response.status >= 400:
                return Answer(False, ms, f"HTTP {response.status}", numbers)
            text = options.get("contains", "")
            if text and text.encode() not in body:
                return Answer(False, ms, f"the page does not hold {text!r}", numbers)
            if days is not None and days < float(options.get("certificate_days", 7)):
                return Answer(False, ms, f"the certificate ends in {days:.1f} days", numbers)
            return Answer(True, ms, "", numbers)

    async def _snmp(self, target: Target, options: dict[str, Any], timeout: float) -> Answer:
        from gufo.snmp import SnmpError, SnmpVersion, User
        from gufo.snmp.aio import SnmpSession
        from gufo.snmp.user import Aes128Key, KeyType, Sha1Key

        oids = options.get("oids") or {"uptime": "1.3.6.1.2.1.1.3.0"}
        how: dict[str, Any] = {"community": options.get("community", "public"), "version": SnmpVersion.v2c}
        if options.get("user"):
            keys: dict[str, Any] = {}
            if options.get("auth_key"):
                keys["auth_key"] = Sha1Key(options["auth_key"].encode(), key_type=KeyType.Password)
            if options.get("priv_key"):
                keys["priv_key"] = Aes128Key(options["priv_key"].encode(), key_type=KeyType.Password)
            how = {"user": User(options["user"], **keys), "version": SnmpVersion.v3}
        address, began = await _address(target.host), time.perf_counter()
        try:
            async with SnmpSession(addr=address, port=target.port, timeout=timeout, **how) as session:
                read = await session.get_many(list(oids.values()))
        except SnmpError as error:
            raise OSError(str(error) or type(error).__name__) from error
        ms = (time.perf_counter() - began) * 1000
        if not read:
            return Answer(False, ms, "none of the numbers asked for")
        numbers = {}
        for name, oid in oids.items():
            value = read.get(oid)
            if isinstance(value, int | float):
                numbers[name] = float(value)
        return Answer(True, ms, "", numbers)


def _certificate_days(response: aiohttp.ClientResponse) -> float | None:
    """Days until the server's certificate ends; None without TLS or when it was not verified."""
    transport = response.connection.transport if response.connection else None
    found = transport.get_extra_info("peercert") if transport else None
    if not found or "notAfter" not in found:
        return None
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC)
    return (ends - datetime.now(UTC)).total_seconds() / 86400
