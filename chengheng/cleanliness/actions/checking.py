"""A check on the road: handed in whole by the phone, signed by the second person, appealed against, ordered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.cleanliness import queries
from chengheng.cleanliness.actions import weighing
from chengheng.cleanliness.errors import (
    BagMixedUp,
    BagUsed,
    CheckedAlready,
    ClockWrong,
    NotThere,
    NotThisDay,
    NotYourTeam,
    PhotoMissing,
    PhotoNotOfThisCheck,
    PhotoUsedBefore,
    PlanNotSealed,
    PointMissing,
    PointMovedTooFar,
)  # fmt: skip
from chengheng.cleanliness.models import (
    Appeal,
    Bag,
    BagEvent,
    Check,
    Exclusion,
    PlanItem,
    Point,
    ReadingSource,
    RoadVersion,
    Scale,
    Surface,
    Weather,
    Weighing,
)  # fmt: skip
from chengheng.cleanliness.rules.points import distance_to_line_m
from chengheng.common import files, flow, trail
from chengheng.common.errors import Invalid
from chengheng.common.files.models import Attachment, File
from chengheng.common.people import access
from chengheng.common.people.models import User
from chengheng.common.places.ground import distance_m

PHOTOS = ("before", "frame", "after")
SCALE_PHOTO = "scale"  # of the reading; needed when it was read by hand on the road
PHOTO_WORDS = {
    "before": _("photo before"), "frame": _("photo in the frame"), "after": _("photo after"),
    SCALE_PHOTO: _("photo of the reading"),
}  # fmt: skip
SLACK = timedelta(minutes=10)
DEFAULT_GEOFENCE_M, DEFAULT_MOVE_M, DEFAULT_FRAME_M2 = 150, 60, Decimal("0.24")


@dataclass(frozen=True)
class Photo:
    """A photo stored before, by its hash, and when the phone says that it was taken (the picture's own time wins)."""

    kind: str
    sha256: str
    taken_at: datetime


@dataclass(frozen=True)
class Reading:
    """A weighing made on the road. `bag`: the code on the bag that lay on the scale."""

    bag: str
    scale: str
    gross_g: Decimal
    tare_g: Decimal
    source: str


@dataclass(frozen=True)
class Sampled:
    """One point as the phone hands it in."""

    number: int
    lon: float
    lat: float
    taken_at: datetime
    bag: str
    moved_reason: str = ""
    photos: Sequence[Photo] = field(default_factory=tuple)
    reading: Reading | None = None


@transaction.atomic
def submit_check(
    item: PlanItem, actor: Any, *, witness: User, arrived_at: datetime, arrived: tuple[float, float], done_at: datetime,
    weather: str, surface: str, points: Sequence[Sampled], accuracy_m: float | None = None,
    wind_ms: Decimal | None = None, exclusion: str = "", frame_area_m2: Decimal | None = None,
    now: datetime | None = None, photos_needed: bool = True,
) -> Check:  # fmt: skip
    """Take in a check whole. A wet or iced road, rain, snow and too strong a wind leave it out (excluded), and no point
    is asked for.

    Raises NotThisDay, NotYourTeam, CheckedAlready, ClockWrong, NotThere, PointMissing, PointMovedTooFar, PhotoMissing,
    PhotoNotOfThisCheck, PhotoUsedBefore, BagUsed, and what weighing raises.
    """
    now = now or timezone.now()
    access.require(actor, "cleanliness.check.submit")
    locked = PlanItem.objects.select_for_update(of=("self",)).select_related("plan", "road", "team")
    item = locked.defer("plan__frame", "plan__strata").get(pk=item.pk)
    if not item.plan.sealed_at:
        raise PlanNotSealed
    members = set(item.team.members.values_list("pk", flat=True)) if item.team else set()
    if actor.pk not in members or witness.pk not in members or witness.pk == actor.pk:
        raise NotYourTeam(field="witness")
    if item.cancelled_at or item.checks.exclude(state__in=queries.OVER).exists():
        raise CheckedAlready
    if not arrived_at <= done_at <= now + SLACK or done_at - arrived_at > timedelta(hours=12):
        raise ClockWrong(field="done_at")
    if timezone.localtime(arrived_at).date() != item.day:
        raise NotThisDay(day=item.day)
    rules = queries.rules_on(item.day)
    line = RoadVersion.objects.get(road=item.road, number=item.road_version).data["line"]
    off = distance_to_line_m(arrived, line)
    bound = rules.geofence_m if rules else DEFAULT_GEOFENCE_M
    if off > bound:
        raise NotThere(field="arrived", metres=round(off), bound=bound)
    if not exclusion and (surface in (Surface.WET, Surface.ICE) or weather in (Weather.RAIN, Weather.SNOW)):
        exclusion = Exclusion.WET
    if not exclusion and rules and too_windy(wind_ms, rules.max_wind_ms):
        exclusion = Exclusion.WIND
    for value, known, name in (
        (weather, Weather, "weather"), (surface, Surface, "surface"), (exclusion or "wet", Exclusion, "exclusion"),
    ):  # fmt: skip
        if value not in known.values:
            raise Invalid(field=name)
    area = frame_area_m2 or (rules.frame_area_m2 if rules else DEFAULT_FRAME_M2)
    if not Decimal("0.01") <= area <= 10:
        raise Invalid(field="frame_area_m2")
    road = item.road
    check = Check(
        item=item, road=road, road_version=item.road_version, district_code=road.district_code, grade=road.grade,
        zone=road.zone, contractor_id=road.contractor_id, month=item.plan.month, inspector=actor, witness=witness,
        arrived_at=arrived_at, arrived_lon=arrived[0], arrived_lat=arrived[1], arrived_off_m=off, accuracy_m=accuracy_m,
        done_at=done_at, received_at=now, weather=weather, surface=surface, wind_ms=wind_ms, exclusion=exclusion,
        frame_area_m2=area, rule_frame_m2=rules.frame_area_m2 if rules else None, on_time=queries.in_month(done_at, item.plan.month),
        recheck_of=item.checks.filter(state="replaced").order_by("-pk").first(),
    )  # fmt: skip
    stored: dict[str, File] = {}
    if not exclusion:
        stored = _fits(item, check, points, rules.move_bound_m if rules else DEFAULT_MOVE_M, photos_needed)
    flow.begin(check, actor, now=now)
    summary = {"road": road.code, "points": 0 if exclusion else len(points), "exclusion": exclusion}
    trail.record("cleanliness.check.submit", actor, check, summary, new=True)
    if exclusion:
        from chengheng.common.people.access import SYSTEM

        return flow.take(check, "exclude", SYSTEM, now=now, data={"exclusion": exclusion})
    _keep_points(check, item, actor, points, stored)
    return check


def too_windy(wind_ms: Decimal | None, most_ms: Decimal | None) -> bool:
    """Whether a measured wind is stronger than the rule set lets a frame be swept in; no limit, no refusal."""
    return wind_ms is not None and most_ms is not None and wind_ms > most_ms


def _fits(item: PlanItem, check: Check, points: Sequence[Sampled], bound: int, photos_needed: bool) -> dict[str, File]:
    """Every planned point once, near its place, with its photos of this check and a bag never used. The photos by hash."""
    planned = {point["number"]: point for point in item.points}
    given = [point.number for point in points]
    missing = sorted(set(planned) - set(given))
    if missing or len(given) != len(set(given)) or set(given) - set(planned):
        raise PointMissing(field="points", given=len(set(given)), needed=len(planned), missing=(missing or [0])[0])
    bags = [point.bag.strip() for point in points]
    used = set(Bag.objects.filter(code__in=bags).values_list("code", flat=True))
    for index, bag in enumerate(bags):
        if not bag or bag in used or bag in bags[:index]:
            raise BagUsed(field="points", bag=bag or "—")
    early, late = check.arrived_at - SLACK, check.done_at + SLACK
    hashes = [photo.sha256 for point in points for photo in point.photos]
    stored = {file.sha256: file for file in File.objects.filter(sha256__in=hashes, removed_at=None)} if hashes else {}
    worn = (
        set(Attachment.objects.filter(file__sha256__in=hashes).values_list("file__sha256", flat=True))
        if hashes
        else set()
    )
    seen: set[str] = set()
    for point in points:
        place = planned[point.number]
        metres = distance_m(point.lon, point.lat, place["lon"], place["lat"])
        if metres > bound or (metres > 15 and not point.moved_reason.strip()):
            raise PointMovedTooFar(field="points", number=point.number, metres=round(metres), bound=bound)
        if not early <= point.taken_at <= late:
            raise ClockWrong(field="points")
        by_hand = point.reading is not None and point.reading.source == ReadingSource.HAND
        for kind in (*PHOTOS, *((SCALE_PHOTO,) if by_hand else ())) if photos_needed else ():
            if not any(photo.kind == kind and photo.sha256 in stored for photo in point.photos):
                raise PhotoMissing(field="points", number=point.number, kind=PHOTO_WORDS[kind])
        for photo in point.photos:
            file = stored.get(photo.sha256)
            if file is None or not file.is_image:
                said = PHOTO_WORDS.get(photo.kind, photo.kind)
                raise PhotoMissing(field="points", number=point.number, kind=said)
            if photo.sha256 in worn or photo.sha256 in seen:
                raise PhotoUsedBefore(field="points", number=point.number)
            seen.add(photo.sha256)
            for taken in filter(None, (file.taken_at, photo.taken_at)):
                if not early <= taken <= late:
                    said = f"{timezone.localtime(taken):%Y-%m-%d %H:%M}"
                    raise PhotoNotOfThisCheck(field="points", number=point.number, taken=said)
    return stored


def _keep_points(
    check: Check, item: PlanItem, actor: Any, points: Sequence[Sampled], stored: Mapping[str, File]
) -> None:
    planned = {point["number"]: point for point in item.points}
    rows = []
    for one in points:
        place = planned[one.number]
        rows.append(
            Point(
                check_of=check, number=one.number, lane=place["lane"], side=place["side"], planned_lon=place["lon"],
                planned_lat=place["lat"], lon=one.lon, lat=one.lat, taken_at=one.taken_at,
                moved_m=round(distance_m(one.lon, one.lat, place["lon"], place["lat"]), 1),
                moved_reason=one.moved_reason.strip()[:200],
            )
        )  # fmt: skip
    Point.objects.bulk_create(rows)
    bags = Bag.objects.bulk_create(
        Bag(code=one.bag.strip(), point=row, keeper=actor) for one, row in zip(points, rows, strict=True)
    )
    BagEvent.objects.bulk_create(
        BagEvent(bag=bag, what=BagEvent.What.FILLED, at=row.taken_at, by=actor)
        for bag, row in zip(bags, rows, strict=True)
    )
    files.attach_many(check, actor, [
        (stored[photo.sha256], photo.kind, f"{one.number}-{photo.kind}") for one in points for photo in one.photos
    ])  # fmt: skip
    owners = {one.bag.strip(): one.number for one in points}
    scales: dict[str, Scale] = {}
    readings = []
    for one, row in zip(points, rows, strict=True):
        if one.reading is not None:
            on_scale = one.reading.bag.strip()
            if on_scale != one.bag.strip():
                raise BagMixedUp(bag=on_scale or "—", owner=f"#{owners[on_scale]}" if on_scale in owners else "—")
            code = one.reading.scale
            scale = scales[code] = scales.get(code) or weighing.fit_scale(code, item.day)
            weighing.check_reading(one.reading.gross_g, one.reading.tare_g, scale)
            if one.reading.source not in ReadingSource.values:
                raise Invalid(field="source")
            readings.append(
                Weighing(
                    point=row, scale=scale, gross_g=one.reading.gross_g, tare_g=one.reading.tare_g,
                    source=one.reading.source, by=actor, at=one.taken_at,
                )
            )  # fmt: skip
    Weighing.objects.bulk_create(readings)
    decided = [reading.point for reading in readings if reading.source != ReadingSource.HAND]
    for reading in readings:
        if reading.source != ReadingSource.HAND:
            weighing.set_value(reading.point, reading, check.frame_area_m2)
    if decided:
        Point.objects.bulk_update(decided, ["gross_g", "tare_g", "value"])
        Bag.objects.filter(point__in=decided).update(weighed=True)
        BagEvent.objects.bulk_create(
            BagEvent(bag=row.bag, what=BagEvent.What.WEIGHED, at=row.taken_at, by=actor) for row in decided
        )


@transaction.atomic
def sign_check(check: Check, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Check:
    """The second person signs with an own sign-in. When all bags are weighed by then, the result follows at once."""
    if actor.pk != check.witness_id:
        raise NotYourTeam
    now = now or timezone.now()
    check = flow.take(check, "sign", actor, fields={"signed_at": now}, note=note, now=now, **taken)
    return weighing.conclude_if_ready(check, now)


@transaction.atomic
def appeal(check: Check, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Check:
    """The contractor or the district objects to a result."""
    check = flow.take(check, "appeal", actor, note=note, now=now, **taken)
    Appeal.objects.create(check_of=check, reason=note, by=actor)
    return check


def _decide(check: Check, actor: Any, decision: str, now: datetime) -> None:
    open_ = Appeal.objects.filter(check_of=check, decision="")
    open_.update(decision=decision, decided_by=actor if actor.pk else None, decided_at=now)


@transaction.atomic
def reject_appeal(check: Check, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Check:
    """The result stands, with the reason."""
    check = flow.take(check, "reject", actor, note=note, now=now, **taken)
    _decide(check, actor, "rejected", now or timezone.now())
    return check


@transaction.atomic
def order_recheck(
    check: Check, actor: Any, *, data: Mapping[str, Any], note: str, now: datetime | None = None, **taken: Any
) -> Check:
    """The road is checked again on the day given; the earlier check stays on record and out of the figures."""
    day = data.get("day")
    if not isinstance(day, date):
        raise Invalid(field="day")
    check = flow.take(check, "recheck", actor, data={"day": day.isoformat()}, note=note, now=now, **taken)
    _decide(check, actor, "granted", now or timezone.now())
    PlanItem.objects.filter(pk=check.item_id).update(day=day, reason=note[:200])
    return check


@transaction.atomic
def void_check(check: Check, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Check:
    """Void a check, with the reason. It stays on record and out of the figures."""
    return flow.take(check, "void", actor, note=note, now=now, **taken)
