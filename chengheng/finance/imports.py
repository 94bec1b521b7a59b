"""Evidence out of spreadsheets and GB/T 24589 files: each file becomes batches, one for each unit and period in it.

Spreadsheets go through `common.intake` (headings recognised, mapping remembered, each problem named by sheet, row and
column). Ledgers repeat or leave out the voucher's head in its further lines: it is filled down; totals are passed over.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import InvalidOperation
from typing import Any, BinaryIO

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from chengheng.common import intake
from chengheng.common.intake import (
    Field,
    Importer,
    Problems,
    Rows,
    boolean,
    choice,
    decimal,
    integer,
    money_fen,
    organisation,
    text,
)
from chengheng.common.intake import date as day
from chengheng.common.people import access
from chengheng.finance import actions, engine
from chengheng.finance.errors import NotUndone, OutOfBalance, Unreadable
from chengheng.finance.models import BatchKind, EvidenceBatch, FormKind, Unit
from chengheng.finance.registers24589 import Registers, day_of, fen
from chengheng.finance.rules.catalogue import econ_of, plain_account
from chengheng.protocols import gbt24589

_ANY = money_fen(low=-(10**15))
_TOTALS = re.compile(r"^(合\s*计|小\s*计|总\s*计|本月合计|本年累计|承前页|过次页|期初余额|月初余额|年初余额)")
UNIT = Field(
    "unit", _("Unit"), parse=organisation, aliases=("单位", "单位名称", "公司", "账套名称", "核算主体", "单位编码")
)
YEAR = Field("year", _("Fiscal year"), parse=integer(2000, 2100), aliases=("会计年度", "年度", "FYEAR"))
PERIOD = Field(
    "period", _("Period"), parse=integer(0, 12), aliases=("会计期间", "期间", "月份", "月", "FPERIOD", "会计期间号")
)


_TOTAL_DAY = date.min


class LedgerDay(day):
    """A date, or the word of a total row in the date's column (a sentinel that `totals` knows)."""

    def parse(self, value: Any) -> date:
        if isinstance(value, str) and _TOTALS.match(value.strip()):
            return _TOTAL_DAY
        return super().parse(value)

    __call__ = parse


class litres(decimal):
    """Litres with two places at most, kept as integer hundredths."""

    def __init__(self) -> None:
        super().__init__(0, 100_000, places=2)

    def parse(self, value: Any) -> int:
        return int(super().parse(value) * 100)

    __call__ = parse


