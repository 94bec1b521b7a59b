"""The platform's window to the database: every method runs its queries in a thread and in few statements."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from chengheng.common import health
from chengheng.common.live import in_thread
from chengheng.protocols.gb28181 import ids, manscdp
from chengheng.protocols.sip.endpoint import Peer
from chengheng.video import actions, queries, rules
from chengheng.video.live.platform import Entry, LiveCall
from chengheng.video.live.talk import Talk
from chengheng.video.live.upstream import Above, Shared
from chengheng.video.models import (
    Alarm,
    Broadcast,
    Call,
    Capture,
    Channel,
    Device,
    Position,
    Recording,
    StateSpan,
    Subscription,
    Transcode,
    Upstream,
    Watching,
    channel_values,
)
from chengheng.video.sealing import unseal


def _aware(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


class DatabaseStore:
    """See `platform.Store`."""

    async def devices(self, changed_since: datetime | None) -> list[Entry]:
        return await in_thread(load_devices, changed_since)

    async def presence(self, entries: list[Entry], turned: list[tuple[int, bool, datetime, str]]) -> None:
        await in_thread(save_presence, entries, turned)

    async def device_info(self, pk: int, info: manscdp.DeviceInfo, edition: int | None) -> None:
        await in_thread(save_info, pk, info, edition)

    async def catalog(
        self, pk: int, items: list[manscdp.CatalogItem], complete: bool, total: int | None, whole: bool
    ) -> None:
        await in_thread(save_catalog, pk, items, complete, total, whole)

    async def alarm(self, pk: int, alarm: manscdp.Alarm) -> None:
        await in_thread(save_alarm, pk, alarm)

    async def positions(self, pk: int, found: list[manscdp.Position]) -> None:
        await in_thread(save_positions, pk, found)

    async def subscription(self, pk: int, subject: str, state: str, until: float, detail: str) -> None:
        await in_thread(save_subscription, pk, subject, state, until, detail)

    async def notices(self, rows: list[tuple[int, str, int, float]]) -> None:
        await in_thread(save_notices, rows)

    async def call_began(self, call: LiveCall) -> None:
        await in_thread(begin_call, call)

    async def call_changed(self, call: LiveCall) -> None:
        await in_thread(save_call, call)

    async def talk_began(self, talk: Talk) -> None:
        await in_thread(
            actions.begin_broadcast, talk.id, talk.channel_pk, talk.user_pk, talk.target_id, talk.steps["asked"]
        )

    async def talk_ended(self, talk: Talk) -> None:
        await in_thread(
            actions.end_broadcast, talk.id, dict(talk.steps), talk.transport, talk.seconds, talk.stop_code,
            talk.stop_detail, "\n\n".join(talk.trace),
        )  # fmt: skip

    async def registration_refused(self, pk: int, failures: int, locked_until: float) -> None:
        await in_thread(
            Device.objects.filter(pk=pk).update, failed_registrations=failures, locked_until=_aware(locked_until)
        )


def load_devices(changed_since: datetime | None) -> list[Entry]:
    """Devices as entries; a stored binding is taken over while its registration lasts (facts §2 quirk 11)."""
    rows = Device.objects.all()
    if changed_since is not None:
        rows = rows.filter(updated_at__gte=changed_since)
    found = []
    now = timezone.now()
    for row in rows.iterator(chunk_size=5000):
        entry = Entry(
            pk=row.pk, gb_id=row.gb_id, login=row.digest_login, password=unseal(row.sealed_password),
            enabled=row.enabled, mode=row.media_mode, pinned=row.pinned_address or "", edition=row.edition,
            catalog_minutes=row.catalog_minutes, online=row.online,
            catalog_at=row.catalog_at.timestamp() if row.catalog_at else 0.0,
            locked_until=row.locked_until.timestamp() if row.locked_until else 0.0,
            failures=row.failed_registrations, wants=queries.wants_of(row), position_s=row.position_seconds,
        )  # fmt: skip
        if row.registered_until and row.registered_until > now and row.transport == "udp" and row.port:
            entry.peer = Peer("udp", row.host, row.port)
            entry.contact = row.contact
            entry.expires_at = row.registered_until.timestamp()
            entry.seen_at = time.time()  # its next keepalive decides
        found.append(entry)
    return found


_PRESENCE = """
update video_device d set online = v.online, transport = v.transport, host = v.host, port = v.port,
    contact = v.contact, registered_at = to_timestamp(v.registered), registered_until = to_timestamp(v.until),
    last_seen_at = to_timestamp(v.seen), edition = coalesce(v.edition, d.edition)
