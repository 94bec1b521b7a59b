"""The four kinds of time limit over a working calendar: pure functions; no database, no clock.

The kinds are those in use in digital city management (紧急工作时, 工作时, 工作日, 自然日; see facts/domain.md B.5). No
standard at hand defines how they are counted; the definitions below are a local rule, and the only one in this product.

- **Urgent hours** run always: nights, weekends and holidays count.
- **Working hours** run only inside the working hours of working days.
- **Working days** run in working time too, and every working day counts as one, however long its hours are. A limit of
  n working days ends at the same working position n working days later: started on Monday at 10:00, one working day
  ends on Tuesday at 10:00. A start outside working hours counts from the next opening, so from Saturday or from
  Monday 07:00 one working day ends on Monday at closing time.
- **Natural days** run always, 24 hours each: the same clock time n days later.

A limit is used up at the *first* instant at which its elapsed time reaches the amount; so a limit that fills a day ends
at that day's closing, not at the next opening. `due` and `elapsed` are exact inverses, down to the microsecond: time is
counted in whole ticks by integer arithmetic, never added up by increments. Both cost O(log n) in the days covered.

Days of years that are not announced yet follow plain Monday to Friday and are *provisional* (`is_provisional`); days
beyond the covered years are refused with `YearNotAnnounced`.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chengheng.common.calendars.errors import BadHours, KindsDiffer, YearNotAnnounced

Span = tuple[datetime, datetime | None]  # a running interval; an end of None means it still runs
Hours = tuple[tuple[int, int], ...]  # intervals of a day in minutes after local midnight, (510, 720) is 08:30–12:00

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")  # no summer time since 1991
EXAMPLE_HOURS: Hours = ((510, 720), (810, 1050))  # 08:30–12:00, 13:30–17:30: local rule, configurable

_DAY = timedelta(days=1)
_MINUTE_TICKS = 60_000_000
_HOUR_TICKS = 60 * _MINUTE_TICKS  # an hour in microseconds
_DAY_TICKS = 24 * _HOUR_TICKS
_DAY_MINUTES = 24 * 60
_WIDE = Context(prec=80)


class Kind(StrEnum):
    """How a time limit runs. The value is stored; never renamed."""

    URGENT_HOURS = "urgent_hours"
    WORKING_HOURS = "working_hours"
    WORKING_DAYS = "working_days"
    NATURAL_DAYS = "natural_days"

    @property
    def label(self) -> str | Promise:
        return _LABELS[self]

    @property
    def in_hours(self) -> bool:
        """Whether amounts are hours; days otherwise."""
        return self in (Kind.URGENT_HOURS, Kind.WORKING_HOURS)

    @property
    def by_calendar(self) -> bool:
        """Whether the kind depends on working days at all."""
        return self in (Kind.WORKING_HOURS, Kind.WORKING_DAYS)

    @classmethod
    def choices(cls) -> list[tuple[str, str | Promise]]:
        """For model fields and forms."""
        return [(kind.value, kind.label) for kind in cls]


_LABELS: dict[Kind, str | Promise] = {
    Kind.URGENT_HOURS: _("urgent hours"),
    Kind.WORKING_HOURS: _("working hours"),
    Kind.WORKING_DAYS: _("working days"),
    Kind.NATURAL_DAYS: _("natural days"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit: `amount` hours or days (by kind), not negative. ValueError otherwise."""

    kind: Kind
    amount: Decimal

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))
        amount = self.amount if isinstance(self.amount, Decimal) else Decimal(self.amount)
        if not amount.is_finite() or amount < 0:
            raise ValueError(f"a time limit cannot be {amount}")
        object.__setattr__(self, "amount", amount)

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.kind.label}"

    def as_dict(self) -> dict[str, str]:
        """`{"kind", "amount"}` for JSON, the amount as text."""
        return {"kind": self.kind.value, "amount": str(self.amount)}

    @classmethod
    def of(cls, data: Mapping[str, str]) -> Limit:
        """The inverse of `as_dict`."""
        return cls(Kind(data["kind"]), Decimal(data["amount"]))