class EvidenceImporter(Importer):
    """What all imports of evidence share: the unit, the split by unit and period, no undo."""

    act = "finance.batch.import"
    kind: str = ""
    yearly = False

    def check(self, rows: Rows, problems: Problems) -> None:
        own = getattr(self.actor, "organisation", None)
        refused: dict[Any, Any] = {}
        named = rows.columns.get("unit") or [None] * len(rows)
        for index, (organisation_, place) in enumerate(
            zip(self.organisations(rows, own), self.places(rows), strict=True)
        ):
            key = (organisation_ and organisation_.pk, named[index] is None)
            if key not in refused:
                refused[key] = self.refusal(organisation_, named=named[index] is not None)
            if refused[key]:
                problems.add(rows[index], "unit", refused[key])
            elif place is None:
                problems.add(rows[index], "period", _("Neither a date nor a year and period is given."))
            if problems.count > 1000:
                return

    def refusal(self, organisation_: Any, *, named: bool = True) -> Any:
        """Why nothing may be imported for the organisation (`named` in the row, else the actor's own); "" when it may."""
        if organisation_ is None:
            return _("The unit is missing.")
        unit = Unit.objects.filter(organisation=organisation_).select_related("organisation").first()
        if unit is None:  # who imports for others and names nobody has left the cell empty
            return _("This is not a unit under financial supervision.") if named else _("The unit is missing.")
        return "" if access.may(self.actor, self.act, unit) else _("You may not import for this unit.")

    def organisations(self, rows: Rows, own: Any) -> list[Any]:
        """Whose each row is: the unit that it names, else the actor's own organisation."""
        return [one or own for one in rows.columns.get("unit") or [None] * len(rows)]

    def places(self, rows: Rows) -> list[tuple[int, int] | None]:
        """The fiscal year and period of each row; None where it says neither a date nor a year and period."""
        nothing = [None] * len(rows)
        dated = ("day", "signed_on", *(("opened_on",) if self.kind == "bids" else ()))
        years, periods = (rows.columns.get(name) or nothing for name in ("year", "period"))
        days = [rows.columns.get(name) or nothing for name in dated]
        known: dict[Any, tuple[int, int] | None] = {}
        found = []
        for said in zip(years, periods, *days, strict=True):
            if said not in known:
                known[said] = self._place(said[0], said[1], next((on for on in said[2:] if on), None))
            found.append(known[said])
        return found

    def _place(self, year: int | None, period: int | None, on: date | None) -> tuple[int, int] | None:
        year = year or (on.year if on else None)
        if year is None:
            return None
        if self.yearly:
            return year, 0
        if period is None:
            period = on.month if on else None
        return None if period is None else (year, period)

    def stored(self, rows: Rows) -> dict[str, Sequence[Any]]:
        """The columns as they are stored, and `row`, their place in the file."""
        kept = {name: column for name, column in rows.columns.items() if name not in {"unit", "year", "period"}}
        return {**kept, "row": rows.numbers}

    def commit(self, rows: Rows, batch: Any, actor: Any) -> int:
        split: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        owners = self.organisations(rows, getattr(actor, "organisation", None))
        for index, (organisation_, place) in enumerate(zip(owners, self.places(rows), strict=True)):
            if place is not None:
                split[organisation_.pk, *place].append(index)
        units = {unit.organisation_id: unit for unit in Unit.objects.filter(organisation__in={key[0] for key in split})}
        stored = self.stored(rows)
        for (organisation_id, year, period), chosen in sorted(split.items(), key=lambda pair: pair[0]):
            columns = stored
            if len(chosen) < len(rows):
                columns = {name: [column[index] for index in chosen] for name, column in stored.items()}
            actions.store_columns(actor, units[organisation_id], self.kind, year, period, columns, origin=batch.name)
        return sum(map(len, split.values()))

    def undo(self, batch: Any, actor: Any) -> None:
        raise NotUndone

    def done_url(self, batch: Any) -> str:
        from django.urls import reverse

        return reverse("finance:batches")


