"""What people ask about cameras."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import files, places
from chengheng.common.people import access
from chengheng.common.places.box import Box
from chengheng.common.ui import words as ui_words
from chengheng.common.ui.search import Hit
from chengheng.video import rules, words
from chengheng.video.models import (
    Broadcast,
    Call,
    Channel,
    Device,
    Operation,
    PictureThresholds,
    Position,
    Scene,
    Snapshot,
    StateSpan,
    Subscription,
    Transcode,
    TranscodeLimit,
)


def cameras(user: Any) -> QuerySet[Channel]:
    """The cameras that the user may watch: in a catalog now, not hidden, of a device that is switched on."""
    rows = Channel.objects.filter(kind="camera", removed_at=None, hidden=False, device__enabled=True)
    return access.visible(user, "video.channel.view", rows).select_related("device")


def tree(user: Any, words_: str = "", limit: int = 3000) -> list[dict[str, Any]]:
    """The tree for the wall: organisation → device → groups and regions of the catalog → cameras.

    Every node: {"key", "name", "kind", "online", "count", "on", "children"}; cameras carry "id". A search shows only
    what matches, with what is above it.
    """
    rows = cameras(user).select_related("organisation")
    if words_:
        rows = rows.filter(Q(name__icontains=words_) | Q(gb_id__startswith=words_) | Q(address__icontains=words_))
    found = list(rows.order_by("organisation__code", "device__name", "name")[:limit])
    nodes = {
        (node.device_id, node.gb_id): node
        for node in Channel.objects.filter(device_id__in={row.device_id for row in found}, removed_at=None).exclude(
            kind__in=("camera", "alarm", "audio")
        )
    }
    roots: dict[str, dict[str, Any]] = {}
    made: dict[str, dict[str, Any]] = {}

    def folder(key: str, name: str, kind: str, parent: dict[str, Any] | None) -> dict[str, Any]:
        node = made.get(key)
        if node is None:
            node = {"key": key, "name": name, "kind": kind, "count": 0, "on": 0, "children": []}
            made[key] = node
            if parent is None:
                roots[key] = node
            else:
                parent["children"].append(node)
        return node

    for row in found:
        above = folder(f"o{row.organisation_id}", row.organisation.name, "unit", None)
        device = row.device
        line = [above]
        if device.kind == "platform" or device.name != row.name:
            line.append(folder(f"d{device.pk}", device.name, "device", above))
        chain: list[Channel] = []
        parent = row.group_id or row.parent_id
        seen = set()
        while (device.pk, parent) in nodes and parent not in seen and len(chain) < 12:
            seen.add(parent)
            node = nodes[(device.pk, parent)]
            chain.append(node)
            parent = node.parent_id
        for node in reversed(chain):
            line.append(folder(f"c{node.pk}", node.name, node.kind, line[-1]))
        online = row.online and device.online
        line[-1]["children"].append(
            {"key": f"k{row.pk}", "id": row.pk, "name": row.name, "kind": "camera", "online": online,
             "ptz": row.movable, "picture": row.picture}
        )  # fmt: skip
        for node_ in line:
            node_["count"] += 1
            node_["on"] += online
    return list(roots.values())


def points(user: Any, box: Box | None = None, limit: int = 3000) -> dict[str, Any]:
    """Cameras as GeoJSON, inside a box of (west, south, east, north) when given."""
    rows = cameras(user).exclude(lon=None).exclude(lat=None)
    if box is not None:
        rows = rows.filter(lon__gte=box[0], lat__gte=box[1], lon__lte=box[2], lat__lte=box[3])
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
            "properties": {
                "title": row.name, "url": row.get_absolute_url(), "tone": "good" if row.online and row.device.online
                else "bad", "state": _("online") if row.online and row.device.online else _("offline"),
            },
        }
        for row in rows[:limit]
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def find(user: Any, text: str, limit: int) -> Iterable[Hit]:
    for row in cameras(user).filter(Q(name__icontains=text) | Q(gb_id__startswith=text))[:limit]:
        yield Hit(row.name, row.get_absolute_url(), _("Camera"), row.address or row.gb_id, "video")
    for operation in access.visible(user, "video.operation.view", Operation.objects.filter(title__icontains=text))[
        :limit
    ]:
        yield Hit(operation.title, operation.get_absolute_url(), _("Operation"), "", "snowflake")


def steps_of(call: Call | Broadcast) -> list[dict[str, Any]]:
    """The steps of a call-up or an announcement: label, when, after how many ms, and whether it was reached."""
    labels = words.TALK_STEPS if isinstance(call, Broadcast) else words.STEPS
    times = {step: getattr(call, f"{step}_at") for step in labels}
    shown = []
    stopped = False
    for step in labels:
        at = times[step]
        state = "done" if at else "missing"
        if (
            not at
            and not stopped
            and call.stop_reason not in ("", "idle", "stopped", "finished", "shutdown", "revoked", "talk_over")
        ):
            state, stopped = "stopped", True
        shown.append(
            {
                "code": step, "label": labels[step], "at": at, "state": state,
                "after_ms": int((at - call.asked_at).total_seconds() * 1000) if at else None,
            }
        )  # fmt: skip
    return shown


def album(operation: Operation) -> list[dict[str, Any]]:
    """The snapshots of an operation, newest first, each with its picture's attachment."""
    rows = list(operation.snapshots.select_related("channel", "by").order_by("-at")[:500])
    pictures = files.of_many(rows)
    return [{"snapshot": row, "picture": next(iter(pictures.get(row.pk, ())), None)} for row in rows]


