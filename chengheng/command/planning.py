"""Acts on plans (预案): write a draft, adopt it, revise it as a new edition, retire it.

Only a draft is changed; what is in force stays as it was adopted, and every run keeps the edition that it was run by.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.command import rules
from chengheng.command.errors import (
    BadChecklist,
    BadLimits,
    CodeTaken,
    DraftThere,
    NoLevel,
    NotADraft,
    PlanIncomplete,
    RankTaken,
    StepNeeds,
)
from chengheng.command.models import Plan, PlanLevel, PlanNeed, PlanStep
from chengheng.common import trail
from chengheng.common.people import access, roles
from chengheng.common.people.models import Organisation

ACT = "command.plan.change"


def _draft(actor: Any, pk: int) -> Plan:
    """The plan, locked, if it is a draft that the actor may change. Raises NotFound, NotADraft."""
    plan = access.fetch_locked(actor, ACT, Plan.objects.all(), pk=pk)
    if plan.state != Plan.State.DRAFT:
        raise NotADraft
    return plan


@transaction.atomic
def save_plan(actor: Any, plan: Plan) -> Plan:
    """Enter a plan, as the draft of its first edition, or change a draft's heading. Raises CodeTaken, NotADraft."""
    access.fetch(actor, ACT, Organisation.objects.all(), pk=plan.organisation_id)
    new = plan.pk is None
    if not new:
        kept = _draft(actor, plan.pk)
        plan.code, plan.edition, plan.state = kept.code if kept.edition > 1 else plan.code, kept.edition, kept.state
    if Plan.objects.filter(code=plan.code).exclude(pk=plan.pk or 0).exists() and (new or plan.edition == 1):
        raise CodeTaken(field="code")
    plan.save()
    trail.record(ACT, actor, plan, {"code": plan.code, "edition": plan.edition, "name": plan.name}, new=new)
    return plan


@transaction.atomic
def save_level(actor: Any, level: PlanLevel) -> PlanLevel:
    """Enter or change a level of a draft. Raises NotADraft, RankTaken."""
    plan = _draft(actor, level.plan_id)
    if plan.levels.filter(rank=level.rank).exclude(pk=level.pk or 0).exists():
        raise RankTaken(field="rank")
    level.save()
    trail.record(ACT, actor, plan, {"level": level.rank, "name": level.name, "trigger": level.trigger})
    return level


@transaction.atomic
def save_step(actor: Any, step: PlanStep, named: Iterable[Organisation] = ()) -> PlanStep:
    """Enter or change an order of a draft's level; orders stand in the order of their offsets.

    Raises NotADraft, BadLimits, BadChecklist, StepNeeds.
    """
    plan = _draft(actor, step.level.plan_id)
    chosen = list(named)
    if not rules.limits_fit(step.receipt_minutes, max(step.receipt_minutes, step.offset_minutes + step.finish_minutes)):
        raise BadLimits(field="finish_minutes")
    if not rules.checklist_fits(step.checklist):
        raise BadChecklist(field="checklist")
    if step.to == PlanStep.To.AREA and not step.area_code:
        raise StepNeeds(field="area_code")
    if step.to == PlanStep.To.NAMED and not chosen:
        raise StepNeeds(field="named")
    if step.to == PlanStep.To.ROLE and roles.get(step.role) is None:
        raise StepNeeds(field="role")
    if step.to != PlanStep.To.AREA:
        step.area_code = ""
    if step.to != PlanStep.To.ROLE:
        step.role = ""
    if step.pk is None:
        last = step.level.steps.order_by("-position").first()
        step.position = last.position + 1 if last else 1
    step.save()
    step.named.set(chosen if step.to == PlanStep.To.NAMED else [])
    _renumber(step.level)
    trail.record(
        ACT, actor, plan,
        {"level": step.level.rank, "step": step.title, "to": step.to, "offset": step.offset_minutes,
         "named": [one.code for one in chosen]},
    )  # fmt: skip
    return step


def _renumber(level: PlanLevel) -> None:
    rows = list(level.steps.order_by("offset_minutes", "position", "pk"))
    if [row.position for row in rows] == list(range(1, len(rows) + 1)):
        return
    for at, row in enumerate(rows, 1):  # above all that there are first: the number is unique in its level
        PlanStep.objects.filter(pk=row.pk).update(position=10_000 + at)
    for at, row in enumerate(rows, 1):
        PlanStep.objects.filter(pk=row.pk).update(position=at)


@transaction.atomic
def save_need(actor: Any, need: PlanNeed) -> PlanNeed:
    """Say what a draft's level needs; the same kind in the same unit is one line. Raises NotADraft."""
    plan = _draft(actor, need.level.plan_id)
    row, _made = PlanNeed.objects.update_or_create(
        level=need.level, kind=need.kind, unit=need.unit, defaults={"amount": need.amount, "note": need.note}
    )
    trail.record(ACT, actor, plan, {"level": need.level.rank, "need": str(row)})
    return row


