"""What people see of movement: the inbox, the timeline, what is late, the diagram. All read from the same tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

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

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for somebody: the subject, and the steps that they may take."""

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
    return [
        step
        for step in flow_of(subject).steps_from(subject.state)
        if not step.machine and access.may(user, step.act, subject) and (step.offered is None or step.offered(subject))
    ]


def _waiting_rows(user: Any, flow: Flow, model: type[Moving]) -> QuerySet[Moving] | None:
    """Rows in a state that the user may move on by a step, held by them or by nobody in particular."""
    states_by_act: dict[str, set[str]] = {}
    for step in flow.steps:
        if not step.machine and step.target and access.may(user, step.act):
            states_by_act.setdefault(step.act, set()).update(set(step.sources) - set(flow.final))
    rows: QuerySet[Moving] | None = None
    for act, states in states_by_act.items():
        mine = access.visible(user, act, model._default_manager.filter(state__in=states))
        rows = mine if rows is None else rows | mine
    return rows.filter(Q(holder=None) | Q(holder=user.pk)) if rows is not None else None


def inbox(user: Any, *, flow_code: str = "", limit: int = 100) -> list[Waiting]:
    """Everything that waits for the user across all flows, the nearest deadline first."""
    found: list[Waiting] = []
    for flow, model in flows():
        if flow_code and flow.code != flow_code:
            continue
        rows = _waiting_rows(user, flow, model)
        if rows is not None:
            for subject in rows.order_by(F("due_at").asc(nulls_last=True), "pk")[:limit]:
                found.append(Waiting(flow, subject, flow.steps_from(subject.state)))
    found.sort(key=lambda waiting: (waiting.subject.due_at or _NEVER, waiting.subject.pk))
    return found[:limit]


def inbox_count(user: Any, at_most: int = 99) -> int:
    """How much waits for the user, counted no further than `at_most`."""
    count = 0
    for flow, model in flows():
        rows = _waiting_rows(user, flow, model)
        if rows is not None and count < at_most:
            count += rows.values("pk")[: at_most - count].count()
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
