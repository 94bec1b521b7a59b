"""OGC API Features and vector tiles, asked as QGIS and ogr2ogr ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
import shapely
from django.test import Client

from chengheng.common.people.actions import create_token
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


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ogr2ogr"), reason="GDAL is not here")
@pytest.mark.django_db(transaction=True)
def test_ogr2ogr_reads_the_published_edition(live_server, tmp_path) -> None:
    """A round trip: GeoJSON in, published, read back by GDAL's OGC API driver, page by page, and by box."""
    from tests import builders

    keeper = builders.holder("maintenance.base_keeper", builders.organisation("Centre"))
    rows = [component(number, grid=number % 12 + 1) for number in range(1, 26)]
    pass_through(load("grid", grid_rows(grid_shapes())))
    pass_through(load("component", rows))
    environment = {
        **os.environ,
        "GDAL_HTTP_HEADERS": f"Authorization: Bearer {create_token(keeper, keeper, 'gdal')[1]}",
    }
    source = f"OAPIF:{live_server.url}{ROOT.rstrip('/')}"

    def run(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout
        assert "ERROR" not in done.stderr
        return done.stdout

    listed = run("ogrinfo", "-so", source)
    assert all(kind in listed for kind in ("component", "grid", "place", "duty"))
    out = tmp_path / "component.json"
    run("ogr2ogr", "-f", "GeoJSON", str(out), source, "component", "-oo", "PAGE_SIZE=10")
    held = json.loads(out.read_text())["features"]
    assert {one["properties"]["code"]: tuple(one["geometry"]["coordinates"]) for one in held} == {
        row["ObjID"]: pytest.approx((row["shape"].x, row["shape"].y), abs=1e-7) for row in rows
    }
    assert {one["properties"]["owner"] for one in held} == {"排水所"}
    boxed = tmp_path / "box.json"
    box = (WEST, SOUTH, WEST + SIDE, SOUTH + 3 * SIDE)
    run("ogr2ogr", "-f", "GeoJSON", str(boxed), source, "component", "-spat", *map(str, box))
    inside = {row["ObjID"] for row in rows if shapely.box(*box).covers(row["shape"])}
    assert {one["properties"]["code"] for one in json.loads(boxed.read_text())["features"]} == inside
    grids = tmp_path / "grid.gpkg"
    run("ogr2ogr", "-f", "GPKG", str(grids), source, "grid")
    assert "Feature Count: 12" in run("ogrinfo", "-so", str(grids), "grid")
