"""Layers: import of hostile and honest files, coming into force, and look-up."""

from __future__ import annotations

import io
import json
import time
import zipfile

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from chengheng.common import places, trail
from chengheng.common.errors import NotPermitted
from chengheng.common.people import access
from chengheng.common.places import formats, index
from chengheng.common.places.actions import discard_layer, import_layer, load_shipped_districts, publish_layer
from chengheng.common.places.datum import convert
from chengheng.common.places.errors import AlreadyInForce, LayerHasProblems, UnreadableLayer
from chengheng.common.places.models import Area, Layer
from chengheng.common.places.queries import branch, features
from chengheng.common.places.rules import Level
from tests import builders

WEST, SOUTH, SIDE = 117.19, 39.11, 0.001


def grids(columns: int = 4, rows: int = 3, community: str = "120101003012") -> list[tuple[str, shapely.Polygon]]:
    """Unit grids side by side, numbered west to east, north to south."""
    return [
        (
            f"{community}{row * columns + column + 1:03}",
            shapely.box(
                WEST + column * SIDE,
                SOUTH + (rows - row - 1) * SIDE,
                WEST + (column + 1) * SIDE,
                SOUTH + (rows - row) * SIDE,
            ),
        )
        for row in range(rows)
        for column in range(columns)
    ]


def geojson(shapes, **more) -> bytes:
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {"BGCODE": code, "BGNAME": f"网格{code[-3:]}"},
                    "geometry": json.loads(shapely.to_geojson(shape)),
                }
                for code, shape in shapes
            ],
            **more,
        }
    ).encode()


def in_force(content: bytes, level: str = "grid", **more) -> Layer:
    layer = import_layer(access.SYSTEM, content, level, source="a survey", **more)
    return publish_layer(access.SYSTEM, layer)


def centre(shape):
    return shape.centroid.x, shape.centroid.y


def test_without_any_layer_the_shipped_districts_answer(db):
    found = places.locate(117.1896, 39.1173)
    assert (found.district, found.grid, found.exact) == ("120101", "", False)
    assert len(places.districts()) == 16
    assert places.name_of("120116") == "滨海新区"
    assert not places.locate(0, 0)


def test_a_point_is_found_in_its_grid_and_so_in_all_that_holds_it(db):
    in_force(geojson(grids()))
    for code, shape in grids():
        found = places.locate(*centre(shape))
        assert (found.grid, found.community, found.subdistrict, found.district) == (code, code[:12], code[:9], code[:6])
        assert found.exact


def test_on_a_shared_edge_the_smallest_code_wins(db):
    in_force(geojson(reversed(grids())))
    assert places.locate(WEST + SIDE, SOUTH + 2.5 * SIDE).grid == "120101003012001"
    assert places.locate(WEST + SIDE, SOUTH + 2 * SIDE).grid == "120101003012001"
    assert places.locate(WEST + 2 * SIDE, SOUTH + SIDE).grid == "120101003012006"


def test_many_points_at_once_give_what_each_gives_alone(db):
    in_force(geojson(grids()))
    chance = np.random.default_rng(7)
    lons, lats = chance.uniform(WEST - 0.01, WEST + 0.02, 500), chance.uniform(SOUTH - 0.01, SOUTH + 0.02, 500)
    lons[:20], lats[:20] = WEST + SIDE, SOUTH + SIDE * np.arange(20) / 8
    together = places.locate_many(lons, lats)
    assert together == [places.locate(lon, lat) for lon, lat in zip(lons, lats, strict=True)]
    assert {found.by for found in together} >= {"grid", "district"}


