"""From bytes to sheets of cells. The file is hostile until checked.

A workbook is a zip of XML: each part is unpacked here with limits on size and ratio, looked through for document types
and for cells that would blow up in memory, and only the parts that are needed go on, stored plain in a new zip, to the
reader (calamine, Rust). So the reader never unpacks anything, and what it sees is what was checked. Formulas are never
evaluated (the stored results are read), links are never followed, macros are refused.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from django.utils.translation import gettext as _

from chengheng.common.intake.errors import FileTooLarge, HostileFile, UnreadableFile

MOST_BYTES = 50 * 1024 * 1024
MOST_UNPACKED = 600 * 1024 * 1024
MOST_RATIO = 300  # unpacked : packed; dense real sheets reach about 60
RATIO_FROM = 20 * 1024 * 1024  # below this no ratio hurts
MOST_PARTS = 3_000
MOST_CELLS = 30_000_000  # of the rectangle that the reader lays out
MOST_TEXT = 512 * 1024 * 1024  # characters over all cells of a workbook, repeated texts counted each time
MOST_SHEETS = 50
MOST_COLUMNS = 1_000
_CSV_CELL = 100_000


@dataclass
class Sheet:
    """One sheet: `rows()` gives the cells of its non-empty rows with their 1-based row numbers; `first_column` is the
    0-based column of a row's first cell; `merged` the merged ranges as ((row, column), (row, column)), 0-based."""

    name: str
    rows: Callable[[], Iterator[tuple[int, list[Any]]]]
    first_column: int = 0
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    visible: bool = True


def read(content: bytes, name: str) -> list[Sheet]:
    """The sheets of a workbook (.xlsx) or of a text table (.csv, .tsv, .txt). UnreadableFile, HostileFile."""
    if len(content) > MOST_BYTES:
        raise FileTooLarge(limit=f"{MOST_BYTES // 1024 // 1024} MB")
    if not content.strip(b"\x00 \r\n\t"):
        raise UnreadableFile(_("The file is empty."))
    if content[:4] == b"PK\x03\x04":
        return _read_workbook(content)
    if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise UnreadableFile(
            _("This is an old .xls workbook or one with a password. Save it as .xlsx without a password.")
        )
    if name.lower().endswith((".xlsx", ".xlsm", ".xls", ".ods", ".pdf", ".docx")) or content[:5] == b"%PDF-":
        raise UnreadableFile(_("This is not a workbook (.xlsx) inside, whatever its name says."))
    return [_read_text(content, name)]


# ── workbooks ──────────────────────────────────────────────────────────────────────────────────────────────────────

