"""The quick way for usual requests decides and answers as the tolerant way does; what is odd never takes it."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chengheng.protocols.sip import digest
from chengheng.protocols.sip.endpoint import Peer
from chengheng.protocols.sip.message import parse
from chengheng.protocols.sip.usual import Reader
from chengheng.video.live.platform import Platform, Settings

from .conftest import PLATFORM_ID, MemoryStore, entry

DEVICE = entry().gb_id
PEER = Peer("udp", "192.0.2.7", 5060)


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def is_closing(self) -> bool:
        return False

    def sendto(self, data: bytes, _address: Any) -> None:
        self.sent.append(data)


def run(loop: Any, work: Any) -> Any:
    """In a thread of its own: in this one a browser's driver may keep a loop running."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(loop.run_until_complete, work).result()


def platform_for(loop: Any, quick: bool, **more: Any) -> tuple[Platform, Wire]:
    found = Platform(Settings(PLATFORM_ID, "1201000000", "127.0.0.1", 0, key=b"k"), MemoryStore(entry(**more)))
    run(loop, found.reload())
    wire = found.node._udp = Wire()
    found.node._loop = loop
    if not quick:
        found.node.on_usual = None
    return found, wire


def register(number: int, authorization: str = "", **lines: str) -> bytes:
    found = {
        "Via": f"SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{number}", "From": f"<sip:{DEVICE}@1201000000>;tag=1",
        "To": f"<sip:{DEVICE}@1201000000>", "Call-ID": "7@10.0.0.9", "CSeq": f"{number} REGISTER",
        "Contact": f"<sip:{DEVICE}@10.0.0.9:5060>", "Max-Forwards": "70", "Expires": "3600",
        **({"Authorization": authorization} if authorization else {}), **lines, "Content-Length": "0",
    }  # fmt: skip
    return _bytes("REGISTER", found)


def keepalive(number: int, body: str = "", **lines: str) -> bytes:
    body = (
        body
        or f"<?xml version='1.0'?>\r\n<Notify><CmdType>Keepalive</CmdType><SN>{number}</SN><DeviceID>{DEVICE}</DeviceID><Status>OK</Status></Notify>"
    )
    found = {
        "Via": f"SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{number};rport", "From": f"<sip:{DEVICE}@1201000000>;tag=1",
        "To": f"<sip:{PLATFORM_ID}@1201000000>", "Call-ID": f"{number}@10.0.0.9", "CSeq": "20 MESSAGE",
        "Content-Type": "Application/MANSCDP+xml", "Max-Forwards": "70", **lines,
        "Content-Length": str(len(body.encode())),
    }  # fmt: skip
    return _bytes("MESSAGE", found, body)


def _bytes(method: str, lines: dict[str, str], body: str = "") -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} sip:{PLATFORM_ID}@1201000000 SIP/2.0\r\n{head}\r\n{body}".encode()


def talk(loop: Any, quick: bool, rounds: int, password: str = "secret-1", **more: Any) -> tuple[list[bytes], Platform]:
    """Registrations with their challenges, and keepalives after each."""
    found, wire = platform_for(loop, quick, **more)
    number = 0
    for _round in range(rounds):
        found.node.bytes_came(register(number := number + 1), PEER)
        asked = parse(wire.sent[-1]).get("www-authenticate")
        if asked:
            told = digest.answer(asked, DEVICE, password, "REGISTER", f"sip:{PLATFORM_ID}@1201000000")
            found.node.bytes_came(register(number := number + 1, told), PEER)
        found.node.bytes_came(keepalive(number := number + 1), PEER)
        found.node.bytes_came(keepalive(number), PEER)  # a repeat is answered with the same bytes
        assert wire.sent[-1] == wire.sent[-2]
    return wire.sent, found


def plain(answer: bytes) -> str:
    """An answer without what is random or depends on the second."""
    return re.sub(r'(;tag=|nonce="|Date: )[\w:.T-]+', r"\1*", answer.decode())


@pytest.fixture
def loop() -> Any:
    found = asyncio.new_event_loop()
    yield found
    found.close()


def test_both_ways_answer_alike_and_know_alike(loop):
    quick, at = talk(loop, True, 4)
    slow, other = talk(loop, False, 4)
    assert [plain(answer) for answer in quick] == [plain(answer) for answer in slow]
    assert at.counts == other.counts
    assert at.counts["registered"] == at.counts["keepalive"] == 4
    assert len(at.node.endpoint._usual._known) == 3  # with and without Authorization, keepalive
    assert at.entries[DEVICE].online
    assert at.entries[DEVICE].peer == PEER


