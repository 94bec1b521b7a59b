"""Reading the files, record after record, in memory that does not grow with the file.

The file is hostile until read: document types and entities are refused, depth, field lengths and the number of
unknown elements are bounded, nothing is fetched.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from lxml import etree

from chengheng.protocols.gbt24589.names import field_of, table_of

MOST_TEXT = 4_000
MOST_DEPTH = 12
MOST_FIELDS = 200


class Malformed(ValueError):
    """The file cannot be read as this standard's: `line` is the line (XML) or record (JSON), 0 when unknown."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True)
class Record:
    """One record: its kind, its place in the file (line of XML, 1-based record of JSON), known fields as text."""

    table: str
    place: int
    fields: dict[str, str] = field(default_factory=dict)


def read_xml(source: bytes | BinaryIO) -> Iterator[Record]:
    """Records of an XML file in its order. Raises Malformed, also in the middle of a file."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    events = etree.iterparse(
        stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    depth = 0
    inside = None
    try:
        for event, element in events:
            if event == "start":
                depth += 1
                if depth == 1 and element.getroottree().docinfo.doctype:
                    raise Malformed("document type")
                if depth > MOST_DEPTH:
                    raise Malformed("nested too deeply", element.sourceline or 0)
                if inside is None and table_of(_local(element)):
                    inside = element
                continue
            depth -= 1
            if element is inside:
                record = _record(element)
                inside = None
                _forget(element)
                if record.fields:
                    yield record
            elif inside is None:
                _forget(element)
    except etree.XMLSyntaxError as error:
        raise Malformed(str(error.msg)[:200], error.lineno or 0) from None


def _record(element: Any) -> Record:
    if len(element) > MOST_FIELDS:
        raise Malformed("too many fields", element.sourceline or 0)
    found: dict[str, str] = {}
    for child in element:
        if isinstance(child, etree._Entity):
            raise Malformed("entity", element.sourceline or 0)
        name = field_of(_local(child))
        if name and child.text:
            if len(child.text) > MOST_TEXT:
                raise Malformed("field too long", child.sourceline or 0)
            found[name] = child.text.strip()
    return Record(table_of(_local(element)), element.sourceline or 0, found)


def _forget(element: Any) -> None:
    element.clear(keep_tail=False)
    while element.getprevious() is not None:
        del element.getparent()[0]


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def read_json(source: bytes) -> Iterator[Record]:
    """Records of a JSON file: members named as the XML elements, each a list of objects (2024 edition, as far as known)."""
    try:
        found = json.loads(source, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)[:200]) from None
    yield from _walk(found, 0)


def _walk(node: Any, depth: int) -> Iterator[Record]:
    if depth > MOST_DEPTH:
        raise Malformed("nested too deeply")
    if isinstance(node, list):
        for one in node:
            yield from _walk(one, depth + 1)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        table = table_of(name)
        if not table:
            yield from _walk(value, depth + 1)
            continue
        for place, row in enumerate(value if isinstance(value, list) else [value], 1):
            if not isinstance(row, dict) or len(row) > MOST_FIELDS:
                raise Malformed("not a record", place)
            fields = {
                known: str(cell).strip()
                for key, cell in row.items()
                if (known := field_of(key)) and cell not in (None, "") and not isinstance(cell, dict | list)
            }
            if any(len(cell) > MOST_TEXT for cell in fields.values()):
                raise Malformed("field too long", place)
            if fields:
                yield Record(table, place, fields)
