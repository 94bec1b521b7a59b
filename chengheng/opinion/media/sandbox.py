"""Opens one picture, video or sound file in a process of its own: `python sandbox.py ORDER` (JSON, see `Order`).

The file comes from outside, and Pillow, FFmpeg and ONNX Runtime are large C libraries: this process has no database, no
secrets, little memory and little time, and imports nothing of the product. FFmpeg is told the container's format (so
that no playlist or script in disguise is followed) and reads from an open file (so that no reference to another one is).

Writes one line of JSON for each thing found, as soon as it is found:
`{"facts": {...}}`, `{"shot": {kind, second, jpeg, lines}}`, `{"subtitle": {second, until, words}}`, `{"note": code}`,
`{"sound": seconds}`, and `{"done": true}` or `{"refused": code}` at the end.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

MAX_PIXELS = 50_000_000  # a phone's picture; a 8K frame is 33 million
SIDE = 1280  # of the pictures that are kept and read
LONG = 2.5  # a picture this much higher than wide is a screenshot to be read in pieces
TILES, OVERLAP = 12, 120
LEAST_SURE = 0.5
ALIKE = 10.0  # grey levels by which the most changed of 64 fields must differ for a frame to be another one
LOOKED_AT = 6  # key frames decoded for each that is kept
LETTERS, CUES = 20_000, 4_000
SOUND_RATE = 16_000
WAVES_BYTES = 44 + 2 * SOUND_RATE * 3600
FORMATS = {
    "video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm", "video/mpeg": "mpeg", "audio/mpeg": "mp3",
    "audio/wav": "wav", "audio/ogg": "ogg", "audio/mp4": "mp4", "audio/amr": "amr",
}  # fmt: skip
PICTURES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}


class Refused(Exception):
    """This file is not read; the message is a stable reason code."""


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def limit_self(memory: int, seconds: int) -> None:
    """Bound memory and time; only the sound for the recogniser may be written."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WAVES_BYTES, WAVES_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    os.nice(10)


