"""A case from the street to the indicator, in real browsers, each act by its own role, the clock stepped over a holiday.

CHENGHENG_SHOTS=<folder> keeps a picture of every page at 1440 and 390 wide, light and dark.
"""

from __future__ import annotations

import io
import os
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from PIL import Image
from playwright.sync_api import expect

from chengheng.common import files, flow, trail
from chengheng.common.people.access import SYSTEM
from chengheng.patrol import actions, queries, reference
from chengheng.patrol.models import Case
from chengheng.performance import actions as targets
from chengheng.performance.imports import read_files
from chengheng.performance.models import Indicator
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
TIANJIN = ZoneInfo("Asia/Shanghai")
SHOTS = os.environ.get("CHENGHENG_SHOTS", "")
SEED = Path(__file__).parents[2] / "chengheng" / "performance" / "data" / "targets_2024.txt"


def picture(seed: int) -> dict:
    kept = io.BytesIO()
    Image.effect_noise((320, 240), 20 + seed * 15).convert("RGB").resize((800, 600)).save(kept, "JPEG")
    return {"name": f"photo{seed}.jpg", "mimeType": "image/jpeg", "buffer": kept.getvalue()}


@pytest.fixture
def clock(monkeypatch):
    """The city's clock; `clock.at("2024-04-30 14:00")` sets it for the server, and for each phone that is opened."""
    held = SimpleNamespace(now=datetime(2024, 4, 30, 14, tzinfo=TIANJIN))

    def at(text: str) -> datetime:
        held.now = datetime.fromisoformat(text).replace(tzinfo=TIANJIN)
        return held.now

    held.at = at
    monkeypatch.setattr(timezone, "now", lambda: held.now)
    return held


@pytest.fixture
def city(transactional_db, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"
    reference.load()
    commission = builders.organisation("和平区城管委", kind="district", district_code=HEPING)
    sanitation = builders.organisation("和平区环卫局", commission, kind="department", district_code=HEPING)
    greenery = builders.organisation("和平区园林局", commission, kind="department", district_code=HEPING)
    who = {
        "collector": ("collector", commission), "checker": ("collector", commission),
        "receptionist": ("district_receptionist", commission), "chief": ("district_duty_chief", commission),
        "dispatcher": ("district_dispatcher", commission), "handler": ("department", sanitation),
        "gardener": ("department", greenery), "supervisor": ("supervisor", None), "manager": ("manager", None),
    }  # fmt: skip
    people = {
        name: builders.holder(f"patrol.{role}", at, HEPING if role.startswith(("district", "collector")) else "", name)
        for name, (role, at) in who.items()
    }
    return SimpleNamespace(sanitation=sanitation, greenery=greenery, **people)


@pytest.fixture
def phone_of(chromium, live_server, clock):
    """`phone_of(user)`: that person's phone at the collector's page, with the clock as it is and a position in Heping."""
    opened, faults = [], []

    def give(user):
        context = chromium.new_context(
            locale="zh-CN", viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True, is_mobile=True,
            geolocation={"longitude": IN_HEPING[0], "latitude": IN_HEPING[1], "accuracy": 6},
            permissions=["geolocation"],
        )  # fmt: skip
        opened.append(context)
        tab = context.new_page()
        access.let_in(tab, live_server.url, Client(), user)
        tab.clock.set_fixed_time(clock.now)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.goto(f"{live_server.url}/m/")
        expect(tab.locator("#place")).to_contain_text("±6")
        expect(tab.locator("#classes button").first).to_be_visible()
        return tab

    yield give
    for context in opened:
        context.close()
    assert not faults


@pytest.fixture
def signed_in(signed_in):
    """As everywhere; a page that still asks after the clock went past its person's session is told 401, which is right."""
    pages = []

    def enter(user):
        for page in pages:
            page.faults[:] = [fault for fault in page.faults if "401" not in fault]
        pages[:] = [signed_in(user)]
        return pages[0]

    yield enter
    for page in pages:
        page.faults[:] = [fault for fault in page.faults if "401" not in fault]


def look(page, name: str) -> None:
    """No page is wider than a phone; with CHENGHENG_SHOTS, pictures of it."""
    for width, scheme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
        if not SHOTS and (width, scheme) != (390, "light"):
            continue
        page.set_viewport_size({"width": width, "height": 900 if width == 1440 else 844})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300 if SHOTS else 50)
        if width == 390:
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{name} is {over} px wider than a phone"
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def label(step: str) -> str:
    with translation.override("zh-hans"):
        return str(flow.flow_of(Case).step(step).label)


