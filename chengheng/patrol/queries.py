"""What people ask of patrol: the tables in force, what is suggested for a case, what lies near it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import h3.api.basic_int as h3
import shapely
import shapely.geometry
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Avg,
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models import Case as When
from django.db.models import When as Then
from django.db.models.functions import Cast, Concat, Floor, Lower, StrIndex
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import flow, rows
from chengheng.common import places as common_places
from chengheng.common.calendars import models as calendars
from chengheng.common.calendars.rules import Limit, WorkCalendar
from chengheng.common.dictionary import IN_FORCE_FROM, Edition
from chengheng.common.files.models import Attachment
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, OrganisationKind, User
from chengheng.common.places import index as places
from chengheng.common.places.ground import distance_m
from chengheng.common.places.models import Area
from chengheng.common.ui.search import Hit
from chengheng.patrol.models import (
    Boundary,
    Bulletin,
    Case,
    DictionaryEntry,
    FilingStandard,
    PatrolSettings,
    StandardSet,
    month_of,
)
from chengheng.patrol.rules.honesty import Sight, too_far, too_fast, too_old

CELL_RESOLUTION = 11
"""H3 cells of about 50 m across; with two rings around a point they miss no neighbour within 50 m."""

_RING_M = 25.0  # how far one more ring of cells of this resolution is sure to reach (measured, facts/cases.md §7)


def settings_in_force(day: date | None = None) -> PatrolSettings:
    """The settings of the day; the model's defaults before any row is in force."""
    row = PatrolSettings.objects.filter(in_force_from__lte=day or timezone.localdate()).first()
    return row or PatrolSettings(in_force_from=date(2000, 1, 1), source="defaults of the software")


def stage_limits(day: date) -> dict[str, Limit]:
    """Stage → limit as in force on the day; stages without a limit have no clock."""
    with rows.cursor() as cursor:
        cursor.execute(
            "select limits::text from patrol_stagelimits where in_force_from <= %s order by in_force_from desc limit 1",
            [day],
        )
        row = cursor.fetchone()
    return {stage: Limit.of(limit) for stage, limit in json.loads(row[0]).items()} if row else {}


_AT_REPORT = f"""
select (select name from patrol_dictionaryentry where edition = %s and kind = %s and code = %s and active),
       (select limits -> 'accept' from patrol_stagelimits where in_force_from <= %s order by in_force_from desc limit 1),
       {calendars.IN_FORCE}, {places.IN_FORCE},
       (select array[near_m, top_speed_kmh] from patrol_patrolsettings where in_force_from <= %s
        order by in_force_from desc limit 1),
       (select id from patrol_boundary where in_force_from <= %s order by in_force_from desc, id desc limit 1),
       (select array[lon, lat, extract(epoch from observed_at), coalesce(accuracy_m, 0)]::float8[] from patrol_case
        where reported_by_id = %s and cell is not null order by id desc limit 1),
       (select array_agg(array[lon, lat]) from (
            select lon, lat from patrol_case where cell = any(%s::text::bigint[]) and code = %s
            and reported_at > %s - coalesce((select near_hours from patrol_patrolsettings
                where in_force_from <= %s order by in_force_from desc limit 1), %s) * interval '1 hour'
            and duplicate_of_id is null and state not in ('voided', 'refused', 'not_filed') limit 20) near),
       {rows.next_key(Case)}
"""  # noqa: S608 - our own text
_DEFAULTS = PatrolSettings()


@dataclass(frozen=True)
class AtReport:
    """What a new report is held against; read at once, because it is read for each report."""

    class_name: str  # "" for a class that may not be reported
    limit: Limit | None  # of reception
    calendar: WorkCalendar
    layers: tuple[int, ...]
    boundary: int | None
    doubts: frozenset[str]
    key: int  # for the new case


