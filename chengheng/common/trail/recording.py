"""Writing and reading the trail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from chengheng.common import rows
from chengheng.common.trail import chain
from chengheng.common.trail.models import Entry

client_address: ContextVar[str | None] = ContextVar("client_address", default=None)
"""The address that the current request came from; set by the people middleware, None for machines."""

_INSERT = """
insert into trail_entry
    (era, transaction_id, at, actor_id, actor_label, address, act, subject_type, subject_id, seq, data, note,
     previous, hash)
values ((select last_value from trail_era), pg_current_xact_id()::text::bigint,
        %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
returning id, era, transaction_id
"""
_QUIET_INSERT = _INSERT.rsplit("returning", 1)[0]


def subject_key(subject: Model) -> tuple[str, str]:
    """How a row is named in the trail and in links: ("patrol.case", "17")."""
    return subject._meta.label_lower, str(subject.pk)


def subject_text(subject: Model) -> str:
    """`subject_key` as a form or an address carries it: "patrol.case:17"."""
    return ":".join(subject_key(subject))


def read_subject_text(text: str) -> tuple[str, int] | None:
    """Type and key of what a form sent back; None for anything that is not written so."""
    kind, _colon, key = text.partition(":")
    return (kind, int(key)) if key.isdecimal() and len(key) <= 18 else None


def record(
    act: str, actor: Any, subject: Model, data: dict[str, Any] | None = None, note: str = "", *, new: bool = False
) -> Entry:
    """Record an act on a subject, in the transaction of the act (there must be one).

    `data` is what changed, in JSON types. `new` says that the subject was made by this very act, which saves the look
    at its chain. The chain of a subject is locked until the transaction ends.
    """
    _in_transaction()
    subject_type, subject_id = subject_key(subject)
    with rows.cursor() as cursor:
        seq, previous = (1, "") if new else _next_in_chain(cursor, subject_type, subject_id)
        entry = _linked(act, actor, subject_type, subject_id, seq, previous, data or {}, note)
        cursor.execute(_INSERT, _row(entry))
        entry.pk, entry.era, entry.transaction_id = cursor.fetchone() or ()
    return entry


def record_made(act: str, actor: Any, subject: Model, data: dict[str, Any], note: str = "") -> None:
    """Record the act that made a subject; inside of `rows.together` it is written at its end."""
    _in_transaction()
    rows.write(_QUIET_INSERT, _first(act, actor, subject, data, note))


def _in_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an act is recorded in the transaction of the act")


def record_new(act: str, actor: Any, subjects: Iterable[tuple[Model, dict[str, Any]]], note: str = "") -> int:
    """Record the same act on many subjects that it has just made (an import); returns how many."""
    entries = [_first(act, actor, subject, data, note) for subject, data in subjects]
    if entries:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(_QUIET_INSERT, entries)
    return len(entries)


def viewed(actor: Any, what: Model | QuerySet, how: str = "trail.view", **data: Any) -> Entry:
    """Record that somebody looked at (or exported) sensitive rows.

    A single row gets the entry itself; for a set of rows it goes to the chain of the person who looked.
    """
    with transaction.atomic():
        if isinstance(what, QuerySet):
            return record(how, actor, actor, {"rows_of": what.model._meta.label_lower, **data})
        return record(how, actor, what, data)


def history(subject: Model) -> QuerySet[Entry]:
    """All acts on a subject, oldest first."""
    subject_type, subject_id = subject_key(subject)
    return Entry.objects.filter(subject_type=subject_type, subject_id=subject_id).order_by("seq")


def histories(subjects: Iterable[Model]) -> QuerySet[Entry]:
    """All acts on many subjects in one question, in the order of time."""
    ids: dict[str, list[str]] = {}
    for subject in subjects:
        kind, key = subject_key(subject)
        ids.setdefault(kind, []).append(key)
    wanted = Q(pk__in=[])
    for kind, keys in ids.items():
        wanted |= Q(subject_type=kind, subject_id__in=keys)
    return Entry.objects.filter(wanted).order_by("at", "pk")


class Cursor(NamedTuple):
    """How far a reader of the outbox has come; the start is `Cursor()`."""

    era: int = 0
    transaction_id: int = 0
    id: int = 0


def cursor_of(entry: Entry) -> Cursor:
    """The position just after `entry`."""
    return Cursor(entry.era, entry.transaction_id, entry.pk)


def after(cursor: Cursor | Iterable[int], limit: int = 1000, subject_type: str = "") -> list[Entry]:
    """The next settled entries of the outbox, in order; nothing is ever stepped over, whatever order acts commit in.

    `subject_type` ("patrol.case") keeps to the entries of one kind of subject.
    """
    return list(
        Entry.objects.raw(
            """
            select * from trail_entry
            where (era, transaction_id, id) > (%s, %s, %s) and (%s = '' or subject_type = %s)
              and (era < (select last_value from trail_era)
                   or transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
            order by era, transaction_id, id limit %s
            """,
            [*cursor, subject_type, subject_type, limit],
        )
    )


def _next_in_chain(cursor: Any, subject_type: str, subject_id: str) -> tuple[int, str]:
    cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"trail:{subject_type}:{subject_id}"])
    cursor.execute(
        "select seq, hash from trail_entry where subject_type = %s and subject_id = %s order by seq desc limit 1",
        [subject_type, subject_id],
    )
    last = cursor.fetchone()
    return (last[0] + 1, last[1]) if last else (1, "")


def _linked(
    act: str, actor: Any, subject_type: str, subject_id: str, seq: int, previous: str, data: dict[str, Any], note: str
) -> Entry:
    entry = Entry(
        at=timezone.now(),
        actor_id=actor.pk,
        actor_label=str(actor)[:120],
        address=client_address.get(),
        act=act,
        subject_type=subject_type,
        subject_id=subject_id,
        seq=seq,
        data=chain.storable(data),
        note=note.replace("\x00", "\ufffd"),
        previous=previous,
    )
    entry.hash = digest(entry)
    return entry


def _first(act: str, actor: Any, subject: Model, data: dict[str, Any], note: str) -> list[Any]:
    """The first entry of a subject's chain, as `_row` has it."""
    at, (subject_type, subject_id) = timezone.now(), subject_key(subject)
    label, stored, note = str(actor)[:120], chain.storable(data), note.replace("\x00", "\ufffd")
    link = chain.link("", subject_type, subject_id, 1, at, actor.pk, label, act, stored, note)
    text = json.dumps(stored, ensure_ascii=False)
    return [at, actor.pk, label, client_address.get(), act, subject_type, subject_id, 1, text, note, "", link]


def digest(entry: Entry) -> str:
    """What the entry's hash must be."""
    return chain.link(
        entry.previous, entry.subject_type, entry.subject_id, entry.seq, entry.at, entry.actor_id,
        entry.actor_label, entry.act, entry.data, entry.note,
    )  # fmt: skip


def _row(entry: Entry) -> list[Any]:
    return [
        entry.at, entry.actor_id, entry.actor_label, entry.address, entry.act, entry.subject_type, entry.subject_id,
        entry.seq, json.dumps(entry.data, ensure_ascii=False), entry.note, entry.previous, entry.hash,
    ]  # fmt: skip
