"""How systems say that something of theirs works or does not, without knowing who cares.

    health.report("video:34020000001320000001", ok=False, at=now, text="offline")     # in video, command, opinion
    health.listen(heard)                                                              # in maintenance

`key` is "<room>:<the room's own name of the thing>". A listener works in the reporter's transaction, must be quick and
must not raise; who reports nothing is not known, never well. What must not go in: faults, devices.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

Listener = Callable[[str, bool, datetime, str], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> Listener:
    """Have `listener(key, ok, at, text)` called for every report. Usable as decorator, from AppConfig.ready()."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def report(key: str, *, ok: bool, at: datetime | None = None, text: str = "") -> None:
    """Say that the thing works (or does not) since `at` (now)."""
    for listener in _listeners:
        listener(key, ok, at or timezone.now(), text)
