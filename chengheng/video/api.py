"""The acts and questions of this room for machines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from chengheng.common.people import access
from chengheng.video import actions, queries, words
from chengheng.video.models import Call, Capture, Channel, Device, Snapshot

router = Router(tags=["video"])


class CameraOut(Schema):
    id: int
    gb_id: str
    name: str
    online: bool
    movable: bool
    lon: float | None
    lat: float | None
    area_code: str
    organisation: str = Field(alias="organisation.name")
    picture: str


class DeviceIn(Schema):
    gb_id: str = Field(max_length=20)
    name: str = Field(max_length=120)
    organisation: str = Field(description="code of the organisation")
    kind: str = Field("device", pattern="^(device|platform)$")
    media_mode: str = Field("tcp_passive", pattern="^(tcp_passive|tcp_active|udp)$")
    area_code: str = Field("", max_length=20)


class DeviceOut(Schema):
    id: int
    gb_id: str
    name: str
    online: bool
    manufacturer: str
    model: str
    last_seen_at: datetime | None
    catalog_complete: bool
    catalog_found: int | None


class DeviceMade(DeviceOut):
    password: str = Field(description="shown this once")


class SubscriptionsIn(Schema):
    catalog: bool = True
    alarms: bool = False
    positions: bool = False
    position_seconds: int = Field(10, ge=1, le=3600)


class SubscriptionOut(Schema):
    subject: str = Field(description="Catalog, Alarm or MobilePosition")
    wanted: bool
    state: str = Field(description="active, refused, no_answer, terminated, ended; empty: never asked")
    until: datetime | None
    detail: str
    notices: int
    last_notice_at: datetime | None


class PlayIn(Schema):
    from_at: datetime | None = None
    to_at: datetime | None = None
    stream: int = Field(0, ge=0, le=1)


class PlayOut(Schema):
    token: str
    path: str = Field(description="on the live port, WebSocket")
    seconds: int


class SteerIn(Schema):
    pan: float = Field(0, ge=-1, le=1)
    tilt: float = Field(0, ge=-1, le=1)
    zoom: float = Field(0, ge=-1, le=1)
    preset: int | None = Field(None, ge=1, le=255)
    act: str = Field("call", pattern="^(call|set|delete)$")


class SnapshotOut(Schema):
    id: int
    at: datetime
    camera: int = Field(alias="channel_id")
    sha256: str
    signature: str
    verdict: str


class CaptureIn(Schema):
    number: int = Field(1, ge=1, le=10)
    interval: int = Field(1, ge=1, le=60, description="seconds between two pictures")


class CaptureOut(Schema):
    id: int
    camera: int = Field(alias="channel_id")
    state: str = Field(description="running, done, short, refused, failed")
    wanted: int
    received: int
    refused: int
    fault: str
    asked_at: datetime
    ended_at: datetime | None


class StepOut(Schema):
    code: str
    at: datetime | None
    after_ms: int | None
    state: str


class CallOut(Schema):
    id: str
    camera: int
    kind: str
    asked_at: datetime
    ended_at: datetime | None
    stop_reason: str
    what: str
    look: str
    steps: list[StepOut]


class StateOut(Schema):
    cameras: int
    online: int
    calls: int
    calls_good: int
    call_seconds: Decimal | None


@router.get("/cameras", response=list[CameraOut])
def list_cameras(request: HttpRequest, q: str = "", limit: int = 100, offset: int = 0) -> Any:
    """Cameras that the caller may watch, by name."""
    rows = queries.cameras(request.user).select_related("organisation").order_by("name", "pk")
    if q:
        rows = rows.filter(name__icontains=q[:60])
    return rows[max(0, offset) : max(0, offset) + max(1, min(limit, 1000))]


@router.get("/devices", response=list[DeviceOut])
def list_devices(request: HttpRequest, limit: int = 100, offset: int = 0) -> Any:
    rows = access.visible(request.user, "video.device.view", Device.objects.order_by("pk"))
    return rows[max(0, offset) : max(0, offset) + max(1, min(limit, 1000))]


@router.post("/devices", response={201: DeviceMade})
def add_device(request: HttpRequest, device: DeviceIn) -> Any:
    """Add a device; the answer carries its password, once."""
    from chengheng.common.errors import Invalid
    from chengheng.common.people.models import Organisation

    organisation = Organisation.objects.filter(code=device.organisation).first()
    if organisation is None:
        raise Invalid(field="organisation")
    made, password = actions.add_device(
        request.user, device.gb_id, device.name, organisation, kind=device.kind, media_mode=device.media_mode,
        area_code=device.area_code,
    )  # fmt: skip
    made.password = password  # type: ignore[attr-defined]
    return 201, made


@router.post("/devices/{pk}/catalog")
def read_catalog(request: HttpRequest, pk: int) -> dict[str, Any]:
    return actions.read_catalog(request.user, pk)


@router.get("/devices/{pk}/subscriptions", response=list[SubscriptionOut])
def list_subscriptions(request: HttpRequest, pk: int) -> Any:
    """What a device is wanted to tell by itself, and how its subscriptions stand."""
    return _subscriptions(access.fetch(request.user, "video.device.view", Device.objects.all(), pk=pk))


@router.put("/devices/{pk}/subscriptions", response=list[SubscriptionOut])
def subscribe(request: HttpRequest, pk: int, wanted: SubscriptionsIn) -> Any:
    """Choose what a device shall tell by itself; it is asked at once when it is registered."""
    return _subscriptions(actions.subscribe(request.user, pk, **wanted.dict()))


def _subscriptions(device: Device) -> list[dict[str, Any]]:
    return [
        {
            "subject": item["subject"], "wanted": item["wanted"], "state": row.state if row else "",
            "until": row.until if row else None, "detail": row.detail if row else "",
            "notices": row.notices if row else 0, "last_notice_at": row.last_notice_at if row else None,
        }
        for item in queries.subscriptions_of(device)
        for row in (item["row"],)
    ]  # fmt: skip


@router.post("/cameras/{pk}/play", response=PlayOut)
def play(request: HttpRequest, pk: int, asked: PlayIn) -> Any:
    """A token that opens one player for one minute, live or from the device's recording."""
    token = actions.permit_watching(
        request.user, pk, session_key=getattr(request.session, "session_key", None) or "", stream=asked.stream,
        from_at=asked.from_at, to_at=asked.to_at,
    )  # fmt: skip
    return {"token": token, "path": "/video/play", "seconds": 60}


