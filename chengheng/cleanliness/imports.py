"""Importing the road register. Lines are WKT ("LINESTRING (117.2 39.1, …)") or pairs "117.2,39.1;117.3,39.1"."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext_lazy as _

from chengheng.cleanliness import actions
from chengheng.cleanliness.models import Grade, Lane, Road, RoadClass, RoadVersion, Zone
from chengheng.common import places
from chengheng.common.intake import Field, Importer, Problems, Rows, choice, integer, organisation, register, text

_NUMBER = r"-?\d{1,3}(?:\.\d+)?"
_PAIR = re.compile(rf"({_NUMBER})[\s,，]+({_NUMBER})")


def line(value: Any) -> list[list[float]]:
    """Pairs of longitude and latitude; ValueError for fewer than two."""
    found = [[float(lon), float(lat)] for lon, lat in _PAIR.findall(str(value)[:200_000])]
    if len(found) < 2:
        raise ValueError(str(_("A line needs at least two positions (WKT or lon,lat;lon,lat).")))
    return found


_LANES = {
    "快车道": "fast", "机动车道": "fast", "慢车道": "slow", "非机动车道": "slow", "路缘": "kerb", "路沿": "kerb",
    "便道": "pavement", "人行道": "pavement",
} | {lane.value: lane.value for lane in Lane}  # fmt: skip


def lanes(value: Any) -> list[str]:
    """ "快车道/慢车道/便道" → ["fast", "slow", "pavement"]."""
    words = [word for word in re.split(r"[\s、,，/;；]+", str(value).strip()) if word]
    unknown = [word for word in words if word not in _LANES]
    if unknown or not words:
        raise ValueError(str(_("Unknown lane type: %s")) % "、".join(unknown))
    return list(dict.fromkeys(_LANES[word] for word in words))


@register
class RoadImporter(Importer):
    code = "cleanliness.road"
    title = _("Roads")
    act = "cleanliness.road.import"
    models = (Road,)
    help = _("One row a road. Roads that are in the register already are refused: change those on their page.")
    fields = (
        Field("code", _("Road code"), required=True, parse=text(30), aliases=("道路编号", "编号")),
        Field("name", _("Road name"), required=True, parse=text(80), aliases=("道路名称", "名称")),
        Field("grade", _("Grade"), required=True, parse=choice(
            Grade, {"一级": 1, "二级": 2, "三级": 3, "四级": 4}
        ), aliases=("保洁等级", "等级")),
        Field("road_class", _("Road class"), required=True, parse=choice(
            RoadClass, {"快速路": "expressway", "主干路": "trunk", "主干道": "trunk", "次干路": "secondary",
                        "次干道": "secondary", "支路": "branch"}
        ), aliases=("道路类别", "类别")),
        Field("zone", _("Zone"), parse=choice(Zone, {"环内": "inner", "环外": "outer"}), default="",
              aliases=("区域",)),
        Field("lanes", _("Lane types"), required=True, parse=lanes, aliases=("车道", "断面")),
        Field("line", _("Line"), required=True, parse=line, aliases=("线位", "坐标", "WKT")),
        Field("length_m", _("Length (m)"), parse=integer(1, 200_000), aliases=("长度", "长度（米）")),
        Field("contractor", _("Contractor"), parse=organisation(), aliases=("保洁单位", "作业单位")),
    )  # fmt: skip

    def check(self, rows: Rows, problems: Problems) -> None:
        known = set(Road.objects.filter(code__in=[row["code"] for row in rows]).values_list("code", flat=True))
        seen: set[str] = set()
        for row in rows:
            if row["code"] in known or row["code"] in seen:
                problems.add(row, "code", _("This road is in the register already."))
            seen.add(row["code"])
            middle = row["line"][len(row["line"]) // 2]
            if not places.locate(*middle).district:
                problems.add(row, "line", _("This position lies outside all districts."))

    def commit(self, rows: Rows, batch: Any, actor: Any) -> int:
        made = []
        for row in rows:
            middle = row["line"][len(row["line"]) // 2]
            made.append(
                {
                    "code": row["code"], "name": row["name"], "grade": row["grade"], "road_class": row["road_class"],
                    "zone": row["zone"] or "", "lanes": row["lanes"], "line": row["line"],
                    "length_m": row["length_m"], "contractor": row["contractor"],
                    "district_code": places.locate(*middle).district,
                }
            )  # fmt: skip
        return actions.add_roads(actor, made, batch=batch)

    def undo(self, batch: Any, actor: Any) -> None:
        RoadVersion.objects.filter(road__batch=batch).delete()
        super().undo(batch, actor)
