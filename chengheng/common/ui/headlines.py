"""Which measures of a room stand on the wall screen, in which order."""

from __future__ import annotations

_codes: dict[str, list[str]] = {}


def add(room: str, *codes: str) -> None:
    """Put measures (by code) on the wall for a room."""
    known = _codes.setdefault(room, [])
    known.extend(code for code in codes if code not in known)


def of(room: str) -> list[str]:
    """The codes that a room put on the wall."""
    return list(_codes.get(room, ()))
