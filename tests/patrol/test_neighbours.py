"""Other systems: changes by cursor, webhooks, tiles. And nobody sees another district's case by any way."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chengheng.common import files
from chengheng.common.errors import Invalid
from chengheng.common.people.actions import create_token
from chengheng.common.people.seal import unseal
from chengheng.common.trail.models import Entry
from chengheng.patrol import actions, changes, sampling, tiles
from chengheng.patrol.models import Case, Hook
from chengheng.protocols import mvt
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING
from tests.patrol.test_api import As
from tests.protocols.test_mvt import decode

API = "/api/v1/patrol"
CODES = [f"{number:05}" for number in range(6001, 6030)]


def report(actor, number=0, *, lon=IN_HEPING[0], lat=IN_HEPING[1], **fields):
    given = {"source": "collector", "kind": "event", "code": CODES[number % len(CODES)], "edition": "GB/T 47678.5-2026"}
    return actions.report_case(actor, **given, lon=lon + number * 1e-5, lat=lat, **fields)


@pytest.fixture
def settled():
    """The trail's reader leaves out what is not committed yet; in a test that is everything, so eras are moved on."""
    from django.db import connection

    def move_on():
        with connection.cursor() as cursor:
            cursor.execute("select nextval('trail_era')")

    return move_on


# Changes by cursor


def test_every_change_is_told_once_and_in_order(client, posts, settled):
    first, second = report(posts.collector), report(posts.collector, 1)
    actions.accept_case(first, posts.receptionist)
    settled()
    chief = As(client, posts.chief)
    page = chief.get(f"{API}/changes").json()
    assert [row["id"] for row in page["items"]] == [second.pk, first.pk], "by the last change of each"
    assert page["items"][1]["state"] == "accepted"
    assert chief.get(f"{API}/changes", cursor=page["cursor"]).json() == {
        "items": [],
        "cursor": page["cursor"],
        "more": False,
    }
    actions.accept_case(second, posts.receptionist)
    settled()
    assert [row["id"] for row in chief.get(f"{API}/changes", cursor=page["cursor"]).json()["items"]] == [second.pk]


def test_small_parts_lead_through_everything(client, posts, settled):
    made = {report(posts.collector, number).pk for number in range(5)}
    settled()
    chief, cursor, seen = As(client, posts.chief), "", []
    for _part in range(20):
        page = chief.get(f"{API}/changes", cursor=cursor, limit=2).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["cursor"]
        if not page["more"]:
            break
    assert set(seen) == made
    assert len(seen) == len(made)


@given(st.text(max_size=30))
def test_a_cursor_that_was_never_given_out_is_refused_not_broken(text):
    try:
        found = changes.read_cursor(text)
    except Invalid:
        return
    assert text == "" or ".".join(str(part) for part in found).replace(".", "").isdigit()


# Webhooks


@pytest.fixture
def receiver(settings):
    """A receiver on this machine: keeps what it gets, answers what it is told to."""
    settings.INSIDE_HOSTS = ["127.0.0.1"]

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers), body))
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keep)
    server.got, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/cases"
    yield server
    server.shutdown()
    server.server_close()


def test_changes_are_told_signed_and_again_until_they_are_taken(posts, receiver, settled):
    owner = builders.holder("patrol.manager")
    report(posts.collector)
    settled()
    hook, secret = changes.add_hook(owner, receiver.url)
    assert changes.tell_due() == 0, "what was before is not told"
    assert receiver.got == []
    case = report(posts.collector, 1)
    settled()
    receiver.answers = [500]
    now = timezone.now()
    assert changes.tell_due(now) == 0
    hook.refresh_from_db()
    assert (hook.failures, hook.last_fault) == (1, "HTTP 500")
    assert changes.tell_due(now + timedelta(seconds=1)) == 0, "not at once again"
    assert changes.tell_due(now + timedelta(minutes=2)) >= 1
    (_headers, body), (headers, again) = receiver.got
    assert json.loads(body)["cases"] == json.loads(again)["cases"]
    (told,) = json.loads(again)["cases"]
    assert (told["id"], told["acts"]) == (case.pk, ["patrol.case.report"])
    at, said = (part.partition("=")[2] for part in headers["X-Chengheng-Signature"].split(","))
    assert hmac.new(secret.encode(), f"{at}.".encode() + again, hashlib.sha256).hexdigest() == said
    assert changes.tell_due(now + timedelta(minutes=5)) == 0
    assert len(receiver.got) == 2
    assert secret not in Hook.objects.get().secret


