"""Two months through the phone API as the benchmark `cleanliness_year` does twelve: plans, checks, bulletins, ranking."""

from __future__ import annotations

import itertools
import json
import random
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from chengheng.cleanliness import actions, queries, reference, simulate
from chengheng.cleanliness.models import Check, Point, RuleSet, Weighing
from chengheng.common import files
from chengheng.common.measures import Period, evaluate
from chengheng.common.people.access import SYSTEM
from tests import access, builders

MONTHS, CHECKS, ROADS = (202401, 202402), 10, 64
DISTRICTS = ("120101", "120102", "120103")


def caller(user):
    client = access.sign_in(Client(REMOTE_ADDR=""), user)

    def call(method, url, body=None):
        if method == "GET":
            answer = client.get(url)
        elif isinstance(body, list):
            answer = client.post(url, {"photo": [SimpleUploadedFile("p.jpg", one, "image/jpeg") for one in body]})
        else:
            answer = client.post(url, json.dumps(body), content_type="application/json")
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    return call


@pytest.mark.slow
def test_two_months_go_from_the_draw_to_the_ranking_by_the_phone_api(db, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"
    reference.load()
    chance, truth, picture = random.Random(7), simulate.Truth(), itertools.count(1)
    pattern = RuleSet.objects.get(name__contains="石家庄")
    actions.adopt_rules(pattern, SYSTEM, day=date(2024, 1, 1), frame_area_m2=Decimal("0.24"))
    rows = simulate.register(
        lambda district, count: [(117.1 + int(district) % 7 / 50 + n % 8 / 400, 39.05 + n // 8 / 300) for n in range(count)],
        DISTRICTS, ROADS, chance,
    )  # fmt: skip
    actions.add_roads(SYSTEM, rows)
    scale = actions.add_scale(SYSTEM, code="DEMO-1", name="x", resolution_g=Decimal("0.1"), max_g=Decimal(3000))
    actions.calibrate(scale, SYSTEM, on=date(2024, 1, 1), until=date(2024, 12, 31), certificate="C")
    centre = builders.organisation("Centre", kind="centre")
    pairs = {}
    for number in range(2):
        pair = [builders.holder("cleanliness.inspector", centre, name=f"i{number}{x}") for x in "ab"]
        team = actions.add_team(SYSTEM, name=f"T{number}", organisation=centre, members=pair, lon=117.2, lat=39.1)
        pairs[team.pk] = [caller(user) for user in pair]
    district_of = {row["code"]: row["district_code"] for row in rows}
    for month in MONTHS:
        plan = actions.make_plan(SYSTEM, month=month, size=CHECKS, seed="two months")
        actions.route_plan(plan, SYSTEM, milliseconds=20)
        actions.seal_plan(plan, SYSTEM)
        for team, (inspector, witness) in pairs.items():
            for day in sorted(set(plan.items.filter(team=team).values_list("day", flat=True))):
                for item in inspector("GET", f"{simulate.API}/day?day={day}"):
                    district = district_of[item["code"]]
                    simulate.check_by_phone(inspector, witness, item, truth, chance, picture, district=district)
        for point in Point.objects.filter(flagged=True, confirmed="", check_of__month=month):
            actions.confirm_outlier(point, SYSTEM, reason="on the photo")
        bulletin = actions.publish_bulletin(SYSTEM, month=month)
        assert bulletin.content["checks"] == CHECKS
        assert bulletin.content["points"] == 6 * CHECKS
        assert actions.redraw(plan)
    assert Check.objects.filter(state="result").count() == CHECKS * len(MONTHS)
    assert Weighing.objects.count() == 6 * CHECKS * len(MONTHS)
    assert files.of(Check.objects.first()).count() == 18
    assert {row["code"] for row in queries.district_ranking(list(MONTHS))} == set(DISTRICTS)
    year = Period(date(2024, 1, 1), date(2024, 2, 29))
    assert evaluate("cleanliness.road_checks", year).value == CHECKS * len(MONTHS)
    assert evaluate("cleanliness.by_plan", year).value == 100
    assert evaluate("cleanliness.points_share", year).value == 100


def test_a_check_and_a_day_cost_as_many_queries_with_ten_roads_as_with_one(
    town, plan, client, django_assert_max_num_queries, monkeypatch
):
    day = plan.items.first().day
    monkeypatch.setattr("chengheng.cleanliness.queries.timezone.localdate", lambda: day)
    plan.items.update(day=day)
    access.sign_in(client, town.inspector)
    client.get(f"/api/v1/cleanliness/day?day={day}")  # what a process keeps in memory is not asked for again
    with django_assert_max_num_queries(8):
        assert len(client.get(f"/api/v1/cleanliness/day?day={day}").json()) == 12
