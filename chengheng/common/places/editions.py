"""Which edition of the base data is current, and which was at some time. The room that keeps base data publishes them."""

from __future__ import annotations

import time
from datetime import datetime

from django.db import connection, transaction

from chengheng.common.places.models import Edition

CHECK_EVERY = 2.0  # seconds, outside transactions; as `index` does
_LOCK = 7_301_005  # any number that nobody else takes
_seen: tuple[float, int] = (float("-inf"), 0)


def edition(kind: str = "") -> int:
    """The number of the current edition, of one kind or over all; 0 before the first. Cheap enough for every case."""
    global _seen
    now = time.monotonic()
    if not kind and not connection.in_atomic_block and now - _seen[0] < CHECK_EVERY:
        return _seen[1]
    rows = Edition.objects.filter(kind=kind) if kind else Edition.objects.all()
    number = rows.order_by("-number").values_list("number", flat=True).first() or 0
    if not kind and not connection.in_atomic_block:
        _seen = (now, number)
    return number


def edition_at(moment: datetime, kind: str = "") -> int:
    """The number of the edition that was current at a moment; 0 when nothing was published yet."""
    rows = Edition.objects.filter(published_at__lte=moment)
    rows = rows.filter(kind=kind) if kind else rows
    return rows.order_by("-number").values_list("number", flat=True).first() or 0


def open_edition(kind: str, title: str, published_at: datetime) -> Edition:
    """The next edition, inside the transaction that publishes it. One publication at a time; readers never wait."""
    assert connection.in_atomic_block
    lock()
    made = Edition.objects.create(kind=kind, title=title[:200], published_at=published_at)
    transaction.on_commit(forget)
    return made


def lock() -> None:
    """Let no other publication begin before this transaction ends, so that numbers and times rise together."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])


def forget() -> None:
    """Look at the database again at the next call."""
    global _seen
    _seen = (float("-inf"), 0)
