"""The lists of base data."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.table import flow_of
from chengheng.common.tables import Choice, Column, DateRange, Table, Text, register
from chengheng.maintenance.basedata import rules
from chengheng.maintenance.basedata.models import KIND_CHOICES, Census, ChangeSet, Item

_TONES = {"draft": "warn", "checked": "info", "approved": "info", "published": "good", "discarded": "none"}


def _states() -> list[tuple[str, Any]]:
    return list(flow_of(ChangeSet).states.items())


def _kinds() -> list[tuple[str, Any]]:
    return list(KIND_CHOICES)


def _class(item: Any) -> str:
    return rules.class_name(item.sort) if item.kind == "component" else item.sort


def _held(name: str) -> Any:
    return lambda item: item.attrs.get(name, "")


@register
class ItemTable(Table):
    code = "maintenance.base_item"
    title = _("Features of the current edition")
    act = "maintenance.base.view"
    columns = (
        Column("code", _("Identifier"), link=True),
        Column("name", _("Name")),
        Column("kind", _("Kind"), value=lambda item: item.get_kind_display()),
        Column("class", _("Class of feature"), value=_class, sort="sort"),
        Column("area_code", _("Area")),
        Column("authority", _("Authority"), value=_held("authority"), sort=""),
        Column("owner", _("Owner"), value=_held("owner"), sort=""),
        Column("state", _("State"), value=_held("state"), sort=""),
        Column("since", _("since edition")),
    )
    filters = (
        Text("q", _("Search"), fields=("code", "name")),
        Choice("kind", _("Kind"), choices=_kinds),
        Text("area", _("Area"), fields=("area_code",)),
    )
    default_sort = "code"

    def queryset(self, user: Any) -> QuerySet[Item]:
        """What stands now."""
        return Item.objects.filter(until__isnull=True)


@register
class ChangeSetTable(Table):
    code = "maintenance.base_set"
    title = _("Change sets of base data")
    act = "maintenance.base.view"
    columns = (
        Column("title", _("Title"), link=True),
        Column("kind", _("Kind"), value=lambda row: row.get_kind_display()),
        Column("state", _("State"), value=lambda row: row.state_label, badge=True, tones=_TONES),
        Column("total", _("Changes"), value=lambda row: row.counts.get("total", 0), sort=""),
        Column("stopping", _("Problems that stop it")),
        Column("made_by__display_name", pgettext_lazy("base data", "Made by")),
        Column("made_at", _("Made"), kind="datetime"),
        Column("edition", _("Edition")),
        Column("published_at", _("Published"), kind="datetime"),
    )
    filters = (
        Text("q", _("Search"), fields=("title", "source")),
        Choice("kind", _("Kind"), choices=_kinds),
        Choice("state", _("State"), choices=_states),
        DateRange("published_at", _("Published")),
    )
    default_sort = "-made_at"
    navigation = ((_("Draft a change set"), "maintenance:base_new"),)

    def queryset(self, user: Any) -> QuerySet[ChangeSet]:
        """All of them."""
        return ChangeSet.objects.select_related("made_by")


def _census_state(census: Any) -> str:
    return str(pgettext_lazy("census", "finished") if census.finished_at else pgettext_lazy("census", "open"))


@register
class CensusTable(Table):
    code = "maintenance.base_census"
    title = _("Census tasks")
    act = "maintenance.base.survey"
    columns = (
        Column("title", _("Title"), link=True),
        Column("state", _("State"), value=_census_state, sort="", badge=True,
               tones=lambda census: "good" if census.finished_at else "info"),
        Column("area_code", _("Area")),
        Column("surveyor__display_name", _("Surveyor")),
        Column("due_on", _("Due on"), kind="date"),
        Column("finished_at", _("Finished"), kind="datetime"),
    )  # fmt: skip
    filters = (Text("q", _("Search"), fields=("title", "area_code")), DateRange("due_on", _("Due on")))
    default_sort = "due_on"
    navigation = ((_("Open a census task"), "maintenance:base_census_new"),)

    def queryset(self, user: Any) -> QuerySet[Census]:
        """Those of the surveyor, or all."""
        return Census.objects.select_related("surveyor")
