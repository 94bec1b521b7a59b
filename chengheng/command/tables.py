"""The lists of command."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command import queries
from chengheng.command.flows import ORDER, TARGET
from chengheng.command.models import (
    DutyShift,
    LinkCheck,
    Order,
    OrderTemplate,
    PlanRun,
    Priority,
    Resource,
    Site,
    Target,
)
from chengheng.common.tables import Choice, Column, DateRange, Organisation, Table, Text, register

PRIORITIES = {"routine": "none", "urgent": "warn", "emergency": "bad"}
YES = [("True", _("yes")), ("False", _("no"))]


@register
class OrderTable(Table):
    code = "command.order"
    title = pgettext_lazy("dispatch", "Orders")
    act = "command.order.view"
    columns = (
        Column("number", pgettext_lazy("dispatch", "Number"), link=True, sort=""),
        Column("title", _("Title")),
        Column("priority", _("Priority"), badge=True, tones=PRIORITIES),
        Column("state_label", _("State"), badge=True, sort="state"),
        Column("issued_at", pgettext_lazy("dispatch", "Issued"), kind="datetime"),
        Column("organisation__name", _("Issued at")),
        Column("issued_by", _("Issued by"), kind="user"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("drill", _("Drill"), kind="boolean", shown=False),
        Column("address", _("Place"), shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("title", "body")),
        Choice("state", _("State"), choices=list(ORDER.states.items())),
        Choice("priority", _("Priority"), choices=Priority.choices),
        Choice("drill", _("Drill"), choices=YES),
        DateRange("issued_at", pgettext_lazy("dispatch", "Issued")),
    )
    default_sort = "-issued_at"
    navigation = ((_("Give an order"), "command:order_new"), (_("Order templates"), "command:order_templates"))
    empty = _("No order has been given yet.")

    def queryset(self, user: Any) -> QuerySet[Order]:
        return Order.objects.select_related("organisation", "issued_by")


@register
class TargetTable(Table):
    code = "command.target"
    title = pgettext_lazy("dispatch", "Orders received")
    act = "command.target.view"
    columns = (
        Column("order__title", pgettext_lazy("dispatch", "Order"), link=True),
        Column("organisation__name", _("Organisation")),
        Column("person", _("By name"), kind="user", shown=False),
        Column("order__priority", _("Priority"), badge=True, tones=lambda row: PRIORITIES[row.order.priority]),
        Column("state_label", _("State"), badge=True, sort="state"),
        Column("holder", _("Held by"), kind="user"),
        Column("issued_at", pgettext_lazy("dispatch", "Issued"), kind="datetime"),
        Column("received_at", pgettext_lazy("dispatch", "Received"), kind="datetime"),
        Column("finished_at", _("Finished"), kind="datetime"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("returns", _("Sent back"), kind="number", shown=False),
        Column("mark", _("Mark"), kind="number", shown=False),
        Column("drill", _("Drill"), kind="boolean", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("order__title", "order__body")),
        Choice("state", _("State"), choices=list(TARGET.states.items())),
        Organisation("organisation", _("Organisation")),
        DateRange("issued_at", pgettext_lazy("dispatch", "Issued")),
    )
    default_sort = "-issued_at"
    empty = _("No order has come yet.")

    def queryset(self, user: Any) -> QuerySet[Target]:
        return Target.objects.select_related("order", "organisation", "holder", "person")

    def row_class(self, row: Target) -> str:
        return "row-late" if row.is_overdue and not row.is_final else ""


@register
class OrderTemplateTable(Table):
    code = "command.order_template"
    title = _("Order templates")
    act = "command.order.give"
    columns = (
        Column("name", pgettext_lazy("venue", "Name"), link=True),
        Column("title", _("Title")),
        Column("priority", _("Priority"), badge=True, tones=PRIORITIES),
        Column("receipt_minutes", _("Receipt within (minutes)"), kind="number"),
        Column("finish_minutes", _("Finish within (minutes)"), kind="number"),
        Column("items", _("Items of the checklist"), kind="number", value=lambda row: len(row.checklist), sort=""),
        Column("organisation__name", _("Organisation")),
    )
    filters = (Text("q", _("Search"), fields=("name", "title", "body")),)
    default_sort = "name"
    navigation = ((_("Enter an order template"), "command:order_template_new"),)
    empty = _("No order template yet.")

    def queryset(self, user: Any) -> QuerySet[OrderTemplate]:
        return OrderTemplate.objects.select_related("organisation")


@register
class SiteTable(Table):
    code = "command.site"
    title = _("Venues")
    act = "command.site.view"
    columns = (
        Column("name", pgettext_lazy("venue", "Name"), link=True),
        Column("code", pgettext_lazy("venue", "Code")),
        Column("kind", _("Kind"), badge=True),
        Column("organisation__name", _("Organisation")),
        Column("link_state", pgettext_lazy("venue", "Link"), kind="badge", value=lambda row: row.link_label,
               tones=lambda row: queries.TONES[row.link_state], sort="link_state"),
        Column("checked_at", _("Link checked"), kind="datetime"),
        Column("contact", _("Contact")),
        Column("phone", _("Phone"), shown=False),
        Column("serves_from", _("In service from"), kind="date"),
        Column("serves_until", _("In service until"), kind="date", shown=False),
        Column("address", _("Address"), shown=False),
    )  # fmt: skip
    filters = (
        Text("q", _("Search"), fields=("name", "code", "address")),
        Choice("kind", _("Kind"), choices=Site.Kind.choices),
        Choice("link_state", pgettext_lazy("venue", "Link"), choices=LinkCheck.Result.choices),
        Organisation("organisation", _("Organisation")),
    )
    default_sort = "code"
    navigation = ((_("Enter a venue"), "command:site_new"), (_("Round of link checks"), "command:round"))

    def queryset(self, user: Any) -> QuerySet[Site]:
        return Site.objects.select_related("organisation")


@register
class LinkCheckTable(Table):
    code = "command.check"
    title = _("Link checks")
    act = "command.site.view"
    columns = (
        Column("at", _("Time"), kind="datetime", link=True),
        Column("site__name", _("Venue")),
        Column("result", pgettext_lazy("link", "Result"), badge=True, tones=queries.TONES),
        Column("way", _("Way")),
        Column("loss_percent", _("Packet loss (%)"), kind="number"),
        Column("jitter_ms", _("Jitter (ms)"), kind="number"),
        Column("by", _("Recorded by"), kind="user"),
        Column("note", _("Note")),
    )
    filters = (
        Text("q", _("Search"), fields=("site__name", "note")),
        Choice("result", pgettext_lazy("link", "Result"), choices=LinkCheck.Result.choices),
        DateRange("at", _("Time")),
    )
    default_sort = "-at"

    def queryset(self, user: Any) -> QuerySet[LinkCheck]:
        return LinkCheck.objects.select_related("site", "by")


@register
class RunTable(Table):
    code = "command.run"
    title = _("Runs of plans")
    act = "command.run.view"
    columns = (
        Column("level__plan__name", pgettext_lazy("emergency", "Plan"), link=True),
        Column("level__name", _("Level")),
        Column("drill", _("Drill"), kind="boolean"),
        Column("started_at", _("Started"), kind="datetime"),
        Column("started_by", _("Started by"), kind="user"),
        Column("ended_at", _("Ended"), kind="datetime"),
        Column("reason", _("Reason")),
    )
    filters = (
        Text("q", _("Search"), fields=("level__plan__name", "reason")),
        Choice("drill", _("Drill"), choices=YES),
        DateRange("started_at", _("Started")),
    )
    default_sort = "-started_at"

    def queryset(self, user: Any) -> QuerySet[PlanRun]:
        return PlanRun.objects.select_related("level__plan", "started_by")


def _when(row: DutyShift) -> Any:
    now = timezone.now()
    if row.handed_over_at:
        return _("handed over")
    return _("over") if row.ends_at <= now else _("on duty") if row.starts_at <= now else _("to come")


@register
class ShiftTable(Table):
    code = "command.rota"
    title = _("Duty rota")
    act = "command.rota.view"
    columns = (
        Column("starts_at", _("From"), kind="datetime", link=True),
        Column("ends_at", _("Until"), kind="datetime"),
        Column("organisation__name", _("Organisation")),
        Column("person", _("On duty"), kind="user"),
        Column("phone", _("Phone")),
        Column("now", _("State"), badge=True, value=_when, sort=""),
        Column("handed_to", _("Handed over to"), kind="user", shown=False),
        Column("handover", _("Handover note"), shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("person__display_name", "handover")),
        Organisation("organisation", _("Organisation")),
        DateRange("starts_at", _("From")),
    )
    default_sort = "-starts_at"
    navigation = ((_("Put somebody on duty"), "command:shift_new"),)

    def queryset(self, user: Any) -> QuerySet[DutyShift]:
        return DutyShift.objects.select_related("organisation", "person", "handed_to")


@register
class ResourceTable(Table):
    code = "command.resource"
    title = _("Resources")
    act = "command.resource.view"
    columns = (
        Column("name", pgettext_lazy("venue", "Name"), link=True),
        Column("kind", _("Kind"), badge=True),
        Column("amount", pgettext_lazy("resource", "Amount"), kind="number"),
        Column("unit", _("Unit")),
        Column("state", _("State"), badge=True, tones={"free": "good", "busy": "info", "out": "bad"}),
        Column("organisation__name", _("Organisation")),
        Column("seen_at", _("Position of"), kind="datetime", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("name",)),
        Choice("kind", _("Kind"), choices=Resource.Kind.choices),
        Choice("state", _("State"), choices=Resource.State.choices),
        Organisation("organisation", _("Organisation")),
    )
    default_sort = "name"
    navigation = ((_("Enter a resource"), "command:resource_new"),)

    def queryset(self, user: Any) -> QuerySet[Resource]:
        return Resource.objects.select_related("organisation")
