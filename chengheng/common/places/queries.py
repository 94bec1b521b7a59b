"""What people ask about areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from chengheng.common.errors import NotFound
from chengheng.common.places.box import Box
from chengheng.common.places.index import locator
from chengheng.common.places.models import Area, Layer
from chengheng.common.places.rules import Level, ancestors, level_of
from chengheng.common.places.shipped import CITY_CODE, CITY_NAME, districts_file


@dataclass(frozen=True)
class District:
    """A district for choices and maps; `polygon` is GeoJSON in CGCS2000/WGS-84, `label` a lon/lat pair."""

    code: str
    name: str
    polygon: dict[str, Any]
    label: tuple[float, float]


def in_force(level: str = "") -> QuerySet[Area]:
    """The areas of the layers in force, of one level or all."""
    areas = Area.objects.filter(layer__in_force=True)
    return areas.filter(level=level) if level else areas


def districts() -> list[District]:
    """The city's districts by code: of the layer in force, else the shipped ones. One query."""
    rows = list(in_force(Level.DISTRICT))
    if rows:
        return [District(row.code, row.name, row.polygon, (row.label_lon, row.label_lat)) for row in rows]
    return [
        District(
            feature["id"], feature["properties"]["name"], feature["geometry"], tuple(feature["properties"]["label"])
        )
        for feature in districts_file()["features"]
    ]


def district_names() -> dict[str, str]:
    """The city's districts, name by code, in the order of their codes; without reading outlines."""
    names = locator().names
    return {code: names[code] for code in sorted(names) if level_of(code) is Level.DISTRICT}


def area(code: str) -> Area | None:
    """The area of this code in the layer in force, or None."""
    return in_force().filter(code=code).first()


def name_of(code: str) -> str:
    """A code's name for people; the code itself when no layer names it."""
    if code == CITY_CODE:
        return CITY_NAME
    return locator().names.get(code) or code


def _touching(areas: QuerySet[Area], box: Box | None) -> QuerySet[Area]:
    if box is None:
        return areas
    west, south, east, north = box
    return areas.filter(west__lte=east, east__gte=west, south__lte=north, north__gte=south)


def _collection(areas: QuerySet[Area], limit: int) -> dict[str, Any]:
    """At most `limit` features; then `"partial": true`, so that the map can say that one must come closer."""
    rows = list(areas[: limit + 1])
    return {
        "type": "FeatureCollection",
        "features": [row.as_feature(url=row.get_absolute_url()) for row in rows[:limit]],
        "partial": len(rows) > limit,
    }


def features(level: str, box: Box | None = None, limit: int = 5000, within: str = "") -> dict[str, Any]:
    """The areas of a level that touch the box (west, south, east, north), or lie in an area, as GeoJSON."""
    areas = in_force(level)
    return _collection(_touching(areas.filter(parent_code=within) if within else areas, box), limit)


def layer_features(layer: Layer, box: Box | None = None, limit: int = 5000) -> dict[str, Any]:
    """The areas of one layer, in force or not."""
    return _collection(_touching(layer.areas.all(), box), limit)


def count_within(codes: list[str]) -> dict[str, int]:
    """How many areas in force lie directly in each of these."""
    found = in_force().filter(parent_code__in=codes).values_list("parent_code").annotate(count=Count("pk"))
    return dict.fromkeys(codes, 0) | dict(found)


def caveat() -> str:
    """What must be said of the districts' outlines in use; "" when nothing."""
    layer = Layer.objects.filter(level=Level.DISTRICT, in_force=True).first()
    return layer.caveat if layer else str(districts_file()["caveat"])


def district_features() -> dict[str, Any]:
    """The districts as GeoJSON, with source and caveat."""
    layer = Layer.objects.filter(level=Level.DISTRICT, in_force=True).first()
    if layer is None:
        return districts_file()
    return features(Level.DISTRICT) | {"name": str(layer), "source": layer.source, "caveat": layer.caveat}


@dataclass(frozen=True)
class Branch:
    """A node of the area tree: its code and name, how many areas lie within, and the way down to it."""

    code: str
    name: str
    level: Level
    area: Area | None
    children: list[Area]
    path: list[tuple[str, str]]


def branch(code: str = CITY_CODE) -> Branch:
    """One node of the tree with its children. NotFound for a code that no layer in force holds."""
    if code == CITY_CODE:
        children = list(in_force(Level.DISTRICT).select_related("layer"))
        if not children:
            children = [
                Area(code=one.code, name=one.name, level=Level.DISTRICT, parent_code=CITY_CODE, area_m2=0)
                for one in districts()
            ]
        return Branch(CITY_CODE, CITY_NAME, Level.CITY, None, children, [])
    row = in_force().select_related("layer").filter(code=code).first()
    if row is None:
        shipped = next((one for one in districts() if one.code == code), None)
        if shipped is None:
            raise NotFound
        children = list(in_force().filter(parent_code=code))
        return Branch(code, shipped.name, Level.DISTRICT, None, children, [(CITY_CODE, CITY_NAME)])
    way = [(CITY_CODE, CITY_NAME)] + [(above, name_of(above)) for above in ancestors(code)[:-1]]
    return Branch(code, row.name, Level(row.level), row, list(in_force().filter(parent_code=code)), way)
