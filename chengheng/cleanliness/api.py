"""Dust weighing for machines and the phone page. Masses are strings in grams, places lon/lat in WGS-84/CGCS2000."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, File, Router, Schema, Status, UploadedFile

from chengheng.cleanliness import actions, queries
from chengheng.cleanliness.actions.checking import Photo, Reading
from chengheng.cleanliness.models import Check, PlanItem, Point, Road, RuleSet
from chengheng.common import files, replay
from chengheng.common.errors import Invalid, NotFound
from chengheng.common.people import access
from chengheng.common.people.models import User

router = Router(tags=["cleanliness"])
VIEW = "cleanliness.check.view"


class PhotoIn(Schema):
    kind: str = Field(max_length=10)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    taken_at: datetime


class ReadingIn(Schema):
    bag: str = Field(min_length=1, max_length=30, description="Code on the bag that lies on the scale")
    scale: str = Field(max_length=30)
    gross_g: Decimal = Field(ge=0, max_digits=9, decimal_places=3)
    tare_g: Decimal = Field(ge=0, max_digits=9, decimal_places=3)
    source: str = Field("hand", max_length=10)


class PointIn(Schema):
    number: int
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    taken_at: datetime
    bag: str = Field(min_length=1, max_length=30)
    moved_reason: str = Field("", max_length=200)
    photos: list[PhotoIn] = Field(default_factory=list, max_length=8)
    reading: ReadingIn | None = None


class CheckIn(Schema):
    """A whole check. `client_id` makes it repeatable: the same body again gives the same answer."""

    client_id: UUID
    item: int
    witness: int
    arrived_at: datetime
    arrived_lon: float = Field(ge=-180, le=180)
    arrived_lat: float = Field(ge=-90, le=90)
    accuracy_m: float | None = None
    done_at: datetime
    weather: str = Field(max_length=10)
    surface: str = Field(max_length=10)
    wind_ms: Decimal | None = Field(None, ge=0, lt=100, decimal_places=1)
    exclusion: str = Field("", max_length=10)
    frame_area_m2: Decimal | None = Field(None, gt=0, max_digits=6, decimal_places=4)
    points: list[PointIn] = Field(default_factory=list, max_length=60)


class WeighIn(Schema):
    client_id: UUID
    bag: str = Field(min_length=1, max_length=30, description="Code on the bag that lies on the scale")
    scale: str = Field(max_length=30)
    gross_g: Decimal = Field(ge=0, max_digits=9, decimal_places=3)
    tare_g: Decimal = Field(ge=0, max_digits=9, decimal_places=3)
    source: str = Field("hand", max_length=10)


def item_as_json(item: PlanItem, user: Any, rules: RuleSet | None, done: bool) -> dict[str, Any]:
    """A planned check as the phone keeps it; `rules` are those of its day, `done`: it was checked."""
    mates = [mate for mate in item.team.members.all() if mate.pk != user.pk] if item.team else []
    return {
        "id": item.pk, "day": item.day.isoformat(), "order": item.position, "road": item.road.name,
        "code": item.road.code, "grade": item.road.grade, "line": item.road.line, "points": item.points,
        "mates": [{"id": mate.pk, "name": mate.display_name} for mate in mates],
        "done": done,
        "geofence_m": rules.geofence_m if rules else actions.checking.DEFAULT_GEOFENCE_M,
        "move_bound_m": rules.move_bound_m if rules else actions.checking.DEFAULT_MOVE_M,
        "frame_area_m2": str(rules.frame_area_m2 if rules else actions.checking.DEFAULT_FRAME_M2),
        "max_wind_ms": str(rules.max_wind_ms) if rules and rules.max_wind_ms is not None else None,
    }  # fmt: skip


def check_as_json(check: Check) -> dict[str, Any]:
    return {
        "id": check.pk, "road": check.road.code, "state": check.state, "done_at": check.done_at.isoformat(),
        "value": None if check.value is None else str(check.value), "verdict": check.verdict,
        "score": None if check.score is None else str(check.score), "valid_points": check.valid_points,
        "exclusion": check.exclusion,
    }  # fmt: skip


@router.get("/day", response=list[dict])
def my_day(request: HttpRequest, day: date | None = None) -> list[dict[str, Any]]:
    """What the user's team checks on a day, in order; a coming day is still sealed and gives nothing."""
    access.require(request.user, "cleanliness.item.view")
    day = day or timezone.localdate()
    items = list(queries.day_of(request.user, day).prefetch_related("team__members"))
    standing = Check.objects.filter(item__in=items).exclude(state__in=queries.OVER)
    done = set(standing.values_list("item_id", flat=True))
    rules = queries.rules_on(day)
    return [item_as_json(item, request.user, rules, item.pk in done) for item in items]


MOST_PHOTOS = 24
"""Photos in one request: a phone sends as many as two megabytes hold."""


@router.post("/photos", response={201: dict})
def add_photos(request: HttpRequest, photo: list[UploadedFile] = File(...)) -> Any:  # noqa: B008
    """Store up to 24 photos, all or none; a check names each by its hash. The same photo again gives the same answer.

    `photos`: hash and size in the order that they were sent. `sha256` and `size` are the first one's.
    """
    access.require(request.user, "cleanliness.check.submit")
    if len(photo) > MOST_PHOTOS:
        raise Invalid(field="photo")
    stored = [
        {"sha256": one.sha256, "size": one.size}
        for one in files.store_many((sent, sent.name or "photo.jpg") for sent in photo)
    ]
    return Status(201, {**stored[0], "photos": stored})


