"""Live pictures of one system shown by another: a camera of the video system in a meeting of command.

Two halves, because pages and the live process are two processes. A kind is made known to both (`know`, by the portal): what
may be chosen, and by whom. In the live process its system offers how such a picture is opened (`offer`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from django.db.models import Model

from chengheng.common.errors import NotFound
from chengheng.common.people import access
from chengheng.common.trail.recording import read_subject_text


class Frame(NamedTuple):
    """One access unit of H.264 as NAL units without start codes, parameter sets before a key frame; time in 1/90000 s."""

    units: list[bytes]
    time: int
    key: bool


class NoPicture(Exception):
    """There is no picture (any more), or not in H.264. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Picture(Protocol):
    """An open picture. `frames()` waits for what comes next, from a key frame on; nothing: it is over."""

    async def frames(self) -> list[Frame]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Kind:
    """Records that have a live picture. `rows(user)`: those that the user may watch."""

    code: str
    rows: Callable[[Any], Iterable[Any]]


Opener = Callable[[int, int | None], Awaitable[Picture]]
_kinds: dict[str, Kind] = {}
_openers: dict[str, Opener] = {}


def know(kind: Kind) -> None:
    """Make a kind known; the last one of a code holds."""
    _kinds[kind.code] = kind


def offer(code: str, opener: Opener) -> None:
    """In the live process: how a picture of this kind is opened, by its record's key and for which user."""
    _openers[code] = opener


def choices(user: Any, limit: int = 200) -> list[tuple[str, str]]:
    """What the user may show: (key, name)."""
    found = [(f"{kind.code}:{row.pk}", str(row)) for kind in _kinds.values() for row in list(kind.rows(user))[:limit]]
    return found[:limit]


def get(user: Any, key: str) -> Model:
    """The record of a key ("video.channel:17"), if the user may watch it. Raises NotFound."""
    read = read_subject_text(key)
    kind = _kinds.get(read[0]) if read else None
    if read is None or kind is None:
        raise NotFound
    row: Model | None = kind.rows(user).filter(pk=read[1]).first()  # type: ignore[attr-defined]
    if row is None:
        raise NotFound
    return row


def may_watch(user: Any, key: str) -> bool:
    """Whether the user may still watch what a key names."""
    if not access.duties(user):
        return False
    try:
        get(user, key)
    except NotFound:
        return False
    return True


async def open(key: str, user_pk: int | None) -> Picture:
    """Open what a key names, in the live process. Raises NoPicture."""
    code, _colon, number = key.partition(":")
    opener = _openers.get(code)
    if opener is None:
        raise NoPicture("not_offered")
    return await opener(int(number), user_pk)
