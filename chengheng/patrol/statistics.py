"""Counts and ratios of cases in the database: the definitions of `rules.statistics`, as one grouped query.

A property test recounts random histories with the pure rules; both must agree to the last case. Cases are grouped by
their `marks`, of which there are few different ones, and each different one is looked at once: asking every case all the
questions took three quarters of the time. The query reads only columns of the index `patrol_case_statistics`, so no
rollup table is kept (measured: facts/cases.md §6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from chengheng.common import places
from chengheng.common.people.models import Organisation, User
from chengheng.patrol.errors import UnknownCount
from chengheng.patrol.models import PUBLIC_SOURCES, SOURCES, STAGES, Case, DictionaryEntry, Source
from chengheng.patrol.rules import statistics as rules
from chengheng.patrol.rules.statistics import COUNTS, CaseFacts, ReworkBase, StageFacts

GROUPS = ("district_code", "department", "code", "month", "reported_by", "area_code", "source")
"""What statistics may be grouped by: columns of Case."""

_FILED, _LIVE, _COLLECTED = Q(filed=True), Q(voided=False), Q(source=Source.COLLECTOR)


def _in_time(stage: str) -> Q:
    on_time = Q(**{f"{stage}_due_at__isnull": True}) | Q(**{f"{_done(stage)}__lte": F(f"{stage}_due_at")})
    if stage == "handle":
        on_time |= Q(exempt=True)  # an appeal was granted: the raw times stay, the lateness does not count
    return Q(**{f"{_done(stage)}__isnull": False}) & on_time


def _done(stage: str) -> str:
    return STAGES[stage]


def _is_done(stage: str) -> Q:
    return Q(**{f"{_done(stage)}__isnull": False})


def _late(stage: str, as_of: datetime) -> Q:
    late = Q(**{f"{_done(stage)}__isnull": True, f"{stage}_due_at__lte": as_of})
    return late & Q(exempt=False) if stage == "handle" else late


def _conditions(as_of: datetime) -> dict[str, Q]:
    conditions = {
        "reported": Q(),
        "collector_reported": _COLLECTED,
        "valid": _COLLECTED & _FILED,
        "public_reported": Q(source__in=PUBLIC_SOURCES),
        "accepted": Q(accepted=True),
        "accepted_in_time": Q(accepted=True) & _in_time("accept"),
        "refused": Q(accepted=False),
        "filed": _FILED,
        "filed_in_time": _FILED & _in_time("file"),
        "filed_right": _FILED & _LIVE,
        "not_filed": Q(filed=False),
        "dispatched_right": _is_done("dispatch") & Q(hand_backs=0),
        "handled_late": Q(exempt=False, handle_due_at__isnull=False, handled_at__gt=F("handle_due_at")),
        "unhandled": _LIVE & _late("handle", as_of),
        "closed_late": Q(close_due_at__isnull=False, closed_at__gt=F("close_due_at")),
        "unclosed_late": _LIVE & _FILED & _late("close", as_of),
        "unclosed": _LIVE & _FILED & ~_is_done("close"),
        "voided": Q(voided=True),
        "self_handled": Q(self_handled=True),
    }
    for stage, to_do, done, in_time in rules.STAGES:
        conditions[to_do] = _is_done(stage) | (_LIVE & _late(stage, as_of))
        conditions[done] = _is_done(stage)
        conditions[in_time] = _in_time(stage)
    return conditions


def counts(cases: QuerySet[Case], *by: str, as_of: datetime | None = None) -> list[dict[str, Any]]:
    """All counts of `rules.statistics.COUNTS` over the cases, one row for each value of the columns `by`.

    ValueError for a column that statistics are not grouped by. Without `by` there is exactly one row.
    """
    if unknown := set(by) - set(GROUPS):
        raise ValueError(f"statistics are not grouped by {sorted(unknown)}")
    as_of = as_of or timezone.now()
    found: dict[tuple[Any, ...], dict[str, int]] = {} if by else {(): dict(_NOTHING)}
    late = {f"late_{place}": Count("month", filter=Q(**{f"awaited__{place}__lte": as_of})) for place in _AWAITED}
    # of `month`, which is never null: the key is not in the index, and counting it would read every row itself
    grouped = cases.order_by().values_list(*by, "marks")
    for row in grouped.annotate(cases=Count("month"), again=Sum("reworks"), back=Sum("hand_backs"), **late):
        group, (marks, number, reworks, hand_backs, *overdue) = row[: len(by)], row[len(by) :]
        line = found.setdefault(group, dict(_NOTHING))
        for code in rules.counted_of(marks):
            line[code] += number
        for place, times in zip(_AWAITED, overdue, strict=True):
            for code in rules.counted_late(marks, place) if times else ():
                line[code] += times
        line["reworked"] += reworks
        line["handed_back"] += hand_backs
    in_order = sorted(found.items(), key=lambda line: [(value is None, value) for value in line[0]])
    return [dict(zip(by, group, strict=True)) | line for group, line in in_order]


_NOTHING = {count.code: 0 for count in COUNTS}
_AWAITED = range(len(rules.STAGES))


def facts_of(case: Case) -> CaseFacts:
    """A case as the pure rules see it."""

    def stage(name: str) -> StageFacts:
        due = None if name == "handle" and case.exempt else getattr(case, f"{name}_due_at")
        return StageFacts(due, getattr(case, _done(name)))

    return CaseFacts(
        reported_at=case.reported_at,
        by_collector=case.source == Source.COLLECTOR,
        by_public=case.source in PUBLIC_SOURCES,
        accepted=case.accepted,
        filed=case.filed,
        voided=case.voided,
        self_handled=case.self_handled,
        reworks=case.reworks,
        hand_backs=case.hand_backs,
        accept=stage("accept"),
        verify=stage("verify"),
        file=stage("file"),
        dispatch=stage("dispatch"),
        handle=stage("handle"),
        check=stage("check"),
        close=stage("close"),
    )


@dataclass(frozen=True)
class Line:
    """One line of a statistics table: what it is about, its counts, its ratios in per cent."""

    key: tuple[Any, ...]
    counts: dict[str, int]
    ratios: dict[str, Decimal | None]


def table(
    cases: QuerySet[Case], by: Sequence[str], rework_base: ReworkBase = "to_close", as_of: datetime | None = None
) -> list[Line]:
    """Lines of counts and ratios, grouped by the columns."""
    lines = []
    for row in counts(cases, *by, as_of=as_of):
        numbers = {count.code: row[count.code] for count in COUNTS}
        lines.append(Line(tuple(row[column] for column in by), numbers, rules.ratios(numbers, rework_base)))
    return lines


def total(lines: Iterable[Line], rework_base: ReworkBase = "to_close") -> Line:
    """The sum of all lines, its ratios from the sums."""
    numbers = {count.code: 0 for count in COUNTS}
    for line in lines:
        for code, number in line.counts.items():
            numbers[code] += number
    return Line((), numbers, rules.ratios(numbers, rework_base))


def in_months(cases: QuerySet[Case], start: date, end: date) -> QuerySet[Case]:
    """The cases of whole months, by the month column that the covering index begins with."""
    return cases.filter(month__gte=start.year * 100 + start.month, month__lte=end.year * 100 + end.month)


# What stands behind a number, and what a group is called

NAMED_GROUPS: dict[str, str | Promise] = {
    "district_code": gettext_lazy("District"),
    "department": pgettext_lazy("case", "Department"),
    "code": gettext_lazy("Class"),
    "month": gettext_lazy("Month"),
    "source": gettext_lazy("Source"),
    "reported_by": pgettext_lazy("case", "Reported by"),
}
"""The groups that the page offers, with their names."""


def counted(cases: QuerySet[Case], code: str, as_of: datetime | None = None) -> QuerySet[Case]:
    """The cases that the count `code` counted; of the two sums, those that add to it. UnknownCount for another code."""
    if code in rules.SUMS:
        return cases.filter(**{f"{rules.SUMS[code]}__gt": 0})
    conditions = _conditions(as_of or timezone.now())
    if code not in conditions:
        raise UnknownCount(field="count", count=code[:40])
    return cases.filter(conditions[code])


def value_of(by: str, key: str) -> Any:
    """A group's value from its text in an address; nothing stands for cases without one."""
    if by in {"department", "reported_by", "month"}:
        return int(key) if key.isdigit() and len(key) < 18 else None
    return key[:20]


