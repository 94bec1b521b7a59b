"""What people ask of maintenance: normal time, open faults, who maintains a device on a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Avg, Count, DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chengheng.common import spending, trail
from chengheng.common.measures import Period
from chengheng.common.people import access
from chengheng.common.ui.search import Hit
from chengheng.maintenance.care.models import Rating
from chengheng.maintenance.care.queries import satisfied
from chengheng.maintenance.models import Bill, Contract, Device, Exclusion, Fault, Hourly, Plan, Span, System, Visit
from chengheng.maintenance.rules import sweep, watch
from chengheng.maintenance.rules.service import PenaltyRule, limit_hours, penalty

OPEN = ("reported", "responded", "on_site", "waiting")

_DEVICES = """
select string_agg(int8send(id) || int8send(system_id) || timestamptz_send(greatest(in_service_at, %(start)s))
                  || timestamptz_send(least(retired_at, %(end)s)), ''::bytea order by id)
from maintenance_device
where id {ids} and in_service_at < %(end)s and (retired_at is null or retired_at > %(start)s)
"""
_SPANS = """
select string_agg(int8send(device_id) || int8send((state = 'down')::int) || timestamptz_send(since)
                  || timestamptz_send(coalesce(until, %(end)s)), ''::bytea)
from maintenance_span
where state <> 'up' and since < %(end)s and (until is null or until > %(start)s) and device_id {ids}
"""
"""Tens of thousands of rows of four numbers come as one string of bytes: a Python object for each would cost more than all
the rest. Moments are microseconds since 2000 in it, as PostgreSQL keeps them."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _columns(cursor: Any, statement: str, said: dict[str, Any]) -> np.ndarray:
    """The four columns of eight-byte values that a statement sends as one string of bytes."""
    cursor.execute(statement, said)
    return np.frombuffer(cursor.fetchone()[0] or b"", ">i8").astype(np.int64).reshape(-1, 4).T


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _excluded(ids: np.ndarray, systems: np.ndarray, start: datetime, end: datetime) -> sweep.Intervals:
    """The windows of a period, each at every device that it is for."""
    places, since, until = [], [], []
    rows = Exclusion.objects.filter(starts_at__lt=end, ends_at__gt=start)
    for device, system, begin, over in rows.values_list("device", "system", "starts_at", "ends_at"):
        meant = np.flatnonzero(ids == device if device is not None else systems == system)
        places.append(meant)
        since.append(np.full(len(meant), _micros(begin)))
        until.append(np.full(len(meant), _micros(over)))
    if not places:
        return sweep.Intervals(*(np.empty(0, dtype=np.int64) for _each in range(3)))
    return sweep.Intervals(np.concatenate(places), np.concatenate(since), np.concatenate(until))


def normal_seconds(
    devices: QuerySet[Device] | Iterable[int], start: datetime, end: datetime, now: datetime | None = None
) -> dict[int, tuple[Decimal, Decimal]]:
    """Device → (due, down) in seconds within [start, end), exactly as `rules.spans` says; the future is not due.

    Devices that were not in service in the period are left out.
    """
    end = min(end, now or timezone.now())
    if end <= start:
        return {}
    said: dict[str, Any] = {"start": start, "end": end}
    if isinstance(devices, QuerySet):
        inner, values = devices.order_by().values("pk").query.sql_with_params()
        names = [f"d{number}" for number in range(len(values))]
        first, *rest = inner.split("%s")
        ids = f"in ({first}{''.join(f'%({name})s{part}' for name, part in zip(names, rest, strict=True))})"
        said |= dict(zip(names, values, strict=True))
    else:
        ids, said["devices"] = "= any(%(devices)s)", list(devices)
    with connection.cursor() as cursor:
        keys, systems, lo, hi = _columns(cursor, _DEVICES.format(ids=ids), said)
        if not len(keys):
            return {}
        device, is_down, since, until = _columns(cursor, _SPANS.format(ids=ids), said)
    at = np.minimum(np.searchsorted(keys, device), len(keys) - 1)
    here = keys[at] == device
    down, unknown = (
        sweep.Intervals(at[chosen], since[chosen], until[chosen])
        for chosen in (here & (is_down == 1), here & (is_down == 0))
    )
    due, broken = sweep.normal_times(lo, hi, down, unknown, _excluded(keys, systems, start, end))
    seconds = {value: Decimal(value) / 1_000_000 for value in {*due.tolist(), *broken.tolist()}}
    return {
        key: (seconds[one], seconds[other])
        for key, one, other in zip(keys.tolist(), due.tolist(), broken.tolist(), strict=True)
    }


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


