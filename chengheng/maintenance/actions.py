"""What people and machines do with devices and faults: one function an act, one transaction each.

The order in every act: permission, lock, check, change, record, tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import flow, notices, spending, trail
from chengheng.common.calendars.models import current_calendar
from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.errors import Invalid
from chengheng.common.flow.engine import runs_of
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import queries
from chengheng.maintenance.care import actions as care
from chengheng.maintenance.errors import (
    AlreadyRetired,
    BillStruck,
    DependsOnItself,
    PeriodReversed,
    VisitDone,
    WindowOver,
    WrongLabel,
)
from chengheng.maintenance.keeping import keep_entry, said
from chengheng.maintenance.models import (
    AlertSource,
    Bill,
    Check,
    Contract,
    Device,
    Exclusion,
    Fault,
    Part,
    Plan,
    Report,
    Span,
    System,
    Visit,
    new_label,
    new_secret,
)
from chengheng.maintenance.rules import watch

DEFAULT_RESPONSE = Limit(Kind.URGENT_HOURS, Decimal(4))
DEFAULT_REPAIR = Limit(Kind.URGENT_HOURS, Decimal(24))
"""Where no contract is registered: four hours are the budget's target, a day is a local rule."""
RHYTHM = ("system_id", "kind", "every_days", "starts_on")
VISITS_AHEAD = timedelta(days=30)
PHONE_KEEPS = timedelta(days=3)
"""How long a finding may wait on a phone and still count at the phone's time (local rule)."""
HOLD_S = 120
"""Seconds that another system's thing may be away before a fault is raised: a camera that registers anew is none."""

# Devices


@transaction.atomic
def register_device(actor: Any, **fields: Any) -> Device:
    """Put a device into the register."""
    access.require(actor, "maintenance.device.change")
    device = Device.objects.create(**fields)
    trail.record("maintenance.device.change", actor, device, {"registered": device.code}, new=True)
    return device


@transaction.atomic
def change_device(device: Device, actor: Any, **fields: Any) -> Device:
    """Change a device's entry; the trail keeps what it was."""
    device = access.fetch_locked(actor, "maintenance.device.change", Device.objects.all(), pk=device.pk)
    changed = {name: value for name, value in fields.items() if getattr(device, name) != value}
    if changed:
        before = {name: said(getattr(device, name)) for name in changed}
        for name, value in changed.items():
            setattr(device, name, value)
        device.save(update_fields=list(changed))
        after = {name: said(value) for name, value in changed.items()}
        trail.record("maintenance.device.change", actor, device, {"before": before, "after": after})
    return device


@transaction.atomic
def depend(device: Device, on: Device, actor: Any) -> None:
    """Say that a device works only while another does. Raises DependsOnItself."""
    device = access.fetch_locked(actor, "maintenance.device.change", Device.objects.all(), pk=device.pk)
    if watch.closes_a_ring(device.pk, on.pk, parents_of_all()):
        raise DependsOnItself
    device.depends_on.add(on)
    trail.record("maintenance.device.change", actor, device, {"depends_on": on.code})


@transaction.atomic
def stand_alone(device: Device, of: Device, actor: Any) -> None:
    """Say that a device does not depend on another any more."""
    device = access.fetch_locked(actor, "maintenance.device.change", Device.objects.all(), pk=device.pk)
    if device.depends_on.filter(pk=of.pk).exists():
        device.depends_on.remove(of)
        trail.record("maintenance.device.change", actor, device, {"depends_no_longer_on": of.code})


def parents_of_all() -> dict[int, set[int]]:
    """Device → those that it depends on."""
    found: dict[int, set[int]] = {}
    for child, parent in Device.depends_on.through.objects.values_list("from_device_id", "to_device_id"):
        found.setdefault(child, set()).add(parent)
    return found


@transaction.atomic
def retire_device(device: Device, actor: Any, *, note: str = "", now: datetime | None = None) -> Device:
    """Take a device out of service: it is watched and counted no longer, and stays in the register."""
    now = now or timezone.now()
    device = access.fetch_locked(actor, "maintenance.device.retire", Device.objects.all(), pk=device.pk)
    if device.retired_at is not None:
        raise AlreadyRetired
    device.retired_at = max(now, device.in_service_at)
    device.save(update_fields=["retired_at"])
    device.checks.update(enabled=False, changed_at=now)
    device.spans.filter(until__isnull=True).update(until=device.retired_at)
    trail.record("maintenance.device.retire", actor, device, {"retired_at": device.retired_at}, note)
    return device


