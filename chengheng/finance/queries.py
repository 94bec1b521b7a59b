"""What people ask of finance: the aspects and units at a glance, a rule's coverage, a finding's rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from math import log10
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, Count, Max, Q, Sum
from django.db.models.functions import Cast, Left
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common.people import access
from chengheng.finance import dashboards, registers
from chengheng.finance.engine import SNAPSHOTS, parameters_of, yuan
from chengheng.finance.models import (
    TABLES,
    Aspect,
    BatchKind,
    Doubt,
    EvidenceBatch,
    Finding,
    Line,
    RuleChange,
    RuleParameter,
    RuleRun,
    Unit,
)
from chengheng.finance.rules.catalogue import Rule, econ_sets, rules

PRIVATE = {"pay": ("id_no", "name", "bank_account"), "staff": ("id_no", "name"), "cards": ("card_no", "holder")}
"""Kind of evidence → columns that only those with `finance.private.view` see unmasked."""
PRIVATE_AMOUNTS = {"pay": ("pay_fen", "base_fen")}


def overview(user: Any) -> dict[str, Any]:
    """Aspects with their findings in force, doubts and coverage; units with the same."""
    findings = access.visible(user, "finance.finding.view", Finding.objects.filter(outdated_at__isnull=True))
    doubts = access.visible(user, "finance.doubt.view", Doubt.objects.all())
    runs = access.visible(user, "finance.finding.view", RuleRun.objects.all())
    found: dict[Any, dict[str, Any]] = {row["aspect"]: dict(row) for row in findings.order_by().values("aspect").annotate(
        number=Count("pk"), high=Count("pk", filter=Q(level="高")))}  # fmt: skip
    open_doubts: dict[Any, int] = dict(
        doubts.exclude(state__in=("closed", "dismissed")).order_by().values_list("aspect").annotate(Count("pk"))
    )
    said: dict[Any, dict[str, Any]] = {row["aspect"]: dict(row) for row in runs.order_by().values("aspect").annotate(
        answered=Count("rule", filter=Q(outcome__in=("clean", "found")), distinct=True),
        lacking=Count("rule", filter=Q(outcome="insufficient"), distinct=True))}  # fmt: skip
    lines = []
    for one in Aspect.objects.all():
        catalogue = [rule for rule in rules().values() if rule.aspect == one.pk]
        lines.append(
            {
                "aspect": one, "findings": found.get(one.pk, {}).get("number", 0), "high": found.get(one.pk, {}).get("high", 0),
                "doubts": open_doubts.get(one.pk, 0), "answered": said.get(one.pk, {}).get("answered", 0),
                "rules": len(catalogue), "executable": sum(rule.executable for rule in catalogue),
            }
        )  # fmt: skip
    units = access.visible(user, "finance.unit.view", Unit.objects.select_related("organisation")).annotate(
        number=Count("findings", filter=Q(findings__outdated_at__isnull=True)),
        high=Count("findings", filter=Q(findings__outdated_at__isnull=True, findings__level="高")),
    )
    last = {
        row["unit"]: row["place"]
        for row in EvidenceBatch.objects.filter(current=True, kind="lines").values("unit").annotate(
            place=Max("year") * 100 + Max("period"))
    }  # fmt: skip
    return {
        "aspects": lines,
        "units": [
            (unit, f"{last[unit.pk] // 100}-{last[unit.pk] % 100:02}" if unit.pk in last else "") for unit in units
        ],
        "report_year": max(last.values()) // 100 if last else None,
        "covered": sum(1 for line in lines if line["aspect"].counted and line["answered"]),
        "counted": sum(1 for line in lines if line["aspect"].counted),
        "counted_text": f" / {sum(1 for line in lines if line['aspect'].counted)}",
        "open_doubts": sum(open_doubts.values()),
        "findings": sum(row["number"] for row in found.values()),
        "executable": sum(rule.executable for rule in rules().values()),
        "rules": len(rules()),
    }


def unit_page(user: Any, unit: Unit, view: str = "") -> dict[str, Any]:
    """A unit: its aspects and findings and its money at a glance; view "rules": what each rule said last; "evidence": which
    evidence is there."""
    latest = EvidenceBatch.objects.filter(unit=unit, current=True, kind="lines").order_by("-year", "-period").first()
    year, period = (latest.year, latest.period) if latest else (None, None)
    page: dict[str, Any] = {"year": year, "period": period, "view": view}
    may_see = access.may(user, "finance.finding.view", unit)
    runs = RuleRun.objects.filter(unit=unit, year=year or 0, period=period or 0) if may_see else RuleRun.objects.none()
    page["views"] = ("", *(("rules",) if may_see else ()), "evidence")
    if view == "evidence":
        return page | {"kinds": _coverage(unit, year)}
    if view == "rules" and may_see:
        order = {"found": 0, "insufficient": 1, "clean": 2, "not_applicable": 3}
        said = sorted(runs.select_related("aspect"), key=lambda run: (order[run.outcome], run.aspect.order, run.rule))
        return page | {"runs": [(run, rules()[run.rule], [kind_label(kind) for kind in run.missing]) for run in said]}
    page["public"] = public_spending(unit, year, period) if year and period else []
    page["budget"], page["spent"] = _execution(unit, year, period) if year and period else (None, None)
    if year and period:
        page |= dashboards.dashboard(user, unit, year, period)
        page["spent_url"] = dashboards.spending_at(unit, year, period)
        page["budget_url"] = dashboards.rows_at(unit, "budgets", year)
    if may_see and year:
        found = Finding.objects.filter(unit=unit, year=year, outdated_at__isnull=True)
        page["aspects"] = _unit_aspects(user, unit, found, runs)
        page["findings"] = sorted(
            found.order_by("-pk")[:500], key=lambda one: (_GRAVITY.get(one.level, 9), -(one.amount_fen or 0))
        )[:10]
        page["findings_number"] = found.count()
    return page


_GRAVITY = {"高": 0, "中": 1, "低": 2}


def _unit_aspects(user: Any, unit: Unit, found: Any, runs: Any) -> list[dict[str, Any]]:
    """Each aspect of a unit: findings in force, grave ones, open doubts, rules that answered and that lacked evidence."""
    by_aspect: dict[Any, Any] = {row["aspect"]: row for row in found.order_by().values("aspect").annotate(
        number=Count("pk"), high=Count("pk", filter=Q(level="高")), fen=Sum("amount_fen"))}  # fmt: skip
    said: dict[Any, Any] = {row["aspect"]: row for row in runs.order_by().values("aspect").annotate(
        answered=Count("pk", filter=Q(outcome__in=("clean", "found"))), lacking=Count("pk", filter=Q(outcome="insufficient")))}  # fmt: skip
    doubts = access.visible(user, "finance.doubt.view", Doubt.objects.filter(unit=unit))
    put = dict(doubts.exclude(state__in=("closed", "dismissed")).order_by().values_list("aspect").annotate(Count("pk")))
    none: dict[str, Any] = {}
    return [
        {
            "aspect": one, "number": by_aspect.get(one.pk, none).get("number", 0), "high": by_aspect.get(one.pk, none).get("high", 0),
            "fen": by_aspect.get(one.pk, none).get("fen"), "doubts": put.get(one.pk, 0),
            "answered": said.get(one.pk, none).get("answered", 0), "lacking": said.get(one.pk, none).get("lacking", 0),
            "url": f"{reverse('finance:findings')}?{urlencode({'unit': unit.pk, 'aspect': one.pk})}",
            "doubts_url": f"{reverse('finance:doubts')}?{urlencode({'unit': unit.pk, 'aspect': one.pk})}",
        }
        for one in Aspect.objects.all()
    ]  # fmt: skip


def kind_label(kind: str) -> str:
    """What a kind of evidence is called; the kind itself for anything else."""
    if kind == "amounts":
        return _("enough amounts")
    return _("a local parameter") if kind == "parameter" else str(dict(BatchKind.choices).get(kind, kind))


def _coverage(unit: Unit, year: int | None) -> list[tuple[str, int, date | None, str]]:
    rows = EvidenceBatch.objects.filter(unit=unit, current=True, year=year or 0).values("kind").annotate(
        number=Count("pk"), last=Max("imported_at"))  # fmt: skip
    have: dict[str, dict[str, Any]] = {row["kind"]: dict(row) for row in rows}
    return [
        (str(label), have.get(kind, {}).get("number", 0), have.get(kind, {}).get("last"),
         dashboards.rows_at(unit, kind, year) if year and kind in have and kind != "lines" else "")
        for kind, label in BatchKind.choices
    ]  # fmt: skip


def _execution(unit: Unit, year: int, period: int) -> tuple[int | None, int]:
    batch = EvidenceBatch.objects.filter(unit=unit, kind="budgets", year=year, current=True).order_by("-period").first()
    budget = (
        TABLES["budgets"]._default_manager.filter(batch=batch).aggregate(sum=Sum("budget_fen"))["sum"]
        if batch
        else None
    )
    sums = dashboards.spending(unit, year, period).aggregate(debit=Sum("debit_fen"), credit=Sum("credit_fen"))
    return budget, (sums["debit"] or 0) - (sums["credit"] or 0)


def public_spending(unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    """三公 item by item: budget, spent up to the period, the same of last year; all in fen, None where nothing is known."""

    def by_econ(of_year: int) -> dict[str, int]:
        rows = (
            dashboards.spending(unit, of_year, period)
            .order_by()
            .values("econ")
            .annotate(debit=Sum("debit_fen"), credit=Sum("credit_fen"))
        )
        return {row["econ"]: row["debit"] - row["credit"] for row in rows}

    now, before = by_econ(year), by_econ(year - 1)
    batch = EvidenceBatch.objects.filter(unit=unit, kind="budgets", year=year, current=True).first()
    budgets: dict[str, int] = defaultdict(int)
    if batch:
        rows: Any = TABLES["budgets"]._default_manager.filter(batch=batch)
        for econ, fen in rows.values_list("econ", "budget_fen"):
            budgets[econ] += fen
    return [
        {
            "item": item, "url": dashboards.spending_at(unit, year, period, public=item),
            "before_url": dashboards.spending_at(unit, year - 1, period, public=item),
            "budget_url": dashboards.rows_at(unit, "budgets", year, public=item), "spent": sum(now.get(code, 0) for code in codes),
            "before": sum(before.get(code, 0) for code in codes) if before else None,
            "budget": sum(budgets.get(code, 0) for code in codes) if batch else None,
        }
        for item, codes in econ_sets().items() if item != "card"
    ]  # fmt: skip


def rows_of(finding: Finding, user: Any, most: int = 200) -> tuple[list[str], list[list[Any]], bool]:
    """Headings and cells of the evidence rows behind a finding; whether private cells were masked."""
    model = TABLES[finding.table]
    rows = model._default_manager.filter(pk__in=finding.row_ids[:most], unit=finding.unit).order_by("pk")
    return _cells(finding.table, rows, access.may(user, "finance.private.view", finding))


def vouchers_of(finding: Finding, most: int = 200) -> list[str]:
    """The address of each row's voucher, in the order of `rows_of`."""
    rows = Line.objects.filter(pk__in=finding.row_ids[:most], unit=finding.unit).order_by("pk")
    return [row.get_absolute_url() for row in rows]


