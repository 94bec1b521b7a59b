"""A unit's money aspect by aspect, and a commission's as one: numbers with the address of the lines behind each.

Every number comes from the batches in force. A number without evidence is None, never 0.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict, deque
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Q, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chengheng.common.people import access
from chengheng.common.people.models import Organisation
from chengheng.finance import elimination, registers
from chengheng.finance.engine import spending_pattern
from chengheng.finance.models import (
    AssetCard,
    BankAccount,
    BankLine,
    BudgetRow,
    CardSwipe,
    EvidenceBatch,
    Finding,
    Line,
    PayRow,
    Unit,
)
from chengheng.finance.rules.catalogue import econ_sets, rules

MOST_ROWS = 12
FLOWS = {
    "government": {"income": "^4", "expense": "^5", "receivable": "^12", "payable": "^23"},
    "enterprise": {"income": "^(60|61|63)", "expense": "^(5|64|66|67)", "receivable": "^(112|122)", "payable": "^(220|224)"},
    "small": {"income": "^(50|51|53)", "expense": "^(54|56|57)", "receivable": "^(112|122)", "payable": "^(220|224)"},
}  # fmt: skip
"""Accounting system → first digits of the accounts that a consolidated view adds up (financial accounting only, so that
the budgetary entries do not count twice). Charts: 财会[2017]25号; 企业会计准则 and 小企业会计准则 account lists."""


def lines_at(unit: Unit, year: int, **more: Any) -> str:
    """The address of a unit's voucher lines of a year, filtered further."""
    given = {"unit": unit.pk, "day_from": f"{year}-01-01", "day_to": f"{year}-12-31", **more}
    return f"{reverse('finance:lines')}?{urlencode(given)}"


def spending_at(unit: Unit, year: int, period: int, **more: Any) -> str:
    """The address of a unit's spending of a year up to a period, filtered further."""
    last = date(year, period, monthrange(year, period)[1]).isoformat()
    return lines_at(unit, year, of="spending", day_to=last, **more)


def rows_at(unit: Unit, kind: str, year: int, only: str = "", **more: Any) -> str:
    """The address of a unit's rows of a kind of evidence."""
    given = {"year": year, **({"only": only} if only else {}), **more}
    return f"{reverse('finance:rows', args=[unit.pk, kind])}?{urlencode(given)}"


def spending(unit: Unit, year: int, period: int) -> QuerySet[Line]:
    """Spending of the year up to the period, once (the budgetary side where there are two)."""
    return (
        Line.objects.filter(unit=unit, year=year, period__lte=period, batch__current=True, void=False)
        .filter(account__regex=spending_pattern(unit.accounting))
        .exclude(summary__contains="结转")
    )


def dashboard(user: Any, unit: Unit, year: int, period: int) -> dict[str, Any]:
    """Execution, cash, cards, assets, accounts and pay of a unit."""
    return {
        "projects": execution(unit, year, period),
        "pace": round(100 * period / 12, 1),
        "cash": cash(unit, year, period),
        "cards": cards(unit, year, period),
        "assets": assets(unit, year, period),
        "accounts": accounts(unit, year),
        "pay": pay(user, unit, year, period),
        "aging": aging(unit, year, period),
    }


def _latest(unit: Unit, kind: str, year: int | None = None, period: int = 12) -> EvidenceBatch | None:
    rows = EvidenceBatch.objects.filter(unit=unit, kind=kind, current=True).order_by("-year", "-period")
    if year is not None:
        rows = rows.filter(Q(year__lt=year) | Q(year=year, period__lte=period))
    return rows.first()


def execution(unit: Unit, year: int, period: int, most: int | None = MOST_ROWS) -> list[dict[str, Any]]:
    """Projects with budget, spending and rate, the largest first; [] without a budget of the year."""
    batch = EvidenceBatch.objects.filter(unit=unit, kind="budgets", year=year, current=True).first()
    if batch is None:
        return []
    budgets = dict(BudgetRow.objects.filter(batch=batch).order_by().values_list("project").annotate(Sum("budget_fen")))
    spent: dict[str, int] = {
        row["project"]: row["debit"] - row["credit"]
        for row in spending(unit, year, period)
        .order_by()
        .values("project")
        .annotate(debit=Sum("debit_fen"), credit=Sum("credit_fen"))
    }
    rows = [
        {
            "project": project,
            "budget": budgets.get(project),
            "spent": spent.get(project, 0),
            "rate": round(100 * spent.get(project, 0) / budgets[project], 1) if budgets.get(project) else None,
            "url": spending_at(unit, year, period, project=project),
            "budget_url": rows_at(unit, "budgets", year, project=project),
        }
        for project in {*budgets, *spent}
        if project
    ]
    return sorted(rows, key=lambda row: -(row["budget"] or row["spent"]))[:most]


