"""Word documents (.docx): tables with merged and split cells, and the paragraphs between them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from docx import Document as open_docx
from docx.oxml.ns import qn

from chengheng.performance.readers import Unreadable
from chengheng.performance.readers.guard import check_archive
from chengheng.performance.rules.reading import Cell, Document, Row

_MOST_ROWS, _MOST_COLUMNS = 20_000, 120


def read(content: bytes, name: str) -> Document:
    """Rows in reading order; "line" counts the document's paragraphs and rows."""
    archive = check_archive(content, name)
    if "word/document.xml" not in archive.namelist():
        raise Unreadable(name, "broken")
    try:
        return Document(name, tuple(_parts(open_docx(io.BytesIO(content)).element.body, name)))
    except Unreadable:
        raise
    except Exception as error:  # python-docx has no common error of its own for damaged parts
        raise Unreadable(name, "broken") from error


def _blocks(element: Any, *tags: str) -> Iterator[Any]:
    """The children with these tags in order, those inside content controls and insertions too."""
    for child in element.iterchildren():
        if child.tag in tags:
            yield child
        elif child.tag in {qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml"), qn("w:smartTag")}:
            yield from _blocks(child, *tags)


def _text(element: Any) -> str:
    """The text of a paragraph, or of a cell with its paragraphs on lines of their own; deleted text is left out."""
    if element.tag != qn("w:p"):
        return "\n".join(_text(paragraph) for paragraph in element.iter(qn("w:p")))
    pieces = []
    for node in element.iter(qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:noBreakHyphen")):
        if node.tag == qn("w:t"):
            pieces.append(node.text or "")
        else:
            pieces.append({qn("w:tab"): " ", qn("w:noBreakHyphen"): "-"}.get(node.tag, "\n"))
    return "".join(pieces)


def _parts(body: Any, name: str) -> Iterator[Row | Cell]:
    line, table = 0, 0
    for block in _blocks(body, qn("w:p"), qn("w:tbl")):
        if block.tag == qn("w:p"):
            line += 1
            if (text := _text(block)).strip():
                yield Cell(text, line, f"paragraph {line}")
            continue
        table += 1
        above: list[Cell | None] = []
        for number, row in enumerate(_blocks(block, qn("w:tr")), start=1):
            line += 1
            if line > _MOST_ROWS:
                raise Unreadable(name, "too_long", line)
            above = _row(row, above, line, f"table {table}, row {number}", name)
            yield Row(tuple(above))


def _row(row: Any, above: list[Cell | None], line: int, place: str, name: str) -> list[Cell | None]:
    """The cells by column; a cell that continues a vertical merge is the very cell above it."""
    cells: list[Cell | None] = [None] * _number(row, "w:trPr/w:gridBefore", 0)
    for element in _blocks(row, qn("w:tc")):
        span = _number(element, "w:tcPr/w:gridSpan", 1)
        merge = element.find(qn("w:tcPr") + "/" + qn("w:vMerge"))
        column = len(cells)
        if column + span > _MOST_COLUMNS:
            raise Unreadable(name, "too_long", line)
        cell: Cell | None = None
        if merge is not None and merge.get(qn("w:val"), "continue") == "continue" and column < len(above):
            cell = above[column]
        cells += [cell or Cell(_text(element), line, f"{place}, column {column + 1}")] * span
    return cells


def _number(element: Any, path: str, default: int) -> int:
    found = element.find("/".join(qn(part) for part in path.split("/")))
    try:
        return max(int(found.get(qn("w:val"))), default) if found is not None else default
    except (TypeError, ValueError):
        return default
