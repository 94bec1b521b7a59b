"""A bulletin as .docx and .xlsx: the frozen rows and nothing else, with the hash that proves them. Chinese in every language."""

from __future__ import annotations

import io
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Pt
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from chengheng.patrol.bulletins import SHOWN_COUNTS, SHOWN_RATIOS
from chengheng.patrol.models import Bulletin
from chengheng.patrol.rules.statistics import COUNTS, RATIOS, REWORK_RATE

_FONT = "宋体"
_COUNT = {count.code: count.term for count in COUNTS}
_RATIO = {ratio.code: ratio.term for ratio in (*RATIOS, REWORK_RATE)}


def title(bulletin: Bulletin) -> str:
    """The heading of the document."""
    month = f"{bulletin.month // 100}年{bulletin.month % 100}月"
    edition = f"（第{bulletin.edition}版）" if bulletin.edition > 1 else ""
    return f"城市管理案件{month}通报{edition}"


def _headings() -> dict[str, str]:
    with translation.override("zh-hans"):
        return {
            "district": pgettext("case", "Districts"), "department": _("Departments"), "collector": _("Collectors"),
            "receptionist": _("Receptionists"), "duty_chief": _("Duty chiefs"), "dispatcher": _("Dispatchers"),
        }  # fmt: skip


def _proof(bulletin: Bulletin) -> list[str]:
    rules = bulletin.rules
    return [
        f"统计截至 {timezone.localtime(bulletin.as_of):%Y-%m-%d %H:%M}；工作日历第 {bulletin.calendar_version} 版；"
        f"评分规则：{rules['name']}（{rules['source']}）。",
        *([f"说明：{bulletin.note}"] if bulletin.note else []),
        f"SHA-256：{bulletin.sha256}",
    ]


def _lines(bulletin: Bulletin, name: str) -> list[list[Any]]:
    return [
        [row["label"], row["score"], row["grade"], *(row["counts"][code] for code in SHOWN_COUNTS),
         *(row["ratios"].get(code) for code in SHOWN_RATIOS)]
        for row in bulletin.rows.get(name, ())
    ]  # fmt: skip


HEAD = ["名称", "得分", "等级", *(_COUNT[c] for c in SHOWN_COUNTS), *(f"{_RATIO[r]}(%)" for r in SHOWN_RATIOS)]


def docx(bulletin: Bulletin, objects: list[str]) -> bytes:
    """The bulletin as a Word document, landscape, one table for each kind of object."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = section.page_height, section.page_width
    style = document.styles["Normal"]
    style.font.name, style.font.size = _FONT, Pt(9)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
    document.add_heading(title(bulletin), 0)
    headings = _headings()
    for name in objects:
        document.add_heading(headings[name], 1)
        lines = _lines(bulletin, name)
        table = document.add_table(rows=1 + len(lines), cols=len(HEAD), style="Table Grid")
        for number, line in enumerate([HEAD, *lines]):
            for cell, value in zip(table.rows[number].cells, line, strict=True):
                cell.text = "—" if value is None else ILLEGAL_CHARACTERS_RE.sub("", str(value))
    for text in _proof(bulletin):
        document.add_paragraph(text)
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def xlsx(bulletin: Bulletin, objects: list[str]) -> bytes:
    """The bulletin as a workbook: a sheet for each kind of object, numbers as numbers, text never a formula."""
    book = Workbook()
    book.remove(book.worksheets[0])
    headings = _headings()
    for name in objects:
        sheet = book.create_sheet(headings[name])
        sheet.append([title(bulletin)])
        sheet.append(HEAD)
        for number, line in enumerate(_lines(bulletin, name), start=3):
            for column, value in enumerate(line, start=1):
                cell = sheet.cell(number, column)
                if column in (1, 3):
                    cell.value = ILLEGAL_CHARACTERS_RE.sub("", str(value))
                    cell.data_type = "s"
                elif value is not None:
                    cell.value = float(value) if isinstance(value, str) else value
        for text in _proof(bulletin):
            sheet.append([])
            cell = sheet.cell(sheet.max_row + 1, 1, ILLEGAL_CHARACTERS_RE.sub("", text))
            cell.data_type = "s"
        for cells in sheet.iter_rows(min_row=1, max_row=2):
            for cell in cells:
                cell.font = Font(_FONT, bold=True)
        sheet.column_dimensions[get_column_letter(1)].width = 24
        sheet.freeze_panes = "B3"
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()
