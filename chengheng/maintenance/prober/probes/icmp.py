"""ICMP echo (RFC 792) for any number of targets over one socket: datagram where the kernel permits, else raw."""

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
_QUESTION, _ANSWER = struct.Struct("!BBHHH8sI"), struct.Struct("!B7x8sI")
AT_A_TIME = 256
"""Answers read before other work gets its turn."""


class NoPing(Exception):
    """This machine permits neither datagram nor raw ICMP sockets."""


class Pinger:
    """Sends echoes and calls back; no task and no timer for each.

    An answer belongs to a question by its number and by a random token in the payload, so neither another program's
    echo nor a late answer is taken for ours.
    """

    def __init__(self) -> None:
        self.raw = False
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        except OSError:
            try:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
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
        """Ask once; `done` is called with the answer or what went wrong. `address` is numeric IPv4."""
        number = self._number = (self._number + 1) & 0xFFFFFFFF
        low, high = number & 0xFFFF, number >> 16
        total = self._base + low + high + low  # sequence, then the number's two halves (RFC 1071)
        total = (total & 0xFFFF) + (total >> 16)
        total = ~(total + (total >> 16)) & 0xFFFF
        packet = _QUESTION.pack(8, 0, total, IDENTIFIER, low, self._token, number)
        self._waiting[number] = (done, time.perf_counter(), address, timeout)
        try:
            self._socket.sendto(packet, (address, 0))
        except OSError as error:
            del self._waiting[number]
            done(Answer(False, None, str(error)))
            return
        self._deadlines.add(number, timeout)

    def _late(self, number: int) -> None:
        asked = self._waiting.pop(number, None)
        if asked is not None:
            asked[0](Answer(False, None, f"no answer within {asked[3]:g} s"))

    def _receive(self) -> None:
        receive, token, waiting, skip = self._socket.recvfrom, self._token, self._waiting, self.raw
        unpack, clock = _ANSWER.unpack_from, time.perf_counter
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
            if kind == 0 and said == token and asked is not None and asked[2] == sender[0]:
                del waiting[number]
                asked[0](Answer(True, (clock() - asked[1]) * 1000))
