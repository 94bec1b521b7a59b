"""The back end of PostgreSQL says what Django's own says, at less cost."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.transaction import TransactionManagementError
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import rows
from chengheng.common.database.base import KEPT_AT_MOST, UtcLoader

pytestmark = pytest.mark.django_db


class Slow(BaseTzLoader):
    timezone = UTC


@given(
    st.integers(min_value=86400 * 10**6, max_value=(3_652_057 * 86400) * 10**6),
    st.sampled_from(["+00", "+08", "-03:30", "+08:05:43"]),
    st.booleans(),
)
def test_a_time_is_read_as_django_reads_it(microseconds, zone, whole):
    moment = datetime(1, 1, 1) + timedelta(microseconds=microseconds)
    text = (moment.replace(microsecond=0) if whole else moment).isoformat(" ")
    said = ((text.rstrip("0") if "." in text else text) + zone).encode()
    assert UtcLoader(1184).load(said) == Slow(1184).load(said)
    assert UtcLoader(1184).load(said).tzinfo is UTC


def test_times_come_back_in_utc_whatever_their_zone():
    at = datetime(2024, 5, 13, 9, 30, 1, 250000, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("select %s, timestamptz '2024-05-13 17:30:01.25+08', timestamptz '2024-05-13 17:30+08'", [at])
        given_back, shifted, whole = cursor.fetchone()
    assert given_back == shifted == at
    assert shifted - whole == timedelta(seconds=1.25)
    assert {moment.tzinfo for moment in (given_back, shifted, whole)} == {UTC}


def test_a_time_without_end_is_refused_as_before():
    with pytest.raises(Exception, match="infinity"), connection.cursor() as cursor:
        cursor.execute("select 'infinity'::timestamptz")
        cursor.fetchone()


def test_a_kept_statement_is_prepared_and_others_are_not():
    for number in range(3):
        with rows.cursor() as cursor:
            cursor.execute("select %s::int + 1 as one_more", [number])
            assert cursor.fetchone() == (number + 1,)
        with connection.cursor() as cursor:
            cursor.execute("select %s::int + 2 as two_more", [number])
    with connection.cursor() as cursor:
        cursor.execute("select statement from pg_prepared_statements where statement like %s", ["%_more%"])
        kept = [statement for (statement,) in cursor.fetchall()]
    assert kept == ["select $1::int + 1 as one_more"]


def values_of(statement, *values):
    with rows.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


@pytest.mark.parametrize("listened", [False, True])
def test_a_kept_statement_answers_alike_whether_or_not_somebody_listens(listened):
    at, said = datetime(2024, 5, 13, 9, 30, 1, 250000, tzinfo=UTC), []
    statement = (
        "select %s::text || '%%', %s::timestamptz, %s::bigint, %s::float8, %s::int[], %s::jsonb, %s::text is null,"
        " %s::numeric from generate_series(1, 2)"
    )
    given = ["a$1", at, 1 << 40, 0.1, [1, 2], '{"a": 1}', None, Decimal("1.50")]

    def listen(execute, *asked):
        said.append(asked[0])
        return execute(*asked)

    with connection.execute_wrapper(listen) if listened else nullcontext():
        found = values_of(statement, *given)
    assert len(said) == listened
    assert found == [("a$1%", at, 1 << 40, 0.1, [1, 2], '{"a": 1}', True, Decimal("1.50"))] * 2


@given(st.integers(-(2**63), 2**63 - 1), st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_whatever_goes_in_comes_out(number, text):
    assert values_of("select %s::bigint, %s::text", number, text) == [(number, text)]


def test_faults_of_a_kept_statement_are_djangos(transactional_db):
    with pytest.raises(DataError), transaction.atomic():
        values_of("select 1 / %s::int", 0)
    with pytest.raises(ProgrammingError):
        values_of("select %s from no_such_table", 1)
    with pytest.raises(TransactionManagementError), transaction.atomic():
        with suppress(DataError):
            values_of("select 1 / %s::int", 0)
        transaction.set_rollback(True)
        values_of("select %s::int", 1)
    assert values_of("select %s::int", 1) == [(1,)]


def test_more_statements_than_are_kept_are_answered_too():
    for number in range(KEPT_AT_MOST + 3):
        assert values_of(f"select %s::int + {number}", 1) == [(number + 1,)]


@pytest.mark.django_db(transaction=True)
def test_a_kept_statement_opens_the_transaction_that_it_is_in():
    with pytest.raises(ValueError, match="no"), transaction.atomic():
        values_of("select set_config('chengheng.probe', %s, true)", "inside")
        assert values_of("select current_setting('chengheng.probe', true)") == [("inside",)]
        raise ValueError("no")
    assert values_of("select coalesce(current_setting('chengheng.probe', true), '')") == [("",)]


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_goes_with_the_commit_is_stored_with_it_or_not_at_all():
    with connection.cursor() as cursor:
        cursor.execute("create temporary table kept_with (number int unique deferrable initially deferred)")
    note = "insert into kept_with values (%s)"

    def stored():
        with connection.cursor() as cursor:
            cursor.execute("select array_agg(number order by number) from kept_with")
            return cursor.fetchone()[0]

    for number in (1, 2):  # the first is prepared, the second goes along
        with transaction.atomic():
            connection.write_with_commit(note, [number])
    assert stored() == [1, 2]
    with transaction.atomic():
        connection.write_with_commit(note, [3])
        assert stored() == [1, 2, 3], "whoever asks in the same transaction sees it"
    with suppress(ValueError), transaction.atomic():
        connection.write_with_commit(note, [4])
        raise ValueError
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.write_with_commit(note, [3])  # found out by the commit itself
    with pytest.raises(DataError), transaction.atomic():
        connection.write_with_commit("insert into kept_with select 5 / (%s - 3)", [3])
    assert stored() == [1, 2, 3]
    with connection.cursor() as cursor:
        cursor.execute("drop table kept_with")


@pytest.mark.django_db(transaction=True)
def test_a_server_that_goes_away_in_a_kept_statement_is_an_operational_error():
    with pytest.raises(OperationalError):
        values_of("select pg_terminate_backend(pg_backend_pid())")
    connection.close()
    assert values_of("select %s::int", 2) == [(2,)]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_found_out_before_it_is_used():
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (backend,) = cursor.fetchone()
    assert connection.is_usable()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(%s, 5000)", [backend])
    finally:
        other.close()
    assert not connection.is_usable()
    connection.close()


def test_a_silent_connection_costs_no_question(monkeypatch):
    connection.ensure_connection()
    asked = []
    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.is_usable", lambda self: asked.append(1))
    assert connection.is_usable()
    assert asked == []
