"""Media sockets: a port is open only for the length of one call and takes packets from one address only.

UDP and TCP share a range. `Inlet` receives one stream (UDP, TCP passive or TCP active), `packet(data)` is called in the
loop's step for every RTP packet.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any

from chengheng.protocols.rtp.packet import RtpError, Splitter

RECEIVE_BUFFER = 4 * 1024 * 1024


class NoPort(Exception):
    """Every media port of the range is in use."""


class PortRange:
    """Even ports from `first` to `last`."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self.host, self.first, self.last = host, first, last
        self.used: set[int] = set()

    def bind(self, kind: socket.SocketKind) -> socket.socket:
        """A bound socket on a free port. NoPort when there is none."""
        ports = [port for port in range(self.first + self.first % 2, self.last + 1, 2) if port not in self.used]
        random.shuffle(ports)
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        for port in ports[:50]:
            sock = socket.socket(family, kind)
            sock.setblocking(False)
            if kind is socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            try:
                sock.bind((self.host, port))
            except OSError:
                sock.close()
                continue
            self.used.add(port)
            return sock
        raise NoPort

    def free(self, port: int) -> None:
        self.used.discard(port)


class Inlet:
    """One receiving end. `mode`: udp, tcp_passive, tcp_active. `closed(reason)` is called when the sender goes away."""

    def __init__(
        self, ports: PortRange, mode: str, packet: Callable[[bytes], None], closed: Callable[[str], None]
    ) -> None:
        self.ports, self.mode = ports, mode
        self.packet, self.closed = packet, closed
        self.port = 0
        self.allowed: set[str] = set()
        self.refused = 0
        self.source: tuple[str, int] | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._stream: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._shut = False

    async def open(self) -> int:
        """Take a port; for TCP active only the number is fixed, because devices check where we come from."""
        loop = asyncio.get_running_loop()
        if self.mode == "udp":
            sock = self.ports.bind(socket.SOCK_DGRAM)
            self.port = sock.getsockname()[1]
            self._udp, _protocol = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=sock)
        else:
            sock = self.ports.bind(socket.SOCK_STREAM)
            self.port = sock.getsockname()[1]
            if self.mode == "tcp_passive":
                self._server = await loop.create_server(lambda: _Framed(self), sock=sock, backlog=4)
            else:
                self._socket = sock
        return self.port

    async def connect(self, host: str, port: int) -> None:
        """TCP active: go to where the device listens, from the port that we announced. OSError when it fails."""
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        async with asyncio.timeout(8):
            await loop.sock_connect(self._socket, (host, port))
        sock, self._socket = self._socket, None
        await loop.create_connection(lambda: _Framed(self), sock=sock)

    def allows(self, host: str) -> bool:
        if not self.allowed or host in self.allowed:
            return True
        self.refused += 1
        return False

    def close(self) -> None:
        """Give the port back; nothing is called after this."""
        if self._shut:
            return
        self._shut = True
        for thing in (self._udp, self._server, self._stream, self._socket):
            if thing is not None:
                thing.close()
        self.ports.free(self.port)

    def gone(self, reason: str) -> None:
        if not self._shut:
            self.closed(reason)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet

    def datagram_received(self, data: bytes, address: Any) -> None:
        inlet = self.inlet
        if inlet.source is None:
            if not inlet.allows(address[0]):
                return
            inlet.source = address
        elif address[0] != inlet.source[0]:
            inlet.refused += 1
            return
        inlet.packet(data)


class _Framed(asyncio.Protocol):
    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet
        self.splitter = Splitter()
        self.mine = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        address = transport.get_extra_info("peername") or ("?", 0)
        if self.inlet._stream is not None or not self.inlet.allows(address[0]):
            transport.abort()  # type: ignore[attr-defined]
            return
        self.mine = True
        self.inlet.source = address[:2]
        self.inlet._stream = self.transport

    def data_received(self, data: bytes) -> None:
        try:
            packets = self.splitter.receive(data)
        except RtpError:
            assert self.transport is not None
            self.transport.abort()
            return
        packet = self.inlet.packet
        for item in packets:
            packet(item)

    def connection_lost(self, error: Exception | None) -> None:
        if self.mine:
            self.inlet._stream = None
            self.inlet.gone("connection_lost")


class Outlet:
    """One sending end, for announcements, the simulator and relaying upwards: UDP, TCP active (we connect) or passive.

    With a `PortRange` its port comes from there and goes back there; else any free one is taken.
    """

    def __init__(self, ports: PortRange | None = None) -> None:
        self._ports = ports
        self._socket: socket.socket | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._stream: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._target: tuple[str, int] | None = None
        self.connected = asyncio.Event()
        self.port = 0

    async def udp(self, host: str, port: int, bind: str) -> int:
        loop = asyncio.get_running_loop()
        self._target = (host, port)
        if self._ports is not None:
            sock = self._bound(socket.SOCK_DGRAM)
            self._udp, _protocol = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
        else:
            self._udp, _protocol = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(bind, 0))
        self.port = self._udp.get_extra_info("sockname")[1]
        self.connected.set()
        return self.port

    def _bound(self, kind: socket.SocketKind) -> socket.socket:
        assert self._ports is not None
        sock = self._ports.bind(kind)
        self.port = sock.getsockname()[1]  # known at once, so that it goes back whatever happens next
        return sock

    def take_port(self) -> int:
        """The port of the range from which `tcp_active` will connect: it is told before that. NoPort."""
        self._socket = self._bound(socket.SOCK_STREAM)
        return self.port

    async def tcp_active(self, host: str, port: int, bind: str) -> int:
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            await loop.sock_connect(self._socket, (host, port))
            sock, self._socket = self._socket, None
            self._stream, _protocol = await loop.create_connection(asyncio.Protocol, sock=sock)
        else:
            self._stream, _protocol = await loop.create_connection(asyncio.Protocol, host, port, local_addr=(bind, 0))
        self.port = self._stream.get_extra_info("sockname")[1]
        self.connected.set()
        return self.port

    async def tcp_passive(self, bind: str, allowed: set[str] | None = None) -> int:
        """Wait for one connection; with `allowed` from these addresses only."""
        loop = asyncio.get_running_loop()
        outlet = self

        class Accept(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                address = transport.get_extra_info("peername") or ("?", 0)
                if allowed is not None and (address[0] not in allowed or outlet._stream is not None):
                    transport.abort()  # type: ignore[attr-defined]
                    return
                outlet._stream = transport  # type: ignore[assignment]
                outlet.connected.set()

        if self._ports is not None:
            self._server = await loop.create_server(Accept, sock=self._bound(socket.SOCK_STREAM), backlog=4)
        else:
            self._server = await loop.create_server(Accept, bind, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def send(self, packet: bytes) -> None:
        if self._udp is not None:
            self._udp.sendto(packet, self._target)
        elif (
            self._stream is not None
            and not self._stream.is_closing()
            and self._stream.get_write_buffer_size() < 8_000_000
        ):
            self._stream.write(len(packet).to_bytes(2, "big") + packet)

    @property
    def lost(self) -> bool:
        return self._stream is not None and self._stream.is_closing()

    def close(self) -> None:
        for thing in (self._udp, self._stream, self._server, self._socket):
            if thing is not None:
                thing.close()
        if self._ports is not None:
            self._ports.free(self.port)
