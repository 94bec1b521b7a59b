"""The demonstration's base data: a quarter of Heping district in unit grids with components, names and duty zones.

Street names are real, everything else is invented: places, owners, states, dates. Two editions of 2024, one draft with
problems and one census under way; all made through the room's own acts.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import shapely
from django.utils import timezone

from chengheng.common.demo import DemoCity
from chengheng.maintenance.basedata import actions, queries, sources
from chengheng.maintenance.basedata.models import Census, ChangeSet, Item
from chengheng.maintenance.basedata.rules import KINDS

COMMUNITY = "120101001001"
WEST, SOUTH, WIDE, HIGH = 117.1905, 39.1140, 0.00116, 0.00090  # about 100 m by 100 m
COLUMNS, ROWS = 10, 8
SORTS = {
    "0103": ("雨水井盖", "市排水管理处"), "0104": ("雨水箅子", "市排水管理处"), "0102": ("污水井盖", "市排水管理处"),
    "0101": ("上水井盖", "市自来水集团"), "0137": ("路灯", "市路灯管理处"), "0106": ("路灯井盖", "市路灯管理处"),
    "0212": ("路名牌", "市道路设施处"), "0217": ("护栏", "市道路设施处"), "0305": ("垃圾箱", "区环卫局"), "0402": ("行道树", "区园林局"),
}  # fmt: skip
STREETS = (
    "南京路",
    "滨江道",
    "和平路",
    "营口道",
    "山西路",
    "河北路",
    "新华路",
    "多伦道",
    "哈尔滨道",
    "长春道",
    "辽宁路",
    "陕西路",
)


def _square(number: int) -> Any:
    """Grid number 1…, west to east and north to south."""
    row, column = divmod(number - 1, COLUMNS)
    south = SOUTH + (ROWS - 1 - row) * HIGH
    return shapely.box(WEST + column * WIDE, south, WEST + (column + 1) * WIDE, south + HIGH)


def _grid(number: int) -> str:
    return f"{COMMUNITY}{number:03}"


def _publish(
    city: DemoCity, kind: str, title: str, rows: list[dict[str, Any]], people: tuple[Any, Any], at: datetime
) -> None:
    keeper, approver = people
    with city.at(at):
        made = _read(kind, title, rows, keeper)
    with city.at(at + timedelta(days=1)):
        made = actions.approve(made, approver, note="核对无误")
        actions.publish(made, approver)


def _read(kind: str, title: str, rows: list[dict[str, Any]], keeper: Any) -> ChangeSet:
    features = [
        {"type": "Feature", "geometry": json.loads(shapely.to_geojson(row["shape"])),
         "properties": {key: value for key, value in row.items() if key != "shape"}} for row in rows
    ]  # fmt: skip
    content = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()
    made = actions.open_set(keeper, kind, title, "演示数据，非实测")
    actions.give_file(made, keeper, content, f"{kind}.geojson")
    source = sources.open_source(content, "demo.geojson")
    return actions.read_file(made, keeper, sources.proposed(source, KINDS[kind], None))


def _component(chance: random.Random, sort: str, number: int, grid: int) -> dict[str, Any]:
    name, owner = SORTS[sort]
    west, south, east, north = _square(grid).bounds
    lon, lat = chance.uniform(west + 5e-5, east - 5e-5), chance.uniform(south + 5e-5, north - 5e-5)
    return {
        "ObjID": f"120101{sort}{number:06}", "ObjName": name, "DeptName1": "和平区城市管理委员会", "DeptName2": owner,
        "DeptName3": owner, "BGID": _grid(grid), "ObjState": "完好", "ORDate": "20240315", "DataSource": "实测",
        "shape": shapely.Point(round(lon, 7), round(lat, 7)),
    }  # fmt: skip


def build(city: DemoCity) -> None:
    """Safe to repeat."""
    keeper = city.person("base_keeper", "基础数据管理员", "326206", "maintenance.base_keeper")
    approver = city.person("base_approver", "基础数据审核员", "326206", "maintenance.base_approver")
    surveyor = city.person("surveyor", "普查员", "326206", "maintenance.surveyor")
    if Item.objects.exists():
        return
    chance, zone = random.Random(30428), timezone.get_current_timezone()  # noqa: S311 - a demonstration's chance
    people = (keeper, approver)
    grids = [{"BGID": _grid(number), "BGName": f"{STREETS[number % 12]}{number:03}网格", "shape": _square(number)}
             for number in range(1, COLUMNS * ROWS + 1)]  # fmt: skip
    _publish(city, "grid", "2024年单元网格划分（演示）", grids, people, datetime(2024, 3, 1, 10, tzinfo=zone))
    rows, numbers = [], dict.fromkeys(SORTS, 0)
    for grid in range(1, COLUMNS * ROWS + 1):
        for sort in chance.sample(list(SORTS), 5):
            numbers[sort] += 1
            rows.append(_component(chance, sort, numbers[sort], grid))
    _publish(city, "component", "2024年部件普查（演示）", rows, people, datetime(2024, 3, 20, 10, tzinfo=zone))
    _publish(city, "place", "地名地址（演示）", _places(chance), people, datetime(2024, 4, 2, 10, tzinfo=zone))
    _publish(city, "duty", "采集责任网格（演示）", _duties(city), people, datetime(2024, 4, 8, 10, tzinfo=zone))
    _publish(city, "component", "2024年三季度部件更新（演示）", _update(chance, rows, numbers), people,
             datetime(2024, 9, 25, 10, tzinfo=zone))  # fmt: skip
    draft = [_component(chance, "0104", numbers["0104"] + 50 + step, 1) for step in range(6)]
    draft[1]["BGID"], draft[2]["DeptName1"], draft[3]["ObjID"] = _grid(9), "", draft[0]["ObjID"]
    draft[4] |= {"DeptName2": "", "DeptName3": ""}
    _read("component", "道路改造后补测（演示，有待改正）", draft, keeper)
    _census(keeper, surveyor)


def _update(chance: random.Random, rows: list[dict[str, Any]], numbers: dict[str, int]) -> list[dict[str, Any]]:
    changed = [{**row, "ObjState": "破损", "CHDate": "20240920"} for row in chance.sample(rows, 12)]
    for row in changed[:4]:
        row["shape"] = shapely.Point(row["shape"].x + 2e-5, row["shape"].y)
    fresh = []
    for _each in range(30):
        sort = chance.choice(list(SORTS))
        numbers[sort] += 1
        fresh.append(_component(chance, sort, numbers[sort], chance.randint(1, COLUMNS * ROWS)))
    return changed + fresh


def _places(chance: random.Random) -> list[dict[str, Any]]:
    rows = []
    for place, street in enumerate(STREETS):
        for door in range(1, 9):
            number = door * 2 + place
            grid = _square(chance.randint(1, COLUMNS * ROWS)).centroid
            rows.append(
                {"code": f"DZ{place:02}{door:03}", "名称": f"{street}{number}号", "地址": f"天津市和平区{street}{number}号",
                 "类别": "门牌", "shape": shapely.Point(round(grid.x, 6), round(grid.y, 6))}
            )  # fmt: skip
        middle = _square(chance.randint(1, COLUMNS * ROWS)).centroid
        rows.append(
            {"code": f"DM{place:02}", "名称": street, "地址": f"天津市和平区{street}", "类别": "道路", "shape": middle}
        )
    return rows


def _duties(city: DemoCity) -> list[dict[str, Any]]:
    rows = []
    for place, (left, right) in enumerate(((0, 5), (5, 10))):
        shape = shapely.box(WEST + left * WIDE, SOUTH, WEST + right * WIDE, SOUTH + ROWS * HIGH)
        rows.append({"code": f"ZR{place + 1}", "名称": f"和平第{'一二'[place]}采集区", "责任类型": "信息采集",
                     "责任单位": city.districts["120101"].name, "shape": shape})  # fmt: skip
    return rows


def _census(keeper: Any, surveyor: Any) -> None:
    if Census.objects.exists():
        return
    census = actions.open_census(
        keeper, title="和平区部件抽查（演示）", area_code=_grid(1), surveyor=surveyor,
        due_on=timezone.localdate() + timedelta(days=14),
    )  # fmt: skip
    for item in queries.of_census(census).order_by("code")[:2]:
        actions.record_sighting(census, surveyor, verb="confirm", code=item.code)
