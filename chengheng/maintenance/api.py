"""The acts and questions of this room for machines; alerts of Prometheus and Zabbix come in here by webhook."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema, Status
from pydantic import ValidationError

from chengheng.common import replay
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import actions, queries
from chengheng.maintenance.basedata.ogc import router as ogc
from chengheng.maintenance.errors import BadDelivery
from chengheng.maintenance.models import AlertSource, Device, Fault, Visit
from chengheng.maintenance.rules import service

router = Router(tags=["maintenance"])
router.add_router("/ogc/", ogc)
WARNINGS = {"warning", "info", "none"}
ZABBIX_OUTAGE = 4
"""From "high" on; Zabbix: 0 not classified, 1 information, 2 warning, 3 average, 4 high, 5 disaster."""


class DeviceOut(Schema):
    id: int
    code: str
    name: str
    system: str = Field(alias="system.code")
    kind: str
    address: str
    in_service_at: datetime
    retired_at: datetime | None


class FaultOut(Schema):
    id: int
    number: str
    device: str = Field(alias="device.code")
    state: str
    source: str
    title: str
    happened_at: datetime
    reported_at: datetime
    fixed_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None
    response_hours: float | None
    repair_hours: float | None


class FaultIn(Schema):
    device: str = Field(description="the device's code", max_length=40)
    title: str = Field(min_length=1, max_length=200)
    stops_service: bool = True
    happened_at: datetime | None = None


class FaultMade(FaultOut):
    new: bool = Field(description="false: the report joined the device's open fault")

    @staticmethod
    def resolve_new(fault: Fault) -> bool:
        return fault.reports == 1


class AlertOut(Schema):
    taken: int
    unknown: list[str] = Field(description="alerts whose device is not in the register")


class Alert(Schema):
    """One alert as Alertmanager sends it (webhook version 4); other fields are left aside."""

    status: str = Field(pattern="^(firing|resolved)$")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    fingerprint: str = Field("", max_length=40)
    startsAt: datetime | None = None
    endsAt: datetime | None = None


class Alerts(Schema):
    alerts: list[Alert] = Field(max_length=500)


class ZabbixAlert(Schema):
    """Zabbix has no fixed body: its webhook media type is set up to send these."""

    host: str = Field(description="{HOST.HOST} or {HOST.IP}", max_length=100)
    value: int = Field(description="{EVENT.VALUE}: 1 problem, 0 resolved", ge=0, le=1)
    name: str = Field(description="{EVENT.NAME}", max_length=300)
    trigger: str = Field("", description="{TRIGGER.ID}: tells problems of one host apart", max_length=60)
    severity: int = Field(5, description="{EVENT.NSEVERITY}: 0 to 5; below 4 it is a warning", ge=0, le=5)


@router.get("/devices", response=list[DeviceOut])
def devices(request: HttpRequest, system: str = "", after: int = 0, limit: int = 200) -> Any:
    """Devices by id, from after `after`, at most 1,000 at once."""
    rows = access.visible(request.user, "maintenance.device.view", Device.objects.select_related("system"))
    rows = rows.filter(system__code=system) if system else rows
    return rows.filter(pk__gt=after).order_by("pk")[: max(1, min(limit, 1000))]


@router.get("/devices/{code}/state")
def state(request: HttpRequest, code: str) -> dict[str, Any]:
    """up, down or unknown; with the device's open fault."""
    row = access.fetch(request.user, "maintenance.device.view", Device.objects.all(), code=code)
    fault = queries.open_fault(row)
    return {"state": queries.state_of([row])[row.pk], "fault": fault.pk if fault else None}


@router.get("/faults", response=list[FaultOut])
def faults(request: HttpRequest, open_only: bool = False, after: int = 0, limit: int = 200) -> Any:
    """Faults by id, from after `after`, at most 1,000 at once."""
    rows = access.visible(request.user, "maintenance.fault.view", Fault.objects.select_related("device"))
    rows = rows.filter(closed_at__isnull=True) if open_only else rows
    return rows.filter(pk__gt=after).order_by("pk")[: max(1, min(limit, 1000))]


@router.post("/faults", response=FaultMade)
def report(request: HttpRequest, body: FaultIn) -> Any:
    """Report a fault; while the device has an open one, the report joins it, so that repeating does no harm."""
    access.require(request.user, "maintenance.fault.report")
    row = access.fetch(request.user, "maintenance.device.view", Device.objects.all(), code=body.device)
    return actions.report_fault(
        request.user, row, source=Fault.Source.SYSTEM, title=body.title, stops_service=body.stops_service,
        happened_at=body.happened_at,
    )[0]  # fmt: skip


def _device_of(user: Any, names: list[str]) -> Device | None:
    """The device that one of the names means: its code, its outside key or its network address."""
    known = [name for name in names if name]
    rows = access.visible(user, "maintenance.device.view", Device.objects.filter(retired_at__isnull=True))
    return rows.filter(Q(code__in=known) | Q(outside__in=known) | Q(address__in=known)).first() if known else None