@transaction.atomic
def set_check(device: Device, actor: Any, *, secrets: Mapping[str, str] | None = None, **fields: Any) -> Check:
    """Have the prober ask something of a device. `secrets` (community, keys, password) are kept sealed."""
    device = access.fetch_locked(actor, "maintenance.device.watch", Device.objects.all(), pk=device.pk)
    check = Check(device=device, **fields)
    check.secrets = dict(secrets or {})
    check.save()
    data = {"check": str(check), "interval_s": check.interval_s}
    trail.record("maintenance.device.watch", actor, device, data)
    return check


@transaction.atomic
def change_check(check: Check, actor: Any, *, secrets: Mapping[str, str] | None = None, **fields: Any) -> Check:
    """Change what the prober asks. `secrets` None keeps those that are there. A switched-off check is not known."""
    check = access.fetch_locked(actor, "maintenance.device.watch", Check.objects.select_related("device"), pk=check.pk)
    before = {name: getattr(check, name) for name in fields}
    for name, value in fields.items():
        setattr(check, name, value)
    if secrets is not None:
        check.secrets = dict(secrets)
    check.save()
    if not check.enabled:
        check.spans.filter(until__isnull=True).update(until=Greatest("since", Value(timezone.now())))
    changed = {name: [str(old), str(fields[name])] for name, old in before.items() if old != fields[name]}
    data = {"check": str(check), "changed": changed, "secrets": secrets is not None}
    trail.record("maintenance.device.watch", actor, check.device, data)
    return check


@transaction.atomic
def add_source(actor: Any, *, code: str, name: str, kind: str) -> tuple[AlertSource, str]:
    """Let a monitoring system send its alerts here; (the source, its secret, which is shown this once)."""
    access.require(actor, "maintenance.source.change")
    source, secret = AlertSource(code=code, name=name, kind=kind), new_secret()
    source.secret = secret
    source.save()
    trail.record("maintenance.source.change", actor, source, {"code": code, "kind": kind}, new=True)
    return source, secret


@transaction.atomic
def renew_source(source: AlertSource, actor: Any) -> str:
    """Give a source another secret; the old one is worth nothing from now on. Returns the new one."""
    source = access.fetch_locked(actor, "maintenance.source.change", AlertSource.objects.all(), pk=source.pk)
    secret = new_secret()
    source.secret, source.active = secret, True
    source.save()
    trail.record("maintenance.source.change", actor, source, {"secret": "renewed"})
    return secret


@transaction.atomic
def switch_source(source: AlertSource, actor: Any, *, active: bool) -> AlertSource:
    """Take alerts of a source, or take them no longer."""
    source = access.fetch_locked(actor, "maintenance.source.change", AlertSource.objects.all(), pk=source.pk)
    source.active = active
    source.save(update_fields=["active"])
    trail.record("maintenance.source.change", actor, source, {"active": active})
    return source


def note_delivery(source: AlertSource, taken: int, unknown: list[str]) -> None:
    """Note when a source delivered, and the last alerts whose device is not in the register."""
    newest = ([*unknown, *source.unknown])[:20] if unknown else source.unknown
    AlertSource.objects.filter(pk=source.pk).update(
        last_at=timezone.now(), taken=F("taken") + taken, unknown=[words[:200] for words in newest]
    )


@transaction.atomic
def exclude(
    actor: Any, *, starts_at: datetime, ends_at: datetime, reason: str, device: Device | None = None,
    system: System | None = None,
) -> Exclusion:  # fmt: skip
    """Approve a time that does not count, of a device or of a whole system."""
    access.require(actor, "maintenance.device.exclude")
    if ends_at <= starts_at:
        raise PeriodReversed(field="ends_at")
    subject = device or system
    if subject is None or (device and system):
        raise ValueError("an exclusion is of a device or of a system")
    row = Exclusion.objects.create(
        device=device, system=system, starts_at=starts_at, ends_at=ends_at, reason=reason,
        approved_by=actor if actor.pk else None,
    )  # fmt: skip
    data = {"from": starts_at, "to": ends_at}
    trail.record("maintenance.device.exclude", actor, subject, data, reason)
    return row


