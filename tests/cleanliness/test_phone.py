"""A whole road check on a phone-sized screen without network, and the traps where a person meets them."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from chengheng.cleanliness import actions
from chengheng.cleanliness.models import Bag, Check, Weighing
from chengheng.common import files
from chengheng.common.people.access import SYSTEM
from tests import access
from tests.cleanliness.conftest import sampled

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def enter(phone, live_server, client):
    """`enter(user, url)`: the phone, signed in, on that page."""

    def go(user, url):
        access.let_in(phone, live_server.url, client, user)
        phone.goto(f"{live_server.url}{url}")
        return phone

    return go


@pytest.fixture
def items(town, settings, tmp_path):
    """Today's roads of the team: a sealed plan of six."""
    settings.FILE_STORE = tmp_path / "files"
    today = timezone.localdate()
    actions.calibrate(town.scale, SYSTEM, on=date(2026, 1, 5), until=today + timedelta(days=200), certificate="C-2")
    plan = actions.make_plan(town.planner, month=today.year * 100 + today.month, size=6, seed="x")
    plan.items.update(day=today, first_day=today)
    actions.route_plan(plan, town.planner, milliseconds=20)
    actions.seal_plan(plan, town.planner)
    return list(plan.items.select_related("road").order_by("position"))


def stand(phone, lon, lat):
    phone.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 5})
    expect(phone.locator("#place")).to_contain_text(f"{lon:.5f}, {lat:.5f} ±5")


@pytest.fixture
def at_work(items, town, enter, phone, live_server):
    """The phone page of the inspector, kept by its service worker, at the first road's beginning."""
    lon, lat = items[0].road.line[0]
    phone.context.grant_permissions(["geolocation"], origin=live_server.url)
    phone.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 5})
    enter(town.inspector, "/m/clean/")
    expect(phone.locator("#list li button").first).to_be_visible()
    phone.evaluate("async () => { await navigator.serviceWorker.ready }")
    phone.reload()
    stand(phone, lon, lat)
    yield phone
    # the browser reports a missing network and a refusal as faults
    phone.faults[:] = [fault for fault in phone.faults if "Failed to load resource" not in fault]


def arrive(phone, item):
    phone.get_by_text(item.road.name).click()
    phone.locator("#arrive").click()
    expect(phone.locator("#form")).to_be_visible()


@pytest.fixture
def picture(tmp_path):
    """`picture(when=…, exif=…)`: a new photo; `when` is the file's time, `exif` the camera's."""
    made = []

    def make(when=None, exif=None):
        made.append(tmp_path / f"p{len(made)}.jpg")
        own = Image.Exif()
        if exif:
            own.get_ifd(0x8769)[0x9003] = f"{exif:%Y:%m:%d %H:%M:%S}"
        Image.new("RGB", (320, 240), (9 * len(made) % 250, 100, 140)).save(made[-1], "JPEG", exif=own)
        if when:
            os.utime(made[-1], (when.timestamp(), when.timestamp()))
        return made[-1]

    return make


def shoot(phone, number, kind, path):
    phone.locator(f"input[name={kind}-{number}]").set_input_files(path)


def write(box, what, text):
    box.locator(f"[data-{what}]").fill(text)
    box.locator(f"[data-{what}]").blur()


def take(phone, point, picture, kinds=("before", "frame", "after"), bag=""):
    number = point["number"]
    stand(phone, point["lon"], point["lat"])
    box = phone.locator(f"[data-point='{number}']")
    for kind in kinds:
        shoot(phone, number, kind, picture())
    expect(box.locator(".pick[data-taken]")).to_have_count(len(kinds))
    write(box, "bag", bag or f"QR-{number}")
    return box


def hand_in(phone):
    phone.locator("#form button.primary").click()


def say(phone, text):
    expect(phone.locator("#say")).to_contain_text(text)


def test_a_whole_check_is_made_without_network(at_work, items, picture):
    phone, item = at_work, items[0]
    phone.context.set_offline(True)
    phone.reload()  # the page itself comes from the phone
    lon, lat = item.road.line[0]
    stand(phone, lon, lat + 0.02)
    phone.get_by_text(item.road.name).click()
    phone.locator("#arrive").click()
    say(phone, "您离该道路太远")
    stand(phone, lon, lat)
    phone.locator("#arrive").click()
    expect(phone.locator("#form")).to_be_visible()
    phone.locator("#scale").select_option("S1")
    for point in item.points:
        box = take(phone, point, picture)
        write(box, "on-scale", f"QR-{point['number']}")
        write(box, "tare", "8.0")
        write(box, "gross", "9.2")
        if point["number"] < 6:
            shoot(phone, point["number"], "scale", picture())
    hand_in(phone)
    say(phone, "点位 6 为人工读数：请拍摄天平读数")
    shoot(phone, 6, "scale", picture())
    expect(phone.locator(".pick[data-taken]")).to_have_count(24)
    hand_in(phone)
    say(phone, "已保存在手机上")
    assert not Check.objects.exists()
    phone.context.set_offline(False)
    phone.evaluate("dispatchEvent(new Event('online'))")
    expect(phone.locator("#list li[data-state=sent]")).to_have_count(1)
    check = Check.objects.get()
    assert (check.state, check.points.count()) == ("sampled", 6)
    assert sorted(check.points.values_list("bag__code", flat=True)) == [f"QR-{n}" for n in range(1, 7)]
    readings = Weighing.objects.filter(point__check_of=check)
    assert {(r.gross_g, r.tare_g, r.source) for r in readings} == {(Decimal("9.2"), Decimal(8), "hand")}
    assert not check.points.exclude(value=None).exists(), "a hand reading waits for the second person's"
    assert sorted(Counter(one.kind for one in files.of(check)).items()) == [
        ("after", 6), ("before", 6), ("frame", 6), ("scale", 6)
    ]  # fmt: skip