from unnest(%s::bigint[], %s::boolean[], %s::text[], %s::text[], %s::int[], %s::text[], %s::float8[], %s::float8[],
    %s::float8[], %s::smallint[]) as v(pk, online, transport, host, port, contact, registered, until, seen, edition)
where d.id = v.pk
"""


def save_presence(entries: list[Entry], turned: list[tuple[int, bool, datetime, str]]) -> None:
    """One statement for all bindings, and the spans of those that came or went."""
    with transaction.atomic(), connection.cursor() as cursor:
        if entries:
            rows = [
                (
                    item.pk, item.online, item.peer.transport if item.peer else "", item.peer.host if item.peer else "",
                    item.peer.port if item.peer else None, item.contact[:200], item.registered_at or None,
                    item.expires_at or None, item.seen_at or None, item.edition,
                )
                for item in entries
            ]  # fmt: skip
            cursor.execute(_PRESENCE, [list(column) for column in zip(*rows, strict=True)])
        for pk, online, at, why in turned:
            changed = StateSpan.objects.filter(device_id=pk, until=None).exclude(online=online).update(until=at)
            if changed or not StateSpan.objects.filter(device_id=pk, until=None).exists():
                StateSpan.objects.create(device_id=pk, online=online, since=at, reason=why)
        if turned:
            last = {pk: online for pk, online, _at, _why in turned}
            for online in (True, False):
                pks = [pk for pk, state in last.items() if state is online]
                if pks:
                    Device.objects.filter(pk__in=pks).update(online=online)
            names = dict(Device.objects.filter(pk__in=last).values_list("pk", "gb_id"))
            for pk, online, at, why in turned:
                if pk in names:
                    health.report(f"video:{names[pk]}", ok=online, at=at, text=why)


def save_info(pk: int, info: manscdp.DeviceInfo, edition: int | None) -> None:
    changes: dict[str, Any] = {
        "manufacturer": info.manufacturer[:100], "model": info.model[:100], "firmware": info.firmware[:100],
    }  # fmt: skip
    if edition:
        changes["edition"] = edition
    Device.objects.filter(pk=pk).update(**changes)


def save_catalog(
    pk: int, items: list[manscdp.CatalogItem], complete: bool, total: int | None, whole: bool
) -> tuple[int, int]:
    """Store what a catalog or a catalog notice says; returns (written, left). Rows that say nothing new stay untouched.

    What people edited stays. Channels that are missing leave only when the catalog was whole and complete; a notice
    with DEL takes one away, ON, OFF, VLOST and DEFECT only turn its state.
    """
    device = Device.objects.filter(pk=pk).first()
    if device is None:
        return 0, 0
    now = timezone.now()
    gone = [item.id for item in items if item.event == "DEL"]
    turned = {item.id: item for item in items if item.event in ("ON", "OFF", "VLOST", "DEFECT")}
    told = [item for item in items if item.event in ("", "ADD", "UPDATE")]
    with transaction.atomic():
        Device.objects.select_for_update().get(pk=pk)
        written = _merge(device, told, now)
        for event in ("ON", "OFF", "VLOST", "DEFECT"):
            names = [key for key, item in turned.items() if item.event == event]
            if names:
                Channel.objects.filter(device_id=pk, gb_id__in=names).update(
                    online=event == "ON", status=event, status_at=now
                )
        left = 0
        if gone:
            left = Channel.objects.filter(device_id=pk, gb_id__in=gone).update(removed_at=now, online=False)
        known = {item.id for item in told}
        if whole and complete and Channel.objects.filter(device_id=pk, removed_at=None).count() > len(known):
            left += (
                Channel.objects.filter(device_id=pk, removed_at=None)
                .exclude(gb_id__in=known)
                .update(removed_at=now, online=False)
            )
        if whole:
            Device.objects.filter(pk=pk).update(
                catalog_at=now, catalog_complete=complete, catalog_total=total, catalog_found=len(told)
            )
    return written, left


# One pass over what a catalog tells: new rows are added, rows that differ are changed, the others are not even touched.
_TOLD = {
    "gb_id": "varchar", "kind": "varchar", "raw_name": "varchar", "area_code": "varchar", "civil_code": "varchar",
    "parent_id": "varchar", "group_id": "varchar", "manufacturer": "varchar", "model": "varchar",
    "ptz_type": "smallint", "status": "varchar", "online": "boolean", "lon": "float8", "lat": "float8",
    "address": "varchar",
}  # fmt: skip
_KEPT = tuple(name for name in channel_values() if name not in ("status_at", "removed_at"))
_MERGE = f"""
insert into video_channel as c (device_id, organisation_id, name, edited_name, hidden, status_at, picture, created_at,
    {", ".join(_TOLD)})
