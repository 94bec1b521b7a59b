"""Measures: periods are whole days, a missing whole is no evidence, suggestions follow words and units."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import measures
from chengheng.common.measures import Measured, Period, Scope
from chengheng.common.measures.registry import _measures, same_family
from tests.things.models import Lamp

days = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@pytest.fixture
def registry():
    before = dict(_measures)
    _measures.clear()
    yield _measures
    _measures.clear()
    _measures.update(before)


@given(days, st.integers(0, 800))
def test_the_months_of_a_period_make_up_the_period(start, length):
    period = Period(start, start + timedelta(days=length))
    months = period.months()
    assert sum(month.days for month in months) == period.days
    assert (months[0].start, months[-1].end) == (period.start, period.end)
    assert all(one.ends_before == other.starts_at for one, other in pairwise(months))


def test_a_period_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="before it starts"):
        Period(date(2024, 2, 1), date(2024, 1, 31))


def test_a_year_to_date_ends_at_the_day_asked_for():
    assert Period.year(2024).to(date(2024, 5, 31)) == Period(date(2024, 1, 1), date(2024, 5, 31))
    assert Period.year(2024).to(date(2025, 5, 31)) == Period.year(2024)


def test_a_ratio_without_a_whole_is_no_evidence_and_never_nought():
    assert Measured.ratio(0, 0, Lamp.objects.none()).value is None
    assert Measured.ratio(0, 5, Lamp.objects.none()).value == 0
    assert Measured.ratio(2, 3, Lamp.objects.none()).value == Decimal("66.6667")


def test_a_measure_is_found_by_the_words_and_unit_of_an_indicator(registry):
    common = {"definition": "d", "source": "s", "system": "patrol"}

    @measures.measure("test.cases", label="Cases", unit="件", keywords=("采集总量", "采集"), **common)
    def cases(period, scope):
        return Measured(Decimal(7), Lamp.objects.none())

    @measures.measure("test.rate", label="Rate", unit="%", keywords=("有效上报率",), **common)
    def rate(period, scope):
        return Measured(None, Lamp.objects.none(), note=scope.option("which", "none"))

    assert measures.suggest("信息有效 上报率", "%")[0][0].code == "test.rate"
    assert "test.rate" not in [entry.code for entry, _ in measures.suggest("采集总量", "万件")]
    assert measures.evaluate("test.cases", Period.year(2024)).value == 7
    assert measures.evaluate("test.rate", Period.year(2024), Scope().with_options({"which": "a"})).note == "a"
    with pytest.raises(ValueError, match="twice"):
        measures.measure("test.rate", label="Again", unit="%", **common)(rate)


def test_units_of_one_kind_are_told_from_others():
    assert same_family("台", "套")
    assert not same_family("台", "%")
