"""Where a number will stand at the year's end, how sure that is, and which light it shows.

All of it is a local rule: 财预〔2019〕136号 asks for "双监控" (money and results) without saying how to forecast. Two ways:
straight-line (what was done so far goes on at the same pace) and seasonal (the share of a year that last year's months
had done by this day). The interval is a 90 % prediction interval from the spread of the months.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import mean, stdev

Z90 = 1.6449  # two-sided 90 % of the normal distribution
CEILING = (Decimal("1.1"), Decimal("1.25"))  # forecast ÷ ceiling up to which spending at this pace is green, yellow
DEFAULT_LIGHTS = {"good": "0.8", "warn": "0.5"}  # probability from which a light is green, yellow; else red


@dataclass(frozen=True)
class Forecast:
    """The value expected at the period's end with its 90 % interval; probability 0–1 of reaching the target."""

    value: Decimal
    low: Decimal
    high: Decimal
    probability: Decimal | None
    method: str


def elapsed_share(start: date, end: date, as_of: date) -> Decimal:
    """The share of the period's days that are over at the end of `as_of`, 0 to 1."""
    days = (end - start).days + 1
    return Decimal(min(max((as_of - start).days + 1, 0), days)) / days


def reached(comparison: str, actual: Decimal, target: Decimal, *, upper: Decimal | None = None,
            strict: bool = False) -> bool:  # fmt: skip
    """Whether a value keeps its target. "=" is kept from the target upwards (facts/domain.md §D.3, equal-type)."""
    if upper is not None:
        return target <= actual <= upper
    if comparison == "<=":
        return actual < target if strict else actual <= target
    return actual > target if strict else actual >= target


def seasonal_share(months_before: list[Decimal], as_of: date) -> Decimal | None:
    """The share of last year that was done by the same day, the month at hand in proportion; None without a year."""
    total = sum(months_before, Decimal(0))
    if len(months_before) != 12 or total <= 0:
        return None
    days = (date(as_of.year + as_of.month // 12, as_of.month % 12 + 1, 1) - date(as_of.year, as_of.month, 1)).days
    done = sum(months_before[: as_of.month - 1], Decimal(0))
    return (done + months_before[as_of.month - 1] * as_of.day / days) / total


def forecast(value: Decimal, months: list[Decimal], share: Decimal, *, cumulative: bool, comparison: str | None,
             target: Decimal | None, upper: Decimal | None = None, seasonal: Decimal | None = None) -> Forecast | None:  # fmt: skip
    """Forecast the value of a whole period from its first `share` (0 < share ≤ 1).

    `value` stands now, `months` are the values of the full months so far (increments when cumulative, levels when not).
    With `seasonal` (the share done by now in the year before) a cumulative value is scaled by it. None at share 0.
    """
    if share <= 0:
        return None
    left = max(float(12 * (1 - share)), 0.0)  # months to come
    spread = stdev(map(float, months)) if len(months) >= 2 else math.sqrt(abs(float(value))) if cumulative else None
    if cumulative:
        base = seasonal if seasonal and seasonal > 0 else share
        end = value / base if base < 1 else value
        count = max(len(months), 1)
        error = (spread or 0.0) * math.sqrt(left + left * left / count)
    else:
        end = value
        levels = [float(month) for month in months]
        count = max(len(levels), 1)
        if spread is None:
            spread = abs(float(value)) * 0.05  # one month only: taken as within 5 %, until more months are known
        error = spread * math.sqrt(left) / (count + left) if left else 0.0
        if levels and left:
            end = Decimal(str((float(value) * (12 - left) + mean(levels) * left) / 12))
    low, high = float(end) - Z90 * error, float(end) + Z90 * error
    if cumulative:
        low = max(low, float(value))
    probability = _probability(float(end), error, comparison, target, upper)
    if cumulative and target is not None and comparison != "<=" and upper is None and value >= target:
        probability = 1.0  # a count never falls again
    if cumulative and target is not None and comparison == "<=" and value > target:
        probability = 0.0
    return Forecast(
        _rounded(end), _rounded(Decimal(str(low))), _rounded(Decimal(str(high))),
        None if probability is None else Decimal(str(probability)).quantize(Decimal("0.001")),
        "seasonal" if cumulative and seasonal and seasonal > 0 else "straight",
    )  # fmt: skip


def _probability(end: float, error: float, comparison: str | None, target: Decimal | None,
                 upper: Decimal | None) -> float | None:  # fmt: skip
    if target is None or comparison is None:
        return None
    below = _normal((float(target) - end) / error) if error > 0 else (1.0 if end < float(target) else 0.0)
    if comparison == "<=":
        return below if error > 0 else (1.0 if end <= float(target) else 0.0)
    if upper is not None:
        top = _normal((float(upper) - end) / error) if error > 0 else (1.0 if end <= float(upper) else 0.0)
        return max(top - below, 0.0)
    return 1 - below


def _normal(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def _rounded(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.0001"))


def light(
    *,
    value: Decimal | None,
    kept: bool,
    over: bool,
    probability: Decimal | None,
    limits: dict[str, str] | None = None,
    pace: Decimal | None = None,
) -> str:
    """good, warn, bad or none. After the period only the result counts; before, the probability of keeping the target.

    `pace` is for ceilings of what grows (money): forecast ÷ ceiling. A budget that is spent evenly ends on its ceiling,
    which as a probability is an even chance; so a ceiling warns by how far the pace leads beyond it, once and again.
    """
    if value is None:
        return "none"
    if over or (pace is not None and not kept):
        return "good" if kept else "bad"
    if pace is not None:
        return "good" if pace <= CEILING[0] else "warn" if pace <= CEILING[1] else "bad"
    if probability is None:
        return "good" if kept else "warn"
    limits = limits or DEFAULT_LIGHTS
    if probability >= Decimal(limits["good"]):
        return "good"
    return "warn" if probability >= Decimal(limits["warn"]) else "bad"


def money_light(executed: Decimal, share: Decimal, behind: Decimal = Decimal("0.15"),
                far_behind: Decimal = Decimal("0.3")) -> str:  # fmt: skip
    """Budget execution against the year's progress (both 0–1): above the budget is red, lagging is yellow, then red.

    Local rule, configurable. Tianjin's commission asks for all project money to be spent by the end of October
    (facts/domain.md §D.3); a site that wants that passes `share` of ten months.
    """
    if executed > 1 or share - executed > far_behind:
        return "bad"
    return "warn" if share - executed > behind else "good"
