"""What units of one tree did with one another: found by pairs of accounts, reconciled, and its differences row by row.

A pair is a claim and the debt that mirrors it, or a transfer's expense and its income (`data/pairs.csv`). A line belongs
to a dealing when its counterparty is the name of another unit of the tree. Transfers up and down the tree are inner by
their account alone, as long as nobody else is named and the tree has somebody above (or below). What one side booked and
the other did not is shown, never distributed.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from django.db.models import Q, QuerySet, Sum

from chengheng.finance.models import Line, Unit

DEALINGS = "dealings"
"""The pair of all expense and all income: what a unit paid another one as for any supplier."""


@dataclass(frozen=True)
class Side:
    """One side of a pair in one accounting system: its account and, of a transfer, which way in the tree it points."""

    pair: str
    side: str  # "claim" (debit) or "debt" (credit)
    accounting: str
    account: str
    direction: str = ""  # "up", "down" or none


@cache
def sides() -> tuple[Side, ...]:
    return tuple(
        Side(row["pair"], row["side"], row["accounting"], row["accounts"], row["direction"]) for row in _rows()
    )


@cache
def names() -> dict[str, str]:
    """Pair → its name, in the order of the file."""
    return {row["pair"]: row["name"] for row in _rows()}


def _rows() -> list[dict[str, str]]:
    text = files("chengheng.finance").joinpath("data", "pairs.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def side_of(accounting: str, account: str) -> Side | None:
    """The side of a pair that an account is, if any."""
    return next((one for one in sides() if one.accounting == accounting and account.startswith(one.account)), None)


def inner_by_account(side: Side | None, unit: Unit, units: Iterable[Unit]) -> bool:
    """Whether a line of `unit` without a counterparty is inner to the tree `units` by its account alone."""
    if side is None or not side.direction:
        return False
    path = unit.organisation.path
    if side.direction == "up":
        return any(path.startswith(one.organisation.path) for one in units if one.pk != unit.pk)
    return any(one.organisation.path.startswith(path) for one in units if one.pk != unit.pk)


def lines_of(units: Iterable[Unit], year: int, period: int) -> QuerySet[Line]:
    """The lines in force of the year up to the period, without carry-overs and closing entries."""
    return (
        Line.objects.filter(unit__in=units, year=year, period__lte=period, batch__current=True, void=False)
        .exclude(summary__contains="结转")
        .order_by()
    )


def by_pairs(units: list[Unit], year: int, period: int) -> list[dict[str, Any]]:
    """Every pair's dealings: who claims what from whom, what the other booked, and the difference; all in fen.

    `other` None: a transfer without a unit's name, inner by its account.
    """
    of_name = {unit.organisation.name: unit for unit in units}
    booked: dict[tuple[str, str, int, int | None], int] = defaultdict(int)
    by_pk = {unit.pk: unit for unit in units}
    wanted = Q()
    for one in sides():
        ids = [unit.pk for unit in units if unit.accounting == one.accounting]
        wanted |= Q(unit__in=ids, account__startswith=one.account)
    sums = lines_of(units, year, period).filter(wanted).values("unit", "account", "party").annotate(
        debit=Sum("debit_fen"), credit=Sum("credit_fen"))  # fmt: skip
    for one_sum in sums:
        unit = by_pk[one_sum["unit"]]
        side = side_of(unit.accounting, one_sum["account"])
        other = of_name.get(one_sum["party"])
        if (
            side is None
            or other == unit
            or (other is None and (one_sum["party"] or not inner_by_account(side, unit, units)))
        ):
            continue
        fen = one_sum["debit"] - one_sum["credit"] if side.side == "claim" else one_sum["credit"] - one_sum["debit"]
        booked[side.pair, side.side, unit.pk, other.pk if other else None] += fen
    found: dict[tuple[str, int | None, int | None], dict[str, Any]] = {}
    for (pair, side_name, pk, other_pk), fen in booked.items():
        key = (pair, pk, other_pk) if side_name == "claim" else (pair, other_pk, pk)
        row = found.setdefault(key, {"pair": pair, "name": names()[pair], "claimer": by_pk.get(key[1] or 0),
                                     "debtor": by_pk.get(key[2] or 0), "claim": 0, "debt": 0})  # fmt: skip
        row[side_name] += fen
    for row in found.values():
        row["difference"] = row["claim"] - row["debt"]
    order = list(names())
    rows = [row for row in found.values() if row["claim"] or row["debt"]]
    return sorted(rows, key=lambda row: (order.index(row["pair"]), -abs(row["difference"]), str(row["claimer"])))


def difference(
    pair: str, claimer: Unit, debtor: Unit, year: int, period: int, patterns: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """The lines of both sides of one dealing; those of equal amount answer one another, the rest is the difference.

    `patterns`: accounting system → item → pattern of its accounts, for the pair `DEALINGS`.
    """

    def of(unit: Unit, party: Unit, side: str) -> list[dict[str, Any]]:
        rows = lines_of([unit], year, period).filter(party=party.organisation.name).order_by("day", "pk")
        if pair == DEALINGS:
            rows = rows.filter(account__regex=patterns[unit.accounting]["expense" if side == "claim" else "income"])
        else:
            mine = [one for one in sides() if (one.pair, one.side, one.accounting) == (pair, side, unit.accounting)]
            rows = rows.filter(account__startswith=mine[0].account) if mine else rows.none()
        sign = 1 if side == "claim" else -1
        return [{"line": line, "fen": sign * (line.debit_fen - line.credit_fen), "answered": False} for line in rows]

    claims, debts = of(claimer, debtor, "claim"), of(debtor, claimer, "debt")
    waiting: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in debts:
        waiting[row["fen"]].append(row)
    for row in claims:
        if waiting[row["fen"]]:
            row["answered"] = waiting[row["fen"]].pop(0)["answered"] = True
    sums = {"claim": sum(row["fen"] for row in claims), "debt": sum(row["fen"] for row in debts)}
    return {"claims": claims, "debts": debts, **sums, "difference": sums["claim"] - sums["debt"],
            "alone": sum(not row["answered"] for row in (*claims, *debts))}  # fmt: skip
