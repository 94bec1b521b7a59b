"""The same components as every kind of file, in every datum, are the same components."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely

from chengheng.common.places import datum
from chengheng.common.places.errors import UnreadableLayer
from chengheng.maintenance.basedata import sources
from chengheng.maintenance.basedata.errors import UnreadableTable
from chengheng.maintenance.basedata.rules import COMPONENT, GRID, guess

from .conftest import collection, component, grid_rows, grid_shapes

ROWS = [component(number) for number in range(1, 8)]
FIELDS = [name for name in ROWS[0] if name != "shape"]


def written(folder: Path, name: str, driver: str, rows=ROWS, crs: str = "EPSG:4490", **more) -> Path:
    path = folder / name
    shapes = np.array([shapely.to_wkb(row["shape"]) for row in rows], dtype=object)
    fields = [key for key in rows[0] if key != "shape"]
    columns = [np.array([row[key] for row in rows], dtype=object) for key in fields]
    kind = rows[0]["shape"].geom_type
    pyogrio.raw.write(
        path, shapes, columns, np.array(fields), driver=driver, geometry_type=kind, crs=crs, layer_options=more or None
    )  # fmt: skip
    return path


def zipped(path: Path, *suffixes: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for suffix in suffixes:
            archive.write(path.with_suffix(suffix), path.with_suffix(suffix).name)
    return out.getvalue()


def taken(content: bytes, name: str, kind=COMPONENT, **reading):
    source = sources.open_source(content, name, reading.get("encoding", ""))
    held, _said = sources.take(source, kind, {**sources.proposed(source, kind, None), **reading})
    return held


def workbook(rows: list[list]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def same(held, rows=ROWS, places: float = 1e-9) -> None:
    assert held.codes == [row["ObjID"] for row in rows]
    assert held.names == [row["ObjName"] for row in rows]
    assert [one["made_on"] for one in held.attrs] == ["2024-03-01"] * len(rows)
    assert [one["authority"] for one in held.attrs] == ["和平区城市管理委员会"] * len(rows)
    assert held.lons == pytest.approx([row["shape"].x for row in rows], abs=places)
    assert held.lats == pytest.approx([row["shape"].y for row in rows], abs=places)


def test_geojson() -> None:
    same(taken(collection(ROWS), "a.geojson"))


def test_geopackage(tmp_path: Path) -> None:
    same(taken(written(tmp_path, "a.gpkg", "GPKG").read_bytes(), "a.gpkg"))


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_shapefile_in_either_encoding_with_and_without_saying_so(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "a.shp", "ESRI Shapefile", ENCODING=encoding)
    parts = (".shp", ".shx", ".dbf", ".prj")
    same(taken(zipped(path, *parts, ".cpg"), "a.zip"))
    same(taken(zipped(path, *parts), "a.zip"))


def test_kml(tmp_path: Path) -> None:
    same(taken(written(tmp_path, "a.kml", "LIBKML", crs="EPSG:4326").read_bytes(), "a.kml"))


def test_plane_coordinates_of_the_file_are_understood(tmp_path: Path) -> None:
    rows = [{**row, "shape": shapely.Point(*datum.to_plane(row["shape"].x, row["shape"].y))} for row in ROWS]
    path = written(tmp_path, "a.gpkg", "GPKG", rows, crs="EPSG:4548")
    same(taken(path.read_bytes(), "a.gpkg"), places=1e-8)


@pytest.mark.parametrize("drawn_on", ["GCJ02", "BD09"])
def test_shapes_drawn_on_a_shifted_map_come_back(drawn_on: str) -> None:
    rows = [
        {**row, "shape": shapely.Point(*datum.convert(row["shape"].x, row["shape"].y, "WGS84", drawn_on))}
        for row in ROWS
    ]
    same(taken(collection(rows), "a.geojson", datum=drawn_on))


def test_a_spreadsheet_says_by_columns_where_its_rows_are() -> None:
    head = ["部件标识码", "部件名称", "主管部门名称", "初始日期", "经度", "纬度"]
    rows = [[row["ObjID"], row["ObjName"], row["DeptName1"], 20240301, row["shape"].x, row["shape"].y] for row in ROWS]
    same(taken(workbook([head, *rows]), "a.xlsx"))
    head[-2:] = ["横坐标", "纵坐标"]
    plane = [[*row[:4], *datum.to_plane(row[4], row[5])] for row in rows]
    same(taken(workbook([head, *plane]), "a.xlsx", datum=sources.PLANE), places=1e-8)
    text = "\n".join(
        ",".join(map(str, row))
        for row in [[*head[:4], "WKT"], *[[*row[:4], f"POINT ({row[4]} {row[5]})"] for row in rows]]
    )
    same(taken(text.encode("gb18030"), "a.csv"))


def test_a_spreadsheet_that_does_not_say_where_is_refused() -> None:
    with pytest.raises(UnreadableTable):
        taken(workbook([["部件标识码", "部件名称"], ["1", "x"]]), "a.xlsx")
    with pytest.raises(UnreadableTable):
        taken(workbook([["名称", "经度", "纬度"], ["x", 117, 39]]), "a.xlsx")


def test_dxf_gives_shapes_and_layers_for_the_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.dxf"
    shapes = np.array([shapely.to_wkb(shape.exterior) for _code, shape in grid_shapes()], dtype=object)
    names = np.array([code for code, _shape in grid_shapes()], dtype=object)
    pyogrio.raw.write(path, shapes, [names], np.array(["Layer"]), driver="DXF", geometry_type="LineString", crs=None)
    source = sources.open_source(path.read_bytes(), "a.dxf")
    held, _said = sources.take(source, GRID, {"columns": {"code": "Layer"}, "datum": "CGCS2000"})
    assert held.codes == [code for code, _shape in grid_shapes()]
    assert all(
        one.normalize().equals_exact(shape.normalize(), 1e-9)
        for one, (_code, shape) in zip(held.shapes, grid_shapes(), strict=True)
    )


def test_columns_are_guessed_by_the_names_of_both_standards() -> None:
    assert guess(COMPONENT, ["objid", "ObjName", "BGID", "DeptCode1"]) == {
        "code": "objid", "name": "ObjName", "grid": "BGID", "authority_code": "DeptCode1",
    }  # fmt: skip
    assert guess(COMPONENT, ["GLBJBSM", "GLBJMC", "SZDYWGBSM", "ZGBMMC"])["authority"] == "ZGBMMC"
    assert guess(GRID, [key for key in grid_rows(grid_shapes())[0] if key != "shape"]) == {
        "code": "BGID",
        "name": "BGName",
    }


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"<kml><x", b"  0\nSECTION\n", b"<html>", b"SQLite format 3\x00" + b"\x00" * 200]
)
def test_what_is_no_map_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableLayer):
        sources.open_source(content, "a.bin")