def at_report(edition: str, kind: str, code: str, sight: Sight | None, reporter: int | None, now: datetime) -> AtReport:
    """The class, the limit of reception, the calendar and the map's layers, as in force; doubts from other reports.

    `sight`: where and when it was seen; `reporter`: the collector whose speed is looked at.
    """
    day = timezone.localtime(now).date()
    cells = cells_around(sight.lon, sight.lat, _DEFAULTS.near_m) if sight is not None else ()
    with rows.cursor() as cursor:
        cursor.execute(
            _AT_REPORT,
            [
                edition,
                kind,
                code,
                day,
                day,
                day,
                reporter,
                f"{{{','.join(map(str, cells))}}}",
                code,
                now,
                day,
                _DEFAULTS.near_hours,
            ],
        )
        name, limit, calendar, layers, settings, boundary, last, close, key = cursor.fetchone() or ()
    near_m, top_kmh = settings or (_DEFAULTS.near_m, _DEFAULTS.top_speed_kmh)
    doubts = set()
    if sight is not None:
        if last and too_fast(Sight(datetime.fromtimestamp(last[2], UTC), last[0], last[1], last[3]), sight, top_kmh):
            doubts.add("speed")
        if any(distance_m(sight.lon, sight.lat, lon, lat) <= near_m for lon, lat in close or ()):
            doubts.add("duplicate")
    return AtReport(
        name or "", Limit.of(json.loads(limit)) if limit else None, calendars.calendar_in_force(calendar),
        tuple(layers or ()), boundary, frozenset(doubts), key,
    )  # fmt: skip


_LOOKS_BACK = timedelta(days=180)


def photo_doubts(case: Case, attached: Attachment) -> dict[str, list[str]]:
    """What is to be doubted about a photo of a case; each with the cases (numbers) or the figures that tell why."""
    file, settings, found = attached.file, settings_in_force(), {}
    other = Attachment.objects.filter(subject_type=attached.subject_type, withdrawn_at=None).exclude(
        subject_id=attached.subject_id
    )
    same = other.filter(file=file).values_list("subject_id", flat=True)[:5]
    if same:
        found["photo_reused"] = _numbers(same)
    elif file.phash is not None and attached.by_id is not None:
        mine = other.filter(by=attached.by_id, at__gte=attached.at - _LOOKS_BACK, file__phash__isnull=False)
        bits = Func(F("file__phash").bitxor(file.phash), template="bit_count((%(expressions)s)::bit(64))")
        alike = mine.annotate(bits=Cast(bits, IntegerField())).filter(bits__lte=settings.photo_hash_bits)
        close = list(alike.values_list("subject_id", flat=True)[:5])
        if close:
            found["photo_alike"] = _numbers(close)
    if file.lon is not None and file.lat is not None and case.lon is not None and case.lat is not None:
        there = Sight(attached.at, case.lon, case.lat, case.accuracy_m or 0)
        if too_far((file.lon, file.lat), there, settings.photo_distance_m):
            found["photo_far"] = [f"{distance_m(file.lon, file.lat, case.lon, case.lat):.0f} m"]
    shown_at = case.observed_at if attached.kind in OF_THE_REPORT else attached.at
    if file.taken_at is not None and too_old(file.taken_at, shown_at, timedelta(hours=settings.photo_age_hours)):
        found["photo_old"] = [f"{timezone.localtime(file.taken_at):%Y-%m-%d %H:%M}"]
    return found


OF_THE_REPORT = ("before", "photos")
"""The kinds of attachment that show what was seen when it was reported; others show the place later."""


def _numbers(ids: Iterable[str]) -> list[str]:
    return [case.number for case in Case.objects.filter(pk__in=list(ids)).only("reported_at")]


_boundaries: dict[int, Any] = {}  # prepared outlines by id; rows never change


def is_outside(boundary: int, lon: float, lat: float) -> bool:
    """Whether a place lies outside the boundary of collection; a point on the line lies inside."""
    outline = _boundaries.get(boundary)
    if outline is None:
        outline = shapely.geometry.shape(Boundary.objects.get(pk=boundary).polygon)
        shapely.prepare(outline)
        if len(_boundaries) >= 8:
            _boundaries.clear()
        _boundaries[boundary] = outline
    return not shapely.intersects_xy(outline, lon, lat)


