"""From a scale's reading to a verdict: g/m², road value by lane type, limits, score, outliers.

Mean of all valid points is the road's value; under six valid points there is no result (facts/domain.md §A.4; the
"≥ 6 points" is the budget's own target). Limits and scores are dated local tables, never constants here. Outliers follow
Iglewicz & Hoaglin (1993): modified z-score 0.6745·|x − median| ÷ MAD above 3.5; they are flagged, never dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from statistics import median

MIN_POINTS = 6
HUNDRED = Decimal(100)


class Lane(StrEnum):
    """Where on the cross-section a point lies."""

    FAST = "fast"
    SLOW = "slow"
    KERB = "kerb"
    PAVEMENT = "pavement"


class Verdict(StrEnum):
    MET = "met"
    MISSED = "missed"
    INCOMPLETE = "incomplete"
    NO_RULE = "no_rule"


def grams_per_m2(gross_g: Decimal, tare_g: Decimal, area_m2: Decimal) -> Decimal:
    """(gross − tare) ÷ frame area, in g/m², unrounded. ValueError for a negative net mass or an area not above zero."""
    if area_m2 <= 0:
        raise ValueError("a frame has an area above zero")
    if tare_g < 0 or gross_g < tare_g:
        raise ValueError("the full bag weighs less than the empty one")
    return (gross_g - tare_g) / area_m2


def reading_step(resolution_g: Decimal, area_m2: Decimal) -> Decimal:
    """What one digit of the scale means in g/m²: two readings, each within half a digit, differ by up to this."""
    return resolution_g / area_m2


def rounded(value: Decimal, places: int = 1) -> Decimal:
    """Half up, as bulletins print (克/平方米 with one decimal)."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def outliers(values: Sequence[Decimal], threshold: Decimal = Decimal("3.5")) -> list[int]:
    """Indices of values whose modified z-score is above the threshold; none under four values.

    When more than half of the values are equal (MAD = 0) the mean absolute deviation stands in, ×1.253314.
    """
    if len(values) < 4:
        return []
    numbers = [float(value) for value in values]
    centre = median(numbers)
    distances = [abs(number - centre) for number in numbers]
    spread = median(distances) / 0.6745
    if spread == 0:
        spread = 1.253314 * sum(distances) / len(distances)
    if spread == 0:
        return []
    return [index for index, distance in enumerate(distances) if distance / spread > float(threshold)]


@dataclass(frozen=True)
class LimitLine:
    """The most that may lie on a lane type of a road grade. Empty keys hold for all. `inclusive`: "≤", else "<"."""

    limit: Decimal
    lane: str = ""
    grade: int | None = None
    zone: str = ""
    inclusive: bool = True

    def kept(self, value: Decimal) -> bool:
        return value <= self.limit if self.inclusive else value < self.limit

    @property
    def exactness(self) -> int:
        return bool(self.lane) * 4 + (self.grade is not None) * 2 + bool(self.zone)

    def fits(self, lane: str, grade: int, zone: str) -> bool:
        return self.lane in ("", lane) and self.grade in (None, grade) and self.zone in ("", zone)


@dataclass(frozen=True)
class RuleTable:
    """A dated set: limits, points lost per g/m² above a limit, the least number of points, deductions in fen.

    `deduct_missed_fen` for each missed road, `deduct_gram_fen` for each started g/m² above the worst lane's limit.
    """

    limits: tuple[LimitLine, ...] = ()
    points_per_gram: Decimal = Decimal(10)
    min_points: int = MIN_POINTS
    outlier_threshold: Decimal = Decimal("3.5")
    deduct_missed_fen: int = 0
    deduct_gram_fen: int = 0
    _found: dict[tuple[str, int, str], LimitLine | None] = field(default_factory=dict, compare=False, repr=False)

    def limit_for(self, lane: str, grade: int, zone: str = "") -> LimitLine | None:
        """The most exact line that fits; None when the set says nothing of this lane. Looked up once for each key."""
        key = (lane, grade, zone)
        if key not in self._found:
            fitting = [line for line in self.limits if line.fits(lane, grade, zone)]
            self._found[key] = max(fitting, key=lambda line: line.exactness, default=None)
        return self._found[key]


@dataclass(frozen=True)
class Judged:
    """What a road's points come to. `value` and `by_lane` in g/m², unrounded; `excess` over the worst lane's limit."""

    verdict: Verdict
    valid_points: int
    value: Decimal | None = None
    by_lane: Mapping[str, Decimal] = field(default_factory=dict)
    score: Decimal | None = None
    excess: Decimal = Decimal(0)


LaneSums = Mapping[str, tuple[Decimal, int]]
"""Lane type → the sum of its valid points in g/m² and how many they are: all that a verdict needs of them."""


def judge(points: Sequence[tuple[str, Decimal]], grade: int, zone: str, table: RuleTable | None) -> Judged:
    """Judge the valid points, (lane, g/m²) each, of one check. The order of points does not matter."""
    lanes: dict[str, list[Decimal]] = {}
    for lane, value in points:
        lanes.setdefault(lane, []).append(value)
    sums = {lane: (sum(sorted(values), Decimal(0)), len(values)) for lane, values in lanes.items()}
    return judge_lanes(sums, grade, zone, table)


def judge_lanes(sums: LaneSums, grade: int, zone: str, table: RuleTable | None) -> Judged:
    """Judge a check by what its lane types sum up to, as a database adds them; the same as `judge` of its points.

    Each lane type's mean is held against its limit; the road meets the rule when every limited lane does. Score: 100
    less `points_per_gram` for each g/m² by which the worst lane exceeds its limit, not below 0.
    """
    least = max(MIN_POINTS, table.min_points if table else MIN_POINTS)
    number = sum(count for _sum, count in sums.values())
    if number < least:
        return Judged(Verdict.INCOMPLETE, number)
    by_lane, whole = {}, Decimal(0)
    for lane in sorted(sums):
        grams, count = sums[lane]
        by_lane[lane] = grams / count
        whole += grams
    mean = whole / number
    limits = ((lane, table.limit_for(lane, grade, zone)) for lane in by_lane) if table else ()
    held = [(by_lane[lane], line) for lane, line in limits if line is not None]
    if table is None or not held:
        return Judged(Verdict.NO_RULE, number, mean, by_lane)
    excess = max(Decimal(0), *(value - line.limit for value, line in held))
    met = all(line.kept(value) for value, line in held)
    score = max(Decimal(0), HUNDRED - excess * table.points_per_gram)
    return Judged(Verdict.MET if met else Verdict.MISSED, number, mean, by_lane, rounded(score, 2), excess)


def deduction_fen(judged: Judged, table: RuleTable) -> int:
    """What a contractor loses for one missed road: a fixed part and one for each started g/m² above the limit."""
    if judged.verdict is not Verdict.MISSED:
        return 0
    started = math.ceil(judged.excess)
    return table.deduct_missed_fen + started * table.deduct_gram_fen


def entries_agree(first: tuple[Decimal, Decimal], second: tuple[Decimal, Decimal], resolution_g: Decimal) -> bool:
    """Whether two hand readings (gross, tare) of a bag agree: each within one digit of the scale."""
    return all(abs(one - other) <= resolution_g for one, other in zip(first, second, strict=True))
