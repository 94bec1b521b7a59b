"""A tile's place in the world: degrees to whole tile units, cut at its edge. Web Mercator (EPSG:3857), as tiles are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely

EXTENT = 4096
MARGIN = 64  # tile units beyond the edge, so that lines and circles are not seen cut
MOST_ZOOM = 24
MOST_LATITUDE = 85.051128779806604


def world(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where degrees lie in the square world: 0 … 1 from west to east and from north to south."""
    lat = np.clip(lat, -MOST_LATITUDE, MOST_LATITUDE)
    return lon / 360 + 0.5, 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)


def box_of(z: int, x: int, y: int, margin: float = 0.0) -> tuple[float, float, float, float]:
    """West, south, east and north of a tile in degrees, widened by a share of its side."""

    def latitude(row: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**z))))

    west, east = (x - margin) / 2**z * 360 - 180, (x + 1 + margin) / 2**z * 360 - 180
    return west, latitude(y + 1 + margin), east, latitude(y - margin)


@dataclass(frozen=True, slots=True)
class Frame:
    """Tile z/x/y of `extent` units. ValueError for a tile that is not in the world."""

    z: int
    x: int
    y: int
    extent: int = EXTENT
    margin: int = MARGIN

    def __post_init__(self) -> None:
        if not (0 <= self.z <= MOST_ZOOM and 0 <= self.x < 2**self.z and 0 <= self.y < 2**self.z):
            raise ValueError("there is no such tile")

    def place(self, wx: np.ndarray, wy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World to tile units, not rounded."""
        scale = 2.0**self.z
        return (wx * scale - self.x) * self.extent, (wy * scale - self.y) * self.extent

    def fit(self, shapes: np.ndarray) -> np.ndarray:
        """Geometries in degrees to whole tile units, cut; what is smaller than a unit vanishes (points stay)."""

        def put(points: np.ndarray) -> np.ndarray:
            return np.column_stack(self.place(*world(points[:, 0], points[:, 1])))

        shapes = shapely.transform(shapely.force_2d(shapes), put)
        low, high = -self.margin, self.extent + self.margin
        bounds = shapely.bounds(shapes)
        over = (bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1)
        if over.any():
            cut = shapes[over]
            broken = ~shapely.is_valid(cut)
            cut[broken] = shapely.make_valid(cut[broken])
            shapes[over] = shapely.clip_by_rect(cut, low, low, high, high)
        return shapely.set_precision(shapes, 1)
