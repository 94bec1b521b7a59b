"""Decode Tianjin's districts from npm echarts@4.9.0 into the data file that the places room ships.

    python -m tools.districts path/to/map/json/province/tianjin.json

The file is `package/map/json/province/tianjin.json` of `npm pack echarts@4.9.0` (Apache-2.0; LICENSE and NOTICE there;
attribution in chengheng/common/places/data/NOTICE). Its polygons are compressed (zig-zag differences, 1/1024 degree).
Outlines that cross or touch themselves are put right; cut-off slivers are dropped. They are taken to be GCJ-02, as their
label points equal those of a commercial map, and are written as WGS-84.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import Polygon, mapping
from shapely.geometry.polygon import orient

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from chengheng.common.places.datum import convert

SLIVER = 1e-6  # square degrees, about 0.01 km²: parts cut off where an outline crosses itself
TARGET = Path(__file__).resolve().parent.parent / "chengheng/common/places/data/tianjin_districts.geojson"
CAVEAT = (
    "Generalised outlines on a grid of about 0.001 degree, for drawing. Not for deciding to which district an address "
    "near a border belongs: import surveyed areas for that. Datum of the source inferred to be GCJ-02, converted to WGS-84."
)


def decode(text: str, offset: list[int]) -> list[tuple[float, float]]:
    """One ring in the echarts encoding, as lon/lat pairs in the file's own datum."""
    x, y, ring = offset[0], offset[1], []
    for one, two in zip(text[::2], text[1::2], strict=True):
        dx, dy = ord(one) - 64, ord(two) - 64
        x += (dx >> 1) ^ -(dx & 1)
        y += (dy >> 1) ^ -(dy & 1)
        ring.append((x / 1024, y / 1024))
    return ring


def feature(raw: dict) -> dict:
    """A GeoJSON feature in WGS-84, rings closed and turned as RFC 7946 asks."""
    geometry = raw["geometry"]
    assert geometry["type"] == "Polygon"
    rings = [decode(*pair) for pair in zip(geometry["coordinates"], geometry["encodeOffsets"], strict=True)]
    drawn = shapely.make_valid(Polygon(rings[0], rings[1:]), method="structure", keep_collapsed=False)
    largest = max(shapely.get_parts(drawn), key=lambda part: part.area)
    assert drawn.area - largest.area < SLIVER, raw["id"]
    moved = shapely.transform(largest, lambda points: np.column_stack(convert(*points.T, "GCJ02", "WGS84")).round(6))
    polygon = orient(moved)
    if not polygon.is_valid:
        raise ValueError(f"{raw['id']}: {shapely.is_valid_reason(polygon)}")
    lon, lat = convert(*raw["properties"]["cp"], "GCJ02", "WGS84")
    return {
        "type": "Feature",
        "id": raw["id"],
        "properties": {"code": raw["id"], "name": raw["properties"]["name"], "label": [round(lon, 6), round(lat, 6)]},
        "geometry": mapping(polygon),
    }


def main(path: str) -> None:
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    assert raw["UTF8Encoding"]
    features = sorted((feature(one) for one in raw["features"]), key=lambda one: one["id"])
    assert len(features) == 16
    collection = {
        "type": "FeatureCollection",
        "name": "Districts of Tianjin",
        "source": "Apache ECharts 4.9.0, map/json/province/tianjin.json, Apache-2.0",
        "caveat": CAVEAT,
        "features": features,
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(collection, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(features)} districts, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
