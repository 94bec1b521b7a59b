"""One watchable file of a meeting: every picture in a grid with its name, all voices mixed, chapters by what happened.

There is one file a track (`protocols.janus.mjr`): the engine leaves those of browsers, the gateway those of cameras and
terminals (`live.tape`). They are put on one time line by the moment of their first frame. What the engine was killed in the middle of is used up to its last whole packet. Tracks are memory-mapped and read
as the file is written: nothing is held in memory but one window of packets, one second of sound and one picture of each.
"""

from __future__ import annotations

import logging
import mmap
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageDraw, ImageFont

from chengheng.command.conference import engine, queries, rules, sounds
from chengheng.command.conference.models import MeetingRecording, Participant
from chengheng.command.conference.words import event_words
from chengheng.common import files, trail
from chengheng.common.people.access import SYSTEM
from chengheng.protocols.janus import mjr

log = logging.getLogger(__name__)
WIDTH, HEIGHT, FPS, RATE = 1280, 720, 10, 48_000
STALE_SECONDS = 3.0
"""A picture that is older is not shown: its venue has gone dark."""
_NAME = re.compile(r"user-(\d+)\.[ct]?\d+-\d+-(audio|video)-(\d+)\.mjr")
_FONTS = ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",)
_CHAPTERS = {"begin_roll_call", "close_roll_call", "open_vote", "broadcast", "spoke", "share", "give_floor", "give_chair", "request_chair"}  # fmt: skip


@dataclass
class Source:
    """A track on the time line. `began` in seconds since the recording's first frame."""

    participant: int
    kind: str
    screen: bool
    began: float
    track: mjr.Track
    seconds: float
    feed: Iterator[tuple[float, Any]] | None = None
    upcoming: tuple[float, Any] | None = None
    picture: Any = None
    picture_at: float = -1e9
    samples: list[tuple[float, Any]] = field(default_factory=list)

    @property
    def end(self) -> float:
        return self.began + self.seconds


def _mapped(path: Path) -> mmap.mmap | bytes:
    """A file's content without reading it: the pages come and go as they are needed."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def sources(folder: Path) -> tuple[float, list[Source]]:
    """The tracks of a recording's folder, and the wall time (UNIX seconds) of the first frame."""
    found: list[tuple[float, Source]] = []
    for path in sorted(folder.glob("*.mjr*")):
        named = _NAME.search(path.name)
        if named is None:
            continue
        try:
            track = mjr.read(_mapped(path))
        except mjr.NotRecording as error:
            log.info("%s: %s", path.name, error)
            continue
        if track.codec not in (("h264",) if track.kind == "video" else sounds.DECODERS):
            continue
        pieces = mjr.h264(track) if track.kind == "video" else mjr.sound(track)
        if next(pieces, None) is not None:
            screen = track.kind == "video" and int(named[3]) >= 2
            found.append((track.began_at, Source(int(named[1]), track.kind, screen, 0.0, track, track.seconds())))
    if not found:
        return 0.0, []
    first = min(began for began, _source in found)
    found.sort(key=lambda one: one[1].participant)
    for began, source in found:
        source.began = began - first
    return first, [source for _began, source in found]


def _pictures(source: Source) -> Iterator[tuple[float, Any]]:
    decoder = av.CodecContext.create("h264", "r")
    for piece in mjr.h264(source.track):
        try:
            frames = decoder.decode(av.Packet(piece.data))
        except av.FFmpegError:
            continue
        for frame in frames:
            yield source.began + piece.at / 90_000, frame


def _sounds(source: Source) -> Iterator[tuple[float, Any]]:
    decoder, clock = sounds.decoder(source.track.codec), mjr.CLOCKS[source.track.codec]
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    for piece in mjr.sound(source.track):
        try:
            frames = decoder.decode(av.Packet(piece.data))
        except av.FFmpegError:
            continue
        for frame in frames:
            for part in resampler.resample(frame):
                yield source.began + piece.at / clock, part.to_ndarray().reshape(-1)


def _advance(source: Source, until: float) -> Iterator[tuple[float, Any]]:
    """What a track has up to a moment."""
    if source.feed is None:
        source.feed = _pictures(source) if source.kind == "video" else _sounds(source)
        source.upcoming = next(source.feed, None)
    while source.upcoming is not None and source.upcoming[0] < until:
        yield source.upcoming
        source.upcoming = next(source.feed, None)


