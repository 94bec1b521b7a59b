"""Base data at 100,000 components: import with every check, publication, tiles, OGC pages, places by words.

Goals: import and check under a minute, a tile of all 100,000 within 50 ms, readers that do not wait for a publication.
COMPONENTS=… in the environment makes it smaller. The bare parse of the same file by json is the import's limit.
"""

from __future__ import annotations

import json
import os
import threading
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

import numpy as np
import shapely

from benchmarks.limits import site
from benchmarks.report import Report

COMPONENTS = int(os.environ.get("COMPONENTS", "100000"))
WEST, SOUTH, WIDE, HIGH = 117.15, 39.08, 0.00116, 0.00090
SIDE = 60  # grids on each side
SORTS = ("0101", "0102", "0103", "0104", "0137", "0212", "0305", "0402")
UNIT = "和平区城市管理委员会"


def grids() -> list[dict]:
    """3,600 unit grids of about 100 m."""
    rows = []
    for number in range(SIDE * SIDE):
        row, column = divmod(number, SIDE)
        code = f"120101{number // 900 + 1:03}{number // 30 % 30 + 1:03}{number % 30 + 1:03}"
        west, south = WEST + column * WIDE, SOUTH + (SIDE - 1 - row) * HIGH
        rows.append({"BGID": code, "BGName": code[-9:], "shape": shapely.box(west, south, west + WIDE, south + HIGH)})
    return rows


def components(cells: list[dict], count: int) -> list[dict]:
    """Components spread over the grids, each in the grid that it names."""
    chance = np.random.default_rng(1)
    cell, part = chance.integers(0, len(cells), count).tolist(), (0.02 + 0.96 * chance.random((count, 2))).tolist()
    rows = []
    for number in range(count):
        held = cells[cell[number]]
        west, south, _east, _north = held["shape"].bounds
        sort = SORTS[number % len(SORTS)]
        rows.append(
            {"ObjID": f"120101{sort}{number // len(SORTS) + 1:06}", "ObjName": "部件", "DeptName1": UNIT, "DeptName2": "养护所",
             "BGID": held["BGID"], "ObjState": "完好", "ORDate": "20240301",
             "shape": shapely.Point(west + part[number][0] * WIDE, south + part[number][1] * HIGH)}
        )  # fmt: skip
    return rows


def collection(rows: list[dict]) -> bytes:
    """The rows as GeoJSON."""
    texts = shapely.to_geojson([row["shape"] for row in rows])
    features = ",".join(
        f'{{"type":"Feature","geometry":{text},"properties":'
        f"{json.dumps({key: value for key, value in row.items() if key != 'shape'}, ensure_ascii=False)}}}"
        for row, text in zip(rows, texts, strict=True)
    )
    return f'{{"type":"FeatureCollection","features":[{features}]}}'.encode()


def run(report: Report) -> None:
    with site():
        _clear()
        measure(report)


def _clear() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "truncate maintenance_change, maintenance_item, maintenance_changeset, maintenance_problem, places_edition,"
            " maintenance_mapping cascade"
        )


def _load(kind: str, content: bytes, title: str):
    from chengheng.common.people.access import SYSTEM
    from chengheng.maintenance.basedata import actions, sources
    from chengheng.maintenance.basedata.rules import KINDS

    made = actions.give_file(actions.open_set(SYSTEM, kind, title), SYSTEM, content, "a.geojson")
    columns = sources.guess(KINDS[kind], ["ObjID", "ObjName", "DeptName1", "DeptName2", "BGID", "BGName",
                                                            "ObjState", "ORDate", "code", "name", "address"])  # fmt: skip
    return actions.read_file(made, SYSTEM, {"columns": columns, "datum": "file", "encoding": ""})


def _publish(made) -> float:
    from chengheng.common.people.access import SYSTEM
    from chengheng.maintenance.basedata import actions

    made = actions.approve(made, SYSTEM)
    started = time.perf_counter()
    actions.publish(made, SYSTEM)
    return time.perf_counter() - started


