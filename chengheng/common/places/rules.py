"""Area codes and what a layer of areas must satisfy: pure functions; no database.

Codes: GB/T 2260 district (6 digits) + subdistrict or town (3) + community or village (3) + unit grid (3), the grid's
sequence running west to east and north to south: 15 digits for a unit grid (Beijing DB11 on the division of unit
grids; GB/T 47678.5 table 2 field SZDYWGBSM C15; facts/domain.md B.2). CJ/T 213-2005 had 14 digits (6+3+3+2): such codes
are recognised and refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import shapely
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pyproj import Geod

from chengheng.common.places.errors import BadAreaCode

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_GEOD = Geod(ellps="GRS80")  # the ellipsoid of CGCS2000 to within a tenth of a millimetre

OVERLAP_M2 = 1.0  # local rule: neighbours that share more than this overlap; less is drawing tolerance


class Level(StrEnum):
    """The five levels, from the city down. The value is stored; never renamed."""

    CITY = "city"
    DISTRICT = "district"
    SUBDISTRICT = "subdistrict"
    COMMUNITY = "community"
    GRID = "grid"

    @property
    def label(self) -> str | Promise:
        return _LABELS[self]

    @property
    def digits(self) -> int:
        """How long a code of this level is."""
        return _DIGITS[self]

    @classmethod
    def choices(cls) -> list[tuple[str, str | Promise]]:
        return [(level.value, level.label) for level in cls]


_LABELS: dict[Level, str | Promise] = {
    Level.CITY: _("city"),
    Level.DISTRICT: _("district"),
    Level.SUBDISTRICT: _("subdistrict"),
    Level.COMMUNITY: _("community"),
    Level.GRID: _("unit grid"),
}
_DIGITS = {Level.CITY: 6, Level.DISTRICT: 6, Level.SUBDISTRICT: 9, Level.COMMUNITY: 12, Level.GRID: 15}
FINEST_FIRST = (Level.GRID, Level.COMMUNITY, Level.SUBDISTRICT, Level.DISTRICT)


def level_of(code: str) -> Level:
    """The level that a code belongs to. BadAreaCode says what is wrong with it."""
    if not (code.isascii() and code.isdigit()):
        raise BadAreaCode(value=code, why=_("it may hold digits only"))
    if len(code) == 14:
        raise BadAreaCode(value=code, why=_("14 digits are the old form of CJ/T 213-2005; unit grids have 15"))
    if len(code) == 6:
        if code[:2] == "00":
            raise BadAreaCode(value=code, why=_("no province has the number 00"))
        return Level.CITY if code[2:] == "0000" else Level.DISTRICT
    for level in (Level.SUBDISTRICT, Level.COMMUNITY, Level.GRID):
        if len(code) == level.digits:
            parts = [code[start : start + 3] for start in range(6, len(code), 3)]
            if code[:2] == "00" or code[2:6] == "0000" or "000" in parts:
                raise BadAreaCode(value=code, why=_("a part of it is all zeros"))
            return level
    raise BadAreaCode(value=code, why=_("it must have 6, 9, 12 or 15 digits, not %(count)s") % {"count": len(code)})


def parent_of(code: str) -> str:
    """The code of the area that holds this one; "" for the city (a municipality: 12xxxx belongs to 120000)."""
    level = level_of(code)
    if level is Level.CITY:
        return ""
    return f"{code[:2]}0000" if level is Level.DISTRICT else code[:-3]


def ancestors(code: str) -> list[str]:
    """The codes from the district down to the code itself; for a breadcrumb."""
    return [code[:digits] for digits in (6, 9, 12, 15) if digits <= len(code)]


@dataclass(frozen=True)
class Shape:
    """An area as read from a file, in CGCS2000/WGS-84: `row` counts features from 1."""

    row: int
    code: str
    name: str
    polygon: BaseGeometry | None


@dataclass(frozen=True)
class Problem:
    """What is wrong with a feature. `stops`: the layer cannot come into force with it."""

    row: int
    code: str
    message: str
    stops: bool = True

    def as_dict(self) -> dict[str, object]:
        return {"row": self.row, "code": self.code, "message": self.message, "stops": self.stops}


def area_m2(polygon: BaseGeometry) -> float:
    """Geodesic area in square metres."""
    return abs(_GEOD.geometry_area_perimeter(polygon)[0])


def check_layer(
    shapes: list[Shape], level: Level, known_parents: Iterable[str], bounds: tuple[float, ...]
) -> list[Problem]:
    """Everything that is wrong with the shapes as a layer of `level`.

    Stops: no polygon or a broken one, a wrong or doubled code, a place outside `bounds` (west, south, east, north).
    Does not stop: a parent that no layer in force holds, and neighbours that overlap by more than OVERLAP_M2.
    """
    parents, problems = set(known_parents), []
    seen: dict[str, int] = {}
    west, south, east, north = bounds
    for shape in shapes:

        def say(message: object, stops: bool = True, shape: Shape = shape) -> None:
            problems.append(Problem(shape.row, shape.code, str(message), stops))

        try:
            found = level_of(shape.code)
        except BadAreaCode as refusal:
            say(refusal)
        else:
            if found is not level:
                say(_("this is the code of a %(found)s") % {"found": found.label})
            elif parents and parent_of(shape.code) not in parents:
                say(_("the area %(code)s that should hold it is not known") % {"code": parent_of(shape.code)}, False)
        if shape.code in seen:
            say(_("the code stands in row %(row)s already") % {"row": seen[shape.code]})
        seen.setdefault(shape.code, shape.row)
        if not shape.name:
            say(_("it has no name"), False)
        polygon = shape.polygon
        if polygon is None or polygon.is_empty or polygon.geom_type not in ("Polygon", "MultiPolygon"):
            say(_("it has no polygon"))
        elif not polygon.is_valid:
            say(_("the polygon is broken: %(why)s") % {"why": shapely.is_valid_reason(polygon)})
        else:
            box = polygon.bounds
            if not (west <= box[0] and south <= box[1] and box[2] <= east and box[3] <= north):
                say(_("it lies outside the city; is the datum right?"))
    return problems + overlaps(shapes)


def overlaps(shapes: list[Shape]) -> list[Problem]:
    """Pairs of valid polygons that share more than OVERLAP_M2, told at the later one."""
    sound = [
        shape for shape in shapes if shape.polygon is not None and not shape.polygon.is_empty and shape.polygon.is_valid
    ]
    if len(sound) < 2:
        return []
    polygons = np.array([shape.polygon for shape in sound])
    tree = shapely.STRtree(polygons)
    # interiors that meet: crossing outlines, or one inside the other; neighbours that only touch are left out at once
    left, right = tree.query(polygons, predicate="intersects")
    later = left > right
    left, right = left[later], right[later]
    meet = ~shapely.touches(polygons[left], polygons[right])
    problems = []
    for one, other in zip(left[meet], right[meet], strict=True):
        common = area_m2(shapely.intersection(polygons[one], polygons[other]))
        if common > OVERLAP_M2:
            text = _("it overlaps %(code)s by %(area)s m²") % {"code": sound[other].code, "area": round(common)}
            problems.append(Problem(sound[one].row, sound[one].code, str(text), False))
    return problems
