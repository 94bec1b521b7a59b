"""One stream of a terminal's call in the clear and encrypted, over real sockets."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from chengheng.command.conference.live.line import Line
from chengheng.protocols.rtp.packet import Packet, build

HOST = "127.0.0.1"
FIRST = 29000 + os.getpid() % 50 * 20


async def _two() -> tuple[Line, Line, list[Packet], list[bytes]]:
    heard: list[Packet] = []
    reports: list[bytes] = []
    ours, theirs = Line(lambda _packet: None, lambda _data: None), Line(heard.append, reports.append)
    for line in (ours, theirs):
        await line.open(HOST, FIRST, FIRST + 19)
        line.hosts = {HOST}
    ours.remote, ours.remote_control = (HOST, theirs.port), (HOST, theirs.port + 1)
    return ours, theirs, heard, reports


async def _came(heard: list[Packet], count: int) -> list[bytes]:
    for _wait in range(100):
        if len(heard) >= count:
            break
        await asyncio.sleep(0.01)
    return [packet.payload for packet in heard]


def test_what_is_encrypted_here_is_read_there_and_by_nobody_else():
    async def story() -> None:
        ours, theirs, heard, reports = await _two()
        ours.encrypt(theirs.key)
        theirs.encrypt(ours.key)
        for number in (65534, 65535, 0, 1):  # the counter behind the sequence number goes on
            ours.send(build(111, False, number, number, 7, b"sound" + bytes([number & 255])))
        ours.send_control(b"\x80\xc9\x00\x01\x00\x00\x00\x07")
        assert await _came(heard, 4) == [b"sound\xfe", b"sound\xff", b"sound\x00", b"sound\x01"]
        assert reports == [b"\x80\xc9\x00\x01\x00\x00\x00\x07"]
        theirs.encrypt(ours.key)  # described anew: goes on
        ours.send(build(111, False, 2, 2, 7, b"more"))
        assert (await _came(heard, 5))[-1] == b"more"
        in_the_clear = build(111, False, 3, 3, 7, b"clear")
        assert ours._rtp is not None
        ours._rtp.sendto(in_the_clear, (HOST, theirs.port))  # of the right host, without the key
        ours.send(build(111, False, 4, 4, 7, b"last"))
        assert (await _came(heard, 6))[-1] == b"last"
        assert b"clear" not in [packet.payload for packet in heard]
        for line in (ours, theirs):
            line.close()

    asyncio.run(story())


@pytest.mark.slow
def test_the_cost_of_encrypting_a_picture_is_small():
    line = Line(lambda _packet: None, lambda _data: None)
    line.encrypt(bytes(30))
    assert line._seal is not None
    began = time.process_time()
    for number in range(5000):
        line._seal.protect(build(96, False, number, number, 7, bytes(1200)))
    each = (time.process_time() - began) / 5000
    print(f"{each * 1e6:.1f} µs a packet of 1200 bytes")
    assert each < 0.0005


def test_in_the_clear_stays_in_the_clear():
    async def story() -> None:
        ours, theirs, heard, _reports = await _two()
        ours.encrypt(b"")
        assert not ours.is_encrypted
        ours.send(build(0, False, 1, 1, 7, b"plain"))
        assert await _came(heard, 1) == [b"plain"]
        for line in (ours, theirs):
            line.close()

    asyncio.run(story())
