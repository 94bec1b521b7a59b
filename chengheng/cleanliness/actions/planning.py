"""The month's plan: draw, route, seal, move with a reason, draw again to prove it."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from chengheng.cleanliness import queries
from chengheng.cleanliness.errors import CheckedAlready, NoRoads, NoTeams, PlanExists, PlanNotSealed, PlanSealed
from chengheng.cleanliness.models import Check, Plan, PlanItem, Road, Team
from chengheng.cleanliness.rules import points as placing
from chengheng.cleanliness.rules import sampling
from chengheng.cleanliness.rules.routing import route
from chengheng.common import trail
from chengheng.common.calendars.models import current_calendar
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, User


@transaction.atomic
def add_team(actor: Any, *, name: str, organisation: Organisation, members: list[User], lon: float, lat: float) -> Team:
    """Make a team with its members and the place that it starts from."""
    access.require(actor, "cleanliness.plan.make")
    team = Team.objects.create(name=name, organisation=organisation, lon=lon, lat=lat)
    team.members.set(members)
    trail.record("cleanliness.plan.make", actor, team, {"members": [m.username for m in members]}, new=True)
    return team


def frame_of(month: int, gap_days: int) -> list[sampling.FrameRoad]:
    """The register as the draw sees it on the month's first day."""
    first = _first(month)
    counted = (
        PlanItem.objects.filter(cancelled_at=None, plan__month__lt=month)
        .values("road_id")
        .annotate(last=Max("day"), drawn=Count("pk", filter=Q(plan__month__gte=month // 100 * 100 + 1)))
    )
    seen = {row["road_id"]: (row["drawn"], row["last"]) for row in counted}
    border = first - timedelta(days=gap_days)
    frame = []
    for pk, code, district, grade in Road.objects.filter(active=True).values_list(
        "pk", "code", "district_code", "grade"
    ):
        drawn, last = seen.get(pk, (0, None))
        frame.append(sampling.FrameRoad(code, district, grade, drawn, last is not None and last > border))
    return frame


@transaction.atomic
def make_plan(actor: Any, *, month: int, size: int, seed: str = "", gap_days: int | None = None) -> Plan:
    """Draw the month's roads and put each on a working day. Teams get their routes by `route_plan`, before the seal.

    The seed of a year is the same in every month, so that the draw rotates; the first plan of a year brings it.
    """
    access.require(actor, "cleanliness.plan.make")
    if not 202001 <= month <= 209912 or not 1 <= month % 100 <= 12 or not 1 <= size <= 20_000:
        raise Invalid(field="month")
    if Plan.objects.filter(month=month).exists():
        raise PlanExists(field="month")
    year = Plan.objects.filter(month__gte=month // 100 * 100, month__lt=month // 100 * 100 + 100).order_by("month")
    earlier = year.first()
    seed = earlier.seed if earlier else seed or secrets.token_hex(16)
    rules = queries.rules_on(_first(month))
    gap = gap_days if gap_days is not None else (rules.gap_days if rules else 30)
    frame = frame_of(month, gap)
    if not frame:
        raise NoRoads
    drawn = sampling.draw(frame, size, seed)
    plan = Plan.objects.create(
        month=month, size=size, seed=seed, method=sampling.METHOD, gap_days=gap, short=drawn.short,
        frame=[road.as_row() for road in sorted(frame, key=lambda r: r.code)],
        frame_digest=sampling.frame_digest(frame),
        strata={name: [drawn.sizes[name], len(codes)] for name, codes in drawn.chosen.items()},
        made_by=actor if actor.pk else None,
    )  # fmt: skip
    stratum = {code: name for name, codes in drawn.chosen.items() for code in codes}
    roads = list(Road.objects.filter(code__in=stratum))
    days = _days(month)
    least = max(6, rules.min_points if rules else 6)
    # Along a space-filling curve neighbours stay together; the pieces are dealt to the days by chance.
    roads.sort(key=lambda r: (_curve(*r.middle), r.code))
    teams = max(1, Team.objects.filter(active=True).count())
    pieces = max(1, min(len(roads), len(days) * teams))
    order = sorted(range(pieces), key=lambda piece: sampling.chance(seed, month, f"day {piece}"))
    day_of = {piece: days[index % len(days)] for index, piece in enumerate(order)}
    PlanItem.objects.bulk_create(
        (
            PlanItem(
                plan=plan, road=road, road_version=road.version, stratum=stratum[road.code],
                day=(day := day_of[index * pieces // len(roads)]), first_day=day,
                points=[vars(point) for point in
                        placing.place(road.line, road.lanes, least, f"{seed}|{month}|{road.code}")],
            )
            for index, road in enumerate(roads)
        ),
        batch_size=2000,
    )  # fmt: skip
    data = {"size": size, "seed": seed, "method": plan.method, "frame": plan.frame_digest, "short": drawn.short}
    trail.record("cleanliness.plan.make", actor, plan, data, new=True)
    return plan


@transaction.atomic
def route_plan(plan: Plan, actor: Any, *, milliseconds: int = 400, progress: Any = None) -> Plan:
    """Give every road of the plan a team and a place in its day's route. `milliseconds` bounds the solver for one day."""
    plan = access.fetch_locked(actor, "cleanliness.plan.make", Plan.objects.all(), pk=plan.pk)
    if plan.sealed_at:
        raise PlanSealed
    teams = list(Team.objects.filter(active=True))
    if not teams:
        raise NoTeams
    items = list(plan.items.select_related("road"))
    days = sorted({item.day for item in items})
    solved = True
    for number, day in enumerate(days):
        todays = [item for item in items if item.day == day]
        found = route([i.road.middle for i in todays], [(t.lon, t.lat) for t in teams], milliseconds=milliseconds)
        solved = solved and found.solved
        for team, stops in zip(teams, found.routes, strict=True):
            for position, stop in enumerate(stops, start=1):
                todays[stop].team, todays[stop].position = team, position
        if progress is not None:
            progress.step(number + 1, len(days), str(day))
    PlanItem.objects.bulk_update(items, ["team", "position"], batch_size=1000)
    plan.routed = "solver" if solved else "nearest"
    plan.save(update_fields=["routed"])
    trail.record("cleanliness.plan.make", actor, plan, {"routed": plan.routed, "teams": len(teams)})
    return plan


@transaction.atomic
def seal_plan(plan: Plan, actor: Any, *, now: Any = None) -> Plan:
    """Seal the plan: its digest goes into the trail, teams see a day when it has come, changes need a reason."""
    plan = access.fetch_locked(actor, "cleanliness.plan.seal", Plan.objects.all(), pk=plan.pk)
    if plan.sealed_at:
        raise PlanSealed
    if plan.items.filter(team=None).exists():
        raise NoTeams
    plan.seal, plan.sealed_at = digest_of(plan), now or timezone.now()
    plan.sealed_by = actor if actor.pk else None
    plan.save(update_fields=["seal", "sealed_at", "sealed_by"])
    trail.record("cleanliness.plan.seal", actor, plan, {"seal": plan.seal})
    return plan


def digest_of(plan: Plan) -> str:
    """SHA-256 of what was first planned: draw, day of each road and its points. Later moves do not change it."""
    rows = plan.items.order_by("road__code").values_list("road__code", "first_day", "road_version", "points")
    listed = [[code, day.isoformat(), version, points] for code, day, version, points in rows]
    text = json.dumps(
        [plan.month, plan.seed, plan.method, plan.frame_digest, listed], sort_keys=True, ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def redraw(plan: Plan) -> bool:
    """Draw the plan again from the frame it keeps: whether the same roads come out and the seal still fits."""
    frame = [sampling.FrameRoad.of_row(row) for row in plan.frame]
    if sampling.frame_digest(frame) != plan.frame_digest:
        return False
    drawn = sampling.draw(frame, plan.size, plan.seed)
    same = drawn.codes == sorted(plan.items.values_list("road__code", flat=True))
    return same and (not plan.sealed_at or plan.seal == digest_of(plan))


@transaction.atomic
def move_item(item: PlanItem, actor: Any, *, day: date | None, reason: str, team: Team | None = None) -> PlanItem:
    """Move a planned check for rain, snow or a closure, or cancel it (`day` None). The reason is kept."""
    access.require(actor, "cleanliness.plan.move")
    item = PlanItem.objects.select_for_update().get(pk=item.pk)
    if not item.plan.sealed_at:
        raise PlanNotSealed
    if not reason.strip():
        raise Invalid(field="reason")
    if item.checks.exclude(state__in=queries.OVER).exists() or item.cancelled_at:
        raise CheckedAlready
    before = item.day
    if day is None:
        item.cancelled_at = timezone.now()
    else:
        item.day, item.moves = day, item.moves + 1
    item.team, item.reason = team or item.team, reason[:200]
    item.save(update_fields=["day", "moves", "cancelled_at", "team", "reason"])
    data = {"road": item.road.code, "day": [before, day]}
    trail.record("cleanliness.plan.move", actor, item.plan, data, reason)
    return item


@transaction.atomic
def replan_day(plan: Plan, actor: Any, *, day: date, to: date, reason: str, milliseconds: int = 400) -> int:
    """Put all open checks of a day on another day for rain, snow or a closure, and route that day anew; how many moved.

    What is checked or cancelled stays. The seal holds: it is of what was first planned. Raises PlanNotSealed,
    CheckedAlready (nothing is open), NoTeams, Invalid.
    """
    access.require(actor, "cleanliness.plan.move")
    plan = access.fetch_locked(actor, "cleanliness.plan.view", Plan.objects.all(), pk=plan.pk)
    if not plan.sealed_at:
        raise PlanNotSealed
    if not reason.strip():
        raise Invalid(field="reason")
    if to == day or abs((to - day).days) > 62:
        raise Invalid(field="to")
    teams = list(Team.objects.filter(active=True))
    if not teams:
        raise NoTeams
    standing = Check.objects.exclude(state__in=queries.OVER).values("item")
    open_ = PlanItem.objects.filter(plan=plan, cancelled_at=None).exclude(pk__in=standing)
    moved = list(open_.filter(day=day).select_for_update(of=("self",)).select_related("road"))
    if not moved:
        raise CheckedAlready
    for item in moved:
        item.day, item.moves, item.reason = to, item.moves + 1, reason.strip()[:200]
    there = list(open_.filter(day=to).select_for_update(of=("self",)).select_related("road"))
    todays = sorted([*moved, *there], key=lambda item: item.pk)
    found = route([i.road.middle for i in todays], [(t.lon, t.lat) for t in teams], milliseconds=milliseconds)
    for team, stops in zip(teams, found.routes, strict=True):
        for position, stop in enumerate(stops, start=1):
            todays[stop].team, todays[stop].position = team, position
    PlanItem.objects.bulk_update(todays, ["day", "moves", "reason", "team", "position"], batch_size=1000)
    data = {"day": [day, to], "roads": [item.road.code for item in moved], "routed": found.solved}
    trail.record("cleanliness.plan.move", actor, plan, data, reason)
    return len(moved)


def _first(month: int) -> date:
    return date(month // 100, month % 100, 1)


def _days(month: int) -> list[date]:
    """The working days of the month; all its days where a calendar has none."""
    first, found = _first(month), []
    calendar = current_calendar()
    day = first
    while day.month == first.month:
        found.append(day)
        day += timedelta(days=1)
    return [one for one in found if calendar.covers(one) and calendar.is_working(one)] or found


def _curve(lon: float, lat: float, bits: int = 10) -> int:
    """The position along a Hilbert curve over the city's box."""
    side = 1 << bits
    x = min(side - 1, max(0, int((lon - 116.7) / 1.4 * side)))
    y = min(side - 1, max(0, int((lat - 38.5) / 1.8 * side)))
    found, s = 0, side // 2
    while s:
        rx, ry = int(bool(x & s)), int(bool(y & s))
        found += s * s * ((3 * rx) ^ ry)
        if not ry:
            if rx:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        s //= 2
    return found