@intake.register
class LedgerImporter(EvidenceImporter):
    """序时账 in the layouts of 用友, 金蝶 and others: one row a voucher line, amounts in two columns or with a side."""

    code = "finance.lines"
    title = _("Voucher lines (ledger)")
    kind = BatchKind.LINES
    fields = (
        UNIT,
        YEAR,
        PERIOD,
        Field(
            "day", _("Date"), parse=LedgerDay, aliases=("日期", "制单日期", "凭证日期", "记账日期", "FDATE", "业务日期")
        ),
        Field(
            "word",
            _("Voucher word"),
            parse=text(12),
            aliases=("凭证字", "凭证类型", "凭证类别", "类别字", "FGROUP", "字"),
        ),
        Field(
            "number",
            _("Voucher number"),
            parse=text(24),
            aliases=("凭证号", "凭证编号", "凭证号数", "凭证字号", "FNUM", "号"),
        ),
        Field(
            "line",
            _("Line of the voucher"),
            parse=integer(0, 100000),
            aliases=("分录号", "行号", "分录", "FENTRYID", "分录序号"),
        ),
        Field("summary", _("Summary"), parse=text(300), aliases=("摘要", "FEXP")),
        Field(
            "account",
            _("Ledger account"),
            parse=text(40),
            aliases=("科目编码", "科目代码", "科目编号", "科目", "FACCTID", "会计科目"),
        ),
        Field("account_name", _("Account name"), parse=text(120), aliases=("科目名称", "科目全称", "会计科目名称")),
        Field(
            "econ",
            _("Economic class"),
            parse=text(40),
            aliases=("经济分类", "部门经济分类", "支出经济分类", "经济科目"),
        ),
        Field("project", _("Project"), parse=text(120), aliases=("项目", "项目名称", "预算项目", "核算项目1")),
        Field(
            "party",
            _("Counterparty"),
            parse=text(120),
            aliases=("往来单位", "供应商", "客户", "收款人", "对方单位", "个人", "往来"),
        ),
        Field("debit_fen", _("Debit"), parse=_ANY, aliases=("借方金额", "借方", "借方本币", "FDEBIT", "借方本币金额")),
        Field(
            "credit_fen", _("Credit"), parse=_ANY, aliases=("贷方金额", "贷方", "贷方本币", "FCREDIT", "贷方本币金额")
        ),
        Field("side", _("Side"), parse=text(4), aliases=("方向", "借贷方向", "FDC", "借贷")),
        Field("amount_fen", _("Amount"), parse=_ANY, aliases=("金额", "本币金额", "原币金额")),
        Field("invoice", _("Invoice number"), parse=text(40), aliases=("发票号", "票据号", "结算号", "票号")),
        Field(
            "attachments",
            _("Attachments"),
            parse=integer(0, 30000),
            aliases=("附件数", "附单据数", "附件数量", "附件张数"),
        ),
        Field("maker", _("Made by"), parse=text(40), aliases=("制单人", "制单", "FPREPARE")),
        Field("reviewer", _("Reviewed by"), parse=text(40), aliases=("审核人", "审核")),
        Field("poster", _("Posted by"), parse=text(40), aliases=("记账人", "过账人", "记账")),
        Field("cashier", _("Cashier"), parse=text(40), aliases=("出纳", "出纳人")),
        Field("void", _("Void"), parse=boolean, aliases=("作废", "作废标志")),
    )
    help = _(
        "The head of a voucher may stand in its first line only. Totals are passed over. A number like 记-12 is split."
    )

    def check(self, rows: Rows, problems: Problems) -> None:
        self._fill_down(rows)
        kept = [not total for total in totals(rows)]
        for name, message in (
            ("number", _("The voucher number is missing.")),
            ("account", _("The account is missing.")),
        ):
            for index, value in enumerate(rows.columns.get(name) or [None] * len(rows)):
                if not value and kept[index]:
                    problems.add(rows[index], name, message)
        sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
        for whose, number, debit, credit, good in zip(
            self.organisations(rows, None), rows.numbers, *amounts(rows), kept, strict=True
        ):
            if good:
                found = sums[whose and whose.pk]
                found[0] += debit
                found[1] += credit
                found[2] = number
        for debit, credit, number in sums.values():
            if debit != credit:
                problems.add(
                    number,
                    "debit_fen",
                    _("Debit %(debit)s and credit %(credit)s of the whole file do not agree: something is missing.")
                    % {"debit": engine.yuan(debit), "credit": engine.yuan(credit)},
                )
        super().check(rows, problems)

    def _fill_down(self, rows: Rows) -> None:
        if self._filled is not rows:
            fill_down(rows)
            self._filled = rows

    _filled: Rows | None = None

    def stored(self, rows: Rows) -> dict[str, Sequence[Any]]:
        kept = dict(super().stored(rows))
        empty = [""] * len(rows)
        words, numbers, accounts, econs = (
            [cell or "" for cell in kept.get(name, empty)] for name in ("word", "number", "account", "econ")
        )
        pairs = list(zip(words, numbers, strict=True))
        halves = {pair: split_number(*pair) for pair in set(pairs)}
        plain = {account: plain_account(account)[:40] for account in set(accounts)}
        classed = list(zip(accounts, econs, strict=True))
        classes = {pair: econ_of(*pair) for pair in set(classed)}
        debits, credits_ = amounts(rows)
        for name in ("side", "amount_fen"):
            kept.pop(name, None)
        return {
            **kept,
            "word": [halves[pair][0] for pair in pairs],
            "number": [halves[pair][1] for pair in pairs],
            "account": [plain[account] for account in accounts],
            "econ": [classes[pair] for pair in classed],
            "debit_fen": debits,
            "credit_fen": credits_,
        }

    def commit(self, rows: Rows, batch: Any, actor: Any) -> int:
        self._fill_down(rows)
        return super().commit(rows.keep([not total for total in totals(rows)]), batch, actor)

    def places(self, rows: Rows) -> list[tuple[int, int] | None]:
        days = rows.columns.get("day") or [None] * len(rows)
        return [
            (0, 0) if total else place if day else None
            for total, day, place in zip(totals(rows), days, super().places(rows), strict=True)
        ]


