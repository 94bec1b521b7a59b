"""Audit papers out of the data: 疑点清单, 整改台账, 三公经费统计表 (.xlsx), 审计工作底稿 (.docx). Chinese in every language.

Every paper carries who took it out and when (watermark line); a working paper prints the head hash of the doubt's
chain, so that a later rewrite of the record can be proved. Each export is kept in the trail.
"""

from __future__ import annotations

import io
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from docx import Document
from docx.oxml.ns import qn
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from chengheng.common import trail
from chengheng.common.people import access
from chengheng.common.tables.exporting import is_formula
from chengheng.finance import dashboards, queries
from chengheng.finance.engine import yuan
from chengheng.finance.models import Aspect, Doubt, EvidenceBatch, Finding, RuleRun, Unit
from chengheng.finance.rules.catalogue import rules

BOOKS = {"doubts": "疑点清单", "rectification": "整改台账", "public": "三公经费统计表"}


def _day(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d}" if moment else ""


def _mark(user: Any) -> str:
    return f"导出人：{user}　导出时间：{timezone.localtime():%Y-%m-%d %H:%M:%S}　仅供审计工作使用"


def _doubts(user: Any) -> list[list[Any]]:
    rows = access.visible(
        user, "finance.paper.export", Doubt.objects.select_related("unit__organisation", "aspect", "finding")
    )
    return [
        [
            one.number,
            str(one.unit),
            one.aspect.name,
            f"{one.finding.rule}@{one.finding.version}",
            one.finding.level,
            one.title,
            _fen(one.finding.amount_fen),
            rules()[one.finding.rule].basis,
            one.state_label,
            _day(one.issued_at),
        ]
        for one in rows.order_by("pk")
    ]


def _rectification(user: Any) -> list[list[Any]]:
    rows = access.visible(
        user,
        "finance.paper.export",
        Doubt.objects.filter(confirmed=True).select_related("unit__organisation", "aspect", "finding"),
    )
    return [
        [
            one.number,
            str(one.unit),
            one.aspect.name,
            one.title,
            _fen(one.finding.amount_fen),
            _day(one.issued_at),
            one.explanation,
            _day(one.decided_at),
            _day(one.rectify_due_at),
            one.rectification,
            _day(one.rectified_at),
            ""
            if one.rectify_due_at is None or one.rectified_at is None
            else "是"
            if one.rectified_at <= one.rectify_due_at
            else "否",
            one.state_label,
            _day(one.closed_at),
        ]
        for one in rows.order_by("pk")
    ]


def _public(user: Any) -> list[list[Any]]:
    lines = []
    for unit in access.visible(user, "finance.paper.export", Unit.objects.select_related("organisation")):
        latest = (
            EvidenceBatch.objects.filter(unit=unit, current=True, kind="lines").order_by("-year", "-period").first()
        )
        if latest is None:
            continue
        for row in queries.public_spending(unit, latest.year, latest.period):
            lines.append(
                [
                    str(unit),
                    latest.year,
                    latest.period,
                    row["item"],
                    _fen(row["budget"]),
                    _fen(row["spent"]),
                    _fen(row["before"]),
                ]
            )
    return lines


def _fen(amount: int | None) -> Any:
    """Yuan for a cell; empty where nothing is known (never 0)."""
    from decimal import Decimal

    return "" if amount is None else Decimal(amount) / 100


_HEADS = {
    "doubts": ["编号", "被审计单位", "方面", "规则", "级别", "疑点", "金额（元）", "依据", "状态", "下达日期"],
    "rectification": [
        "编号",
        "被审计单位",
        "方面",
        "问题",
        "金额（元）",
        "下达日期",
        "单位说明",
        "确认日期",
        "整改期限",
        "整改情况",
        "整改报送日期",
        "是否按期",
        "状态",
        "销号日期",
    ],
    "public": ["单位", "年度", "截至期间", "项目", "预算（元）", "本年支出（元）", "上年同期（元）"],
}
_MAKERS = {"doubts": _doubts, "rectification": _rectification, "public": _public}


def _fill(sheet: Any, lines: list[list[Any]], user: Any) -> None:
    """Title, mark, heading and rows; text that looks like a formula stays text; who took it out stands in the footer."""
    head = lines[2]
    for number, line in enumerate(lines, 1):
        for column, value in enumerate(line, 1):
            cell = sheet.cell(number, column, value)
            if isinstance(value, str) and is_formula(value):
                cell.data_type = "s"
                cell.quotePrefix = True
            if number > 3 and not isinstance(value, str | int):
                cell.number_format = "#,##0.00"
            cell.alignment = Alignment(vertical="top", wrap_text=number > 2)
    sheet.cell(1, 1).font = Font(size=16, bold=True)
    for column in range(1, len(head) + 1):
        sheet.cell(3, column).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(column)].width = (
            34 if head[column - 1] in ("疑点", "问题", "依据", "单位说明", "整改情况") else 16
        )
    sheet.freeze_panes = "A4"
    sheet.oddFooter.center.text = _mark(user).replace("&", "&&")