def edition_on(day: date) -> Edition:
    """The edition proposed for a case observed on the day."""
    return max(
        (e for e in Edition if IN_FORCE_FROM[e] <= day.isoformat()),
        key=lambda e: IN_FORCE_FROM[e],
        default=Edition.CJT_2007,
    )


def entries(edition: str, words: str = "") -> QuerySet[DictionaryEntry]:
    """Active entries of an edition whose code or name holds the words."""
    rows = DictionaryEntry.objects.filter(edition=edition, active=True)
    return rows.filter(Q(code__startswith=words) | Q(name__icontains=words)) if words else rows


def standards_for(case: Case, day: date | None = None) -> QuerySet[FilingStandard]:
    """The filing conditions of the case's class in the table in force on the day."""
    table = StandardSet.objects.filter(in_force_from__lte=day or timezone.localdate()).first()
    return FilingStandard.objects.filter(table=table, edition=case.edition, kind=case.kind, code=case.code)


STANDARDS_AT_MOST = 300


def standard_versions(tables: QuerySet[StandardSet], day: date | None = None) -> list[dict[str, Any]]:
    """The versions of the filing standards, the newest first: until when each holds, and how much is in it."""
    day = day or timezone.localdate()
    sizes: dict[Any, Any] = {
        row["table"]: row
        for row in FilingStandard.objects.order_by()
        .values("table")
        .annotate(conditions=Count("pk"), classes=Count(Concat("edition", "kind", "code"), distinct=True))
    }
    found, later, in_force = [], None, False
    for table in tables:  # the newest day first
        state = "later" if table.in_force_from > day else "before" if in_force else "now"
        in_force = in_force or state == "now"
        found.append(
            {
                "table": table, "state": state, "until": later and later - timedelta(days=1),
                "conditions": sizes.get(table.pk, {}).get("conditions", 0),
                "classes": sizes.get(table.pk, {}).get("classes", 0),
            }
        )  # fmt: skip
        later = table.in_force_from
    return found


def standard_version(table: StandardSet) -> dict[str, Any]:
    """A version's conditions, and what it changed against the version that was in force before it."""
    names = {
        (entry.edition, entry.kind, entry.code): entry.name
        for entry in DictionaryEntry.objects.only("edition", "kind", "code", "name")
    }
    rows = list(table.standards.all())
    for row in rows:
        row.class_name = names.get((row.edition, row.kind, row.code), "")  # type: ignore[attr-defined]
    before = StandardSet.objects.filter(in_force_from__lt=table.in_force_from).first()
    context: dict[str, Any] = {
        "rows": rows[:STANDARDS_AT_MOST], "more": max(0, len(rows) - STANDARDS_AT_MOST), "before": before,
    }  # fmt: skip
    if before is not None:
        was = {(row.edition, row.kind, row.code, row.condition): _terms(row) for row in before.standards.all()}
        now = {(row.edition, row.kind, row.code, row.condition): _terms(row) for row in rows}
        new, gone = sorted(now.keys() - was.keys()), sorted(was.keys() - now.keys())
        changed = sorted(key for key in now.keys() & was.keys() if now[key] != was[key])
        lines = [
            {
                "code": key[2],
                "name": names.get(key[:3], ""),
                "condition": key[3],
                "was": was.get(key),
                "is": now.get(key),
            }
            for key in (*changed, *new, *gone)
        ]
        same = len(now) - len(new) - len(changed)
        context["changes"] = {
            "new": new, "gone": gone, "changed": changed, "same": same, "lines": lines[:STANDARDS_AT_MOST],
            "more": max(0, len(lines) - STANDARDS_AT_MOST),
        }  # fmt: skip
    return context


def _terms(row: FilingStandard) -> str:
    """What a condition says besides its words: limit, closing condition, who is responsible."""
    return " · ".join(part for part in (str(row.limit), row.closing_condition, row.responsible) if part)


