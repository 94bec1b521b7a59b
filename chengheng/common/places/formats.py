"""Map files as people send them: GeoJSON, zipped Shapefile, GeoPackage, KML, DXF. All of it is hostile until checked.

The kind is told by the content, not by the name. GeoJSON is parsed here; the others by GDAL in a bounded process of
its own (`reader`). The result is in CGCS2000/WGS-84 degrees.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from chengheng.common.places.datum import convert
from chengheng.common.places.errors import UnreadableLayer
from chengheng.common.places.reader import DRIVERS
from chengheng.common.places.rules import Shape

MAX_BYTES = 100 * 1024 * 1024
MAX_UNPACKED_BYTES = 600 * 1024 * 1024
MAX_FEATURES = 200_000
MAX_POINTS = 100_000  # of one polygon
READER_SECONDS = 150
SHAPEFILE_PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg"}
CODE_FIELDS = (
    "code",
    "bgid",
    "bgcode",
    "gridcode",
    "szdywgbsm",
    "dywgbsm",
    "objid",
    "adcode",
    "编码",
    "代码",
    "网格编码",
)
NAME_FIELDS = ("name", "bgname", "gridname", "objname", "mc", "名称", "网格名称")

FROM_FILE = "file"
DATUMS: list[tuple[str, str | Promise]] = [
    (FROM_FILE, _("as the file says")),
    ("CGCS2000", "CGCS2000"),
    ("WGS84", "WGS-84"),
    ("GCJ02", "GCJ-02"),
    ("BD09", "BD-09"),
]


@dataclass(frozen=True)
class Read:
    """What a file holds: shapes in CGCS2000/WGS-84, the names of its fields, those taken for code and name, its datum."""

    shapes: list[Shape]
    fields: list[str]
    code_field: str
    name_field: str
    datum: str


@dataclass(frozen=True)
class Features:
    """The features of a map file as they stand in it: properties, shapes in the file's own coordinates, field names."""

    properties: list[dict[str, Any]]
    polygons: np.ndarray
    fields: list[str]
    crs: str | None


