"""Where official days come from: the `chinesecalendar` library (MIT), which follows the State Council's yearly notices.

The library is kept up to date by its release each November; a year that it does not know is "not announced" here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.metadata import version

from chinese_calendar.constants import Holiday, holidays, workdays
from django.utils import timezone

from chengheng.common.calendars.rules import EXAMPLE_HOURS, DayMark, Hours, WorkCalendar, check_hours

YEARS_AHEAD = (
    10  # provisional years after the current one, so that long limits (a case put on file for a year) have a due
)
NAMES = {holiday.value: holiday.chinese for holiday in Holiday}


def source() -> str:
    """What the official days were taken from, with its version."""
    return f"chinesecalendar {version('chinesecalendar')}"


def announced_years() -> list[int]:
    """The years whose holidays the library knows."""
    return sorted({day.year for day in holidays})


def official_marks() -> dict[date, DayMark]:
    """Official days off (also those on weekends, for their names) and make-up working days."""
    marks = {day: DayMark(False, NAMES.get(str(name), str(name))) for day, name in holidays.items()}
    marks |= {day: DayMark(True, NAMES.get(str(name), str(name))) for day, name in workdays.items()}
    return marks


def years(today: date) -> tuple[int, int]:
    """First and last year that a calendar made today covers."""
    return announced_years()[0], max(announced_years()[-1], today.year + YEARS_AHEAD)


def parse_hours(rows: Sequence[Mapping[str, object]]) -> list[tuple[date, Hours]]:
    """Stored rows `{"from": "2026-06-01", "intervals": [[510, 720], …]}` as the calendar takes them."""
    return [(date.fromisoformat(str(row["from"])), check_hours(row["intervals"])) for row in rows]  # type: ignore[arg-type]


def hours_rows(hours: Sequence[tuple[date, Hours]]) -> list[dict[str, object]]:
    """The inverse of `parse_hours`."""
    return [{"from": day.isoformat(), "intervals": [list(pair) for pair in intervals]} for day, intervals in hours]


def default_hours() -> list[tuple[date, Hours]]:
    """The example working hours, from the first day of all."""
    return [(date(announced_years()[0], 1, 1), EXAMPLE_HOURS)]


def default_calendar() -> WorkCalendar:
    """The official days with the example hours, as version 0."""
    return _default_calendar(timezone.localdate().year)


@cache
def _default_calendar(year: int) -> WorkCalendar:
    first, last = years(date(year, 1, 1))
    return WorkCalendar(
        official_marks(), default_hours(), first_year=first, last_year=last, announced=announced_years(), version=0
    )
