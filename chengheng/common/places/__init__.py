"""Which area holds a point, and what the areas are.

`places.locate(lon, lat)`, `places.locate_many`, `places.districts()`, `places.area(code)`, `places.name_of(code)`,
`places.datum.convert`, `places.edition()` and `places.edition_at(moment)` of the base data, `places.search(user, words)`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chengheng.common.facade import facade

if TYPE_CHECKING:
    from chengheng.common.places import datum as datum
    from chengheng.common.places.editions import edition, edition_at
    from chengheng.common.places.gazetteer import Spot, search
    from chengheng.common.places.index import Located, locate, locate_many
    from chengheng.common.places.queries import area, district_names, districts, name_of

__all__ = [
    "Located", "Spot", "area", "datum", "district_names", "districts", "edition", "edition_at", "locate", "locate_many", "name_of", "search",
]  # fmt: skip
_offered = facade(
    __name__,
    dict.fromkeys(("Located", "locate", "locate_many"), "index")
    | dict.fromkeys(("area", "district_names", "districts", "name_of"), "queries")
    | dict.fromkeys(("edition", "edition_at"), "editions")
    | dict.fromkeys(("Spot", "search"), "gazetteer"),
)


def __getattr__(name: str) -> Any:
    return import_module(f"{__name__}.datum") if name == "datum" else _offered(name)
