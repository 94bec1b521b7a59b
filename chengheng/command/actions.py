"""What people and machines do in command: one function an act, one transaction each.

The order in every act: permission, lock, check, change, record, tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chengheng.command import queries, rules
from chengheng.command.errors import (
    BadChecklist,
    BadLimits,
    HandedOver,
    InTheFuture,
    ItemsOpen,
    NoTarget,
    NotForYou,
    NotOnTheirDuty,
    NotOpen,
    NotServing,
    PlanOff,
    PlanRunning,
    RunOver,
    StillOpen,
    TwoOnDuty,
    WrongHours,
)
from chengheng.command.models import (
    DutyShift,
    LinkCheck,
    Order,
    OrderPapers,
    OrderTemplate,
    Plan,
    PlanLevel,
    PlanRun,
    PlanStep,
    Priority,
    Resource,
    Site,
    Target,
    Tick,
    WeatherNote,
)
from chengheng.common import files, flow, health, links, notices, trail
from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.errors import Invalid, NotFound
from chengheng.common.links import kinds
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import Organisation, User

LEVELS = {Priority.ROUTINE: "info", Priority.URGENT: "warning", Priority.EMERGENCY: "urgent"}


def _limit(minutes: int) -> Limit:
    """Orders run day and night."""
    return Limit(Kind.URGENT_HOURS, rules.hours(minutes))


# Orders


@transaction.atomic
def give_order(
    actor: Any, *, title: str, body: str, organisations: Iterable[Organisation], priority: str = Priority.ROUTINE,
    receipt_minutes: int = 30, finish_minutes: int = 1440, address: str = "", lon: float | None = None,
    lat: float | None = None, people: Iterable[User] = (), tell_all: bool = False, checklist: Iterable[str] = (),
    papers: Iterable[Any] = (), linked: Iterable[Model] = (), now: datetime | None = None,
) -> Order:  # fmt: skip
    """Give an order to organisations (who is on duty there gets it) and to people by name.

    Every organisation, and that of every person, must be one to which the actor may give orders; a person must be one who
    may receive them. `tell_all`: everybody who receives orders there is told, not only who is on duty. `papers` are
    uploaded files, `linked` records of any system (`links.choosing.chosen`) that belong to it. Raises NoTarget, BadLimits, NotFound, BadChecklist.
    """
    access.require(actor, "command.order.give")
    wanted = {organisation.pk for organisation in organisations}
    persons = {person.pk for person in people}
    if not wanted and not persons:
        raise NoTarget(field="organisations")
    found = list(
        access.visible(actor, "command.order.give", Organisation.objects.filter(active=True, pk__in=wanted)).order_by(
            "code"
        )
    )
    named = list(queries.orderable_people(actor).filter(pk__in=persons).select_related("organisation").order_by("pk"))
    if len(found) != len(wanted) or len(named) != len(persons):
        raise NotFound
    order = _give(
        actor, found, named, title=title, body=body, priority=priority, receipt_minutes=receipt_minutes,
        finish_minutes=finish_minutes, address=address, lon=lon, lat=lat, organisation=actor.organisation,
        tell_all=tell_all, checklist=list(checklist), now=now or timezone.now(),
    )  # fmt: skip
    kept = [(files.store(paper, paper.name), "paper", paper.name[:120]) for paper in papers]
    if kept:
        files.attach_many(OrderPapers.objects.get(pk=order.pk), actor, kept)
    for subject in linked:
        links.link(order, subject, kinds.RELATED.code, actor)
    return order


def _give(
    actor: Any, targets: list[Organisation], people: list[User] | None = None, *, now: datetime, receipt_minutes: int,
    finish_minutes: int, **fields: Any,
) -> Order:  # fmt: skip
    if not rules.limits_fit(receipt_minutes, finish_minutes):
        raise BadLimits(field="finish_minutes")
    if not rules.checklist_fits(fields.get("checklist", ())):
        raise BadChecklist(field="checklist")
    people = people or []
    order = flow.begin(
        Order(issued_by=actor if actor.pk else None, issued_at=now, receipt_minutes=receipt_minutes,
              finish_minutes=finish_minutes, **fields),
        actor, limits={"whole": _limit(finish_minutes)}, now=now,
    )  # fmt: skip
    to = [*(one.code for one in targets), *(one.username for one in people)]
    trail.record("command.order.give", actor, order, {"to": to, "drill": order.drill}, new=True)
    on_duty = people_on_duty(targets, now)
    sites = {site.organisation_id: site for site in Site.objects.filter(organisation__in=targets).order_by("-code")}
    limits = {"receipt": _limit(receipt_minutes), "finish": _limit(finish_minutes)}
    addressed: list[tuple[Organisation, User | None]] = [(one, None) for one in targets]
    for organisation, person in addressed + [(one.organisation, one) for one in people]:
        target = flow.begin(
            Target(
                order=order, organisation=organisation, person=person, holder_organisation=organisation,
                drill=order.drill, holder=person or on_duty.get(organisation.pk),
                site=None if person else sites.get(organisation.pk), issued_at=now,
                receipt_due_at=now + timedelta(minutes=receipt_minutes),
                finish_due_at=now + timedelta(minutes=finish_minutes),
            ),
            actor, limits=limits, now=now,
        )  # fmt: skip
        trail.record("command.order.give", actor, target, {"order": order.pk}, new=True)
        _tell(target, _("Order: %(title)s"), {"title": order.title}, LEVELS[Priority(order.priority)])
    return order


def _tell(target: Target, title: Any, params: Mapping[str, Any], level: str, body: str = "") -> None:
    """Tell who has it or is on duty; without a rota, or if the order says so, everybody there who receives orders."""
    if target.holder_id and (target.person_id or not target.order.tell_all):
        notices.tell(target.holder, title, body, subject=target, level=level, params=params)
    else:
        for role in ("command.site", "command.district_dispatcher"):
            notices.tell(None, title, body, role=role, organisation=target.organisation, subject=target, level=level,
                         params=params)  # fmt: skip


def people_on_duty(organisations: Iterable[Organisation], now: datetime) -> dict[int, User]:
    """Organisation → who is on duty there now (the shift that began last)."""
    rows = DutyShift.objects.filter(
        organisation__in=list(organisations), starts_at__lte=now, ends_at__gt=now, handed_over_at__isnull=True,
        person__is_active=True,
    )  # fmt: skip
    return {row.organisation_id: row.person for row in rows.select_related("person").order_by("starts_at", "pk")}


@transaction.atomic
def supplement_order(order: Order, actor: Any, *, note: str, **taken: Any) -> Order:
    """Add to the text of an order; everybody who has it open is told."""
    stamp = f"\n\n[{timezone.localtime():%m-%d %H:%M}] {note.strip()}"
    if len(order.body) + len(stamp) > 4000:
        raise Invalid(gettext("The text of an order may have 4,000 characters."), field="note")
    order = flow.take(order, "supplement", actor, note=note, fields={"body": order.body + stamp}, **taken)
    for target in order.targets.filter(state__in=queries.OPEN).select_related("organisation", "holder"):
        _tell(target, _("Supplement: %(title)s"), {"title": order.title}, "warning", note)
    return order


@transaction.atomic
def recall_order(order: Order, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Order:
    """Take an order back from everybody who has not finished it."""
    now = now or timezone.now()
    order = flow.take(order, "recall", actor, note=note, fields={"ended_at": now}, now=now, **taken)
    for target in order.targets.filter(state__in=queries.OPEN).select_related("organisation", "holder"):
        target = flow.take(target, "withdraw", SYSTEM, note=note, now=now)
        _tell(target, _("Recalled: %(title)s"), {"title": order.title}, "warning", note)
    return order


@transaction.atomic
def close_order(order: Order, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Order:
    """Close an order; what was reported finished and not yet judged is accepted. Raises StillOpen."""
    now = now or timezone.now()
    order = access.fetch_locked(actor, "command.order.close", Order.objects.all(), pk=order.pk)
    count = order.targets.filter(state__in=queries.OPEN).count()
    if count:
        raise StillOpen(count=count)
    for target in order.targets.filter(state="done"):
        flow.take(target, "accept", SYSTEM, now=now)
    return flow.take(order, "close", actor, note=note, fields={"ended_at": now}, now=now, **taken)


# Targets


@transaction.atomic
def receive_order(target: Target, actor: Any, *, now: datetime | None = None, **taken: Any) -> Target:
    """Sign for an order (签收); who signs has it from now on."""
    now = now or timezone.now()
    return flow.take(target, "receive", actor, fields={"received_at": now}, holder=actor, now=now, **taken)


@transaction.atomic
def tick_item(target: Target, actor: Any, position: int, *, done: bool = True, now: datetime | None = None) -> Target:
    """Tick an item of the order's checklist, or take the tick back. Raises NotOpen, NotForYou, NotFound."""
    target = access.fetch_locked(actor, "command.target.report", Target.objects.select_related("order"), pk=target.pk)
    if target.state != "received":
        raise NotOpen
    addressed_to(target, actor)
    if not 0 <= position < len(target.order.checklist):
        raise NotFound
    if done:
        _row, changed = Tick.objects.get_or_create(
            target=target, position=position, defaults={"at": now or timezone.now(), "by": actor}
        )
    else:
        changed = bool(Tick.objects.filter(target=target, position=position).delete()[0])
    if changed:
        item = target.order.checklist[position]
        trail.record(
            "command.target.report", actor, target, {"item": position, "done": done}, f"{'✓' if done else '✗'} {item}"
        )
    return target


