"""Asset cards, staff and payroll of GB/T 24589's other modules: kept in the registers that spreadsheets fill."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.people.access import SYSTEM
from chengheng.finance import imports
from chengheng.finance.errors import Unreadable
from chengheng.finance.models import AssetCard, EvidenceBatch, PayRow, RuleRun, StaffRow
from chengheng.finance.registers24589 import Registers
from chengheng.protocols.gbt24589 import Record

CARD = {
    "固定资产卡片编号": "K001", "固定资产类别编码": "01", "固定资产名称": "台式计算机", "固定资产入账日期": "20230115", "数量": "1",
    "预计使用月份": "72", "已计提月份": "24", "固定资产原值": "6000.00", "固定资产累计折旧": "2000.00", "使用状况编码": "2",
    "会计年度": "2025", "会计期间号": "3",
}  # fmt: skip


def xml(table: str, fields: dict[str, str]) -> str:
    return f"<{table}>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</{table}>"


def assets(*cards: dict[str, str], more: str = "") -> bytes:
    return f"<固定资产>{''.join(xml('固定资产卡片', one) for one in cards)}{more}</固定资产>".encode()


PAY = (
    xml("员工档案", {"员工编码": "E1", "员工姓名": "王小明", "证件类别": "身份证", "证件号码": "120101199001011234"})
    + xml("员工薪酬记录", {"会计年度": "2025", "会计期间号": "3", "员工编码": "E1", "银行账号": "6222000011112222"})
    + xml("员工薪酬记录", {"会计年度": "2025", "会计期间号": "3", "员工编码": "E2"})
    + "".join(
        xml("员工薪酬记录明细", {"会计年度": "2025", "会计期间号": "3", "员工编码": person, "薪酬项目编码": item, "薪酬金额": fen})
        for person, item, fen in (("E1", "01", "5000.00"), ("E1", "09", "8000.50"), ("E2", "09", "7000"), ("E1", "20", "7900"))
    )
    + "".join(xml("薪酬项目", {"薪酬项目编码": code, "薪酬项目名称": name}) for code, name in (("01", "基本工资"), ("09", "应发合计"), ("20", "缴费基数")))
)  # fmt: skip


def test_cards_come_with_class_state_and_removal_told_after_them(unit):
    more = (
        xml("固定资产类别设置", {"固定资产类别编码": "01", "固定资产类别名称": "通用设备"})
        + xml("固定资产使用状况", {"使用状况编码": "2", "使用状况名称": "闲置"})
        + xml("固定资产减少情况", {"固定资产卡片编号": "K002", "减少日期": "20250310", "减少原因": "报废"})
    )
    content = assets(CARD, {**CARD, "固定资产卡片编号": "K002"}, more=more)
    (batch,) = imports.import_24589(SYSTEM, unit, content, "assets.xml")
    assert (batch.kind, batch.year, batch.period, batch.rows) == ("assets", 2025, 3, 2)
    kept, removed = AssetCard.objects.order_by("number")
    assert (kept.category, kept.state, kept.cost_fen, kept.depreciation_fen) == ("通用设备", "闲置", 600000, 200000)
    assert (kept.acquired_on, kept.life_months, kept.removed_on) == (date(2023, 1, 15), 72, None)
    assert (removed.removed_on, removed.removal) == (date(2025, 3, 10), "报废")
    assert RuleRun.objects.get(unit=unit, rule="A04").findings == 1  # removed without an approval number


def test_pay_is_the_item_that_says_gross_and_names_come_from_the_staff_file(unit):
    made = imports.import_24589(SYSTEM, unit, f"<员工薪酬>{PAY}</员工薪酬>".encode(), "pay.xml")
    assert sorted(batch.kind for batch in made) == ["pay", "staff"]
    first, second = PayRow.objects.order_by("pk")
    assert (first.id_no, first.name, first.bank_account) == ("120101199001011234", "王小明", "6222000011112222")
    assert (first.pay_fen, first.base_fen, second.pay_fen, second.base_fen) == (800050, 790000, 700000, None)
    assert (second.id_no, second.name) == ("E2", "E2")
    assert StaffRow.objects.get().id_no == "120101199001011234"


def test_no_gross_pay_is_made_up_where_the_file_names_none(unit):
    content = f"<员工薪酬>{PAY.replace('应发合计', '岗位津贴')}</员工薪酬>".encode()
    made = imports.import_24589(SYSTEM, unit, content, "pay.xml")
    assert [batch.kind for batch in made] == ["staff"]
    assert not PayRow.objects.exists()


def test_a_ledger_file_lends_its_period_to_cards_that_have_none(unit):
    bare = {name: value for name, value in CARD.items() if name not in ("会计年度", "会计期间号")}
    line = {"记账凭证日期": "20250503", "会计年度": "2025", "会计期间号": "5", "记账凭证编号": "1", "科目编号": "1002"}
    ledger = xml("记账凭证", {**line, "借方本币金额": "1"}) + xml("记账凭证", {**line, "贷方本币金额": "1"})
    made = imports.import_24589(SYSTEM, unit, assets(bare, more=ledger), "both.xml")
    assert {(batch.kind, batch.period) for batch in made} == {("assets", 5), ("lines", 5)}
    with pytest.raises(Unreadable, match="fiscal year"):
        imports.import_24589(SYSTEM, unit, assets(bare), "cards.xml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"固定资产原值": "NaN"}, "amount"),
        ({"固定资产原值": "1e400"}, "amount"),
        ({"固定资产原值": "0.001"}, "amount"),
        ({"固定资产原值": ""}, "cost is missing"),
        ({"固定资产卡片编号": ""}, "card number is missing"),
        ({"固定资产入账日期": "20239901"}, "month"),
        ({"预计使用月份": "99999999999"}, "months"),
        ({"会计期间号": "13"}, "period"),
        ({"固定资产名称": "&x;"}, "element"),
    ],
)
def test_hostile_cards_are_refused_with_the_reason(unit, change, words):
    with pytest.raises(Unreadable) as refused:
        imports.import_24589(SYSTEM, unit, assets({**CARD, **change}), "x.xml")
    assert words in str(refused.value)
    assert not EvidenceBatch.objects.exists()


def test_more_cards_than_can_be_held_are_refused(unit, monkeypatch):
    monkeypatch.setattr("chengheng.finance.registers24589.MOST_HELD", 3)
    with pytest.raises(Unreadable, match="too many"):
        imports.import_24589(SYSTEM, unit, assets(*[CARD] * 5), "x.xml")
    assert not EvidenceBatch.objects.exists()


_WORDS = st.text(max_size=12)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["asset", "asset_removal", "asset_class", "asset_use", "staff", "pay_item", "pay", "pay_detail", "account"]),
            st.dictionaries(
                st.sampled_from(["card_number", "name", "cost", "year", "period", "employee", "item_code", "item_name", "amount",
                                 "removed_on", "life_months", "acquired_on", "class_code", "pay"]),
                _WORDS | st.sampled_from(["1", "2025", "20250101", "100.00", "应发合计"]),
            ),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_whatever_a_file_says_is_kept_or_refused_never_broken(records):
    registers = Registers()
    try:
        for place, (table, fields) in enumerate(records):
            registers.take(Record(table, place, fields))
        found = list(registers.rows())
    except (ValueError, ArithmeticError):
        return
    for kind, year, period, row in found:
        assert kind in {"assets", "staff", "pay"}
        assert 2000 <= year <= 2100
        assert 1 <= period <= 12
        assert row["name"]
