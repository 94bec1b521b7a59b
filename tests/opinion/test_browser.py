"""One rumour from the feed to the library, in a real Chromium: alert, claim, evidence, two verdicts, statement, re-run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("playwright.sync_api")
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from chengheng.common.notices import sending
from chengheng.common.notices.models import Delivery
from chengheng.common.people.models import Duty
from chengheng.common.ui import assets
from chengheng.opinion import reader, reference
from chengheng.opinion.models import Claim, Item, Source
from tests.builders import holder, organisation
from tests.notices.servers import receiver
from tests.notices.test_notices import endpoint
from tests.opinion.sites import collect_once, rss, site

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STORY = "听说昨天城管把一个摆摊的小贩打死了，紧急扩散！大家都转起来让更多的人看到，求真相"


@pytest.fixture(autouse=True)
def _built():
    cache.clear()
    reader.forget()
    if not assets.manifest():
        pytest.skip("the front end is not built")
    yield
    reader.forget()


def deliver() -> None:
    for delivery in Delivery.objects.filter(sent_at=None):
        sending.attempt(delivery.pk, timezone.now())


def step(tab, name: str, **values: str) -> None:
    """Take a step of the flow in its dialog."""
    tab.locator(".flow-steps button", has_text=name).first.click()
    form = tab.locator("dialog[open] form")
    for field, value in values.items():
        box = form.locator(f"[name={field}]")
        if box.evaluate("e => e.tagName") == "SELECT":
            box.select_option(value)
        else:
            box.fill(value)
    with tab.expect_navigation():
        form.locator(".sheet-foot button", has_text=name).last.click()


def test_a_rumour_is_answered_and_its_re_run_is_known(signed_in, live_server, settings):
    settings.INSIDE_HOSTS = ["127.0.0.1"]
    reference.load()
    unit = organisation("城市管理考核中心")
    people = {}
    for role, name in (("clerk", "小李"), ("verifier", "老王"), ("chief", "张主任")):
        people[role] = holder(f"opinion.{role}", unit, name=name)
        people[role].set_unusable_password()
        people[role].save()
    deputy = holder("opinion.chief", unit, name="副主任")
    deputy.set_unusable_password()
    deputy.save()
    assert Duty.objects.count() == 4

    with site() as web, receiver() as wecom:
        endpoint(wecom, "wecom")
        now = datetime.now(UTC)
        web.paths["/feed"] = rss(("网传城管打死小贩", STORY, now - timedelta(minutes=3)))
        Source.objects.create(name="本地论坛", channel="forum", way="feed", url=web.root + "/feed")
        began = timezone.now()
        collect_once()
        deliver()
        said = json.dumps([call["json"] for call in wecom.calls], ensure_ascii=False)
        assert "网传城管打死小贩" in said
        assert timezone.now() - began < timedelta(seconds=30)

        tab = signed_in(people["clerk"])
        tab.goto(f"{live_server.url}/opinion/")
        tab.get_by_role("link", name="网传城管打死小贩").first.click()
        expect(tab.locator("main")).to_contain_text("发布至预警")
        claim = Claim.objects.get()
        tab.goto(live_server.url + claim.get_absolute_url())
        step(tab, "认领")
        step(tab, "留存证据", kind="record", title="执法记录 2026-11-21", note="当日无冲突，执法记录仪完整")
        step(tab, "初判", verdict="false", note="执法记录与医院核实，均无此事")
        expect(tab.locator("main")).to_contain_text("已初判")

        tab = signed_in(people["verifier"])
        tab.goto(live_server.url + claim.get_absolute_url())
        step(tab, "复核研判", verdict="false")
        tab = signed_in(people["clerk"])
        tab.goto(live_server.url + claim.get_absolute_url())
        step(tab, "起草辟谣稿", statement="经核实，网传城管打死小贩系谣言。", match="城管 & 打死 & 小贩")
        tab = signed_in(people["chief"])
        tab.goto(live_server.url + claim.get_absolute_url())
        step(tab, "签发")
        step(tab, "发布并推送", url="https://cgw.example.com/1")
        expect(tab.locator("[data-statement]")).to_contain_text("系谣言")

        web.paths["/feed"] = rss(
            ("网传城管打死小贩", STORY, now),
            ("转发扩散！！", STORY + "。", datetime.now(UTC)),
            ("城管打死了小贩？", "谁知道", datetime.now(UTC)),
        )
        Source.objects.update(next_at=timezone.now())
        wecom.calls.clear()
        collect_once()
        deliver()
        assert Item.objects.filter(debunked=claim).count() == 2
        said = json.dumps([call["json"] for call in wecom.calls], ensure_ascii=False)
        assert "再次出现" in said
        tab.goto(live_server.url + claim.get_absolute_url())
        expect(tab.locator("main")).to_contain_text("再次出现")
        tab.get_by_role("link", name="转发扩散！！").click()
        expect(tab.locator("main")).to_contain_text("重复已辟谣说法")
        tab.goto(f"{live_server.url}/opinion/search/?q=小贩")
        expect(tab.locator("mark").first).to_have_text("小贩")
        tab.goto(live_server.url + Item.objects.get(title="网传城管打死小贩").event.get_absolute_url())
        expect(tab.locator(".island-chart canvas")).to_have_count(1)
        assert tab.evaluate("document.querySelectorAll('.island-failed').length") == 0
