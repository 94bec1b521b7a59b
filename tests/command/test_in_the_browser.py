"""The main story in Chromium: an order is given on the screen, received and finished by the one who got it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from chengheng.command import actions
from chengheng.command.models import Order, Target

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def _shot(tab: Any, name: str) -> None:
    """Keep a picture where CHENGHENG_SHOTS says, for people to look at."""
    folder = os.environ.get("CHENGHENG_SHOTS")
    if folder:
        tab.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_an_order_is_given_received_and_finished(city, plan, signed_in, live_server):
    actions.add_shift(city.chief, city.east, city.at_east, timezone.now(), timezone.now() + timedelta(hours=8))
    tab = signed_in(city.chief)
    tab.goto(f"{live_server.url}/command/orders/new/")
    tab.fill("[name=title]", "桥梁坡道先行除雪")
    tab.fill("[name=body]", "先保桥梁、坡道和公交线路，随下随清。")
    tab.select_option("[name=priority]", "urgent")
    tab.check(f"[name=organisations][value='{city.east.pk}']")
    _shot(tab, "order-form")
    tab.click("main form button.btn-primary")
    tab.wait_for_url("**/command/orders/*/")
    order = Order.objects.get()
    assert tab.get_by_text("桥梁坡道先行除雪").first.is_visible()
    _shot(tab, "order")

    tab = signed_in(city.at_east)
    tab.goto(f"{live_server.url}/command/")
    _shot(tab, "screen-site")
    tab.goto(f"{live_server.url}{Target.objects.get().get_absolute_url()}")
    for step, note in (("签收", ""), ("办结", "主要桥梁已清理完毕。")):
        tab.locator(".flow-steps").get_by_role("button", name=step, exact=True).click()
        dialog = tab.locator("dialog[open]")
        if note:
            dialog.locator("[name=note]").fill(note)
        with tab.expect_navigation():
            dialog.locator(".sheet-foot .btn-primary").click()
    _shot(tab, "target")
    order.refresh_from_db()
    assert order.state == "done"
    assert Target.objects.get().finished_at is not None


def test_a_plan_is_started_and_followed_on_the_screen(city, plan, signed_in, live_server):
    tab = signed_in(city.chief)
    tab.goto(f"{live_server.url}{plan.get_absolute_url()}")
    _shot(tab, "plan")
    tab.locator("main a.btn-primary").first.click()
    tab.wait_for_url("**/start/")
    tab.fill("[name=reason]", "气象台发布暴雪预警信号")
    _shot(tab, "start")
    tab.click("main form button.btn-primary")
    tab.wait_for_url("**/command/runs/*/")
    assert Order.objects.count() == 3
    _shot(tab, "run")
    tab.goto(f"{live_server.url}/command/")
    assert tab.get_by_text("视频会议", exact=True).last.is_visible()
    _shot(tab, "screen")
    tab.emulate_media(color_scheme="dark")
    tab.set_viewport_size({"width": 390, "height": 844})
    for name, url in (("screen", "/command/"), ("run", "/command/runs/"), ("site", "/command/sites/")):
        tab.goto(f"{live_server.url}{url}")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{url} is wider than a phone"
        _shot(tab, f"{name}-phone")
