"""OGC API Features and vector tiles, asked as QGIS and ogr2ogr ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import shapely
from django.test import Client

from chengheng.common.people.access import SYSTEM
from chengheng.common.people.actions import create_token
from chengheng.maintenance.basedata import actions, sources
from chengheng.maintenance.basedata.rules import KINDS
from tests.protocols.test_mvt import decode, tile_at

from .conftest import SIDE, SOUTH, WEST, component, grid_code, grid_rows, grid_shapes, load, pass_through

ROOT = "/api/v1/maintenance/ogc/"


@pytest.fixture
def stock(part):
    part.rows = [component(number, grid=number % 12 + 1) for number in range(1, 26)]
    part.first = pass_through(load("component", part.rows))
    part.client = Client(headers={"Authorization": f"Bearer {create_token(part.keeper, part.keeper, 'qgis')[1]}"})
    return part


def get(client: Client, address: str, status: int = 200) -> dict:
    response = client.get(address)
    assert response.status_code == status, response.content[:300]
    return response.json()


def test_the_way_in_leads_everywhere(stock) -> None:
    links = {one["rel"]: one["href"] for one in get(stock.client, ROOT)["links"]}
    assert links.keys() == {"self", "service-desc", "conformance", "data"}
    assert (
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
        in get(stock.client, links["conformance"])["conformsTo"]
    )
    held = get(stock.client, links["data"])["collections"]
    assert [one["id"] for one in held] == ["component", "grid", "place", "duty"]
    assert held[1]["extent"]["spatial"]["bbox"][0] == pytest.approx([WEST, SOUTH, WEST + 4 * SIDE, SOUTH + 3 * SIDE])
    assert all(one["crs"] == ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"] for one in held)


def test_the_definition_names_every_address_that_answers(stock) -> None:
    said = get(stock.client, f"{ROOT}api")
    assert said["openapi"].startswith("3.0.")
    for path, item in said["paths"].items():
        some = get(stock.client, f"{ROOT}collections/grid/items?limit=1")["features"][0]["id"]
        if "{featureId}" in path and "grid" not in path:
            continue
        assert "get" in item
        get(stock.client, ROOT.rstrip("/") + path.replace("{featureId}", str(some)))


def test_pages_are_linked_and_stay_in_one_edition(stock) -> None:
    found, address = [], f"{ROOT}collections/component/items?limit=10"
    pages = 0
    while address:
        page = get(stock.client, address)
        found += [one["properties"]["code"] for one in page["features"]]
        assert page["numberReturned"] == len(page["features"])
        if not pages:
            assert page["numberMatched"] == 25
            pass_through(load("component", [component(99)], whole=True))  # somebody publishes meanwhile
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        pages += 1
    assert pages == 3
    assert sorted(found) == sorted(row["ObjID"] for row in stock.rows)
    assert get(stock.client, f"{ROOT}collections/component/items")["numberMatched"] == 1


def test_bbox_class_area_edition_and_time_choose(stock) -> None:
    items = f"{ROOT}collections/component/items"
    west = get(stock.client, f"{items}?bbox={WEST},{SOUTH},{WEST + SIDE},{SOUTH + 3 * SIDE}")
    assert {one["properties"]["area_code"] for one in west["features"]} == {grid_code(1), grid_code(5), grid_code(9)}
    assert get(stock.client, f"{items}?bbox=0,0,1,1")["numberMatched"] == 0
    assert get(stock.client, f"{items}?class=0104")["numberMatched"] == 25
    assert get(stock.client, f"{items}?area={grid_code(2)}")["numberMatched"] == 3
    second = pass_through(load("component", [component(99)], whole=True))
    assert get(stock.client, f"{items}?edition={stock.first.edition}")["numberMatched"] == 25
    assert get(stock.client, f"{items}?edition={second.edition}")["numberMatched"] == 1
    moment = stock.first.published_at.isoformat().replace("+", "%2B")
    assert get(stock.client, f"{items}?datetime={moment}")["numberMatched"] == 25
    assert get(stock.client, f"{items}?datetime={moment}/..")["numberMatched"] == 26
    assert get(stock.client, f"{items}?datetime=../2001-01-01")["numberMatched"] == 0


@pytest.mark.parametrize(
    "asked", ["bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,5,1,1", "limit=0", "limit=x", "datetime=yesterday", "colour=red",
              "datetime=2024-02-02/2024-01-01", "after=x", "edition=-1"],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(stock, asked: str) -> None:
    get(stock.client, f"{ROOT}collections/component/items?{asked}", 400)


def test_one_feature_by_its_link(stock) -> None:
    some = get(stock.client, f"{ROOT}collections/component/items?limit=1")["features"][0]
    one = get(stock.client, f"{ROOT}collections/component/items/{some['id']}")
    assert (one["geometry"], one["properties"]) == (some["geometry"], some["properties"])
    get(stock.client, f"{ROOT}collections/component/items/999999999", 404)
    get(stock.client, f"{ROOT}collections/lamps/items", 404)


def test_it_is_closed_to_those_who_may_not(stock) -> None:
    assert Client().get(ROOT).status_code == 401
    other = Client(headers={"Authorization": f"Bearer {create_token(stock.stranger, stock.stranger, 'x')[1]}"})
    for address in ("", "collections", "collections/component/items", "collections/component/tiles/0/0/0.mvt"):
        assert other.get(ROOT + address).status_code == 403


def test_a_tile_holds_what_the_edition_holds(stock) -> None:
    z, x, y = tile_at(WEST + SIDE, SOUTH + SIDE, 14)
    response = stock.client.get(f"{ROOT}collections/component/tiles/{z}/{x}/{y}.mvt")
    assert response["Content-Type"] == "application/vnd.mapbox-vector-tile"
    found = decode(response.content)["component"]
    assert {one["properties"]["code"] for one in found} == {row["ObjID"] for row in stock.rows}
    again = stock.client.get(
        f"{ROOT}collections/component/tiles/{z}/{x}/{y}.mvt", headers={"If-None-Match": response["ETag"]}
    )
    assert again.status_code == 304
    pass_through(load("component", [component(99)], whole=True))
    later = stock.client.get(
        f"{ROOT}collections/component/tiles/{z}/{x}/{y}.mvt", headers={"If-None-Match": response["ETag"]}
    )
    assert [one["properties"]["code"] for one in decode(later.content)["component"]] == [component(99)["ObjID"]]
    grids = decode(stock.client.get(f"{ROOT}collections/grid/tiles/{z}/{x}/{y}.mvt").content)["grid"]
    assert {one["properties"]["code"] for one in grids} == {code for code, _shape in grid_shapes()}
    assert stock.client.get(f"{ROOT}collections/component/tiles/{z}/0/0.mvt").status_code == 204
    assert stock.client.get(f"{ROOT}collections/component/tiles/2/9/9.mvt").status_code == 404


@pytest.fixture
def gdal(live_server):
    """GDAL's programs at the live address, signed in by a token as the API demands; `source` is its data source."""
    from tests import builders

    keeper = builders.holder("maintenance.base_keeper", builders.organisation("Centre"))
    token = create_token(keeper, keeper, "gdal")[1]

    def run(*words: str, token: str = token) -> str:
        environment = {**os.environ, "GDAL_HTTP_HEADERS": f"Authorization: Bearer {token}"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout
        assert "ERROR" not in done.stderr
        return done.stdout

    return SimpleNamespace(run=run, source=f"OAPIF:{live_server.url}{ROOT.rstrip('/')}")


WITH_GDAL = pytest.mark.skipif(not shutil.which("ogr2ogr"), reason="GDAL is not here")


@pytest.mark.slow
@WITH_GDAL
@pytest.mark.django_db(transaction=True)
def test_ogr2ogr_reads_the_published_edition(gdal, tmp_path) -> None:
    """GeoJSON in, published, read back by GDAL's OGC API driver, page by page, and by box."""
    rows = [component(number, grid=number % 12 + 1) for number in range(1, 26)]
    pass_through(load("grid", grid_rows(grid_shapes())))
    pass_through(load("component", rows))
    with pytest.raises(AssertionError):
        gdal.run("ogrinfo", "-so", gdal.source, token="nobody's")
    listed = gdal.run("ogrinfo", "-so", gdal.source)
    assert all(kind in listed for kind in ("component", "grid", "place", "duty"))
    out = tmp_path / "component.json"
    gdal.run("ogr2ogr", "-f", "GeoJSON", str(out), gdal.source, "component", "-oo", "PAGE_SIZE=10")
    held = json.loads(out.read_text())["features"]
    assert {one["properties"]["code"]: tuple(one["geometry"]["coordinates"]) for one in held} == {
        row["ObjID"]: pytest.approx((row["shape"].x, row["shape"].y), abs=1e-7) for row in rows
    }
    assert {one["properties"]["owner"] for one in held} == {"排水所"}
    boxed = tmp_path / "box.json"
    box = (WEST, SOUTH, WEST + SIDE, SOUTH + 3 * SIDE)
    gdal.run("ogr2ogr", "-f", "GeoJSON", str(boxed), gdal.source, "component", "-spat", *map(str, box))
    inside = {row["ObjID"] for row in rows if shapely.box(*box).covers(row["shape"])}
    assert {one["properties"]["code"] for one in json.loads(boxed.read_text())["features"]} == inside


@pytest.mark.slow
@WITH_GDAL
@pytest.mark.django_db(transaction=True)
def test_what_gdal_took_along_comes_back_the_same_and_changed_as_it_was_changed(gdal, tmp_path) -> None:
    """The whole round: published, read by GDAL, kept as GeoPackage, imported: nothing changes. Then edited: just that."""
    cells = [(code, shapely.transform(shape, lambda xy: xy + 1.2345678e-8)) for code, shape in grid_shapes()]
    stock = {
        "grid": grid_rows(cells),
        "component": [
            component(1, BZ="注意：井盖“松动”"), component(2, grid=6, ORDate="20240229"), *(component(n, grid=n % 12 + 1) for n in range(3, 30)),
        ],
        "place": [
            {"code": "P1", "name": "营口道12号", "address": "天津市和平区营口道12号", "alias": "老邮局", "shape": shapely.Point(WEST + SIDE / 3, SOUTH + SIDE / 7)},
            {"code": "P2", "name": "滨江道", "shape": shapely.LineString([(WEST, SOUTH), (WEST + SIDE / 3, SOUTH + 2 * SIDE)])},
        ],
        "duty": [{"code": "Z1", "name": "一段", "duty": "清扫", "organisation": "环卫所", "shape": cells[0][1]}],
    }  # fmt: skip
    for kind, rows in stock.items():
        pass_through(load(kind, rows))
    for kind, rows in stock.items():
        out = tmp_path / f"{kind}.gpkg"
        gdal.run("ogr2ogr", "-f", "GPKG", str(out), gdal.source, kind)
        assert f"Feature Count: {len(rows)}" in gdal.run("ogrinfo", "-so", str(out), kind)
        again = taken_in(kind, out)
        assert (again.counts["total"], again.stopping, again.state) == (0, 0, "draft"), (kind, again.counts)

    out = tmp_path / "component.gpkg"
    first, second, third = (row["ObjID"] for row in stock["component"][:3])
    for words in (
        f"update component set state='破损' where code='{first}'",
        f"delete from component where code='{third}'",
    ):
        gdal.run("ogrinfo", str(out), "-dialect", "SQLite", "-sql", words)
    edited = taken_in("component", out)
    assert (edited.state, edited.counts) == ("checked", {"add": 0, "change": 1, "remove": 1, "total": 2})
    pass_through(edited)
    after = tmp_path / "after.json"
    gdal.run("ogr2ogr", "-f", "GeoJSON", str(after), gdal.source, "component")
    states = {
        one["properties"]["code"]: one["properties"]["state"] for one in json.loads(after.read_text())["features"]
    }
    assert (states[first], states[second], len(states)) == ("破损", "完好", len(stock["component"]) - 1)
    assert third not in states


def taken_in(kind: str, file: Path):
    """A file as the complete stock of a kind, read as the page proposes."""
    made = actions.give_file(
        actions.open_set(SYSTEM, kind, "Round trip", whole=True), SYSTEM, file.read_bytes(), file.name
    )
    source = sources.open_source(file.read_bytes(), file.name)
    return actions.read_file(made, SYSTEM, sources.proposed(source, KINDS[kind], None))
