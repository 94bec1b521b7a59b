"""What people do with base data: draft change sets from files or by hand, check, approve, publish, go back; censuses.

One act, one transaction. Staging and publishing move columns, not rows: a hundred thousand features in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import files, flow, notices, places, trail
from chengheng.common.errors import Invalid
from chengheng.common.intake import store
from chengheng.common.intake.copy import copy_columns
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, User
from chengheng.common.places import actions as places_actions
from chengheng.common.places import editions
from chengheng.common.places.queries import in_force
from chengheng.common.places.rules import Level, Shape
from chengheng.maintenance.basedata import queries, sources
from chengheng.maintenance.basedata.errors import (
    FourEyes,
    HasProblems,
    MovedOn,
    NotDraft,
    NothingChanges,
    PhotoNeeded,
    TaskDone,
)  # fmt: skip
from chengheng.maintenance.basedata.models import COLUMNS, Census, Change, ChangeSet, Item, Problem, Sighting
from chengheng.maintenance.basedata.models import Mapping as Remembered
from chengheng.maintenance.basedata.quality import (
    OUTSIDE_M,
    RULES,
    STOPS,
    Finding,
    Stock,
    Surroundings,
    check,
    label_points,
)  # fmt: skip
from chengheng.maintenance.basedata.rules import KINDS, class_name, next_code

KEPT_OF_A_RULE = 500  # problems shown one by one; all are counted
Say = Callable[[str], None]
_COLUMNS = ", ".join(COLUMNS)


def _quiet(_text: str) -> None:
    """Nobody waits for progress."""


# Drafting


@transaction.atomic
def open_set(actor: Any, kind: str, title: str, source: str = "", *, whole: bool = False) -> ChangeSet:
    """Start a change set. `whole`: what the file does not hold is removed."""
    access.require(actor, "maintenance.base.change")
    if kind not in KINDS:
        raise Invalid(_("There is no such kind."), field="kind")
    made = ChangeSet(
        kind=kind, title=title[:120], source=source[:200], whole=whole, made_by=actor if actor.pk else None,
        base_edition=editions.edition(kind),
    )  # fmt: skip
    flow.begin(made, actor)
    trail.record("maintenance.base.change", actor, made, {"kind": kind, "whole": whole}, title, new=True)
    return made


@transaction.atomic
def give_file(change_set: ChangeSet, actor: Any, content: bytes, name: str) -> ChangeSet:
    """Keep the file that the change set shall be read from."""
    change_set = _draft(change_set, actor)
    change_set.file_sha256, change_set.file_name = store.keep(content), name[:200]
    change_set.reading = {}
    change_set.save(update_fields=["file_sha256", "file_name", "reading"])
    return change_set


def _draft(change_set: ChangeSet, actor: Any) -> ChangeSet:
    locked = access.fetch_locked(actor, "maintenance.base.change", ChangeSet.objects.all(), pk=change_set.pk)
    if locked.state != "draft":
        raise NotDraft
    return locked


@transaction.atomic
def read_file(change_set: ChangeSet, actor: Any, reading: Mapping[str, Any], say: Say = _quiet) -> ChangeSet:
    """Read the change set's file into changes against the current edition, and check them. The reading is remembered."""
    change_set = _draft(change_set, actor)
    kind = KINDS[change_set.kind]
    say(_("Reading the file"))
    content = store.fetch(change_set.file_sha256)
    source = sources.open_source(content, change_set.file_name, str(reading.get("encoding", "")))
    stock, said = sources.take(source, kind, reading)
    if kind.code == "component" and "grid" not in reading.get("columns", {}):
        _fill_grids(stock)
    change_set.reading = {**reading, "said": said}
    change_set.save(update_fields=["reading"])
    Remembered.objects.update_or_create(
        kind=kind.code, signature=source.signature, defaults={"reading": dict(reading), "used_at": timezone.now()}
    )
    say(_("Comparing with the current edition"))
    stage(change_set, stock)
    trail.record(
        "maintenance.base.change", actor, change_set,
        {"file": change_set.file_name, "sha256": change_set.file_sha256, "rows": len(stock), "datum": said},
    )  # fmt: skip
    say(_("Checking"))
    return _checked(change_set, actor)


def _fill_grids(stock: Stock) -> None:
    """A file without a column for the unit grid: the grid that each component lies in."""
    for held, found in zip(stock.attrs, _located(stock), strict=True):
        if found.grid:
            held["grid"] = found.grid