def add_limits(one: Limit, other: Limit) -> Limit:
    """The sum of two limits of one kind (an extension); KindsDiffer otherwise."""
    if one.kind is not other.kind:
        raise KindsDiffer(one=one.kind.label, other=other.kind.label)
    return Limit(one.kind, one.amount + other.amount)


def check_hours(hours: Iterable[Sequence[int]]) -> Hours:
    """The intervals as a tuple; BadHours when there is none, or one is empty, leaves the day or overlaps."""
    intervals = tuple((int(start), int(stop)) for start, stop in hours)
    end = 0
    for start, stop in intervals:
        if not end <= start < stop <= _DAY_MINUTES:
            raise BadHours
        end = stop
    if not intervals:
        raise BadHours
    return intervals


def hours_text(hours: Hours) -> str:
    """For people: "08:30–12:00, 13:30–17:30"."""
    return ", ".join(f"{a // 60:02}:{a % 60:02}–{b // 60:02}:{b % 60:02}" for a, b in hours)


@dataclass(frozen=True, slots=True)
class DayMark:
    """What differs from Monday to Friday on one day: working or not, its name, and other hours if it has any."""

    working: bool
    name: str = ""
    hours: Hours | None = None


class WorkCalendar:
    """An immutable working calendar over whole years.

    `marks`: the days that differ from Monday to Friday, or carry a name. `hours`: the daily working hours, each from a
    day on (summer and winter hours are two rows); days before the first row follow the first. `announced`: the years
    whose holidays are known; the others in `first_year`..`last_year` are provisional. ValueError for no years.
    """

    __slots__ = (
        "_days",
        "_done",
        "_hours",
        "_lengths",
        "_marks",
        "_midnight",
        "_patterns",
        "_precise",
        "_worked",
        "announced",
        "first_day",
        "first_year",
        "last_day",
        "last_year",
        "version",
        "zone",
    )

    def __init__(
        self,
        marks: Mapping[date, DayMark],
        hours: Sequence[tuple[date, Hours]] = ((date.min, EXAMPLE_HOURS),),
        *,
        first_year: int,
        last_year: int,
        announced: Iterable[int] = (),
        version: int = 0,
        zone: timezone = CHINA,
    ) -> None:
        if first_year > last_year or not hours:
            raise ValueError("a calendar needs years in order and working hours")
        self.first_year, self.last_year = first_year, last_year
        self.first_day, self.last_day = date(first_year, 1, 1), date(last_year, 12, 31)
        self.announced = frozenset(announced)
        self.version, self.zone = version, zone
        self._marks = dict(marks)
        self._hours = tuple(sorted((day, check_hours(intervals)) for day, intervals in hours))
        self._midnight = datetime.combine(self.first_day, time(), zone)
        self._lay_days()

    def _lay_days(self) -> None:
        """Prefix sums over the days: working microseconds and working days before each day, and each day's pattern."""
        self._days = (self.last_day - self.first_day).days + 1
        index: dict[Hours, int] = {(): 0}
        day_patterns, worked, done = bytearray(self._days), array("q", [0]), array("q", [0])
        lengths = [0]
        row = 0
        for number in range(self._days):
            day = self.first_day + number * _DAY
            while row + 1 < len(self._hours) and self._hours[row + 1][0] <= day:
                row += 1
            mark = self._marks.get(day)
            working = mark.working if mark else day.weekday() < 5
            hours: Hours = ()
            if working:
                hours = mark.hours if mark and mark.hours else self._hours[row][1]
            pattern = index.setdefault(hours, len(index))
            if pattern == len(lengths):
                lengths.append(sum(stop - start for start, stop in hours) * _MINUTE_TICKS)
            if pattern > 255:
                raise ValueError("more than 255 different working-hour patterns")
            day_patterns[number] = pattern
            worked.append(worked[-1] + lengths[pattern])
            done.append(done[-1] + bool(working))
        # a working day is this many ticks whatever its length, so that positions in days of all lengths are whole ticks
        common = math.lcm(*[length for length in lengths if length] or [_DAY_TICKS])
        self._worked, self._done = worked, done
        # digits enough that an elapsed amount tells neighbouring ticks apart, even over days of many odd lengths
        self._precise = Context(prec=max(28, len(str(common * self._days)) + 6))
        self._patterns = tuple(
            tuple((start * _MINUTE_TICKS, stop * _MINUTE_TICKS) for start, stop in hours) for hours in index
        )
        self._lengths = (common, tuple(common // length if length else 0 for length in lengths), bytes(day_patterns))

    # questions about days

    def covers(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day

    def _number(self, day: date) -> int:
        if not self.covers(day):
            raise self._beyond(day)
        return (day - self.first_day).days

    def _beyond(self, day: object) -> YearNotAnnounced:
        return YearNotAnnounced(day=day, first=self.first_year, last=self.last_year)

    def local_day(self, moment: date | datetime) -> date:
        """The local date of an aware instant; a date stays as it is."""
        return moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment

    def is_working(self, day: date) -> bool:
        """Whether the day is a working day. YearNotAnnounced outside the calendar."""
        return bool(self._lengths[2][self._number(day)])

    def is_provisional(self, moment: date | datetime) -> bool:
        """Whether the day's year is not announced, so that only weekends are known. Also true outside the calendar."""
        return self.local_day(moment).year not in self.announced

    def is_working_time(self, instant: datetime) -> bool:
        """Whether working hours run at the instant (closing time no longer counts)."""
        number, tick = divmod(self._tick(instant), _DAY_TICKS)
        return any(start <= tick < stop for start, stop in self._patterns[self._lengths[2][self._in(number)]])

    def mark(self, day: date) -> DayMark | None:
        """What is special about the day, if anything."""
        return self._marks.get(day)

    def hours(self, day: date) -> Hours:
        """The day's working hours in minutes; empty on days off."""
        pattern = self._patterns[self._lengths[2][self._number(day)]]
        return tuple((start // _MINUTE_TICKS, stop // _MINUTE_TICKS) for start, stop in pattern)

    def count_working_days(self, first: date, last: date) -> int:
        """How many working days there are from `first` to `last`, both included."""
        if last < first:
            return 0
        return self._done[self._number(last) + 1] - self._done[self._number(first)]

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th working day after `day` (before, when negative); the day itself for 0."""
        if count == 0:
            return day
        number = self._number(day)
        # the day sought is the first by whose end `target` working days are done
        target = self._done[number + 1] + count if count > 0 else self._done[number] + count + 1
        number = bisect_left(self._done, target) - 1
        if number < 0 or number >= self._days or target < 1:
            raise self._beyond(self.last_day + _DAY if count > 0 else self.first_day - _DAY)
        return self.first_day + number * _DAY

    # instants and ticks

    def _tick(self, instant: datetime) -> int:
        """Microseconds since the first day's local midnight. ValueError for a naive datetime."""
        if instant.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        delta = instant - self._midnight
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def _instant(self, tick: int) -> datetime:
        """The instant of a tick, in UTC."""
        try:
            return (self._midnight + timedelta(microseconds=tick)).astimezone(UTC)
        except OverflowError:
            raise self._beyond("9999-12-31") from None

    def _in(self, number: int) -> int:
        if not 0 <= number < self._days:
            try:
                day: object = self.first_day + number * _DAY
            except OverflowError:
                day = "9999-12-31"
            raise self._beyond(day)
        return number

    def _scale(self, kind: Kind) -> int:
        """Ticks of one unit (hour or day) of the kind."""
        if kind.in_hours:
            return _HOUR_TICKS
        return _DAY_TICKS if kind is Kind.NATURAL_DAYS else self._lengths[0]

    def _position(self, kind: Kind, tick: int) -> int:
        """How far the kind's own clock has run at an instant; never falls as time goes on."""
        if kind is Kind.URGENT_HOURS or kind is Kind.NATURAL_DAYS:
            return tick
        number, tick = divmod(tick, _DAY_TICKS)
        if number == self._days and tick == 0:  # midnight that ends the last day
            return self._worked[-1] if kind is Kind.WORKING_HOURS else self._done[-1] * self._lengths[0]
        self._in(number)
        common, factors, day_patterns = self._lengths
        pattern = day_patterns[number]
        worked = 0
        for start, stop in self._patterns[pattern]:
            if tick <= start:
                break
            worked += (tick if tick < stop else stop) - start
        if kind is Kind.WORKING_HOURS:
            return self._worked[number] + worked
        return self._done[number] * common + worked * factors[pattern]

    def _first_tick(self, kind: Kind, position: int) -> int:
        """The first tick at which the kind's clock stands at `position` or more: the inverse of `_position`."""
        if kind is Kind.URGENT_HOURS or kind is Kind.NATURAL_DAYS:
            return position
        common, factors, day_patterns = self._lengths
        if kind is Kind.WORKING_HOURS:
            number = bisect_left(self._worked, position) - 1
            if number < 0:
                return 0
            rest = position - self._worked[self._in(number)]
        else:
            days, part = divmod(position, common)
            # with a part of a day left, it is the day after `days` whole ones; without, the last of them
            number = bisect_left(self._done, days + (part > 0)) - 1
            if number < 0:
                return 0
            self._in(number)
            factor = factors[day_patterns[number]]
            rest = -(-(part or common) // factor)
        for start, stop in self._patterns[day_patterns[number]]:
            if rest <= stop - start:
                return number * _DAY_TICKS + start + rest
            rest -= stop - start
        raise AssertionError("a day's intervals do not add up to its length")

    def _ticks(self, limit: Limit) -> int:
        """The limit in ticks of its kind, rounded to the nearest."""
        return int(_WIDE.multiply(limit.amount, Decimal(self._scale(limit.kind))).to_integral_value())

    def _runs(self, spans: Iterable[Span], now: datetime | None) -> Iterable[tuple[int, int]]:
        """The spans as tick pairs, cut at `now`. ValueError for an open one without `now`, or disorder."""
        limit = None if now is None else self._tick(now)
        end: int | None = None
        for begin, until in spans:
            start = self._tick(begin)
            if until is None:
                if limit is None:
                    raise ValueError("a running interval without end needs `now`")
                stop = max(start, limit)
            else:
                stop = self._tick(until)
            if stop < start or (end is not None and start < end):
                raise ValueError("running intervals must be in order and must not overlap")
            end = stop
            if limit is not None:
                start, stop = min(start, limit), min(stop, limit)
            yield start, stop

    # the two questions

    def due(self, limit: Limit, start: datetime, spans: Iterable[Span] = ()) -> datetime:
        """The instant, in UTC, at which the limit is used up when it runs on from `start` without a pause.

        `spans` are the running intervals before `start`, in order, all ended. When they have used the limit up already,
        the answer lies in them. YearNotAnnounced when the answer lies beyond the calendar.
        """
        kind, left = limit.kind, self._ticks(limit)
        from_tick, end = self._tick(start), None
        for begin, until in self._runs(spans, None):
            run = self._position(kind, until) - self._position(kind, begin)
            if left <= run:
                return self._instant(max(begin, self._first_tick(kind, self._position(kind, begin) + left)))
            left, end = left - run, until
        if end is not None and from_tick < end:
            raise ValueError("a limit cannot run on before its last interval ended")
        if left == 0:
            return self._instant(from_tick)
        return self._instant(self._first_tick(kind, self._position(kind, from_tick) + left))

    def elapsed(self, kind: Kind, spans: Iterable[Span], now: datetime) -> Decimal:
        """Hours (hour kinds) or days (day kinds) that ran in `spans` until `now`.

        `spans` are running intervals in order; an end of None still runs. Exact where the number has a finite decimal
        form; otherwise to 28 digits, or more where days have many odd lengths.
        """
        ticks = sum(self._position(kind, stop) - self._position(kind, start) for start, stop in self._runs(spans, now))
        return self._precise.divide(Decimal(ticks), Decimal(self._scale(kind)))

    def left(self, limit: Limit, spans: Iterable[Span], now: datetime) -> Decimal:
        """What remains of the limit at `now`, in its unit; negative when overdue."""
        return limit.amount - self.elapsed(limit.kind, spans, now)
