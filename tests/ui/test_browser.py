"""The shell in a real Chromium, under the real Content-Security-Policy."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright.sync_api")
from django.core.cache import cache
from playwright.sync_api import expect

from chengheng.common import flow
from chengheng.common.places.shipped import districts_file
from chengheng.common.ui import assets
from tests.builders import holder, organisation
from tests.things.models import Lamp
from tools.site import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NAMELESS = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
  .filter(e => !(e.textContent || '').trim() && !e.getAttribute('aria-label') && !e.title
    && !(e.labels && e.labels.length && [...e.labels].some(l => l.textContent.trim())))
  .map(e => e.outerHTML.slice(0, 120))"""
WIDTHS = """(numbers) => {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return numbers.map((one) => pen.measureText(one).width);
}"""
BEYOND = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""


@pytest.fixture(autouse=True)
def _built():
    cache.clear()
    if not assets.manifest():
        pytest.skip("the front end is not built")


@pytest.fixture
def keeper():
    person = holder("lamp.mender", organisation("城市管理考核中心"), name="王建国")
    person.set_unusable_password()
    person.save()
    return person


@pytest.fixture
def tab(signed_in, keeper):
    found = signed_in(keeper)
    found.route("**/places/districts.geojson", lambda route: route.fulfill(json=districts_file()))
    return found


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_every_component_stands_under_the_strict_policy(tab, live_server, theme: str, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
    tab.goto(f"{live_server.url}/design/")
    tab.wait_for_selector(".island-chart canvas")
    tab.wait_for_selector(".maplibregl-canvas")
    expect(tab.locator("[aria-busy]")).to_have_count(0, timeout=30_000)
    assert tab.evaluate("document.querySelectorAll('.island-failed').length") == 0
    assert tab.evaluate(BEYOND) <= 0
    assert tab.evaluate(NAMELESS) == []
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert tab.faults == []


def test_the_appearance_follows_the_device_before_the_first_paint(page, live_server) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{live_server.url}/design/")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_language_and_appearance_are_chosen_in_the_shell_and_kept(tab, live_server, keeper) -> None:
    tab.goto(f"{live_server.url}/inbox/")
    tab.click("button[popovertarget=choices-menu]")
    tab.click("#choices-menu button[value=en]")
    expect(tab.locator("h1")).to_have_text("Inbox")
    tab.click("button[popovertarget=choices-menu]")
    tab.click("#choices-menu button[value=dark]")
    expect(tab.locator("html")).to_have_attribute("data-bs-theme", "dark")
    keeper.refresh_from_db()
    assert (keeper.language, keeper.theme) == ("en", "dark")


def test_the_shell_is_worked_by_keys(tab, live_server, keeper) -> None:
    for name in ("东马路路灯", "西马路路灯"):
        flow.begin(Lamp(name=name, department=keeper.organisation), None)
    tab.goto(f"{live_server.url}/search/?q=x")
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    tab.wait_for_selector("#help[open] kbd")
    tab.keyboard.press("Escape")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "search"
    tab.keyboard.press("Escape")
    tab.keyboard.press("g")
    tab.keyboard.press("i")
    tab.wait_for_url("**/inbox/")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert tab.inner_text(".row-at .inbox-subject") == "西马路路灯"
    tab.keyboard.press("k")
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(r"/lamps/\d+/"))
    tab.faults.clear()  # the tests' lamps have no page


def test_the_inbox_count_is_in_the_menu(tab, live_server, keeper) -> None:
    flow.begin(Lamp(name="东马路路灯", department=keeper.organisation), None)
    tab.goto(f"{live_server.url}/map/")
    expect(tab.locator(".side .count")).to_have_text("1")


def test_a_phone_opens_the_systems_from_below(tab, live_server) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(f"{live_server.url}/inbox/")
    assert not tab.is_visible("#side")
    tab.click(".tabs-bottom button")
    assert tab.is_visible("#side")
    assert tab.evaluate(BEYOND) <= 0
    small = """() => [...document.querySelectorAll('.tabs-bottom > *, #side a, #side summary')]
        .map(e => e.getBoundingClientRect()).filter(r => r.height && r.height < 24).length"""
    assert tab.evaluate(small) == 0


def test_the_map_draws_the_districts_and_says_what_it_cannot_load(tab, live_server) -> None:
    tab.goto(f"{live_server.url}/map/")
    expect(tab.locator(".island-map[aria-busy]")).to_have_count(0, timeout=30_000)
    assert tab.inner_text("#map-status") == ""
    tab.route("**/places/districts.geojson", lambda route: route.fulfill(status=503))
    tab.reload()
    expect(tab.locator("#map-status")).to_contain_text("503", timeout=20_000)
    assert len(tab.faults) == 1
    tab.faults.clear()
    # every number that a circle stands for is narrower than the circle
    code = (ROOT / "frontend/src/islands/map/index.ts").read_text()
    room = [int(one.replace("_", "")) for one in re.search(r"const ROOM = \[(.+)\]", code)[1].split(",")]
    radii, ends = room[::2], [*(str(one - 1) for one in room[1::2]), "9999999"]
    widths = tab.evaluate(WIDTHS, ends)
    for radius, digits, width in zip(radii, ends, widths, strict=True):
        assert (width / 2) ** 2 + 4**2 < radius**2, (digits, width, radius)


def test_a_refused_act_leaves_the_page_and_says_why(tab, live_server) -> None:
    tab.goto(f"{live_server.url}/design/")
    tab.evaluate(
        """document.body.dispatchEvent(new CustomEvent('toast', {detail: {text: '<b>不可</b>', level: 'bad'}}))"""
    )
    assert tab.inner_text(".toast-bad span") == "<b>不可</b>"
    tab.click(".toast-bad button")
    assert tab.query_selector(".toast-line") is None