def _take_prometheus(user: Any, origin: str, body: Alerts) -> dict[str, Any]:
    taken, unknown = 0, []
    for alert in body.alerts:
        labels = alert.labels
        instance = labels.get("instance", "")
        host = urlsplit(f"//{instance}").hostname or ""
        row = _device_of(user, [labels.get("device", ""), instance, host])
        name = labels.get("alertname", "")
        text = alert.annotations.get("summary") or name
        if row is None:
            unknown.append(text or instance)
            continue
        firing = alert.status == "firing"
        actions.take_alert(
            user, row, ok=not firing, at=alert.startsAt if firing else alert.endsAt, text=text,
            key=f"{origin}:{name}:{instance} {alert.fingerprint}".strip()[:300], stops_service=labels.get("severity") not in WARNINGS,
        )  # fmt: skip
        taken += 1
    return {"taken": taken, "unknown": unknown}


def _take_zabbix(user: Any, origin: str, body: ZabbixAlert) -> dict[str, Any]:
    row = _device_of(user, [body.host])
    if row is None:
        return {"taken": 0, "unknown": [body.name]}
    actions.take_alert(
        user, row, ok=body.value == 0, text=body.name, key=f"{origin}:{body.host}:{body.trigger or body.name}"[:300],
        stops_service=body.severity >= ZABBIX_OUTAGE,
    )  # fmt: skip
    return {"taken": 1, "unknown": []}


@router.post("/alerts/prometheus", response=AlertOut)
def prometheus(request: HttpRequest, body: Alerts) -> Any:
    """Alertmanager's webhook with an API token. The label `device` (else the host of `instance`) names the device.

    An alert with `severity` warning, info or none raises a fault, but counts as no outage.
    """
    access.require(request.user, "maintenance.fault.report")
    return _take_prometheus(request.user, "prometheus", body)


@router.post("/alerts/zabbix", response=AlertOut)
def zabbix(request: HttpRequest, body: ZabbixAlert) -> Any:
    """Zabbix' webhook with an API token. Below severity 4 (high) a problem counts as no outage."""
    access.require(request.user, "maintenance.fault.report")
    return _take_zabbix(request.user, "zabbix", body)


class RoundOut(Schema):
    id: int
    due_on: date
    late: bool = Field(description="the day and the plan's grace have passed")
    plan: str
    code: str = Field(alias="device.code")
    name: str = Field(alias="device.name")
    where: str
    items: list[str]
    label_sha256: str = Field(description="of the label's text: the phone knows the right one without holding it")

    @staticmethod
    def resolve_plan(visit: Visit) -> str:
        return visit.plan.name

    @staticmethod
    def resolve_items(visit: Visit) -> list[str]:
        return [str(text) for text in visit.plan.items]

    @staticmethod
    def resolve_late(visit: Visit) -> bool:
        return visit.due_on + timedelta(days=visit.plan.grace_days) < timezone.localdate()

    @staticmethod
    def resolve_where(visit: Visit) -> str:
        place = visit.device
        return " ".join(str(part) for part in (place.site or "", place.room, place.rack) if part)

    @staticmethod
    def resolve_label_sha256(visit: Visit) -> str:
        return sha256(visit.device.label.encode()).hexdigest()


class FindingIn(Schema):
    client_id: UUID
    visit: int
    normal: bool
    answers: dict[str, bool] = Field({}, max_length=100)
    note: str = Field("", max_length=500)
    label: str = Field("", max_length=20, description="what the device's QR label says; proves the place")
    done_at: datetime


@router.get("/rounds", response=list[RoundOut])
def rounds(request: HttpRequest) -> Any:
    """The visits that are due within a week or late, of which the caller may record the findings; at most 500."""
    return queries.rounds_of(request.user, timezone.localdate())[:500]


@router.post("/visits", response={201: dict})
def found(request: HttpRequest, body: FindingIn) -> Any:
    """Hand in the findings of a visit. The same body again gives the same answer; a second opinion is refused."""
    access.require(request.user, "maintenance.visit.record")
    with replay.once(body.client_id, request.user, "maintenance.visit", body.model_dump(mode="json")) as once:
        if once.answer is not None:
            return Status(201, once.answer)
        row = access.fetch(request.user, "maintenance.visit.record", Visit.objects.all(), pk=body.visit)
        row = actions.record_visit(
            row, request.user, normal=body.normal, answers=body.answers, note=body.note, label=body.label,
            done_at=body.done_at,
        )  # fmt: skip
        return Status(201, once.keep({"visit": row.pk, "proved": row.label_read}, 201))


@router.post("/hooks/{code}", response=AlertOut, auth=None)
def hook(request: HttpRequest, code: str) -> Any:
    """Alerts of a source that signs them, without a token.

    `X-Chengheng-Timestamp`: seconds since 1970, at most five minutes off; `X-Chengheng-Signature`: "v1=" and the
    hexadecimal HMAC-SHA256 of "timestamp.body" under the source's secret. The body is that of Alertmanager or Zabbix,
    as the source is set up. A repeated delivery changes nothing.
    """
    source = AlertSource.objects.filter(code=code, active=True).first()
    stamp = request.headers.get("X-Chengheng-Timestamp", "")
    given = request.headers.get("X-Chengheng-Signature", "")
    if source is None or not service.signed(source.secret, stamp, request.body, given, timezone.now()):
        raise BadDelivery
    try:
        body = (ZabbixAlert if source.kind == source.Kind.ZABBIX else Alerts).model_validate_json(request.body)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"{'.'.join(str(at) for at in first['loc'])}: {first['msg']}") from None
    with transaction.atomic():
        found = (
            _take_zabbix(SYSTEM, source.code, body)
            if isinstance(body, ZabbixAlert)
            else _take_prometheus(SYSTEM, source.code, body)
        )
        actions.note_delivery(source, found["taken"], found["unknown"])
    return found