@transaction.atomic
def end_exclusion(row: Exclusion, actor: Any, now: datetime | None = None) -> None:
    """End a window that runs, or take back one to come. What is over stays: it was approved."""
    now = now or timezone.now()
    row = access.fetch_locked(actor, "maintenance.device.exclude", Exclusion.objects.all(), pk=row.pk)
    if row.ends_at <= now:
        raise WindowOver
    subject: Any = row.device or row.system
    data = {"from": row.starts_at, "to": row.ends_at, "ended": now}
    if row.starts_at >= now:
        row.delete()
    else:
        row.ends_at = now
        row.save(update_fields=["ends_at"])
    trail.record("maintenance.device.exclude", actor, subject, data, row.reason)


# Faults: report


@transaction.atomic
def report_fault(
    actor: Any, device: Device, *, source: str, title: str, happened_at: datetime | None = None,
    stops_service: bool = True, name: str = "", phone: str = "", now: datetime | None = None,
    check_row: Check | None = None, tell: bool = True,
) -> tuple[Fault, bool]:  # fmt: skip
    """Report a fault; (fault, whether it is new). While a device has an open fault, further reports join it.

    The clocks start at the report, the outage at `happened_at`. A person needs the permission; a report from the QR
    page comes in as SYSTEM. `check_row`: the check that saw it; the outage is in its spans then.
    `tell` False: a fault of long ago is taken into the records, nobody need hear of it now.
    """
    now = now or timezone.now()
    happened_at = min(happened_at or now, now)
    if actor is not SYSTEM:
        access.require(actor, "maintenance.fault.report")
        access.fetch(actor, "maintenance.device.view", Device.objects.all(), pk=device.pk)
    rows = Device.objects.select_related("system", "vendor").select_for_update(of=("self",))
    device = rows.get(pk=device.pk)  # one report of a device at a time
    if device.retired_at is not None:
        raise AlreadyRetired
    by = actor if actor.pk else None
    known = queries.open_fault(device)
    said = {
        "source": source,
        "at": now,
        "text": title[:500],
        "by": by,
        "name": name,
        "phone": phone,
        "token": new_label(),
    }
    if known is not None and known.state != "fixed" and known.state != "verified":
        Report.objects.create(fault=known, **said)
        known.reports += 1
        known.save(update_fields=["reports"])
        trail.record("maintenance.fault.join", actor, known, {"source": source}, title)
        return known, False
    if known is not None:  # it was thought to be repaired: the same fault is back
        Report.objects.create(fault=known, **said)
        return _back_again(known, happened_at, title, now, stops_service and check_row is None), False
    contract = queries.contract_on(device, timezone.localtime(now).date())
    fault = Fault(
        device=device, system=device.system, vendor=device.vendor or (contract.vendor if contract else None),
        contract=contract, source=source, title=title[:200], stops_service=stops_service, happened_at=happened_at,
        reported_at=now, reported_by=by, check_row=check_row, holder_organisation=device.vendor or (contract.vendor if contract else None),
    )  # fmt: skip
    fault = flow.begin(fault, actor, limits=_limits(contract), now=now)
    Report.objects.create(fault=fault, **said)
    if stops_service and check_row is None:
        Span.objects.create(device=device, fault=fault, state=Span.State.DOWN, since=happened_at, cause=title[:200])
    trail.record("maintenance.fault.report", actor, fault, {"source": source, "device": device.code}, title, new=True)
    if tell:
        _tell_vendor(fault, _("New fault"), "urgent")
    return fault, True


def _limits(contract: Contract | None) -> dict[str, Limit]:
    """Which clocks run from the report, and how long. The contract says what ends the response."""
    response = contract.response_limit if contract else DEFAULT_RESPONSE
    repair = contract.repair_limit if contract else DEFAULT_REPAIR
    meaning = contract.response_meaning if contract else Contract.Meaning.RESPONDED
    if meaning == Contract.Meaning.FIXED:
        return {"repair": response}
    return {"respond" if meaning == Contract.Meaning.RESPONDED else "arrive": response, "repair": repair}


