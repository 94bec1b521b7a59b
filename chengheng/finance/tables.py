"""The lists of finance."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.flow.table import flow_of
from chengheng.common.people import access
from chengheng.common.tables import Choice, Column, DateRange, Table, Text, register
from chengheng.finance.engine import SPENDING, spending_pattern
from chengheng.finance.models import Aspect, BatchKind, Doubt, EvidenceBatch, Finding, Line, Unit, UnitKind
from chengheng.finance.rules.catalogue import econ_sets

LEVEL_TONES = {"高": "bad", "中": "warn", "低": "info"}
_STATE_TONES = {"closed": "good", "cleared": "good", "verified": "good", "dismissed": "none", "rectifying": "warn"}


def doubt_tone(doubt: Doubt) -> str:
    """The colour of a doubt's state: red when overdue."""
    return "bad" if doubt.is_overdue else _STATE_TONES.get(doubt.state, "info")


def _aspects() -> list[tuple[str, str]]:
    return [(one.pk, one.name) for one in Aspect.objects.all()]


def _units() -> list[tuple[str, str]]:
    return [(str(one.pk), str(one)) for one in Unit.objects.select_related("organisation")]


def _public() -> list[tuple[str, str]]:
    return [(item, item) for item in econ_sets() if item != "card"]


@register
class DoubtTable(Table):
    code = "finance.doubt"
    title = _("Audit doubts")
    act = "finance.doubt.view"
    export_act = "finance.paper.export"
    columns = (
        Column("number", _("Document number"), value=lambda doubt: doubt.number, sort="pk", link=True),
        Column("state", _("State"), value=lambda doubt: doubt.state_label, sort="state", badge=True,
               tones=doubt_tone),
        Column("unit", _("Unit"), value=lambda doubt: str(doubt.unit), sort="unit__organisation__name"),
        Column("aspect__name", _("Aspect")),
        Column("title", _("Title")),
        Column("finding__amount_fen", _("Amount"), kind="money_fen"),
        Column("found_at", _("Taken up"), kind="datetime", shown=False),
        Column("issued_at", _("Issued"), kind="datetime"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("rectified_at", _("Rectified"), kind="datetime", shown=False),
        Column("closed_at", _("Struck off"), kind="datetime", shown=False),
    )  # fmt: skip
    filters = (
        Text("q", _("Search"), fields=("title",)),
        Choice("state", _("State"), choices=lambda: list(flow_of(Doubt).states.items())),
        Choice("aspect", _("Aspect"), choices=_aspects),
        Choice("unit", _("Unit"), choices=_units),
        DateRange("found_at", _("Taken up")),
    )
    default_sort = "-number"

    def queryset(self, user: Any) -> QuerySet:
        return issued_to(user, Doubt.objects.select_related("unit__organisation", "aspect", "finding"))


def issued_to(user: Any, doubts: QuerySet) -> QuerySet:
    """Those who may not see findings (the audited units) see a doubt only once it was issued."""
    return doubts if access.may(user, "finance.finding.view") else doubts.filter(issued_at__isnull=False)


@register
class FindingTable(Table):
    code = "finance.finding"
    title = _("Rule findings")
    act = "finance.finding.view"
    export_act = "finance.paper.export"
    columns = (
        Column("rule", _("Rule"), link=True),
        Column("level", _("Level"), badge=True, tones=LEVEL_TONES),
        Column("unit", _("Unit"), value=lambda row: str(row.unit), sort="unit__organisation__name"),
        Column("aspect__name", _("Aspect")),
        Column("period", _("Period"), value=lambda row: f"{row.year}-{row.period:02}", sort=""),
        Column("text", _("What was found"), sort=""),
        Column("amount_fen", _("Amount"), kind="money_fen"),
        Column("found_at", _("Found"), kind="datetime"),
        Column("outdated_at", _("No longer found"), kind="datetime", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("text", "rule")),
        Choice("aspect", _("Aspect"), choices=_aspects),
        Choice("level", _("Level"), choices=(("高", "高"), ("中", "中"), ("低", "低"))),
        Choice("unit", _("Unit"), choices=_units),
        DateRange("found_at", _("Found")),
    )
    default_sort = "-found_at"

    def queryset(self, user: Any) -> QuerySet:
        return Finding.objects.select_related("unit__organisation", "aspect")


@register
class UnitTable(Table):
    code = "finance.unit"
    title = _("Supervised units")
    act = "finance.unit.view"
    columns = (
        Column("organisation__name", _("Unit"), link=True),
        Column("organisation__code", _("Unit code")),
        Column("kind", _("Kind"), badge=True),
        Column("accounting", _("Accounting system")),
        Column("supervised_from", _("Supervised from"), kind="date"),
    )
    filters = (
        Text("q", _("Search"), fields=("organisation__name", "organisation__code")),
        Choice("kind", _("Kind"), choices=UnitKind.choices),
    )
    default_sort = "organisation__name"

    def queryset(self, user: Any) -> QuerySet:
        return Unit.objects.select_related("organisation")


@register
class BatchTable(Table):
    code = "finance.batch"
    title = _("Batches of evidence")
    act = "finance.batch.view"
    columns = (
        Column("number", _("Batch"), value=str, sort="pk", link=True),
        Column("kind", _("Holds"), badge=True),
        Column("current", _("In force"), kind="boolean"),
        Column("rows", _("Rows"), kind="number"),
        Column("debit_fen", _("Debit"), kind="money_fen"),
        Column("credit_fen", _("Credit"), kind="money_fen"),
        Column("sha256", _("SHA-256"), value=lambda row: row.sha256[:16], sort=""),
        Column("origin", _("Origin"), sort=""),
        Column("imported_at", _("Imported"), kind="datetime"),
    )
    filters = (
        Choice("kind", _("Holds"), choices=BatchKind.choices),
        Choice("unit", _("Unit"), choices=_units),
        DateRange("imported_at", _("Imported")),
    )
    default_sort = "-imported_at"

    def queryset(self, user: Any) -> QuerySet:
        return EvidenceBatch.objects.select_related("unit__organisation")


class Whole(Text):
    """A field that is exactly what is asked for, spaces and all."""

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        return queryset.filter(**{self.fields[0]: value})


class PublicItem(Choice):
    """Lines of one of the three public expenses: all of its economic classes."""

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        return queryset.filter(econ__in=econ_sets()[value])


class Part(Choice):
    """A part of the books: "spending" is what the dashboards and rules count as spending, once."""

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        counted = Q()
        for accounting in SPENDING:
            counted |= Q(unit__accounting=accounting, account__regex=spending_pattern(accounting))
        return queryset.filter(counted, void=False).exclude(summary__contains="结转")


@register
class LineTable(Table):
    """One flat row a line, as auditors want it."""

    code = "finance.line"
    title = _("Voucher lines")
    act = "finance.line.view"
    columns = (
        Column("day", _("Date"), kind="date"),
        Column("number", _("Voucher number"), value=lambda row: f"{row.word}-{row.number}", sort="", link=True),
        Column("unit", _("Unit"), value=lambda row: str(row.unit), sort=""),
        Column("summary", _("Summary"), sort=""),
        Column("account", _("Ledger account"), sort=""),
        Column("account_name", _("Account name"), sort="", shown=False),
        Column("econ", _("Economic class"), sort=""),
        Column("project", _("Project"), sort="", shown=False),
        Column("party", _("Counterparty"), sort=""),
        Column("debit_fen", _("Debit"), kind="money_fen"),
        Column("credit_fen", _("Credit"), kind="money_fen"),
        Column("void", _("Void"), kind="boolean", shown=False, sort=""),
    )
    filters = (
        Text("q", _("Search"), fields=("summary", "party")),
        Text("account", _("Ledger account"), fields=("account",), how="istartswith"),
        Text("econ", _("Economic class"), fields=("econ",), how="istartswith"),
        Whole("project", _("Project")),
        Whole("party", _("Counterparty")),
        Part("of", _("Part of the books"), choices=(("spending", _("Spending")),)),
        PublicItem("public", _("Three public expenses"), choices=_public),
        Choice("unit", _("Unit"), choices=_units),
        DateRange("day", _("Date")),
    )
    default_sort = "-day"

    def queryset(self, user: Any) -> QuerySet:
        return Line.objects.filter(batch__current=True).select_related("unit__organisation", "batch")
