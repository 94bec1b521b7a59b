"""What is wrong with base data: every rule with its words, its weight and its source. Pure: columns in, findings out.

`STOPS` findings must be put right before a change set can be approved; `LOOK` findings are for a person to judge.
Figures here are local rules where no source is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chengheng.common.dictionary import component_name, read_component_id
from chengheng.common.places import datum
from chengheng.common.places.errors import BadAreaCode
from chengheng.common.places.rules import OVERLAP_M2, Level, area_m2, level_of
from chengheng.maintenance.basedata.rules import (
    LINE,
    ORIGINS,
    POINT,
    POLYGON,
    STATES,
    Kind,
    plain_date,
)  # fmt: skip

STOPS, LOOK = "stops", "look"
LOCAL = _("local rule")
NEAR_M = 0.5  # two components of one class closer than this may be one, surveyed twice
GAP_M2 = 1.0  # smaller holes between grids are drawing tolerance
LARGE_GAP_M2 = 1_000_000.0  # a hole this large is taken for land left undivided on purpose: a person looks
GRID_M2 = (2_000.0, 40_000.0)  # 万米单元网格: about 10,000 m² each (domain.md B.2), a fifth to four times that
OUTSIDE_M = 1_000.0  # how far beyond the districts' generalised outlines a place may lie


@dataclass(frozen=True)
class Rule:
    """`text` takes the finding's values; `source` is where the rule comes from."""

    code: str
    label: str | Promise
    text: str | Promise
    weight: str
    source: str | Promise = LOCAL


