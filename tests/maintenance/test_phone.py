"""Rounds on a phone-sized screen without network: the label read, the findings kept, handed in when it is back."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from chengheng.maintenance import actions
from chengheng.maintenance.models import Fault, Plan, Visit
from tests import access


@pytest.fixture
def due(place):
    """Today's visit of each of the three devices."""
    today = timezone.localdate()
    Plan.objects.create(
        system=place.system, name="巡检", every_days=30, grace_days=3, starts_on=today, items=["外观完好", "网络连通"]
    )
    actions.make_visits(today)
    return list(Visit.objects.order_by("device__code"))


def send(client, visit, **more):
    body = {"client_id": str(uuid.uuid4()), "visit": visit.pk, "normal": True, "answers": {"外观完好": True}, "note": "",
            "label": visit.device.label, "done_at": timezone.now().isoformat()} | more  # fmt: skip
    return body, client.post("/api/v1/maintenance/visits", body, content_type="application/json")


def test_the_rounds_of_an_engineer_hold_no_label_but_its_digest(place, due, client):
    access.sign_in(client, place.engineer)
    found = client.get("/api/v1/maintenance/rounds").json()
    assert [row["code"] for row in found] == ["D0", "D1", "D2"]
    assert found[0]["items"] == ["外观完好", "网络连通"]
    assert place.device.label not in str(found)
    access.sign_in(client, place.stranger)
    assert client.get("/api/v1/maintenance/rounds").json() == []
    assert send(client, due[0])[1].status_code == 404
    access.sign_in(client, place.desk)
    assert client.get("/m/rounds/").status_code == 403


def test_findings_are_taken_once_and_keep_the_phones_time(place, due, client):
    access.sign_in(client, place.engineer)
    early = timezone.now() - timedelta(hours=5)
    body, answer = send(client, due[0], done_at=early.isoformat())
    assert (answer.status_code, answer.json()) == (201, {"visit": due[0].pk, "proved": True})
    again = client.post("/api/v1/maintenance/visits", body, content_type="application/json")
    assert again.json() == answer.json()
    due[0].refresh_from_db()
    assert due[0].done_at == early
    assert send(client, due[0])[1].status_code == 409
    assert send(client, due[1], label=due[0].device.label)[1].status_code == 422
    long_ago = timezone.now() - timedelta(days=30)
    send(client, due[1], done_at=long_ago.isoformat())
    due[1].refresh_from_db()
    assert timezone.now() - due[1].done_at < timedelta(minutes=1), "a time of long ago is not believed"
    send(client, due[2], normal=False, note="风扇异响", done_at=early.isoformat())
    fault = Fault.objects.get()
    assert (fault.source, fault.happened_at, fault.title) == ("inspection", early, "风扇异响")
    assert fault.reported_at > early, "the vendor's clock starts when the report has come"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_round_without_network_is_handed_in_when_it_is_back(place, due, phone, live_server, client):
    from playwright.sync_api import expect

    access.let_in(phone, live_server.url, client, place.engineer)
    phone.set_default_timeout(60_000)
    phone.goto(live_server.url + place.device.label_url())
    phone.click("a[href*='/m/rounds/']")  # the camera led to the label's page, and that leads here
    expect(phone.locator("#proof[data-tone=good]")).to_be_visible(timeout=60_000)
    phone.evaluate("async () => { await navigator.serviceWorker.ready }")
    phone.context.set_offline(True)
    phone.check("[name=item_0]")
    phone.check("[name=normal][value='1']")
    phone.click("#form button.primary")
    expect(phone.locator("li[data-state=waiting]")).to_have_count(1, timeout=60_000)
    phone.reload()  # the page itself is kept on the phone
    expect(phone.locator("#list li button")).to_have_count(3, timeout=60_000)
    phone.click(f"[data-visit='{due[1].pk}']")
    phone.fill("#typed", place.device.label)
    phone.press("#typed", "Enter")
    expect(phone.locator("#say[data-tone=bad]")).to_be_visible()
    phone.fill("#typed", due[1].device.label)
    phone.press("#typed", "Enter")
    expect(phone.locator("#proof[data-tone=good]")).to_be_visible()
    phone.check("[name=normal][value='0']")
    phone.fill("#note", "指示灯不亮")
    phone.click("#form button.primary")
    expect(phone.locator("li[data-state=waiting]")).to_have_count(2)
    assert not Visit.objects.filter(done_at__isnull=False).exists()
    phone.faults.clear()  # what was asked without network
    phone.context.set_offline(False)
    expect(phone.locator("li[data-state=sent]")).to_have_count(2, timeout=60_000)
    done = list(Visit.objects.filter(done_at__isnull=False).order_by("device__code"))
    assert [(one.normal, one.label_read, one.by) for one in done] == [
        (True, True, place.engineer), (False, True, place.engineer),
    ]  # fmt: skip
    assert done[0].answers == {"外观完好": True, "网络连通": False}
    assert Fault.objects.get().title == "指示灯不亮"
