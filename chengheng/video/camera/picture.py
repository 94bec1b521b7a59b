"""The test picture: a street that PTZ moves over, a clock, and counters that a program can read back.

Two rows of blocks at the upper left: 24 bits of the frame's number, then 32 bits of the wall clock in milliseconds
(modulo 2^32), most significant first. `read_counters` reads them from any decoded picture.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy
from PIL import Image, ImageDraw, ImageFont

BLOCK = 16
NUMBER_BITS, CLOCK_BITS = 24, 32
ENCODERS = {"h264": "libx264", "h265": "libx265"}


@lru_cache(maxsize=4)
def _world(width: int, height: int) -> numpy.ndarray:
    """A street three times as large as the picture: sky, houses, road, lane marks; always the same."""
    chance = numpy.random.default_rng(28181)
    world = numpy.zeros((height * 3, width * 3, 3), numpy.uint8)
    rows = world.shape[0]
    sky = numpy.linspace(200, 120, rows // 2)[:, None]
    world[: rows // 2] = numpy.stack([sky * 0.7, sky * 0.85, sky], axis=-1).astype(numpy.uint8)
    at = 0
    while at < world.shape[1]:
        wide = int(chance.integers(width // 8, width // 3))
        top = int(chance.integers(rows // 6, rows // 2 - 10))
        world[top : rows // 2, at : at + wide] = chance.integers(60, 170, 3)
        for row in range(top + 12, rows // 2 - 12, 28):
            for column in range(at + 10, min(at + wide - 12, world.shape[1] - 12), 26):
                world[row : row + 12, column : column + 12] = (235, 220, 150) if chance.random() < 0.5 else (40, 45, 60)
        at += wide
    world[rows // 2 :] = (70, 72, 76)
    for column in range(0, world.shape[1], width // 6):
        world[rows * 3 // 4 - 6 : rows * 3 // 4 + 6, column : column + width // 12] = 235
    return world


@dataclass
class View:
    """Where the camera looks: −1…1 of its range, zoom 1…3."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 1.0


@lru_cache(maxsize=4)
def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)


def _bits(picture: numpy.ndarray, value: int, bits: int, row: int) -> None:
    for index in range(bits):
        on = value >> bits - 1 - index & 1
        picture[row * BLOCK : (row + 1) * BLOCK, index * BLOCK : (index + 1) * BLOCK] = 235 if on else 16


def draw(
    width: int, height: int, number: int, view: View, title: str, at: datetime, clock_ms: int | None = None
) -> numpy.ndarray:
    """One RGB picture. `clock_ms` None takes the wall clock."""
    world = _world(width, height)
    scale = max(1.0, min(view.zoom, 3.0))
    high, wide = int(height * 1.5 / scale), int(width * 1.5 / scale)
    top = int((world.shape[0] - high) * (0.5 - view.tilt / 2))
    left = int((world.shape[1] - wide) * (0.5 + view.pan / 2))
    rows = (numpy.arange(height) * high // height) + top
    columns = (numpy.arange(width) * wide // width) + left
    picture = world[rows[:, None], columns[None, :]].copy()
    # a car crosses the road so that something always moves
    car = int(number * 5 % (width + 80)) - 80
    low, far = max(0, car), min(width, car + 80)
    if far > low:
        picture[height * 3 // 4 : height * 3 // 4 + 30, low:far] = (190, 30, 40)
    _bits(picture, number & 0xFFFFFF, NUMBER_BITS, 0)
    _bits(picture, (int(time.time() * 1000) if clock_ms is None else clock_ms) & 0xFFFFFFFF, CLOCK_BITS, 1)
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    size = max(14, height // 18)
    text = f"SIMULATED {title}  {at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 100_000}  #{number}"
    pen.rectangle((0, height - size * 2, width, height), fill=(16, 16, 16))
    pen.text((8, height - size * 2 + size // 3), text, fill=(240, 240, 240), font=_font(size))
    return numpy.asarray(image)


def read_counters(luma: numpy.ndarray) -> tuple[int, int]:
    """(frame number, clock in ms modulo 2^32) of a decoded picture's luma plane or grey image."""

    def value(bits: int, row: int) -> int:
        number = 0
        middle = row * BLOCK + BLOCK // 2
        for index in range(bits):
            block = luma[middle - 3 : middle + 3, index * BLOCK + 5 : index * BLOCK + 11]
            number = number << 1 | int(block.mean() > 125)
        return number

    return value(NUMBER_BITS, 0), value(CLOCK_BITS, 1)


class Encoder:
    """Pictures to Annex B with parameter sets before every key frame, no B frames, one picture in, one unit out."""

    def __init__(self, codec: str, width: int, height: int, fps: int, gop: int, bit_rate: int) -> None:
        self.codec = codec
        context: Any = av.CodecContext.create(ENCODERS[codec], "w")
        self._context = context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
        context.gop_size, context.bit_rate, context.max_b_frames = gop, bit_rate, 0
        context.thread_count = 1
        if codec == "h264":
            context.options = {
                "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline",
                "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1",
            }  # fmt: skip
        else:
            context.options = {
                "preset": "ultrafast", "tune": "zerolatency",
                "x265-params": f"keyint={gop}:min-keyint={gop}:bframes=0:repeat-headers=1:log-level=none:pools=none"
                               ":frame-threads=1",
            }  # fmt: skip
        self._number = 0

    def encode(self, picture: numpy.ndarray, key: bool = False) -> tuple[bytes, bool]:
        """(Annex B bytes, whether it is a key frame)."""
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
        frame.pts = self._number
        if key:
            frame.pict_type = av.video.frame.PictureType.I
        self._number += 1
        packets = self._context.encode(frame)
        data = b"".join(bytes(packet) for packet in packets)
        return data, any(packet.is_keyframe for packet in packets)
