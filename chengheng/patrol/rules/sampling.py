"""Random re-inspection (漏报抽查): drawing the areas, and what a sample says of the missed rate.

漏报数 = problems that should have been reported and were not, as confirmed (facts of a deployed system). A sample gives
漏报 ÷ 发现 with an interval; the standard's 漏报率 = 漏报数 ÷ 立案数 is worked out beside it by whoever has both counts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from decimal import Decimal

Z_95 = 1.959964
"""Of the two-sided 95 % interval of the normal distribution."""


def draw(codes: Iterable[str], seed: str, size: int) -> list[str]:
    """`size` of the codes, all equally likely; the same seed and codes give the same draw with any software.

    Each code is put in the order of SHA-256("seed:code"), and the first ones are taken.
    """
    return sorted(set(codes), key=lambda code: (_mark(seed, code), code))[:size]


def _mark(seed: str, code: str) -> str:
    return hashlib.sha256(f"{seed}:{code}".encode()).hexdigest()


def digest(codes: Iterable[str]) -> str:
    """SHA-256 over the sorted codes, one a line: says later from what was drawn."""
    return hashlib.sha256("\n".join(sorted(set(codes))).encode()).hexdigest()


def interval(part: int, whole: int, z: float = Z_95) -> tuple[Decimal, Decimal] | None:
    """Wilson's score interval of a proportion, in per cent with two decimals; None of nothing. Areas count as equal."""
    if not whole:
        return None
    share, square = part / whole, z * z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    low = 0.0 if part == 0 else max(0.0, middle - half)
    high = 1.0 if part == whole else min(1.0, middle + half)
    return Decimal(f"{low * 100:.2f}"), Decimal(f"{high * 100:.2f}")
