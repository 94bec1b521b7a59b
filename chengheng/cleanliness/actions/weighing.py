"""The weighing room: bags come in, are weighed by fit scales, doubtful values are decided, results follow."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.cleanliness import queries
from chengheng.cleanliness.errors import (
    BagMixedUp,
    BagNotReceived,
    FrameNotDoubted,
    NoSuchBag,
    NotCalibrated,
    ReadingImpossible,
    SecondPersonNeeded,
    WeighedAlready,
)  # fmt: skip
from chengheng.cleanliness.models import (
    Bag,
    BagEvent,
    Calibration,
    Check,
    Point,
    ReadingSource,
    Result,
    Scale,
    Weighing,
)
from chengheng.cleanliness.rules import weighing as rules
from chengheng.common import flow, trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM

ROOM = "room"


@transaction.atomic
def add_scale(actor: Any, *, code: str, name: str, resolution_g: Decimal, max_g: Decimal) -> Scale:
    """Enter a scale. It weighs nothing until it is calibrated."""
    access.require(actor, "cleanliness.scale.keep")
    scale = Scale.objects.create(code=code, name=name, resolution_g=resolution_g, max_g=max_g)
    trail.record("cleanliness.scale.keep", actor, scale, {"resolution_g": resolution_g, "max_g": max_g}, new=True)
    return scale


@transaction.atomic
def calibrate(scale: Scale, actor: Any, *, on: date, until: date, certificate: str, passed: bool = True) -> Calibration:
    """Enter a calibration. A failed one blocks the scale from that day, whatever an earlier certificate says."""
    access.require(actor, "cleanliness.scale.keep", scale)
    if until < on:
        raise Invalid(field="until")
    made = Calibration.objects.create(
        scale=scale, on=on, until=until, certificate=certificate, passed=passed, by=actor if actor.pk else None
    )
    trail.record("cleanliness.scale.keep", actor, scale, {"on": on, "until": until, "passed": passed}, certificate)
    return made


def fit_scale(code: str, day: date) -> Scale:
    """The scale of this code when it may weigh on the day; NotCalibrated."""
    scale = Scale.objects.filter(code=code, active=True).first()
    if scale is None or not scale.calibrated_on(day):
        raise NotCalibrated(field="scale", scale=code, day=day)
    return scale


def check_reading(gross_g: Decimal, tare_g: Decimal, scale: Scale) -> None:
    """Both readings within what the scale can carry, the full bag not lighter than the empty one."""
    if not Decimal(0) <= tare_g <= gross_g <= scale.max_g:
        raise ReadingImpossible(field="gross_g")


def set_value(point: Point, reading: Weighing | Point, area_m2: Decimal) -> None:
    """Write the agreed reading, or the point's own once more, on the point (not saved)."""
    if reading.gross_g is None or reading.tare_g is None:
        raise ValueError("a reading has both masses")
    point.gross_g, point.tare_g = reading.gross_g, reading.tare_g
    point.value = rules.rounded(rules.grams_per_m2(reading.gross_g, reading.tare_g, area_m2), 4)


@transaction.atomic
def receive_bag(actor: Any, code: str, *, now: datetime | None = None) -> Bag:
    """The weighing room takes a bag over; from here it may be weighed."""
    access.require(actor, "cleanliness.bag.receive")
    bag = Bag.objects.select_for_update().filter(code=code.strip()).first()
    if bag is None:
        raise NoSuchBag(field="bag", bag=code)
    if bag.place == ROOM:
        return bag
    BagEvent.objects.create(bag=bag, what=BagEvent.What.RECEIVED, at=now or timezone.now(), by=actor)
    bag.place, bag.keeper = ROOM, actor
    bag.save(update_fields=["place", "keeper"])
    return bag


