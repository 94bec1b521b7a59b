"""What people ask of finance: the aspects and units at a glance, a rule's coverage, a finding's rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from django.db.models import Count, Max, Q, Sum

from chengheng.common.people import access
from chengheng.finance import dashboards
from chengheng.finance.models import (
    TABLES,
    Aspect,
    BatchKind,
    Doubt,
    EvidenceBatch,
    Finding,
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


def unit_page(user: Any, unit: Unit) -> dict[str, Any]:
    """A unit: execution pace, 三公 against budget and last year, what each rule said last, which evidence is there."""
    latest = EvidenceBatch.objects.filter(unit=unit, current=True, kind="lines").order_by("-year", "-period").first()
    year, period = (latest.year, latest.period) if latest else (None, None)
    page: dict[str, Any] = {"year": year, "period": period, "kinds": _coverage(unit, year)}
    page["public"] = public_spending(unit, year, period) if year and period else []
    page["budget"], page["spent"] = _execution(unit, year, period) if year and period else (None, None)
    if year and period:
        page |= dashboards.dashboard(user, unit, year, period)
    if access.may(user, "finance.finding.view", unit) and year:
        runs = RuleRun.objects.filter(unit=unit, year=year or 0, period=period or 0).select_related("aspect")
        page["runs"] = [(run, rules()[run.rule], [kind_label(kind) for kind in run.missing]) for run in runs]
        page["findings"] = Finding.objects.filter(unit=unit, year=year, outdated_at__isnull=True)[:20]
    return page


def kind_label(kind: str) -> str:
    """What a kind of evidence is called; the kind itself for anything else."""
    from django.utils.translation import gettext as _

    return _("a local parameter") if kind == "parameter" else str(dict(BatchKind.choices).get(kind, kind))


def _coverage(unit: Unit, year: int | None) -> list[tuple[str, int, date | None]]:
    rows = EvidenceBatch.objects.filter(unit=unit, current=True, year=year or 0).values("kind").annotate(
        number=Count("pk"), last=Max("imported_at"))  # fmt: skip
    have: dict[str, dict[str, Any]] = {row["kind"]: dict(row) for row in rows}
    return [
        (str(label), have.get(kind, {}).get("number", 0), have.get(kind, {}).get("last"))
        for kind, label in BatchKind.choices
    ]


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
            "item": item, "url": dashboards.lines_at(unit, year, econ=codes[0]), "spent": sum(now.get(code, 0) for code in codes),
            "before": sum(before.get(code, 0) for code in codes) if before else None,
            "budget": sum(budgets.get(code, 0) for code in codes) if batch else None,
        }
        for item, codes in econ_sets().items() if item != "card"
    ]  # fmt: skip


def rows_of(finding: Finding, user: Any, most: int = 200) -> tuple[list[str], list[list[Any]], bool]:
    """Headings and cells of the evidence rows behind a finding; whether private cells were masked."""
    model = TABLES[finding.table]
    columns = [one for one in model._meta.concrete_fields if one.name not in {"id", "batch", "unit"}]
    private = PRIVATE.get(finding.table, ())
    amounts = PRIVATE_AMOUNTS.get(finding.table, ())
    open_ = not private or access.may(user, "finance.private.view", finding)
    rows = model._default_manager.filter(pk__in=finding.row_ids[:most], unit=finding.unit).order_by("pk")
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
                from chengheng.finance.engine import yuan

                value = yuan(value)
            line.append("" if value is None else value.isoformat() if isinstance(value, date) else value)
        cells.append(line)
    told = [index for index in range(len(columns)) if any(line[index] != "" for line in cells)]
    return (
        [str(columns[index].verbose_name) for index in told],
        [[line[index] for index in told] for line in cells],
        not open_,
    )


def mask(word: str) -> str:
    """All but the first and the last characters hidden: "120101199001011234" → "12************34", "王小明" → "王**"."""
    if len(word) <= 4:
        return word[:1] + "*" * (len(word) - 1)
    return word[:2] + "*" * (len(word) - 4) + word[-2:]


def rule_page(rule: Rule, user: Any) -> dict[str, Any]:
    """A rule with its parameters in force, and what is proposed with what it would find."""
    values = RuleParameter.objects.filter(rule=rule.code).select_related("unit__organisation")
    changes = RuleChange.objects.filter(rule=rule.code).select_related(
        "unit__organisation", "proposed_by", "decided_by"
    )[:20]
    seen = set(access.visible(user, "finance.finding.view", Unit.objects.all()).values_list("pk", flat=True))
    return {"rule": rule, "values": values, "needs": [kind_label(kind) for kind in rule.needs],
            "defaults": {name: f"{value:f}" for name, value in rule.defaults.items() if name in rule.parameters},
            "names": sorted(rule.parameters),
            "changes": [
                {"change": one, "rows": [row for row in one.result if row["unit"] in seen],
                 "now": sum(row["now"] for row in one.result), "then": sum(row["then"] for row in one.result),
                 "open": one.state == RuleChange.State.PROPOSED,
                 "may_enforce": one.tested_at is not None and one.proposed_by_id != user.pk and access.may(user, "finance.rule.enforce"),
                 "may_withdraw": access.may(user, "finance.rule.change")} for one in changes]}  # fmt: skip
