"""What people ask of maintenance: normal time, open faults, who maintains a device on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Avg, Count, F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common.people import access
from chengheng.common.ui.search import Hit
from chengheng.maintenance.models import Contract, Device, Fault, Span, Visit

OPEN = ("reported", "responded", "on_site", "waiting")

_NORMAL = """
with wanted as (
    select id, system_id, tstzrange(greatest(in_service_at, %(start)s), least(retired_at, %(end)s)) as service
    from maintenance_device
    where id = any(%(devices)s) and in_service_at < %(end)s and (retired_at is null or retired_at > %(start)s)
), not_up as (
    select device_id,
           range_agg(tstzrange(since, until)) filter (where state = 'down') as down,
           range_agg(tstzrange(since, until)) filter (where state = 'unknown') as unknown
    from maintenance_span
    where state <> 'up' and since < %(end)s and (until is null or until > %(start)s) and device_id = any(%(devices)s)
    group by device_id
), windows as (
    select coalesce(device_id, 0) as device_id, coalesce(system_id, 0) as system_id,
           tstzrange(starts_at, ends_at) as gone
    from maintenance_exclusion where starts_at < %(end)s and ends_at > %(start)s
), gone as (
    select id, range_agg(gone) as gone
    from (select w.id, x.gone from wanted w join windows x on x.device_id = w.id
          union all
          select w.id, x.gone from wanted w join windows x on x.system_id = w.system_id) each
    group by id
), due as (
    select w.id, w.service, n.down,
           case when n.device_id is null and g.id is null then null
                else tstzmultirange(w.service) - coalesce(g.gone, '{}')
                     - (coalesce(n.unknown, '{}') - coalesce(n.down, '{}')) end as due
    from wanted w left join not_up n on n.device_id = w.id left join gone g on g.id = w.id
)
select id,
       case when due is null then extract(epoch from upper(service) - lower(service))
            else coalesce((select sum(extract(epoch from upper(r) - lower(r))) from unnest(due) r), 0) end,
       case when down is null then 0
            else coalesce((select sum(extract(epoch from upper(r) - lower(r))) from unnest(due * down) r), 0) end
from due
"""


def normal_seconds(
    devices: QuerySet[Device] | Iterable[int], start: datetime, end: datetime, now: datetime | None = None
) -> dict[int, tuple[Decimal, Decimal]]:
    """Device → (due, down) in seconds within [start, end), exactly as `rules.spans` says; the future is not due.

    Devices that were not in service in the period are left out.
    """
    end = min(end, now or timezone.now())
    if end <= start:
        return {}
    ids = list(devices.values_list("pk", flat=True)) if isinstance(devices, QuerySet) else list(devices)
    with connection.cursor() as cursor:
        cursor.execute(_NORMAL, {"devices": ids, "start": start, "end": end})
        return {pk: (Decimal(due), Decimal(down)) for pk, due, down in cursor.fetchall()}


def in_service(start: datetime, end: datetime) -> QuerySet[Device]:
    """Devices that were in service at some time of [start, end)."""
    return Device.objects.filter(Q(retired_at__isnull=True) | Q(retired_at__gt=start), in_service_at__lt=end)


def contract_on(device: Device, day: date) -> Contract | None:
    """The contract under which a device is maintained on a day: its vendor's first, else any of its system."""
    rows = Contract.objects.filter(system=device.system_id, starts_on__lte=day, ends_on__gte=day)
    return rows.filter(vendor=device.vendor_id).first() or rows.first()


def open_fault(device: Device) -> Fault | None:
    """The fault of a device that is not closed yet."""
    return Fault.objects.filter(device=device, closed_at__isnull=True).first()


def state_of(devices: Iterable[Device]) -> dict[int, str]:
    """Device → down, unknown or up, from the open spans; a device that nothing watches and nobody reported is up."""
    ids = [device.pk for device in devices]
    found: dict[int, str] = dict.fromkeys(ids, Span.State.UP.value)
    for pk, state in Span.objects.filter(device__in=ids, until__isnull=True).values_list("device", "state"):
        rank = ("up", "unknown", "down")
        found[pk] = max(found[pk], state, key=rank.index)
    return found


@dataclass(frozen=True)
class SystemState:
    """What the state page shows of one system."""

    system: Any
    devices: int
    down: int
    unknown: int
    watched: int
    open_faults: int
    late: int


