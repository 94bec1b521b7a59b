"""Vector tiles of the published editions. Points come from columns kept in memory, one set an edition; areas from rows.

An edition never changes, so what is in memory is right as long as the edition's number is the current one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.db import connection

from chengheng.common.places.editions import edition
from chengheng.maintenance.basedata import queries
from chengheng.maintenance.basedata.models import KIND_CHOICES
from chengheng.maintenance.basedata.rules import KINDS
from chengheng.protocols import mvt

KEPT = 4  # editions in memory, of all kinds together: a few MB each for 100,000 features
CODES_FROM = 13  # below this zoom a tile holds too many features to send each one's code
MOST_AREAS = 20_000  # areas in a tile; what is more is left to a closer look
POINTS = ("component", "place")


@dataclass(frozen=True)
class _Columns:
    wx: np.ndarray  # rising, so that a tile's strip is cut out by bisection
    wy: np.ndarray
    ids: np.ndarray
    codes: np.ndarray
    sort: mvt.Category
    state: mvt.Category


_lock = threading.Lock()
_held: OrderedDict[tuple[str, int], _Columns] = OrderedDict()


def tile(kind: str, z: int, x: int, y: int) -> tuple[bytes, int]:
    """The tile of a kind's current edition and that edition's number. ValueError for a tile that is not in the world."""
    number = edition(kind)
    if kind in POINTS:
        return mvt.encode({kind: _points(kind, number, z, x, y)}, z, x, y), number
    return mvt.encode({kind: _areas(kind, z, x, y)}, z, x, y), number


def _points(kind: str, number: int, z: int, x: int, y: int) -> mvt.Points:
    held = _columns(kind, number)
    margin = mvt.MARGIN / mvt.EXTENT
    low, high = np.searchsorted(held.wx, [(x - margin) / 2**z, (x + 1 + margin) / 2**z])
    part = slice(int(low), int(high))
    properties: dict[str, Any] = {
        "class": mvt.Category(held.sort.numbers[part], held.sort.values),
        "state": mvt.Category(held.state.numbers[part], held.state.values),
    }
    if z >= CODES_FROM:
        properties["code"] = mvt.Unique(held.codes[part])
    return mvt.Points(held.wx[part], held.wy[part], held.ids[part], properties)


def _columns(kind: str, number: int) -> _Columns:
    key = (kind, number)
    found = _held.get(key)
    if found is None:
        with _lock:
            found = _held.get(key)
            if found is None:
                found = _held[key] = _read(kind, number)
                while len(_held) > KEPT:
                    _held.popitem(last=False)
    return found


def _read(kind: str, number: int) -> _Columns:
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, lon, lat, code, sort, coalesce(attrs ->> 'state', '') from maintenance_item"
            " where kind = %s and since <= %s and (until is null or until > %s) and lon is not null",
            [kind, number, number],
        )
        rows = cursor.fetchall()
    ids, lons, lats, codes, sorts, states = zip(*rows, strict=True) if rows else ((),) * 6
    wx, wy = mvt.world(np.array(lons, dtype=float), np.array(lats, dtype=float))
    order = np.argsort(wx, kind="stable")
    return _Columns(
        wx[order], wy[order], np.array(ids, dtype=np.int64)[order],
        np.array([code.encode() for code in codes] or [b""], dtype="S40")[: len(ids)][order],
        _category(sorts, order), _category(states, order),
    )  # fmt: skip


def _category(said: Any, order: np.ndarray) -> mvt.Category:
    values, numbers = np.unique(np.array(said or [""], dtype=object).astype(str), return_inverse=True)
    return mvt.Category(numbers.astype(np.uint32)[: len(order)][order], [str(value) for value in values])


def _areas(kind: str, z: int, x: int, y: int) -> list[mvt.Feature]:
    rows = queries.touching(
        queries.as_of(kind).filter(west__isnull=False), mvt.box_of(z, x, y, mvt.MARGIN / mvt.EXTENT)
    )
    found = rows.values_list("id", "code", "name", "sort", "shape", "lon", "lat")[:MOST_AREAS]
    return [
        mvt.Feature(
            shapely.from_wkb(bytes(shape)) if shape is not None else shapely.Point(lon, lat),
            {"code": code, "name": name, "class": sort or None}, key,
        )
        for key, code, name, sort, shape, lon, lat in found
    ]  # fmt: skip


def document(address: str) -> dict[str, Any]:
    """TileJSON 3.0: what map clients read to know which tiles and layers there are. `address` ends with a slash."""
    return {
        "tilejson": "3.0.0", "name": "Chengheng base data", "minzoom": 8, "maxzoom": 19,
        "tiles": [f"{address}collections/component/tiles/{{z}}/{{x}}/{{y}}.mvt"],
        "vector_layers": [
            {"id": code, "description": str(label), "fields": {"code": "String", "class": "String"}}
            for code, label in KIND_CHOICES if code in KINDS
        ],
    }  # fmt: skip
