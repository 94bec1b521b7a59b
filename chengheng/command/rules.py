"""Rules of command: pure functions; no database, no clock, no I/O. All numbers here are local rules, configurable.

The thresholds of a link follow the design notes of this product (loss 1 % warns, 5 % is bad; jitter 30 ms warns): a
local rule, not a standard's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

WEATHER_HOURS = 12
"""How long a weather note holds that does not say until when (local rule)."""
LONGEST_MINUTES = 30 * 24 * 60
LOSS_POOR, LOSS_DOWN = Decimal(1), Decimal(5)
JITTER_POOR_MS = Decimal(30)


def judge_link(reached: bool, loss_percent: Decimal | None = None, jitter_ms: Decimal | None = None) -> str:
    """good, poor or down: not reached, or from 5 % loss on, is down; from 1 % loss or 30 ms of jitter on is poor."""
    if not reached or (loss_percent is not None and loss_percent >= LOSS_DOWN):
        return "down"
    if (loss_percent is not None and loss_percent >= LOSS_POOR) or (
        jitter_ms is not None and jitter_ms >= JITTER_POOR_MS
    ):
        return "poor"
    return "good"


def limits_fit(receipt_minutes: int, finish_minutes: int) -> bool:
    """Whether receipt comes due before the finish, both within thirty days."""
    return 0 < receipt_minutes <= finish_minutes <= LONGEST_MINUTES


def hours(minutes: int) -> Decimal:
    """Minutes as hours with two decimals, never rounded to nothing."""
    return max(Decimal("0.01"), (Decimal(minutes) / 60).quantize(Decimal("0.01")))


def in_time(done_at: datetime | None, due_at: datetime, now: datetime) -> bool | None:
    """Whether something was done by its due time; None while it is open and not yet due."""
    if done_at is not None:
        return done_at <= due_at
    return None if now <= due_at else False


def behind(done_at: datetime | None, due_at: datetime, now: datetime) -> timedelta | None:
    """By how much a limit was missed, so far if it still is open; None for one that was kept or is not due yet."""
    return None if in_time(done_at, due_at, now) is not False else (done_at or now) - due_at


def overlap(spans: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime) -> bool:
    """Whether [start, end) meets any of the spans."""
    return any(start < other_end and other_start < end for other_start, other_end in spans)


def shift_fits(start: datetime, end: datetime) -> bool:
    """A shift has a length, and at most seven days of it."""
    return timedelta(0) < end - start <= timedelta(days=7)


MOST_ITEMS = 30


def checklist_fits(items: Iterable[str]) -> bool:
    """Whether a checklist can be ticked: at most thirty items, each some words of at most 120 letters, each once."""
    found = list(items)
    return (
        len(found) <= MOST_ITEMS
        and all(item == item.strip() and 0 < len(item) <= 120 for item in found)
        and len(set(found)) == len(found)
    )


def share(moment: datetime, start: datetime, end: datetime) -> float:
    """Where a moment lies between two others, in percent from 0 to 100: for drawing a timeline."""
    whole = (end - start).total_seconds()
    if whole <= 0:
        return 0.0
    return round(100 * min(1.0, max(0.0, (moment - start).total_seconds() / whole)), 1)
