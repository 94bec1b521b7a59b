"""The media of one terminal's call: its sockets, and the packets between terminal and engine.

An encrypted call is encrypted here and in the clear from here on to the engine, on loopback. Everything is passed on as it is coded; only headers are written anew, so that a stream stays one stream whoever is shown
in it. What must not go in: signalling, rights, rows.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from chengheng.protocols.rtp.packet import Packet, RtpError, build, parse
from chengheng.protocols.sip.call import KEY_BYTES

LOOPBACK = "127.0.0.1"
SILENCE = {"opus": b"\xf8\xff\xfe", "pcma": b"\xd5" * 160, "pcmu": b"\xff" * 160}
"""One quiet frame of each codec: the engine mixes for nobody who has never sent."""


class NoPort(OSError):
    """The range of ports is used up."""


class Ear(asyncio.DatagramProtocol):
    """Hands every datagram to a function."""

    def __init__(self, heard: Callable[[bytes, Any], None]) -> None:
        self.heard = heard

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.heard(data, address)

    def error_received(self, error: Exception) -> None:
        """A port on the other side is closed: it may open again."""


async def ear(sock: socket.socket, heard: Callable[[bytes, Any], None]) -> asyncio.DatagramTransport:
    transport, _ear = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Ear(heard), sock=sock)
    return transport


def pair(host: str, first: int, last: int) -> tuple[socket.socket, socket.socket]:
    """An even port and the next one, both free. Raises NoPort."""
    evens = range(first + first % 2, last, 2)
    for port in random.sample(evens, min(len(evens), 200)):
        rtp, control = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _index in range(2))
        try:
            rtp.bind((host, port))
            control.bind((host, port + 1))
        except OSError:
            rtp.close()
            control.close()
            continue
        for sock in (rtp, control):
            sock.setblocking(False)
        return rtp, control
    raise NoPort(f"no free ports from {first} to {last}")


class Splice:
    """Packets of sources that change as one stream: sequence and time go on where the last source stopped."""

    def __init__(self, payload_type: int, clock: int, ssrc: int | None = None) -> None:
        self.payload_type, self.clock = payload_type, clock
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        self.source: int | None = None
        self._sequence, self._time, self._at = secrets.randbits(15), secrets.randbits(31), time.monotonic()
        self._add_sequence = self._add_time = 0

    def next(self, packet: Packet) -> bytes:
        now = time.monotonic()
        if packet.ssrc != self.source:
            self.source = packet.ssrc
            self._add_sequence = self._sequence + 1 - packet.sequence
            self._add_time = self._time + max(1, int((now - self._at) * self.clock)) - packet.timestamp
        sequence, stamp = packet.sequence + self._add_sequence & 0xFFFF, packet.timestamp + self._add_time & 0xFFFFFFFF
        self._sequence, self._time, self._at = sequence, stamp, now
        return build(self.payload_type, packet.marker, sequence, stamp, self.ssrc, packet.payload)


class Line:
    """One stream of a call, to and from the terminal. `heard` gets its packets, `controlled` its RTCP.

    Packets are taken from the terminal's own host only; what comes from another of its ports is answered there (symmetric
    RTP, RFC 4961), because it may stand behind a router.
    """

    def __init__(self, heard: Callable[[Packet], None], controlled: Callable[[bytes], None]) -> None:
        self.heard, self.controlled = heard, controlled
        self.hosts: set[str] = set()
        self.remote: tuple[str, int] | None = None
        self.remote_control: tuple[str, int] | None = None
        self.port = 0
        self.came = 0
        self.came_at = time.monotonic()
        self._first: int | None = None
        self._last = 0
        self._counted = (0, 0)
        self._rtp: asyncio.DatagramTransport | None = None
        self._control: asyncio.DatagramTransport | None = None
        self.key = os.urandom(KEY_BYTES)
        """What we encrypt with, if the call is encrypted."""
        self._their_key = b""
        self._seal: Session | None = None
        self._unseal: Session | None = None

    @property
    def is_encrypted(self) -> bool:
        return self._seal is not None

    def encrypt(self, their_key: bytes) -> None:
        """From now on nothing goes or comes in the clear; without a key of theirs everything does.

        The same key once more (the call is described anew) changes nothing: sequence numbers go on.
        """
        if their_key == self._their_key:
            return
        self._their_key = their_key
        if not their_key:
            self._seal = self._unseal = None
            return
        suite = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        if self._seal is None:
            policy = Policy(self.key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=suite)
            policy.allow_repeat_tx = True  # a packet that overtook another is no second use of its number
            self._seal = Session(policy)
        self._unseal = Session(Policy(their_key, Policy.SSRC_ANY_INBOUND, srtp_profile=suite))

    async def open(self, host: str, first: int, last: int) -> None:
        """Take two ports. Raises NoPort."""
        rtp, control = pair(host, first, last)
        self.port = rtp.getsockname()[1]
        self._rtp = await ear(rtp, self._media)
        self._control = await ear(control, self._report)

    def _media(self, data: bytes, address: Any) -> None:
        if address[0] not in self.hosts:
            return
        try:
            packet = parse(self._unseal.unprotect(data) if self._unseal is not None else data)
        except (RtpError, SrtpError):
            return
        self.remote = address
        self.came += 1
        self.came_at = time.monotonic()
        self._count(packet.sequence)
        self.heard(packet)

    def _count(self, sequence: int) -> None:
        if self._first is None:
            self._first = self._last = sequence
        else:
            step = (sequence - self._last) & 0xFFFF
            if step < 0x8000:
                self._last += step  # goes on past 65535

    def loss_percent(self) -> float:
        """Of what the terminal has sent since this was last asked."""
        expected = 0 if self._first is None else self._last - self._first + 1
        before, self._counted = self._counted, (expected, self.came)
        due, got = expected - before[0], self.came - before[1]
        return max(0.0, min(100.0, 100 * (due - got) / due)) if due > 0 else 0.0

    def _report(self, data: bytes, address: Any) -> None:
        if address[0] not in self.hosts:
            return
        if self._unseal is not None:
            try:
                data = self._unseal.unprotect_rtcp(data)
            except SrtpError:
                return
        self.remote_control = address
        self.controlled(data)

    def send(self, data: bytes) -> None:
        if self.remote is not None and self._rtp is not None:
            if self._seal is not None:
                try:
                    data = self._seal.protect(data)
                except SrtpError:  # older than the replay window: it would come too late anyway
                    return
            self._rtp.sendto(data, self.remote)

    def send_control(self, data: bytes) -> None:
        if self.remote_control is not None and self._control is not None:
            self._control.sendto(self._seal.protect_rtcp(data) if self._seal is not None else data, self.remote_control)

    def close(self) -> None:
        for transport in (self._rtp, self._control):
            if transport is not None:
                transport.close()
        self._rtp = self._control = None
