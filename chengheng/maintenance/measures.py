"""What maintenance can prove: devices and sites maintained, normal rate, response and repair times.

Every measure takes the variant "system"; without it all systems count together.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Avg, Max, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.maintenance import queries
from chengheng.maintenance.models import Bill, Device, Fault, Site, System, Visit
from chengheng.maintenance.reference import SYSTEMS, WORDS

OF_SYSTEM: dict[str, dict[str, str | Promise]] = {"system": dict(SYSTEMS)}
SYSTEM_WORDS: dict[str, dict[str, tuple[str, ...]]] = {"system": dict(WORDS)}
FOUR = Decimal("0.0001")


def _devices(period: Period, scope: Scope) -> QuerySet[Device]:
    rows = queries.in_service(period.starts_at, period.ends_before)
    if scope.option("system"):
        rows = rows.filter(system__code=scope.option("system"))
    if scope.organisation is not None:
        rows = rows.filter(site__organisation__path__startswith=scope.organisation.path)
    if scope.area:
        rows = rows.filter(site__organisation__district_code__startswith=scope.area[:6])
    return access.visible(scope.user, "maintenance.device.view", rows) if scope.user is not None else rows


def _faults(period: Period, scope: Scope) -> QuerySet[Fault]:
    rows = Fault.objects.filter(void=False, **period.holds("reported_at"))
    if scope.option("system"):
        rows = rows.filter(system__code=scope.option("system"))
    if scope.organisation is not None:
        rows = rows.filter(device__site__organisation__path__startswith=scope.organisation.path)
    if scope.area:
        rows = rows.filter(device__site__organisation__district_code__startswith=scope.area[:6])
    return access.visible(scope.user, "maintenance.fault.view", rows) if scope.user is not None else rows


def _visits(period: Period, scope: Scope) -> QuerySet[Visit]:
    rows = Visit.objects.filter(device__in=_devices(period, scope))
    return rows.select_related("plan")


@measure(
    "maintenance.devices", label=_("Devices maintained"), unit="台", cumulative=False, better="neither",
    definition=_("Devices of the register that were in service at some time of the period."),
    source="target tables 2024 (硬件设备维护数量); local definition", system="maintenance",
    keywords=("硬件设备维护数量", "硬件采购（维护）数量", "设备维护数量", "运维设备数量"),
    options=OF_SYSTEM, option_words=SYSTEM_WORDS, evidence_act="maintenance.device.view",
)  # fmt: skip
def devices(period: Period, scope: Scope) -> Measured:
    """Count of devices, not of their checks or parts."""
    return Measured.count(_devices(period, scope), ever=Device.objects.exists())


@measure(
    "maintenance.sites", label=_("Sites maintained"), unit="个", better="neither",
    definition=_("Sites (venues, points) at which a device was in service at some time of the period."),
    source="target table 2024 (各会场维护数量); local definition", system="maintenance",
    keywords=("各会场维护数量", "会场维护数量", "涉及区和单位", "点位维护数量"),
    options=OF_SYSTEM, option_words=SYSTEM_WORDS, evidence_act="maintenance.device.view",
)  # fmt: skip
def sites(period: Period, scope: Scope) -> Measured:
    """Count of sites; one with several devices counts once."""
    rows = Site.objects.filter(pk__in=_devices(period, scope).exclude(site=None).values("site"))
    return Measured.count(rows, ever=Device.objects.exists())


RATES: dict[str, str | Promise] = {
    "hours": _("device-hours normal ÷ device-hours due"),
    "count": _("devices normal at their inspections ÷ inspections"),
    "plan": _("inspections done in time and passed ÷ inspections due"),
}


@measure(
    "maintenance.normal_rate", label=_("Normal rate of devices"), unit="%",
    definition=_(
        "By choice: (a) device-hours normal ÷ device-hours due, approved windows and unwatched hours left out; (b) "
        "inspections that found the device normal ÷ inspections made; (c) inspections done in time and passed ÷ due."
    ),
    source="target tables 2024 (正常养护率 ≥90%); no standard defines it: local definitions, chosen per system",
    system="maintenance", keywords=("正常养护率", "设备完好率", "正常运行率", "正常维护率"),
    options=OF_SYSTEM | {"rate": RATES}, option_words=SYSTEM_WORDS, evidence_act="maintenance.device.view",
)  # fmt: skip
def normal_rate(period: Period, scope: Scope) -> Measured:
    """Per cent; by device-hours unless the variant or the system says otherwise. The note says what it rests on."""
    by = scope.option("rate")
    if not by and scope.option("system"):
        by = System.objects.filter(code=scope.option("system")).values_list("rate", flat=True).first() or ""
    if by == "count":
        rows = _visits(period, scope).filter(**period.holds("done_at"))
        return Measured.ratio(rows.filter(normal=True).count(), rows.count(), rows, note=str(RATES[by]))
    if by == "plan":
        rows = _visits(period, scope).filter(due_on__gte=period.start, due_on__lte=period.end)
        rows = queries.visits_judged(rows, timezone.localdate())
        return Measured.ratio(queries.visits_in_time(rows).count(), rows.count(), rows, note=str(RATES[by]))
    found = _devices(period, scope)
    times = queries.normal_seconds(found, period.starts_at, period.ends_before)
    due, down = sum(pair[0] for pair in times.values()), sum(pair[1] for pair in times.values())
    value = ((due - down) / due * 100).quantize(FOUR) if due else None
    watched = found.filter(spans__check_row__isnull=False).distinct().count()
    rest = len(times) - watched
    note = ngettext(
        "%(rest)s of %(all)s devices was not watched by probes: it counts as normal except while a fault was open.",
        "%(rest)s of %(all)s devices were not watched by probes: they count as normal except while a fault was open.",
        rest,
    ) % {"rest": rest, "all": len(times)}  # fmt: skip
    hours = Decimal(3600)
    return Measured(
        value, found, (Decimal(due - down) / hours).quantize(FOUR), (Decimal(due) / hours).quantize(FOUR),
        note if rest > 0 else str(RATES["hours"]),
    )  # fmt: skip


def rates_of(system: System, period: Period, user: Any) -> list[tuple[str, str | Promise, Measured, bool]]:
    """A system's normal rate by every definition: (code, formula, what it came to, whether it is the system's own)."""
    found = []
    for code, formula in RATES.items():
        scope = Scope(user=user).with_options({"system": system.code, "rate": code})
        found.append((code, formula, normal_rate(period, scope), code == system.rate))
    return found


@measure(
    "maintenance.response_hours", label=_("Response time to faults"), unit="小时", better="lower",
    definition=_(
        "Hours from the report to the response as the contract defines it, over faults reported in the period that were "
        "responded to; open ones count with the hours until now once they are late. By choice the longest or the mean."
    ),
    source="target tables 2024 (系统运行维护响应时间 ≤4小时); 响应 is not defined there: each contract says what ends it",
    system="maintenance", keywords=("系统运行维护响应时间", "维修响应时间", "运维响应时间", "故障响应时间"),
    options=OF_SYSTEM | {"figure": {"longest": _("longest"), "mean": _("mean")}}, option_words=SYSTEM_WORDS,
    evidence_act="maintenance.fault.view",
)  # fmt: skip
def response_hours(period: Period, scope: Scope) -> Measured:
    """Hours; without a choice the longest, because "≤ 4 hours" promises it for every fault."""
    rows = _faults(period, scope)
    figure = Avg if scope.option("figure") == "mean" else Max
    told = rows.exclude(response_hours=None)
    value = told.aggregate(value=figure("response_hours"))["value"]
    waiting = _unanswered_hours(rows, period)
    if waiting and scope.option("figure") != "mean":
        value = max(waiting, value or Decimal(0))
    met, all_of_them = told.filter(response_met=True).count(), told.count()
    note = _("%(met)s of %(all)s faults were responded to in time.") % {"met": met, "all": all_of_them}
    return Measured(Decimal(value).quantize(FOUR) if value is not None else None, rows, note=note)


def _unanswered_hours(rows: QuerySet[Fault], period: Period) -> Decimal | None:
    """Hours that the longest late unanswered fault has waited by the period's end; None when none is late."""
    moment = min(timezone.now(), period.ends_before)
    waited = [
        Decimal((moment - fault.reported_at).total_seconds()) / 3600
        for fault in rows.filter(response_hours=None, responded_at=None, closed_at=None, fixed_at=None)
        if fault.due_at is not None and fault.due_at < moment
    ]
    return max(waited, default=None)