_HEAD = ("unit", "year", "period", "day", "word", "number", "attachments", "maker", "reviewer", "poster", "cashier")


def fill_down(rows: Rows) -> None:
    """Give a voucher's further lines the head that stands in its first one only."""
    columns = rows.columns
    numbers = columns.get("number")
    if numbers is None:
        return
    heads = [name for name in _HEAD if name in columns and name != "number"]
    days = columns.get("day", [])
    for index in range(1, len(numbers)):
        if rows.sheets[index] != rows.sheets[index - 1] or (days and _TOTAL_DAY in (days[index], days[index - 1])):
            continue
        if numbers[index] in (None, ""):
            numbers[index] = numbers[index - 1]
            for name in heads:
                if columns[name][index] in (None, ""):
                    columns[name][index] = columns[name][index - 1]
        else:
            for name in ("unit", "year", "period", "day", "word"):
                if name in columns and columns[name][index] in (None, ""):
                    columns[name][index] = columns[name][index - 1]


def totals(rows: Rows) -> list[bool]:
    """Which rows are totals or carried-over balances, not voucher lines."""
    columns, size = rows.columns, len(rows)
    found = [day == _TOTAL_DAY for day in columns.get("day") or [None] * size]
    accounts, summaries = (columns.get(name) or [None] * size for name in ("account", "summary"))
    for name in ("summary", "number", "account", "word", "account_name"):
        column = columns.get(name)
        words = {word for word in set(column or ()) if word and _TOTALS.match(str(word))}
        if column and words:
            for index, word in enumerate(column):
                if word in words:
                    begin = str(summaries[index] or "")[:4]
                    found[index] = found[index] or not (accounts[index] and begin in ("", "期初建账"))
    return found


def amounts(rows: Rows) -> tuple[list[int], list[int]]:
    """Debits and credits in fen of rows with two columns, or with an amount and its side."""
    nothing = [None] * len(rows)
    debits, credits_ = ([fen or 0 for fen in rows.columns.get(name) or nothing] for name in ("debit_fen", "credit_fen"))
    sides, given = (rows.columns.get(name) or nothing for name in ("side", "amount_fen"))
    if any(amount is not None for amount in given):
        for index, amount in enumerate(given):
            if amount is not None and not debits[index] and not credits_[index]:
                on_credit = str(sides[index] or "").strip() in ("贷", "C", "贷方", "0", "-1")
                (credits_ if on_credit else debits)[index] = amount
    return debits, credits_


_NUMBER = re.compile(r"^(.*?)[\s\-－—]*0*(\d+)号?$")


def split_number(word: str, number: str) -> tuple[str, str]:
    """("", "记-0012") → ("记", "12")."""
    found = _NUMBER.match(number.strip())
    if not found:
        return word, number
    return (word or found[1].strip("-－— "))[:12], found[2]


def _simple(kind: str, title: Any, fields: Iterable[Field], *, yearly: bool = False, help: Any = "") -> type[Importer]:
    return intake.register(
        type(
            f"{kind.title()}Importer",
            (EvidenceImporter,),
            {
                "code": f"finance.{kind}",
                "title": title,
                "kind": kind,
                "yearly": yearly,
                "help": help,
                "__module__": __name__,
                "fields": (UNIT, YEAR, *(() if yearly else (PERIOD,)), *fields),
            },
        )
    )


def _money(name: str, label: Any, *aliases: str, required: bool = False, default: int | None = None) -> Field:
    return Field(name, label, required=required, parse=_ANY, aliases=aliases, default=default)