DAYS_SHOWN = 7


def hours_of(device: Device, now: datetime) -> list[tuple[Any, dict[str, Any]]]:
    """The last days of each check that answers with a time, as a chart: mean and slowest answer of each hour, in ms."""
    since = now - timedelta(days=DAYS_SHOWN)
    rows: dict[int, list[Hourly]] = {}
    for row in Hourly.objects.filter(check_row__device=device, hour__gte=since).order_by("hour"):
        rows.setdefault(row.check_row_id, []).append(row)
    checks = {check.pk: check for check in device.checks.all()}
    charts = []
    for pk, hours in rows.items():
        if not any(row.mean_ms is not None for row in hours):
            continue
        series = [
            {"name": str(_("mean")), "data": [_ms(row.mean_ms) for row in hours], "tone": "info"},
            {"name": str(_("slowest")), "data": [_ms(row.slowest_ms) for row in hours], "tone": "warn"},
        ]
        x = [f"{timezone.localtime(row.hour):%m-%d %H}" for row in hours]
        charts.append((checks[pk], {"kind": "line", "unit": "ms", "x": x, "series": series}))
    return charts


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def windows_of(subject: Device | System, now: datetime) -> list[tuple[Exclusion, bool, bool]]:
    """The latest windows of a device (its own and its system's) or of a system: (window, has it begun, is it over)."""
    if isinstance(subject, Device):
        rows = Exclusion.objects.filter(Q(device=subject) | Q(system=subject.system_id))
    else:
        rows = Exclusion.objects.filter(system=subject)
    rows = rows.select_related("system", "approved_by").order_by("-starts_at")
    return [(row, row.starts_at <= now, row.ends_at <= now) for row in rows[:8]]


@dataclass(frozen=True)
class Event:
    """Something in a device's life: when, what, by whom, and in words what changed."""

    at: datetime
    label: str
    by: str
    changes: list[tuple[str, str, str]]
    note: str


def life_of(device: Device, limit: int = 30) -> list[Event]:
    """The life of a device, the latest first: registered, moved, changed, watched, excluded, retired."""
    names = {field.name: str(field.verbose_name) for field in Device._meta.fields}
    found = []
    for entry in trail.history(device).order_by("-at")[:limit]:
        before, after = entry.data.get("before") or {}, entry.data.get("after") or {}
        changes = [(names.get(name, name), _plain(before.get(name)), _plain(value)) for name, value in after.items()]
        for key, label in (("depends_on", _("depends on")), ("depends_no_longer_on", _("depends no longer on"))):
            if entry.data.get(key):
                changes.append((label, "", str(entry.data[key])))
        if entry.data.get("check"):
            changes.append((_("probe"), "", str(entry.data["check"])))
        found.append(Event(entry.at, entry.act_label, entry.actor_label, changes, entry.note))
    return found


def _plain(value: Any) -> str:
    return "" if value in (None, "None") else str(value)


@dataclass(frozen=True)
class PenaltyLine:
    """A rule of the contract and what it came to: (fault or rate, how much over, fen) one by one, and the sum."""

    rule: PenaltyRule
    label: Any
    entries: list[tuple[Any, Decimal, int]]
    fen: int

    @property
    def capped(self) -> bool:
        return self.fen < sum(fen for _about, _over, fen in self.entries)


PENALTY_LABELS = {
    "late_response": gettext_lazy("late response, per started hour"),
    "late_repair": gettext_lazy("late repair, per started hour"),
    "low_rate": gettext_lazy("normal rate below the promise, per started per cent"),
}