select %(device)s, %(organisation)s, coalesce(nullif(v.raw_name, ''), v.gb_id), '', false, %(now)s, '', %(now)s,
    {", ".join(f"v.{name}" for name in _TOLD)}
from jsonb_to_recordset(%(told)s::jsonb) as v ({", ".join(f"{name} {kind}" for name, kind in _TOLD.items())})
on conflict (device_id, gb_id) do update set {", ".join(f"{name} = excluded.{name}" for name in _KEPT)},
    name = case when c.edited_name = '' then excluded.name else c.edited_name end,
    status_at = case when (c.online, c.status) is distinct from (excluded.online, excluded.status)
        or c.removed_at is not null then excluded.status_at else c.status_at end,
    removed_at = null
where ({", ".join(f"c.{name}" for name in _KEPT)}) is distinct from ({", ".join(f"excluded.{name}" for name in _KEPT)})
    or c.removed_at is not null
"""  # noqa: S608 - column names of ours


def _merge(device: Device, told: list[manscdp.CatalogItem], now: datetime) -> int:
    """Add and change channels as told; returns how many rows were written."""
    rows = {
        item.id: {
            "gb_id": item.id,
            "kind": ids.kind_of(item.id, item.parental) if item.id != device.gb_id else "camera",
            "raw_name": item.name,
            "area_code": item.civil_code if 4 <= len(item.civil_code) <= 20 else device.area_code,
            "civil_code": item.civil_code[:20],
            "parent_id": manscdp.parent_of(item, device.gb_id)[:40],
            "group_id": item.group_id[:40],
            "manufacturer": item.manufacturer,
            "model": item.model,
            "ptz_type": item.ptz_type if item.ptz_type is None or 0 <= item.ptz_type < 100 else None,
            "status": item.status,
            "online": item.online,
            "lon": item.lon,
            "lat": item.lat,
            "address": item.address if item.address not in ("Address", "axy") else "",
        }
        for item in told
    }
    if not rows:
        return 0
    text = json.dumps(list(rows.values()), ensure_ascii=False)
    values: dict[str, Any] = {"device": device.pk, "organisation": device.organisation_id, "now": now, "told": text}
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, values)
        return cursor.rowcount


def save_alarm(pk: int, alarm: manscdp.Alarm) -> None:
    channel = Channel.objects.filter(device_id=pk, gb_id=alarm.device_id).first()
    Alarm.objects.create(
        device_id=pk, channel=channel, source_id=alarm.device_id[:40],
        priority=_small(alarm.priority), method=_small(alarm.method), kind=_small(alarm.kind),
        description=alarm.description[:300], at=alarm.at or timezone.now(), lon=alarm.lon, lat=alarm.lat,
    )  # fmt: skip


def _small(value: int | None) -> int | None:
    return value if value is not None and 0 <= value < 32_768 else None


def save_positions(pk: int, found: list[manscdp.Position]) -> None:
    Position.objects.bulk_create(
        Position(
            device_id=pk, source_id=item.device_id[:40], at=item.at or timezone.now(), lon=item.lon, lat=item.lat,
            speed_kmh=item.speed_kmh, direction=item.direction,
        )
        for item in found
    )  # fmt: skip


def save_subscription(pk: int, subject: str, state: str, until: float, detail: str) -> None:
    """How a subscription stands; a refresh that was granted moves only its end."""
    now = timezone.now()
    found = Subscription.objects.filter(device_id=pk, subject=subject)
    if state == "active" and found.filter(state="active").update(until=_aware(until)):
        return
    values = {"state": state, "state_at": now, "until": _aware(until), "detail": detail[:200]}
    with contextlib.suppress(IntegrityError), transaction.atomic():  # the device may have been deleted meanwhile
        Subscription.objects.update_or_create(device_id=pk, subject=subject, defaults=values)


def save_notices(rows: list[tuple[int, str, int, float]]) -> None:
    """Add up what came: (device, subject, how many, when the last)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update video_subscription s set notices = s.notices + v.count, last_notice_at = to_timestamp(v.at) "
            "from unnest(%s::bigint[], %s::text[], %s::int[], %s::float8[]) as v(device, subject, count, at) "
            "where s.device_id = v.device and s.subject = v.subject",
            [list(column) for column in zip(*rows, strict=True)],
        )


