"""Proving the trail: every chain unbroken, every seal true."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from chengheng.common.trail.models import Entry, Seal
from chengheng.common.trail.recording import digest

_SETTLED = """
select id, hash from trail_entry
where (era, transaction_id) >= (%s, %s) and (era, transaction_id) < (%s, %s)
order by era, transaction_id, id
"""


@dataclass(frozen=True)
class Problem:
    """Where the trail does not hold: the entry or seal, and in what way."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Verification:
    """What a check of the trail found."""

    checked: int = 0
    seals: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def verify() -> Verification:
    """Check every chain and every seal, in one snapshot; memory stays flat."""
    found = Verification()
    with transaction.atomic():
        if not connection.in_atomic_block or len(connection.savepoint_ids) == 0:
            _repeatable_read()
        _verify_chains(found)
        _verify_seals(found)
    return found


def _repeatable_read() -> None:
    with connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")


def _verify_chains(found: Verification) -> None:
    chain: tuple[str, str] | None = None
    seq, previous = 0, ""
    for entry in Entry.objects.order_by("subject_type", "subject_id", "seq").iterator(chunk_size=2000):
        where = f"{entry.subject_type} {entry.subject_id} #{entry.seq} (entry {entry.pk})"
        if chain != (entry.subject_type, entry.subject_id):
            chain, seq, previous = (entry.subject_type, entry.subject_id), 0, ""
        if entry.seq != seq + 1:
            found.problems.append(Problem(where, f"{entry.seq - seq - 1} entries before it are missing"))
        elif entry.previous != previous:
            found.problems.append(Problem(where, "it does not follow the entry before it"))
        if digest(entry) != entry.hash:
            found.problems.append(Problem(where, "its content was changed"))
        seq, previous = entry.seq, entry.hash
        found.checked += 1


def _verify_seals(found: Verification) -> None:
    previous = ""
    for made in Seal.objects.order_by("pk"):
        entries, value = _digest(
            previous, (made.from_era, made.from_transaction_id, made.to_era, made.to_transaction_id)
        )
        if made.previous != previous:
            found.problems.append(Problem(f"seal {made}", "it does not follow the seal before it"))
        elif entries != made.entries:
            found.problems.append(Problem(f"seal {made}", f"it covers {made.entries} entries, {entries} are there"))
        elif value != made.digest:
            found.problems.append(Problem(f"seal {made}", "an entry that it covers was changed"))
        previous = made.digest
        found.seals += 1


def _digest(previous: str, bounds: tuple[int, int, int, int]) -> tuple[int, str]:
    running, count = hashlib.sha256(previous.encode()), 0
    for pk, entry_hash in _rows(_SETTLED, bounds):
        running.update(f"{pk}:{entry_hash}\n".encode())
        count += 1
    return count, running.hexdigest()


def _rows(query: str, parameters: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, parameters)
        while rows := cursor.fetchmany(2000):
            yield from rows


@transaction.atomic
def seal() -> Seal | None:
    """Seal everything settled since the last seal; None when there is nothing new. Run daily by the schedule."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('trail:seal', 0))")
        cursor.execute("select last_value, pg_snapshot_xmin(pg_current_snapshot())::text::bigint from trail_era")
        to_era, to_transaction = cursor.fetchone()
    last = Seal.objects.order_by("pk").last()
    since = (last.to_era, last.to_transaction_id) if last else (0, 0)
    previous = last.digest if last else ""
    entries, value = _digest(previous, (*since, to_era, to_transaction))
    if not entries:
        return None
    return Seal.objects.create(
        at=timezone.now(),
        from_era=since[0],
        from_transaction_id=since[1],
        to_era=to_era,
        to_transaction_id=to_transaction,
        entries=entries,
        previous=previous,
        digest=value,
    )


def begin_era() -> int:
    """Start a new era; `restore` calls it, because transaction ids of the new cluster start anew."""
    with connection.cursor() as cursor:
        cursor.execute("select nextval('trail_era')")
        return cursor.fetchone()[0]
