"""What a measure is, and the list of them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.functional import Promise

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Period:
    """Whole days in the site's time zone, both ends included. ValueError when the end is before the start."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    def __str__(self) -> str:
        return f"{self.start.isoformat()} – {self.end.isoformat()}"

    @classmethod
    def year(cls, year: int) -> Period:
        return cls(date(year, 1, 1), date(year, 12, 31))

    @classmethod
    def month(cls, year: int, month: int) -> Period:
        return cls(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))

    def to(self, as_of: date) -> Period:
        """The same period, ended at `as_of` when that is earlier; ValueError before its start."""
        return replace(self, end=min(self.end, as_of))

    def months(self) -> list[Period]:
        """The calendar months of the period, the first and last cut to it."""
        found, day = [], self.start
        while day <= self.end:
            month = Period.month(day.year, day.month)
            found.append(Period(day, min(month.end, self.end)))
            day = month.end + timedelta(days=1)
        return found

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.start, time.min, timezone.get_current_timezone())

    @property
    def ends_before(self) -> datetime:
        """The first instant after the period: `at >= starts_at and at < ends_before`."""
        return datetime.combine(self.end + timedelta(days=1), time.min, timezone.get_current_timezone())

    def holds(self, field_name: str) -> dict[str, datetime]:
        """Filter arguments for rows whose time field falls into the period."""
        return {f"{field_name}__gte": self.starts_at, f"{field_name}__lt": self.ends_before}


@dataclass(frozen=True)
class Scope:
    """Whose rows count: the whole city, an organisation's subtree, an area; and for whose eyes, when `user` is given.

    `options` carries what one programme chose among the documented variants of a measure (which system's devices, which
    definition of the normal rate).
    """

    user: Any = None
    organisation: Any = None
    area: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str, default: str = "") -> str:
        return dict(self.options).get(name, default)

    def with_options(self, options: dict[str, str]) -> Scope:
        return replace(self, options=tuple(sorted(options.items())))


@dataclass(frozen=True)
class Measured:
    """A number and the rows that prove it. `value` None means that nothing was recorded: no evidence, never 0."""

    value: Decimal | None
    evidence: QuerySet[Model]
    numerator: Decimal | int | None = None
    denominator: Decimal | int | None = None
    note: str | Promise = ""

    @classmethod
    def ratio(
        cls, part: int, whole: int, evidence: QuerySet[Model], *, percent: bool = True, note: str = ""
    ) -> Measured:
        """part ÷ whole (in per cent, to four decimals); None when there is no whole."""
        value = None
        if whole:
            value = (Decimal(part) * (100 if percent else 1) / Decimal(whole)).quantize(Decimal("0.0001"))
        return cls(value, evidence, part, whole, note)

    @classmethod
    def count(cls, evidence: QuerySet[Model], *, ever: bool = True, note: str = "") -> Measured:
        """How many rows there are. `ever`: whether anything was recorded in this room at all; if not, there is no evidence."""
        number = evidence.count()
        return cls(Decimal(number) if number or ever else None, evidence, note=note)


Compute = Callable[[Period, Scope], Measured]


@dataclass(frozen=True)
class Measure:
    """A measure: what it is called, what exactly it counts, in which unit, by which standard, and how."""

    code: str
    label: str | Promise
    unit: str
    definition: str | Promise
    source: str
    system: str
    compute: Compute
    keywords: tuple[str, ...] = ()
    better: Better = "higher"
    cumulative: bool = False
    options: Mapping[str, Mapping[str, str | Promise]] = field(default_factory=dict)
    evidence_act: str = ""
    option_words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.label)


@dataclass(frozen=True)
class Target:
    """What the city's target table wants of a measure, in the measure's unit. `text`: as the table says it."""

    year: int
    value: Decimal
    text: str
    source: str


_measures: dict[str, Measure] = {}
_targets: list[Callable[[str, int], Target | None]] = []


