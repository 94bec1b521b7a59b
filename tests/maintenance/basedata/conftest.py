"""A small city part: a community of unit grids in force, its keeper, approver and surveyor; files of components."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import shapely

from chengheng.common.people.access import SYSTEM
from chengheng.maintenance.basedata import actions
from tests import builders

WEST, SOUTH, SIDE = 117.19, 39.11, 0.001
COMMUNITY = "120101003012"


def grid_code(number: int) -> str:
    return f"{COMMUNITY}{number:03}"


def grid_shapes(columns: int = 4, rows: int = 3) -> list[tuple[str, shapely.Polygon]]:
    """Unit grids side by side, numbered west to east, north to south; about 86 m × 111 m each."""
    return [
        (
            grid_code(row * columns + column + 1),
            shapely.box(
                WEST + column * SIDE, SOUTH + (rows - row - 1) * SIDE,
                WEST + (column + 1) * SIDE, SOUTH + (rows - row) * SIDE,
            ),
        )
        for row in range(rows)
        for column in range(columns)
    ]  # fmt: skip


def collection(rows: list[dict]) -> bytes:
    """GeoJSON of rows with `shape` and properties."""
    features = [
        {
            "type": "Feature",
            "properties": {key: value for key, value in row.items() if key != "shape"},
            "geometry": json.loads(shapely.to_geojson(row["shape"])) if row.get("shape") is not None else None,
        }
        for row in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def grid_rows(shapes: list[tuple[str, shapely.Polygon]]) -> list[dict]:
    return [{"BGID": code, "BGName": f"网格{code[-3:]}", "shape": shape} for code, shape in shapes]


def component(number: int, *, sort: str = "0104", grid: int = 1, **more) -> dict:
    """A rain grating in one of the grids, as a 2013 interface would name its fields."""
    column, row = (grid - 1) % 4, (grid - 1) // 4
    lon = WEST + (column + 0.1 + number % 7 * 0.1) * SIDE
    lat = SOUTH + (2 - row + 0.1 + number % 5 * 0.15) * SIDE
    return {
        "ObjID": f"120101{sort}{number:06}", "ObjName": "雨水箅子", "DeptName1": "和平区城市管理委员会",
        "DeptName2": "排水所", "BGID": grid_code(grid), "ObjState": "完好", "ORDate": "20240301",
        "shape": shapely.Point(lon, lat), **more,
    }  # fmt: skip


def load(
    kind: str, rows: list[dict], *, whole: bool = False, actor=SYSTEM, title: str = "Stock", name: str = "a.geojson"
):
    """A change set read from GeoJSON, as far as it gets by itself."""
    from chengheng.maintenance.basedata import sources
    from chengheng.maintenance.basedata.rules import KINDS

    content = collection(rows)
    made = actions.open_set(actor, kind, title, "Test", whole=whole)
    actions.give_file(made, actor, content, name)
    source = sources.open_source(content, name)
    return actions.read_file(made, actor, sources.proposed(source, KINDS[kind], None))


def pass_through(change_set):
    """Approve and publish, as the machine may."""
    return actions.publish(actions.approve(change_set, SYSTEM), SYSTEM)


@pytest.fixture
def part(db) -> SimpleNamespace:
    """Twelve unit grids published; people for the acts."""
    centre = builders.organisation("Centre")
    grids = pass_through(load("grid", grid_rows(grid_shapes()), title="Grids"))
    return SimpleNamespace(
        grids=grids, keeper=builders.holder("maintenance.base_keeper", centre),
        approver=builders.holder("maintenance.base_approver", centre),
        surveyor=builders.holder("maintenance.surveyor", centre), stranger=builders.holder("maintenance.viewer", centre),
    )  # fmt: skip
