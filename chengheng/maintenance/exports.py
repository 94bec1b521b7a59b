"""The vendor's monthly service report as .docx (to be signed) and .xlsx (to be checked): figures, penalties line by line."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from docx import Document
from openpyxl import Workbook

from chengheng.common.measures import Period
from chengheng.common.ui import words
from chengheng.maintenance import queries
from chengheng.maintenance.models import Contract, Fault

TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Rows = list[tuple[Any, ...]]


def _facts(contract: Contract, period: Period, found: dict[str, Any]) -> Rows:
    return [
        (_("Contract"), contract.title),
        (_("Maintainer"), str(contract.vendor)),
        (_("System"), str(contract.system)),
        (_("Period"), f"{period.start} – {period.end}"),
        (_("Response within"), f"{contract.response_limit}（{contract.get_response_meaning_display()}）"),
        (_("Repair within"), str(contract.repair_limit)),
        (_("Devices under maintenance"), found["devices"]),
        (_("Normal rate (device-hours)"), words.percent(found["rate"], 3)),
        (_("Faults"), len(found["faults"])),
        (_("Mean response (h)"), words.number(found["response"], 2)),
        (_("Mean repair (h)"), words.number(found["repair"], 2)),
        (_("Late responses"), found["late"]),
        (_("Late repairs"), found["late_repairs"]),
        (_("Inspections done in time ÷ due"), f"{found['visits_in_time']} ÷ {found['visits_due']}"),
        (_("Satisfied users ÷ ratings"), f"{found['satisfied']} ÷ {found['ratings']}"),
        (_("Penalties by the contract's rules"), words.money(found["penalty_fen"], "yuan")),
    ]


def _faults(found: dict[str, Any]) -> tuple[tuple[str, ...], Rows]:
    head = (_("Identifier"), _("Device"), _("What is wrong"), _("Reported"), _("Response (h)"), _("Repair (h)"),
            _("root cause"), _("solution"), _("cost (yuan)"))  # fmt: skip
    return head, [
        (fault.number, str(fault.device), fault.title, words.clock(fault.reported_at), _hours(fault, "response"),
         _hours(fault, "repair"), fault.get_cause_display() if fault.cause else "", fault.solution,
         Decimal(fault.cost_fen) / 100)
        for fault in found["faults"]
    ]  # fmt: skip


def _hours(fault: Fault, what: str) -> str:
    text = words.number(getattr(fault, f"{what}_hours"), 2)
    return f"{text}（{_('late')}）" if getattr(fault, f"{what}_met") is False else text


def _penalties(found: dict[str, Any]) -> tuple[tuple[str, ...], Rows]:
    head = (_("Rule"), _("About"), _("Over"), _("Deducted (yuan)"))
    rows: Rows = []
    for line in found["penalties"]:
        rows += [
            (line.label, str(about), words.number(over, 2), Decimal(fen) / 100) for about, over, fen in line.entries
        ]
        if line.capped:
            rows.append((line.label, _("no more than the rule's limit"), "", Decimal(line.fen) / 100))
    return head, rows


def docx(contract: Contract, period: Period) -> bytes:
    """The report as a document with lines for both signatures."""
    found = queries.service_report(contract, period.starts_at, period.ends_before)
    document: Any = Document()
    document.add_heading(_("Service report"), 1)
    _table(document, (), _facts(contract, period, found))
    for title, (head, rows) in ((_("Penalties"), _penalties(found)), (_("Faults"), _faults(found))):
        document.add_heading(title, 2)
        if rows:
            _table(document, head, rows)
        else:
            document.add_paragraph(_("None."))
    document.add_paragraph("")
    document.add_paragraph(
        f"{_('For the maintainer')}：____________________    {_('For the centre')}：____________________"
    )
    document.add_paragraph(_("Made on %(day)s from the records.") % {"day": timezone.localdate()})
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _table(document: Any, head: tuple[str, ...], rows: Rows) -> None:
    lines = ([head] if head else []) + rows
    table = document.add_table(rows=0, cols=len(lines[0]), style="Table Grid")
    for line in lines:
        cells = table.add_row().cells
        for cell, value in zip(cells, line, strict=True):
            cell.text = "" if value is None else str(value)


def xlsx(contract: Contract, period: Period) -> bytes:
    """The same as a workbook: figures, penalties, faults. Text is text: no cell is ever a formula."""
    found = queries.service_report(contract, period.starts_at, period.ends_before)
    book = Workbook()
    facts = book.active
    assert facts is not None
    facts.title = _("Service report")
    _sheet(facts, (), _facts(contract, period, found))
    for title, (head, rows) in ((_("Penalties"), _penalties(found)), (_("Faults"), _faults(found))):
        _sheet(book.create_sheet(title), head, rows)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(sheet: Any, head: tuple[str, ...], rows: Rows) -> None:
    for number, line in enumerate(([head] if head else []) + rows, start=1):
        for column, value in enumerate(line, start=1):
            cell = sheet.cell(number, column)
            if isinstance(value, int | Decimal):
                cell.value = value
            elif value:
                cell.value, cell.data_type = str(value), "s"
    for letter, width in zip("ABCDEFGHI", (26, 28, 30, 18, 14, 14, 12, 30, 12), strict=True):
        sheet.column_dimensions[letter].width = width
