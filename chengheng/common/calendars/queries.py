"""The year as the calendar page shows it."""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from chengheng.common.calendars.models import CalendarVersion, LocalDay, current_calendar
from chengheng.common.calendars.rules import WorkCalendar, hours_text


@dataclass(frozen=True)
class Cell:
    """A day of the page. `tone`: good (make-up day), bad (day off on a weekday), info (set by the city), none."""

    day: date
    working: bool
    name: str
    tone: str
    local: bool
    today: bool


@dataclass(frozen=True)
class Month:
    number: int
    weeks: list[list[Cell | None]]
    working_days: int


@dataclass(frozen=True)
class Year:
    """A year with its months, and whether its holidays are announced."""

    number: int
    announced: bool
    months: list[Month]
    working_days: int
    hours: list[tuple[date, str]]
    version: CalendarVersion | None
    local: list[LocalDay]


def year(number: int) -> Year:
    """The calendar in force for a year. YearNotAnnounced outside the years it covers."""
    held = current_calendar()
    local = {
        row.day: row for row in LocalDay.objects.filter(withdrawn_at=None, day__year=number).select_related("set_by")
    }
    version = CalendarVersion.objects.order_by("-number").select_related("made_by").first()
    total = held.count_working_days(date(number, 1, 1), date(number, 12, 31))
    return Year(
        number,
        number in held.announced,
        [_month(held, number, month, local) for month in range(1, 13)],
        total,
        _hours(held, number),
        version,
        sorted(local.values(), key=lambda row: row.day),
    )


def _month(held: WorkCalendar, year: int, month: int, local: dict[date, LocalDay]) -> Month:
    today = timezone.localdate()
    weeks: list[list[Cell | None]] = []
    for week in months.Calendar().monthdatescalendar(year, month):
        weeks.append([_cell(held, day, local, today) if day.month == month else None for day in week])
    last = date(year, month, months.monthrange(year, month)[1])
    return Month(month, weeks, held.count_working_days(date(year, month, 1), last))


def _cell(held: WorkCalendar, day: date, local: dict[date, LocalDay], today: date) -> Cell:
    working, mark = held.is_working(day), held.mark(day)
    weekday = day.weekday() < 5
    tone = (
        "info" if day in local else "good" if working and not weekday else "bad" if weekday and not working else "none"
    )
    return Cell(day, working, mark.name if mark else "", tone, day in local, day == today)


def _hours(held: WorkCalendar, year: int) -> list[tuple[date, str]]:
    """The working hours of the year, each from its day on."""
    found: list[tuple[date, str]] = []
    for month in range(1, 13):
        for day in range(1, months.monthrange(year, month)[1] + 1):
            at = date(year, month, day)
            if held.is_working(at) and not (held.mark(at) and held.mark(at).hours):  # type: ignore[union-attr]
                said = hours_text(held.hours(at))
                if not found or found[-1][1] != said:
                    found.append((at if found else date(year, 1, 1), said))
    return found