@transaction.atomic
def book(kind: str, user: Any) -> tuple[str, bytes]:
    """(file name, content) of a list. The export is recorded with its number of rows."""
    rows = _MAKERS[kind](user)
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = BOOKS[kind]
    head = _HEADS[kind]
    _fill(sheet, [[BOOKS[kind]], [_mark(user)], head, *rows], user)
    out = io.BytesIO()
    workbook.save(out)
    trail.viewed(
        user,
        Doubt.objects.none() if kind != "public" else Unit.objects.none(),
        "finance.paper.export",
        paper=kind,
        rows=len(rows),
    )
    return f"{BOOKS[kind]}.xlsx", out.getvalue()


ANNUAL = {"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
          "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip


def _annual_tables(year: int, user: Any) -> list[tuple[str, list[str], list[list[Any]]]]:
    """The chapters of a year: heading, columns, rows; everything that the user may see."""
    units = access.visible(user, "finance.paper.export", Unit.objects.select_related("organisation"))
    findings = access.visible(user, "finance.paper.export", Finding.objects.filter(year=year, outdated_at__isnull=True))
    runs = access.visible(user, "finance.paper.export", RuleRun.objects.filter(year=year))
    doubts = access.visible(user, "finance.paper.export", Doubt.objects.filter(finding__year=year))
    by_aspect: dict[str, dict[str, Any]] = {row["aspect"]: dict(row) for row in findings.order_by().values("aspect").annotate(
        count=Count("pk"), high=Count("pk", filter=Q(level="高")), fen=Sum("amount_fen"))}  # fmt: skip
    taken: dict[str, dict[str, Any]] = {row["aspect"]: dict(row) for row in doubts.order_by().values("aspect").annotate(
        count=Count("pk"), proved=Count("pk", filter=Q(confirmed=True)), cleared=Count("pk", filter=Q(confirmed=False)),
        fen=Sum("finding__amount_fen", filter=Q(confirmed=True)),
        good=Count("pk", filter=Q(confirmed=True, rectified_at__lte=F("rectify_due_at"))),
        closed=Count("pk", filter=Q(state="closed")))}  # fmt: skip
    answered: dict[str, dict[str, Any]] = {row["aspect"]: dict(row) for row in runs.order_by().values("aspect").annotate(
        rules=Count("rule", filter=Q(outcome__in=("clean", "found")), distinct=True),
        units=Count("unit", filter=Q(outcome__in=("clean", "found")), distinct=True))}  # fmt: skip
    coverage, found, doubted = [], [], []
    none: dict[str, Any] = {}
    for one in Aspect.objects.all():
        said, put, asked = (known.get(one.pk, none) for known in (by_aspect, taken, answered))
        total = sum(rule.aspect == one.pk for rule in rules().values())
        coverage.append([one.name, total, asked.get("rules", 0), asked.get("units", 0), len(units)])
        found.append([one.name, said.get("count", 0), said.get("high", 0), _fen(said.get("fen"))])
        doubted.append(
            [
                one.name,
                *(put.get(name, 0) for name in ("count", "proved", "cleared", "good", "closed")),
                _fen(put.get("fen")),
            ]
        )
    lacking = [
        [code, rules()[code].name, number, "、".join(queries.kind_label(kind) for kind in sorted(kinds))]
        for code, (number, kinds) in sorted(_lacking(runs).items())
    ]
    per_unit = [
        [row["unit__organisation__name"], row["count"], row["high"], _fen(row["fen"])]
        for row in findings.order_by().values("unit__organisation__name").annotate(
            count=Count("pk"), high=Count("pk", filter=Q(level="高")), fen=Sum("amount_fen")).order_by("-count")
    ]  # fmt: skip
    public = []
    for unit in units:
        last = (
            EvidenceBatch.objects.filter(unit=unit, year=year, current=True, kind="lines").order_by("-period").first()
        )
        for row in queries.public_spending(unit, year, last.period) if last and unit.kind != "enterprise" else []:
            public.append([str(unit), row["item"], _fen(row["budget"]), _fen(row["spent"]), _fen(row["before"])])
    tops = dashboards.tops(user)
    whole = dashboards.consolidated(user, tops[0], year, 12)["table"] if tops else []
    items = {"income": "收入", "expense": "费用", "receivable": "应收款项本年变动", "payable": "应付款项本年变动"}
    return [
        ("监督覆盖", ["方面", "规则数", "给出结论的规则", "给出结论的单位", "被监督单位"], coverage),
        ("规则发现", ["方面", "发现数", "其中高级别", "涉及金额（元）"], found),
        ("各单位发现", ["单位", "发现数", "其中高级别", "涉及金额（元）"], per_unit),
        ("疑点与整改", ["方面", "立为疑点", "确认", "排除", "按期整改", "销号", "确认金额（元）"], doubted),
        ("三公经费", ["单位", "项目", "预算（元）", "本年支出（元）", "上年同期（元）"], public),
        ("合并收支", ["项目", "各单位合计（元）", "内部往来抵销（元）", "合并数（元）"],
         [[items[one["item"]], _fen(one["sum"]), _fen(one["inner"]), _fen(one["whole"])] for one in whole]),
        ("数据不足的规则", ["规则", "名称", "次数", "缺少的资料"], lacking),
    ]  # fmt: skip


def _lacking(runs: Any) -> dict[str, tuple[int, set[str]]]:
    found: dict[str, tuple[int, set[str]]] = {}
    for code, missing in runs.filter(outcome="insufficient").values_list("rule", "missing"):
        number, kinds = found.get(code, (0, set()))
        found[code] = number + 1, kinds | set(missing)
    return found


@transaction.atomic
def annual(year: int, form: str, user: Any) -> tuple[str, bytes]:
    """(file name, content) of the year's report, as a document ("docx") or as tables ("xlsx"). The export is recorded."""
    access.require(user, "finance.paper.export")
    title, chapters = f"{year} 年财务监督年度报告", _annual_tables(year, user)
    out = io.BytesIO()
    if form == "xlsx":
        workbook = Workbook()
        workbook.remove(workbook.worksheets[0])
        for heading, head, rows in chapters:
            sheet = workbook.create_sheet(heading)
            _fill(sheet, [[f"{title}　{heading}"], [_mark(user)], head, *rows], user)
        workbook.save(out)
    else:
        document = _document(title)
        for heading, head, rows in chapters:
            document.add_heading(heading, 1)
            if not rows:
                document.add_paragraph("无。")
                continue
            table = document.add_table(rows=1, cols=len(head), style="Table Grid")
            for cell, label in zip(table.rows[0].cells, head, strict=True):
                cell.text = label
            for row in rows:
                for cell, value in zip(table.add_row().cells, row, strict=True):
                    cell.text = (
                        "" if value == "" else f"{value:,.2f}" if not isinstance(value, str | int) else str(value)
                    )
        document.sections[0].footer.paragraphs[0].text = _mark(user)
        document.save(out)
    trail.viewed(
        user,
        Doubt.objects.none(),
        "finance.paper.export",
        paper=f"annual-{year}-{form}",
        rows=sum(len(rows) for _h, _c, rows in chapters),
    )
    return f"{title}.{form}", out.getvalue()


def _document(title: str) -> Any:
    document = Document()
    document.styles["Normal"].font.name = "SimSun"
    document.styles["Normal"].element.rPr.rFonts.set(qn("w:eastAsia"), "宋体")
    document.add_heading(title, 0)
    return document


@transaction.atomic
def working_paper(doubt: Doubt, user: Any) -> bytes:
    """审计工作底稿 of a doubt: unit, matter, process, basis, evidence, conclusion, people and days, head of the chain."""
    finding, rule = doubt.finding, rules()[doubt.finding.rule]
    entries = list(trail.history(doubt))
    document = _document("审计工作底稿")
    facts = [
        ("索引号", doubt.number),
        ("被审计单位", str(doubt.unit)),
        ("审计事项", f"{doubt.aspect.name} · {rule.name}"),
        ("会计期间", f"{finding.year} 年第 {finding.period} 期"),
        ("发现", finding.text),
        ("涉及金额", f"{yuan(finding.amount_fen)} 元"),
        ("规则与版本", f"{finding.rule}@{finding.version}；参数 {finding.parameters or '无'}"),
        ("依据", rule.basis),
        ("单位说明", doubt.explanation or "—"),
        ("结论", {True: "确认", False: "排除", None: "未定"}[doubt.confirmed]),
        ("整改情况", doubt.rectification or "—"),
        ("状态", doubt.state_label),
        ("编制人", _who(doubt.issued_by)),
        ("复核人", _who(doubt.decided_by)),
        ("编制日期", _day(doubt.issued_at)),
        ("复核日期", _day(doubt.decided_at)),
    ]
    table = document.add_table(rows=0, cols=2, style="Table Grid")
    for label, value in facts:
        cells = table.add_row().cells
        cells[0].text, cells[1].text = label, value
    document.add_heading("证据", 2)
    for kind, found in finding.batches.items():
        for pk, sha256 in found:
            document.add_paragraph(f"{queries.kind_label(kind)} 批次 {pk}，SHA-256 {sha256}", style="List Bullet")
    head, rows, _masked = queries.rows_of(finding, user, 50)
    if rows:
        evidence = document.add_table(rows=1, cols=len(head), style="Table Grid")
        for cell, label in zip(evidence.rows[0].cells, head, strict=True):
            cell.text = label
        for row in rows:
            for cell, value in zip(evidence.add_row().cells, row, strict=True):
                cell.text = str(value)
    document.add_heading("过程", 2)
    for entry in entries:
        document.add_paragraph(
            f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M} {entry.actor_label} {trail.acts.label(entry.act)} {entry.note}"
        )
    document.add_paragraph(f"记录链首哈希：{entries[-1].hash if entries else '—'}（共 {len(entries)} 条）")
    document.sections[0].footer.paragraphs[0].text = _mark(user)
    out = io.BytesIO()
    document.save(out)
    trail.viewed(user, doubt, "finance.paper.export", paper="working_paper")
    return out.getvalue()


def _who(person: Any) -> str:
    return str(person) if person else "—"
