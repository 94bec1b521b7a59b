"""A road's line is changed and drawn on the map, in the browser; what it was is kept as a version."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from chengheng.cleanliness.models import Road

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def click_map(page, across, down):
    box = page.locator(".map-frame").bounding_box()
    page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def test_a_corner_is_dragged_one_is_added_and_the_former_line_is_kept(town, signed_in, live_server):
    road = Road.objects.order_by("code").first()
    before = road.line
    page = signed_in(town.planner)
    page.goto(live_server.url + road.get_absolute_url())
    corners = page.locator(".map-corner")
    expect(corners).to_have_count(2)
    box = corners.last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30, y + 40, steps=5)
    page.mouse.up()
    expect(page.locator("#id_line")).not_to_have_value(str(before).replace("(", "[").replace(")", "]"))
    page.get_by_role("button", name="续画").click()
    click_map(page, 0.5, 0.85)
    expect(corners).to_have_count(3)
    page.get_by_role("button", name="撤销").click()
    expect(corners).to_have_count(2)
    click_map(page, 0.5, 0.85)
    expect(corners).to_have_count(3)
    page.locator("#id_reason").fill("改线")
    page.locator("form .btn-primary").last.click()
    expect(page.get_by_text("#2")).to_be_visible()
    road.refresh_from_db()
    assert len(road.line) == 3
    assert road.line[0] == before[0]
    assert [len(v.data["line"]) for v in road.versions.all()] == [3, 2]


def test_a_new_road_is_drawn(town, signed_in, live_server):
    page = signed_in(town.planner)
    page.goto(live_server.url + reverse("cleanliness:add_road"))
    expect(page.get_by_role("button", name="重画")).to_be_visible()
    for across, down in ((0.5, 0.6), (0.52, 0.62), (0.54, 0.61)):
        click_map(page, across, down)
    expect(page.locator(".map-corner")).to_have_count(3)
    page.locator("#id_code").fill("N-1")
    page.locator("#id_name").fill("新开路")
    page.get_by_label("快车道").check()
    page.locator("#id_reason").fill("新建")
    page.locator("form .btn-primary").last.click()
    expect(page.get_by_role("heading", name="新开路")).to_be_visible()
    assert len(Road.objects.get(code="N-1").line) == 3