def departments_for(case: Case) -> QuerySet[Organisation]:
    """Departments that could handle the case: of its district and of the city, the suggested ones first.

    Suggested by history: who handled most cases of this class in this district that were reported and filed in the last
    year. The months keep the look in the newest end of the index, however long the history is.
    """
    since = timezone.now() - timedelta(days=365)
    used: dict[int, int] = dict(
        Case.objects.filter(
            month__gte=month_of(since),
            code=case.code,
            edition=case.edition,
            district_code=case.district_code,
            filed_at__gte=since,
        )
        .exclude(department=None)
        .values_list("department")
        .annotate(cases=Count("pk"))
        .order_by("-cases")[:20]
    )
    order = When(
        *(Then(pk=pk, then=Value(-number)) for pk, number in used.items()),
        default=Value(0),
        output_field=IntegerField(),
    )
    rows = Organisation.objects.filter(kind=OrganisationKind.DEPARTMENT, active=True)
    if case.district_code:
        rows = rows.filter(Q(district_code="") | Q(district_code=case.district_code))
    return rows.annotate(rank=order).order_by("rank", "name")


def collectors_for(case: Case) -> QuerySet[User]:
    """Collectors whose duty covers the case's place, those on shift first."""
    return (
        User.objects.filter(duties__role="patrol.collector", is_active=True)
        .filter(_area_covers(case.area_code))
        .annotate(on_shift=Count("shifts", filter=Q(shifts__ended_at__isnull=True), distinct=True))
        .order_by("-on_shift", "display_name")
        .distinct()
    )


def _area_covers(area_code: str) -> Q:
    """Duties for a prefix of the area, or for the whole city."""
    return Q(duties__area_code__in=["", *(area_code[:length] for length in (6, 9, 12, 15) if len(area_code) >= length)])


def cell_of(lon: float, lat: float) -> int:
    """The H3 cell of a place, as the 64-bit integer that `Case.cell` keeps."""
    return int(h3.latlng_to_cell(lat, lon, CELL_RESOLUTION))


def cells_around(lon: float, lat: float, metres: float) -> list[int]:
    """The cells that hold every place within so many metres."""
    return list(h3.grid_disk(cell_of(lon, lat), max(1, math.ceil(metres / _RING_M))))


def near(
    lon: float, lat: float, code: str, at: datetime, settings: PatrolSettings, exclude: int | None = None
) -> list[tuple[Case, float]]:
    """Live cases of the class within the set distance and time, nearest first, with the distance in metres."""
    cells = cells_around(lon, lat, settings.near_m)
    span = timedelta(hours=settings.near_hours)
    rows = (
        Case.objects.filter(cell__in=cells, code=code, reported_at__range=(at - span, at + span))
        .exclude(pk=exclude or 0)
        .exclude(state__in=("voided", "refused", "not_filed"))
        .filter(duplicate_of=None)[:50]
    )
    found = [(row, distance_m(lon, lat, row.lon or 0, row.lat or 0)) for row in rows]
    return sorted((pair for pair in found if pair[1] <= settings.near_m), key=lambda pair: pair[1])


def like(case: Case) -> list[tuple[Case, float]]:
    """What `near` finds for a case that has not ended."""
    if case.lon is None or case.lat is None or case.is_final:
        return []
    return near(case.lon, case.lat, case.code, case.reported_at, settings_in_force(), case.pk)


def case_page(user: Any, case: Case) -> dict[str, Any]:
    """What the case page shows beside the case: what it repeats and what repeats it, tasks, standing of the clocks."""
    return {
        "suggested": only_seen(user, like(case)),
        "merged": access.visible(user, "patrol.case.view", case.duplicates.all())[:50],
        "original": access.visible(user, "patrol.case.view", Case.objects.filter(duplicates=case)).first(),
        "tasks": case.tasks.select_related("collector"),
    }


def edition_today() -> str:
    """The edition proposed for a problem seen today."""
    return edition_on(timezone.localdate()).value


def near_now(user: Any, lon: float, lat: float, code: str) -> list[tuple[Case, float]]:
    """What `near` finds for a problem that is told now, within what the user may see."""
    return only_seen(user, near(lon, lat, code, timezone.now(), settings_in_force()))


