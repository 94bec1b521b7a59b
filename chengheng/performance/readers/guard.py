"""What every reader of archives and markup checks before it parses."""

from __future__ import annotations

import io
import re
import zipfile

from chengheng.performance.readers import Unreadable

_LARGEST_UNPACKED = 120 * 1024 * 1024
_MOST_ENTRIES = 4000
_STEEPEST = 200  # unpacked ÷ packed of one entry; office files stay below 60


def check_archive(content: bytes, name: str) -> zipfile.ZipFile:
    """The archive, once it is known to unpack to a sane size and to hold no document types or entities."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Unreadable(name, "broken") from error
    if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > _LARGEST_UNPACKED:
        raise Unreadable(name, "bomb")
    for entry in entries:
        if entry.flag_bits & 1:
            raise Unreadable(name, "encrypted")
        if entry.file_size > 1_000_000 and entry.file_size > _STEEPEST * max(entry.compress_size, 1):
            raise Unreadable(name, "bomb")
    unpacked = 0
    for entry in entries:
        if not entry.filename.lower().endswith((".xml", ".rels")):
            continue
        try:
            with archive.open(entry) as stream:
                text = stream.read(_LARGEST_UNPACKED)  # the directory's sizes may lie: count what really comes out
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise Unreadable(name, "broken") from error
        except Exception as error:  # zlib.error has no public base of its own
            raise Unreadable(name, "broken") from error
        unpacked += len(text)
        if unpacked > _LARGEST_UNPACKED:
            raise Unreadable(name, "bomb")
        if re.search(rb"<!(?:DOCTYPE|ENTITY)", text[:4096].replace(b"\0", b"")) or b"<!ENTITY" in text:
            raise Unreadable(name, "entities")
    return archive


def decode(content: bytes, name: str, declared: str = "") -> str:
    """Text of a file in UTF-8, UTF-16 or GB 18030 (which covers GBK and GB 2312)."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
        if declared.lower().replace("-", "") in {"gbk", "gb2312", "gb18030"}:
            encodings.reverse()
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(name, "encoding")
