"""Orders of pages and tasks: read a catalog, list recordings, steer, take a still, record. One `do_…` for each."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.files.keeping import incoming
from chengheng.common.live import in_thread
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User
from chengheng.protocols.fmp4.muxer import Segment
from chengheng.video import queries, rules
from chengheng.video.live import sound, still
from chengheng.video.live.platform import CallStopped, LiveCall
from chengheng.video.live.recorder import Recorder
from chengheng.video.models import Channel, Preset

if TYPE_CHECKING:
    from chengheng.video.live.web import Service


@dataclass
class Recording:
    """A recording that runs."""

    pk: int
    call: LiveCall
    recorder: Recorder
    path: Path


def record_steering(user_pk: int | str, channel_pk: int) -> None:
    """That somebody began to steer a camera, in its trail."""
    channel = Channel.objects.get(pk=channel_pk)
    actor: Any = User.objects.filter(pk=user_pk).first() if isinstance(user_pk, int) else SYSTEM
    with transaction.atomic():
        trail.record(
            "video.channel.steer", actor or SYSTEM, channel, {} if isinstance(user_pk, int) else {"by": user_pk}
        )


async def do_state(service: Service) -> dict[str, Any]:
    """Figures of the moment, for the status page and for tests."""
    platform = service.platform
    return {
        "devices": len(platform.entries),
        "online": sum(entry.online for entry in platform.entries.values()),
        "calls": len(platform.calls),
        "viewers": sum(len(call.source.viewers) for call in platform.calls.values()),
        "recordings": len(service.recordings),
        "counts": platform.counts,
        "malformed": platform.node.malformed,
        "transcodes": [
            {
                "channel": item.call.channel_pk,
                "cpu_seconds": item.cpu_seconds,
                "frames": item.frames,
                "viewers": len(item.source.viewers),
            }
            for item in service.transcoding.running.values()
        ],
        "sound": {"seconds": sound.COST.seconds, "cpu_seconds": sound.COST.cpu_seconds},
        "ports": len(platform.ports.used),
        "sip_port": platform.node.port,
    }


async def do_reload(service: Service) -> bool:
    service.platform._last_load = None
    await service.platform.reload()
    return True


async def do_upstreams(service: Service) -> bool:
    from chengheng.video.live import store

    await service.upwards.reload(await in_thread(store.load_upstreams))
    return True


async def do_forget(service: Service, device: int) -> bool:
    """A device was deleted."""
    entry = service.platform.by_pk.pop(device, None)
    if entry is not None:
        service.platform.entries.pop(entry.gb_id, None)
        for call in list(service.platform.calls.values()):
            if call.entry is entry:
                await service.platform.end(call, "stopped")
    return True


async def do_catalog(service: Service, device: int) -> dict[str, Any]:
    entry = service.platform.by_pk.get(device)
    if entry is None:
        raise CallStopped("offline")
    found = await service.platform.query_catalog(entry)
    return {"found": len(found.items), "total": found.total, "complete": found.complete, "pages": found.pages}


async def do_subscribe(service: Service, device: int) -> bool:
    """What a device shall tell has been chosen anew: ask it now, and wait a little for its answers."""
    platform = service.platform
    await platform.reload()
    entry = platform.by_pk.get(device)
    if entry is None:
        return False
    wants, seconds = await in_thread(queries.wanted_of, device)
    for subject in wants:
        entry.declined.pop(subject, None)  # whoever chooses it again wants it asked again
    entry.wants, entry.position_s, entry.due_at = wants, seconds, 0.0
    if not entry.online:
        return False

    async def settle() -> None:
        while entry.settling:  # it is just being asked for what was wanted before
            await asyncio.sleep(0.05)
        await platform.subscriptions.settle(entry)

    settling = asyncio.ensure_future(settle())
    platform.later(settling)
    done, _waiting = await asyncio.wait((settling,), timeout=9)
    return bool(done)


async def do_status(service: Service, device: int) -> dict[str, Any]:
    entry = service.platform.by_pk.get(device)
    if entry is None:
        raise CallStopped("offline")
    status = await service.platform.query_status(entry)
    return {
        "online": status.online, "status": status.status, "reason": status.reason, "record": status.record,
        "encode": status.encode, "clock_off_s": (status.at - timezone.now()).total_seconds() if status.at else None,
    }  # fmt: skip


async def do_records(service: Service, channel: int, from_at: float, to_at: float) -> dict[str, Any]:
    """What the device has recorded; long spans are asked in pieces of 12 hours (facts §2 quirk 7, #291)."""
    entry, channel_id = await service.entry(channel)
    start, end = datetime.fromtimestamp(from_at, UTC), datetime.fromtimestamp(to_at, UTC)
    items: dict[Any, Any] = {}
    complete = True
    while start < end:
        stop = min(end, start + timedelta(hours=12))
        found = await service.platform.query_records(entry, channel_id, start, stop)
        complete = complete and found.complete
        items.update(found.items)
        start = stop
    rows = [
        {"from": item.from_at.timestamp(), "to": item.to_at.timestamp(), "kind": item.kind, "size": item.size_bytes}
        for item in items.values()
        if item.from_at and item.to_at
    ]
    return {"complete": complete, "items": sorted(rows, key=lambda row: row["from"])}


async def do_presets(service: Service, channel: int) -> list[dict[str, Any]]:
    entry, channel_id = await service.entry(channel)
    found = await service.platform.query_presets(entry, channel_id)

    def keep() -> None:
        with transaction.atomic():
            Preset.objects.filter(channel_id=channel).exclude(number__in=[item.id for item in found]).delete()
            for item in found:
                if 0 < item.id < 256:
                    Preset.objects.update_or_create(
                        channel_id=channel, number=item.id, defaults={"name": item.name[:80]}
                    )

    await in_thread(keep)
    return [{"number": item.id, "name": item.name} for item in found]


async def do_steer(service: Service, channel: int, user: int, name: str, priority: int, told: dict[str, Any]) -> bool:
    entry, channel_id = await service.entry(channel)
    service.steer(entry, channel, channel_id, user, name, priority, told)
    return True


async def do_stop(service: Service, call: str) -> bool:
    found = service.platform.calls.get(call)
    if found is not None:
        await service.platform.end(found, "stopped")
    return found is not None


async def _two_keys(service: Service, channel: int, purpose: str, second: bool) -> tuple[LiveCall, list[bytes], bytes]:
    """A call, its initialisation and one or two key fragments. The call is held while we wait."""
    entry, channel_id = await service.entry(channel)
    call = await service.platform.live(entry, channel, channel_id, purpose=purpose)
    call.holds += 1
    keys: list[bytes] = []
    wake = asyncio.Event()

    def listen(segment: Segment) -> None:
        if segment.video and segment.key:
            keys.append(segment.data)
            wake.set()

    try:
        if call.source.cache:
            keys.append(call.source.cache[0].data)
        call.source.listeners.add(listen)
        end = time.monotonic() + 8
        while len(keys) < (2 if second else 1):
            left = end - time.monotonic()
            if left <= 0 or call.stop_code:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.5)):
                    await wake.wait()
            wake.clear()
        if not keys or call.source.initialisation is None:
            raise CallStopped(call.stop_code or "no_key_frame")
        return call, keys, call.source.initialisation.data
    finally:
        call.source.listeners.discard(listen)
        call.holds -= 1