def place_name(case: Case) -> str:
    """Where a case lies, in words: district, street, community, grid, as far as the map knows them."""
    code = case.area_code
    parts = [code[:length] for length in (6, 9, 12, 15) if len(code) >= length]
    names = [common_places.name_of(part) for part in parts]
    return " ".join(name for name, part in zip(names, parts, strict=True) if name != part) or code


def only_seen(user: Any, found: list[tuple[Case, float]]) -> list[tuple[Case, float]]:
    """Of what `near` found, the cases that the user may see."""
    if not found:
        return []
    seen = access.visible(user, "patrol.case.view", Case.objects.filter(pk__in=[case.pk for case, _m in found]))
    allowed = set(seen.values_list("pk", flat=True))
    return [pair for pair in found if pair[0].pk in allowed]


def district_choices() -> list[tuple[str, str]]:
    """The districts for a form."""
    return [(district.code, district.name) for district in common_places.districts()]


# The queue

QUEUE_AT_MOST = 500


QUEUE_SHOWN = 50
_IN_QUEUE = (
    "state", "due_at", "reported_at", "class_name", "source", "address", "description", "urgent", "doubts",
    "extension_asked_at",
)  # fmt: skip


def _waiting(user: Any) -> QuerySet[Case]:
    """Cases that the user's post moves on, and those whose department waits to hear whether it is given more time."""
    rows = flow.waiting_rows(user, Case)
    if access.may(user, "patrol.case.extend"):
        asked = access.visible(user, "patrol.case.extend", Case.objects.filter(extension_asked_at__isnull=False))
        rows |= asked.filter(Q(holder=None) | Q(holder=user.pk))
    return rows.order_by(F("due_at").asc(nulls_last=True), "pk")


def queue(user: Any, state: str = "") -> dict[str, Any]:
    """What waits for the user, the nearest deadline first: all stages with their numbers, and the rows of one.

    No more than QUEUE_AT_MOST are counted and QUEUE_SHOWN are read in full.
    """
    now = timezone.now()
    is_late = ExpressionWrapper(Q(due_at__isnull=False, due_at__lt=now), BooleanField())
    waiting = list(_waiting(user).values_list("pk", "state", is_late)[:QUEUE_AT_MOST])
    states = flow.flow_of(Case).states
    numbers = Counter(code for _pk, code, _late in waiting)
    stages = [(code, str(label), numbers[code]) for code, label in states.items() if numbers[code]]
    shown = [pk for pk, code, _late in waiting if not state or code == state][:QUEUE_SHOWN]
    found = Case.objects.filter(pk__in=shown).only(*_IN_QUEUE).in_bulk()
    return {
        "stages": stages, "state": state if state in states else "", "rows": [found[pk] for pk in shown if pk in found],
        "waiting": len(waiting), "more": len(waiting) >= QUEUE_AT_MOST,
        "late": sum(late for _pk, _code, late in waiting),
    }  # fmt: skip


def next_in_queue(user: Any, passed: list[int], state: str = "") -> Case | None:
    """The case with the nearest deadline that waits for the user and was not passed in this round."""
    rows = _waiting(user).exclude(pk__in=passed)
    return (rows.filter(state=state) if state and state != "1" else rows).first()


# The map and the search box

ON_MAP_AT_MOST = 1500
_CELLS_ACROSS = 28


def on_map(user: Any, box: tuple[float, float, float, float]) -> dict[str, Any]:
    """Live cases in the box (west, south, east, north) as a feature collection; `count` on a cell of many.

    Above `ON_MAP_AT_MOST` cases the box is cut into square cells (in degrees of longitude at its width) and each cell is
    one feature at the mean place of its cases, so that the answer stays small however many there are.
    """
    west, south, east, north = box
    rows = access.visible(user, "patrol.case.view", Case.objects.exclude(state__in=flow.flow_of(Case).final))
    rows = rows.filter(lon__range=(west, east), lat__range=(south, north)).order_by()
    few = list(rows.order_by("-pk")[: ON_MAP_AT_MOST + 1])
    if len(few) <= ON_MAP_AT_MOST:
        return {"type": "FeatureCollection", "features": [_feature(case) for case in few]}
    size = Value((east - west) / _CELLS_ACROSS)
    now = timezone.now()
    cells = (
        rows.annotate(column=Floor(F("lon") / size), line=Floor(F("lat") / size))
        .values("column", "line")
        .annotate(
            cases=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now)), x=Avg("lon"), y=Avg("lat"), one=Max("pk")
        )
    )
    return {"type": "FeatureCollection", "features": [_cell(cell) for cell in cells]}


