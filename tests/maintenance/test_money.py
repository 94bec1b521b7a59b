"""What upkeep cost: bills go on to the programme's ledger, stand against its ceiling, and can be taken back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from chengheng.common import measures, spending
from chengheng.common.errors import Invalid, NotPermitted
from chengheng.common.intake import actions as intake_actions
from chengheng.common.measures import Period, Scope
from chengheng.maintenance import actions, queries
from chengheng.maintenance.errors import BillStruck
from chengheng.maintenance.models import Bill
from tests import access
from tests.intake.test_reading import workbook

DAY = date(2024, 5, 20)
VIDEO = {"system": "video"}


def entered(place, **more):
    said = {"system": place.system, "kind": "power", "amount_fen": 120_050, "paid_on": DAY, "payee": "电力公司",
            "voucher": "记-001"} | more  # fmt: skip
    return actions.enter_bill(place.manager, **said)


@pytest.fixture
def ledger(monkeypatch):
    """A keeper that notes what it is told and refuses a voucher that it has."""
    booked = []

    def book(spent):
        if spent.options != VIDEO:
            return ""
        if any(one.voucher == spent.voucher for one in booked):
            raise Invalid("twice")
        booked.append(spent)
        return "视频项目"

    def purse(room, options, year):
        return (
            spending.Purse("视频项目", "/p/1/", 3_600_000, sum(one.amount_fen for one in booked))
            if year == 2024
            else None
        )

    monkeypatch.setattr(spending, "_ledgers", [spending.Ledger(book, purse)])
    return booked


def test_a_bill_is_booked_counted_and_struck(place, ledger):
    bill = entered(place)
    assert (bill.booked, ledger[0].amount_fen, ledger[0].paid_on) == ("视频项目", 120_050, DAY)
    with pytest.raises(Invalid):
        entered(place)
    with pytest.raises(Invalid):
        entered(place, voucher="2", amount_fen=0)
    with pytest.raises(Invalid):
        entered(place, voucher="2", paid_on=date(2999, 1, 1))
    entered(place, voucher="记-002", kind="contract", contract=place.contract, amount_fen=1_000_000)
    year, scope = Period.year(2024), Scope().with_options(VIDEO)
    assert measures.evaluate("maintenance.cost", year, scope).value == Decimal("1.12005")
    power = Scope().with_options({**VIDEO, "kind": "power"})
    assert measures.evaluate("maintenance.cost", year, power).value == Decimal("0.12005")
    assert measures.evaluate("maintenance.cost", year, Scope().with_options({"system": "finance"})).value is None
    (cost,) = [one for one in queries.costs(place.manager, 2024) if one.system == place.system]
    assert (cost.total_fen, cost.unbooked_fen, cost.contracts) == (1_120_050, 0, [(place.contract, 1_000_000)])
    assert cost.share == Decimal(1_120_050) / 36_000
    bill = actions.strike_bill(bill, place.manager, note="typed twice")
    assert [one.amount_fen for one in ledger] == [120_050, 1_000_000, -120_050]
    with pytest.raises(BillStruck):
        actions.strike_bill(bill, place.manager, note="again")
    assert measures.evaluate("maintenance.cost", year, power).value is None
    entered(place, voucher="记-003")
    assert queries.costs(place.stranger, 2024)[0].total_fen == 0


def test_what_the_ledger_refuses_is_not_entered(place, ledger):
    ledger.append(spending.Spent("other", VIDEO, 1, DAY, "x", "记-001"))
    with pytest.raises(Invalid):
        entered(place)
    assert not Bill.objects.exists()


def test_only_who_may_enters_bills(place):
    with pytest.raises(NotPermitted):
        actions.enter_bill(
            place.engineer, system=place.system, kind="power", amount_fen=1, paid_on=DAY, payee="x", voucher="1"
        )


def test_the_pages_enter_show_and_strike(place, ledger, client):
    access.sign_in(client, place.manager)
    data = {"system": place.system.pk, "kind": "contract", "amount": "1200.50", "paid_on": "2024-05-20", "payee": "V",
            "voucher": "9"}  # fmt: skip
    assert client.post("/maintenance/bills/new/", data).status_code == 422
    data["contract"] = place.contract.pk
    assert client.post("/maintenance/bills/new/", data).status_code == 302
    bill = Bill.objects.get()
    assert bill.amount_fen == 120_050
    assert client.post("/maintenance/bills/new/", data).status_code == 422
    page = client.get("/maintenance/money/?year=2024").content.decode()
    assert "视频项目" in page
    assert client.get("/maintenance/bills/").status_code == 200
    assert client.post(bill.get_absolute_url(), {"note": "wrong"}).status_code == 302
    bill.refresh_from_db()
    assert bill.struck_at is not None
    assert client.post(bill.get_absolute_url(), {"note": "wrong"}).status_code == 200
    access.sign_in(client, place.engineer)
    assert client.get(bill.get_absolute_url()).status_code == 403


def imported(place, rows):
    batch = intake_actions.receive(place.manager, "maintenance.bill", "bills.xlsx", workbook(rows))
    return intake_actions.check_batch(place.manager, batch.pk)


def test_bills_are_imported_booked_and_struck_when_the_import_is_undone(place, ledger):
    rows = [
        ["凭证号", "系统", "类别", "金额", "支付日期", "收款单位", "合同", "用量"],
        ["记-101", "video", "电费", "1200.50", "2024-05-20", "电力公司", "", "1500.5"],
        ["记-102", place.system.name, "合同款", "-30", "2024-05-21", "Vendor", "Contract", ""],
    ]
    batch = imported(place, rows)
    batch = intake_actions.commit_batch(place.manager, batch.pk)
    first, second = Bill.objects.order_by("voucher")
    assert (first.kind, first.amount_fen, first.quantity, first.booked) == (
        "power",
        120_050,
        Decimal("1500.500"),
        "视频项目",
    )
    assert (second.contract, second.amount_fen) == (place.contract, -3_000)
    assert sum(one.amount_fen for one in ledger) == 117_050
    intake_actions.undo_batch(place.manager, batch.pk, "wrong month")
    assert not Bill.objects.filter(struck_at=None).exists()
    assert sum(one.amount_fen for one in ledger) == 0


def test_every_wrong_bill_of_a_file_is_named_and_none_is_kept(place, ledger):
    entered(place)
    rows = [
        ["凭证号", "系统", "类别", "金额", "支付日期", "收款单位", "合同"],
        ["记-001", "video", "电费", "12", "2024-05-20", "电力公司", ""],  # entered before
        ["记-201", "no such", "电费", "12", "2024-05-20", "电力公司", ""],
        ["记-202", "video", "合同款", "0", "2124-05-20", "Vendor", "Another"],
        ["记-203", "video", "合同款", "5", "2024-05-20", "Vendor", ""],
    ]
    batch = imported(place, rows)
    found = {(one["row"], one["field"]) for one in batch.problems}
    assert found == {
        (2, "voucher"), (3, "system"), (4, "contract"), (4, "amount_fen"), (4, "paid_on"), (5, "contract")
    }  # fmt: skip
    assert Bill.objects.count() == 1