def _tell_vendor(fault: Fault, words: str, level: str = "info") -> None:
    if fault.vendor is not None:
        notices.tell(
            role="maintenance.vendor", organisation=fault.vendor, title=f"{words}: {fault}", subject=fault, level=level
        )


# Faults: the steps


def _hours(start: datetime, end: datetime, limit: Limit) -> tuple[Decimal, bool]:
    """Hours between two moments as the limit counts them, and whether the limit was met."""
    calendar = current_calendar()
    kind = Kind.WORKING_HOURS if limit.kind.by_calendar else Kind.URGENT_HOURS
    end = max(start, end)
    hours = calendar.elapsed(kind, [(start, end)], end)
    met = calendar.elapsed(limit.kind, [(start, end)], end) <= limit.amount
    return hours.quantize(Decimal("0.0001")), met


def _response(fault: Fault, event: str, at: datetime) -> dict[str, Any]:
    """The response's columns when `event` is what ends it under the fault's contract and it has not ended yet."""
    contract = fault.contract
    meaning = contract.response_meaning if contract else "responded"
    order = ("responded", "arrived", "fixed")
    if fault.response_hours is not None or order.index(event) < order.index(meaning):
        return {}
    limit = contract.response_limit if contract else DEFAULT_RESPONSE
    hours, met = _hours(fault.reported_at, at, limit)
    return {"response_hours": hours, "response_met": met}