RULES = {
    rule.code: rule
    for rule in (
        Rule("structure", _("structure of the code"), _("“%(code)s” is not built as a code of this kind"), STOPS,
             "GB/T 30428.2-2013 / GB/T 47678.5-2026; grids 6+3+3+3"),
        Rule("doubled", _("code used twice"), _("“%(code)s” stands in row %(other)s already"), STOPS),
        Rule("class", _("class of the component"), _("no list known here holds the class %(class)s of %(standard)s"), LOOK,
             "GB/T 30428.2-2013 / GB/T 47678.5-2026"),
        Rule("district", _("district of the code"), _("the code says district %(said)s, the place lies in %(found)s"), LOOK),
        Rule("required", _("required fields"), _("%(field)s is missing"), STOPS, "GB/T 47678.5-2026 table 2 (M)"),
        Rule("length", _("length of fields"), _("%(field)s is longer than %(most)s characters"), STOPS,
             "GB/T 47678.5-2026 table 2"),
        Rule("value", _("values of lists"), _("“%(value)s” is not a value of %(field)s"), LOOK,
             "GB/T 47678.5-2026 table 2"),
        Rule("date", _("dates"), _("“%(value)s” is not a date (%(field)s)"), LOOK),
        Rule("shape", _("geometry"), _("it has no geometry of a fitting kind"), STOPS),
        Rule("broken", _("broken geometry"), _("the geometry is broken: %(why)s"), STOPS, "OGC simple features"),
        Rule("outside", _("outside the city"), _("it lies outside the city; is the datum right?"), STOPS),
        Rule("grid_differs", _("unit grid of the component"), _("it says grid %(said)s but lies in %(found)s"), STOPS),
        Rule("no_grid", _("in no unit grid"), _("it lies in no unit grid"), LOOK),
        Rule("near", _("possibly the same"), _("%(other)s of the same class is %(metres)s m away"), LOOK),
        Rule("owner", _("missing owner"), _("neither owner nor maintaining unit is known"), LOOK),
        Rule("overlap", _("overlaps"), _("it overlaps %(other)s by %(area)s m²"), STOPS),
        Rule("gap", _("gaps"), _("a gap of %(area)s m² next to it"), STOPS),
        Rule("large_gap", _("large gaps"), _("%(area)s m² next to it are in no unit grid"), LOOK),
        Rule("size", _("size of the grid"), _("it has %(area)s m²"), LOOK),
        Rule("organisation", _("responsible unit"), _("no organisation is called “%(name)s” here"), LOOK),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What a rule found at feature number `place` of the stock; `shape` is where, when that is not the feature itself."""

    rule: str
    place: int
    values: Mapping[str, str] = field(default_factory=dict)
    shape: Any = None

    @property
    def weight(self) -> str:
        return RULES[self.rule].weight


@dataclass
class Stock:
    """Features side by side. `fresh`: which are new or changed; only these are looked at alone, the rest as neighbours.

    `lons` and `lats` are the label points (NaN without geometry); `shapes` holds None where there is none.
    """

    kind: Kind
    codes: list[str]
    names: list[str]
    attrs: list[dict[str, str]]
    shapes: np.ndarray
    lons: np.ndarray
    lats: np.ndarray
    rows: list[int]
    fresh: np.ndarray
    gone: Sequence[Any] = ()  # shapes that are removed

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class Surroundings:
    """What the stock is held against. `locate(lons, lats)` gives the unit grid's code of each point, "" for none."""

    city: Any  # the districts' outlines, widened
    district_at: Callable[[np.ndarray, np.ndarray], Sequence[str]]
    grid_at: Callable[[np.ndarray, np.ndarray], Sequence[str]] | None = None  # None: there are no grids yet
    organisations: frozenset[str] = frozenset()


def label_points(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A point for each shape that stands for it: itself, or one inside; NaN for none."""
    points = shapes.copy()
    points[shapely.is_empty(points)] = None
    types = shapely.get_type_id(points)
    others = types > 0
    if others.any():
        points[others] = shapely.point_on_surface(shapes[others])
    return shapely.get_x(points), shapely.get_y(points)


_TYPES = {
    0: POINT, 1: LINE, 3: POLYGON, 4: POINT, 5: LINE, 6: POLYGON,
}  # fmt: skip


def check(stock: Stock, around: Surroundings) -> list[Finding]:
    """Everything that is wrong with the fresh features of a stock, in the order of the rules."""
    findings: list[Finding] = []
    fresh = np.flatnonzero(stock.fresh)
    findings += _codes(stock, fresh)
    findings += _fields(stock, fresh)
    sound, wrong = _geometry(stock, fresh)
    findings += wrong
    inside = _inside(stock, sound, around, findings)
    if stock.kind.code == "component":
        findings += _components(stock, inside, around)
    elif stock.kind.code in ("grid", "duty"):
        findings += _polygons(stock, inside)
    if stock.kind.code == "duty" and around.organisations:
        findings += [
            Finding("organisation", place, {"name": said})
            for place in fresh.tolist()
            if (said := stock.attrs[place].get("organisation", "")) and said not in around.organisations
        ]
    return findings


def _codes(stock: Stock, fresh: np.ndarray) -> Iterable[Finding]:
    seen = {code: stock.rows[place] for place, code in enumerate(stock.codes) if not stock.fresh[place]}
    for place in fresh.tolist():
        code = stock.codes[place]
        if not code:
            continue
        if code in seen:
            yield Finding("doubled", place, {"code": code, "other": str(seen[code] or "–")})
        seen.setdefault(code, stock.rows[place])
        if stock.kind.code == "component":
            parts = read_component_id(code)
            if parts is None:
                yield Finding("structure", place, {"code": code})
            elif not component_name(parts.code):
                yield Finding("class", place, {"class": parts.code, "standard": parts.edition.value})
        elif stock.kind.code == "grid":
            try:
                right = level_of(code) is Level.GRID
            except BadAreaCode:
                right = False
            if not right:
                yield Finding("structure", place, {"code": code})


def _fields(stock: Stock, fresh: np.ndarray) -> Iterable[Finding]:
    listed = {"state": STATES, "origin": ORIGINS} if stock.kind.code == "component" else {}
    fields = [(field, field.name) for field in stock.kind.fields]
    dated = {field.name for field in stock.kind.fields if field.name.endswith("_on")}
    for place in fresh.tolist():
        held = stock.attrs[place]
        for one, name in fields:
            said = (
                stock.codes[place] if name == "code" else stock.names[place] if name == "name" else held.get(name, "")
            )
            if not said:
                if one.required:
                    yield Finding("required", place, {"field": str(one.label)})
                continue
            if len(said) > one.length:
                yield Finding("length", place, {"field": str(one.label), "most": str(one.length)})
            if name in listed and said not in listed[name]:
                yield Finding("value", place, {"field": str(one.label), "value": said[:40]})
            if name in dated and not _is_date(said):
                yield Finding("date", place, {"field": str(one.label), "value": said[:40]})
        if stock.kind.code == "component" and not (held.get("owner") or held.get("keeper")):
            yield Finding("owner", place)


def _is_date(said: str) -> bool:
    return len(said) == 10 and said[4] == said[7] == "-" and plain_date(said) == said


def _geometry(stock: Stock, fresh: np.ndarray) -> tuple[np.ndarray, list[Finding]]:
    """The fresh features whose geometry can be worked with, and what is wrong with the others."""
    shapes = stock.shapes[fresh]
    types = shapely.get_type_id(shapes)
    fitting = np.array([_TYPES.get(int(one), "") in stock.kind.shapes for one in types], dtype=bool)
    fitting &= ~shapely.is_empty(shapes)
    valid = shapely.is_valid(shapes)
    wrong = [Finding("shape", place) for place in fresh[~fitting].tolist()]
    for place in fresh[fitting & ~valid].tolist():
        wrong.append(Finding("broken", place, {"why": shapely.is_valid_reason(stock.shapes[place])}))
    return fresh[fitting & valid], wrong


def _inside(stock: Stock, sound: np.ndarray, around: Surroundings, findings: list[Finding]) -> np.ndarray:
    shapely.prepare(around.city)
    within = shapely.contains_xy(around.city, stock.lons[sound], stock.lats[sound])
    findings += [Finding("outside", place) for place in sound[~within].tolist()]
    return sound[within]


def _components(stock: Stock, inside: np.ndarray, around: Surroundings) -> Iterable[Finding]:
    lons, lats = stock.lons[inside], stock.lats[inside]
    for place, found in zip(inside.tolist(), around.district_at(lons, lats), strict=True):
        said = stock.codes[place][:6]
        if found and said != found and read_component_id(stock.codes[place]) is not None:
            yield Finding("district", place, {"said": said, "found": found})
    if around.grid_at is not None:
        for place, found in zip(inside.tolist(), around.grid_at(lons, lats), strict=True):
            said = stock.attrs[place].get("grid", "")
            if not found:
                yield Finding("no_grid", place)
            elif said and said != found:
                yield Finding("grid_differs", place, {"said": said, "found": found})
    yield from _near(stock, inside)


def _near(stock: Stock, inside: np.ndarray) -> Iterable[Finding]:
    """Pairs of one class closer than NEAR_M, told at the fresh one (at the later of two fresh ones)."""
    known = np.flatnonzero(~stock.fresh & np.isfinite(stock.lons))
    places = np.concatenate([inside, known])
    if len(places) < 2:
        return
    east, north = datum.to_plane(stock.lons[places], stock.lats[places])
    points = shapely.points(east, north)
    left, right = shapely.STRtree(points).query(points[: len(inside)], predicate="dwithin", distance=NEAR_M)
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        mine, its = int(places[one]), int(places[other])
        if mine == its or (stock.fresh[its] and its > mine):
            continue
        if stock.codes[mine][6:-6] == stock.codes[its][6:-6] and stock.codes[mine] != stock.codes[its]:
            metres = float(np.hypot(east[one] - east[other], north[one] - north[other]))
            yield Finding("near", mine, {"other": stock.codes[its], "metres": f"{metres:.2f}"})


def _polygons(stock: Stock, inside: np.ndarray) -> Iterable[Finding]:
    """Overlaps with any neighbour, and for grids gaps that a fresh or a removed one leaves, and sizes."""
    known = np.flatnonzero(~stock.fresh)
    known = known[shapely.is_valid(stock.shapes[known])] if len(known) else known
    places = np.concatenate([inside, known]).astype(int)
    shapes = stock.shapes[places]
    if len(inside):
        yield from _overlaps(stock, places, shapes, len(inside))
    if stock.kind.code != "grid":
        return
    for place in inside.tolist():
        size = area_m2(stock.shapes[place])
        if not GRID_M2[0] <= size <= GRID_M2[1]:
            yield Finding("size", place, {"area": f"{size:.0f}"})
    yield from _gaps(stock, places, shapes, len(inside))


def _overlaps(stock: Stock, places: np.ndarray, shapes: np.ndarray, count: int) -> Iterable[Finding]:
    tree = shapely.STRtree(shapes)
    shapely.prepare(shapes)
    left, right = tree.query(shapes[:count], predicate="intersects")
    once = (left != right) & ((right >= count) | (left > right))
    left, right = left[once], right[once]
    if stock.kind.code == "duty":  # zones of different duties may lie over one another
        duties = np.array([stock.attrs[place].get("duty", "") for place in places])
        alike = duties[left] == duties[right]
        left, right = left[alike], right[alike]
    meet = ~shapely.touches(shapes[left], shapes[right])
    left, right = left[meet], right[meet]
    common = shapely.intersection(shapes[left], shapes[right])
    for one, other, shared in zip(left.tolist(), right.tolist(), common, strict=True):
        size = area_m2(shared)
        if size > OVERLAP_M2:
            values = {"other": stock.codes[places[other]], "area": f"{size:.0f}" if size >= 10 else f"{size:.1f}"}
            yield Finding("overlap", int(places[one]), values, shared)


def _gaps(stock: Stock, places: np.ndarray, shapes: np.ndarray, count: int) -> Iterable[Finding]:
    """Holes in the union of all grids that touch a fresh grid or one that is removed."""
    if not len(shapes):
        return
    union = shapely.union_all(shapes)
    holes = [
        shapely.Polygon(ring) for part in shapely.get_parts(union) for ring in shapely.get_rings(part)[1:]
    ]  # fmt: skip
    if not holes:
        return
    fresh, gone = shapes[:count], np.array([shape for shape in stock.gone if shape is not None], dtype=object)
    tree = shapely.STRtree(shapes)
    by_fresh = shapely.STRtree(fresh) if count else None
    for hole in holes:
        size = area_m2(hole)
        if size <= GAP_M2:
            continue
        edge = shapely.buffer(hole, 1e-7)
        touched = by_fresh.query(edge, predicate="intersects") if by_fresh is not None else np.array([], dtype=int)
        if len(touched):
            beside = int(places[touched[0]])
        elif len(gone) and shapely.intersects(gone, hole).any():
            beside = int(places[tree.query(edge, predicate="intersects")[0]])
        else:
            continue  # it was there before this change
        yield Finding("large_gap" if size > LARGE_GAP_M2 else "gap", beside, {"area": f"{size:.0f}"}, hole)
