"""RTP, program stream, fragments: exact, tolerant, never stuck."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.protocols.fmp4.boxes import Audio
from chengheng.protocols.fmp4.muxer import Muxer, adts
from chengheng.protocols.h26x import nal
from chengheng.protocols.media import Stream
from chengheng.protocols.mpegps import mux
from chengheng.protocols.mpegps.demux import Demuxer, Unit
from chengheng.protocols.rtp.packet import Packetizer, RtpError, Splitter, build, frame, parse
from chengheng.protocols.rtp.receiver import Receiver

from .pictures import decoded, encoded

CODECS = ("h264", "h265")


def packets(codec: str, frames: int = 50, marker: bool = True, ssrc: int = 100) -> list[bytes]:
    """A camera's packets: one pack per frame, 3600 ticks apart."""
    out: list[bytes] = []
    sender = Packetizer(ssrc, sequence=65_500)
    for number, (data, key) in enumerate(encoded(codec, frames)):
        out += sender.packets(mux.frame(codec, data, 900_000 + number * 3600, key), 900_000 + number * 3600, marker)
    return out


def run(stream: Stream, data: list[bytes]) -> bytes:
    """All fragments of these packets, 400 packets a second, and what a late tick gives out."""
    out = [segment.data for number, packet in enumerate(data) for segment in stream.receive(packet, number / 400)]
    return b"".join(out + [segment.data for segment in stream.tick(len(data) / 400 + 1)])


class TestRtp:
    def test_extensions_padding_and_sources(self):
        data = bytes([0xB1, 0xE0]) + b"\0\7" + b"\0\0\0\1" + b"\0\0\0\2" + b"CSRC" + b"\xbe\xde\0\1EXT." + b"pay\0\0\3"
        found = parse(data)
        assert (found.payload, found.marker, found.payload_type, found.sequence) == (b"pay", True, 96, 7)
        assert Receiver().receive(data, 0.0)[0].data == b"pay"

    @pytest.mark.parametrize("data", [b"", b"\x80" * 11, b"\x40" * 20, bytes([0x80, 200]) + bytes(20)])
    def test_what_is_no_rtp(self, data: bytes):
        with pytest.raises(RtpError):
            parse(data)
        assert Receiver().receive(data, 0.0) == []

    def test_any_cut_of_a_connection_gives_the_same_packets(self):
        sent = [build(96, False, number, 0, 1, bytes(number)) for number in range(1, 40)]
        data = b"".join(map(frame, sent))
        for cut in (1, 2, 3, 13, 1000):
            splitter = Splitter()
            found = [
                packet for start in range(0, len(data), cut) for packet in splitter.receive(data[start : start + cut])
            ]
            assert found == sent

    def test_http_on_the_media_port_is_refused(self):
        with pytest.raises(RtpError):
            Splitter().receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def test_a_foreign_sender_on_the_port_changes_nothing_until_it_stays(self):
        receiver = Receiver()
        own = [build(96, True, number, number, 1, b"own") for number in range(40)]
        foreign = [build(96, True, number, number, 2, b"foreign") for number in range(40)]
        got = [
            piece.data
            for pair in zip(own, foreign, strict=True)
            for item in pair
            for piece in receiver.receive(item, 0)
        ]
        assert got == [b"own"] * 40
        got = [piece.data for item in foreign for piece in receiver.receive(item, 1)]
        assert got
        assert receiver.ssrc == 2

    def test_a_sender_that_begins_anew_is_followed(self):
        receiver = Receiver()
        for number in range(30_000, 30_010):
            receiver.receive(build(96, True, number, number, 1, b"a"), 0.0)
        (piece,) = receiver.receive(build(96, True, 5, 5, 1, b"b"), 1.0)
        assert (piece.data, piece.lost) == (b"b", True)

    def test_a_missing_packet_is_waited_for_and_then_given_up(self):
        receiver = Receiver()
        receiver.receive(build(96, True, 1, 1, 1, b"1"), 0.0)
        assert receiver.receive(build(96, True, 3, 3, 1, b"3"), 0.01) == []
        assert receiver.tick(0.05) == []
        (late,) = receiver.tick(0.2)
        assert (late.data, late.lost, receiver.missing) == (b"3", True, 1)
        assert receiver.receive(build(96, True, 2, 2, 1, b"2"), 0.21) == []

    @settings(max_examples=100)
    @given(st.lists(st.integers(0, 40), max_size=60), st.integers(0, 65_535))
    def test_any_order_gives_rising_order_without_repeats(self, order: list[int], start: int):
        receiver = Receiver()
        found = []
        for number in order:
            stamp = (start + number) & 0xFFFF
            found += receiver.receive(build(96, True, stamp, stamp, 1, bytes([number])), 0.0)
        found += receiver.tick(10.0)
        while receiver._pending:
            found += receiver.tick(20.0 + len(found))
        numbers = [piece.data[0] for piece in found]
        assert numbers == sorted(set(numbers))

    @settings(max_examples=200, deadline=2000)
    @given(st.lists(st.binary(max_size=60), max_size=20))
    def test_no_bytes_break_a_stream(self, chunks: list[bytes]):
        stream = Stream()
        for number, chunk in enumerate(chunks):
            stream.receive(chunk, number)
            stream.receive(build(96, number % 2 == 0, number, number, 1, b"\0\0\1\xba" + chunk), number)
            stream.tick(number + 0.5)
        splitter = Splitter()
        try:
            for chunk in chunks:
                splitter.receive(chunk)
        except RtpError:
            pass


