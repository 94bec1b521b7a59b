"""The trail: one entry per act, chained, append-only, sealed, readable as an outbox without gaps."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import trail
from chengheng.common.people.access import SYSTEM
from chengheng.common.trail import chain
from chengheng.common.trail.models import Entry
from chengheng.common.trail.recording import Cursor, cursor_of
from chengheng.common.trail.verifying import begin_era
from tests import builders

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
json_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def rewrite(sql: str, *parameters: object) -> None:
    """What a database administrator with bad intent could do."""
    with connection.cursor() as cursor:
        cursor.execute("alter table trail_entry disable trigger trail_entry_append_only")
        cursor.execute(sql, parameters)
        cursor.execute("alter table trail_entry enable trigger trail_entry_append_only")


@pytest.fixture
def unit(db):
    return builders.organisation("Heping district commission")


def test_acts_on_a_subject_are_chained_in_order(unit):
    chief = builders.user("chief")
    first = trail.record("people.organisation.create", SYSTEM, unit, {"code": unit.code}, new=True)
    second = trail.record("people.organisation.rename", chief, unit, {"name": ["a", "b"]}, "as the commission asked")

    assert [entry.act for entry in trail.history(unit)] == ["people.organisation.create", "people.organisation.rename"]
    assert (second.seq, second.previous, second.actor_id, second.actor_label) == (2, first.hash, chief.pk, "chief")
    assert trail.verify().ok


@pytest.mark.parametrize("sql", ["update trail_entry set note = 'x'", "delete from trail_entry"])
def test_the_database_refuses_to_rewrite_the_trail(unit, sql):
    trail.record("people.organisation.create", SYSTEM, unit)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_changed_entry_is_found_at_its_place(unit):
    for note in ("one", "two", "three"):
        trail.record("people.organisation.note", SYSTEM, unit, note=note)
    rewrite("update trail_entry set note = 'other' where note = 'two'")

    problems = trail.verify().problems
    assert [problem.what for problem in problems] == ["its content was changed"]
    assert "#2" in problems[0].where


def test_a_removed_entry_is_found(unit):
    for note in ("one", "two", "three"):
        trail.record("people.organisation.note", SYSTEM, unit, note=note)
    rewrite("delete from trail_entry where note = 'two'")
    assert "missing" in trail.verify().problems[0].what


@pytest.mark.django_db(transaction=True)
def test_a_chain_rewritten_from_its_start_is_found_by_the_seal():
    unit = builders.organisation()
    with transaction.atomic():
        entry = trail.record("people.organisation.create", SYSTEM, unit, note="true")
    assert len(_settled(Cursor(), 1)) == 1
    assert trail.seal().entries == 1
    entry.note = "false"
    from chengheng.common.trail.recording import digest

    rewrite("update trail_entry set note = 'false', hash = %s where id = %s", digest(entry), entry.pk)
    assert [problem.what for problem in trail.verify().problems] == ["an entry that it covers was changed"]
    assert trail.seal() is None


def test_an_act_outside_a_transaction_is_refused(transactional_db):
    unit = builders.organisation()
    with pytest.raises(transaction.TransactionManagementError):
        trail.record("people.organisation.create", SYSTEM, unit)


@given(data=st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_whatever_is_recorded_is_hashed_as_it_comes_back_from_the_database(data):
    stored = chain.storable(data)
    assert chain.storable(stored) == stored


@pytest.mark.django_db
def test_awkward_numbers_and_texts_survive_the_database(unit):
    data = {"a": [1e16, 1e300, 1e-7, -0.0, 0.1, 2**70], "b": "\x00\U0001f9f9", "c": {"z": 1, "a": None}, "d": 1.0}
    trail.record("people.organisation.note", SYSTEM, unit, data)
    assert trail.verify().ok


@pytest.mark.django_db(transaction=True)
def test_two_acts_on_one_subject_at_once_queue_up():
    unit = builders.organisation()

    def act() -> None:
        for _ in range(10):
            with transaction.atomic():
                trail.record("people.organisation.note", SYSTEM, unit)
        connection.close()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.seq for entry in trail.history(unit)] == list(range(1, 41))
    assert trail.verify().ok


@pytest.mark.django_db(transaction=True)
def test_the_outbox_never_steps_over_a_slow_transaction():
    unit, slow_unit = builders.organisation(), builders.organisation()
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            trail.record("people.organisation.note", SYSTEM, slow_unit, note="slow")
            started.set()
            go_on.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    started.wait(10)
    with transaction.atomic():
        trail.record("people.organisation.note", SYSTEM, unit, note="quick")
    assert trail.after(Cursor()) == [], "the quick act waits for the slow one that began before it"
    go_on.set()
    thread.join()
    settled = _settled(Cursor(), 2)
    assert [entry.note for entry in settled] == ["slow", "quick"]
    assert trail.after(cursor_of(settled[-1])) == []


def _settled(cursor: Cursor, count: int) -> list[Entry]:
    """The outbox once it holds `count` entries: transactions of other test databases on the server hold it up too."""
    end = time.monotonic() + 60
    while len(found := trail.after(cursor)) < count and time.monotonic() < end:
        time.sleep(0.05)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_restored_site_goes_on_in_a_new_era():
    unit = builders.organisation()
    with transaction.atomic():
        old = trail.record("people.organisation.note", SYSTEM, unit, note="before")
    rewrite("update trail_entry set transaction_id = transaction_id + 1000000")
    begin_era()
    with transaction.atomic():
        trail.record("people.organisation.note", SYSTEM, unit, note="after")
    old = Entry.objects.get(pk=old.pk)
    assert [entry.note for entry in _settled(cursor_of(old), 1)] == ["after"]


def test_a_view_of_many_rows_is_kept_with_the_person(unit):
    chief = builders.user("chief")
    trail.viewed(chief, Entry.objects.all(), "trail.entry.export", rows=3)
    assert trail.history(chief).get().data == {"rows_of": "trail.entry", "rows": 3}
