"""What people do with imports: bring a file, match its headings, commit it, take it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chengheng.common import jobs, trail
from chengheng.common.errors import NotFound
from chengheng.common.intake import checking, declaration, headings, queries, store
from chengheng.common.intake.checking import Step
from chengheng.common.intake.errors import (
    AlreadyImported,
    Contradicted,
    FileTooLarge,
    NotCommitted,
    NotReady,
    UnreadableFile,
)
from chengheng.common.intake.garbage import uncollected
from chengheng.common.intake.models import Batch, FieldMapping, State
from chengheng.common.intake.reading import MOST_BYTES
from chengheng.common.intake.rows import Problems
from chengheng.common.people import access
from chengheng.common.trail import acts

COMMIT = acts.declare("intake.batch.commit", gettext_lazy("Import a file"))
UNDO = acts.declare("intake.batch.undo", gettext_lazy("Undo an import"))
IN_PAGE_BYTES = 1_500_000
"""Up to here a file is checked and committed while the user waits; above, it is a job with progress."""


def receive(actor: Any, code: str, name: str, content: bytes) -> Batch:
    """Take a file in for the importer: it is stored and waits to be checked (`check_batch`).

    NotPermitted, FileTooLarge, AlreadyImported (this very file was committed and not undone).
    """
    importer = declaration.get(code)
    access.require(actor, importer.act)
    if len(content) > MOST_BYTES:
        raise FileTooLarge(limit=f"{MOST_BYTES // 1024 // 1024} MB")
    sha256 = store.keep(content)
    name = name.replace("\\", "/").rsplit("/", 1)[-1][:200] or "file"
    with transaction.atomic():
        _refuse_if_committed(code, sha256)
        batch = (
            Batch.objects.select_for_update(of=("self",))
            .filter(importer=code, sha256=sha256, by=actor.pk, state__in=(State.UPLOADED, State.FAULTY, State.READY))
            .first()
        )
        if batch is None:
            batch = Batch.objects.create(
                importer=code, sha256=sha256, name=name, size=len(content), by_id=actor.pk, mapping={}
            )
        elif batch.name != name:
            batch.name = name
            batch.save(update_fields=["name"])
    return batch


def _refuse_if_committed(code: str, sha256: str, but: int = 0) -> None:
    before = (
        Batch.objects.filter(importer=code, sha256=sha256, state=State.COMMITTED)
        .exclude(pk=but)
        .select_related("committed_by")
        .first()
    )
    if before is not None:
        assert before.committed_at is not None
        raise AlreadyImported(
            at=timezone.localtime(before.committed_at).strftime("%Y-%m-%d %H:%M"),
            by=str(before.committed_by or _("the system")),
        )


def _batch(actor: Any, batch_id: int) -> tuple[Batch, declaration.Importer]:
    """The batch, locked, and its importer for this actor; NotFound, NotPermitted."""
    found = queries.batches_of(actor).filter(pk=batch_id).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=found)
    importer = declaration.get(batch.importer)(actor)
    access.require(actor, importer.act)
    return batch, importer


@transaction.atomic
def check_batch(actor: Any, batch_id: int, step: Step | None = None) -> Batch:
    """Read the file and store what was found: READY without problems, else FAULTY. Changes nothing else."""
    batch, importer = _batch(actor, batch_id)
    if batch.state not in (State.UPLOADED, State.FAULTY, State.READY):
        raise NotReady(state=batch.get_state_display())
    try:
        with transaction.atomic():
            found = checking.check(importer, store.fetch(batch.sha256), batch.name, _mapping(batch), step)
    except UnreadableFile as refusal:
        problems = Problems()
        problems.add(None, "", str(refusal))
        _store_problems(batch, problems, {"sheets": [], "sample": [], "unreadable": True}, 0)
        return batch
    _store_problems(batch, found.problems, found.report(), found.read_rows)
    return batch


def _store_problems(batch: Batch, problems: Problems, report: dict[str, Any], rows: int) -> None:
    batch.state = State.FAULTY if problems.count else State.READY
    batch.problems = [problem.as_dict() for problem in problems.in_order()]
    batch.problem_count, batch.report, batch.rows = problems.count, report, rows
    batch.save(update_fields=["state", "problems", "problem_count", "report", "rows"])


def _mapping(batch: Batch) -> dict[str, str]:
    """Heading key → field: what was remembered for the importer, then what was matched for this very file."""
    remembered = FieldMapping.objects.filter(importer=batch.importer).values_list("heading", "field")
    return dict(remembered) | dict(batch.mapping)


@transaction.atomic
def match_headings(actor: Any, batch_id: int, mapping: Mapping[str, str]) -> Batch:
    """Match headings to fields by hand, for this file and the next ones like it; the file is checked again.

    `mapping`: heading as shown → field name, "" to leave the column out. Unknown fields are refused as NotFound.
    """
    batch, importer = _batch(actor, batch_id)
    if batch.state not in (State.UPLOADED, State.FAULTY, State.READY):
        raise NotReady(state=batch.get_state_display())
    known = {one.name for one in importer.fields}
    kept: dict[str, str] = {}
    for words, field in mapping.items():
        if field and field not in known:
            raise NotFound
        kept[headings.key(words)[:200]] = field
    batch.mapping = {**batch.mapping, **kept}
    batch.save(update_fields=["mapping"])
    for heading, field in kept.items():
        FieldMapping.objects.update_or_create(
            importer=batch.importer,
            heading=heading,
            defaults={"field": field, "by_id": actor.pk, "at": timezone.now()},
        )
    return check_batch(actor, batch_id)


@uncollected()
@transaction.atomic
def commit_batch(actor: Any, batch_id: int, step: Step | None = None) -> Batch:
    """Import the file: all rows or none. It is read and checked anew in this transaction.

    Where the check finds problems by now, nothing is imported and the batch comes back FAULTY. NotReady when somebody
    committed it meanwhile, AlreadyImported when another batch of the same file was, Contradicted when a constraint of
    the database refused a row that the check let pass.
    """
    batch, importer = _batch(actor, batch_id)
    with connection.cursor() as cursor:  # one commit of an importer at a time: what its check saw stays true
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", [batch.importer])
    if batch.state != State.READY:
        raise NotReady(state=batch.get_state_display())
    _refuse_if_committed(batch.importer, batch.sha256, but=batch.pk)
    found = checking.check(importer, store.fetch(batch.sha256), batch.name, _mapping(batch), step)
    if found.problems.count:
        _store_problems(batch, found.problems, found.report(), found.read_rows)
        return batch
    if step is not None:
        step(0, 0, _("Writing %(rows)s rows") % {"rows": f"{len(found.rows):,}"})
    try:
        with transaction.atomic():
            made = importer.commit(found.rows, batch, actor)
    except IntegrityError as error:
        raise Contradicted(why=_why(error)) from error
    batch.rows = len(found.rows) if made is None else made
    batch.state, batch.committed_at, batch.committed_by_id = State.COMMITTED, timezone.now(), actor.pk
    batch.save(update_fields=["rows", "state", "committed_at", "committed_by"])
    trail.record(
        COMMIT,
        actor,
        batch,
        {"importer": batch.importer, "file": batch.name, "sha256": batch.sha256, "rows": batch.rows},
    )
    return batch


def _why(error: IntegrityError) -> str:
    """What the database said of the row, without its statement."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return str(getattr(diagnosis, "message_detail", None) or getattr(diagnosis, "message_primary", None) or error)[:300]