def test_wrong_passwords_lock_on_the_quick_way_too(loop):
    found, wire = platform_for(loop, True)
    told = digest.answer(
        found.guard.challenge(DEVICE, PEER.host, 1.0), DEVICE, "wrong", "REGISTER", f"sip:{PLATFORM_ID}@1201000000"
    )
    for number in (1, 2):
        found.node.endpoint.learn(parse(register(number, told)))
    run(loop, _guess(found, wire))
    assert parse(wire.sent[-1]).status == 403
    assert found.counts["refused"] == 5
    assert found.counts["registered"] == 0


async def _guess(found: Platform, wire: Wire) -> None:
    for number in range(10, 30, 2):
        found.node.bytes_came(register(number), PEER)
        asked = parse(wire.sent[-1]).get("www-authenticate")
        if not asked:
            break
        told = digest.answer(asked, DEVICE, "wrong", "REGISTER", f"sip:{PLATFORM_ID}@1201000000")
        assert found.node.endpoint._usual.read(register(number + 1, told)) is not None
        found.node.bytes_came(register(number + 1, told), PEER)
    await asyncio.sleep(0)


def test_a_nonce_works_once_on_the_quick_way(loop):
    sent, found = talk(loop, True, 2)
    challenges = [parse(answer).get("www-authenticate") for answer in sent if b" 401 " in answer]
    told = digest.answer(challenges[-1], DEVICE, "secret-1", "REGISTER", f"sip:{PLATFORM_ID}@1201000000")

    async def again() -> None:
        found.node.bytes_came(register(99, told), PEER)

    run(loop, again())
    assert parse(sent[-1]).status == 401
    assert found.counts["refused"] == 1


@pytest.mark.parametrize(
    "data",
    [
        register(5, Expires="3600 "),
        register(5, Contact=f"<sip:{DEVICE}@10.0.0.9>;expires=0"),
        register(5, Via="SIP/2.0/UDP 10.0.0.9:5060;branch=x"),
        register(5, Via="SIP/2.0/UDP 10.0.0.9;rport;branch=x, SIP/2.0/UDP 10.0.0.8"),
        register(5, Via="SIP/2.0/TCP 10.0.0.9;rport;branch=x"),
        register(5, CSeq="5 MESSAGE"),
        register(5, To="<sip:x>\r\n folded"),
        register(5) + b"x",
        register(5).replace(b"Max-Forwards", b"max-forwards"),
        register(5).replace(b"Max-Forwards: 70", b"Require: path"),
        register(5).replace(b"70\r\n", b"70\r\nVia: SIP/2.0/UDP 1.1.1.1;rport;branch=y\r\n"),
        register(5).replace(b"tag=1", "tag=路".encode()),
        keepalive(5, "<Notify><CmdType>Keepalive</CmdType><Info><DeviceID>1</DeviceID></Info></Notify>"),
        keepalive(5, "<Notify><CmdType>Alarm</CmdType></Notify>"),
        keepalive(5)[:-4],
    ],
)
def test_what_is_odd_is_not_usual(data):
    reader = Reader()
    for known in (register(1), keepalive(1)):
        reader.learn(parse(known))
    assert reader.read(register(5)) is not None
    assert reader.read(keepalive(5)) is not None
    assert reader.read(keepalive(5).replace(b"Length: ", b"Length:   ")) is not None  # sipp and Dahua pad it
    assert reader.read(data) is None


@given(st.binary(max_size=300), st.integers(0, 600), st.booleans())
@hypothesis_settings(max_examples=300)
def test_mutilated_requests_are_read_alike_or_not_at_all(noise, at, cut):
    reader = Reader()
    reader.learn(parse(register(1)))
    data = register(5)
    data = data[:at] + noise + data[at if cut else at + len(noise) :]
    found = reader.read(data)
    if found is not None:
        same = parse(data)
        assert (same.method, same.call_id, same.get("to"), same.get("cseq"), same.expires, same.get("contact")) == (
            found.method, found.key[0], found.to, found.cseq, found.expires, found.contact,
        )  # fmt: skip
        assert found.key[2] == same.get("via") + same.get("from")


def test_strangers_do_not_teach_shapes(loop):
    found, _wire = platform_for(loop, True)
    found.node.bytes_came(register(1), PEER)
    found.node.bytes_came(keepalive(2), PEER)
    assert not found.node.endpoint._usual._known