def test_a_new_layer_takes_the_place_of_the_old_one_and_the_old_one_can_come_back(db):
    first = in_force(geojson(grids()))
    second = in_force(geojson(grids(community="120101003099")))
    assert places.locate(*centre(grids()[0][1])).grid == "120101003099001"
    publish_layer(access.SYSTEM, first, note="the survey was wrong")
    assert places.locate(*centre(grids()[0][1])).grid == "120101003012001"
    assert [layer.in_force for layer in Layer.objects.filter(level="grid").order_by("number")] == [True, False]
    assert [entry.act for entry in trail.history(second)] == ["places.layer.import", "places.layer.publish"]
    with pytest.raises(AlreadyInForce):
        publish_layer(access.SYSTEM, first)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_a_publication_is_seen_at_once_here_and_soon_elsewhere(monkeypatch):
    places.locate(117.19, 39.11)
    layer = import_layer(access.SYSTEM, geojson(grids()), "grid", source="a survey")
    publish_layer(access.SYSTEM, layer)
    assert places.locate(*centre(grids()[0][1])).grid == "120101003012001"
    Layer.objects.filter(pk=layer.pk).update(in_force=False)  # as another process would
    assert places.locate(*centre(grids()[0][1])).grid == "120101003012001"
    monkeypatch.setattr(index, "_looked_at", time.monotonic() - index.CHECK_EVERY)
    assert places.locate(*centre(grids()[0][1])).grid == ""


def test_a_draft_with_faults_lists_them_and_cannot_come_into_force(db):
    shapes = [*grids(), ("120101003012001", grids()[5][1]), ("12010100301299", grids()[6][1])]
    layer = import_layer(access.SYSTEM, geojson(shapes), "grid", source="a survey")
    assert layer.count == 12
    assert [problem["row"] for problem in layer.problems if problem["stops"]] == [13, 14]
    with pytest.raises(LayerHasProblems):
        publish_layer(access.SYSTEM, layer)
    discard_layer(access.SYSTEM, layer)
    assert not Area.objects.filter(layer__level="grid").exists()


def test_only_the_keeper_of_the_map_may_import(db):
    with pytest.raises(NotPermitted):
        import_layer(builders.user(), geojson(grids()), "grid", source="a survey")
    assert import_layer(builders.holder("places.keeper"), geojson(grids()), "grid", source="a survey").count == 12


def test_a_file_in_gcj02_lands_where_it_belongs(db):
    moved = [
        (code, shapely.transform(shape, lambda points: np.column_stack(convert(*points.T, "WGS84", "GCJ02"))))
        for code, shape in grids()
    ]
    in_force(geojson(moved), datum="GCJ02")
    assert places.locate(*centre(grids()[7][1])).grid == grids()[7][0]


def plane(shape):
    change = Transformer.from_crs("EPSG:4490", "EPSG:4548", always_xy=True)
    return shapely.transform(shape, lambda points: np.column_stack(change.transform(*points.T)))


def written(scratch, driver: str, crs: str, shapes) -> bytes:
    """The shapes as a file that a GIS would write."""
    import pyogrio

    suffix = {"GPKG": "gpkg", "ESRI Shapefile": "shp"}[driver]
    path = scratch / f"grids.{suffix}"
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for _code, shape in shapes], dtype=object),
        field_data=[np.array([code for code, _shape in shapes], dtype=object)],
        fields=["BGCODE"],
        crs=crs,
        geometry_type="Polygon",
        driver=driver,
    )
    if suffix == "gpkg":
        return path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in scratch.glob("grids.*"):
            archive.write(part, f"网格/{part.name}")
    return packed.getvalue()


@pytest.mark.parametrize("driver", ["GPKG", "ESRI Shapefile"])
def test_files_of_a_gis_in_plane_coordinates_are_read(db, scratch, driver):
    content = written(scratch, driver, "EPSG:4548", [(code, plane(shape)) for code, shape in grids()])
    layer = in_force(content)
    assert layer.count == 12
    assert "CGCS2000" in layer.datum
    for code, shape in grids():
        assert places.locate(*centre(shape)).grid == code


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", b"\0" * 50_000_000)
        archive.writestr("a.dbf", b"\0" * 50_000_000)
        archive.writestr("a.shx", b"\0" * 100)
    return packed.getvalue()


