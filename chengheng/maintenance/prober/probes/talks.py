"""Probes that say a sentence and hear one: SIP OPTIONS, RTSP OPTIONS and DESCRIBE, NTP, databases, SNMP.

What is said and heard is in `chengheng.protocols`; here are only the sockets.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from chengheng.maintenance.prober.probes.answers import LONGEST_TEXT, Answer, Target
from chengheng.maintenance.rules import conditions
from chengheng.protocols import dbgreeting, ntp, rtsp
from chengheng.protocols.exposition import Sample
from chengheng.protocols.sip import message as sip
from chengheng.protocols.sip.stream import StreamReader as SipStream

MOST_BYTES = 512 * 1024
OFFSET_S = 1.0
"""How far a time server's clock may be from ours, unless the check says otherwise."""
T = TypeVar("T")


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.heard.put_nowait(exc if isinstance(exc, OSError) else OSError(str(exc)))


@asynccontextmanager
async def _udp(address: str, port: int) -> AsyncIterator[tuple[asyncio.DatagramTransport, _Datagrams]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        _Datagrams, remote_addr=(address, port)
    )
    try:
        yield transport, protocol
    finally:
        transport.close()


async def _heard(protocol: _Datagrams) -> bytes:
    data = await protocol.heard.get()
    if isinstance(data, OSError):
        raise data
    return data


