"""What people and machines do in finance: one function an act, one transaction each.

The order in every act: permission, lock, check, change, record, tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.common import files, flow, jobs, trail
from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.intake.copy import copy_columns
from chengheng.common.people import access
from chengheng.common.people.models import Organisation
from chengheng.finance import engine
from chengheng.finance.errors import (
    AlreadyTakenUp,
    NotExecutable,
    NotProposed,
    NotTried,
    OwnUnit,
    SameBatch,
    SeparationOfDuties,
    UnknownParameter,
    UnknownUnit,
)
from chengheng.finance.models import (
    TABLES,
    Doubt,
    EvidenceBatch,
    Finding,
    OperationCheck,
    RuleChange,
    RuleParameter,
    RuleRun,
    Unit,
)
from chengheng.finance.rules.catalogue import rules

LIMITS = {
    "explain": Limit(Kind("working_days"), Decimal(10)),
    "decide": Limit(Kind("working_days"), Decimal(10)),
    "rectify": Limit(Kind("natural_days"), Decimal(60)),
}
"""Time limits of a doubt: local rule, configurable; the person who takes the step may set another."""

_PLACE = {"batch", "unit", "year", "period"}


# Units and parameters


@transaction.atomic
def supervise_unit(
    actor: Any, organisation: Organisation, *, kind: str, accounting: str, supervised_from: date
) -> Unit:
    """Put an organisation under financial supervision, or change what kind of unit it is."""
    access.require(actor, "finance.unit.change")
    unit, made = Unit.objects.update_or_create(
        organisation=organisation,
        defaults={"kind": kind, "accounting": accounting, "supervised_from": supervised_from},
    )
    trail.record("finance.unit.change", actor, unit, {"kind": kind, "accounting": accounting}, new=made)
    return unit


@transaction.atomic
def set_parameter(
    actor: Any, code: str, name: str, value: Decimal, *, valid_from: date, source: str, unit: Unit | None = None
) -> RuleParameter:
    """Set a rule's parameter from a day on, for a unit and what is below it or for all. NotExecutable, UnknownParameter."""
    access.require(actor, "finance.rule.enforce")
    _known_parameter(code, name)
    row = RuleParameter.objects.create(
        rule=code, name=name, value=value, unit=unit, valid_from=valid_from, source=source
    )
    trail.record(
        "finance.rule.enforce", actor, row, {"rule": code, name: str(value), "unit": unit and unit.pk}, new=True
    )
    return row


def _known_parameter(code: str, name: str) -> None:
    rule = rules().get(code)
    if rule is None or not rule.executable:
        raise NotExecutable(rule=code)
    if name not in rule.parameters:
        raise UnknownParameter(field="name", rule=code, name=name)


@transaction.atomic
def propose_change(
    actor: Any, code: str, name: str, value: Decimal, *, valid_from: date, source: str, unit: Unit | None = None
) -> RuleChange:
    """Propose a parameter's value; the books are asked at once, by a job, what it would find. NotExecutable, UnknownParameter."""
    access.require(actor, "finance.rule.change")
    _known_parameter(code, name)
    change = RuleChange.objects.create(
        rule=code, name=name, value=value, unit=unit, valid_from=valid_from, source=source, proposed_by_id=actor.pk
    )
    trail.record("finance.rule.change", actor, change, {name: str(value), "unit": unit and unit.pk}, new=True)
    jobs.start("finance.try_change", actor, str(change), {"change": change.pk})
    return change


@transaction.atomic
def try_change(change: RuleChange, progress: Callable[[int, int, str], None] | None = None) -> RuleChange:
    """Ask every unit that the proposal concerns, for its latest year: what is found now, what would be found."""
    units = Unit.objects.select_related("organisation")
    if change.unit is not None:
        units = units.filter(organisation__path__startswith=change.unit.organisation.path)
    result: list[dict[str, Any]] = []
    total = units.count()
    for number, unit in enumerate(units):
        if progress is not None:
            progress(number, total, str(unit))
        latest = EvidenceBatch.objects.filter(unit=unit, current=True, period__gt=0).order_by("-year").first()
        if latest is not None:
            for trial in engine.back_test(unit, latest.year, change.rule, {change.name: change.value}):
                if trial.now or trial.then:
                    result.append({"unit": unit.pk, "name": str(unit), "year": latest.year, **asdict(trial)})
    change.result, change.tested_at = result, timezone.now()
    change.save(update_fields=["result", "tested_at"])
    return change


def _open_change(change: RuleChange) -> RuleChange:
    change = RuleChange.objects.select_for_update().get(pk=change.pk)
    if change.state != RuleChange.State.PROPOSED:
        raise NotProposed(change=str(change))
    return change


