"""The list of imports."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.intake import queries
from chengheng.common.intake.models import Batch, State
from chengheng.common.tables import Choice, Column, DateRange, MultiChoice, Table, Text, register

TONES = {
    State.UPLOADED: "info", State.FAULTY: "bad", State.READY: "info", State.COMMITTED: "good", State.UNDONE: "none",
}  # fmt: skip


def _importers() -> list[tuple[str, Any]]:
    from chengheng.common.intake.declaration import registered

    return [(importer.code, importer.title) for importer in registered()]


@register
class BatchTable(Table):
    """Everybody sees their own batches, and those that the importer's act opens to them."""

    code = "intake.batch"
    title = _("Imports")
    act = Batch.view_act
    columns = (
        Column("name", _("File"), link=True),
        Column("importer", _("Import"), value=lambda batch: batch.title, sort="importer"),
        Column("state", _("State"), badge=True, tones=TONES),
        Column("rows", _("Rows"), kind="number"),
        Column("problem_count", _("Problems"), kind="number"),
        Column("by", _("By"), kind="user", sort="by__display_name"),
        Column("at", _("Uploaded"), kind="datetime"),
        Column("committed_at", _("Imported"), kind="datetime"),
        Column("undone_at", _("Undone"), kind="datetime", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("name",)),
        Choice("importer", _("Import"), choices=_importers),
        MultiChoice("state", _("State"), choices=State.choices),
        DateRange("at", _("Uploaded")),
    )
    default_sort = "-at"
    navigation = ((_("New import"), "intake:index"),)

    def require(self, user: Any) -> None:
        """Everybody who is signed in has a list of imports."""

    def queryset(self, user: Any) -> QuerySet:
        return queries.batches_of(user)

    def visible(self, user: Any) -> QuerySet:
        return queries.batches_of(user)
