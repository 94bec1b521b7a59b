"""PDF files with a text layer: ruled tables on every page, and the lines of text between them."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pdfplumber
from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect

from chengheng.performance.readers import Unreadable
from chengheng.performance.rules.reading import Cell, Document, Row

_MOST_PAGES, _MOST_SIGNS = 200, 60_000  # pages of a file, signs of one page
logging.getLogger("pdfminer").setLevel(logging.ERROR)  # it warns of every font that is not quite to the letter
_POINT = re.compile(r"\s*(?:目标\d|[(（]?\d{1,2}[)）.．、](?!\d))")
_TABLES = {"vertical_strategy": "lines", "horizontal_strategy": "lines", "snap_tolerance": 3, "join_tolerance": 3}


def read(content: bytes, name: str) -> Document:
    """Rows in reading order; "line" counts the rows and lines of the whole file. A scan is refused."""
    try:
        with pdfplumber.open(io.BytesIO(content)) as file:
            if len(file.pages) > _MOST_PAGES:
                raise Unreadable(name, "too_long")
            return Document(name, tuple(_parts(file, name)))
    except Unreadable:
        raise
    except (PDFPasswordIncorrect, PDFEncryptionError) as error:
        raise Unreadable(name, "encrypted") from error
    except Exception as error:  # pdfminer lets many kinds through for damaged files
        if isinstance(error.__cause__ or error.__context__, PDFPasswordIncorrect) or "Password" in repr(error):
            raise Unreadable(name, "encrypted") from error
        raise Unreadable(name, "broken") from error


def _parts(file: Any, name: str) -> Iterator[Row | Cell]:
    line, signs, pictures = 0, 0, 0
    first_blank_page = 0
    grid: _Grid | None = None
    for page in file.pages:
        if len(page.chars) > _MOST_SIGNS:
            raise Unreadable(name, "too_long", line + 1)
        signs += len(page.chars)
        pictures += len(page.images)
        if not page.chars and page.images and not first_blank_page:
            first_blank_page = page.page_number
        tables = sorted(
            page.find_tables(_TABLES | {"explicit_horizontal_lines": _ends(page)}), key=lambda table: table.bbox[1]
        )
        above = 0.0
        for table in tables:
            for text in _lines(page, above, table.bbox[1]):
                line += 1
                yield Cell(text, line, f"page {page.page_number}, line {line}")
            above = max(above, table.bbox[3])
            grid = _Grid(table, grid if table is tables[0] else None)
            for number, (texts, row) in enumerate(zip(table.extract(), table.rows, strict=True)):
                line += 1
                place = f"page {page.page_number}, row {number + 1}"
                yield Row(grid.row(texts, row.cells, line, place), page_start=number == 0 and table is tables[0])
        for text in _lines(page, above, page.height):
            line += 1
            yield Cell(text, line, f"page {page.page_number}, line {line}")
        page.close()
    if not signs:
        raise Unreadable(name, "scanned" if pictures else "empty")
    if first_blank_page and signs < 200:
        raise Unreadable(name, "scanned", detail=f"page {first_blank_page}")


def _ends(page: Any) -> list[dict[str, Any]]:
    """Rules at the first and last ends of the page's upright rules: a row cut by a page's end has none of its own."""
    upright = [edge for edge in page.edges if edge["orientation"] == "v" and edge["bottom"] - edge["top"] > 3]
    if len(upright) < 2:
        return []
    rules = []
    for end, y in (("top", min(edge["top"] for edge in upright)), ("bottom", max(edge["bottom"] for edge in upright))):
        touching = [edge for edge in upright if abs(edge[end] - y) < 2]
        left, right = min(edge["x0"] for edge in touching), max(edge["x1"] for edge in touching)
        rules.append({"object_type": "line", "x0": left, "x1": right, "top": y, "bottom": y, "height": 0,
                      "width": right - left, "orientation": "h", "doctop": y})  # fmt: skip
    return rules


def _joined(text: str) -> str:
    """A cell's lines as one text: a line breaks where the column ends; only a new numbered point begins a line."""
    lines = text.split("\n")
    joined = lines[0]
    for before, line in pairwise(lines):
        if _POINT.match(line):
            joined += "\n" + line
        elif before[-1:].isascii() and line[:1].isascii():
            joined += " " + line
        else:
            joined += line
    return joined


def _lines(page: Any, top: float, bottom: float) -> Iterator[str]:
    if bottom - top < 2:
        return
    strip = page.crop((page.bbox[0], max(top, page.bbox[1]), page.bbox[2], min(bottom, page.bbox[3])), strict=False)
    for text in (strip.extract_text(y_tolerance=6) or "").splitlines():
        if text.strip():
            yield text.strip()


class _Grid:
    """The cells of one ruled table by column: a position inside a merged cell holds that very cell.

    A page's first table that is as wide as the last one before goes on with it, in its columns.
    """

    def __init__(self, table: Any, before: _Grid | None) -> None:
        self.edges = sorted({cell[0] for cell in table.cells})
        self.sides = (table.bbox[0], table.bbox[2])
        alike = before is not None and all(abs(a - b) < 3 for a, b in zip(self.sides, before.sides, strict=True))
        if before is not None and alike and len(before.edges) > len(self.edges):
            self.edges = before.edges
        self.hanging: list[tuple[tuple[float, float, float, float], Cell]] = []

    def row(self, texts: list[str | None], boxes: list[Any], line: int, place: str) -> tuple[Cell | None, ...]:
        top = min(box[1] for box in boxes if box is not None)
        for column, (text, box) in enumerate(zip(texts, boxes, strict=True)):
            if box is not None:
                self.hanging.append((box, Cell(_joined(text or ""), line, f"{place}, column {column + 1}")))
        self.hanging = [(box, cell) for box, cell in self.hanging if box[3] > top + 1]
        return tuple(self._at(edge + 1, top + 1) for edge in self.edges)

    def _at(self, x: float, y: float) -> Cell | None:
        for box, cell in reversed(self.hanging):
            if box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                return cell
        return None
