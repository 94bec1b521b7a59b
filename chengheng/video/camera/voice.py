"""The sound of a simulated camera: a tone in every even second of its clock, coded as devices code it."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

import av
import numpy

from chengheng.video.live.sound import TABLES

TONE_HZ = 1000
AAC_RATE = 16_000
_ADTS_RATE = 8  # index of 16 kHz


class Voice:
    """`piece(at)` gives the sound of one picture. `codec`: g711a, g711u or aac."""

    def __init__(self, codec: str, fps: int) -> None:
        self.codec, self._fps = codec, fps
        self._rate = AAC_RATE if codec == "aac" else 8000
        self._number = 0
        self._sorted: Any = None
        self._context: Any = None
        self._rest = numpy.zeros(0, numpy.float32)
        if codec == "aac":
            self._context = av.CodecContext.create("aac", "w")
            self._context.sample_rate, self._context.layout, self._context.format = AAC_RATE, "mono", "fltp"
            self._context.time_base = Fraction(1, AAC_RATE)
        else:
            table = TABLES[codec].astype(numpy.int32)
            order = numpy.argsort(table)
            self._sorted = table[order], order.astype(numpy.uint8)

    def piece(self, at: datetime) -> bytes:
        """The samples from one picture to the next: so many that none is missing over a second."""
        first = self._number * self._rate // self._fps
        self._number += 1
        count = self._number * self._rate // self._fps - first
        wave = numpy.sin(numpy.arange(first, first + count) * (2 * numpy.pi * TONE_HZ / self._rate))
        sound = wave * (0.4 if at.second % 2 == 0 else 0.0)
        if self._context is not None:
            return self._aac(sound.astype(numpy.float32))
        values, codes = self._sorted
        return codes[numpy.searchsorted(values, sound * 32767).clip(0, 255)].tobytes()

    def _aac(self, sound: numpy.ndarray) -> bytes:
        self._rest = numpy.concatenate([self._rest, sound])
        out = b""
        while len(self._rest) >= 1024:
            frame = av.AudioFrame.from_ndarray(self._rest[None, :1024].copy(), format="fltp", layout="mono")
            frame.sample_rate, self._rest = AAC_RATE, self._rest[1024:]
            for packet in self._context.encode(frame):
                data = bytes(packet)
                size = len(data) + 7
                out += bytes([
                    0xFF, 0xF1, 1 << 6 | _ADTS_RATE << 2, 1 << 6 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F,
                    0xFC,
                ]) + data  # fmt: skip
        return out