@transaction.atomic
def remove_part(actor: Any, part: PlanLevel | PlanStep | PlanNeed) -> Plan:
    """Take a level, an order or a need out of a draft. Raises NotADraft."""
    level = part if isinstance(part, PlanLevel) else part.level
    plan = _draft(actor, level.plan_id)
    trail.record(ACT, actor, plan, {"removed": str(part)})
    part.delete()
    if isinstance(part, PlanStep):
        _renumber(level)
    return plan


@transaction.atomic
def revise_plan(actor: Any, plan: Plan) -> Plan:
    """A draft of the next edition, with all that the given one has. Raises DraftThere."""
    plan = access.fetch_locked(actor, ACT, Plan.objects.all(), pk=plan.pk)
    editions = Plan.objects.filter(code=plan.code)
    if editions.filter(state=Plan.State.DRAFT).exists():
        raise DraftThere
    latest = editions.order_by("-edition").values_list("edition", flat=True)[0]
    draft = Plan.objects.create(
        code=plan.code, edition=latest + 1, name=plan.name, kind=plan.kind, organisation=plan.organisation,
        source=plan.source, about=plan.about,
    )  # fmt: skip
    for level in plan.levels.prefetch_related("steps__named", "needs"):
        made = PlanLevel.objects.create(plan=draft, rank=level.rank, name=level.name, trigger=level.trigger)
        for need in level.needs.all():
            PlanNeed.objects.create(level=made, kind=need.kind, amount=need.amount, unit=need.unit, note=need.note)
        for step in level.steps.all():
            named = list(step.named.all())
            step.pk, step._state.adding, step.level = None, True, made
            step._prefetched_objects_cache = {}  # type: ignore[attr-defined]  # what was read belongs to the old row
            step.save()
            step.named.set(named)
    trail.record(ACT, actor, draft, {"code": draft.code, "edition": draft.edition, "from": plan.edition}, new=True)
    return draft


@transaction.atomic
def adopt_plan(actor: Any, plan: Plan) -> Plan:
    """Put a draft in force; the edition that was in force until now is retired. Raises NoLevel, PlanIncomplete."""
    plan = access.fetch_locked(actor, "command.plan.adopt", Plan.objects.all(), pk=plan.pk)
    if plan.state != Plan.State.DRAFT:
        raise NotADraft
    levels = list(plan.levels.prefetch_related("steps"))
    if not levels:
        raise NoLevel
    for level in levels:
        if not level.steps.all():
            raise PlanIncomplete(level=level.name)
    for old in Plan.objects.select_for_update().filter(code=plan.code, state=Plan.State.IN_FORCE):
        old.state = Plan.State.RETIRED
        old.save(update_fields=["state"])
        trail.record("command.plan.adopt", actor, old, {"retired_for": plan.edition})
    plan.state, plan.adopted_at, plan.adopted_by = Plan.State.IN_FORCE, timezone.now(), actor if actor.pk else None
    plan.save(update_fields=["state", "adopted_at", "adopted_by"])
    trail.record("command.plan.adopt", actor, plan, {"edition": plan.edition})
    return plan


@transaction.atomic
def retire_plan(actor: Any, plan: Plan) -> Plan | None:
    """Take a plan out of force; a draft is thrown away (None)."""
    act = ACT if plan.state == Plan.State.DRAFT else "command.plan.adopt"
    plan = access.fetch_locked(actor, act, Plan.objects.all(), pk=plan.pk)
    if plan.state == Plan.State.DRAFT:
        trail.record(ACT, actor, plan, {"thrown_away": plan.edition})
        plan.delete()
        return None
    plan.state = Plan.State.RETIRED
    plan.save(update_fields=["state"])
    trail.record(act, actor, plan, {"retired": plan.edition})
    return plan


def differences(new: Plan, old: Plan) -> list[tuple[str, str, str]]:
    """What an edition changed: (level, order or heading, "added" | "removed" | "changed")."""

    def parts(plan: Plan) -> dict[tuple[str, str], tuple[Any, ...]]:
        found: dict[tuple[str, str], tuple[Any, ...]] = {}
        for level in plan.levels.prefetch_related("steps__named", "needs"):
            found[level.name, ""] = (level.rank, level.trigger)
            for step in level.steps.all():
                found[level.name, step.title] = (
                    step.phase, step.offset_minutes, step.body, step.to, step.area_code, step.role, step.priority,
                    step.receipt_minutes, step.finish_minutes, tuple(step.checklist),
                    tuple(sorted(one.pk for one in step.named.all())),
                )  # fmt: skip
            for need in level.needs.all():
                found[level.name, f"{need.get_kind_display()}（{need.unit}）"] = (need.amount, need.note)
        return found

    now, before = parts(new), parts(old)
    changes = [(*key, "added" if key not in before else "changed") for key in now if now[key] != before.get(key)]
    return changes + [(*key, "removed") for key in before if key not in now]
