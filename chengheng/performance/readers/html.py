"""Web pages (.html): the innermost tables with their spans, and the text between them. Nothing is fetched or run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree, html

from chengheng.performance.readers import Unreadable
from chengheng.performance.readers.guard import decode
from chengheng.performance.rules.reading import Cell, Document, Row

_MOST_ROWS, _MOST_COLUMNS, _LONGEST_SPAN = 20_000, 120, 1000
_SILENT = {"script", "style", "head", "title", "noscript", "template", "svg", "iframe", "object", "select", "button"}
_BLOCKS = {
    "p", "div", "br", "li", "h1", "h2", "h3", "h4", "h5", "h6", "caption", "center", "section", "article", "header",
    "footer", "dt", "dd", "blockquote", "pre", "hr",
}  # fmt: skip


def read(content: bytes, name: str) -> Document:
    """Rows in reading order; "line" is the line of the source where the row begins."""
    declared = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", content[:2048], re.IGNORECASE)
    text = decode(content, name, declared[1].decode("ascii", "replace") if declared else "").replace("\0", "")
    if re.search(r"<!ENTITY", text, re.IGNORECASE):
        raise Unreadable(name, "entities")
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    parser = html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        root = html.document_fromstring(text.encode(), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise Unreadable(name, "broken") from error
    return Document(name, tuple(_walk(root, name)))


def _walk(root: Any, name: str) -> Iterator[Row | Cell]:
    """Text blocks and innermost tables in document order, without recursion (depth is the sender's choice)."""
    heap: list[str] = []
    rows = 0

    def spill(line: int) -> Iterator[Cell]:
        text = "".join(heap).strip()
        heap.clear()
        if text:
            yield Cell(text, line, f"line {line}")

    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, leaving = stack.pop()
        if leaving:
            if element.tag in _BLOCKS | {"td", "th", "tr", "table"}:
                yield from spill(element.sourceline or 1)
            heap.append(element.tail or "")
            continue
        if not isinstance(element.tag, str) or element.tag in _SILENT:
            heap.append(element.tail or "")
            continue
        line = element.sourceline or 1
        if element.tag in _BLOCKS | {"td", "th", "tr", "table"}:
            yield from spill(line)
        if element.tag == "table" and element.find(".//table") is None:
            for row in _table(element, name):
                rows += 1
                if rows > _MOST_ROWS:
                    raise Unreadable(name, "too_long", line)
                yield row
            heap.append(element.tail or "")
            continue
        heap.append(element.text or "")
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(list(element)))
    yield from spill(1)


def _table(table: Any, name: str) -> Iterator[Row | Cell]:
    caption = table.find("caption")
    if caption is not None and (text := _text(caption).strip()):
        yield Cell(text, caption.sourceline or 1, f"line {caption.sourceline or 1}")
    hanging: dict[int, tuple[Cell, int]] = {}  # column → the cell that hangs down into it, and for how many rows yet
    for row in table.iter("tr"):
        line = row.sourceline or 1
        cells: dict[int, Cell] = {}
        for column, (cell, left) in list(hanging.items()):
            cells[column] = cell
            if left > 1:
                hanging[column] = (cell, left - 1)
            else:
                del hanging[column]
        column = 0
        for element in row.iterchildren("td", "th"):
            while column in cells:
                column += 1
            width, height = _span(element, "colspan"), _span(element, "rowspan")
            if column + width > _MOST_COLUMNS:
                raise Unreadable(name, "too_long", line)
            cell = Cell(_text(element), element.sourceline or line, f"line {element.sourceline or line}")
            for position in range(column, column + width):
                cells.setdefault(position, cell)
                if height > 1:
                    hanging[position] = (cell, height - 1)
            column += width
        if cells:
            yield Row(tuple(cells.get(position) for position in range(max(cells) + 1)))


def _text(element: Any) -> str:
    """The text of a cell, block elements on lines of their own; line ends of the source mean nothing."""
    pieces: list[str] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if not isinstance(node.tag, str):
            continue
        if node.tag in _BLOCKS:
            pieces.append("\n")
        if event == "start" and node.tag not in _SILENT:
            pieces.append(re.sub(r"\s+", " ", node.text or ""))
        elif event == "end" and node is not element:
            pieces.append(re.sub(r"\s+", " ", node.tail or ""))
    return "".join(pieces).strip()


def _span(element: Any, attribute: str) -> int:
    match = re.match(r"\s*(\d{1,4})", element.get(attribute, "1"))
    return min(max(int(match[1]), 1), _LONGEST_SPAN) if match else 1
