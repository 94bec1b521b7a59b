"""The way on the ground between two places, for distances within a city. Pure; nothing heavy is imported."""

from __future__ import annotations

import math

EARTH_M = 6_371_008.8
"""The mean radius of the earth (IUGG), in metres."""


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Great-circle distance in metres (haversine on the mean sphere; within 0.6 % of the ellipsoid)."""
    a, b = math.radians(lat), math.radians(other_lat)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))
