"""Audit papers out of the data: 疑点清单, 整改台账, 三公经费统计表 (.xlsx), 审计工作底稿 (.docx). Chinese in every language.

Every paper carries who took it out and when (watermark line); a working paper prints the head hash of the doubt's
chain, so that a later rewrite of the record can be proved. Each export is kept in the trail.
"""

from __future__ import annotations

import io
from typing import Any

from django.db import transaction
from django.utils import timezone
from docx import Document
from docx.oxml.ns import qn
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from chengheng.common import trail
from chengheng.common.people import access
from chengheng.common.tables.exporting import is_formula
from chengheng.finance import queries
from chengheng.finance.engine import yuan
from chengheng.finance.models import Doubt, EvidenceBatch, Unit
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


@transaction.atomic
def book(kind: str, user: Any) -> tuple[str, bytes]:
    """(file name, content) of a list. The export is recorded with its number of rows."""
    rows = _MAKERS[kind](user)
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = BOOKS[kind]
    head = _HEADS[kind]
    for number, line in enumerate([[BOOKS[kind]], [_mark(user)], head, *rows], 1):
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


@transaction.atomic
def working_paper(doubt: Doubt, user: Any) -> bytes:
    """审计工作底稿 of a doubt: unit, matter, process, basis, evidence, conclusion, people and days, head of the chain."""
    finding, rule = doubt.finding, rules()[doubt.finding.rule]
    entries = list(trail.history(doubt))
    document = Document()
    font = document.styles["Normal"].font
    font.name = "SimSun"
    document.styles["Normal"].element.rPr.rFonts.set(qn("w:eastAsia"), "宋体")
    document.add_heading("审计工作底稿", 0)
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
