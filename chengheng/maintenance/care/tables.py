"""The lists of spare parts and of what helps."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.tables import Choice, Column, Table, Text, register
from chengheng.maintenance.care.models import Article, Spare
from chengheng.maintenance.tables import _systems


def _standing(row: Spare) -> str:
    return str(
        _("too few") if row.is_low else pgettext_lazy("spare part", "enough") if row.active else _("not kept any more")
    )


@register
class SpareTable(Table):
    code = "maintenance.spare"
    title = _("Spare parts")
    act = "maintenance.spare.view"
    columns = (
        Column("name", _("Part"), link=True),
        Column("standing", _("State"), value=_standing, sort="", badge=True,
               tones=lambda row: "warn" if row.is_low else "good" if row.active else "none"),
        Column("on_hand", _("In stock"), kind="number"),
        Column("least", _("At least"), kind="number"),
        Column("system__name", _("System")),
        Column("fits", _("Fits")),
        Column("place", pgettext_lazy("spare part", "Kept at")),
        Column("price_fen", pgettext_lazy("spare part", "Price"), kind="money_fen"),
    )  # fmt: skip
    filters = (
        Text("q", _("Search"), fields=("name", "fits", "place")),
        Choice("system", _("System"), lookup="system__code", choices=_systems),
    )
    default_sort = "name"
    navigation = ((_("Add a spare part"), "maintenance:spare_new", "maintenance.spare.change"),)
    empty = _("No spare parts are kept yet.")

    def queryset(self, user: Any) -> QuerySet:
        return Spare.objects.select_related("system")


@register
class ArticleTable(Table):
    code = "maintenance.article"
    title = _("What helps")
    act = "maintenance.knowledge.view"
    columns = (
        Column("title", _("Title"), link=True),
        Column("kind", _("Type")),
        Column("model", _("Model")),
        Column("by__display_name", _("By")),
        Column("at", _("At"), kind="datetime"),
        Column("active", pgettext_lazy("knowledge base", "Valid"), kind="boolean", shown=False),
    )
    filters = (Text("q", _("Search"), fields=("title", "kind", "model", "symptom", "solution")),)
    default_sort = "-at"
    navigation = ((_("Write an article"), "maintenance:article_new", "maintenance.knowledge.write"),)
    empty = _("Nothing was written down yet. At a repaired fault, its solution can be made an article.")

    def queryset(self, user: Any) -> QuerySet:
        return Article.objects.select_related("by")
