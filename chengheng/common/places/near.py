"""Who and what is near a place: every system adds finders, the command screen asks them all at once.

A finder is given a box around the place and may look no further; distances are worked out here, once for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q
from django.utils.functional import Promise

from chengheng.common.people import access
from chengheng.common.places.box import Box
from chengheng.common.places.ground import distance_m
from chengheng.common.trail.recording import subject_text

_SCANNED = 2000


@dataclass(frozen=True)
class Spot:
    """One thing or person at a place. `subject` is its record; `person` is who it is, when it is somebody."""

    title: str
    lon: float
    lat: float
    detail: str = ""
    url: str = ""
    tone: str = "info"
    phone: str = ""
    subject: Model | None = None
    person: Any = None


@dataclass(frozen=True)
class Finder:
    """`find(user, box, limit)` shows only what the user may see, and nothing outside the box. Who may not do `act` at all
    is not told that there is such a kind."""

    code: str
    label: str | Promise
    icon: str
    find: Callable[[Any, Box, int], Iterable[Spot]]
    act: str
    order: int = 10


@dataclass(frozen=True)
class Near:
    """A spot with its distance from the place asked for, in metres."""

    spot: Spot
    metres: int

    @property
    def key(self) -> str:
        """The record as `links.choosing` takes it; "" when there is none."""
        return subject_text(self.spot.subject) if self.spot.subject is not None else ""


@dataclass(frozen=True)
class Group:
    """What one finder found: the nearest first; `more` that were within reach and are not shown."""

    finder: Finder
    rows: list[Near]
    more: int


_finders: dict[str, Finder] = {}


def offer(finder: Finder) -> Finder:
    """Add a finder; the last offer of a code holds."""
    _finders[finder.code] = finder
    return finder


def box(lon: float, lat: float, metres: float) -> Box:
    """A box that holds every place within so many metres; up to 80° of latitude."""
    up = metres / 111_000
    wide = up / max(0.17, math.cos(math.radians(lat)))
    return lon - wide, lat - up, lon + wide, lat + up


def inside(box: Box) -> Q:
    """Rows whose `lon` and `lat` lie in the box, its edges included."""
    west, south, east, north = box
    return Q(lon__gte=west, lon__lte=east, lat__gte=south, lat__lte=north)


def around(user: Any, lon: float, lat: float, metres: float, limit: int = 8) -> list[Group]:
    """What every finder has within so many metres, the nearest first."""
    reach, found = box(lon, lat, metres), []
    for finder in sorted(_finders.values(), key=lambda one: one.order):
        if not access.may(user, finder.act):
            continue
        rows = [
            Near(spot, round(way))
            for spot in finder.find(user, reach, _SCANNED)
            if (way := distance_m(lon, lat, spot.lon, spot.lat)) <= metres
        ]
        rows.sort(key=lambda row: row.metres)
        found.append(Group(finder, rows[:limit], max(0, len(rows) - limit)))
    return found
