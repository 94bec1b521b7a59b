"""What people ask of patrol: the tables in force, what is suggested for a case, what lies near it."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import h3
from django.db.models import Case as When
from django.db.models import Count, IntegerField, Q, QuerySet, Value
from django.db.models import When as Then
from django.utils import timezone

from chengheng.common.calendars.rules import Limit
from chengheng.common.people.models import Organisation, OrganisationKind, User
from chengheng.patrol.models import Case, DictionaryEntry, FilingStandard, PatrolSettings, StageLimits, StandardSet
from chengheng.patrol.rules.dictionary import IN_FORCE_FROM, Edition

CELL_RESOLUTION = 11
"""H3 cells of about 50 m across; with two rings around a point they miss no neighbour within 50 m."""

_RING_M = 25.0  # how far one more ring of cells of this resolution is sure to reach (measured, facts/cases.md §7)
EARTH_M = 6_371_008.8


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


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Great-circle distance in metres (haversine on the mean sphere)."""
    a, b = math.radians(lat), math.radians(other_lat)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(half))


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
