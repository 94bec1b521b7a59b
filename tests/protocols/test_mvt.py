"""Vector tiles: what is written is read again, by our own reader of the specification and by GDAL."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.protocols import mvt


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def fields(data):
    """(tag, value) of a protocol buffer."""
    at, found = 0, []
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 1:
            value, at = data[at : at + 8], at + 8
        else:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
        found.append((key >> 3, value))
    return found


def numbers(data):
    at, found = 0, []
    while at < len(data):
        number, at = read_varint(data, at)
        found.append(number)
    return found


def signed(number):
    return (number >> 1) ^ -(number & 1)


def read_value(data):
    ((tag, value),) = fields(data)
    return {1: lambda: value.decode(), 3: lambda: struct.unpack("<d", value)[0], 5: lambda: value,
            6: lambda: signed(value), 7: lambda: bool(value)}[tag]()  # fmt: skip


def read_tile(data):
    layers = {}
    for _tag, content in fields(data):
        parts = fields(content)
        keys = [value.decode() for tag, value in parts if tag == 3]
        values = [read_value(value) for tag, value in parts if tag == 4]
        points = []
        for tag, value in parts:
            if tag == 2:
                feature = dict(fields(value))
                assert feature[3] == 1
                command, x, y = numbers(feature[4])
                assert command == 9
                tags = numbers(feature[2])
                said = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
                points.append(mvt.Point(signed(x), signed(y), said, feature.get(1)))
        head = dict(parts)
        assert (head[5], head[15]) == (mvt.EXTENT, 2)
        layers[head[1].decode()] = points
    return layers


values = st.one_of(
    st.text(max_size=20), st.booleans(), st.integers(-(2**62), 2**63 - 1), st.floats(allow_nan=False, width=64)
)
coordinates = st.integers(-(2**31), 2**31 - 1)
points = st.builds(
    mvt.Point, coordinates, coordinates, st.dictionaries(st.text(max_size=8), values, max_size=5),
    st.none() | st.integers(0, 2**64 - 1),
)  # fmt: skip


def kinds(layer):
    return [(p.x, p.y, p.id, {k: (type(v), v) for k, v in p.properties.items()}) for p in layer]


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.lists(points, max_size=6), max_size=3))
def test_what_is_written_is_read_again(layers):
    read = read_tile(mvt.tile([mvt.layer(name, found) for name, found in layers.items()]))
    assert {name: kinds(found) for name, found in read.items()} == {
        name: kinds(found) for name, found in layers.items()
    }


@given(st.floats(-179.9, 179.9), st.floats(-85, 85), st.integers(0, 20))
def test_a_place_lies_in_the_tile_that_holds_it(lon, lat, z):
    size = 1 << z
    across, down = mvt.place(lon, lat, 0, 0, 0, extent=1 << 30)
    x, y = min(across * size >> 30, size - 1), min(down * size >> 30, size - 1)
    west, south, east, north = mvt.box(z, x, y)
    assert west - 1e-6 <= lon <= east + 1e-6
    assert south - 1e-6 <= lat <= north + 1e-6
    column, line = mvt.place(lon, lat, z, x, y)
    assert -4 <= column <= mvt.EXTENT + 4
    assert -4 <= line <= mvt.EXTENT + 4


@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_what_does_not_fit_is_refused(number):
    with pytest.raises(ValueError, match="64 bits"):
        mvt.varint(number)


def test_gdal_reads_the_same_points(tmp_path: Path):
    pyogrio = pytest.importorskip("pyogrio")
    if "MVT" not in pyogrio.list_drivers():
        pytest.skip("this GDAL has no driver for vector tiles")
    z, x, y = 12, 3381, 1559
    lon, lat = 117.2025, 39.1185
    size = 1 << 32
    across, down = mvt.place(lon, lat, 0, 0, 0, extent=size)
    x, y = across * (1 << z) // size, down * (1 << z) // size
    folder = tmp_path / str(z) / str(x)
    folder.mkdir(parents=True)
    path = folder / f"{y}.pbf"
    place = mvt.place(lon, lat, z, x, y)
    path.write_bytes(mvt.tile([mvt.layer("cases", [mvt.Point(*place, {"name": "井盖", "late": True, "n": -3}, 17)])]))
    frame = pyogrio.raw.read(str(path), layer="cases", force_2d=True)
    import shapely

    (shape,) = shapely.from_wkb(frame[2])
    names = [str(name) for name in frame[0]["fields"]]
    said = {name: column[0] for name, column in zip(names, frame[3], strict=True)}
    assert (said["name"], int(said["n"]), bool(said["late"])) == ("井盖", -3, True)
    metres = 20037508.342789244 * 2 / (1 << z) / mvt.EXTENT
    import math

    there = (lon / 180 * 20037508.342789244, math.asinh(math.tan(math.radians(lat))) / math.pi * 20037508.342789244)
    assert abs(shape.x - there[0]) <= metres
    assert abs(shape.y - there[1]) <= metres