def _text(name: str, label: Any, *aliases: str, required: bool = False, most: int = 120) -> Field:
    return Field(name, label, required=required, parse=text(most), aliases=aliases)


def _day(name: str, label: Any, *aliases: str, required: bool = False) -> Field:
    return Field(name, label, required=required, parse=day, aliases=aliases)


_simple(
    "bank",
    _("Bank statement"),
    (
        _day("day", _("Date"), "交易日期", "日期", "记账日期", required=True),
        _text("account_no", _("Bank account"), "账号", "本方账号", required=True, most=40),
        _text("party", _("Counterparty"), "对方户名", "对方单位"),
        _text("party_account", _("Counterparty's account"), "对方账号", most=40),
        _text("summary", _("Summary"), "摘要", "用途", most=300),
        _money("in_fen", _("Amount received"), "收入", "贷方发生额", "贷方金额", default=0),
        _money("out_fen", _("Amount paid"), "支出", "借方发生额", "借方金额", default=0),
    ),
)
_simple(
    "cards",
    _("Official card statement"),
    (
        _day("day", _("Date"), "消费日期", "交易日期", required=True),
        _text("card_no", _("Card"), "卡号", required=True, most=30),
        _text("holder", _("Card holder"), "持卡人", required=True, most=40),
        _text("merchant", _("Merchant"), "商户", "商户名称"),
        _money("amount_fen", _("Amount"), "消费金额", "交易金额", "金额", required=True),
        _money("reimbursed_fen", _("Reimbursed"), "报销金额", default=0),
        _day("reimbursed_on", _("Reimbursed on"), "报销日期"),
        _text("swipe_no", _("Transaction number"), "交易流水号", "流水号", most=40),
    ),
)
_simple(
    "pay",
    _("Payroll"),
    (
        _text("id_no", _("Identity number"), "身份证号", "证件号码", required=True, most=30),
        _text("name", _("Name"), "姓名", required=True, most=40),
        _text("bank_account", _("Bank account"), "银行账号", "工资卡号", most=40),
        _money("pay_fen", _("Pay"), "应发工资", "应发合计", required=True),
        _money("base_fen", _("Contribution base"), "缴费基数", "社保基数"),
    ),
)
_simple(
    "staff",
    _("Staff roster"),
    (
        _text("id_no", _("Identity number"), "身份证号", "证件号码", required=True, most=30),
        _text("name", _("Name"), "姓名", required=True, most=40),
        _text("status", _("Status"), "人员状态", "状态", most=20),
        _day("left_on", _("Left on"), "离职日期", "退休日期"),
        _day("changed_on", _("Pay change approved on"), "调资日期"),
    ),
)
_simple(
    "balances",
    _("Account balances"),
    (
        _text("account", _("Ledger account"), "科目编码", "科目代码", "科目编号", required=True, most=40),
        _text("account_name", _("Account name"), "科目名称"),
        _money("opening_fen", _("Opening"), "期初余额", required=True),
        _money("debit_fen", _("Debit"), "本期借方", "借方发生额", required=True),
        _money("credit_fen", _("Credit"), "本期贷方", "贷方发生额", required=True),
        _money("closing_fen", _("Closing balance"), "期末余额", required=True),
    ),
    help=_("Balances on the credit side are negative."),
)
_simple(
    "assets",
    _("Asset cards"),
    (
        _text("number", _("Card number"), "卡片编号", "资产编号", required=True, most=40),
        _text("name", _("Name"), "资产名称", required=True),
        _text("category", _("Category"), "资产类别", most=60),
        _day("acquired_on", _("Acquired on"), "取得日期", "入账日期"),
        _money("cost_fen", _("Cost"), "原值", required=True),
        _money("depreciation_fen", _("Accumulated depreciation"), "累计折旧", default=0),
        _money("month_fen", _("Depreciation of the month"), "本月折旧"),
        Field("life_months", _("Life in months"), parse=integer(0, 1200), aliases=("使用月数",)),
        _text("state", _("State"), "使用状况", most=20),
        _day("idle_since", _("Idle since"), "闲置日期"),
        _day("checked_on", _("Last stock-take"), "盘点日期"),
        _day("removed_on", _("Removed on"), "减少日期"),
        _text("removal", _("Way of removal"), "处置方式", "减少原因", most=40),
        _text("approval_no", _("Approval number"), "审批文号", most=60),
        _text("valuation_no", _("Valuation number"), "评估报告号", most=60),
    ),
)
_simple(
    "budgets",
    _("Budgets and adjustments"),
    (
        _text("project", _("Project"), "项目", "项目名称", required=True),
        _text("econ", _("Economic class"), "经济分类", most=5),
        _money("budget_fen", _("Budget after adjustments"), "调整后预算", "预算数", "指标数", required=True),
        Field("carried_from", _("Carried over from"), parse=integer(2000, 2100), aliases=("结转年度",)),
    ),
    yearly=True,
)
_simple(
    "contracts",
    _("Contracts and procurement"),
    (
        _text("number", _("Contract number"), "合同编号", required=True, most=60),
        _text("name", _("Name"), "合同名称", most=200),
        _text("supplier", _("Supplier"), "供应商", "乙方", required=True),
        _text("supplier_account", _("Supplier's account"), "供应商账号", most=40),
        _day("registered_on", _("Supplier registered on"), "成立日期"),
        _money("capital_fen", _("Supplier's capital"), "注册资本"),
        _text("category", _("Category"), "采购品目", "品目", most=60),
        _text("method", _("Way of procurement"), "采购方式", most=40),
        _text("project", _("Project"), "项目", "项目名称"),
        _money("amount_fen", _("Amount"), "合同金额", required=True),
        _money("supplements_fen", _("Supplements"), "补充合同金额", default=0),
        _day("signed_on", _("Signed on"), "签订日期", required=True),
        _day("filed_on", _("Filed on"), "备案日期"),
    ),
)
_simple(
    "forms",
    _("Reception, travel, meeting and training forms"),
    (
        Field("kind", _("Kind"), required=True, parse=choice(FormKind), aliases=("类型", "单据类型")),
        _text("number", _("Document number"), "单号", "编号", required=True, most=60),
        _day("day", _("Date"), "日期", "开始日期", required=True),
        _day("until", _("Until"), "结束日期"),
        _text("person", _("Person"), "人员", "出差人", most=40),
        *(
            Field(name, label, parse=integer(0, 10000), aliases=(alias,))
            for name, label, alias in (
                ("guests", _("Guests"), "来宾人数"),
                ("escorts", _("Escorts"), "陪餐人数"),
                ("people", _("Number of people"), "参会人数"),
            )
        ),
        _text("grade", _("Class of meeting"), "会议类别", most=20),
        _money("amount_fen", _("Amount"), "金额", required=True),
        _money("lodging_fen", _("Lodging per night"), "住宿费"),
        _text("place", _("Place"), "地点", "场所"),
        _text("items", _("Items on the list"), "清单", most=300),
        Field("designated", _("Designated place"), parse=boolean, aliases=("定点",)),
        _text("approval_no", _("Approval number"), "审批单号", most=60),
        *(
            Field(name, label, parse=boolean, aliases=(alias,))
            for name, label, alias in (
                ("letter", _("Official letter"), "公函"),
                ("list_given", _("List of guests"), "接待清单"),
                ("invoice", _("Invoice given"), "发票"),
            )
        ),
    ),
)
_simple(
    "accounts",
    _("Bank account register"),
    (
        _text("account_no", _("Bank account"), "账号", required=True, most=40),
        _text("bank", _("Bank"), "开户行"),
        _text("kind", _("Kind of account"), "账户性质", most=30),
        _text("approval_no", _("Approval number"), "批复文号", "备案号", most=60),
        _day("opened_on", _("Opened on"), "开户日期"),
        _day("closed_on", _("Closed on"), "销户日期"),
    ),
)
_simple(
    "investments",
    _("Investment register"),
    (
        _text("investee", _("Investee"), "被投资单位", required=True),
        _text("product", _("Kind of investment"), "投资品种", most=40),
        _text("funds", _("Source of funds"), "资金来源", most=40),
        _money("amount_fen", _("Amount"), "投资额", required=True),
        _day("invested_on", _("Invested on"), "投资日期", required=True),
        _text("approval_no", _("Approval number"), "审批文号", most=60),
        _money("distributed_fen", _("Distributed this year"), "本年分配", default=0),
        _day("last_income_on", _("Last income"), "最近收益日期"),
        _money("equity_fen", _("Investee's equity"), "净资产"),
    ),
)


