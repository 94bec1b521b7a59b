"""The catalogue of rules: 97 from `data/rules.csv` (facts/finance.md 2), and the SQL of those that can be executed.

A rule's SQL is read over tables that hold one unit's evidence in force: `lines` (the fiscal year up to the period),
`fresh` (the period alone), `history` (this year and the three before), `spend` (budgetary spending of the year), and
one table for each other kind of evidence. A line says of its account whether it is of `money`, of `spending` and `budgetary`.
`:unit_kind`, `:unit_name`, `:year`, `:period`, `:first` and `:last` (days of
the period) and the rule's parameters are given. A row of the answer is a finding: `row_ids` (of the rule's table),
`amount_fen`, and the names that the sentence needs. A row with `too_few` true is none: it says that the rows were too few.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

_HEAD = re.compile(r"^-- ([A-Z]\d\d) v(\d+)((?: \w+=[\w,]+)*)\n-- (.+)\n", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
LEVELS = ("高", "中", "低")
ALWAYS = frozenset({"unit_kind", "unit_name", "year", "period", "first", "last"})


@dataclass(frozen=True)
class Rule:
    """A rule. `version` 0: not executable yet. `needs`: kinds of evidence without which it says nothing. `table`: whose
    rows its findings name. `kinds`: kinds of unit that it applies to; empty for all. `says` is the finding's sentence."""

    code: str
    aspect: str
    name: str
    logic: str
    basis: str
    basis_kind: str
    level: str
    defaults: Mapping[str, Decimal] = field(default_factory=dict)
    version: int = 0
    needs: tuple[str, ...] = ()
    table: str = "lines"
    kinds: tuple[str, ...] = ()
    says: str = ""
    sql: str = ""

    @property
    def executable(self) -> bool:
        return self.version > 0

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that its SQL asks for."""
        return frozenset(_PARAMETER.findall(self.sql)) - ALWAYS

    def query(self) -> str:
        """The SQL in the database driver's manner."""
        return _PARAMETER.sub(r"%(\1)s", self.sql.replace("%", "%%"))

    def sentence(self, facts: Mapping[str, Any]) -> str:
        """What is found, in words."""
        return self.says.format_map({name: "—" if value in (None, "") else value for name, value in facts.items()})


def _folder() -> Any:
    return files("chengheng.finance")


@cache
def rules() -> dict[str, Rule]:
    """All rules by code, executable or not."""
    text = _folder().joinpath("data", "rules.csv").read_text(encoding="utf-8")
    programs = _programs()
    found: dict[str, Rule] = {}
    for row in csv.DictReader(text.splitlines()):
        stored = json.loads(row["parameters"] or "{}", parse_float=Decimal, parse_int=Decimal)
        program = programs.pop(row["code"], None) or {}
        defaults = {**stored, **program.pop("defaults", {})}
        found[row["code"]] = Rule(
            row["code"], row["aspect"], row["name"], row["logic"], row["basis"], row["basis_kind"], row["level"],
            defaults, **program,
        )  # fmt: skip
    if programs:
        raise ValueError(f"SQL without a rule: {sorted(programs)}")
    return found


def _programs() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(_folder().joinpath("rules", "sql").iterdir(), key=lambda one: one.name):
        text = file.read_text(encoding="utf-8")
        heads = list(_HEAD.finditer(text))
        for number, head in enumerate(heads):
            end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
            options = dict(part.split("=") for part in head[3].split())
            if head[1] in found:
                raise ValueError(f"rule {head[1]} has two SQL texts")
            found[head[1]] = {
                "version": int(head[2]),
                "needs": tuple(options.pop("needs", "lines").split(",")),
                "table": options.pop("on", "lines"),
                "kinds": tuple(filter(None, options.pop("kinds", "").split(","))),
                "says": head[4].strip(),
                "sql": text[head.end() : end].strip().rstrip(";"),
                "defaults": {name: Decimal(value.replace("_", ".")) for name, value in options.items()},
            }
    return found


@cache
def econ_codes() -> dict[str, str]:
    """Economic class → name (2018 reform; a site loads its yearly table)."""
    text = _folder().joinpath("data", "econ_codes.csv").read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())}


@cache
def econ_sets() -> dict[str, tuple[str, ...]]:
    """ "card" → classes of the compulsory card catalogue; 三公 item → its classes."""
    text = _folder().joinpath("data", "econ_codes.csv").read_text(encoding="utf-8")
    sets: dict[str, list[str]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["card_catalogue"]:
            sets.setdefault("card", []).append(row["code"])
        if row["public"]:
            sets.setdefault(row["public"], []).append(row["code"])
    return {name: tuple(codes) for name, codes in sets.items()}


@cache
def accounts() -> dict[str, dict[str, str]]:
    """The 103 accounts of 财会[2017]25号 by code."""
    text = _folder().joinpath("data", "accounts.csv").read_text(encoding="utf-8")
    return {row["code"]: row for row in csv.DictReader(text.splitlines())}


_SEPARATORS = re.compile(r"[.\-_/\\ ]+")


def plain_account(code: str) -> str:
    """An account number without separators: "5001.30227" → "500130227"."""
    return _SEPARATORS.sub("", code)


def econ_of(account: str, *more: str) -> str:
    """The economic class named by auxiliary items or by the last parts of an account number; "" for none."""
    known = econ_codes()
    for word in (*more, *reversed(_SEPARATORS.split(account))):
        code = word.strip()[:5]
        if len(code) == 5 and code in known:
            return code
    digits = plain_account(account)
    return digits[4:9] if digits[4:9] in known and len(digits) >= 9 else ""
