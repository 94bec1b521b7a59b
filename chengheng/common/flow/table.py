"""What a flow is: tables of states, steps and clocks. Everything that the engine does follows from them.

What must not go in: the database, the time of day, and any one system's states. A room writes its flow in `flows.py`
and registers it with the model that moves through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

if TYPE_CHECKING:
    from chengheng.common.flow.models import Moving

Guard = Callable[[Any, Any, Mapping[str, Any]], None]
SAME = ""
"""As a step's target: the state does not change (an urging note, a report of progress)."""


@dataclass(frozen=True)
class Clock:
    """A time limit that runs through some of the states.

    `alerts`: shares of the limit at which the sweep acts, rising: below 1 is a warning, 1 is overdue, above 1 escalates.
    `escalate_to`: for each alert the acts whose holders are told besides the holder of the subject.
    `calls_from`: from this share on whoever has the subject is called by telephone too, and at the last alert those who are
    told besides.
    """

    name: str
    label: str | Promise
    alerts: tuple[Decimal, ...] = (Decimal("0.8"), Decimal(1))
    escalate_to: tuple[tuple[str, ...], ...] = ()
    calls_from: Decimal | None = None

    def told_at(self, level: int) -> tuple[str, ...]:
        """The acts whose holders hear of alert number `level` (1-based)."""
        return self.escalate_to[level - 1] if level <= len(self.escalate_to) else ()


@dataclass(frozen=True)
class StepField:
    """Something that a step asks for. `kind`: text, textarea, choice, boolean, number, date, datetime, limit, files, place
    (reaches the step as "lon" and "lat"), organisation or user. `choices(subject, actor)` gives pairs for choice, or a queryset for organisation and user.

    The name is the key under which the value reaches the step: "note" is the note; "holder" and "holder_organisation"
    say who has the subject next; a "limit" field of a clock's name gives that clock's limit.
    """

    name: str
    label: str | Promise
    kind: str = "text"
    required: bool = True
    choices: Callable[[Any, Any], Any] | None = None
    help: str | Promise = ""


@dataclass(frozen=True)
class Step:
    """One way from a state to the next.

    `act` is the permission. `start`/`stop`/`pause`/`resume` name clocks. `needs` are the data that must be given
    ("note" is the note itself); `fields` are asked for in the form, in this order. `by(subject, actor, note=, data=)` is
    the action that takes the step when plain `flow.take` is not enough. `guard(subject, actor, data)` raises a Refusal.
    `offered(subject)` False keeps the step's button away where it would be refused anyway. `machine` steps are taken by
    the system only. `primary` is the step that a person usually takes here: the big
    button, the Enter key. `danger` is one to think about twice.
    """

    name: str
    label: str | Promise
    source: str | tuple[str, ...]
    target: str
    act: str
    start: str | tuple[str, ...] = ()
    stop: str | tuple[str, ...] = ()
    pause: str | tuple[str, ...] = ()
    resume: str | tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    fields: tuple[StepField, ...] = ()
    by: Callable[..., Any] | None = None
    guard: Guard | None = None
    offered: Callable[[Any], bool] | None = None
    machine: bool = False
    primary: bool = False
    danger: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return _names(self.source)

    def clocks(self, what: str) -> tuple[str, ...]:
        """The clocks that the step starts, stops, pauses or resumes."""
        return _names(getattr(self, what))


@dataclass(frozen=True)
class Flow:
    """States, steps and clocks of one kind of subject. Faults in the tables are found when it is made."""

    code: str
    label: str | Promise
    start: str
    states: Mapping[str, str | Promise]
    steps: tuple[Step, ...] | list[Step]
    clocks: tuple[Clock, ...] | list[Clock] = ()
    final: frozenset[str] | set[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        known, clocks = set(self.states), {clock.name for clock in self.clocks}
        for state in {self.start, *self.final} - known:
            raise ValueError(f"{self.code}: no state {state!r}")
        seen: set[str] = set()
        for step in self.steps:
            if step.name in seen:
                raise ValueError(f"{self.code}: two steps are called {step.name!r}")
            seen.add(step.name)
            for state in {*step.sources, step.target or self.start} - known:
                raise ValueError(f"{self.code}.{step.name}: no state {state!r}")
            for what in ("start", "stop", "pause", "resume"):
                for clock in set(step.clocks(what)) - clocks:
                    raise ValueError(f"{self.code}.{step.name}: no clock {clock!r}")
        reached = {self.start}
        while more := {step.target for step in self.steps if step.target and reached & set(step.sources)} - reached:
            reached |= more
        for state in known - reached:
            raise ValueError(f"{self.code}: no step leads to state {state!r}")
        for state in known - set(self.final):
            if not any(state in step.sources for step in self.steps):
                raise ValueError(f"{self.code}: state {state!r} is neither final nor left by any step")

    def step(self, name: str) -> Step:
        """The step of this name; KeyError for an unknown one."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"{self.code} has no step {name!r}")

    def clock(self, name: str) -> Clock:
        """The clock of this name; KeyError for an unknown one."""
        for clock in self.clocks:
            if clock.name == name:
                return clock
        raise KeyError(f"{self.code} has no clock {name!r}")

    def steps_from(self, state: str) -> list[Step]:
        """The steps that leave (or stay in) a state, primary ones first."""
        return sorted((step for step in self.steps if state in step.sources), key=lambda step: not step.primary)

    def duties(self, state: str) -> list[Step]:
        """The steps that somebody owes a subject in this state: the usual ones, or all where none is the usual one.

        What a machine does, what leaves the state as it is and what is to be thought about twice (void, withdraw) is
        nobody's duty, and nothing is in a final state.
        """
        if state in self.final:
            return []
        owed = [step for step in self.steps_from(state) if step.target and not (step.machine or step.danger)]
        return [step for step in owed if step.primary] or owed


_flows: dict[str, tuple[Flow, type[Moving]]] = {}


def register(flow: Flow, model: type[Moving]) -> Flow:
    """Bind a flow to the model that moves through it (one flow a model)."""
    label = model._meta.label_lower
    if label in _flows:
        raise ValueError(f"{label} has a flow already")
    _flows[label] = (flow, model)
    return flow


def flow_of(subject: Moving | type[Moving]) -> Flow:
    """The flow that a model, or a row of it, moves through; KeyError when it has none."""
    return _flows[subject._meta.label_lower][0]


def flows() -> list[tuple[Flow, type[Moving]]]:
    """All registered flows with their models, by code."""
    return sorted(_flows.values(), key=lambda pair: pair[0].code)


def _names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
