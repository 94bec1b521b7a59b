"""The process that codes one H.265 stream anew as H.264: `python -m chengheng.video.live.transcode_child HEIGHT`.

Access units come in on stdin, go out on stdout, each behind a head; nothing else is known here: no network, no
database, no keys of the site. It runs with lower priority than the live process, and ends when its input ends.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
import time
from fractions import Fraction
from typing import Any, BinaryIO

IN = struct.Struct(">IqB")  # length, time (90 kHz), key
OUT = struct.Struct(">IqBd")  # the same, and the processor seconds spent so far
CLOCK = Fraction(1, 90_000)
NICE = 5
MOST_MEMORY = 3 << 30  # bytes of address space; the pictures come from outside
QUALITY = "26"  # crf: measured as clearly good enough for looking on; evidence is taken from the original


class Coder:
    """H.265 access units in, H.264 access units out; keys follow the keys of the source."""

    def __init__(self, height: int) -> None:
        import av

        self._av = av
        self._height = height
        self._decoder: Any = None
        self._encoder: Any = None
        self._shape = (0, 0)
        self._last = -1
        self._waiting_key = True

    def __call__(self, data: bytes, at: int, key: bool) -> list[tuple[bytes, int, bool]]:
        av = self._av
        if self._waiting_key and not key:
            return []
        if self._decoder is None:
            self._decoder = av.CodecContext.create("hevc", "r")
            self._decoder.thread_count = 1  # threads over frames would hold pictures back
        self._waiting_key = False
        packet = av.Packet(data)
        packet.pts = packet.dts = at
        packet.time_base = CLOCK
        out = []
        try:
            for frame in self._decoder.decode(packet):
                out += self._encode(frame)
        except av.error.FFmpegError:
            self._decoder, self._waiting_key = None, True
        return out

    def _encode(self, frame: Any) -> list[tuple[bytes, int, bool]]:
        high = min(frame.height, self._height) // 2 * 2
        wide = round(frame.width * high / frame.height / 2) * 2
        if (wide, high) != self._shape:
            self._shape = (wide, high)
            self._encoder = self._av.CodecContext.create("libx264", "w")
            self._encoder.width, self._encoder.height, self._encoder.pix_fmt = wide, high, "yuv420p"
            self._encoder.time_base, self._encoder.framerate = CLOCK, Fraction(25, 1)
            self._encoder.gop_size, self._encoder.max_b_frames, self._encoder.thread_count = 100_000, 0, 1
            self._encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": QUALITY}
        key = bool(frame.key_frame) or self._last < 0
        small = frame.reformat(wide, high, "yuv420p")
        small.pts = max(int(frame.pts or 0), self._last + 1)
        small.time_base = CLOCK
        small.pict_type = self._av.video.frame.PictureType.I if key else self._av.video.frame.PictureType.NONE
        self._last = small.pts
        return [(bytes(packet), int(packet.pts), packet.is_keyframe) for packet in self._encoder.encode(small)]


def read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main(height: int, source: BinaryIO, sink: BinaryIO) -> None:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = Coder(height)
    try:
        while True:
            length, at, key = IN.unpack(read(source, IN.size))
            for data, time_, is_key in code(read(source, length), at, bool(key)):
                sink.write(OUT.pack(len(data), time_, is_key, time.process_time()) + data)
            sink.flush()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
