"""What the search box asks: every room answers for its own rows, within what the user may see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.functional import Promise

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit:
    """One row found: where it is, what it is, and what a person needs to tell it from the next."""

    title: str | Promise
    url: str
    kind: str | Promise = ""
    detail: str | Promise = ""
    icon: str = "file-text"


Finder = Callable[[Any, str, int], Iterable[Hit]]


@dataclass(frozen=True)
class Found:
    """What one room found. `failed`: the room could not answer; the page says so instead of showing nothing."""

    room: str
    hits: list[Hit]
    failed: bool = False


_finders: dict[str, Finder] = {}


def add(room: str, finder: Finder) -> None:
    """Let `finder(user, words, limit)` answer for a room. It must show only what the user may see."""
    _finders[room] = finder


def ask(user: Any, words: str, limit: int = 8) -> list[Found]:
    """Ask every room; one room's database error does not silence the others."""
    words = " ".join(words.split())[:100]
    if not words:
        return []
    answers = []
    for room, finder in sorted(_finders.items()):
        try:
            with transaction.atomic():
                hits = list(finder(user, words, limit))[:limit]
        except DatabaseError:
            log.exception("search in %s failed", room)
            answers.append(Found(room, [], failed=True))
            continue
        if hits:
            answers.append(Found(room, hits))
    return answers