def penalty_rules(contract: Contract) -> list[tuple[Any, int, int, str]]:
    """The contract's penalties as people read them: (what for, fen each, fen at most or 0, promised rate or "")."""
    return [
        (PENALTY_LABELS[entry["kind"]], int(entry["amount_fen"]), int(entry.get("most_fen", 0)), str(entry.get("threshold", "")))
        for entry in contract.penalties
    ]  # fmt: skip


def service_report(contract: Contract, start: datetime, end: datetime) -> dict[str, Any]:
    """The vendor's month: faults, response and repair, inspections, normal rate, penalties by the contract's rules.

    A fault belongs to the month in which it was reported; one that is not repaired yet counts when it is.
    """
    faults = Fault.objects.filter(contract=contract, reported_at__gte=start, reported_at__lt=end, void=False)
    devices = in_service(start, end).filter(system=contract.system, vendor=contract.vendor)
    times = normal_seconds(devices, start, end)
    due, down = sum(t[0] for t in times.values()), sum(t[1] for t in times.values())
    rate = ((due - down) / due * 100).quantize(Decimal("0.0001")) if due else None
    rows = list(faults.select_related("device").order_by("reported_at"))
    response, repair = limit_hours(contract.response_limit), limit_hours(contract.repair_limit)
    over: dict[str, list[tuple[Any, Decimal]]] = {
        "late_response": [
            (f, f.response_hours - response) for f in rows if f.response_met is False and f.response_hours
        ],
        "late_repair": [(f, f.repair_hours - repair) for f in rows if f.repair_met is False and f.repair_hours],
    }
    lines = []
    for entry in contract.penalties:
        rule = PenaltyRule(
            entry["kind"],
            int(entry["amount_fen"]),
            int(entry.get("most_fen", 0)),
            Decimal(str(entry.get("threshold", 0))),
        )
        found = over.get(rule.kind, [])
        if rule.kind == "low_rate":
            found = [(f"{rate} % < {rule.threshold} %", rule.threshold - rate)] if rate is not None else []
        found = [(about, amount) for about, amount in found if amount > 0]
        entries = [(about, amount, penalty(replace(rule, most_fen=0), [amount])) for about, amount in found]
        lines.append(
            PenaltyLine(rule, PENALTY_LABELS[rule.kind], entries, penalty(rule, [amount for _about, amount in found]))
        )
    figures = faults.aggregate(response=Avg("response_hours"), repair=Avg("repair_hours"))
    visits = Visit.objects.filter(
        device__in=devices, due_on__gte=timezone.localtime(start).date(), due_on__lt=timezone.localtime(end).date()
    )
    visits = visits_judged(visits, timezone.localdate())
    return {
        "faults": rows, "devices": len(times), "rate": rate, "penalties": lines,
        "penalty_fen": sum(line.fen for line in lines), **figures,
        "late": sum(f.response_met is False for f in rows), "late_repairs": sum(f.repair_met is False for f in rows),
        "visits_due": visits.count(), "visits_in_time": visits_in_time(visits).count(),
        **satisfied(Rating.objects.filter(fault__contract=contract, fault__void=False, at__gte=start, at__lt=end)),
    }  # fmt: skip


def work_of(user: Any, now: datetime) -> dict[str, Any]:
    """What a vendor's engineer must see first: open faults by their limit, visits due, contracts with this month."""
    faults = access.visible(user, "maintenance.fault.view", Fault.objects.filter(closed_at=None))
    faults = faults.select_related("device__site", "system", "holder").order_by(F("due_at").asc(nulls_last=True), "pk")
    rows = list(faults[:200])
    today = timezone.localtime(now).date()
    contracts = access.visible(
        user, "maintenance.contract.view", Contract.objects.filter(starts_on__lte=today, ends_on__gte=today)
    )
    month = Period.month(today.year, today.month)
    visits = rounds_of(user, today)
    return {
        "open": [fault for fault in rows if fault.state in OPEN],
        "to_verify": [fault for fault in rows if fault.state not in OPEN],
        "late": sum(fault.is_overdue for fault in rows),
        "visits": visits[:12], "visit_count": visits.count(),
        "contracts": [
            (contract, service_report(contract, month.starts_at, month.ends_before))
            for contract in contracts.select_related("system", "vendor")[:10]
        ],
        "month": month,
    }  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What one system's upkeep cost in a year, by kind, against the programme that pays."""

    system: System
    kinds: list[tuple[str, int]]
    total_fen: int
    unbooked_fen: int
    purse: spending.Purse | None
    contracts: list[tuple[Contract, int]]

    @property
    def share(self) -> Decimal | None:
        """Per cent of the ceiling that the ledger has spent."""
        return (
            Decimal(self.purse.spent_fen) / self.purse.ceiling_fen * 100
            if self.purse and self.purse.ceiling_fen
            else None
        )


