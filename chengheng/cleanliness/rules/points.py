"""Where on a road the frame is put: a random start, even spacing along the length, both sides, lane types in turn.

Local rule in the manner of Beijing's "等距" points (facts/domain.md §A.1). Distances in metres on the mean sphere.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chengheng.common.places.ground import EARTH_M, distance_m

Position = tuple[float, float]


@dataclass(frozen=True)
class Placed:
    """A planned point: where it is, on which side (left or right in the line's direction) and lane, metres from start."""

    number: int
    lon: float
    lat: float
    side: str
    lane: str
    along_m: float


def length_m(line: Sequence[Position]) -> float:
    """The way along the line, in metres."""
    return sum(distance_m(*one, *other) for one, other in pairwise(line))


def along(line: Sequence[Position], metres: float) -> Position:
    """The position so many metres from the line's start; its end when that is further than it is long."""
    for one, other in pairwise(line):
        step = distance_m(*one, *other)
        if metres <= step and step > 0:
            share = metres / step
            return (one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share)
        metres -= step
    return (line[-1][0], line[-1][1])


def distance_to_line_m(place: Position, line: Sequence[Position]) -> float:
    """How far a place is from a line, in metres (flat near the place; good to centimetres within a city)."""
    scale = math.cos(math.radians(place[1]))
    degree = math.radians(1) * EARTH_M

    def flat(p: Position) -> tuple[float, float]:
        return ((p[0] - place[0]) * scale * degree, (p[1] - place[1]) * degree)

    best = math.inf
    for one, other in pairwise(line):
        (ax, ay), (bx, by) = flat(one), flat(other)
        dx, dy = bx - ax, by - ay
        square = dx * dx + dy * dy
        t = max(0.0, min(1.0, -(ax * dx + ay * dy) / square)) if square else 0.0
        best = min(best, math.hypot(ax + t * dx, ay + t * dy))
    return best


def place(line: Sequence[Position], lanes: Sequence[str], count: int, seed: str) -> list[Placed]:
    """`count` points: the start is random within the first spacing, then even; sides alternate, lanes take turns.

    The lane turns every second point, so that each lane type is met on both sides. ValueError without a line or lane.
    """
    if len(line) < 2 or not lanes or count < 1:
        raise ValueError("a road needs a line, a lane and at least one point")
    chance = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    total = length_m(line)
    spacing = total / count
    start = spacing * ((chance >> 8) / 2**56)
    first = chance & 1
    turn = (chance >> 1) % len(lanes)
    found = []
    for index in range(count):
        metres = start + spacing * index
        lon, lat = along(line, metres)
        side = ("left", "right")[(index + first) % 2]
        lane = lanes[(turn + index // 2) % len(lanes)]
        found.append(Placed(index + 1, round(lon, 7), round(lat, 7), side, lane, round(metres, 2)))
    return found
