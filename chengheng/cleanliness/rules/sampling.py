"""Which roads a month's plan checks: stratified random sampling, district × grade.

Method "rotation-1" (local rule, configurable in size, gap and shares). Every road has a permanent random number from the
year's seed and its code (SHA-256). In each stratum the roads least often drawn this year come first, those within the
gap wait, and ties are broken by the permanent number of that round. By symmetry every road of a stratum that stood in the
frame all year has the same chance in any month: a month is a simple random sample within its strata, and over the year
coverage is as even as it can be. Nothing depends on the order of the input, so anybody can draw it again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

METHOD = "rotation-1"


@dataclass(frozen=True)
class FrameRoad:
    """A road as the draw sees it. `drawn`: how often it was drawn this year; `waits`: drawn within the gap."""

    code: str
    district: str
    grade: int
    drawn: int = 0
    waits: bool = False

    @property
    def stratum(self) -> str:
        return f"{self.district}-{self.grade}"

    def as_row(self) -> list[str | int | bool]:
        return [self.code, self.district, self.grade, self.drawn, self.waits]

    @classmethod
    def of_row(cls, row: Sequence) -> FrameRoad:
        return cls(str(row[0]), str(row[1]), int(row[2]), int(row[3]), bool(row[4]))


@dataclass(frozen=True)
class Draw:
    """`chosen`: road codes by stratum in the order of drawing; `sizes`: roads of the frame by stratum."""

    chosen: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, int]
    short: int = 0

    @property
    def codes(self) -> list[str]:
        return sorted(code for codes in self.chosen.values() for code in codes)


def frame_digest(frame: Iterable[FrameRoad]) -> str:
    """SHA-256 of the frame, whatever its order."""
    text = "\n".join(sorted("|".join(map(str, road.as_row())) for road in frame))
    return hashlib.sha256(text.encode()).hexdigest()


def chance(seed: str, round_: int, code: str) -> bytes:
    """A road's permanent random number in a round of the year."""
    return hashlib.sha256(f"{seed}|{round_}|{code}".encode()).digest()


def allocate(size: int, sizes: Mapping[str, int], free: Mapping[str, int], shares: Mapping[str, float] | None = None,
             least: int = 2, behind: Mapping[str, float] | None = None, tie: str = "") -> dict[str, int]:  # fmt: skip
    """How many roads each stratum gives: `least` each (fewer where fewer are free), the rest by size × share.

    `shares` is a stratum's assumed spread (Neyman's allocation); 1 everywhere is proportional. Largest remainders, with
    what a stratum is `behind` its share of the year added (in roads), ties by chance from `tie`; what a full stratum
    cannot take goes to the others. The sum is `size`, or all that is free.
    """
    given = {name: min(least, free[name]) for name in sorted(sizes)}
    for enough in range(least - 1, -1, -1):  # a small plan cannot give every stratum its least
        if sum(given.values()) <= size:
            break
        given = {name: min(enough, free[name]) for name in given}
    weights = {name: sizes[name] * (shares or {}).get(name, 1.0) for name in given}
    while (left := min(size, sum(free.values())) - sum(given.values())) > 0:
        open_ = [name for name in given if given[name] < free[name]]
        total = sum(weights[name] for name in open_)
        target = {name: left * weights[name] / total if total else left / len(open_) for name in open_}
        for name in open_:
            given[name] += min(floor(target[name]), free[name] - given[name])
        spare = min(size, sum(free.values())) - sum(given.values())
        owed = {name: target[name] - floor(target[name]) + (behind or {}).get(name, 0.0) for name in open_}
        rest = sorted(
            open_, key=lambda name: (-round(owed[name], 9), hashlib.sha256(f"{tie}|{name}".encode()).digest())
        )
        for name in [name for name in rest if given[name] < free[name]][:spare]:
            given[name] += 1
    return given


def draw(
    frame: Iterable[FrameRoad], size: int, seed: str, shares: Mapping[str, float] | None = None, least: int = 2
) -> Draw:
    """Draw `size` roads. `short` says by how many the frame could not give enough (all others wait)."""
    strata: dict[str, list[FrameRoad]] = defaultdict(list)
    for road in frame:
        strata[road.stratum].append(road)
    sizes = {name: len(roads) for name, roads in strata.items()}
    free = {name: sum(not road.waits for road in roads) for name, roads in strata.items()}
    total = {name: sum(road.drawn for road in roads) for name, roads in strata.items()}
    usual = sum(total.values()) / max(1, sum(sizes.values()))
    behind = {name: usual * sizes[name] - total[name] for name in strata}
    given = allocate(size, sizes, free, shares, least, behind, f"{seed}|{sum(total.values())}")
    chosen = {}
    for name in sorted(strata):
        ready = [road for road in strata[name] if not road.waits]
        ready.sort(key=lambda road: (road.drawn, chance(seed, road.drawn, road.code), road.code))
        chosen[name] = tuple(road.code for road in ready[: given[name]])
    return Draw(chosen, sizes, size - sum(map(len, chosen.values())))


def forecast(
    sizes: Mapping[str, int], drawn: Mapping[str, int], months: Sequence[int], seed: str,
    recent: Sequence[Mapping[str, int]] = (), gap_months: int = 1,
) -> dict[str, int]:  # fmt: skip
    """How many roads each stratum will have given in the year when the coming `months` (sizes of plans) are drawn.

    `sizes`: roads by stratum; `drawn`: given this year so far; `recent`: what each of the last plans took, the latest
    last: as many roads wait for `gap_months` plans. Takes the same shares as `draw` and no road by name.
    """
    total = {name: drawn.get(name, 0) for name in sizes}
    taken = [dict(one) for one in recent]
    for size in months:
        waiting = [sum(one.get(name, 0) for one in taken[-gap_months:]) if gap_months else 0 for name in sizes]
        free = {name: max(0, sizes[name] - waits) for name, waits in zip(sizes, waiting, strict=True)}
        usual = sum(total.values()) / max(1, sum(sizes.values()))
        behind = {name: usual * sizes[name] - total[name] for name in sizes}
        given = allocate(size, sizes, free, None, 2, behind, f"{seed}|{sum(total.values())}")
        taken.append(given)
        total = {name: total[name] + given[name] for name in sizes}
    return total