_simple(
    "leases",
    _("Lease register"),
    (
        _text("number", _("Lease number"), "合同编号", "出租合同号", required=True, most=60),
        _text("asset", _("What is let"), "出租标的", "资产名称"),
        _text("lessee", _("Lessee"), "承租人", "承租方", required=True),
        _money("month_fen", _("Rent a month"), "月租金", required=True),
        _day("starts_on", _("Let from"), "起租日期", required=True),
        _day("ends_on", _("Let to"), "到期日期"),
        _text("approval_no", _("Approval number"), "审批文号", most=60),
    ),
)
_simple(
    "bids",
    _("Bids and quotations"),
    (
        _text("tender", _("Tender number"), "招标编号", "项目编号", required=True, most=60),
        _day("opened_on", _("Bids opened on"), "开标日期", required=True),
        _text("bidder", _("Bidder"), "投标人", "供应商", required=True),
        _money("price_fen", _("Price"), "投标报价", "报价", required=True),
        Field("won", _("Won"), parse=boolean, aliases=("中标", "是否中标"), default=False),
    ),
)
_simple(
    "vehicles",
    _("Vehicle log"),
    (
        _text("plate", _("Number plate"), "车牌号", "号牌", required=True, most=12),
        _day("day", _("Date"), "日期", required=True),
        _day("until", _("Until"), "结束日期"),
        _text("item", _("Item"), "事项", "费用类别", required=True, most=20),
        Field("volume_cl", _("Litres of fuel"), parse=litres(), aliases=("加油量", "升数", "加油升数")),
        Field("tank_cl", _("Litres of the tank"), parse=litres(), aliases=("油箱容积",)),
        Field("odometer_km", _("Odometer in km"), parse=integer(0, 9_999_999), aliases=("里程表", "里程表读数")),
        _money("amount_fen", _("Amount"), "金额", required=True),
    ),
)
_simple(
    "reports",
    _("Tables of the final accounts"),
    (
        _text("sheet", _("Name of the table"), "表名", "报表名称", required=True, most=60),
        _text("econ", _("Economic class"), "经济分类", "科目编码", most=5),
        _text("item", _("Item"), "项目", "科目名称"),
        _money("amount_fen", _("Amount"), "金额", "决算数", required=True),
    ),
    yearly=True,
)
_simple(
    "holdings",
    _("Shareholdings in the business register"),
    (
        _text("investee", _("Investee"), "企业名称", "被投资单位", required=True),
        _text("share", _("Share"), "持股比例", most=20),
        _day("registered_on", _("Registered on"), "登记日期"),
        _text("status", _("Status"), "登记状态", "状态", most=20),
    ),
    help=_("What the public business register says of the unit as a shareholder, not the unit's own register."),
)


