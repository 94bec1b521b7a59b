"""Time limits: examples that a person can check, then the laws that must hold for every calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chengheng.common.calendars.errors import BadHours, KindsDiffer, YearNotAnnounced
from chengheng.common.calendars.rules import (
    CHINA,
    EXAMPLE_HOURS,
    DayMark,
    Kind,
    Limit,
    WorkCalendar,
    add_limits,
    check_hours,
)

OFF, ON = DayMark(False, "National Day"), DayMark(True, "make-up day")
# October 2026: 1–7 off, Saturday the 10th made up
CALENDAR = WorkCalendar(
    {date(2026, 10, day): OFF for day in range(1, 8)} | {date(2026, 10, 10): ON},
    first_year=2026,
    last_year=2027,
    announced={2026},
)
TICK = timedelta(microseconds=1)


def at(day: int, clock: str, month: int = 10) -> datetime:
    return datetime.combine(date(2026, month, day), time.fromisoformat(clock), CHINA)


def limit(kind: Kind, amount: str) -> Limit:
    return Limit(kind, Decimal(amount))


def test_urgent_hours_run_through_the_night_and_the_holiday():
    assert CALENDAR.due(limit(Kind.URGENT_HOURS, "2"), at(1, "23:30")) == at(2, "01:30")


def test_working_hours_skip_lunch_evenings_and_days_off():
    four_hours = limit(Kind.WORKING_HOURS, "4")
    assert CALENDAR.due(four_hours, at(8, "11:00")) == at(8, "16:30")
    assert CALENDAR.due(four_hours, at(8, "16:30")) == at(9, "11:30")
    assert CALENDAR.due(four_hours, at(1, "10:00")) == at(8, "14:00")


def test_a_make_up_saturday_works_and_the_sunday_after_does_not():
    one_day = limit(Kind.WORKING_DAYS, "1")
    assert CALENDAR.due(one_day, at(9, "10:00")) == at(10, "10:00")
    assert CALENDAR.due(one_day, at(10, "10:00")) == at(12, "10:00")


def test_a_working_day_from_outside_hours_counts_from_the_next_opening():
    one_day = limit(Kind.WORKING_DAYS, "1")
    for start in (at(4, "12:00"), at(7, "23:59"), at(8, "07:00"), at(8, "08:30")):
        assert CALENDAR.due(one_day, start) == at(8, "17:30")
    assert CALENDAR.due(one_day, at(8, "17:30")) == at(9, "17:30")
    assert CALENDAR.due(one_day, at(8, "12:45")) == at(9, "12:00")


def test_natural_days_end_at_the_same_clock_time():
    assert CALENDAR.due(limit(Kind.NATURAL_DAYS, "3"), at(1, "09:15")) == at(4, "09:15")


def test_a_pause_moves_the_end_by_the_working_time_it_took():
    spans = [(at(8, "08:30"), at(8, "10:30"))]
    assert CALENDAR.due(limit(Kind.WORKING_HOURS, "4"), at(9, "08:30"), spans) == at(9, "10:30")


def test_a_limit_that_was_used_up_before_the_pause_stays_there():
    spans = [(at(8, "08:30"), at(8, "12:00"))]
    assert CALENDAR.due(limit(Kind.WORKING_HOURS, "2"), at(9, "08:30"), spans) == at(8, "10:30")


def test_an_extension_adds_to_the_same_kind_only():
    assert add_limits(limit(Kind.WORKING_DAYS, "2"), limit(Kind.WORKING_DAYS, "1")).amount == 3
    with pytest.raises(KindsDiffer):
        add_limits(limit(Kind.WORKING_DAYS, "2"), limit(Kind.NATURAL_DAYS, "1"))


def test_elapsed_days_are_exact_over_a_short_day():
    """A day of 3 hours between days of 7.5 hours counts as one."""
    eve = WorkCalendar(
        {date(2026, 10, 9): DayMark(True, "half day", ((540, 720),))}, first_year=2026, last_year=2026, announced={2026}
    )
    assert eve.elapsed(Kind.WORKING_DAYS, [(at(8, "08:30"), None)], at(9, "12:00")) == 2
    assert eve.elapsed(Kind.WORKING_DAYS, [(at(9, "09:00"), None)], at(9, "10:30")) == Decimal("0.5")
    assert eve.due(limit(Kind.WORKING_DAYS, "1"), at(8, "10:00")) == at(9, "09:36")  # a fifth of either day


def test_summer_hours_begin_on_their_day():
    calendar = WorkCalendar(
        {},
        [(date(2026, 1, 1), EXAMPLE_HOURS), (date(2026, 6, 1), ((510, 720), (840, 1080)))],
        first_year=2026,
        last_year=2026,
    )
    assert calendar.hours(date(2026, 5, 29))[-1] == (810, 1050)
    assert calendar.hours(date(2026, 6, 1))[-1] == (840, 1080)


def test_years_not_announced_are_provisional_and_years_beyond_are_refused():
    assert not CALENDAR.is_provisional(at(1, "10:00"))
    assert CALENDAR.is_provisional(date(2027, 10, 1))
    assert CALENDAR.is_working(date(2027, 10, 1))  # a Friday, as far as anyone knows
    with pytest.raises(YearNotAnnounced) as refused:
        CALENDAR.due(limit(Kind.WORKING_DAYS, "600"), at(1, "10:00"))
    assert "2027" in str(refused.value)
    with pytest.raises(YearNotAnnounced):
        CALENDAR.is_working(date(2025, 12, 31))


def test_midnight_of_new_year_in_china_is_where_the_year_changes():
    assert CALENDAR.local_day(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)) == date(2027, 1, 1)


def test_working_days_are_counted_and_added():
    assert CALENDAR.count_working_days(date(2026, 10, 1), date(2026, 10, 11)) == 3
    assert CALENDAR.add_working_days(date(2026, 9, 30), 1) == date(2026, 10, 8)
    assert CALENDAR.add_working_days(date(2026, 10, 8), -1) == date(2026, 9, 30)


@pytest.mark.parametrize("hours", [[], [(600, 600)], [(600, 500)], [(0, 600), (599, 700)], [(1000, 1441)], [(-1, 5)]])
def test_impossible_hours_are_refused(hours):
    with pytest.raises(BadHours):
        check_hours(hours)


def test_a_naive_datetime_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        CALENDAR.due(limit(Kind.URGENT_HOURS, "1"), datetime(2026, 10, 1))


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_an_impossible_amount_is_refused(amount):
    with pytest.raises(ValueError, match="time limit"):
        limit(Kind.URGENT_HOURS, amount)


def test_overlapping_intervals_are_refused():
    with pytest.raises(ValueError, match="overlap"):
        CALENDAR.elapsed(Kind.URGENT_HOURS, [(at(1, "08:00"), at(1, "10:00")), (at(1, "09:00"), None)], at(2, "08:00"))


# The laws, for every calendar

FIRST = date(2024, 1, 1)
days = st.dates(FIRST, date(2025, 12, 31))


@st.composite
def patterns(draw):
    cuts = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True)))
    cuts = cuts[: len(cuts) // 2 * 2]
    return tuple(zip(cuts[::2], cuts[1::2], strict=True))


@st.composite
def calendars(draw):
    marks = draw(
        st.dictionaries(
            days, st.builds(DayMark, st.booleans(), st.just(""), st.one_of(st.none(), patterns())), max_size=80
        )
    )
    hours = draw(st.lists(st.tuples(days, patterns()), min_size=1, max_size=3, unique_by=lambda row: row[0]))
    return WorkCalendar(marks, hours, first_year=2024, last_year=2029, announced={2024, 2025})


instants = st.datetimes(datetime(2024, 1, 1), datetime(2025, 6, 30)).map(lambda moment: moment.replace(tzinfo=CHINA))
kinds = st.sampled_from(list(Kind))
amounts = st.decimals(0, 100, places=4)


@st.composite
def spans_and_start(draw):
    """Up to four ended intervals in order, and a start after them."""
    count = draw(st.integers(0, 4))
    moments = sorted(draw(st.lists(instants, min_size=2 * count + 1, max_size=2 * count + 1)))
    return list(zip(moments[0:-1:2], moments[1:-1:2], strict=True)), moments[-1]


@settings(max_examples=150)
@given(calendars(), kinds, amounts, spans_and_start())
def test_due_is_the_first_instant_at_which_the_limit_is_used_up(calendar, kind, amount, running):
    spans, start = running
    asked = Limit(kind, amount)
    due = calendar.due(asked, start, spans)
    runs = [*spans, (start, None)]
    want = calendar._ticks(asked)

    def ticks(now):
        return sum(
            calendar._position(kind, stop) - calendar._position(kind, begin)
            for begin, stop in calendar._runs(runs, now)
        )

    assert ticks(due) >= want
    begun = runs[0][0]
    if due > begun:
        assert ticks(due - TICK) < want or want == 0
    if kind is not Kind.WORKING_DAYS:
        assert ticks(due) == want
        assert abs(calendar.elapsed(kind, runs, due) - amount) < Decimal("1e-9")


@settings(max_examples=150)
@given(calendars(), kinds, instants, instants)
def test_the_elapsed_amount_as_a_limit_leads_back_to_the_same_place(calendar, kind, one, other):
    """elapsed → due → elapsed is the identity, and due is never after the instant it came from."""
    start, now = min(one, other), max(one, other)
    gone = calendar.elapsed(kind, [(start, None)], now)
    due = calendar.due(Limit(kind, gone), start)
    assert due <= max(now, start)
    assert calendar.elapsed(kind, [(start, None)], due) == gone


@settings(max_examples=100)
@example(
    WorkCalendar(
        {FIRST + timedelta(days=number): DayMark(True, "", ((0, 1439 - 2 * number),)) for number in range(30)},
        first_year=2024,
        last_year=2024,
    ),
    Kind.WORKING_DAYS,
    [
        datetime(2024, 1, 1, tzinfo=CHINA),
        datetime(2024, 1, 1, 1, 0, 1, tzinfo=CHINA),
        datetime(2024, 6, 1, tzinfo=CHINA),
    ],
)
@given(calendars(), kinds, st.lists(instants, min_size=3, max_size=3).map(sorted))
def test_a_pause_without_length_changes_nothing_and_time_adds_up(calendar, kind, moments):
    first, middle, last = moments
    scale = calendar._scale(kind)

    def ticks(*spans):
        return round(Fraction(calendar.elapsed(kind, spans, last)) * scale)

    assert ticks((first, middle), (middle, None)) == ticks((first, None))
    assert ticks((first, middle)) + ticks((middle, last)) == ticks((first, last))


@settings(max_examples=100)
@given(calendars(), st.integers(0, 60), instants)
def test_whole_working_days_end_at_the_same_working_position(calendar, count, start):
    """Checked against counting day by day, without prefix sums."""
    due = calendar.due(Limit(Kind.WORKING_DAYS, Decimal(count)), start)
    assume(count > 0)

    def position(instant):
        day, hours = calendar.local_day(instant), calendar.hours(calendar.local_day(instant))
        midnight = datetime.combine(day, time(), CHINA)
        gone = sum(
            (max(timedelta(), min(instant - midnight, timedelta(minutes=b)) - timedelta(minutes=a)) for a, b in hours),
            timedelta(),
        )
        whole = sum((timedelta(minutes=b - a) for a, b in hours), timedelta())
        return day, (gone / whole if hours else 0)

    def walk(instant):
        """Days worked since the first day, by a plain loop."""
        day, part = position(instant)
        number, total = FIRST, 0
        while number < day:
            total += calendar.is_working(number)
            number += timedelta(days=1)
        return total + part

    assert walk(due) - walk(start) == pytest.approx(count, abs=1e-6)


@settings(max_examples=100)
@given(calendars(), days, st.integers(-40, 40).filter(bool))
def test_adding_working_days_agrees_with_counting_them(calendar, day, count):
    try:
        there = calendar.add_working_days(day, count)
    except YearNotAnnounced:
        assert count < 0
        return
    assert calendar.is_working(there)
    if count > 0:
        assert calendar.count_working_days(day + timedelta(days=1), there) == count
    else:
        assert calendar.count_working_days(there, day - timedelta(days=1)) == -count


@given(kinds, amounts)
def test_a_limit_survives_json(kind, amount):
    asked = Limit(kind, amount)
    assert Limit.of(asked.as_dict()) == asked
