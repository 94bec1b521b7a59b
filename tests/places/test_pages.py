"""Shapes for maps, the area tree, the keeper's pages."""

from __future__ import annotations

import shapely
from django.core.files.uploadedfile import SimpleUploadedFile

from chengheng.common.places.actions import load_shipped_districts
from chengheng.common.places.models import Layer
from tests import builders
from tests.places.test_layers import SIDE, SOUTH, WEST, geojson, grids, in_force


def test_the_districts_are_drawable_and_kept_by_the_browser(db, client):
    client.force_login(builders.user())
    answer = client.get("/places/districts.geojson")
    shapes = answer.json()["features"]
    assert len(shapes) == 16
    assert all(shapely.geometry.shape(one["geometry"]).is_valid for one in shapes)
    assert "caveat" in answer.json()
    again = client.get("/places/districts.geojson", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    load_shipped_districts()
    changed = client.get("/places/districts.geojson", headers={"If-None-Match": answer["ETag"]})
    assert len(changed.json()["features"]) == 16


def test_areas_come_by_box_and_by_parent(db, client):
    in_force(geojson(grids()))
    client.force_login(builders.user())
    box = f"{WEST + SIDE / 10},{SOUTH + SIDE / 10},{WEST + SIDE / 2},{SOUTH + SIDE / 2}"
    assert [one["id"] for one in client.get(f"/places/areas.geojson?level=grid&bbox={box}").json()["features"]] == [
        "120101003012009"
    ]
    assert len(client.get("/places/areas.geojson?within=120101003012").json()["features"]) == 12
    assert not client.get("/places/areas.geojson?within=120102").json()["features"]
    for wrong in ("level=moon", "bbox=1,2,3", "bbox=1,2,nan,4", "bbox=3,2,1,4", "bbox=a,b,c,d"):
        assert client.get(f"/places/areas.geojson?{wrong}").status_code == 422


def test_a_point_is_looked_up_in_any_datum(db, client):
    in_force(geojson(grids()))
    client.force_login(builders.user())
    found = client.get(f"/places/locate?lon={WEST + SIDE / 2}&lat={SOUTH + SIDE / 2}").json()
    assert (found["grid"], found["name"], found["exact"]) == ("120101003012009", "网格009", True)
    assert client.get("/places/locate?lon=117.2&lat=39.13&datum=GCJ02").json()["lon"] < 117.2
    for wrong in ("lon=x&lat=1", "lon=nan&lat=1", "lon=200&lat=1", "lon=1&lat=1&datum=Mars"):
        assert client.get(f"/places/locate?{wrong}").status_code == 422


def test_the_tree_is_walked_by_page(db, client, django_assert_max_num_queries):
    in_force(geojson([("120101003012", shapely.box(WEST, SOUTH, WEST + 0.01, SOUTH + 0.01))]), "community")
    in_force(geojson(grids()))
    client.force_login(builders.user())
    assert "滨海新区" in client.get("/places/").content.decode()
    with django_assert_max_num_queries(40):
        assert "网格009" in client.get("/places/area/120101003012/").content.decode()
    assert client.get("/places/area/120101003012009/").status_code == 200
    assert client.get("/places/area/120101/").status_code == 200
    assert client.get("/places/area/999999/").status_code == 404


def test_the_keeper_imports_looks_and_puts_into_force(db, client):
    client.force_login(builders.holder("places.keeper"))

    def send(content: bytes):
        file = SimpleUploadedFile("网格.geojson", content)
        return client.post(
            "/places/layers/import/", {"level": "grid", "file": file, "datum": "file", "source": "a survey"}
        )

    assert "GeoJSON" in send(b"no map at all").content.decode()
    assert send(geojson([*grids(), grids()[0]])).status_code == 302
    bad = Layer.objects.get(level="grid")
    assert "120101003012001" in client.get(bad.get_absolute_url()).content.decode()
    assert client.post(f"/places/layers/{bad.pk}/publish").status_code == 409
    assert client.post(f"/places/layers/{bad.pk}/discard").status_code == 302
    assert send(geojson(grids())).status_code == 302
    good = Layer.objects.get(level="grid")
    assert len(client.get(f"/places/layers/{good.pk}/shapes.geojson").json()["features"]) == 12
    assert client.post(f"/places/layers/{good.pk}/publish").status_code == 302
    assert client.post(f"/places/layers/{good.pk}/discard").status_code == 409
    assert client.get("/places/layers/").status_code == 200
    client.force_login(builders.user())
    for path in ("layers/", "layers/import/", f"layers/{good.pk}/", f"layers/{good.pk}/shapes.geojson"):
        assert client.get(f"/places/{path}").status_code == 403
    assert client.post(f"/places/layers/{good.pk}/publish").status_code == 403
