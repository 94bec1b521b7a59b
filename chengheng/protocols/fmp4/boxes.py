"""The boxes of an initialisation segment and of a fragment."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from chengheng.protocols.h26x.nal import H264, Picture

TIMESCALE = 90_000
_UNITY = struct.pack("!9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_FRAGMENT = struct.Struct(
    "!I4s"  # moof
    "I4sII"  # mfhd: version and flags, sequence
    "I4s"  # traf
    "I4sII"  # tfhd: flags default-base-is-moof, track
    "I4sIQ"  # tfdt version 1: base media decode time
    "I4sIIIIIIi"  # trun: flags, count, data offset, duration, size, sample flags, composition offset
    "I4s"  # mdat
)
_MOOF = _FRAGMENT.size - 8
KEY_FLAGS, OTHER_FLAGS = 0x02000000, 0x01010000


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack("!I4s", len(body) + 8, name) + body


def full(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(name, struct.pack("!I", version << 24 | flags), *parts)


def fragment(
    sequence: int, track: int, time: int, duration: int, data: bytes, key: bool, composition: int = 0
) -> bytes:
    """moof and mdat with one sample; `time`, `duration`, `composition` in the track's time scale."""
    return fragment_head(sequence, track, time, duration, len(data), key, composition) + data


def fragment_head(
    sequence: int, track: int, time: int, duration: int, size: int, key: bool, composition: int = 0
) -> bytes:
    """A fragment up to its sample of `size` bytes: whoever joins the sample from parts copies it once."""
    return (
        _FRAGMENT.pack(
            _MOOF, b"moof", 16, b"mfhd", 0, sequence & 0xFFFFFFFF, _MOOF - 24, b"traf", 16, b"tfhd", 0x020000, track,
            20, b"tfdt", 0x01000000, time, 36, b"trun", 0x01000F01, 1, _MOOF + 8, duration, size,
            KEY_FLAGS if key else OTHER_FLAGS, composition, size + 8, b"mdat",
        )
    )  # fmt: skip


def _array(kind: int, unit: bytes) -> bytes:
    return bytes([0x80 | kind]) + struct.pack("!HH", 1, len(unit)) + unit


def avcc(picture: Picture, sps: bytes, pps: bytes) -> bytes:
    body = bytes([1, sps[1], sps[2], sps[3], 0xFF, 0xE1]) + struct.pack("!H", len(sps)) + sps
    body += b"\x01" + struct.pack("!H", len(pps)) + pps
    if picture.profile in (100, 110, 122, 144):
        body += bytes([0xFC | picture.chroma, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0])
    return box(b"avcC", body)


def hvcc(picture: Picture, vps: bytes, sps: bytes, pps: bytes) -> bytes:
    body = b"\x01" + picture.general + b"\xf0\x00\xfc"
    body += bytes([0xFC | picture.chroma, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0, 0])
    body += bytes([picture.sublayers << 3 | picture.nested << 2 | 3, 3 if vps else 2])
    body += (_array(32, vps) if vps else b"") + _array(33, sps) + _array(34, pps)
    return box(b"hvcC", body)


@dataclass(frozen=True)
class Audio:
    """AAC as its AudioSpecificConfig says."""

    config: bytes
    rate: int
    channels: int

    @property
    def mime(self) -> str:
        return f"mp4a.40.{self.config[0] >> 3}"


def _esds(audio: Audio) -> bytes:
    config = b"\x05" + bytes([len(audio.config)]) + audio.config
    decoder = b"\x04" + bytes([13 + len(config)]) + b"\x40\x15\x00\x00\x00" + struct.pack("!II", 64000, 64000) + config
    stream = b"\x03" + bytes([3 + len(decoder) + 3]) + b"\x00\x01\x00" + decoder + b"\x06\x01\x02"
    return full(b"esds", 0, 0, stream)


def _track(number: int, handler: bytes, timescale: int, header: bytes, entry: bytes, width: int, height: int) -> bytes:
    tkhd = full(
        b"tkhd", 0, 3, struct.pack("!IIIIIIIHHHH", 0, 0, number, 0, 0, 0, 0, 0, 0, 0x100 if not width else 0, 0),
        _UNITY, struct.pack("!II", width << 16, height << 16),
    )  # fmt: skip
    tables = full(b"stsd", 0, 0, struct.pack("!I", 1), entry) + b"".join(
        full(name, 0, 0, bytes(size)) for name, size in ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4))
    )
    dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack("!I", 1), full(b"url ", 0, 1)))
    mdia = box(
        b"mdia",
        full(b"mdhd", 0, 0, struct.pack("!IIIIHH", 0, 0, timescale, 0, 0x55C4, 0)),
        full(b"hdlr", 0, 0, struct.pack("!I4s12s", 0, handler, b""), b"\0"),
        box(b"minf", header, dinf, box(b"stbl", tables)),
    )
    return box(b"trak", tkhd, mdia)


def initialisation(picture: Picture, parameters: tuple[bytes, bytes, bytes], audio: Audio | None = None) -> bytes:
    """ftyp and moov. `parameters`: VPS (empty for H.264), SPS, PPS."""
    vps, sps, pps = parameters
    name, configuration = (
        (b"avc1", avcc(picture, sps, pps)) if picture.codec == H264 else (b"hvc1", hvcc(picture, vps, sps, pps))
    )
    visual = box(
        name, struct.pack("!6xH16xHHIIIH32sHh", 1, picture.width, picture.height, 0x480000,
                          0x480000, 0, 1, b"", 0x18, -1),
        configuration,
    )  # fmt: skip
    tracks = _track(1, b"vide", TIMESCALE, full(b"vmhd", 0, 1, bytes(8)), visual, picture.width, picture.height)
    extends = full(b"trex", 0, 0, struct.pack("!IIIII", 1, 1, 0, 0, 0))
    if audio is not None:
        sound = box(b"mp4a", struct.pack("!6xH8xHHIHH", 1, audio.channels, 16, 0, audio.rate, 0), _esds(audio))
        tracks += _track(2, b"soun", audio.rate, full(b"smhd", 0, 0, bytes(4)), sound, 0, 0)
        extends += full(b"trex", 0, 0, struct.pack("!IIIII", 2, 1, 0, 0, 0))
    mvhd = full(
        b"mvhd", 0, 0, struct.pack("!IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x100), _UNITY, bytes(24),
        struct.pack("!I", 3),
    )  # fmt: skip
    return box(b"ftyp", b"iso5\x00\x00\x02\x00iso5iso6mp41") + box(b"moov", mvhd, tracks, box(b"mvex", extends))