SHOWN = {
    "lines": ("day", "word", "number", "summary", "account", "econ", "project", "party", "debit_fen", "credit_fen", "invoice",
              "maker", "reviewer"),
}  # fmt: skip
"""Kind → the columns of its rows where not all are shown; a voucher's page has the rest."""


def _cells(kind: str, rows: Any, may_see_private: bool) -> tuple[list[str], list[list[Any]], bool]:
    """Headings and cells of rows of a kind, without empty columns; whether private cells were masked."""
    fields = {one.name: one for one in TABLES[kind]._meta.concrete_fields if one.name not in {"id", "batch", "unit"}}
    told_by_day = {"year", "period"} if "day" in fields else set()
    columns = [fields[name] for name in SHOWN.get(kind, [name for name in fields if name not in told_by_day])]
    private = PRIVATE.get(kind, ())
    amounts = PRIVATE_AMOUNTS.get(kind, ())
    open_ = not private or may_see_private
    cells = []
    for row in rows:
        line = []
        for column in columns:
            value = getattr(row, column.attname)
            if not open_ and column.name in private:
                value = mask(str(value))
            elif not open_ and column.name in amounts:
                value = "***"
            elif column.name.endswith("_fen") and value is not None:
                value = yuan(value)
            elif column.name == "period" and value == 0:
                value = _("whole year")
            elif column.name == "row" and value == 0:
                value = None  # not from a sheet
            elif isinstance(value, bool):
                value = _("yes") if value else _("no")
            elif column.choices:
                value = str(dict(column.flatchoices).get(value, value))
            line.append("" if value is None else value.isoformat() if isinstance(value, date) else value)
        cells.append(line)
    told = [index for index in range(len(columns)) if any(line[index] != "" for line in cells)]
    return (
        [str(columns[index].verbose_name) for index in told],
        [[line[index] for index in told] for line in cells],
        not open_,
    )


