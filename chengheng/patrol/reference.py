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

from chengheng.patrol.models import DictionaryEntry, FilingStandard, PatrolSettings, StageLimits, StandardSet
from chengheng.patrol.rules.dictionary import Edition, shipped

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