async def do_snapshot(
    service: Service, channel: int, purpose: str = "evidence", user: int | None = None, operation: int | None = None
) -> int:
    """Take a still and keep it; the snapshot's key. A probe keeps its figures, and where there was no picture, why."""
    from chengheng.video import actions

    fault, shot, verdict = "", None, ""
    try:
        _call, keys, head = await _two_keys(
            service, channel, "probe" if purpose == "probe" else "snapshot", purpose == "probe"
        )
        shot = await in_thread(still.take, head, keys[-1])
        gap = None
        if len(keys) > 1:
            gap = still.difference(await in_thread(still.take, head, keys[0]), shot)
        by = await in_thread(queries.thresholds)
        verdict = rules.verdict(shot.mean, shot.deviation, shot.sharpness, gap, by)
    except CallStopped as stopped:
        if purpose != "probe":
            raise
        fault, verdict = stopped.code, "none"
    except ValueError:
        if purpose != "probe":
            raise CallStopped("bad_codec") from None
        fault, verdict = "bad_codec", "none"
    return await in_thread(actions.keep_snapshot, channel, shot, verdict, fault, purpose, user, operation)


async def do_capture(service: Service, channel: int, number: int, interval: int, user: int | None = None) -> int:
    """Have the device take pictures itself and upload them; the capture's key. It goes on after this returns."""
    entry, channel_id = await service.entry(channel)
    return await service.captures.begin(entry, channel, channel_id, number, interval, user)