def _located(stock: Stock) -> list[Any]:
    return places.locate_many(np.nan_to_num(stock.lons, nan=999.0), np.nan_to_num(stock.lats, nan=99.0))


def _areas(stock: Stock) -> list[str]:
    """The finest area code known of each feature."""
    if stock.kind.code == "grid":
        return [code[:15] for code in stock.codes]
    located = [found.code for found in _located(stock)]
    if stock.kind.code == "component":
        return [held.get("grid", "")[:15] or code for held, code in zip(stock.attrs, located, strict=True)]
    return located


def stage(change_set: ChangeSet, stock: Stock) -> None:
    """Put the differences between a stock and the current edition into the change set, in place of what it held."""
    Change.objects.filter(change_set=change_set).delete()
    current = {
        code: (pk, digest)
        for pk, code, digest in Item.objects.filter(kind=change_set.kind, until__isnull=True)
        .values_list("pk", "code", "digest")
        .iterator(chunk_size=20_000)
    }  # fmt: skip
    columns = columns_of(stock)
    befores = [current.get(code) for code in stock.codes]
    chosen = [
        place for place, (before, digest) in enumerate(zip(befores, columns["digest"], strict=True))
        if before is None or before[1] != digest
    ]  # fmt: skip
    staged = {name: [column[place] for place in chosen] for name, column in columns.items()}
    staged["row"] = [stock.rows[place] for place in chosen]
    staged["before_id"] = [None if befores[place] is None else befores[place][0] for place in chosen]  # type: ignore[index]
    staged["verb"] = ["add" if before is None else "change" for before in staged["before_id"]]
    copy_columns(Change, staged, change_set_id=change_set.pk)
    if change_set.whole:
        present = set(stock.codes)
        _remove(change_set, [pk for code, (pk, _digest) in current.items() if code not in present])
    change_set.base_edition = editions.edition(change_set.kind)
    change_set.save(update_fields=["base_edition"])


def _remove(change_set: ChangeSet, items: Sequence[int]) -> None:
    if not items:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into maintenance_change (change_set_id, verb, row, before_id, {_COLUMNS})"  # noqa: S608 - our columns
            f" select %s, 'remove', 0, id, {_COLUMNS} from maintenance_item where id = any(%s)",
            [change_set.pk, list(items)],
        )


def columns_of(stock: Stock) -> dict[str, list[Any]]:
    """A stock as the columns of `Content`, ready for COPY: JSON, shapes and arrays as PostgreSQL writes them."""
    wkb = shapely.to_wkb(stock.shapes)
    plain_point = shapely.get_type_id(stock.shapes) == 0
    bounds = shapely.bounds(stock.shapes)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    known = np.isfinite(stock.lons) & np.isfinite(stock.lats)

    def numbers(values: np.ndarray, usable: np.ndarray) -> list[float | None]:
        return [value if good else None for value, good in zip(values.tolist(), usable.tolist(), strict=True)]

    boxed = np.isfinite(bounds).all(axis=1)
    return {
        "code": [code[:40] for code in stock.codes],
        "name": [name[:200] for name in stock.names],
        "sort": sources.sorts(stock),
        "area_code": _areas(stock),
        "attrs": [encode(held) for held in stock.attrs],
        "lon": numbers(stock.lons, known),
        "lat": numbers(stock.lats, known),
        **{name: numbers(bounds[:, place], boxed) for place, name in enumerate(("west", "south", "east", "north"))},
        "shape": [
            None if shape is None or point else f"\\x{shape.hex()}"
            for shape, point in zip(wkb, plain_point.tolist(), strict=True)
        ],
        "digest": sources.digests(stock, wkb),
        "grams": [
            _array(sources.grams(name, held)) if stock.kind.code == "place" else None
            for name, held in zip(stock.names, stock.attrs, strict=True)
        ],
    }  # fmt: skip


def _array(texts: list[str]) -> str:
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


