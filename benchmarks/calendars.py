"""Microseconds per due time and per elapsed time: `python -m benchmarks.calendars`."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from chengheng.common.calendars.rules import Kind, Limit, WorkCalendar
from chengheng.common.calendars.sources import announced_years, default_hours, official_marks


def microseconds(work: Callable[[int], object], times: int = 50_000) -> float:
    """Mean time of one call."""
    started = time.perf_counter()
    for number in range(times):
        work(number)
    return (time.perf_counter() - started) / times * 1e6


def main() -> None:
    import django

    django.setup()
    started = time.perf_counter()
    calendar = WorkCalendar(
        official_marks(), default_hours(), first_year=2004, last_year=2036, announced=announced_years()
    )
    print(f"build 33 years: {(time.perf_counter() - started) * 1e3:.1f} ms")
    chance = random.Random(1)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    starts = [begin + timedelta(seconds=chance.randrange(60_000_000)) for _ in range(50_000)]
    hour = timedelta(hours=1)
    for kind in Kind:
        limit = Limit(kind, Decimal(5))

        def due(number: int, limit: Limit = limit) -> object:
            return calendar.due(limit, starts[number])

        def due_after_pause(number: int, limit: Limit = limit) -> object:
            start = starts[number]
            runs = [(start, start + hour), (start + 30 * hour, start + 31 * hour)]
            return calendar.due(limit, start + 60 * hour, runs)

        def elapsed(number: int, kind: Kind = kind) -> object:
            return calendar.elapsed(kind, [(starts[number], None)], starts[number] + 100 * hour)

        plain, paused, gone = microseconds(due), microseconds(due_after_pause), microseconds(elapsed)
        print(
            f"{kind.value:14} due {plain:5.2f} µs   due after two intervals {paused:5.2f} µs   elapsed {gone:5.2f} µs"
        )


if __name__ == "__main__":
    main()
