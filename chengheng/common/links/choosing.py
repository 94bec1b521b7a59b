"""Records that may be linked while something is being written: every kind with a way to find it by words.

The systems never import one another, so the kinds are offered by the portal, which knows them all; a page that links
asks only what is offered. Nothing is found or taken that the user may not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils.functional import Promise

from chengheng.common.errors import NotFound
from chengheng.common.people import access
from chengheng.common.trail.recording import read_subject_text, subject_key, subject_text

MOST = 20
"""Records that one act may link."""


@dataclass(frozen=True)
class Kind:
    """`code` is the subject's type as the trail names it ("patrol.case"). `find(user, words, limit)` shows only what the
    user may see."""

    code: str
    label: str | Promise
    find: Callable[[Any, str, int], Iterable[Model]]


@dataclass(frozen=True)
class Choice:
    """One record to be ticked: `key` is what the form sends back."""

    key: str
    title: str
    kind: str
    url: str


_kinds: dict[str, Kind] = {}


def offer(kind: Kind) -> Kind:
    """Add a kind of record; the last offer of a code holds."""
    _kinds[kind.code] = kind
    return kind


def kinds() -> list[Kind]:
    """The kinds that are offered, in the order offered."""
    return list(_kinds.values())


def choice(subject: Model) -> Choice:
    """A record as a page offers it."""
    kind = _kinds.get(subject_key(subject)[0])
    url: Any = getattr(subject, "get_absolute_url", None)
    label = str(kind.label) if kind else str(subject._meta.verbose_name)
    return Choice(subject_text(subject), str(subject), label, url() if url else "")


def find(user: Any, words: str, limit: int = 5) -> list[Choice]:
    """At most `limit` records of every kind that fit the words; nothing for no words."""
    words = " ".join(words.split())[:100]
    if not words:
        return []
    return [choice(row) for kind in _kinds.values() for row in list(kind.find(user, words, limit))[:limit]]


def chosen(user: Any, keys: Iterable[str]) -> list[Model]:
    """The records that a form sent back, in its order, each once. Raises NotFound for one that is not offered, is not
    there or may not be seen by the user, and for more than `MOST`."""
    found = []
    wanted = list(dict.fromkeys(keys))
    if len(wanted) > MOST:
        raise NotFound
    for key in wanted:
        read = read_subject_text(key)
        if read is None or read[0] not in _kinds:
            raise NotFound
        model: Any = apps.get_model(read[0])
        found.append(access.fetch(user, model.view_act, model._default_manager.all(), pk=read[1]))
    return found
