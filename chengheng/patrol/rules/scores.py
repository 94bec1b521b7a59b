"""Composite scores of areas, departments and posts, by a dated rule set; the engine knows no city's weights.

A rule set is data: for each object a list of parts, each a weight and either a ratio (optionally as 100 − ratio) or a
banded count. The shipped example reproduces what a public implementation shows (`facts/domain.md` B.7: 专业部门, 监督员,
受理员, 值班长, 派遣员, 区域); it reads like GB/T 30428.4's informative annex, which is unverified. Its area weights sum to 70
there; the example uses 10/20/30/40 and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Band:
    """A count up to and including `most` gives `points`; `most` None is the last band."""

    most: int | None
    points: Decimal


@dataclass(frozen=True)
class Part:
    """One part of a score. Exactly one of `ratio` and `bands`+`count` is used; `inverted` takes 100 − ratio."""

    code: str
    weight: Decimal
    ratio: str = ""
    inverted: bool = False
    count: str = ""
    bands: tuple[Band, ...] = ()

    def value(self, counts: Mapping[str, int], ratios: Mapping[str, Decimal | None]) -> Decimal | None:
        """0…100; None when the ratio has nothing to divide by."""
        if self.count:
            number = counts[self.count]
            return next(band.points for band in self.bands if band.most is None or number <= band.most)
        ratio = ratios[self.ratio]
        if ratio is None:
            return None
        bounded = min(max(ratio, Decimal(0)), HUNDRED)
        return HUNDRED - bounded if self.inverted else bounded


@dataclass(frozen=True)
class Scored:
    """A score with its parts, so that each figure can be shown where it came from. None: nothing to score."""

    total: Decimal | None
    parts: tuple[tuple[Part, Decimal | None], ...]


def read_parts(rows: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Parts from a rule set's JSON. ValueError says what is wrong: weights must sum to 100, bands must be complete."""
    parts = tuple(
        Part(
            code=row["code"],
            weight=Decimal(str(row["weight"])),
            ratio=row.get("ratio", ""),
            inverted=bool(row.get("inverted", False)),
            count=row.get("count", ""),
            bands=tuple(Band(most, Decimal(str(points))) for most, points in row.get("bands", ())),
        )
        for row in rows
    )
    if sum(part.weight for part in parts) != HUNDRED:
        raise ValueError(f"weights sum to {sum(part.weight for part in parts)}, not 100")
    for part in parts:
        if bool(part.ratio) == bool(part.count):
            raise ValueError(f"{part.code}: give either a ratio or a count with bands")
        if part.count and (not part.bands or part.bands[-1].most is not None):
            raise ValueError(f"{part.code}: the last band must be open")
        limits = [band.most for band in part.bands if band.most is not None]
        if limits != sorted(set(limits)):
            raise ValueError(f"{part.code}: bands must rise")
    return parts


def score(parts: Sequence[Part], counts: Mapping[str, int], ratios: Mapping[str, Decimal | None]) -> Scored:
    """The weighted score, two decimals. Parts without a value are left out and their weight shared by the others.

    Local rule, configurable by giving the part another ratio: sources do not say what a missing ratio scores.
    """
    values = tuple((part, part.value(counts, ratios)) for part in parts)
    known = [(part.weight, value) for part, value in values if value is not None]
    weight = sum((weight for weight, _ in known), Decimal(0))
    if not weight or all(part.count for part, value in values if value is not None):
        return Scored(None, values)
    total = sum((weight * value for weight, value in known), Decimal(0)) / weight
    return Scored(total.quantize(Decimal("0.01"), ROUND_HALF_UP), values)


def grade(total: Decimal | None, grades: Sequence[Mapping[str, Any]]) -> str:
    """The first grade whose `least` the score reaches; "" without a score. Grades come from the rule set, best first."""
    if total is None:
        return ""
    return next((row["grade"] for row in grades if total >= Decimal(str(row["least"]))), "")