def take(page, step: str, note: str = "", shot: str = "", **fields) -> None:
    """Take a step in its dialog."""
    page.locator(".flow-steps").get_by_role("button", name=label(step), exact=True).click()
    dialog = page.locator("dialog[open]")
    expect(dialog.locator(".sheet-foot")).to_be_visible()
    for name, value in fields.items():
        field = dialog.locator(f"[name={name}]")
        if isinstance(value, dict):
            field.set_input_files([value])
        else:
            field.select_option(**({"index": value} if isinstance(value, int) else {"label": value}))
    if note:
        dialog.locator("[name=note]").fill(note)
    if shot:
        look(page, shot)
    dialog.locator(".sheet-foot button:not([data-closes])").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.wait_for_load_state()


def answer_task(tab, yes: bool, photo: dict | None = None, note: str = "", shot: str = "") -> None:
    tab.locator("[data-tab=tasks]").click()
    task = tab.locator("#tasks li")
    expect(task).to_have_count(1)
    if photo:
        task.locator("input[type=file]").set_input_files([photo])
    task.locator("input[type=text]").fill(note)
    if shot:
        look(tab, shot)
        tab.set_viewport_size({"width": 390, "height": 844})
    task.locator(f"button[data-yes='{int(yes)}']").click()
    expect(tab.locator("#tasks li")).to_have_count(0)
    tab.locator("[data-tab=queue]").click()
    expect(tab.locator("#queue li[data-state=sent]").first).to_be_visible(timeout=20_000)
    expect(tab.locator("#queue li:not([data-state=sent])")).to_have_count(0)


