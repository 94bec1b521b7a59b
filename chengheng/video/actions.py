"""What people and machines may do with cameras: one function per act, in one transaction each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import files, trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM, Actor
from chengheng.common.people.models import Organisation, User
from chengheng.protocols.gb28181 import ids
from chengheng.video import gateway, rules, tokens
from chengheng.video.errors import BadIdentifier, DeviceOffline, NoCapture, NotMovable
from chengheng.video.models import (
    Alarm,
    Broadcast,
    Call,
    Capture,
    Channel,
    DatedSet,
    Device,
    Operation,
    OperationChannel,
    OperationNote,
    PictureThresholds,
    Recording,
    RecordingPlan,
    Scene,
    Share,
    Snapshot,
    TranscodeLimit,
    Upstream,
)
from chengheng.video.roles import steering_priority, talking_priority
from chengheng.video.sealing import new_password, seal, sign

Dated = TypeVar("Dated", bound=DatedSet)


def _reload() -> None:
    gateway.nudge("reload")


def _checked_id(gb_id: str, field: str = "gb_id") -> str:
    gb_id = gb_id.strip()
    if ids.read(gb_id) is None:
        raise BadIdentifier(field=field)
    return gb_id


# -- devices ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def add_device(
    actor: Actor, gb_id: str, name: str, organisation: Organisation, *, password: str = "", **fields: Any
) -> tuple[Device, str]:
    """Add a device; returns it with its password, which is never shown again."""
    access.require(actor, "video.device.change")
    gb_id = _checked_id(gb_id)
    if Device.objects.filter(gb_id=gb_id).exists():
        raise Invalid(_("There is a device with this ID already."), field="gb_id")
    password = password or new_password()
    device = Device.objects.create(
        gb_id=gb_id, name=name, organisation=organisation, sealed_password=seal(password), **fields
    )
    trail.record("video.device.change", actor, device, {"gb_id": gb_id, "name": name}, new=True)
    transaction.on_commit(_reload)
    return device, password


@transaction.atomic
def change_device(actor: Actor, pk: int, **fields: Any) -> Device:
    device = access.fetch_locked(actor, "video.device.change", Device.objects.all(), pk=pk)
    changed = {name: value for name, value in fields.items() if getattr(device, name) != value}
    for name, value in changed.items():
        setattr(device, name, value)
    device.save()
    if "organisation" in changed:
        device.channels.update(organisation=device.organisation)
    trail.record("video.device.change", actor, device, {name: str(value) for name, value in changed.items()})
    transaction.on_commit(_reload)
    return device


@transaction.atomic
def renew_password(actor: Actor, pk: int) -> tuple[Device, str]:
    """A new random password, shown once; the lock after failures is lifted with it."""
    device = access.fetch_locked(actor, "video.device.password", Device.objects.all(), pk=pk)
    password = new_password()
    device.sealed_password, device.locked_until, device.failed_registrations = seal(password), None, 0
    device.save(update_fields=["sealed_password", "locked_until", "failed_registrations", "updated_at"])
    trail.record("video.device.password", actor, device)
    transaction.on_commit(_reload)
    return device, password


@transaction.atomic
def remove_device(actor: Actor, pk: int) -> None:
    """Remove a device with its channels. Only while nothing was kept of it; else switch it off."""
    device = access.fetch_locked(actor, "video.device.change", Device.objects.all(), pk=pk)
    if Snapshot.objects.filter(channel__device=device).exclude(purpose="probe").exists() or (
        Recording.objects.filter(channel__device=device).exists()
    ):
        raise Invalid(_("Evidence of this device is kept. Switch it off instead."))
    trail.record("video.device.change", actor, device, {"removed": device.gb_id})
    device.delete()
    transaction.on_commit(partial(gateway.nudge, "forget", device=pk))


def read_catalog(actor: Actor, pk: int) -> dict[str, Any]:
    """Ask the device for its catalog now; {"found", "total", "complete", "pages"}."""
    device = access.fetch(actor, "video.device.catalog", Device.objects.all(), pk=pk)
    answer: dict[str, Any] = gateway.ask("catalog", device=device.pk)
    with transaction.atomic():
        trail.record("video.device.catalog", actor, device, answer)
    return answer


def subscribe(
    actor: Actor, pk: int, *, catalog: bool, alarms: bool, positions: bool, position_seconds: int = 10
) -> Device:
    """Choose what a device shall tell by itself (9.11) and ask it at once; how it answered stands in `Subscription`.

    A device that is not registered now is asked when it comes; one that does not answer, again later.
    """
    with transaction.atomic():
        device = access.fetch_locked(actor, "video.device.subscribe", Device.objects.all(), pk=pk)
        if not 1 <= position_seconds <= 3600:
            raise Invalid(_("Positions can be told every 1 to 3600 seconds."), field="position_seconds")
        device.wants_catalog, device.wants_alarms, device.wants_positions = catalog, alarms, positions
        device.position_seconds = position_seconds
        names = ["wants_catalog", "wants_alarms", "wants_positions", "position_seconds"]
        device.save(update_fields=[*names, "updated_at"])
        trail.record("video.device.subscribe", actor, device, {name: getattr(device, name) for name in names})
    gateway.nudge("subscribe", timeout=12, device=device.pk)
    return device


@transaction.atomic
def change_channel(actor: Actor, pk: int, **fields: Any) -> Channel:
    """Change what people keep of a camera: its own name, place, area, organisation, whether it is hidden."""
    channel = access.fetch_locked(actor, "video.channel.change", Channel.objects.all(), pk=pk)
    changed = {name: value for name, value in fields.items() if getattr(channel, name) != value}
    for name, value in changed.items():
        setattr(channel, name, value)
    channel.name = channel.edited_name or channel.raw_name or channel.gb_id
    channel.save()
    trail.record("video.channel.change", actor, channel, {name: str(value) for name, value in changed.items()})
    return channel


# -- watching --------------------------------------------------------------------------------------------------------
@transaction.atomic
def permit_watching(
    actor: Actor,
    pk: int,
    *,
    session_key: str = "",
    stream: int = 0,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> str:
    """A play token for one camera, live or from the device's recording. That it was asked for is recorded."""
    act = "video.channel.playback" if from_at else "video.channel.view"
    channel = access.fetch(actor, act, Channel.objects.all(), pk=pk)
    kind = "playback" if from_at else "live"
    if from_at is not None and (to_at is None or not timedelta(0) < to_at - from_at <= timedelta(days=1)):
        raise Invalid(_("A playback covers up to one day."), field="to")
    priority = steering_priority(actor, channel) if kind == "live" and channel.movable else 0
    trail.record(
        act, actor, channel,
        {"kind": kind, **({"from": from_at.isoformat(), "to": to_at.isoformat()} if from_at and to_at else {})},
    )  # fmt: skip
    return tokens.play_token(
        tokens.Play(
            actor.pk, channel.pk, str(actor), session_key, priority, kind,
            int(from_at.timestamp()) if from_at else 0, int(to_at.timestamp()) if to_at else 0, stream,
        )
    )  # fmt: skip


