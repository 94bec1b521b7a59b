"""A SIP element on real sockets: UDP and TCP on one port, around `protocols.sip.endpoint`.

Requests are handed to `on_request` in the loop's own step (no task per message: tens of thousands a second must go
through); what takes long starts its own task. Used by the platform, by the registration upwards and by the simulator.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from chengheng.protocols.sip.endpoint import Answered, Endpoint, Event, Malformed, Peer, Requested, TimedOut
from chengheng.protocols.sip.message import Message, response_to
from chengheng.protocols.sip.usual import Usual

log = logging.getLogger("chengheng.video.sip")
TICK_SECONDS = 0.1
FREE_PORT_TRIES = 8
SOCKET_BUFFER = 8 * 1024 * 1024


class NoAnswer(Exception):
    """The other side did not answer in time, or cannot be reached."""


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, node: Node) -> None:
        self.node = node

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.node.bytes_came(data, Peer("udp", address[0], address[1]))


class _Tcp(asyncio.Protocol):
    def __init__(self, node: Node) -> None:
        self.node = node
        self.peer: Peer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = transport.get_extra_info("peername") or ("?", 0)
        self.peer = Peer("tcp", address[0], address[1])
        if len(self.node.connections) >= self.node.most_connections:
            transport.abort()  # type: ignore[attr-defined]
            return
        self.node.connections[self.peer] = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        self.node.bytes_came(data, self.peer)

    def connection_lost(self, error: Exception | None) -> None:
        if self.peer is not None and self.node.connections.pop(self.peer, None) is not None:
            self.node.connection_gone(self.peer)


class Node:
    """`await node.start()`, then `send`/`request`; `on_request(request, peer)` and `on_ack` are the owner's."""

    def __init__(self, host: str, port: int, agent: str = "Chengheng", most_connections: int = 60_000) -> None:
        self.host, self.port = host, port
        self.endpoint = Endpoint(agent)
        self.connections: dict[Peer, asyncio.Transport] = {}
        self.most_connections = most_connections
        self.on_request: Callable[[Message, Peer], None] = lambda request, peer: None
        self.on_usual: Callable[[Usual, Peer], bytes | None] | None = None
        self.on_ack: Callable[[Message, Peer], None] = lambda request, peer: None
        self.on_unacknowledged: Callable[[Message, Peer], None] = lambda request, peer: None
        self.on_gone: Callable[[Peer], None] = lambda peer: None
        self.trace: Callable[[str, Peer, bytes], None] | None = None
        self.malformed = 0
        self.received = 0
        self._waiting: dict[tuple[str, str], tuple[asyncio.Future[Message], Callable[[Message], None] | None]] = {}
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Open both sockets; port 0 takes a free one (the same for both). OSError when the port is taken."""
        loop = self._loop = asyncio.get_running_loop()
        tries = 1 if self.port else FREE_PORT_TRIES  # a port free for datagrams may be taken for connections
        for left in reversed(range(tries)):
            sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
                sock.setblocking(False)
                sock.bind((self.host, self.port))
                port = sock.getsockname()[1]
                self._server = await loop.create_server(lambda: _Tcp(self), self.host, port, backlog=1024)
                break
            except OSError:
                sock.close()
                if not left:
                    raise
        self.port = port
        self._udp, _protocol = await loop.create_datagram_endpoint(lambda: _Udp(self), sock=sock)
        self._ticker = loop.create_task(self._tick())

    async def stop(self) -> None:
        if self._ticker:
            self._ticker.cancel()
        if self._server:
            self._server.close()
        for transport in list(self.connections.values()):
            transport.close()
        if self._udp:
            self._udp.close()
        for future, _provisional in list(self._waiting.values()):
            if not future.done():
                future.cancel()

    # -- in ------------------------------------------------------------------------------------------------------
    def bytes_came(self, data: bytes, peer: Peer) -> None:
        self.received += 1
        if self.trace:
            self.trace("in", peer, data)
        now = self._loop.time()  # type: ignore[union-attr]
        try:
            if self.on_usual is None or peer.transport != "udp" or not self._usual(data, peer, now):
                self._handle(self.endpoint.receive(data, peer, now))
        except Exception:
            log.exception("a message from %s:%s broke the handler", peer.host, peer.port)
        self.flush()

    def _usual(self, data: bytes, peer: Peer, now: float) -> bool:
        """Answer a registration or keepalive of the usual form at once; False: it must go the tolerant way.

        `on_usual` gives the answer, b"" for none at all, None when the tolerant way shall decide.
        """
        request = self.endpoint.usual(data, peer, now)
        if isinstance(request, bool):
            return request
        assert self.on_usual is not None
        answer = self.on_usual(request, peer)
        if answer is None:
            return False
        if answer:
            self.endpoint.answered(request, peer, answer, now)
            self.endpoint.outgoing.append((peer, answer))
        return True

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Requested):
                if event.request.method == "ACK":
                    self.on_ack(event.request, event.peer)
                else:
                    self.on_request(event.request, event.peer)
            elif isinstance(event, Answered):
                key = (event.request.call_id, event.request.get("cseq"))
                waiting = self._waiting.get(key)
                if waiting is None:
                    continue
                future, provisional = waiting
                if event.response.status < 200:
                    if provisional:
                        provisional(event.response)
                elif not future.done():
                    future.set_result(event.response)
            elif isinstance(event, TimedOut):
                if event.unacknowledged:
                    self.on_unacknowledged(event.request, event.peer)
                    continue
                waiting = self._waiting.get((event.request.call_id, event.request.get("cseq")))
                if waiting and not waiting[0].done():
                    waiting[0].set_exception(NoAnswer(event.peer))
            elif isinstance(event, Malformed):
                self.malformed += 1
                if event.lost:
                    transport = self.connections.get(event.peer)
                    if transport:
                        transport.abort()

    def connection_gone(self, peer: Peer) -> None:
        self._handle(self.endpoint.closed(peer))
        self.on_gone(peer)

    # -- out -----------------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Put what the endpoint wants sent on the wire."""
        outgoing = self.endpoint.outgoing
        if not outgoing:
            return
        self.endpoint.outgoing = []
        for peer, data in outgoing:
            if self.trace:
                self.trace("out", peer, data)
            if peer.transport == "udp":
                if self._udp and not self._udp.is_closing():
                    self._udp.sendto(data, (peer.host, peer.port))
            else:
                transport = self.connections.get(peer)
                if transport and not transport.is_closing():
                    transport.write(data)

    async def connect(self, host: str, port: int) -> Peer:
        """A TCP connection to there, or the one that exists."""
        peer = Peer("tcp", host, port)
        if peer not in self.connections:
            try:
                async with asyncio.timeout(8):
                    await asyncio.get_running_loop().create_connection(lambda: _Tcp(self), host, port)
            except (OSError, TimeoutError) as error:
                raise NoAnswer(peer) from error
        return peer

    def reachable(self, peer: Peer) -> bool:
        return peer.transport == "udp" or peer in self.connections

    def local_for(self, peer: Peer) -> tuple[str, int]:
        """Our own address as this peer sees it, for Via and Contact."""
        return local_address(peer.host, self.host), self.port

    def send(self, request: Message, peer: Peer) -> Message:
        """Start a transaction without waiting for it (and the only way to send an ACK)."""
        sent = self.endpoint.send(request, peer, asyncio.get_running_loop().time(), self.local_for(peer))
        self.flush()
        return sent

    async def request(
        self,
        request: Message,
        peer: Peer,
        timeout: float = 32.0,
        provisional: Callable[[Message], None] | None = None,
    ) -> Message:
        """Send a request and wait for the final response. NoAnswer when there is none."""
        if not self.reachable(peer):
            raise NoAnswer(peer)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        key = (request.call_id, request.get("cseq"))
        self._waiting[key] = (future, provisional)
        self.send(request, peer)
        try:
            async with asyncio.timeout(timeout):  # wait_for of Python 3.11 can lose a cancellation
                return await future
        except TimeoutError as error:
            self.endpoint.forget(request)
            raise NoAnswer(peer) from error
        finally:
            self._waiting.pop(key, None)

    def answer(self, request: Message, peer: Peer, response: Message) -> None:
        self.endpoint.answer(request, peer, response, self._loop.time())  # type: ignore[union-attr]

    def refuse(self, request: Message, peer: Peer, status: int, **headers: str) -> None:
        self.endpoint.refuse(request, peer, status, self._loop.time(), **headers)  # type: ignore[union-attr]

    def accept(self, request: Message, peer: Peer, tag: str = "", **headers: str) -> Message:
        response = response_to(request, 200, "", tag, **headers)
        self.answer(request, peer, response)
        return response

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            wake = self.endpoint.wake_at()
            if wake is not None and wake <= loop.time():
                self._handle(self.endpoint.tick(loop.time()))
                self.flush()


_locals: dict[str, str] = {}


def local_address(remote: str, bound: str) -> str:
    """The address of this machine that reaches `remote`; no packet is sent to find out."""
    if bound not in ("0.0.0.0", "::", ""):  # noqa: S104
        return bound
    known = _locals.get(remote)
    if known is None:
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((remote, 9))
                known = probe.getsockname()[0]
            except OSError:
                known = "127.0.0.1"
        if len(_locals) > 10_000:
            _locals.clear()
        _locals[remote] = known
    return known