def addressed_to(target: Target, actor: Any, _data: Any = None) -> None:
    """An order to a person is that person's alone. Raises NotForYou."""
    if target.person_id and actor.pk and target.person_id != actor.pk:
        raise NotForYou


def all_ticked(target: Target, actor: Any, data: Any = None) -> None:
    """What a finish needs besides its step: every item of the checklist. Raises ItemsOpen, NotForYou."""
    addressed_to(target, actor, data)
    missing = len(target.order.checklist) - target.ticks.count()
    if missing > 0:
        raise ItemsOpen(count=missing)


def _where(data: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the place that a feedback names; none for a feedback without one. Raises Invalid."""
    given: dict[str, Any] = {}
    for name, limit in (("lon", 180), ("lat", 90)):
        if data.get(name) is not None:
            if not abs(float(data[name])) <= limit:
                raise Invalid(field=name)
            given[name] = float(data[name])
    return given


@transaction.atomic
def report_progress(target: Target, actor: Any, *, data: Mapping[str, Any] | None = None, **taken: Any) -> Target:
    """Report progress (反馈): what is being done, with photos and where; the last place told is the target's."""
    data = dict(data or {})
    return flow.take(target, "report", actor, data=data, fields=_where(data), **taken)


@transaction.atomic
def finish_order(
    target: Target, actor: Any, *, data: Mapping[str, Any] | None = None, now: datetime | None = None, **taken: Any
) -> Target:
    """Report an order finished, with what was done; the order is done when the last one has finished."""
    now, data = now or timezone.now(), dict(data or {})
    fields = {"finished_at": now} | _where(data)
    target = flow.take(target, "finish", actor, data=data, fields=fields, now=now, **taken)
    _perhaps_complete(target.order_id, now)
    return target


def _perhaps_complete(order_pk: int, now: datetime) -> None:
    order = Order.objects.select_for_update().get(pk=order_pk)
    rows = list(Target.objects.filter(order=order).values_list("state", flat=True))
    if order.state == "issued" and not set(rows) & set(queries.OPEN) and set(rows) - {"withdrawn"}:
        order = flow.take(order, "complete", SYSTEM, now=now)
        if order.issued_by:
            notices.tell(
                order.issued_by, _("All have finished: %(title)s"), subject=order, params={"title": order.title}
            )


@transaction.atomic
def accept_target(target: Target, actor: Any, *, data: Mapping[str, Any] | None = None, **taken: Any) -> Target:
    """Accept what was done, with a mark from 1 to 5 where one is given."""
    data = dict(data or {})
    mark = int(data["mark"]) if data.get("mark") else None
    if mark is not None and not 1 <= mark <= 5:
        raise Invalid(field="mark")
    return flow.take(target, "accept", actor, data=data, fields={"mark": mark}, **taken)


@transaction.atomic
def send_back_target(
    target: Target, actor: Any, *, note: str, limits: Mapping[str, Limit] | None = None, now: datetime | None = None,
    **taken: Any,
) -> Target:  # fmt: skip
    """Send an order back as not done, with a new limit; an order that was complete is open again."""
    now, limits = now or timezone.now(), dict(limits or {"finish": _limit(240)})
    fields = {"finished_at": None, "returns": target.returns + 1}
    target = flow.take(target, "send_back", actor, note=note, limits=limits, fields=fields, now=now, **taken)
    Target.objects.filter(pk=target.pk).update(finish_due_at=target.due_at)
    order = Order.objects.select_for_update().get(pk=target.order_id)
    if order.state == "done":
        flow.take(order, "reopen", SYSTEM, now=now)
    _tell(target, _("Sent back: %(title)s"), {"title": order.title}, "warning", note)
    return Target.objects.get(pk=target.pk)


@transaction.atomic
def supervise_target(target: Target, actor: Any, *, note: str, **taken: Any) -> Target:
    """Supervise (督办): say again that it is due; told urgently."""
    target = flow.take(target, "supervise", actor, note=note, **taken)
    _tell(target, _("Supervised: %(title)s"), {"title": target.order.title}, "urgent", note)
    return target


@transaction.atomic
def extend_target(
    target: Target, actor: Any, *, note: str, data: Mapping[str, Any] | None = None, **_taken: Any
) -> Target:
    """Give an organisation more hours to finish."""
    more = Decimal(str((data or {}).get("hours") or 0))
    if not Decimal("0.25") <= more <= 720:
        raise Invalid(gettext("Between a quarter of an hour and thirty days."), field="hours")
    target = flow.extend(target, "finish", more, actor, "command.target.extend", note=note)
    target.finish_due_at += timedelta(hours=float(more))
    target.extensions += 1
    target.save(update_fields=["finish_due_at", "extensions"])
    return target


@transaction.atomic
def withdraw_target(target: Target, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Target:
    """Withdraw the order from one organisation."""
    now = now or timezone.now()
    target = flow.take(target, "withdraw", actor, note=note, now=now, **taken)
    _tell(target, _("Recalled: %(title)s"), {"title": target.order.title}, "warning", note)
    _perhaps_complete(target.order_id, now)
    return target


# Plans


@transaction.atomic
def start_plan(
    level: PlanLevel, actor: Any, *, reason: str, drill: bool = False, now: datetime | None = None
) -> PlanRun:
    """Start a plan at a level: all its orders are given at once, each due by its own offset from now.

    Raises PlanOff, PlanRunning, NoTarget (a step that reaches nobody stops the start: nothing is given).
    """
    now = now or timezone.now()
    plan = access.fetch_locked(actor, "command.plan.start", Plan.objects.all(), pk=level.plan_id)
    if plan.state != Plan.State.IN_FORCE:
        raise PlanOff
    # of whatever edition: a snowfall that began under the old one is still the same snowfall
    running = PlanRun.objects.filter(level__plan__code=plan.code, level__rank=level.rank, drill=drill, ended_at=None)
    if running.exists():
        raise PlanRunning
    run = PlanRun.objects.create(
        level=level, organisation=plan.organisation, drill=drill, reason=reason.strip()[:300], started_at=now,
        started_by=actor if actor.pk else None,
    )  # fmt: skip
    trail.record(
        "command.plan.start",
        actor,
        run,
        {"plan": plan.code, "edition": plan.edition, "level": level.rank, "drill": drill},
        reason,
        new=True,
    )
    for step in level.steps.order_by("position"):
        targets, people = targets_of(step, now), people_of(step)
        if not targets and not people:
            raise NoTarget(gettext("“%(step)s” reaches no organisation.") % {"step": step.title})
        _give(
            actor, targets, people, title=f"【演练】{step.title}" if drill else step.title, body=step.body,
            priority=step.priority, receipt_minutes=step.receipt_minutes,
            finish_minutes=max(step.offset_minutes + step.finish_minutes, step.receipt_minutes),
            organisation=plan.organisation, run=run, step=step, drill=drill, checklist=step.checklist, now=now,
        )  # fmt: skip
    return run


def targets_of(step: PlanStep, now: datetime | None = None) -> list[Organisation]:
    """The organisations that a step of a plan goes to, today."""
    if step.to == PlanStep.To.ROLE:
        return []
    if step.to == PlanStep.To.NAMED:
        return list(step.named.filter(active=True).order_by("code"))
    if step.to == PlanStep.To.AREA:
        return list(queries.organisations_in(step.area_code))
    if step.to == PlanStep.To.ON_DUTY:
        return list(queries.organisations_on_duty(now))
    return list(queries.organisations_of(step.to))


def people_of(step: PlanStep) -> list[User]:
    """The people that a step of a plan goes to by their role, today: those at the plan's organisation and below it who
    hold the role and may receive orders."""
    if step.to != PlanStep.To.ROLE:
        return []
    return list(queries.holders(step.role, step.level.plan.organisation).select_related("organisation"))


@transaction.atomic
def end_run(run: PlanRun, actor: Any, *, conclusion: str, now: datetime | None = None) -> PlanRun:
    """End a run of a plan; orders that are still open are recalled. Raises RunOver."""
    now = now or timezone.now()
    run = access.fetch_locked(actor, "command.run.end", PlanRun.objects.all(), pk=run.pk)
    if run.ended_at is not None:
        raise RunOver
    for order in run.orders.filter(state="issued"):
        recall_order(order, SYSTEM, note=gettext("The run of the plan ended."), now=now)
    for order in run.orders.filter(state="done"):
        close_order(order, SYSTEM, now=now)
    run.ended_at, run.ended_by, run.conclusion = now, (actor if actor.pk else None), conclusion.strip()[:4000]
    run.save(update_fields=["ended_at", "ended_by", "conclusion"])
    trail.record("command.run.end", actor, run, {}, run.conclusion)
    return run


# Templates of orders


@transaction.atomic
def save_order_template(actor: Any, row: OrderTemplate) -> OrderTemplate:
    """Enter or change a template; a new one belongs to the actor's organisation. Raises BadLimits, BadChecklist."""
    access.require(actor, "command.order.give")
    new = row.pk is None
    if new:
        row.organisation = actor.organisation
    else:
        access.fetch_locked(actor, "command.order.give", OrderTemplate.objects.all(), pk=row.pk)
    if not rules.limits_fit(row.receipt_minutes, row.finish_minutes):
        raise BadLimits(field="finish_minutes")
    if not rules.checklist_fits(row.checklist):
        raise BadChecklist(field="checklist")
    row.save()
    trail.record("command.order.template", actor, row, {"name": row.name, "title": row.title}, new=new)
    return row


@transaction.atomic
def delete_order_template(actor: Any, row: OrderTemplate) -> None:
    """Take a template away; orders given from it stay."""
    row = access.fetch_locked(actor, "command.order.give", OrderTemplate.objects.all(), pk=row.pk)
    trail.record("command.order.template", actor, row, {"name": row.name, "deleted": True})
    row.delete()


# Rota


@transaction.atomic
def add_shift(
    actor: Any, organisation: Organisation, person: User, starts_at: datetime, ends_at: datetime, phone: str = ""
) -> DutyShift:
    """Put somebody on duty. Raises WrongHours, TwoOnDuty, NotFound (an organisation that is not the actor's to plan)."""
    organisation = access.fetch_locked(actor, "command.rota.change", Organisation.objects.all(), pk=organisation.pk)
    if not rules.shift_fits(starts_at, ends_at):
        raise WrongHours(field="ends_at")
    if not person.organisation.path.startswith(organisation.path):
        raise NotFound
    spans = DutyShift.objects.filter(person=person, ends_at__gt=starts_at).values_list("starts_at", "ends_at")
    if rules.overlap(spans, starts_at, ends_at):
        raise TwoOnDuty(field="person")
    shift = DutyShift.objects.create(
        organisation=organisation, person=person, starts_at=starts_at, ends_at=ends_at, phone=phone or person.phone
    )
    trail.record("command.rota.change", actor, shift, {"person": person.pk, "from": starts_at.isoformat(),
                 "until": ends_at.isoformat()}, new=True)  # fmt: skip
    return shift


@transaction.atomic
def hand_over(shift: DutyShift, actor: Any, *, to: User, note: str, now: datetime | None = None) -> DutyShift:
    """Hand a shift over (交接班): open orders of the one on duty go to who follows. Raises NotOnTheirDuty, HandedOver."""
    now = now or timezone.now()
    shift = access.fetch_locked(
        actor, "command.rota.hand_over", DutyShift.objects.select_related("organisation"), pk=shift.pk
    )
    if actor.pk != shift.person_id and not access.may(actor, "command.rota.change", shift):
        raise NotOnTheirDuty
    if shift.handed_over_at is not None:
        raise HandedOver
    if to.pk == shift.person_id or not to.organisation.path.startswith(shift.organisation.path):
        raise Invalid(field="to")
    shift.handed_over_at, shift.handed_to, shift.handover = now, to, note.strip()[:2000]
    shift.save(update_fields=["handed_over_at", "handed_to", "handover"])
    moved = list(queries.held_on(shift).select_for_update(of=("self",)).values_list("pk", flat=True))
    Target.objects.filter(pk__in=moved).update(holder=to)
    trail.record("command.rota.hand_over", actor, shift, {"to": to.pk, "orders": moved}, shift.handover)
    notices.tell(
        to, _("%(count)s open orders were handed over to you"), note, subject=shift, params={"count": len(moved)}
    )
    return shift


# Venues and resources


@transaction.atomic
def save_site(actor: Any, site: Site) -> Site:
    """Enter or change a venue."""
    access.require(actor, "command.site.change")
    new = site.pk is None
    if not new:
        access.fetch_locked(actor, "command.site.change", Site.objects.all(), pk=site.pk)
    site.save()
    trail.record("command.site.change", actor, site, {"code": site.code, "name": site.name}, new=new)
    return site


@transaction.atomic
def check_link(
    actor: Any, site: Site, *, reached: bool, loss_percent: Decimal | None = None, jitter_ms: Decimal | None = None,
    note: str = "", at: datetime | None = None, way: str = LinkCheck.Way.HAND,
) -> LinkCheck:  # fmt: skip
    """Record one check of a venue's link; the verdict follows from what was seen. Raises NotServing, InTheFuture."""
    site = access.fetch_locked(actor, "command.site.check", Site.objects.all(), pk=site.pk)
    at = at or timezone.now()
    if at > timezone.now() + timedelta(minutes=5):
        raise InTheFuture(field="at")
    day = timezone.localtime(at).date()
    if day < site.serves_from or (site.serves_until is not None and day > site.serves_until):
        raise NotServing
    check = LinkCheck.objects.create(
        site=site, at=at, result=rules.judge_link(reached, loss_percent, jitter_ms), way=way, loss_percent=loss_percent,
        jitter_ms=jitter_ms, note=note.strip()[:300], by=actor if actor.pk else None,
    )  # fmt: skip
    if site.checked_at is None or site.checked_at < at:
        site.link_state, site.checked_at = check.result, at
        site.save(update_fields=["link_state", "checked_at"])
    trail.record("command.site.check", actor, site, {"check": check.pk, "result": check.result}, note)
    if site.checked_at == at:
        health.report(
            f"command:{site.code}",
            ok=check.result != "down",
            at=at,
            text=gettext("%(site)s: the link is down") % {"site": site},
        )
    return check


@transaction.atomic
def note_weather(
    actor: Any, *, text: str, source: str, said_at: datetime | None = None, until: datetime | None = None,
    warning: str = "", now: datetime | None = None,
) -> WeatherNote:  # fmt: skip
    """Write down what the weather is or will be, and who said so. Raises InTheFuture, Invalid."""
    access.require(actor, "command.weather.note")
    now = now or timezone.now()
    said_at = said_at or now
    text, source = text.strip(), source.strip()
    if not text or not source:
        raise Invalid(field="source" if text else "text")
    if said_at > now + timedelta(minutes=5):
        raise InTheFuture(field="said_at")
    if until is not None and until <= said_at:
        raise Invalid(gettext("A note holds until after it was said."), field="until")
    note = WeatherNote.objects.create(
        organisation=actor.organisation, text=text[:600], source=source[:120], said_at=said_at, until=until,
        warning=warning, by=actor, entered_at=now,
    )  # fmt: skip
    trail.record("command.weather.note", actor, note, {"source": note.source, "warning": warning}, note.text, new=True)
    return note


@transaction.atomic
def save_resource(actor: Any, resource: Resource) -> Resource:
    """Enter or change a resource; its organisation must be one whose resources the actor keeps."""
    access.fetch(actor, "command.resource.change", Organisation.objects.all(), pk=resource.organisation_id)
    new = resource.pk is None
    if not new:
        access.fetch_locked(actor, "command.resource.change", Resource.objects.all(), pk=resource.pk)
    resource.save()
    trail.record(
        "command.resource.change", actor, resource, {"state": resource.state, "amount": str(resource.amount)}, new=new
    )
    return resource
