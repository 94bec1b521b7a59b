"""Dashboards, the consolidated view and the annual report: every number is the lines' own, and leads to them."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse
from docx import Document
from openpyxl import load_workbook

from chengheng.common import trail
from chengheng.common.people.access import SYSTEM
from chengheng.finance import actions, dashboards, elimination, engine, papers, queries
from chengheng.finance.models import Line
from tests import builders
from tests.access import sign_in
from tests.finance.conftest import make_unit
from tests.finance.planted import (
    JAN,
    Y,
    account,
    bank,
    budget,
    card,
    contract,
    d,
    fen,
    invested,
    paid,
    person,
    spent,
    swipe,
    voucher,
)

pytestmark = pytest.mark.django_db


def store(unit, kind, rows, year=Y, period=3):
    return actions.store_batch(SYSTEM, unit, kind, year, period, rows, origin="t", run_rules=False)


@pytest.fixture
def books(unit):
    actions.set_parameter(SYSTEM, "C02", "limit_yuan", Decimal(6000), valid_from=date(2020, 1, 1), source="t")
    store(unit, "balances", JAN, period=1)
    store(
        unit, "lines",
        spent(d(3, 3), 300, project="甲") + spent(d(3, 4), 80, "1001", econ="30201", project="甲") + spent(d(3, 5), 50, econ="30217", project="乙")
        + voucher(d(3, 6), ("1001", 2000, 0), ("1002", 0, 2000)),
    )  # fmt: skip
    store(unit, "budgets", [budget("甲", 1000), budget("丙", 40)], period=0)
    store(unit, "cards", [swipe(920)])
    store(unit, "assets", [card(), card("2", state="闲置", cost=700), card("3", removed_on=d(1, 9))])
    store(unit, "accounts", [account(approval_no="")])
    store(unit, "bank", [bank(d(3, 3), 5), bank(d(3, 4), 0, 7, account="9999")])
    store(unit, "pay", [paid(), paid("2")])
    return unit


def test_each_number_of_the_dashboard_is_the_lines_own(books, people):
    found = dashboards.dashboard(people.issuer, books, Y, 3)
    projects = {row["project"]: (row["budget"], row["spent"], row["rate"]) for row in found["projects"]}
    assert projects == {"甲": (fen(1000), fen(380), 38.0), "乙": (None, fen(50), None), "丙": (fen(40), 0, 0.0)}
    cash = found["cash"]
    assert (cash["highest"], cash["last"], cash["over"], cash["negative"]) == (fen(6920), fen(6920), 1, 0)
    assert (found["cards"]["card"], found["cards"]["cash"], found["cards"]["share"]) == (fen(920), fen(80), 92.0)
    assert (found["assets"]["number"], found["assets"]["idle"], found["assets"]["idle_cost"]) == (2, 1, fen(700))
    assert [(row["known"], bool(row["moved"])) for row in found["accounts"]] == [(True, True), (False, True)]
    assert found["pay"]["months"] == [{"period": 3, "people": 2, "fen": fen(16000)}]


def test_what_has_no_evidence_is_nothing_and_not_zero(unit, people):
    store(unit, "lines", spent(d(3, 3), 300))
    found = dashboards.dashboard(people.issuer, unit, Y, 3)
    assert [found[name] for name in ("cash", "cards", "assets", "accounts", "pay")] == [None] * 5


def test_from_a_number_to_the_voucher_with_its_lines(books, people, client):
    sign_in(client, people.issuer)
    engine.run(books, Y, 3)
    page = client.get(books.get_absolute_url()).content.decode()
    url = dashboards.spending_at(books, Y, 3, project="甲")
    assert url.replace("&", "&amp;") in page
    answer = client.get(url)
    assert answer.status_code == 200
    line = Line.objects.filter(project="甲").first()
    assert line.get_absolute_url().replace("&", "&amp;") in answer.content.decode()
    assert client.get(line.get_absolute_url()).content.decode().count("<tr data-row>") == 4
    assert (
        answer.content.decode().count("<tr data-row")
        == Line.objects.filter(project="甲", account__startswith="7").count()
    )


def test_every_number_opens_its_rows_and_rules_stand_behind_a_tab(books, people, client):
    sign_in(client, people.issuer)
    engine.run(books, Y, 3)
    page = client.get(books.get_absolute_url()).content.decode()
    assert dashboards.rows_at(books, "assets", Y, "idle").replace("&", "&amp;") in page
    assert "T14" not in page
    assert "T14" in client.get(f"{books.get_absolute_url()}?view=rules").content.decode()

    def number(kind, *only, **more):
        return client.get(dashboards.rows_at(books, kind, Y, *only, **more)).content.decode().count("<tr data-row")

    assert [number("assets", only) for only in ("held", "idle", "unchecked")] == [2, 1, 0]
    assert (number("bank", account="9999"), number("budgets", project="甲"), number("cards", "late")) == (1, 1, 0)
    before = trail.history(books).count()
    assert "***" in client.get(dashboards.rows_at(books, "pay", Y)).content.decode()
    assert trail.history(books).count() == before + 1
    assert client.get(reverse("finance:rows", args=[books.pk, "nothing"])).status_code == 404
    sign_in(client, builders.holder("finance.unit_accountant", make_unit().organisation))
    assert client.get(dashboards.rows_at(books, "assets", Y)).status_code in (403, 404)


def test_claims_are_aged_first_booked_first_settled(unit, people):
    store(unit, "lines", voucher(d(1, 5), ("1218", 100, 0), ("1002", 0, 100), party="甲公司"), period=1)
    store(
        unit, "lines",
        voucher(d(6, 20), ("1218", 50, 0), ("1002", 0, 50), party="甲公司")
        + voucher(d(6, 21), ("1002", 120, 0), ("1218", 0, 120), party="甲公司", number="2")
        + voucher(d(6, 22), ("1218", 7, 0), ("1002", 0, 7), party="乙公司", number="3"),
        period=6,
    )  # fmt: skip
    found = dashboards.aging(unit, Y, 12)
    assert found["classes"] == [0, fen(37), 0, 0]
    assert [(row["party"], row["since"], row["fen"]) for row in found["rows"]] == [
        ("甲公司", d(6, 20), fen(30)),
        ("乙公司", d(6, 22), fen(7)),
    ]
    assert dashboards.aging(unit, Y, 1)["classes"] == [fen(100), 0, 0, 0]


def test_units_stand_beside_each_other_in_an_aspect_and_benford_says_when_it_may_be_asked(books, people, client):
    beside = dashboards.of_aspect(people.issuer, "budget")["rows"][0]["cells"]
    assert [cell["value"] for cell in beside] == [fen(1040), fen(430), 41.3, 1]
    assert [cell["value"] for cell in dashboards.of_aspect(people.issuer, "assets")["rows"][0]["cells"]][2] == 1
    sign_in(client, people.issuer)
    for code in ("budget", "public", "cash", "cards", "assets", "pay"):
        assert client.get(reverse("finance:aspect", args=[code])).status_code == 200
    (row,) = queries.benford(people.issuer)
    assert (row["n"], row["least"], row["enough"]) == (4, 2000, False)
    assert str(row["unit"]) in client.get(reverse("finance:rule", args=["T10"])).content.decode()


def test_each_figure_of_every_aspect_opens_exactly_its_rows(books, people, client):
    store(books, "accounts", [account(approval_no=""), account("B2"), account("B3", closed_on=d(2, 1))])
    store(books, "investments", [invested(), invested(approval_no="", last_income_on=d(2, 1))])
    store(
        books,
        "staff",
        [person("1"), person("2", left_on=d(2, 20)), person("4", left_on=d(3, 5)), person("5", status="退休")],
    )
    store(books, "pay", [paid("1"), paid("2"), paid("4", bank_account="A9"), paid("5", bank_account="A9")])
    store(
        books, "contracts",
        [contract(), contract(supplements_fen=fen(20000)), contract(method="公开招标", filed_on=None)],
    )  # fmt: skip
    expected = {
        "accounts": [2, 1, 1, 1],  # in use, without approval, B2 unmoved, account 9999 outside the register
        "investments": [2, fen(200000), 1, 1],
        "pay": [4, fen(32000), 2, 2],  # 2 left in February, 5 has retired; 4 left in the month it was paid for
        "procurement": [3, fen(300000), 2, 1, 1],
        "cash": [fen(6920), fen(6000), 1, 0],
    }
    sign_in(client, people.issuer)
    for code, values in expected.items():
        cells = dashboards.of_aspect(people.issuer, code)["rows"][0]["cells"]
        assert [cell["value"] for cell in cells] == values, code
        page = client.get(reverse("finance:aspect", args=[code])).content.decode()
        for cell in cells:
            assert cell["url"].replace("&", "&amp;") in page
            if cell["kind"] or not cell["url"]:
                continue
            rows = client.get(cell["url"])
            assert rows.status_code == 200
            if code == "cash":  # the lines of that day alone, not of the year
                assert rows.content.decode().count("2025-03-06") == rows.content.decode().count("<tr data-row") == 1
            else:
                assert rows.content.decode().count("<tr data-row") == cell["value"], (code, cell)


def test_an_aspect_without_its_register_says_so(unit, people, client):
    store(unit, "lines", spent(d(3, 3), 300))
    for code in ("accounts", "investments", "pay", "procurement"):
        cells = dashboards.of_aspect(people.issuer, code)["rows"][0]["cells"]
        assert {cell["value"] for cell in cells} == {None}


def test_inner_dealings_are_taken_out_and_differences_named(aspects, people, client):
    top = builders.organisation("市城市管理委（测试）")
    one, two = (make_unit("institution", top, name) for name in ("甲所（测试）", "乙所（测试）"))
    store(one, "lines", spent(d(3, 3), 100, party="乙所（测试）") + spent(d(3, 4), 30, party="外人"))
    store(two, "lines", voucher(d(3, 5), ("1002", 90, 0), ("4609", 0, 90), party="甲所（测试）"))
    found = dashboards.consolidated(people.issuer, top, Y, 12)
    table = {row["item"]: (row["sum"], row["inner"], row["whole"]) for row in found["table"]}
    assert table["expense"] == (fen(130), fen(100), fen(30))
    assert table["income"] == (fen(90), fen(90), 0)
    assert [(row["payer"], row["payee"], row["difference"]) for row in found["dealings"]] == [
        ("甲所（测试）", "乙所（测试）", fen(10))
    ]
    sign_in(client, people.issuer)
    page = client.get(reverse("finance:consolidated"), {"of": top.pk, "year": Y})
    assert "甲所（测试）" in page.content.decode()
    alone = dashboards.consolidated(builders.holder("finance.unit_accountant", one.organisation), top, Y, 12)
    assert [row["unit"] for row in alone["units"]] == [one]


def test_pairs_of_accounts_are_reconciled_row_by_row(aspects, people, client):
    top = builders.organisation("市城市管理委（对账测试）")
    head = make_unit("administrative", top, "机关（对账测试）")
    one, two = (
        make_unit(kind, head.organisation, name)
        for kind, name in (("institution", "丙所（测试）"), ("enterprise", "丁公司（测试）"))
    )
    store(
        head,
        "lines",
        voucher(d(3, 2), ("5501", 500, 0), ("1002", 0, 500)) + voucher(d(3, 9), ("1002", 70, 0), ("4201", 0, 70)),
    )
    store(one, "lines", voucher(d(3, 3), ("1002", 480, 0), ("4201", 0, 480))
          + voucher(d(3, 4), ("1218", 100, 0), ("1002", 0, 100), party="丁公司（测试）", number="2")
          + voucher(d(3, 5), ("1218", 40, 0), ("1002", 0, 40), party="丁公司（测试）", number="3")
          + voucher(d(3, 6), ("1218", 9, 0), ("1002", 0, 9), party="外人", number="4"))  # fmt: skip
    store(two, "lines", voucher(d(3, 5), ("1002", 100, 0), ("2241", 0, 100), party="丙所（测试）"))
    found = dashboards.consolidated(people.issuer, top, Y, 12)
    rows = {
        (row["pair"], str(row["claimer"]), str(row["debtor"])): (row["claim"], row["debt"], row["difference"])
        for row in found["pairs"]
    }
    assert rows["other", "丙所（测试）", "丁公司（测试）"] == (fen(140), fen(100), fen(40))
    assert rows["subsidy", "机关（对账测试）", "None"][0] == fen(500)
    assert rows["subsidy", "None", "丙所（测试）"][1] == fen(480)
    assert len(rows) == 3  # the head's own 4201 comes from outside the tree
    table = {row["item"]: row for row in found["table"]}
    assert (table["income"]["paired"], table["income"]["whole"]) == (fen(480), fen(70))
    assert (table["expense"]["paired"], table["receivable"]["named"], table["payable"]["whole"]) == (
        fen(500),
        fen(140),
        0,
    )
    both = elimination.difference("other", one, two, Y, 12, dashboards.FLOWS)
    assert ([row["fen"] for row in both["claims"] if not row["answered"]], both["alone"]) == ([fen(40)], 1)
    sign_in(client, people.issuer)
    url = dashboards.difference_at("other", one, two, Y)
    assert url in client.get(reverse("finance:consolidated"), {"of": top.pk, "year": Y}).content.decode()
    assert client.get(url).content.decode().count("row-warn") == 1
    assert client.get(url.replace("other", "nothing")).status_code == 404
    sign_in(client, builders.holder("finance.unit_accountant", one.organisation))
    assert client.get(url).status_code in (403, 404)


def test_the_annual_report_holds_every_aspect_and_who_took_it_out(books, people, client):
    engine.run(books, Y, 3)
    name, content = papers.annual(Y, "docx", people.issuer)
    assert name == f"{Y} 年财务监督年度报告.docx"
    document = Document(io.BytesIO(content))
    assert [table.rows[0].cells[0].text for table in document.tables[:2]] == ["方面", "方面"]
    assert len(document.tables[0].rows) == 11
    assert people.issuer.display_name in document.sections[0].footer.paragraphs[0].text
    _name, content = papers.annual(Y, "xlsx", people.issuer)
    book = load_workbook(io.BytesIO(content))
    assert book.sheetnames == [
        "监督覆盖",
        "规则发现",
        "各单位发现",
        "疑点与整改",
        "三公经费",
        "合并收支",
        "数据不足的规则",
    ]
    sign_in(client, people.accountant)
    assert client.get(reverse("finance:annual", args=[Y, "docx"])).status_code in (403, 404)
    sign_in(client, people.issuer)
    assert client.get(reverse("finance:annual", args=[Y, "docx"])).status_code == 200
    assert client.get(reverse("finance:annual", args=[Y, "pdf"])).status_code == 404
