"""Lists as files: .xlsx written as a stream, .csv with a byte-order mark for the spreadsheet programs.

A spreadsheet program takes text that begins with = + - @ (or a tab or line break before them) for a formula. Such text
stays text here: marked as quoted text in .xlsx, with an apostrophe before it in .csv (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from chengheng.common.tables.asking import proposed
from chengheng.common.tables.declaration import Column, Listing
from chengheng.common.tables.errors import TooManyRows

IN_PAGE_ROWS = 5_000
"""Up to here an export is made while the user waits; above, it is a job with progress."""
DEFAULT_LIMIT = 200_000
CHUNK = 2_000
_CELL_LIMIT = 32_767  # characters a cell of a spreadsheet holds
_FORMULA = re.compile(r"^[ \xa0\u3000]*[=+\-@\t\r\n＝＋－＠]")
MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
_NUMBER_FORMATS = {
    "date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm", "money_fen": "#,##0.00", "percent": "0.0%",
}  # fmt: skip


def limit_of(listing: Listing) -> int:
    """The most rows that one export of this table may hold: the table's own limit or the site's."""
    own = listing.table.export_limit
    return own if own is not None else int(getattr(settings, "EXPORT_ROWS", DEFAULT_LIMIT))


def count_for_export(listing: Listing) -> int:
    """How many rows the export will hold; TooManyRows above the limit."""
    limit = limit_of(listing)
    if listing.proposals is None:
        found = listing.queryset.order_by().values("pk")[: limit + 1].count()
    else:
        found = 0
        for part in proposed(listing, listing.proposals(None, None), CHUNK):
            found += part.order_by().count()
            if found > limit:
                break
    if found > limit:
        raise TooManyRows(limit=f"{limit:,}")
    return found


def rows_in_order(listing: Listing) -> Iterator[Any]:
    """All rows in the list's order: of a table that is too large for its own indexes those that are proposed, else read
    through a server-side cursor."""
    sort = listing.sort
    sign = "-" if sort.descending else ""
    if listing.proposals is not None and sort.lookup == "pk":
        for part in proposed(listing, listing.proposals(None, None if sort.descending else -1), CHUNK):
            yield from part.order_by(f"{sign}pk")
        return
    phases: list[tuple[QuerySet, list[str]]] = []
    if sort.nullable:
        filled = listing.queryset.filter(**{f"{sort.lookup}__isnull": False})
        phases.append((filled, [f"{sign}{sort.lookup}", f"{sign}pk"]))
        phases.append((listing.queryset.filter(**{f"{sort.lookup}__isnull": True}), [f"{sign}pk"]))
    else:
        phases.append(
            (listing.queryset, [f"{sign}{sort.lookup}", f"{sign}pk"] if sort.lookup != "pk" else [f"{sign}pk"])
        )
    for queryset, order in phases:
        yield from queryset.order_by(*order).iterator(chunk_size=CHUNK)


def plain(column: Column, row: Any) -> Any:
    """The cell as a spreadsheet stores it: None, number, bool as words, naive local time, text."""
    value = column.shown_value(row)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return (timezone.localtime(value) if timezone.is_aware(value) else value).replace(tzinfo=None)
    if isinstance(value, date | time):
        return value
    if isinstance(value, int | float | Decimal):
        if column.kind == "money_fen":
            return Decimal(value) / 100
        if column.kind == "percent":
            return Decimal(str(value)) / 100
        return value
    return str(value)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet program would take the text for a formula."""
    return bool(_FORMULA.match(text))


def safe_text(text: str) -> str:
    """The text as .csv may hold it: an apostrophe before what would be a formula."""
    return f"'{text}" if is_formula(text) else text


def headings(columns: Iterable[Column]) -> list[str]:
    """The column labels; money says its unit."""
    return [
        _("%(label)s (CNY)") % {"label": column.label} if column.kind == "money_fen" else str(column.label)
        for column in columns
    ]


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(listing: Listing, step: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The export as CSV, line by line."""
    columns = [column for column in listing.columns if column.export]
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf" + writer.writerow([safe_text(text) for text in headings(columns)]).encode()
    for number, row in enumerate(rows_in_order(listing), 1):
        yield writer.writerow([_csv_cell(plain(column, row)) for column in columns]).encode()
        if step is not None and number % 500 == 0:
            step(number)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, str):
        return safe_text(value.replace("\x00", ""))
    return str(value)


def write_xlsx(listing: Listing, target: IO[bytes] | Path, step: Callable[[int], None] | None = None) -> int:
    """Write the export as a workbook with one sheet; returns the number of rows. Memory does not grow with rows."""
    columns = [column for column in listing.columns if column.export]
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", str(listing.table.title))[:31] or "Sheet1")
    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = 20 if column.kind in _NUMBER_FORMATS else 24
    bold = Font(bold=True)
    heads = []
    for text in headings(columns):
        cell = _text_cell(sheet, text)
        cell.font = bold
        cell.alignment = Alignment(vertical="center")
        heads.append(cell)
    sheet.append(heads)
    number = 0
    for number, row in enumerate(rows_in_order(listing), 1):
        sheet.append([_xlsx_cell(sheet, column, plain(column, row)) for column in columns])
        if step is not None and number % 500 == 0:
            step(number)
    sheet.auto_filter.ref = f"A1:{get_column_letter(max(len(columns), 1))}{number + 1}"
    book.save(target)
    return number


def _xlsx_cell(sheet: Any, column: Column, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return _text_cell(sheet, value)
    form = _NUMBER_FORMATS.get(column.kind)
    if isinstance(value, datetime):
        form = form or _NUMBER_FORMATS["datetime"]
    elif isinstance(value, date):
        form = form or _NUMBER_FORMATS["date"]
    if form is None:
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = form
    return cell


def _text_cell(sheet: Any, text: str) -> Any:
    text = ILLEGAL_CHARACTERS_RE.sub("", text)
    if len(text) > _CELL_LIMIT:
        text = text[: _CELL_LIMIT - 1] + "…"
    cell = WriteOnlyCell(sheet)
    cell.value = text
    cell.data_type = "s"  # never "f": openpyxl takes a leading "=" for a formula
    if is_formula(text):
        cell.quotePrefix = True
    return cell


def export_folder() -> Path:
    """Where exports made by jobs wait to be fetched."""
    folder = Path(settings.FILE_STORE) / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