async def do_record(
    service: Service,
    channel: int,
    user: int | None = None,
    seconds: float = 0,
    reason: str = "manual",
    keep_days: int = 30,
) -> int:
    """Begin to record a camera; the recording's key."""
    from chengheng.video import actions

    entry, channel_id = await service.entry(channel)
    call = await service.platform.live(entry, channel, channel_id, purpose="recording", user_pk=user)
    pk = await in_thread(actions.begin_recording, channel, call.id, user, reason, keep_days)
    path = await in_thread(incoming)
    loop = asyncio.get_running_loop()

    def ended(why: str) -> None:
        call.holds -= 1
        service.recordings.pop(pk, None)
        service.platform.later(
            in_thread(actions.end_recording, pk, path, recorder.frames, why, None, recorder.sound, recorder.sounded)
        )

    recorder = await loop.run_in_executor(None, lambda: Recorder(path, ended, call.source, seconds=seconds))
    call.holds += 1
    service.recordings[pk] = Recording(pk, call, recorder, path)
    recorder.begin()
    return pk


async def do_download(
    service: Service, channel: int, from_at: float, to_at: float, user: int | None = None, keep_days: int = 30
) -> int:
    """Begin to fetch what the device has recorded; the recording's key. It ends when the device says so."""
    from chengheng.video import actions

    entry, channel_id = await service.entry(channel)
    start, end = datetime.fromtimestamp(from_at, UTC), datetime.fromtimestamp(to_at, UTC)
    platform = service.platform
    call = platform.prepare(
        entry, channel, channel_id, "download", purpose="recording", user_pk=user, from_at=start, to_at=end,
        speed=rules.DOWNLOAD_SPEED,
    )  # fmt: skip
    path = await in_thread(incoming)
    loop = asyncio.get_running_loop()
    over: asyncio.Future[str] = loop.create_future()

    def ended(why: str) -> None:
        if not over.done():
            over.set_result(why)

    recorder = await loop.run_in_executor(
        None, lambda: Recorder(path, ended, call.source, seconds=(end - start).total_seconds() + 5)
    )
    recorder.begin()  # before it begins: four times as fast, a group of pictures is soon gone
    call.holds += 1
    try:
        await platform.begin(call)
        pk = await in_thread(actions.begin_recording, channel, call.id, user, "download", keep_days, start)
    except BaseException:
        recorder.close("failed")
        path.unlink(missing_ok=True)
        await platform.end(call, "failed")
        raise
    service.recordings[pk] = Recording(pk, call, recorder, path)

    async def keep() -> None:
        why = await over
        call.holds -= 1
        service.recordings.pop(pk, None)
        await platform.end(call, "finished" if why == "done" else why)
        await in_thread(
            actions.end_recording, pk, path, recorder.frames, why, recorder.seconds, recorder.sound, recorder.sounded
        )

    platform.later(keep())
    return pk


async def do_control(service: Service, channel: int, values: dict[str, Any]) -> bool:
    """A DeviceControl to a channel, as `actions` worded it."""
    entry, channel_id = await service.entry(channel)
    await service.platform.control(entry, channel_id, **values)
    return True


async def do_record_stop(service: Service, recording: int) -> bool:
    found = service.recordings.get(recording)
    if found is not None:
        found.recorder.close("stopped")
    return found is not None


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
