"""Vector tiles: what a reader of the specification, and GDAL, get back is what was put in."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.protocols import mvt
from chengheng.protocols.mvt import wire

LON, LAT = 117.2, 39.1
Z = 14


def tile_at(lon: float = LON, lat: float = LAT, z: int = Z) -> tuple[int, int, int]:
    wx, wy = mvt.world(np.array([lon]), np.array([lat]))
    return z, int(wx[0] * 2**z), int(wy[0] * 2**z)


# A second reading of the specification, written without the encoder's help


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: bytes) -> list[tuple[int, Any]]:
    at, found = 0, []
    while at < len(data):
        head, at = _varint(data, at)
        number, kind = head >> 3, head & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 1:
            value, at = struct.unpack("<d", data[at : at + 8])[0], at + 8
        else:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
            assert len(value) == size
        found.append((number, value))
    return found


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _numbers(data: bytes) -> list[int]:
    at, found = 0, []
    while at < len(data):
        number, at = _varint(data, at)
        found.append(number)
    return found


def _draw(numbers: list[int]) -> list[list[tuple[int, int]]]:
    """The lines (or points) of a geometry; a closed one repeats its first point."""
    at, x, y, lines = 0, 0, 0, []
    while at < len(numbers):
        command, count = numbers[at] & 7, numbers[at] >> 3
        at += 1
        assert command in (1, 2, 7)
        assert count >= 1
        if command == 7:
            lines[-1].append(lines[-1][0])
            continue
        for _each in range(count):
            x, y = x + _signed(numbers[at]), y + _signed(numbers[at + 1])
            at += 2
            if command == 1:
                lines.append([])
            lines[-1].append((x, y))
    return lines


def decode(tile: bytes) -> dict[str, list[dict[str, Any]]]:
    layers: dict[str, list[dict[str, Any]]] = {}
    for number, layer in _fields(tile):
        assert number == 3
        parts = _fields(layer)
        named = dict(parts)
        assert named[15] == 2
        keys = [value.decode() for kind, value in parts if kind == 3]
        values = []
        for kind, value in parts:
            if kind == 4:
                ((how, said),) = _fields(value)
                values.append({1: lambda v: v.decode(), 6: _signed, 7: bool}.get(how, lambda v: v)(said))
        found = layers.setdefault(named[1].decode(), [])
        for kind, value in parts:
            if kind == 2:
                held = dict(_fields(value))
                tags = _numbers(held.get(2, b""))
                found.append({
                    "id": held.get(1), "type": held[3], "lines": _draw(_numbers(held[4])),
                    "properties": {keys[a]: values[b] for a, b in zip(tags[::2], tags[1::2], strict=True)},
                })  # fmt: skip
    return layers


def where(lon: float, lat: float) -> tuple[int, int]:
    z, x, y = tile_at()
    wx, wy = mvt.world(np.array([lon]), np.array([lat]))
    return round((wx[0] * 2**z - x) * 4096), round((wy[0] * 2**z - y) * 4096)


def test_a_point_comes_back_with_its_properties() -> None:
    said = {"name": "雨水箅子", "count": 3, "below": -7, "ok": True, "height": 1.5, "gone": None}
    tile = mvt.encode({"components": [mvt.Feature(shapely.Point(LON, LAT), said, 12345678901)]}, *tile_at())
    ((one,),) = decode(tile).values()
    assert one == {
        "id": 12345678901, "type": 1, "lines": [[where(LON, LAT)]],
        "properties": {"name": "雨水箅子", "count": 3, "below": -7, "ok": True, "height": 1.5},
    }  # fmt: skip


def test_geojson_is_taken_as_well() -> None:
    tile = mvt.encode({"c": [mvt.Feature({"type": "Point", "coordinates": [LON, LAT]})]}, *tile_at())
    assert decode(tile)["c"][0]["lines"] == [[where(LON, LAT)]]


def test_what_lies_outside_is_left_out_and_an_empty_tile_is_no_bytes() -> None:
    assert mvt.encode({"c": [mvt.Feature(shapely.Point(LON + 1, LAT))], "d": []}, *tile_at()) == b""


@pytest.mark.parametrize("tile", [(-1, 0, 0), (1, 2, 0), (0, 0, 1), (25, 0, 0)])
def test_a_tile_that_is_not_in_the_world_is_refused(tile: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no such tile"):
        mvt.encode({}, *tile)


def test_rings_turn_as_the_specification_asks() -> None:
    square = shapely.box(LON, LAT, LON + 0.004, LAT + 0.004)
    hole = shapely.box(LON + 0.001, LAT + 0.001, LON + 0.002, LAT + 0.002)
    for shape in (square.difference(hole), square.difference(hole).reverse()):
        (one,) = decode(mvt.encode({"g": [mvt.Feature(shape)]}, *tile_at()))["g"]
        outer, inner = one["lines"]

        def turn(ring: list[tuple[int, int]]) -> int:
            return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False))

        assert one["type"] == 3
        assert turn(outer) > 0 > turn(inner)
        assert outer[0] == outer[-1]


def test_a_polygon_is_cut_at_the_margin_even_when_it_is_broken() -> None:
    large = shapely.box(LON - 1, LAT - 1, LON + 1, LAT + 1)
    bow = shapely.Polygon([(LON - 1, LAT - 1), (LON + 1, LAT + 1), (LON + 1, LAT - 1), (LON - 1, LAT + 1)])
    for shape in (large, bow):
        for one in decode(mvt.encode({"g": [mvt.Feature(shape)]}, *tile_at()))["g"]:
            points = [point for line in one["lines"] for point in line]
            assert all(-64 <= value <= 4160 for point in points for value in point)


def test_a_polygon_smaller_than_a_unit_vanishes() -> None:
    tiny = shapely.box(LON, LAT, LON + 1e-7, LAT + 1e-7)
    assert mvt.encode({"g": [mvt.Feature(tiny)]}, *tile_at()) == b""


spot = st.tuples(st.floats(LON - 0.03, LON + 0.03), st.floats(LAT - 0.03, LAT + 0.03))


@settings(max_examples=60)
@given(st.lists(st.tuples(spot, st.integers(0, 200), st.integers(0, 2**40)), max_size=40))
def test_columns_give_what_features_give(rows: list[tuple[tuple[float, float], int, int]]) -> None:
    values = [f"种类{number}" for number in range(201)]
    features = [
        mvt.Feature(shapely.Point(*place), {"kind": values[kind], "code": f"{number:08}"}, number)
        for place, kind, number in rows
    ]
    lon, lat = np.array([row[0] for row in rows] or np.zeros((0, 2))).reshape(-1, 2).T
    points = mvt.Points(
        *mvt.world(lon, lat), np.array([row[2] for row in rows], dtype=np.int64),
        {"kind": mvt.Category(np.array([row[1] for row in rows], dtype=np.uint32), values),
         "code": mvt.Unique(np.array([f"{row[2]:08}".encode() for row in rows], dtype="S13"))},
    )  # fmt: skip
    assert decode(mvt.encode({"c": points}, *tile_at())) == decode(mvt.encode({"c": features}, *tile_at()))


@settings(max_examples=80)
@given(
    st.lists(st.lists(spot, min_size=3, max_size=9), min_size=1, max_size=5),
    st.sampled_from(["Polygon", "LineString", "MultiPoint"]),
)
def test_any_geometry_makes_a_tile_that_can_be_read(shapes: list[Any], kind: str) -> None:
    make = {"Polygon": shapely.Polygon, "LineString": shapely.LineString, "MultiPoint": shapely.MultiPoint}[kind]
    tile = mvt.encode({"g": [mvt.Feature(make(points), {"n": 1}) for points in shapes]}, *tile_at())
    for one in decode(tile).get("g", []):
        points = [point for line in one["lines"] for point in line]
        assert all(-64 <= value <= 4160 for point in points for value in point)


@given(st.lists(st.integers(0, 2**60), min_size=1, max_size=50))
def test_a_column_of_varints_is_the_varints_one_after_the_other(numbers: list[int]) -> None:
    assert wire.flatten([wire.varints(np.array(numbers, dtype=np.int64))]) == wire.packed(numbers)


@pytest.mark.skipif(not shutil.which("ogr2ogr"), reason="GDAL is not here")
def test_gdal_reads_the_same(tmp_path: Path) -> None:
    z, x, y = tile_at()
    grid = shapely.box(LON - 0.002, LAT - 0.002, LON + 0.002, LAT + 0.002)
    lon, lat = np.array([LON, LON + 0.001]), np.array([LAT, LAT + 0.001])
    kinds = mvt.Category(np.array([1, 0]), ["供水井盖", "路灯"])
    points = mvt.Points(*mvt.world(lon, lat), np.array([7, 8]), {"kind": kinds})
    tile = mvt.encode({"grids": [mvt.Feature(grid, {"code": "120101001001001"}, 5)], "components": points}, z, x, y)
    path = tmp_path / str(z) / str(x) / f"{y}.pbf"
    path.parent.mkdir(parents=True)
    path.write_bytes(tile)
    for layer, expected in (("grids", grid), ("components", shapely.MultiPoint(list(zip(lon, lat, strict=True))))):
        out = tmp_path / f"{layer}.json"
        command = ["ogr2ogr", "-f", "GeoJSON", "-t_srs", "EPSG:4326", str(out), str(path), layer]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        read = json.loads(out.read_text())["features"]
        union = shapely.union_all([shapely.from_geojson(json.dumps(one["geometry"])) for one in read])
        assert union.hausdorff_distance(expected) < 360 / 2**z / 4096
        if layer == "components":
            assert {one["properties"]["kind"] for one in read} == {"供水井盖", "路灯"}
