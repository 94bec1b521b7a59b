"""The month's bulletin (月度通报) as .docx and .xlsx, from its frozen content. Official papers are Chinese in every language."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt
from openpyxl import Workbook
from openpyxl.styles import Font

Content = Mapping[str, Any]
UNIT = "克/平方米"
_VERDICTS = {"met": "达标", "missed": "超标", "incomplete": "未完成", "no_rule": "无适用标准"}
_LANES = {"fast": "快车道", "slow": "慢车道", "kerb": "路沿", "pavement": "便道"}
_GRADES = {1: "一级", 2: "二级", 3: "三级", 4: "四级"}


def title(content: Content) -> str:
    month = content["month"]
    return f"{month // 100}年{month % 100}月道路“以克论净”检测情况通报"


def _said(value: Any) -> str:
    return "—" if value in (None, "") else str(value)


def paragraphs(content: Content) -> list[str]:
    """The text of the bulletin."""
    found = [
        f"本月共检测道路{content['checks']}条次，有效点位{content['points']}个。全市道路尘土残存量加权均值为"
        f"{_said(content['mean'])}{UNIT}（95%置信区间{_said(content['low'])}至{_said(content['high'])}{UNIT}），"
        f"同比{_said(content['last_year'])}{UNIT}，环比{_said(content['last_month'])}{UNIT}。"
    ]
    if content.get("open"):
        found.append(f"本月计划检测{content['planned']}条次，发布时尚有{content['open']}条次没有结果，未计入本通报。")
    if content["judged"]:
        found.append(f"按“{content['rules']}”判定，达标{content['met']}条次，共判定{content['judged']}条次。")
    else:
        found.append("本月没有生效的限值，只公布数值，不作达标判定。")
    found.append(
        "排名区间相互重叠的区，差异在95%水平上不显著，排名先后不代表优劣。本通报数值为“以克论净”，不同于道路积尘负荷。"
    )
    return found


def sheets(content: Content, *, public: bool = False) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, heading, rows) of each table."""
    found = [
        ("各区排名", ["名次", "区", f"均值（{UNIT}）", "95%区间", "可分辨名次", "检测条次", f"同比（{UNIT}）", f"环比（{UNIT}）"],
         [[str(d["rank"]), d["name"], _said(d["mean"]), f"{_said(d['low'])}～{_said(d['high'])}",
           f"{d['best']}～{d['worst']}", str(d["checked"]), _said(d["last_year"]), _said(d["last_month"])]
          for d in content["districts"]]),
        ("按道路等级", ["等级", "检测条次", f"均值（{UNIT}）", "达标条次"],
         [[_GRADES.get(g["grade"], str(g["grade"])), str(g["checks"]), _said(g["mean"]), str(g["met"])]
          for g in content["by_grade"]]),
        ("按车道类型", ["车道类型", "有效点位", f"均值（{UNIT}）"],
         [[_LANES.get(one["lane"], one["lane"]), str(one["points"]), _said(one["mean"])] for one in content["by_lane"]]),
        ("尘土较多的道路", ["道路", "等级", f"数值（{UNIT}）", "判定"],
         [[w["road"], _GRADES.get(w["grade"], ""), _said(w["value"]), _VERDICTS.get(w["verdict"], "")]
          for w in content["worst"]]),
    ]  # fmt: skip
    if not public:
        rows = [[d["contractor"], str(d["roads"]), f"{d['amount_fen'] / 100:.2f}"] for d in content["deductions"]]
        found.append(("作业单位扣款", ["作业单位", "道路条次", "金额（元）"], rows))
    return found


def docx(content: Content) -> bytes:
    """The bulletin as a Word document."""
    document = Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = "SimSun", Pt(11)
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "宋体")
    head = document.add_paragraph()
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = head.add_run(title(content))
    run.bold, run.font.size = True, Pt(18)
    for text in paragraphs(content):
        document.add_paragraph(text).paragraph_format.first_line_indent = Pt(22)
    for name, heading, rows in sheets(content):
        document.add_paragraph().add_run(name).bold = True
        table = document.add_table(1, len(heading))
        table.style = "Table Grid"
        for cell, text in zip(table.rows[0].cells, heading, strict=True):
            cell.text = text
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def xlsx(content: Content) -> bytes:
    """The bulletin's tables as a workbook, one sheet each."""
    book = Workbook()
    first = book.active
    assert first is not None
    first.title = "通报"
    for line in [title(content), *paragraphs(content)]:
        first.append([line])
    for name, heading, rows in sheets(content):
        sheet = book.create_sheet(name)
        sheet.append(heading)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in rows:
            sheet.append(row)
        for line in sheet.iter_rows():
            for cell in line:
                cell.data_type = "s"  # a text is never a formula
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


FORMATS: dict[str, tuple[Callable[[Content], bytes], str]] = {
    "docx": (docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": (xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