def test_a_case_lives_from_the_street_to_the_indicator(city, clock, signed_in, phone_of, live_server):
    earlier = datetime(2024, 3, 4, 9, tzinfo=TIANJIN)  # sanitation had the last case of this class: it is suggested
    Case(
        source="hotline", edition="GB/T 30428.2-2013", kind="event", code="0201", class_name="非法小广告", state="closed",
        district_code=HEPING, area_code=HEPING, reported_at=earlier, filed_at=earlier, filed=False, department=city.sanitation,
    ).save()  # fmt: skip

    # 14:00, the day before the Labour Day holiday: no network in the street
    collector = phone_of(city.collector)
    collector.evaluate("async () => { await navigator.serviceWorker.ready }")
    collector.reload()
    expect(collector.locator("#place")).to_contain_text("±6")
    collector.context.set_offline(True)
    collector.locator("#class-search").fill("非法小广告")
    collector.locator("#classes button").first.click()
    collector.locator("input[name=before]").set_input_files([picture(1)])
    expect(collector.locator("#photos img")).to_have_count(1)
    collector.locator("#description").fill("灯杆上贴了小广告")
    look(collector, "01-phone-report")
    collector.set_viewport_size({"width": 390, "height": 844})
    collector.locator("#report button.primary").click()
    collector.locator("[data-tab=queue]").click()
    expect(collector.locator("#queue li[data-state=waiting]")).to_have_count(1)
    assert not Case.objects.filter(code="0201", source="collector").exists()
    collector.context.set_offline(False)
    expect(collector.locator("#queue li[data-state=sent]")).to_have_count(1, timeout=40_000)
    look(collector, "02-phone-sent")
    collector.set_viewport_size({"width": 390, "height": 844})
    case = Case.objects.get(source="collector")
    url = f"{live_server.url}{case.get_absolute_url()}"

    # reception accepts; a call about the same poster is merged into it
    clock.at("2024-04-30 14:10")
    with translation.override("zh-hans"):
        call = actions.report_case(
            city.receptionist, source="hotline", kind="event", code="0201", edition=case.edition,
            lon=IN_HEPING[0] + 0.0001, lat=IN_HEPING[1], description="有人贴小广告", reporter_name="王先生",
        )  # fmt: skip
    page = signed_in(city.receptionist)
    page.goto(f"{live_server.url}{reverse('patrol:queue')}")
    expect(page.locator("tbody tr")).to_have_count(2)
    look(page, "03-queue")
    page.goto(f"{live_server.url}{call.get_absolute_url()}")
    take(page, "merge", original=0, shot="04-merge")
    expect(page.locator(".notice").get_by_role("link")).to_contain_text(case.number)
    look(page, "05-merged")
    page.goto(url)
    expect(page.locator(".photos img")).to_have_count(1)
    look(page, "06-case-reported")
    take(page, "accept")
    take(page, "ask_verify", collector="checker", shot="07-ask-verify")

    # 核实: another collector looks, with a photo
    clock.at("2024-04-30 14:20")
    answer_task(phone_of(city.checker), yes=True, photo=picture(2), note="属实", shot="08-phone-task")

    clock.at("2024-04-30 14:30")
    assert [(kept.kind, kept.by) for kept in files.of(case)] == [("before", city.collector), ("photos", city.checker)]
    page = signed_in(city.chief)
    page.goto(url)
    expect(page.locator(".photos img")).to_have_count(2)
    take(page, "file", standard=0, shot="09-file")

    # the wrong department hands it back, the suggested one gets it
    clock.at("2024-04-30 14:40")
    page = signed_in(city.dispatcher)
    page.goto(url)
    take(page, "dispatch", department="和平区园林局")
    page = signed_in(city.gardener)
    page.goto(url)
    take(page, "hand_back", note="非绿地范围", shot="10-hand-back")
    expect(page.locator("main")).not_to_contain_text("灯杆上贴了小广告")  # it is not theirs to see any more
    page.faults.clear()  # the browser notes the 404
    clock.at("2024-04-30 15:00")
    page = signed_in(city.dispatcher)
    page.goto(url)
    take(page, "dispatch", department=1, shot="11-dispatch")  # the first that is offered
    case.refresh_from_db()
    assert case.department == city.sanitation, "who had the last one of this class is suggested first"
    assert case.handle_due_at == datetime(2024, 5, 6, 15, tzinfo=TIANJIN), "one working day, over the holiday"

    # more time is asked for, refused, asked for again, given
    clock.at("2024-04-30 15:30")
    for step, person in (("refuse_extension", city.chief), ("extend", city.chief)):
        page = signed_in(city.handler)
        page.goto(url)
        expect(page.locator("main")).to_contain_text("05-06 15:00")
        take(page, "ask_extension", note="需要高空作业车")
        page = signed_in(person)
        page.goto(f"{live_server.url}{reverse('patrol:queue')}")
        page.locator("tbody a").first.click()
        expect(page.locator(".notice-warn")).to_contain_text("需要高空作业车")
        look(page, f"12-{step}")
        take(page, step, note="请说明车辆到位时间" if step == "refuse_extension" else "同意")
    case.refresh_from_db()
    assert (case.handle_due_at, case.extensions) == (datetime(2024, 5, 7, 15, tzinfo=TIANJIN), 1)

    # handled, found not solved, reworked, handled again, found solved, closed
    for day, solved in ((7, False), (8, True)):
        clock.at(f"2024-05-0{day} 10:00")
        page = signed_in(city.handler)
        page.goto(url)
        take(page, "handle", note="已清除", after=picture(3 + day), shot=f"13-handle-{day}")
        clock.at(f"2024-05-0{day} 10:30")
        page = signed_in(city.dispatcher)
        page.goto(url)
        take(page, "ask_check", collector="checker")
        clock.at(f"2024-05-0{day} 11:00")
        answer_task(phone_of(city.checker), yes=solved, photo=picture(5 + day))
        clock.at(f"2024-05-0{day} 11:30")
        page = signed_in(city.chief)
        page.goto(url)
        if solved:
            take(page, "close")
        else:
            take(page, "rework", note="背面还有", shot="14-rework")
    look(page, "15-closed")

    clock.at("2024-05-09 09:00")
    page = signed_in(city.handler)
    page.goto(url)
    take(page, "appeal", note="作业车因交通管制无法到达", evidence=picture(9), shot="16-appeal")
    page = signed_in(city.chief)
    page.goto(url)
    take(page, "grant", note="情况属实")
    look(page, "17-granted")
    case.refresh_from_db()
    assert (case.state, case.exempt, case.reworks, case.hand_backs, case.check_passed) == ("closed", True, 1, 1, True)
    assert done(case) == [
        "report", "merge", "accept", "ask_verify", "verify", "file", "dispatch", "hand_back", "dispatch", "ask_extension",
        "extend", "ask_extension", "extend", "handle", "ask_check", "check", "rework", "handle", "ask_check", "check", "close",
        "appeal", "decide_appeal",
    ]  # fmt: skip
    assert trail.verify().ok


