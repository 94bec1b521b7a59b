"""H.264 in RTP: what a sender cuts, a receiver puts together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chengheng.protocols.rtp import packet
from chengheng.protocols.rtp.h264 import Sender, payloads


def joined(found: list[bytes]) -> bytes:
    """A NAL unit from its payloads, as RFC 6184 5.8 says."""
    if found[0][0] & 0x1F != 28:
        (whole,) = found
        return whole
    assert found[0][1] & 0x80
    assert found[-1][1] & 0x40
    assert all(not part[1] & 0x80 for part in found[1:])
    assert all(not part[1] & 0x40 for part in found[:-1])
    return bytes([found[0][0] & 0xE0 | found[0][1] & 0x1F]) + b"".join(part[2:] for part in found)


UNITS = st.builds(lambda kind, rest: bytes([0x60 | kind]) + rest, st.integers(1, 23), st.binary(max_size=900))


@given(UNITS, st.integers(3, 400))
def test_a_unit_comes_back_whole(unit, size):
    found = list(payloads(unit, size))
    assert all(len(part) <= size for part in found)
    assert joined(found) == unit


@given(st.lists(UNITS, min_size=1, max_size=5), st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_the_marker_stands_on_the_last_packet_and_numbers_follow(units, first, time):
    sender = Sender(1000, size=100, sequence=first)
    packets = [packet.parse(data) for data in sender.packets(units, time)]
    assert [one.marker for one in packets] == [False] * (len(packets) - 1) + [True]
    assert [one.sequence for one in packets] == [(first + at) % 65536 for at in range(len(packets))]
    assert {(one.timestamp, one.ssrc) for one in packets} == {(time, 1000)}


def test_nothing_makes_no_packet():
    assert Sender(1000).packets([], 0) == []
    assert list(payloads(b"")) == []
