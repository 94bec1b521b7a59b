"""A unit's rows of evidence in force, and the parts of them that pages count: a number and the rows that it opens are the
same question, asked here once. What must not go in: headings, masking (queries), sums over units (dashboards).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.finance.engine import SNAPSHOTS, YEARLY, parameters_of
from chengheng.finance.models import TABLES, BankLine, EvidenceBatch, StaffRow, Unit
from chengheng.finance.rules.catalogue import rules

GONE = "离职|退休|死亡|调出"
OPEN_METHODS = "公开招标|邀请招标"


def in_force(unit: Unit, kind: str, year: int) -> QuerySet[Any]:
    """Rows of a kind of a year; of registers the latest one up to the year."""
    batches = EvidenceBatch.objects.filter(unit=unit, kind=kind, current=True, year__lte=year).order_by(
        "-year", "-period"
    )
    if kind in SNAPSHOTS:
        batches = batches[:1] if kind not in YEARLY else batches.filter(year=year)[:1]
    else:
        batches = batches.filter(year=year)
    return TABLES[kind]._default_manager.filter(batch__in=list(batches))


def part(unit: Unit, kind: str, year: int, only: str = "") -> QuerySet[Any]:
    """The rows in force, narrowed to a part that has a name; all of them under any other name."""
    rows = in_force(unit, kind, year)
    narrow = PARTS.get((kind, only))
    return narrow[1](rows, unit, year) if narrow else rows


def part_label(kind: str, only: str) -> Any:
    """What a part is called; "" for the whole."""
    return PARTS[kind, only][0] if (kind, only) in PARTS else ""


def cash_days(unit: Unit, year: int, period: int = 12) -> tuple[int, list[tuple[date, int]]] | None:
    """The year's opening cash in fen, and each day on which cash moved with what was in hand at its end; None without
    opening balances."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select coalesce(max(opening_fen) filter (where account = '1001'), sum(opening_fen)) from finance_balance b
            join finance_evidencebatch e on e.id = b.batch_id and e.current
            where b.unit_id = %s and b.year = %s and b.account like '1001%%'
              and b.period = (select min(period) from finance_evidencebatch where unit_id = %s and year = %s and kind = 'balances' and current)""",
            [unit.pk, year, unit.pk, year],
        )
        (opening,) = cursor.fetchone()
        if opening is None:
            return None
        cursor.execute(
            """select l.day, (%s + sum(sum(l.debit_fen - l.credit_fen)) over (order by l.day))::bigint from finance_line l
            join finance_evidencebatch e on e.id = l.batch_id and e.current
            where l.unit_id = %s and l.year = %s and l.period <= %s and l.account like '1001%%' and not l.void group by l.day order by l.day""",
            [opening, unit.pk, year, period],
        )
        return int(opening), [(day, int(fen)) for day, fen in cursor.fetchall()]


def cash_limit(unit: Unit, year: int, period: int = 12) -> int | None:
    """The cash limit set for the unit, in fen; None when nobody set one."""
    values = parameters_of(rules()["C02"], unit, date(year, period, 28))
    return int(values["limit_yuan"] * 100) if "limit_yuan" in values else None


def _cash_of(rows: QuerySet[Any], unit: Unit, year: int, off: Callable[[int, int | None], bool]) -> QuerySet[Any]:
    limit = cash_limit(unit, year, _last_period(unit, year))
    days = [day for day, fen in (cash_days(unit, year) or (0, []))[1] if off(fen, limit)]
    return rows.filter(account__startswith="1001", void=False, day__in=days)


def _last_period(unit: Unit, year: int) -> int:
    last = EvidenceBatch.objects.filter(unit=unit, kind="lines", current=True, year=year).order_by("-period").first()
    return last.period if last and last.period else 12


def _shared(rows: QuerySet[Any], unit: Unit, year: int) -> QuerySet[Any]:
    places = (
        rows.exclude(bank_account="").order_by().values("period", "bank_account")
        .annotate(people=Count("id_no", distinct=True)).filter(people__gt=1)
    )  # fmt: skip
    found = Q(pk=None)
    for place in places:
        found |= Q(period=place["period"], bank_account=place["bank_account"])
    return rows.filter(found)


def _off_roster(rows: QuerySet[Any], unit: Unit, year: int) -> QuerySet[Any]:
    staff: QuerySet[StaffRow] = in_force(unit, "staff", year)
    if not staff.exists():
        return rows.none()
    here = staff.exclude(status__regex=GONE).filter(left_on=None).values("id_no")
    gone = [(one.id_no, one.left_on) for one in staff if one.left_on is not None]
    off = rows.exclude(id_no__in=here)
    still = Q(pk=None)
    for id_no, left in gone:
        if left.year > year:
            still |= Q(id_no=id_no)
        elif left.year == year:  # paid up to the month of leaving
            still |= Q(id_no=id_no, period__lte=left.month)
    return off.exclude(still)


def _dormant(rows: QuerySet[Any], unit: Unit, year: int) -> QuerySet[Any]:
    moved = BankLine.objects.filter(unit=unit, year=year, batch__current=True).values("account_no")
    return rows.filter(closed_on=None).exclude(account_no__in=moved)


def _unregistered(rows: QuerySet[Any], unit: Unit, year: int) -> QuerySet[Any]:
    return rows.exclude(account_no__in=in_force(unit, "accounts", year).values("account_no"))


def _of(condition: Q) -> Callable[[QuerySet[Any], Unit, int], QuerySet[Any]]:
    return lambda rows, unit, year: rows.filter(condition)


PARTS: dict[tuple[str, str], tuple[Any, Callable[[QuerySet[Any], Unit, int], QuerySet[Any]]]] = {
    ("lines", "over"): (
        _("Lines of the days over the limit"),
        lambda rows, unit, year: _cash_of(rows, unit, year, lambda fen, limit: limit is not None and fen > limit),
    ),
    ("lines", "negative"): (
        _("Lines of the days below zero"), lambda rows, unit, year: _cash_of(rows, unit, year, lambda fen, limit: fen < 0)
    ),
    ("assets", "held"): (_("Cards in the register"), _of(Q(removed_on=None))),
    ("assets", "idle"): (_("Idle"), _of(Q(removed_on=None, state="闲置"))),
    ("assets", "unchecked"): (
        _("No stock-take this year"),
        lambda rows, unit, year: rows.filter(removed_on=None).filter(
            Q(checked_on=None) | Q(checked_on__lt=date(max(year, 1), 1, 1))
        ),
    ),
    ("cards", "late"): (_("Not reimbursed yet"), _of(Q(reimbursed_on=None))),
    ("accounts", "open"): (_("Accounts in use"), _of(Q(closed_on=None))),
    ("accounts", "unapproved"): (_("Without approval number"), _of(Q(closed_on=None, approval_no=""))),
    ("accounts", "dormant"): (_("No movement this year"), _dormant),
    ("bank", "unregistered"): (_("Movements outside the register"), _unregistered),
    ("investments", "unapproved"): (_("Without approval number"), _of(Q(approval_no=""))),
    ("investments", "no_income"): (
        _("No income this year"),
        lambda rows, unit, year: rows.filter(
            Q(last_income_on=None) | Q(last_income_on__lt=date(max(year, 1), 1, 1))
        ),
    ),
    ("pay", "off_roster"): (_("Paid but not on the roster"), _off_roster),
    ("pay", "shared"): (_("One account for several people"), _shared),
    ("contracts", "closed"): (_("Not by open tender"), lambda rows, unit, year: rows.exclude(method__regex=OPEN_METHODS)),
    ("contracts", "supplemented"): (
        _("Supplements above a tenth"), _of(Q(amount_fen__gt=0, supplements_fen__gt=F("amount_fen") / 10))
    ),
    ("contracts", "unfiled"): (_("Not filed"), _of(Q(filed_on=None))),
}  # fmt: skip
"""(kind, word in the address) → what the part is called and which rows it has."""
