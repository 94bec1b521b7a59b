"""Importing the road register. Lines are WKT ("LINESTRING (117.2 39.1, …)") or pairs "117.2,39.1;117.3,39.1"."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chengheng.cleanliness import actions
from chengheng.cleanliness.models import Grade, Lane, Road, RoadClass, RoadVersion, Zone
from chengheng.common import places
from chengheng.common.intake import Field, Importer, Problems, Rows, choice, integer, organisation, register, text

SHOWN = 20  # changed roads that the preview names
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
    help = _(
        "One row a road. A road of the register that differs gets a new version, an unchanged one stays as it is; empty "
        "cells and roads that the file does not name change nothing."
    )
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
        seen: set[str] = set()
        for row in rows:
            if row["code"] in seen:
                problems.add(row, "code", _("This road stands in the file twice."))
            seen.add(row["code"])
            if not _district(row):
                problems.add(row, "line", _("This position lies outside all districts."))
        if problems.count:
            return
        found = actions.compare_roads(map(_fields, rows))
        left = Road.objects.filter(active=True).exclude(code__in=seen).count()
        self.notes = [
            _("New roads: %(new)d. Changed roads, each with a new version: %(changed)d. Unchanged: %(same)d. "
              "Not in this file, left as they are: %(left)d.")
            % {"new": len(found.new), "changed": len(found.changed), "same": found.same, "left": left}
        ]  # fmt: skip
        labels = {field.attname: str(field.verbose_name) for field in Road._meta.concrete_fields}
        shown = [f"{road.code} ({', '.join(labels[name] for name in changes)})" for road, changes in found.changed]
        if shown:
            more = " …" if len(shown) > SHOWN else ""
            self.notes.append(_("What changes: %s") % ("; ".join(shown[:SHOWN]) + more))

    def commit(self, rows: Rows, batch: Any, actor: Any) -> int:
        found = actions.compare_roads(map(_fields, rows), lock=True)
        reason = str(_("Import %s") % batch.name)[:200]
        changed = actions.change_roads(actor, found.changed, batch=batch, reason=reason)
        return changed + actions.add_roads(actor, found.new, batch=batch)

    def undo(self, batch: Any, actor: Any) -> None:
        actions.take_back_changes(actor, batch, reason=str(_("The import was undone.")))
        RoadVersion.objects.filter(road__batch=batch).delete()
        super().undo(batch, actor)

    def done_url(self, batch: Any) -> str:
        return reverse("cleanliness:roads")


def _district(row: Any) -> str:
    """The district where the road's middle lies; "" outside of all."""
    return str(places.locate(*row["line"][len(row["line"]) // 2]).district or "")


def _fields(row: Any) -> dict[str, Any]:
    """A row of the file as the register keeps it."""
    return {**row, "zone": row["zone"] or "", "district_code": _district(row)}
