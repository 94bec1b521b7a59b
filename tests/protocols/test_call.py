"""Session descriptions of calls: what is offered, read, answered; whatever comes, nothing but a refusal breaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.protocols.sip import call

# what baresip 1.0.0 answers
BARESIP = """v=0
o=- 3504724022 226504289 IN IP4 192.0.2.2
s=-
c=IN IP4 192.0.2.2
t=0 0
m=audio 6430 RTP/AVP 111 101
a=rtpmap:111 opus/48000/2
a=rtpmap:101 telephone-event/8000
a=sendrecv
m=video 9522 RTP/AVP 97
a=rtpmap:97 H264/90000
a=fmtp:97 packetization-mode=1;profile-level-id=42e01f
a=sendonly
a=rtcp:9600
"""


def test_an_answer_is_read():
    sound, picture = call.chosen(call.read(BARESIP))
    assert sound is not None
    assert picture is not None
    assert (sound.host, sound.port, sound.codec, sound.payload_type, sound.keys) == (
        "192.0.2.2",
        6430,
        "opus",
        111,
        101,
    )
    assert (picture.port, picture.control_port, picture.codec) == (9522, 9600, "h264")
    assert picture.sends
    assert not picture.receives


def test_our_offer_is_read_by_ourselves_and_answered_line_by_line():
    offered = call.read(call.offer("192.0.2.9", 20000, 20002, 7).decode())
    assert [(one.kind, one.codec, one.port) for one in offered] == [("audio", "opus", 20000), ("video", "h264", 20002)]
    answered = call.read(call.answer(offered, "192.0.2.8", 30000, 30002, 8).decode())
    assert [(one.kind, one.codec, one.port, one.payload_type) for one in answered] == [
        ("audio", "opus", 30000, 111), ("video", "h264", 30002, 97),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "codec"),
    [
        ("m=audio 4000 RTP/AVP 0 8", "pcma"),  # static numbers need no names
        ("m=audio 4000 RTP/AVP 0", "pcmu"),
        ("m=audio 4000 RTP/SAVP 0", ""),  # encrypted, without saying how
        ("m=audio 0 RTP/AVP 0", ""),
        ("m=audio 4000 RTP/AVP 9", ""),  # G.722 only
        ("m=application 4000 UDP/BFCP 0", ""),
    ],
)
def test_a_line_is_taken_or_refused(line, codec):
    (stream,) = call.read(f"v=0\r\nc=IN IP4 192.0.2.1\r\n{line}\r\n")
    assert stream.codec == codec
    assert stream.flows == bool(codec)
    assert (
        b" 0 RTP" in call.answer([stream], "192.0.2.2", 5000, 5002, 1)
        or codec
        or b" 0 UDP" in call.answer([stream], "192.0.2.2", 5000, 5002, 1)
    )


KEYS = (bytes(range(30)), bytes(range(30, 60)))


@pytest.mark.parametrize("required", [True, False])
def test_keys_are_offered_and_answered_for_each_stream(required):
    offered = call.read(call.offer("192.0.2.9", 20000, 20002, 7, KEYS, required=required).decode())
    assert [one.key for one in offered] == [*KEYS]
    assert {one.profile for one in offered} == {"RTP/SAVP" if required else "RTP/AVP"}
    answered = call.read(call.answer(offered, "192.0.2.8", 30000, 30002, 8, ours=(KEYS[1], KEYS[0])).decode())
    assert [(one.key, one.tag, one.flows) for one in answered] == [(KEYS[1], 1, True), (KEYS[0], 1, True)]
    in_the_clear = call.held_to(answered, "")
    assert [one.flows for one in in_the_clear] == [not required] * 2  # a terminal that may not encrypt
    assert not any(one.key for one in in_the_clear)


def test_a_terminal_that_must_encrypt_is_not_taken_in_the_clear():
    offered = call.read(call.offer("192.0.2.9", 20000, 20002, 7).decode())
    assert not any(one.flows for one in call.held_to(offered, "required"))
    assert all(one.flows for one in call.held_to(offered, "offered"))


@pytest.mark.parametrize("line", [
    "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:" + "A" * 61 + "=", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "|2^20|1:4", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***",
    "a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40, "a=crypto:1", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 uri:x",
])  # fmt: skip
def test_another_suite_several_keys_or_a_short_one_is_no_encryption(line):
    text = f"v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/SAVP 0\n{line}\n"
    assert not call.read(text)[0].flows
    good = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "|2^31"
    assert call.read(f"{text}{good}\n")[0].tag == 2  # the first that we have


def test_a_picture_of_single_units_only_is_refused():
    """Browsers send larger units than a packet (packetization-mode 1): a terminal that cannot take them sees nothing."""
    text = "v=0\nc=IN IP4 192.0.2.1\nm=video 4000 RTP/AVP 97\na=rtpmap:97 H264/90000\na=fmtp:97 packetization-mode=0\n"
    assert not call.read(text)[0].flows
    with pytest.raises(call.BadDescription):
        call.chosen(call.read(text))


@pytest.mark.parametrize(
    "text",
    ["", "v=1", "v=0\nm=audio x RTP/AVP 0", "v=0\nc=IN IP4 example.org\nm=audio 4000 RTP/AVP 0", "v=0\nc=IN IP4 192.0.2.1\nm=audio 80 RTP/AVP 0"],
)  # fmt: skip
def test_what_is_no_description_is_refused(text):
    with pytest.raises(call.BadDescription):
        call.chosen(call.read(text))


@given(
    st.lists(
        st.sampled_from(
            [*BARESIP.splitlines(), "m=audio 1 2", "a=rtpmap:x y", "c=IN IP4 ", "m=video 70000 RTP/AVP 97", "a=rtcp:"]
        ),
        max_size=30,
    )
)
def test_any_lines_are_read_or_refused(lines):
    try:
        streams = call.read("v=0\n" + "\n".join(lines))
    except call.BadDescription:
        return
    again = call.read(call.answer(streams, "192.0.2.3", 40000, 40002, 1).decode())
    assert [one.kind for one in again] == [one.kind for one in streams]


@given(st.binary(max_size=200))
def test_any_bytes_of_rtcp_and_of_pictures_are_read(data):
    call.wants_picture(data)
    call.starts_picture(data)
    call.key_pressed(data)


def test_a_whole_picture_is_asked_for_and_understood():
    assert call.wants_picture(call.picture_wanted(1, 2))
    assert call.wants_picture(b"\x80\xc0\x00\x01\x00\x00\x00\x01")  # RFC 2032, as old terminals still send
    assert not call.wants_picture(b"\x80\xc9\x00\x01\x00\x00\x00\x01")
    assert call.starts_picture(b"\x67abc")
    assert call.starts_picture(b"\x18\x00\x04\x67abc")
    assert call.starts_picture(b"\x7c\x85abc")
    assert not call.starts_picture(b"\x7c\x05abc")  # the middle of a key frame
    assert not call.starts_picture(b"\x41abc")
    assert call.key_pressed(b"\x0b\x8a\x03\x20") == "#"
