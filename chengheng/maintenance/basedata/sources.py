"""What files of base data hold: map files (`places.formats`) and spreadsheets, as headings, rows of text and shapes.

`open_source` reads, `take` makes a stock of it by a reading: which column is which field, which datum, which encoding.
The file is hostile until checked; both readers check it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chengheng.common.dictionary import read_component_id
from chengheng.common.intake.parsers import plain as _cell
from chengheng.common.intake.reading import read as read_sheets
from chengheng.common.places import datum
from chengheng.common.places.formats import DATUMS, FROM_FILE, Features, read_features, to_degrees
from chengheng.common.places.words import pairs, plain
from chengheng.maintenance.basedata.errors import UnreadableTable
from chengheng.maintenance.basedata.quality import Stock, label_points
from chengheng.maintenance.basedata.rules import LINE, Kind, guess, plain_date

PLANE = "PLANE117"
READ_DATUMS: list[tuple[str, str | Promise]] = [*DATUMS, (PLANE, _("CGCS2000, metres, central meridian 117° E"))]
ENCODINGS: list[tuple[str, str | Promise]] = [("", _("found out")), ("UTF-8", "UTF-8"), ("GB18030", "GB 18030 (GBK)")]
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Source:
    """What a file holds. `shapes` is None for a spreadsheet: its columns say where a row is. `numbers`: rows from 1."""

    headings: list[str]
    rows: list[dict[str, Any]]
    numbers: list[int]
    features: Features | None

    @property
    def is_table(self) -> bool:
        return self.features is None

    @property
    def signature(self) -> str:
        """The same for files with the same columns, whatever their order."""
        return hashlib.sha256("\n".join(sorted(self.headings)).encode()).hexdigest()


def open_source(content: bytes, name: str, encoding: str = "") -> Source:
    """Read a file. UnreadableLayer, UnreadableFile, HostileFile or UnreadableTable when it cannot be."""
    workbook = content[:4] == b"PK\x03\x04" and b"[Content_Types].xml" in content[:65536] + content[-65536:]
    if workbook or name.lower().endswith((".csv", ".txt", ".tsv", ".xls", ".xlsx", ".xlsm")):
        return _open_table(content, name)
    features = read_features(content, encoding)
    return Source(features.fields, features.properties, list(range(1, len(features.properties) + 1)), features)


def _open_table(content: bytes, name: str) -> Source:
    for sheet in read_sheets(content, name):
        rows = sheet.rows()
        number, cells = next(rows, (0, []))
        headings = [str(cell).strip() if cell is not None else "" for cell in cells]
        if sum(map(bool, headings)) < 2:
            continue
        found: list[dict[str, Any]] = []
        numbers: list[int] = []
        for number, cells in rows:
            if len(found) >= MOST_ROWS:
                raise UnreadableTable(why=_("it has too many rows"))
            found.append({heading: cell for heading, cell in zip(headings, cells, strict=False) if heading})
            numbers.append(number)
        return Source([heading for heading in headings if heading], found, numbers, None)
    raise UnreadableTable(why=_("its first row holds no headings"))


def proposed(source: Source, kind: Kind, remembered: Mapping[str, Any] | None) -> dict[str, Any]:
    """How to read the file: as last time when its columns were the same, else guessed by name."""
    columns = guess(kind, source.headings, source.is_table)
    said = {"columns": columns, "datum": "CGCS2000" if source.is_table else FROM_FILE, "encoding": ""}
    if remembered:
        known = {name: column for name, column in remembered.get("columns", {}).items() if column in source.headings}
        said |= {"columns": known, "datum": remembered.get("datum", said["datum"])}
    return said


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value.strip()
    try:
        return _cell(value).strip()
    except ValueError:
        return str(value).strip()


def _column(source: Source, heading: str | None) -> list[str]:
    if not heading:
        return [""] * len(source.rows)
    return [_text(row.get(heading)) for row in source.rows]


def take(source: Source, kind: Kind, reading: Mapping[str, Any]) -> tuple[Stock, str]:
    """The file as a stock, all of it fresh, and the name of the datum that it was in.

    UnreadableTable when a spreadsheet has no column that says where its rows are, or no column holds the code.
    """
    columns = {name: heading for name, heading in reading.get("columns", {}).items() if heading in source.headings}
    if "code" not in columns:
        raise UnreadableTable(why=_("no column is chosen for the identifier"))
    shapes, said = _shapes(source, columns, reading.get("datum") or FROM_FILE)
    held: dict[str, list[str]] = {}
    for field in kind.fields:
        if field.name in columns:
            texts = _column(source, columns[field.name])
            held[field.name] = [plain_date(text) for text in texts] if field.name.endswith("_on") else texts
    size = len(source.rows)
    codes, names = held.pop("code"), held.pop("name", [""] * size)
    keys = list(held)
    attrs = [
        {name: value for name, value in zip(keys, values, strict=True) if value}
        for values in zip(*held.values(), strict=True)
    ] if keys else [{} for _row in range(size)]  # fmt: skip
    if LINE not in kind.shapes:
        shapes = _filled(shapes)
    lons, lats = label_points(shapes)
    return Stock(kind, codes, names, attrs, shapes, lons, lats, source.numbers, np.ones(size, dtype=bool)), said


def _shapes(source: Source, columns: Mapping[str, str], datum_of: str) -> tuple[np.ndarray, str]:
    features = source.features
    if features is None:
        if "wkt" in columns:
            texts = [text or None for text in _column(source, columns["wkt"])]
            shapes = shapely.force_2d(shapely.from_wkt(np.array(texts, dtype=object), on_invalid="ignore"))
        elif {"lon", "lat"} <= columns.keys():
            x, y = (np.array([_number(text) for text in _column(source, columns[name])]) for name in ("lon", "lat"))
            known = np.isfinite(x) & np.isfinite(y)
            shapes = np.full(len(x), None, dtype=object)
            shapes[known] = shapely.points(x[known], y[known])
        else:
            raise UnreadableTable(why=_("no column says where its rows are: longitude and latitude, or WKT"))
        features = Features([], shapes, [], None)
    if datum_of == PLANE:
        moved = shapely.transform(
            features.polygons, lambda points: np.column_stack(datum.from_plane(points[:, 0], points[:, 1]))
        )
        features = Features([], moved, [], None)
        return to_degrees(features, FROM_FILE)[0], "EPSG:4548"
    return to_degrees(features, datum_of)


def _filled(shapes: np.ndarray) -> np.ndarray:
    """Closed lines as the areas that they enclose: that is how drawings (DXF) hold areas."""
    shapes = shapes.copy()
    closed = (shapely.get_type_id(shapes) == 1) & shapely.is_closed(shapes) & (shapely.get_num_coordinates(shapes) >= 4)
    if closed.any():
        shapes[closed] = shapely.polygons(shapely.linearrings([shapely.get_coordinates(one) for one in shapes[closed]]))
    return shapes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def sorts(stock: Stock) -> list[str]:
    """The class of each feature: a component's by its code, a place's and a duty zone's as said."""
    if stock.kind.code == "component":
        parts = map(read_component_id, stock.codes)
        return [part.code if part else "" for part in parts]
    name = {"place": "class", "duty": "duty"}.get(stock.kind.code, "")
    return [held.get(name, "")[:40] for held in stock.attrs]


def digests(stock: Stock, wkb: Sequence[bytes | None]) -> list[str]:
    """What tells two versions of a feature apart: 64 bits over code, name, fields and shape."""
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
    return [
        hashlib.blake2b(encode([code, name, held]).encode() + (shape or b""), digest_size=8).hexdigest()
        for code, name, held, shape in zip(stock.codes, stock.names, stock.attrs, wkb, strict=True)
    ]


def grams(name: str, held: Mapping[str, str]) -> list[str]:
    """The pairs of characters by which a place is found."""
    from chengheng.common.places.shipped import CITY_NAME

    texts = (name, held.get("address", ""), held.get("aliases", ""))
    return list(dict.fromkeys(pair for text in texts for pair in pairs(plain(text, CITY_NAME))))
