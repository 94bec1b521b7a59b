"""Mapbox Vector Tiles 2.1: points into the bytes of a tile. Only what a map of points needs; sans-I/O.

https://github.com/mapbox/vector-tile-spec/tree/master/2.1 — section 4.3 geometry encoding, 4.4 feature attributes. The
containers are protocol buffers, of which two wire types are enough: varints and lengths.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

EXTENT = 4096
Value = str | int | float | bool
_POINT = 1
_MOST_LATITUDE = 85.051128779806604


@dataclass(frozen=True)
class Point:
    """A point of a tile: `x`, `y` in units of the extent from the tile's north-west corner; `id` is unsigned."""

    x: int
    y: int
    properties: Mapping[str, Value] = field(default_factory=dict)
    id: int | None = None


def varint(number: int) -> bytes:
    """A number from 0 to 2⁶⁴−1 in groups of seven bits, the lowest first."""
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{number} does not fit into 64 bits")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number: int) -> int:
    """A signed 32-bit number as an unsigned one, small for small magnitudes."""
    return (number << 1) ^ (number >> 31) if -(1 << 31) <= number < 1 << 31 else _refuse(number)


def _refuse(number: int) -> int:
    raise ValueError(f"{number} does not fit into 32 bits")


def _held(tag: int, content: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(content)) + content


def _number(tag: int, number: int) -> bytes:
    return varint(tag << 3) + varint(number)


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return _number(7, int(value))
    if isinstance(value, int):
        return _number(5, value) if value >= 0 else _number(6, value * -2 - 1)
    if isinstance(value, float):
        return varint(3 << 3 | 1) + struct.pack("<d", value)
    return _held(1, value.encode())


def layer(name: str, points: Iterable[Point], extent: int = EXTENT) -> bytes:
    """A layer of a tile, ready to be joined with others by `tile`. ValueError for numbers that do not fit."""
    keys: dict[str, int] = {}
    values: dict[tuple[type, Value], int] = {}
    features = []
    for point in points:
        tags = b"".join(
            varint(keys.setdefault(key, len(keys))) + varint(values.setdefault((type(value), value), len(values)))
            for key, value in point.properties.items()
        )
        geometry = varint(1 | 1 << 3) + varint(zigzag(point.x)) + varint(zigzag(point.y))
        number = _number(1, point.id) if point.id is not None else b""
        features.append(_held(2, number + _held(2, tags) + _number(3, _POINT) + _held(4, geometry)))
    return b"".join(
        (
            _held(1, name.encode()), *features, *(_held(3, key.encode()) for key in keys),
            *(_held(4, _value(value)) for _kind, value in values), _number(5, extent), _number(15, 2),
        )
    )  # fmt: skip


def tile(layers: Iterable[bytes]) -> bytes:
    """A tile of encoded layers."""
    return b"".join(_held(3, one) for one in layers)


# Web Mercator (EPSG:3857) as tiles cut it


def box(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in degrees."""
    return *_corner(z, x, y + 1), *_corner(z, x + 1, y)


def _corner(z: int, x: int, y: int) -> tuple[float, float]:
    size = 1 << z
    return x / size * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / size))))


def place(lon: float, lat: float, z: int, x: int, y: int, extent: int = EXTENT) -> tuple[int, int]:
    """Where a position lies in a tile, in units of its extent; outside of 0…extent when it lies beside it."""
    size = 1 << z
    angle = math.radians(max(-_MOST_LATITUDE, min(_MOST_LATITUDE, lat)))
    across = (lon + 180) / 360 * size - x
    down = (1 - math.asinh(math.tan(angle)) / math.pi) / 2 * size - y
    return round(across * extent), round(down * extent)