def measure(report: Report) -> None:
    """The figures, on a database that is migrated."""
    from chengheng.maintenance.basedata import queries, tiles
    from chengheng.protocols import mvt

    cells = grids()
    started = time.perf_counter()
    made = _load("grid", collection(cells), "Grids")
    report.line(f"import and check of {len(cells):,} unit grids", time.perf_counter() - started, "s")
    assert made.state == "checked", made.found
    report.line("publish them", _publish(made), "s", "with the layer that the product locates by")

    rows = components(cells, COMPONENTS)
    content = collection(rows)
    started = time.perf_counter()
    json.loads(content)
    bare = time.perf_counter() - started
    started = time.perf_counter()
    made = _load("component", content, "Components")
    took = time.perf_counter() - started
    assert made.state == "checked", made.found
    assert made.counts["add"] == COMPONENTS
    report.line(f"import and check of {COMPONENTS:,} components", took, "s", f"goal under 60; json alone {bare:.2f} s")
    report.line("publish them", _publish(made), "s")

    half = COMPONENTS // 100
    for row in rows[:half]:
        row["ObjState"] = "破损"
    made = _load("component", collection(rows[:half]), "Changes")
    assert made.counts["change"] == half
    waits = _reads_while(lambda: report.line(f"publish a change of {half:,}", _publish(made), "s"))
    report.line(
        "longest read meanwhile",
        max(waits) * 1000,
        "ms",
        f"{len(waits)} reads, median {np.median(waits) * 1000:.1f} ms",
    )

    wx, wy = mvt.world(np.array([WEST + SIDE * WIDE / 2]), np.array([SOUTH + SIDE * HIGH / 2]))
    for zoom in (10, 12, 14, 16):
        x, y = int(wx[0] * 2**zoom), int(wy[0] * 2**zoom)
        started = time.perf_counter()
        data, _number = tiles.tile("component", zoom, x, y)
        cold = time.perf_counter() - started
        times = []
        for _each in range(9):
            started = time.process_time()
            tiles.tile("component", zoom, x, y)
            times.append(time.process_time() - started)
        note = f"{len(data) / 1024:,.0f} KB; first {cold * 1000:.0f} ms"
        report.line(f"tile at zoom {zoom}", min(times) * 1000, "ms of CPU", note)

    box = (WEST, SOUTH, WEST + 5 * WIDE, SOUTH + 5 * HIGH)
    started = time.perf_counter()
    found = len(queries.touching(queries.as_of("component"), box)[:5000])
    report.line(f"features in a box ({found})", (time.perf_counter() - started) * 1000, "ms")

    streets = ("南京路", "滨江道", "和平路", "营口道", "山西路", "河北路", "新华路", "多伦道")
    names = [
        {
            "code": f"P{number}",
            "name": f"{streets[number % 8]}{number // 8 + 1}号",
            "address": "天津市和平区",
            "shape": row["shape"],
        }
        for number, row in enumerate(rows[: COMPONENTS // 2])
    ]
    _publish(_load("place", collection(names), "Places"))
    from chengheng.common import places
    from chengheng.common.people.access import SYSTEM

    times = []
    for asked in ("营口道77号", "南京路一百零八号", "滨江道", "新华路的12号", "没有这里"):
        started = time.perf_counter()
        answer = places.search(SYSTEM, asked)
        times.append(time.perf_counter() - started)
        assert bool(answer) == (asked != "没有这里")
    report.line(
        f"a place among {len(names):,} by words", np.mean(times) * 1000, "ms", f"slowest {max(times) * 1000:.0f} ms"
    )


def _reads_while(work) -> list[float]:
    """How long reads of the current edition took while `work` ran."""
    from django.db import connection

    from chengheng.maintenance.basedata import queries

    stop, times = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            started = time.perf_counter()
            list(queries.as_of("component").order_by("pk")[:100])
            times.append(time.perf_counter() - started)
            time.sleep(0.002)
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        work()
    finally:
        stop.set()
        thread.join()
    return times