@transaction.atomic
def propose(change_set: ChangeSet, actor: Any, rows: Sequence[Mapping[str, Any]]) -> ChangeSet:
    """Changes by hand: each row has `code` and, unless `verb` is "remove", `name`, `attrs`, `shape` (shapely).

    A code that stands in the change set already is replaced.
    """
    change_set = _draft(change_set, actor)
    kind = KINDS[change_set.kind]
    codes = [row["code"] for row in rows]
    change_set.changes.filter(code__in=codes).delete()
    current = {
        item.code: item for item in Item.objects.filter(kind=kind.code, code__in=codes, until__isnull=True)
    }  # fmt: skip
    _remove(
        change_set, [current[row["code"]].pk for row in rows if row.get("verb") == "remove" and row["code"] in current]
    )
    kept = [row for row in rows if row.get("verb") != "remove"]
    if kept:
        shapes = np.array([None] * len(kept), dtype=object)
        shapes[:] = [row["shape"] for row in kept]
        lons, lats = label_points(shapes)
        stock = Stock(
            kind, [row["code"] for row in kept], [row.get("name", "") for row in kept],
            [dict(row.get("attrs", {})) for row in kept], shapes, lons, lats, [0] * len(kept),
            np.ones(len(kept), dtype=bool),
        )  # fmt: skip
        if kind.code == "component":
            _fill_grids(stock)
        columns: dict[str, list[Any]] = columns_of(stock)
        columns["before_id"] = [current[code].pk if code in current else None for code in stock.codes]
        columns["verb"] = ["change" if code in current else "add" for code in stock.codes]
        copy_columns(Change, columns, change_set_id=change_set.pk)
    trail.record("maintenance.base.change", actor, change_set, {"by_hand": codes[:50], "count": len(codes)})
    return change_set


# Checking


@transaction.atomic
def check_set(change_set: ChangeSet, actor: Any) -> ChangeSet:
    """Hold a draft against the current edition and all rules; it is checked when nothing stops it."""
    return _checked(_draft(change_set, actor), actor)


def _checked(change_set: ChangeSet, actor: Any) -> ChangeSet:
    _rebase(change_set)
    _findings(change_set)
    if change_set.stopping or not change_set.counts.get("total"):
        trail.record("maintenance.base.check", actor, change_set, {"found": change_set.found, **change_set.counts})
        return change_set
    data = {"found": change_set.found, **change_set.counts}
    return flow.take(change_set, "check", access.SYSTEM, data=data)


def _rebase(change_set: ChangeSet) -> None:
    """Let the changes start from the current edition: what it holds already falls out, the others find their before."""
    change_set.base_edition = editions.edition(change_set.kind)
    with connection.cursor() as cursor:
        cursor.execute(
            "update maintenance_change c set before_id = i.id, verb = case when c.verb = 'remove' then 'remove'"
            " when i.id is null then 'add' else 'change' end from maintenance_change o left join maintenance_item i"
            " on i.kind = %s and i.code = o.code and i.until is null where o.id = c.id and c.change_set_id = %s"
            " and c.before_id is distinct from i.id",
            [change_set.kind, change_set.pk],
        )
        cursor.execute(
            "delete from maintenance_change c using maintenance_item i where c.change_set_id = %s"
            " and c.before_id = i.id and c.verb = 'change' and c.digest = i.digest",
            [change_set.pk],
        )
    change_set.changes.filter(verb=Change.Verb.REMOVE, before__isnull=True).delete()


def _findings(change_set: ChangeSet) -> None:
    stock = _stock_of(change_set)
    found = check(stock, surroundings(change_set.kind))
    counts = dict(change_set.changes.values_list("verb").annotate(Count("pk")).order_by())
    change_set.counts = {verb: counts.get(verb, 0) for verb in Change.Verb.values}
    change_set.counts["total"] = sum(counts.values())
    change_set.found, change_set.stopping = _keep(change_set, stock, found), sum(one.weight == STOPS for one in found)
    change_set.checked_at = timezone.now()
    change_set.save(update_fields=["counts", "found", "stopping", "checked_at", "base_edition"])


def _stock_of(change_set: ChangeSet) -> Stock:
    """What the change set adds and changes, and what stays around it."""
    kind = KINDS[change_set.kind]
    fresh = _read(
        "select code, name, attrs::text, lon, lat, shape, row from maintenance_change"
        " where change_set_id = %s and verb <> 'remove' order by id", [change_set.pk],
    )  # fmt: skip
    # places are judged one by one and need no neighbours
    beside: list[Any] = [] if kind.code == "place" else _read(
        "select i.code, i.name, i.attrs::text, i.lon, i.lat, i.shape, 0 from maintenance_item i where i.kind = %s"
        " and i.until is null and not exists (select from maintenance_change c where c.change_set_id = %s"
        " and c.before_id = i.id)", [kind.code, change_set.pk],
    )  # fmt: skip
    gone = _read(
        "select i.lon, i.lat, i.shape from maintenance_change c join maintenance_item i on i.id = c.before_id"
        " where c.change_set_id = %s", [change_set.pk],
    ) if kind.code == "grid" else []  # fmt: skip
    return _stock(kind, [*fresh, *beside], len(fresh), _shapes_of(gone))


