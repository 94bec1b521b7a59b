"""What the answers of a survey are worth: satisfaction rate, response rate, margin of error.

Satisfaction rate = answers "satisfied" or "very satisfied" ÷ answers to the scale questions (local rule, the usual 满意率).
Margin of error: 95 %, normal approximation of a proportion with finite population correction √((N−n)/(N−1)) (textbook
formula, Cochran 1977 §2.8); between answers of one person no independence is claimed, so n counts persons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

SATISFIED = 4  # on the scale 1 very dissatisfied … 5 very satisfied
Z95 = 1.96


@dataclass(frozen=True)
class Result:
    """Counts, and rates in per cent; None where there is nothing to divide."""

    invited: int
    answered: int
    rate: Decimal | None
    margin: Decimal | None
    response: Decimal | None


def result(answers: list[list[int]], invited: int) -> Result:
    """`answers`: for each person the scale values (1–5) given. `invited`: the population that was asked."""
    given = [values for values in answers if values]
    n = len(given)
    response = _percent(len(answers), invited)
    total = sum(len(values) for values in given)
    if not total:
        return Result(invited, len(answers), None, None, response)
    satisfied = sum(value >= SATISFIED for values in given for value in values)
    share = satisfied / total
    population = max(invited, n)
    correction = math.sqrt((population - n) / (population - 1)) if population > 1 else 0.0
    margin = Z95 * math.sqrt(share * (1 - share) / n) * correction * 100
    return Result(
        invited, len(answers), _percent(satisfied, total), Decimal(str(margin)).quantize(Decimal("0.01")), response
    )


def _percent(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) * 100 / whole).quantize(Decimal("0.01")) if whole else None
