"""Mapbox Vector Tile 2.1: features in longitude and latitude in, the bytes of one tile out. No database, no I/O.

`encode({"grids": [Feature(geometry, {"code": "…"}, id=7), …], "components": Points(…)}, z, x, y) -> bytes`.
Geometry is a shapely geometry or a GeoJSON mapping in WGS-84/CGCS2000 degrees; it is put into the tile's grid, cut at
the tile's edge (with a margin) and turned as the specification asks. `Points` is the same for very many points at once,
held in columns. What must not go in: which features a tile holds, and who may see them.
"""

from chengheng.protocols.mvt.columns import Category, Points, Unique
from chengheng.protocols.mvt.features import Feature
from chengheng.protocols.mvt.tile import EXTENT, MARGIN, MOST_ZOOM, box_of, encode, world

__all__ = ["EXTENT", "MARGIN", "MOST_ZOOM", "Category", "Feature", "Points", "Unique", "box_of", "encode", "world"]
