"""The self-evaluation in the official form (项目支出绩效自评表), as .docx and .xlsx. The form is Chinese in every language.

Layout: facts/domain.md §D.2 (published forms of 2022): head, four rows of money, the goals, then one line an indicator.
One grid describes the form; both writers lay it out with the same merged cells.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import Decimal

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side

from chengheng.performance.models import Attainment, EvaluationRow, SelfEvaluation
from chengheng.performance.rules.grammar import figure

COLUMNS = 10
WIDTHS = (9, 11, 13, 26, 15, 15, 13, 8, 8, 26)  # in characters
_LEVELS = {Attainment.REACHED: "达成年度指标", Attainment.PARTLY: "部分达成年度指标并具有一定效果",
           Attainment.MISSED: "未达成年度指标且效果较差"}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """A cell of the form: text at (row, column), so many rows and columns large."""

    row: int
    column: int
    text: str
    down: int = 1
    across: int = 1
    bold: bool = False


def wan(fen: int) -> str:
    return f"{Decimal(fen) / 1_000_000:.2f}"


def form(evaluation: SelfEvaluation) -> list[Box]:
    """The boxes of the form, row by row from 0."""
    programme = evaluation.programme
    rate = "" if evaluation.rate is None else f"{evaluation.rate:.2f}%"
    boxes = [
        Box(0, 0, "项目名称", 1, 2, True), Box(0, 2, programme.name, 1, 8),
        Box(1, 0, "主管部门", 1, 2, True), Box(1, 2, evaluation.department, 1, 3),
        Box(1, 5, "实施单位", 1, 1, True), Box(1, 6, programme.unit_name, 1, 4),
        Box(2, 0, "项目资金（万元）", 5, 2, True), Box(2, 2, "", 1, 2), Box(2, 4, "年初预算数", 1, 1, True),
        Box(2, 5, "全年预算数", 1, 1, True), Box(2, 6, "全年执行数", 1, 1, True), Box(2, 7, "分值", 1, 1, True),
        Box(2, 8, "执行率", 1, 1, True), Box(2, 9, "得分", 1, 1, True),
        Box(3, 2, "年度资金总额", 1, 2), Box(3, 4, wan(evaluation.initial_fen)), Box(3, 5, wan(evaluation.budget_fen)),
        Box(3, 6, wan(evaluation.spent_fen)), Box(3, 7, figure(evaluation.execution_weight)), Box(3, 8, rate),
        Box(3, 9, figure(evaluation.execution_points)),
    ]  # fmt: skip
    # The ledger does not tell fiscal money from other money: only a programme of one kind has its split executed.
    only_fiscal = programme.budget_other_fen == 0
    for row, (name, initial, spent) in enumerate((
        ("其中：本年财政拨款", programme.budget_fiscal_fen, wan(evaluation.spent_fen) if only_fiscal else ""),
        ("上年结转资金", 0, ""),
        ("其他资金", programme.budget_other_fen, "" if not only_fiscal else "0.00"),
    ), start=4):  # fmt: skip
        budget = wan(evaluation.budget_fen) if row == 4 and only_fiscal else wan(initial)
        boxes += [Box(row, 2, name, 1, 2), Box(row, 4, wan(initial)), Box(row, 5, budget), Box(row, 6, spent)]
        boxes += [Box(row, column, "—") for column in (7, 8, 9)]
    boxes += [
        Box(7, 0, "年度总体目标", 2, 1, True), Box(7, 1, "预期目标", 1, 4, True), Box(7, 5, "实际完成情况", 1, 5, True),
        Box(8, 1, "\n".join(programme.goals), 1, 4), Box(8, 5, evaluation.done, 1, 5),
    ]  # fmt: skip
    rows = list(evaluation.rows.select_related("indicator"))
    boxes.append(Box(9, 0, "绩效指标", len(rows) + 1, 1, True))
    for column, (name, across) in {1: ("一级指标", 1), 2: ("二级指标", 1), 3: ("三级指标", 1), 4: ("年度指标值", 1),
                                   5: ("实际完成值", 1), 6: ("分值", 1), 7: ("得分", 1),
                                   8: ("偏差原因分析及改进措施", 2)}.items():  # fmt: skip
        boxes.append(Box(9, column, name, 1, across, True))
    row = 10
    for position, line in enumerate(rows):
        indicator = line.indicator
        if position == 0 or rows[position - 1].indicator.level1 != indicator.level1:
            same = 1
            while position + same < len(rows) and rows[position + same].indicator.level1 == indicator.level1:
                same += 1
            boxes.append(Box(row, 1, indicator.level1, same))
        name = indicator.description or indicator.level3
        boxes += [
            Box(row, 2, indicator.level2), Box(row, 3, name), Box(row, 4, indicator.target_text),
            Box(row, 5, actual(line)), Box(row, 6, figure(line.weight)), Box(row, 7, figure(line.points)),
            Box(row, 8, line.reason, 1, 2),
        ]  # fmt: skip
        row += 1
    boxes += [
        Box(row, 0, "总分", 1, 6, True),
        Box(row, 6, "100"),
        Box(row, 7, figure(evaluation.total)),
        Box(row, 8, "", 1, 2),
    ]
    return boxes


def actual(line: EvaluationRow) -> str:
    """What was reached, as the form says it; nothing recorded is said, never written as 0."""
    if line.actual is not None:
        return f"{figure(line.actual)}{line.indicator.unit}"
    return _LEVELS.get(Attainment(line.attainment), "") if line.attainment else "无佐证"


def title(evaluation: SelfEvaluation) -> tuple[str, str]:
    return "项目支出绩效自评表", f"（{evaluation.programme.year}年度）"


def docx(evaluation: SelfEvaluation) -> bytes:
    """The form as a Word document, A4 across."""
    document = Document()
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(1.5)
    style = document.styles["Normal"]
    style.font.name, style.font.size = "SimSun", Pt(9)
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "宋体")
    for text, size in zip(title(evaluation), (16, 11), strict=True):
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        run = paragraph.add_run(text)
        run.bold, run.font.size = size > 12, Pt(size)
    boxes = form(evaluation)
    table = document.add_table(max(box.row + box.down for box in boxes), COLUMNS)
    table.style = "Table Grid"
    table.autofit = False
    total = sum(WIDTHS)
    for index, width in enumerate(WIDTHS):
        table.columns[index].width = Cm(26.7 * width / total)
    for box in boxes:
        cell = table.cell(box.row, box.column)
        if box.down > 1 or box.across > 1:
            cell = cell.merge(table.cell(box.row + box.down - 1, box.column + box.across - 1))
        cell.text = box.text
        cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.LEFT if len(box.text) > 16 else WD_ALIGN_PARAGRAPH.CENTER
        for run in cell.paragraphs[0].runs:
            run.bold = box.bold
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def xlsx(evaluation: SelfEvaluation) -> bytes:
    """The form as a workbook that prints on one page's width."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "绩效自评表"
    for number, (text, size) in enumerate(zip(title(evaluation), (16, 11), strict=True), start=1):
        sheet.merge_cells(start_row=number, end_row=number, start_column=1, end_column=COLUMNS)
        head = sheet.cell(number, 1, text)
        head.font, head.alignment = Font("宋体", size, bold=size > 12), Alignment("center", "center")
    line = Side("thin")
    for index, width in enumerate(WIDTHS, start=1):
        sheet.column_dimensions[sheet.cell(3, index).column_letter].width = width
    boxes = form(evaluation)
    for row in range(max(box.row + box.down for box in boxes)):
        for column in range(COLUMNS):
            sheet.cell(row + 3, column + 1).border = Border(line, line, line, line)
    for box in boxes:
        cell = sheet.cell(box.row + 3, box.column + 1)
        cell.value = box.text
        cell.data_type = "s"  # a text is never a formula
        cell.font = Font("宋体", 10, bold=box.bold)
        cell.alignment = Alignment("left" if len(box.text) > 16 else "center", "center", wrap_text=True)
        if box.down > 1 or box.across > 1:
            sheet.merge_cells(
                start_row=box.row + 3, end_row=box.row + 2 + box.down,
                start_column=box.column + 1, end_column=box.column + box.across,
            )  # fmt: skip
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()
