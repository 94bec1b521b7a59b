"""Codes and the checks of a layer."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.places.errors import BadAreaCode
from chengheng.common.places.rules import Level, Shape, ancestors, area_m2, check_layer, level_of, parent_of

CITY = (116.4, 38.2, 118.4, 40.6)


def square(west: float, south: float, size: float = 0.001) -> shapely.Polygon:
    return shapely.box(west, south, west + size, south + size)


@pytest.mark.parametrize(
    ("code", "level", "parent"),
    [
        ("120000", Level.CITY, ""),
        ("120101", Level.DISTRICT, "120000"),
        ("120101003", Level.SUBDISTRICT, "120101"),
        ("120101003012", Level.COMMUNITY, "120101003"),
        ("120101003012007", Level.GRID, "120101003012"),
    ],
)
def test_a_code_tells_its_level_and_what_holds_it(code, level, parent):
    assert (level_of(code), parent_of(code)) == (level, parent)


def test_the_old_fourteen_digits_are_refused_by_name():
    with pytest.raises(BadAreaCode) as refused:
        level_of("12010100301207")
    assert "CJ/T 213-2005" in str(refused.value)


@pytest.mark.parametrize("code", ["", "12010", "1201O1", "12010１", "120101000", "120101003012000", "000101"])
def test_other_codes_are_refused(code):
    with pytest.raises(BadAreaCode):
        level_of(code)


@given(st.text(max_size=17))
def test_any_text_is_a_code_or_refused(text):
    try:
        level = level_of(text)
    except BadAreaCode:
        return
    assert len(text) == level.digits


@given(st.from_regex(r"12010[1-6](00[1-9]){3}", fullmatch=True))
def test_climbing_from_a_grid_ends_at_the_city(code):
    way = [code]
    while parent_of(way[-1]):
        way.append(parent_of(way[-1]))
    assert way[-1] == "120000"
    assert ancestors(code) == list(reversed(way[:-1]))


def test_a_hundred_metre_square_is_a_hectare():
    south = 39.1
    assert area_m2(shapely.box(117.2, south, 117.2 + 100 / 86_500, south + 100 / 111_020)) == pytest.approx(
        10_000, rel=0.01
    )


def problems(*shapes: Shape, level: Level = Level.GRID) -> list[tuple[int, str, bool]]:
    return [(one.row, one.message, one.stops) for one in check_layer(list(shapes), level, ["120101003012"], CITY)]


def test_a_sound_layer_has_no_problem():
    assert not problems(
        Shape(1, "120101003012001", "一", square(117.2, 39.1)), Shape(2, "120101003012002", "二", square(117.201, 39.1))
    )


def test_every_fault_is_told_with_its_row():
    bow = shapely.Polygon([(117.2, 39.1), (117.3, 39.2), (117.3, 39.1), (117.2, 39.2)])
    told = problems(
        Shape(1, "120101003012001", "一", square(117.2, 39.1)),
        Shape(2, "120101003012001", "二", square(117.3, 39.1)),
        Shape(3, "120101003", "三", square(117.4, 39.1)),
        Shape(4, "120101003012004", "四", bow),
        Shape(5, "120101003012005", "五", None),
        Shape(6, "120101003012006", "六", square(39.1, 17.2)),
        Shape(7, "120101003099001", "", square(117.5, 39.1)),
        Shape(8, "120101003012008", "八", square(117.2005, 39.1)),
    )
    assert {row for row, _text, stops in told if stops} == {2, 3, 4, 5, 6}
    assert {row for row, _text, stops in told if not stops} == {7, 8}
    assert any("120101003012001" in text and row == 8 for row, text, _stops in told)


def test_a_grid_inside_another_overlaps_it():
    told = problems(
        Shape(1, "120101003012001", "一", square(117.2, 39.1, 0.01)),
        Shape(2, "120101003012002", "二", square(117.203, 39.103)),
    )
    assert [row for row, _text, _stops in told] == [2]
