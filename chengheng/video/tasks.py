"""What runs by itself: picture probes, snapshots of operations by plan, retention."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chengheng.common import files, trail
from chengheng.common.files.keeping import remove_content
from chengheng.common.files.models import Attachment
from chengheng.common.jobs import queue
from chengheng.common.people.access import SYSTEM
from chengheng.video import gateway, rules
from chengheng.video.errors import CallFailed, DeviceOffline, LiveUnreachable
from chengheng.video.models import Channel, Operation, Position, Recording, RecordingPlan, Snapshot

log = logging.getLogger(__name__)
PROBE_EVERY = timedelta(hours=6)
PROBES_AT_ONCE = 40


@queue.periodic(cron="*/10 * * * *")
@queue.task(name="video.probe", queue="default", pass_context=False)
def probe(timestamp: int = 0) -> int:
    """Look whether cameras have a picture; the longest unprobed first, some at a time. Returns how many were probed."""
    before = timezone.now() - PROBE_EVERY
    rows = Channel.objects.filter(
        kind="camera", removed_at=None, hidden=False, online=True, device__enabled=True, device__online=True
    )
    due = rows.exclude(picture_at__gte=before).order_by("picture_at").values_list("pk", flat=True)[:PROBES_AT_ONCE]
    done = 0
    for pk in list(due):
        try:
            gateway.ask("snapshot", channel=pk, purpose="probe")
            done += 1
        except LiveUnreachable:
            log.info("the live process does not answer: no probes now")
            break
        except (CallFailed, DeviceOffline):
            continue
    return done


@queue.periodic(cron="* * * * *")
@queue.task(name="video.operation_snapshots", queue="default")
def operation_snapshots(timestamp: int = 0) -> int:
    """Take what the plans of running operations ask for now. Returns how many pictures were kept."""
    now = timezone.now()
    taken = 0
    for operation in Operation.objects.filter(
        snapshot_minutes__gt=0, next_snapshot_at__lte=now, starts_at__lte=now, ends_at__gte=now
    ):
        following = now + timedelta(minutes=operation.snapshot_minutes)
        if not Operation.objects.filter(pk=operation.pk, next_snapshot_at=operation.next_snapshot_at).update(
            next_snapshot_at=following
        ):
            continue  # another worker has it
        for pk in operation.places.values_list("channel_id", flat=True):
            try:
                gateway.ask("snapshot", channel=pk, purpose="plan", operation=operation.pk)
                taken += 1
            except LiveUnreachable:
                break
            except (CallFailed, DeviceOffline) as refusal:
                Snapshot.objects.create(
                    channel_id=pk, purpose="plan", operation=operation, verdict="none", fault=str(refusal)[:300]
                )
    return taken


@queue.periodic(cron="* * * * *")
@queue.task(name="video.recording_plans", queue="default")
def recording_plans(timestamp: int = 0) -> int:
    """Begin what plans want recorded now and what is not running. Returns how many were begun."""
    now = timezone.localtime()
    begun = 0
    running = set(Recording.objects.filter(reason="schedule", ended_at=None).values_list("channel_id", flat=True))
    for plan in RecordingPlan.objects.select_related("channel").filter(
        channel__removed_at=None, channel__device__enabled=True, channel__device__online=True
    ):
        closes = rules.runs_until(plan.weekdays, plan.from_time, plan.to_time, now)
        if closes is None or plan.channel_id in running:
            continue
        seconds = min(closes - now, rules.LONGEST_PIECE).total_seconds()
        try:
            gateway.ask(
                "record", channel=plan.channel_id, seconds=max(1.0, seconds), reason="schedule",
                keep_days=plan.keep_days,
            )  # fmt: skip
        except LiveUnreachable:
            log.info("the live process does not answer: no recordings by plan now")
            break
        except (CallFailed, DeviceOffline) as refusal:
            log.info("the plan %s cannot be followed now: %s", plan, refusal)
            continue
        running.add(plan.channel_id)
        begun += 1
    return begun


@queue.periodic(cron="20 3 * * *")
@queue.task(name="video.retention", queue="default")
def retention(timestamp: int = 0) -> int:
    """Remove recordings whose time is over (the row stays, with its hash), probes and positions that are too old."""
    removed = 0
    for recording in Recording.objects.filter(keep_until__lt=timezone.now(), removed_at=None).select_related("channel"):
        with transaction.atomic():
            for attachment in files.of(recording):
                files.withdraw(attachment, SYSTEM, "retention")
                if not Attachment.objects.filter(file=attachment.file, withdrawn_at=None).exists():
                    remove_content(attachment.file)
            Recording.objects.filter(pk=recording.pk).update(removed_at=timezone.now())
            trail.record("video.recording.make", SYSTEM, recording.channel, {"removed": recording.pk})
        removed += 1
    Position.objects.filter(at__lt=timezone.now() - timedelta(days=rules.POSITION_DAYS)).delete()
    Snapshot.objects.filter(purpose="probe", at__lt=timezone.now() - timedelta(days=730)).delete()
    return removed