@transaction.atomic
def enforce_change(change: RuleChange, actor: Any) -> RuleChange:
    """Put a tried proposal in force: by somebody else than who proposed it. NotProposed, NotTried, SeparationOfDuties."""
    access.require(actor, "finance.rule.enforce")
    change = _open_change(change)
    if change.tested_at is None:
        raise NotTried(change=str(change))
    if actor.pk is not None and change.proposed_by_id == actor.pk:
        raise SeparationOfDuties(
            before=trail.acts.label("finance.rule.change"), now=trail.acts.label("finance.rule.enforce")
        )
    set_parameter(
        actor,
        change.rule,
        change.name,
        change.value,
        valid_from=change.valid_from,
        source=change.source,
        unit=change.unit,
    )
    return _decide(change, actor, RuleChange.State.LIVE, "finance.rule.enforce")


@transaction.atomic
def withdraw_change(change: RuleChange, actor: Any) -> RuleChange:
    """Take a proposal back. NotProposed."""
    access.require(actor, "finance.rule.change")
    return _decide(_open_change(change), actor, RuleChange.State.WITHDRAWN, "finance.rule.change")


def _decide(change: RuleChange, actor: Any, state: str, act: str) -> RuleChange:
    change.state, change.decided_at, change.decided_by_id = state, timezone.now(), actor.pk
    change.save(update_fields=["state", "decided_at", "decided_by"])
    trail.record(act, actor, change, {"state": str(state)})
    return change


# Evidence


def unit_of(organisation: Organisation) -> Unit:
    """The unit under supervision that an organisation is; UnknownUnit."""
    unit = Unit.objects.filter(organisation=organisation).select_related("organisation").first()
    if unit is None:
        raise UnknownUnit(organisation=organisation.name)
    return unit


