"""Janus's messages, descriptions, configuration and recordings, without a Janus."""

from __future__ import annotations

import json
import mmap
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.protocols.janus import configuration, mjr
from chengheng.protocols.janus.descriptions import NotAllowed, Offer, answer_only, offer, sections
from chengheng.protocols.janus.messages import Answer, Client, Garbled, Told
from chengheng.protocols.rtp.packet import build


def sdp(*lines: str) -> str:
    return "\r\n".join(("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", *lines)) + "\r\n"


SOUND = ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=sendonly")
CAMERA = ("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=sendonly")
SCREEN = ("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:2", "a=sendonly")


class TestMessages:
    def test_a_session_and_its_handles(self):
        client = Client("s3cret")
        transaction, text = client.create()
        assert json.loads(text) == {"janus": "create", "transaction": transaction, "apisecret": "s3cret"}
        assert client.receive(json.dumps({"janus": "success", "transaction": transaction, "data": {"id": 7}}))
        assert client.session == 7
        transaction, text = client.attach("videoroom", "m1/2")
        assert json.loads(text)["plugin"] == "janus.plugin.videoroom"
        came = client.receive(json.dumps({"janus": "success", "transaction": transaction, "data": {"id": 9}}))
        assert isinstance(came, Answer)
        assert (client.session, came.data["id"]) == (7, 9)

    def test_an_answer_that_comes_after_its_acknowledgement(self):
        client = Client("x")
        transaction, _text = client.message(5, {"request": "join"})
        assert client.receive(json.dumps({"janus": "ack", "transaction": transaction})) is None
        event = {
            "janus": "event",
            "sender": 5,
            "transaction": transaction,
            "plugindata": {"data": {"videoroom": "joined"}},
        }
        came = client.receive(json.dumps(event))
        assert isinstance(came, Answer)
        assert came.code == 0
        # the same once more is not an answer, but told
        assert isinstance(client.receive(json.dumps(event)), Told)

    def test_what_is_only_acknowledged_or_no_longer_waited_for_is_not_kept(self):
        client = Client("x")
        for transaction, _text in (client.trickle(5, {}), client.keepalive()):
            assert client.receive(json.dumps({"janus": "ack", "transaction": transaction})) is None
        assert not client._open
        late, _text = client.message(5, {"request": "join"})
        client.forget(late)  # its ten seconds are over
        assert not client._open
        event = {"janus": "event", "sender": 5, "transaction": late, "plugindata": {"data": {}}}
        assert isinstance(client.receive(json.dumps(event)), Told)

    def test_errors_of_both_kinds(self):
        client = Client("x")
        one, _text = client.message(5, {})
        came = client.receive(
            json.dumps({"janus": "error", "transaction": one, "error": {"code": 458, "reason": "no"}})
        )
        assert isinstance(came, Answer)
        assert (came.code, came.reason) == (458, "no")
        two, _text = client.message(5, {})
        data = {"plugindata": {"data": {"error_code": 426, "error": "No such room"}}}
        came = client.receive(json.dumps({"janus": "success", "transaction": two, **data}))
        assert isinstance(came, Answer)
        assert came.code == 426

    @given(st.text())
    def test_anything_else_is_garbled_or_told(self, text: str):
        try:
            Client("x").receive(text)
        except Garbled:
            pass