@transaction.atomic
def permit_talking(actor: Actor, pk: int, *, session_key: str = "") -> str:
    """A token to speak through one camera's device. That it was asked for is recorded."""
    channel = access.fetch(actor, "video.channel.talk", Channel.objects.select_related("device"), pk=pk)
    if not channel.device.online:
        raise DeviceOffline
    trail.record("video.channel.talk", actor, channel, {"asked": True})
    return tokens.talk_token(
        tokens.Play(actor.pk, channel.pk, str(actor), session_key, talking_priority(actor, channel), "talk")
    )


@transaction.atomic
def begin_broadcast(pk: str, channel_pk: int, user_pk: int | None, target_id: str, asked_at: datetime) -> None:
    Broadcast.objects.create(id=pk, channel_id=channel_pk, by_id=user_pk, target_id=target_id[:40], asked_at=asked_at)


@transaction.atomic
def end_broadcast(
    pk: str, steps: Mapping[str, datetime], transport: str, seconds: float, reason: str, detail: str, trace: str
) -> None:
    """How an announcement went and ended, with its record in the camera's trail."""
    row = Broadcast.objects.select_for_update(of=("self",)).select_related("channel", "by").get(pk=pk)
    for step, at in steps.items():
        setattr(row, f"{step}_at", at)
    row.transport, row.seconds = transport, round(seconds, 2)
    row.stop_reason, row.stop_detail, row.trace = reason, detail[:300], trace[:60_000]
    row.ended_at = timezone.now()
    row.save()
    data = {"broadcast": str(row.pk), "seconds": row.seconds, "end": reason}
    trail.record("video.channel.talk", row.by or SYSTEM, row.channel, data)


