"""Layers of the city map: every room adds its own GeoJSON addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise

from chengheng.common.people import access

Shape = Literal["point", "line", "area"]


@dataclass(frozen=True)
class Layer:
    """A GeoJSON address (WGS-84/CGCS2000). Features may carry `title`, `state`, `url` and `tone` in their properties.

    `tone` is one of good, warn, bad, info, none and colours the feature; without it the layer's own `tone` does.
    `tiles`: the address is that of Mapbox vector tiles, `…/{z}/{x}/{y}.mvt`, and this is the name of their layer; points
    only, clustered by the server: a feature that stands for many has `count`.
    `bounded`: the address takes `?bbox=west,south,east,north` and is asked again when the map moves.
    """

    code: str
    label: str | Promise
    url: str
    act: str = ""
    room: str = ""
    shape: Shape = "point"
    tone: str = "info"
    order: int = 100
    shown: bool = False
    bounded: bool = False
    tiles: str = ""


_layers: dict[str, Layer] = {}


def add(code: str, label: str | Promise, url: str, act: str = "", **more: Any) -> Layer:
    """Add a layer; `more` are the further fields of `Layer`."""
    _layers[code] = Layer(code, label, url, act, **more)
    return _layers[code]


def for_user(user: Any) -> list[Layer]:
    """The layers that this user may see, in order."""
    found = [layer for layer in _layers.values() if not layer.act or access.may(user, layer.act)]
    return sorted(found, key=lambda layer: (layer.order, layer.code))