def read_features(content: bytes, encoding: str = "") -> Features:
    """All features of a map file. `encoding`: of a Shapefile's texts; guessed when empty. UnreadableLayer otherwise."""
    if len(content) > MAX_BYTES:
        raise UnreadableLayer(why=_("it is larger than %(size)s MB") % {"size": MAX_BYTES // 1024**2})
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if content[:4] == b"PK\x03\x04":
        raw = _read_zip(content, encoding)
    elif content[:16] == b"SQLite format 3\x00" and content[68:72] in (b"GPKG", b"GP10", b"GP11"):
        raw = _read_with_gdal({"layer.gpkg": content}, "layer.gpkg")
    elif head[:1] == b"{":
        raw = _read_geojson(content)
    elif head[:1] == b"<" and b"<kml" in head:
        raw = _read_with_gdal({"layer.kml": content}, "layer.kml")
    elif re.match(rb"(?:999\s+[^\r\n]*\r?\n\s*)*0\s+SECTION\s", head):
        raw = _read_with_gdal({"layer.dxf": content}, "layer.dxf")
    else:
        raise UnreadableLayer(why=_("it is none of GeoJSON, zipped Shapefile, GeoPackage, KML, DXF"))
    if len(raw.polygons) > MAX_FEATURES:
        raise UnreadableLayer(why=_("it holds more than %(count)s features") % {"count": MAX_FEATURES})
    if len(raw.polygons) and shapely.get_num_coordinates(raw.polygons).max() > MAX_POINTS:
        raise UnreadableLayer(why=_("one of its polygons has more than %(count)s points") % {"count": MAX_POINTS})
    return raw


def read(content: bytes, datum: str = FROM_FILE, code_field: str = "", name_field: str = "") -> Read:
    """The shapes of a map file. `datum`: one of DATUMS; the fields are guessed when not given. UnreadableLayer otherwise."""
    raw = read_features(content)
    code = _pick(raw.fields, code_field, CODE_FIELDS, _("code"))
    name = _pick(raw.fields, name_field, NAME_FIELDS, "") if name_field or _guess(raw.fields, NAME_FIELDS) else ""
    polygons, said = to_degrees(raw, datum)
    shapes = [
        Shape(row, _text(properties.get(code)), _text(properties.get(name)) if name else "", polygon)
        for row, (properties, polygon) in enumerate(zip(raw.properties, polygons, strict=True), 1)
    ]
    return Read(shapes, raw.fields, code, name, said)


def outline(content: bytes, datum: str = FROM_FILE) -> Any:
    """All shapes of a map file as one polygon or multipolygon, in degrees; names and codes are not asked for."""
    raw = read_features(content)
    shapes, _said = to_degrees(raw, datum)
    polygons = shapes[shapely.get_dimensions(shapes) == 2]
    if not len(polygons):
        raise UnreadableLayer(why=_("it holds no polygon"))
    return shapely.union_all(shapely.make_valid(polygons))


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()[:120]


def _guess(fields: list[str], known: tuple[str, ...]) -> str:
    lowered = {field.strip().lower(): field for field in fields}
    return next((lowered[name] for name in known if name in lowered), "")


def _pick(fields: list[str], asked: str, known: tuple[str, ...], what: object) -> str:
    found = asked if asked in fields else "" if asked else _guess(fields, known)
    if not found:
        listed = ", ".join(fields) or "–"
        raise UnreadableLayer(
            why=_("no field holds the %(what)s; it has: %(fields)s") % {"what": what, "fields": listed}
        )
    return found


def _read_geojson(content: bytes) -> Features:
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UnreadableLayer(why=_("it is not sound JSON in UTF-8")) from None
    features = data.get("features") if data.get("type") == "FeatureCollection" else None
    if not isinstance(features, list):
        raise UnreadableLayer(why=_("it is not a GeoJSON feature collection"))
    if len(features) > MAX_FEATURES:
        raise UnreadableLayer(why=_("it holds more than %(count)s features") % {"count": MAX_FEATURES})
    properties, texts = [], []
    fields: dict[str, None] = {}
    for feature in features:
        if not isinstance(feature, dict):
            raise UnreadableLayer(why=_("it is not a GeoJSON feature collection"))
        held = feature.get("properties")
        values: dict[str, Any] = held if isinstance(held, dict) else {}
        if "id" in feature and "code" not in values:
            values = {**values, "code": feature["id"]}
        properties.append(values)
        fields.update(dict.fromkeys(map(str, values)))
        texts.append(json.dumps(feature.get("geometry")))
    polygons = shapely.force_2d(shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore"))
    named = data.get("crs")
    crs = None
    if isinstance(named, dict) and isinstance(named.get("properties"), dict):
        crs = str(named["properties"].get("name", ""))[:200] or None
    return Features(properties, polygons, list(fields), crs)


def _read_zip(content: bytes, encoding: str) -> Features:
    """The one Shapefile in a zip archive: known parts only, no folders to climb, bounded when unpacked."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = [member for member in archive.infolist() if not member.is_dir()]
        wanted = {
            Path(member.filename).suffix.lower(): member
            for member in members
            if Path(member.filename).suffix.lower() in SHAPEFILE_PARTS and "__MACOSX" not in member.filename
        }
        shps = [
            member
            for member in members
            if member.filename.lower().endswith(".shp") and "__MACOSX" not in member.filename
        ]
        if len(shps) != 1 or not {".shx", ".dbf"} <= wanted.keys():
            raise UnreadableLayer(why=_("the archive must hold one Shapefile: .shp, .shx, .dbf and .prj"))
        if sum(member.file_size for member in wanted.values()) > MAX_UNPACKED_BYTES:
            raise UnreadableLayer(why=_("it is larger than %(size)s MB") % {"size": MAX_UNPACKED_BYTES // 1024**2})
        parts = {}
        for suffix, member in wanted.items():
            with archive.open(member) as file:
                parts[f"layer{suffix}"] = file.read(member.file_size + 1)[: member.file_size]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise UnreadableLayer(why=_("the archive is damaged or locked")) from error
    if parts["layer.shp"][:4] != b"\x00\x00\x27\x0a":
        raise UnreadableLayer(why=_("the .shp in the archive is no Shapefile"))
    if ".cpg" not in wanted or encoding:
        parts["layer.cpg"] = (encoding or _encoding_of(parts["layer.dbf"])).encode()
    return _read_with_gdal(parts, "layer.shp")


def _encoding_of(table: bytes) -> str:
    """What the texts of a dBASE table are written in when no .cpg says so: UTF-8 if they can be, else GB 18030.

    GDAL would take them for Latin-1 and turn 部件 into ²¿¼þ.
    """
    size = int.from_bytes(table[8:10], "little")
    try:
        table[size:].decode("utf-8")
    except UnicodeDecodeError:
        return "GB18030"
    return "UTF-8"


@cache
def _unwanted_drivers() -> str:
    import pyogrio

    return ",".join(sorted(set(pyogrio.list_drivers()) - DRIVERS))


def _read_with_gdal(parts: dict[str, bytes], name: str) -> Features:
    with tempfile.TemporaryDirectory(prefix="layer-") as folder:
        for part, data in parts.items():
            Path(folder, part).write_bytes(data)
        try:
            result = subprocess.run(  # noqa: S603 - our own interpreter and script; the file's name is ours
                [sys.executable, "-I", str(Path(__file__).with_name("reader.py")), str(Path(folder, name))],
                capture_output=True,
                timeout=READER_SECONDS,
                check=False,
                cwd=folder,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": folder, "OGR_SKIP": _unwanted_drivers()},
            )
        except subprocess.TimeoutExpired:
            raise UnreadableLayer(why=_("reading it takes too long")) from None
    lines = result.stdout.splitlines()
    try:
        head = json.loads(lines[0])
    except (IndexError, ValueError):
        raise UnreadableLayer(why=_("it is damaged")) from None
    if "error" in head or result.returncode or len(lines) != head["count"] + 1:
        told = next((json.loads(line).get("error") for line in reversed(lines) if line.startswith(b'{"error"')), "")
        raise UnreadableLayer(why=told or _("it is damaged"))
    rows = [json.loads(line) for line in lines[1:]]
    polygons = shapely.from_wkb(
        np.array([bytes.fromhex(row["g"]) if row["g"] else None for row in rows], dtype=object), on_invalid="ignore"
    )
    return Features([row["p"] for row in rows], polygons, head["fields"], head["crs"])


def to_degrees(raw: Features, datum: str) -> tuple[np.ndarray, str]:
    """The polygons in CGCS2000/WGS-84 degrees, and the name of the datum that they were in."""
    said, polygons = "WGS84", raw.polygons
    if raw.crs:
        try:
            crs = CRS.from_user_input(raw.crs)
            said = crs.name
            if not crs.equals(CRS.from_epsg(4326), ignore_axis_order=True) and not (
                crs.is_geographic and "2000" in crs.name
            ):
                change = Transformer.from_crs(crs, "EPSG:4490", always_xy=True)
                polygons = shapely.transform(polygons, lambda points: np.column_stack(change.transform(*points.T)))
        except (CRSError, ProjError) as error:
            raise UnreadableLayer(
                why=_("its coordinate system is not known: %(crs)s") % {"crs": raw.crs[:80]}
            ) from error
    if datum != FROM_FILE:
        said = datum
        polygons = shapely.transform(polygons, lambda points: np.column_stack(convert(*points.T, datum, "WGS84")))
    finite = shapely.get_coordinates(polygons)
    if len(finite) and not (
        np.isfinite(finite).all() and np.abs(finite[:, 0]).max() <= 180 and np.abs(finite[:, 1]).max() <= 90
    ):
        raise UnreadableLayer(why=_("its coordinates are no degrees; the coordinate system (.prj) may be missing"))
    return polygons, said
