"""The rules of supervision over an invented commission: recall and false flags of every rule, on seeds not used to tune.

CHENGHENG_BENCH_UNITS (default 12; 60 is the issue's commission) units of three years, CHENGHENG_BENCH_SEEDS (default
"101,102"; the rules were mended on seeds 0–9) and CHENGHENG_BENCH_EACH (default 1) faults of every rule's kind. With
CHENGHENG_BENCH_SECONDS a run stops at the unit during which that time is over, and says how many units it is of.
Everything is rolled back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from benchmarks.finance_month import timed
from benchmarks.limits import site
from benchmarks.report import Report

Finding = tuple[str, str, int, int, str]


def run(report: Report) -> None:
    with site():
        units, each = (
            int(os.environ.get(f"CHENGHENG_BENCH_{name}", default))
            for name, default in (("UNITS", "12"), ("EACH", "1"))
        )
        for seed in map(int, os.environ.get("CHENGHENG_BENCH_SEEDS", "101,102").split(",")):
            measure(report, seed, units, each)


def measure(report: Report, seed: int, units: int, each: int) -> dict[str, Any]:
    from chengheng.finance.invented import score

    began = time.perf_counter()
    most = float(os.environ.get("CHENGHENG_BENCH_SECONDS", "inf"))
    plants, findings, lines, wordless, done = prove(seed, units=units, each=each, most=most)
    took = time.perf_counter() - began
    scores = score(plants, findings)
    report.line(
        f"seed {seed}: {done} of {units} units × 3 years",
        lines,
        "lines",
        f"{len(plants)} faults planted, {len(findings)} findings, {took:.0f} s",
    )
    planted, found = (sum(getattr(one, name) for one in scores.values()) for name in ("planted", "found"))
    true, beside, false = (sum(getattr(one, name) for one in scores.values()) for name in ("true", "beside", "false"))
    report.line(f"seed {seed}: recall over all rules", found / planted, "of 1", f"{found} of {planted}")
    report.line(
        f"seed {seed}: precision over all rules",
        true / max(1, true + false),
        "of 1",
        f"{true} true, {false} false flags; {beside} more brought by faults of other rules, in neither count",
    )
    for code, one in sorted(scores.items()):
        if one.planted == one.false == one.beside == 0:
            continue
        brought = "、".join(f"{cause} ×{number}" for cause, number in one.brought.most_common())
        note = f"{one.found}/{one.planted} planted; {one.true} true, {one.false} false" + (
            f"; brought by {brought}" if brought else ""
        )
        report.line(f"seed {seed}: {code} recall", one.recall if one.recall is not None else float("nan"), "of 1", note)
        for missed in one.missed[:3]:
            print("      missed:", missed, flush=True)
        for example in one.examples[:2]:
            print("      false:", example[:150], flush=True)
    for code in wordless:
        print(f"      {code} never had all the evidence that it needs", flush=True)
    return scores


def prove(
    seed: int, *, units: int, each: int, years: tuple[int, ...] = (2022, 2023, 2024), only: Iterable[str] | None = None,
    most: float = float("inf"),
) -> tuple[list[Any], list[Finding], int, list[str], int]:  # fmt: skip
    """Plants, findings, lines kept, rules that never had their evidence, units done in `most` seconds.

    Needs a database; leaves nothing in it. Each unit has a transaction of its own, so that the catalogue of the
    database does not fill with the dead rows of temporary tables.
    """
    from django.db import transaction

    from chengheng.common.calendars.models import current_calendar
    from chengheng.common.people.access import SYSTEM
    from chengheng.common.people.models import Organisation
    from chengheng.finance import actions, engine, invented, reference
    from chengheng.finance.models import RuleRun
    from chengheng.finance.rules.catalogue import rules

    chosen = [code for code in rules() if only is None or code in set(only)]
    monthly = [code for code in chosen if engine.MONTHLY.search(rules()[code].sql)]
    calendar = current_calendar()

    def working(day: date) -> bool:
        return calendar.is_working(day) if calendar.covers(day) else day.weekday() < 5

    plants: list[Any] = []
    findings: list[Finding] = []
    answered: set[str] = set()
    lines = done = 0
    spent = {"kept": 0.0, "asked": 0.0}
    began = time.perf_counter()
    for books in invented.commission(
        seed, units=units, years=years, each=each, working=working, only=None if only is None else frozenset(only)
    ):
        if time.perf_counter() - began > most:
            break
        with transaction.atomic():
            reference.load()
            for code, values in invented.LOCAL.items():
                for name, value in values.items():
                    actions.set_parameter(
                        SYSTEM, code, name, Decimal(value), valid_from=date(2000, 1, 1), source="bench"
                    )
            place = Organisation.objects.create(
                code=f"BENCH-{seed}-{books.code}", name=f"单位{books.code}", kind="unit"
            )
            unit = actions.supervise_unit(
                SYSTEM, place, kind=books.kind, accounting=books.accounting, supervised_from=date(2000, 1, 1)
            )
            with timed() as kept:
                keep(unit, books)
            lines += sum(len(rows) for (kind, _y, _m), rows in books.evidence.items() if kind == "lines")
            with timed() as asked:
                for year in years:
                    for month in range(1, 13):
                        for answer in engine.ask(unit, year, month, chosen if month == 12 else monthly):
                            if answer.outcome in (RuleRun.Outcome.CLEAN, RuleRun.Outcome.FOUND):
                                answered.add(answer.rule.code)
                            findings += [(one.rule.code, books.code, year, month, one.text) for one in answer.found]
            transaction.set_rollback(True)
        plants += books.plants
        done += 1
        spent = {"kept": spent["kept"] + kept["processor"], "asked": spent["asked"] + asked["processor"]}
        if most != float("inf"):
            print(
                f"      {done} units, {time.perf_counter() - began:.0f} s; processor: {spent['kept']:.0f} s keeping, "
                f"{spent['asked']:.0f} s asking; this unit {kept['processor']:.1f} + {asked['processor']:.1f}", flush=True
            )  # fmt: skip
    return plants, findings, lines, sorted(set(chosen) - answered), done


def keep(unit: Any, books: Any) -> None:
    """A unit's books as batches of evidence."""
    from chengheng.common.people.access import SYSTEM
    from chengheng.finance import actions

    for (kind, year, month), rows in sorted(books.evidence.items()):
        if rows:
            actions.store_batch(SYSTEM, unit, kind, year, month, rows, origin="invented", run_rules=False)