def of_key(cases: QuerySet[Case], by: str, key: str) -> QuerySet[Case]:
    """The cases of one line of a table that is grouped by the column."""
    value = value_of(by, key)
    return cases.filter(**({f"{by}__isnull": True} if value is None else {by: value}))


def names_of(by: str, values: Sequence[Any]) -> dict[Any, str]:
    """What people call the values of a group, in the order given."""
    known: dict[Any, str] = {}
    if by == "department":
        known = dict(Organisation.objects.filter(pk__in=[v for v in values if v]).values_list("pk", "name"))
    elif by == "reported_by":
        known = {user.pk: str(user) for user in User.objects.filter(pk__in=[v for v in values if v])}
    elif by == "source":
        known = {value: str(label) for value, label in SOURCES.items()}
    elif by == "month":
        known = {value: f"{value // 100}-{value % 100:02}" for value in values if value}
    elif by == "code":
        # a code may mean different things in two editions; then both names stand
        for code, name in DictionaryEntry.objects.filter(code__in=values).values_list("code", "name").order_by("pk"):
            if name not in known.get(code, ""):
                known[code] = f"{known[code]} / {name}" if code in known else f"{code} {name}"
    elif by == "district_code":
        known = {value: places.name_of(value) for value in values if value}
    return {value: known.get(value) or (str(value) if value else pgettext("case", "none")) for value in values}
