"""Still pictures from a stream: decode one key frame, JPEG, and the figures of the picture probe (PyAV, in a thread)."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy
from PIL import Image


@dataclass(frozen=True)
class Still:
    """A JPEG and what was measured on it; `grey` is 320 pixels wide, for comparing."""

    jpeg: bytes
    width: int
    height: int
    mean: float
    deviation: float
    sharpness: float
    grey: numpy.ndarray


def take(initialisation: bytes, fragment: bytes, quality: int = 88) -> Still:
    """Decode the first picture of an initialisation segment and a key fragment. ValueError when it cannot be decoded."""
    try:
        with av.open(io.BytesIO(initialisation + fragment), mode="r", format="mp4") as container:
            container.streams.video[0].thread_count = 1
            frame = next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        raise ValueError("the key frame cannot be decoded") from error
    image = frame.to_image()
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return measured(out.getvalue(), image)


MOST_PIXELS = 64_000_000  # cameras have up to 32 million (local rule)


def opened(jpeg: bytes) -> Still:
    """A JPEG of somebody else: read whole, bounded, nothing but JPEG. ValueError otherwise."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError("too many pixels")
            picture.load()
            return measured(jpeg, picture.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise ValueError("no picture") from error


def measured(jpeg: bytes, image: Image.Image) -> Still:
    small = image.convert("L").resize((320, max(1, image.height * 320 // image.width)), Image.Resampling.BOX)
    grey = numpy.asarray(small, dtype=numpy.float32)
    laplacian = (
        4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    )  # fmt: skip
    return Still(jpeg, image.width, image.height, float(grey.mean()), float(grey.std()), float(laplacian.var()), grey)


def difference(one: Still, other: Still) -> float:
    """Mean absolute difference of two pictures of one camera, 0…255; 255 when their sizes differ."""
    if one.grey.shape != other.grey.shape:
        return 255.0
    return float(numpy.abs(one.grey - other.grey).mean())