def steer(actor: Actor, pk: int, told: dict[str, Any]) -> None:
    """Steer a camera by the API; players do it on their own connection."""
    channel = access.fetch(actor, "video.channel.steer", Channel.objects.all(), pk=pk)
    if not channel.movable:
        raise NotMovable
    gateway.ask(
        "steer", channel=pk, user=actor.pk, name=str(actor), priority=steering_priority(actor, channel), told=told
    )


def read_presets(actor: Actor, pk: int) -> list[dict[str, Any]]:
    channel = access.fetch(actor, "video.channel.view", Channel.objects.all(), pk=pk)
    found: list[dict[str, Any]] = gateway.ask("presets", channel=channel.pk)
    return found


def list_device_records(actor: Actor, pk: int, from_at: datetime, to_at: datetime) -> dict[str, Any]:
    """What the device itself has recorded between two times (at most seven days)."""
    channel = access.fetch(actor, "video.channel.playback", Channel.objects.all(), pk=pk)
    if not timedelta(0) < to_at - from_at <= timedelta(days=7):
        raise Invalid(_("Choose up to seven days."), field="to")
    found: dict[str, Any] = gateway.ask(
        "records", channel=channel.pk, from_at=from_at.timestamp(), to_at=to_at.timestamp()
    )
    return found


def stop_call(actor: Actor, pk: Any) -> None:
    """End a call-up for everybody who watches it."""
    call = access.fetch(actor, "video.call.stop", Call.objects.all(), pk=pk)
    gateway.ask("stop", call=call.pk.hex)
    with transaction.atomic():
        trail.record("video.call.stop", actor, call.channel, {"call": str(call.pk)})


# -- evidence --------------------------------------------------------------------------------------------------------
def take_snapshot(actor: Actor, pk: int, operation: Operation | None = None) -> Snapshot:
    """Take a still now and keep it as evidence."""
    channel = access.fetch(actor, "video.channel.snapshot", Channel.objects.all(), pk=pk)
    if not channel.device.online:
        raise DeviceOffline
    made = gateway.ask(
        "snapshot", channel=pk, purpose="evidence", user=actor.pk, operation=operation.pk if operation else None
    )
    return Snapshot.objects.get(pk=made)


def capture(actor: Actor, pk: int, number: int = 1, interval: int = 1) -> Capture:
    """Have the device take pictures itself (2022, 9.14); they arrive after this returns."""
    channel = access.fetch(actor, "video.channel.snapshot", Channel.objects.select_related("device"), pk=pk)
    if not 1 <= number <= rules.MOST_CAPTURED:
        raise Invalid(_("One to ten pictures."), field="number")
    if not 1 <= interval <= rules.LONGEST_CAPTURE_INTERVAL:
        raise Invalid(_("One to sixty seconds."), field="interval")
    if not channel.device.online:
        raise DeviceOffline
    if channel.device.edition != 2022:
        raise NoCapture(edition=f"GB/T 28181-{channel.device.edition or '2016'}")
    made = gateway.ask("capture", channel=channel.pk, number=number, interval=interval, user=actor.pk)
    return Capture.objects.get(pk=made)


@transaction.atomic
def begin_capture(channel_pk: int, session: str, wanted: int, interval_s: int, user_pk: int | None) -> int:
    channel = Channel.objects.get(pk=channel_pk)
    by = User.objects.filter(pk=user_pk).first() if user_pk else None
    made = Capture.objects.create(channel=channel, session=session, wanted=wanted, interval_s=interval_s, by=by)
    trail.record("video.channel.snapshot", by or SYSTEM, channel, {"capture": made.pk, "wanted": wanted})
    return made.pk


