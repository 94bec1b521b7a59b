"""What a file is, and what a photo says: examples, then any bytes at all."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chengheng.common.files.rules import (
    EXTENSIONS,
    INLINE,
    clean_name,
    parse_range,
    read_angle,
    read_exif,
    read_time,
    sniff,
)


def picture(kind: str) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(packed, kind)
    return packed.getvalue()


def office(part: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "<x/>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/webp"),
        (picture("GIF"), "image/gif"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"ID3\x03\x00", "audio/mpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (office("word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("编号,名称\n1,井盖\n".encode(), "text/plain"),
        ("编号,名称\n1,井盖\n".encode("gb18030"), "text/plain"),
    ],
)
def test_what_is_accepted_is_told_by_its_content(content, media_type):
    assert sniff(content) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\xef\xbb\xbf  \n<!DOCTYPE html><script>alert(1)</script>",
        b"<?xml version='1.0'?><svg/>",
        b"MZ\x90\x00\x03",
        b"\x7fELF\x02\x01",
        office("evil.exe"),
        b"PK\x03\x04 anything",
        b"\x1f\x8b\x08\x00",
        b"RIFF....AVI ",
        b"hello\x00world",
        b"\xca\xfe\xba\xbe\x00\x00\x00\x34",
    ],
)
def test_the_rest_is_not(content):
    assert sniff(content) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_known_kind_or_none(content):
    media_type = sniff(content)
    assert media_type is None or media_type in EXTENSIONS
    if media_type in INLINE:
        assert b"<" not in content[:1]


@given(st.text(max_size=200), st.sampled_from(sorted(EXTENSIONS)))
def test_any_name_becomes_a_harmless_one(name, media_type):
    clean = clean_name(name, media_type)
    assert 0 < len(clean) <= 125
    assert not set(clean) & set('/\\<>:"|?*\n\r\0\u202e')
    assert not clean.startswith(".")
    assert clean_name(clean, media_type) == clean
    ending = EXTENSIONS[media_type]
    assert not ending or clean.lower().endswith(
        (ending, ".jpeg", ".jpe", ".jfif", ".mpeg", ".csv", ".md", ".log", ".json")
    )


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("照片 1.JPG", "照片 1.JPG"),
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\temp\\photo.jpeg", "photo.jpeg"),
        ("photo.jpg.exe", "photo.jpg.exe.jpg"),
        ("a\u202egpj.exe", "agpj.exe.jpg"),
        ("", "file.jpg"),
    ],
)
def test_names_of_pictures(name, clean):
    assert clean_name(name, "image/jpeg") == clean


def test_a_time_without_an_offset_is_china_time():
    assert read_time("2026:05:01 08:30:00") == datetime(2026, 5, 1, 0, 30, tzinfo=UTC)
    assert read_time("2026:05:01 08:30:00", "+00:00") == datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
    for nonsense in ("0000:00:00 00:00:00", "2026:13:01 08:30:00", "", None, b"\x00", "    :  :     :  :  "):
        assert read_time(nonsense) is None


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_written_time_is_read_back(moment, minutes):
    moment = moment.replace(microsecond=0)
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    found = read_time(moment.strftime("%Y:%m:%d %H:%M:%S"), offset)
    assert (moment - found.replace(tzinfo=None)).total_seconds() == minutes * 60


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_written_position_is_read_back(lat, lon):
    def parts(angle):
        angle = abs(angle)
        degrees, minutes = int(angle), int(angle % 1 * 60)
        return degrees, minutes, Fraction((angle - degrees - minutes / 60) * 3600).limit_denominator(1_000_000)

    found = read_exif({}, {}, {1: "S" if lat < 0 else "N", 2: parts(lat), 3: "W" if lon < 0 else "E", 4: parts(lon)})
    if abs(lat) < 1e-6 and abs(lon) < 1e-6:
        return
    assert found.lat == pytest.approx(lat, abs=1e-7)
    assert found.lon == pytest.approx(lon, abs=1e-7)


@pytest.mark.parametrize(
    "parts",
    [
        None,
        (),
        (1,),
        (1, 2),
        (float("nan"), 0, 0),
        (91, 0, 0),
        (90, 0, 1),
        (-1, 0, 0),
        (1, 60.1, 0),
        ("a", "b", "c"),
        5,
    ],
)
def test_a_senseless_angle_is_none(parts):
    assert read_angle(parts, "N", 90) is None


def test_a_device_without_a_fix_has_no_position():
    assert read_exif({}, {}, {1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)}).lon is None


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("", None), ("bytes=0-", (0, 99)), ("bytes=10-19", (10, 19)), ("bytes=90-200", (90, 99)), ("bytes=-5", (95, 99)),
        ("bytes=-500", (0, 99)), ("bytes=100-", False), ("bytes=-0", False), ("bytes=5-2", None), ("bytes=0-1,4-5", None),
        ("items=0-1", None), ("bytes=-", None), ("bytes=" + "9" * 50 + "-", None),
    ],
)  # fmt: skip
def test_ranges(header, answer):
    assert parse_range(header, 100) == answer


@given(st.text(max_size=40), st.integers(1, 10_000))
def test_any_range_header_lies_within_the_file(header, size):
    answer = parse_range(f"bytes={header}", size)
    if isinstance(answer, tuple):
        assert 0 <= answer[0] <= answer[1] < size