def costs(user: Any, year: int) -> list[Cost]:
    """What each system cost in a year, as far as the user may see its bills."""
    bills = access.visible(user, "maintenance.money.view", Bill.objects.filter(struck_at=None, paid_on__year=year))
    found: dict[int, dict[str, int]] = {}
    for row in bills.order_by().values("system", "kind").annotate(fen=Sum("amount_fen")):
        found.setdefault(row["system"], {})[row["kind"]] = row["fen"]
    unbooked = dict(bills.filter(booked="").order_by().values_list("system").annotate(fen=Sum("amount_fen")))
    paid = dict(
        Bill.objects.filter(struck_at=None).exclude(contract=None).order_by().values_list("contract").annotate(
            fen=Sum("amount_fen")
        )
    )  # fmt: skip
    contracts: dict[int, list[tuple[Contract, int]]] = {}
    for contract in access.visible(
        user, "maintenance.contract.view", Contract.objects.filter(starts_on__year__lte=year, ends_on__year__gte=year)
    ):
        contracts.setdefault(contract.system_id, []).append((contract, paid.get(contract.pk, 0)))
    return [
        Cost(
            system, [(str(label), found.get(system.pk, {}).get(kind, 0)) for kind, label in Bill.Kind.choices],
            sum(found.get(system.pk, {}).values()), unbooked.get(system.pk, 0),
            spending.purse("maintenance", {"system": system.code}, year), contracts.get(system.pk, []),
        )
        for system in System.objects.all()
    ]  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A device in the picture of dependencies: its place, its state, and where what it depends on stands."""

    device: Device
    state: str
    x: int
    y: int
    lines: list[tuple[int, int]]

    @property
    def top(self) -> int:
        return self.y + NODE_TOP


NODE_WIDTH, NODE_HEIGHT, NODES_A_ROW = 168, 96, 6
NODE_TOP, NODE_BOTTOM = 8, 60
"""Where a node's box begins and ends below its place."""
MOST_NODES = 120