@transaction.atomic
def undo_batch(actor: Any, batch_id: int, note: str = "") -> Batch:
    """Take a committed batch back. NotCommitted, DependedUpon."""
    batch, importer = _batch(actor, batch_id)
    if batch.state != State.COMMITTED:
        raise NotCommitted
    importer.undo(batch, actor)
    batch.state, batch.undone_at, batch.undone_by_id = State.UNDONE, timezone.now(), actor.pk
    batch.save(update_fields=["state", "undone_at", "undone_by"])
    trail.record(UNDO, actor, batch, {"importer": batch.importer, "rows": batch.rows}, note)
    return batch


def start_check(actor: Any, batch: Batch) -> Batch:
    """Check now when the file is small, else as a job."""
    if batch.size <= IN_PAGE_BYTES:
        return check_batch(actor, batch.pk)
    return _start(actor, batch, "intake.check", _("Check: %(file)s"))


def start_commit(actor: Any, batch: Batch) -> Batch:
    """Commit now when the file is small, else as a job."""
    if batch.size <= IN_PAGE_BYTES:
        return commit_batch(actor, batch.pk)
    return _start(actor, batch, "intake.commit", _("Import: %(file)s"))


def _start(actor: Any, batch: Batch, task: str, title: str) -> Batch:
    with transaction.atomic():
        locked, _importer = _batch(actor, batch.pk)
        if locked.job is not None and not locked.job.ended:
            return locked
        locked.job = jobs.start(task, actor, title % {"file": locked.name}, {"batch_id": locked.pk})
        locked.save(update_fields=["job"])
        return locked
