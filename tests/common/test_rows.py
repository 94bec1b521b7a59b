"""Rows written without the ORM's compiler are the rows that the ORM would have written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from chengheng.common import rows, trail
from chengheng.common.flow.models import ClockRun
from chengheng.common.people.models import Organisation
from chengheng.common.trail.models import Entry
from tests import builders

pytestmark = pytest.mark.django_db
MONDAY = datetime(2024, 5, 13, 1, 0, tzinfo=UTC)


def run(**fields):
    return ClockRun(
        subject_type="things.lamp", clock="respond", kind="natural_days", amount=Decimal("1.5"), calendar_version=1,
        started=[MONDAY], **fields,
    )  # fmt: skip


def values(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}


def test_an_inserted_row_reads_as_a_saved_one():
    quick, slow = run(subject_id=1), run(subject_id=2)
    rows.insert(quick)
    slow.save()
    read, other = ClockRun.objects.get(pk=quick.pk), ClockRun.objects.get(pk=slow.pk)
    assert values(read) | {"subject_id": 2} == values(other)
    read.clock = "repair"
    read.save()  # it is known as stored: an update, not a second insert
    assert ClockRun.objects.count() == 2


def test_a_row_and_its_part_are_one_statement(django_assert_num_queries):
    part = run()
    with django_assert_num_queries(1):
        whole = rows.insert(builders_organisation(), part, by="subject_id")
    assert part.subject_id == whole.pk
    assert ClockRun.objects.get().subject_id == whole.pk


def test_a_row_whose_key_was_drawn_waits_with_the_others(django_assert_num_queries):
    with connection.cursor() as cursor:
        cursor.execute(f"select {rows.next_key(Organisation)}")
        (key,) = cursor.fetchone()
    whole, part = builders_organisation(), run()
    whole.pk = key
    with django_assert_num_queries(1), rows.together():
        rows.insert(whole, part, by="subject_id")
        assert not whole._state.adding
    assert Organisation.objects.get().pk == key == ClockRun.objects.get().subject_id


def builders_organisation():
    return Organisation(code="R1", name="One", kind="unit")


def test_constraints_hold():
    rows.insert(run(subject_id=1))
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(run(subject_id=1))


def test_read_gives_the_row_that_the_orm_gives():
    made = builders.organisation("One")
    with connection.cursor() as cursor:
        cursor.execute(f"select {rows.columns(Organisation, 'o')} from people_organisation o where id = %s", [made.pk])
        found = cursor.fetchone()
    assert len(found) == rows.width(Organisation)
    assert values(rows.read(Organisation, found)) == values(Organisation.objects.get(pk=made.pk))


def test_what_is_written_together_is_one_statement_at_the_end(django_assert_num_queries):
    thing, other, user = builders.organisation("One"), builders.organisation("Other"), builders.user()
    with django_assert_num_queries(1), rows.together():
        rows.write("update people_organisation set name = %s where id = %s", ["Two", thing.pk])
        rows.write("update people_organisation set name = name || %s where id = %s", [" three", other.pk])
        with rows.together():  # part of the outer one
            trail.record_made("things.lamp.make", user, thing, {"name": "One"})
    assert Organisation.objects.get(pk=thing.pk).name == "Two"
    assert Organisation.objects.get(pk=other.pk).name == "Other three"
    assert Entry.objects.filter(act="things.lamp.make").count() == 1
    assert trail.verify().ok


def test_nothing_is_written_together_when_the_block_raises():
    thing = builders.organisation("One")
    with pytest.raises(ValueError, match="no"), rows.together():
        rows.write("update people_organisation set name = %s where id = %s", ["Two", thing.pk])
        raise ValueError("no")
    assert Organisation.objects.get(pk=thing.pk).name == "One"
    with rows.together():
        rows.write("update people_organisation set name = %s where id = %s", ["Three", thing.pk])
    assert Organisation.objects.get(pk=thing.pk).name == "Three"


def test_an_act_in_one_transaction_undoes_all_of_it_when_it_is_alone(transactional_db):
    @rows.in_one_transaction
    def act():
        builders.organisation("One")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        act()
    assert not Organisation.objects.exists()