@pytest.mark.parametrize("codec", CODECS)
class TestPictures:
    def test_every_frame_arrives_as_it_was_sent(self, codec: str):
        stream = Stream()
        frames = decoded(run(stream, packets(codec)))
        assert len(frames) == 50
        assert [round(float(item.time) * 25) for item in frames] == list(range(50))
        assert stream.muxer.mime.startswith('video/mp4; codecs="' + ("avc1." if codec == "h264" else "hvc1.1."))
        assert (stream.muxer.picture.width, stream.muxer.picture.height) == (320, 192)
        assert stream.rtp.missing == stream.ps.errors == 0

    def test_units_are_exact(self, codec: str):
        stream = Stream()
        stream.keep_units = True
        run(stream, packets(codec))
        assert [unit.data for unit in stream.units] == [data for data, _key in encoded(codec)]

    def test_reordered_and_repeated_packets_do_no_harm(self, codec: str):
        chance = random.Random(1)
        data = packets(codec)
        for place in range(0, len(data) - 8, 5):
            part = data[place : place + 5]
            chance.shuffle(part)
            data[place : place + 5] = part
        data[30:30] = data[20:25]
        stream = Stream()
        # the very first packet stays first: a receiver that joins cannot know of earlier ones
        first = packets(codec)[0]
        data.remove(first)
        assert len(decoded(run(stream, [first, *data]))) == 50

    def test_after_a_loss_the_picture_freezes_until_the_next_key_frame(self, codec: str):
        data = packets(codec)
        sizes = [len(mux.frame(codec, item, 0, key)) for item, key in encoded(codec)]
        before = sum(-(-size // 1400) for size in sizes[:10])
        del data[before]
        stream = Stream()
        output = run(stream, data)
        stamps = [round(float(item.time) * 25) for item in decoded(output)]
        assert stamps == [*range(10), *range(25, 50)]
        assert stream.rtp.missing == 1
        assert stream.muxer.frozen >= 13

    def test_half_a_key_frame_is_never_shown(self, codec: str):
        data = packets(codec)
        sizes = [-(-len(mux.frame(codec, item, 0, key)) // 1400) for item, key in encoded(codec)]
        assert sizes[25] > 1
        for place in range(sizes[25]):
            stream = Stream()
            output = run(stream, [item for at, item in enumerate(data) if at != sum(sizes[:25]) + place])
            assert [round(float(item.time) * 25) for item in decoded(output)] == list(range(25))

    def test_without_markers_and_with_markers_everywhere(self, codec: str):
        for change in (
            lambda item: item[:1] + bytes([96]) + item[2:],
            lambda item: item[:1] + bytes([96 | 128]) + item[2:],
        ):
            stream = Stream()
            frames = decoded(run(stream, [change(item) for item in packets(codec)]))
            assert len(frames) >= 48  # the last may wait for the next

    def test_a_wrong_stream_map_is_overruled_by_the_stream_itself(self, codec: str):
        other = "h265" if codec == "h264" else "h264"
        sender = Packetizer(1)
        data: list[bytes] = []
        for number, (item, key) in enumerate(encoded(codec)):
            data += sender.packets(mux.frame(other, item, number * 3600, key), number * 3600)
        stream = Stream()
        assert len(decoded(run(stream, data))) == 50
        assert stream.muxer.codec == codec
        assert stream.muxer.announced_codec == other

    def test_parameter_sets_before_every_frame(self, codec: str):
        frames = encoded(codec)
        sets = b"".join(
            b"\0\0\0\1" + unit for unit in nal.split(frames[0][0]) if nal.parameter_kind(codec, unit)
        )  # fmt: skip
        muxer = Muxer()
        out = []
        for number, (data, key) in enumerate(frames):
            out += muxer.receive(Unit("video", codec, number * 3600, None, data if key else sets + data, False))
        assert sum(1 for segment in out if segment.mime) == 1
        assert len(decoded(b"".join(segment.data for segment in out))) == 50

    def test_samples_always_hold_a_slice_and_never_delimiters_or_filler(self, codec: str):
        filler = b"\0\0\1" + (b"\x0c\xff\xff\x80" if codec == "h264" else b"\x4c\x01\xff\x80")
        delimiter = b"\0\0\1" + (b"\x09\xf0" if codec == "h264" else b"\x46\x01\x50")
        muxer = Muxer()
        out = []
        for number, (data, _key) in enumerate(encoded(codec)):
            stamp = number * 3600
            alone = muxer.receive(Unit("video", codec, stamp, None, filler, False))
            assert alone == []
            out += muxer.receive(Unit("video", codec, stamp, None, delimiter + data + filler, False))
        for segment in out:
            if segment.mime:
                continue
            sample, at, slices = segment.data[segment.data.index(b"mdat") + 4 :], 0, 0
            while at < len(sample):
                size = int.from_bytes(sample[at : at + 4], "big")
                unit = sample[at + 4 : at + 4 + size]
                assert not nal.is_dropped(codec, unit)
                slices += nal.is_slice(codec, unit)
                at += 4 + size
            assert slices
        assert len(decoded(b"".join(segment.data for segment in out))) == 50

    def test_fast_playback_with_unscaled_stamps_is_rescaled(self, codec: str):
        stream = Stream(speed=4.0)
        frames = decoded(run(stream, packets(codec)))
        assert float(frames[-1].time) == pytest.approx(49 / 100, abs=0.01)

    def test_stamps_that_jump_or_stand_still_give_an_even_time_line(self, codec: str):
        muxer = Muxer()
        out = []
        for number, (data, _key) in enumerate(encoded(codec)):
            stamp = (
                0 if 10 <= number < 20 else number * 3600 if number < 30 else (number * 3600 + (1 << 32)) % (1 << 33)
            )
            out += muxer.receive(Unit("video", codec, stamp, None, data, False))
        times = [segment.time for segment in out if not segment.mime]
        assert all(0 < after - before <= 3600 * 25 for before, after in zip(times, times[1:], strict=False))

    def test_a_change_of_size_sends_a_new_initialisation(self, codec: str):
        muxer = Muxer()
        out = []
        for number, (data, _key) in enumerate([*encoded(codec), *encoded(codec, 25, 25, 640, 368)]):
            out += muxer.receive(Unit("video", codec, number * 3600, None, data, False))
        assert [segment.mime != "" for segment in out].count(True) == 2
        assert (muxer.picture.width, muxer.picture.height) == (640, 368)


class TestProgramStream:
    """Quirk 10."""

    def units(self, data: bytes, cut: int = 700) -> list[Unit]:
        demuxer = Demuxer()
        out = [unit for start in range(0, len(data), cut) for unit in demuxer.receive(data[start : start + cut])]
        return out + demuxer.flush()

    def stream(self) -> bytes:
        return b"".join(
            mux.frame("h264", data, number * 3600, key) for number, (data, key) in enumerate(encoded("h264"))
        )

    def sent(self) -> list[bytes]:
        return [data for data, _key in encoded("h264")]

    @pytest.mark.parametrize("cut", [1, 5, 188, 1400, 100_000])
    def test_any_cut(self, cut: int):
        assert [unit.data for unit in self.units(self.stream(), cut)] == self.sent()

    def test_a_wrong_crc_and_private_data(self):
        data = self.stream()
        at = data.index(b"\0\0\1\xbc")
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        broken = data[: at + 2 + length] + b"\xde\xad\xbe\xef" + data[at + 6 + length :]
        private = b"\0\0\1\xbd\0\6HKVAPR"
        mixed = broken.replace(b"\0\0\1\xe0", private + b"\0\0\1\xe0")
        assert [unit.data for unit in self.units(mixed)] == self.sent()

    def test_a_stream_map_with_a_wrong_length(self):
        data = self.stream()
        at = data.index(b"\0\0\1\xbc")
        broken = data[: at + 4] + b"\0\x0b" + data[at + 6 :]
        assert [unit.data for unit in self.units(broken)] == self.sent()

    def test_pes_of_length_zero(self):
        out = b""
        for number, data in enumerate(self.sent()[:20]):
            whole = mux.pes(0xE0, data, number * 3600)
            out += mux.pack_header(number * 3600) + whole[:4] + b"\0\0" + whole[6:]
        assert [unit.data for unit in self.units(out)] == self.sent()[:20]

    def test_audio_beside_the_picture(self):
        data = b"".join(
            mux.frame("h264", item, number * 3600, key, "g711a", bytes([number]) * 320)
            for number, (item, key) in enumerate(encoded("h264"))
        )
        found = self.units(data)
        assert [unit.data for unit in found if unit.kind == "video"] == self.sent()
        audio = [unit for unit in found if unit.kind == "audio"]
        assert {unit.codec for unit in audio} == {"g711a"}
        assert sum(len(unit.data) for unit in audio) >= 49 * 320

    @pytest.mark.parametrize("codec", CODECS)
    def test_units_larger_than_a_pes(self, codec: str):
        big = encoded(codec)[0][0] + b"\0\0\1" + (b"\x06\x05" if codec == "h264" else b"\x4e\x01") + b"\x55" * 200_000
        (unit,) = self.units(mux.frame(codec, big, 0, True))
        assert unit.data == big

    @settings(max_examples=300, deadline=2000)
    @given(st.binary(max_size=500), st.booleans())
    def test_no_bytes_break_it(self, data: bytes, lost: bool):
        demuxer = Demuxer()
        for start in (b"", b"\0\0\1\xba", b"\0\0\1\xbc\0", b"\0\0\1\xe0\0\0\x80"):
            demuxer.receive(start + data, lost)
            demuxer.flush()

    def test_mutations_neither_crash_nor_hang_nor_grow(self):
        chance = random.Random(13818)
        source = self.stream()[:60_000]
        demuxer, muxer = Demuxer(), Muxer()
        for _round in range(300):
            data = bytearray(source[: chance.randrange(2000, 60_000)])
            for _change in range(chance.randint(1, 30)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            for start in range(0, len(data), 1400):
                for unit in demuxer.receive(bytes(data[start : start + 1400]), chance.random() < 0.01):
                    muxer.receive(unit)
            assert len(demuxer._buffer) < 9_000_000


class TestParameterSets:
    def test_sizes_and_names(self):
        muxer = Muxer()
        for data, _key in encoded("h264", 25, 25, 640, 368)[:1]:
            muxer.receive(Unit("video", "h264", 0, None, data, False))
        assert muxer.picture is not None
        assert (muxer.picture.width, muxer.picture.height) == (640, 368)
        assert muxer.mime.startswith('video/mp4; codecs="avc1.42')

    @settings(max_examples=300)
    @given(st.binary(min_size=1, max_size=80), st.sampled_from(CODECS))
    def test_broken_ones_are_value_errors(self, data: bytes, codec: str):
        try:
            nal.picture(codec, data)
        except ValueError:
            pass


class TestSound:
    def test_adts_is_taken_apart_and_announced(self):
        body = bytes(range(50))
        head = bytes([0xFF, 0xF1, 0x50, 0x80, (57 >> 3) & 0xFF, (57 & 7) << 5 | 0x1F, 0xFC])
        ((config, rate, channels, data),) = adts(head + body)
        assert (config, rate, channels, data) == (b"\x12\x10", 44100, 2, body)
        muxer = Muxer()
        muxer.add_aac(Audio(config, rate, channels), body, 0)
        first, *_rest = muxer.receive(Unit("video", "h264", 0, None, encoded("h264")[0][0], False))
        assert first.mime.endswith(', mp4a.40.2"')
        (segment,) = muxer.add_aac(Audio(config, rate, channels), body, 0)
        assert segment.data.endswith(body)
        assert not segment.video

    @given(st.binary(max_size=200))
    def test_no_bytes_break_it(self, data: bytes):
        adts(b"\xff\xf1" + data)
