"""Map datums: WGS-84, CGCS2000, GCJ-02 (AMap, Tencent), BD-09 (Baidu), and the city's plane coordinates.

CGCS2000 and WGS-84 are treated as the same: they differ by centimetres (EPSG:4490 against EPSG:4326; facts/domain.md
§F). GCJ-02 and BD-09 have no published definition; the formulas here are the ones that everybody uses, rediscovered
from the maps themselves. They shift points by 100 to 700 m. The ways back have no closed form: they are iterated until
the point no longer moves (below 1e-11°, about a micrometre), so that there and back is the same point.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any, overload

import numpy as np
from pyproj import Transformer

from chengheng.common.places.errors import UnknownDatum

_SEMI_MAJOR = 6378245.0  # Krasovsky 1940, as GCJ-02 uses it
_ECCENTRICITY = 0.00669342162296594323
_BAIDU = np.pi * 3000.0 / 180.0
_CLOSE = 1e-11
_ROUNDS = 60


class Datum(StrEnum):
    """The datum of a lon/lat pair."""

    WGS84 = "WGS84"
    CGCS2000 = "CGCS2000"
    GCJ02 = "GCJ02"
    BD09 = "BD09"


def in_china(lon: Any, lat: Any) -> Any:
    """Whether GCJ-02 shifts the point: the rectangle that the usual formulas use, 72.004–137.8347° E, 0.8293–55.8271° N."""
    return (lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271)


def _gcj02_shift(lon: Any, lat: Any) -> tuple[Any, Any]:
    """The shift in degrees at a WGS-84 point."""
    x, y = lon - 105.0, lat - 35.0
    pi, root = np.pi, np.sqrt(np.abs(x))
    waves = (20.0 * np.sin(6.0 * x * pi) + 20.0 * np.sin(2.0 * x * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    north += (20.0 * np.sin(y * pi) + 40.0 * np.sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * pi) + 320.0 * np.sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east += (20.0 * np.sin(x * pi) + 40.0 * np.sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * pi) + 300.0 * np.sin(x / 30.0 * pi)) * 2.0 / 3.0
    radians = lat / 180.0 * pi
    magic = 1.0 - _ECCENTRICITY * np.sin(radians) ** 2
    root = np.sqrt(magic)
    north = north * 180.0 / ((_SEMI_MAJOR * (1.0 - _ECCENTRICITY)) / (magic * root) * pi)
    east = east * 180.0 / (_SEMI_MAJOR / root * np.cos(radians) * pi)
    inside = in_china(lon, lat)
    return np.where(inside, east, 0.0), np.where(inside, north, 0.0)


def _wgs84_to_gcj02(lon: Any, lat: Any) -> tuple[Any, Any]:
    east, north = _gcj02_shift(lon, lat)
    return lon + east, lat + north


def _gcj02_to_bd09(lon: Any, lat: Any) -> tuple[Any, Any]:
    z = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BAIDU)
    theta = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BAIDU)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006


def _back(forward: Any, lon: Any, lat: Any) -> tuple[Any, Any]:
    """The point that `forward` moves to (lon, lat): guess, see by how much it misses, correct by that."""
    x, y = lon, lat
    for _round in range(_ROUNDS):
        there_x, there_y = forward(x, y)
        miss_x, miss_y = there_x - lon, there_y - lat
        x, y = x - miss_x, y - miss_y
        if np.all(np.abs(miss_x) < _CLOSE) and np.all(np.abs(miss_y) < _CLOSE):
            break
    return x, y


@overload
def convert(lon: float, lat: float, source: str, target: str) -> tuple[float, float]: ...
@overload
def convert(lon: np.ndarray, lat: np.ndarray, source: str, target: str) -> tuple[np.ndarray, np.ndarray]: ...
@overload
def convert(*there: Any) -> tuple[Any, Any]: ...
def convert(lon: Any, lat: Any, source: str, target: str) -> tuple[Any, Any]:
    """Lon and lat in degrees (numbers or arrays) from one datum to another. UnknownDatum for other names."""
    try:
        start, goal = Datum(source), Datum(target)
    except ValueError:
        raise UnknownDatum(names=", ".join(Datum)) from None
    ladder = {Datum.WGS84: 0, Datum.CGCS2000: 0, Datum.GCJ02: 1, Datum.BD09: 2}
    steps = (_wgs84_to_gcj02, _gcj02_to_bd09)
    plain = np.isscalar(lon)
    here, there = ladder[start], ladder[goal]
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    while here < there:
        x, y = steps[here](x, y)
        here += 1
    while here > there:
        here -= 1
        x, y = _back(steps[here], x, y)
    return (float(x), float(y)) if plain else (x, y)


@cache
def _plane() -> tuple[Transformer, Transformer]:
    return (
        Transformer.from_crs("EPSG:4490", "EPSG:4548", always_xy=True),
        Transformer.from_crs("EPSG:4548", "EPSG:4490", always_xy=True),
    )


def to_plane(lon: Any, lat: Any) -> tuple[Any, Any]:
    """East and north in metres, CGCS2000 / 3-degree Gauss-Kruger CM 117E (EPSG:4548), the zone that Tianjin lies in."""
    return _plane()[0].transform(lon, lat)


def from_plane(east: Any, north: Any) -> tuple[Any, Any]:
    """The inverse of `to_plane`."""
    return _plane()[1].transform(east, north)
