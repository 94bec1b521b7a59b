"""Scores of a self-evaluation (项目支出绩效自评表): weights, formulas, reasons, grades.

Rule sets are data, dated and versioned (`RuleSet` rows); `EXAMPLE` is the set that ships. Its formulas are those of
facts/domain.md §D.3: execution rate × weight; ≥ and = in proportion below the target; ≤ in proportion up to twice the
target; qualitative answers within the band of their level. 10/50/30/10 is what the published forms carry (§D.2). Grades are
the well-known ones of 财预〔2020〕10号 (unsourced here). Over-attainment is flagged, never deducted by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
EXAMPLE: dict[str, Any] = {
    "weights": {"execution": "10", "output": "50", "benefit": "30", "satisfaction": "10"},
    "qualitative": {"reached": ["0.8", "1"], "partly": ["0.6", "0.8"], "missed": ["0", "0.6"]},
    "over_attainment": "1.3",
    "explain_execution_below": "0.9",
    "grades": [["90", "excellent"], ["80", "good"], ["60", "fair"], ["0", "poor"]],
    "lights": {"good": "0.8", "warn": "0.5"},
}
EXAMPLE_SOURCE = (
    "facts/domain.md §D.2–D.3: published forms (10/50/30/10); scoring as in a deployed provincial product; "
    "over-attainment threshold 130 % as in Guangxi; grades unsourced. An example, not Tianjin's own rule."
)


@dataclass(frozen=True)
class Score:
    """Points, and why a reason must be given: "" none, "below", "above", "execution"."""

    points: Decimal
    explain: str = ""


def cents(points: Decimal) -> Decimal:
    return points.quantize(CENT, ROUND_HALF_UP)


def execution(spent_fen: int, budget_fen: int, weight: Decimal, rules: dict[str, Any]) -> Score:
    """执行数 ÷ 全年预算数 × weight, full at most; a rate below the rule's (90 %) must be explained."""
    if budget_fen <= 0:
        return Score(Decimal(0), "execution")
    rate = Decimal(spent_fen) / Decimal(budget_fen)
    low = rate < Decimal(rules["explain_execution_below"]) or rate > 1
    return Score(cents(min(rate, Decimal(1)) * weight), "execution" if low else "")


def quantity(actual: Decimal | None, comparison: str, target: Decimal, weight: Decimal, rules: dict[str, Any], *,
             upper: Decimal | None = None, strict: bool = False) -> Score:  # fmt: skip
    """Points of a number; no actual value is no evidence and gives no points."""
    if actual is None:
        return Score(Decimal(0), "below")
    if comparison == "<=" or (upper is not None and actual > upper):
        return _ceiling(actual, upper if upper is not None and comparison != "<=" else target, weight, strict)
    if comparison == "=" and target == 0:
        return Score(weight) if actual <= 0 else Score(Decimal(0), "below")
    if actual > target or (actual == target and not strict):
        threshold = Decimal(rules["over_attainment"])
        return Score(weight, "above" if target > 0 and actual >= threshold * target and actual > target else "")
    if target <= 0 or actual <= 0:
        return Score(Decimal(0), "below")
    return Score(cents(actual / target * weight), "below")


def _ceiling(actual: Decimal, target: Decimal, weight: Decimal, strict: bool) -> Score:
    if actual < target or (actual == target and not strict):
        return Score(weight)
    if target <= 0 or actual >= 2 * target:
        return Score(Decimal(0), "below")
    return Score(cents((1 - (actual - target) / target) * weight), "below")


def quality(level: str, share: Decimal | None, weight: Decimal, rules: dict[str, Any]) -> Score:
    """Points of a qualitative answer: `level` reached, partly or missed; `share` of the weight within that band."""
    if level not in rules["qualitative"]:
        return Score(Decimal(0), "below")
    low, high = (Decimal(bound) for bound in rules["qualitative"][level])
    chosen = high if share is None and level == "reached" else low if share is None else min(max(share, low), high)
    return Score(cents(chosen * weight), "" if level == "reached" else "below")


def shares(total: Decimal, count: int) -> list[Decimal]:
    """`total` points over `count` indicators, equal to the cent; the first ones carry the remainder."""
    if count <= 0:
        return []
    each = (total / count).quantize(CENT, rounding="ROUND_DOWN")
    rest = int((total - each * count) / CENT)
    return [each + CENT if position < rest else each for position in range(count)]


def part_of(level1: str) -> str:
    """Which of the three parts an indicator's first level belongs to."""
    if "满意" in level1:
        return "satisfaction"
    return "benefit" if "效益" in level1 or "效应" in level1 else "output"


def weights(levels: list[str], rules: dict[str, Any]) -> list[Decimal]:
    """Default points for indicators by their first levels. A part without indicators gives its points to the output."""
    parts = [part_of(level) for level in levels]
    totals = {part: Decimal(rules["weights"][part]) for part in ("output", "benefit", "satisfaction")}
    for part in ("benefit", "satisfaction", "output"):
        if part not in parts and parts:
            to = next(other for other in ("output", "benefit", "satisfaction") if other in parts)
            totals[to] += totals[part]
            totals[part] = Decimal(0)
    split = {part: iter(shares(totals[part], parts.count(part))) for part in totals}
    return [next(split[part]) for part in parts]


def grade(total: Decimal, rules: dict[str, Any]) -> str:
    """excellent, good, fair or poor."""
    return next((name for bound, name in rules["grades"] if total >= Decimal(bound)), rules["grades"][-1][1])