@transaction.atomic
def end_capture(pk: int, state: str, received: int, refused: int, fault: str) -> None:
    made = Capture.objects.select_for_update(of=("self",)).select_related("channel", "by").get(pk=pk)
    made.state, made.received, made.refused = state, received, refused
    made.fault, made.ended_at = fault[:200], timezone.now()
    made.save()
    data = {"capture": pk, "state": state, "received": received, "refused": refused, "fault": made.fault}
    trail.record("video.channel.snapshot", SYSTEM, made.channel, data)


@transaction.atomic
def keep_snapshot(
    channel_pk: int,
    shot: Any,
    verdict: str,
    fault: str,
    purpose: str,
    user_pk: int | None,
    operation_pk: int | None,
    capture_pk: int | None = None,
    figures: dict[str, Any] | None = None,
) -> int:
    """Store a still that the live process took, or that a device uploaded, hashed and signed.

    A probe keeps its figures and no picture.
    """
    channel = Channel.objects.get(pk=channel_pk)
    by = User.objects.filter(pk=user_pk).first() if user_pk else None
    at = timezone.now()
    snapshot = Snapshot(
        channel=channel, at=at, purpose=purpose, by=by, operation_id=operation_pk, verdict=verdict, fault=fault[:300],
        capture_id=capture_pk,
    )  # fmt: skip
    if shot is not None:
        snapshot.width, snapshot.height = shot.width, shot.height
        snapshot.figures = {
            "mean": round(shot.mean, 2), "deviation": round(shot.deviation, 2), "sharpness": round(shot.sharpness, 2),
            **(figures or {}),
        }  # fmt: skip
    if shot is None or purpose == "probe":
        snapshot.save()
    else:
        stored = files.store(shot.jpeg, f"{channel.gb_id}.jpg", "image/jpeg")
        snapshot.sha256, snapshot.size_bytes = stored.sha256, stored.size
        snapshot.signature = evidence_signature(stored.sha256, channel, at, by)
        snapshot.save()
        files.attach(
            stored, snapshot, "snapshot", by or SYSTEM, f"{channel} {timezone.localtime(at):%Y%m%d-%H%M%S}.jpg"
        )
        trail.record(
            "video.channel.snapshot", by or SYSTEM, channel, {"snapshot": snapshot.pk, "sha256": stored.sha256}
        )
    if verdict:
        Channel.objects.filter(pk=channel.pk).update(picture=verdict, picture_at=at)
    return snapshot.pk


def evidence_signature(sha256: str, channel: Channel, at: datetime, by: User | None) -> str:
    """What is signed: content hash, channel ID, time in UTC, who ("" for a plan)."""
    return sign(sha256, channel.gb_id, at.astimezone(UTC).isoformat(), by.username if by else "")


def is_genuine(evidence: Snapshot | Recording) -> bool:
    """Whether the stored signature fits hash, camera, time and person."""
    at = evidence.at if isinstance(evidence, Snapshot) else evidence.started_at
    return bool(evidence.signature) and evidence.signature == evidence_signature(
        evidence.sha256, evidence.channel, at, evidence.by
    )


def record(actor: Actor, pk: int, seconds: int = 0, keep_days: int = 30) -> Recording:
    """Begin to record a camera here; `seconds` 0 records until it is stopped."""
    channel = access.fetch(actor, "video.recording.make", Channel.objects.all(), pk=pk)
    made = gateway.ask("record", channel=channel.pk, user=actor.pk, seconds=seconds, keep_days=keep_days)
    return Recording.objects.get(pk=made)


def fetch_recording(actor: Actor, pk: int, from_at: datetime, to_at: datetime, keep_days: int = 30) -> Recording:
    """Fetch a stretch of what the device has recorded and keep it here, signed. It goes on after this returns."""
    channel = access.fetch(actor, "video.channel.playback", Channel.objects.all(), pk=pk)
    access.require(actor, "video.recording.make", channel)
    if to_at <= from_at or to_at > timezone.now():
        raise Invalid(_("The end must be after the beginning, and past."), field="to_at")
    if to_at - from_at > rules.LONGEST_DOWNLOAD:
        raise Invalid(_("At most four hours can be fetched at once."), field="to_at")
    made = gateway.ask(
        "download", channel=channel.pk, user=actor.pk, from_at=from_at.timestamp(), to_at=to_at.timestamp(),
        keep_days=keep_days,
    )  # fmt: skip
    return Recording.objects.get(pk=made)