def archive_of(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<OGRVRTDataSource><OGRVRTLayer name='passwd'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        b"{",
        b"[" * 100_000,
        b"{" + b'"a":{' * 100_000,
        b'{"type": "Topology", "objects": {}}',
        b'{"type": "FeatureCollection", "features": [1]}',
        b'{"type": "FeatureCollection", "features": [{"properties": {"x": 1}, "geometry": null}]}',
        b"SQLite format 3\x00" + b"\x00" * 200,
        b"SQLite format 3\x00" + b"\x00" * 52 + b"GPKG" + b"\x00" * 4000,
        b"PK\x03\x04 and then nothing",
        archive_of(a_txt=b"hello"),
        archive_of(a_shp=b"<OGRVRTDataSource/>", a_dbf=b"x", a_shx=b"x"),
        archive_of(a_shp=b"\x00\x00\x27\x0a" + b"\xff" * 300, a_dbf=b"\xff" * 300, a_shx=b"\xff" * 300),
    ],
    ids=range(14),
)
def test_a_hostile_file_is_refused_in_words(db, content):
    with pytest.raises(UnreadableLayer) as refused:
        import_layer(access.SYSTEM, content, "grid", source="?")
    assert "%(" not in str(refused.value)
    assert not Layer.objects.exists()


def test_an_archive_that_swells_is_refused_before_it_is_unpacked(db, monkeypatch):
    monkeypatch.setattr(formats, "MAX_UNPACKED_BYTES", 10_000_000)
    with pytest.raises(UnreadableLayer, match="9 MB"):
        import_layer(access.SYSTEM, bomb(), "grid", source="?")


def test_the_shipped_districts_are_stored_once(db):
    layer = load_shipped_districts()
    assert layer is not None
    assert layer.count == 16
    assert not layer.stopping
    assert load_shipped_districts() is None
    assert [one.code for one in places.districts()][:2] == ["120101", "120102"]
    assert places.locate(117.1896, 39.1173).district == "120101"


def test_the_tree_leads_from_the_city_to_a_grid(db):
    load_shipped_districts()
    in_force(geojson([("120101003012", shapely.box(WEST, SOUTH, WEST + 0.01, SOUTH + 0.01))]), "community")
    in_force(geojson(grids()))
    assert len(branch().children) == 16
    community = branch("120101003012")
    assert [one.code for one in community.children] == [code for code, _shape in grids()]
    assert community.path[0] == ("120000", "天津市")
    assert community.path[1] == ("120101", "和平区")


def test_the_map_asks_for_what_it_shows(db):
    in_force(geojson(grids()))
    assert len(features("grid")["features"]) == 12
    box = (WEST + SIDE * 0.1, SOUTH + SIDE * 0.1, WEST + SIDE * 0.9, SOUTH + SIDE * 0.9)
    assert [one["id"] for one in features("grid", box)["features"]] == ["120101003012009"]
    assert features("grid", limit=3)["partial"]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_the_raster_and_the_tree_never_disagree(seed, count):
    """Overlapping triangles at random, asked at corners, on edges and anywhere else."""
    chance = np.random.default_rng(seed)
    triangles = [
        shapely.Polygon(chance.uniform([117, 39], [117.1, 39.1]) + chance.uniform(-0.02, 0.02, (3, 2)).round(3))
        for _number in range(count)
    ]
    level = index.LevelIndex(
        Level.GRID, [f"{120101001001000 + number}" for number in range(count)], np.array(triangles)
    )
    corners = shapely.get_coordinates(triangles)
    points = np.vstack(
        [corners, (corners[:-1] + corners[1:]) / 2, chance.uniform([116.97, 38.97], [117.13, 39.13], (300, 2))]
    )
    found = level.find_many(shapely.points(points))
    for (lon, lat), position in zip(points.tolist(), found.tolist(), strict=True):
        assert level.find(lon, lat) == (level.answers[position] if position >= 0 else None)


@pytest.mark.parametrize("point", [(float("nan"), 39.1), (float("inf"), 39.1), (1e300, -1e300), (-181, 91)])
def test_an_impossible_point_is_nowhere(db, point):
    assert not places.locate(*point)
