"""Where is …: places and addresses by words, for the search box of every page and map, and addresses by point.

A room that knows places adds a finder. Areas by name and code are known here. What must not go in: the rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import cos, hypot, radians
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise

from chengheng.common.places import words
from chengheng.common.places.queries import in_force
from chengheng.common.places.rules import Level
from chengheng.common.places.shipped import CITY_NAME
from chengheng.common.ui.search import Hit

NEAR_M = 5000.0  # half of the weight of nearness is gone at this distance: local rule


@dataclass(frozen=True)
class Spot:
    """A place found. `likeness` 0 … 1 as `words.likeness` says; `url` "" when it has no page of its own."""

    title: str
    lon: float
    lat: float
    detail: str = ""
    kind: str | Promise = ""
    likeness: float = 0.0
    url: str = ""

    @property
    def map_url(self) -> str:
        """The city map at this place."""
        return f"{reverse('portal:map')}?at={self.lon:.6f},{self.lat:.6f}"


Finder = Callable[[Any, str, int], Iterable[Spot]]
_finders: dict[str, Finder] = {}


def add(room: str, finder: Finder) -> None:
    """Let `finder(user, plain words, limit)` answer; it gives only what the user may see, with its likeness."""
    _finders[room] = finder


def search(user: Any, said: str, limit: int = 10, near: tuple[float, float] | None = None) -> list[Spot]:
    """The places that answer the words best, best first; of equals the nearer to `near` (lon, lat)."""
    asked = words.plain(said[:100], CITY_NAME)
    if not asked:
        return []
    found = [*_areas(asked, limit), *(spot for finder in _finders.values() for spot in finder(user, asked, limit))]
    return sorted(found, key=lambda spot: (-_weight(spot, near), spot.title))[:limit]


def _weight(spot: Spot, near: tuple[float, float] | None) -> float:
    if near is None:
        return spot.likeness
    away = 111_320 * hypot((spot.lon - near[0]) * cos(radians(near[1])), spot.lat - near[1])
    return spot.likeness + 0.1 / (1 + away / NEAR_M)


def _areas(asked: str, limit: int) -> list[Spot]:
    rows = in_force().filter(Q(name__icontains=asked) | Q(code__startswith=asked)).order_by("code")[: 4 * limit]
    return [
        Spot(
            row.name, row.label_lon, row.label_lat, row.code, Level(row.level).label,
            1.0 if row.code == asked else words.likeness(asked, words.plain(row.name)), row.get_absolute_url(),
        )
        for row in rows
    ]  # fmt: skip


def hits(user: Any, said: str, limit: int) -> list[Hit]:
    """The same for the product's search box."""
    return [
        Hit(spot.title, spot.url or spot.map_url, spot.kind, spot.detail, "map-pin")
        for spot in search(user, said, limit)
        if spot.likeness >= 0.3
    ]