def begin_call(call: LiveCall) -> None:
    Call.objects.create(
        id=call.id, channel_id=call.channel_pk, kind=call.kind, asked_by_id=call.user_pk, purpose=call.purpose,
        asked_at=call.steps["asked"], from_at=call.from_at, to_at=call.to_at, mode=call.mode,
    )  # fmt: skip


def save_call(call: LiveCall) -> None:
    rtp, muxer = call.source.stream.rtp, call.source.stream.muxer
    picture = muxer.picture
    source = call.inlet.source if call.inlet else None
    Call.objects.filter(pk=call.id).update(
        **{f"{step}_at": at for step, at in call.steps.items() if step != "asked"},
        ended_at=timezone.now() if call.stop_code else None,
        stop_reason=call.stop_code, stop_detail=call.stop_detail[:300],
        media_source=f"{source[0]}:{source[1]}" if source else "", codec=muxer.codec,
        width=picture.width if picture else None, height=picture.height if picture else None,
        packets=rtp.packets, missing=rtp.missing, bytes=rtp.bytes, viewers_peak=call.source.peak,
        trace="\n\n".join(call.trace)[:60_000],
    )  # fmt: skip


def begin_transcode(channel_pk: int, stop_reason: str) -> int:
    """A transcode that begins; with a reason, one that was refused."""
    ended = timezone.now() if stop_reason else None
    return Transcode.objects.create(channel_id=channel_pk, stop_reason=stop_reason, ended_at=ended).pk


def end_transcode(pk: int, frames: int, cpu_seconds: float, reason: str) -> None:
    Transcode.objects.filter(pk=pk).update(
        ended_at=timezone.now(), frames=frames, cpu_seconds=round(cpu_seconds, 3), stop_reason=reason[:30]
    )


def channel_of(pk: int) -> tuple[int, str, int] | None:
    """(pk, GB/T 28181 ID, device pk) of a channel that may be called."""
    return (
        Channel.objects.filter(pk=pk, removed_at=None, device__enabled=True)
        .values_list("pk", "gb_id", "device_id")
        .first()
    )


def loudspeaker_of(channel_pk: int) -> str:
    """The ID that a broadcast for this camera goes to."""
    channel = Channel.objects.get(pk=channel_pk)
    rows = Channel.objects.filter(device_id=channel.device_id, kind="audio", removed_at=None)
    outputs = {name: parent for name, parent in rows.values_list("gb_id", "parent_id") if ids.is_loudspeaker(name)}
    return rules.loudspeaker(channel.gb_id, outputs)


