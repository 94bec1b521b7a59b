"""A snow plan from its start to its report, as people see it: on the command screen, and on a phone at a site."""

from __future__ import annotations

import io
import itertools
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from docx import Document
from PIL import Image

from chengheng.command import actions
from chengheng.command.models import Order, PlanRun, Target
from chengheng.common import files, flow
from chengheng.common.notices.models import Notice
from tests.access import sign_in
from tests.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("CHENGHENG_SHOTS")
HERE = {"longitude": 117.21542, "latitude": 39.12877, "accuracy": 8}


def look(tab: Any, name: str) -> None:
    """No page is wider than the screen; with CHENGHENG_SHOTS, pictures of it wide and narrow, light and dark."""
    size = tab.viewport_size
    for width, scheme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
        if not SHOTS and (width, scheme) != (390, "light"):
            continue
        tab.set_viewport_size({"width": width, "height": 900 if width == 1440 else 844})
        tab.emulate_media(color_scheme=scheme)
        if SHOTS:
            tab.wait_for_timeout(300)
            tab.screenshot(path=str(Path(SHOTS) / f"{name}-{width}-{scheme}.png"), full_page=True)
            tab.faults[:] = [fault for fault in tab.faults if "inline style" not in fault]  # the photographer's own
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than {width}"
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size(size)


def photo(shade: str) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (1200, 900), shade).save(packed, "JPEG")
    return packed.getvalue()


@pytest.fixture
def clock(monkeypatch):
    """The server's clock, a millisecond on with each look; `clock.ahead` is how much it is put forward."""
    held, began, looks = SimpleNamespace(ahead=timedelta()), timezone.now(), itertools.count()
    monkeypatch.setattr(timezone, "now", lambda: began + held.ahead + timedelta(milliseconds=next(looks)))
    return held


@pytest.fixture
def snow(plan, settings, tmp_path):
    """The plan in words that people read, and a file store of its own."""
    settings.FILE_STORE = tmp_path / "files"
    plan.name = "清雪除冰应急预案"
    plan.save()
    level = plan.levels.get()
    level.name, level.trigger = "一级响应", "暴雪红色预警"
    level.save()
    for step, title in zip(
        level.steps.order_by("position"), ("人员车辆到岗备勤", "主要道路除雪", "重点部位巡查"), strict=True
    ):
        step.title, step.body = title, "随下随清，先保桥梁、坡道和公交线路。"
        step.checklist = ["撒布融雪剂"] if title == "主要道路除雪" else []
        step.save()
    return plan


def take(tab: Any, step: str, note: str = "", pictures: Any = (), here: bool = False) -> None:
    """Take a step of the flow in its dialog."""
    tab.locator(".flow-steps").get_by_role("button", name=step, exact=True).click()
    dialog = tab.locator("dialog[open]")
    dialog.locator("form").wait_for()
    if note:
        dialog.locator("[name=note]").fill(note)
    if pictures:
        dialog.locator("[name=photos]").set_input_files(pictures)
    if here:
        dialog.get_by_role("button", name="使用当前位置").click()
        dialog.get_by_text("±8 m").wait_for()
        look(tab, f"dialog-{step}")
    with tab.expect_navigation():
        dialog.locator(".sheet-foot .btn-primary").click()