@transaction.atomic
def weigh(
    point: Point, actor: Any, *, bag: str, scale: str, gross_g: Decimal, tare_g: Decimal, source: str = "hand",
    now: datetime | None = None,
) -> Point:  # fmt: skip
    """Enter one reading for a point, with the code on the bag that lies on the scale.

    A reading that came from the scale counts at once. Hand readings count when a second person's agrees within one digit;
    when it does not, both stay on record and a new round begins. Raises BagMixedUp, BagNotReceived, NotCalibrated,
    ReadingImpossible, SecondPersonNeeded, WeighedAlready.
    """
    access.require(actor, "cleanliness.bag.weigh")
    now = now or timezone.now()
    if source not in ReadingSource.values:
        raise Invalid(field="source")
    check = Check.objects.select_for_update(of=("self",)).get(pk=point.check_of_id)
    point = Point.objects.select_for_update(of=("self",)).get(pk=point.pk)
    point.check_of = check
    found = Bag.objects.select_related("point__check_of__road").filter(code=bag.strip()).first()
    if found is None:
        raise NoSuchBag(field="bag", bag=bag)
    if found.point_id != point.pk:
        raise BagMixedUp(bag=bag, owner=found.point)
    if found.place != ROOM:
        raise BagNotReceived(bag=bag)
    if point.value is not None:
        raise WeighedAlready
    fit = fit_scale(scale, timezone.localtime(now).date())
    check_reading(gross_g, tare_g, fit)
    mates = list(point.weighings.filter(round=point.round).select_related("scale"))
    if any(one.by_id == actor.pk for one in mates):
        raise SecondPersonNeeded
    reading = Weighing.objects.create(
        point=point, round=point.round, scale=fit, gross_g=gross_g, tare_g=tare_g, source=source, by=actor, at=now
    )
    data = {"point": point.number, "bag": bag, "gross_g": gross_g, "tare_g": tare_g, "scale": fit.code, "by": source}
    trail.record("cleanliness.bag.weigh", actor, check, data)
    if source == ReadingSource.HAND:
        if not mates:
            return point
        other = mates[0]
        resolution = max(fit.resolution_g, other.scale.resolution_g)
        if not rules.entries_agree((other.gross_g, other.tare_g), (gross_g, tare_g), resolution):
            point.round += 1  # both stay on record; two new readings are needed
            point.save(update_fields=["round"])
            return point
    set_value(point, reading, check.frame_area_m2)
    point.flagged = False
    point.save(update_fields=["gross_g", "tare_g", "value", "flagged"])
    Bag.objects.filter(pk=found.pk).update(weighed=True)
    BagEvent.objects.create(bag=found, what=BagEvent.What.WEIGHED, at=now, by=actor)
    conclude_if_ready(check, now)
    return point


@transaction.atomic
def reweigh(point: Point, actor: Any, *, reason: str) -> Point:
    """Take a weighed bag's value back so that it is weighed again; the earlier readings stay on record."""
    access.require(actor, "cleanliness.bag.weigh")
    check = Check.objects.select_for_update(of=("self",)).get(pk=point.check_of_id)
    if not reason.strip():
        raise Invalid(field="reason")
    if check.state not in ("sampled", "signed"):
        raise WeighedAlready
    point = Point.objects.select_for_update().get(pk=point.pk)
    point.gross_g = point.tare_g = point.value = None
    point.flagged, point.confirmed, point.round = False, "", point.round + 1
    point.save(update_fields=["gross_g", "tare_g", "value", "flagged", "confirmed", "round"])
    Bag.objects.filter(point=point).update(weighed=False, place=ROOM)
    trail.record("cleanliness.bag.weigh", actor, check, {"point": point.number, "reweigh": True}, reason)
    return point


@transaction.atomic
def confirm_outlier(point: Point, actor: Any, *, reason: str, now: datetime | None = None) -> Point:
    """An outlier stands, with the reason."""
    return _decide(point, actor, "confirmed", reason, now)


@transaction.atomic
def void_point(point: Point, actor: Any, *, reason: str, now: datetime | None = None) -> Point:
    """A point does not count (torn bag, spilled), with the reason; its readings stay on record."""
    return _decide(point, actor, "void_reason", reason, now)


