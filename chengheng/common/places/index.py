"""Which area holds a point: an index in memory for each level, loaded once per process and layer version.

The rule for a point on a shared edge: the area with the smallest code wins. The finest layer that knows the point
answers, and the coarser codes are read from its code; a point outside all grids falls back to the communities, then
the subdistricts, then the districts (whose shipped outlines are for drawing: see `Located.exact`).

Which layers are in force is asked of the database at most every CHECK_EVERY seconds, or at each call inside a
transaction; an act that publishes a layer makes its own process look at once.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from django.db import connection

from chengheng.common.places.rules import FINEST_FIRST, Level

CHECK_EVERY = 2.0  # seconds
MAX_CELLS = 1_000_000
_PAD = 1e-9  # degrees, a tenth of a millimetre


@dataclass(frozen=True, slots=True)
class Located:
    """The codes that hold a point; "" where no layer knows. `by`: the level of the layer that answered, or None."""

    grid: str = ""
    community: str = ""
    subdistrict: str = ""
    district: str = ""
    by: Level | None = None

    @property
    def code(self) -> str:
        """The finest code known."""
        return self.grid or self.community or self.subdistrict or self.district

    @property
    def exact(self) -> bool:
        """Whether a surveyed layer answered; False when only the drawn outline of a district did."""
        return self.by is not None and self.by is not Level.DISTRICT

    def __bool__(self) -> bool:
        return self.by is not None


NOWHERE = Located()


def _located(code: str, level: Level) -> Located:
    return Located(
        code if level is Level.GRID else "", code[:12] if len(code) >= 12 else "", code[:9] if len(code) >= 9 else "",
        code[:6], level,
    )  # fmt: skip


class LevelIndex:
    """The areas of one level, in order of code, so that the smallest position is the smallest code.

    Over the tree lies a raster of cells, a few for each area. A cell knows which areas touch it; when one area alone
    covers it, its points need no geometry at all. A single look-up through the raster takes a fifth of the time of one
    through the tree, most of which goes into making a point.
    """

    def __init__(self, level: Level, codes: Sequence[str], polygons: np.ndarray) -> None:
        order = np.argsort(np.array(codes, dtype=str), kind="stable")
        self.level = level
        self.answers = [_located(codes[number], level) for number in order]
        self.polygons = polygons[order]
        shapely.prepare(self.polygons)
        self.tree = shapely.STRtree(self.polygons)
        self._lay_raster()

    def _lay_raster(self) -> None:
        west, south, east, north = shapely.total_bounds(self.polygons)
        west, south, east, north = west - _PAD, south - _PAD, east + _PAD, north + _PAD
        side = max(((east - west) * (north - south) / min(max(8 * len(self.polygons), 4_000), MAX_CELLS)) ** 0.5, 1e-6)
        self._columns, self._rows = int((east - west) / side) + 1, int((north - south) / side) + 1
        self._west, self._south, self._per_degree = float(west), float(south), 1 / float(side)
        columns = west + np.arange(self._columns) * side
        rows = south + np.arange(self._rows) * side
        lower_x, lower_y = np.tile(columns, self._rows), np.repeat(rows, self._columns)
        # padded, so that rounding cannot put a point into a cell that does not hold it
        boxes = shapely.box(lower_x - _PAD, lower_y - _PAD, lower_x + side + _PAD, lower_y + side + _PAD)
        cells, members = self.tree.query(boxes, "intersects")
        order = np.lexsort((members, cells))
        cells, members = cells[order], members[order]
        count = np.bincount(cells, minlength=len(boxes))
        alone = count[cells] == 1
        sure = np.zeros(len(boxes), dtype=bool)
        sure[cells[alone]] = shapely.covers(self.polygons[members[alone]], boxes[cells[alone]])
        ends = np.cumsum(count)
        listed = members.tolist()
        # per cell: None (no area), the position of the one area that covers it, or the positions to test in order
        self._cells: list[int | tuple[int, ...] | None] = [
            None if not many else listed[end - 1] if certain else tuple(listed[end - many : end])
            for many, end, certain in zip(count.tolist(), ends.tolist(), sure.tolist(), strict=True)
        ]

    def find(self, lon: float, lat: float) -> Located | None:
        """The area that holds the point; of several the one with the smallest code."""
        column = int((lon - self._west) * self._per_degree)
        row = int((lat - self._south) * self._per_degree)
        if lon < self._west or lat < self._south or column >= self._columns or row >= self._rows:
            return None
        members = self._cells[row * self._columns + column]
        if members is None:
            return None
        if isinstance(members, int):
            return self.answers[members]
        for member in members:
            if shapely.intersects_xy(self.polygons[member], lon, lat):
                return self.answers[member]
        return None

    def find_many(self, points: np.ndarray) -> np.ndarray:
        """Positions in `answers` for an array of points, -1 where none."""
        found = np.full(len(points), len(self.answers))
        which, hit = self.tree.query(points, "intersects")
        np.minimum.at(found, which, hit)
        found[found == len(self.answers)] = -1
        return found


class Locator:
    """Immutable: the indexes of the layers that were in force when it was built, finest first, and the areas' names."""

    def __init__(self, levels: Sequence[LevelIndex], names: Mapping[str, str] | None = None) -> None:
        self.names = names or {}
        self.levels = sorted(levels, key=lambda index: FINEST_FIRST.index(index.level))

    def locate(self, lon: float, lat: float) -> Located:
        if not (math.isfinite(lon) and math.isfinite(lat)):
            return NOWHERE
        for index in self.levels:
            found = index.find(lon, lat)
            if found is not None:
                return found
        return NOWHERE

    def locate_many(self, lons: np.ndarray, lats: np.ndarray) -> list[Located]:
        points = shapely.points(lons, lats)
        answers = [NOWHERE] * len(points)
        open_ = np.arange(len(points))
        for index in self.levels:
            if not len(open_):
                break
            found = index.find_many(points[open_])
            for place, hit in zip(open_[found >= 0].tolist(), found[found >= 0].tolist(), strict=True):
                answers[place] = index.answers[hit]
            open_ = open_[found < 0]
        return answers


