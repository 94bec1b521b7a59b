"""Twenty lines of engine and its clocks: begin, take, extend, sweep. Nothing else writes a subject's movement."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import rows, trail
from chengheng.common.calendars.models import current_calendar
from chengheng.common.calendars.rules import Kind, Limit, WorkCalendar
from chengheng.common.errors import NotPermitted, Stale
from chengheng.common.flow.errors import Missing, NoLimit, NoSuchClock, WrongState
from chengheng.common.flow.models import ClockRun, Moving
from chengheng.common.flow.table import SAME, Clock, Flow, Step, flow_of, flows
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM

log = logging.getLogger(__name__)
Subject = TypeVar("Subject", bound=Moving)
Limits = Mapping[str, Limit]
KEEP: Any = object()
"""Default for holder and holder_organisation in `take`: leave them as they are."""

_DATED = ("due_at", "next_alert_at", "alert_level", "calendar_version")
_MOVEMENT = ("state", "state_since", "holder", "holder_organisation", "version", *_DATED)

_listeners: dict[str, list[Callable[[Moving, Clock, int], None]]] = {}


def on_alert(flow: Flow, listener: Callable[[Moving, Clock, int], None]) -> None:
    """Have `listener(subject, clock, level)` called in the sweep's transaction when a clock of `flow` gives an alert."""
    _listeners.setdefault(flow.code, []).append(listener)


@rows.in_one_transaction
def begin(
    subject: Subject, actor: Any, *, clocks: tuple[str, ...] = (), limits: Limits | None = None,
    now: datetime | None = None, due_column: str = "", calendar: WorkCalendar | None = None,
) -> Subject:  # fmt: skip
    """Put a subject, saved or about to be, at the start of its flow and start the given clocks.

    The caller has checked the permission and records the creation in the trail, all in one transaction. Without
    `clocks`, the clocks of `limits` start. A subject that is new is inserted by `rows.insert`: a `save` of its own is not
    called; its key may be drawn already (`rows.next_key`). `due_column` names a column of the subject that keeps the due time too; `calendar` is the one in force when
    the caller has it at hand. Raises NoLimit before anything is written.
    """
    now, limits = now or timezone.now(), limits or {}
    subject.state, subject.state_since = flow_of(subject).start, now
    started, runs = clocks or tuple(limits), []
    if started:
        calendar = calendar or current_calendar()
        runs = [_new_run(subject, name, limits, now, calendar) for name in started]
        _set_alerts(subject, runs, calendar)
    if due_column:
        setattr(subject, due_column, subject.due_at)
    if subject._state.adding:
        rows.insert(subject, runs.pop(0) if runs else None, by="subject_id")
    else:
        subject.save(update_fields=[*_MOVEMENT, *filter(None, [due_column])])
    for run in runs:
        run.subject_id = subject.pk
        rows.insert(run)
    return subject


