"""A create request is answered once, whatever the network and the processes do."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import replay
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import Organisation
from chengheng.common.replay.models import Request
from chengheng.common.replay.rules import body_hash
from tests import builders

BODY = {"title": "井盖缺失", "lon": 117.2, "photos": [1, 2]}


def report(client_id, actor, body=None, *, answer=None, work=lambda: None):
    """A create endpoint as rooms write it."""
    with replay.once(client_id, actor, "tests.report", body or BODY) as request:
        if request.answer is not None:
            return request.answer, request.status
        work()
        made = Organisation.objects.create(code=uuid.uuid4().hex, name="made", kind="unit")
        return request.keep(answer or {"id": made.pk, "at": timezone.now()}, status=201), 201


def made() -> int:
    return Organisation.objects.filter(name="made").count()


def test_the_same_request_again_gets_the_same_answer_and_does_nothing(db):
    client_id, actor = uuid.uuid4(), builders.user()
    first = report(client_id, actor)
    again = report(client_id, actor, dict(reversed(BODY.items())))
    assert again == first
    assert (made(), first[1]) == (1, 201)


def test_another_body_under_the_same_id_is_refused(db):
    client_id, actor = uuid.uuid4(), builders.user()
    report(client_id, actor)
    with pytest.raises(replay.Conflict):
        report(client_id, actor, BODY | {"lon": 117.3})
    assert made() == 1


def test_ids_count_per_actor_and_purpose(db):
    client_id = uuid.uuid4()
    for actor in (builders.user(), builders.user(), SYSTEM):
        report(client_id, actor)
        report(client_id, actor)
    with replay.once(client_id, SYSTEM, "tests.other", BODY) as request:
        assert request.answer is None
        request.keep({})
    assert made() == 3


def test_an_act_that_is_refused_leaves_no_record_and_can_be_tried_again(db):
    client_id, actor = uuid.uuid4(), builders.user()

    def refuse():
        raise replay.Conflict

    with pytest.raises(replay.Conflict):
        report(client_id, actor, work=refuse)
    assert Request.objects.count() == 0
    report(client_id, actor)
    assert made() == 1


def test_mistakes_of_the_programmer_are_loud(db):
    with pytest.raises(RuntimeError, match="without an answer"), replay.once(uuid.uuid4(), SYSTEM, "t", {}):
        pass
    with pytest.raises(ValueError, match="None"), replay.once(uuid.uuid4(), SYSTEM, "t", {}) as request:
        request.keep(None)
    assert Request.objects.count() == 0
    with replay.once(uuid.uuid4(), SYSTEM, "t", {}) as request:
        request.keep({})
        with pytest.raises(ValueError, match="has its answer"):
            request.keep({})


def test_old_requests_are_forgotten(db):
    report(uuid.uuid4(), SYSTEM)
    assert replay.forget_before(timezone.now() - timedelta(days=1)) == 0
    assert replay.forget_before(timezone.now()) == 1


def in_threads(*works):
    """Run the works at the same moment, each on its own connection; their results (or exceptions) in order."""
    gate, results = threading.Barrier(len(works)), [None] * len(works)

    def run(number, work):
        try:
            gate.wait(10)
            results[number] = work()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_copies_of_a_request_that_arrive_together_become_one_act(attempt):
    client_id, actor = uuid.uuid4(), builders.user()
    results = in_threads(*[lambda: report(client_id, actor, work=lambda: time.sleep(0.05))] * 6)
    assert made() == 1
    assert all(result == results[0] for result in results)
    assert results[0][0]["id"] == Organisation.objects.get(name="made").pk


@pytest.mark.django_db(transaction=True)
def test_when_the_first_copy_fails_the_second_that_waited_does_the_act():
    client_id, actor = uuid.uuid4(), builders.user()
    inside = threading.Event()

    def fail():
        inside.set()
        time.sleep(0.2)
        raise OSError("the process was killed")

    def second():
        inside.wait(5)
        return report(client_id, actor)

    first_result, second_result = in_threads(lambda: report(client_id, actor, work=fail), second)
    assert isinstance(first_result, OSError)
    assert second_result[1] == 201
    assert made() == 1


@pytest.mark.django_db(transaction=True)
def test_a_backend_that_is_killed_in_the_middle_leaves_no_record():
    client_id, actor = uuid.uuid4(), builders.user()

    def die():
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    (result,) = in_threads(lambda: report(client_id, actor, work=die))
    assert isinstance(result, Exception)
    assert Request.objects.count() == 0
    report(client_id, actor)
    assert made() == 1


@pytest.mark.django_db(transaction=True)
def test_copies_with_different_bodies_that_arrive_together_become_one_act_and_a_conflict():
    client_id, actor = uuid.uuid4(), builders.user()
    results = in_threads(lambda: report(client_id, actor), lambda: report(client_id, actor, BODY | {"lon": 1}))
    assert made() == 1
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "tuple"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), _values, max_size=5))
def test_the_order_of_keys_is_no_difference(body):
    assert body_hash(body) == body_hash(dict(reversed(body.items())))


@given(
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=4),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=4),
)
def test_bodies_are_the_same_exactly_when_they_are_equal(one, other):
    assert (body_hash(one) == body_hash(other)) == (one == other)


def test_inside_another_transaction_the_record_shares_its_fate(db):
    client_id = uuid.uuid4()

    @transaction.atomic
    def report_and_fail():
        report(client_id, SYSTEM)
        raise OSError("later")

    with pytest.raises(OSError, match="later"):
        report_and_fail()
    assert (made(), Request.objects.count()) == (0, 0)


def test_the_schedule_forgets_what_is_older_than_any_phone_stays_offline(db):
    from chengheng.common.replay import tasks

    for days in (tasks.KEEP_DAYS - 1, tasks.KEEP_DAYS + 1):
        client_id = uuid.uuid4()
        report(client_id, SYSTEM)
        Request.objects.filter(client_id=client_id).update(at=timezone.now() - timedelta(days=days))
    tasks.forget(0)
    assert Request.objects.count() == 1
