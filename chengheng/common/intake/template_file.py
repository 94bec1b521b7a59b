"""The empty workbook that people fill in: headings, drop-downs, and a second sheet that explains every column."""

from __future__ import annotations

import io

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation

from chengheng.common.intake.declaration import Field, Importer

_ROWS_WITH_DROP_DOWN = 10_000


def build(importer: Importer) -> bytes:
    """The .xlsx template of an importer, in the current language. Its own upload, filled, needs no matching by hand."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = _("Data")
    guide = book.create_sheet(_("How to fill in"))
    lists = book.create_sheet("lists")
    lists.sheet_state = "hidden"
    bold, must = Font(bold=True), PatternFill("solid", fgColor="FFF3D6")
    for number, one in enumerate(importer.fields, 1):
        letter = get_column_letter(number)
        head = sheet.cell(1, number, f"{one.label}{'*' if one.required else ''}")
        head.data_type = "s"
        head.font = bold
        head.alignment = Alignment(wrap_text=True, vertical="center")
        if one.required:
            head.fill = must
        head.comment = Comment(_note(one), "城衡")
        sheet.column_dimensions[letter].width = max(14, min(40, len(str(one.label)) * 2 + 4))
        options = one.parser.options()
        if options:
            for row, option in enumerate(options, 1):
                lists.cell(row, number, option).data_type = "s"
            choices = DataValidation(
                type="list",
                formula1=f"{quote_sheetname('lists')}!${letter}$1:${letter}${len(options)}",
                allow_blank=not one.required,
            )
            choices.errorTitle, choices.error = _("Not in the list"), _("Choose one of the list.")
            sheet.add_data_validation(choices)
            choices.add(f"{letter}2:{letter}{_ROWS_WITH_DROP_DOWN}")
    sheet.freeze_panes = "A2"
    for column, title in enumerate((_("Column"), _("Needed"), _("What to write"), _("Example"), _("Remarks")), 1):
        guide.cell(1, column, title).font = bold
        guide.column_dimensions[get_column_letter(column)].width = (24, 10, 36, 28, 60)[column - 1]
    for row, one in enumerate(importer.fields, 2):
        cells = (str(one.label), _("yes") if one.required else "", _what(one), _example(one), str(one.help))
        for column, words in enumerate(cells, 1):
            cell = guide.cell(row, column, words)
            cell.data_type = "s"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _what(one: Field) -> str:
    options = one.parser.options()
    return "、".join(options[:30]) if options else str(one.parser.hint)


def _example(one: Field) -> str:
    if one.example:
        return one.example
    options = one.parser.options()
    return options[0] if options else one.parser.example


def _note(one: Field) -> str:
    parts = [_what(one)]
    if example := _example(one):
        parts.append(_("Example: %(example)s") % {"example": example})
    if one.help:
        parts.append(str(one.help))
    return "\n".join(part for part in parts if part)