def scenes(user: Any) -> QuerySet[Scene]:
    return Scene.objects.filter(Q(owner=user) | Q(shared=True, owner__organisation=user.organisation)).distinct()


def latest_scene(user: Any) -> Scene | None:
    """The scene that this person saved last; without one, the latest that is shared with them."""
    found = list(scenes(user).order_by("-created_at"))
    return next((scene for scene in found if scene.owner_id == user.pk), found[0] if found else None)


# -- what devices tell -----------------------------------------------------------------------------------------------
def wants_of(row: Device) -> frozenset[str]:
    """What the device is wanted to tell by itself."""
    chosen = {"Catalog": row.wants_catalog, "Alarm": row.wants_alarms, "MobilePosition": row.wants_positions}
    return frozenset(subject for subject, wanted in chosen.items() if wanted)


def wanted_of(pk: int) -> tuple[frozenset[str], int]:
    """What a device is wanted to tell, and how often it shall tell where it is (seconds)."""
    row = Device.objects.get(pk=pk)
    return wants_of(row), row.position_seconds


def subscriptions_of(device: Device) -> list[dict[str, Any]]:
    """Each subject for the page: {"subject", "label", "wanted", "row", "text", "tone"}; `row` None: never asked."""
    rows = {row.subject: row for row in device.subscriptions.all()}
    wanted = wants_of(device)
    shown = []
    for subject, label in Subscription.Subject.choices:
        row = rows.get(subject)
        if subject not in wanted:
            text, tone = (_("not wanted"), "none")
        elif not device.online:
            text, tone = (_("waits until the device has registered"), "none")
        elif row is None or row.state == Subscription.State.ENDED:
            text, tone = (_("not asked yet"), "none")
        else:
            text = str(row.get_state_display())
            tone = "good" if row.state == Subscription.State.ACTIVE else "bad"
        shown.append(
            {"subject": subject, "label": label, "wanted": subject in wanted, "row": row, "text": text, "tone": tone}
        )
    return shown


TRACK_GAP = timedelta(minutes=10)  # a track is interrupted where nothing was told for longer


def tracks(rows: Iterable[Position]) -> dict[str, Any]:
    """Positions, ordered by source and time, as GeoJSON lines; one feature for each stretch without a gap."""
    features: list[dict[str, Any]] = []
    last: Position | None = None
    for row in rows:
        if last is None or last.source_id != row.source_id or row.at - last.at > TRACK_GAP:
            features.append(
                {"type": "Feature", "geometry": {"type": "LineString", "coordinates": []},
                 "properties": {"title": row.source_id, "tone": "info"}}
            )  # fmt: skip
        features[-1]["geometry"]["coordinates"].append([row.lon, row.lat])
        last = row
    return {
        "type": "FeatureCollection",
        "features": [item for item in features if len(item["geometry"]["coordinates"]) > 1],
    }


