"""The portal's pages: overview, inbox, map, search, wall."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone

from chengheng.common import flow
from chengheng.common.measures import Measured, Period
from chengheng.common.measures import registry as measure_registry
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User
from chengheng.common.ui import headlines, maplayers, search
from chengheng.common.ui.search import Hit
from chengheng.performance import actions
from chengheng.performance.imports import read_files
from chengheng.portal import queries
from tests.builders import holder, organisation, user
from tests.things.models import Lamp

SEED = Path(__file__).parents[2] / "chengheng" / "performance" / "data" / "targets_2024.txt"


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def enter(client):
    """`enter(user)`: a client that is signed in, in English."""

    def sign_in(person):
        person.set_unusable_password()
        person.save()
        client.force_login(person)
        client.cookies["django_language"] = "en"
        return client

    return sign_in


def indicator(**fields):
    usual = {
        "level2": "数量指标", "name": "道路检测数", "target_text": "≥6500条次", "target": Decimal(6500), "comparison": ">=",
        "unit": "条次", "value": None, "answered": False, "answer_text": "", "light": "none", "expected": None,
        "url": "/performance/i/1/", "evidence_url": "", "measure_label": "",
    }  # fmt: skip
    return SimpleNamespace(**(usual | fields))


def programme(**fields):
    return SimpleNamespace(
        **{
            "name": "“以克论净”检测考核项目",
            "url": "/performance/p/1/",
            "budget_fen": 152_300_000,
            "spent_fen": None,
            "indicators": [],
            **fields,
        }
    )


@pytest.fixture
def targets(monkeypatch):
    """`targets(programme, …)`: what the performance room answers."""

    def give(*found):
        room = SimpleNamespace(
            years=lambda: [2025, 2024], overview=lambda year, person: list(found) if year == 2024 else []
        )
        monkeypatch.setattr(queries, "performance", room)

    return give


def text_of(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def test_the_overview_shows_programmes_with_budgets_and_what_answers_each_indicator(db, enter, targets) -> None:
    answered = indicator(
        value=Decimal("6612"),
        answered=True,
        light="good",
        evidence_url="/performance/i/1/evidence/",
        measure_label="Roads checked",
    )
    targets(programme(indicators=[answered, indicator(name="点位数")]), programme(budget_fen=3_600_000))
    response = enter(user()).get("/?year=2024")
    text = text_of(response)
    assert "Targets of 2024" in text
    assert "152.30 ×10⁴ CNY" in text
    assert "155.90 ×10⁴ CNY" in text  # the sum
    assert "6,612 条次" in text
    assert "no evidence" in text
    assert 'href="/performance/i/1/evidence/"' in response.content.decode()


def test_the_overview_of_the_real_tables_shows_all_seven_programmes_and_42_indicators(
    db, enter, django_assert_max_num_queries
) -> None:
    actions.import_tables(read_files([(SEED.name, SEED.read_bytes())]), SYSTEM)
    browser = enter(holder("performance.officer"))
    browser.get("/")  # warms what is kept between requests
    with django_assert_max_num_queries(130):  # a few for each of the measures that are bound, whatever their rows
        response = browser.get("/?year=2024")
    html = response.content.decode()
    assert html.count('class="programme"') == 7
    assert html.count('class="indicator indicator-') == 42
    assert "805.90 ×10⁴ CNY" in text_of(response)
    assert html.count('class="indicator-light"><span class="light light-none"') == 42
    nobody = enter(user()).get("/?year=2024").content.decode()
    assert 'class="programme"' not in nobody


def test_the_latest_year_with_targets_opens_first(db, enter, targets) -> None:
    targets()
    assert "Targets of 2025" in text_of(enter(user()).get("/"))


def test_a_year_without_targets_says_so(db, enter, targets) -> None:
    targets(programme())
    assert "No target table for this year" in text_of(enter(user()).get("/?year=2023"))
    assert enter(user()).get("/?year=x'--").status_code == 200


def test_totals_count_lights_and_answers() -> None:
    found = [
        programme(indicators=[indicator(light="good", answered=True), indicator()]),
        programme(indicators=[indicator(light="bad", answered=True)]),
    ]
    totals = queries.totals(found)
    assert (totals.programmes, totals.budget_fen, totals.indicators, totals.answered) == (2, 304_600_000, 3, 2)
    assert totals.lights == Counter(good=1, bad=1, none=1)
    assert totals.by_light == [("good", 1), ("bad", 1), ("none", 1)]


def lamp(name: str, department, due=None) -> Lamp:
    made = Lamp(name=name, department=department)
    flow.begin(made, None)
    Lamp.objects.filter(pk=made.pk).update(due_at=due)
    return made


@pytest.fixture
def keeper(db) -> User:
    return holder("lamp.mender", organisation("Keepers"))


def test_the_inbox_lists_what_waits_by_deadline_and_filters_it(keeper, enter) -> None:
    now = timezone.now()
    lamp("Later lamp", keeper.organisation, now + timedelta(days=5))
    lamp("Late lamp", keeper.organisation, now - timedelta(hours=2))
    lamp("Someone else's lamp", organisation("Elsewhere"), now)
    browser = enter(keeper)
    text = text_of(browser.get("/inbox/"))
    assert text.index("Late lamp") < text.index("Later lamp")
    assert "2 hours late" in text
    late = text_of(browser.get("/inbox/?due=late"))
    assert "Late lamp" in late
    assert "Later lamp" not in late
    assert "Nothing with this filter" in text_of(browser.get("/inbox/?flow=no.such"))


def test_the_inbox_shows_fifty_at_a_time_and_counts_all(keeper, enter) -> None:
    now = timezone.now()
    for number in range(53):
        lamp(f"Lamp {number:02}", keeper.organisation, now + timedelta(days=1, minutes=number))
    browser = enter(keeper)
    first, second = (browser.get(f"/inbox/?page={page}").content.decode() for page in (1, 2))
    assert first.count("inbox-row") - first.count("inbox-rows") == 50
    assert "Lamp 49" in first
    assert "Lamp 50" not in first
    assert '<span class="n">53</span>' in first
    assert 'href="?page=2"' in first
    assert "Lamp 52" in second
    assert "Lamp 49" not in second


def test_the_inbox_answers_htmx_with_its_rows_only(keeper, enter) -> None:
    lamp("A lamp", keeper.organisation)
    part = enter(keeper).get("/inbox/", headers={"hx-request": "true", "hx-target": "inbox-rows"}).content.decode()
    assert "A lamp" in part
    assert "<html" not in part


def test_the_badge_counts_what_waits(keeper, enter) -> None:
    browser = enter(keeper)
    assert browser.get("/inbox/badge/").content == b""
    cache.clear()
    lamp("A lamp", keeper.organisation)
    assert browser.get("/inbox/badge/").content == b"1"


def test_nothing_waiting_is_said_kindly(db, enter) -> None:
    assert "Nothing waits for you" in text_of(enter(user()).get("/inbox/"))


def test_the_map_offers_only_layers_that_one_may_see(db, enter, monkeypatch) -> None:
    monkeypatch.setattr(maplayers, "_layers", {})
    maplayers.add("open", "Open layer", "/open.geojson", bounded=True)
    maplayers.add("closed", "Closed layer", "/closed.geojson", "nobody.may.see")
    page = enter(user()).get("/map/?layer=open&at=117.2,39.1").content.decode()
    props = json.loads(unescape(re.search(r'data-island="map" data-props="([^"]*)"', page).group(1)))
    assert [layer["code"] for layer in props["layers"]] == ["open"]
    assert props["layers"][0]["shown"] is True
    assert props["point"] == [117.2, 39.1]
    assert props["tiles"] == ""
    assert "Closed layer" not in page


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "181,0", "0,91", "nan,1", "inf,1"])
def test_no_place_is_read_from_what_is_no_place(text: str) -> None:
    assert queries.point(text) is None


def test_search_finds_pages_and_what_rooms_find(db, enter, monkeypatch) -> None:
    monkeypatch.setattr(search, "_finders", dict(search._finders))
    search.add("patrol", lambda person, words, limit: [Hit(f"Case of {words}", "/patrol/1/", "Case")])
    browser = enter(user())
    text = text_of(browser.get("/search/?q=inbox"))
    assert "Case of inbox" in text
    assert "Pages of the menu" in text
    part = browser.get("/search/?q=%3Cscript%3E", headers={"hx-request": "true", "hx-target": "hits"}).content.decode()
    assert "<html" not in part
    assert "<script>" not in part
    assert "Search in all systems" in text_of(browser.get("/search/"))


def test_the_wall_shows_headline_measures_and_keeps_going_when_one_fails(db, enter, monkeypatch) -> None:
    monkeypatch.setattr(measure_registry, "_measures", {})
    monkeypatch.setattr(headlines, "_codes", {})

    def broken(period, scope):
        raise OperationalError("down")

    def declare(code, compute, unit=""):
        measure_registry.measure(code, label=code, unit=unit, definition="", source="", system="patrol")(compute)

    declare("patrol.a", lambda period, scope: Measured(Decimal("241036"), User.objects.none()), "件")
    declare("patrol.b", broken)
    declare("patrol.c", lambda period, scope: Measured(None, User.objects.none()))
    declare("patrol.d", lambda period, scope: Measured(Decimal("92.456"), User.objects.none()))
    headlines.add("patrol", "patrol.d", "patrol.a", "patrol.b")
    (panel,) = queries.wall(user(), date(2026, 11, 22))
    assert [figure.value for figure in panel.figures] == ["92.5", "241,036", None]
    response = enter(user()).get("/wall/")
    text = text_of(response)
    assert "241,036" in text
    assert "no evidence" in text
    assert 'data-bs-theme="dark"' in response.content.decode()
    part = enter(user()).get("/wall/", headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part


def test_the_wall_reads_the_year_to_date(db, monkeypatch) -> None:
    seen: list[Period] = []
    monkeypatch.setattr(measure_registry, "_measures", {})

    def compute(period, scope):
        seen.append(period)
        return Measured(None, User.objects.none())

    measure_registry.measure("video.a", label="a", unit="", definition="", source="", system="video")(compute)
    queries.wall(user(), date(2026, 11, 22))
    assert (seen[0].start, seen[0].end) == (date(2026, 1, 1), date(2026, 11, 22))


@pytest.mark.parametrize("address", ["/", "/inbox/", "/inbox/badge/", "/map/", "/search/", "/wall/"])
def test_the_portal_is_for_people_who_are_signed_in(client, db, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert "sign-in" in answer["Location"]
