"""Patrol by the API: repeatable reports, steps, scope."""

from __future__ import annotations

import io
import math
import uuid
from datetime import timedelta

import pytest
from PIL import Image

from chengheng.common import trail
from chengheng.common.people import limits
from chengheng.common.people.actions import create_token
from chengheng.common.people.rules import Policy
from chengheng.patrol import tiles
from chengheng.patrol.api import MANY_AT_MOST
from chengheng.patrol.models import Case
from tests import builders
from tests.patrol.conftest import IN_HEPING

CASES = "/api/v1/patrol/cases"


class As:
    """A client that speaks with a user's token."""

    def __init__(self, client, user):
        self.client, self.headers = client, {"Authorization": f"Bearer {create_token(user, user, 'test')[1]}"}

    def post(self, url, body, **more):
        return self.client.post(url, body, content_type="application/json", headers=self.headers, **more)

    def get(self, url, **params):
        return self.client.get(url, params, headers=self.headers)


def body(**fields):
    lon, lat = IN_HEPING
    return {"client_id": str(uuid.uuid4()), "kind": "event", "code": "06010", "lon": lon, "lat": lat} | fields


@pytest.fixture
def collector(client, posts):
    return As(client, posts.collector)


def test_the_same_report_sent_twice_makes_one_case(collector):
    sent = body(description="garbage")
    first, again = collector.post(CASES, sent), collector.post(CASES, sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Case.objects.count() == 1
    assert collector.post(CASES, sent | {"description": "other"}).status_code == 409


def test_many_reports_are_answered_one_by_one_and_repeatable(collector):
    first, unknown, second = body(description="one"), body(code="99999"), body(lon=116.0)
    answer = collector.post(f"{CASES}/many", [first, unknown, second, first, first | {"description": "other"}])
    assert answer.status_code == 200
    said = answer.json()
    assert [one["status"] for one in said] == [201, 422, 422, 200, 409]
    assert [one["client_id"] for one in said[:3]] == [one["client_id"] for one in (first, unknown, second)]
    assert [one["refusal"] and one["refusal"].get("field") for one in said[:3]] == [None, "code", "lon"]
    assert said[0]["case"] == said[3]["case"] == collector.post(CASES, first).json()
    assert Case.objects.get().number == said[0]["case"]["number"]
    again = collector.post(f"{CASES}/many", [first, unknown])
    assert [one["status"] for one in again.json()] == [200, 422]
    assert trail.verify().ok


def test_many_reports_without_the_form_or_too_many_make_none(collector):
    faulty = collector.post(f"{CASES}/many", [body(), body(lon=999)])
    assert faulty.status_code == 422
    assert 1 in faulty.json()["detail"][0]["loc"], "it is said which one"
    assert collector.post(f"{CASES}/many", [body() for _ in range(MANY_AT_MOST + 1)]).status_code == 422
    assert collector.post(f"{CASES}/many", []).json() == []
    assert not Case.objects.exists()


def test_each_of_many_reports_counts_against_the_limit(collector, monkeypatch):
    limits.api.clear()
    monkeypatch.setattr("chengheng.common.people.auth.queries.recent_policy", lambda: Policy(user_per_minute=3))
    assert collector.post(f"{CASES}/many", [body() for _ in range(4)]).status_code == 429
    assert not Case.objects.exists()
    limits.api.clear()


def test_a_fault_in_the_report_names_the_field(collector):
    answer = collector.post(CASES, body(code="99999"))
    assert (answer.status_code, answer.json()["field"]) == (422, "code")
    assert collector.post(CASES, body(lon=999)).status_code == 422
    assert collector.post(CASES, body(description="a\x00b")).status_code == 422
    assert collector.post(CASES, body(observed_at="0679-09-06T04:58:17-20:14")).status_code == 422
    assert not Case.objects.exists()


def test_a_case_goes_through_its_life_by_the_api(client, posts, collector):
    pk = collector.post(CASES, body()).json()["id"]

    def step(user, name, **fields):
        return As(client, user).post(f"{CASES}/{pk}/steps/{name}", fields)

    assert step(posts.receptionist, "accept").json()["state"] == "accepted"
    standard = As(client, posts.chief).get(f"/api/v1/patrol/standards/{pk}").json()[0]["id"]
    assert step(posts.chief, "file").status_code == 422
    assert step(posts.chief, "file", standard=standard).json()["state"] == "filed"
    assert step(posts.dispatcher, "dispatch", department=posts.department.code).json()["state"] == "handling"
    assert step(posts.handler, "handle", note="done").json()["state"] == "handled"
    assert step(posts.dispatcher, "ask_check", collector="collector").json()["state"] == "checking"
    assert [task["purpose"] for task in collector.get("/api/v1/patrol/tasks").json()] == ["check"]
    assert step(posts.collector, "check", result="passed").json()["state"] == "checked"
    assert step(posts.chief, "close").json()["state"] == "closed"
    assert step(posts.chief, "close").status_code == 409
    row = As(client, posts.supervisor).get("/api/v1/patrol/statistics", start="2020-01-01", end="2099-12-31").json()[0]
    assert (row["counts"]["closed"], row["ratios"]["valid_rate"]) == (1, "100.00")


def test_many_steps_are_answered_one_by_one(client, posts, collector):
    first, second = (collector.post(CASES, body()).json()["id"] for _ in range(2))
    chief = As(client, posts.chief)
    steps = [{"case": first, "step": "accept"}, {"case": second, "step": "accept"}]
    assert {one["status"] for one in chief.post("/api/v1/patrol/steps", steps).json()} == {404}, "another's act"
    said = As(client, posts.receptionist).post(
        "/api/v1/patrol/steps", [*steps, steps[0], {"case": 9**9, "step": "accept"}]
    )
    assert [one["status"] for one in said.json()] == [200, 200, 409, 404]
    standard = chief.get(f"/api/v1/patrol/standards/{first}").json()[0]["id"]
    said = chief.post("/api/v1/patrol/steps", [
        {"case": first, "step": "file", "standard": standard, "version": 1},
        {"case": first, "step": "file"}, {"case": first, "step": "fly"},
        {"case": first, "step": "file", "standard": standard, "version": 2},
        {"case": second, "step": "not_file", "note": "no"},
    ]).json()  # fmt: skip
    assert [one["status"] for one in said] == [409, 422, 404, 200, 200]
    assert [(one["id"], one["case"] and one["case"]["state"]) for one in said[3:]] == [
        (first, "filed"), (second, "not_filed"),
    ]  # fmt: skip
    assert said[3]["case"] == chief.get(f"{CASES}/{first}").json()
    assert said[1]["refusal"]["field"] == "standard"
    assert trail.verify().ok


def test_too_many_steps_take_none(client, posts, collector):
    pk = collector.post(CASES, body()).json()["id"]
    steps = [{"case": pk, "step": "accept"}] * (MANY_AT_MOST + 1)
    assert As(client, posts.receptionist).post("/api/v1/patrol/steps", steps).status_code == 422
    assert Case.objects.get().state == "reported"


def test_a_crowded_tile_is_kept_for_a_minute_and_for_its_own_scope(posts, collector, monkeypatch):
    monkeypatch.setattr(tiles, "_CROWDED", 2)
    monkeypatch.setattr(tiles, "_kept", {})
    lon, lat = IN_HEPING
    where = (10, int((lon + 180) / 360 * 1024), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 1024))
    for _ in range(3):
        collector.post(CASES, body())
    stranger = builders.holder("patrol.district_duty_chief", builders.organisation("Hedong"), "120102")
    first = tiles.tile(posts.supervisor, *where)
    collector.post(CASES, body())
    assert first
    assert tiles.tile(posts.supervisor, *where) == first
    assert tiles.tile(stranger, *where) == b""
    monkeypatch.setattr(tiles, "_KEPT_FOR", timedelta(0))
    assert tiles.tile(posts.supervisor, *where) != first