_NEEDED = re.compile(r"\.(xml|rels)$", re.IGNORECASE)
_NOT_NEEDED = re.compile(
    r"^(xl/(media|drawings|charts|embeddings|printerSettings|ctrlProps|activeX|externalLinks|pivot\w*|theme|comments\w*"
    r"|threadedComments|persons|richData|customProperty|model|slicer\w*|queryTables|connections\.xml)|docProps|customXml|docMetadata)\b",
    re.IGNORECASE,
)
_MACROS = re.compile(r"(vbaProject|vbaData|macrosheets?/|dialogsheets/|activeX/.*\.bin)", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_SHEET_ROOT = re.compile(rb"<(?:\w+:)?worksheet[\s>]")
_STRINGS_ROOT = re.compile(rb"<(?:\w+:)?sst[\s>/]")
# Usual is a cell whose place is written plainly in columns A…GZ and rows up to 99,999, and a cell closed at once, which
# holds nothing. Sheets with any other kind of cell (no place, a prefix, other quoting, further out) get the exact look.
_UNUSUAL_CELL = re.compile(rb'<(?:[\w.-]+:c|c(?! r="(?:[A-Z]|[A-G][A-Z])[1-9]\d{0,4}"|(?: [a-z]+="\w*")*/>))[\s/>]')


def _read_workbook(content: bytes) -> list[Sheet]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    checked = _checked_parts(content)
    try:
        book = CalamineWorkbook.from_filelike(checked)
        described = book.sheets_metadata
    except (CalamineError, zipfile.BadZipFile, ValueError, OSError) as error:
        raise UnreadableFile(_("The workbook is damaged: %(error)s"), error=str(error)[:200]) from error
    wanted = [one for one in described if one.typ == SheetTypeEnum.WorkSheet]
    if len(wanted) > MOST_SHEETS:
        raise UnreadableFile(_("The workbook has more than %(most)s sheets."), most=MOST_SHEETS)
    if not wanted:
        raise UnreadableFile(_("The workbook has no sheet of cells."))
    sheets = []
    for one in wanted:
        try:
            grid = book.get_sheet_by_name(one.name)
        except (CalamineError, ValueError) as error:
            raise UnreadableFile(
                _("The sheet “%(sheet)s” is damaged: %(error)s"), sheet=one.name, error=str(error)[:200]
            ) from error
        sheets.append(
            Sheet(
                one.name,
                _rows_of(grid),
                grid.start[1] if grid.start else 0,
                list(grid.merged_cell_ranges or []),
                one.visible == SheetVisibleEnum.Visible,
            )
        )
    return sheets


def _rows_of(grid: Any) -> Callable[[], Iterator[tuple[int, list[Any]]]]:
    def rows() -> Iterator[tuple[int, list[Any]]]:
        for number, cells in enumerate(grid.iter_rows(), 1):
            if cells[0] or cells.count("") != len(cells):
                yield number, cells

    return rows


def _checked_parts(content: bytes) -> io.BytesIO:
    """The workbook's needed parts in a new, unpacked zip; HostileFile, UnreadableFile."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content))
        listed = parts.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, OSError) as error:
        raise UnreadableFile(_("The workbook is damaged: %(error)s"), error=str(error)[:200]) from error
    names = [one.filename for one in listed]
    if len(listed) > MOST_PARTS:
        raise HostileFile(reason=_("too many parts"))
    if len(set(names)) != len(names):
        raise HostileFile(reason=_("two parts of one name"))
    if any(_MACROS.search(name) for name in names):
        raise HostileFile(reason=_("it holds macros; save it as .xlsx"))
    if any(one.flag_bits & 0x1 for one in listed):
        raise UnreadableFile(_("The workbook has a password. Save it without one."))
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise UnreadableFile(_("This is a zip file, but not a workbook (.xlsx)."))
    budget = MOST_UNPACKED
    strings = b""
    sheets: list[tuple[str, bytes]] = []
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as kept:
        for one in listed:
            if not _NEEDED.search(one.filename) or _NOT_NEEDED.match(one.filename):
                continue
            data = _unpack(content, one, budget)
            budget -= len(data)
            _check_part(one.filename, data)
            if _SHEET_ROOT.search(data, 0, 4096):
                sheets.append((one.filename, data))
            elif _STRINGS_ROOT.search(data, 0, 4096):
                strings = data
            kept.writestr(zipfile.ZipInfo(one.filename), data)
    _check_amount(sheets, strings)
    target.seek(0)
    return target


def _unpack(content: bytes, part: zipfile.ZipInfo, budget: int) -> bytes:
    """One part's bytes, never more than `budget`, whatever the zip's directory claims."""
    header = part.header_offset
    if content[header : header + 4] != b"PK\x03\x04" or header + 30 > len(content):
        raise UnreadableFile(_("The workbook is damaged: %(error)s"), error=part.filename)
    start = header + 30 + int.from_bytes(content[header + 26 : header + 28], "little")
    start += int.from_bytes(content[header + 28 : header + 30], "little")
    packed = memoryview(content)[start : start + part.compress_size]
    if part.compress_type == zipfile.ZIP_STORED:
        if len(packed) > budget:
            raise HostileFile(reason=_("it unpacks to too much"))
        data = bytes(packed)
    elif part.compress_type == zipfile.ZIP_DEFLATED:
        most = min(budget, max(RATIO_FROM, part.compress_size * MOST_RATIO))
        unpacker = zlib.decompressobj(-15)
        try:
            data = unpacker.decompress(packed, most + 1)
        except zlib.error as error:
            raise UnreadableFile(_("The workbook is damaged: %(error)s"), error=str(error)) from error
        if len(data) > most:
            raise HostileFile(reason=_("it unpacks to too much"))
    else:
        raise HostileFile(reason=_("it is packed in an unusual way"))
    if zlib.crc32(data) != part.CRC:
        raise UnreadableFile(_("The workbook is damaged: %(error)s"), error=part.filename)
    return data


def _check_part(name: str, data: bytes) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:200]:
        raise HostileFile(reason=_("a part is written in UTF-16"))
    head = data[:200].lower()
    if b"encoding=" in head and b"utf-8" not in head and b"us-ascii" not in head:
        raise HostileFile(reason=_("a part is not written in UTF-8"))
    if b"<!" in data and _DOCTYPE.search(data):
        raise HostileFile(reason=_("a part declares entities"))
    if name == "[Content_Types].xml" and b"macroenabled" in data.lower():
        raise HostileFile(reason=_("it holds macros; save it as .xlsx"))


def _check_amount(sheets: list[tuple[str, bytes]], strings: bytes) -> None:
    """No sheet may lay out to more cells, and no text repeat to more characters, than memory holds."""
    lengths: list[int] | None = None
    longest = max((len(part) for part in re.split(rb"<(?:\w+:)?si[\s>/]", strings)), default=0) if strings else 0
    characters = 0
    for _name, data in sheets:
        references = data.count(b't="s"') + data.count(b"t='s'")
        exact = _UNUSUAL_CELL.search(data) is not None
        if not exact and references * longest <= MOST_TEXT:
            continue
        if lengths is None:
            lengths = _string_lengths(strings)
        rows, columns, used = _extent(data, lengths)
        characters += used
        if columns > MOST_COLUMNS:
            raise UnreadableFile(_("A sheet has more than %(most)s columns."), most=MOST_COLUMNS)
        if rows * columns > MOST_CELLS or characters > MOST_TEXT:
            raise HostileFile(reason=_("its cells would not fit into memory"))


def _string_lengths(strings: bytes) -> list[int]:
    """The length of each shared string."""
    lengths: list[int] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def characters(found: str) -> None:
        if lengths:
            lengths[-1] += len(found)

    _parse(strings, start, None, characters)
    return lengths


def _extent(data: bytes, lengths: list[int]) -> tuple[int, int, int]:
    """(rows, columns) of the rectangle from the first cell to the last that hold something, and the characters in it.

    Exact and slow: for the few sheets whose cells are not placed in the usual way.
    """
    top = left = 1 << 30
    bottom = right = characters = 0
    row = column = 0
    kind = ""
    index: list[str] = []
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, kind, inside, top, left, bottom, right
        name = name.rpartition(":")[2]
        if name == "row":
            row, column = _whole(attributes.get("r"), row + 1), 0
        elif name == "c":
            at = re.fullmatch(r"([A-Za-z]{1,7})(\d{1,9})", attributes.get("r", ""))
            if at:
                column, row_here = _column_number(at.group(1)), int(at.group(2))
            else:
                column, row_here = column + 1, row
            kind = attributes.get("t", "")
            place[:] = [row_here, column]
        elif name in {"v", "is", "f"}:
            inside = True
            index.clear()
            top, bottom = min(top, place[0]), max(bottom, place[0])
            left, right = min(left, place[1]), max(right, place[1])

    def end(name: str) -> None:
        nonlocal inside, characters
        name = name.rpartition(":")[2]
        if name in {"v", "is", "f"}:
            inside = False
            found = "".join(index)
            if name == "v" and kind == "s":
                number = _whole(found.strip(), -1)
                characters += lengths[number] if 0 <= number < len(lengths) else 0
            else:
                characters += len(found)

    def text(found: str) -> None:
        if inside:
            index.append(found)

    place = [0, 0]
    _parse(data, start, end, text)
    if not bottom:
        return 0, 0, 0
    return bottom - top + 1, right - left + 1, characters


def _whole(found: str | None, otherwise: int) -> int:
    return int(found) if found and found.isascii() and found.isdecimal() and len(found) < 10 else otherwise


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _parse(data: bytes, start: Any, end: Any, text: Any) -> None:
    if not data:
        return
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UnreadableFile(_("The workbook is damaged: %(error)s"), error=str(error)) from error


# ── text tables ────────────────────────────────────────────────────────────────────────────────────────────────────


def decode(content: bytes) -> str:
    """Text of a byte-order mark's encoding, else strict UTF-8, else GB 18030 (what Chinese Excel writes)."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableFile(_("The text is damaged at byte %(at)s."), at=error.start) from error
    for encoding in ("utf-8", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            failed = error
    raise UnreadableFile(_("The text is neither UTF-8 nor GB 18030 (byte %(at)s)."), at=failed.start)


def separator(found: str) -> str:
    """The separator that splits the first lines into the most columns."""
    head = found[:8192].splitlines()[:5]
    counts = {mark: sum(line.count(mark) for line in head) for mark in (",", "\t", ";", "，")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _read_text(content: bytes, name: str) -> Sheet:
    found = decode(content)
    if "\x00" in found:
        raise UnreadableFile(_("This is not a text table: it holds zero bytes."))
    mark = separator(found)

    def rows() -> Iterator[tuple[int, list[Any]]]:
        csv.field_size_limit(_CSV_CELL)
        reader = csv.reader(io.StringIO(found, newline=""), delimiter=mark)
        try:
            for number, cells in enumerate(reader, 1):
                if cells and (cells[0] or cells.count("") != len(cells)):
                    if len(cells) > MOST_COLUMNS:
                        raise UnreadableFile(_("A sheet has more than %(most)s columns."), most=MOST_COLUMNS)
                    yield number, cells
        except csv.Error as error:
            raise UnreadableFile(
                _("The text table is damaged at line %(line)s: %(error)s"), line=reader.line_num, error=str(error)
            ) from error

    return Sheet(re.sub(r"\.\w{1,5}$", "", name) or name, rows)


def is_blank(cells: Iterable[Any]) -> bool:
    """Whether no cell holds anything but space."""
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells)
