"""The figures of a month with scores and grades, ready to be frozen; and what changed since they were.

The example rule sets are other cities' published ones (facts/domain.md B.7), never called Tianjin's.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from chengheng.patrol import queries, sampling, statistics
from chengheng.patrol.models import Bulletin, Case, CaseTask, ScoreRuleSet, Source
from chengheng.patrol.rules import scores

OBJECTS = {"district": "district_code", "department": "department", "collector": "reported_by"}
"""What is scored, and the column that it is grouped by."""

POSTS = {"receptionist": "patrol.case.accept", "duty_chief": "patrol.case.file", "dispatcher": "patrol.case.dispatch"}
"""Posts that are scored by person (受理员, 值班长, 派遣员): the cases of the month to which they did this act first."""

SHOWN_COUNTS = ("reported", "valid", "filed", "handled", "handled_in_time", "unhandled", "closed", "reworked", "voided")
SHOWN_RATIOS = ("valid_rate", "handle_rate", "handle_in_time_rate", "close_rate", "rework_rate")


def rule_set_on(day: date) -> ScoreRuleSet | None:
    """The rule set in force on the day."""
    return ScoreRuleSet.objects.filter(in_force_from__lte=day).first()


def rules_of(rule_set: ScoreRuleSet) -> dict[str, Any]:
    """The rules as a bulletin keeps them."""
    return {"name": rule_set.name, "source": rule_set.source, "parts": rule_set.parts, "grades": rule_set.grades}


def figures(month: int, rules: Mapping[str, Any], as_of: datetime) -> dict[str, Any]:
    """Counts, ratios, scores and grades of a month: {"total": line, "district": [line, …], …}, ready for JSON."""
    cases = Case.objects.filter(month=month)
    base: Any = queries.settings_in_force().rework_base
    found: dict[str, Any] = {}
    for name, by in OBJECTS.items():
        lines = statistics.table(_of_object(cases, name), [by], base, as_of)
        names = statistics.names_of(by, [line.key[0] for line in lines])
        more = _further_ratios(name, by, cases, month, lines, as_of)
        parts = scores.read_parts(rules["parts"].get(name, ())) if rules["parts"].get(name) else ()
        found[name] = _ranked(
            [_row(line.key[0], names[line.key[0]], line, more[line.key[0]], parts, rules) for line in lines]
        )
    acts = _acts_of(month)
    for post, act in POSTS.items():
        parts = scores.read_parts(rules["parts"].get(post, ())) if rules["parts"].get(post) else ()
        people = {person: ids for (done, person), ids in acts.first.items() if done == act}
        names = statistics.names_of("reported_by", list(people))
        rows = []
        for person, ids in people.items():
            (line,) = statistics.table(cases.filter(pk__in=ids), [], base, as_of)
            rows.append(_row(person, names[person], line, acts.asked.get(person, _NEVER_ASKED), parts, rules))
        found[post] = _ranked(rows)
    (whole,) = statistics.table(cases, [], base, as_of)
    found["total"] = {"counts": whole.counts, "ratios": {code: _text(rate) for code, rate in whole.ratios.items()}}
    return found


def _row(
    key: Any,
    label: str,
    line: statistics.Line,
    more: Mapping[str, Decimal | None],
    parts: Any,
    rules: Mapping[str, Any],
) -> dict[str, Any]:
    scored = scores.score(parts, line.counts, {**line.ratios, **more}) if parts else None
    return {
        "key": str(key or ""), "label": label, "counts": line.counts,
        "ratios": {code: _text(rate) for code, rate in {**line.ratios, **more}.items()},
        "score": _text(scored.total) if scored else None,
        "grade": scores.grade(scored.total, rules["grades"]) if scored else "",
        "parts": [[part.code, str(part.weight), _text(value)] for part, value in scored.parts] if scored else [],
    }  # fmt: skip


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["score"] is None, -Decimal(row["score"] or 0), row["label"]))


_NEVER_ASKED: dict[str, Decimal | None] = {"ask_verify_rate": None, "ask_check_rate": None}
_ACTS = """
select distinct on (c.id, e.act) c.id, e.act, e.actor_id
from patrol_case c join trail_entry e on e.subject_type = 'patrol.case' and e.subject_id = c.id::text
where c.month = %s and e.act = any(%s) and e.actor_id is not null order by c.id, e.act, e.seq
"""


@dataclass(frozen=True)
class _Acts:
    """Who did what to the cases of a month: (act, person) → cases of which it was the first; and their asking in time."""

    first: dict[tuple[str, int], list[int]]
    asked: dict[int, dict[str, Decimal | None]]


def _acts_of(month: int) -> _Acts:
    """First acts from the trail, questions to collectors from their tasks.

    In time (local rule): a verification is asked for before the limit of filing is up (核实按时派发), a check before the
    limit of checking is up (核查按时派发); without a limit it is always in time.
    """
    first: dict[tuple[str, int], list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_ACTS, [month, list(POSTS.values())])
        for case, act, person in cursor.fetchall():
            first[act, person].append(case)
    marks: dict[tuple[int, str], list[bool]] = defaultdict(list)
    due = {CaseTask.Purpose.VERIFY.value: 0, CaseTask.Purpose.CHECK.value: 1}
    tasks = CaseTask.objects.filter(case__month=month, asked_by__isnull=False, withdrawn_at=None).order_by()
    for person, purpose, asked_at, *limits in tasks.values_list(
        "asked_by", "purpose", "asked_at", "case__file_due_at", "case__check_due_at"
    ):
        due_at = limits[due[purpose]]
        marks[person, f"ask_{purpose}_rate"].append(due_at is None or asked_at <= due_at)
    asked = {
        person: {rate: _share(marks.get((person, rate), [])) for rate in _NEVER_ASKED}
        for person in {person for person, _rate in marks}
    }
    return _Acts(dict(first), asked)


def _share(marks: list[bool]) -> Decimal | None:
    return Decimal(sum(marks)) * 100 / len(marks) if marks else None


def _of_object(cases: QuerySet[Case], name: str) -> QuerySet[Case]:
    if name == "department":
        return cases.exclude(department=None)
    if name == "collector":
        return cases.filter(source=Source.COLLECTOR).exclude(reported_by=None)
    return cases.exclude(district_code="")


def _further_ratios(
    name: str, by: str, cases: QuerySet[Case], month: int, lines: list[statistics.Line], as_of: datetime
) -> dict[Any, dict[str, Decimal | None]]:
    """Ratios that only scores use: overdue ÷ to handle, extended ÷ to handle (denominator: local rule), and for
    collectors the tasks of the month in time and, of those who were re-inspected, the missed rate.
    """
    extended = dict(_of_object(cases, name).filter(extensions__gt=0).order_by().values_list(by).annotate(n=Count("pk")))
    found: dict[Any, dict[str, Decimal | None]] = {}
    tasks = _tasks_in_time(month, as_of) if name == "collector" else {}
    missed = sampling.missed_rates(month) if name == "collector" else {}
    for line in lines:
        whole, key = line.counts["to_handle"], line.key[0]
        found[key] = {
            "unhandled_rate": Decimal(line.counts["unhandled"]) * 100 / whole if whole else None,
            "extension_rate": Decimal(extended.get(key, 0)) * 100 / whole if whole else None,
        }
        if name == "collector":
            found[key] |= {
                "missed_rate": missed.get(key),
                **tasks.get(key, {"task_verify_rate": None, "task_check_rate": None}),
            }
    return found


def _tasks_in_time(month: int, as_of: datetime) -> dict[int, dict[str, Decimal | None]]:
    zone = timezone.get_current_timezone()
    start = datetime(month // 100, month % 100, 1, tzinfo=zone)
    end = datetime(month // 100 + month % 100 // 12, month % 100 % 12 + 1, 1, tzinfo=zone)
    rows = (
        CaseTask.objects.filter(asked_at__gte=start, asked_at__lt=end, withdrawn_at=None)
        .filter(Q(done_at__isnull=False) | Q(due_at__lte=as_of))
        .order_by()
        .values_list("collector", "purpose")
        .annotate(n=Count("pk"), kept=Count("pk", filter=Q(done_at__lte=F("due_at")) | Q(due_at=None)))
    )
    found: dict[int, dict[str, Decimal | None]] = defaultdict(
        lambda: {"task_verify_rate": None, "task_check_rate": None}
    )
    for collector, purpose, number, kept in rows:
        found[collector][f"task_{purpose}_rate"] = Decimal(kept) * 100 / number
    return found


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def digest(month: int, edition: int, as_of: datetime, calendar: int, rules: Any, rows: Any) -> str:
    """SHA-256 over all that a bulletin says, as canonical JSON (sorted keys, no spaces, UTF-8)."""
    said = [month, edition, as_of.astimezone(timezone.get_default_timezone()).isoformat(), calendar, rules, rows]
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def is_whole(bulletin: Bulletin) -> bool:
    """Whether the stored rows still have the hash that was published."""
    b = bulletin
    return b.sha256 == digest(b.month, b.edition, b.as_of, b.calendar_version, b.rules, b.rows)


def compared(bulletin: Bulletin, name: str) -> list[dict[str, Any]]:
    """The frozen rows of an object, each with the figures of today by the same rules beside it where they differ."""
    now = {row["key"]: row for row in figures(bulletin.month, bulletin.rules, bulletin.as_of).get(name, ())}
    shown = []
    for row in bulletin.rows.get(name, ()):
        today = now.pop(row["key"], None)
        cells = [(row["counts"][code], today["counts"][code] if today else 0) for code in SHOWN_COUNTS]
        rates = [(row["ratios"].get(code), today["ratios"].get(code) if today else None) for code in SHOWN_RATIOS]
        marks = (row["score"], today["score"] if today else None)
        shown.append({**row, "cells": cells, "rates": rates, "marks": marks, "new": False})
    for today in now.values():
        cells = [(0, today["counts"][code]) for code in SHOWN_COUNTS]
        rates = [(None, today["ratios"].get(code)) for code in SHOWN_RATIOS]
        shown.append(
            {**today, "cells": cells, "rates": rates, "marks": (None, today["score"]), "new": True, "grade": ""}
        )
    return shown