def test_a_hook_tells_no_more_than_its_owner_may_see(posts, receiver, settled):
    outside = builders.holder("patrol.outside", builders.organisation("12345"))
    changes.add_hook(outside, receiver.url)
    report(posts.collector)
    settled()
    changes.tell_due()
    assert receiver.got == []


def test_addresses_inside_the_house_are_refused(client, posts, settings):
    settings.INSIDE_HOSTS = []
    owner = As(client, builders.holder("patrol.manager"))
    for url in ("http://127.0.0.1:9/", "https://169.254.169.254/latest", "file:///etc/passwd", "not an address"):
        assert owner.post(f"{API}/hooks", {"url": url}).status_code == 422
    assert not Hook.objects.exists()


def test_a_hook_is_made_and_removed_by_the_api(client, posts, receiver):
    owner = As(client, builders.holder("patrol.manager"))
    made = owner.post(f"{API}/hooks", {"url": receiver.url})
    assert made.status_code == 201, made.content
    assert made.json()["secret"]
    (row,) = owner.get(f"{API}/hooks").json()
    assert "secret" not in row
    assert client.delete(f"{API}/hooks/{row['id']}", headers=owner.headers).status_code == 204
    assert not Hook.objects.get().active


def test_the_pages_show_the_secret_once_and_every_delivery(client, posts, receiver, settled):
    access.sign_in(client, builders.holder("patrol.manager", posts.commission, name="hooker"))
    made = client.post(reverse("patrol:hooks"), {"url": receiver.url})
    hook = Hook.objects.get()
    secret = unseal(hook.secret)
    assert secret in made.content.decode()
    assert made["Cache-Control"] == "no-store"
    report(posts.collector)
    settled()
    receiver.answers = [500]
    changes.tell_due()
    page = reverse("patrol:hook", args=[hook.pk])
    shown = client.get(page).content.decode()
    assert "HTTP 500" in shown
    assert secret not in shown
    assert client.post(reverse("patrol:hook_retry", args=[hook.pk])).status_code == 302
    changes.tell_due()
    assert [bool(row.fault) for row in hook.deliveries.all()] == [False, True]
    renewed = client.post(reverse("patrol:hook_renew", args=[hook.pk])).content.decode()
    hook.refresh_from_db()
    assert unseal(hook.secret) in renewed
    assert unseal(hook.secret) != secret
    assert client.post(reverse("patrol:hook_remove", args=[hook.pk])).status_code == 302
    assert client.post(reverse("patrol:hooks"), {"url": "http://169.254.169.254/"}).status_code == 422
    access.assert_scoped(client, [reverse("patrol:hooks"), page], hook.owner, posts.chief)


def test_no_more_deliveries_are_kept_than_a_person_reads(posts, receiver, settled, monkeypatch):
    monkeypatch.setattr(changes, "KEPT_DELIVERIES", 2)
    hook, _secret = changes.add_hook(builders.holder("patrol.manager", posts.commission, name="hooker"), receiver.url)
    for number in range(4):
        report(posts.collector, number)
        settled()
        changes.tell_due()
    assert hook.deliveries.count() == 2


# Tiles


def tile_of(lon, lat, z):
    across, down = mvt.world(np.array([lon]), np.array([lat]))
    return int(across[0] * 2**z), int(down[0] * 2**z)