def boxes(count: int, main: bool) -> list[tuple[int, int, int, int]]:
    """Where so many pictures go: x, y, width, height, all even. With `main` the first is large, the others beside it."""
    if count == 0:
        return []
    if main and count > 1:
        side = [(WIDTH * 3 // 4, 0, WIDTH // 4, HEIGHT)]
        out = [(0, 0, WIDTH * 3 // 4, HEIGHT)]
        rows = count - 1
        x, y, width, height = side[0]
        each = min(height // rows, width * 9 // 16) // 2 * 2
        return out + [(x, y + at * each, width, each) for at in range(rows)]
    columns, rows = rules.grid(count)
    width, height = WIDTH // columns // 2 * 2, HEIGHT // rows // 2 * 2
    return [(at % columns * width, at // columns * height, width, height) for at in range(count)]


def _label(name: str) -> Any:
    """A strip with a name, as grey values."""
    font: Any = None
    for path in _FONTS:
        if Path(path).exists():
            font = ImageFont.truetype(path, 18)
    picture = Image.new("L", (300, 28), 30)
    ImageDraw.Draw(picture).text((8, 3), name[:16], fill=235, font=font or ImageFont.load_default())
    return np.asarray(picture)


def _paste(canvas: Any, frame: Any, box: tuple[int, int, int, int], label: Any) -> None:
    """Scale a frame into a box of a yuv420p canvas (rows of HEIGHT × 3/2), keeping its shape."""
    x, y, width, height = box
    scale = min(width / frame.width, height / frame.height)
    w, h = max(2, int(frame.width * scale) // 2 * 2), max(2, int(frame.height * scale) // 2 * 2)
    small = frame.reformat(width=w, height=h, format="yuv420p")
    left, top = x + (width - w) // 4 * 2, y + (height - h) // 4 * 2
    luma, blue, red = (np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size) for plane in small.planes)
    canvas[0][top : top + h, left : left + w] = luma[:h, :w]
    for plane, part in ((1, blue), (2, red)):
        canvas[plane][top // 2 : (top + h) // 2, left // 2 : (left + w) // 2] = part[: h // 2, : w // 2]
    rows, columns = min(label.shape[0], height), min(label.shape[1], width)
    canvas[0][y + height - rows : y + height, x : x + columns] = label[:rows, :columns]
    canvas[1][(y + height - rows) // 2 : (y + height) // 2, x // 2 : (x + columns) // 2] = 128
    canvas[2][(y + height - rows) // 2 : (y + height) // 2, x // 2 : (x + columns) // 2] = 128


def compose(found: list[Source], names: dict[int, str], target: Path, chapters: list[dict[str, Any]]) -> int:
    """Write the file; its length in seconds."""
    length = max(source.end for source in found)
    seconds = max(1, int(length) + 1)
    labels = {source.participant: _label(names.get(source.participant, "")) for source in found}
    with av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as out:
        video: Any = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1
        video.options = {"preset": "ultrafast", "crf": "27", "g": str(FPS * 4)}
        audio: Any = out.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 64_000
        if chapters:
            out.set_chapters(_marks(chapters, seconds))
        for second in range(seconds):
            for tick in range(FPS):
                at = second + tick / FPS
                frame = av.VideoFrame.from_ndarray(_picture(found, labels, at), format="yuv420p")
                frame.pts, frame.time_base = second * FPS + tick, Fraction(1, FPS)
                out.mux(video.encode(frame))
            block = av.AudioFrame.from_ndarray(_mixed(found, second), format="flt", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, second * RATE, Fraction(1, RATE)
            out.mux(audio.encode(block))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return seconds


def _picture(found: list[Source], labels: dict[int, Any], at: float) -> Any:
    shown = []
    for source in found:
        if source.kind != "video":
            continue
        for moment, frame in _advance(source, at + 1 / FPS):
            source.picture, source.picture_at = frame, moment
        if source.picture is not None and at - source.picture_at < STALE_SECONDS:
            shown.append(source)
    shown.sort(key=lambda source: not source.screen)
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = 16
    half = (HEIGHT // 2, WIDTH // 2)
    canvas = [np.zeros((HEIGHT, WIDTH), np.uint8) + 16, np.full(half, 128, np.uint8), np.full(half, 128, np.uint8)]
    for source, box in zip(shown, boxes(len(shown), bool(shown) and shown[0].screen), strict=True):
        _paste(canvas, source.picture, box, labels[source.participant])
    planes[:HEIGHT] = canvas[0]
    planes[HEIGHT : HEIGHT * 5 // 4] = canvas[1].reshape(HEIGHT // 4, WIDTH)
    planes[HEIGHT * 5 // 4 :] = canvas[2].reshape(HEIGHT // 4, WIDTH)
    return planes


def _mixed(found: list[Source], second: int) -> Any:
    """One second of all voices."""
    mixed = np.zeros(RATE, np.float32)
    for source in found:
        if source.kind != "audio":
            continue
        source.samples += _advance(source, second + 1)
        kept = []
        for moment, samples in source.samples:
            start = round((moment - second) * RATE)
            begin, end = max(0, start), min(RATE, start + len(samples))
            if begin < end:
                mixed[begin:end] += samples[begin - start : end - start]
            if start + len(samples) > RATE:
                kept.append((moment, samples))
        source.samples = kept
    return np.clip(mixed, -1, 1).reshape(1, -1)


def _marks(chapters: list[dict[str, Any]], seconds: int) -> Any:
    ends = [chapter["at"] for chapter in chapters[1:]] + [seconds]
    return [
        {"id": number, "start": int(chapter["at"] * 1000), "end": int(max(end, chapter["at"]) * 1000),
         "time_base": Fraction(1, 1000), "metadata": {"title": chapter["title"]}}
        for number, (chapter, end) in enumerate(zip(chapters, ends, strict=True))
    ]  # fmt: skip


def chapters_of(tape: MeetingRecording, first: float, found: list[Source]) -> list[dict[str, Any]]:
    """What happened, as chapters: seconds since the first frame, a clock, a title; within the recording only.

    A camera or a terminal has one where it is first seen or heard.
    """
    out: list[dict[str, Any]] = [{"at": 0.0, "title": tape.meeting.title}]
    length = max(source.end for source in found)
    for place in tape.meeting.participants.filter(role__in=("camera", "terminal")):
        began = min((source.began for source in found if source.participant == place.pk), default=None)
        if began is not None:
            words = _("camera %(name)s is shown") if place.role == "camera" else _("terminal %(name)s takes part")
            out.append({"at": round(began, 1), "title": str(words) % {"name": place.name}})
    for event in tape.meeting.events.filter(what__in=_CHAPTERS).select_related("by", "target"):
        at = round(event.at.timestamp() - first, 1)
        if 0 <= at <= length:
            who = f"{event.by.name} " if event.by else ""
            out.append({"at": at, "title": f"{who}{event_words(event)}"})
    out[1:] = sorted(out[1:], key=lambda chapter: chapter["at"])
    for chapter in out:
        whole = int(chapter["at"])
        chapter["clock"] = f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
    return out


def put_together(pk: int, *, now: datetime | None = None) -> None:
    """Make the file of a recording that waits for it, keep it with the meeting, remove the raw tracks."""
    tape = MeetingRecording.objects.select_related("meeting").filter(pk=pk, state="waiting").first()
    if tape is None:
        return
    folder = engine.recordings() / tape.folder
    try:
        first, found = sources(folder) if folder.exists() else (0.0, [])
        if not found:
            MeetingRecording.objects.filter(pk=pk).update(state="empty")
            return
        chapters = chapters_of(tape, first, found)
        names = dict(Participant.objects.filter(meeting=tape.meeting).values_list("pk", "name"))
        with tempfile.TemporaryDirectory(prefix="chengheng-tape-") as scratch:
            target = Path(scratch) / "meeting.mp4"
            seconds = compose(found, names, target, chapters)
            with transaction.atomic(), target.open("rb") as content:
                kept = files.store(content, f"meeting-{tape.meeting_id}.mp4", "video/mp4")
                files.attach(
                    kept, queries.papers_of(tape.meeting), "recording", by=SYSTEM, name=f"{tape.meeting.title[:80]}.mp4"
                )
                MeetingRecording.objects.filter(pk=pk).update(
                    state="ready", seconds=seconds, chapters=chapters, fault=""
                )
                trail.record("command.meeting.control", SYSTEM, tape.meeting, {"verb": "recorded", "seconds": seconds})
    except Exception as error:  # whatever a track holds: the raw files stay, and the page says so
        log.exception("recording %s could not be put together", pk)
        MeetingRecording.objects.filter(pk=pk).update(state="failed", fault=f"{type(error).__name__}: {error}"[:300])
        return
    shutil.rmtree(folder, ignore_errors=True)