# GB/T 24589

Progress = Callable[[int], None] | None
MOST_BATCHES = 240
"""Kinds × periods in one file: ten years of lines and balances."""

MOST_JSON = 64 * 1024 * 1024
"""A JSON file is read as a whole; a larger one must come as XML."""


@transaction.atomic
def import_24589(
    actor: Any, unit: Unit, source: bytes | BinaryIO, name: str, progress: Progress = None
) -> list[EvidenceBatch]:
    """The voucher lines and balances of a GB/T 24589 file (XML or JSON) of one unit, kept as they are read, and its asset
    cards, staff and payroll when it has ended.

    Memory does not grow with an XML file's lines. `progress(records)` is called now and then. Nothing is kept when the file
    ends badly. Unreadable, OutOfBalance, SameBatch.
    """
    access.require(actor, "finance.batch.import", unit)
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    coming: dict[tuple[str, int, int], actions.Incoming] = {}

    def keep(kind: str, row: dict[str, Any]) -> None:
        key = kind, row.pop("year"), row.pop("period")
        if key not in coming:
            if len(coming) >= MOST_BATCHES:
                raise ValueError("too many periods")
            coming[key] = actions.open_batch(actor, unit, *key, origin=name)
        coming[key].add(row)

    registers = Registers()
    place = 0
    try:
        for number, record in enumerate(_records(stream)):
            place = record.place
            if record.table == "voucher_line":
                keep("lines", _voucher_line(record.fields, place))
            elif record.table == "balance" and record.fields.get("year"):
                keep("balances", _balance(record.fields, place))
            else:
                registers.take(record)
            if progress is not None and number % 5_000 == 0:
                progress(number)
        for _kind, year, period in coming:
            registers.seen((year, period))
        for kind, year, period, row in registers.rows():
            keep(kind, {**row, "year": year, "period": period})
    except gbt24589.Malformed as error:
        raise Unreadable(reason=error.reason, line=error.line) from error
    except (KeyError, ValueError, InvalidOperation) as error:
        raise Unreadable(reason=str(error)[:100], line=place) from error
    if not coming:
        raise Unreadable(reason=_("no voucher lines, balances, asset cards or payroll"), line=0)
    made = []
    for (kind, _year, _period), one in sorted(coming.items(), key=lambda pair: pair[0]):
        if kind == "lines" and one.debit != one.credit:
            raise OutOfBalance(debit=engine.yuan(one.debit), credit=engine.yuan(one.credit))
        made.append(one.end())
    for year, period in sorted({(batch.year, batch.period) for batch in made}):
        engine.run(unit, year, period)
    return made