@rows.in_one_transaction
def take(
    subject: Subject, step: str, actor: Any, *, limits: Limits | None = None, data: Mapping[str, Any] | None = None,
    note: str = "", holder: Any = KEEP, holder_organisation: Any = KEEP, version: int | None = None,
    fields: Mapping[str, Any] | None = None, due_column: str = "", now: datetime | None = None, held: bool = False,
) -> Subject:  # fmt: skip
    """Take a step: may they? lock, check, change, time, record, tell. Returns the subject as it is now.

    `limits` gives the limit of each clock that the step starts. `data` goes to the guard and into the trail. `fields`
    are further columns of the subject that this step sets; `due_column` names one that keeps the new due time too.
    `version` refuses the step when somebody moved the subject since it was read. `held`: the caller has fetched the
    subject by `access.fetch_locked` for this very act, in this transaction. Raises NotPermitted, NotFound,
    WrongState, Missing, Stale, NoLimit, or what the guard raises: all before anything is written.
    """
    flow, now, data = flow_of(subject), now or timezone.now(), dict(data or {})
    taken = flow.step(step)
    if not access.may(actor, taken.act) or (taken.machine and actor is not SYSTEM):
        raise NotPermitted(act=taken.act)
    if not (held and connection.in_atomic_block):
        subject = access.fetch_locked(actor, taken.act, type(subject)._default_manager.all(), pk=subject.pk)
    _check(flow, taken, subject, actor, data, note, version)
    for name in taken.clocks("start"):
        if name not in (limits or {}):
            raise NoLimit(clock=flow.clock(name).label)
    before = subject.state
    if taken.target != SAME and taken.target != before:
        subject.state, subject.state_since = taken.target, now
    previous_holder = subject.holder_id
    for name, value in (("holder", holder), ("holder_organisation", holder_organisation)):
        if value is not KEEP:
            setattr(subject, name, value)
    for name, value in (fields or {}).items():
        setattr(subject, name, value)
    _turn_clocks(subject, taken, limits or {}, now)
    if due_column:
        setattr(subject, due_column, subject.due_at)
    subject.version += 1
    rows.update(subject, (*_MOVEMENT, *(fields or {}), *filter(None, [due_column])))
    trail.record(taken.act, actor, subject, {"step": step, "from": before, "to": subject.state, **data}, note)
    if subject.holder_id and subject.holder_id not in (previous_holder, actor.pk):
        _tell([subject.holder], subject, str(taken.label))
    return subject


def _check(
    flow: Flow, step: Step, subject: Moving, actor: Any, data: Mapping[str, Any], note: str, version: int | None
) -> None:
    if version is not None and version != subject.version:
        raise Stale
    if subject.state not in step.sources:
        raise WrongState(step=step.label, state=subject.state_label)
    for need in step.needs:
        given = note.strip() if need == "note" else data.get(need)
        if given in (None, "", [], ()):
            raise Missing(field=need, field_label=_("note") if need == "note" else need)
    if step.guard:
        step.guard(subject, actor, data)


# Clocks


def runs_of(subject: Moving) -> list[ClockRun]:
    """All clock runs of a subject, in the order in which they began."""
    with rows.cursor() as cursor:
        cursor.execute(_runs_statement(), [subject._meta.label_lower, subject.pk])
        return [rows.read(ClockRun, values) for values in cursor.fetchall()]


@lru_cache(maxsize=1)
def _runs_statement() -> str:
    """Asked with every step."""
    columns = rows.columns(ClockRun, "r")
    return f"select {columns} from flow_clockrun r where subject_type = %s and subject_id = %s order by id"  # noqa: S608 - our own


def _turn_clocks(subject: Moving, step: Step, limits: Limits, now: datetime) -> None:
    turned = {what: step.clocks(what) for what in ("stop", "pause", "resume", "start")}
    final = step.target in flow_of(subject).final
    if not any(turned.values()) and not final:
        return
    calendar, former = current_calendar(), runs_of(subject)
    for run in former:
        if run.done_at is not None:
            continue
        if run.clock in turned["stop"] or run.clock in turned["start"] or final:
            _stop(run, now, calendar)
        elif run.clock in turned["pause"] and run.is_running:
            run.stopped.append(max(now, run.started[-1]))
            run.due_at = None
            rows.update(run, ("stopped", "due_at"))
        elif run.clock in turned["resume"] and run.is_paused:
            run.started.append(now)
            _set_due(run, calendar)
            rows.update(run, ("started", "due_at", "calendar_version"))
    begun = [_new_run(subject, name, limits, now, calendar) for name in turned["start"]]
    for run in begun:
        run.run = 1 + max((one.run for one in former if one.clock == run.clock), default=0)
        rows.insert(run)
    _set_alerts(subject, [run for run in former if run.done_at is None] + begun, calendar)


def _new_run(subject: Moving, name: str, limits: Limits, now: datetime, calendar: WorkCalendar) -> ClockRun:
    """The first run of a clock from now on, not stored yet."""
    if name not in limits:
        raise NoLimit(clock=flow_of(subject).clock(name).label)
    limit = limits[name]
    run = rows.new(ClockRun, {
        "subject_type": subject._meta.label_lower, "subject_id": subject.pk, "clock": name, "kind": limit.kind.value,
        "amount": limit.amount, "started": [now],
    })  # fmt: skip
    _set_due(run, calendar)
    return run