@router.post("/cameras/{pk}/steer", response={204: None})
def steer(request: HttpRequest, pk: int, asked: SteerIn) -> Any:
    """Move the camera; speeds −1 to 1, all 0 stops. A preset instead of speeds calls, sets or deletes it."""
    told = (
        {"preset": asked.preset, "act": asked.act}
        if asked.preset is not None
        else {"pan": asked.pan, "tilt": asked.tilt, "zoom": asked.zoom}
    )
    actions.steer(request.user, pk, told)
    return 204, None


@router.post("/cameras/{pk}/snapshot", response={201: SnapshotOut})
def snapshot(request: HttpRequest, pk: int) -> Any:
    return 201, actions.take_snapshot(request.user, pk)


@router.post("/cameras/{pk}/capture", response={202: CaptureOut})
def capture(request: HttpRequest, pk: int, asked: CaptureIn) -> Any:
    """Have a 2022 device take pictures itself; ask for the capture until `state` is not running."""
    return 202, actions.capture(request.user, pk, asked.number, asked.interval)


@router.get("/captures/{pk}", response=CaptureOut)
def get_capture(request: HttpRequest, pk: int) -> Any:
    return access.fetch(request.user, "video.channel.view", Capture.objects.all(), pk=pk)


@router.get("/cameras/{pk}/snapshots", response=list[SnapshotOut])
def list_snapshots(request: HttpRequest, pk: int, limit: int = 50) -> Any:
    channel = access.fetch(request.user, "video.channel.view", Channel.objects.all(), pk=pk)
    return Snapshot.objects.filter(channel=channel).exclude(purpose="probe")[: max(1, min(limit, 500))]


@router.get("/calls/{pk}", response=CallOut)
def get_call(request: HttpRequest, pk: str) -> Any:
    """One call-up with its steps and, in plain words, where it stopped and what to look at."""
    from uuid import UUID

    from chengheng.common.errors import NotFound

    try:
        key = UUID(pk)
    except ValueError:
        raise NotFound from None
    call = access.fetch(request.user, "video.call.view", Call.objects.all(), pk=key)
    what, look = words.reason(call.stop_reason)
    return {
        "id": str(call.pk), "camera": call.channel_id, "kind": call.kind, "asked_at": call.asked_at,
        "ended_at": call.ended_at, "stop_reason": call.stop_reason, "what": what, "look": look,
        "steps": queries.steps_of(call),
    }  # fmt: skip


@router.get("/state", response=StateOut)
def state(request: HttpRequest) -> Any:
    """The figures of the state page: the last seven days."""
    access.require(request.user, "video.channel.view")
    found = queries.state(request.user)
    return {
        "cameras": found["total"], "online": found["online"], "calls": found["calls"],
        "calls_good": found["calls_good"], "call_seconds": found["call_seconds"],
    }  # fmt: skip
