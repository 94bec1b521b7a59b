"""Pages: who may open them, and the QR page's way from a phone to a closed fault."""

from __future__ import annotations

import io

import pytest
from django.utils import timezone
from PIL import Image

from chengheng.common import files
from chengheng.common.measures import Period
from chengheng.maintenance import actions, views
from chengheng.maintenance.models import Check, Contract, Device, Fault, Plan, Visit
from tests import access, builders


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "JPEG")
    return out.getvalue()


def test_pages_are_closed_to_strangers(place, client):
    fault, _new = actions.report_fault(place.desk, place.device, source="duty", title="dead")
    Plan.objects.create(system=place.system, name="P", starts_on="2024-01-01", every_days=400, items=["clean"])
    actions.make_visits(Period.year(2024).end)
    urls = [
        place.device.get_absolute_url(), fault.get_absolute_url(), place.contract.get_absolute_url(),
        Visit.objects.filter(device=place.device).first().get_absolute_url(),
    ]  # fmt: skip
    access.assert_scoped(client, urls, place.engineer, place.stranger)
    nobody = builders.user()
    lists = ["/maintenance/", "/maintenance/devices/", "/maintenance/faults/", "/maintenance/visits/",
             "/maintenance/contracts/", "/maintenance/devices/labels/"]  # fmt: skip
    access.assert_scoped(client, lists, place.engineer, nobody)
    access.sign_in(client, place.stranger)
    page = client.get("/maintenance/devices/").content.decode()
    assert "Device 0" not in page
    assert client.post(f"/maintenance/devices/{place.device.pk}/retire").status_code == 403
    assert client.get("/maintenance/devices/new/").status_code == 403


def test_the_manager_registers_watches_and_excludes(place, client):
    access.sign_in(client, place.manager)
    data = {"code": "N1", "name": "New", "system": place.system.pk, "kind": "camera", "vendor": place.vendor.pk}
    assert client.post("/maintenance/devices/new/", data).status_code == 302
    device = Device.objects.get(code="N1")
    base = f"/maintenance/devices/{device.pk}"
    bad = {"target": "nonsense", "interval_s": 60, "timeout_s": 5, "fail_after": 3, "pass_after": 2}
    assert client.post(f"{base}/check?kind=tcp", bad).status_code == 422
    assert client.post(f"{base}/check?kind=tcp", bad | {"target": "192.0.2.1:80"}).status_code == 302
    window = {"starts_at": "2024-05-01T08:00", "ends_at": "2024-05-01T07:00", "reason": "works"}
    assert client.post(f"{base}/window", window).status_code == 422
    assert client.post(f"{base}/window", window | {"ends_at": "2024-05-01T10:00"}).status_code == 302
    assert client.post(f"{base}/change/", data | {"name": "Newer"}).status_code == 302
    device.refresh_from_db()
    assert device.name == "Newer"
    assert client.post(f"{base}/fault", {"title": "dead"}).status_code == 302
    assert client.get(f"{base}/").status_code == 200
    assert client.post(f"{base}/retire").status_code == 302
    new = {"system": place.system.pk, "vendor": place.vendor.pk, "title": "C2", "starts_on": "2025-01-01",
           "ends_on": "2025-12-31", "response_meaning": "arrived", "response_kind": "working_hours",
           "response_amount": "4", "repair_kind": "working_days", "repair_amount": "2"}  # fmt: skip
    assert client.post("/maintenance/contracts/new/", new).status_code == 302
    assert client.get(Contract.objects.get(title="C2").get_absolute_url() + "?month=2025-03").status_code == 200


def test_anybody_reports_by_the_label_and_nothing_else_is_told(place, client):
    views._label_reports.clear()
    url = place.device.label_url()
    page = client.get(url).content.decode()
    assert "Device 0" in page
    assert "192.0.2" not in page
    assert client.get("/maintenance/q/not-a-label/").status_code == 404
    photo = io.BytesIO(picture())
    photo.name = "broken.jpg"
    answer = client.post(url, {"title": "no picture", "phone": "138", "stops_service": "on", "photo": photo})
    assert answer.status_code == 200
    fault = Fault.objects.get()
    assert (fault.source, fault.stops_service, fault.reported_by) == ("user", True, None)
    assert files.of(fault).count() == 1
    evil = io.BytesIO(b"<script>alert(1)</script>")
    evil.name = "x.jpg"
    answer = client.post(url, {"title": "again", "photo": evil})
    assert answer.status_code == 422
    assert fault.report_rows.count() == 1, "a refused photo takes its report along"
    client.post(url, {"title": "again"})
    assert Fault.objects.get().reports == 2
    for _n in range(views.LABEL_REPORTS_PER_MINUTE):
        answer = client.post(url, {"title": "and again"})
    assert answer.status_code == 422


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_from_the_label_on_a_phone_to_a_closed_fault(place, phone, live_server, client):
    views._label_reports.clear()
    phone.goto(live_server.url + place.device.label_url())
    phone.fill("[name=title]", "屏幕无显示")
    phone.check("[name=stops_service]")
    phone.click("main button.btn-primary")
    phone.wait_for_selector(".notice-good")
    fault = Fault.objects.get()

    def enter(user):
        access.let_in(phone, live_server.url, client, user)
        phone.goto(live_server.url + fault.get_absolute_url())

    def step(name, **said):
        phone.click(f"[hx-get*='/{name}'], a[href*='/{name}'], button[data-step='{name}']")
        phone.wait_for_selector("dialog[open] form")
        for field, value in said.items():
            control = phone.locator(f"dialog[open] [name={field}]")
            control.select_option(value) if field == "cause" else control.fill(value)
        with phone.expect_navigation():
            phone.click("dialog[open] form button.btn-primary")

    enter(place.engineer)
    step("respond")
    step("arrive")
    step("fix", cause="power", note="换电源")
    enter(place.desk)
    step("verify")
    step("close")
    fault.refresh_from_db()
    assert fault.state == "closed"
    assert fault.response_met is True