@transaction.atomic
def plan_recording(
    actor: Actor, pk: int, weekdays: str, from_time: time, to_time: time, keep_days: int = 30
) -> RecordingPlan:
    """Have a camera recorded here every week."""
    channel = access.fetch_locked(actor, "video.recording.make", Channel.objects.all(), pk=pk)
    days = "".join(sorted(set(weekdays) & set("1234567")))
    if not days:
        raise Invalid(_("Choose at least one day."), field="weekdays")
    if from_time == to_time:
        raise Invalid(_("The plan has no length."), field="to_time")
    if not 1 <= keep_days <= 3650:
        raise Invalid(_("Recordings are kept for 1 to 3650 days."), field="keep_days")
    plan = RecordingPlan.objects.create(
        channel=channel, weekdays=days, from_time=from_time, to_time=to_time, keep_days=keep_days, by=actor
    )
    data = {"plan": plan.pk, "weekdays": days, "from": str(from_time), "to": str(to_time), "keep_days": keep_days}
    trail.record("video.recording.make", actor, channel, data)
    return plan


@transaction.atomic
def end_plan(actor: Actor, pk: int) -> Channel:
    """Take a plan away; what runs is recorded to the end of its piece."""
    plan = access.fetch(actor, "video.recording.view", RecordingPlan.objects.select_related("channel"), pk=pk)
    access.require(actor, "video.recording.make", plan.channel)
    trail.record("video.recording.make", actor, plan.channel, {"plan_ended": plan.pk, "plan": str(plan)})
    plan.delete()
    return plan.channel


@transaction.atomic
def set_thresholds(actor: Actor, starts_on: date, source: str, **figures: float) -> PictureThresholds:
    """Judge pictures by these figures from a day on. Sets of days that have begun are history and stay."""
    _may_set(actor, starts_on)
    if not source.strip() or any(not 0 <= value <= 100_000 for value in figures.values()):
        raise Invalid(_("Give a source and figures that are not negative."), field="source")
    return _keep_dated(actor, PictureThresholds, starts_on, source, figures)


@transaction.atomic
def set_transcode_limit(actor: Actor, starts_on: date, most: int, source: str) -> TranscodeLimit:
    """How many cameras may be transcoded at once from a day on; 0 for none. Days that have begun are history."""
    _may_set(actor, starts_on)
    if not source.strip() or not 0 <= most <= 100:
        raise Invalid(_("Give a source and a number from 0 to 100."), field="most")
    return _keep_dated(actor, TranscodeLimit, starts_on, source, {"most": most})


def _may_set(actor: Actor, starts_on: date) -> None:
    access.require(actor, "video.device.change")
    if starts_on < timezone.localdate():
        raise Invalid(_("The day must not be past."), field="starts_on")


def _keep_dated(actor: Actor, model: type[Dated], starts_on: date, source: str, figures: Mapping[str, float]) -> Dated:
    row, _new = model._default_manager.update_or_create(
        starts_on=starts_on, defaults={**figures, "source": source.strip()[:300], "by": actor}
    )
    trail.record("video.device.change", actor, row, {**figures, "starts_on": str(starts_on), "source": row.source})
    return row


def set_home_position(actor: Actor, pk: int, preset: int, seconds: int) -> None:
    """Have a camera go back to a preset after it was left alone for `seconds`; 0 switches that off (A.2.3.1.10)."""
    channel = access.fetch(actor, "video.channel.steer", Channel.objects.all(), pk=pk)
    if not channel.movable:
        raise NotMovable
    if seconds and not (1 <= preset <= 255 and 10 <= seconds <= 86_400):
        raise Invalid(_("A preset of 1 to 255 and at least ten seconds."), field="seconds")
    home = {"Enabled": 1, "ResetTime": seconds, "PresetIndex": preset} if seconds else {"Enabled": 0}
    gateway.ask("control", channel=channel.pk, values={"HomePosition": home})
    with transaction.atomic():
        trail.record("video.channel.steer", actor, channel, {"home": home})


