"""The lists of patrol."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import places
from chengheng.common.dictionary import Edition, Kind
from chengheng.common.flow.table import flow_of
from chengheng.common.tables import Choice, Column, DateRange, District, Organisation, Table, Text, register
from chengheng.patrol import queries
from chengheng.patrol.models import Case, CaseTask, DictionaryEntry, FilingStandard, Shift, Source

_TONES = {
    "closed": "good", "refused": "none", "not_filed": "none", "voided": "none", "suspended": "warn", "appealed": "warn",
}  # fmt: skip


def _state_tone(case: Case) -> str:
    return "bad" if case.is_overdue and not case.is_final else _TONES.get(case.state, "info")


class Words(Text):
    """Words of a case, by the index that finds them among millions."""

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        return queries.with_words(queryset, value)


@register
class CaseTable(Table):
    code = "patrol.case"
    title = _("Cases")
    act = "patrol.case.view"
    columns = (
        Column("number", pgettext_lazy("case", "Number"), value=lambda case: case.number, sort="pk", link=True),
        Column("state", _("State"), value=lambda case: case.state_label, sort="state", badge=True, tones=_state_tone),
        Column("class_name", _("Class")),
        Column("code", pgettext_lazy("case", "Code"), shown=False),
        Column(
            "district_code", _("District"), value=lambda case: places.name_of(case.district_code), sort="district_code"
        ),
        Column("address", _("Address"), shown=False),
        Column("department__name", pgettext_lazy("case", "Department")),
        Column("source", _("Source")),
        Column("reported_at", pgettext_lazy("case", "Reported"), kind="datetime"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("closed_at", pgettext_lazy("case", "Closed"), kind="datetime", shown=False),
        Column("reworks", _("Reworks"), kind="number", shown=False),
        Column("doubts", _("Doubts"), value=lambda case: ", ".join(case.doubt_labels), shown=False),
    )
    filters = (
        Words("q", _("Search")),
        Choice("state", _("State"), choices=lambda: list(flow_of(Case).states.items())),
        Choice("source", _("Source"), choices=Source.choices),
        District("district", _("District"), lookup="district_code"),
        Organisation("department", pgettext_lazy("case", "Department")),
        DateRange("reported_at", pgettext_lazy("case", "Reported")),
    )
    default_sort = "-number"

    def queryset(self, user: Any) -> QuerySet:
        return Case.objects.select_related("department")

    def row_class(self, row: Case) -> str:
        return "row-late" if row.is_overdue and not row.is_final else ""


@register
class TaskTable(Table):
    code = "patrol.task"
    title = _("Collectors' tasks")
    act = "patrol.task.view"
    columns = (
        Column("case", _("Case"), value=str, sort="case__pk", link=True),
        Column("purpose", _("Purpose"), badge=True),
        Column("collector__display_name", _("Collector")),
        Column("asked_at", pgettext_lazy("case", "Asked"), kind="datetime"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("done_at", pgettext_lazy("case", "Done"), kind="datetime"),
        Column("result", pgettext_lazy("case", "Result")),
    )
    filters = (
        Choice("purpose", _("Purpose"), choices=CaseTask.Purpose.choices),
        DateRange("asked_at", pgettext_lazy("case", "Asked")),
    )
    default_sort = "-asked_at"

    def queryset(self, user: Any) -> QuerySet:
        return CaseTask.objects.select_related("case", "collector")


@register
class ShiftTable(Table):
    code = "patrol.shift"
    title = _("Shifts")
    act = "patrol.shift.view"
    columns = (
        Column("collector__display_name", _("Collector")),
        Column("area_code", _("Area")),
        Column("started_at", pgettext_lazy("case", "Signed in"), kind="datetime"),
        Column("ended_at", _("Signed out"), kind="datetime"),
    )
    filters = (DateRange("started_at", pgettext_lazy("case", "Signed in")),)
    default_sort = "-started_at"

    def queryset(self, user: Any) -> QuerySet:
        return Shift.objects.select_related("collector")


@register
class DictionaryTable(Table):
    code = "patrol.dictionary"
    title = _("Dictionary of components and events")
    act = "patrol.dictionary.view"
    columns = (
        Column("edition", pgettext_lazy("case", "Edition")),
        Column("kind", pgettext_lazy("case", "Kind"), badge=True),
        Column("class_name", _("Class")),
        Column("code", pgettext_lazy("case", "Code")),
        Column("name", pgettext_lazy("case", "Name")),
        Column("active", _("Active"), kind="boolean", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("code", "name")),
        Choice("edition", pgettext_lazy("case", "Edition"), choices=[(e.value, e.value) for e in Edition]),
        Choice(
            "kind",
            pgettext_lazy("case", "Kind"),
            choices=[(Kind.COMPONENT.value, _("component")), (Kind.EVENT.value, _("event"))],
        ),
    )
    default_sort = "code"

    def queryset(self, user: Any) -> QuerySet:
        return DictionaryEntry.objects.all()


@register
class StandardTable(Table):
    code = "patrol.standard"
    title = _("Filing standards")
    act = "patrol.standard.view"
    columns = (
        Column("table__name", pgettext_lazy("case", "Table")),
        Column("table__in_force_from", _("In force from"), kind="date"),
        Column("edition", pgettext_lazy("case", "Edition")),
        Column("code", pgettext_lazy("case", "Code")),
        Column("condition", _("Filing condition")),
        Column("limit", _("Limit"), value=lambda row: str(row.limit)),
        Column("closing_condition", _("Closing condition")),
        Column("responsible", _("Responsible")),
    )
    filters = (Text("q", _("Search"), fields=("code", "condition")),)
    default_sort = "code"

    def queryset(self, user: Any) -> QuerySet:
        return FilingStandard.objects.select_related("table")
