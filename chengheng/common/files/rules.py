"""What a file is, told by its content; what a photo says about its time and place. Pure functions; no database.

The name and the media type that came with an upload are never believed. Only what `sniff` knows is accepted. Sizes and
the number of pixels are local rules, configurable here; EXIF fields follow CIPA DC-008 / JEITA CP-3451 (Exif 2.32).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MB = 1024 * 1024
HEAD_BYTES = 64 * 1024
MAX_PIXELS = 120_000_000  # phones take up to 108 million

MAX_MB = {"image": 40, "video": 1024, "audio": 100, "application": 100, "text": 20}

INLINE = {"image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/webm", "video/quicktime"} | {
    "audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4",
}  # fmt: skip
"""What a browser may show in place. Everything else is only offered for saving; HTML and SVG are not accepted at all."""

PICTURES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
"""What is decoded here: measured, checked to the end, given a thumbnail and a perceptual hash."""

EXTENSIONS = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "image/heic": ".heic",
    "video/mp4": ".mp4", "video/quicktime": ".mov", "video/webm": ".webm", "video/mpeg": ".mpg",
    "audio/mpeg": ".mp3", "audio/wav": ".wav", "audio/ogg": ".ogg", "audio/mp4": ".m4a", "audio/amr": ".amr",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/x-ole-storage": "", "text/plain": ".txt",
}  # fmt: skip

_BRANDS = {
    b"heic": "image/heic", b"heix": "image/heic", b"heim": "image/heic", b"mif1": "image/heic", b"msf1": "image/heic",
    b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
}  # fmt: skip
_OOXML = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)


def sniff(head: bytes) -> str | None:
    """The media type of a file by its first bytes (at most HEAD_BYTES are looked at); None for what is not accepted."""
    head = head[:HEAD_BYTES]
    starts = head.startswith
    if starts(b"\xff\xd8\xff"):
        return "image/jpeg"
    if starts(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if starts((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if starts(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if starts(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:256] else None
    if starts(b"\x00\x00\x01\xba"):
        return "video/mpeg"
    if starts(b"OggS"):
        return "audio/ogg"
    if starts(b"#!AMR"):
        return "audio/amr"
    if starts(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "audio/mpeg"
    if starts(b"%PDF-"):
        return "application/pdf"
    if starts(b"PK\x03\x04"):
        if b"[Content_Types].xml" not in head and b"_rels/.rels" not in head and b"docProps/" not in head:
            return None
        return next((media_type for part, media_type in _OOXML if part in head), None)
    if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "application/x-ole-storage"  # .doc, .xls, .ppt of old
    return "text/plain" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Text in UTF-8 or GB 18030 without control characters, that no browser could take for a page."""
    if not head or b"\x00" in head or head.lstrip(b"\xef\xbb\xbf \t\r\n\f")[:1] == b"<":
        return False
    for encoding in ("utf-8", "gb18030"):
        for cut in range(4):  # the head may end within a character
            try:
                text = head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return not any(unicodedata.category(char) == "Cc" and char not in "\t\r\n\f\ufeff" for char in text)
    return False


def limit_bytes(media_type: str) -> int:
    """The largest size accepted for a media type."""
    return MAX_MB[media_type.split("/")[0]] * MB


def clean_name(name: str, media_type: str) -> str:
    """A file name for people and for saving: the last part, no control or path characters, at most 120 characters.

    The ending is put right where the content says so, so that a program cannot hide behind a picture's content.
    """
    name = re.split(r"[\\/]", name)[-1]
    name = "".join(
        char for char in name if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    )
    name = re.sub(r'[<>:"|?*]', "_", name).strip(" .")
    stem, dot, ending = name.rpartition(".")
    right = EXTENSIONS.get(media_type, "")
    alike = {
        ".jpg": {"jpg", "jpeg", "jpe", "jfif"},
        ".mpg": {"mpg", "mpeg"},
        ".txt": {"txt", "csv", "md", "log", "json"},
    }
    if not right:
        allowed = {"doc", "xls", "ppt", "dot", "xlt", "pps", "wps", "et", "dps"} if "ole" in media_type else set()
    else:
        allowed = alike.get(right, {right[1:]})
    if not (dot and ending.lower() in allowed):
        stem, ending = name, (right[1:] if right else "doc")
    return f"{(stem or 'file')[: 119 - len(ending)]}.{ending}"


@dataclass(frozen=True)
class Taken:
    """When and where a photo says that it was taken. `at` is aware UTC; lon/lat as the device wrote them (WGS-84)."""

    at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    device: str = ""


CHINA = timezone(timedelta(hours=8))
_DATE = re.compile(r"(\d{4})[:/-](\d{1,2})[:/-](\d{1,2})[ T](\d{1,2}):(\d{1,2}):(\d{1,2})")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


def read_time(text: Any, offset: Any = None) -> datetime | None:
    """EXIF "2026:05:01 08:30:00" with its offset ("+08:00"; China's when missing) in UTC; None when it is no time."""
    found = _DATE.match(str(text or ""))
    if not found:
        return None
    zone = CHINA
    said = _OFFSET.fullmatch(str(offset or "").strip("\x00 "))
    if said:
        minutes = int(said[2]) * 60 + int(said[3])
        if minutes <= 14 * 60:
            zone = timezone(timedelta(minutes=minutes if said[1] == "+" else -minutes))
    try:
        year, month, day, hour, minute, second = map(int, found.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_angle(parts: Any, reference: Any, most: int) -> float | None:
    """EXIF degrees, minutes, seconds with N/S/E/W as signed degrees; None when that is no angle up to `most`."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not (0 <= degrees <= most and 0 <= minutes < 60.000001 and 0 <= seconds < 60.000001):  # NaN fails too
        return None
    angle = degrees + minutes / 60 + seconds / 3600
    if angle > most:
        return None
    letter = reference.decode("ascii", "replace") if isinstance(reference, bytes) else str(reference or "")
    return -angle if letter.strip("\x00 ").upper() in ("S", "W") else angle


def read_exif(main: Mapping[int, Any], details: Mapping[int, Any], gps: Mapping[int, Any]) -> Taken:
    """What the EXIF directories (IFD0, Exif, GPS; tags as numbers) say of time, place and device.

    A position of exactly 0, 0 is a device without a fix, and left out.
    """
    at = read_time(details.get(0x9003), details.get(0x9011)) or read_time(details.get(0x9004), details.get(0x9012))
    lat, lon = read_angle(gps.get(2), gps.get(1), 90), read_angle(gps.get(4), gps.get(3), 180)
    if lat is None or lon is None or (lat == 0 and lon == 0):
        lat = lon = None
    device = " ".join(str(main.get(tag, "")).strip("\x00 ") for tag in (0x010F, 0x0110)).strip()
    device = "".join(char for char in device if char.isprintable())[:80]
    return Taken(at, lon, lat, device)


def parse_range(header: str, size: int) -> tuple[int, int] | bool | None:
    """One HTTP byte range as (first, last), both included; None to send everything; False when it cannot be met (416).

    RFC 9110 §14.2: several ranges or other units may be ignored.
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if not found or found.groups() == ("", "") or max(map(len, found.groups())) > 18:
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return (size - length, size - 1) if length else False
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        return False
    return start, min(int(last), size - 1) if last else size - 1
