"""The JSON shape of a programme, the same for a dry run, for `targets show` and for the API; decimals are strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chengheng.performance.rules.grammar import figure
from chengheng.performance.rules.reading import Programme


def wan(amount: Decimal | None) -> str:
    """An amount in 万元 with at least two decimals, "152.30"; a blank of the form is 0.00."""
    text = figure(amount or Decimal(0))
    whole, _dot, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2}"


def of_programme(programme: Programme) -> dict[str, Any]:
    """A programme as read from a file; no measure is bound yet."""
    return {
        "year": programme.year,
        "unit_code": programme.unit_code,
        "unit_name": programme.unit_name,
        "name": programme.name,
        "budget": {
            "total": wan(programme.total),
            "fiscal": wan(programme.fiscal),
            "other": wan(programme.other),
        },
        "purpose": programme.purpose,
        "goals": list(programme.goals),
        "indicators": [
            {
                "level1": indicator.level1,
                "level2": indicator.level2,
                "level3": indicator.level3,
                "description": indicator.description,
                "target_text": indicator.target_text,
                "kind": indicator.target.kind,
                "comparison": indicator.target.comparison,
                "value": None if indicator.target.value is None else figure(indicator.target.value),
                "unit": indicator.target.unit,
                "weight": None if indicator.weight is None else figure(indicator.weight),
                "measure": None,
            }
            for indicator in programme.indicators
        ],
    }