def test_the_second_person_signs_on_an_own_phone(items, town, enter):
    item, now = items[0], timezone.now()
    there = [type(p)(**{**vars(p), "taken_at": now}) for p in sampled(item)]
    check = actions.submit_check(
        item, town.inspector, witness=town.witness, arrived_at=now, arrived=tuple(item.road.line[0]), done_at=now,
        weather="clear", surface="dry", points=there, photos_needed=False,
    )  # fmt: skip
    phone = enter(town.inspector, "/m/clean/")
    expect(phone.locator("#list li")).to_have_count(6)
    expect(phone.locator("#signing")).to_be_hidden()
    phone = enter(town.witness, "/m/clean/")
    expect(phone.locator("#to-sign li")).to_contain_text(item.road.name)
    expect(phone.locator("#to-sign li")).to_contain_text("6 × 点位")
    phone.locator("#to-sign button").click()
    say(phone, f"已签字：{item.road.name}")
    expect(phone.locator("#signing")).to_be_hidden()
    check.refresh_from_db()
    assert (check.state, check.signed_at is not None) == ("signed", True)


def test_the_sixth_point_missing_is_said_and_the_draft_stays(at_work, items, picture):
    phone, item = at_work, items[0]
    arrive(phone, item)
    for point in item.points[:5]:
        take(phone, point, picture)
    take(phone, item.points[5], picture, kinds=("before", "frame"))
    phone.locator("#surface").select_option("damp")
    phone.locator("#wind").fill("2.5")
    hand_in(phone)
    say(phone, "点位 6 不完整")
    phone.reload()
    phone.get_by_text(item.road.name).click()
    expect(phone.locator(".pick[data-taken]")).to_have_count(17)
    expect(phone.locator("#surface")).to_have_value("damp")
    hand_in(phone)
    say(phone, "点位 6 不完整")
    assert not Check.objects.exists()
    shoot(phone, 6, "after", picture())
    expect(phone.locator(".pick[data-taken]")).to_have_count(18)
    hand_in(phone)
    expect(phone.locator("#list li[data-state=sent]")).to_have_count(1)
    check = Check.objects.get()
    assert (check.points.count(), check.surface, check.wind_ms) == (6, "damp", Decimal("2.5"))


def test_a_frame_that_is_not_the_rules_is_remarked_on_at_once(at_work, items):
    arrive(at_work, items[0])
    frame = at_work.locator("#area").input_value()
    remark = at_work.locator("#area-remark")
    expect(remark).to_have_text("")
    at_work.locator("#area").fill("0.3")
    expect(remark).to_contain_text("规则")
    at_work.locator("#area").fill(frame)
    expect(remark).to_have_text("")


@pytest.mark.parametrize("told_by", ["the file", "the camera"])
def test_a_photo_from_yesterday_is_not_taken(at_work, items, picture, told_by):
    phone, item = at_work, items[0]
    arrive(phone, item)
    yesterday = timezone.localtime() - timedelta(days=1)
    old = picture(when=yesterday) if told_by == "the file" else picture(exif=yesterday)
    shoot(phone, 1, "before", old)
    say(phone, "不是今天拍摄的")
    expect(phone.locator(".pick[data-taken]")).to_have_count(0)
    shoot(phone, 1, "before", picture(exif=timezone.localtime()))
    expect(phone.locator(".pick[data-taken]")).to_have_count(1)


def test_a_bag_mixed_up_is_said_at_the_point_and_on_the_scale(at_work, items, picture):
    phone, item = at_work, items[0]
    arrive(phone, item)
    phone.locator("#scale").select_option("S1")
    boxes = [take(phone, point, picture, kinds=("before",)) for point in item.points[:2]]
    write(boxes[1], "bag", "QR-1")
    say(phone, "样品袋 QR-1 已用于本次检测的其他点位")
    expect(boxes[1].locator("[data-bag]")).to_have_value("")
    write(boxes[1], "bag", "QR-2")
    write(boxes[0], "on-scale", "QR-2")
    say(phone, "样品袋 QR-2 属于点位 2，不是点位 1")
    expect(boxes[0].locator("[data-on-scale]")).to_have_value("")
    write(boxes[0], "on-scale", "QR-77")
    say(phone, "QR-77")
    expect(boxes[0].locator("[data-on-scale]")).to_have_value("")
    write(boxes[0], "on-scale", "QR-1")
    expect(boxes[0].locator("[data-on-scale]")).to_have_value("QR-1")