def systems(user: Any) -> list[SystemState]:
    """All systems of which the user sees devices, as they are now."""
    visible = access.visible(user, "maintenance.device.view", Device.objects.filter(retired_at__isnull=True))
    rows: dict[Any, list[Device]] = {}
    for device in visible.select_related("system"):
        rows.setdefault(device.system, []).append(device)
    states = state_of([device for found in rows.values() for device in found])
    watched = set(visible.filter(checks__enabled=True).values_list("pk", flat=True))
    faults = access.visible(user, "maintenance.fault.view", Fault.objects.filter(closed_at__isnull=True))
    now = timezone.now()
    counted: dict[int, Any] = {
        row["system"]: row
        for row in faults.order_by()
        .values("system")
        .annotate(n=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now)))
    }
    return [
        SystemState(
            system, len(found), sum(states[d.pk] == "down" for d in found),
            sum(states[d.pk] == "unknown" for d in found), sum(d.pk in watched for d in found),
            counted.get(system.pk, {}).get("n", 0), counted.get(system.pk, {}).get("late", 0),
        )
        for system, found in sorted(rows.items(), key=lambda pair: pair[0].pk)
    ]  # fmt: skip


def known_solutions(fault: Fault, limit: int = 5) -> QuerySet[Fault]:
    """Closed faults of the same type of device with a solution, newest first: what helped before."""
    rows = Fault.objects.filter(device__kind=fault.device.kind, closed_at__isnull=False, void=False)
    return rows.exclude(solution="").exclude(pk=fault.pk).select_related("device").order_by("-closed_at")[:limit]


def service_report(contract: Contract, start: datetime, end: datetime) -> dict[str, Any]:
    """The vendor's month: faults, response and repair, normal rate, penalties by the contract's rules."""
    from chengheng.maintenance.rules.service import PenaltyRule, penalty

    faults = Fault.objects.filter(contract=contract, reported_at__gte=start, reported_at__lt=end, void=False)
    devices = in_service(start, end).filter(system=contract.system, vendor=contract.vendor)
    times = normal_seconds(devices, start, end)
    due, down = sum(t[0] for t in times.values()), sum(t[1] for t in times.values())
    rate = ((due - down) / due * 100).quantize(Decimal("0.0001")) if due else None
    rows = list(faults.select_related("device"))
    over = {
        "late_response": [
            f.response_hours - contract.response_amount for f in rows if f.response_met is False and f.response_hours
        ],
        "late_repair": [
            f.repair_hours - contract.repair_amount for f in rows if f.repair_met is False and f.repair_hours
        ],
    }
    penalties = []
    for entry in contract.penalties:
        rule = PenaltyRule(
            entry["kind"],
            int(entry["amount_fen"]),
            int(entry.get("most_fen", 0)),
            Decimal(str(entry.get("threshold", 0))),
        )
        below = [rule.threshold - rate] if rule.kind == "low_rate" and rate is not None else over.get(rule.kind, [])
        penalties.append((rule, penalty(rule, below)))
    figures = faults.aggregate(response=Avg("response_hours"), repair=Avg("repair_hours"))
    return {
        "faults": rows, "devices": len(times), "rate": rate, "penalties": penalties,
        "penalty_fen": sum(amount for _rule, amount in penalties), **figures,
        "late": sum(f.response_met is False for f in rows),
    }  # fmt: skip


def visits_in_time(rows: QuerySet[Visit]) -> QuerySet[Visit]:
    """Visits done by their due day and the plan's grace, with the device found normal."""
    from datetime import timedelta

    from django.db.models import DateTimeField, DurationField, ExpressionWrapper, Value
    from django.db.models.functions import Cast

    limit = ExpressionWrapper(
        Cast(F("due_on"), DateTimeField())
        + (F("plan__grace_days") + Value(1)) * Value(timedelta(days=1), output_field=DurationField()),
        output_field=DateTimeField(),
    )
    return rows.filter(normal=True, done_at__lt=limit)


def find(user: Any, words: str, limit: int) -> list[Hit]:
    """Devices and faults for the search box."""
    if not access.grants(user, "maintenance.device.view"):
        return []
    devices = access.visible(user, "maintenance.device.view", Device.objects.all()).filter(
        Q(code__icontains=words) | Q(name__icontains=words) | Q(serial__icontains=words) | Q(address__icontains=words)
    )
    hits = [
        Hit(str(row), row.get_absolute_url(), _("Device"), str(row.system), "server")
        for row in devices.select_related("system")[:limit]
    ]
    faults = access.visible(user, "maintenance.fault.view", Fault.objects.filter(title__icontains=words))
    hits += [
        Hit(str(row), row.get_absolute_url(), _("Device fault"), row.state_label, "tool") for row in faults[:limit]
    ]
    return hits