def cash(unit: Unit, year: int, period: int) -> dict[str, Any] | None:
    """Cash at the end of each day on which it moved, against the limit set for the unit; None without balances."""
    known = registers.cash_days(unit, year, period)
    if known is None:
        return None
    opening, days = known
    limit = registers.cash_limit(unit, year, period)
    return {
        "days": len(days),
        "highest": max((fen for _day, fen in days), default=opening),
        "last": days[-1][1] if days else opening,
        "limit": limit,
        "over": sum(fen > limit for _day, fen in days) if limit is not None else None,
        "negative": sum(fen < 0 for _day, fen in days),
        "chart": {"kind": "line", "x": [day.isoformat() for day, _fen in days], "unit": "元",
                  "target": limit / 100 if limit is not None else None,
                  "series": [{"name": "日终库存现金", "data": [fen / 100 for _day, fen in days]}]},
        "url": lines_at(unit, year, account="1001"),
        "over_url": rows_at(unit, "lines", year, "over"),
        "negative_url": rows_at(unit, "lines", year, "negative"),
    }  # fmt: skip


def cards(unit: Unit, year: int, period: int) -> dict[str, Any] | None:
    """Share of the official card in what the card catalogue covers; None without a card statement of the year."""
    if not EvidenceBatch.objects.filter(unit=unit, kind="cards", year=year, current=True).exists():
        return None
    swipes = CardSwipe.objects.filter(unit=unit, year=year, period__lte=period, batch__current=True)
    by_card = swipes.aggregate(fen=Sum("reimbursed_fen"))["fen"] or 0
    paid = Line.objects.filter(
        unit=unit, year=year, batch__current=True, void=False, account__startswith="1001", credit_fen__gt=0
    ).values("period", "word", "number")
    vouchers = {(row["period"], row["word"], row["number"]) for row in paid}
    rows = (
        spending(unit, year, period)
        .filter(econ__in=econ_sets()["card"])
        .exclude(summary__regex="补助|补贴|误餐")
        .values_list("period", "word", "number", "debit_fen", "credit_fen")
    )
    in_cash = sum(debit - credit for *voucher, debit, credit in rows if tuple(voucher) in vouchers)
    whole = by_card + in_cash
    return {"card": by_card, "cash": in_cash, "share": round(100 * by_card / whole, 1) if whole else None, "number": swipes.count(),
            "late": swipes.filter(reimbursed_on=None).count(), "url": lines_at(unit, year, account="1001"),
            "rows": rows_at(unit, "cards", year), "late_rows": rows_at(unit, "cards", year, "late")}  # fmt: skip


def assets(unit: Unit, year: int, period: int) -> dict[str, Any] | None:
    """Cards in use and idle, by the latest register; None without one."""
    batch = _latest(unit, "assets", year, period)
    if batch is None:
        return None
    held = AssetCard.objects.filter(batch=batch, removed_on=None)
    idle = held.filter(state="闲置")
    sums = held.aggregate(number=Count("pk"), cost=Sum("cost_fen"), worn=Sum("depreciation_fen"))
    return {"number": sums["number"], "cost": sums["cost"] or 0, "net": (sums["cost"] or 0) - (sums["worn"] or 0), "idle": idle.count(),
            "idle_cost": idle.aggregate(fen=Sum("cost_fen"))["fen"] or 0, "cards": list(idle.order_by("-cost_fen")[:MOST_ROWS]),
            "unchecked": held.filter(Q(checked_on=None) | Q(checked_on__lt=date(year, 1, 1))).count(), "batch": batch,
            "rows": {only: rows_at(unit, "assets", year, only) for only in ("held", "idle", "unchecked")}}  # fmt: skip


