"""The dictionary of management components (部件) and events (事件, since 2026 事项) in its three editions.

A class code means nothing without its edition: 04 and 05 swapped between 2007 and 2013, and 2026 put the old 05
(emergencies) out of the dictionary. So there is no lossless automatic migration, and every case keeps its edition. Pure.

Sources of the shipped lists: GB/T 47678.5-2026 by a third party's transcription of its annexes A and C (complete: 153
components, 250 matters); the two older ones as far as public local lists give them, importable in full. Check against
the printed standard before calling any of them official.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Edition(StrEnum):
    """A standard that classifies components and events. The value is stored; never renamed."""

    CJT_2007 = "CJ/T 214-2007"
    GBT_2013 = "GB/T 30428.2-2013"
    GBT_2026 = "GB/T 47678.5-2026"


class Kind(StrEnum):
    """What a code is about: a thing that stands in the street, or something that happens."""

    COMPONENT = "component"
    EVENT = "event"


@dataclass(frozen=True)
class Entry:
    """A small class (小类) of an edition. `code` includes the class: 4 digits (2007, 2013) or 5 (2026)."""

    edition: Edition
    kind: Kind
    class_code: str
    class_name: str
    code: str
    name: str


SUBCLASS_DIGITS = {Edition.CJT_2007: 2, Edition.GBT_2013: 2, Edition.GBT_2026: 3}
"""Digits of the small class after the two of the class (GB/T 47678.5-2026 widened them from 2 to 3)."""

_FILES = {
    Edition.CJT_2007: "cjt214_2007.csv",
    Edition.GBT_2013: "gbt30428_2_2013.csv",
    Edition.GBT_2026: "gbt47678_5_2026.csv",
}
IN_FORCE_FROM = {Edition.CJT_2007: "2007-12-01", Edition.GBT_2013: "2014-08-15", Edition.GBT_2026: "2026-07-01"}
"""Since when an edition is proposed for new cases. Only 2026-07-01 is sourced; the older days are a local example."""


@cache
def shipped(edition: Edition) -> tuple[Entry, ...]:
    """The entries of an edition that come with the product, by kind and code."""
    text = files(__name__).joinpath("data", _FILES[edition]).read_text(encoding="utf-8")
    return tuple(
        Entry(edition, Kind(row["kind"]), row["class_code"], row["class_name"], row["code"], row["name"])
        for row in csv.DictReader(text.splitlines())
    )


def is_code(edition: Edition, code: str) -> bool:
    """Whether `code` has the edition's structure: two digits of class and two (2026: three) of small class."""
    return re.fullmatch(rf"\d{{{2 + SUBCLASS_DIGITS[edition]}}}", code, re.ASCII) is not None


@cache
def components(edition: Edition) -> dict[str, Entry]:
    """The small classes of components of an edition, by code."""
    return {entry.code: entry for entry in shipped(edition) if entry.kind is Kind.COMPONENT}


def component_name(code: str) -> str:
    """The name of a small class of components by its 4 or 5 digits; "" when no list holds it.

    The list of 2013 at hand is not complete; where it is silent the class of 2026 with the same number answers: the old
    small class is the new one without its leading 0, except for class 05 (domain.md B.4).
    """
    lists = [(Edition.GBT_2026, code)]
    if len(code) == 4:
        lists = [(Edition.GBT_2013, code), (Edition.GBT_2026, f"{code[:2]}0{code[2:]}" if code[:2] != "05" else "")]
    return next((components(edition)[one].name for edition, one in lists if one in components(edition)), "")


@dataclass(frozen=True)
class ComponentId:
    """An instance of a component: district + class and small class + sequence.

    16 digits by GB/T 30428.2-2013 (6+2+2+6), 17 by GB/T 47678.5-2026 (6+2+3+6, table 2 field GLBJBSM C17).
    """

    district: str
    code: str
    sequence: str
    edition: Edition


_BY_LENGTH = {16: Edition.GBT_2013, 17: Edition.GBT_2026}


def read_component_id(text: str) -> ComponentId | None:
    """The parts of a component's id; None when it has neither structure."""
    edition = _BY_LENGTH.get(len(text))
    if edition is None or not (text.isascii() and text.isdigit()):
        return None
    return ComponentId(text[:6], text[6:-6], text[-6:], edition)


_EVENT_CLASS_2026 = {"01": "06", "02": "07", "03": "08", "04": "09"}
_MOVED_2026 = {
    (Kind.COMPONENT, "0506"): "01069",  # 水域附属设施
    (Kind.COMPONENT, "0507"): "01070",  # 水域护栏
    (Kind.COMPONENT, "0508"): "01071",  # 防汛墙
    (Kind.EVENT, "0602"): "09013",  # 临街屠宰
}


def successor(kind: Kind, code_2013: str, known: Iterable[str] | None = None) -> str | None:
    """The code in GB/T 47678.5-2026 of a code of GB/T 30428.2-2013, or None where there is none.

    Components: 2-digit small classes get a leading 0, the three water items of class 05 moved to 01069–01071. Events:
    01→06, 02→07, 03→08, 04→09 with the same number; class 05 has no successor class. Dropped numbers stay without one:
    a code counts only when the new edition has it (`known`, by default the shipped list).
    """
    moved = _MOVED_2026.get((kind, code_2013))
    if moved is None:
        if not is_code(Edition.GBT_2013, code_2013):
            return None
        old_class, number = code_2013[:2], code_2013[2:]
        new_class = old_class if kind is Kind.COMPONENT else _EVENT_CLASS_2026.get(old_class)
        moved = f"{new_class}0{number}" if new_class else None
    if known is None:
        known = {entry.code for entry in shipped(Edition.GBT_2026) if entry.kind is kind}
    return moved if moved in set(known) else None