def graph(devices: QuerySet[Device]) -> dict[str, Any]:
    """Devices with dependencies in layers: what nothing else carries at the top, what rests on it below."""
    links = Device.depends_on.through.objects.filter(from_device__in=devices, to_device__in=devices)
    parents: dict[int, set[int]] = {}
    for child, parent in links.values_list("from_device_id", "to_device_id"):
        parents.setdefault(child, set()).add(parent)
    shown = set(parents) | {parent for found in parents.values() for parent in found}
    layers = watch.layers(shown, parents)
    rows = {device.pk: device for device in devices.filter(pk__in=shown).order_by("code")[:MOST_NODES]}
    states = state_of(rows.values())
    places: dict[int, tuple[int, int]] = {}
    y = 0
    for depth in range(max(layers.values(), default=-1) + 1):
        here = [pk for pk in rows if layers[pk] == depth]
        for number, pk in enumerate(here):
            places[pk] = (number % NODES_A_ROW * NODE_WIDTH, y + number // NODES_A_ROW * NODE_HEIGHT)
        y += ((len(here) - 1) // NODES_A_ROW + 1) * NODE_HEIGHT if here else 0
    nodes = [
        Node(
            device, states[pk], *places[pk],
            [(places[one][0], places[one][1] + NODE_BOTTOM) for one in sorted(parents.get(pk, ())) if one in places],
        )
        for pk, device in rows.items()
    ]  # fmt: skip
    wide = min(max((node.x for node in nodes), default=0) // NODE_WIDTH + 1, NODES_A_ROW)
    return {"nodes": nodes, "width": wide * NODE_WIDTH, "height": y, "left_out": len(shown) - len(rows)}


def system_page(user: Any, system: System, now: datetime) -> dict[str, Any]:
    """One system: its month, what does not work, what fails most, what depends on what."""
    devices = access.visible(user, "maintenance.device.view", Device.objects.filter(system=system, retired_at=None))
    today = timezone.localtime(now).date()
    month, year = Period.month(today.year, today.month), Period.year(today.year)
    times = normal_seconds(devices, month.starts_at, month.ends_before, now)
    due, down = sum(t[0] for t in times.values()), sum(t[1] for t in times.values())
    rows = list(devices.select_related("site"))
    states = state_of(rows)
    faults = access.visible(user, "maintenance.fault.view", Fault.objects.filter(system=system, void=False))
    this_year = faults.filter(reported_at__gte=year.starts_at)
    worst = this_year.order_by().values("device").annotate(n=Count("pk")).order_by("-n", "device")[:8]
    by_pk = {row.pk: row for row in rows}
    longest = sorted(((down_s, pk) for pk, (_due, down_s) in times.items() if down_s), reverse=True)[:8]
    return {
        "devices": len(rows),
        "kinds": sorted(Counter(row.kind for row in rows).items(), key=lambda pair: -pair[1]),
        "rate": (due - down) / due * 100 if due else None,
        "not_up": [(row, states[row.pk]) for row in rows if states[row.pk] != Span.State.UP][:50],
        "open": list(faults.filter(closed_at=None).select_related("device").order_by("due_at")[:20]),
        "worst": [(by_pk[row["device"]], row["n"]) for row in worst if row["device"] in by_pk],
        "longest": [(by_pk[pk], seconds / 3600) for seconds, pk in longest if pk in by_pk],
        "causes": [
            (Fault.Cause(row["cause"]).label, row["n"])
            for row in this_year.exclude(cause="").order_by().values("cause").annotate(n=Count("pk")).order_by("-n")
        ],
        "plans": system.plans.filter(active=True),
        "contracts": access.visible(
            user, "maintenance.contract.view", Contract.objects.filter(system=system, ends_on__gte=today)
        ).select_related("vendor"),
        **graph(devices),
    }  # fmt: skip


def rounds_of(user: Any, day: date) -> QuerySet[Visit]:
    """Visits that are due within a week of `day` or late by at most sixty days, which the user may record; in order."""
    rows = Visit.objects.filter(
        done_at=None, due_on__lte=day + timedelta(days=7), due_on__gte=day - timedelta(days=60), plan__active=True,
        device__retired_at=None,
    )  # fmt: skip
    rows = access.visible(user, "maintenance.visit.record", rows)
    return rows.select_related("plan", "device__site").order_by("due_on", "device__site", "device__code")


def _last_day(more: int = 0) -> ExpressionWrapper:
    """The beginning of the last day of a visit's grace, or so many days later."""
    days = (F("plan__grace_days") + Value(more)) * Value(timedelta(days=1), output_field=DurationField())
    return ExpressionWrapper(Cast(F("due_on"), DateTimeField()) + days, output_field=DateTimeField())


def visits_in_time(rows: QuerySet[Visit]) -> QuerySet[Visit]:
    """Visits done by their due day and the plan's grace, with the device found normal."""
    return rows.filter(normal=True, done_at__lt=_last_day(1))


def visits_judged(rows: QuerySet[Visit], today: date) -> QuerySet[Visit]:
    """Without the visits that may still be made in time: neither done nor past their grace."""
    return rows.alias(last_day=_last_day()).exclude(done_at=None, last_day__date__gte=today)


def standing(plan: Plan, visits: QuerySet[Visit]) -> dict[str, int]:
    """How a plan's visits stand today: `due` until today, of them `in_time`, `missed` (past their grace), `faulty` found."""
    today = timezone.localdate()
    return {
        "due": visits.filter(due_on__lte=today).count(),
        "in_time": visits_in_time(visits.filter(due_on__lte=today)).count(),
        "missed": visits.filter(done_at=None, due_on__lt=today - timedelta(days=plan.grace_days)).count(),
        "faulty": visits.filter(normal=False).count(),
    }


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
