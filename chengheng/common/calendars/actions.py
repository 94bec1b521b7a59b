"""What people do with the calendar. Each act makes a new version; due times follow it at the flow's next sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import trail
from chengheng.common.calendars import sources
from chengheng.common.calendars.errors import CalendarUnchanged, DayIsSet, DayNotSet, YearNotAnnounced
from chengheng.common.calendars.models import CalendarDay, CalendarVersion, LocalDay
from chengheng.common.calendars.rules import DayMark, Hours, check_hours, hours_text
from chengheng.common.people import access

_LOCK = 0x63616C64  # "cald": one version is made at a time


def _user(actor: access.Actor) -> Any:
    return None if actor is access.SYSTEM else actor


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])


def _latest() -> CalendarVersion | None:
    return CalendarVersion.objects.order_by("-number").first()


def _make_version(
    actor: access.Actor, reason: str, hours: list[dict[str, object]] | None = None
) -> CalendarVersion | None:
    """A version from the library's days, the city's days in force and the hours; None when nothing differs."""
    latest = _latest()
    if hours is None:
        hours = latest.hours if latest else sources.hours_rows(sources.default_hours())
    marks = dict(sources.official_marks())
    local = {row.day: row for row in LocalDay.objects.filter(withdrawn_at=None)}
    for day, row in local.items():
        intervals = tuple((int(a), int(b)) for a, b in row.hours) if row.hours else None
        marks[day] = DayMark(row.working, row.reason, intervals)
    first, last = sources.years(timezone.localdate())
    content = {
        "days": [(day.isoformat(), mark.working, mark.name, mark.hours) for day, mark in sorted(marks.items())],
        "hours": hours, "years": [first, last], "announced": sources.announced_years(),
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    if latest is not None and latest.digest == digest:
        return None
    version = CalendarVersion.objects.create(
        number=latest.number + 1 if latest else 1,
        first_year=first,
        last_year=last,
        announced=sources.announced_years(),
        hours=hours,
        source=sources.source(),
        digest=digest,
        reason=reason[:200],
        made_by=_user(actor),
    )
    CalendarDay.objects.bulk_create(
        CalendarDay(
            version=version,
            day=day,
            working=mark.working,
            name=mark.name,
            hours=[list(pair) for pair in mark.hours] if mark.hours else None,
            local=day in local,
        )
        for day, mark in marks.items()
    )
    return version


@transaction.atomic
def refresh_calendar(actor: access.Actor = access.SYSTEM, reason: str = "") -> CalendarVersion:
    """Take over what the library of official days knows now, as a new version. CalendarUnchanged when nothing differs."""
    access.require(actor, "calendars.calendar.refresh")
    _lock()
    version = _make_version(actor, reason or _("Announced holidays"))
    if version is None:
        raise CalendarUnchanged
    data = {"number": version.number, "source": version.source, "announced_to": version.announced[-1]}
    trail.record("calendars.calendar.refresh", actor, version, data, reason)
    return version


def prepare() -> None:
    """The first version on a new site, and a new one when the library was updated. Safe to repeat."""
    try:
        refresh_calendar()
    except CalendarUnchanged:
        return


@transaction.atomic
def set_local_day(
    actor: access.Actor, day: date, working: bool, reason: str, hours: Sequence[Sequence[int]] | None = None
) -> LocalDay:
    """Set one day otherwise (a snow day off, an extra working day, other hours), with the reason.

    DayIsSet when the city has set it already; BadHours; YearNotAnnounced outside the years of the calendar.
    """
    access.require(actor, "calendars.day.set")
    _lock()
    first, last = sources.years(timezone.localdate())
    if not first <= day.year <= last:
        raise YearNotAnnounced(day=day, first=first, last=last)
    if LocalDay.objects.filter(day=day, withdrawn_at=None).exists():
        raise DayIsSet(day=day)
    intervals = [list(pair) for pair in check_hours(hours)] if working and hours else None
    row = LocalDay.objects.create(day=day, working=working, hours=intervals, reason=reason, set_by=_user(actor))
    version = _make_version(actor, f"{day}: {reason}")
    data = {
        "day": day.isoformat(),
        "working": working,
        "hours": intervals,
        "version": version.number if version else None,
    }
    trail.record("calendars.day.set", actor, row, data, reason)
    return row


@transaction.atomic
def withdraw_local_day(actor: access.Actor, row: LocalDay, reason: str) -> None:
    """Let the official day hold again. DayNotSet when it was withdrawn already."""
    access.require(actor, "calendars.day.withdraw")
    _lock()
    if LocalDay.objects.filter(pk=row.pk, withdrawn_at=None).update(withdrawn_at=timezone.now()) != 1:
        raise DayNotSet
    version = _make_version(actor, f"{row.day}: {reason}")
    trail.record(
        "calendars.day.withdraw",
        actor,
        row,
        {"day": row.day.isoformat(), "version": version.number if version else None},
        reason,
    )


@transaction.atomic
def set_hours(actor: access.Actor, starts_on: date, intervals: Sequence[Sequence[int]], reason: str) -> CalendarVersion:
    """Set the daily working hours from a day on (summer and winter hours). BadHours, CalendarUnchanged."""
    access.require(actor, "calendars.hours.set")
    _lock()
    hours: Hours = check_hours(intervals)
    latest = _latest()
    rows = dict(sources.parse_hours(latest.hours) if latest else sources.default_hours())
    rows[starts_on] = hours
    version = _make_version(actor, reason, sources.hours_rows(sorted(rows.items())))
    if version is None:
        raise CalendarUnchanged
    trail.record(
        "calendars.hours.set", actor, version, {"from": starts_on.isoformat(), "hours": hours_text(hours)}, reason
    )
    return version
