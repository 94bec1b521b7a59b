"""ICMP echo (RFC 792, RFC 4443) for any number of targets over one socket a family: datagram where the kernel permits,
else raw."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress

from chengheng.maintenance.prober.probes.answers import Answer, Done
from chengheng.maintenance.prober.probes.deadlines import Deadlines

IDENTIFIER = 0x4348
SOL_RAW, ICMP_FILTER = 255, 1
"""Linux raw(7) and icmp.h: the kernel keeps back all but echo replies; else every program's ICMP would wake us."""
ICMP6_FILTER = 1
_ONLY_REPLIES6 = struct.pack("=8I", *(0xFFFFFFFF ^ (1 << 129 % 32 if word == 129 // 32 else 0) for word in range(8)))
"""RFC 3542 §3.2: a bit for each type, set where it is kept back; 129 is the echo reply."""
_QUESTION, _ANSWER = struct.Struct("!BBHHH8sI"), struct.Struct("!B7x8sI")
AT_A_TIME = 256
"""Answers read before other work gets its turn."""


class NoPing(Exception):
    """This machine permits neither datagram nor raw ICMP sockets, or has no such family of addresses."""


class Pinger:
    """Sends echoes and calls back; no task and no timer for each.

    An answer belongs to a question by its number and by a random token in the payload, so neither another program's
    echo nor a late answer is taken for ours. `family`: AF_INET or AF_INET6.
    """

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.raw = False
        self._six = family == socket.AF_INET6
        self._ask, self._reply = (128, 129) if self._six else (8, 0)
        protocol = socket.IPPROTO_ICMPV6 if self._six else socket.IPPROTO_ICMP
        try:
            self._socket = socket.socket(family, socket.SOCK_DGRAM, protocol)
        except OSError:
            try:
                self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
                if self._six:
                    self._socket.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, _ONLY_REPLIES6)
                else:
                    self._socket.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("I", 0xFFFFFFFE))
                self.raw = True
            except OSError as error:
                raise NoPing(str(error)) from error
        self._socket.setblocking(False)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._waiting: dict[int, tuple[Done, float, str, float]] = {}
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._token = struct.pack("!Q", time.time_ns() & (2**64 - 1))
        self._base = 0x0800 + IDENTIFIER + sum(struct.unpack("!4H", self._token))
        self._deadlines = Deadlines(self._late)
        self._loop.add_reader(self._socket, self._receive)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._deadlines.close()
        self._socket.close()

    def send(self, address: str, timeout: float, done: Done) -> None:
        """Ask once; `done` is called with the answer or what went wrong. `address` is numeric, of the socket's family."""
        number = self._number = (self._number + 1) & 0xFFFFFFFF
        low, high = number & 0xFFFF, number >> 16
        total = self._base + low + high + low  # sequence, then the number's two halves (RFC 1071)
        total = (total & 0xFFFF) + (total >> 16)
        total = ~(total + (total >> 16)) & 0xFFFF
        packet = _QUESTION.pack(self._ask, 0, total, IDENTIFIER, low, self._token, number)
        try:
            # over IPv6 the kernel writes the checksum: only it knows the address that we send from
            to = _address6(address) if self._six else (address, 0)
            self._waiting[number] = (done, time.perf_counter(), to[0], timeout)
            self._socket.sendto(packet, to)
        except OSError as error:
            self._waiting.pop(number, None)
            done(Answer(False, None, str(error)))
            return
        self._deadlines.add(number, timeout)

    def _late(self, number: int) -> None:
        asked = self._waiting.pop(number, None)
        if asked is not None:
            asked[0](Answer(False, None, f"no answer within {asked[3]:g} s"))

    def _receive(self) -> None:
        receive, token, waiting = self._socket.recvfrom, self._token, self._waiting
        unpack, clock, reply = _ANSWER.unpack_from, time.perf_counter, self._reply
        skip = self.raw and not self._six  # only raw IPv4 hands over the IP header
        for _turn in range(AT_A_TIME):
            try:
                packet, sender = receive(1500)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error of some target; its question times out
            at = (packet[0] & 0x0F) * 4 if skip and packet else 0
            if len(packet) < at + 20:
                continue
            kind, said, number = unpack(packet, at)
            asked = waiting.get(number)
            if kind == reply and said == token and asked is not None and asked[2] == sender[0]:
                del waiting[number]
                asked[0](Answer(True, (clock() - asked[1]) * 1000))


def _address6(address: str) -> tuple[str, int, int, int]:
    """The socket address, written as the kernel's answers name their sender; with the zone of `fe80::1%eth0`."""
    host, _sign, zone = address.partition("%")
    plain = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host))
    if not zone:
        return plain, 0, 0, 0
    number = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    return f"{plain}%{socket.if_indextoname(number)}", 0, 0, number