def guard(actor: Actor, pk: int, on: bool) -> None:
    """Set or lift a camera's guard: whether it tells of alarms (GuardCmd, A.2.3.1.4)."""
    channel = access.fetch(actor, "video.channel.steer", Channel.objects.all(), pk=pk)
    gateway.ask("control", channel=channel.pk, values={"GuardCmd": "SetGuard" if on else "ResetGuard"})
    with transaction.atomic():
        trail.record("video.channel.steer", actor, channel, {"guard": on})


def stop_recording(actor: Actor, pk: int) -> None:
    recording = access.fetch(actor, "video.recording.view", Recording.objects.all(), pk=pk)
    access.require(actor, "video.recording.make", recording.channel)
    gateway.ask("record_stop", recording=recording.pk)


@transaction.atomic
def begin_recording(
    channel_pk: int, call_id: str, user_pk: int | None, reason: str, keep_days: int, of: datetime | None = None
) -> int:
    """`of`: when what is recorded happened, where that is not now."""
    channel = Channel.objects.get(pk=channel_pk)
    by = User.objects.filter(pk=user_pk).first() if user_pk else None
    recording = Recording.objects.create(
        channel=channel, call_id=call_id, by=by, reason=reason, started_at=of or timezone.now(),
        keep_until=timezone.now() + timedelta(days=max(1, min(keep_days, 3650))),
    )  # fmt: skip
    trail.record("video.recording.make", by or SYSTEM, channel, {"recording": recording.pk, "reason": reason})
    return recording.pk


def end_recording(
    pk: int,
    path: Path,
    frames: int,
    why: str,
    seconds: float | None = None,
    sound: str = "",
    sounded: float = 0.0,
) -> None:
    """Store what was recorded, or say that nothing was. `seconds`: its length, where it did not happen just now.

    `sound`: how the device coded its sound, `sounded`: how many seconds of it are in the file.
    """
    recording = Recording.objects.select_related("channel", "by").get(pk=pk)
    recording.sound, recording.sound_seconds = sound[:12], round(sounded, 2)
    recording.ended_at = timezone.now() if seconds is None else recording.started_at + timedelta(seconds=seconds)
    try:
        with transaction.atomic():
            if frames:
                with path.open("rb") as content:
                    stored = files.store(content, f"{recording.channel.gb_id}.mp4", "video/mp4")
                recording.sha256, recording.size_bytes = stored.sha256, stored.size
                recording.signature = evidence_signature(
                    stored.sha256, recording.channel, recording.started_at, recording.by
                )
                name = f"{recording.channel} {timezone.localtime(recording.started_at):%Y%m%d-%H%M%S}.mp4"
                files.attach(stored, recording, "recording", recording.by or SYSTEM, name)
            else:
                recording.fault = why
            recording.save()
    finally:
        path.unlink(missing_ok=True)


# -- operations ------------------------------------------------------------------------------------------------------
@transaction.atomic
def plan_operation(actor: Actor, channels: list[int], **fields: Any) -> Operation:
    """Plan an operation over cameras that the actor may watch."""
    access.require(actor, "video.operation.change")
    if fields["ends_at"] <= fields["starts_at"]:
        raise Invalid(_("The end must be after the beginning."), field="ends_at")
    operation = Operation(created_by=actor, organisation=actor.organisation, **fields)
    operation.next_snapshot_at = operation.starts_at if operation.snapshot_minutes else None
    operation.save()
    _set_channels(actor, operation, channels)
    trail.record("video.operation.change", actor, operation, {"channels": len(channels)}, new=True)
    return operation


@transaction.atomic
def change_operation(actor: Actor, pk: int, channels: list[int] | None = None, **fields: Any) -> Operation:
    operation = access.fetch_locked(actor, "video.operation.change", Operation.objects.all(), pk=pk)
    for name, value in fields.items():
        setattr(operation, name, value)
    if operation.ends_at <= operation.starts_at:
        raise Invalid(_("The end must be after the beginning."), field="ends_at")
    operation.next_snapshot_at = max(operation.starts_at, timezone.now()) if operation.snapshot_minutes else None
    operation.save()
    if channels is not None:
        _set_channels(actor, operation, channels)
    trail.record("video.operation.change", actor, operation, {"fields": sorted(fields)})
    return operation


