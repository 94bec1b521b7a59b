"""Acts of re-inspection and of the boundary: draw areas, note what was found on site, decide what was missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import shapely
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chengheng.common import places, trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.models import Duty
from chengheng.common.places.formats import FROM_FILE, outline
from chengheng.common.places.queries import in_force
from chengheng.patrol import queries
from chengheng.patrol.errors import DecidedAlready, NothingToDraw, NotInTheCity, UnknownClass, VisitedAlready
from chengheng.patrol.models import (
    Boundary,
    Case,
    DictionaryEntry,
    SamplingFinding,
    SamplingPlan,
    SamplingVisit,
    month_of,
)
from chengheng.patrol.rules import sampling


def _areas(area_code: str) -> dict[str, str]:
    """What can be drawn within an area, code → name: the finest level that the map in force has there."""
    for level in ("grid", "community", "subdistrict"):
        found = dict(in_force(level).filter(code__startswith=area_code).values_list("code", "name"))
        if found:
            return found
    return {d.code: d.name for d in places.districts() if d.code.startswith(area_code)}


@transaction.atomic
def plan_sampling(
    actor: Any, *, month: int, size: int, seed: str, area_code: str = "", now: datetime | None = None
) -> SamplingPlan:
    """Draw areas for a month's re-inspection, each with the collector who has it. Raises NothingToDraw."""
    access.require(actor, "patrol.sampling.plan")
    now, areas = now or timezone.now(), _areas(area_code)
    if not areas or size < 1:
        raise NothingToDraw(field="area_code")
    plan = SamplingPlan.objects.create(
        month=month, area_code=area_code, seed=seed, size=size, drawn_from=len(areas),
        drawn_sha256=sampling.digest(areas), made_at=now, made_by=actor if actor.pk else None,
    )  # fmt: skip
    drawn = sampling.draw(areas, seed, size)
    SamplingVisit.objects.bulk_create(
        SamplingVisit(
            plan=plan, position=position, area_code=code, area_name=areas[code] or code, collector_id=_collector(code)
        )
        for position, code in enumerate(drawn, 1)
    )
    trail.record(
        "patrol.sampling.plan", actor, plan,
        {"seed": seed, "drawn": drawn, "from": len(areas), "sha256": plan.drawn_sha256}, new=True,
    )  # fmt: skip
    return plan


def _collector(code: str) -> int | None:
    """The collector with the narrowest area that holds this one; None for nobody."""
    today = timezone.localdate()
    held = Duty.objects.filter(role="patrol.collector", starts_on__lte=today, user__is_active=True).filter(
        Q(ends_on=None) | Q(ends_on__gte=today)
    )
    above = [code[:length] for length in (15, 12, 9, 6) if len(code) >= length]
    found = [(len(duty.area_code), -duty.user_id) for duty in held.filter(area_code__in=above)]
    return -max(found)[1] if found else None


@transaction.atomic
def visit_area(
    visit: SamplingVisit,
    actor: Any,
    findings: Sequence[Mapping[str, Any]],
    *,
    note: str = "",
    now: datetime | None = None,
) -> SamplingVisit:
    """Note what was found in an area: {"kind", "code", "lon", "lat", "description"} each. Empty is a result too.

    Each finding is held against the reports near it; one that was reported is not missed, the others wait for a
    decision. Raises VisitedAlready, UnknownClass, NotInTheCity.
    """
    now = now or timezone.now()
    visit = access.fetch_locked(actor, "patrol.sampling.visit", SamplingVisit.objects.all(), pk=visit.pk)
    if visit.visited_at is not None:
        raise VisitedAlready
    edition, settings = queries.edition_on(timezone.localtime(now).date()).value, queries.settings_in_force()
    for given in findings:
        entry = DictionaryEntry.objects.filter(
            edition=edition, kind=given["kind"], code=given["code"], active=True
        ).first()
        if entry is None:
            raise UnknownClass(field="code", class_code=given["code"], kind=given["kind"], edition=edition)
        if not places.locate(given["lon"], given["lat"]):
            raise NotInTheCity(field="lon")
        near = queries.near(given["lon"], given["lat"], entry.code, now, settings)
        SamplingFinding.objects.create(
            visit=visit, edition=edition, kind=entry.kind, code=entry.code, class_name=entry.name, lon=given["lon"],
            lat=given["lat"], description=given.get("description", ""), found_at=now,
            case=near[0][0] if near else None, missed=False if near else None,
        )  # fmt: skip
    visit.visited_at, visit.visited_by, visit.note = now, actor if actor.pk else None, note
    visit.save(update_fields=["visited_at", "visited_by", "note"])
    trail.record("patrol.sampling.visit", actor, visit, {"findings": len(findings)}, note, new=True)
    return visit