def done(case) -> list[str]:
    """What was done to the case, without views, files and doubts."""
    acts = [entry.act for entry in trail.history(case)]
    return [
        act.rpartition(".")[2]
        for act in acts
        if act.startswith("patrol.case.") and act not in ("patrol.case.doubt", "patrol.case.view")
    ]


def test_the_months_bulletin_and_the_target_count_the_case(city, clock, signed_in, live_server):
    case = actions.report_case(
        city.collector, source="collector", kind="event", code="0201", edition="GB/T 30428.2-2013", lon=IN_HEPING[0],
        lat=IN_HEPING[1],
    )  # fmt: skip
    actions.accept_case(case, city.receptionist)
    standard = queries.standards_for(case, clock.now.date()).first()
    actions.file_case(case, city.chief, data={"standard": standard.pk})

    # the month is over: the bulletin holds the case, the list behind the number shows it
    clock.at("2024-06-03 09:00")
    page = signed_in(city.supervisor)
    page.goto(f"{live_server.url}{reverse('patrol:bulletins')}")
    page.locator("[name=month]").fill("2024-04")
    look(page, "18-bulletins")
    page.locator("main form button.btn-primary").click()
    page.wait_for_load_state()
    page.goto(f"{live_server.url}{reverse('patrol:bulletins')}")
    page.locator("tbody a").first.click()
    expect(page.locator("h1")).to_contain_text("2024-04")
    look(page, "19-bulletin")
    page.goto(
        f"{live_server.url}{reverse('patrol:counted')}?start=2024-04&end=2024-04&by=district_code&count=valid&key={HEPING}"
    )
    expect(page.locator("main")).to_contain_text(case.number)
    look(page, "20-counted")

    # and the target table's indicator counts it
    targets.import_tables(read_files([(SEED.name, SEED.read_bytes())]), SYSTEM)
    indicator = Indicator.objects.get(binding__measure="patrol.collected", programme__year=2024)
    page = signed_in(builders.holder("performance.officer", city.supervisor.organisation))
    page.goto(f"{live_server.url}{reverse('performance:evidence', args=[indicator.pk])}?as_of=2024-12-31")
    look(page, "21-indicator")
    expect(page.get_by_role("link", name=case.number)).to_be_visible()
    page.faults[:] = [fault for fault in page.faults if "401" not in fault]


def test_a_report_is_refused_or_voided_with_its_reason(city, clock, signed_in, live_server):
    made = [
        actions.report_case(
            city.collector, source="collector", kind="event", code="0110", edition="GB/T 30428.2-2013",
            lon=IN_HEPING[0] + n * 0.004, lat=IN_HEPING[1], description="误报",
        )
        for n in range(3)
    ]  # fmt: skip
    page = signed_in(city.receptionist)
    page.goto(f"{live_server.url}{made[0].get_absolute_url()}")
    take(page, "refuse", note="不属于城市管理", shot="30-refuse")
    page.goto(f"{live_server.url}{made[1].get_absolute_url()}")
    take(page, "reclassify", entry="0112 道路不洁 · 市容环境", note="道路上的", shot="31-reclassify")
    page = signed_in(city.chief)
    page.goto(f"{live_server.url}{made[2].get_absolute_url()}")
    take(page, "void", note="重复录入", shot="32-void")
    look(page, "33-voided")
    assert [(case.state, case.code) for case in Case.objects.order_by("pk")] == [
        ("refused", "0110"), ("reported", "0112"), ("voided", "0110"),
    ]  # fmt: skip