def evidence_rows(user: Any, unit: Unit, kind: str, given: Any, most: int = 200) -> dict[str, Any]:
    """A unit's rows of a kind in force of a year (of registers: the latest one), narrowed by `only`, `period`, `project`,
    `account` or `public`; at most `most` of them, with how many there are and their sums."""
    year = int(given["year"]) if str(given.get("year", "")).isdecimal() else 0
    model: Any = TABLES[kind]
    only = given.get("only", "")
    rows = registers.part(unit, kind, year, only)
    if kind not in SNAPSHOTS and str(given.get("period", "")).isdecimal():
        rows = rows.filter(period=int(given["period"]))
    narrow = {"budgets": ("project",), "bank": ("account",)}.get(kind, ())
    for name in narrow:
        if given.get(name):
            rows = rows.filter(**{{"account": "account_no"}.get(name, name): given[name]})
    if kind == "budgets" and given.get("public") in econ_sets():
        rows = rows.filter(econ__in=econ_sets()[given["public"]])
    open_ = access.may(user, "finance.private.view", unit)
    hidden = () if open_ else PRIVATE_AMOUNTS.get(kind, ())
    money = [one for one in model._meta.concrete_fields if one.name.endswith("_fen") and one.name not in hidden]
    sums = rows.aggregate(**{one.name: Sum(one.name) for one in money}) if money else {}
    head, cells, masked = _cells(kind, rows.order_by("pk")[:most], open_)
    return {"head": head, "rows": [{"cells": one} for one in cells], "masked": masked, "number": rows.count(), "most": most, "part": registers.part_label(kind, only),
            "sums": [(one.verbose_name, sums[one.name]) for one in money if sums[one.name]], "year": year}  # fmt: skip


