"""What people and machines ask of base data: features of an edition, differences, problems on the map, places by words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import shapely
from django.db import connection
from django.db.models import Max, Min, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from chengheng.common import places
from chengheng.common.people import access
from chengheng.common.places.box import Box
from chengheng.common.places.gazetteer import Spot
from chengheng.common.places.models import Edition
from chengheng.common.places.shipped import CITY_NAME
from chengheng.common.places.words import likeness, pairs, plain
from chengheng.maintenance.basedata.models import Census, Change, ChangeSet, Item
from chengheng.maintenance.basedata.rules import KINDS

MOST_ON_MAP = 3000
_BOX = "box(point(west, south), point(east, north)) && box(point(%s, %s), point(%s, %s))"


def as_of(kind: str, edition: int | None = None) -> QuerySet[Item]:
    """The features of a kind, of an edition or the current one."""
    rows = Item.objects.filter(kind=kind)
    if edition is None:
        return rows.filter(until__isnull=True)
    return rows.filter(Q(until__isnull=True) | Q(until__gt=edition), since__lte=edition)


def touching(rows: QuerySet[Any], box: Box) -> QuerySet[Any]:
    """Those whose box touches (west, south, east, north); by the index."""
    return rows.extra(where=[_BOX], params=list(box))  # noqa: S610 - our words, numbers as parameters


def feature(code: str, kind: str = "component", edition: int | None = None) -> Item | None:
    """One feature as an edition held it: what a case saw."""
    return as_of(kind, edition).filter(code=code).first()


def sum_of(kind: str) -> tuple[int, str]:
    """How many features the current edition has, and a digest that is the same for the same content."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), coalesce(to_hex(bit_xor(('x' || digest)::bit(64)::bigint)), '') from maintenance_item"
            " where kind = %s and until is null",
            [kind],
        )
        count, digest = cursor.fetchone()
    return count, digest


def editions_of(kind: str) -> QuerySet[Edition]:
    """The editions of a kind, the latest first."""
    return Edition.objects.filter(kind=kind)


def overview(user: Any) -> list[dict[str, Any]]:
    """Of every kind: the current edition, how many features, change sets under way."""
    under_way = access.visible(user, "maintenance.base.view", ChangeSet.objects.all())
    rows = []
    for kind in KINDS.values():
        edition = editions_of(kind.code).first()
        waiting = under_way.filter(kind=kind.code).exclude(state__in=("published", "discarded"))
        rows.append({"kind": kind, "edition": edition, "under_way": waiting.count()})
    return rows


# On the map


def _shape(row: Any) -> Any:
    found = row.geometry
    return None if found is None else json.loads(shapely.to_geojson(found))


def collection(features: list[dict[str, Any]], partial: bool = False) -> dict[str, Any]:
    """A GeoJSON collection; `partial` says that there is more."""
    return {"type": "FeatureCollection", "features": features, "partial": partial}


_STATE_TONES = {"完好": "good", "破损": "warn", "丢失": "bad", "废弃": "none", "移除": "none"}


def as_feature(item: Item, **more: Any) -> dict[str, Any]:
    """A feature for the map."""
    words = {"title": f"{item.name or item.sort_name} {item.code}", "state": item.attrs.get("state", item.sort_name),
             "url": item.get_absolute_url(), **more}  # fmt: skip
    return {"type": "Feature", "properties": words, "geometry": _shape(item)}


def items_on_map(rows: QuerySet[Item], box: Box | None) -> dict[str, Any]:
    """Features in a box."""
    rows = rows.filter(west__isnull=False)
    held = list((touching(rows, box) if box else rows)[: MOST_ON_MAP + 1])
    features = [
        as_feature(
            one, **({"tone": _STATE_TONES[state]} if (state := one.attrs.get("state", "")) in _STATE_TONES else {})
        )
        for one in held[:MOST_ON_MAP]
    ]
    return collection(features, len(held) > MOST_ON_MAP)


_TONES = {"add": "good", "change": "warn", "remove": "bad"}


