"""One feature at a time: any geometry, any properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from chengheng.protocols.mvt import wire
from chengheng.protocols.mvt.frame import Frame

MOVE, LINE, CLOSE = 1, 2, 7
POINT, LINES, POLYGON = 1, 2, 3
_KINDS = {
    "Point": POINT, "MultiPoint": POINT, "LineString": LINES, "MultiLineString": LINES, "LinearRing": LINES,
    "Polygon": POLYGON, "MultiPolygon": POLYGON,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feature:
    """A geometry in degrees (shapely or GeoJSON), its properties (None is left out), and a number ≥ 0 to tell it by."""

    geometry: BaseGeometry | Mapping[str, Any]
    properties: Mapping[str, wire.Value | None] = field(default_factory=dict)
    id: int | None = None


class Words:
    """The keys and values of a layer: each stands once, features name them by number."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.values: dict[tuple[type, wire.Value], int] = {}

    def tags(self, properties: Mapping[str, wire.Value | None]) -> bytes:
        """The packed pairs of numbers of a feature."""
        numbers = []
        for key, said in properties.items():
            if said is not None:
                numbers.append(self.keys.setdefault(key, len(self.keys)))
                numbers.append(self.values.setdefault((type(said), said), len(self.values)))
        return wire.packed(numbers)

    def body(self) -> bytes:
        """Fields 3 and 4 of the layer."""
        keys = b"".join(wire.field(3, key.encode()) for key in self.keys)
        return keys + b"".join(wire.field(4, wire.value(said)) for _type, said in self.values)


def body(features: Iterable[Feature], frame: Frame) -> bytes:
    """Fields 2, 3 and 4 of a layer; empty when no feature touches the tile."""
    held = list(features)
    if not held:
        return b""
    shapes = np.empty(len(held), dtype=object)
    shapes[:] = [one.geometry if isinstance(one.geometry, BaseGeometry) else shape(one.geometry) for one in held]
    shapes = frame.fit(shapes)
    words, out = Words(), []
    for one, fitted in zip(held, shapes, strict=True):
        drawn = commands(fitted)
        if drawn is None:
            continue
        kind, geometry = drawn
        message = b"" if one.id is None else b"\x08" + wire.varint(one.id)
        if tags := words.tags(one.properties):
            message += wire.field(2, tags)
        message += b"\x18" + bytes((kind,)) + wire.field(4, geometry)
        out.append(wire.field(2, message))
    return b"".join(out) + words.body() if out else b""


def commands(fitted: BaseGeometry | None) -> tuple[int, bytes] | None:
    """The drawing commands of a geometry in whole tile units, and its kind; None when nothing is left of it.

    Of a collection, as cutting leaves one behind, only the parts of its highest dimension are drawn.
    """
    if fitted is None or fitted.is_empty:
        return None
    parts = _parts(fitted)
    kind = _KINDS[parts[0].geom_type]
    numbers: list[int] = []
    at = (0, 0)
    if kind == POINT:
        numbers.append(len(parts) << 3 | MOVE)
        for part in parts:
            at = _step(numbers, at, part.coords[0])
        return kind, wire.packed(numbers)
    for part in parts:
        if kind == LINES:
            at = _line(numbers, at, list(part.coords), closed=False)
        else:
            # the axis points down: an outer ring is clockwise to the eye when its signed area is above nought
            at = _line(numbers, at, _turned(part.exterior, outer=True), closed=True)
            for hole in part.interiors:
                at = _line(numbers, at, _turned(hole, outer=False), closed=True)
    return kind, wire.packed(numbers)


def _parts(fitted: BaseGeometry) -> list[Any]:
    parts = [part for part in shapely.get_parts(fitted) if not part.is_empty]
    if fitted.geom_type == "GeometryCollection":
        parts = [inner for part in parts for inner in shapely.get_parts(part) if not inner.is_empty]
        highest = max(shapely.get_dimensions(part) for part in parts)
        parts = [part for part in parts if shapely.get_dimensions(part) == highest]
    return parts


def _turned(ring: Any, *, outer: bool) -> list[tuple[float, float]]:
    """The ring without its closing point, in the direction that its role asks for."""
    points = list(ring.coords)
    return points[:-1] if ring.is_ccw is outer else points[:0:-1]


def _line(
    numbers: list[int], at: tuple[int, int], points: list[tuple[float, float]], *, closed: bool
) -> tuple[int, int]:
    numbers.append(1 << 3 | MOVE)
    at = _step(numbers, at, points[0])
    numbers.append(len(points) - 1 << 3 | LINE)
    for point in points[1:]:
        at = _step(numbers, at, point)
    if closed:
        numbers.append(1 << 3 | CLOSE)
    return at


def _step(numbers: list[int], at: tuple[int, int], point: tuple[float, ...]) -> tuple[int, int]:
    x, y = round(point[0]), round(point[1])
    numbers.append(wire.zigzag(x - at[0]))
    numbers.append(wire.zigzag(y - at[1]))
    return x, y