class Words:
    """The words in pictures, by RapidOCR; loaded when the first picture is there. `wanted` False: nothing is read."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._engine: Any = None

    def read(self, picture: Any) -> list[str]:
        """The lines of a picture from top to bottom. A long one is read in pieces that overlap."""
        if not self._wanted:
            return []
        if self._engine is None:
            from rapidocr import RapidOCR

            one = {f"EngineConfig.onnxruntime.{name}_op_num_threads": 1 for name in ("intra", "inter")}
            self._engine = RapidOCR(params={**one, "Global.log_level": "error"})
        lines: list[str] = []
        for tile in tiles(picture):
            fresh = self._lines(tile)
            same = max((n for n in range(1, len(fresh) + 1) if lines[-n:] == fresh[:n]), default=0)
            lines += fresh[same:]
        return lines

    def _lines(self, picture: Any) -> list[str]:
        import numpy

        assert self._engine is not None
        found = self._engine(numpy.ascontiguousarray(numpy.asarray(picture.convert("RGB"))[:, :, ::-1]))
        if found.boxes is None:
            return []
        rows = [
            (
                words.strip(),
                float(box[:, 0].min()),
                float(box[:, 0].max()),
                float(box[:, 1].min()),
                float(box[:, 1].max()),
            )
            for box, words, sure in zip(found.boxes, found.txts, found.scores, strict=False)
            if sure >= LEAST_SURE and any(map(str.isalnum, words))
        ]
        return paragraphs(rows)


def paragraphs(rows: list[tuple[str, float, float, float, float]]) -> list[str]:
    """Lines put together where a text runs on: the line before is as wide as any, and the next begins under its start.

    A row is (words, left, right, top, bottom). A word that a screenshot broke at the margin is whole again.
    """
    found: list[str] = []
    widest = max((row[2] for row in rows), default=0.0)
    before: tuple[str, float, float, float, float] | None = None
    for row in rows:
        words, left, _right, top, bottom = row
        height = bottom - top
        if (
            before is not None
            and before[2] >= widest - 1.2 * height
            and abs(before[1] - left) <= 2.5 * height
            and 0.7 * height <= before[4] - before[3] <= 1.4 * height
            and -0.5 * height <= top - before[4] <= 1.2 * height
        ):
            joint = " " if found[-1][-1:].isascii() and words[:1].isascii() else ""
            found[-1] += joint + words
        else:
            found.append(words)
        before = row
    return found


def tiles(picture: Any) -> Iterator[Any]:
    """The picture no larger than it is read; a long one in pieces."""
    width, height = picture.size
    if height <= LONG * width:
        small = picture.copy()
        small.thumbnail((SIDE * 3 // 2, SIDE * 3 // 2), reducing_gap=2.0)
        yield small
        return
    if width > SIDE:
        picture = picture.resize((SIDE, height * SIDE // width))
        width, height = picture.size
    step = max(SIDE, width) * 5 // 4
    for number, top in enumerate(range(0, height, step - OVERLAP)):
        if number == TILES:
            say(note="picture_cut")
            return
        yield picture.crop((0, top, width, min(top + step, height)))
        if top + step >= height:
            return


def packed(picture: Any) -> str:
    """The picture as a small JPEG of our own making, in base64."""
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return base64.b64encode(out.getvalue()).decode()


class Kept:
    """The frames that are kept: none that looks like one before."""

    def __init__(self) -> None:
        self._grey: list[Any] = []

    def new(self, picture: Any) -> bool:
        import numpy

        grey = numpy.asarray(picture.convert("L").resize((128, 128)), numpy.float32)
        for other in self._grey:
            fields = numpy.abs(grey - other).reshape(8, 16, 8, 16).mean((1, 3))
            if fields.max() < ALIKE:
                return False
        self._grey.append(grey)
        return True

    def __len__(self) -> int:
        return len(self._grey)


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_picture(order: dict[str, Any], words: Words) -> None:
    from PIL import Image, ImageFile, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(order["path"], formats=[PICTURES[order["media_type"]]]) as picture:
            check_size(*picture.size)
            moving = picture.format == "GIF" and getattr(picture, "is_animated", False)
            say(facts={"width": picture.width, "height": picture.height})
            if moving:
                moving_picture(picture, order["frames"], words)
                return
            picture.draft("RGB", (SIDE * 2, SIDE * 2) if picture.height <= LONG * picture.width else picture.size)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            # The picture itself is there to be looked at: only its words are told.
            say(shot={"kind": "picture", "second": None, "jpeg": "", "lines": words.read(upright.convert("RGB"))})
    except (Refused, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise Refused("too_many_pixels") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise Refused("damaged") from error


def moving_picture(picture: Any, most: int, words: Words) -> None:
    """A GIF that moves is read like a short video."""
    kept, second = Kept(), 0.0
    for number in range(most * LOOKED_AT):
        try:
            picture.seek(number)
        except EOFError:
            return
        frame = picture.convert("RGB")
        if kept.new(frame):
            lines = words.read(frame)
            say(shot={"kind": "frame", "second": round(second, 2), "jpeg": packed(frame), "lines": lines})
        if len(kept) == most:
            say(note="frames_cut")
            return
        second += picture.info.get("duration", 100) / 1000


def check_size(width: int, height: int) -> None:
    if width <= 0 or height <= 0:
        raise Refused("damaged")
    if width * height > MAX_PIXELS:
        raise Refused("too_many_pixels")


# ── video and sound ──────────────────────────────────────────────────────────────────────────────────────────────────


def read_film(order: dict[str, Any], words: Words) -> None:
    import av

    av.logging.set_level(None)
    options = {"protocol_whitelist": "file", "max_streams": "32", "enable_drefs": "0", "use_absolute_path": "0"}
    try:
        with open(order["path"], "rb") as file:

            def opened() -> Any:
                file.seek(0)
                return av.open(file, "r", format=FORMATS[order["media_type"]], options=options, timeout=(10.0, 10.0))

            with opened() as film:
                facts_of(film)
                covers(film, words)
            with opened() as film:
                subtitles(film)
            if order["wav"]:
                with opened() as film:
                    sound(film, order["wav"], order["sound_seconds"])
            with opened() as film:
                frames(film, order["frames"], words)
    except (Refused, MemoryError):
        raise
    except (av.error.FFmpegError, ValueError, OverflowError, IndexError, StopIteration, OSError) as error:
        raise Refused("damaged") from error


def is_cover(stream: Any) -> bool:
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def facts_of(film: Any) -> None:
    facts: dict[str, Any] = {"sound": bool(film.streams.audio), "subtitles": len(film.streams.subtitles)}
    if film.duration and film.duration > 0:
        facts["seconds"] = round(film.duration / 1_000_000, 2)
    moving = [stream for stream in film.streams.video if not is_cover(stream)]
    for stream in film.streams.video:
        if stream.codec_context is not None and stream.codec_context.width:
            check_size(stream.codec_context.width, stream.codec_context.height)
    if moving and moving[0].codec_context is not None:
        facts |= {"width": moving[0].codec_context.width, "height": moving[0].codec_context.height}
    if not film.streams.video and not film.streams.audio:
        raise Refused("nothing_inside")
    say(facts=facts)


def prepared(stream: Any) -> Any:
    """A decoder of one thread that refuses frames that are too large before it makes them."""
    context = stream.codec_context
    if context is None:
        raise Refused("kind_not_read")
    context.options = {**context.options, "max_pixels": str(MAX_PIXELS), "threads": "1"}
    context.thread_count = 1
    return context


def covers(film: Any, words: Words) -> None:
    """Pictures that the file carries as its cover."""
    import av

    for stream in [one for one in film.streams.video if is_cover(one)][:3]:
        prepared(stream)
        try:
            for packet in film.demux(stream):
                for frame in packet.decode():
                    picture = frame.to_image()
                    say(shot={"kind": "cover", "second": None, "jpeg": packed(picture), "lines": words.read(picture)})
                break
        except av.error.FFmpegError:
            say(note="cover_damaged")
        film.seek(0)


def subtitles(film: Any) -> None:
    """The texts of embedded subtitle streams; the pictures of picture subtitles are not read."""
    import av

    letters = cues = 0
    tracks = film.streams.subtitles[:8]
    if not tracks:
        return
    for packet in film.demux(*tracks):
        if packet.pts is None or packet.size > 100_000:
            continue
        try:
            found = packet.decode()
        except av.error.FFmpegError:
            say(note="subtitle_damaged")
            return
        start = float(packet.pts * packet.time_base)
        length = float((packet.duration or 0) * packet.time_base)
        for one in found:
            for part in [one] if hasattr(one, "type") else one:
                if part.type not in (b"ass", b"text"):
                    continue
                said = part.dialogue if part.type == b"ass" else part.text
                said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
                say(
                    subtitle={
                        "second": start,
                        "until": start + length,
                        "words": said[:1000],
                        "track": packet.stream.index,
                    }
                )
                letters, cues = letters + len(said), cues + 1
        if letters > LETTERS or cues > CUES:
            say(note="subtitles_cut")
            return


def sound(film: Any, path: str, most: float) -> None:
    """The first sound track as 16 kHz, one channel, 16 bit (WAV), at most `most` seconds."""
    import wave

    import av

    if not film.streams.audio:
        return
    stream = film.streams.audio[0]
    prepared(stream)
    change = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
    count, limit = 0, int(min(most, 3600) * SOUND_RATE)
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SOUND_RATE)
        try:
            for frame in film.decode(stream):
                frame.pts = None
                for piece in change.resample(frame):
                    data = piece.to_ndarray().reshape(-1)[: limit - count]
                    out.writeframesraw(data.astype("<i2").tobytes())
                    count += len(data)
                if count >= limit:
                    say(note="sound_cut")
                    break
        except av.error.FFmpegError:
            say(note="sound_damaged")
    if count:
        say(sound=round(count / SOUND_RATE, 2))


def key_frames(film: Any, stream: Any, looked_at: int) -> Iterator[Any]:
    """Key frames spread over the film: by seeking where its length is known, one after another otherwise."""
    import av

    stream.codec_context.skip_frame = "NONKEY"
    base = stream.time_base
    length = float(stream.duration * base) if stream.duration and base else (film.duration or 0) / 1_000_000
    if length > looked_at and length < 48 * 3600 and base:
        last = None
        for number in range(looked_at):
            try:
                film.seek(int(number * length / looked_at / base), stream=stream)
                frame = next(film.decode(stream), None)
            except av.error.FFmpegError:
                frame = None
            if frame is not None and (frame.pts is None or frame.pts != last):
                last = frame.pts
                yield frame
        return
    for number, frame in enumerate(film.decode(stream)):
        if number == looked_at:
            return
        yield frame


def frames(film: Any, most: int, words: Words) -> None:
    """At most `most` key frames that differ, each with its second and the words in it."""
    import av

    moving = [stream for stream in film.streams.video if not is_cover(stream)]
    if not moving or most <= 0:
        return
    prepared(moving[0])
    kept, seen, chosen = Kept(), 0, []
    try:
        for frame in key_frames(film, moving[0], most * LOOKED_AT):
            check_size(frame.width, frame.height)
            seen += 1
            picture = frame.to_image()
            picture.thumbnail((SIDE, SIDE), reducing_gap=2.0)
            if kept.new(picture):
                chosen.append((float(frame.time or 0.0), picture))
            if len(kept) == most:
                say(note="frames_cut")
                break
    except av.error.FFmpegError:
        if not seen:
            raise
        say(note="film_damaged")
    if not seen:
        raise Refused("damaged")
    for second, picture in chosen:
        say(shot={"kind": "frame", "second": round(second, 2), "jpeg": packed(picture), "lines": words.read(picture)})


def main(order: dict[str, Any]) -> None:
    limit_self(order["memory"], order["cpu_seconds"])
    words = Words(order["words"])
    kind = order["media_type"]
    if kind in PICTURES:
        read_picture(order, words)
    elif kind in FORMATS:
        read_film(order, words)
    else:
        raise Refused("kind_not_read")


if __name__ == "__main__":
    began = time.monotonic()
    try:
        main(json.loads(sys.argv[1]))
        say(done=True, seconds=round(time.monotonic() - began, 2))
    except Refused as reason:
        say(refused=str(reason))
    except MemoryError:
        say(refused="out_of_memory")
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n"[:500])
        say(refused="internal")
    sys.stdout.flush()
    os._exit(0)
