"""How systems say that something of theirs works or does not, without knowing who cares.

    health.report("video:34020000001320000001", ok=False, at=now, text="offline")     # in video, command, opinion
    health.listen(heard)                                                              # in maintenance

The contract of who reports:

- `key` is "<room>:<the room's own lasting name of the thing>"; people write it into a device's entry once.
- Report when it changes, in the transaction that stores the change. Repeating a state does no harm and is cheap, so a
  room may also report all its things now and then (that heals what was missed).
- `ok` True: it works; False: it does not; None: the room itself cannot know any more (its own gateway was stopped).
- `at` is since when, as exactly as the room knows it; late reports are good, the past is corrected only forwards.
- Report raw truth. Damping of short outages, windows, dependencies and tickets are the listener's.

A listener works in the reporter's transaction and must be quick. One that fails is logged and undone by itself: what
the reporter does is never in danger. Who reports nothing is not known, never well. What must not go in: faults, devices.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

Listener = Callable[[str, bool | None, datetime, str], None]
_listeners: list[Listener] = []
log = logging.getLogger(__name__)


def listen(listener: Listener) -> Listener:
    """Have `listener(key, ok, at, text)` called for every report. Usable as decorator, from AppConfig.ready()."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def report(key: str, *, ok: bool | None, at: datetime | None = None, text: str = "") -> None:
    """Say that the thing works, does not (or is not known) since `at` (now). ValueError for a key without a room."""
    room, sign, name = key.partition(":")
    if not (room and sign and name):
        raise ValueError(f"a health key is '<room>:<name>', not {key!r}")
    for listener in _listeners:
        try:
            with transaction.atomic():
                listener(key, ok, at or timezone.now(), text)
        except Exception:
            log.exception("a listener failed to take the report of %s", key)
