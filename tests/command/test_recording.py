"""The file of a meeting: tracks of browsers, cameras and terminals on one time line, looked at and listened to."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy
import pytest

from chengheng.command.conference import actions, engine, queries, recording
from chengheng.command.conference.live import tape as tapes
from chengheng.command.conference.live.tape import Reel
from chengheng.command.conference.models import Meeting, MeetingRecording, Participant
from chengheng.command.models import Site
from chengheng.common import files
from chengheng.protocols.janus import mjr
from chengheng.protocols.rtp.h264 import Sender
from chengheng.protocols.rtp.packet import build

BEGAN = 1_790_000_000.0
RATE = 48_000


def track(folder: Path, name: str, codec: str, began: float, packets: list[tuple[float, bytes]]) -> None:
    writer = mjr.Writer(codec, began)
    (folder / name).write_bytes(writer.head() + b"".join(writer.packet(data, began + at) for at, data in packets))


def grey(level: int, seconds: float, fps: int = 10) -> list[tuple[float, bytes]]:
    """RTP of a picture of one grey, H.264."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 320, 180, "yuv420p", fps
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "keyint=10:repeat-headers=1"}
    sender, out = Sender(1000), []
    plane = numpy.full((270, 320), 128, numpy.uint8)
    plane[:180] = level
    for number in range(int(seconds * fps)):
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            units = [bytes(unit) for unit in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
            out += [(number / fps, data) for data in sender.packets(units, number * 90_000 // fps)]
    return out


def tone(codec: str, hertz: float, seconds: float, loud: int = 8000) -> list[tuple[float, bytes]]:
    """RTP of a tone, 20 ms a packet."""
    name, rate = {"opus": ("libopus", 48_000), "pcma": ("pcm_alaw", 8_000), "pcmu": ("pcm_mulaw", 8_000)}[codec]
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "s16"
    each, out = rate // 50, []
    for number in range(int(seconds * 50)):
        times = (numpy.arange(each) + number * each) / rate
        wave = (numpy.sin(2 * math.pi * hertz * times) * loud).astype(numpy.int16).reshape(1, -1)
        block = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        block.sample_rate, block.pts = rate, number * each
        for packet in encoder.encode(block):
            out.append((number / 50, build(111, False, number, number * each, 1000, bytes(packet))))
    return out


def sound_of(path: str) -> numpy.ndarray:
    """All samples of a file, mono, 48 kHz."""
    parts = []
    with av.open(path) as played:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in played.decode(audio=0):
            parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
    return numpy.concatenate(parts)


def level_of(sound: numpy.ndarray, hertz: float, begin: float, end: float) -> float:
    """How strong one tone is between two moments: 1 is the loudest possible."""
    cut = sound[int(begin * RATE) : int(end * RATE)] * numpy.hanning(int(end * RATE) - int(begin * RATE))
    bins = numpy.abs(numpy.fft.rfft(cut)) * 4 / len(cut)
    at = round(hertz * len(cut) / RATE)
    return float(bins[max(0, at - 3) : at + 4].max())


@pytest.fixture
def meeting(city: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meeting:
    monkeypatch.setattr("chengheng.command.conference.engine.is_here", lambda: True)
    monkeypatch.setattr("chengheng.command.conference.engine.recordings", lambda: tmp_path)
    return actions.call_now(city.chief, title="清雪调度会", sites=Site.objects.all(), minutes=60)


def a_place(meeting: Meeting, role: str, name: str) -> Participant:
    return Participant.objects.create(
        meeting=meeting, role=role, picture=f"x:{name}", name=name, organisation=meeting.organisation
    )


class TestTheFile:
    def test_has_cameras_and_terminals_where_they_were_seen_and_heard(self, meeting):
        chair = meeting.chair
        bridge, hall, old = (
            a_place(meeting, "camera", "桥头"), a_place(meeting, "terminal", "东区终端"), a_place(meeting, "terminal", "西区终端")
        )  # fmt: skip
        row = MeetingRecording.objects.create(
            meeting=meeting, folder="tape", state="waiting", began_at=datetime.fromtimestamp(BEGAN, UTC)
        )
        folder = engine.recordings() / "tape"
        folder.mkdir()
        # the chair all the time; the camera from the second second; a terminal in Opus from the third; one in G.711 of two
        track(folder, f"videoroom-m1-user-{chair.pk}.7-1-video-1.mjr", "h264", BEGAN, grey(60, 6))
        track(folder, f"meeting-m1-user-{bridge.pk}.c1-2-video-0.mjr", "h264", BEGAN + 2, grey(120, 4))
        track(folder, f"meeting-m1-user-{hall.pk}.t1-3-audio-0.mjr", "opus", BEGAN + 3, tone("opus", 1000, 3))
        track(folder, f"meeting-m1-user-{hall.pk}.t1-3-video-1.mjr.part", "h264", BEGAN + 3, grey(200, 3))
        track(folder, f"meeting-m1-user-{old.pk}.t2-4-audio-0.mjr", "pcma", BEGAN + 1, tone("pcma", 500, 1))
        track(folder, f"meeting-m1-user-{old.pk}.t3-4-audio-0.mjr", "pcmu", BEGAN + 4, tone("pcmu", 700, 1))
        recording.put_together(row.pk)
        row.refresh_from_db()
        assert row.state == "ready", row.fault
        assert not folder.exists()
        assert [(one["at"], one["title"]) for one in row.chapters] == [
            (0.0, "清雪调度会"), (1.0, "终端 西区终端 接入"), (2.0, "摄像机 桥头 画面接入"), (3.0, "终端 东区终端 接入"),
        ]  # fmt: skip
        (kept,) = files.of(queries.papers_of(meeting), "recording")
        path = str(kept.file.path)
        with av.open(path) as played:
            assert [one["metadata"]["title"] for one in played.chapters()] == [one["title"] for one in row.chapters]
            pictures = [frame.to_ndarray(format="yuv420p")[:720] for frame in played.decode(video=0)]

        def seen(at: float) -> list[int]:
            """The greys in the middle of each quarter of the picture."""
            picture = pictures[int(at * recording.FPS)]
            return [int(picture[y - 20 : y + 20, x - 20 : x + 20].mean()) for y in (180, 540) for x in (320, 960)]

        assert abs(int(pictures[15][300:400, 600:700].mean()) - 60) < 6  # alone
        assert all(abs(found - due) < 6 for found, due in zip(seen(5.0), (60, 120, 200, 16), strict=True)), seen(5.0)
        sound = sound_of(path)
        for hertz, spans in ((500, [(1, 2)]), (1000, [(3, 6)]), (700, [(4, 5)])):
            for second in range(6):
                there = any(begin <= second < end for begin, end in spans)
                found = level_of(sound, hertz, second + 0.15, second + 0.85)
                assert found > 0.15 if there else found < 0.01, (hertz, second, found)

    def test_a_track_whose_clock_was_set_anew_goes_on_as_it_came(self, tmp_path):
        packets = tone("opus", 1000, 2)
        leap = 3_600 * RATE
        moved = [
            (at, build(111, False, number, number * 960 + (leap if number >= 50 else 0), 1000, data[12:]))
            for number, (at, data) in enumerate(packets)
        ]
        track(tmp_path, "a.mjr", "opus", BEGAN, moved)
        found = [piece.at for piece in mjr.sound(mjr.read((tmp_path / "a.mjr").read_bytes()))]
        assert found == [number * 960 for number in range(100)]


class TestAReel:
    def test_keeps_each_track_beside_the_engines_own(self, tmp_path):
        async def work() -> None:
            reel = Reel("m1")
            reel.take("5.c1", 0, "h264", build(96, True, 0, 0, 1000, b"\x65x"))
            assert not list(tmp_path.iterdir())  # it is not recorded
            await reel.turn(tmp_path)
            for number in range(300):
                reel.take("5.c1", 0, "h264", build(96, True, number, number * 9000, 1000, b"\x65" + bytes(1000)))
                reel.take("6.t2", 0, "pcma", build(111, False, number, number * 160, 1000, b"\xd5" * 160))
                if number == 200:
                    await asyncio.sleep(0.05)
            assert {one.name.rpartition(".")[2] for one in tmp_path.iterdir()} == {"part"}  # what a kill would leave
            await reel.finish("5.c1")
            await reel.turn(None)
            reel.take("6.t2", 0, "pcma", build(111, False, 0, 0, 1000, b"\xd5" * 160))

        asyncio.run(work())
        first, found = recording.sources(tmp_path)
        assert abs(first - time.time()) < 20
        assert [(one.participant, one.kind, one.track.codec, one.screen) for one in found] == [
            (5, "video", "h264", False), (6, "audio", "pcma", False),
        ]  # fmt: skip
        assert [sum(1 for _packet in one.track.packets()) for one in found] == [300, 300]
        assert all(one.suffix == ".mjr" for one in tmp_path.iterdir())

    def test_a_disk_that_refuses_ends_the_track_and_nothing_else(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tapes, "PART", 1)

        async def work() -> None:
            reel = Reel("m1")
            await reel.turn(tmp_path / "gone")
            for number in range(3):
                reel.take("5.c1", 0, "h264", build(96, True, number, 0, 1000, b"\x65x"))
                await asyncio.sleep(0.02)
            await reel.turn(None)

        asyncio.run(work())
        assert not list(tmp_path.iterdir())