@router.post("/checks", response={201: dict})
def submit(request: HttpRequest, body: CheckIn) -> Any:
    """Hand in a whole check."""
    access.require(request.user, "cleanliness.check.submit")
    with replay.once(body.client_id, request.user, "cleanliness.check", body.model_dump(mode="json")) as once:
        if once.answer is not None:
            return Status(201, once.answer)
        item = access.fetch(request.user, "cleanliness.item.view", PlanItem.objects.all(), pk=body.item)
        witness = User.objects.filter(pk=body.witness).first()
        if witness is None:
            raise NotFound(field="witness")
        points = [
            actions.Sampled(
                one.number, one.lon, one.lat, one.taken_at, one.bag, one.moved_reason,
                [Photo(shot.kind, shot.sha256, shot.taken_at) for shot in one.photos],
                Reading(**one.reading.model_dump()) if one.reading else None,
            )
            for one in body.points
        ]  # fmt: skip
        check = actions.submit_check(
            item, request.user, witness=witness, arrived_at=body.arrived_at,
            arrived=(body.arrived_lon, body.arrived_lat), done_at=body.done_at, weather=body.weather,
            surface=body.surface, points=points, accuracy_m=body.accuracy_m, wind_ms=body.wind_ms,
            exclusion=body.exclusion, frame_area_m2=body.frame_area_m2,
        )  # fmt: skip
        return Status(201, once.keep(check_as_json(check), 201))


@router.get("/checks", response=list[dict])
def checks(request: HttpRequest, month: int, after: int = 0) -> list[dict[str, Any]]:
    """The checks of a month that the user may see, 500 at a time by rising id."""
    access.require(request.user, VIEW)
    rows = access.visible(request.user, VIEW, Check.objects.filter(month=month, pk__gt=after))
    return [check_as_json(row) for row in rows.select_related("road").order_by("pk")[:500]]


@router.get("/checks/{pk}", response=dict)
def check(request: HttpRequest, pk: int) -> dict[str, Any]:
    row = access.fetch(request.user, VIEW, Check.objects.select_related("road"), pk=pk)
    points = [
        {"id": p.pk, "number": p.number, "lane": p.lane, "lon": p.lon, "lat": p.lat,
         "value": None if p.value is None else str(p.value), "flagged": p.flagged, "valid": p.valid}
        for p in row.points.all()
    ]  # fmt: skip
    return {**check_as_json(row), "points": points}


@router.post("/checks/{pk}/sign", response=dict)
def sign(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Sign as the second person."""
    row = access.fetch(request.user, "cleanliness.check.sign", Check.objects.all(), pk=pk)
    return check_as_json(actions.sign_check(row, request.user))


@router.get("/to-sign", response=list[dict])
def to_sign(request: HttpRequest) -> list[dict[str, Any]]:
    """The checks that wait for the user's signature as the second person, the oldest first."""
    access.require(request.user, "cleanliness.check.sign")
    return [
        {"id": row.pk, "road": row.road.name, "inspector": row.inspector.display_name, "done_at": row.done_at.isoformat(),
         "points": row.sampled, "weather": row.get_weather_display()}
        for row in queries.to_sign(request.user).annotate(sampled=Count("points"))
    ]  # fmt: skip


@router.post("/bags/{code}/receive", response=dict)
def receive(request: HttpRequest, code: str) -> dict[str, Any]:
    bag = actions.receive_bag(request.user, code)
    return {"bag": bag.code, "point": bag.point_id, "place": bag.place}


@router.post("/points/{pk}/weighings", response={201: dict})
def weigh(request: HttpRequest, pk: int, body: WeighIn) -> Any:
    """Enter one reading for a point. `value` stays null until a second person's hand reading agrees."""
    access.require(request.user, "cleanliness.bag.weigh")
    key = body.model_dump(mode="json") | {"point": pk}
    with replay.once(body.client_id, request.user, "cleanliness.weighing", key) as once:
        if once.answer is not None:
            return Status(201, once.answer)
        reachable = access.visible(request.user, VIEW, Check.objects.all())
        point = Point.objects.filter(pk=pk, check_of__in=reachable).first()
        if point is None:
            raise NotFound
        point = actions.weigh(
            point, request.user, bag=body.bag, scale=body.scale, gross_g=body.gross_g, tare_g=body.tare_g,
            source=body.source,
        )  # fmt: skip
        answer = {"point": point.pk, "value": None if point.value is None else str(point.value), "round": point.round}
        return Status(201, once.keep(answer, 201))


@router.get("/districts", response=list[dict])
def districts(request: HttpRequest, month: int) -> list[dict[str, Any]]:
    """The ranking of a month: design-weighted means in g/m² with 95 % intervals."""
    access.require(request.user, "cleanliness.result.view")
    return queries.district_ranking([month])


@router.get("/roads", response=list[dict])
def roads(request: HttpRequest, after: str = "") -> list[dict[str, Any]]:
    """The register that the user may see, 500 at a time by rising code."""
    access.require(request.user, "cleanliness.road.view")
    rows = access.visible(request.user, "cleanliness.road.view", Road.objects.filter(code__gt=after, active=True))
    return [
        {"id": r.pk, "code": r.code, "name": r.name, "district_code": r.district_code, "grade": r.grade,
         "road_class": r.road_class, "zone": r.zone, "length_m": r.length_m, "lanes": r.lanes, "line": r.line}
        for r in rows.order_by("code")[:500]
    ]  # fmt: skip
