"""Numbers, money and time in people's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from chengheng.common.ui import words

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("fen", "unit", "text"),
    [
        (360_000, "auto", "3,600.00 CNY"),
        (152_300_000, "auto", "152.30 ×10⁴ CNY"),
        (360_000, "wan", "0.36 ×10⁴ CNY"),
        (152_300_000, "yuan", "1,523,000.00 CNY"),
        (-1, "auto", "-0.01 CNY"),
        (0, "auto", "0.00 CNY"),
        (None, "auto", "—"),
    ],
)
def test_money_is_written_from_fen(fen: int | None, unit: str, text: str) -> None:
    assert words.money(fen, unit) == text


def test_money_in_chinese_is_yuan_and_ten_thousand_yuan() -> None:
    with translation.override("zh-hans"):
        assert words.money(80_590_000_00) == "8,059.00 万元"
        assert words.money(123_45) == "123.45 元"


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_a_number_reads_back_as_itself(value: Decimal) -> None:
    assert Decimal(words.number(value).replace(",", "")) == value


@example("9" * 40)
@example("1e-999999")
@given(st.one_of(st.none(), st.text(), st.booleans(), st.just(float("nan")), st.just(Decimal("Infinity"))))
def test_what_is_no_number_never_breaks_a_page(value: object) -> None:
    assert isinstance(words.number(value), str)
    assert isinstance(words.percent(value), str)
    assert isinstance(words.money(value), str)


def test_shown_digits_are_rounded_half_up() -> None:
    assert words.percent(Decimal("92.25")) == "92.3%"
    assert words.number("1234567.005", 2) == "1,234,567.01"


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(minutes=40), "in 40 minutes"),
        (timedelta(hours=20, minutes=5), "in 20 hours 5 minutes"),
        (timedelta(days=9, hours=3), "in 9 days 3 hours"),
        (timedelta(days=12, hours=3), "in 12 days"),
        (timedelta(days=-2), "2 days late"),
        (timedelta(seconds=30), "in 1 minute"),
    ],
)
def test_a_deadline_is_said_relative_to_now(delta: timedelta, text: str) -> None:
    assert words.relative(NOON + delta, NOON) == text


@given(st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)))
def test_every_deadline_is_late_near_or_far(delta: timedelta) -> None:
    kind = words.nearness(NOON + delta, NOON)
    assert (kind == "late") == (delta < timedelta(0))
    assert (kind == "far") == (delta > timedelta(hours=24))


def test_times_are_shown_where_the_city_is() -> None:
    assert words.clock(datetime(2026, 1, 1, 17, 30, tzinfo=UTC)) == "2026-01-02 01:30"


def render(text: str, **context: object) -> str:
    return Template("{% load ui %}" + text).render(Context(context))


def test_the_balance_says_its_numbers_and_hangs_the_weight_in_proportion() -> None:
    text = render('{% balance v t "<=" %}', v="160", t="152.3")
    assert "balance-bad" in text
    assert "160 against a target of 152.3" in text
    assert "balance-good" in render('{% balance v t "<=" %}', v="100", t="152.3")
    assert 'width="160.0"' in render("{% balance v t %}", v=100, t=100)


def test_a_balance_without_a_value_says_no_evidence_not_zero() -> None:
    text = render("{% balance v t %}", v=None, t="90")
    assert "no evidence" in text
    assert "load" not in text


def test_a_huge_value_does_not_leave_the_beam() -> None:
    text = render("{% balance v t %}", v="1e12", t="1")
    assert 'width="200.0"' in text


def test_hostile_text_stays_text() -> None:
    text = render('{% badge t "bad" %}{% island "chart" p %}{% light "good" t %}', t="<script>", p={"x": "'\"<b>"})
    assert "<script>" not in text
    assert "<b>" not in text
    assert 'data-props="{&quot;x&quot;:&quot;&#x27;\\&quot;&lt;b&gt;&quot;}"' in text


def test_a_finished_deadline_has_no_alarm() -> None:
    text = render("{% deadline d True %}", d=NOON - timedelta(days=3))
    assert "due-done" in text
    assert "late" not in text
