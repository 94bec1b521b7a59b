"""Workbooks (.xlsx): every visible sheet, merged cells, numbers as their cell shows them (0.9 as "90%" is "90%")."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from chengheng.performance.readers import Unreadable
from chengheng.performance.readers.guard import check_archive
from chengheng.performance.rules.grammar import figure
from chengheng.performance.rules.reading import Cell, Document, Row

_MOST_ROWS, _MOST_COLUMNS, _MOST_MERGES = 20_000, 120, 20_000


def read(content: bytes, name: str) -> Document:
    """Rows of the sheets one after another; "line" is the row of the sheet."""
    archive = check_archive(content, name)
    if "xl/workbook.xml" not in archive.namelist():
        raise Unreadable(name, "broken")
    try:
        book = load_workbook(io.BytesIO(content), data_only=True, keep_links=False)
        return Document(name, tuple(part for sheet in book.worksheets for part in _sheet(sheet, name)))
    except Unreadable:
        raise
    except Exception as error:  # openpyxl lets parser and key errors through for damaged workbooks
        raise Unreadable(name, "broken") from error


def _sheet(sheet: Any, name: str) -> Iterator[Row | Cell]:
    if sheet.sheet_state != "visible":
        return
    if sheet.max_row > _MOST_ROWS or len(sheet.merged_cells.ranges) > _MOST_MERGES:
        raise Unreadable(name, "too_long", sheet.max_row)
    width = min(sheet.max_column, _MOST_COLUMNS)
    owner = {}
    for merged in sheet.merged_cells.ranges:
        for down in range(merged.min_row, min(merged.max_row, sheet.max_row) + 1):
            for column in range(merged.min_col, min(merged.max_col, width) + 1):
                owner[down, column] = (merged.min_row, merged.min_col)
    cells: dict[tuple[int, int], Cell] = {}
    for number in range(1, sheet.max_row + 1):
        row: list[Cell] = []
        for column in range(1, width + 1):
            at = owner.get((number, column), (number, column))
            if at not in cells:
                place = f"{sheet.title}!{get_column_letter(at[1])}{at[0]}"
                cells[at] = Cell(shown(sheet.cell(*at)), at[0], place)
            row.append(cells[at])
        if any(cell.text.strip() for cell in row):
            filled = [cell for cell in {id(cell): cell for cell in row}.values() if cell.text.strip()]
            # a row that is one cell across is a heading, as a paragraph is in a text document
            yield filled[0] if len(filled) == 1 and row.count(filled[0]) >= width else Row(tuple(row))


def shown(cell: Any) -> str:
    """A cell's value as text, as its number format shows it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        style = str(cell.number_format or "General").split(";")[0]
        percent = "%" in re.sub(r'"[^"]*"|\\.', "", style)
        places = re.search(r"\.(0+)", style)
        if percent:
            number *= 100
        if places:
            text = format(number.quantize(Decimal(1).scaleb(-len(places[1]))), "f")
        elif percent and "0%" in style:
            text = figure(number.quantize(Decimal("0.0001")))
        else:
            text = figure(number.quantize(Decimal("1e-9")) if isinstance(value, float) else number)
        literal = "".join(re.findall(r'"([^"]*)"', style.split("0")[-1])) if "0" in style else ""
        return text + ("%" if percent else "") + literal
    if isinstance(value, datetime.datetime | datetime.date):
        return f"{value.year}年{value.month}月{value.day}日"
    return str(value)