_lock = threading.Lock()
_current: tuple[tuple[int, ...], Locator] | None = None
_looked_at = float("-inf")


def in_force_key() -> str:
    """Names the layers in force now; another key means that another layer came into force."""
    return "-".join(map(str, _in_force())) or "shipped"


IN_FORCE = "(select array_agg(id order by id) from places_layer where in_force)"
"""SQL for the layers in force, for those who ask the database several things at once; give `locate` what it found."""


def _in_force() -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(f"select {IN_FORCE}")
        return tuple(cursor.fetchone()[0] or ())


def _load(layers: tuple[int, ...]) -> Locator:
    """Read the layers' polygons; the shipped districts stand in while no district layer is in force."""
    from chengheng.common.places.models import Layer
    from chengheng.common.places.shipped import districts_file

    levels = []
    names: dict[str, str] = {}
    for layer in Layer.objects.filter(pk__in=layers):
        with connection.cursor() as cursor:
            cursor.execute("select code, name, polygon::text from places_area where layer_id = %s", [layer.pk])
            rows = cursor.fetchall()
        names |= {code: name for code, name, _text in rows}
        if rows and layer.level != Level.CITY:
            polygons = shapely.from_geojson(np.array([text for _code, _name, text in rows], dtype=object))
            levels.append(LevelIndex(Level(layer.level), [code for code, _name, _text in rows], polygons))
    if not any(index.level is Level.DISTRICT for index in levels):
        features = districts_file()["features"]
        names |= {feature["id"]: feature["properties"]["name"] for feature in features}
        polygons = np.array([shapely.geometry.shape(feature["geometry"]) for feature in features], dtype=object)
        levels.append(LevelIndex(Level.DISTRICT, [feature["id"] for feature in features], polygons))
    return Locator(levels, names)


def locator(layers: tuple[int, ...] | None = None) -> Locator:
    """The locator of the layers in force; `layers` when the caller has just asked the database for them."""
    global _current, _looked_at
    now = time.monotonic()
    if layers is None:
        if _current is not None and now - _looked_at < CHECK_EVERY and not connection.in_atomic_block:
            return _current[1]
        layers = _in_force()
    if _current is None or _current[0] != layers:
        with _lock:
            if _current is None or _current[0] != layers:
                _current = (layers, _load(layers))
    _looked_at = now
    return _current[1]


def forget() -> None:
    """Look at the database again at the next call."""
    global _looked_at
    _looked_at = float("-inf")


def locate(lon: float, lat: float, layers: tuple[int, ...] | None = None) -> Located:
    """The areas that hold a point in CGCS2000/WGS-84 degrees; falsy `Located` when none does.

    `layers`: what `IN_FORCE` found, when the caller has just asked it.
    """
    return locator(layers).locate(lon, lat)


def locate_many(lons: Sequence[float] | np.ndarray, lats: Sequence[float] | np.ndarray) -> list[Located]:
    """`locate` for many points at once, several times as fast."""
    return locator().locate_many(np.asarray(lons, dtype=float), np.asarray(lats, dtype=float))
