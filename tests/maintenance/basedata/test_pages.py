"""The pages of base data: from a file to an edition, a census on the phone, and the demonstration."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from chengheng.maintenance.basedata import actions, queries
from chengheng.maintenance.basedata.errors import PhotoNeeded, TaskDone
from chengheng.maintenance.basedata.models import Census, ChangeSet, Mapping

from .conftest import SIDE, SOUTH, WEST, collection, component, grid_code, load, pass_through


def photo() -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(out, "JPEG")
    return SimpleUploadedFile("p.jpg", out.getvalue(), "image/jpeg")


def upload(client: Client, content: bytes, name: str = "a.geojson", **more) -> str:
    data = {"kind": "component", "title": "Survey", "file": SimpleUploadedFile(name, content), **more}
    response = client.post(reverse("maintenance:base_new"), data)
    assert response.status_code == 302, response.content[-2000:]
    return response["Location"]


def test_a_file_becomes_an_edition_by_page(part, client: Client) -> None:
    client.force_login(part.keeper)
    reading = upload(client, collection([component(number) for number in range(1, 4)]))
    shown = client.get(reading)
    fields = shown.context["form"].initial | {
        name: field.initial for name, field in shown.context["form"].fields.items() if field.initial
    }
    assert fields["column_code"] == "ObjID"
    response = client.post(reading, {**fields, "column_note": "DeptName1"})
    row = ChangeSet.objects.latest("pk")
    assert (response.status_code, row.state, row.counts["add"]) == (302, "checked", 3)
    assert client.get(row.get_absolute_url()).status_code == 200
    remembered = client.get(upload(client, collection([component(5)])))
    assert remembered.context["known"] is not None
    assert remembered.context["form"].fields["column_note"].initial == "DeptName1"
    assert Mapping.objects.count() == 2  # of the grids, and these
    client.force_login(part.approver)
    for step in ("approve", "publish"):
        address = f"/flow/maintenance.change_set/{row.pk}/{step}"
        found = client.post(address) if client.get(address).status_code == 200 else client.post(address + "/")
        assert found.status_code in (204, 302), found.content[:300]
    row.refresh_from_db()
    assert row.state == "published"
    assert queries.as_of("component").count() == 3
    for name, words in (("base", []), ("base_kind", ["component"]), ("base_items", []), ("base_sets", []),
                        ("base_item", ["component", component(1)["ObjID"]])):  # fmt: skip
        assert client.get(reverse(f"maintenance:{name}", args=words)).status_code == 200


def test_problems_are_listed_and_drawn(part, client: Client) -> None:
    made = load("component", [component(1), component(2, BGID=grid_code(7)), component(3, DeptName1="")])
    client.force_login(part.keeper)
    page = client.get(made.get_absolute_url(), {"rule": "grid_differs"})
    assert [one.rule for one in page.context["problems"]] == ["grid_differs"]
    drawn = client.get(reverse("maintenance:base_problems_map", args=[made.pk]), {"shape": "point"}).json()
    assert {one["properties"]["tone"] for one in drawn["features"]} == {"bad"}
    assert len(drawn["features"]) == 2
    box = {"bbox": f"{WEST},{SOUTH},{WEST + 4 * SIDE},{SOUTH + 3 * SIDE}"}
    changes = client.get(reverse("maintenance:base_changes_map", args=[made.pk]), box).json()
    assert {one["properties"]["tone"] for one in changes["features"]} == {"good"}
    assert client.post(reverse("maintenance:base_check", args=[made.pk])).status_code == 302


def test_the_difference_is_drawn_and_listed(part, client: Client) -> None:
    import shapely

    pass_through(load("component", [component(1), component(2)]))
    moved = {**component(1), "shape": shapely.Point(WEST + SIDE * 0.9, SOUTH + SIDE * 2.9), "ObjState": "破损"}
    made = load("component", [moved], whole=True)
    client.force_login(part.keeper)
    text = client.get(made.get_absolute_url()).content.decode()
    assert "<del>完好</del>" in text
    assert "<ins>破损</ins>" in text
    (line,) = client.get(reverse("maintenance:base_moves_map", args=[made.pk])).json()["features"]
    assert line["geometry"]["coordinates"][1] == [WEST + SIDE * 0.9, SOUTH + SIDE * 2.9]


def test_a_feature_is_entered_and_removed_by_hand(part, client: Client) -> None:
    pass_through(load("component", [component(1)]))
    client.force_login(part.keeper)
    response = client.post(reverse("maintenance:base_new"), {"kind": "component", "title": "By hand"})
    row = ChangeSet.objects.latest("pk")
    assert response["Location"] == row.get_absolute_url()
    address = reverse("maintenance:base_feature", args=[row.pk])
    held = {"code": component(2)["ObjID"], "name": "雨水箅子", "authority": "和平区", "owner": "排水所",
            "lon": WEST + SIDE / 2, "lat": SOUTH + SIDE / 2}  # fmt: skip
    assert client.post(address, {**held, "lon": ""}).status_code == 422
    assert client.post(address, held).status_code == 302
    assert client.post(f"{address}?code={component(1)['ObjID']}", {"remove": "1"}).status_code == 302
    assert client.get(f"{address}?code={component(1)['ObjID']}").context["form"].initial["name"] == "雨水箅子"
    row = actions.check_set(row, part.keeper)
    assert (row.state, row.counts) == ("checked", {"add": 1, "change": 0, "remove": 1, "total": 2})
    assert row.changes.get(verb="add").area_code == grid_code(9)


def test_others_see_nothing(part, client: Client) -> None:
    made = load("component", [component(1)])
    client.force_login(part.stranger)
    for name, words in (("base", []), ("base_set", [made.pk]), ("base_problems_map", [made.pk]), ("base_new", [])):
        assert client.get(reverse(f"maintenance:{name}", args=words)).status_code == 403
    client.force_login(part.approver)
    assert client.post(reverse("maintenance:base_check", args=[made.pk])).status_code == 403
    assert client.get(reverse("maintenance:base_kind", args=["lamps"])).status_code == 404


@pytest.fixture
def census(part) -> Census:
    import datetime

    pass_through(load("component", [component(number) for number in range(1, 5)]))
    return actions.open_census(
        part.keeper, title="Walk", area_code=grid_code(1), surveyor=part.surveyor, due_on=datetime.date(2030, 1, 1)
    )


def test_a_census_on_the_phone_ends_in_a_change_set(part, census: Census, client: Client) -> None:
    client.force_login(part.surveyor)
    codes = [component(number)["ObjID"] for number in range(1, 5)]

    def say(code: str, **data) -> int:
        address = reverse("maintenance:base_sighting", args=[census.pk, code])
        return client.post(address, data).status_code

    assert len(client.get(census.get_absolute_url()).context["left"]) == 4
    assert say(codes[0], verb="confirm") == 302
    assert say(codes[1], verb="move", lon=WEST + SIDE * 0.55, lat=SOUTH + SIDE * 2.55) == 302
    assert say(codes[2], verb="gone") == 422
    assert say(codes[2], verb="gone", photo=photo()) == 302
    assert say(codes[1], verb="move") == 422
    new = reverse("maintenance:base_sighting_new", args=[census.pk])
    place = {"lon": WEST + SIDE * 0.35, "lat": SOUTH + SIDE * 2.35}
    assert client.post(new, {"sort": "01004", **place}).status_code == 422
    assert client.post(new, {"sort": "01004", "photo": photo(), **place}).status_code == 302
    assert client.get(census.get_absolute_url()).context["done"] == 3
    assert client.post(reverse("maintenance:base_census_finish", args=[census.pk])).status_code == 302
    census.refresh_from_db()
    made = census.change_set
    assert made is not None
    assert (made.counts["add"], made.counts["change"], made.counts["remove"]) == (1, 1, 1)
    assert made.made_by == part.surveyor
    fresh = made.changes.get(verb="add")
    assert (fresh.code, fresh.attrs["grid"]) == ("12010101004000001", grid_code(1))
    with pytest.raises(TaskDone):
        actions.record_sighting(census, part.surveyor, verb="confirm", code=codes[3])


def test_a_census_is_for_its_surveyor_and_its_area(part, census: Census, client: Client) -> None:
    from chengheng.common.errors import Invalid
    from tests import builders

    other = builders.holder("maintenance.surveyor", part.surveyor.organisation)
    client.force_login(other)
    assert client.get(census.get_absolute_url()).status_code == 404
    with pytest.raises(PhotoNeeded):
        actions.record_sighting(census, part.surveyor, verb="gone", code=component(1)["ObjID"])
    with pytest.raises(Invalid):
        actions.record_sighting(census, part.surveyor, verb="confirm", code="1201010104999999")
