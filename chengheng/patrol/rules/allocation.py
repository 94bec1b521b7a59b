"""Reward allocation (以奖代补): a pool of money over the districts by their scores. Named, pluggable, exact to the fen.

Tianjin's own formula is not published, so none is called Tianjin's. The four kinds below are what other cities publish
(`facts/domain.md` C): proportional to score; rank coefficient × base (Ningbo Yinzhou); bands; value of a point.
Everything is integer fen; what cannot be divided is shown as remainder, never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Claimant:
    """Who shares: a key (organisation code), the score, and the number by which a base is multiplied (grids, people)."""

    key: str
    score: Decimal
    units: Decimal = Decimal(1)


@dataclass(frozen=True)
class Share:
    """What one claimant gets, and by which figures."""

    key: str
    amount_fen: int
    rank: int
    coefficient: Decimal


@dataclass(frozen=True)
class Allocation:
    """The shares in the claimants' order. shares + remainder = pool, unless the method sets its own total (`pool_fen`)."""

    pool_fen: int
    shares: tuple[Share, ...]
    remainder_fen: int


Method = Callable[[int, Sequence[Claimant], Mapping[str, Any]], Allocation]


def ranks(claimants: Sequence[Claimant]) -> dict[str, int]:
    """Competition ranking, the best score first; equal scores share a rank (1, 2, 2, 4)."""
    scores = sorted((claimant.score for claimant in claimants), reverse=True)
    return {claimant.key: scores.index(claimant.score) + 1 for claimant in claimants}


def proportional(pool_fen: int, claimants: Sequence[Claimant], parameters: Mapping[str, Any]) -> Allocation:
    """Each share is the pool × score × units ÷ Σ(score × units), rounded down to the fen.

    Parameter `floor`: scores below it get nothing.
    """
    floor = Decimal(str(parameters.get("floor", 0)))
    weights = {c.key: c.score * c.units if c.score >= floor else Decimal(0) for c in claimants}
    return _by_weight(pool_fen, claimants, weights)


def points(pool_fen: int, claimants: Sequence[Claimant], parameters: Mapping[str, Any]) -> Allocation:
    """Rank points: rank r of n earns the r-th of `points` (the last for all beyond); a point's value is pool ÷ Σ points."""
    scale = [Decimal(str(value)) for value in parameters["points"]]
    ranked = ranks(claimants)
    weights = {c.key: scale[min(ranked[c.key], len(scale)) - 1] for c in claimants}
    return _by_weight(pool_fen, claimants, weights)


def bands(pool_fen: int, claimants: Sequence[Claimant], parameters: Mapping[str, Any]) -> Allocation:
    """The ranking is cut into bands; each band has a weight for every member. `bands`: [[last rank or null, weight], …]."""
    ranked = ranks(claimants)
    weights = {c.key: _banded(ranked[c.key], parameters["bands"]) * c.units for c in claimants}
    return _by_weight(pool_fen, claimants, weights)


def rank_coefficient(pool_fen: int, claimants: Sequence[Claimant], parameters: Mapping[str, Any]) -> Allocation:
    """Base amount × units × the coefficient of the rank's band. `base_fen` per unit; the pool is a ceiling.

    When the sum would exceed the pool, every share is cut in proportion and the cut is the same for all.
    """
    base, ranked = Decimal(parameters["base_fen"]), ranks(claimants)
    wanted = {c.key: base * c.units * _banded(ranked[c.key], parameters["bands"]) for c in claimants}
    if sum(wanted.values()) > pool_fen:
        return _by_weight(pool_fen, claimants, wanted)
    shares = tuple(
        Share(c.key, int(wanted[c.key]), ranked[c.key], _banded(ranked[c.key], parameters["bands"])) for c in claimants
    )
    return Allocation(pool_fen, shares, pool_fen - sum(share.amount_fen for share in shares))


METHODS: dict[str, tuple[str | Promise, Method]] = {
    "proportional": (_("in proportion to the score"), proportional),
    "rank_coefficient": (_("base × coefficient of the rank"), rank_coefficient),
    "bands": (_("by bands of the ranking"), bands),
    "points": (_("by the value of a point"), points),
}


def _banded(rank: int, rows: Sequence[Sequence[Any]]) -> Decimal:
    return next((Decimal(str(weight)) for last, weight in rows if last is None or rank <= last), Decimal(0))


def _by_weight(pool_fen: int, claimants: Sequence[Claimant], weights: Mapping[str, Decimal]) -> Allocation:
    if pool_fen < 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError("neither the pool nor a weight may be negative")
    total, ranked = sum(weights.values(), Decimal(0)), ranks(claimants)
    shares = []
    for claimant in claimants:
        weight = weights[claimant.key]
        # integers all the way: decimals would round at 28 digits
        amount = _floor_share(pool_fen, weight, total) if total else 0
        shares.append(Share(claimant.key, amount, ranked[claimant.key], weight))
    return Allocation(pool_fen, tuple(shares), pool_fen - sum(share.amount_fen for share in shares))


def _floor_share(pool_fen: int, weight: Decimal, total: Decimal) -> int:
    part, whole = weight.as_integer_ratio(), total.as_integer_ratio()
    return pool_fen * part[0] * whole[1] // (part[1] * whole[0])
