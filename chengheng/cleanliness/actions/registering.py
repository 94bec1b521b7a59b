"""The road register and the rule sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.cleanliness.errors import AdoptedAlready, BadLine, ChangedSince, LimitTwice
from chengheng.cleanliness.models import Limit, Road, RoadVersion, RuleSet
from chengheng.cleanliness.rules.points import Position, length_m
from chengheng.cleanliness.rules.weighing import LimitLine
from chengheng.common import trail
from chengheng.common.people import access

FIELDS = (
    "name",
    "district_code",
    "grade",
    "road_class",
    "zone",
    "contractor_id",
    "line",
    "length_m",
    "lanes",
    "active",
)


def _by(actor: Any) -> Any:
    return actor if actor.pk else None


def as_data(road: Road) -> dict[str, Any]:
    """The road as its version keeps it."""
    return {name: getattr(road, name) for name in FIELDS}


def _check_line(line: Any) -> list[Position]:
    try:
        found = [(float(lon), float(lat)) for lon, lat in line]
    except (TypeError, ValueError):
        raise BadLine(field="line") from None
    inside = all(116.5 < lon < 118.3 and 38.3 < lat < 40.5 for lon, lat in found)
    if len(found) < 2 or len(found) > 5000 or not inside or length_m(found) < 10:
        raise BadLine(field="line")
    return found


@transaction.atomic
def add_roads(actor: Any, rows: Iterable[Mapping[str, Any]], *, batch: Any = None, reason: str = "") -> int:
    """Put roads into the register, each with its first version. Returns how many."""
    access.require(actor, "cleanliness.road.import" if batch else "cleanliness.road.change")
    roads = []
    for row in rows:
        line = _check_line(row["line"])
        length = row.get("length_m") or round(length_m(line))
        fields = {name: row[name] for name in row if name not in {"line", "length_m"}}
        roads.append(Road(**fields, line=line, length_m=length, batch=batch))
    Road.objects.bulk_create(roads, batch_size=2000)
    now = timezone.now()
    RoadVersion.objects.bulk_create(
        (RoadVersion(road=r, number=1, data=as_data(r), reason=reason, at=now, by=_by(actor)) for r in roads),
        batch_size=2000,
    )
    trail.record_new("cleanliness.road.change", actor, ((road, {"code": road.code}) for road in roads), reason)
    return len(roads)


@dataclass(frozen=True)
class Compared:
    """Rows of a file against the register: not known yet; known and different, with what differs; known and the same."""

    new: list[dict[str, Any]]
    changed: list[tuple[Road, dict[str, Any]]]
    same: int


def compare_roads(rows: Iterable[Mapping[str, Any]], *, lock: bool = False) -> Compared:
    """Sort rows out by code. An empty optional value (None or "") leaves what the register says; a road that had left
    the register comes back. `lock` holds the known roads until the transaction ends."""
    rows = list(rows)
    known = Road.objects.filter(code__in=[row["code"] for row in rows]).order_by("pk")
    by_code = {road.code: road for road in (known.select_for_update() if lock else known)}
    new, changed, same = [], [], 0
    for row in rows:
        road = by_code.get(row["code"])
        if road is None:
            new.append(dict(row))
            continue
        given = {name: value for name, value in row.items() if name != "code" and value not in (None, "")}
        if "contractor" in given:
            given["contractor_id"] = given.pop("contractor").pk
        given["line"] = [list(place) for place in given["line"]]
        if given["line"] != road.line:
            given.setdefault("length_m", round(length_m(_check_line(given["line"]))))
        differs = {name: value for name, value in {**given, "active": True}.items() if getattr(road, name) != value}
        if differs:
            changed.append((road, differs))
        else:
            same += 1
    return Compared(new, changed, same)


@transaction.atomic
def change_roads(
    actor: Any, changed: Iterable[tuple[Road, Mapping[str, Any]]], *, batch: Any = None, reason: str = ""
) -> int:
    """Change many roads that the caller has locked, each with a new version. Returns how many."""
    access.require(actor, "cleanliness.road.import" if batch else "cleanliness.road.change")
    roads: list[Road] = []
    for road, changes in changed:
        before = as_data(road)
        for name, value in changes.items():
            setattr(road, name, value)
        road.version += 1
        said = {name: [before[name], value] for name, value in as_data(road).items() if before[name] != value}
        said.pop("line", None)
        trail.record("cleanliness.road.change", actor, road, said, reason)
        roads.append(road)
    Road.objects.bulk_update(roads, [*FIELDS, "version"], batch_size=500)
    now = timezone.now()
    RoadVersion.objects.bulk_create(
        (
            RoadVersion(road=r, number=r.version, data=as_data(r), reason=reason, at=now, by=_by(actor), batch=batch)
            for r in roads
        ),
        batch_size=2000,
    )
    return len(roads)


@transaction.atomic
def take_back_changes(actor: Any, batch: Any, *, reason: str) -> int:
    """Give the roads that an import changed what they were, as one more version each. Returns how many.

    Raises ChangedSince when one of them was changed again since.
    """
    versions = RoadVersion.objects.filter(batch=batch).select_related("road").select_for_update(of=("road",))
    back = []
    for version in versions.order_by("road_id"):
        if version.road.version != version.number:
            raise ChangedSince(road=version.road)
        former = RoadVersion.objects.get(road=version.road, number=version.number - 1)
        back.append((version.road, former.data))
    return change_roads(actor, back, reason=reason)


@transaction.atomic
def change_road(road: Road, actor: Any, *, reason: str, **changes: Any) -> Road:
    """Change a road; what it was stays as a version, and earlier checks keep theirs."""
    road = access.fetch_locked(actor, "cleanliness.road.change", Road.objects.all(), pk=road.pk)
    if "line" in changes:
        changes["line"] = _check_line(changes["line"])
        changes.setdefault("length_m", round(length_m(changes["line"])))
    before = as_data(road)
    for name, value in changes.items():
        setattr(road, name, value)
    road.version += 1
    road.save()
    RoadVersion.objects.create(road=road, number=road.version, data=as_data(road), reason=reason, by=_by(actor))
    changed = {name: [before[name], value] for name, value in as_data(road).items() if before[name] != value}
    changed.pop("line", None)
    trail.record("cleanliness.road.change", actor, road, changed, reason)
    return road


@transaction.atomic
def adopt_rules(
    pattern: RuleSet, actor: Any, *, day: date, name: str = "", source: str = "",
    limits: Iterable[LimitLine] | None = None, **changes: Any,
) -> RuleSet:  # fmt: skip
    """Put a copy of a rule set, or the site's own figures begun from it, into force from a day.

    `limits` takes the place of the pattern's. The pattern and every earlier set stay as they are. Raises AdoptedAlready,
    LimitTwice.
    """
    access.require(actor, "cleanliness.rules.adopt")
    if RuleSet.objects.filter(in_force_from=day).exists():
        raise AdoptedAlready(field="day")
    lines = list(pattern.table().limits if limits is None else limits)
    keys = [(line.lane, line.grade, line.zone) for line in lines]
    if len(keys) != len(set(keys)):
        raise LimitTwice
    adopted = RuleSet.objects.get(pk=pattern.pk)
    adopted.pk, adopted._state.adding = None, True
    adopted.name, adopted.source = name or pattern.name, source or pattern.source
    adopted.in_force_from, adopted.adopted_by, adopted.is_example = day, _by(actor), False
    for field, value in changes.items():
        setattr(adopted, field, value)
    adopted.save()
    Limit.objects.bulk_create(
        Limit(rule_set=adopted, lane=o.lane, grade=o.grade, zone=o.zone, limit=o.limit, inclusive=o.inclusive)
        for o in lines
    )
    listed = [[line.lane, line.grade, line.zone, str(line.limit), line.inclusive] for line in lines]
    data = {"from": day, "pattern": pattern.pk, "limits": listed}
    trail.record("cleanliness.rules.adopt", actor, adopted, data, new=True)
    return adopted
