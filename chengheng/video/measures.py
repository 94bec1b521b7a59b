"""What this room can prove: call-ups, online time, pictures. Devices maintained is maintenance's own measure."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.video import queries
from chengheng.video.models import Call, Channel, Device, Snapshot, StateSpan


def _scoped(rows: QuerySet, scope: Scope, organisation: str, area: str) -> QuerySet:
    if scope.organisation is not None:
        rows = rows.filter(**{f"{organisation}__path__startswith": scope.organisation.path})
    if scope.area:
        rows = rows.filter(**{f"{area}__startswith": scope.area})
    return rows


def _calls(period: Period, scope: Scope) -> QuerySet[Call]:
    rows = Call.objects.filter(kind="live", **period.holds("asked_at")).exclude(
        stop_reason__in=("shutdown", "stopped"), first_key_at=None
    )
    rows = _scoped(rows, scope, "channel__organisation", "channel__area_code")
    return access.visible(scope.user, "video.call.view", rows) if scope.user else rows


@measure(
    "video.call_success_rate", label=_("Call-up success rate"), unit="%",
    definition=_("live call-ups whose first key frame came within 10 seconds ÷ live call-ups asked for; those that a "
                 "user or a restart cut off before are not counted"),
    source="local definition, configurable; steps of GB/T 28181-2016 9.2", system="video",
    keywords=("视频调用成功率", "调阅成功率", "视频调阅"), evidence_act="video.call.view",
)  # fmt: skip
def call_success_rate(period: Period, scope: Scope) -> Measured:
    calls = _calls(period, scope)
    good = calls.filter(first_key_at__lte=F("asked_at") + timedelta(seconds=10))
    return Measured.ratio(good.count(), calls.count(), calls)


@measure(
    "video.call_seconds", label=_("Call-up time"), unit="秒",
    definition=_("mean seconds from asking to the first key frame, of successful live call-ups"),
    source="local definition; steps of GB/T 28181-2016 9.2", system="video", better="lower",
    keywords=("视频调用时间", "响应时间"), evidence_act="video.call.view",
)  # fmt: skip
def call_seconds(period: Period, scope: Scope) -> Measured:
    calls = _calls(period, scope).filter(first_key_at__lte=F("asked_at") + timedelta(seconds=10))
    figures = queries.call_figures(calls)
    seconds = figures["call_seconds"]
    value = Decimal(str(seconds)).quantize(Decimal("0.001")) if seconds is not None else None
    return Measured(value, calls, denominator=figures["calls"])


@measure(
    "video.calls", label=_("Video call-ups"), unit="次", cumulative=True,
    definition=_("live call-ups and playbacks that brought a picture"), source="GB/T 28181-2016 9.2, 9.8",
    system="video", keywords=("视频调用次数", "调阅次数", "视频巡查"), evidence_act="video.call.view",
)  # fmt: skip
def calls(period: Period, scope: Scope) -> Measured:
    rows = Call.objects.filter(purpose="view", **period.holds("asked_at")).exclude(first_key_at=None)
    return Measured.count(
        _scoped(rows, scope, "channel__organisation", "channel__area_code"), ever=Call.objects.exists()
    )


@measure(
    "video.online_rate", label=_("Camera online rate"), unit="%",
    definition=_("time that devices were online ÷ time for which their state is known"),
    source="GB/T 28181-2016 9.6 (keepalive), local definition of the rate", system="video",
    keywords=("在线率", "摄像机在线率", "视频在线率", "设备在线率"), evidence_act="video.device.view",
)  # fmt: skip
def online_rate(period: Period, scope: Scope) -> Measured:
    devices = _scoped(Device.objects.filter(enabled=True), scope, "organisation", "area_code")
    online, known, _each = queries.online_time(period.starts_at, period.ends_before, devices)
    evidence = StateSpan.objects.filter(device__in=devices, since__lt=period.ends_before).exclude(
        until__lte=period.starts_at
    )
    value = (online / known * 100).quantize(Decimal("0.0001")) if known else None
    return Measured(value, evidence, online, known)


@measure(
    "video.picture_rate", label=_("Picture-present rate"), unit="%",
    definition=_("probes that found a picture (not black, covered, blurred, frozen or missing) ÷ probes"),
    source="local definition, thresholds in video.rules", system="video",
    keywords=("图像完好率", "视频完好率", "图像正常率"), evidence_act="video.channel.view",
)  # fmt: skip
def picture_rate(period: Period, scope: Scope) -> Measured:
    probes = Snapshot.objects.filter(purpose="probe", **period.holds("at")).exclude(verdict="")
    probes = _scoped(probes, scope, "channel__organisation", "channel__area_code")
    return Measured.ratio(probes.filter(verdict="good").count(), probes.count(), probes)


@measure(
    "video.cameras", label=_("Cameras that can be called up"), unit="路",
    definition=_("cameras in the catalogs of enabled devices today; the past is not reconstructed"),
    source="GB/T 28181-2016 9.5", system="video", keywords=("视频接入", "接入路数", "摄像机数量"),
    evidence_act="video.channel.view",
)  # fmt: skip
def cameras(period: Period, scope: Scope) -> Measured:
    rows = Channel.objects.filter(kind="camera", removed_at=None, hidden=False, device__enabled=True)
    return Measured.count(_scoped(rows, scope, "organisation", "area_code"), ever=Device.objects.exists())