def targets_from(source: Callable[[str, int], Target | None]) -> None:
    """Say where targets are kept: `source(measure code, year)` gives the newest of that year or an earlier one."""
    if source not in _targets:
        _targets.append(source)


def target(code: str, year: int) -> Target | None:
    """The target that stands for a measure in a year: the year's own, else the newest earlier one; None without any."""
    found = [one for one in (source(code, year) for source in _targets) if one is not None]
    return max(found, key=lambda one: one.year, default=None)


def declare(entry: Measure) -> Measure:
    """Add a measure to the registry; the same code twice is a programming error."""
    if entry.code in _measures:
        raise ValueError(f"measure {entry.code} is declared twice")
    _measures[entry.code] = entry
    return entry


def measure(
    code: str,
    *,
    label: str | Promise,
    unit: str,
    definition: str | Promise,
    source: str,
    system: str,
    keywords: tuple[str, ...] = (),
    better: Better = "higher",
    cumulative: bool = False,
    options: Mapping[str, Mapping[str, str | Promise]] | None = None,
    evidence_act: str = "",
    option_words: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
) -> Callable[[Compute], Compute]:
    """Declare the decorated function as a measure.

    `keywords`: Chinese words of target tables by which it is suggested for an indicator. `cumulative`: the value grows
    over the year (a count), so that forecasts extrapolate it. `options`: variants, name → {value: label}.
    `evidence_act`: the act that a user needs to open the rows. `option_words`: words of a programme's name by which a
    variant is suggested, name → {value: words}.
    """

    def add(compute: Compute) -> Compute:
        declare(
            Measure(
                code,
                label,
                unit,
                definition,
                source,
                system,
                compute,
                keywords,
                better,
                cumulative,
                options or {},
                evidence_act,
                option_words or {},
            )
        )
        return compute

    return add


def get(code: str) -> Measure | None:
    """The measure of this code, or None."""
    return _measures.get(code)


def all_measures(system: str = "") -> list[Measure]:
    """All measures, or those of one system, by code."""
    return sorted((m for m in _measures.values() if system in ("", m.system)), key=lambda m: m.code)


def evaluate(code: str, period: Period, scope: Scope | None = None) -> Measured:
    """Compute a measure now. KeyError for an unknown one."""
    return _measures[code].compute(period, scope or Scope())


_UNIT_FAMILIES = (
    {"条次", "条", "次"}, {"件", "起", "个", "宗"}, {"台", "套", "个", "台套", "处"}, {"%", "％"}, {"小时", "分钟"},
    {"万元", "元"}, {"年", "天", "日", "月"},
)  # fmt: skip


def same_family(one: str, other: str) -> bool:
    """Whether two unit spellings measure the same kind of thing (台 and 套, 件 and 起)."""
    return one == other or any(one in family and other in family for family in _UNIT_FAMILIES)


def suggest(text: str, unit: str = "", limit: int = 5) -> list[tuple[Measure, int]]:
    """Measures whose keywords occur in `text`, with a score, best first. A unit of another kind lowers the score.

    Local rule: longer matched keywords count more; a measure of a clashing unit is suggested only with a strong match.
    """
    plain = re.sub(r"\s+", "", text)
    found = []
    for entry in _measures.values():
        score = sum(len(word) for word in set(entry.keywords) if word in plain)
        if score and unit and entry.unit:
            score += 3 if same_family(unit, entry.unit) else -6
        if score > 0:
            found.append((entry, score))
    return sorted(found, key=lambda pair: (-pair[1], pair[0].code))[:limit]


def suggest_options(code: str, text: str) -> dict[str, str]:
    """The variants of a measure that a programme's words ask for; the longest word that occurs wins."""
    plain, chosen = re.sub(r"\s+", "", text), {}
    entry = _measures.get(code)
    for name, values in (entry.option_words if entry else {}).items():
        found = [(len(word), value) for value, words in values.items() for word in words if word in plain]
        if found:
            chosen[name] = max(found)[1]
    return chosen
