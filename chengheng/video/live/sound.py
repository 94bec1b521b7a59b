"""G.711 to AAC, because no browser plays G.711 in Media Source Extensions. Only while somebody watches."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy

from chengheng.protocols.fmp4.boxes import Audio
from chengheng.protocols.fmp4.muxer import Muxer, Segment
from chengheng.protocols.mpegps.demux import Unit

RATE = 8000
CONFIG = (2 << 11 | 11 << 7 | 1 << 3).to_bytes(2, "big")  # AAC LC, 8 kHz, mono


def _alaw() -> numpy.ndarray:
    codes = numpy.arange(256) ^ 0x55
    exponent, mantissa = (codes & 0x70) >> 4, codes & 0x0F
    value = numpy.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << numpy.maximum(exponent - 1, 0))
    return numpy.where(codes & 0x80, value, -value).astype(numpy.int16)


def _ulaw() -> numpy.ndarray:
    codes = ~numpy.arange(256) & 0xFF
    value = ((((codes & 0x0F) << 3) + 0x84) << ((codes & 0x70) >> 4)) - 0x84
    return numpy.where(codes & 0x80, -value, value).astype(numpy.int16)


TABLES = {"g711a": _alaw(), "g711u": _ulaw()}


class Encoder:
    """`encoder(units)` gives fragments of the muxer's sound track."""

    def __init__(self, muxer: Muxer) -> None:
        self._muxer = muxer
        self._audio = Audio(CONFIG, RATE, 1)
        self._context: Any = None
        self._rest = numpy.zeros(0, numpy.int16)
        self._time = 0

    def __call__(self, units: list[Unit]) -> list[Segment]:
        if self._context is None:
            self._context = av.CodecContext.create("aac", "w")
            self._context.sample_rate, self._context.layout, self._context.format = RATE, "mono", "fltp"
            self._context.bit_rate = 24_000
            self._context.time_base = Fraction(1, RATE)
        parts = [self._rest, *(TABLES[unit.codec][numpy.frombuffer(unit.data, numpy.uint8)] for unit in units)]
        samples = numpy.concatenate(parts)
        out: list[Segment] = []
        while len(samples) >= 1024:
            block, samples = samples[:1024], samples[1024:]
            frame = av.AudioFrame.from_ndarray(
                (block.astype(numpy.float32) / 32768)[None, :], format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._time, Fraction(1, RATE)
            self._time += 1024
            for packet in self._context.encode(frame):
                out += self._muxer.add_aac(self._audio, bytes(packet))
        self._rest = samples
        return out