def changes_on_map(change_set: ChangeSet, box: Box | None) -> dict[str, Any]:
    """What a change set adds (good), changes (warn, with a line from where it stood) and removes (bad), as GeoJSON."""
    rows = change_set.changes.select_related("before")
    rows = touching(rows.filter(west__isnull=False), box) if box else rows
    held = list(_plain_columns(rows)[: MOST_ON_MAP + 1])
    features = []
    for row in held[:MOST_ON_MAP]:
        words = {
            "title": f"{row.name or row.sort_name} {row.code}",
            "state": row.get_verb_display(),
            "tone": _TONES[row.verb],
        }
        features.append({"type": "Feature", "properties": words, "geometry": _shape(row)})
    return collection(features, len(held) > MOST_ON_MAP)


def _plain_columns(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related(None).only(
        "code", "name", "sort", "verb", "lon", "lat", "shape", "change_set"
    )  # fmt: skip


def moves_on_map(change_set: ChangeSet) -> dict[str, Any]:
    """Lines from where changed points stood to where they shall stand."""
    rows = change_set.changes.filter(verb="change", lon__isnull=False, before__lon__isnull=False).select_related(
        "before"
    )
    features = []
    for row in rows[:MOST_ON_MAP]:
        assert row.before is not None
        if (row.lon, row.lat) != (row.before.lon, row.before.lat):
            line = {"type": "LineString", "coordinates": [[row.before.lon, row.before.lat], [row.lon, row.lat]]}
            features.append({"type": "Feature", "properties": {"title": row.code, "tone": "warn"}, "geometry": line})
    return collection(features, False)


def problems_on_map(change_set: ChangeSet, rule: str = "", only: str = "") -> dict[str, Any]:
    """Where the problems are, as GeoJSON. `only` "point": a point for each, "area": outlines of those that have one."""
    rows = change_set.problems.filter(shape__isnull=False)
    rows = rows.filter(rule=rule) if rule else rows
    features = []
    for row in rows[:MOST_ON_MAP]:
        shape = shapely.from_wkb(bytes(row.shape or b""))
        words = {"title": f"{row.code} {row.text}", "state": row.label, "tone": "bad" if row.stops else "warn"}
        if only == "point" and shape is not None:
            shape = shapely.centroid(shape)
        if shape is None or shape.is_empty or (only == "area" and shape.geom_type == "Point"):
            continue
        features.append({"type": "Feature", "properties": words, "geometry": json.loads(shapely.to_geojson(shape))})
    return collection(features)


def middle_of(change_set: ChangeSet) -> list[float] | None:
    """Where to look first: the middle of what is wrong, else of what changes."""
    first = change_set.problems.filter(shape__isnull=False).first()
    if first is not None:
        point = shapely.centroid(shapely.from_wkb(bytes(first.shape or b"")))
        if not point.is_empty:
            return [point.x, point.y]
    row = change_set.changes.filter(lon__isnull=False).values_list("lon", "lat").first()
    return [float(row[0] or 0), float(row[1] or 0)] if row else None


def extent_of(kind: str) -> list[list[float]] | None:
    """Corners [[west, south], [east, north]] of the current edition's points; None where it holds none."""
    found = as_of(kind).aggregate(Min("lon"), Min("lat"), Max("lon"), Max("lat"))
    west, south, east, north = found.values()
    return None if west is None else [[west, south], [east, north]]


def differences(change: Change) -> list[tuple[str, str, str]]:
    """What a change changes: field, as it was, as it shall be."""
    before, kind = change.before, KINDS[change.change_set.kind]
    if before is None or change.verb != "change":
        return []
    rows = [(str(kind.field("name").label), before.name, change.name)]
    labels = {field.name: str(field.label) for field in kind.fields}
    for name in dict.fromkeys((*before.attrs, *change.attrs)):
        rows.append((labels.get(name, name), before.attrs.get(name, ""), change.attrs.get(name, "")))
    if (before.lon, before.lat) != (change.lon, change.lat):
        rows.append((_("place"), _place(before), _place(change)))
    elif before.shape is not None and change.shape is not None and bytes(before.shape) != bytes(change.shape):
        rows.append((_("geometry"), _("as it was"), _("redrawn")))
    return [row for row in rows if row[1] != row[2]]


def _place(row: Any) -> str:
    return "" if row.lon is None else f"{row.lon:.6f}, {row.lat:.6f}"


# Censuses


def of_census(census: Census) -> QuerySet[Item]:
    """The components that a task is about."""
    rows = as_of("component").filter(area_code__startswith=census.area_code)
    return rows.filter(sort=census.sort) if census.sort else rows


def last_code(stem: str) -> str | None:
    """The highest code that begins so, of any edition: a number is never used again."""
    rows = Item.objects.filter(kind="component", code__startswith=stem).order_by("-code")
    return rows.values_list("code", flat=True).first()


def nearest_of(sort: str, lon: float, lat: float, degrees: float = 0.01) -> Item | None:
    """The nearest component of a class within about a kilometre."""
    rows = touching(as_of("component").filter(sort=sort), (lon - degrees, lat - degrees, lon + degrees, lat + degrees))
    return min(rows[:2000], key=lambda row: (row.lon - lon) ** 2 + (row.lat - lat) ** 2, default=None)


# Places by words


def spots(user: Any, asked: str, limit: int) -> Iterable[Spot]:
    """Place names and addresses for everybody; components by their code for those who may see base data."""
    yield from _places(asked, limit)
    if asked.isdigit() and len(asked) >= 6 and access.may(user, "maintenance.base.view"):
        rows = access.visible(user, "maintenance.base.view", as_of("component").filter(code__startswith=asked))
        for row in rows.filter(lon__isnull=False)[:limit]:
            yield Spot(row.name, *_at(row), row.code, _("component"), likeness(asked, row.code), row.get_absolute_url())


def _at(row: Item) -> tuple[float, float]:
    assert row.lon is not None
    assert row.lat is not None
    return row.lon, row.lat


def _places(asked: str, limit: int) -> list[Spot]:
    """All pairs of the words first; when that finds too few, most of them, the rows with most in common first."""
    wanted = pairs(asked)
    rows = as_of("place").filter(lon__isnull=False)
    if len(wanted) == 1 and len(asked) == 1:
        found = list(rows.filter(name__startswith=asked)[: limit * 4])
    else:
        found = list(rows.filter(grams__contains=wanted)[: limit * 20])
        if len(found) < limit and len(wanted) > 1:
            found += _alike(wanted, limit * 10)
    spots = {}
    for row in found:
        names = [row.name, *filter(None, row.attrs.get("aliases", "").replace("，", ",").split(","))]
        address = plain(row.attrs.get("address", ""), CITY_NAME)
        best = max(likeness(asked, plain(name, CITY_NAME), address) for name in names)
        spots[row.code] = Spot(
            row.name, *_at(row), row.attrs.get("address", "") or _district(row.area_code), row.sort or _("place"), best
        )  # fmt: skip
    return sorted(spots.values(), key=lambda spot: -spot.likeness)[:limit]


def _alike(wanted: list[str], limit: int) -> list[Item]:
    """Rows that hold at least a third of the pairs, those with most first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from (select id, (select count(*) from unnest(grams) g where g = any(%(w)s)) n from maintenance_item"
            " where kind = 'place' and until is null and grams && %(w)s::varchar[]) s where n * 3 >= %(all)s"
            " order by n desc, id limit %(limit)s",
            {"w": wanted, "all": len(wanted), "limit": limit},
        )
        keys = [row[0] for row in cursor.fetchall()]
    held = Item.objects.in_bulk(keys)
    return [held[key] for key in keys if held[key].lon is not None]


def _district(area_code: str) -> str:
    return places.name_of(area_code[:6]) if len(area_code) >= 6 else ""


def find(user: Any, words: str, limit: int) -> Iterable[Any]:
    """Change sets and census tasks by title, for the search box."""
    from chengheng.common.ui.search import Hit

    if access.may(user, "maintenance.base.view"):
        for row in access.visible(user, "maintenance.base.view", ChangeSet.objects.filter(title__icontains=words))[
            :limit
        ]:
            yield Hit(
                row.title, reverse("maintenance:base_set", args=[row.pk]), _("change set"), row.state_label, "layers"
            )