def _records(stream: BinaryIO) -> Iterator[gbt24589.Record]:
    head = stream.read(64)
    stream.seek(0)
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return gbt24589.read_xml(stream)
    content = stream.read(MOST_JSON + 1)
    if len(content) > MOST_JSON:
        raise gbt24589.Malformed("JSON file larger than 64 MB")
    return gbt24589.read_json(content)


def _voucher_line(fields: Mapping[str, str], place: int) -> dict[str, Any]:
    on = day_of(fields["day"])
    period = int(fields.get("period") or on.month)
    if not 1 <= period <= 12:
        raise ValueError(f"period {period}")
    account = fields["account"]
    auxiliary = [value for key, value in fields.items() if key.startswith("aux")]
    limits = {
        "word": 12,
        "number": 24,
        "summary": 300,
        "account_name": 120,
        "invoice": 40,
        "maker": 40,
        "reviewer": 40,
        "poster": 40,
        "cashier": 40,
    }
    return {
        "year": int(fields.get("year") or on.year),
        "period": period,
        "row": place,
        "day": on,
        "line": int(fields.get("line") or 0),
        "account": plain_account(account)[:40],
        "econ": econ_of(account, *auxiliary),
        "debit_fen": fen(fields.get("debit", "")),
        "credit_fen": fen(fields.get("credit", "")),
        "attachments": int(fields["attachments"]) if fields.get("attachments") else None,
        "void": fields.get("void") in ("1", "true", "是"),
        **{name: fields.get(name, "")[:most] for name, most in limits.items()},
    }


def _balance(fields: Mapping[str, str], place: int) -> dict[str, Any]:
    def signed(name: str) -> int:
        amount = fen(fields.get(name, ""))
        return -amount if fields.get(f"{name}_side") in ("贷", "贷方", "C") else amount

    period = int(fields.get("period") or 12)
    if not 1 <= period <= 12:
        raise ValueError(f"period {period}")
    return {
        "year": int(fields["year"]),
        "period": period,
        "row": place,
        "account": plain_account(fields["account"])[:40],
        "account_name": fields.get("account_name", "")[:120],
        "opening_fen": signed("opening"),
        "debit_fen": fen(fields.get("debit", "")),
        "credit_fen": fen(fields.get("credit", "")),
        "closing_fen": signed("closing"),
    }
