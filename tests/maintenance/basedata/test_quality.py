"""Rules of quality: each finds what it is for, and nothing in sound data."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.common.dictionary import read_component_id
from chengheng.maintenance.basedata import rules
from chengheng.maintenance.basedata.quality import Finding, Stock, Surroundings, check, label_points
from chengheng.maintenance.basedata.rules import COMPONENT, DUTY, GRID, PLACE, Kind

from .conftest import SIDE, SOUTH, WEST, grid_code, grid_shapes

GRIDS = grid_shapes()
CITY = shapely.box(116.7, 38.5, 118.1, 40.3)


def grid_at(lons, lats) -> list[str]:
    found = []
    for lon, lat in zip(lons, lats, strict=True):
        found.append(next((code for code, shape in GRIDS if shapely.contains_xy(shape, lon, lat)), ""))
    return found


AROUND = Surroundings(
    CITY, lambda lons, lats: ["120101"] * len(lons), grid_at, frozenset({"和平区城市管理委员会"})
)  # fmt: skip
SOUND = {"authority": "和平区城市管理委员会", "owner": "排水所", "grid": grid_code(9), "state": "完好", "made_on": "2024-03-01",
         "origin": "实测"}  # fmt: skip


def stock(kind: Kind, *rows: tuple, fresh: int | None = None, gone=()) -> Stock:
    """Rows of (code, name, attrs, shape); the first `fresh` of them are new, all when not said."""
    shapes = np.full(len(rows), None, dtype=object)
    shapes[:] = [row[3] for row in rows]
    lons, lats = label_points(shapes)
    fresh = len(rows) if fresh is None else fresh
    return Stock(
        kind, [row[0] for row in rows], [row[1] for row in rows], [dict(row[2]) for row in rows], shapes, lons, lats,
        [number + 1 if number < fresh else 0 for number in range(len(rows))], np.arange(len(rows)) < fresh, gone,
    )  # fmt: skip


def component(
    number: int = 1, code: str = "", at: tuple[float, float] | None = None, name: str = "雨水箅子", **more
) -> tuple:
    lon, lat = at or (WEST + SIDE * (0.1 + 0.08 * (number % 10)), SOUTH + SIDE * (0.1 + 0.08 * (number // 10 % 10)))
    attrs = {key: value for key, value in {**SOUND, **more}.items() if value}
    return code or f"1201010104{number:06}", name, attrs, shapely.Point(lon, lat)


def rules_of(found: list[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in found:
        counts[one.rule] = counts.get(one.rule, 0) + 1
    return counts


def test_sound_components_pass() -> None:
    assert check(stock(COMPONENT, *(component(number) for number in range(40))), AROUND) == []


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (component(code="12010101"), "structure"),
        (component(code="120101010400000A"), "structure"),
        (component(code="1201019999000001"), "class"),
        (component(code="12010109999000001"), "class"),
        (component(code="1201020104000001"), "district"),
        (component(name=""), "required"),
        (component(authority=""), "required"),
        (component(grid=""), "required"),
        (component(name="长" * 31), "length"),
        (component(state="好"), "value"),
        (component(origin="听说"), "value"),
        (component(made_on="2024年"), "date"),
        (component(made_on="2024-02-31"), None),  # the form of a date; the calendar is not asked
        (component(grid=grid_code(1)), "grid_differs"),
        (component(at=(WEST - SIDE, SOUTH)), "no_grid"),
        (component(at=(39.11, 117.19)), "outside"),
        (component(owner=""), "owner"),
        (component(owner="", keeper="养护队"), None),
        (component(code="12010101004000001"), None),
    ],
)
def test_each_rule_finds_its_fault(row: tuple, rule: str | None) -> None:
    assert rules_of(check(stock(COMPONENT, row), AROUND)) == ({rule: 1} if rule else {})


def test_a_component_without_a_place_is_told_and_nothing_else_fails() -> None:
    row = (*component()[:3], None)
    assert rules_of(check(stock(COMPONENT, row), AROUND)) == {"shape": 1}
    bow = shapely.Polygon([(WEST, SOUTH), (WEST + SIDE, SOUTH + SIDE), (WEST + SIDE, SOUTH), (WEST, SOUTH + SIDE)])
    assert rules_of(check(stock(COMPONENT, (*component()[:3], bow)), AROUND)) == {"broken": 1}


def test_a_code_twice_is_told_at_the_second_with_the_row_of_the_first() -> None:
    (found,) = check(stock(COMPONENT, component(1), component(2, code=component(1)[0])), AROUND)
    assert (found.rule, found.place, found.values["other"]) == ("doubled", 1, "1")


def test_two_of_one_class_at_one_place_may_be_one() -> None:
    here = (WEST + SIDE / 2, SOUTH + SIDE / 2)
    near = (here[0] + 3e-6, here[1])  # a quarter of a metre
    far = (here[0] + 9e-6, here[1])
    assert rules_of(check(stock(COMPONENT, component(1, at=here), component(2, at=near)), AROUND)) == {"near": 1}
    assert check(stock(COMPONENT, component(1, at=here), component(2, at=far)), AROUND) == []
    other = component(2, code="1201010101000002", at=near)
    assert check(stock(COMPONENT, component(1, at=here), other), AROUND) == []
    (found,) = check(stock(COMPONENT, component(2, at=near), component(1, at=here), fresh=1), AROUND)
    assert (found.place, found.values["other"]) == (0, component(1)[0])


def grid_stock(shapes: list[tuple[str, shapely.Polygon]], fresh: int | None = None, gone=()) -> Stock:
    return stock(GRID, *((code, "", {}, shape) for code, shape in shapes), fresh=fresh, gone=gone)


def test_sound_grids_pass() -> None:
    assert check(grid_stock(GRIDS), AROUND) == []


def test_grids_that_overlap_are_told_once_with_where() -> None:
    code, shape = GRIDS[5]
    wider = [
        *GRIDS[:5],
        (code, shapely.box(*shape.bounds[:2], shape.bounds[2] + SIDE / 10, shape.bounds[3])),
        *GRIDS[6:],
    ]
    (found,) = check(grid_stock(wider), AROUND)
    assert found.rule == "overlap"
    assert found.values["other"] in (GRIDS[5][0], GRIDS[6][0])
    assert found.shape.area == pytest.approx(SIDE * SIDE / 10, rel=1e-6)


def test_a_hole_between_grids_is_a_gap() -> None:
    (found,) = check(grid_stock([*GRIDS[:5], *GRIDS[6:]]), AROUND)
    assert (found.rule, found.weight) == ("gap", "stops")
    assert found.shape.equals(GRIDS[5][1])


def test_a_gap_that_was_there_before_is_not_held_against_a_change_elsewhere() -> None:
    before = [*GRIDS[:5], *GRIDS[6:]]
    new = ("120101003013001", shapely.box(WEST + 5 * SIDE, SOUTH, WEST + 6 * SIDE, SOUTH + SIDE))
    assert check(grid_stock([new, *before], fresh=1), AROUND) == []
    removed = check(grid_stock([new, *before], fresh=1, gone=[GRIDS[5][1]]), AROUND)
    assert rules_of(removed) == {"gap": 1}


@pytest.mark.parametrize(
    ("code", "rule"), [("12010100301201", "structure"), ("120101003012", "structure"), ("120101003012000", "structure")]
)
def test_codes_of_grids_are_of_fifteen_digits(code: str, rule: str) -> None:
    assert rules_of(check(grid_stock([(code, GRIDS[0][1])]), AROUND)) == {rule: 1}


def test_a_grid_of_an_unlikely_size_is_to_be_looked_at() -> None:
    small = shapely.box(WEST, SOUTH, WEST + SIDE / 10, SOUTH + SIDE / 10)
    (found,) = check(grid_stock([(GRIDS[0][0], small)]), AROUND)
    assert (found.rule, found.weight) == ("size", "look")


def zone(code: str, duty: str, shape: shapely.Polygon, organisation: str = "和平区城市管理委员会") -> tuple:
    return code, "责任区", {"duty": duty, "organisation": organisation}, shape


def test_zones_of_one_duty_may_not_overlap_and_name_who_is_responsible() -> None:
    whole, half = (
        shapely.box(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE),
        shapely.box(WEST, SOUTH, WEST + SIDE / 2, SOUTH + SIDE),
    )
    assert rules_of(check(stock(DUTY, zone("Z1", "采集", whole), zone("Z2", "采集", half)), AROUND)) == {"overlap": 1}
    assert check(stock(DUTY, zone("Z1", "采集", whole), zone("Z2", "环卫", half)), AROUND) == []
    assert rules_of(check(stock(DUTY, zone("Z1", "采集", whole, "无此单位")), AROUND)) == {"organisation": 1}


coordinate = st.floats(-200, 200) | st.just(float("nan"))
shape = st.one_of(
    st.none(),
    st.builds(shapely.Point, coordinate, coordinate),
    st.lists(st.tuples(st.floats(117.1, 117.3), st.floats(39, 39.2)), min_size=3, max_size=6).map(shapely.Polygon),
    st.just(shapely.Point()),
)
row = st.tuples(
    st.text(max_size=18) | st.from_regex(r"[0-9]{15,17}", fullmatch=True), st.text(max_size=5),
    st.dictionaries(st.sampled_from(["grid", "state", "made_on", "owner", "duty"]), st.text(max_size=12)), shape,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([COMPONENT, GRID, PLACE, DUTY]), st.lists(row, max_size=6), st.integers(0, 6))
def test_whatever_comes_the_check_ends_with_words(kind: Kind, rows: list, fresh: int) -> None:
    from chengheng.maintenance.basedata.quality import RULES

    held = stock(kind, *rows, fresh=min(fresh, len(rows)))
    for one in check(held, AROUND):
        assert held.fresh[one.place] or one.rule in ("gap", "large_gap")
        assert str(RULES[one.rule].text) % {"code": held.codes[one.place], **one.values}


@given(st.from_regex(r"[0-9]{16,17}", fullmatch=True))
def test_a_component_code_is_its_parts(code: str) -> None:
    parts = read_component_id(code)
    assert parts is not None
    assert parts.district + parts.code + parts.sequence == code
    assert len(parts.code) == len(code) - 12


@pytest.mark.parametrize(
    ("said", "plain"),
    [("20240301", "2024-03-01"), ("2024/3/1", "2024-03-01"), ("2024-03-01 08:00:00", "2024-03-01"), ("unknown", "unknown"),
     ("", ""), ("20241301", "20241301")],
)  # fmt: skip
def test_dates_are_written_in_one_way(said: str, plain: str) -> None:
    assert rules.plain_date(said) == plain