def test_another_district_sees_nothing_of_the_case(client, posts, collector):
    pk = collector.post(CASES, body()).json()["id"]
    stranger = As(client, builders.holder("patrol.district_duty_chief", builders.organisation("Hedong"), "120102"))
    for url in (f"{CASES}/{pk}", f"{CASES}/{pk}/timeline", f"/api/v1/patrol/standards/{pk}"):
        assert stranger.get(url).status_code == 404
    assert stranger.get(CASES).json()["items"] == []
    assert stranger.post(f"{CASES}/{pk}/steps/void", {"note": "x"}).status_code == 404
    box = "116,38,118,41"
    assert stranger.get("/api/v1/patrol/cases.geojson", bbox=box).json()["features"] == []
    assert len(As(client, posts.chief).get("/api/v1/patrol/cases.geojson", bbox=box).json()["features"]) == 1


def test_a_photo_is_kept_with_the_case_and_only_for_those_who_may_see_it(client, posts, collector, settings, tmp_path):
    settings.FILE_STORE = tmp_path
    pk = collector.post(CASES, body()).json()["id"]
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(picture, "JPEG")
    picture.seek(0)
    picture.name = "before.jpg"
    answer = client.post(f"{CASES}/{pk}/photos?kind=before", {"photo": picture}, headers=collector.headers)
    assert answer.status_code == 201, answer.content
    url = answer.json()["url"]
    client.force_login(posts.chief)
    assert client.get(url).status_code == 200
    client.force_login(builders.holder("patrol.district_duty_chief", builders.organisation("Hedong"), "120102"))
    assert client.get(url).status_code == 404


def test_a_collectors_day(collector):
    assert collector.post("/api/v1/patrol/shift/start", {"lon": 117.2, "lat": 39.1}).status_code == 200
    assert collector.post("/api/v1/patrol/shift/start", {}).status_code == 409
    collector.post(CASES, body())
    mine = collector.get("/api/v1/patrol/me").json()
    assert (mine["reported_today"], mine["reported_this_month"]) == (1, 1)
    assert len(collector.get("/api/v1/patrol/dictionary", q="暴露").json()) == 1
    assert collector.post("/api/v1/patrol/shift/end", {}).status_code == 200