def _stop(run: ClockRun, now: datetime, calendar: WorkCalendar) -> None:
    if run.is_running:
        run.stopped.append(max(now, run.started[-1]))
    run.done_at, run.met = now, elapsed(run, now, calendar) <= run.amount + run.extended
    rows.update(run, ("stopped", "done_at", "met"))


def _set_due(run: ClockRun, calendar: WorkCalendar) -> None:
    run.calendar_version = calendar.version
    run.due_at = calendar.due(Limit(Kind(run.kind), run.amount + run.extended), run.started[-1], run.closed_spans)


def elapsed(run: ClockRun, now: datetime, calendar: WorkCalendar) -> Decimal:
    """What a clock run has used up, in the unit of its limit (hours or days)."""
    return calendar.elapsed(Kind(run.kind), run.spans(now), now)


def _set_alerts(subject: Moving, runs: list[ClockRun], calendar: WorkCalendar) -> None:
    """Derive due_at and next_alert_at from the clocks that run."""
    running = [run for run in runs if run.is_running]
    subject.due_at = min((run.due_at for run in running if run.due_at), default=None)
    moments = [moment for run in running if (moment := _next_alert(subject, run, calendar)) is not None]
    subject.next_alert_at = min(moments, default=None)
    subject.alert_level = max((run.alert_level for run in running), default=0)
    subject.calendar_version = max((run.calendar_version for run in running), default=None)


def _next_alert(subject: Moving, run: ClockRun, calendar: WorkCalendar) -> datetime | None:
    alerts = flow_of(subject).clock(run.clock).alerts
    if run.alert_level >= len(alerts):
        return None
    share = alerts[run.alert_level]
    if share == 1:
        return run.due_at
    limit = Limit(Kind(run.kind), (run.amount + run.extended) * share)
    return calendar.due(limit, run.started[-1], run.closed_spans)


@transaction.atomic
def extend(
    subject: Subject, clock: str, amount: Decimal, actor: Any, act: str, *, note: str = "", now: datetime | None = None
) -> Subject:
    """Give a running or paused clock more time, in the unit of its limit; `act` is the permission and is recorded."""
    return _change_limit(subject, clock, actor, act, note, lambda run: {"extended": run.extended + amount})


@transaction.atomic
def set_limit(subject: Subject, clock: str, limit: Limit, actor: Any, act: str, *, note: str = "") -> Subject:
    """Replace the limit of a running or paused clock (re-classified case); what it has used up stays."""
    return _change_limit(
        subject, clock, actor, act, note, lambda run: {"kind": limit.kind.value, "amount": limit.amount}
    )


def _change_limit(
    subject: Subject, clock: str, actor: Any, act: str, note: str, change: Callable[[ClockRun], dict[str, Any]]
) -> Subject:
    access.require(actor, act)
    subject = access.fetch_locked(actor, act, type(subject)._default_manager.all(), pk=subject.pk)
    runs = [run for run in runs_of(subject) if run.done_at is None]
    run = next((run for run in runs if run.clock == clock), None)
    if run is None:
        raise NoSuchClock
    calendar, changes = current_calendar(), change(run)
    for name, value in changes.items():
        setattr(run, name, value)
    run.alert_level = 0
    if run.is_running:
        _set_due(run, calendar)
    run.save()
    _set_alerts(subject, runs, calendar)
    subject.version += 1
    subject.save(update_fields=_MOVEMENT)
    trail.record(act, actor, subject, {"clock": clock, **changes}, note)
    return subject


# The sweep


