"""The stored calendar: versions, official days, the city's own days, the page."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.calendars import actions, sources
from chengheng.common.calendars.errors import BadHours, CalendarUnchanged, DayIsSet, DayNotSet, YearNotAnnounced
from chengheng.common.calendars.forms import HoursField
from chengheng.common.calendars.models import CalendarVersion, LocalDay, calendar_of, current_calendar
from chengheng.common.calendars.rules import CHINA, Kind, Limit
from chengheng.common.errors import NotPermitted
from tests import builders


@pytest.fixture
def keeper(db):
    return builders.holder("calendars.keeper")


def test_before_any_version_is_stored_the_official_days_answer(db):
    held = current_calendar()
    assert held.version == 0
    assert not held.is_working(date(2026, 10, 1))
    assert held.is_working(date(2026, 10, 10))
    assert not held.is_provisional(date(2026, 10, 1))
    assert current_calendar() is held


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2024-02-09", True), ("2024-02-12", False), ("2024-05-01", False), ("2024-05-11", True),
        ("2025-01-26", True), ("2025-01-28", False), ("2025-10-08", False), ("2026-01-04", True), ("2026-02-14", True),
    ],
)  # fmt: skip
def test_official_days_are_those_of_the_state_council_notices(db, day, working):
    assert current_calendar().is_working(date.fromisoformat(day)) is working


def test_the_year_after_the_last_announced_one_says_so(db):
    held = current_calendar()
    year = max(held.announced) + 1
    assert held.is_provisional(date(year, 1, 1))
    assert held.covers(date(year, 12, 31))


def test_a_version_is_made_once_and_kept(keeper):
    first = actions.refresh_calendar(keeper)
    assert first.number == current_calendar().version == 1
    assert first.source.startswith("chinesecalendar ")
    with pytest.raises(CalendarUnchanged):
        actions.refresh_calendar(keeper)
    actions.prepare()
    assert CalendarVersion.objects.count() == 1
    assert trail.history(first).get().act == "calendars.calendar.refresh"


def test_a_new_announcement_makes_a_new_version(keeper, monkeypatch):
    """The library learns the next year: what was provisional no longer is."""
    actions.prepare()
    year = max(current_calendar().announced) + 1
    monkeypatch.setitem(sources.holidays, date(year, 1, 1), "New Year's Day")
    assert actions.refresh_calendar(keeper).number == 2
    assert not current_calendar().is_provisional(date(year, 1, 1))
    assert current_calendar().mark(date(year, 1, 1)).name == "元旦"
    assert calendar_of(1).is_provisional(date(year, 1, 1))


def test_a_snow_day_moves_deadlines_until_it_is_withdrawn(keeper):
    start = datetime(2026, 1, 20, 10, tzinfo=CHINA)  # a Tuesday
    limit = Limit(Kind.WORKING_DAYS, Decimal(1))
    row = actions.set_local_day(keeper, date(2026, 1, 21), False, "大雪")
    assert current_calendar().due(limit, start) == datetime(2026, 1, 22, 10, tzinfo=CHINA)
    assert current_calendar().mark(date(2026, 1, 21)).name == "大雪"
    with pytest.raises(DayIsSet):
        actions.set_local_day(keeper, date(2026, 1, 21), True, "again")
    actions.withdraw_local_day(keeper, row, "雪停了")
    assert current_calendar().due(limit, start) == datetime(2026, 1, 21, 10, tzinfo=CHINA)
    with pytest.raises(DayNotSet):
        actions.withdraw_local_day(keeper, row, "again")
    assert [entry.note for entry in trail.history(row)] == ["大雪", "雪停了"]


def test_a_local_day_survives_a_refresh(keeper, monkeypatch):
    actions.set_local_day(keeper, date(2026, 1, 21), False, "大雪")
    monkeypatch.setitem(sources.holidays, date(2031, 1, 1), "New Year's Day")
    actions.refresh_calendar(keeper)
    assert not current_calendar().is_working(date(2026, 1, 21))


def test_other_hours_on_one_day_and_from_a_day_on(keeper):
    actions.set_local_day(keeper, date(2026, 1, 24), True, "extra shift", [(540, 720)])
    assert current_calendar().hours(date(2026, 1, 24)) == ((540, 720),)
    actions.set_hours(keeper, date(2026, 6, 1), [(510, 720), (840, 1080)], "summer")
    held = current_calendar()
    assert held.hours(date(2026, 5, 29)) == ((510, 720), (810, 1050))
    assert held.hours(date(2026, 6, 1)) == ((510, 720), (840, 1080))
    with pytest.raises(BadHours):
        actions.set_hours(keeper, date(2026, 7, 1), [(600, 500)], "?")
    with pytest.raises(YearNotAnnounced):
        actions.set_local_day(keeper, date(1999, 1, 1), False, "?")


def test_only_the_keeper_may(db):
    nobody = builders.user()
    for act in (
        lambda: actions.refresh_calendar(nobody),
        lambda: actions.set_local_day(nobody, date(2026, 1, 21), False, "x"),
        lambda: actions.set_hours(nobody, date(2026, 1, 1), [(0, 60)], "x"),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_the_calendar_costs_one_query(db, django_assert_num_queries):
    actions.prepare()
    current_calendar()
    with django_assert_num_queries(1):
        current_calendar()


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("08:30-12:00, 13:30-17:30", ((510, 720), (810, 1050))),
        ("8:30至12:00，14:00—18:00", ((510, 720), (840, 1080))),
        ("00:00–24:00", ((0, 1440),)),
    ],
)
def test_hours_are_read_as_people_write_them(text, hours):
    assert HoursField().clean(text) == hours


@pytest.mark.parametrize("text", ["morning", "08:30-12:00 and 13", "12:00-08:00", "08:60-12:00", "08:00-25:00"])
def test_other_hours_are_refused(text):
    from django.forms import ValidationError

    with pytest.raises(ValidationError):
        HoursField().clean(text)


def test_the_page_shows_the_year_and_says_what_is_not_announced(db, client):
    actions.prepare()
    client.force_login(builders.user())
    shown = client.get("/calendar/?year=2026").content.decode()
    assert "国庆节" in shown
    assert "notice-warn" not in shown
    later = max(current_calendar().announced) + 1
    assert "notice-warn" in client.get(f"/calendar/?year={later}").content.decode()
    assert client.get("/calendar/?year=1990").status_code == 422
    assert client.get("/calendar/?year=abc").status_code == 200
    for path in ("refresh", "day", "hours", "day/1/withdraw"):
        assert client.post(f"/calendar/{path}").status_code == 403


def test_the_keeper_sets_days_and_hours_on_the_page(keeper, client):
    client.force_login(keeper)
    assert client.post("/calendar/refresh").status_code == 302
    form = {"day": "2026-01-21", "working": "0", "hours": "", "reason": "大雪"}
    assert client.post("/calendar/day", form | {"day": ""}).status_code == 422
    assert client.post("/calendar/day", form).status_code == 302
    assert client.post("/calendar/day", form).status_code == 409
    assert "大雪" in client.get("/calendar/?year=2026").content.decode()
    pk = LocalDay.objects.get().pk
    assert client.post(f"/calendar/day/{pk}/withdraw", {"reason": "x"}).status_code == 302
    hours = {"starts_on": "2026-06-01", "intervals": "08:00-12:00", "reason": "summer"}
    assert client.post("/calendar/hours", hours).status_code == 302
    assert current_calendar().hours(date(2026, 6, 1)) == ((480, 720),)


def test_a_calendar_made_today_reaches_ten_years_ahead(db):
    with time_machine.travel("2026-11-22T12:00:00+08:00"):
        assert sources.years(timezone.localdate()) == (2004, 2036)
