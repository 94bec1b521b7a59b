"""Looking at a picture: its size, whether it is whole, its EXIF, a perceptual hash; and making it small."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import imagehash
from PIL import ExifTags, Image, ImageFile, ImageOps

from chengheng.common.files.errors import DamagedImage, ImageTooLarge
from chengheng.common.files.rules import MAX_PIXELS, PICTURES, Taken, read_exif

THUMBNAIL_SIDE = 640
HASH_SIDE = 128  # the hash looks at 32 × 32; a JPEG is read whole but decoded at an eighth to a half of its size
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True)
class Seen:
    """What a picture shows of itself; width and height as it is meant to be looked at."""

    width: int
    height: int
    phash: int
    taken: Taken


def signed(bits: str) -> int:
    """16 hex digits as a signed 64-bit number, as PostgreSQL's bigint wants it."""
    value = int(bits, 16)
    return value - (1 << 64) if value >= 1 << 63 else value


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Image.Image]:
    """The picture, not decoded yet. ImageTooLarge before anything is; DamagedImage for whatever Pillow finds wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is stricter than Pillow's warning
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise ImageTooLarge(name=name, limit=MAX_PIXELS // 1_000_000)
                yield picture
    except (ImageTooLarge, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge(name=name, limit=MAX_PIXELS // 1_000_000) from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise DamagedImage(name=name) from error


def _small(picture: Image.Image, side: int) -> Image.Image:
    """The picture upright and at most `side` wide and high; read to its end, decoded no larger than needed."""
    picture.draft("RGB", (side, side))
    picture.load()
    small = ImageOps.exif_transpose(picture)
    small.thumbnail((side, side), reducing_gap=2.0)
    return small


def look(path: Path, name: str, media_type: str) -> Seen | None:
    """Decode the picture once, scaled down where the format allows. None for kinds that are not decoded here.

    ImageTooLarge before anything is decoded; DamagedImage when it cannot be read to its end.
    """
    if media_type not in PICTURES:
        return None
    with _opened(path, name) as picture:
        width, height = picture.size
        exif = picture.getexif()
        if exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
            width, height = height, width
        taken = _taken(exif)
        return Seen(width, height, signed(str(imagehash.phash(_small(picture, HASH_SIDE).convert("RGB")))), taken)


def shrunk(path: Path, name: str) -> bytes:
    """A thumbnail as WebP, without any of the picture's own metadata. Raises as `look` does."""
    with _opened(path, name) as picture:
        small = _small(picture, THUMBNAIL_SIDE)
        if small.mode not in ("RGB", "RGBA"):
            small = small.convert("RGBA" if "transparency" in small.info or "A" in small.mode else "RGB")
        packed = io.BytesIO()
        small.save(packed, "WEBP", quality=78, method=2, exif=b"", xmp=b"", icc_profile=None)
        return packed.getvalue()


def _taken(exif: Image.Exif) -> Taken:
    try:
        return read_exif(exif, exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo))
    except Exception:  # a damaged EXIF block must not cost the photo
        return Taken()