class TestDescriptions:
    def test_sound_camera_and_screen_by_their_mids(self):
        assert offer(sdp(*SOUND, *CAMERA, *SCREEN)) == Offer("0", "1", "2")
        assert offer(sdp(*SOUND[:2], "a=inactive", *CAMERA)) == Offer("", "1", "")

    @pytest.mark.parametrize("line", ["a=simulcast:send l;m;h", "a=ssrc-group:SIM 11 12 13"])
    def test_a_camera_in_layers_by_either_way_of_saying_so(self, line):
        assert offer(sdp(*SOUND, *CAMERA, line, *SCREEN)) == Offer("0", "1", "2", layers=True)

    @pytest.mark.parametrize("lines", [
        (*SOUND, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1"),
        (*SOUND, *SOUND),
        (*CAMERA, *SOUND),
        (*SOUND, *CAMERA, *SCREEN, *SCREEN),
        (SOUND[0], "a=sendonly"),
    ])  # fmt: skip
    def test_what_must_not_go_on_is_refused(self, lines):
        with pytest.raises(NotAllowed):
            offer(sdp(*lines))

    def test_a_receiver_that_would_send_is_refused(self):
        answer_only(sdp("m=video 9 X 96", "a=mid:0", "a=recvonly"))
        with pytest.raises(NotAllowed):
            answer_only(sdp(*CAMERA))

    @given(st.text(max_size=400))
    def test_any_text_is_refused_or_read(self, text: str):
        try:
            found = sections("v=0\n" + text)
        except NotAllowed:
            return
        assert all(section.kind for section in found)


def test_configuration_keeps_the_api_on_loopback_and_quotes_what_it_is_given():
    texts = configuration.files(
        configuration.Engine("/etc/x", "/p", "/t", "/e", "/l", 8188, 'a"b\\c', "k", "10.0.0.1", (20000, 20999))
    )
    assert 'api_secret = "a\\"b\\\\c"' in texts["janus.jcfg"]
    assert 'rtp_port_range = "20000-20999"' in texts["janus.jcfg"]
    assert 'ws_ip = "127.0.0.1"' in texts["janus.transport.websockets.jcfg"]
    assert "libjanus_sip.so" in texts["janus.jcfg"]
    assert "libjanus_http.so" in texts["janus.jcfg"]


def recorded(kind: str, codec: str, packets: list[bytes], cut: int = 0) -> bytes:
    header = json.dumps({"t": kind, "c": codec, "s": 1_000_000, "u": 2_000_000}).encode()
    out = mjr.MAGIC + struct.pack(">H", len(header)) + header
    for number, packet in enumerate(packets):
        out += mjr.MARK + struct.pack(">IH", number * 20, len(packet)) + packet
    return out[: len(out) - cut]


class TestRecordings:
    def test_sound_in_its_order_whatever_the_order_of_arrival(self):
        packets = [
            build(111, False, (65_534 + n) % 65_536, (2**32 - 960 + n * 960) % 2**32, 1, bytes([n])) for n in range(5)
        ]
        packets[2], packets[3] = packets[3], packets[2]
        track = mjr.read(recorded("a", "opus", packets))
        assert (track.kind, track.codec, track.began_at) == ("audio", "opus", 2.0)
        assert [(piece.at, piece.data) for piece in mjr.sound(track)] == [(n * 960, bytes([n])) for n in range(5)]

    def test_pictures_from_fragments_and_aggregates(self):
        sps, pps, idr, more = b"\x67S", b"\x68P", b"\x65" + bytes(30), b"\x41" + bytes(9)
        aggregate = b"\x18" + b"".join(struct.pack(">H", len(unit)) + unit for unit in (sps, pps))
        parts = [b"\x7c\x85" + idr[1:11], b"\x7c\x05" + idr[11:21], b"\x7c\x45" + idr[21:]]
        packets = [build(96, False, 1, 0, 1, aggregate)]
        packets += [build(96, at == 2, 2 + at, 0, 1, part) for at, part in enumerate(parts)]
        packets += [build(96, True, 5, 6000, 1, more), build(96, True, 7, 12000, 1, more)]
        frames = list(mjr.h264(mjr.read(recorded("v", "h264", packets))))
        assert [(frame.at, frame.key) for frame in frames] == [
            (0, True),
            (6000, False),
        ]  # one was lost before the third
        assert frames[0].data == b"".join(b"\0\0\0\1" + unit for unit in (sps, pps, idr))

    def test_a_recording_that_was_cut_off_ends_at_its_last_whole_packet(self):
        packets = [build(111, False, n, n * 960, 1, bytes(50)) for n in range(3)]
        assert len(list(mjr.read(recorded("a", "opus", packets, cut=7)).packets())) == 2

    @given(st.lists(st.tuples(st.binary(min_size=12, max_size=60), st.floats(0, 4_000_000)), max_size=20))
    def test_what_is_written_is_read_again(self, packets: list[tuple[bytes, float]]):
        writer = mjr.Writer("pcma", 1_790_000_000.25)
        track = mjr.read(writer.head() + b"".join(writer.packet(data, writer.began_at + at) for data, at in packets))
        assert (track.kind, track.codec, track.began_at) == ("audio", "pcma", 1_790_000_000.25)
        assert [data for _at, data in track.packets()] == [data for data, _at in packets]
        for (found, _data), (_packet, at) in zip(track.packets(), packets, strict=True):
            assert abs(found - at * 1000) < 1.5

    @given(st.binary(max_size=300))
    def test_anything_else_is_refused(self, content: bytes):
        with pytest.raises(mjr.NotRecording):
            mjr.read(content)

    @given(st.lists(st.binary(max_size=60), max_size=20))
    def test_any_packets_are_read_without_a_fault(self, packets: list[bytes]):
        list(mjr.h264(mjr.read(recorded("v", "h264", packets))))
        list(mjr.sound(mjr.read(recorded("a", "opus", packets))))

    def test_a_long_recording_is_read_with_one_window_in_memory(self, tmp_path):
        count = 20_000
        path = tmp_path / "long.mjr"
        with path.open("wb") as file:
            file.write(recorded("a", "opus", []))
            for number in range(count):
                packet = build(111, False, number % 65_536, number * 960 % 2**32, 1, bytes(1000))
                file.write(mjr.MARK + struct.pack(">IH", number * 20, len(packet)) + packet)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            track = mjr.read(content)
            tracemalloc.start()
            assert sum(1 for _piece in mjr.sound(track)) == count
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 3 * mjr.WINDOW * 1000, f"{peak} bytes for {path.stat().st_size}"
            assert track.seconds() == pytest.approx((count - 1) * 0.02)

    def test_a_packet_that_comes_after_its_window_does_not_come_twice_or_late(self):
        packets = [build(111, False, n, n * 960, 1, bytes([n % 256])) for n in range(1200)]
        packets.append(packets[3])
        found = [piece.at for piece in mjr.sound(mjr.read(recorded("a", "opus", packets)))]
        assert found == [n * 960 for n in range(1200)]