def test_a_probe_keeps_its_secrets_and_is_asked_from_the_page(place, client):
    access.sign_in(client, place.manager)
    base = f"/maintenance/devices/{place.device.pk}/check?kind="
    data = {"target": "127.0.0.1:9", "interval_s": 60, "timeout_s": 1, "fail_after": 3, "pass_after": 2}
    for kind in ("icmp", "tcp", "http", "snmp", "sip", "rtsp", "ntp", "database", "metrics"):
        assert client.get(base + kind).status_code == 200
    assert client.get(base + "told").status_code == 404
    no = client.post(base + "snmp", data | {"must": "1.3.6 is good"})
    assert (no.status_code, "1.3.6 is good" in no.content.decode()) == (422, True)
    said = {"community": "s3cret", "must": "1.3.6.1.2.1.1.3.0 > 0", "hold_s": "30"}
    assert client.post(base + "snmp", data | said).status_code == 302
    check = Check.objects.get()
    assert (check.kind, check.secrets, check.options) == (
        "snmp", {"community": "s3cret"}, {"must": "1.3.6.1.2.1.1.3.0 > 0", "hold_s": 30.0},
    )  # fmt: skip
    url = f"/maintenance/checks/{check.pk}/"
    assert "s3cret" not in client.get(url).content.decode()
    assert client.post(url, data | {"interval_s": 30, "must": "", "enabled": "on"}).status_code == 302
    check.refresh_from_db()
    assert (check.interval_s, check.secrets, check.options) == (30, {"community": "s3cret"}, {})
    answer = client.post(f"{url}ask", follow=True).content.decode()
    assert "SNMP 127.0.0.1:9" in answer
    client.post(url, data)
    check.refresh_from_db()
    assert not check.enabled
    access.sign_in(client, place.engineer)
    assert client.get(url).status_code == 403


def test_a_plan_is_made_changed_and_its_coming_visits_follow(client, place):
    client.force_login(place.manager)
    today = timezone.localdate()
    said = {"name": "月度巡检", "system": place.system.pk, "every_days": 30, "grace_days": 3, "items": "电源\n清洁\n电源",
            "starts_on": today}  # fmt: skip
    wrong = client.post("/maintenance/plans/new/", said | {"kind": "camera", "every_days": 0})
    assert set(wrong.context["form"].errors) == {"kind", "every_days"}
    past = client.post("/maintenance/plans/new/", said | {"starts_on": "2024-01-01"})
    assert (past.status_code, set(past.context["form"].errors)) == (422, {"starts_on"})
    assert client.post("/maintenance/plans/new/", said | {"kind": "switch"}).status_code == 302
    plan = Plan.objects.get(name="月度巡检")
    assert plan.items == ["电源", "清洁"]

    def coming() -> list[int]:
        days = plan.visits.filter(due_on__gt=today).values_list("due_on", flat=True).distinct().order_by("due_on")
        return [(day - today).days for day in days]

    assert coming() == [30]
    page = client.get(plan.get_absolute_url())
    assert page.context["standing"] == {"due": 3, "in_time": 0, "missed": 0, "faulty": 0}
    change = f"{plan.get_absolute_url()}change/"
    assert client.post(change, said | {"every_days": 7, "active": "on"}).status_code == 302
    assert coming() == [1, 8, 15, 22, 29]
    actions.make_visits(today + actions.VISITS_AHEAD)
    assert plan.visits.filter(due_on__lte=today).count() == 3, "a changed plan excuses nothing and accuses of nothing"
    assert client.post(change, said | {"every_days": 7}).status_code == 302
    assert coming() == []
    assert client.get("/maintenance/plans/").status_code == 200
    client.force_login(place.engineer)
    assert client.get(change).status_code == 403