@asynccontextmanager
async def _tcp(address: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _until(reader: asyncio.StreamReader, read: Callable[[bytes], T | None]) -> T:
    """Read until `read` finds something whole; OSError when the other side ends before."""
    data = b""
    while True:
        part = await reader.read(65_536)
        data += part
        if part:
            found = read(data)
            if found is not None:
                return found
        if not part:
            raise OSError("the connection was closed before an answer")
        if len(data) > MOST_BYTES:
            raise OSError("the answer is too long")


async def sip_options(target: Target, address: str, options: dict[str, Any]) -> Answer:
    """Any final answer but 408, 480 and 5xx/6xx is life (RFC 3261 §11): a camera that wants a password is there."""
    began = time.perf_counter()
    call, branch, tag = secrets.token_hex(8), "z9hG4bK" + secrets.token_hex(8), secrets.token_hex(4)
    host = f"[{address}]" if ":" in address else address
    uri = f"sip:{target.user}@{host}:{target.port}" if target.user else f"sip:{host}:{target.port}"

    def question(ours: tuple[str, int]) -> bytes:
        mine = f"[{ours[0]}]" if ":" in ours[0] else ours[0]
        said = sip.Message("OPTIONS", uri)
        said.set("via", f"SIP/2.0/{target.scheme.upper()} {mine}:{ours[1]};rport;branch={branch}")
        said.set("max-forwards", "70")
        said.set("from", f"<sip:prober@{mine}>;tag={tag}")
        said.set("to", f"<{uri}>")
        said.set("call-id", call)
        said.set("cseq", "1 OPTIONS")
        said.set("contact", f"<sip:prober@{mine}:{ours[1]}>")
        said.set("accept", "application/sdp")
        return said.encode()

    def final(data: bytes) -> sip.Message | None:
        try:
            answer = sip.parse(data)
        except sip.SipError:
            return None
        return answer if answer.status >= 200 and answer.call_id == call else None

    answer: sip.Message | None = None
    if target.scheme == "tcp":
        async with _tcp(address, target.port) as (reader, writer):
            writer.write(question(writer.get_extra_info("sockname")[:2]))
            stream = SipStream()
            while answer is None:
                part = await reader.read(65_536)
                if not part:
                    raise OSError("the connection was closed before an answer")
                for told in stream.receive(part):
                    if told.status >= 200 and told.call_id == call:
                        answer = told
    else:
        async with _udp(address, target.port) as (transport, protocol):
            said = question(transport.get_extra_info("sockname")[:2])
            wait = 0.5
            while answer is None:  # RFC 3261 §17.1.2.2: again after 0.5, 1, 2, 4, 4 … seconds
                transport.sendto(said)
                try:
                    async with asyncio.timeout(wait):
                        while answer is None:
                            answer = final(await _heard(protocol))
                except TimeoutError:
                    wait = min(wait * 2, 4)
    numbers = {"status": float(answer.status)}
    if answer.status in {408, 480} or answer.status >= 500:
        return Answer(False, _ms(began), f"SIP {answer.status} {answer.reason}"[:LONGEST_TEXT], numbers)
    return Answer(True, _ms(began), "", numbers)


async def rtsp_ask(target: Target, address: str, options: dict[str, Any]) -> Answer:
    """OPTIONS; with `describe` also DESCRIBE, logged in when user and password are known, and a video stream in it.

    Without `describe` an answer that wants a password is life.
    """
    began, url, cseq = time.perf_counter(), rtsp.plain_url(target.url), 0
    async with _tcp(address, target.port) as (reader, writer):

        async def ask(method: str, headers: dict[str, str]) -> rtsp.Response:
            nonlocal cseq
            cseq += 1
            writer.write(rtsp.request(method, url, cseq, {"User-Agent": "chengheng-prober", **headers}))
            return (await _until(reader, rtsp.read))[0]

        answer = await ask("OPTIONS", {})
        if options.get("describe") and answer.status < 500:
            answer = await ask("DESCRIBE", {"Accept": "application/sdp"})
            if answer.status == 401 and target.user:
                told = rtsp.authorization(answer, target.user, target.password, "DESCRIBE", url)
                if told:
                    answer = await ask("DESCRIBE", {"Accept": "application/sdp", "Authorization": told})
            if answer.status == 200 and not any(kind == "video" for kind, _name in rtsp.streams(answer.body)):
                return Answer(False, _ms(began), "no video in what it offers", {"status": 200.0})
    numbers = {"status": float(answer.status)}
    alive = answer.status == 200 or (answer.status == 401 and not options.get("describe"))
    if not alive:
        return Answer(False, _ms(began), f"RTSP {answer.status} {answer.reason}"[:LONGEST_TEXT], numbers)
    return Answer(True, _ms(began), "", numbers)


async def ntp_ask(target: Target, address: str, options: dict[str, Any]) -> Answer:
    """A synchronised server whose clock is not further from ours than `offset_s`."""
    began = time.perf_counter()
    async with _udp(address, target.port) as (transport, protocol):
        sent = time.time()
        transport.sendto(ntp.request(sent))
        while True:
            data = await _heard(protocol)
            try:
                answer = ntp.read(data, sent, sent + time.perf_counter() - began)
                break
            except ntp.NtpError:
                continue  # a late answer to another question
    numbers = {"offset_s": answer.offset_s, "stratum": float(answer.stratum)}
    if answer.fault:
        return Answer(False, _ms(began), answer.fault, numbers)
    if abs(answer.offset_s) > float(options.get("offset_s", OFFSET_S)):
        return Answer(False, _ms(began), f"its clock is {answer.offset_s:+.3f} s from ours", numbers)
    return Answer(True, _ms(began), "", numbers)


async def database(target: Target, address: str, options: dict[str, Any]) -> Answer:
    """Whether the server takes clients; nobody is logged in."""
    began = time.perf_counter()
    async with _tcp(address, target.port) as (reader, writer):
        if target.scheme == "postgresql":
            writer.write(dbgreeting.postgres_hello())
            found = await _until(reader, dbgreeting.postgres)
        else:
            found = await _until(reader, dbgreeting.mysql)
            ms = _ms(began)
            if found.ready:
                writer.write(dbgreeting.mysql_login())
                await reader.read(4096)  # the refusal: the handshake is whole
            return Answer(found.ready, ms, found.version if found.ready else found.text)
    return Answer(found.ready, _ms(began), "" if found.ready else found.text)


_AUTH = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_PRIV = ("des", "aes128", "aes192", "aes256")


async def snmp(target: Target, address: str, options: dict[str, Any], timeout: float) -> Answer:
    """GET of sysUpTime, of `oids` (name → OID) and of the OIDs in the conditions, by v2c or v3 (USM)."""
    from gufo.snmp import SnmpError, SnmpVersion, User
    from gufo.snmp import user as keys_of
    from gufo.snmp.aio import SnmpSession

    oids = dict(options.get("oids") or {"uptime": "1.3.6.1.2.1.1.3.0"})
    oids |= {oid: oid for oid in conditions.names(target.must)}
    how: dict[str, Any] = {"community": options.get("community", "public"), "version": SnmpVersion.v2c}
    if options.get("user"):
        keys: dict[str, Any] = {}
        for part, default, known in (("auth", "sha1", _AUTH), ("priv", "aes128", _PRIV)):
            name = str(options.get(part, default))
            if options.get(f"{part}_key"):
                if name not in known:
                    raise ValueError(name)
                key = getattr(keys_of, name.capitalize() + "Key")
                keys[f"{part}_key"] = key(str(options[f"{part}_key"]).encode(), key_type=keys_of.KeyType.Password)
        how = {"user": User(options["user"], **keys), "version": SnmpVersion.v3}
    began = time.perf_counter()
    try:
        async with SnmpSession(addr=address, port=target.port, timeout=timeout, **how) as session:
            read = await session.get_many(list(oids.values()))
    except SnmpError as error:
        raise OSError(str(error) or type(error).__name__) from error
    ms = _ms(began)
    if not read:
        return Answer(False, ms, "none of the numbers asked for")
    numbers = {}
    for name, oid in oids.items():
        value = read.get(oid)
        if isinstance(value, int | float):
            numbers[name] = float(value)
    words = conditions.broken(target.must, [Sample(name, value) for name, value in numbers.items()])
    return Answer(not words, ms, words[:LONGEST_TEXT], numbers)


async def address_of(host: str) -> str:
    """The numeric address; names are looked up each time, as a user's machine would."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])
