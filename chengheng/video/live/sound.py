"""G.711 to AAC: no browser plays G.711 in Media Source Extensions, and no MP4 holds it. Only while somebody hears it.

AAC of a device is passed on as it is. Every encoding is counted in `COST`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy

from chengheng.protocols.fmp4.boxes import TIMESCALE, Audio
from chengheng.protocols.fmp4.muxer import Muxer, Segment
from chengheng.protocols.mpegps.demux import Unit

RATE = 8000
FRAME = 1024  # samples of one AAC frame
CONFIG = (2 << 11 | 11 << 7 | 1 << 3).to_bytes(2, "big")  # AAC LC, 8 kHz, mono
AAC_OF_G711 = Audio(CONFIG, RATE, 1)
JUMP = RATE * 3 // 10  # the sender's clock is believed when it is further off than this


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


@dataclass
class Cost:
    """What was encoded in this process, and the processor time that it took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


COST = Cost()


class Encoder:
    """`encode(units, at)` gives AAC frames with their times, in samples of 8 kHz on the time line that `at` is of."""

    def __init__(self) -> None:
        self._context: Any = None
        self._rest = numpy.zeros(0, numpy.int16)
        self._next: int | None = None  # time of the sample after those that wait
        self._first = 0

    def encode(self, units: list[Unit], at: int) -> list[tuple[int, bytes]]:
        """`at` is the time of the first sample. The encoder's own 1024 samples of silence before it are left out."""
        began = time.thread_time()
        if self._context is None:
            self._context = av.CodecContext.create("aac", "w")
            self._context.sample_rate, self._context.layout, self._context.format = RATE, "mono", "fltp"
            self._context.bit_rate = 24_000
            self._context.time_base = Fraction(1, RATE)
        if self._next is None or at - self._next > JUMP or self._next - at > 4 * RATE:
            self._rest, self._next, self._first = numpy.zeros(0, numpy.int16), at, at
        parts = [self._rest, *(TABLES[unit.codec][numpy.frombuffer(unit.data, numpy.uint8)] for unit in units)]
        samples = numpy.concatenate(parts)
        self._next += len(samples) - len(self._rest)
        out: list[tuple[int, bytes]] = []
        while len(samples) >= FRAME:
            frame = av.AudioFrame.from_ndarray(
                (samples[:FRAME].astype(numpy.float32) / 32768)[None, :], format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._next - len(samples), Fraction(1, RATE)
            samples = samples[FRAME:]
            out += [(packet.pts, bytes(packet)) for packet in self._context.encode(frame) if packet.pts >= self._first]
            COST.seconds += FRAME / RATE
        self._rest = samples
        COST.cpu_seconds += time.thread_time() - began
        return out


class Heard:
    """`heard(units)` gives fragments of a muxer's sound track, for its viewers."""

    def __init__(self, muxer: Muxer) -> None:
        self._muxer = muxer
        self._encoder = Encoder()

    def __call__(self, units: list[Unit]) -> list[Segment]:
        """G.711 units in; AAC is none of its business, the muxer passes it on."""
        units = [unit for unit in units if unit.codec in TABLES]
        if not units:
            return []
        at = self._muxer.time_of(units[0].pts) * RATE // TIMESCALE
        out: list[Segment] = []
        for when, data in self._encoder.encode(units, at):
            out += self._muxer.add_aac(AAC_OF_G711, data, when * TIMESCALE // RATE)
        return out
