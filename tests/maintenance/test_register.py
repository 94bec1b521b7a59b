"""The register's own pages: systems with their definition of normal, sites, relations, contracts with penalties, windows."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook

from chengheng.common import files
from chengheng.common.intake import actions as intake_actions
from chengheng.common.measures import Period
from chengheng.maintenance import actions, measures, queries
from chengheng.maintenance.errors import DependsOnItself, NoSuchDevice, WindowOver
from chengheng.maintenance.models import Contract, Device, Exclusion, Hourly, Plan, Site, System, Visit
from tests.access import sign_in

from .conftest import TIANJIN


@pytest.fixture
def manager(place, client):
    return sign_in(client, place.manager)


def test_a_contracts_penalties_are_entered_changed_and_charged(place, manager):
    said = {
        "system": place.system.pk, "vendor": place.vendor.pk, "title": "New", "starts_on": "2024-01-01", "ends_on": "2024-12-31",
        "response_meaning": "responded", "response_kind": "urgent_hours", "response_amount": "4", "repair_kind": "urgent_hours",
        "repair_amount": "24", "amount": "36000", "late_response": "200", "late_response_most": "5000",
        "low_rate": "1000.50", "low_rate_threshold": "90",
    }  # fmt: skip
    assert manager.post("/maintenance/contracts/new/", {**said, "low_rate_threshold": ""}).status_code == 422
    assert manager.post("/maintenance/contracts/new/", {**said, "ends_on": "2023-12-31"}).status_code == 422
    assert manager.post("/maintenance/contracts/new/", {**said, "repair_amount": "0"}).status_code == 422
    place.contract.delete()
    assert manager.post("/maintenance/contracts/new/", said).status_code == 302
    contract = Contract.objects.get()
    assert contract.amount_fen == 3_600_000
    assert contract.penalties == [
        {"kind": "late_response", "amount_fen": 20_000, "most_fen": 500_000},
        {"kind": "low_rate", "amount_fen": 100_050, "threshold": "90"},
    ]
    change = reverse("maintenance:contract_change", args=[contract.pk])
    shown = manager.get(change).context["form"].initial
    assert (shown["late_response"], shown["low_rate_threshold"], shown["amount"]) == ("200.00", "90", "36000.00")
    assert manager.post(change, {**said, "late_response": "300", "low_rate": ""}).status_code == 302
    start = datetime(2024, 6, 3, 9, tzinfo=TIANJIN)
    fault, _new = actions.report_fault(place.desk, place.device, source="duty", title="x", now=start)
    actions.respond(fault, place.engineer, now=start + timedelta(hours=6, minutes=1))
    month = Period.month(2024, 6)
    report = queries.service_report(Contract.objects.get(), month.starts_at, month.ends_before)
    assert report["penalty_fen"] == 3 * 30_000
    page = manager.get(contract.get_absolute_url() + "?month=2024-06").text
    assert "300.00" in page
    assert sign_in(manager, place.engineer).get(change).status_code == 403


def test_documents_lie_at_contracts_and_devices_for_those_who_may(place, manager):
    def sent():
        return {"file": SimpleUploadedFile("contract.txt", b"the terms", "text/plain")}

    for row, kind in ((place.contract, "contract"), (place.device, "device")):
        assert manager.post(reverse("maintenance:document", args=[kind, row.pk]), sent()).status_code == 302
        assert [one.name for one in files.of(row)] == ["contract.txt"]
        assert "contract.txt" in manager.get(row.get_absolute_url()).text
    assert manager.post(reverse("maintenance:document", args=["fault", 1]), sent()).status_code == 404
    sign_in(manager, place.engineer)
    assert manager.post(reverse("maintenance:document", args=["device", place.device.pk]), sent()).status_code in (
        403,
        404,
    )
    assert len(files.of(place.device)) == 1


def test_a_system_says_by_what_it_is_normal_and_all_three_are_shown(place, manager):
    new = {"name": "Water levels", "code": "water", "rate": "plan"}
    assert manager.post("/maintenance/systems/new/", new).status_code == 302
    row = System.objects.get(code="water")
    change = reverse("maintenance:system_change", args=["water"])
    assert manager.post(change, {"name": "Water", "code": "other", "rate": "count"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.code, row.rate) == ("Water", "water", "count")

    plan = Plan.objects.create(system=place.system, name="p", starts_on=timezone.localdate())
    for number, device in enumerate(place.devices):
        Visit.objects.create(
            plan=plan, device=device, due_on=timezone.localdate(), done_at=timezone.now(), normal=number > 0
        )
    today = timezone.localdate()
    found = {
        code: one
        for code, _f, one, _own in measures.rates_of(place.system, Period.month(today.year, today.month), place.manager)
    }
    assert (found["hours"].value, found["count"].numerator, found["count"].denominator) == (100, 2, 3)
    page = manager.get(reverse("maintenance:system", args=["video"]))
    assert all(str(formula) in page.text for _code, formula, _one, _own in page.context["rates"])
    assert [own for _c, _f, _one, own in page.context["rates"]] == [True, False, False]
    assert sign_in(manager, place.engineer).get(change).status_code == 403


def test_relations_are_set_and_taken_away_on_the_page(place, manager):
    address = reverse("maintenance:depend", args=[place.device.pk])
    assert manager.post(address, {"code": "D1"}).status_code == 302
    assert list(place.device.depends_on.all()) == [place.devices[1]]
    back = reverse("maintenance:depend", args=[place.devices[1].pk])
    for wrong, words in (("D0", DependsOnItself), ("nobody", NoSuchDevice)):
        answer = manager.post(back, {"code": wrong}, follow=True)
        assert str(words()) in answer.text
    assert place.devices[1].depends_on.count() == 0
    assert manager.post(address, {"away": "D1"}).status_code == 302
    assert place.device.depends_on.count() == 0
    life = queries.life_of(place.device)
    assert [event.changes[0][2] for event in life] == ["D1", "D1"]
    assert life[0].changes[0][0] != life[1].changes[0][0]


def test_the_life_of_a_device_says_what_it_was_before(place, manager):
    other = Site.objects.create(code="S2", name="Other room")
    form = {"code": "D0", "name": "Device 0", "system": place.system.pk, "kind": "switch", "site": other.pk,
            "vendor": place.vendor.pk, "owner": place.desk.pk, "in_service_at": "2024-01-01T00:00"}  # fmt: skip
    assert manager.post(reverse("maintenance:device_change", args=[place.device.pk]), form).status_code == 302
    (event,) = queries.life_of(place.device)
    assert {(old, new) for _name, old, new in event.changes} == {("Room", "Other room"), ("", str(place.desk))}  # fmt: skip
    assert "Other room" in manager.get(other.get_absolute_url()).text
    assert manager.post(reverse("maintenance:retire", args=[place.device.pk])).status_code == 302
    late = manager.post(
        reverse("maintenance:device_change", args=[place.device.pk]), {**form, "in_service_at": "2999-01-01T00:00"}
    )
    assert late.status_code == 422


def test_sites_are_made_and_a_place_is_a_pair(place, manager):
    new = {"code": "S9", "name": "Venue", "lon": "117.2", "lat": ""}
    assert manager.post("/maintenance/sites/new/", new).status_code == 422
    assert manager.post("/maintenance/sites/new/", {**new, "lat": "390"}).status_code == 422
    assert manager.post("/maintenance/sites/new/", {**new, "lat": "39.1"}).status_code == 302
    site = Site.objects.get(code="S9")
    assert "Venue" in manager.get("/maintenance/sites/").text
    assert manager.get(site.get_absolute_url()).status_code == 200
    sign_in(manager, place.stranger)
    assert manager.get(site.get_absolute_url()).status_code == 404, "no device of theirs stands there"


def test_a_window_of_a_system_counts_for_its_devices_and_ends_early(place, manager):
    now = timezone.now()
    said = {"starts_at": timezone.localtime(now - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"),
            "ends_at": timezone.localtime(now + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"), "reason": "power works"}  # fmt: skip
    assert manager.post(reverse("maintenance:system_window", args=["video"]), said).status_code == 302
    row = Exclusion.objects.get()
    assert row.system == place.system
    assert "power works" in manager.get(place.device.get_absolute_url()).text
    assert actions._in_window(place.device, now)
    assert manager.post(reverse("maintenance:window_end", args=[row.pk])).status_code == 302
    row.refresh_from_db()
    assert row.ends_at <= timezone.now()
    assert not actions._in_window(place.device, timezone.now())
    with pytest.raises(WindowOver):
        actions.end_exclusion(row, place.manager)
    coming = actions.exclude(
        place.manager,
        device=place.device,
        starts_at=now + timedelta(days=1),
        ends_at=now + timedelta(days=2),
        reason="x",
    )
    actions.end_exclusion(coming, place.manager)
    assert not Exclusion.objects.filter(pk=coming.pk).exists()


def test_the_hours_of_a_check_are_drawn(place, manager):
    check = actions.set_check(place.device, place.manager, kind="icmp", target="192.0.2.1")
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for back, ms in ((2, 1.5), (1, 2.5)):
        Hourly.objects.create(
            check_row=check,
            hour=hour - timedelta(hours=back),
            results=60,
            good=60,
            fastest_ms=1,
            mean_ms=ms,
            slowest_ms=9,
        )
    ((drawn, chart),) = queries.hours_of(place.device, timezone.now())
    assert drawn == check
    assert [one["data"] for one in chart["series"]] == [[1.5, 2.5], [9, 9]]
    assert "2.5" in manager.get(place.device.get_absolute_url()).text


def test_devices_come_with_their_owner_and_what_they_depend_on(place):
    def run(*rows):
        book = Workbook()
        for row in (("编号", "设备名称", "所属系统", "责任人", "依赖", "备品备件", "对接标识"), *rows):
            book.active.append(row)
        out = io.BytesIO()
        book.save(out)
        batch = intake_actions.receive(place.manager, "maintenance.device", "devices.xlsx", out.getvalue())
        batch = intake_actions.check_batch(place.manager, batch.pk)
        return intake_actions.commit_batch(place.manager, batch.pk)

    run(
        ("N1", "核心交换机", "video", place.desk.username, "", "光模块", "x:1"),
        ("N2", "服务器", "video", "", "N1、D0", "", ""),
    )
    first, second = Device.objects.get(code="N1"), Device.objects.get(code="N2")
    assert (first.owner, first.spare_parts, first.outside) == (place.desk, "光模块", "x:1")
    assert set(second.depends_on.values_list("code", flat=True)) == {"N1", "D0"}
    problems = rows_with_problems(place, ("M1", "甲", "video", "nobody", "", "", "x:1"), ("M2", "乙", "video", "", "M3", "", ""),
                                  ("M3", "丙", "video", "", "M2", "", ""), ("M4", "丁", "video", "", "none", "", ""))  # fmt: skip
    assert problems == {
        ("M1", "owner"),
        ("M1", "outside"),
        ("M2", "depends_on"),
        ("M3", "depends_on"),
        ("M4", "depends_on"),
    }


def rows_with_problems(place, *rows):
    from types import SimpleNamespace

    from chengheng.maintenance.imports import DeviceImporter

    names = ("code", "name", "system", "owner", "depends_on", "spare_parts", "outside")

    class Rows(list):
        columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}

    found = set()
    problems = SimpleNamespace(add=lambda row, field, _words: found.add((row["code"], field)))
    DeviceImporter().check(Rows(dict(zip(names, row, strict=True)) for row in rows), problems)
    return found
