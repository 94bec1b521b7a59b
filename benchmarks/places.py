"""Place look-ups per second and core with 50,000 synthetic unit grids: `python -m benchmarks.places`.

The grids are irregular (16 vertices, about 200 m), side by side over the city; half of the points lie in the centre.
"""

from __future__ import annotations

import os
import time

import numpy as np
import shapely

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from chengheng.common.places.index import LevelIndex, Locator
from chengheng.common.places.rules import Level

COLUMNS, ROWS, SIDE = 250, 200, 0.0022
WEST, SOUTH = 116.9, 38.9
POINTS = 200_000


def grids() -> tuple[list[str], np.ndarray]:
    """50,000 codes and polygons that share their wavy edges."""
    steps = np.arange(4) / 4

    def bend(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.column_stack([x + 0.2 * np.sin(5 * y), y + 0.2 * np.sin(5 * x)]) * SIDE + [WEST, SOUTH]

    codes, shapes = [], []
    for row in range(ROWS):
        for column in range(COLUMNS):
            edge_x = np.concatenate([column + steps, np.full(4, column + 1.0), column + 1 - steps, np.full(4, column)])
            edge_y = np.concatenate([np.full(4, row), row + steps, np.full(4, row + 1.0), row + 1 - steps])
            number = row * COLUMNS + column
            codes.append(f"120101{number // 20000 + 1:03}{number // 20 % 1000 + 1:03}{number % 20 + 1:03}")
            shapes.append(shapely.Polygon(bend(edge_x, edge_y)))
    return codes, np.array(shapes, dtype=object)


def measure() -> dict[str, float]:
    """Look-ups per second, one at a time and in a batch, and seconds to build the index."""
    codes, shapes = grids()
    chance = np.random.default_rng(1)
    lons = WEST + SIDE * COLUMNS * chance.beta(3, 3, POINTS)
    lats = SOUTH + SIDE * ROWS * chance.beta(3, 3, POINTS)
    started = time.process_time()
    locator = Locator([LevelIndex(Level.GRID, codes, shapes)])
    built = time.process_time() - started
    pairs = list(zip(lons.tolist(), lats.tolist(), strict=True))
    started = time.process_time()
    alone = [locator.locate(lon, lat) for lon, lat in pairs]
    one = time.process_time() - started
    started = time.process_time()
    together = locator.locate_many(lons, lats)
    many = time.process_time() - started
    assert alone == together
    assert sum(map(bool, alone)) > POINTS * 0.99
    return {"grids": len(codes), "build_s": built, "single_per_s": POINTS / one, "batch_per_s": POINTS / many}


def main() -> None:
    for name, value in measure().items():
        print(f"{name:14} {value:12,.2f}")


if __name__ == "__main__":
    main()