def open_watching(call_id: str, user_pk: int, way: str) -> int:
    return Watching.objects.create(call_id=call_id, user_id=user_pk, way=way).pk


def close_watching(pk: int, first_picture_ms: int | None, dropped: int, reason: str) -> None:
    Watching.objects.filter(pk=pk).update(
        closed_at=timezone.now(), first_picture_ms=first_picture_ms, dropped=dropped, close_reason=reason[:30]
    )


def still_permitted(pairs: set[tuple[int, int, str]], act: str = "video.channel.view") -> set[tuple[int, int, str]]:
    """Of (user, channel, session key), those that still may: user active, session alive, permission held."""
    from importlib import import_module

    from django.conf import settings

    from chengheng.common.people import access
    from chengheng.common.people.models import User

    sessions = import_module(settings.SESSION_ENGINE).SessionStore
    kept = set()
    users = {user.pk: user for user in User.objects.filter(pk__in={pair[0] for pair in pairs}, is_active=True)}
    for user_pk, channel_pk, key in pairs:
        user = users.get(user_pk)
        if user is None or (key and not sessions().exists(key)):
            continue
        if access.visible(user, act, Channel.objects.filter(pk=channel_pk)).exists():
            kept.add((user_pk, channel_pk, key))
    return kept


def load_upstreams() -> list[Above]:
    """The platforms above that are switched on, with what they may see."""
    found = []
    for row in Upstream.objects.filter(enabled=True).prefetch_related("shares__channel"):
        own = row.own_id or settings.SIP_ID
        shares = {}
        for share in row.shares.all():
            channel = share.channel
            if channel.removed_at is not None or channel.hidden:
                continue
            item = manscdp.CatalogItem(
                share.mapped_id, channel.name, channel.manufacturer, channel.model, "", channel.civil_code,
                address=channel.address,
                status="ON" if channel.online else channel.status if channel.status in ("VLOST", "DEFECT") else "OFF",
                lon=channel.lon, lat=channel.lat,
                ptz_type=channel.ptz_type, register_way=1, secrecy=0,
            )  # fmt: skip
            shares[share.mapped_id] = Shared(
                share.mapped_id, channel.pk, channel.gb_id, channel.device_id, item, share.may_steer
            )
        found.append(
            Above(
                row.pk, row.gb_id, row.realm or row.gb_id[:10], row.host, row.port, row.transport, own,
                row.login or own, unseal(row.sealed_password), shares,
            )
        )  # fmt: skip
    return found


def save_upstream(pk: int, registered: bool, fault: str) -> None:
    Upstream.objects.filter(pk=pk).update(registered=registered, fault=fault[:200], state_at=timezone.now())


def close_stale() -> None:
    """After a restart: calls and watchings of the former process are over, and so is what it knew of TCP devices."""
    now = timezone.now()
    Call.objects.filter(ended_at=None).update(ended_at=now, stop_reason="shutdown")
    Watching.objects.filter(closed_at=None).update(closed_at=now, close_reason="shutdown")
    Broadcast.objects.filter(ended_at=None).update(ended_at=now, stop_reason="shutdown")
    Recording.objects.filter(ended_at=None).update(ended_at=now, fault="shutdown")
    Transcode.objects.filter(ended_at=None).update(ended_at=now, stop_reason="shutdown")
    Capture.objects.filter(state="running").update(ended_at=now, state="failed", fault="shutdown")
    lost = Device.objects.filter(online=True).filter(Q(transport="tcp") | Q(registered_until__lt=now))
    pks = list(lost.values_list("pk", flat=True))
    if pks:
        StateSpan.objects.filter(device_id__in=pks, until=None).update(until=now)
        StateSpan.objects.bulk_create(StateSpan(device_id=pk, online=False, since=now, reason="restart") for pk in pks)
        Device.objects.filter(pk__in=pks).update(online=False)
        for gb_id in Device.objects.filter(pk__in=pks).values_list("gb_id", flat=True):
            health.report(f"video:{gb_id}", ok=False, at=now, text="restart")
