"""From checked roads to a district: design-weighted mean, 95 % interval, ranking with ties and significance.

Stratified estimator of a mean (Cochran, Sampling Techniques, 3rd ed., §5.3–5.4 and, for the error of a road's own value,
§10.3): mean = Σ W·ȳ, variance = Σ W²·((1 − f)·s² + f·w)/n with W = N/ΣN, f = n/N, w the mean variance of a road's own
value. Degrees of freedom by Satterthwaite. A stratum with one road borrows the pooled variance of the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Z95 = 1.959964


@dataclass(frozen=True)
class Stratum:
    """`roads`: how many roads it has; `values`: of the checked ones, g/m²; `errors`: variance of each value, if known."""

    roads: int
    values: Sequence[float]
    errors: Sequence[float] = ()


@dataclass(frozen=True)
class Estimate:
    """`low`–`high` is the 95 % interval, None where one road alone says nothing of the spread. g/m²."""

    mean: float
    se: float | None
    low: float | None
    high: float | None
    checked: int
    roads: int


@lru_cache(maxsize=4096)
def _t(df: float) -> float:
    from scipy.special import stdtrit  # scipy.stats would take a second to load

    return float(stdtrit(df, 0.975))


def estimate(strata: Sequence[Stratum]) -> Estimate | None:
    """The mean over all roads of the strata that were checked at all; None without any check."""
    seen = [s for s in strata if s.values]
    if not seen:
        return None
    total = sum(s.roads for s in seen)
    checked = sum(len(s.values) for s in seen)
    mean = sum(s.roads / total * math.fsum(s.values) / len(s.values) for s in seen)
    spreads = [_variance(s.values) if len(s.values) > 1 else None for s in seen]
    known = [(v, len(s.values) - 1) for v, s in zip(spreads, seen, strict=True) if v is not None]
    freedom = sum(df for _v, df in known)
    if freedom:
        pooled = math.fsum(v * df for v, df in known) / freedom
    elif checked > 1:  # one road in each stratum: collapsed strata, which errs towards a wider interval
        pooled, freedom = _variance([value for s in seen for value in s.values]), checked - 1
    else:
        return Estimate(mean, None, None, None, checked, total)
    variance, parts = 0.0, []
    for s, own in zip(seen, spreads, strict=True):
        n, spread = len(s.values), pooled if own is None else own
        share = min(1.0, n / s.roads)
        within = math.fsum(s.errors) / len(s.errors) if s.errors else 0.0
        part = (s.roads / total) ** 2 * ((1 - share) * spread + share * within) / n
        variance += part
        if n > 1 and part > 0:
            parts.append((part, n - 1))
    df = variance**2 / sum(part**2 / n for part, n in parts) if parts and variance > 0 else float(freedom)
    se = math.sqrt(variance)
    half = _t(max(1.0, round(df, 1))) * se
    return Estimate(mean, se, max(0.0, mean - half), mean + half, checked, total)  # dust is never below nothing


def _variance(values: Sequence[float]) -> float:
    centre = math.fsum(values) / len(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


@dataclass(frozen=True)
class Ranked:
    """A place in the ranking. `best`–`worst`: the ranks that the 95 % level cannot tell apart from this one."""

    code: str
    rank: int
    estimate: Estimate
    best: int
    worst: int


def differs(one: Estimate, other: Estimate) -> bool:
    """Whether two means differ at the 95 % level; not when one of them has no interval."""
    if one.se is None or other.se is None:
        return False
    return abs(one.mean - other.mean) > Z95 * math.hypot(one.se, other.se)


def ranking(estimates: Mapping[str, Estimate], places: int = 1) -> list[Ranked]:
    """The cleanest first; equal printed values share a rank (2, 2, 4)."""
    order = sorted(estimates, key=lambda code: (_printed(estimates[code].mean, places), code))
    found: list[Ranked] = []
    for position, code in enumerate(order, start=1):
        own = estimates[code]
        same = found and _printed(found[-1].estimate.mean, places) == _printed(own.mean, places)
        rank = found[-1].rank if same else position
        others = [estimates[other] for other in order if other != code]
        best = 1 + sum(other.mean < own.mean and differs(own, other) for other in others)
        worst = len(order) - sum(other.mean > own.mean and differs(own, other) for other in others)
        found.append(Ranked(code, rank, own, best, worst))
    return found


def _printed(value: float, places: int) -> float:
    scale = 10**places
    return math.floor(value * scale + 0.5) / scale