def test_a_bag_of_another_check_comes_back_with_the_reason_and_nothing_is_lost(at_work, items, town, picture):
    phone, item = at_work, items[0]
    other = items[1]
    now = timezone.now()
    there = [type(p)(**{**vars(p), "taken_at": now}) for p in sampled(other)]
    actions.submit_check(
        other, town.inspector, witness=town.witness, arrived_at=now, arrived=tuple(other.road.line[0]), done_at=now,
        weather="clear", surface="dry", points=there, photos_needed=False,
    )  # fmt: skip
    used = there[0].bag
    arrive(phone, item)
    for point in item.points:
        take(phone, point, picture, bag=used if point["number"] == 3 else "")
    hand_in(phone)
    row = phone.locator("#list li[data-state=refused]")
    expect(row).to_contain_text(used)
    row.locator("button").click()
    say(phone, used)
    expect(phone.locator(".pick[data-taken]")).to_have_count(18)
    write(phone.locator("[data-point='3']"), "bag", "QR-3")
    hand_in(phone)
    expect(phone.locator("#list li[data-state=sent]")).to_have_count(1)
    assert Check.objects.filter(item=item).get().points.count() == 6


def test_a_scale_out_of_calibration_cannot_be_chosen_without_network_either(town, items, request):
    failed = timezone.localdate() - timedelta(days=1)
    late = actions.add_scale(SYSTEM, code="S2", name="Late", resolution_g=Decimal("0.1"), max_g=Decimal(3000))
    actions.calibrate(late, SYSTEM, on=date(2025, 1, 1), until=failed, certificate="C-3")
    broken = actions.add_scale(SYSTEM, code="S3", name="Failed", resolution_g=Decimal("0.1"), max_g=Decimal(3000))
    actions.calibrate(broken, SYSTEM, on=date(2025, 1, 1), until=failed + timedelta(days=99), certificate="C-4")
    actions.calibrate(broken, SYSTEM, on=failed, until=failed + timedelta(days=99), certificate="C-5", passed=False)
    phone = request.getfixturevalue("at_work")
    phone.context.set_offline(True)
    arrive(phone, items[0])
    for code in ("S2", "S3"):
        phone.locator("#scale").select_option(code)
        say(phone, f"天平 {code} 今天没有有效检定")
        expect(phone.locator("#scale")).to_have_value("")
    expect(phone.locator("[data-point='1'] [data-on-scale]")).to_be_hidden()
    phone.locator("#scale").select_option("S1")
    expect(phone.locator("[data-point='1'] [data-on-scale]")).to_be_visible()


def test_the_weighing_room_says_a_bag_mixed_up_and_a_scale_out_of_date(items, town, enter):
    item, now = items[0], timezone.now()
    points = [type(p)(**{**vars(p), "taken_at": now}) for p in sampled(item)]
    check = actions.submit_check(
        item, town.inspector, witness=town.witness, arrived_at=now, arrived=tuple(item.road.line[0]), done_at=now,
        weather="clear", surface="dry", points=points, photos_needed=False,
    )  # fmt: skip
    late = actions.add_scale(SYSTEM, code="S2", name="Late", resolution_g=Decimal("0.1"), max_g=Decimal(3000))
    actions.calibrate(late, SYSTEM, on=date(2025, 1, 1), until=date(2025, 12, 31), certificate="C-3")
    actions.sign_check(check, town.witness)
    one, other = check.points.all()[:2]
    page = enter(town.weigher, reverse("cleanliness:weighing"))
    for point in (one, other):
        page.locator("#bag").fill(point.bag.code)
        page.locator("#bag").press("Enter")
        expect(page.get_by_text(f"样品袋 {point.bag.code} 已在称量室")).to_be_visible()
    page.goto(page.url.replace("/weighing/", f"/points/{one.pk}/weigh/"))

    def weigh(bag, scale):
        for name, value in (("bag", bag), ("gross_g", "12"), ("tare_g", "8")):
            page.locator(f"[name={name}]").fill(value)
        page.locator("[name=scale]").select_option(scale)
        page.locator("main form .btn-primary").click()

    weigh(other.bag.code, "S1")
    expect(page.get_by_text(f"样品袋 {other.bag.code} 属于")).to_be_visible()
    weigh(one.bag.code, "S2")
    expect(page.get_by_text("天平 S2 在")).to_be_visible()
    assert not Weighing.objects.exists()
    page.faults.clear()  # the browser reports a refused form as a fault
    weigh(one.bag.code, "S1")
    expect(page).to_have_url(re.compile("/weighing/$"))
    assert Weighing.objects.get().point == one
    assert not Bag.objects.filter(weighed=True).exists()