def _decide(point: Point, actor: Any, field: str, reason: str, now: datetime | None) -> Point:
    access.require(actor, "cleanliness.point.decide")
    check = Check.objects.select_for_update(of=("self",)).get(pk=point.check_of_id)
    if not reason.strip():
        raise Invalid(field="reason")
    if check.state not in ("sampled", "signed"):
        raise WeighedAlready
    point = Point.objects.select_for_update().get(pk=point.pk)
    setattr(point, field, reason.strip()[:200])
    point.save(update_fields=[field])
    trail.record("cleanliness.point.decide", actor, check, {"point": point.number, field: True}, reason)
    conclude_if_ready(check, now or timezone.now())
    return point


@transaction.atomic
def decide_frame(check: Check, actor: Any, *, rule: bool, reason: str, now: datetime | None = None) -> Check:
    """Decide about a frame other than the rule's: it was used as entered, or (`rule`) the entry was wrong and the rule's
    frame was used; then each point's g/m² is worked out again from its readings. The entry stays in the trail.

    Raises FrameNotDoubted, Invalid.
    """
    access.require(actor, "cleanliness.point.decide")
    check = Check.objects.select_for_update(of=("self",)).get(pk=check.pk)
    if not reason.strip():
        raise Invalid(field="reason")
    if not check.frame_in_doubt or check.rule_frame_m2 is None or check.state not in ("sampled", "signed"):
        raise FrameNotDoubted
    data = {"entered_m2": check.frame_area_m2, "rule_m2": check.rule_frame_m2, "taken": "rule" if rule else "entered"}
    if rule:
        check.frame_area_m2 = check.rule_frame_m2
        for point in check.points.select_for_update().exclude(gross_g=None):
            set_value(point, point, check.frame_area_m2)
            point.save(update_fields=["gross_g", "tare_g", "value"])
    check.frame_decided = reason.strip()[:200]
    check.save(update_fields=["frame_area_m2", "frame_decided"])
    trail.record("cleanliness.point.decide", actor, check, data, reason)
    return conclude_if_ready(check, now or timezone.now())


def conclude_if_ready(check: Check, now: datetime) -> Check:
    """Flag outliers once all bags are weighed; when nothing is open and both have signed, work out the result."""
    points = list(check.points.all())
    if any(point.value is None and not point.void_reason for point in points):
        return check
    set_ = queries.rules_on(timezone.localtime(check.done_at).date())
    table = set_.table() if set_ else None
    valid = [point for point in points if point.valid]
    values = [point.value for point in valid if point.value is not None]
    odd = {valid[i].pk for i in rules.outliers(values, table.outlier_threshold if table else Decimal("3.5"))}
    for point in points:
        if point.flagged != (point.pk in odd):
            point.flagged = point.pk in odd
            point.save(update_fields=["flagged"])
    if check.state != "signed" or check.frame_in_doubt or any(point.undecided for point in points):
        return check
    judged = rules.judge([(p.lane, p.value) for p in valid if p.value is not None], check.grade, check.zone, table)
    fields = {
        "value": judged.value, "verdict": judged.verdict.value, "score": judged.score,
        "valid_points": judged.valid_points, "concluded_at": now,
    }  # fmt: skip
    keep_result(check, set_, judged, table, official=True, now=now)
    step = "find_incomplete" if judged.verdict is rules.Verdict.INCOMPLETE else "conclude"
    data = {"value": judged.value, "verdict": judged.verdict.value, "rules": set_.pk if set_ else None}
    return flow.take(check, step, SYSTEM, fields=fields, data=data, now=now)


def keep_result(
    check: Check, set_: Any, judged: rules.Judged, table: rules.RuleTable | None, *, official: bool, now: datetime
) -> Result:
    """Store what a check comes to under a rule set."""
    return Result.objects.create(
        check_of=check, rule_set=set_, verdict=judged.verdict.value, value=judged.value, score=judged.score,
        by_lane={lane: str(rules.rounded(value, 4)) for lane, value in judged.by_lane.items()},
        valid_points=judged.valid_points, deduction_fen=rules.deduction_fen(judged, table) if table else 0,
        official=official, at=now,
    )  # fmt: skip
