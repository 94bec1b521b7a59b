"""The reference data that every site starts with: the shipped dictionary and the example tables. Safe to repeat.

The filing standards are an example from Yuncheng's published list (`facts/domain.md` B.5), not Tianjin's: a site replaces
them by importing its own table with a later day.
"""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from importlib.resources import files

from django.db import transaction

from chengheng.common.dictionary import Edition, shipped
from chengheng.patrol.models import (
    DictionaryEntry,
    FilingStandard,
    PatrolSettings,
    ScoreRuleSet,
    StageLimits,
    StandardSet,
)

EXAMPLE = "example (Yuncheng)"
EXAMPLE_FROM = date(2024, 1, 1)
EXAMPLE_STAGE_LIMITS = {
    "accept": {"kind": "working_hours", "amount": "1"},
    "verify": {"kind": "working_hours", "amount": "2"},
    "file": {"kind": "working_hours", "amount": "1"},
    "dispatch": {"kind": "working_hours", "amount": "1"},
    "check": {"kind": "working_hours", "amount": "4"},
    "close": {"kind": "working_hours", "amount": "2"},
}
"""Verify + file + dispatch within an hour each of working time, as Fuzhou publishes (79rc.com); the rest local example."""

SCORES_NAME = "example (published elsewhere)"
_NUMBER_OF_CASES = [[100, 0], [300, 40], [500, 60], [1200, 75], [2000, 90], [None, 100]]
"""受理数分 as that implementation shows it; its 派遣数分 was not found, so dispatchers use the same (local rule)."""

SCORES_SOURCE = (
    "Districts as Chengdu Jinniu publishes; departments, collectors and the centre's posts as a public implementation "
    "shows them (missaouib/urban-management-platform), like GB/T 30428.4's informative annex, unverified"
)
EXAMPLE_SCORES = {
    "district": [
        {"code": "handle", "weight": 30, "ratio": "handle_rate"},
        {"code": "handle_in_time", "weight": 20, "ratio": "handle_in_time_rate"},
        {"code": "rework", "weight": 20, "ratio": "rework_rate", "inverted": True},
        {"code": "unhandled", "weight": 20, "ratio": "unhandled_rate", "inverted": True},
        {"code": "extension", "weight": 10, "ratio": "extension_rate", "inverted": True},
    ],
    "department": [
        {"code": "filed", "weight": 10, "count": "filed",
         "bands": [[50, 100], [100, 90], [200, 75], [500, 60], [1000, 40], [None, 0]]},
        {"code": "close", "weight": 30, "ratio": "close_rate"},
        {"code": "handle_in_time", "weight": 30, "ratio": "handle_in_time_rate"},
        {"code": "rework", "weight": 30, "ratio": "rework_rate", "inverted": True},
    ],
    "collector": [
        {"code": "valid", "weight": 40, "ratio": "valid_rate"},
        {"code": "missed", "weight": 20, "ratio": "missed_rate", "inverted": True},
        {"code": "verify", "weight": 20, "ratio": "task_verify_rate"},
        {"code": "check", "weight": 20, "ratio": "task_check_rate"},
    ],
    "receptionist": [
        {"code": "accepted", "weight": 25, "count": "accepted", "bands": _NUMBER_OF_CASES},
        {"code": "ask_verify", "weight": 40, "ratio": "ask_verify_rate"},
        {"code": "ask_check", "weight": 35, "ratio": "ask_check_rate"},
    ],
    "duty_chief": [
        {"code": "file_in_time", "weight": 25, "ratio": "file_in_time_rate"},
        {"code": "file_right", "weight": 40, "ratio": "file_right_rate"},
        {"code": "close_in_time", "weight": 35, "ratio": "close_in_time_rate"},
    ],
    "dispatcher": [
        {"code": "dispatched", "weight": 20, "count": "dispatched", "bands": _NUMBER_OF_CASES},
        {"code": "dispatch_in_time", "weight": 40, "ratio": "dispatch_in_time_rate"},
        {"code": "dispatch_right", "weight": 40, "ratio": "dispatch_right_rate"},
    ],
}  # fmt: skip
EXAMPLE_GRADES = [
    {"grade": grade, "least": least} for grade, least in (("A", 90), ("B", 75), ("C", 60), ("D", 40), ("E", 0))
]


@transaction.atomic
def load() -> None:
    """Bring the shipped dictionary and, where a site has none of its own, the example tables into the database."""
    for edition in Edition:
        known = set(DictionaryEntry.objects.filter(edition=edition).values_list("kind", "code"))
        DictionaryEntry.objects.bulk_create(
            DictionaryEntry(
                edition=entry.edition, kind=entry.kind, class_code=entry.class_code, class_name=entry.class_name,
                code=entry.code, name=entry.name,
            )
            for entry in shipped(edition)
            if (entry.kind, entry.code) not in known
        )  # fmt: skip
    if not StandardSet.objects.exists():
        _load_standards()
    if not StageLimits.objects.exists():
        StageLimits.objects.create(in_force_from=EXAMPLE_FROM, limits=EXAMPLE_STAGE_LIMITS, source=EXAMPLE)
    if not ScoreRuleSet.objects.exists():
        ScoreRuleSet.objects.create(
            name=SCORES_NAME, in_force_from=EXAMPLE_FROM, source=SCORES_SOURCE, is_example=True, parts=EXAMPLE_SCORES,
            grades=EXAMPLE_GRADES,
        )  # fmt: skip
    if not PatrolSettings.objects.exists():
        PatrolSettings.objects.create(in_force_from=EXAMPLE_FROM, source="example, local rule")


def _load_standards() -> None:
    table = StandardSet.objects.create(
        name=EXAMPLE, in_force_from=EXAMPLE_FROM, source="运城市 立案、处置和结案标准 (public list)", is_example=True
    )
    text = files("chengheng.patrol").joinpath("data", "standards_example.csv").read_text(encoding="utf-8")
    FilingStandard.objects.bulk_create(
        FilingStandard(table=table, **{**row, "limit_amount": Decimal(row["limit_amount"])})
        for row in csv.DictReader(text.splitlines())
    )