def mask(word: str) -> str:
    """All but the first and the last characters hidden: "120101199001011234" → "12************34", "王小明" → "王**"."""
    if len(word) <= 4:
        return word[:1] + "*" * (len(word) - 1)
    return word[:2] + "*" * (len(word) - 4) + word[-2:]


NIGRINI = ((0.0012, "good"), (0.0018, "info"), (0.0022, "warn"))
"""First two digits: mean absolute deviation up to which books conform closely, acceptably, marginally (Nigrini's limits as
in benford_py/constants.py; facts/finance.md 3.1)."""


def benford(user: Any) -> list[dict[str, Any]]:
    """Each unit's latest year against Benford's law of the first two digits: how many amounts there are, whether that is
    enough to ask, and how far they are off. The same amounts as rule T10."""
    found = []
    for unit in access.visible(user, "finance.finding.view", Unit.objects.select_related("organisation")):
        latest = (
            EvidenceBatch.objects.filter(unit=unit, current=True, kind="lines").order_by("-year", "-period").first()
        )
        if latest is None:
            continue
        amounts = Line.objects.filter(unit=unit, year=latest.year, batch__current=True, void=False, debit_fen__gte=1000)
        if unit.accounting == "government":
            amounts = amounts.exclude(account__regex="^[678]")
        heads = (
            amounts.order_by()
            .annotate(head=Left(Cast("debit_fen", CharField()), 2))
            .values_list("head")
            .annotate(Count("pk"))
        )
        seen = {int(head): number for head, number in heads}
        n = sum(seen.values())
        least = int(parameters_of(rules()["T10"], unit, date(latest.year, latest.period or 12, 28))["min_n"])
        mad = sum(abs(seen.get(d, 0) / n - log10(1 + 1 / d)) for d in range(10, 100)) / 90 if n else None
        tone = next((tone for limit, tone in NIGRINI if mad is not None and mad <= limit), "bad")
        url = dashboards.lines_at(unit, latest.year)
        found.append({"unit": unit, "year": latest.year, "n": n, "least": least, "enough": n >= least, "tone": tone, "url": url,
                      "mad": f"{mad:.5f}" if mad is not None else "—"})  # fmt: skip
    return found


def rule_page(rule: Rule, user: Any) -> dict[str, Any]:
    """A rule with its parameters in force, and what is proposed with what it would find."""
    values = RuleParameter.objects.filter(rule=rule.code).select_related("unit__organisation")
    in_force: set[int] = set()
    changes = RuleChange.objects.filter(rule=rule.code).select_related(
        "unit__organisation", "proposed_by", "decided_by"
    )[:20]
    seen = set(access.visible(user, "finance.finding.view", Unit.objects.all()).values_list("pk", flat=True))
    today = timezone.localdate()
    newest: set[tuple[str, int | None]] = set()
    for row in values.order_by("name", "unit", "-valid_from", "-pk"):
        if (
            row.valid_from <= today
            and (row.valid_to is None or row.valid_to >= today)
            and (row.name, row.unit_id) not in newest
        ):
            newest.add((row.name, row.unit_id))
            in_force.add(row.pk)
    return {"rule": rule, "values": [(row, row.pk in in_force, row.valid_from > today) for row in values],
            "benford": benford(user) if rule.code == "T10" else None, "needs": [kind_label(kind) for kind in rule.needs],
            "defaults": {name: f"{value:f}" for name, value in rule.defaults.items() if name in rule.parameters},
            "names": sorted(rule.parameters),
            "changes": [
                {"change": one, "rows": [row for row in one.result if row["unit"] in seen],
                 "now": sum(row["now"] for row in one.result), "then": sum(row["then"] for row in one.result),
                 "open": one.state == RuleChange.State.PROPOSED,
                 "may_enforce": one.tested_at is not None and one.proposed_by_id != user.pk and access.may(user, "finance.rule.enforce"),
                 "may_withdraw": access.may(user, "finance.rule.change")} for one in changes]}  # fmt: skip