def accounts(unit: Unit, year: int) -> list[dict[str, Any]] | None:
    """The register of bank accounts with what moved on each in the year; None without a register."""
    batch = _latest(unit, "accounts")
    if batch is None:
        return None
    moved = {
        row["account_no"]: row
        for row in BankLine.objects.filter(unit=unit, year=year, batch__current=True)
        .order_by()
        .values("account_no")
        .annotate(got=Sum("in_fen"), paid=Sum("out_fen"), last=Max("day"))
    }
    rows = [
        {
            "account": one,
            "tail": f"…{one.account_no[-4:]}",
            "moved": moved.pop(one.account_no, None),
            "known": True,
            "url": rows_at(unit, "bank", year, account=one.account_no),
        }
        for one in BankAccount.objects.filter(batch=batch).order_by("opened_on", "pk")
    ]
    rows += [
        {
            "account": None,
            "tail": f"…{number[-4:]}",
            "moved": row,
            "known": False,
            "url": rows_at(unit, "bank", year, account=number),
        }
        for number, row in moved.items()
    ]
    return rows


def pay(user: Any, unit: Unit, year: int, period: int) -> dict[str, Any] | None:
    """People paid and sum by month, and what the rules of pay say; None without a payroll of the year."""
    months = list(
        PayRow.objects.filter(unit=unit, year=year, period__lte=period, batch__current=True)
        .order_by("period")
        .values("period")
        .annotate(people=Count("id_no", distinct=True), fen=Sum("pay_fen"))
    )
    if not months:
        return None
    said: list[dict[str, Any]] = []
    if access.may(user, "finance.finding.view", unit):
        rows = Finding.objects.filter(unit=unit, year=year, outdated_at__isnull=True, aspect="pay").order_by()
        said = [
            {"rule": rules()[row["rule"]], "number": row["number"],
             "url": f"{reverse('finance:findings')}?{urlencode({'unit': unit.pk, 'aspect': 'pay', 'q': row['rule']})}"}
            for row in rows.values("rule").annotate(number=Count("pk"))
        ]  # fmt: skip
    return {"months": months, "said": said, "url": rows_at(unit, "pay", year),
            "chart": {"kind": "bar", "x": [str(row["period"]) for row in months], "unit": "万元",
                      "series": [{"name": "应发合计", "data": [round(row["fen"] / 1_000_000, 2) for row in months]}]}}  # fmt: skip


AGES = (90, 365, 730)
"""Days at which a claim passes into the next class of age; the last class is open."""


def aging(unit: Unit, year: int, period: int) -> dict[str, Any] | None:
    """What others owe the unit by age at the end of the period, first booked first settled; None without such lines.

    Only what the voucher lines in force say: a claim older than the first imported period is not in it.
    """
    last = date(year, period, monthrange(year, period)[1])
    lines = (
        Line.objects.filter(unit=unit, batch__current=True, void=False, day__lte=last)
        .filter(account__regex=FLOWS[unit.accounting]["receivable"])
        .order_by("day", "pk")
        .values_list("account", "party", "day", "debit_fen", "credit_fen")
    )
    open_claims: dict[tuple[str, str], deque[list[Any]]] = defaultdict(deque)
    ahead: dict[tuple[str, str], int] = defaultdict(int)  # settled before it was booked
    seen = False
    for account, party, day, debit, credit in lines:
        seen, key, fen = True, (account, party), debit - credit
        if fen > 0:
            used = min(ahead[key], fen)
            ahead[key] -= used
            if fen > used:
                open_claims[key].append([day, fen - used])
            continue
        left = -fen
        while left and open_claims[key]:
            first = open_claims[key][0]
            taken = min(left, first[1])
            first[1] -= taken
            left -= taken
            if not first[1]:
                open_claims[key].popleft()
        ahead[key] += left
    if not seen:
        return None
    classes = [0] * (len(AGES) + 1)
    rows = []
    for (account, party), claims in open_claims.items():
        if not claims:
            continue
        for day, fen in claims:
            classes[sum((last - day).days > limit for limit in AGES)] += fen
        more = {"party": party} if party else {}
        rows.append({"account": account, "party": party, "since": claims[0][0], "fen": sum(fen for _day, fen in claims),
                     "url": lines_at(unit, year, account=account, day_from="2000-01-01", day_to=last.isoformat(), **more)})  # fmt: skip
    rows.sort(key=lambda row: row["since"])
    return {"classes": classes, "whole": sum(classes), "rows": rows[:MOST_ROWS], "number": len(rows)}