def _feature(case: Case) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [case.lon, case.lat]},
        "properties": {
            "title": str(case), "state": case.state_label, "url": case.get_absolute_url(),
            "tone": "bad" if case.is_overdue else "info",
        },
    }  # fmt: skip


def _cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    title = _("%(cases)s cases") % {"cases": cell["cases"]}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(cell["x"], 6), round(cell["y"], 6)]},
        "properties": {
            "title": title, "count": cell["cases"], "tone": "bad" if cell["late"] else "info",
            "state": _("%(cases)s overdue") % {"cases": cell["late"]} if cell["late"] else "",
        },
    }  # fmt: skip


_SEARCHED = ("description", "address", "class_name", "outside_number")
"""The columns that words are looked for in, in the order of the index `patrol_case_words`."""


def with_words(rows: QuerySet[Case], words: str) -> QuerySet[Case]:
    """The cases that hold every word somewhere. Words of two and more characters are found by the index of pairs.

    The word itself is looked for by its place, not by LIKE: PostgreSQL would reckon the pairs and the LIKE as two rare
    things, expect one row, and sort all that it finds by hand.
    """
    for word in words.split()[:5]:
        pairs = sorted({word.lower()[place : place + 2] for place in range(len(word) - 1)})
        if pairs:
            held = Func(
                *(Cast(name, TextField()) for name in _SEARCHED), function="patrol_pairs",
                output_field=ArrayField(TextField()),
            )  # fmt: skip
            rows = rows.alias(pairs=held).filter(pairs__contains=pairs)  # type: ignore[misc]
        held_by: list[Any] = [GreaterThan(StrIndex(Lower(name), Lower(Value(word))), 0) for name in _SEARCHED]
        rows = rows.filter(Q.create(held_by, connector=Q.OR))
    return rows


def find(user: Any, words: str, limit: int) -> list[Hit]:
    """Cases for the search box: by number (20240513-000017, or the part after the dash) or by words."""
    rows = access.visible(user, "patrol.case.view", Case.objects.all())
    number = words.rpartition("-")[2]
    if number.isdigit() and len(number) < 18:
        rows = rows.filter(Q(pk=int(number)) | Q(outside_number=words))
    else:
        rows = with_words(rows, words)
    kind = str(flow.flow_of(Case).label)
    return [
        Hit(str(case), case.get_absolute_url(), kind, f"{case.state_label} {case.address}".strip(), "clipboard-list")
        for case in rows.order_by("-pk")[:limit]
    ]


# The reward


def grids_by_district() -> dict[str, Decimal]:
    """How many unit grids each district has in the map in force; districts without any count once."""
    found: dict[str, Decimal] = {}
    for code in Area.objects.filter(level="grid").values_list("code", flat=True):
        found[code[:6]] = found.get(code[:6], Decimal(0)) + 1
    return found


def what_if_defaults() -> dict[str, Any]:
    """The what-if form as it opens: the pool of the settings, the last year's published months."""
    months = Bulletin.objects.order_by("-month").values_list("month", flat=True)[:12]
    asked = [f"{month // 100}-{month % 100:02}" for month in months]
    return {
        "pool": Decimal(settings_in_force().reward_pool_fen) / 100, "method": "proportional", "units": "one",
        "start": asked[-1] if asked else "", "end": asked[0] if asked else "", "bands": "5:1.2 11:1 *:0.8",
        "points": " ".join(str(points) for points in range(16, 0, -1)),
    }  # fmt: skip
