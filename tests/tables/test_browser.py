"""The list and import pages in a real browser: filters without reload, rows by keyboard, cards on a phone, no faults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chengheng.common.people import access
from tests import builders
from tests.intake.test_batches import GOOD
from tests.intake.test_reading import workbook
from tests.stock.models import Road
from tests.tables.test_lists import roads

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("CHENGHENG_TEST_SHOTS")


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.fixture
def reader():
    keeper = builders.organisation("河西区城管委")
    user = builders.holder("road.reader", keeper)
    roads(60, keeper, grade="main", cost_fen=1_234_500, share=87.5)
    roads(10, keeper, lit=True)
    return user


def test_filtering_sorting_and_paging_happen_in_place(signed_in, live_server, reader):
    page = signed_in(reader)
    page.goto(f"{live_server.url}/list/road/")
    shot(page, "list")
    page.evaluate("window.stayed = true")
    page.select_option("#f-grade", "side")
    page.wait_for_selector(".list-chip")
    assert page.locator(".list-rows tbody tr").count() == 10
    assert "grade=side" in page.url
    page.locator(".list-rows thead a", has_text="Number").click()
    page.wait_for_selector("th[aria-sort=ascending]")
    assert page.locator(".list-rows tbody tr .list-link").first.inner_text() == "R00060"
    page.fill("#f-q", "R00061")
    page.locator(".list-chip").nth(1).wait_for()
    assert page.locator(".list-rows tbody tr").count() == 1
    assert page.locator("th[aria-sort=ascending]").count() == 1, "filtering keeps the order"
    shot(page, "list-filtered")
    assert page.evaluate("window.stayed") is True
    assert page.locator("[data-list-question]").first.input_value() == page.locator("#list").get_attribute(
        "data-question"
    )


def test_rows_by_keyboard_and_bulk_choice(signed_in, live_server, reader):
    page = signed_in(reader)
    page.goto(f"{live_server.url}/list/road/")
    page.wait_for_selector(".list-bulk button[disabled]", state="attached")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("tr.row-at .list-link").first.inner_text() == "R00068"
    assert page.locator("input[name=chosen]:checked").count() == 1
    shot(page, "list-chosen")
    page.locator(".list-bulk button").click()
    page.wait_for_selector(".notice")
    assert Road.objects.get(number="R00068").lit
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/roads/*/")
    page.faults.clear()  # the tests' roads have no page of their own


def test_columns_are_chosen_in_the_dialog(signed_in, live_server, reader):
    page = signed_in(reader)
    page.goto(f"{live_server.url}/list/road/")
    page.locator("[data-opens=list-columns]").click()
    page.locator("#list-columns input[value=shout]").uncheck()
    shot(page, "list-columns")
    page.locator("#list-columns .btn-primary").click()
    page.wait_for_load_state()
    assert page.locator(".list-rows th", has_text="Shout").count() == 0


def test_on_a_phone_rows_are_cards_and_nothing_runs_over_the_edge(signed_in, live_server, reader):
    page = signed_in(reader)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}/list/road/")
    assert not page.locator("#f-q").is_visible(), "the filters are folded"
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "list-phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".list-rows tbody tr").first.evaluate("row => getComputedStyle(row).display") == "block"
    assert "Name" in page.locator(".list-rows tbody td").nth(2).evaluate(
        "cell => getComputedStyle(cell, '::before').content"
    )


def test_an_import_from_upload_to_commit(signed_in, live_server, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "store"
    builders.organisation("Keeper", code="K1")
    page = signed_in(builders.holder("road.importer"))
    faulty, good = tmp_path / "有问题.xlsx", tmp_path / "道路.xlsx"
    faulty.write_bytes(workbook([*GOOD, ["R1", "", "高速", "没有的单位", "很长", "x", "也许", "昨天", "999", "39"]]))
    good.write_bytes(workbook(GOOD))
    page.goto(f"{live_server.url}/intake/road/")
    shot(page, "intake")
    page.set_input_files("input[type=file]", faulty)
    page.locator("form[enctype] .btn-primary").click()
    page.wait_for_selector(".notice-bad")
    shot(page, "intake-problems")
    page.goto(f"{live_server.url}/intake/road/")
    page.set_input_files("input[type=file]", good)
    page.locator("form[enctype] .btn-primary").click()
    page.wait_for_selector(".notice-good")
    shot(page, "intake-ready")
    page.locator(".page-actions .btn-primary").click()
    page.wait_for_selector("[data-opens=undo]")
    shot(page, "intake-done")
    assert Road.objects.count() == 2


def test_a_job_shows_its_progress_and_its_end_by_itself(signed_in, live_server):
    from chengheng.common.jobs.models import Job

    user = builders.user()
    job = Job.objects.create(
        task="x", title="导出：道路", actor=user, state="running", done=3_000, total=12_000, text="正在写入"
    )
    page = signed_in(user)
    page.goto(f"{live_server.url}{job.get_absolute_url()}")
    shot(page, "job")
    Job.objects.filter(pk=job.pk).update(state="done", done=12_000, result_url="/jobs/", text="12,000 行")
    page.wait_for_selector("#job .btn-primary")
    shot(page, "job-done")
    page.goto(f"{live_server.url}/jobs/")
    shot(page, "jobs")
    assert access.may(user, "jobs.job.view") is False
