"""The codecs of sound that meetings know, decoded: for the recording, and for the level of a terminal's voice."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

DECODERS = {"opus": ("opus", 48_000), "pcma": ("pcm_alaw", 8_000), "pcmu": ("pcm_mulaw", 8_000)}
"""FFmpeg's name of each codec, and its rate."""


def decoder(codec: str) -> Any:
    """A decoder of one track, mono."""
    name, rate = DECODERS[codec]
    made: Any = av.CodecContext.create(name, "r")
    made.sample_rate, made.layout = rate, "mono"
    return made


def samples(frame: Any) -> Any:
    """A decoded frame's samples from −1 to 1."""
    found = frame.to_ndarray().reshape(-1)
    return found / np.float32(32_768) if found.dtype == np.int16 else found