@measure(
    "maintenance.response_rate", label=_("Faults responded to in time"), unit="%",
    definition=_("Faults of the period responded to within their contract's limit ÷ faults with a response."),
    source="local definition; limits of the contracts", system="maintenance",
    keywords=("响应及时率", "维修及时率", "故障响应率"), options=OF_SYSTEM, option_words=SYSTEM_WORDS,
    evidence_act="maintenance.fault.view",
)  # fmt: skip
def response_rate(period: Period, scope: Scope) -> Measured:
    rows = _faults(period, scope).exclude(response_met=None)
    return Measured.ratio(rows.filter(response_met=True).count(), rows.count(), rows)


@measure(
    "maintenance.repair_hours", label=_("Repair time of faults"), unit="小时", better="lower",
    definition=_("Mean hours from the report until it worked again, approved waiting left out."),
    source="local definition", system="maintenance", keywords=("故障修复时间", "维修时间", "平均修复时间"),
    options=OF_SYSTEM, option_words=SYSTEM_WORDS, evidence_act="maintenance.fault.view",
)  # fmt: skip
def repair_hours(period: Period, scope: Scope) -> Measured:
    rows = _faults(period, scope).exclude(repair_hours=None)
    value = rows.aggregate(value=Avg("repair_hours"))["value"]
    return Measured(Decimal(value).quantize(FOUR) if value is not None else None, rows)


@measure(
    "maintenance.cost", label=_("Cost of upkeep"), unit="万元", better="lower",
    definition=_("Bills of the period by the day of payment: contracts, electricity, network, parts; refunds deducted."),
    source="target tables 2024 (项目总成本); local definition", system="maintenance",
    keywords=("系统运维费用", "运维费用支出", "电费", "网络租赁费"), options=OF_SYSTEM | {"kind": dict(Bill.Kind.choices)},
    option_words=SYSTEM_WORDS, evidence_act="maintenance.money.view",
)  # fmt: skip
def cost(period: Period, scope: Scope) -> Measured:
    """万元; None while no bill was ever entered for the system."""
    rows = Bill.objects.filter(struck_at=None)
    if scope.option("system"):
        rows = rows.filter(system__code=scope.option("system"))
    if scope.option("kind"):
        rows = rows.filter(kind=scope.option("kind"))
    if scope.user is not None:
        rows = access.visible(scope.user, "maintenance.money.view", rows)
    inside = rows.filter(paid_on__gte=period.start, paid_on__lte=period.end)
    if not rows.filter(paid_on__lte=period.end).exists():
        return Measured(None, inside)
    fen = inside.aggregate(total=Sum("amount_fen"))["total"] or 0
    return Measured(Decimal(fen) / 1_000_000, inside)
