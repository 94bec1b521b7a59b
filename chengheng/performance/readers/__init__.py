"""Readers of target-table files. Every file is hostile until checked: size, archive bombs, entities, page counts.

`read(content, name)` gives a `rules.reading.Document` or raises `Unreadable`. No Django in here: a dry run
on the command line needs neither settings nor database.
"""

from __future__ import annotations

from importlib import import_module

from chengheng.performance.rules.reading import Document

LARGEST = 20 * 1024 * 1024  # bytes of one file; local rule, a budget's table is far below
_READERS = {"txt": "txt", "text": "txt", "tsv": "txt", "docx": "docx", "xlsx": "xlsx", "xlsm": "xlsx", "html": "html",
            "htm": "html", "xhtml": "html", "pdf": "pdf"}  # fmt: skip
SUFFIXES = tuple(f".{suffix}" for suffix in _READERS)


class Unreadable(Exception):
    """A file that cannot be read at all. `code` is stable, `REASONS[code]` says it in English; `line` counts from 1."""

    REASONS = {
        "format": "is none of .txt, .docx, .xlsx, .html, .pdf",
        "old_format": "is in an old binary format; save it as .docx or .xlsx",
        "empty": "is empty",
        "too_large": "is larger than 20 MiB",
        "bomb": "unpacks to more than a target table can hold",
        "entities": "holds XML entities, which are not read",
        "broken": "is damaged, or is not what its name says",
        "encrypted": "is protected by a password",
        "scanned": "is a scanned picture without a text layer; export it from the program that made it, as text",
        "too_long": "has more pages, rows or columns than a target table can have",
        "encoding": "is in no known encoding (UTF-8, UTF-16, GB 18030)",
    }

    def __init__(self, name: str, code: str, line: int = 1, detail: str = "") -> None:
        self.name, self.code, self.line, self.detail = name, code, line, detail
        super().__init__(str(self))

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.name}: line {self.line}: {self.REASONS[self.code]}{detail}"


def read(content: bytes, name: str) -> Document:
    """The rows of a file, by the suffix of its name and checked against its first bytes."""
    if not content.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable(name, "empty")
    if len(content) > LARGEST:
        raise Unreadable(name, "too_large")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(name, "old_format")
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    kind = _READERS.get(suffix)
    if kind is None:
        raise Unreadable(name, "old_format" if suffix in {"doc", "xls", "wps", "et"} else "format")
    starts = {"docx": b"PK", "xlsx": b"PK", "pdf": b"%PDF"}
    head = content[:1024]
    if kind in starts and (starts[kind] not in head if kind == "pdf" else not head.startswith(starts[kind])):
        raise Unreadable(name, "broken")
    if kind in {"txt", "html"} and (head.startswith((b"PK\x03\x04", b"%PDF")) or b"\0\0\0" in head):
        raise Unreadable(name, "broken")
    document: Document = import_module(f"chengheng.performance.readers.{kind}").read(content, name)
    return document
