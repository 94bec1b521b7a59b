"""Test streams made with PyAV: moving picture, known number of frames; and what a decoder says of our fragments."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache

import av
import numpy

ENCODERS = {"h264": "libx264", "h265": "libx265"}


@cache
def encoded(
    codec: str, frames: int = 50, gop: int = 25, width: int = 320, height: int = 192
) -> tuple[tuple[bytes, bool], ...]:
    """(Annex B bytes, key) per frame, parameter sets before every key frame, no B frames."""
    context = av.CodecContext.create(ENCODERS[codec], "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, 25), Fraction(25), gop
    context.max_b_frames = 0
    context.options = {
        "preset": "ultrafast", "tune": "zerolatency",
        **({"x265-params": f"keyint={gop}:min-keyint={gop}:bframes=0:log-level=none:repeat-headers=1:aud=1"}
           if codec == "h265" else {"x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:aud=1"}),
    }  # fmt: skip
    out = []
    rows = numpy.arange(height)[:, None]
    columns = numpy.arange(width)[None, :]
    for number in range(frames):
        image = numpy.zeros((height, width, 3), numpy.uint8)
        image[..., 0] = (rows + number * 3) % 256
        image[..., 1] = (columns * 2 + number) % 256
        image[..., 2] = number * 5 % 256
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
        frame.pts = number
        out += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    out += [(bytes(packet), packet.is_keyframe) for packet in context.encode(None)]
    return tuple(out)


def decoded(data: bytes) -> list[av.VideoFrame]:
    """Every frame that libav decodes from an MP4, with errors raised."""
    with av.open(io.BytesIO(data), format="mp4", options={"err_detect": "explode"}) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return list(container.decode(stream))
