"""The reference data that every site starts with: the nine aspects (a list that the site may change). Safe to repeat."""

from __future__ import annotations

import csv
from importlib.resources import files

from chengheng.finance.models import Aspect


def load() -> None:
    """Bring in the aspects that a site does not have."""
    text = files("chengheng.finance").joinpath("data", "aspects.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        Aspect.objects.get_or_create(
            code=row["code"],
            defaults={
                "name": row["name"], "order": int(row["order"]), "counted": bool(row["counted"]),
                "is_example": bool(row["is_example"]), "source": row["source"],
            },
        )  # fmt: skip
