"""Every page and address of dust weighing: shown to those who may, closed to others, and nothing leaks by API or file."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse

import chengheng.performance
from chengheng.cleanliness import actions, exports, queries
from chengheng.cleanliness.models import Check, Road, RuleSet
from chengheng.cleanliness.rules.weighing import LimitLine
from chengheng.performance import actions as performance
from chengheng.performance.imports import read_files
from chengheng.performance.models import Indicator
from tests import access, builders
from tests.cleanliness.conftest import noon, road_row, sampled, submit

TARGETS = Path(chengheng.performance.__file__).parent / "data" / "targets_2024.txt"


@pytest.fixture
def month(town, plan):
    for index, item in enumerate(plan.items.all()[:8]):
        check = submit(town, item, points=sampled(item, source="serial", grams=2 + index))
        actions.sign_check(check, town.witness)
    town.bulletin = actions.publish_bulletin(town.chief, month=202405)
    return plan


PAGES = {
    "planner": ("plans", "my_day", "results", "bulletins", "roads", "road_map", "rules", "checks", "roads_geojson"),
    "chief": ("plans", "results", "rules", "scales", "checks"),
    "weigher": ("weighing", "scales", "checks"),
    "inspector": ("my_day", "checks", "rules"),
    "boss": ("roads", "road_map", "checks", "bulletins"),
}


@pytest.mark.parametrize("who", PAGES)
def test_everybody_sees_their_pages(month, town, client, who):
    access.sign_in(client, getattr(town, who))
    for name in PAGES[who]:
        assert client.get(reverse(f"cleanliness:{name}")).status_code == 200, name


def test_the_pages_of_one_thing_open(month, town, client):
    check = Check.objects.first()
    access.sign_in(client, town.planner)
    for url in (month.get_absolute_url(), f"{month.get_absolute_url()}?redraw", check.get_absolute_url(),
                check.road.get_absolute_url(), town.bulletin.get_absolute_url(),
                reverse("cleanliness:move_item", args=[month.items.last().pk])):  # fmt: skip
        assert client.get(url).status_code == 200, url
    for form in ("docx", "xlsx"):
        answer = client.get(reverse("cleanliness:bulletin_file", args=[202405, form]))
        assert answer.status_code == 200
        assert answer.content[:2] == b"PK"
    assert client.get(reverse("cleanliness:bulletin_file", args=[202405, "exe"])).status_code == 404


def test_the_map_asks_for_the_roads_of_a_box(town, client):
    """Chosen before they are counted, and by extent: a long straight road shows between its corners too."""
    far = road_row(901, line=[[117.5, 39.0], [117.9, 39.4]])
    actions.add_roads(town.planner, [far])
    access.sign_in(client, town.planner)
    address = reverse("cleanliness:roads_geojson")

    def named(box: str) -> list[str]:
        return [one["properties"]["title"] for one in client.get(address, {"bbox": box}).json()["features"]]

    assert named("117.65,39.15,117.66,39.16") == [far["name"]]
    assert not named("110,30,111,31")
    assert len(named("")) == Road.objects.filter(active=True).count()
    few = queries.roads_geojson(Road.objects.all(), (117.5, 39.0, 117.9, 39.4), limit=1)
    assert [len(few["features"]), few["partial"]] == [1, False]
    for wrong in ("1,2,3", "a,b,c,d", "nan,1,2,3", "3,2,1,4"):
        assert client.get(address, {"bbox": wrong}).status_code == 422


def test_another_contractor_sees_nothing_of_it(month, town, client):
    other = builders.holder("cleanliness.contractor", builders.organisation("Mop Ltd", kind="contractor"))
    check = Check.objects.first()
    access.assert_scoped(
        client, [check.get_absolute_url(), check.road.get_absolute_url(), f"/api/v1/cleanliness/checks/{check.pk}"],
        town.boss, other,
    )  # fmt: skip
    access.sign_in(client, other)
    assert client.get("/api/v1/cleanliness/checks?month=202405").json() == []
    assert client.get(month.get_absolute_url()).status_code == 403
    assert client.get("/api/v1/cleanliness/districts?month=202405").status_code == 403


def test_the_public_version_is_closed_until_it_is_opened_and_names_nobody(month, town, client):
    url = reverse("cleanliness:public_bulletin", args=[202405])
    assert client.get(url).status_code == 404
    access.sign_in(client, town.chief)
    client.post(reverse("cleanliness:open_bulletin", args=[202405]), {"public": "1"})
    client.logout()
    answer = client.get(url)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Broom" not in text
    assert town.inspector.display_name not in text


def test_the_api_takes_a_check_once(town, plan, client, monkeypatch):
    item = plan.items.first()
    monkeypatch.setattr("django.utils.timezone.now", lambda: noon(item.day, 60))
    access.sign_in(client, town.inspector)
    day = client.get("/api/v1/cleanliness/day").json()
    assert item.pk in [one["id"] for one in day]
    points = [
        {"number": p.number, "lon": p.lon, "lat": p.lat, "taken_at": p.taken_at.isoformat(), "bag": p.bag, "photos": []}
        for p in sampled(item)
    ]
    body = {
        "client_id": str(uuid.uuid4()), "item": item.pk, "witness": town.witness.pk,
        "arrived_at": noon(item.day).isoformat(), "arrived_lon": item.road.line[0][0],
        "arrived_lat": item.road.line[0][1], "done_at": noon(item.day, 20).isoformat(), "weather": "clear",
        "surface": "dry", "points": points,
    }  # fmt: skip

    def send(body):
        return client.post("/api/v1/cleanliness/checks", json.dumps(body), content_type="application/json")

    refused = send(body)
    assert (refused.status_code, refused.json()["code"]) == (422, "photo_missing")
    wet = {**body, "client_id": str(uuid.uuid4()), "surface": "wet", "points": []}
    first, again = send(wet), send(wet)
    assert first.status_code == again.status_code == 201, first.content
    assert first.json() == again.json()
    assert first.json()["state"] == "excluded"
    assert Check.objects.count() == 1


def test_a_plan_is_drawn_and_sealed_on_its_page(town, client):
    access.sign_in(client, town.planner)
    answer = client.post(reverse("cleanliness:plans"), {"month": "2024-07", "size": "10", "seed": "7"})
    assert answer.status_code == 302
    url = answer["Location"]
    seal = client.post(f"{url}seal/")
    assert seal.status_code == 302
    assert "没有可派出的检测组" in client.get(url, headers={"accept-language": "zh-hans"}).content.decode()


def test_the_weighing_room_receives_and_weighs(town, plan, client):
    item = plan.items.first()
    check = actions.sign_check(submit(town, item, points=sampled(item)), town.witness)
    point = check.points.first()
    access.sign_in(client, town.weigher)
    client.post(reverse("cleanliness:weighing"), {"bag": point.bag.code})
    url = reverse("cleanliness:weigh", args=[point.pk])
    wrong = client.post(
        url, {"bag": check.points.last().bag.code, "scale": "S1", "gross_g": 12, "tare_g": 8, "source": "hand"}
    )
    assert wrong.status_code == 422
    assert check.points.last().bag.code in wrong.content.decode()
    good = client.post(url, {"bag": point.bag.code, "scale": "S1", "gross_g": 12, "tare_g": 8, "source": "hand"})
    assert good.status_code == 302
    access.sign_in(client, town.second)
    client.post(url, {"bag": point.bag.code, "scale": "S1", "gross_g": 12, "tare_g": 8, "source": "hand"})
    point.refresh_from_db()
    assert point.value == 4


def test_a_road_is_changed_on_its_page_and_only_by_who_may(town, client):
    from chengheng.cleanliness.models import Road

    road = Road.objects.first()
    row = road_row(0)
    body = {**{k: row[k] for k in ("name", "grade", "road_class", "zone", "lanes")}, "line": json.dumps(row["line"]),
            "active": "on", "reason": "new name"}  # fmt: skip
    access.sign_in(client, town.boss)
    client.post(road.get_absolute_url(), {**body, "name": "boss road"})
    access.sign_in(client, town.planner)
    client.post(road.get_absolute_url(), {**body, "name": "planner road"})
    road.refresh_from_db()
    assert (road.name, road.version) == ("planner road", 2)


def test_another_rule_set_is_tried_on_its_page(month, town, client):
    from chengheng.cleanliness.models import Result, RuleSet

    url, other = reverse("cleanliness:what_if"), RuleSet.objects.get(name__contains="石家庄")
    access.sign_in(client, town.planner)
    assert client.get(url).status_code == 403
    access.sign_in(client, town.chief)
    assert client.get(url).status_code == 200
    asked = {"rules": other.pk, "first": 202405, "last": 202405}
    assert "8 条结果中只有 0 条" in client.get(url, asked, headers={"accept-language": "zh-hans"}).content.decode()
    answer = client.post(url, asked, follow=True)
    assert answer.status_code == 200
    assert answer.context["compared"]["sides"][1].name == str(other)
    assert Result.objects.filter(official=False, rule_set=other).count() == 8
    assert client.post(url, {"rules": other.pk, "first": 202405, "last": 209901}).status_code == 422


def test_a_day_is_moved_on_its_page(month, town, client):
    item = month.items.filter(checks=None).last()
    url = reverse("cleanliness:replan_day", args=[month.pk, item.day.isoformat()])
    access.sign_in(client, town.planner)
    assert client.get(url).status_code == 200
    assert client.post(url, {"to": "2024-05-31", "reason": ""}).status_code == 422
    assert client.post(url, {"to": "2024-05-31", "reason": "雪"}).status_code == 302
    item.refresh_from_db()
    assert (item.day.isoformat(), item.reason) == ("2024-05-31", "雪")
    access.sign_in(client, town.inspector)
    assert client.get(url).status_code == 403


def test_a_road_is_drawn_into_the_register(town, client):
    from chengheng.cleanliness.models import Road

    url = reverse("cleanliness:add_road")
    body = {"code": "N-1", "name": "新路", "grade": 2, "road_class": "trunk", "zone": "", "lanes": ["fast", "kerb"],
            "line": "[[117.2, 39.12], [117.21, 39.12]]", "reason": "新建"}  # fmt: skip
    access.sign_in(client, town.inspector)
    assert client.post(url, body).status_code == 403
    access.sign_in(client, town.planner)
    assert client.post(url, {**body, "line": "[[117.2, 39.12]]"}).status_code == 422
    assert client.post(url, {**body, "line": "[[7.2, 39.12], [7.3, 39.1]]"}).status_code == 422
    assert client.post(url, {**body, "line": '{"a": 1}'}).status_code == 422
    assert client.post(url, {**body, "line": '["a", "b"]'}).status_code == 422
    assert client.post(url, body).status_code == 302
    road = Road.objects.get(code="N-1")
    assert (road.district_code[:4], road.length_m, road.versions.count()) == ("1201", 863, 1)
    assert client.post(url, body).status_code == 422, "in the register already"


def test_a_site_puts_limits_of_its_own_into_force_and_the_pattern_stays(town, client):
    pattern = RuleSet.objects.get(name__contains="淄博", in_force_from=None)
    url = reverse("cleanliness:adopt_rules", args=[pattern.pk])
    access.sign_in(client, town.planner)
    assert client.get(url).status_code == 403
    access.sign_in(client, town.chief)
    assert client.get(url).status_code == 200
    rows = [("kerb", "1", "", "le", "9.5"), ("pavement", "", "outer", "lt", "15"), ("", "", "", "le", "")]
    body = {
        "day": "2025-01-01", "name": "本市限值", "source": "文号 7", "frame_area_m2": "0.24", "min_points": "6",
        "points_per_gram": "10", "outlier_threshold": "3.5", "geofence_m": "150", "move_bound_m": "60",
        "gap_days": "30", "max_wind_ms": "5.4", "deduct_missed": "200", "deduct_gram": "50.5",
        "limits-TOTAL_FORMS": len(rows), "limits-INITIAL_FORMS": 0,
        **{f"limits-{n}-{key}": value for n, row in enumerate(rows)
           for key, value in zip(("lane", "grade", "zone", "inclusive", "limit"), row, strict=True)},
    }  # fmt: skip
    assert client.post(url, {**body, "min_points": "5"}).status_code == 422
    twice = client.post(url, {**body, "limits-1-lane": "kerb", "limits-1-grade": "1", "limits-1-zone": ""})
    assert "两条限值" in twice.content.decode()
    assert client.post(url, body).status_code == 302
    made = RuleSet.objects.get(in_force_from="2025-01-01")
    assert (made.is_example, made.max_wind_ms, made.deduct_gram_fen) == (False, Decimal("5.4"), 5050)
    assert {str(one) for one in made.table().limits} == {
        str(LimitLine(Decimal("9.50"), "kerb", 1, "", True)), str(LimitLine(Decimal("15.00"), "pavement", None, "outer", False))
    }  # fmt: skip
    pattern.refresh_from_db()
    assert (pattern.max_wind_ms, pattern.limits.count()) == (None, 4)


def test_the_year_is_seen_ahead_of_time(month, town, client):
    found = queries.year_coverage(2024, target=120)
    assert (found["planned"], found["checked"], found["left"], found["needed"]) == (12, 8, 7, 16)
    assert found["expected"] == sum(one["expected"] for one in found["grades"]) == 12 + 7 * 16
    assert sum(one["fair"] for one in found["grades"]) == 120
    assert all(one["most"] - one["least"] <= 1 for one in found["grades"])
    assert [one["planned"] for one in found["months"]] == [None] * 4 + [12] + [None] * 7
    access.sign_in(client, town.planner)
    page = client.get(f"{reverse('cleanliness:coverage', args=[2024])}?target=120").content.decode()
    assert "还有 7 个月没有计划" in page
    assert client.get(reverse("cleanliness:coverage", args=[1999])).status_code == 404
    assert "封存时当月已开始" in client.get(reverse("cleanliness:plans")).content.decode()


def test_the_years_target_is_that_of_the_citys_target_table(month, town, client, monkeypatch):
    access.sign_in(client, town.planner)
    page = reverse("cleanliness:coverage", args=[2025])
    assert (queries.year_coverage(2025)["target"], queries.year_coverage(2025)["needed"]) == (0, 0)
    assert "没有目标表提到道路检测数" in client.get(page).content.decode()
    officer = builders.holder("performance.officer")
    performance.import_tables(read_files([("targets.txt", TARGETS.read_bytes())]), officer)
    line = Indicator.objects.get(description="道路检测数")
    assert queries.year_coverage(2025)["told"] is None, "suggested, and not confirmed by anybody"
    performance.confirm_binding(line, officer, measure="cleanliness.road_checks", options={})
    found = queries.year_coverage(2025)
    assert (found["target"], found["told"].year) == (6500, 2024)
    assert queries.year_coverage(2023)["told"] is None
    shown = client.get(page).content.decode()
    assert "2024 年目标表" in shown
    assert "没有更新的目标表" in shown


def test_a_forecast_is_what_the_draws_then_give(town):
    """The forecast knows strata only; the draws that follow give each stratum the same number."""
    found = queries.year_coverage(2025, target=96)
    assert (found["left"], found["needed"]) == (12, 8)
    for number in range(1, 13):
        actions.make_plan(town.planner, month=202500 + number, size=8, seed="2025", gap_days=30)
    drawn = queries.year_coverage(2025, target=96)
    assert drawn["planned"] == 96
    assert [one["drawn"] for one in drawn["grades"]] == [one["expected"] for one in found["grades"]]


def test_an_early_bulletin_says_what_is_open_and_prints_lane_types(month, town, client):
    access.sign_in(client, town.chief)
    assert (
        "12 条次计划检测中还有 4 条次没有结果"
        in client.get(f"{reverse('cleanliness:results')}?month=2024-05").content.decode()
    )
    content = town.bulletin.content
    assert (content["planned"], content["open"]) == (12, 4)
    assert any("尚有4条次没有结果" in text for text in exports.paragraphs(content))
    lanes = {name: rows for name, _heading, rows in exports.sheets(content)}["按车道类型"]
    assert sum(int(row[1]) for row in lanes) == content["points"]
    assert "按车道类型" in client.get(town.bulletin.get_absolute_url()).content.decode()


def test_custody_and_readings_are_shown_but_not_to_who_reads_second(town, plan, client):
    item = plan.items.first()
    check = submit(town, item, points=sampled(item))
    actions.sign_check(check, town.witness)
    point = check.points.select_related("bag").first()
    actions.receive_bag(town.weigher, point.bag.code)
    reading = {"bag": point.bag.code, "scale": "S1", "gross_g": Decimal("12.3"), "tare_g": Decimal("8.1")}
    actions.weigh(point, town.weigher, **reading)
    access.sign_in(client, town.chief)
    page = client.get(check.get_absolute_url()).content.decode()
    assert "12.3 − 8.1 g" in page
    assert str(town.weigher) in page
    access.sign_in(client, town.second)
    assert "12.3 − 8.1 g" not in client.get(check.get_absolute_url()).content.decode()
    actions.weigh(point, town.second, **reading)
    assert "12.3 − 8.1 g" in client.get(check.get_absolute_url()).content.decode()


def test_the_register_shows_what_changed_and_the_former_line(town, client):
    road = Road.objects.first()
    line = [*road.line, [117.23, 39.13]]
    actions.change_road(road, town.planner, reason="延长", grade=3, line=line)
    changes = queries.road_changes(road)
    assert [len(one["changed"]) for one in changes] == [3, 0]
    access.sign_in(client, town.planner)
    page = client.get(road.get_absolute_url()).content.decode()
    assert "原线位" in page
    assert "延长" in page