@transaction.atomic
def respond(fault: Fault, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Fault:
    """The vendor accepts the fault."""
    now = now or timezone.now()
    fields = {"responded_at": now, **_response(fault, "responded", now)}
    holder = actor if actor.pk else None
    return flow.take(fault, "respond", actor, fields=fields, holder=holder, note=note, now=now, **_plain(taken))


@transaction.atomic
def arrive(fault: Fault, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Fault:
    """Somebody of the vendor stands at the device."""
    now = now or timezone.now()
    fields: dict[str, Any] = {"arrived_at": now, **_response(fault, "arrived", now)}
    if fault.responded_at is None:
        fields["responded_at"] = now
    holder = actor if actor.pk else None
    return flow.take(fault, "arrive", actor, fields=fields, holder=holder, note=note, now=now, **_plain(taken))


@transaction.atomic
def fix(
    fault: Fault, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Fault:
    """It works again: root cause, solution (`note`), parts and cost. The outage ends here, as far as people saw it."""
    now = now or timezone.now()
    data = dict(data)
    fields = _fixed(fault, now) | {
        "cause": data.get("cause", ""), "solution": note, "cost_fen": int(Decimal(str(data.pop("cost", 0) or 0)) * 100),
    }  # fmt: skip
    parts = str(data.pop("parts", "") or "")
    fault = flow.take(fault, "fix", actor, fields=fields, data=data, note=note, now=now, **_plain(taken))
    for line in parts.splitlines():
        text, _sign, count = line.replace("*", "×").partition("×")
        if text.strip():
            number = min(int(count), 10_000) if count.strip().isdecimal() and int(count) else 1
            spare = care.use_spare(fault, actor, text.strip()[:100], number)
            price = spare.price_fen * number if spare else 0
            Part.objects.create(fault=fault, name=text.strip()[:100], count=number, spare=spare, price_fen=price)
    _end_outage(fault, now)
    return fault


def _fixed(fault: Fault, at: datetime) -> dict[str, Any]:
    hours, met = _repair(fault, at)
    return {"fixed_at": at, "repair_hours": hours, "repair_met": met, **_response(fault, "fixed", at)}


def _repair(fault: Fault, at: datetime) -> tuple[Decimal, bool]:
    """Hours of repair by the running clock, approved waiting left out, and whether its limit was met."""
    run = next((run for run in runs_of(fault) if run.clock == "repair" and run.done_at is None), None)
    if run is None:
        return _hours(fault.reported_at, at, DEFAULT_REPAIR)
    calendar, kind = current_calendar(), Kind(run.kind)
    at = max(at, run.started[-1])
    spans = run.spans(at)
    hours = calendar.elapsed(Kind.WORKING_HOURS if kind.by_calendar else Kind.URGENT_HOURS, spans, at)
    return hours.quantize(Decimal("0.0001")), calendar.elapsed(kind, spans, at) <= run.amount + run.extended


def _end_outage(fault: Fault, at: datetime) -> None:
    for span in fault.spans.filter(until__isnull=True):
        span.until = max(at, span.since)
        span.save(update_fields=["until"])


def _plain(taken: Mapping[str, Any]) -> dict[str, Any]:
    """What a form gives besides note and data; limits and holders of these steps are not asked for."""
    return {name: value for name, value in taken.items() if name == "version"}


@transaction.atomic
def recover(fault: Fault, at: datetime, now: datetime | None = None) -> Fault:
    """The probes see the device work again before somebody said so. People still verify and close.

    Local rule: a fault that passed before anybody had to respond counts in no response time; one that passed after the
    response limit counts with the time until it passed, as late.
    """
    now = now or timezone.now()
    fields = _fixed(fault, max(at, fault.reported_at))
    if fault.responded_at is None and fields.get("response_met"):
        fields |= {"response_hours": None, "response_met": None}
    fault = flow.take(fault, "recover", SYSTEM, fields=fields, now=now)
    _end_outage(fault, at)
    return fault


def _back_again(fault: Fault, happened_at: datetime, title: str, now: datetime, outage: bool) -> Fault:
    """A fault that was thought to be fixed is reported again before it closed; `outage`: as people saw it."""
    fault = flow.take(fault, "return", SYSTEM, fields=_unfixed(fault), limits=_repair_limit(fault), note=title, now=now)
    if outage:
        Span.objects.create(
            device=fault.device, fault=fault, state=Span.State.DOWN, since=happened_at, cause=title[:200]
        )
    _tell_vendor(fault, _("The fault is back"), "urgent")
    return fault


def _unfixed(fault: Fault) -> dict[str, Any]:
    return {
        "fixed_at": None, "verified_at": None, "repair_hours": None, "repair_met": None, "reworks": fault.reworks + 1,
        "reports": fault.reports + 1,
    }  # fmt: skip


def _repair_limit(fault: Fault) -> dict[str, Limit]:
    return {"repair": fault.contract.repair_limit if fault.contract else DEFAULT_REPAIR}


@transaction.atomic
def verify(fault: Fault, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Fault:
    """Somebody who is not of the vendor saw it work. Those who reported are asked what they think of the repair."""
    now = now or timezone.now()
    fault = flow.take(
        fault, "verify", actor, fields={"verified_at": now}, holder=None, note=note, now=now, **_plain(taken)
    )
    care.ask_for_ratings(fault)
    return fault


@transaction.atomic
def rework(fault: Fault, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Fault:
    """It does not work after all: back to the vendor; the outage goes on from where it was said to have ended."""
    now = now or timezone.now()
    fixed_at = fault.fixed_at or now
    fields = _unfixed(fault) | {"reports": fault.reports}
    fault = flow.take(
        fault, "rework", actor, fields=fields, limits=_repair_limit(fault), note=note, now=now, **_plain(taken)
    )
    if fault.stops_service:
        Span.objects.create(device=fault.device, fault=fault, state=Span.State.DOWN, since=fixed_at, cause=note[:200])
    return fault


@transaction.atomic
def close(fault: Fault, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Fault:
    """The fault is over."""
    now = now or timezone.now()
    return flow.take(fault, "close", actor, fields={"closed_at": now}, note=note, now=now, **_plain(taken))


@transaction.atomic
def void(fault: Fault, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Fault:
    """It was no fault: it counts nowhere, and the outage that a person reported is struck."""
    now = now or timezone.now()
    fields = {"closed_at": now, "void": True}
    fault = flow.take(fault, "void", actor, fields=fields, holder=None, note=note, now=now, **_plain(taken))
    gone = [[span.since, span.until] for span in fault.spans.all()]
    fault.spans.all().delete()
    if gone:
        trail.record("maintenance.fault.void", actor, fault.device, {"spans_struck": gone}, note)
    return fault


# What the prober saw


@transaction.atomic
def record_change(
    check: Check, change: watch.Change, *, flapping: bool = False, follows: bool = False, text: str = ""
) -> Fault | None:
    """Keep a change of state that the prober (or another system) is certain of; raise or end the fault where due.

    No fault is raised while the check flaps, in a maintenance window, when something that the device depends on is
    down (`follows`: the prober has just found it failing), or before the check's `hold_s` is over; `raise_due` does it
    when the reason has passed and the device still does not work. Returns the fault that was raised or moved.
    """
    device = Device.objects.select_for_update(of=("self",)).get(pk=check.pk and check.device_id)
    open_span = Span.objects.filter(check_row=check, until__isnull=True).first()
    began = max(change.began, open_span.since) if open_span else change.began
    if open_span is not None:
        open_span.until = began
        open_span.save(update_fields=["until"])
    span = Span.objects.create(device=device, check_row=check, state=change.after, since=began, cause=text[:200])
    if device.retired_at is not None:
        return None
    if change.after == watch.DOWN:
        if flapping or follows or watch.is_suppressed(device.pk, parents_of_all(), _down_now()):
            return None
        return _raise_by_check(span, change.seen)
    still_down = Span.objects.filter(
        device=device, until__isnull=True, state=watch.DOWN, check_row__isnull=False
    ).exists()
    known = queries.open_fault(device)
    if change.after != watch.UP or still_down or known is None or known.state not in queries.OPEN:
        return None
    return recover(known, began, change.seen) if known.check_row_id else None


def _down_now() -> set[int]:
    return set(Span.objects.filter(until__isnull=True, state=watch.DOWN).values_list("device", flat=True))


def _raise_by_check(span: Span, now: datetime) -> Fault | None:
    """The fault of an open outage that a check saw, unless its time has not come."""
    check = span.check_row
    assert check is not None
    hold = timedelta(seconds=float(check.options.get("hold_s", 0)))
    if now - span.since < hold or _in_window(span.device, now):
        return None
    told = check.kind == Check.Kind.TOLD
    words = span.cause or _("not working")
    title = words if told else f"{check}: {span.cause}" if span.cause else str(check)
    source = Fault.Source.SYSTEM if told else Fault.Source.PROBE
    return report_fault(
        SYSTEM, span.device, source=source, title=title, happened_at=span.since, now=now, check_row=check
    )[0]


@transaction.atomic
def raise_due(now: datetime | None = None) -> list[Fault]:
    """Raise the faults of outages that go on although the reason to wait is over: hold, window, parent, flapping.

    What people have judged since the outage began (repaired, closed, voided) is not raised again by the same outage.
    """
    now = now or timezone.now()
    spans = Span.objects.filter(
        until__isnull=True, state=watch.DOWN, check_row__isnull=False, since__lte=now, device__retired_at__isnull=True
    ).select_related("device", "check_row")
    waiting = [span for span in spans.order_by("since", "pk") if _not_judged(span)]
    if not waiting:
        return []
    parents, down = parents_of_all(), _down_now()
    raised: dict[int, Fault] = {}
    for span in waiting:
        if span.device_id in raised or watch.is_suppressed(span.device_id, parents, down) or _flaps(span, now):
            continue
        fault = _raise_by_check(span, now)
        if fault is not None:
            raised[span.device_id] = fault
    return list(raised.values())


def _not_judged(span: Span) -> bool:
    """Whether no fault of the device covers this outage yet."""
    covers = (
        Q(closed_at__isnull=True, fixed_at__isnull=True) | Q(fixed_at__gte=span.since) | Q(closed_at__gte=span.since)
    )
    return not Fault.objects.filter(covers, device=span.device_id).exists()


def _flaps(span: Span, now: datetime) -> bool:
    """Whether the span's check changed too often lately, as far as its spans tell."""
    changes = Span.objects.filter(check_row=span.check_row_id, since__gt=now - watch.FLAP_WINDOW)
    return changes.exclude(state=watch.UNKNOWN).count() >= watch.FLAPS


def _in_window(device: Device, at: datetime) -> bool:
    return Exclusion.objects.filter(
        Q(device=device) | Q(system=device.system_id), starts_at__lte=at, ends_at__gt=at
    ).exists()


def hear(key: str, ok: bool | None, at: datetime, text: str) -> None:
    """Another system reported the health of one of its things (`common.health`); what is no device of ours is let by."""
    device = Device.objects.filter(outside=key, retired_at__isnull=True).first()
    if device is not None:
        hear_of(device, key, ok=ok, at=at, text=text, hold_s=HOLD_S)


@transaction.atomic
def hear_of(
    device: Device, key: str, *, ok: bool | None, at: datetime, text: str = "", hold_s: float = 0,
    now: datetime | None = None,
) -> Fault | None:  # fmt: skip
    """Keep what another system says of a device, as spans of a check of its own; a repeated state changes nothing.

    A device that comes back within `hold_s` seconds gets its exact outage, but no fault. The wait can be changed at
    the check afterwards.
    """
    now = now or timezone.now()
    at = min(at, now)
    state = watch.UNKNOWN if ok is None else watch.UP if ok else watch.DOWN
    check = Check.objects.filter(device=device, kind=Check.Kind.TOLD, target=key).first()
    if check is None:
        Device.objects.select_for_update(of=("self",)).get(pk=device.pk)  # one first report at a time
        check, _new = Check.objects.get_or_create(
            device=device, kind=Check.Kind.TOLD, target=key, defaults={"options": {"hold_s": hold_s}}
        )
    before = Span.objects.filter(check_row=check, until__isnull=True).first()
    if not check.enabled or (before is not None and before.state == state):
        return None
    if before is not None and at < before.since:
        at = before.since
    change = watch.Change(before.state if before else watch.UNKNOWN, state, at, now)
    return record_change(check, change, flapping=before is not None and _flaps(before, now), text=text)


@transaction.atomic
def take_alert(
    actor: Any, device: Device, *, ok: bool, at: datetime | None = None, text: str = "", now: datetime | None = None,
    key: str = "", stops_service: bool = True,
) -> Fault | None:  # fmt: skip
    """Another monitoring system's alert fires (`ok` False) or is over.

    An alert of an outage (`stops_service`) is kept as spans of its own (`key`), a warning raises only a fault. Either
    raises a fault once, and ends only what it raised.
    """
    if actor is not SYSTEM:
        access.require(actor, "maintenance.fault.report")
        access.fetch(actor, "maintenance.device.view", Device.objects.all(), pk=device.pk)
    now = now or timezone.now()
    at = min(at or now, now)
    words = text or _("not working")
    if stops_service:
        return hear_of(device, key or "alert", ok=ok, at=at, text=words, now=now)
    known = queries.open_fault(device)
    if not ok:
        if known is not None and known.state in queries.OPEN:
            return known
        return report_fault(
            actor, device, source=Fault.Source.SYSTEM, title=words, happened_at=at, now=now, stops_service=False
        )[0]
    mine = known is not None and known.source == Fault.Source.SYSTEM and known.title == words[:200]
    if known is not None and mine and not known.stops_service and known.state in queries.OPEN:
        return recover(known, at, now)
    return None


# Rounds


@transaction.atomic
def keep_plan(plan: Plan, actor: Any, *, until: date) -> Plan:
    """Keep a new or changed inspection plan; visits to come are made anew by it, up to `until`, done ones stay.

    A visit of today or before that nobody made stays due: a changed plan excuses nothing. It accuses of nothing either:
    a new plan begins today at the earliest, and another rhythm tomorrow.
    """
    access.require(actor, "maintenance.plan.change")
    before = Plan.objects.select_for_update().filter(pk=plan.pk).first()
    today = timezone.localdate()
    if before is None and plan.starts_on < today:
        raise Invalid(_("A plan cannot begin on a day that is over."), field="starts_on")
    if before is not None and any(getattr(before, name) != getattr(plan, name) for name in RHYTHM):
        plan.starts_on = max(plan.starts_on, today + timedelta(days=1))
    keep_entry(plan, actor, "maintenance.plan.change")
    plan.visits.filter(done_at=None, due_on__gt=today).delete()
    if plan.active:
        make_visits(until, plan)
    return plan


@transaction.atomic
def make_visits(until: date, plan: Plan | None = None) -> int:
    """Make the visits that active plans ask for up to a day; those that are there already stay. Returns how many."""
    made = 0
    for one in [plan] if plan else Plan.objects.filter(active=True):
        day, rows = one.starts_on, []
        devices = one.system.devices.all()
        if one.kind:
            devices = devices.filter(kind=one.kind)
        found = list(devices)
        while day <= until:
            rows += [
                Visit(plan=one, device=device, due_on=day)
                for device in found
                if timezone.localtime(device.in_service_at).date() <= day
                and (device.retired_at is None or timezone.localtime(device.retired_at).date() > day)
            ]
            day += timedelta(days=one.every_days)
        before = one.visits.count()
        Visit.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)
        made += one.visits.count() - before
    return made


@transaction.atomic
def record_visit(
    visit: Visit, actor: Any, *, normal: bool, answers: Mapping[str, Any] | None = None, note: str = "",
    label: str = "", done_at: datetime | None = None, now: datetime | None = None,
) -> Visit:  # fmt: skip
    """Record what was found at a device. A scanned label proves the place; one of another device is refused.

    A device that was not found normal gets a fault. `done_at` is the phone's time of a finding that waited for network:
    it is believed for `PHONE_KEEPS`, and the trail keeps both times.
    """
    received = now or timezone.now()
    now = min(done_at, received) if done_at is not None and received - done_at <= PHONE_KEEPS else received
    visit = access.fetch_locked(
        actor, "maintenance.visit.record", Visit.objects.select_related("device", "plan"), pk=visit.pk
    )
    if visit.done_at is not None:
        raise VisitDone
    if label and label != visit.device.label:
        raise WrongLabel(field="label")
    visit.done_at, visit.by, visit.normal = now, actor if actor.pk else None, normal
    visit.answers, visit.note, visit.label_read = dict(answers or {}), note[:500], bool(label)
    visit.save()
    data = {"normal": normal, "answers": visit.answers, "label": visit.label_read}
    if done_at is not None:
        data |= {"phone_time": done_at, "received": received}
    trail.record("maintenance.visit.record", actor, visit, data, note)
    if not normal and visit.device.retired_at is None:
        report_fault(
            SYSTEM, visit.device, source=Fault.Source.INSPECTION, title=note or str(visit.plan), happened_at=now,
            now=received, stops_service=False,
        )  # fmt: skip
    return visit


# Money


@transaction.atomic
def enter_bill(
    actor: Any, *, system: System, amount_fen: int, paid_on: date, payee: str, voucher: str, **fields: Any
) -> Bill:
    """Enter what a system's upkeep cost (negative: a refund); it goes on to the ledger of the programme that pays."""
    access.require(actor, "maintenance.money.enter")
    if not amount_fen:
        raise Invalid(_("A bill of nothing is none."), field="amount")
    if Bill.objects.filter(system=system, voucher=voucher, struck_at=None).exists():
        raise Invalid(_("This voucher was entered before."), field="voucher")
    if paid_on > timezone.localdate():
        raise Invalid(_("It cannot have been paid on a day to come."), field="paid_on")
    bill = Bill(
        system=system, amount_fen=amount_fen, paid_on=paid_on, payee=payee, voucher=voucher,
        by=actor if actor.pk else None, **fields,
    )  # fmt: skip
    bill.booked = spending.spend(_spent(bill, amount_fen, voucher, str(bill.get_kind_display())))[:200]
    bill.save()
    data = {"amount_fen": amount_fen, "paid_on": paid_on.isoformat(), "payee": payee, "booked": bill.booked}
    trail.record("maintenance.money.enter", actor, bill, data, new=True)
    return bill


@transaction.atomic
def strike_bill(bill: Bill, actor: Any, *, note: str) -> Bill:
    """Take an entry back: it counts no longer, and the ledger gets the counter-entry of the same day."""
    bill = access.fetch_locked(actor, "maintenance.money.strike", Bill.objects.select_related("system"), pk=bill.pk)
    if bill.struck_at is not None:
        raise BillStruck
    bill.struck_at = timezone.now()
    bill.save(update_fields=["struck_at"])
    if bill.booked:
        spending.spend(_spent(bill, -bill.amount_fen, f"{bill.voucher}-{bill.pk}", note))
    trail.record("maintenance.money.strike", actor, bill, {"amount_fen": bill.amount_fen}, note)
    return bill


def _spent(bill: Bill, amount_fen: int, voucher: str, note: str) -> spending.Spent:
    return spending.Spent(
        "maintenance", {"system": bill.system.code}, amount_fen, bill.paid_on, bill.payee, voucher,
        f"{bill.system} {note}"[:300],
    )  # fmt: skip