def digest_of(fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """SHA-256 over the rows' values in their order, so that what is stored can be proved unchanged."""
    found = hashlib.sha256("\x1f".join(fields).encode())
    for row in rows:
        _feed(found, row)
    return found.hexdigest()


def _feed(found: Any, row: Sequence[Any]) -> None:
    found.update(("\x1f".join(["" if cell is None else str(cell) for cell in row]) + "\x1e").encode())


def _feed_columns(found: Any, columns: Sequence[Sequence[Any]]) -> None:
    """The same of whole columns: one conversion a cell, none of text."""
    texts = [
        column if set(map(type, column)) == {str} else ["" if cell is None else str(cell) for cell in column]
        for column in columns
    ]
    found.update(("\x1e".join(map("\x1f".join, zip(*texts, strict=True))) + "\x1e").encode())


@transaction.atomic
def store_batch(
    actor: Any, unit: Unit, kind: str, year: int, period: int, rows: Sequence[Mapping[str, Any]], *, origin: str,
    control: Mapping[str, Any] | None = None, run_rules: bool = True,
) -> EvidenceBatch:  # fmt: skip
    """Keep one kind of evidence of a unit and period; it replaces the batch in force. The rules run at once.

    `period` 0 is the whole year. Every row carries the model's fields and `row`, its place in the file. SameBatch when
    nothing differs.
    """
    coming = open_batch(actor, unit, kind, year, period, origin=origin)
    for row in rows:
        coming.add(row)
    batch = coming.end(control)
    if run_rules:
        run_after_import(unit, kind, year, period)
    return batch


@transaction.atomic
def store_columns(
    actor: Any, unit: Unit, kind: str, year: int, period: int, columns: Mapping[str, Sequence[Any]], *, origin: str
) -> EvidenceBatch:
    """`store_batch` from whole columns (field → values, and `row`): the fastest way in."""
    coming = open_batch(actor, unit, kind, year, period, origin=origin)
    coming.add_columns(columns)
    batch = coming.end()
    run_after_import(unit, kind, year, period)
    return batch


class Incoming:
    """One batch on its way in, block after block: what is kept of it is a block of rows, its running hash and its sums.

    `open_batch` begins it (inside the transaction that also ends it); `add` takes rows, `end` puts it in force.
    """

    BLOCK = 2_000

    def __init__(self, actor: Any, unit: Unit, kind: str, year: int, period: int, origin: str) -> None:
        self.actor, self.unit, self.kind, self.year, self.period = actor, unit, kind, year, period
        self.model, self.fields = TABLES[kind], fields_of(kind)
        self.defaults = [_default(self.model, name) for name in self.fields]
        place = {"unit": unit, "kind": kind, "year": year, "period": period}
        last = EvidenceBatch.objects.filter(**place).order_by("-number").first()
        self.before = EvidenceBatch.objects.filter(**place, current=True).first()
        self.batch = EvidenceBatch.objects.create(
            **place, number=last.number + 1 if last else 1, sha256="", origin=origin[:200], rows=0, current=False,
            imported_by_id=actor.pk,
        )  # fmt: skip
        self.hash = hashlib.sha256("\x1f".join(self.fields).encode())
        self.rows = self.debit = self.credit = 0
        self._sides = [self.fields.index(name) if name in self.fields else -1 for name in ("debit_fen", "credit_fen")]
        self._block: list[tuple[Any, ...]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row: the model's fields and `row`, its place in the file."""
        cells = tuple(row.get(name, default) for name, default in zip(self.fields, self.defaults, strict=True))
        self._block.append(cells)
        debit, credit = self._sides
        self.debit += cells[debit] or 0 if debit >= 0 else 0
        self.credit += cells[credit] or 0 if credit >= 0 else 0
        if len(self._block) >= self.BLOCK:
            self._write()

    def add_columns(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Many rows at once: field → values, None or no column for the field's default."""
        size = len(columns["row"])
        given: list[Sequence[Any]] = []
        for name, default in zip(self.fields, self.defaults, strict=True):
            column = columns.get(name)
            if column is None:
                column = [default] * size
            elif default is not None and None in column:
                column = [default if cell is None else cell for cell in column]
            given.append(column)
        debit, credit = self._sides
        self.debit += sum(given[debit]) if debit >= 0 else 0
        self.credit += sum(given[credit]) if credit >= 0 else 0
        self._write()
        for start in range(0, size, self.BLOCK):
            self._write_columns([column[start : start + self.BLOCK] for column in given])

    def _write(self) -> None:
        if self._block:
            self._write_columns(list(zip(*self._block, strict=True)))
            self._block.clear()

    def _write_columns(self, columns: Sequence[Sequence[Any]]) -> None:
        _feed_columns(self.hash, columns)
        self.rows += copy_columns(
            self.model,
            dict(zip(self.fields, columns, strict=True)),
            batch=self.batch.pk,
            unit=self.unit.pk,
            year=self.year,
            period=self.period,
        )

    def end(self, control: Mapping[str, Any] | None = None) -> EvidenceBatch:
        """Put the batch in force in place of the one before. SameBatch when nothing differs."""
        self._write()
        batch, before, sha256 = self.batch, self.before, self.hash.hexdigest()
        if before is not None and before.sha256 == sha256:
            raise SameBatch(batch=str(before))
        if before is not None:
            before.current = False
            before.save(update_fields=["current"])
        sums = {"debit_fen": self.debit, "credit_fen": self.credit}
        values = {
            **sums,
            "sha256": sha256,
            "rows": self.rows,
            "control": dict(control or {}),
            "replaces": before,
            "current": True,
        }
        for name, value in values.items():
            setattr(batch, name, value)
        batch.save(update_fields=list(values))
        trail.record(
            "finance.batch.import", self.actor, batch,
            {"sha256": sha256, "rows": self.rows, "replaces": before and before.pk, **sums}, new=True,
        )  # fmt: skip
        return batch


def open_batch(actor: Any, unit: Unit, kind: str, year: int, period: int, *, origin: str) -> Incoming:
    """Begin a batch whose rows come one after the other; imports for one unit wait for each other."""
    access.require(actor, "finance.batch.import", unit)
    Unit.objects.select_for_update().get(pk=unit.pk)
    return Incoming(actor, unit, kind, year, period, origin)


def fields_of(kind: str) -> list[str]:
    """The stored fields of a kind of evidence that its hash covers, in the model's order."""
    return [
        one.attname for one in TABLES[kind]._meta.concrete_fields if one.name not in {"id", *_PLACE}
    ]  # fmt: skip


def _default(model: Any, name: str) -> Any:
    default = model._meta.get_field(name)
    return default.get_default() if not default.null else None


def run_after_import(unit: Unit, kind: str, year: int, period: int) -> list[RuleRun]:
    """Run the rules that a batch touches: those that need its kind, for its period, or the year's latest for period 0."""
    if period == 0:
        last = EvidenceBatch.objects.filter(unit=unit, year=year, current=True).order_by("-period").first()
        period = last.period if last and last.period else timezone.localdate().month
    codes = [rule.code for rule in rules().values() if rule.executable and kind in rule.needs]
    return engine.run(unit, year, period, codes)


@transaction.atomic
def run_rules(actor: Any, unit: Unit, year: int, period: int) -> list[RuleRun]:
    """Run every executable rule for a unit and period."""
    access.require(actor, "finance.rule.run", unit)
    runs = engine.run(unit, year, period)
    found = sum(run.findings for run in runs)
    trail.record("finance.rule.run", actor, unit, {"year": year, "period": period, "findings": found})
    return runs


@transaction.atomic
def check_batches(day: date | None = None) -> OperationCheck:
    """The net's daily self-check: every batch in force of the last 13 months still has the rows that its hash names."""
    day = day or timezone.localdate()
    broken: list[int] = []
    batches = EvidenceBatch.objects.filter(current=True, year__gte=day.year - 1)
    for batch in batches:
        fields = fields_of(batch.kind)
        rows = TABLES[batch.kind]._default_manager.filter(batch=batch).order_by("pk").values_list(*fields)
        if digest_of(fields, rows.iterator()) != batch.sha256:
            broken.append(batch.pk)
    check, _made = OperationCheck.objects.update_or_create(
        day=day, defaults={"batches": len(batches), "broken": broken, "checked_at": timezone.now()}
    )
    return check


# Doubts


def _apart(doubt: Doubt, actor: Any, now: str, *before: tuple[str, str]) -> None:
    """SeparationOfDuties when the actor took one of the earlier steps; OwnUnit when they belong to the audited unit."""
    if actor.pk is None:
        return
    for column, label in before:
        if getattr(doubt, f"{column}_id") == actor.pk:
            raise SeparationOfDuties(before=label, now=now)


def _not_of_the_unit(doubt: Doubt, actor: Any) -> None:
    if actor.pk is not None and actor.organisation_id == doubt.unit.organisation_id:
        raise OwnUnit


@transaction.atomic
def raise_doubt(finding: Finding, actor: Any, *, title: str = "", now: datetime | None = None) -> Doubt:
    """Take up a finding as a candidate doubt (疑点). AlreadyTakenUp, OwnUnit."""
    access.require(actor, "finance.doubt.raise", finding)
    finding = Finding.objects.select_for_update(of=("self",)).select_related("unit").get(pk=finding.pk)
    before = Doubt.objects.filter(finding=finding).first()
    if before is not None:
        raise AlreadyTakenUp(doubt=before.number)
    now = now or timezone.now()
    name = rules()[finding.rule].name
    doubt = Doubt(
        finding=finding, unit=finding.unit, aspect_id=finding.aspect_id, title=title or f"{name}：{finding.text}"[:200],
        raised_by_id=actor.pk, found_at=now, holder_organisation=None,
    )  # fmt: skip
    _not_of_the_unit(doubt, actor)
    doubt = flow.begin(doubt, actor, now=now)
    trail.record(
        "finance.doubt.raise", actor, doubt,
        {"rule": f"{finding.rule}@{finding.version}", "parameters": finding.parameters, "batches": finding.batches,
         "table": finding.table, "rows": finding.row_ids}, new=True,
    )  # fmt: skip
    return doubt


def _limits(name: str, limits: Mapping[str, Limit] | None) -> dict[str, Limit]:
    return {name: LIMITS[name], **(limits or {})}


@transaction.atomic
def issue_doubt(
    doubt: Doubt, actor: Any, *, note: str = "", limits: Mapping[str, Limit] | None = None, now: datetime | None = None,
    **taken: Any,
) -> Doubt:  # fmt: skip
    """Send the doubt to the unit, which has its time to explain."""
    _not_of_the_unit(doubt, actor)
    now = now or timezone.now()
    return flow.take(
        doubt, "issue", actor, note=note, limits=_limits("explain", limits), now=now,
        holder_organisation=doubt.unit.organisation, fields={"issued_at": now, "issued_by_id": actor.pk}, **_plain(taken),
    )  # fmt: skip


@transaction.atomic
def explain_doubt(
    doubt: Doubt, actor: Any, *, note: str, limits: Mapping[str, Limit] | None = None, now: datetime | None = None,
    **taken: Any,
) -> Doubt:  # fmt: skip
    """The audited unit answers, with its evidence attached."""
    doubt = flow.take(
        doubt, "explain", actor, note=note, limits=_limits("decide", limits), now=now, holder_organisation=None,
        fields={"explanation": note, "explained_by_id": actor.pk}, **_plain(taken),
    )  # fmt: skip
    _attach(doubt, actor, taken, "explanation")
    return doubt


@transaction.atomic
def ask_again(doubt: Doubt, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Doubt:
    """The reviewer is not satisfied with the answer and asks once more."""
    _decides(doubt, actor)
    return flow.take(
        doubt, "ask_again", actor, note=note, limits=_limits("explain", None), now=now,
        holder_organisation=doubt.unit.organisation, **_plain(taken),
    )  # fmt: skip


def _decides(doubt: Doubt, actor: Any) -> None:
    _not_of_the_unit(doubt, actor)
    _apart(doubt, actor, str(flow.flow_of(doubt).step("confirm").label),
           ("issued_by", str(flow.flow_of(doubt).step("issue").label)),
           ("explained_by", str(flow.flow_of(doubt).step("explain").label)))  # fmt: skip


@transaction.atomic
def confirm_doubt(
    doubt: Doubt, actor: Any, *, note: str, limits: Mapping[str, Limit] | None = None, now: datetime | None = None,
    **taken: Any,
) -> Doubt:  # fmt: skip
    """The reviewer finds the doubt proved: the unit must put it right in time."""
    _decides(doubt, actor)
    now = now or timezone.now()
    doubt = flow.take(
        doubt, "confirm", actor, note=note, limits=_limits("rectify", limits), now=now,
        holder_organisation=doubt.unit.organisation,
        fields={"confirmed": True, "decided_at": now, "decided_by_id": actor.pk}, **_plain(taken),
    )  # fmt: skip
    doubt.rectify_due_at = doubt.due_at
    doubt.save(update_fields=["rectify_due_at"])
    return doubt


@transaction.atomic
def clear_doubt(doubt: Doubt, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Doubt:
    """The reviewer finds the explanation good: the doubt is cleared."""
    _decides(doubt, actor)
    now = now or timezone.now()
    return flow.take(
        doubt, "clear", actor, note=note, now=now,
        fields={"confirmed": False, "decided_at": now, "decided_by_id": actor.pk}, **_plain(taken),
    )  # fmt: skip


@transaction.atomic
def rectify_doubt(doubt: Doubt, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Doubt:
    """The unit reports what it put right."""
    now = now or timezone.now()
    doubt = flow.take(
        doubt, "rectify", actor, note=note, now=now, holder_organisation=None,
        fields={"rectification": note, "rectified_at": now, "rectified_by_id": actor.pk}, **_plain(taken),
    )  # fmt: skip
    _attach(doubt, actor, taken, "rectification")
    return doubt


@transaction.atomic
def return_doubt(doubt: Doubt, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Doubt:
    """The reviewer sends the rectification back; the unit's time runs on."""
    _verifies(doubt, actor)
    return flow.take(
        doubt, "return", actor, note=note, now=now, holder_organisation=doubt.unit.organisation,
        fields={"rectified_at": None}, **_plain(taken),
    )  # fmt: skip


def _verifies(doubt: Doubt, actor: Any) -> None:
    _not_of_the_unit(doubt, actor)
    _apart(doubt, actor, str(flow.flow_of(doubt).step("verify").label),
           ("issued_by", str(flow.flow_of(doubt).step("issue").label)),
           ("rectified_by", str(flow.flow_of(doubt).step("rectify").label)))  # fmt: skip


@transaction.atomic
def verify_doubt(doubt: Doubt, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Doubt:
    """The reviewer has seen that it was put right."""
    _verifies(doubt, actor)
    return flow.take(doubt, "verify", actor, note=note, now=now, fields={"verified_by_id": actor.pk}, **_plain(taken))


@transaction.atomic
def close_doubt(doubt: Doubt, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Doubt:
    """Somebody who had no part in it closes the doubt (销号)."""
    _not_of_the_unit(doubt, actor)
    table = flow.flow_of(doubt)
    _apart(doubt, actor, str(table.step("close").label), ("issued_by", str(table.step("issue").label)),
           ("decided_by", str(table.step("confirm").label)), ("verified_by", str(table.step("verify").label)))  # fmt: skip
    now = now or timezone.now()
    return flow.take(doubt, "close", actor, note=note, now=now, fields={"closed_at": now}, **_plain(taken))


@transaction.atomic
def reopen_doubt(doubt: Doubt, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Doubt:
    """New facts: the doubt is looked at again."""
    return flow.take(
        doubt, "reopen", actor, note=note, limits=_limits("decide", None), now=now,
        fields={"closed_at": None, "confirmed": None, "decided_at": None, "decided_by_id": None, "rectified_at": None,
                "verified_by_id": None}, **_plain(taken),
    )  # fmt: skip


def _plain(taken: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in taken.items() if name in {"data", "version"}}


def _attach(doubt: Doubt, actor: Any, taken: Mapping[str, Any], kind: str) -> None:
    for given in (taken.get("files") or {}).values():
        for one in given:
            files.attach(files.store(one, one.name), doubt, kind, actor)
