"""What people do with layers of areas: import a draft, put it into force, discard it. One transaction each."""

from __future__ import annotations

import json

import shapely
from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.people import access
from chengheng.common.places import index
from chengheng.common.places.errors import AlreadyInForce, LayerHasProblems, LayerNotDraft
from chengheng.common.places.formats import FROM_FILE, read
from chengheng.common.places.models import Area, Layer
from chengheng.common.places.queries import districts, in_force
from chengheng.common.places.rules import Level, Shape, area_m2, check_layer, parent_of
from chengheng.common.places.shipped import CITY_CODE, LICENCE, districts_file

CITY_MARGIN = (
    0.3  # degrees around the districts within which areas must lie: local rule, catches a wrong datum or axis order
)
MAX_PROBLEMS_KEPT = 500


def _bounds() -> tuple[float, float, float, float]:
    boxes = shapely.bounds([shapely.from_geojson(json.dumps(one.polygon)) for one in districts()])
    west, south = boxes[:, :2].min(axis=0) - CITY_MARGIN
    east, north = boxes[:, 2:].max(axis=0) + CITY_MARGIN
    return float(west), float(south), float(east), float(north)


def _parents(level: Level) -> set[str]:
    """Codes that areas of this level may lie within; empty when the level above has no layer yet."""
    if level is Level.CITY:
        return set()
    if level is Level.DISTRICT:
        return {CITY_CODE}
    above = list(Level)[list(Level).index(level) - 1]
    known = set(in_force(above).values_list("code", flat=True))
    return {one.code for one in districts()} if not known and above is Level.DISTRICT else known


@transaction.atomic
def import_layer(
    actor: access.Actor,
    content: bytes,
    level: str,
    *,
    source: str,
    licence: str = "",
    caveat: str = "",
    datum: str = FROM_FILE,
    code_field: str = "",
    name_field: str = "",
) -> Layer:
    """Read a map file into a draft layer with its problems listed; nothing that is in force changes.

    UnreadableLayer when the file is none of the known kinds, too large or damaged.
    """
    access.require(actor, "places.layer.import")
    held = read(content, datum, code_field, name_field)
    problems = check_layer(held.shapes, Level(level), _parents(Level(level)), _bounds())
    broken = {problem.row for problem in problems if problem.stops}
    layer = Layer.objects.create(
        level=level,
        number=_next_number(level),
        source=source,
        licence=licence,
        caveat=caveat,
        datum=held.datum,
        problems=[problem.as_dict() for problem in sorted(problems, key=lambda one: not one.stops)[:MAX_PROBLEMS_KEPT]],
        made_by=None if actor is access.SYSTEM else actor,
    )
    layer.count = _store(layer, [shape for shape in held.shapes if shape.row not in broken])
    layer.save(update_fields=["count"])
    trail.record(
        "places.layer.import",
        actor,
        layer,
        {"level": level, "areas": layer.count, "features": len(held.shapes), "problems": len(problems)},
    )
    return layer


def _next_number(level: str) -> int:
    latest = Layer.objects.select_for_update().filter(level=level).order_by("-number").first()
    return latest.number + 1 if latest else 1


def _store(layer: Layer, shapes: list[Shape]) -> int:
    rows = []
    for shape in shapes:
        polygon = shape.polygon
        assert polygon is not None
        west, south, east, north = polygon.bounds
        label = polygon.representative_point()
        rows.append(
            Area(
                layer=layer,
                code=shape.code,
                name=shape.name or shape.code,
                level=layer.level,
                parent_code=parent_of(shape.code),
                polygon=json.loads(shapely.to_geojson(polygon)),
                west=west,
                south=south,
                east=east,
                north=north,
                area_m2=round(area_m2(polygon), 1),
                label_lon=label.x,
                label_lat=label.y,
            )
        )
    Area.objects.bulk_create(rows, batch_size=2000)
    return len(rows)


@transaction.atomic
def publish_layer(actor: access.Actor, layer: Layer, note: str = "") -> Layer:
    """Put a draft, or a former version again, into force in place of the level's present one.

    LayerHasProblems while a problem stops it.
    """
    access.require(actor, "places.layer.publish", layer)
    rows = {row.pk: row for row in Layer.objects.select_for_update().filter(level=layer.level)}
    layer = rows[layer.pk]
    if layer.in_force:
        raise AlreadyInForce
    if layer.stopping or not layer.count:
        raise LayerHasProblems(count=layer.stopping or 1)
    before = next((row for row in rows.values() if row.in_force), None)
    if before:
        Layer.objects.filter(pk=before.pk).update(in_force=False)
    layer.in_force, layer.published_at = True, timezone.now()
    layer.save(update_fields=["in_force", "published_at"])
    trail.record(
        "places.layer.publish",
        actor,
        layer,
        {"level": layer.level, "instead_of": before.number if before else None},
        note,
    )
    transaction.on_commit(index.forget)
    return layer


@transaction.atomic
def discard_layer(actor: access.Actor, layer: Layer, note: str = "") -> None:
    """Delete a draft that never was in force."""
    access.require(actor, "places.layer.discard", layer)
    layer = Layer.objects.select_for_update().get(pk=layer.pk)
    if layer.published_at is not None:
        raise LayerNotDraft
    trail.record("places.layer.discard", actor, layer, {"level": layer.level, "number": layer.number}, note)
    layer.delete()


def load_shipped_districts() -> Layer | None:
    """Store the shipped districts as the first district layer, on a site that has none. Safe to repeat."""
    if Layer.objects.filter(level=Level.DISTRICT).exists():
        return None
    held = districts_file()
    with transaction.atomic():
        layer = import_layer(
            access.SYSTEM,
            json.dumps(held).encode(),
            Level.DISTRICT,
            source=held["source"],
            licence=LICENCE,
            caveat=held["caveat"],
        )
        return publish_layer(access.SYSTEM, layer)


def put_in_force(level: str, shapes: list[Shape], *, source: str, title: str) -> Layer:
    """Make a layer of shapes that another room has checked and published, and put it into force at once.

    Inside that publication's transaction; the room has asked for the permission and records the act.
    """
    layer = Layer.objects.create(level=level, number=_next_number(level), source=source, datum="CGCS2000")
    layer.count = _store(layer, shapes)
    layer.save(update_fields=["count"])
    return publish_layer(access.SYSTEM, layer, title)
