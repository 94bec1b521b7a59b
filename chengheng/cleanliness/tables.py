"""The lists of dust weighing."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.cleanliness.models import Bag, Check, Grade, PlanItem, Road, RoadClass, Scale
from chengheng.cleanliness.rules.weighing import Verdict
from chengheng.common import places
from chengheng.common.flow.table import flow_of
from chengheng.common.tables import Choice, Column, DateRange, District, Organisation, Table, Text, register

VERDICTS = {
    Verdict.MET.value: _("within the limit"),
    Verdict.MISSED.value: _("above the limit"),
    Verdict.INCOMPLETE.value: _("incomplete"),
    Verdict.NO_RULE.value: _("no rule in force"),
}
VERDICT_TONES = {"met": "good", "missed": "bad", "incomplete": "warn", "no_rule": "none"}
STATE_TONES = {"result": "good", "incomplete": "warn", "appealed": "warn", "sampled": "info", "signed": "info"}


@register
class RoadTable(Table):
    code = "cleanliness.road"
    title = _("Roads")
    act = "cleanliness.road.view"
    columns = (
        Column("code", _("Road code"), link=True),
        Column("name", _("Road name")),
        Column(
            "district_code", _("District"), value=lambda row: places.name_of(row.district_code), sort="district_code"
        ),
        Column("grade", _("Grade")),
        Column("road_class", _("Road class")),
        Column("zone", _("Zone"), shown=False),
        Column("length_m", _("Length (m)"), kind="number"),
        Column("lane_labels", _("Lane types"), value=lambda road: road.lane_labels),
        Column("contractor__name", _("Contractor")),
        Column("active", _("In the register"), kind="boolean", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("code", "name")),
        District("district_code", _("District")),
        Choice("grade", _("Grade"), choices=Grade.choices),
        Choice("road_class", _("Road class"), choices=RoadClass.choices),
        Organisation("contractor", _("Contractor")),
    )
    default_sort = "code"
    navigation = ((_("Map of roads"), "cleanliness:road_map"),)

    def queryset(self, user: Any) -> QuerySet:
        return Road.objects.select_related("contractor")


@register
class CheckTable(Table):
    code = "cleanliness.check"
    title = _("Road checks")
    act = "cleanliness.check.view"
    columns = (
        Column("road__name", _("Road"), link=True),
        Column("done_at", _("Sampled at"), kind="datetime"),
        Column("state", _("State"), value=lambda c: c.state_label, sort="state", badge=True,
               tones=lambda c: STATE_TONES.get(c.state, "none")),
        Column("district_code", _("District"), value=lambda row: places.name_of(row.district_code), sort="district_code"),
        Column("grade", _("Grade")),
        Column("value", _("Road value (g/m²)"), kind="number", places=1),
        Column("verdict", _("Verdict"), value=lambda c: VERDICTS.get(c.verdict), badge=True, sort="verdict",
               tones=lambda c: VERDICT_TONES.get(c.verdict, "none")),
        Column("score", _("Score"), kind="number", places=1),
        Column("valid_points", _("Valid points"), kind="number"),
        Column("contractor__name", _("Contractor"), shown=False),
        Column("exclusion", _("Exclusion"), shown=False),
    )  # fmt: skip
    filters = (
        Text("q", _("Search"), fields=("road__name", "road__code")),
        Choice("state", _("State"), choices=lambda: flow_of(Check).states.items()),
        Choice("verdict", _("Verdict"), choices=VERDICTS.items()),
        District("district_code", _("District")),
        DateRange("done_at", _("Sampled at")),
    )
    default_sort = "-done_at"

    def queryset(self, user: Any) -> QuerySet:
        return Check.objects.select_related("road", "contractor")


@register
class ItemTable(Table):
    code = "cleanliness.item"
    title = _("Planned checks")
    act = "cleanliness.plan.view"
    columns = (
        Column("day", _("Day"), kind="date"),
        Column("road__name", _("Road"), link=True),
        Column("team__name", _("Team")),
        Column("position", _("Order"), kind="number"),
        Column("stratum", _("Stratum")),
        Column("moves", _("Moved"), kind="number"),
        Column("reason", _("Reason")),
    )
    filters = (
        Text("q", _("Search"), fields=("road__name", "road__code")),
        DateRange("day", _("Day")),
    )
    default_sort = "day"

    def queryset(self, user: Any) -> QuerySet:
        return PlanItem.objects.select_related("road", "team")


@register
class BagTable(Table):
    code = "cleanliness.bag"
    title = _("Bags")
    act = "cleanliness.bag.receive"
    columns = (
        Column("code", _("Bag"), link=True),
        Column("point__check_of__road__name", _("Road")),
        Column("keeper__display_name", _("Keeper")),
        Column("weighed", _("Weighed"), kind="boolean"),
    )
    filters = (Text("q", _("Search"), fields=("code",)),)
    default_sort = "code"

    def queryset(self, user: Any) -> QuerySet:
        return Bag.objects.select_related("point__check_of__road", "keeper")


@register
class ScaleTable(Table):
    code = "cleanliness.scale"
    title = _("Scales")
    act = "cleanliness.scale.view"
    columns = (
        Column("code", _("Scale"), link=True),
        Column("name", _("Name")),
        Column("resolution_g", _("Resolution (g)"), kind="number", places=3),
        Column("active", _("Active"), kind="boolean"),
    )
    default_sort = "code"

    def queryset(self, user: Any) -> QuerySet:
        return Scale.objects.all()