def track(device: Device, hours: int = 24, limit: int = 5000) -> dict[str, Any] | None:
    """Where a device (and what it carries) was in the last hours: {"map", "last", "count"}; None when it told nothing."""
    since = timezone.now() - timedelta(hours=hours)
    rows = list(device.positions.filter(at__gte=since).order_by("-at")[:limit])
    if not rows:
        return None
    rows.sort(key=lambda row: (row.source_id, row.at))
    last = max(rows, key=lambda row: row.at)
    lons, lats = [row.lon for row in rows], [row.lat for row in rows]
    line = {"code": "track", "label": _("Track"), "data": tracks(rows), "shape": "line", "tone": "info", "shown": True}
    here = {
        "type": "Feature", "geometry": {"type": "Point", "coordinates": [last.lon, last.lat]},
        "properties": {"title": last.source_id, "state": ui_words.clock(last.at)},
    }  # fmt: skip
    spot = {
        "code": "here", "label": _("Last position"), "data": {"type": "FeatureCollection", "features": [here]},
        "shape": "point", "tone": "warn", "shown": True,
    }  # fmt: skip
    shown = {
        "layers": [line, spot], "districts": "/places/districts.geojson",
        "fit": [[min(lons), min(lats)], [max(lons), max(lats)]],
    }  # fmt: skip
    return {"map": shown, "last": last, "count": len(rows)}


def mobile(user: Any, line: bool, box: Box | None = None, limit: int = 3000) -> dict[str, Any]:
    """Mobile devices as GeoJSON: where each was last in 24 hours, or (`line`) its track of the last hour."""
    devices = access.visible(user, "video.device.view", Device.objects.filter(enabled=True))
    rows = Position.objects.filter(device__in=devices)
    if box is not None:
        rows = rows.filter(lon__gte=box[0], lat__gte=box[1], lon__lte=box[2], lat__lte=box[3])
    now = timezone.now()
    if line:
        return tracks(rows.filter(at__gte=now - timedelta(hours=1)).order_by("source_id", "at")[:20_000])
    latest = (
        rows.filter(at__gte=now - timedelta(hours=24))
        .order_by("source_id", "-at").distinct("source_id").select_related("device")[:limit]
    )  # fmt: skip
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
            "properties": {
                "title": row.device.name, "url": row.device.get_absolute_url(), "state": ui_words.clock(row.at),
                "tone": "good" if row.device.online else "bad",
            },
        }
        for row in latest
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


# -- state -----------------------------------------------------------------------------------------------------------
def online_time(
    start: datetime, end: datetime, devices: QuerySet[Device]
) -> tuple[Decimal, Decimal, dict[int, tuple[Decimal, Decimal]]]:
    """(seconds online, seconds known, both per device) of recorded spans in [start, end)."""
    now = timezone.now()
    end = min(end, now)
    spans: dict[int, list[tuple[bool, datetime, datetime | None]]] = {}
    rows = StateSpan.objects.filter(device__in=devices, since__lt=end).filter(Q(until=None) | Q(until__gt=start))
    for device, online, since, until in rows.values_list("device_id", "online", "since", "until"):
        spans.setdefault(device, []).append((online, since, until))
    each = {device: rules.online_seconds(items, start, end) for device, items in spans.items()}
    return sum((a for a, _b in each.values()), Decimal(0)), sum((b for _a, b in each.values()), Decimal(0)), each


def state(user: Any, days: int = 7) -> dict[str, Any]:
    """Figures of the state page: now, online rate by day, pictures, call-ups."""
    now = timezone.now()
    rows = cameras(user)
    total = rows.count()
    on = rows.filter(online=True, device__online=True).count()
    devices = access.visible(user, "video.channel.view", Channel.objects.filter(removed_at=None)).values("device")
    scope = Device.objects.filter(pk__in=devices, enabled=True)
    by_day = []
    for back in range(days - 1, -1, -1):
        day = timezone.localdate() - timedelta(days=back)
        start = timezone.make_aware(datetime.combine(day, datetime.min.time()))
        online, known, _each = online_time(start, start + timedelta(days=1), scope)
        by_day.append({"day": day, "rate": float(online / known * 100) if known else None})
    pictures = Counter(rows.exclude(picture="").values_list("picture", flat=True))
    calls = access.visible(user, "video.call.view", Call.objects.filter(asked_at__gte=now - timedelta(days=days)))
    return {
        "total": total, "online": on, "by_day": by_day,
        "pictures": {label: pictures.get(code, 0) for code, label in Snapshot.Verdict.choices},
        "probed": sum(pictures.values()), "good": pictures.get("good", 0), **call_figures(calls),
        "worst": worst(scope, now - timedelta(days=days), now), "transcodes": transcodes(user, days),
    }  # fmt: skip