def test_a_snow_plan_from_its_start_to_its_report(city, snow, clock, signed_in, live_server, client):
    # started on the command screen
    tab = signed_in(city.chief)
    tab.goto(f"{live_server.url}/command/")
    tab.get_by_role("link", name="启动预案").click()
    tab.locator(".sheet-card", has_text="清雪除冰应急预案").get_by_role("link", name="打开").click()
    tab.locator("main a.btn-primary").first.click()
    tab.wait_for_url("**/start/")
    tab.fill("[name=reason]", "气象台发布暴雪红色预警信号")
    look(tab, "1-start")
    tab.click("main form button.btn-primary")
    tab.wait_for_url("**/command/runs/*/")
    run = PlanRun.objects.get()
    look(tab, "2-run-started")
    assert Order.objects.filter(run=run).count() == 3
    roads = {row.organisation_id: row for row in Target.objects.filter(order__title="主要道路除雪")}

    # received, reported with a photo and the position, and finished on a phone at a site
    tab = signed_in(city.at_east, **PHONE, permissions=["geolocation"], geolocation=HERE)
    tab.goto(f"{live_server.url}/command/")
    tab.get_by_role("link", name="主要道路除雪").first.click()
    take(tab, "签收")
    clock.ahead = timedelta(minutes=5)
    tab.locator(".flow-steps").get_by_role("button", name="反馈进展", exact=True).click()
    dialog = tab.locator("dialog[open]")
    dialog.locator("[name=note]").fill("已出动除雪车 6 台。")
    hostile = {"name": "现场.jpg", "mimeType": "image/jpeg", "buffer": b"<html><script>alert(1)</script></html>"}
    dialog.locator("[name=photos]").set_input_files([hostile])
    dialog.locator(".sheet-foot .btn-primary").click()
    dialog.locator("[role=alert]").first.wait_for()
    assert dialog.locator("[name=note]").input_value() == "已出动除雪车 6 台。"  # nothing that was typed is lost
    look(tab, "3-hostile-file")
    tab.faults[:] = [fault for fault in tab.faults if "422" not in fault]
    assert not files.Attachment.objects.exists()
    tab.locator("dialog[open] [data-closes]").first.click()
    take(tab, "反馈进展", "已出动除雪车 6 台。", [{"name": "出动.jpg", "mimeType": "image/jpeg", "buffer": photo("#8aa")}], here=True)  # fmt: skip
    east = Target.objects.get(pk=roads[city.east.pk].pk)
    assert (round(east.lon, 4), round(east.lat, 4)) == (117.2154, 39.1288)
    tab.locator(".tick-line button").click()
    tab.wait_for_load_state()
    clock.ahead = timedelta(minutes=10)
    take(tab, "办结", "主要道路已清理完毕。", [{"name": "清理后.jpg", "mimeType": "image/jpeg", "buffer": photo("#eef")}], here=True)  # fmt: skip
    assert tab.locator(".photos img").count() == 2
    assert tab.locator(".photos img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    look(tab, "4-target-done")

    # another unit does not get the photo by its address
    first = files.of(east).first()
    assert sign_in(client, city.at_west).get(first.get_absolute_url()).status_code == 404
    assert client.get(first.thumbnail_url).status_code == 404
    assert sign_in(client, city.chief).get(first.get_absolute_url()).status_code == 200

    # nobody at the other district signs: the dispatchers hear, then the commander
    clock.ahead = timedelta(minutes=16)
    flow.sweep()
    assert Notice.objects.filter(user=city.dispatcher, level="urgent", title__contains="主要道路除雪").exists()
    clock.ahead = timedelta(minutes=31)
    flow.sweep()
    west = roads[city.west.pk]
    assert Notice.objects.filter(user=city.chief, level="urgent", url=west.get_absolute_url()).exists()
    tab = signed_in(city.chief)
    tab.goto(f"{live_server.url}/command/")
    assert tab.get_by_role("link", name="主要道路除雪").count()
    look(tab, "5-screen-late")
    tab.goto(f"{live_server.url}{run.get_absolute_url()}")
    late = tab.locator("tr", has_text=city.west.name).filter(has_text="主要道路除雪").filter(has_text="仍未完成")
    assert late.get_by_text("已通知调度员和指挥长").is_visible()
    assert tab.locator(".run-escalated").count() >= 2
    assert tab.locator(".photos img").count() == 2
    look(tab, "6-run-late")

    # late, but done; the others by their own hands too
    clock.ahead = timedelta(minutes=40)
    tab = signed_in(city.at_west, **PHONE)
    tab.goto(f"{live_server.url}{west.get_absolute_url()}")
    take(tab, "签收")
    tab.locator(".tick-line button").click()
    tab.wait_for_load_state()
    take(tab, "办结", "道路已通。")
    at = {city.east.pk: city.at_east, city.west.pk: city.at_west, city.unit.pk: city.at_unit}
    for row in Target.objects.filter(order__run=run, state="issued").select_related("order"):
        actions.finish_order(
            actions.receive_order(row, at[row.organisation_id]), at[row.organisation_id], note="已完成。"
        )

    # ended, with its report
    tab = signed_in(city.chief)
    tab.goto(f"{live_server.url}{run.get_absolute_url()}")
    tab.get_by_role("link", name="结束启动").click()
    tab.fill("[name=conclusion]", "两小时内恢复主要道路通行；西区签收迟缓，已督促整改。")
    look(tab, "7-end")
    tab.click("main form button.btn-primary")
    tab.wait_for_url("**/command/runs/*/")
    look(tab, "8-run-ended")
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="总结报告").click()
    written = Path(saved.value.path()).read_bytes()
    pictures = [name for name in zipfile.ZipFile(io.BytesIO(written)).namelist() if name.startswith("word/media/")]
    assert len(pictures) == 2
    assert all(name.endswith((".jpg", ".jpeg")) for name in pictures)
    rows = [[cell.text for cell in row.cells] for table in Document(io.BytesIO(written)).tables for row in table.rows]
    (said,) = [row for row in rows if row[0] == city.west.name and "主要道路除雪" in row[1]]
    assert said[2] == "签收"
    assert said[5] == "25 分钟"
    assert said[6] == "已通知调度员和指挥长"
    assert not [row for row in rows if row[0] == city.east.name and "主要道路除雪" in row[1]]
    if SHOTS:
        (Path(SHOTS) / "report.docx").write_bytes(written)