def _read(statement: str, values: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _shapes_of(rows: Sequence[Any]) -> np.ndarray:
    """Shapes of rows (…, lon, lat, wkb)."""
    shapes = np.full(len(rows), None, dtype=object)
    if not len(rows):
        return shapes
    wkb = np.array([None if row[-1] is None else bytes(row[-1]) for row in rows], dtype=object)
    shapes[:] = shapely.from_wkb(wkb)
    points = np.array([row[-1] is None and row[-3] is not None for row in rows], dtype=bool)
    if points.any():
        at = [(row[-3], row[-2]) for row, point in zip(rows, points, strict=True) if point]
        shapes[points] = shapely.points(at)
    return shapes


def _stock(kind: Any, rows: list[Any], fresh: int, gone: np.ndarray) -> Stock:
    shapes = _shapes_of([row[3:6] for row in rows])
    number = (
        [float("nan") if row[3] is None else row[3] for row in rows],
        [float("nan") if row[4] is None else row[4] for row in rows],
    )
    return Stock(
        kind, [row[0] for row in rows], [row[1] for row in rows],
        [json.loads(row[2]) if place < fresh or kind.code == "duty" else {} for place, row in enumerate(rows)],
        shapes, np.array(number[0], dtype=float), np.array(number[1], dtype=float), [row[6] for row in rows],
        np.arange(len(rows)) < fresh, list(gone),
    )  # fmt: skip


def surroundings(kind: str) -> Surroundings:
    """The city as it is now: outlines, grids in force, organisations."""
    outlines = [shapely.from_geojson(json.dumps(one.polygon)) for one in places.districts()]
    city = shapely.buffer(shapely.union_all(shapely.make_valid(np.array(outlines, dtype=object))), OUTSIDE_M / 90_000)
    grids = kind == "component" and in_force(Level.GRID).exists()
    names = Organisation.objects.filter(active=True).values_list("name", "code") if kind == "duty" else []
    return Surroundings(
        city,
        lambda lons, lats: [found.district for found in places.locate_many(lons, lats)],
        (lambda lons, lats: [found.grid for found in places.locate_many(lons, lats)]) if grids else None,
        frozenset(word for pair in names for word in pair),
    )


def _keep(change_set: ChangeSet, stock: Stock, found: list[Finding]) -> dict[str, int]:
    """Store the findings, at most KEPT_OF_A_RULE of each rule; returns how many there are of each."""
    change_set.problems.all().delete()
    counts: dict[str, int] = {}
    rows = []
    for one in found:
        counts[one.rule] = counts.get(one.rule, 0) + 1
        if counts[one.rule] > KEPT_OF_A_RULE:
            continue
        shape = stock.shapes[one.place] if one.shape is None else one.shape
        rows.append(
            Problem(
                change_set=change_set, rule=one.rule, weight=one.weight, code=stock.codes[one.place][:40],
                row=stock.rows[one.place], values=dict(one.values), shape=None if shape is None else shapely.to_wkb(shape),
            )
        )  # fmt: skip
    Problem.objects.bulk_create(rows, batch_size=2000)
    return {rule: counts[rule] for rule in RULES if rule in counts}


# Approving and publishing


@transaction.atomic
def approve(change_set: ChangeSet, actor: Any, *, note: str = "", **taken: Any) -> ChangeSet:
    """A second person lets the change set pass. FourEyes for whoever made it."""
    if change_set.made_by_id is not None and change_set.made_by_id == actor.pk:
        raise FourEyes
    if change_set.stopping:
        raise HasProblems(count=change_set.stopping)
    fields = {"approved_by": actor if actor.pk else None}
    return flow.take(change_set, "approve", actor, fields=fields, note=note, version=taken.get("version"))


@transaction.atomic
def publish(
    change_set: ChangeSet, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any
) -> ChangeSet:
    """Make the change set the next edition: close what it changes, add what it holds. Nobody who reads has to wait.

    MovedOn when another edition of the kind came in between: what was checked is not what would be published.
    """
    now = now or timezone.now()
    edition = editions.open_edition(change_set.kind, change_set.title, now)
    change_set = flow.take(
        change_set, "publish", actor, note=note, now=now, version=taken.get("version"),
        fields={"edition": edition.number, "published_at": now}, data={"edition": edition.number, **change_set.counts},
    )  # fmt: skip
    before = (
        editions.Edition.objects.filter(kind=change_set.kind, number__lt=edition.number).order_by("-number").first()
    )
    if (before.number if before else 0) != change_set.base_edition:
        raise MovedOn(number=before.number if before else 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "update maintenance_item i set until = %s from maintenance_change c where c.change_set_id = %s"
            " and c.verb <> 'add' and i.id = c.before_id and i.until is null",
            [edition.number, change_set.pk],
        )
        if cursor.rowcount != change_set.counts["change"] + change_set.counts["remove"]:
            raise MovedOn(number=change_set.base_edition)
        cursor.execute(
            f"insert into maintenance_item (kind, since, {_COLUMNS}) select %s, %s, {_COLUMNS}"  # noqa: S608 - our columns
            " from maintenance_change where change_set_id = %s and verb <> 'remove' order by code",
            [change_set.kind, edition.number, change_set.pk],
        )
    edition.count, edition.digest = queries.sum_of(change_set.kind)
    edition.save(update_fields=["count", "digest"])
    if change_set.kind == "grid":
        _put_grids_in_force(change_set)
    return change_set


def _put_grids_in_force(change_set: ChangeSet) -> None:
    """The unit grids that the whole product locates by are those of the edition."""
    rows = _read(
        "select code, name, lon, lat, shape from maintenance_item where kind = 'grid' and until is null order by code",
        [],
    )
    shapes = _shapes_of([row[2:5] for row in rows])
    if not len(shapes):
        return
    areas = [Shape(0, row[0], row[1], shape) for row, shape in zip(rows, shapes, strict=True)]
    places_actions.put_in_force(Level.GRID, areas, source=change_set.source or change_set.title, title=change_set.title)


@transaction.atomic
def go_back(actor: Any, kind: str, number: int, note: str = "") -> ChangeSet:
    """A change set, checked already, that makes everything of a kind stand as in an earlier edition (0: nothing).

    It is approved and published like any other, as a new edition.
    """
    title = _("Back to edition %(number)s") % {"number": number} if number else _("Back to before the first edition")
    made = open_set(actor, kind, title, note)
    made.undoes = number
    made.save(update_fields=["undoes"])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            with now as (select * from maintenance_item where kind = %(kind)s and until is null),
                 old as (select * from maintenance_item where kind = %(kind)s and since <= %(number)s
                         and (until is null or until > %(number)s))
            insert into maintenance_change (change_set_id, verb, row, before_id, {_COLUMNS})
            select %(set)s, case when old.id is null then 'remove' when now.id is null then 'add' else 'change' end, 0,
                   now.id, {", ".join(f"case when old.id is null then now.{name} else old.{name} end" for name in COLUMNS)}
            from now full join old on old.code = now.code where now.digest is distinct from old.digest
            """,  # noqa: S608 - our columns
            {"kind": kind, "number": number, "set": made.pk},
        )
    made = _checked(made, actor)
    if not made.counts.get("total"):
        raise NothingChanges
    return made


# Census


@transaction.atomic
def open_census(actor: Any, *, title: str, area_code: str, surveyor: User, due_on: date, sort: str = "") -> Census:
    """Send somebody to look at every component of an area."""
    access.require(actor, "maintenance.base.change")
    made = Census.objects.create(
        title=title[:120], area_code=area_code[:15], sort=sort[:5], surveyor=surveyor, due_on=due_on,
        made_by=actor if actor.pk else None,
    )  # fmt: skip
    trail.record("maintenance.base.change", actor, made, {"area": area_code, "class": sort}, title, new=True)
    notices.tell([surveyor], _("Census task: %(title)s") % {"title": title}, subject=made)
    return made


@transaction.atomic
def record_sighting(
    census: Census, actor: Any, *, verb: str, code: str = "", sort: str = "", lon: float | None = None,
    lat: float | None = None, note: str = "", photo: Any = None, now: datetime | None = None,
) -> Sighting:  # fmt: skip
    """Say what was found. Gone and new want a photo; moved and new want the place. Said again, it replaces what was."""
    census = access.fetch_locked(actor, "maintenance.base.survey", Census.objects.all(), pk=census.pk)
    if census.finished_at is not None:
        raise TaskDone
    if verb not in Sighting.Verb.values:
        raise Invalid(_("There is no such finding."), field="verb")
    if verb in (Sighting.Verb.NEW, Sighting.Verb.GONE) and photo is None:
        raise PhotoNeeded(field="photo")
    if verb in (Sighting.Verb.NEW, Sighting.Verb.MOVE) and (lon is None or lat is None):
        raise Invalid(_("Say where it is: tap the map or use the phone's position."), field="lon")
    if verb == Sighting.Verb.NEW:
        code = ""
        if not sort:
            raise Invalid(_("Say of which class it is."), field="sort")
    elif not queries.of_census(census).filter(code=code).exists():
        raise Invalid(_("This component is not part of the task."), field="code")
    else:
        census.sightings.filter(code=code).delete()
    made = Sighting.objects.create(
        census=census, code=code, verb=verb, sort=sort, lon=lon, lat=lat, note=note[:200],
        by=actor if actor.pk else None, at=now or timezone.now(),
    )  # fmt: skip
    if photo is not None:
        files.attach(files.store(photo, photo.name), made, "photo", actor, name=photo.name)
    trail.record("maintenance.base.survey", actor, census, {"code": code, "finding": verb, "sighting": made.pk}, note)
    return made


@transaction.atomic
def finish_census(census: Census, actor: Any, now: datetime | None = None) -> Census:
    """The walk is over: what was found to have moved, to be new or gone becomes a change set, checked at once."""
    census = access.fetch_locked(actor, "maintenance.base.survey", Census.objects.all(), pk=census.pk)
    if census.finished_at is not None:
        raise TaskDone
    now = now or timezone.now()
    rows = _census_rows(census, now.astimezone(timezone.get_current_timezone()).date())
    if rows:
        change_set = open_set(
            access.SYSTEM, "component", census.title, _("census by %(name)s") % {"name": census.surveyor}
        )
        change_set.made_by = census.surveyor
        change_set.save(update_fields=["made_by"])
        propose(change_set, access.SYSTEM, rows)
        census.change_set = _checked(ChangeSet.objects.get(pk=change_set.pk), access.SYSTEM)
    census.finished_at = now
    census.save(update_fields=["finished_at", "change_set"])
    trail.record("maintenance.base.survey", actor, census, {"finished": True, "changes": len(rows)})
    return census


def _census_rows(census: Census, today: date) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    taken: dict[str, str] = {}
    items = {item.code: item for item in queries.of_census(census)}
    for sighting in census.sightings.exclude(verb=Sighting.Verb.CONFIRM).order_by("pk"):
        if sighting.verb == Sighting.Verb.NEW:
            assert sighting.lon is not None
            assert sighting.lat is not None
            row = _new_component(sighting, taken, today)
            rows.append(row)
            continue
        item = items.get(sighting.code)
        if item is None:
            continue  # published away since
        attrs = {**item.attrs, "changed_on": today.isoformat()}
        if sighting.verb == Sighting.Verb.GONE:
            rows.append({"verb": "remove", "code": item.code})
        else:
            attrs.pop("grid", None)
            place = shapely.Point(sighting.lon, sighting.lat)
            rows.append({"code": item.code, "name": item.name, "attrs": attrs, "shape": place})
    return rows


def _new_component(sighting: Sighting, taken: dict[str, str], today: date) -> dict[str, Any]:
    """A code after the last of its district and class, and the fields that a surveyor can know."""
    assert sighting.lon is not None
    assert sighting.lat is not None
    located = places.locate(sighting.lon, sighting.lat)
    stem = f"{located.district}{sighting.sort}"
    last = taken.get(stem) or queries.last_code(stem)
    code = taken[stem] = next_code(located.district, sighting.sort, last)
    beside = queries.nearest_of(sighting.sort, sighting.lon, sighting.lat)
    units = ("authority", "authority_code", "owner", "owner_code", "keeper", "keeper_code")
    attrs = {name: beside.attrs[name] for name in units if name in beside.attrs} if beside else {}
    assumed = (
        _("units as of %(code)s, the nearest of its class: to be confirmed") % {"code": beside.code} if beside else ""
    )
    note = " · ".join(filter(None, (sighting.note, assumed)))
    attrs |= {"state": "完好", "made_on": today.isoformat(), "origin": "实测", "note": note}
    return {
        "code": code, "name": class_name(sighting.sort), "attrs": {key: value for key, value in attrs.items() if value},
        "shape": shapely.Point(sighting.lon, sighting.lat),
    }  # fmt: skip
