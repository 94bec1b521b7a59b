"""Plain text as copied from a word processor: tab-separated cells, on one line or each on its own."""

from __future__ import annotations

from chengheng.performance.readers.guard import decode
from chengheng.performance.rules.reading import Cell, Document, Row


def read(content: bytes, name: str) -> Document:
    """A loose document: where lines begin with a tab, those are cells and the others headings; else all are cells."""
    lines = decode(content, name).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").split("\n")
    tabbed = any(line.lstrip(" ").startswith("\t") for line in lines)
    parts: list[Row | Cell] = []
    for number, line in enumerate(lines, start=1):
        place = f"line {number}"
        if not line.strip(" "):
            continue
        if tabbed and "\t" not in line:
            parts.append(Cell(line.strip(), number, place))
            continue
        texts = line.strip(" ").split("\t") if "\t" in line else [line.strip()]
        if len(texts) > 1 and not texts[0].strip():
            texts = texts[1:]
        parts.append(Row(tuple(Cell(text.strip(), number, place) for text in texts)))
    return Document(name, tuple(parts), loose=True)
