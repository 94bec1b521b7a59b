"""What people ask of patrol: the tables in force, what is suggested for a case, what lies near it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import h3
from django.db.models import Avg, Count, F, IntegerField, Max, Q, QuerySet, Value
from django.db.models import Case as When
from django.db.models import When as Then
from django.db.models.functions import Floor
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import flow
from chengheng.common.calendars.rules import Limit
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, OrganisationKind, User
from chengheng.common.places.ground import distance_m
from chengheng.common.places.models import Area
from chengheng.common.ui.search import Hit
from chengheng.patrol.models import (
    Bulletin,
    Case,
    DictionaryEntry,
    FilingStandard,
    PatrolSettings,
    StageLimits,
    StandardSet,
)
from chengheng.patrol.rules.dictionary import IN_FORCE_FROM, Edition

CELL_RESOLUTION = 11
"""H3 cells of about 50 m across; with two rings around a point they miss no neighbour within 50 m."""

_RING_M = 25.0  # how far one more ring of cells of this resolution is sure to reach (measured, facts/cases.md §7)


def settings_in_force(day: date | None = None) -> PatrolSettings:
    """The settings of the day; the model's defaults before any row is in force."""
    row = PatrolSettings.objects.filter(in_force_from__lte=day or timezone.localdate()).first()
    return row or PatrolSettings(in_force_from=date(2000, 1, 1), source="defaults of the software")


def stage_limits(day: date) -> dict[str, Limit]:
    """Stage → limit as in force on the day; stages without a limit have no clock."""
    row = StageLimits.objects.filter(in_force_from__lte=day).first()
    return {stage: Limit.of(limit) for stage, limit in row.limits.items()} if row else {}


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


def departments_for(case: Case) -> QuerySet[Organisation]:
    """Departments that could handle the case: of its district and of the city, the suggested ones first.

    Suggested by history: who handled most cases of this class in this district in the last year.
    """
    since = timezone.now() - timedelta(days=365)
    used: dict[int, int] = dict(
        Case.objects.filter(code=case.code, edition=case.edition, district_code=case.district_code, filed_at__gte=since)
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
    return h3.str_to_int(h3.latlng_to_cell(lat, lon, CELL_RESOLUTION))


def near(
    lon: float, lat: float, code: str, at: datetime, settings: PatrolSettings, exclude: int | None = None
) -> list[tuple[Case, float]]:
    """Live cases of the class within the set distance and time, nearest first, with the distance in metres."""
    rings = max(1, math.ceil(settings.near_m / _RING_M))
    centre = h3.latlng_to_cell(lat, lon, CELL_RESOLUTION)
    cells = [h3.str_to_int(cell) for cell in h3.grid_disk(centre, rings)]
    span = timedelta(hours=settings.near_hours)
    rows = (
        Case.objects.filter(cell__in=cells, code=code, reported_at__range=(at - span, at + span))
        .exclude(pk=exclude or 0)
        .exclude(state__in=("voided", "refused", "not_filed"))
        .filter(duplicate_of=None)[:50]
    )
    found = [(row, distance_m(lon, lat, row.lon or 0, row.lat or 0)) for row in rows]
    return sorted((pair for pair in found if pair[1] <= settings.near_m), key=lambda pair: pair[1])


def case_page(case: Case) -> dict[str, Any]:
    """What the case page shows beside the case: duplicates suggested, tasks."""
    suggested = []
    if case.lon is not None and case.lat is not None and not case.is_final:
        suggested = near(case.lon, case.lat, case.code, case.reported_at, settings_in_force(), case.pk)
    return {"suggested": suggested, "tasks": case.tasks.select_related("collector")}


def edition_today() -> str:
    """The edition proposed for a problem seen today."""
    return edition_on(timezone.localdate()).value


def near_now(user: Any, lon: float, lat: float, code: str) -> list[tuple[Case, float]]:
    """What `near` finds for a problem that is told now, within what the user may see."""
    found = near(lon, lat, code, timezone.now(), settings_in_force())
    seen = access.visible(user, "patrol.case.view", Case.objects.filter(pk__in=[case.pk for case, _m in found]))
    allowed = set(seen.values_list("pk", flat=True))
    return [pair for pair in found if pair[0].pk in allowed]


# The queue

QUEUE_AT_MOST = 500


def _waiting(user: Any) -> list[Case]:
    """Cases that the user's post moves on: by the usual step of their state, or by any where no step is the usual one.

    Narrower than the inbox of `flow`: whoever may void or urge a case does not have it in the queue for that.
    """
    steps = flow.flow_of(Case).steps
    usual = {source for step in steps if step.primary for source in step.sources}
    states_by_act: dict[str, set[str]] = {}
    for step in steps:
        states = {source for source in step.sources if step.primary or source not in usual}
        if step.target and not step.danger and states and access.may(user, step.act):
            states_by_act.setdefault(step.act, set()).update(states - set(flow.flow_of(Case).final))
    rows = Case.objects.none()
    for act, states in states_by_act.items():
        rows |= access.visible(user, act, Case.objects.filter(state__in=states))
    rows = rows.filter(Q(holder=None) | Q(holder=user.pk)).order_by(F("due_at").asc(nulls_last=True), "pk")
    return list(rows[:QUEUE_AT_MOST])


def queue(user: Any, state: str = "") -> dict[str, Any]:
    """What waits for the user, the nearest deadline first: all stages with their numbers, and the rows of one."""
    waiting = _waiting(user)
    states = flow.flow_of(Case).states
    numbers = {code: sum(case.state == code for case in waiting) for code in states}
    stages = [(code, str(states[code]), number) for code, number in numbers.items() if number]
    rows = [case for case in waiting if not state or case.state == state]
    now = timezone.now()
    return {
        "stages": stages, "state": state if state in states else "", "rows": rows[:100], "waiting": len(waiting),
        "more": len(waiting) >= QUEUE_AT_MOST, "late": sum(bool(case.due_at and case.due_at < now) for case in waiting),
    }  # fmt: skip


def next_in_queue(user: Any, passed: list[int], state: str = "") -> Case | None:
    """The case with the nearest deadline that waits for the user and was not passed in this round."""
    skip = set(passed)
    rows = (case for case in _waiting(user) if not state or state == "1" or case.state == state)
    return next((case for case in rows if case.pk not in skip), None)


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


def find(user: Any, words: str, limit: int) -> list[Hit]:
    """Cases for the search box: by number (20240513-000017, or the part after the dash) or by words."""
    rows = access.visible(user, "patrol.case.view", Case.objects.all())
    number = words.rpartition("-")[2]
    if number.isdigit() and len(number) < 18:
        rows = rows.filter(Q(pk=int(number)) | Q(outside_number=words))
    else:
        rows = rows.filter(
            Q(class_name__icontains=words) | Q(address__icontains=words) | Q(description__icontains=words)
        )
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