def call_figures(calls: QuerySet[Call]) -> dict[str, Any]:
    """Success and time of call-ups: a call counts when its first key frame came within ten seconds."""
    counted = calls.filter(kind="live").exclude(stop_reason="shutdown", first_key_at=None)
    good = counted.filter(first_key_at__lte=F("asked_at") + timedelta(seconds=10))
    took = ExpressionWrapper(F("first_key_at") - F("asked_at"), output_field=DurationField())
    mean = good.aggregate(mean=Avg(took))["mean"]
    reasons = (
        counted.filter(first_key_at=None).exclude(stop_reason="").values("stop_reason").annotate(count=Count("pk"))
    )
    return {
        "calls": counted.count(), "calls_good": good.count(),
        "call_seconds": mean.total_seconds() if mean is not None else None,
        "reasons": sorted(
            ((words.reason(row["stop_reason"])[0], row["count"]) for row in reasons), key=lambda pair: -pair[1]
        ),
    }  # fmt: skip


def worst(devices: QuerySet[Device], start: datetime, end: datetime, limit: int = 10) -> list[dict[str, Any]]:
    """The devices with the lowest share of time online."""
    _online, _known, each = online_time(start, end, devices)
    rates = sorted((online / known * 100, pk) for pk, (online, known) in each.items() if known)[:limit]
    known_devices = Device.objects.in_bulk([pk for _rate, pk in rates])
    return [{"device": known_devices[pk], "rate": rate} for rate, pk in rates if pk in known_devices]


def area_name(code: str) -> str:
    return places.name_of(code) if code else ""


def thresholds(day: date | None = None) -> rules.Thresholds:
    """What pictures are judged by on a day (today): the latest set that has begun, the example set where there is none."""
    row = PictureThresholds.objects.filter(starts_on__lte=day or timezone.localdate()).first()
    if row is None:
        return rules.EXAMPLE_THRESHOLDS
    return rules.Thresholds(row.black_mean, row.plain_deviation, row.blur_variance, row.frozen_difference)


# -- transcoding -----------------------------------------------------------------------------------------------------
def transcode_limit(day: date | None = None) -> int:
    """How many cameras may be transcoded at once on a day (today); the example set where there is none."""
    row = TranscodeLimit.objects.filter(starts_on__lte=day or timezone.localdate()).first()
    return row.most if row is not None else rules.EXAMPLE_TRANSCODES


def transcodes(user: Any, days: int = 7) -> dict[str, Any]:
    """Figures of the last days: how many ran, now, were refused, and what they cost; `load` in percent of one core."""
    since = timezone.now() - timedelta(days=days)
    rows = access.visible(user, "video.channel.view", Transcode.objects.filter(began_at__gte=since))
    ran = rows.exclude(stop_reason="transcode_full")
    over = ran.filter(ended_at__isnull=False)
    took = over.aggregate(
        cpu=Sum("cpu_seconds"), frames=Sum("frames"),
        wall=Sum(ExpressionWrapper(F("ended_at") - F("began_at"), output_field=DurationField())),
    )  # fmt: skip
    wall = took["wall"].total_seconds() if took["wall"] else 0.0
    return {
        "ran": ran.count(), "now": ran.filter(ended_at=None).count(), "limit": transcode_limit(),
        "refused": rows.filter(stop_reason="transcode_full").count(), "cpu_seconds": took["cpu"] or 0.0,
        "frames": took["frames"] or 0, "hours": wall / 3600, "load": took["cpu"] / wall * 100 if wall else None,
        "ms_a_frame": took["cpu"] / took["frames"] * 1000 if took["frames"] else None,
    }  # fmt: skip
