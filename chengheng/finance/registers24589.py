"""Asset cards, staff and payroll out of GB/T 24589's modules 固定资产, 公共档案 and 员工薪酬, as rows of the same registers
that spreadsheets fill.

Cards and people refer to tables that may come before or after them (classes, states, removals, items of pay), so they
are held until the file ends; their number is bounded. Table names are from facts/finance.md 1.1; the element names of
staff and pay, and the claims of 应收应付, were not seen in a public source: staff and pay are read by the names commonly
given, 应收应付 is passed over. What must not go in: how a batch is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from chengheng.protocols.gbt24589 import Record

MOST_HELD = 200_000
_GROSS = re.compile(r"^应发(合计|工资|薪酬|金额|数)?$")
_BASE = re.compile(r"^(社保|公积金|缴费|社会保险)?缴?费?基数$")
Place = tuple[int, int]


def fen(value: str) -> int:
    """Yuan as text → integer fen; ValueError for fractions of a fen."""
    amount = Decimal(value or "0") * 100
    if not amount.is_finite() or amount != amount.to_integral_value() or abs(amount) > 10**17:
        raise ValueError(f"“{value[:30]}” is not an amount")
    return int(amount)


def day_of(value: str) -> date:
    """20210104, 2021-01-04 → the day; ValueError."""
    digits = re.sub(r"\D", "", value[:10])
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


class Registers:
    """What a file says of assets, staff and pay: `take` its records, then ask for `rows`."""

    def __init__(self) -> None:
        self.last: Place | None = None
        """The latest fiscal year and period that any record of the file names."""
        self._cards: list[tuple[Place | None, dict[str, Any], str, str]] = []
        self._removals: dict[str, dict[str, Any]] = {}
        self._classes: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._staff: dict[str, dict[str, Any]] = {}
        self._items: dict[str, str] = {}
        self._paid: dict[tuple[Place, str], dict[str, Any]] = {}
        self._details: dict[tuple[Place, str], dict[str, int]] = {}

    def seen(self, place: Place) -> None:
        """A record of the file, of whatever table, is of this year and period."""
        if self.last is None or place > self.last:
            self.last = place

    def take(self, record: Record) -> None:
        """One record; of another table it says nothing. ValueError for what cannot be a card, a person or pay."""
        reader = getattr(self, f"_take_{record.table}", None)
        if reader is not None:
            if (
                len(self._cards) + len(self._removals) + len(self._staff) + len(self._paid) + len(self._details)
                > MOST_HELD
            ):
                raise ValueError("too many cards or people in one file")
            reader(record.fields, record.place)

    def _take_asset(self, fields: Mapping[str, str], row: int) -> None:
        number = fields.get("card_number") or fields.get("asset_code") or ""
        card = {
            "row": row, "number": _needed(number, "card number")[:40], "name": _needed(fields.get("name", ""), "name")[:120],
            "cost_fen": fen(_needed(fields.get("cost", ""), "cost")), "depreciation_fen": fen(fields.get("depreciation", "")),
            "acquired_on": day_of(fields["acquired_on"]) if fields.get("acquired_on") else None,
            "month_fen": fen(fields["month_depreciation"]) if fields.get("month_depreciation") else None,
            "life_months": _count(fields["life_months"], 1200) if fields.get("life_months") else None,
        }  # fmt: skip
        place = _place(fields)
        if place:
            self.seen(place)
        self._cards.append((place, card, fields.get("class_code", ""), fields.get("use_code", "")))

    def _take_asset_removal(self, fields: Mapping[str, str], row: int) -> None:
        number = _needed(fields.get("card_number") or fields.get("asset_code") or "", "card number")[:40]
        self._removals[number] = {
            "removed_on": day_of(_needed(fields.get("removed_on", ""), "day of removal")),
            "removal": fields.get("removal", "")[:40],
        }

    def _take_asset_class(self, fields: Mapping[str, str], row: int) -> None:
        self._classes[fields.get("class_code", "")] = fields.get("class_name", "")[:60]

    def _take_asset_use(self, fields: Mapping[str, str], row: int) -> None:
        self._states[fields.get("use_code", "")] = fields.get("use_name", "")[:20]

    def _take_staff(self, fields: Mapping[str, str], row: int) -> None:
        employee = _needed(fields.get("employee", ""), "employee")
        self._staff[employee] = {
            "row": row, "id_no": (fields.get("id_no") or employee)[:30], "name": _needed(fields.get("name", ""), "name")[:40],
            "left_on": day_of(fields["left_on"]) if fields.get("left_on") else None, "status": fields.get("status", "")[:20],
        }  # fmt: skip

    def _take_pay_item(self, fields: Mapping[str, str], row: int) -> None:
        self._items[fields.get("item_code", "")] = fields.get("item_name", "")

    def _take_pay(self, fields: Mapping[str, str], row: int) -> None:
        self._paid[self._of_person(fields)] = {
            "row": row, "bank_account": fields.get("bank_account", "")[:40], "name": fields.get("name", "")[:40],
            "pay_fen": fen(fields["pay"]) if fields.get("pay") else None,
        }  # fmt: skip

    def _take_pay_detail(self, fields: Mapping[str, str], row: int) -> None:
        details = self._details.setdefault(self._of_person(fields), {"row": row})
        item = _needed(fields.get("item_code", ""), "item of pay")
        if item not in details and len(details) > 200:
            raise ValueError("too many items of pay")
        details[item] = details.get(item, 0) + fen(fields.get("amount", ""))

    def _of_person(self, fields: Mapping[str, str]) -> tuple[Place, str]:
        place = _place(fields)
        if place is None:
            raise ValueError("pay without a fiscal year and period")
        self.seen(place)
        return place, _needed(fields.get("employee", ""), "employee")

    def rows(self) -> Iterator[tuple[str, int, int, dict[str, Any]]]:
        """(kind, year, period, row) of the registers. ValueError for cards that no fiscal year and period can be given."""
        for place, card, class_code, use_code in self._cards:
            where = place or self.last
            if where is None:
                raise ValueError("asset cards without a fiscal year and period")
            known = {
                "category": self._classes.get(class_code, class_code)[:60],
                "state": self._states.get(use_code, use_code)[:20],
            }
            yield "assets", *where, {**card, **known, **self._removals.get(card["number"], {})}
        if self.last is not None:
            for person in self._staff.values():
                yield "staff", *self.last, person
        gross, base = (
            {code for code, name in self._items.items() if words.match(name.strip())} for words in (_GROSS, _BASE)
        )
        for place, employee in sorted(self._paid.keys() | self._details.keys()):
            paid, details = self._paid.get((place, employee), {}), self._details.get((place, employee), {})
            pay = paid.get("pay_fen")
            if pay is None:
                pay = next((details[code] for code in sorted(gross) if code in details), None)
            if pay is None:
                continue  # which items add up to the gross pay, nobody said: a sum of ours would be a guess
            person = self._staff.get(employee, {})
            yield "pay", *place, {
                "row": paid.get("row") or details.get("row", 0), "id_no": person.get("id_no") or employee[:30],
                "name": person.get("name") or paid.get("name") or employee[:40], "bank_account": paid.get("bank_account", ""),
                "pay_fen": pay, "base_fen": next((details[code] for code in sorted(base) if code in details), None),
            }  # fmt: skip


def _needed(value: str, what: str) -> str:
    if not value:
        raise ValueError(f"{what} is missing")
    return value


def _count(value: str, most: int) -> int:
    number = int(Decimal(value))
    if not 0 <= number <= most:
        raise ValueError(f"“{value[:20]}” is not a number of months")
    return number


def _place(fields: Mapping[str, str]) -> Place | None:
    year, period = fields.get("year"), fields.get("period") or fields.get("pay_period")
    if not year or not period:
        return None
    if not (2000 <= int(year) <= 2100 and 1 <= int(period) <= 12):
        raise ValueError(f"period {year[:10]}-{period[:10]}")
    return int(year), int(period)
