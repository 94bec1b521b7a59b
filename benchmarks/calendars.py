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


def microseconds(work: Callable[..., object], times: int = 50_000) -> float:
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
        plain = microseconds(lambda n, limit=limit: calendar.due(limit, starts[n]))
        paused = microseconds(
            lambda n, limit=limit: calendar.due(
                limit,
                starts[n] + 60 * hour,
                [(starts[n], starts[n] + hour), (starts[n] + 30 * hour, starts[n] + 31 * hour)],
            )
        )
        gone = microseconds(lambda n, kind=kind: calendar.elapsed(kind, [(starts[n], None)], starts[n] + 100 * hour))
        print(
            f"{kind.value:14} due {plain:5.2f} µs   due after two intervals {paused:5.2f} µs   elapsed {gone:5.2f} µs"
        )


if __name__ == "__main__":
    main()
