"""Access units to a program stream as a device sends it: one pack per frame, key frames with system header and map."""

from __future__ import annotations

import struct

STREAM_TYPE = {"h264": 0x1B, "h265": 0x24, "g711a": 0x90, "g711u": 0x91, "aac": 0x0F}
LARGEST_PES = 65_000


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _bit in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        table.append(value)
    return table


_CRC = _crc_table()


def crc32(data: bytes) -> int:
    """CRC-32/MPEG-2."""
    value = 0xFFFFFFFF
    for byte in data:
        value = (value << 8 ^ _CRC[value >> 24 ^ byte]) & 0xFFFFFFFF
    return value


def pack_header(scr: int, rate: int = 25_000) -> bytes:
    """MPEG-2 pack header; `scr` 90 kHz, `rate` in units of 50 bytes/s."""
    value = (
        0b01 << 46 | (scr >> 30 & 7) << 43 | 1 << 42 | (scr >> 15 & 0x7FFF) << 27 | 1 << 26 | (scr & 0x7FFF) << 11
        | 1 << 10 | 0 << 1 | 1
    )  # fmt: skip
    return b"\x00\x00\x01\xba" + value.to_bytes(6, "big") + (rate << 2 | 3).to_bytes(3, "big") + b"\xf8"


def system_header(audio: bool) -> bytes:
    body = b"\x80\xc3\x51\x04\xe1\x7f\xe0\xe0\x80" + (b"\xc0\xc0\x08" if audio else b"")
    return b"\x00\x00\x01\xbb" + struct.pack("!H", len(body)) + body


def stream_map(video: str, audio: str = "") -> bytes:
    entries = bytes([STREAM_TYPE[video], 0xE0, 0, 0])
    if audio:
        entries += bytes([STREAM_TYPE[audio], 0xC0, 0, 0])
    body = b"\xe1\xff\x00\x00" + struct.pack("!H", len(entries)) + entries
    whole = b"\x00\x00\x01\xbc" + struct.pack("!H", len(body) + 4) + body
    return whole + crc32(whole).to_bytes(4, "big")


def _stamp(mark: int, value: int) -> bytes:
    return bytes([
        mark << 4 | (value >> 30 & 7) << 1 | 1, value >> 22 & 0xFF, (value >> 15 & 0x7F) << 1 | 1,
        value >> 7 & 0xFF, (value & 0x7F) << 1 | 1,
    ])  # fmt: skip


def pes(stream: int, data: bytes, pts: int, dts: int | None = None) -> bytes:
    """One or more PES packets for a unit; only the first carries the time."""
    out = []
    for start in range(0, len(data), LARGEST_PES):
        part = data[start : start + LARGEST_PES]
        if start == 0:
            stamps = _stamp(2, pts) if dts is None else _stamp(3, pts) + _stamp(1, dts)
            head = bytes([0x80, 0x80 if dts is None else 0xC0, len(stamps)]) + stamps
        else:
            head = b"\x80\x00\x00"
        out.append(b"\x00\x00\x01" + bytes([stream]) + struct.pack("!H", len(head) + len(part)) + head + part)
    return b"".join(out)


def frame(
    codec: str, data: bytes, pts: int, key: bool, audio_codec: str = "", audio: bytes = b"", dts: int | None = None
) -> bytes:
    """One pack with a picture (Annex B bytes) and, when given, the audio that belongs to it."""
    parts = [pack_header(pts & 0x1FFFFFFFF)]
    if key:
        parts += [system_header(bool(audio_codec)), stream_map(codec, audio_codec)]
    parts.append(pes(0xE0, data, pts & 0x1FFFFFFFF, dts))
    if audio:
        parts.append(pes(0xC0, audio, pts & 0x1FFFFFFFF))
    return b"".join(parts)