def _set_channels(actor: Actor, operation: Operation, channels: list[int]) -> None:
    permitted = set(
        access.visible(actor, "video.channel.view", Channel.objects.filter(pk__in=channels)).values_list(
            "pk", flat=True
        )
    )
    operation.places.all().delete()
    OperationChannel.objects.bulk_create(
        OperationChannel(operation=operation, channel_id=pk, position=index)
        for index, pk in enumerate(dict.fromkeys(channels))
        if pk in permitted
    )


@transaction.atomic
def note_operation(actor: Actor, pk: int, text: str, channel: int | None = None) -> OperationNote:
    operation = access.fetch(actor, "video.operation.change", Operation.objects.all(), pk=pk)
    text = text.strip()
    if not text:
        raise Invalid(_("Write something."), field="text")
    note = OperationNote.objects.create(operation=operation, by=actor, text=text[:2000], channel_id=channel)
    trail.record("video.operation.change", actor, operation, {"note": note.pk})
    return note


@transaction.atomic
def save_scene(
    actor: Actor, title: str, places: int, cells: Sequence[int | None], carousel_seconds: int = 0, shared: bool = False
) -> Scene:
    """Save a wall under a title of one's own; the same title again replaces it."""
    access.require(actor, "video.scene.save")
    title = title.strip()[:80]
    if not title or places not in (1, 4, 9, 16):
        raise Invalid(_("A scene needs a title and 1, 4, 9 or 16 places."), field="title")
    scene, _made = Scene.objects.update_or_create(
        owner=actor, title=title,
        defaults={
            "places": places, "cells": [cell if isinstance(cell, int) else None for cell in cells[:200]],
            "carousel_seconds": max(0, min(carousel_seconds, 3600)), "shared": shared,
        },
    )  # fmt: skip
    trail.record("video.scene.save", actor, scene, {"cells": scene.cells})
    return scene


@transaction.atomic
def see_alarm(actor: Actor, pk: int) -> Alarm:
    alarm = access.fetch_locked(actor, "video.alarm.see", Alarm.objects.all(), pk=pk)
    if alarm.seen_at is None:
        alarm.seen_by, alarm.seen_at = actor, timezone.now()
        alarm.save(update_fields=["seen_by", "seen_at"])
        trail.record("video.alarm.see", actor, alarm)
    return alarm


# -- upwards ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def add_upstream(actor: Actor, password: str, organisation: Organisation, **fields: Any) -> Upstream:
    access.require(actor, "video.upstream.change")
    fields["gb_id"] = _checked_id(fields["gb_id"])
    upstream = Upstream.objects.create(sealed_password=seal(password), organisation=organisation, **fields)
    trail.record("video.upstream.change", actor, upstream, {"gb_id": upstream.gb_id}, new=True)
    transaction.on_commit(partial(gateway.nudge, "upstreams"))
    return upstream


@transaction.atomic
def share(actor: Actor, upstream_pk: int, channel_pk: int, mapped_id: str = "", may_steer: bool = False) -> Share:
    """Share a channel with a platform above under an ID of ours there; without one it keeps its own."""
    upstream = access.fetch_locked(actor, "video.upstream.change", Upstream.objects.all(), pk=upstream_pk)
    channel = access.fetch(actor, "video.channel.view", Channel.objects.all(), pk=channel_pk)
    mapped = _checked_id(mapped_id or channel.gb_id, "mapped_id")
    if upstream.shares.filter(mapped_id=mapped).exclude(channel=channel).exists():
        raise Invalid(_("This ID is given to another camera there."), field="mapped_id")
    made, _fresh = Share.objects.update_or_create(
        upstream=upstream, channel=channel, defaults={"mapped_id": mapped, "may_steer": may_steer}
    )
    trail.record("video.upstream.change", actor, upstream, {"shared": channel.gb_id, "as": mapped})
    transaction.on_commit(partial(gateway.nudge, "upstreams"))
    return made
