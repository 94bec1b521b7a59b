"""Cases as vector tiles: live cases, clustered where they lie close on the screen, within what the user may see.

A feature carries what other systems need (`number`, `state`, `cases`, `late`) and what our own map draws (`title`,
`label`, `tone`, `count`, `url`), in the language of whoever asks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, ExpressionWrapper, F, FloatField, Max, Q, Value
from django.db.models.functions import Floor
from django.utils import timezone
from django.utils.translation import gettext as _
from shapely import Point

from chengheng.common import flow
from chengheng.common.people import access
from chengheng.patrol.models import Case
from chengheng.protocols import mvt

LAYER = "cases"
MOST_ZOOM = 20
ALONE_FROM = 17
"""From this zoom on every case is a point of its own."""
_CELLS = 12
"""Clusters across a tile: of 512 pixels on the map, so that circles of the largest size just do not touch."""
_ALONE_AT_MOST = 4096
_CROWDED = 20_000
"""A tile with so many live cases is counted anew once in `_KEPT_FOR`: its circles do not show a single case anyway."""
_KEPT_FOR = timedelta(minutes=1)
_KEPT_AT_MOST = 500
_kept: dict[
    tuple[str, int, int, int], tuple[datetime, list[dict[str, Any]]]
] = {}  # per process, by the scope's own SQL


def tile(user: Any, z: int, x: int, y: int) -> bytes:
    """The tile of live cases, b"" when it is empty. A cluster carries `cases` and `late`; a single case its own data."""
    west, south, east, north = mvt.box_of(z, x, y)
    live = access.visible(user, "patrol.case.view", Case.objects.exclude(state__in=flow.flow_of(Case).final)).order_by()
    rows = live.filter(lon__gte=west, lon__lt=east, lat__gt=south, lat__lte=north)
    features: list[mvt.Feature] = []
    if z < ALONE_FROM:
        groups = _counted((str(live.query), z, x, y), rows, west, east, south, north)
        single = [group["one"] for group in groups if group["cases"] == 1]
        features += [_cluster(group) for group in groups if group["cases"] > 1]
        rows = live.filter(pk__in=single)
    features += [_alone(case) for case in rows.only(*_SHOWN)[:_ALONE_AT_MOST]]
    return mvt.encode({LAYER: features}, z, x, y)


_SHOWN = ("state", "due_at", "lon", "lat", "code", "class_name", "reported_at", "district_code")


def _counted(key: tuple[str, int, int, int], rows: Any, *box: float) -> list[dict[str, Any]]:
    """The groups of a tile; of a crowded one those of up to a minute ago, for the same scope."""
    now, kept = timezone.now(), _kept.get(key)
    if kept is not None and kept[0] <= now < kept[0] + _KEPT_FOR:
        return kept[1]
    groups = _groups(rows, *box)
    if sum(group["cases"] for group in groups) >= _CROWDED:
        if len(_kept) >= _KEPT_AT_MOST:
            _kept.clear()
        _kept[key] = now, groups
    return groups


def _groups(rows: Any, west: float, east: float, south: float, north: float) -> list[dict[str, Any]]:
    """Cells of equal degrees: over one tile Mercator's stretching is the same for all to a few cells' width."""
    across, up = (east - west) / _CELLS, (north - south) / _CELLS
    column = Floor(ExpressionWrapper((F("lon") - Value(west)) / Value(across), output_field=FloatField()))
    line = Floor(ExpressionWrapper((F("lat") - Value(south)) / Value(up), output_field=FloatField()))
    late = Count("pk", filter=Q(due_at__lt=timezone.now()))
    found = rows.annotate(column=column, line=line).values("column", "line")
    return list(found.annotate(cases=Count("pk"), late=late, lon=Avg("lon"), lat=Avg("lat"), one=Max("pk")))


def _cluster(group: dict[str, Any]) -> mvt.Feature:
    told = {"cases": group["cases"], "late": group["late"], **_drawn(_many(group["cases"]), group["late"] > 0)}
    if group["late"]:
        told["label"] = _("%(cases)s overdue") % {"cases": group["late"]}
    return mvt.Feature(Point(group["lon"], group["lat"]), {**told, "count": group["cases"]})


def _many(cases: int) -> str:
    return _("%(cases)s cases") % {"cases": cases}


def _drawn(title: str, late: bool) -> dict[str, str]:
    """What our own map reads of every layer."""
    return {"title": title, "tone": "bad" if late else "info"}


def _alone(case: Case) -> mvt.Feature:
    told: dict[str, Any] = {
        "number": case.number, "class": case.class_name, "code": case.code, "state": case.state, "late": case.is_overdue,
        "url": case.get_absolute_url(), "label": case.state_label, **_drawn(str(case), case.is_overdue),
    }  # fmt: skip
    return mvt.Feature(Point(case.lon, case.lat), told, id=case.pk)


def exists(z: int, x: int, y: int) -> bool:
    """Whether there is such a tile."""
    return 0 <= z <= MOST_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z
