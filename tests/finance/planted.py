"""Planted faults, one for each executable rule, each beside an honest counterpart that must stay unflagged.

`PLANTS[code]` is (evidence with the fault, the same without it). Evidence: kind → rows, or (kind, year, period) → rows.
Money is in yuan here and becomes fen in `books`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

Y = 2025
_ids = count(1)


def d(month: int, day: int, year: int = Y) -> date:
    return date(year, month, day)


def fen(yuan: Any) -> int:
    return int(Decimal(str(yuan)) * 100)


def voucher(day: date, *lines: tuple[Any, ...], number: Any = None, **head: Any) -> list[dict[str, Any]]:
    """Lines of (account, debit, credit, {more}) with one head."""
    number = str(number or next(_ids))
    rows = []
    for place, (account, debit, credit, *more) in enumerate(lines, 1):
        rows.append({"day": day, "word": "记", "number": number, "line": place, "summary": "办公", "account": account,
                     "debit_fen": fen(debit), "credit_fen": fen(credit), "attachments": 1, "maker": "甲", "reviewer": "乙",
                     "poster": "丙", **head, **(more[0] if more else {})})  # fmt: skip
    return rows


def spent(day: date, amount: Any, account: str = "1002", **head: Any) -> list[dict[str, Any]]:
    """An expense of an institution: financial and budgetary entries."""
    econ = head.pop("econ", "30201")
    named = {"econ": econ}
    return voucher(day, (f"5001{econ}", amount, 0, named), (account, 0, amount), (f"7201{econ}", amount, 0, named),
                   ("8001", 0, amount), **head)  # fmt: skip


QUIET = spent(d(3, 12), "1234.50")
JAN = [{"account": "1001", "opening_fen": fen(5000), "debit_fen": 0, "credit_fen": 0, "closing_fen": fen(5000)}]
budget = lambda project, yuan, econ="", **more: {"project": project, "econ": econ, "budget_fen": fen(yuan), **more}  # noqa: E731


def bal(account: str, opening: Any, debit: Any, credit: Any, closing: Any) -> dict[str, Any]:
    return {"account": account, "account_name": "科目", "opening_fen": fen(opening), "debit_fen": fen(debit),
            "credit_fen": fen(credit), "closing_fen": fen(closing)}  # fmt: skip


def card(number: str = "1", cost: Any = 5000, **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "name": "电脑",
        "cost_fen": fen(cost),
        "acquired_on": d(3, 12),
        "checked_on": d(11, 1),
        "state": "在用",
        **more,
    }


def bank(day: date, got: Any = 0, paid: Any = 0, account: str = "B1", **more: Any) -> dict[str, Any]:
    return {"day": day, "account_no": account, "in_fen": fen(got), "out_fen": fen(paid), **more}


def account(number: str = "B1", **more: Any) -> dict[str, Any]:
    return {
        "account_no": number,
        "bank": "某银行",
        "kind": "基本存款账户",
        "approval_no": "津财1号",
        "opened_on": d(1, 1, 2020),
        **more,
    }


def swipe(amount: Any = 500, **more: Any) -> dict[str, Any]:
    return {"day": d(3, 3), "card_no": "6200", "holder": "张三", "merchant": "饭店", "amount_fen": fen(amount),
            "reimbursed_fen": fen(amount), "reimbursed_on": d(3, 20), "swipe_no": "S1", **more}  # fmt: skip


def paid(id_no: str = "1", pay: Any = 8000, **more: Any) -> dict[str, Any]:
    return {
        "id_no": id_no,
        "name": f"职工{id_no}",
        "pay_fen": fen(pay),
        "bank_account": f"A{id_no}",
        "base_fen": fen(pay),
        **more,
    }


def person(id_no: str = "1", name: str = "", **more: Any) -> dict[str, Any]:
    return {"id_no": id_no, "name": name or f"职工{id_no}", "status": "在职", **more}


def form(kind: str = "reception", amount: Any = 500, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "number": f"F{next(_ids)}", "day": d(3, 5), "amount_fen": fen(amount), "guests": 5, "escorts": 2,
            "approval_no": "准1", "letter": True, "list_given": True, "invoice": True, **more}  # fmt: skip


def contract(amount: Any = 100000, **more: Any) -> dict[str, Any]:
    return {"number": f"H{next(_ids)}", "name": "服务", "supplier": "甲公司", "category": "信息服务", "method": "竞争性磋商",
            "project": "项目一", "amount_fen": fen(amount), "signed_on": d(3, 3), "filed_on": d(3, 5), **more}  # fmt: skip


def invested(**more: Any) -> dict[str, Any]:
    return {"investee": "乙公司", "product": "股权", "funds": "自有资金", "amount_fen": fen(100000), "invested_on": d(1, 1, 2024),
            "approval_no": "津财投1号", "last_income_on": d(6, 1, 2024), **more}  # fmt: skip


def cash(day: date, *moves: tuple[str, Any, Any], **head: Any) -> list[dict[str, Any]]:
    return voucher(day, *moves, **head)


def L(*vouchers: list[dict[str, Any]], opened: bool = False, **more: Any) -> dict[Any, Any]:
    """Vouchers of March; `opened` adds the opening balances of cash."""
    balances = {("balances", Y, 1): JAN, "balances": JAN} if opened else {}
    return {"lines": [line for one in vouchers for line in one], **balances, **more}


DEC = ("lines", Y, 12)
PROJECT = {"project": "项目一"}
PLANTS: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {
    "B01": (
        L(spent(d(3, 1), 100, project="无预算"), budgets=[budget("项目一", 500)]),
        L(spent(d(3, 1), 100, **PROJECT), budgets=[budget("项目一", 500)]),
    ),
    "B02": (
        L(spent(d(3, 1), 600, **PROJECT), budgets=[budget("项目一", 500)]),
        L(spent(d(3, 1), 400, **PROJECT), budgets=[budget("项目一", 500)]),
    ),
    "B03": (
        L(spent(d(3, 1), 1, **PROJECT), budgets=[budget("项目一", 500)]),
        L(spent(d(3, 1), 120, **PROJECT), budgets=[budget("项目一", 500)]),
    ),
    "B04": (
        {DEC: spent(d(12, 1), 100, **PROJECT), "budgets": [budget("项目一", 500)]},
        {DEC: spent(d(12, 1), 300, **PROJECT), "budgets": [budget("项目一", 500)]},
    ),
    "B05": (
        {DEC: spent(d(12, 1), 300, **PROJECT), "budgets": [budget("项目一", 500)]},
        {DEC: spent(d(12, 1), 200, **PROJECT), "budgets": [budget("项目一", 500)]},
    ),
    "B06": (
        L(spent(d(3, 1), 100, econ="30217", **PROJECT), budgets=[budget("项目一", 500, "30201")]),
        L(spent(d(3, 1), 100, econ="30201", **PROJECT), budgets=[budget("项目一", 500, "30201")]),
    ),
    "B07": (L(spent(d(3, 1), 20000, party="机关工会")), L(spent(d(3, 1), 9000, party="机关工会"))),
    "B08": (
        L(voucher(d(3, 3), ("1002", 100, 0), ("1011", 0, 100))),
        L(voucher(d(3, 3), ("1002", 100, 0), ("4001", 0, 100))),
    ),
    "B09": (
        L(QUIET, budgets=[budget("旧项目", 500, carried_from=2022)]),
        L(QUIET, budgets=[budget("新项目", 500, carried_from=2024)]),
    ),
    "B10": (
        {("balances", Y - 1, 12): [bal("1218", 0, 0, 0, 900)], ("balances", Y, 12): [bal("1218", 900, 0, 0, 900)]},
        {("balances", Y - 1, 12): [bal("1218", 0, 0, 0, 900)], ("balances", Y, 12): [bal("1218", 900, 0, 100, 800)]},
    ),
    "B11": (
        L(voucher(d(3, 3), ("1002", 100, 0), ("2307", 0, 100, {"summary": "收场地租金"}))),
        L(voucher(d(3, 3), ("1002", 100, 0), ("2307", 0, 100, {"summary": "收押金"}))),
    ),
    "B12": (
        L(QUIET, budgets=[budget("项目一", 30, "30299"), budget("项目一", 70, "30201")]),
        L(QUIET, budgets=[budget("项目一", 10, "30299"), budget("项目一", 90, "30201")]),
    ),
    "B13": (
        {DEC: voucher(d(12, 1), ("1214", 20000, 0, {"summary": "预付会议款"}), ("1002", 0, 20000))},
        {DEC: voucher(d(12, 1), ("1214", 20000, 0, {"summary": "预付工程款"}), ("1002", 0, 20000))},
    ),
    "A01": (
        L(spent(d(3, 12), 5000, summary="购电脑", econ="31002"), assets=[card(cost=9)]),
        L(spent(d(3, 12), 5000, summary="购电脑", econ="31002"), assets=[card(cost=5000)]),
    ),
    "A02": (
        {"balances": [bal("1601", 0, 5000, 0, 5000)], "assets": [card(cost=4000)]},
        {"balances": [bal("1601", 0, 5000, 0, 5000)], "assets": [card(cost=5000)]},
    ),
    "A03": (
        {"assets": [card(state="闲置", idle_since=d(1, 1, 2024))]},
        {"assets": [card(state="闲置", idle_since=d(3, 1))]},
    ),
    "A04": (
        {"assets": [card(removed_on=d(3, 1), removal="报废")]},
        {"assets": [card(removed_on=d(3, 1), removal="报废", approval_no="准")]},
    ),
    "A05": (
        {
            ("lines", Y, 1): voucher(d(1, 5), ("1002", 800, 0), ("2103", 0, 800, {"summary": "车辆处置收入"})),
            "lines": QUIET,
        },
        {
            ("lines", Y, 1): voucher(d(1, 5), ("1002", 800, 0), ("2103", 0, 800, {"summary": "车辆处置收入"}))
            + voucher(d(1, 9), ("2103", 800, 0), ("1002", 0, 800)),
            "lines": QUIET,
        },
    ),
    "A07": (
        {"assets": [card(removed_on=d(3, 1), removal="拍卖", approval_no="准")]},
        {"assets": [card(removed_on=d(3, 1), removal="拍卖", approval_no="准", valuation_no="评1")]},
    ),
    "A08": (
        {("balances", Y - 1, 3): [bal("1613", 0, 0, 0, 900)], "balances": [bal("1613", 900, 0, 0, 900)]},
        {("balances", Y - 1, 3): [bal("1613", 0, 0, 0, 900)], "balances": [bal("1613", 900, 50, 0, 950)]},
    ),
    "A09": (
        {"assets": [card(cost=6000, life_months=60, month_fen=fen(150))]},
        {"assets": [card(cost=6000, life_months=60, month_fen=fen(100))]},
    ),
    "A10": ({("assets", Y, 12): [card(checked_on=d(1, 1, 2023))]}, {("assets", Y, 12): [card()]}),
    "C01": (
        L(cash(d(3, 3), ("5001", 1500, 0), ("1001", 0, 1500))),
        L(cash(d(3, 3), ("5001", 900, 0), ("1001", 0, 900))),
    ),
    "C02": (
        L(cash(d(3, 3), ("1001", 9000, 0), ("1002", 0, 9000)), opened=True),
        L(cash(d(3, 3), ("1001", 100, 0), ("1002", 0, 100)), opened=True),
    ),
    "C03": (
        L(cash(d(3, 3), ("5001", 6000, 0), ("1001", 0, 6000)), opened=True),
        L(cash(d(3, 3), ("5001", 4000, 0), ("1001", 0, 4000)), opened=True),
    ),
    "C04": (
        L(
            cash(d(3, 3), ("1001", 7000, 0), ("4609", 0, 7000)),
            cash(d(3, 3), ("5001", 6000, 0), ("1001", 0, 6000)),
            opened=True,
        ),
        L(
            cash(d(3, 3), ("1001", 7000, 0), ("4609", 0, 7000)),
            cash(d(3, 3), ("5001", 400, 0), ("1001", 0, 400)),
            opened=True,
        ),
    ),
    "C05": (
        L(cash(d(3, 3), ("1001", 700, 0), ("4609", 0, 700)), opened=True),
        L(
            cash(d(3, 3), ("1001", 700, 0), ("4609", 0, 700)),
            cash(d(3, 4), ("1002", 700, 0), ("1001", 0, 700)),
            opened=True,
        ),
    ),
    "C06": (
        L(
            cash(d(3, 3), ("5001", 800, 0), ("1001", 0, 800), party="王五"),
            cash(d(3, 4), ("5001", 800, 0), ("1001", 0, 800), party="王五"),
        ),
        L(
            cash(d(3, 3), ("5001", 800, 0), ("1001", 0, 800), party="王五"),
            cash(d(3, 20), ("5001", 800, 0), ("1001", 0, 800), party="王五"),
            cash(d(3, 10), ("5001", 300, 0), ("1001", 0, 300), party="李四"),
            cash(d(3, 11), ("5001", 900, 0), ("1001", 0, 900), party="李四", summary="差旅补助"),
        ),
    ),
    "C07": (
        {
            ("lines", Y - 0, 1): voucher(d(1, 2), ("1218", 3000, 0), ("1001", 0, 3000), summary="借款", party="赵六"),
            ("lines", Y, 6): spent(d(6, 3), 10),
        },
        {
            ("lines", Y, 1): voucher(d(1, 2), ("1218", 3000, 0), ("1001", 0, 3000), summary="借款", party="赵六")
            + voucher(d(1, 20), ("5001", 3000, 0), ("1218", 0, 3000), summary="报销", party="赵六"),
            ("lines", Y, 6): spent(d(6, 3), 10),
        },
    ),
    "C09": (L(spent(d(3, 3), 3000, party="某某超市")), L(spent(d(3, 3), "3000.50", party="某某超市"))),
    "K01": (L(spent(d(3, 3), 500, "1001", econ="30201")), L(spent(d(3, 3), 500, "1002", econ="30201"))),
    "K02": ({"cards": [swipe(reimbursed_on=d(5, 30))]}, {"cards": [swipe()]}),
    "K03": ({"cards": [swipe(), swipe()]}, {"cards": [swipe(), swipe(swipe_no="S2")]}),
    "K04": ({"cards": [swipe(merchant="某某足浴")]}, {"cards": [swipe()]}),
    "K05": (L(spent(d(3, 3), 5000, "1001"), cards=[swipe(1000)]), L(spent(d(3, 3), 100, "1001"), cards=[swipe(5000)])),
    "K06": ({"cards": [swipe()], "staff": [person(name="李四")]}, {"cards": [swipe()], "staff": [person(name="张三")]}),
    "N01": ({"accounts": [account(approval_no="")]}, {"accounts": [account()]}),
    "N02": (
        {"bank": [bank(d(3, 3), 5, account="B9")], "accounts": [account()]},
        {"bank": [bank(d(3, 3), 5)], "accounts": [account()]},
    ),
    "N03": (
        {("bank", Y, 12): [bank(d(12, 3), 5)], "accounts": [account(), account("B2", kind="专用")]},
        {("bank", Y, 12): [bank(d(12, 3), 5)], "accounts": [account()]},
    ),
    "N04": (
        L(voucher(d(3, 3), ("1002", 100, 0), ("4609", 0, 100)), bank=[bank(d(3, 3), 90)])
        | {("lines", Y, 5): spent(d(5, 5), 10), ("bank", Y, 5): [bank(d(5, 5), 0, 10)]},
        L(voucher(d(3, 30), ("1002", 100, 0), ("4609", 0, 100)), bank=[bank(d(3, 3), 0, 7)])
        | {
            ("lines", Y, 4): voucher(d(4, 1), ("5001", 7, 0), ("1002", 0, 7)),
            ("bank", Y, 4): [bank(d(4, 2), 100)],
            ("lines", Y, 5): spent(d(5, 31), 10),
            ("bank", Y, 5): [bank(d(5, 5), 5)],
        },
    ),
    "N05": ({"accounts": [account(), account("B2")]}, {"accounts": [account(), account("B2", kind="专用")]}),
    "N06": (
        {"bank": [bank(d(3, 3), 0, 2000000, summary="转定期")]},
        {"bank": [bank(d(3, 3), 0, 2000000, summary="付工程款")]},
    ),
    "N07": (
        L(QUIET, bank=[bank(d(3, 21), 33, summary="结息")]),
        L(voucher(d(3, 21), ("1002", 33, 0), ("4604", 0, 33)), bank=[bank(d(3, 21), 33, summary="结息")]),
    ),
    "V01": (
        {"balances": [bal("1501", 0, 9, 0, 9)], "kind": "administrative"},
        {"balances": [bal("1501", 0, 0, 0, 0)], "kind": "administrative"},
    ),
    "V02": ({"investments": [invested(approval_no="")]}, {"investments": [invested()]}),
    "V03": ({"investments": [invested(product="股票")]}, {"investments": [invested()]}),
    "V04": (
        L(QUIET, investments=[invested(distributed_fen=fen(77))]),
        L(voucher(d(3, 3), ("1002", 77, 0), ("4602", 0, 77)), investments=[invested(distributed_fen=fen(77))]),
    ),
    "V05": ({"investments": [invested(last_income_on=d(1, 1, 2019))]}, {"investments": [invested()]}),
    "V07": (
        L(voucher(d(3, 3), ("1218", 50000, 0, {"summary": "借款", "party": "丙有限公司"}), ("1002", 0, 50000))),
        L(voucher(d(3, 3), ("1218", 500, 0, {"summary": "差旅借款", "party": "张三"}), ("1002", 0, 500))),
    ),
    "W01": ({"pay": [paid(), paid()]}, {"pay": [paid(), paid("2")]}),
    "W02": ({"pay": [paid()], "staff": [person(left_on=d(1, 1))]}, {"pay": [paid()], "staff": [person()]}),
    "W03": ({"pay": [paid(), paid("2", bank_account="A1")]}, {"pay": [paid(), paid("2")]}),
    "W04": (
        L(spent(d(3, 3), 900, summary="发放过节补贴", econ="30299")),
        L(spent(d(3, 3), 900, summary="办公用品", econ="30299")),
    ),
    "W05": ({"pay": [paid(pay=90000)]}, {"pay": [paid(pay=9000)]}),
    "W06": (
        {("pay", Y, 2): [paid(pay=5000)], "pay": [paid(pay=9000)], "staff": [person()]},
        {("pay", Y, 2): [paid(pay=5000)], "pay": [paid(pay=9000)], "staff": [person(changed_on=d(3, 1))]},
    ),
    "W07": ({"pay": [paid(base_fen=fen(4000))]}, {"pay": [paid()]}),
    "W08": (
        L(spent(d(3, 3), 900, econ="30226", party="张三"), staff=[person(name="张三")]),
        L(spent(d(3, 3), 900, econ="30226", party="外聘专家"), staff=[person(name="张三")]),
    ),
    "P01": (
        L(spent(d(3, 3), 900, econ="30217"), budgets=[budget("公用", 500, "30217")]),
        L(spent(d(3, 3), 400, econ="30217"), budgets=[budget("公用", 500, "30217")]),
    ),
    "P02": (
        {("lines", Y - 1, 3): spent(d(3, 3, Y - 1), 300, econ="30217"), "lines": spent(d(3, 3), 900, econ="30217")},
        {("lines", Y - 1, 3): spent(d(3, 3, Y - 1), 1300, econ="30217"), "lines": spent(d(3, 3), 900, econ="30217")},
    ),
    "P03": (
        L(spent(d(3, 3), 900, econ="30201", summary="接待用餐")),
        L(spent(d(3, 3), 900, econ="30217", summary="接待用餐")),
    ),
    "P04": ({"forms": [form(letter=False)]}, {"forms": [form()]}),
    "P05": ({"forms": [form(escorts=4)]}, {"forms": [form(guests=12, escorts=4)]}),
    "P06": ({"forms": [form(amount=3000)]}, {"forms": [form(amount=300)]}),
    "P07": ({"forms": [form(items="白酒两瓶")]}, {"forms": [form(items="工作餐")]}),
    "P08": (
        {"forms": [form("meeting", 99999, people=10, until=d(3, 6))]},
        {"forms": [form("meeting", 9999, people=10, until=d(3, 6))]},
    ),
    "P09": (
        {"forms": [form("meeting", designated=False, place="度假村")]},
        {"forms": [form("meeting", designated=True)]},
    ),
    "P11": (L(spent(d(3, 3), 300000, econ="31013")), L(spent(d(3, 3), 150000, econ="31013"))),
    "P12": (
        L(spent(d(3, 3), 30000, econ="30212"), forms=[form()]),
        L(spent(d(3, 3), 30000, econ="30212"), forms=[form("abroad", 30000)]),
    ),
    "P13": (
        {"forms": [form("travel", person="张三", until=d(3, 9)), form("travel", person="张三", day=d(3, 8))]},
        {"forms": [form("travel", person="张三", until=d(3, 7)), form("travel", person="张三", day=d(3, 8))]},
    ),
    "G01": (
        {"contracts": [contract(1500000), contract(1500000)]},
        {"contracts": [contract(1500000), contract(1500000, method="公开招标")]},
    ),
    "G02": (
        {"contracts": [contract(300000), contract(300000, signed_on=d(3, 20))]},
        {"contracts": [contract(300000), contract(100000, signed_on=d(3, 20))]},
    ),
    "G03": (
        L(spent(d(3, 3), 490000, party="甲公司"), spent(d(3, 9), 495000, party="甲公司")),
        L(spent(d(3, 3), 490000, party="甲公司"), spent(d(3, 9), 100000, party="甲公司")),
    ),
    "G04": (
        L(spent(d(3, 3), 100, party="甲公司"), contracts=[contract(signed_on=d(3, 20))]),
        L(spent(d(3, 28), 100, party="甲公司"), contracts=[contract(signed_on=d(3, 20))]),
    ),
    "G05": (
        {"contracts": [contract(100, supplements_fen=fen(20))]},
        {"contracts": [contract(100, supplements_fen=fen(9))]},
    ),
    "G06": ({"contracts": [contract(filed_on=d(3, 28))]}, {"contracts": [contract()]}),
    "G07": (
        {"contracts": [contract(supplier_account="A1")], "pay": [paid()]},
        {"contracts": [contract(supplier_account="X")], "pay": [paid()]},
    ),
    "G08": (
        {"contracts": [contract(600000, registered_on=d(1, 9), capital_fen=fen(100000))]},
        {"contracts": [contract(600000, registered_on=d(1, 9, 2010), capital_fen=fen(100000))]},
    ),
    "T01": (
        L(voucher(d(3, 3), ("5001", 100, 0), ("1002", 0, 90))),
        L(voucher(d(3, 3), ("5001", 100, 0), ("1002", 0, 100))),
    ),
    "T02": (
        L(spent(d(3, 3), 1, number=1), spent(d(3, 3), 2, number=4)),
        L(spent(d(3, 3), 1, number=1), spent(d(3, 3), 2, number=2)),
    ),
    "T03": (L(spent(d(3, 3), 1, attachments=0)), L(spent(d(3, 3), 1, attachments=2))),
    "T04": (L(spent(d(3, 3), 1, reviewer="甲")), L(spent(d(3, 3), 1))),
    "T05": (
        {
            ("lines", Y - 1, 12): spent(d(12, 3, Y - 1), 777, party="甲公司", invoice="003411"),
            "lines": spent(d(3, 3), 777, party="甲公司", invoice="3411"),
        },
        {
            ("lines", Y - 1, 12): spent(d(12, 3, Y - 1), 777, party="甲公司", invoice="003411"),
            "lines": spent(d(3, 3), 777, party="甲公司", invoice="3412"),
        },
    ),
    "T06": (
        L(spent(d(3, 3), "1777.30", party="甲公司"), spent(d(3, 5), "1777.30", party="乙公司")),
        L(spent(d(3, 3), "1777.30", party="甲公司"), spent(d(3, 25), "1777.30", party="乙公司")),
    ),
    "T07": (L(spent(d(3, 3), 60000)), L(spent(d(3, 3), 60001))),
    "T08": (L(spent(d(3, 8), 60)), L(spent(d(3, 7), 60))),
    "T09": (
        {
            ("lines", Y - 1, 12): spent(d(12, 30, Y - 1), 500),
            ("lines", Y, 1): voucher(d(1, 4), ("500130201", -500, 0), ("1002", 0, -500), summary="冲销"),
        },
        {
            ("lines", Y - 1, 12): spent(d(12, 30, Y - 1), 500),
            ("lines", Y, 1): voucher(d(1, 4), ("500130201", 400, 0), ("1002", 0, 400)),
        },
    ),
    "T10": (
        L(*[voucher(d(3, 3), ("5001", 5000 + n, 0), ("1002", 0, 5000 + n)) for n in range(2100)]),
        L(
            *[
                voucher(
                    d(3, 3),
                    ("5001", round(10 ** (1 + 3 * (n + 0.5) / 2100), 2), 0),
                    ("1002", 0, round(10 ** (1 + 3 * (n + 0.5) / 2100), 2)),
                )
                for n in range(2100)
            ]
        ),
    ),
    "T11": (
        L(*[spent(d(3, n), 100 + n, party="甲公司") for n in range(1, 6)], spent(d(3, 9), 90000, party="甲公司")),
        L(*[spent(d(3, n), 100 + n, party="甲公司") for n in range(1, 6)], spent(d(3, 9), 900, party="甲公司")),
    ),
    "T13": (L(voucher(d(3, 3), ("5001", 100, 0), ("1002", 0, 100))), L(spent(d(3, 3), 100))),
    "T14": (
        {("balances", Y, 2): [bal("1002", 0, 10, 0, 10)], "balances": [bal("1002", 20, 10, 0, 30)]},
        {("balances", Y, 2): [bal("1002", 0, 10, 0, 10)], "balances": [bal("1002", 10, 10, 0, 20)]},
    ),
}


def lease(**more: Any) -> dict[str, Any]:
    return {"number": "Z1", "asset": "门面房", "lessee": "丁公司", "month_fen": fen(1000), "starts_on": d(1, 1, 2023),
            "ends_on": d(12, 31, 2026), "approval_no": "准1", **more}  # fmt: skip


def bids(*tenders: tuple[int, int], winner: Any = lambda n: "甲公司") -> list[dict[str, Any]]:
    return [
        {"tender": f"C{n}", "opened_on": d(3, n), "bidder": bidder, "price_fen": fen(price), "won": bidder == winner(n)}
        for n, prices in enumerate(tenders, 1)
        for bidder, price in zip(("甲公司", "乙公司"), prices, strict=True)
    ]


def fuel(litres: int, day: date, km: int) -> dict[str, Any]:
    return {"plate": "津A1", "day": day, "item": "加油", "volume_cl": litres * 100, "tank_cl": 6000, "odometer_km": km,
            "amount_fen": litres * 800}  # fmt: skip


def final(basic: Any, public: Any) -> list[dict[str, Any]]:
    return [{"sheet": sheet, "econ": "30217", "item": "公务接待费", "amount_fen": fen(amount)}
            for sheet, amount in (("一般公共预算基本支出表", basic), ("三公经费支出表", public))]  # fmt: skip


def pattern(odd: bool) -> list[dict[str, Any]]:
    """40 purchases of supplies and 40 of property services, and one of each other's."""
    rows = [line for n in range(1, 41) for line in
            [*spent(d(3, 3), 100 + n, party="文具店", econ="30201"), *spent(d(3, 3), 300 + n, party="物业", econ="30209")]]  # fmt: skip
    return rows + spent(d(3, 4), 777, party="文具店", econ="30209" if odd else "30201")


