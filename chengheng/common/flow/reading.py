"""What people see of movement: the inbox, the timeline, what is late, the diagram. All read from the same tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.calendars.models import current_calendar
from chengheng.common.calendars.rules import Kind
from chengheng.common.flow.engine import elapsed, runs_of
from chengheng.common.flow.models import ClockRun, Moving
from chengheng.common.flow.table import Flow, Step, flow_of, flows
from chengheng.common.people import access
from chengheng.common.trail.models import Entry

Subject = TypeVar("Subject", bound=Moving)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for somebody: the subject, and the steps that they owe it."""

    flow: Flow
    subject: Moving
    steps: list[Step]


@dataclass(frozen=True)
class ClockFace:
    """A clock as a person reads it. `used`, `limit` in the limit's own unit (hours or days)."""

    run: ClockRun
    label: str
    used: Decimal
    limit: Decimal

    @property
    def unit(self) -> str:
        """The limit's kind in words (working days)."""
        return str(Kind(self.run.kind).label)

    @property
    def share(self) -> Decimal:
        return self.used / self.limit if self.limit else Decimal(0)


def steps_for(user: Any, subject: Moving) -> list[Step]:
    """The steps that the user may take with the subject as it is now, primary first."""
    steps = [step for step in flow_of(subject).steps_from(subject.state) if not step.machine]
    acts = access.allowed(user, {step.act for step in steps}, subject)
    return [step for step in steps if step.act in acts and (step.offered is None or step.offered(subject))]


def waiting_rows(user: Any, model: type[Subject]) -> QuerySet[Subject]:
    """Rows in a state that the user owes a step (`Flow.duties`), held by them or by nobody in particular."""
    flow = flow_of(model)
    states_by_act: dict[str, set[str]] = {}
    for state in flow.states:
        for step in flow.duties(state):
            states_by_act.setdefault(step.act, set()).add(state)
    rows = model._default_manager.none()
    for act, states in states_by_act.items():
        if access.may(user, act):
            rows |= access.visible(user, act, model._default_manager.filter(state__in=states))
    return rows.filter(Q(holder=None) | Q(holder=user.pk))


@dataclass(frozen=True)
class Place:
    """One line of the inbox before its subject is read in full."""

    flow: Flow
    model: type[Moving]
    pk: int
    state: str
    due_at: datetime | None


def inbox_places(user: Any, limit: int = 100) -> list[Place]:
    """What waits for the user across all flows, the nearest deadline first: one short question a flow."""
    found: list[Place] = []
    for flow, model in flows():
        rows = waiting_rows(user, model).order_by(F("due_at").asc(nulls_last=True), "pk")
        found += [Place(flow, model, *row) for row in rows.values_list("pk", "state", "due_at")[:limit]]
    found.sort(key=lambda place: (place.due_at or _NEVER, place.pk))
    return found[:limit]


def opened(user: Any, places: Iterable[Place]) -> list[Waiting]:
    """The subjects of these lines, each with the steps that the user owes it; one question a kind of subject."""
    places = list(places)
    subjects: dict[tuple[type[Moving], int], Moving] = {}
    for model in {place.model for place in places}:
        read = model._default_manager.in_bulk([place.pk for place in places if place.model is model])
        subjects |= {(model, pk): subject for pk, subject in read.items()}
    owed: dict[tuple[str, str], list[Step]] = {}
    for place in places:
        key = (place.flow.code, place.state)
        if key not in owed:
            owed[key] = [step for step in place.flow.duties(place.state) if access.may(user, step.act)]
    return [
        Waiting(place.flow, subject, owed[place.flow.code, place.state])
        for place in places
        if (subject := subjects.get((place.model, place.pk))) is not None
    ]


def inbox(user: Any, *, limit: int = 100) -> list[Waiting]:
    """Everything that waits for the user across all flows, the nearest deadline first."""
    return opened(user, inbox_places(user, limit))


def inbox_count(user: Any, at_most: int = 99) -> int:
    """How much waits for the user, counted no further than `at_most`."""
    count = 0
    for _flow, model in flows():
        if count < at_most:
            count += waiting_rows(user, model).values("pk")[: at_most - count].count()
    return count


def overdue(user: Any, act_of: str = "", now: datetime | None = None) -> list[Moving]:
    """What the user may see and is past its deadline, the latest first to suffer; up to 500 of each flow."""
    now, found = now or timezone.now(), []
    for flow, model in flows():
        act = getattr(model, "view_act", "")
        if act and (not act_of or flow.code == act_of):
            rows = access.visible(user, act, model._default_manager.filter(due_at__lt=now))
            found += list(rows.order_by("due_at")[:500])
    return sorted(found, key=lambda subject: subject.due_at or _NEVER)


def timeline(subject: Moving) -> QuerySet[Entry]:
    """All that was done to the subject, oldest first."""
    return trail.history(subject)


def clocks(subject: Moving, now: datetime | None = None) -> list[ClockFace]:
    """The subject's clocks with what they have used up."""
    now, calendar = now or timezone.now(), current_calendar()
    return [
        ClockFace(run, run.label(subject), elapsed(run, run.done_at or now, calendar), run.amount + run.extended)
        for run in runs_of(subject)
    ]


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid state diagram; docs draw from it, so the picture cannot differ from the code."""
    lines = ["stateDiagram-v2", f"    [*] --> {flow.start}"]
    lines += [f"    {state}: {label}" for state, label in flow.states.items()]
    lines += [
        f"    {source} --> {step.target or source}: {step.label}" for step in flow.steps for source in step.sources
    ]
    lines += [f"    {state} --> [*]" for state in flow.states if state in flow.final]
    return "\n".join(lines)