@transaction.atomic
def decide_finding(finding: SamplingFinding, actor: Any, *, missed: bool, note: str = "") -> SamplingFinding:
    """Confirm that a finding should have been reported and was not (漏报), or that it need not have been."""
    finding = access.fetch_locked(actor, "patrol.sampling.decide", SamplingFinding.objects.all(), pk=finding.pk)
    if finding.missed is not None:
        raise DecidedAlready
    finding.missed, finding.decided_by = missed, actor if actor.pk else None
    finding.save(update_fields=["missed", "decided_by"])
    trail.record("patrol.sampling.decide", actor, finding, {"missed": missed}, note, new=True)
    return finding


@dataclass(frozen=True)
class Missed:
    """What re-inspections say: confirmed missed ÷ found, in per cent, with the 95 % interval."""

    visited: int
    found: int
    missed: int
    open: int

    @property
    def rate(self) -> Decimal | None:
        """None when nothing was found, or while something waits for a decision."""
        return Decimal(self.missed) * 100 / self.found if self.found and not self.open else None

    @property
    def interval(self) -> tuple[Decimal, Decimal] | None:
        return None if self.open else sampling.interval(self.missed, self.found)


def missed_of(plan: SamplingPlan) -> Missed:
    """What a plan has found so far."""
    marks = list(SamplingFinding.objects.filter(visit__plan=plan).values_list("missed", flat=True))
    visited = plan.visits.filter(visited_at__isnull=False).count()
    return Missed(visited, len(marks), marks.count(True), marks.count(None))


def missed_by_collector(month: int) -> dict[int, int]:
    """Confirmed missed problems of a month's re-inspections, by the collector whose area it was (漏报数)."""
    rows = SamplingFinding.objects.filter(visit__plan__month=month, missed=True).exclude(visit__collector=None)
    found: dict[int, int] = {}
    for collector in rows.values_list("visit__collector", flat=True):
        found[collector] = found.get(collector, 0) + 1
    return found


def sampled_collectors(month: int) -> set[int]:
    """The collectors of whom at least one area was visited in the month's re-inspections."""
    rows = SamplingVisit.objects.filter(plan__month=month, visited_at__isnull=False).exclude(collector=None)
    return set(rows.values_list("collector", flat=True))


def missed_rates(month: int) -> dict[int, Decimal]:
    """漏报率 = 漏报数 ÷ 立案数 of each collector who was re-inspected in the month, in per cent."""
    missed = missed_by_collector(month)
    found = {}
    for collector in sampled_collectors(month):
        filed = Case.objects.filter(month=month, reported_by=collector, filed=True).count()
        if filed:
            found[collector] = Decimal(missed.get(collector, 0)) * 100 / filed
    return found


@transaction.atomic
def import_boundary(
    actor: Any, *, content: bytes, name: str, in_force_from: date, source: str, datum: str = FROM_FILE
) -> Boundary:
    """Take a map file (GeoJSON, zipped Shapefile, GeoPackage) as the boundary of collection from a day on.

    UnreadableLayer when it cannot be read; NotInTheCity when no part of it lies in a district.
    """
    access.require(actor, "patrol.boundary.import")
    shape = outline(content, datum)
    middle = shape.representative_point()
    if shape.is_empty or shape.area == 0:
        raise Invalid(field="file")
    if not places.locate(middle.x, middle.y):
        raise NotInTheCity(field="file")
    made = Boundary.objects.create(
        name=name, in_force_from=in_force_from, source=source, polygon=shapely.geometry.mapping(shape),
        imported_by=actor if actor.pk else None,
    )  # fmt: skip
    trail.record(
        "patrol.boundary.import", actor, made,
        {"in_force_from": in_force_from.isoformat(), "points": int(shapely.get_num_coordinates(shape))}, new=True,
    )  # fmt: skip
    return made


def this_month() -> int:
    """The month of today, as plans keep it."""
    return month_of(timezone.now())