PLANTS |= {
    "A06": (
        L(voucher(d(3, 3), ("1002", 500, 0), ("4605", 0, 500), party="丁公司"), leases=[lease()]),
        L(voucher(d(3, 3), ("1002", 2000, 0), ("4605", 0, 2000), party="丁公司"), leases=[lease()]),
    ),
    "C08": (
        {"bank": [bank(d(3, 3), 900, party="张三", summary="代收摊位费")], "staff": [person(name="张三")]},
        {"bank": [bank(d(3, 3), 900, party="张三", summary="归还差旅借款")], "staff": [person(name="张三")]},
    ),
    "V06": (
        {"holdings": [{"investee": "戊公司", "status": "存续"}], "investments": [invested()], "lines": QUIET},
        {"holdings": [{"investee": "乙公司", "status": "存续"}], "investments": [invested()], "lines": QUIET},
    ),
    "P10": (
        {"vehicles": [fuel(50, d(3, 3), 1000), fuel(70, d(3, 10), 1600)]},
        {"vehicles": [fuel(50, d(3, 3), 1000), fuel(55, d(3, 10), 1600)]},
    ),
    "P14": (
        {"reports": final(900, 500), "lines": QUIET},
        {"reports": final(400, 500), "lines": QUIET},
    ),
    "G09": (
        {"bids": bids((100, 110), (200, 220), (300, 330))},
        {"bids": bids((100, 110), (200, 205), (300, 345))},
    ),
    "T12": (L(pattern(odd=True)), L(pattern(odd=False))),
}
LOCAL = {
    "C02": ("limit_yuan", 6000),
    "W05": ("limit_yuan", 20000),
    "P06": ("limit_yuan", 100),
    "G02": ("limit_yuan", 500000),
    "G03": ("limit_yuan", 500000),
}
