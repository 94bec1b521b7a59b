"""A target text becomes a number with unit and comparison, or is marked qualitative; it never fails."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chengheng.performance.rules.grammar import (
    QUALITATIVE,
    QUANTITATIVE,
    UNITS,
    Target,
    fen,
    number_from,
    parse,
    render,
)


@pytest.mark.parametrize(
    ("text", "comparison", "value", "unit"),
    [
        ("≥6500条次", ">=", "6500", "条次"),
        ("≤152.3万元", "<=", "152.3", "万元"),
        ("不超过3.6万元", "<=", "3.6", "万元"),
        ("不低于24万件", ">=", "240000", "件"),
        ("≥24万件", ">=", "240000", "件"),
        ("22台", "=", "22", "台"),
        ("1年", "=", "1", "年"),
        ("≥90%", ">=", "90", "%"),
        ("≤4小时", "<=", "4", "小时"),
        ("=100%", "=", "100", "%"),
        ("100％", "=", "100", "%"),
        ("≥９０％", ">=", "90", "%"),
        ("２２台", "=", "22", "台"),
        ("90%以上", ">=", "90", "%"),
        ("90%（含）以上", ">=", "90", "%"),
        ("达到95%以上", ">=", "95", "%"),
        ("达到95%", ">=", "95", "%"),
        ("5个工作日以内", "<=", "5", "工作日"),
        ("5日内", "<=", "5", "日"),
        ("2万元以下", "<=", "2", "万元"),
        ("控制在5天以内", "<=", "5", "天"),
        ("控制在3.6万元内", "<=", "3.6", "万元"),
        ("控制在3.6万元", "<=", "3.6", "万元"),
        ("不大于3起", "<=", "3", "起"),
        ("不少于1,200人次", ">=", "1200", "人次"),
        ("不少于1，200人次", ">=", "1200", "人次"),
        ("至少三次", ">=", "3", "次"),
        ("至多12人次", "<=", "12", "人次"),
        ("百分之九十", "=", "90", "%"),
        ("百分之90以上", ">=", "90", "%"),
        ("1.2亿元", "=", "1.2", "亿元"),
        ("1.2亿人次", "=", "120000000", "人次"),
        ("24 万 件", "=", "240000", "件"),
        ("采集总量不低于24万件", ">=", "240000", "件"),
        ("≥6个（每条道路）", ">=", "6", "个"),
        ("≥2万件/月", ">=", "20000", "件/月"),
        ("≥50羽", ">=", "50", "羽"),
        ("0起", "=", "0", "起"),
        ("全年12次", "=", "12", "次"),
        ("十二个月", "=", "12", "个月"),
        (">=90", ">=", "90", ""),
        ("大于等于90%", ">=", "90", "%"),
    ],
)
def test_quantities(text, comparison, value, unit):
    read = parse(text)
    assert (read.kind, read.comparison, read.value, read.unit) == (QUANTITATIVE, comparison, Decimal(value), unit)


@pytest.mark.parametrize(
    ("text", "comparison", "value", "lower", "upper"),
    [
        ("95%-100%", ">=", "95", None, "100"),
        ("90～95%", ">=", "90", None, "95"),
        ("3—5天", "<=", "5", "3", None),
        ("3至5个工作日", "<=", "5", "3", None),
        ("2-3万件", ">=", "20000", None, "30000"),
        ("100-120万元", "<=", "120", "100", None),
    ],
)
def test_ranges_keep_both_ends(text, comparison, value, lower, upper):
    read = parse(text)
    assert (read.comparison, str(read.value)) == (comparison, value)
    assert (read.lower and str(read.lower), read.upper and str(read.upper)) == (lower, upper)


def test_strict_signs_are_kept():
    assert parse(">5起").strict
    assert parse("低于3%").strict
    assert not parse("≥5起").strict


@pytest.mark.parametrize(
    "text", ["第一时间", "有效提升", "每月按照工作计划进行检测考核", "统一", "一定程度提升", "", "—"]
)
def test_free_text_is_qualitative_and_clear(text):
    assert parse(text) == Target(QUALITATIVE)


@pytest.mark.parametrize(
    "text",
    [
        "2024年底前完成",
        "2024年",
        "2024-12-31",
        "10-12月",
        "近100%",
        "≥90%且≤95%",
        "1/3",
        "5天以上以内",
        "不超过3天以上",
    ],
)
def test_a_figure_that_the_grammar_cannot_derive_is_qualitative_and_flagged(text):
    read = parse(text)
    assert read.kind == QUALITATIVE
    assert read.unclear


def test_columns_say_what_the_text_leaves_out():
    assert parse("90", unit="％", comparison="≥") == parse("≥90%")
    assert parse("24", unit="万件", comparison="≥") == parse("≥24万件")
    assert parse("2-3", unit="万件") == parse("2-3万件")
    assert parse("24", unit="万元", comparison="≤") == parse("≤24万元")
    assert parse("5", unit="小时", comparison="反向指标").comparison == "<="
    assert parse("≥90%", unit="个", comparison="≤") == parse("≥90%")


def test_money_becomes_fen():
    assert fen(Decimal("152.3"), "万元") == 152_300_000
    assert fen(Decimal(1), "台") is None


_values = st.decimals(min_value=0, max_value=10**12, places=4, allow_nan=False).map(
    lambda number: Decimal(format(number.normalize(), "f"))
)
_units = st.sampled_from(sorted({parse(f"≥5{unit}").unit for unit in UNITS} | {""}))


@st.composite
def quantities(draw):
    """Any quantitative target that the grammar can mean."""
    value, unit = draw(_values), draw(_units)
    comparison = draw(st.sampled_from([">=", "<=", "="]))
    if comparison == "=" and unit in {"年", "年度"} and 1900 <= value <= 2100:
        unit = "台"
    return Target(QUANTITATIVE, comparison, value, unit, strict=comparison != "=" and draw(st.booleans()))


@given(quantities())
def test_reading_what_is_rendered_gives_the_target_back(target):
    assert parse(render(target)) == target


@given(
    st.decimals(0, 10**6, places=2),
    st.decimals("0.01", 10**6, places=2),
    st.sampled_from(["%", "天", "万元", "件", ""]),
)
def test_reading_a_rendered_range_gives_it_back(low, width, unit):
    read = parse(f"{low}-{low + width}{unit}")
    assert read.quantitative
    assert parse(render(read)) == read


@given(
    st.text(
        alphabet=st.sampled_from(
            "≥≤><=不超过低于万亿元%％第一时间0123456789０９,.，．-—至到以上内()（） 台件年月日小十百千"
        ),
        max_size=20,
    )
)
@example("十万亿")
@example("1,23,4")
@example("百分之")
def test_any_text_of_the_alphabet_is_read_without_fault(text):
    read = parse(text)
    assert (read.value is None) == (read.comparison is None) == (read.kind == QUALITATIVE)


@given(st.text(max_size=200))
def test_any_text_at_all_is_read_without_fault(text):
    assert parse(text).kind in {QUANTITATIVE, QUALITATIVE}


@given(st.integers(0, 10**9))
def test_thousands_separators_change_nothing(number):
    assert number_from(f"{number:,}") == number_from(str(number)) == number