def test_cases_are_clustered_far_away_and_alone_close_by(posts):
    for number in range(6):
        report(posts.collector, number)
    far = decode(tiles.tile(posts.chief, 8, *tile_of(*IN_HEPING, 8)))["cases"]
    assert [point["properties"]["cases"] for point in far] == [6]
    assert far[0]["properties"]["count"] == 6, "what the map draws"
    x, y = tile_of(*IN_HEPING, 17)
    close = decode(tiles.tile(posts.chief, 17, x, y))["cases"]
    assert {point["id"] for point in close} == set(Case.objects.values_list("pk", flat=True))
    assert close[0]["properties"]["number"] == Case.objects.get(pk=close[0]["id"]).number
    Case.objects.update(state="closed")
    assert tiles.tile(posts.chief, 8, *tile_of(*IN_HEPING, 8)) == b""


def test_each_case_is_counted_once_over_all_tiles_of_a_zoom(posts):
    for number in range(30):
        report(posts.collector, number, lat=IN_HEPING[1] + number * 0.0007)
    for z in (10, 14, 16, 18):
        at = {tile_of(case.lon, case.lat, z) for case in Case.objects.all()}
        around = {(x + dx, y + dy) for x, y in at for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
        total = 0
        for x, y in around:
            content = tiles.tile(posts.supervisor, z, x, y)
            total += sum(p["properties"].get("cases", 1) for p in decode(content)["cases"]) if content else 0
        assert total == 30, z


def test_tiles_that_do_not_exist_are_not_found(client, posts):
    chief = As(client, posts.chief)
    for z, x, y in ((0, 1, 0), (3, 0, 8), (21, 0, 0), (-1, 0, 0), (5, -1, 0)):
        assert chief.get(f"{API}/tiles/{z}/{x}/{y}.mvt").status_code in (404, 422)
    assert chief.get(f"{API}/tiles/0/0/0.mvt").status_code == 204


# Scope: by every page, API, tile, export and file address


@pytest.fixture
def kept(posts, settings, tmp_path):
    """A case of Heping with a photo, a task and a finding; and somebody of Hedong with every post there."""
    settings.FILE_STORE = tmp_path / "files"
    case = report(posts.collector)
    picture = io.BytesIO()
    Image.effect_noise((64, 48), 40).convert("RGB").save(picture, "JPEG")
    photo = files.attach(files.store(picture.getvalue(), "a.jpg"), case, "before", posts.collector)
    case = actions.accept_case(case, posts.receptionist)
    case = actions.ask_to_verify(case, posts.receptionist, data={"collector": posts.collector})
    hedong = builders.organisation("Hedong", kind="district", district_code="120102")
    from chengheng.common.people.models import Duty

    stranger = builders.user("stranger", hedong)
    for post in ("district_receptionist", "district_duty_chief", "district_dispatcher", "collector", "department"):
        Duty.objects.create(
            user=stranger, role=f"patrol.{post}", organisation=hedong, area_code="120102", starts_on="2020-01-01"
        )
    return case, photo, stranger


def addresses(case, photo):
    x, y = tile_of(*IN_HEPING, 17)
    return [
        case.get_absolute_url(), photo.get_absolute_url(), photo.thumbnail_url, "/patrol/queue/", "/patrol/cases/",
        f"/patrol/cases/?q={case.class_name}", "/list/patrol.case/", "/patrol/tasks/", "/patrol/shifts/", "/patrol/cases.geojson?bbox=116,38,118,41",
        "/patrol/statistics/", "/patrol/statistics/cases/", "/list/patrol.case/export?format=csv",
        f"/patrol/receive/alike/?lon={IN_HEPING[0]}&lat={IN_HEPING[1]}&code={case.code}",
        *(f"{API}/{way}" for way in (
            "cases", f"cases?district={HEPING}", f"cases/{case.pk}", f"cases/{case.pk}/timeline", f"standards/{case.pk}",
            "tasks", "changes", "cases.geojson?bbox=116,38,118,41", f"tiles/17/{x}/{y}.mvt", "tiles/6/52/24.mvt",
            "statistics?start=2020-01-01&end=2099-12-31", "me",
        )),
        f"/open311/v2/requests/{case.number}.json", f"/open311/v2/requests/{case.number}.xml", "/open311/v2/requests.json",
        f"/open311/v2/requests.json?service_request_id={case.number}", f"/open311/v2/tokens/{case.number}.json",
        f"/search/?q={case.number}", f"/places/areas/{HEPING}/",
    ]  # fmt: skip


def test_a_district_sees_nothing_of_another_districts_case_by_any_address(client, posts, kept, settled):
    case, photo, stranger = kept
    settled()
    marks = [
        case.number.encode(),
        case.class_name.encode(),
        f'"id": {case.pk},'.encode(),
        f"/cases/{case.pk}/".encode(),
    ]
    urls = addresses(case, photo)
    access.sign_in(client, posts.chief)
    seen = {url for url in urls if (answer := client.get(url)).status_code == 200 and any(
        mark in b"".join(answer) for mark in marks)}  # fmt: skip
    assert len(seen) >= 8, f"the owner of the district sees it: {seen}"
    access.sign_in(client, stranger)
    for url in urls:
        answer = client.get(url)
        assert answer.status_code < 500, url
        if answer.status_code != 200:
            continue
        content = b"".join(answer)
        for mark in marks:
            asked = mark == case.class_name.encode() and "q=" in url
            dictionary = mark == case.class_name.encode() and url in ("/patrol/statistics/",)
            number = mark == case.number.encode() and "search" in url
            assert asked or dictionary or number or mark not in content, f"{url} tells {mark!r} to another district"


def test_a_district_cannot_touch_another_districts_case(client, posts, kept):
    case, _photo, stranger = kept
    before = Case.objects.values().get(pk=case.pk)
    entries = Entry.objects.filter(subject_type="patrol.case", subject_id=str(case.pk)).count()
    token = As(client, stranger)
    from chengheng.patrol.flows import CASE

    for step in CASE.steps:
        answer = token.post(f"{API}/cases/{case.pk}/steps/{step.name}", {"note": "x", "result": "true", "standard": 1})
        assert answer.status_code in {403, 404, 422}, (step.name, answer.status_code)
        access.sign_in(client, stranger)
        page = client.post(f"/flow/patrol.case/{case.pk}/{step.name}/", {"note": "x"})
        assert page.status_code in {403, 404}, (step.name, page.status_code)
        client.logout()
    picture = io.BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "JPEG")
    picture.seek(0)
    picture.name = "b.jpg"
    sent = client.post(f"{API}/cases/{case.pk}/photos", {"photo": picture}, headers=token.headers)
    assert sent.status_code == 404
    assert Case.objects.values().get(pk=case.pk) == before
    assert Entry.objects.filter(subject_type="patrol.case", subject_id=str(case.pk)).count() == entries


def test_a_token_that_is_narrowed_sees_no_more(client, posts, kept):
    case, _photo, _stranger = kept
    text = create_token(posts.chief, posts.chief, "narrow", acts=["patrol.dictionary.view"])[1]
    answer = client.get(f"{API}/cases/{case.pk}", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 404
    assert client.get(f"{API}/tiles/0/0/0.mvt", headers={"Authorization": f"Bearer {text}"}).status_code == 403


def test_a_plan_of_another_district_stays_closed(client, posts):
    plan = sampling.plan_sampling(
        builders.holder("patrol.supervisor"), month=202405, size=1, seed="1", area_code=HEPING
    )
    assert access.sign_in(client, posts.chief).get(plan.get_absolute_url()).status_code in {403, 404}
