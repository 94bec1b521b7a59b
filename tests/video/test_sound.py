"""The sound of a camera in recordings, for viewers and beside pictures that were coded anew: at the right seconds.

A simulated camera gives a tone in every even second of the clock that it paints into the picture.
"""

from __future__ import annotations

import asyncio
import io
import time

import av
import numpy
import pytest

from chengheng.protocols.mpegps import mux
from chengheng.protocols.mpegps.demux import Unit
from chengheng.video.camera.picture import read_counters
from chengheng.video.live import sound
from chengheng.video.live.recorder import Recorder

from .conftest import camera, entry, platform, until
from .test_platform import collect, run

pytestmark = pytest.mark.timeout(60)
TURN = 1 << 32


def by_seconds(data: bytes) -> tuple[list[float], list[float]]:
    """The strengths of the sound in even seconds of the painted clock, and in odd ones, a tenth of a second each."""
    starts = data.rfind(b"ftyp") - 4  # what was announced last: for viewers, with the sound
    with av.open(io.BytesIO(data[starts:]), format="mp4") as container:
        clocks, pieces = [], []
        for frame in container.decode(container.streams.video[0], container.streams.audio[0]):
            if isinstance(frame, av.VideoFrame):
                clocks.append((frame.time, read_counters(frame.to_ndarray(format="gray"))[1]))
            else:
                pieces.append((frame.time, frame.to_ndarray()[0], frame.sample_rate))
    times, shown = numpy.array(clocks).T
    shown = (shown + numpy.round((time.time() * 1000 - shown) / TURN) * TURN) / 1000
    found: tuple[list[float], list[float]] = ([], [])
    for at, samples, rate in pieces:
        if at < pieces[0][0] + 0.25:  # a decoder fades in
            continue
        for first in range(0, len(samples) - rate // 20, rate // 20):
            near = int(numpy.searchsorted(times, at + first / rate + 0.025, "right")) - 1
            seconds = {int(second) for second in shown[near - 2 : near + 3]} if 2 <= near < len(shown) - 2 else set()
            if len(seconds) == 1:  # between pictures that tell, and not at the edge of a second, which belongs to both
                strength = float(numpy.sqrt((samples[first : first + rate // 20].astype(float) ** 2).mean()))
                found[seconds.pop() % 2].append(strength)
    return found


def fits(data: bytes, least: int = 4) -> None:
    even, odd = by_seconds(data)
    assert len(even) >= least
    assert len(odd) >= least
    assert min(even) > 0.1, even
    assert max(odd) < 0.02


@pytest.mark.parametrize("codec", ["g711u", "aac"])
def test_a_recording_and_its_viewers_hear_each_second_where_it_was(codec, scratch):
    async def work():
        async with platform(entry()) as at, camera(at, sound=codec) as device:
            await device.registered.wait()
            found = await until(lambda: at.entries[device.gb_id].online and at.entries[device.gb_id])
            call = await at.live(found, 1, next(iter(device.channels)))
            call.source.sound = sound.Heard(call.source.stream.muxer)
            over = asyncio.Event()
            recorder = Recorder(scratch / "a.mp4", lambda why: over.set(), call.source)
            recorder.begin()
            assert recorder.sound == codec
            viewer = at.viewer(call)
            data = b""
            while recorder.sounded < 4:  # a busy machine draws fewer pictures a second
                data += await collect(viewer, 0.5)
            recorder.close("stopped")
            assert over.is_set()
            assert not call.source.hearing
            fits((scratch / "a.mp4").read_bytes())
            fits(data, least=1)

    run(work())


def test_a_sound_that_cannot_be_kept_is_named_and_the_picture_stays(scratch):
    async def work():
        async with platform(entry()) as at, camera(at) as device:
            await device.registered.wait()
            call = await at.live(at.entries[device.gb_id], 1, next(iter(device.channels)))
            call.source.stream.ps._streams[0xC0] = "g729"
            recorder = Recorder(scratch / "a.mp4", lambda why: None, call.source)
            recorder.begin()
            recorder.hear([Unit("audio", "g729", 0, None, bytes(100), False)])
            await until(lambda: recorder.frames > 3)
            recorder.close("stopped")
            assert (recorder.sound, recorder.sounded) == ("g729", 0.0)
            with av.open(str(scratch / "a.mp4")) as container:
                assert len(container.streams.audio) == 0
                assert sum(1 for _frame in container.decode(video=0)) == recorder.frames

    run(work())


def test_the_encoder_keeps_time_over_a_gap_and_is_counted():
    encoder, before = sound.Encoder(), sound.COST.seconds

    def unit(size: int) -> Unit:
        return Unit("audio", "g711a", 0, None, b"\xd5" * size, False)

    times = [at for number in range(20) for at, _data in encoder.encode([unit(800)], number * 800)]
    assert times == [number * 1024 for number in range(len(times))]
    later = [at for number in range(5) for at, _data in encoder.encode([unit(800)], 80_000 + number * 800)]
    assert later[-1] >= 80_000
    assert sound.COST.seconds - before == pytest.approx((15 + 3) * 1024 / 8000)
    assert sound.COST.cpu_seconds > 0


def test_a_stream_names_its_sound():
    from chengheng.protocols.mpegps.demux import Demuxer

    for codec in ("g711a", "g711u", "aac"):
        demuxer = Demuxer()
        demuxer.receive(mux.frame("h264", b"\0\0\0\1e" + bytes(20), 0, True, codec, b"x" * 20))
        assert demuxer.audio_codec == codec
