"""Which area holds a point, and what the areas are.

`places.locate(lon, lat)`, `places.locate_many`, `places.districts()`, `places.area(code)`, `places.name_of(code)`,
`places.datum.convert`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chengheng.common.places import datum as datum
    from chengheng.common.places.index import Located as Located
    from chengheng.common.places.index import locate as locate
    from chengheng.common.places.index import locate_many as locate_many
    from chengheng.common.places.queries import area as area
    from chengheng.common.places.queries import districts as districts
    from chengheng.common.places.queries import name_of as name_of

_HOMES = {
    "locate": "index", "locate_many": "index", "Located": "index",
    "area": "queries", "districts": "queries", "name_of": "queries",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The room's front door, opened on first use: models cannot load before the apps are ready."""
    from importlib import import_module

    if name == "datum":
        return import_module(f"{__name__}.datum")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(name)
