"""The database's statistics equal a recount by the pure rules, whatever happened to the cases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chengheng.common import measures
from chengheng.common.measures import Period
from chengheng.patrol import statistics
from chengheng.patrol.models import Case
from chengheng.patrol.rules import statistics as rules

START = datetime(2024, 5, 6, 1, 0, tzinfo=UTC)
moments = st.integers(0, 600).map(lambda hours: START + timedelta(hours=hours))
maybe = st.none() | moments
STAGES = ("accept", "verify", "file", "dispatch", "handle", "check", "close")
histories = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["collector", "hotline", "web", "leader"]),
        "district_code": st.sampled_from(["120101", "120102"]),
        "reported_at": moments,
        "accepted": st.none() | st.booleans(),
        "filed": st.none() | st.booleans(),
        "voided": st.booleans(),
        "exempt": st.booleans(),
        "self_handled": st.booleans(),
        "reworks": st.integers(0, 3),
        "hand_backs": st.integers(0, 2),
        **{f"{stage}_due_at": maybe for stage in STAGES},
        **{statistics._done(stage): maybe for stage in STAGES},
    }
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(histories, max_size=25), as_of=moments)
def test_the_query_equals_a_recount_case_by_case(rows, as_of):
    Case.objects.all().delete()
    for row in rows:
        Case(edition="GB/T 30428.2-2013", kind="event", code="0110", class_name="x", **row).save()
    cases = list(Case.objects.all())
    expected = rules.count([statistics.facts_of(case) for case in cases], as_of)
    assert statistics.counts(Case.objects.all(), as_of=as_of) == [expected]
    for line in statistics.table(Case.objects.all(), ["district_code"], as_of=as_of):
        own = [statistics.facts_of(case) for case in cases if case.district_code == line.key[0]]
        assert line.counts == rules.count(own, as_of)


def test_statistics_are_grouped_by_known_columns_only(db):
    with pytest.raises(ValueError, match="reporter_phone"):
        statistics.counts(Case.objects.all(), "reporter_phone")


def test_nothing_reported_is_no_evidence(db):
    for code in ("patrol.collected", "patrol.collected_monthly", "patrol.valid_rate"):
        assert measures.evaluate(code, Period.year(2024)).value is None


def test_the_weakest_month_answers_the_monthly_target(db):
    for month, number in ((1, 3), (2, 2), (3, 4)):
        for _ in range(number):
            Case(
                source="collector", edition="GB/T 30428.2-2013", kind="event", code="0110", class_name="x",
                reported_at=datetime(2024, month, 15, tzinfo=UTC), filed=month != 2,
            ).save()  # fmt: skip
    period = Period(Period.year(2024).start, Period.month(2024, 3).end)
    weakest = measures.evaluate("patrol.collected_monthly", period)
    assert (weakest.value, weakest.note, weakest.evidence.count()) == (2, "2024-02", 2)
    assert measures.evaluate("patrol.collected", period).value == 9
    rate = measures.evaluate("patrol.valid_rate", period)
    assert (rate.numerator, rate.denominator) == (7, 9)


@pytest.mark.django_db
def test_a_month_is_counted_from_the_index_alone():
    """Counting a column that the index has not would read every case itself: three times the pages."""
    asked = []

    def note(execute, sql, *rest):
        asked.append((sql, rest[0]))
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        statistics.table(Case.objects.filter(month__range=(202405, 202405)), ["district_code"])
    ((sql, _params),) = asked
    with connection.cursor() as cursor:
        cursor.execute("select attname from pg_attribute where attrelid = 'patrol_case_statistics'::regclass")
        held = {name for (name,) in cursor.fetchall()}
    assert set(re.findall(r'"patrol_case"\."(\w+)"', sql)) <= held
