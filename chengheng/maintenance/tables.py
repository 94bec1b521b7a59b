"""The lists of maintenance."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.table import flow_of
from chengheng.common.tables import Choice, Column, DateRange, Organisation, Table, Text, register
from chengheng.maintenance.models import Bill, Contract, Device, Fault, Plan, Site, Span, System, Visit


def _systems() -> list[tuple[str, str]]:
    return list(System.objects.values_list("code", "name"))


def _now(device: Any) -> str:
    """The state of an annotated row: retired, down, unknown or up."""
    if device.retired_at is not None:
        return "retired"
    return "down" if device.is_down else "unknown" if device.is_unknown else "up"


_NOW_TONES = {"retired": "none", "up": "good", "down": "bad", "unknown": "warn"}


def _device_state(device: Any) -> str:
    state = _now(device)
    return str(_("retired") if state == "retired" else Span.State(state).label)


def _device_tone(device: Any) -> str:
    return _NOW_TONES[_now(device)]


@register
class DeviceTable(Table):
    code = "maintenance.device"
    title = _("Devices under maintenance")
    act = "maintenance.device.view"
    columns = (
        Column("code", _("Identifier"), link=True),
        Column("name", _("Device name")),
        Column("state", _("State"), value=_device_state, sort="", badge=True, tones=_device_tone),
        Column("system__name", _("System")),
        Column("site__name", _("Site")),
        Column("kind", _("Type")),
        Column("maker", _("Maker"), shown=False),
        Column("model", _("Model"), shown=False),
        Column("serial", _("Serial number"), shown=False),
        Column("address", _("Network address"), shown=False),
        Column("vendor__name", _("Maintainer")),
        Column("in_service_at", _("In service since"), kind="datetime", shown=False),
        Column("retired_at", _("Retired"), kind="datetime", shown=False),
        Column("warranty_until", _("Warranty until"), kind="date", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("code", "name", "serial", "address", "site__name")),
        Choice("system", _("System"), lookup="system__code", choices=_systems),
        Organisation("vendor", _("Maintainer")),
        DateRange("warranty_until", _("Warranty until")),
    )
    default_sort = "code"
    navigation = (
        (_("Add a device"), "maintenance:device_new", "maintenance.device.change"),
        (_("Print labels"), "maintenance:labels"),
        (_("Sites"), "maintenance:sites"),
    )

    def queryset(self, user: Any) -> QuerySet:
        open_spans = Span.objects.filter(device=OuterRef("pk"), until__isnull=True)
        return Device.objects.select_related("system", "site", "vendor").annotate(
            is_down=Exists(open_spans.filter(state="down")), is_unknown=Exists(open_spans.filter(state="unknown"))
        )


@register
class SiteTable(Table):
    code = "maintenance.site"
    title = _("Sites")
    act = "maintenance.device.view"
    columns = (
        Column("code", _("Identifier")),
        Column("name", _("Name"), link=True),
        Column("organisation__name", _("Responsible")),
        Column("address", _("Address")),
        Column("devices", _("Devices"), kind="number", value=lambda row: row.held, sort=""),
    )
    filters = (
        Text("q", _("Search"), fields=("code", "name", "address")),
        Organisation("organisation", _("Responsible")),
    )
    default_sort = "code"
    navigation = ((_("Add a site"), "maintenance:site_new", "maintenance.system.change"),)

    def queryset(self, user: Any) -> QuerySet:
        return Site.objects.select_related("organisation").annotate(
            held=Count("devices", filter=Q(devices__retired_at=None))
        )


def _fault_tone(fault: Fault) -> str:
    if fault.is_final:
        return "good" if not fault.void else "none"
    return "bad" if fault.is_overdue else "warn" if fault.state == "waiting" else "info"


@register
class FaultTable(Table):
    code = "maintenance.fault"
    title = _("Device faults")
    act = "maintenance.fault.view"
    columns = (
        Column("number", _("Identifier"), value=lambda fault: fault.number, sort="pk", link=True),
        Column("state", _("State"), value=lambda fault: fault.state_label, sort="state", badge=True, tones=_fault_tone),
        Column("title", _("What is wrong")),
        Column("device__name", _("Device")),
        Column("system__name", _("System")),
        Column("vendor__name", _("Maintainer")),
        Column("source", _("Source")),
        Column("reported_at", _("Reported"), kind="datetime"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("response_hours", _("Response (h)"), kind="number", places=2),
        Column("repair_hours", _("Repair (h)"), kind="number", places=2, shown=False),
        Column("reports", _("Number of reports"), kind="number", shown=False),
        Column("closed_at", _("Closed"), kind="datetime", shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("title", "device__code", "device__name")),
        Choice("state", _("State"), choices=lambda: list(flow_of(Fault).states.items())),
        Choice("system", _("System"), lookup="system__code", choices=_systems),
        Choice("source", _("Source"), choices=Fault.Source.choices),
        Organisation("vendor", _("Maintainer")),
        DateRange("reported_at", _("Reported")),
    )
    default_sort = "-number"
    empty = _("No faults: everything under maintenance works, as far as is known.")

    def queryset(self, user: Any) -> QuerySet:
        return Fault.objects.select_related("device", "system", "vendor")

    def row_class(self, row: Fault) -> str:
        return "row-late" if row.is_overdue and not row.is_final else ""


@register
class PlanTable(Table):
    code = "maintenance.plan"
    title = _("Inspection plans")
    act = "maintenance.visit.view"
    columns = (
        Column("name", _("Name"), link=True),
        Column("purpose", pgettext_lazy("plan", "Purpose")),
        Column("system__name", _("System")),
        Column("kind", _("Only type")),
        Column("every_days", _("Every (days)"), kind="number"),
        Column("starts_on", _("From"), kind="date"),
        Column("items", _("Check items"), kind="number", value=lambda row: len(row.items), sort=""),
        Column("active", _("Active"), kind="boolean"),
    )
    filters = (
        Text("q", _("Search"), fields=("name", "kind")),
        Choice("system", _("System"), lookup="system__code", choices=_systems),
        Choice("purpose", pgettext_lazy("plan", "Purpose"), choices=Plan.Purpose.choices),
    )
    default_sort = "name"
    navigation = ((_("New inspection plan"), "maintenance:plan_new", "maintenance.plan.change"),)

    def queryset(self, user: Any) -> QuerySet:
        return Plan.objects.select_related("system")


@register
class VisitTable(Table):
    code = "maintenance.visit"
    title = _("Inspection visits")
    act = "maintenance.visit.view"
    columns = (
        Column("visit", _("Visit"), value=str, sort="pk", link=True),
        Column("due_on", _("Due"), kind="date"),
        Column("done_at", _("Done"), kind="datetime"),
        Column("normal", _("Normal"), kind="boolean"),
        Column("label_read", _("Label scanned"), kind="boolean"),
        Column("by__display_name", _("By")),
        Column("note", _("Note"), shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("plan__name", "device__code", "device__name")),
        Choice("system", _("System"), lookup="plan__system__code", choices=_systems),
        Choice("purpose", pgettext_lazy("plan", "Purpose"), lookup="plan__purpose", choices=Plan.Purpose.choices),
        DateRange("due_on", _("Due")),
    )
    default_sort = "-due_on"
    navigation = (
        (_("Rounds on the phone"), "maintenance_phone:page", "maintenance.visit.record"),
        (_("Inspection plans"), "maintenance:plans"),
    )

    def queryset(self, user: Any) -> QuerySet:
        return Visit.objects.select_related("plan", "device", "by")


@register
class ContractTable(Table):
    code = "maintenance.contract"
    title = _("Contracts")
    act = "maintenance.contract.view"
    columns = (
        Column("title", _("Contract"), link=True),
        Column("system__name", _("System")),
        Column("vendor__name", _("Maintainer")),
        Column("starts_on", _("From"), kind="date"),
        Column("ends_on", _("To"), kind="date"),
        Column("amount_fen", _("Amount"), kind="money_fen"),
        Column("response", _("Response within"), value=lambda row: str(row.response_limit), sort=""),
    )
    filters = (
        Text("q", _("Search"), fields=("title",)),
        Choice("system", _("System"), lookup="system__code", choices=_systems),
    )
    default_sort = "-starts_on"
    navigation = ((_("Register a contract"), "maintenance:contract_new", "maintenance.contract.change"),)

    def queryset(self, user: Any) -> QuerySet:
        return Contract.objects.select_related("system", "vendor")


@register
class BillTable(Table):
    code = "maintenance.bill"
    title = _("Bills")
    act = "maintenance.money.view"
    columns = (
        Column("voucher", _("Voucher"), link=True),
        Column("paid_on", _("Paid on"), kind="date"),
        Column("system__name", _("System")),
        Column("kind", _("Kind")),
        Column("amount_fen", _("Amount"), kind="money_fen"),
        Column("payee", _("Payee")),
        Column("contract__title", _("Contract"), shown=False),
        Column("site__name", _("Site"), shown=False),
        Column("quantity", _("Quantity"), kind="number", places=3, shown=False),
        Column("booked", _("Programme"), shown=False),
        Column("struck_at", _("Struck"), kind="datetime"),
    )
    filters = (
        Text("q", _("Search"), fields=("voucher", "payee", "note")),
        Choice("system", _("System"), lookup="system__code", choices=_systems),
        Choice("kind", _("Kind"), choices=Bill.Kind.choices),
        DateRange("paid_on", _("Paid on")),
    )
    default_sort = "-paid_on"
    navigation = (
        (_("Enter a bill"), "maintenance:bill_new", "maintenance.money.enter"),
        (_("Import bills"), "maintenance:import_bills", "maintenance.money.import"),
    )

    def queryset(self, user: Any) -> QuerySet:
        return Bill.objects.select_related("system", "contract", "site")
