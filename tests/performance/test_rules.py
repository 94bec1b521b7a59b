"""Forecasts, lights, scores and survey figures follow their written rules."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.performance.rules import forecasting, sampling, scoring
from chengheng.performance.rules.binding import factor, likeness, without_year

RULES = scoring.EXAMPLE
D = Decimal


def half_year(months, target="240000", comparison=">=", **options):
    value = sum(map(D, months), D(0))
    return forecasting.forecast(
        value, list(map(D, months)), D("0.5"), cumulative=True, comparison=comparison, target=D(target), **options
    )


def test_a_steady_half_year_is_doubled():
    found = half_year(["20000"] * 6)
    assert (found.value, found.method) == (D(240000), "straight")
    assert found.low == found.high == D(240000)


def test_a_season_that_is_still_to_come_counts():
    found = half_year(["10000"] * 6, seasonal=D("0.25"))
    assert (found.value, found.method) == (D(240000), "seasonal")


def test_what_was_reached_stays_reached_and_what_was_overspent_stays_so():
    assert half_year(["50000", "40000", "60000", "50000", "30000", "20000"]).probability == 1
    assert half_year(["30", "20", "10", "30", "10", "10"], target="100", comparison="<=").probability == 0


def test_an_even_chance_lies_on_the_line():
    assert half_year(["19000", "21000", "20000", "18000", "22000", "20000"]).probability == D("0.500")


def test_the_day_before_the_year_has_no_forecast():
    assert forecasting.forecast(D(1), [], D(0), cumulative=True, comparison=">=", target=D(1)) is None


@given(
    st.lists(st.decimals(0, 1000, places=2), min_size=2, max_size=12), st.decimals("0.05", 1, places=2), st.booleans()
)
def test_the_forecast_lies_in_its_interval_and_the_probability_is_one(months, share, cumulative):
    found = forecasting.forecast(
        sum(months, D(0)), months, share, cumulative=cumulative, comparison=">=", target=D(100)
    )
    assert found.low - D("0.001") <= found.value <= found.high + D("0.001")
    assert 0 <= found.probability <= 1


def test_seasons_are_shares_of_last_year():
    assert forecasting.seasonal_share([D(1)] * 12, date(2024, 6, 30)) == D("0.5")
    assert forecasting.seasonal_share([D(1)] * 11, date(2024, 6, 30)) is None
    assert forecasting.seasonal_share([D(0)] * 12, date(2024, 6, 30)) is None


def test_no_value_shows_no_light():
    assert forecasting.light(value=None, kept=False, over=True, probability=None) == "none"


@pytest.mark.parametrize(
    ("probability", "light"), [("0.8", "good"), ("0.79", "warn"), ("0.5", "warn"), ("0.49", "bad")]
)
def test_lights_follow_the_probability(probability, light):
    assert forecasting.light(value=D(1), kept=False, over=False, probability=D(probability)) == light


@pytest.mark.parametrize(
    ("pace", "kept", "light"),
    [("1.05", True, "good"), ("1.2", True, "warn"), ("1.5", True, "bad"), ("1", False, "bad")],
)
def test_a_ceiling_warns_by_its_pace(pace, kept, light):
    assert forecasting.light(value=D(1), kept=kept, over=False, probability=D("0.5"), pace=D(pace)) == light


def test_after_the_year_only_the_result_counts():
    assert forecasting.light(value=D(1), kept=True, over=True, probability=D(0)) == "good"
    assert forecasting.light(value=D(1), kept=False, over=True, probability=D(1)) == "bad"


@pytest.mark.parametrize(
    ("actual", "comparison", "target", "points", "explain"),
    [
        ("6500", ">=", "6500", "10", ""),
        ("3250", ">=", "6500", "5.00", "below"),
        ("8500", ">=", "6500", "10", "above"),
        ("22", "=", "22", "10", ""),
        ("11", "=", "22", "5.00", "below"),
        ("0", "=", "0", "10", ""),
        ("1", "=", "0", "0", "below"),
        ("4", "<=", "4", "10", ""),
        ("5", "<=", "4", "7.50", "below"),
        ("8", "<=", "4", "0", "below"),
        (None, ">=", "5", "0", "below"),
    ],
)
def test_points_of_numbers(actual, comparison, target, points, explain):
    found = scoring.quantity(None if actual is None else D(actual), comparison, D(target), D(10), RULES)
    assert (found.points, found.explain) == (D(points), explain)


def test_points_of_words_stay_in_their_band():
    assert scoring.quality("reached", None, D(10), RULES).points == 10
    assert scoring.quality("reached", D("0.1"), D(10), RULES).points == 8
    assert scoring.quality("partly", D("0.7"), D(10), RULES) == scoring.Score(D("7.00"), "below")
    assert scoring.quality("", None, D(10), RULES).points == 0


def test_points_of_execution():
    assert scoring.execution(86, 100, D(10), RULES) == scoring.Score(D("8.60"), "execution")
    assert scoring.execution(100, 100, D(10), RULES) == scoring.Score(D("10.00"))
    assert scoring.execution(120, 100, D(10), RULES).explain == "execution"


@given(st.lists(st.sampled_from(["产出指标", "效益指标", "满意度指标", "成本指标", "其他"]), min_size=1, max_size=40))
def test_weights_always_sum_to_ninety(levels):
    assert sum(scoring.weights(levels, RULES)) == 90


@given(st.decimals(0, 10**6, places=2), st.sampled_from([">=", "<=", "="]), st.decimals(0, 10**6, places=2))
def test_points_stay_between_nothing_and_the_weight(actual, comparison, target):
    assert 0 <= scoring.quantity(actual, comparison, target, D(10), RULES).points <= 10


def test_grades():
    assert [scoring.grade(D(total), RULES) for total in ("90", "89.99", "60", "59.9", "0")] == [
        "excellent", "good", "fair", "poor", "poor",
    ]  # fmt: skip


def test_satisfaction_with_margin_of_error():
    found = sampling.result([[5, 4], [3, 5], [4, 4]], 30)
    assert (found.rate, found.response) == (D("83.33"), D("10.00"))
    assert found.margin == D("40.69")  # 1.96·√(0.83333·0.16667/3)·√(27/29)·100 = 42.172·0.96490


def test_asking_everybody_leaves_no_margin_and_no_answer_is_no_rate():
    assert sampling.result([[5], [1]], 2).margin == 0
    assert sampling.result([], 10) == sampling.Result(10, 0, None, None, D("0.00"))


def test_names_of_two_years_are_alike():
    assert likeness("考核中心2024年度“以克论净”项目") == likeness("考核中心2025年“以克论净”项目")
    assert without_year("用于2024年度，共2024台", 2024, 2025) == "用于2025年度，共2024台"


def test_units_convert_only_within_their_kind():
    assert factor("分钟", "小时") == (60, 3600)
    assert factor("件", "件") == (1, 1)
    assert factor("分钟", "件") is None