def sweep(now: datetime | None = None, batch: int = 200) -> int:
    """Give every alert that has come due; returns how many subjects were touched. Run each minute by the schedule.

    Subjects dated by an older calendar are dated anew first. Rows that somebody is moving right now are left for the
    next sweep.
    """
    now, calendar, touched = now or timezone.now(), current_calendar(), 0
    kinds = list(flows())
    old, late = Q(calendar_version__lt=calendar.version), Q(next_alert_at__lte=now)
    waits = _any([(model, which) for _flow, model in kinds for which in (old, late)])
    for at, (flow, model) in enumerate(kinds):
        if any(waits[2 * at : 2 * at + 2]):
            touched += _in_batches(model, old, batch, lambda subject: _date_anew(subject, calendar))
            touched += _in_batches(model, late, batch, partial(_alert, flow, now=now, calendar=calendar))
    return touched


def _any(asked: list[tuple[type[Moving], Q]]) -> list[bool]:
    """Which of these have a row at all, asked in one query: mostly none has, and a lock for each would cost more."""
    texts: list[str] = []
    values: list[Any] = []
    for model, which in asked:
        text, given = model._base_manager.filter(which).order_by().values("pk")[:1].query.sql_with_params()
        texts.append(f"exists({text})")
        values += given
    if not texts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"select {', '.join(texts)}", values)
        return list(cursor.fetchone() or ())


def _in_batches(model: type[Moving], which: Q, batch: int, do: Callable[[Any], None]) -> int:
    touched = 0
    while True:
        with transaction.atomic():
            found = list(
                model._base_manager.filter(which)
                .order_by("next_alert_at", "pk")
                .select_for_update(skip_locked=True, of=("self",))[:batch]
            )
            for subject in found:
                do(subject)
        touched += len(found)
        if len(found) < batch:
            return touched


def _date_anew(subject: Moving, calendar: WorkCalendar) -> None:
    runs = [run for run in runs_of(subject) if run.is_running]
    for run in runs:
        _set_due(run, calendar)
        run.save(update_fields=["due_at", "calendar_version"])
    _set_alerts(subject, runs, calendar)
    subject.save(update_fields=_DATED)


def _alert(flow: Flow, subject: Moving, now: datetime, calendar: WorkCalendar) -> None:
    runs = [run for run in runs_of(subject) if run.is_running]
    for run in runs:
        clock = flow.clock(run.clock)
        while (moment := _next_alert(subject, run, calendar)) is not None and moment <= now:
            run.alert_level += 1
            share = clock.alerts[run.alert_level - 1]
            act = "flow.warn" if share < 1 else "flow.overdue" if share == 1 else "flow.escalate"
            trail.record(act, SYSTEM, subject, {"clock": run.clock, "share": share, "due_at": run.due_at})
            _tell_of_alert(flow, subject, clock, run, share)
            for listener in _listeners.get(flow.code, ()):
                listener(subject, clock, run.alert_level)
        run.save(update_fields=["alert_level"])
    _set_alerts(subject, runs, calendar)
    subject.save(update_fields=_DATED)


def _tell_of_alert(flow: Flow, subject: Moving, clock: Clock, run: ClockRun, share: Decimal) -> None:
    people = {subject.holder} if subject.holder else set()
    acts = set(clock.told_at(run.alert_level))
    owing = {step.act for step in flow.duties(subject.state)} if not people else set()
    if not people and not acts:
        acts = {step.act for step in flow.steps_from(subject.state) if not step.machine}
    call: set[Any] = set()
    if clock.calls_from is not None and share >= clock.calls_from:
        call = set(people)
        for act in owing:
            call |= set(access.able(act, subject))
    for act in acts:
        able = set(access.able(act, subject))
        people |= able
        if call and run.alert_level == len(clock.alerts):
            call |= able
    title = _("Due soon: %s") if share < 1 else _("Overdue: %s") if share == 1 else _("Escalated: %s")
    told = sorted(people | call, key=lambda user: user.pk)
    _tell(told, subject, title % clock.label, "warning" if share < 1 else "urgent", call)


def _tell(users: list[Any], subject: Moving, title: str, level: str = "info", call: Collection[Any] = ()) -> None:
    from chengheng.common import notices

    if users:
        notices.tell(users, title=f"{title} · {subject}", subject=subject, level=level, call=call)