def of_aspect(user: Any, code: str) -> dict[str, Any] | None:
    """The units beside each other in one aspect: headings, and for each unit its cells (value, address, tone); None for
    an aspect without figures of its own."""
    if code not in _BESIDE:
        return None
    units = access.visible(user, "finance.unit.view", Unit.objects.select_related("organisation"))
    last = {
        row["unit"]: row["place"]
        for row in EvidenceBatch.objects.filter(current=True, kind="lines", unit__in=units).order_by().values("unit")
        .annotate(place=Max("year") * 100 + Max("period"))
    }  # fmt: skip
    heads, cells = _BESIDE[code]
    rows = []
    for unit in units:
        if unit.pk in last:
            year, period = divmod(last[unit.pk], 100)
            rows.append({"unit": unit, "period": f"{year}-{period:02}", "cells": cells(user, unit, year, period)})
    return {"heads": heads, "rows": rows}


def _cell(value: Any, url: str = "", tone: str = "", kind: str = "") -> dict[str, Any]:
    return {"value": value, "url": url, "tone": tone, "kind": kind}


def _beside_budget(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    rows = execution(unit, year, period, most=None)
    sums = spending(unit, year, period).aggregate(debit=Sum("debit_fen"), credit=Sum("credit_fen"))
    spent = (sums["debit"] or 0) - (sums["credit"] or 0)
    budget = sum(row["budget"] or 0 for row in rows) if rows else None
    rate = round(100 * spent / budget, 1) if budget else None
    over = sum((row["budget"] or 0) < row["spent"] for row in rows)
    slow = rate is not None and rate < 100 * period / 12 - 15
    return [_cell(budget, rows_at(unit, "budgets", year), kind="fen"), _cell(spent, spending_at(unit, year, period), kind="fen"),
            _cell(rate, tone="warn" if slow else "", kind="%"), _cell(over if rows else None, tone="bad" if over else "")]  # fmt: skip


def _beside_public(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    from chengheng.finance.queries import public_spending

    rows = public_spending(unit, year, period)
    spent = sum(row["spent"] for row in rows)
    budget = sum(row["budget"] for row in rows) if rows and rows[0]["budget"] is not None else None
    before = sum(row["before"] for row in rows) if rows and rows[0]["before"] is not None else None
    return [_cell(spent, spending_at(unit, year, period), "bad" if budget is not None and spent > budget else "", "fen"),
            _cell(budget, rows_at(unit, "budgets", year), kind="fen"),
            _cell(before, spending_at(unit, year - 1, period), kind="fen"),
            _cell(round(100 * (spent - before) / before, 1) if before else None, tone="warn" if before and spent > before else "", kind="%")]  # fmt: skip


def _beside_cash(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    found = cash(unit, year, period)
    if found is None:
        return [_cell(None)] * 4
    return [_cell(found["highest"], found["url"], kind="fen"), _cell(found["limit"], kind="fen"),
            _cell(found["over"], found["over_url"] if found["over"] else "", "bad" if found["over"] else ""),
            _cell(found["negative"], found["negative_url"] if found["negative"] else "", "bad" if found["negative"] else "")]  # fmt: skip


def _beside_cards(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    found = cards(unit, year, period)
    if found is None:
        return [_cell(None)] * 4
    return [_cell(found["share"], tone="warn" if found["share"] is not None and found["share"] < 90 else "", kind="%"),
            _cell(found["card"], found["rows"], kind="fen"), _cell(found["cash"], found["url"], kind="fen"),
            _cell(found["late"], found["late_rows"], "warn" if found["late"] else "")]  # fmt: skip


def _beside_assets(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    found = assets(unit, year, period)
    if found is None:
        return [_cell(None)] * 4
    rows = found["rows"]
    return [_cell(found["number"], rows["held"]), _cell(found["cost"], rows["held"], kind="fen"),
            _cell(found["idle"], rows["idle"], "warn" if found["idle"] else ""), _cell(found["unchecked"], rows["unchecked"])]  # fmt: skip


def _part(unit: Unit, kind: str, year: int, only: str, tone: str = "") -> dict[str, Any]:
    number = registers.part(unit, kind, year, only).count()
    return _cell(number, rows_at(unit, kind, year, only) if number else "", tone if number else "")


def _beside_accounts(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    if _latest(unit, "accounts", year, period) is None:
        return [_cell(None)] * 4
    bank = EvidenceBatch.objects.filter(unit=unit, kind="bank", year=year, current=True).exists()
    return [_part(unit, "accounts", year, "open"), _part(unit, "accounts", year, "unapproved", "bad"),
            _part(unit, "accounts", year, "dormant", "warn") if bank else _cell(None),
            _part(unit, "bank", year, "unregistered", "bad") if bank else _cell(None)]  # fmt: skip


def _beside_investments(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    if _latest(unit, "investments", year, period) is None:
        return [_cell(None)] * 4
    fen = registers.part(unit, "investments", year).aggregate(fen=Sum("amount_fen"))["fen"] or 0
    return [_part(unit, "investments", year, ""), _cell(fen, rows_at(unit, "investments", year), kind="fen"),
            _part(unit, "investments", year, "unapproved", "bad"), _part(unit, "investments", year, "no_income", "warn")]  # fmt: skip


def _beside_pay(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    paid = registers.part(unit, "pay", year)
    last = paid.aggregate(last=Max("period"))["last"]
    if last is None:
        return [_cell(None)] * 4
    people = paid.filter(period=last).aggregate(number=Count("id_no", distinct=True))["number"]
    fen = paid.aggregate(fen=Sum("pay_fen"))["fen"] or 0
    roster = _latest(unit, "staff", year, 12)
    return [_cell(people, rows_at(unit, "pay", year, period=last)), _cell(fen, rows_at(unit, "pay", year), kind="fen"),
            _part(unit, "pay", year, "off_roster", "bad") if roster else _cell(None), _part(unit, "pay", year, "shared", "bad")]  # fmt: skip


def _beside_procurement(user: Any, unit: Unit, year: int, period: int) -> list[dict[str, Any]]:
    contracts = registers.part(unit, "contracts", year)
    sums = contracts.aggregate(number=Count("pk"), fen=Sum("amount_fen"))
    if not sums["number"]:
        return [_cell(None)] * 5
    return [_part(unit, "contracts", year, ""), _cell(sums["fen"], rows_at(unit, "contracts", year), kind="fen"),
            _part(unit, "contracts", year, "closed"), _part(unit, "contracts", year, "supplemented", "warn"),
            _part(unit, "contracts", year, "unfiled", "warn")]  # fmt: skip


_BESIDE: dict[str, tuple[tuple[Any, ...], Any]] = {
    "budget": ((_("Budget"), _("Spent"), _("Execution"), _("Projects over budget")), _beside_budget),
    "public": ((_("This year"), _("Budget"), _("Last year to the same period"), _("Change")), _beside_public),
    "cash": ((_("Highest at a day's end"), _("Cash limit"), _("Days over the limit"), _("Days below zero")), _beside_cash),
    "cards": ((_("Share of cards"), _("By card"), _("In cash, of the card catalogue"), _("Not reimbursed yet")), _beside_cards),
    "assets": ((_("Cards in the register"), _("Cost"), _("Idle"), _("No stock-take this year")), _beside_assets),
    "accounts": ((_("Accounts in use"), _("Without approval number"), _("No movement this year"), _("Movements outside the register")), _beside_accounts),
    "investments": ((_("Investments"), _("Amount"), _("Without approval number"), _("No income this year")), _beside_investments),
    "pay": ((_("People paid, latest month"), _("Paid this year"), _("Paid but not on the roster"), _("One account for several people")), _beside_pay),
    "procurement": ((_("Contracts"), _("Amount"), _("Not by open tender"), _("Supplements above a tenth"), _("Not filed")), _beside_procurement),
}  # fmt: skip
"""Aspect → headings and the function of a unit's cells."""


# the commission as one


def consolidated(user: Any, top: Organisation, year: int, period: int) -> dict[str, Any]:
    """Income, expense, receivables and payables of all units below `top` (and itself), without what they did with one another.

    An inner dealing is a line whose counterparty is the name of another unit of the same tree, or a transfer within the
    tree by its account. Both sides are taken out; where one side booked what the other did not, the difference is named,
    never distributed.
    """
    units = list(
        access.visible(user, "finance.unit.view", Unit.objects.select_related("organisation"))
        .filter(organisation__path__startswith=top.path)
        .order_by("organisation__path")
    )
    names = {unit.organisation.name: unit for unit in units}
    sums: dict[int, dict[str, list[int]]] = defaultdict(lambda: {item: [0, 0, 0] for item in FLOWS["government"]})
    by_pk = {unit.pk: unit for unit in units}
    dealings: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(FLOWS["government"], 0))
    for accounting, items in FLOWS.items():
        ids = [unit.pk for unit in units if unit.accounting == accounting]
        if not ids:
            continue
        pattern = "|".join(f"({one})" for one in items.values())
        rows = (
            Line.objects.filter(
                unit__in=ids, year=year, period__lte=period, batch__current=True, void=False, account__regex=pattern
            )
            .exclude(summary__contains="结转")
            .order_by()
            .values("unit__organisation__name", "unit", "account", "party")
            .annotate(debit=Sum("debit_fen"), credit=Sum("credit_fen"))
        )
        for row in rows:
            item = next(name for name, one in items.items() if _starts(one, row["account"]))
            fen = row["debit"] - row["credit"] if item in ("expense", "receivable") else row["credit"] - row["debit"]
            name, party = row["unit__organisation__name"], row["party"]
            sums[row["unit"]][item][0] += fen
            if party in names and party != name:
                sums[row["unit"]][item][1] += fen
                if elimination.side_of(accounting, row["account"]) is None:
                    dealings[name, party][item] += fen
            elif not party and elimination.inner_by_account(
                elimination.side_of(accounting, row["account"]), by_pk[row["unit"]], units
            ):
                sums[row["unit"]][item][2] += fen
    table: list[dict[str, Any]] = [
        {
            "item": item,
            "sum": sum(sums[unit.pk][item][0] for unit in units),
            "named": sum(sums[unit.pk][item][1] for unit in units),
            "paired": sum(sums[unit.pk][item][2] for unit in units),
        }
        for item in FLOWS["government"]
    ]
    for line in table:
        line["inner"] = line["named"] + line["paired"]
        line["whole"] = line["sum"] - line["inner"]
    return {
        "top": top, "year": year, "period": period, "table": table,
        "units": [{"unit": unit, "depth": unit.organisation.path.count("/") - top.path.count("/"),
                   **{item: pair[0] for item, pair in sums[unit.pk].items()}} for unit in units],
        "pairs": [
            {**row, "url": difference_at(row["pair"], row["claimer"], row["debtor"], year)}
            for row in elimination.by_pairs(units, year, period)
        ],
        "dealings": [
            {"payer": payer, "payee": payee, "url": difference_at(elimination.DEALINGS, names[payer], names[payee], year), "paid": both["expense"], "got": dealings.get((payee, payer), {}).get("income", 0),
             "difference": both["expense"] - dealings.get((payee, payer), {}).get("income", 0)}
            for (payer, payee), both in sorted(dealings.items())
            if both["expense"] or dealings.get((payee, payer), {}).get("income", 0)
        ],
    }  # fmt: skip


def difference_at(pair: str, claimer: Unit | None, debtor: Unit | None, year: int) -> str:
    """The address of a dealing's rows, side by side; of the lines of the one side where no other unit is named."""
    if claimer is not None and debtor is not None:
        return reverse("finance:dealing", args=[pair, claimer.pk, debtor.pk, year])
    unit, side = (claimer, "claim") if claimer is not None else (debtor, "debt")
    if unit is None:
        return ""
    account = next(
        (one.account for one in elimination.sides() if (one.pair, one.side, one.accounting) == (pair, side, unit.accounting)), ""
    )  # fmt: skip
    return lines_at(unit, year, account=account)


def _starts(pattern: str, account: str) -> bool:
    return re.match(pattern, account) is not None


def tops(user: Any) -> list[Organisation]:
    """Organisations that a consolidated view may be asked for: those above and among the units that the user sees."""
    paths = access.visible(user, "finance.unit.view", Unit.objects.all()).values_list("organisation__path", flat=True)
    ids = {int(part) for path in paths for part in path.strip("/").split("/") if part}
    return list(Organisation.objects.filter(pk__in=ids).order_by("path"))
