"""From upload to closed doubt in a real browser, by three people of three sides; each is refused what is not theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chengheng.finance import actions, reference
from chengheng.finance.models import Doubt, EvidenceBatch, Finding
from tests import builders
from tests.finance.conftest import make_unit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.slow]
FILE = """<总账>{}</总账>""".format("".join(
    f"<记账凭证><记账凭证日期>20250312</记账凭证日期><会计年度>2025</会计年度><会计期间号>3</会计期间号><记账凭证类型编号>记</记账凭证类型编号>"
    f"<记账凭证编号>1</记账凭证编号><记账凭证行号>{line}</记账凭证行号><记账凭证摘要>会议室用餐</记账凭证摘要><科目编号>{account}</科目编号>"
    f"<借方本币金额>{debit}</借方本币金额><贷方本币金额>{credit}</贷方本币金额><附件数>1</附件数><制单人>甲</制单人><审核人>乙</审核人></记账凭证>"
    for line, (account, debit, credit) in enumerate(
        (("5001.30201", "1860.00", "0"), ("1001", "0", "1860.00"), ("7201.30201", "1860.00", "0"), ("8001", "0", "1860.00")), 1)
))  # fmt: skip


def step(page, name, note=""):
    """Open the step's dialog, say what it asks, send it, and wait for the page that comes after."""
    page.locator(".flow-steps button", has_text=name).first.click()
    dialog = page.locator("dialog[open]")
    dialog.locator("button.btn-primary, button.btn-danger").first.wait_for()
    if note:
        dialog.locator("textarea").first.fill(note)
    with (
        page.expect_navigation()
    ):  # the answer (204, HX-Redirect) makes the page load anew: wait for that, not for the answer
        dialog.locator("button.btn-primary, button.btn-danger").first.click()


def test_from_upload_to_closed_doubt(transactional_db, signed_in, live_server, tmp_path):
    shots = Path(os.environ.get("FINANCE_SHOTS", tmp_path))
    reference.load()
    unit = make_unit(name="环卫所（测试）")
    office = builders.organisation("审计处")
    importer = builders.holder("finance.importer", office, name="导入员")
    issuer = builders.holder("finance.issuer", office, name="审计员")
    accountant = builders.holder("finance.unit_accountant", unit.organisation, name="单位会计")
    reviewer = builders.holder("finance.reviewer", office, name="复核人")
    closer = builders.holder("finance.closer", office, name="销号人")

    page = signed_in(importer)
    page.goto(f"{live_server.url}/finance/import/")
    page.screenshot(path=shots / "import.png", full_page=True)
    page.select_option("select[name=unit]", str(unit.pk))
    page.set_input_files("input[type=file]", {"name": "总账.xml", "mimeType": "text/xml", "buffer": FILE.encode()})
    with page.expect_navigation():
        page.get_by_role("button", name="导入并检查").click()
    page.get_by_role("heading", name="环卫所（测试）").first.wait_for()
    page.screenshot(path=shots / "unit.png", full_page=True)
    assert EvidenceBatch.objects.get().rows == 4
    finding = Finding.objects.get(rule="K01")

    page = signed_in(issuer)
    page.goto(f"{live_server.url}/finance/")
    page.screenshot(path=shots / "overview.png", full_page=True)
    page.goto(f"{live_server.url}/finance/rules/")
    page.screenshot(path=shots / "rules.png")
    page.goto(live_server.url + finding.get_absolute_url())
    page.screenshot(path=shots / "finding.png", full_page=True)
    with page.expect_navigation(url="**/finance/doubts/*/"):
        page.get_by_role("button", name="立为疑点").click()
    step(page, "下达单位")
    doubt = Doubt.objects.get()
    assert doubt.state == "issued"
    assert page.get_by_role("button", name="说明情况").count() == 0

    page = signed_in(accountant)
    page.goto(live_server.url + doubt.get_absolute_url())
    step(page, "说明情况", "误列科目")
    assert page.get_by_role("button", name="确认疑点").count() == 0
    doubt = Doubt.objects.get()
    assert doubt.state == "explained"
    page = signed_in(reviewer)
    page.goto(live_server.url + doubt.get_absolute_url())
    step(page, "确认疑点", "说明不成立")
    assert Doubt.objects.get().state == "rectifying"
    page = signed_in(accountant)
    page.goto(live_server.url + doubt.get_absolute_url())
    step(page, "报送整改", "已更正")
    page = signed_in(reviewer)
    page.goto(live_server.url + doubt.get_absolute_url())
    step(page, "核实整改")
    page = signed_in(closer)
    page.goto(live_server.url + doubt.get_absolute_url())
    step(page, "销号")
    page.screenshot(path=shots / "doubt.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(live_server.url + doubt.get_absolute_url())
    page.screenshot(path=shots / "doubt_phone_dark.png", full_page=True)
    assert Doubt.objects.get().state == "closed"
    assert page.faults == []
    assert actions.check_batches().broken == []
