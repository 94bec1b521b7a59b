"""What is stored of maintenance: systems and their devices, what watches them, spans of state, faults, rounds, contracts.

Spans are stored, single probe results are not. What must not go in: what normal means (rules), how a fault moves (flows).
"""

from __future__ import annotations

import json
import secrets
from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.calendars.rules import Kind as LimitKind
from chengheng.common.calendars.rules import Limit
from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope
from chengheng.common.people.seal import seal, unseal


def new_label() -> str:
    """The unguessable part of a device's QR address."""
    return secrets.token_urlsafe(9)


def new_secret() -> str:
    """What a source of alerts signs with."""
    return secrets.token_urlsafe(32)


class System(models.Model):
    """A system under maintenance: one of the programmes' 硬件. Its devices are counted and judged together."""

    class Rate(models.TextChoices):
        HOURS = "hours", _("device-hours normal ÷ device-hours due")
        COUNT = "count", _("devices normal at their inspections ÷ inspections")
        PLAN = "plan", _("inspections done in time and passed ÷ inspections due")

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=60)
    organisation = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("responsible")
    )
    rate = models.CharField(_("normal rate by"), max_length=10, choices=Rate.choices, default=Rate.HOURS)

    view_act = "maintenance.device.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("pk",)
        verbose_name = _("system")
        verbose_name_plural = _("systems")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('maintenance:devices')}?system={self.code}"


class Site(models.Model):
    """Where devices stand: a machine room, a camera pole, a venue of the conference system (会场)."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    organisation = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("responsible")
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    lon = models.FloatField(_("longitude"), null=True, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True)

    view_act = "maintenance.device.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("code",)
        verbose_name = _("site")
        verbose_name_plural = _("sites")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("maintenance:site", args=[self.pk])


class Contract(models.Model):
    """Who maintains a system, from when to when, within which limits, at which price and penalties."""

    class Meaning(models.TextChoices):
        RESPONDED = "responded", _("the vendor accepted")
        ARRIVED = "arrived", _("somebody was on site")
        FIXED = "fixed", _("it worked again")

    system = models.ForeignKey(System, models.PROTECT, related_name="contracts", verbose_name=_("system"))
    vendor = models.ForeignKey("people.Organisation", models.PROTECT, related_name="+", verbose_name=_("vendor"))
    title = models.CharField(_("title"), max_length=120)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"))
    amount_fen = models.BigIntegerField(_("amount"), default=0)
    response_meaning = models.CharField(
        _("response ends when"), max_length=10, choices=Meaning.choices, default=Meaning.RESPONDED
    )
    response_kind = models.CharField(
        _("response counts in"), max_length=20, choices=LimitKind.choices(), default=LimitKind.URGENT_HOURS.value
    )
    response_amount = models.DecimalField(_("response limit"), max_digits=6, decimal_places=2, default=Decimal(4))
    repair_kind = models.CharField(
        _("repair counts in"), max_length=20, choices=LimitKind.choices(), default=LimitKind.URGENT_HOURS.value
    )
    repair_amount = models.DecimalField(_("repair limit"), max_digits=6, decimal_places=2, default=Decimal(24))
    penalties = models.JSONField(_("penalties"), default=list, blank=True)
    source = models.CharField(_("source"), max_length=200, blank=True)

    view_act = "maintenance.contract.view"
    attach_act = "maintenance.contract.change"
    access_scope = Scope(organisation="vendor")

    class Meta:
        ordering = ("-starts_on", "pk")
        constraints = (
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="contract_ends_after_start"),
            models.CheckConstraint(condition=Q(response_amount__gt=0, repair_amount__gt=0), name="contract_has_limits"),
        )
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("maintenance:contract", args=[self.pk])

    @property
    def response_limit(self) -> Limit:
        return Limit(LimitKind(self.response_kind), self.response_amount)

    @property
    def repair_limit(self) -> Limit:
        return Limit(LimitKind(self.repair_kind), self.repair_amount)


class Device(models.Model):
    """One device under maintenance. In service from `in_service_at` until `retired_at`; it is never deleted."""

    code = models.CharField(_("identifier"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    system = models.ForeignKey(System, models.PROTECT, related_name="devices", verbose_name=_("system"))
    site = models.ForeignKey(
        Site, models.PROTECT, null=True, blank=True, related_name="devices", verbose_name=_("site")
    )
    room = models.CharField(_("room"), max_length=60, blank=True)
    rack = models.CharField(_("rack"), max_length=40, blank=True)
    kind = models.CharField(_("type"), max_length=40)
    maker = models.CharField(_("maker"), max_length=60, blank=True)
    model = models.CharField(_("model"), max_length=60, blank=True)
    serial = models.CharField(_("serial number"), max_length=80, blank=True)
    address = models.CharField(_("network address"), max_length=100, blank=True)
    vendor = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("vendor")
    )
    owner = models.ForeignKey(
        "people.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("person in charge")
    )
    spare_parts = models.CharField(_("spare parts"), max_length=200, blank=True)
    in_service_at = models.DateTimeField(_("in service since"), default=timezone.now)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)
    warranty_until = models.DateField(_("warranty until"), null=True, blank=True)
    label = models.CharField(max_length=20, unique=True, default=new_label, editable=False)
    outside = models.CharField(
        _("key in another system"), max_length=80, blank=True,
        help_text=_("As that system names it, for example “video:34020000001320000001”."),
    )  # fmt: skip
    depends_on = models.ManyToManyField("self", symmetrical=False, related_name="dependents", blank=True)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, blank=True, editable=False, related_name="+")

    view_act = "maintenance.device.view"
    attach_act = "maintenance.device.change"
    access_scope = Scope(organisation="vendor", owner="owner")

    class Meta:
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True) | Q(retired_at__gte=F("in_service_at")),
                name="device_retires_after_service",
            ),
            models.UniqueConstraint(fields=("outside",), condition=~Q(outside=""), name="one_device_of_an_outside_key"),
        )
        indexes = (models.Index(fields=("system", "in_service_at"), name="maintenance_device_system"),)
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    def get_absolute_url(self) -> str:
        return reverse("maintenance:device", args=[self.pk])

    def label_url(self) -> str:
        """Where the QR label leads: the phone page that needs no sign-in."""
        return reverse("maintenance:label", args=[self.label])


class Check(models.Model):
    """What the prober asks of a device, and how often."""

    class Kind(models.TextChoices):
        ICMP = "icmp", "ICMP"
        TCP = "tcp", "TCP"
        HTTP = "http", "HTTP(S)"
        SNMP = "snmp", "SNMP"
        SIP = "sip", "SIP OPTIONS"
        RTSP = "rtsp", "RTSP"
        NTP = "ntp", "NTP"
        DATABASE = "database", _("Database greeting")
        METRICS = "metrics", _("Numbers (Prometheus, node_exporter)")
        TOLD = "told", _("Told by another system")

    device = models.ForeignKey(Device, models.CASCADE, related_name="checks", verbose_name=_("device"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    target = models.CharField(_("probe target"), max_length=300, help_text=_("Address, address:port or URL."))
    options = models.JSONField(_("options"), default=dict, blank=True)
    sealed_secrets = models.TextField(blank=True, editable=False)
    interval_s = models.PositiveIntegerField(_("every (s)"), default=60)
    timeout_s = models.FloatField(_("timeout (s)"), default=5)
    fail_after = models.PositiveSmallIntegerField(_("down after failures"), default=3)
    pass_after = models.PositiveSmallIntegerField(_("up after successes"), default=2)
    enabled = models.BooleanField(_("enabled"), default=True)
    changed_at = models.DateTimeField(auto_now=True)

    view_act = "maintenance.device.view"
    access_scope = Scope(organisation="device__vendor", owner="device__owner")

    class Meta:
        ordering = ("device", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(interval_s__gte=1, timeout_s__gt=0, fail_after__gte=1, pass_after__gte=1),
                name="check_is_possible",
            ),
        )
        verbose_name = _("check")
        verbose_name_plural = _("probe checks")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target}"

    def get_absolute_url(self) -> str:
        return self.device.get_absolute_url()

    @property
    def secrets(self) -> dict[str, str]:
        """What the probe must know and nobody need see: community, keys. {} when the site's secret is another one."""
        found = json.loads((unseal(self.sealed_secrets) if self.sealed_secrets else None) or "{}")
        return {str(name): str(value) for name, value in found.items()}

    @secrets.setter
    def secrets(self, values: dict[str, str]) -> None:
        self.sealed_secrets = seal(json.dumps(values)) if values else ""


class AlertSource(models.Model):
    """A monitoring system whose alerts come in by a signed webhook."""

    class Kind(models.TextChoices):
        PROMETHEUS = "prometheus", "Prometheus Alertmanager"
        ZABBIX = "zabbix", "Zabbix"

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    sealed_secret = models.TextField(editable=False)
    active = models.BooleanField(_("active"), default=True)
    last_at = models.DateTimeField(_("last alert"), null=True, editable=False)
    taken = models.PositiveIntegerField(_("alerts taken"), default=0, editable=False)
    unknown = models.JSONField(default=list, editable=False)

    view_act = "maintenance.source.change"
    access_scope = Scope()

    class Meta:
        ordering = ("code",)
        verbose_name = _("source of alerts")
        verbose_name_plural = _("sources of alerts")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("maintenance:sources")

    @property
    def secret(self) -> str:
        return unseal(self.sealed_secret) or ""

    @secret.setter
    def secret(self, value: str) -> None:
        self.sealed_secret = seal(value)


class Span(models.Model):
    """A device (seen by one check, or by people) was in one state from `since` until `until` (None: still is)."""

    class State(models.TextChoices):
        UP = "up", _("normal")
        DOWN = "down", _("not working")
        UNKNOWN = "unknown", _("not known")

    device = models.ForeignKey(Device, models.CASCADE, related_name="spans", verbose_name=_("device"))
    check_row = models.ForeignKey(
        Check, models.SET_NULL, null=True, blank=True, related_name="spans", verbose_name=_("check")
    )
    fault = models.ForeignKey("Fault", models.PROTECT, null=True, blank=True, related_name="spans")
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True)
    cause = models.CharField(_("cause"), max_length=200, blank=True)

    view_act = "maintenance.device.view"
    access_scope = Scope(organisation="device__vendor", owner="device__owner")

    class Meta:
        ordering = ("-since",)
        constraints = (
            models.UniqueConstraint(
                fields=("check_row",), condition=Q(until__isnull=True, check_row__isnull=False),
                name="one_open_span_of_a_check",
            ),
            models.CheckConstraint(condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="span_ends_after"),
        )  # fmt: skip
        indexes = (
            models.Index(fields=("device", "since"), name="maintenance_span_device"),
            models.Index(
                fields=("since", "until"), name="maintenance_span_not_up", condition=~Q(state="up"),
                include=("device", "state"),
            ),
        )  # fmt: skip
        verbose_name = _("span")
        verbose_name_plural = _("spans")

    def __str__(self) -> str:
        return f"{self.device} {self.get_state_display()}"

    def get_absolute_url(self) -> str:
        return self.device.get_absolute_url()


class Exclusion(models.Model):
    """An approved time that does not count: a maintenance window, a power cut by others. Of a device or a whole system."""

    device = models.ForeignKey(Device, models.CASCADE, null=True, blank=True, related_name="exclusions")
    system = models.ForeignKey(System, models.CASCADE, null=True, blank=True, related_name="exclusions")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    reason = models.CharField(_("reason"), max_length=200)
    approved_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "maintenance.device.view"
    access_scope = Scope(organisation="device__vendor")

    class Meta:
        ordering = ("-starts_at",)
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="exclusion_ends_after"),
            models.CheckConstraint(
                condition=Q(device__isnull=True) ^ Q(system__isnull=True), name="exclusion_of_device_or_system"
            ),
        )
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")

    def __str__(self) -> str:
        return f"{self.device or self.system} {self.reason}"

    def get_absolute_url(self) -> str:
        return self.device.get_absolute_url() if self.device else reverse("maintenance:state")


class ProberRun(models.Model):
    """When the prober ran: between `last_seen_at` of one run and `started_at` of the next nothing is known."""

    prober = models.CharField(max_length=60, default="main")
    started_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    access_scope = Scope()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.prober} {self.started_at}"


class Hourly(models.Model):
    """What a check answered within one hour: results, good ones, and their times in milliseconds. Kept 13 months."""

    check_row = models.ForeignKey(Check, models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    results = models.PositiveIntegerField(default=0)
    good = models.PositiveIntegerField(default=0)
    fastest_ms = models.FloatField(null=True)
    mean_ms = models.FloatField(null=True)
    slowest_ms = models.FloatField(null=True)

    access_scope = Scope()

    class Meta:
        ordering = ("check_row", "hour")
        constraints = (models.UniqueConstraint(fields=("check_row", "hour"), name="one_row_of_an_hour"),)

    def __str__(self) -> str:
        return f"{self.check_row_id} {self.hour}"


class Fault(Moving):
    """A fault (故障) of a device, from its report to its closing. One open fault a device; further reports join it."""

    class Source(models.TextChoices):
        PROBE = "probe", _("Probe")
        USER = "user", _("User")
        INSPECTION = "inspection", _("Inspection")
        SYSTEM = "system", _("Other system")
        DUTY = "duty", _("Duty desk")

    class Cause(models.TextChoices):
        HARDWARE = "hardware", _("Hardware")
        SOFTWARE = "software", _("Software")
        NETWORK = "network", _("Network")
        POWER = "power", _("Power")
        SETTINGS = "settings", _("Settings")
        OUTSIDE = "outside", _("From outside")
        NOTHING = "nothing", _("Nothing found")

    device = models.ForeignKey(Device, models.PROTECT, related_name="faults", verbose_name=_("device"))
    system = models.ForeignKey(System, models.PROTECT, related_name="faults", verbose_name=_("system"))
    vendor = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("vendor")
    )
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="faults", verbose_name=_("contract")
    )
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    check_row = models.ForeignKey(
        Check, models.SET_NULL, null=True, blank=True, editable=False, related_name="+", verbose_name=_("check")
    )
    title = models.CharField(_("what is wrong"), max_length=200)
    stops_service = models.BooleanField(_("does not work at all"), default=True)
    happened_at = models.DateTimeField(_("since"), default=timezone.now)
    reported_at = models.DateTimeField(_("reported at"), default=timezone.now)
    reported_by = models.ForeignKey("people.User", models.PROTECT, null=True, blank=True, related_name="+")
    reports = models.PositiveIntegerField(_("number of reports"), default=1)
    responded_at = models.DateTimeField(_("responded"), null=True, editable=False)
    arrived_at = models.DateTimeField(_("on site"), null=True, editable=False)
    fixed_at = models.DateTimeField(_("fixed"), null=True, editable=False)
    verified_at = models.DateTimeField(_("verified at"), null=True, editable=False)
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)
    response_hours = models.DecimalField(_("response (h)"), max_digits=10, decimal_places=4, null=True, editable=False)
    repair_hours = models.DecimalField(_("repair (h)"), max_digits=10, decimal_places=4, null=True, editable=False)
    response_met = models.BooleanField(_("response in time"), null=True, editable=False)
    repair_met = models.BooleanField(_("repair in time"), null=True, editable=False)
    cause = models.CharField(_("root cause"), max_length=10, choices=Cause.choices, blank=True)
    solution = models.TextField(_("solution"), blank=True)
    cost_fen = models.BigIntegerField(_("cost"), default=0)
    reworks = models.PositiveSmallIntegerField(_("reworks"), default=0)
    void = models.BooleanField(default=False, editable=False)

    view_act = "maintenance.fault.view"
    access_scope = Scope(organisation="vendor", owner=("reported_by", "holder"))

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("device",), condition=Q(closed_at__isnull=True), name="one_open_fault_of_a_device"
            ),
        )
        indexes = (
            *Moving.Meta.indexes,
            models.Index(fields=("system", "reported_at"), name="maintenance_fault_system"),
            models.Index(fields=("vendor", "-reported_at"), name="maintenance_fault_vendor"),
        )
        verbose_name = _("fault")
        verbose_name_plural = _("faults")

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("maintenance:fault", args=[self.pk])

    @property
    def number(self) -> str:
        """The number that people use: the day and the id."""
        return f"{timezone.localtime(self.reported_at):%Y%m%d}-{self.pk or 0:05}"


class Report(models.Model):
    """One report of a fault: the first, and those that joined it."""

    fault = models.ForeignKey(Fault, models.CASCADE, related_name="report_rows")
    source = models.CharField(_("source"), max_length=10, choices=Fault.Source.choices)
    at = models.DateTimeField(default=timezone.now)
    text = models.CharField(_("what is wrong"), max_length=500)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    name = models.CharField(_("your name"), max_length=40, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    token = models.CharField(max_length=20, blank=True, editable=False)

    access_scope = Scope(organisation="fault__vendor")

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("token",), condition=~Q(token=""), name="one_report_of_a_token"),
        )

    def __str__(self) -> str:
        return self.text

    def follow_url(self) -> str:
        """Where whoever reported sees how it goes, without sign-in; "" for reports of long ago."""
        return reverse("maintenance:follow", args=[self.token]) if self.token else ""


class Part(models.Model):
    """A part used in a repair."""

    fault = models.ForeignKey(Fault, models.CASCADE, related_name="parts")
    name = models.CharField(_("part"), max_length=100)
    count = models.PositiveIntegerField(_("count"), default=1)
    price_fen = models.BigIntegerField(_("price"), default=0)
    spare = models.ForeignKey("maintenance.Spare", models.PROTECT, null=True, editable=False, related_name="+")

    access_scope = Scope(organisation="fault__vendor")

    def __str__(self) -> str:
        return f"{self.name} ×{self.count}"


class Plan(models.Model):
    """An inspection plan: the devices of a system, how often, with which check list."""

    class Purpose(models.TextChoices):
        INSPECTION = "inspection", pgettext_lazy("plan", "inspection")
        PREVENTIVE = "preventive", pgettext_lazy("plan", "preventive maintenance")

    purpose = models.CharField(
        pgettext_lazy("plan", "purpose"), max_length=10, choices=Purpose.choices, default=Purpose.INSPECTION
    )
    system = models.ForeignKey(System, models.PROTECT, related_name="plans", verbose_name=_("system"))
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("only type"), max_length=40, blank=True)
    every_days = models.PositiveSmallIntegerField(_("every (days)"), default=30)
    grace_days = models.PositiveSmallIntegerField(_("days of grace"), default=3)
    items = models.JSONField(_("check list"), default=list)
    starts_on = models.DateField(_("from"))
    active = models.BooleanField(_("active"), default=True)

    view_act = "maintenance.visit.view"
    access_scope = Scope(organisation="system__organisation")

    class Meta:
        ordering = ("system", "name")
        verbose_name = _("inspection plan")
        verbose_name_plural = _("inspection plans")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("maintenance:plan", args=[self.pk])


class Visit(models.Model):
    """One inspection of one device that a plan asks for, with its result."""

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="visits", verbose_name=_("inspection plan"))
    device = models.ForeignKey(Device, models.PROTECT, related_name="visits", verbose_name=_("device"))
    due_on = models.DateField(_("due"))
    done_at = models.DateTimeField(_("done"), null=True)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    answers = models.JSONField(default=dict)
    normal = models.BooleanField(_("normal"), null=True)
    label_read = models.BooleanField(_("label scanned"), default=False)
    note = models.CharField(_("note"), max_length=500, blank=True)

    view_act = "maintenance.visit.view"
    access_scope = Scope(organisation="device__vendor", owner="by")

    class Meta:
        ordering = ("due_on", "pk")
        constraints = (models.UniqueConstraint(fields=("plan", "device", "due_on"), name="one_visit_of_a_day"),)
        indexes = (models.Index(fields=("due_on", "done_at"), name="maintenance_visit_due"),)
        verbose_name = _("visit")
        verbose_name_plural = _("visits")

    def __str__(self) -> str:
        return f"{self.plan} · {self.device}"

    def get_absolute_url(self) -> str:
        return reverse("maintenance:visit", args=[self.pk])


class Bill(models.Model):
    """Money that a system's upkeep cost: a contract's payment, electricity, network, parts. A refund is negative."""

    class Kind(models.TextChoices):
        CONTRACT = "contract", _("Contract payment")
        POWER = "power", _("Electricity")
        NETWORK = "network", _("Network lines")
        PARTS = "parts", _("Parts and repairs")
        OTHER = "other", _("Other")

    system = models.ForeignKey(System, models.PROTECT, related_name="bills", verbose_name=_("system"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="bills", verbose_name=_("contract")
    )
    site = models.ForeignKey(Site, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("site"))
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("to"), null=True, blank=True)
    quantity = models.DecimalField(
        _("quantity"), max_digits=14, decimal_places=3, null=True, blank=True, help_text=_("kWh or Mbit/s")
    )
    amount_fen = models.BigIntegerField(_("amount"))
    paid_on = models.DateField(_("paid on"))
    payee = models.CharField(_("payee"), max_length=120)
    voucher = models.CharField(_("voucher"), max_length=60)
    note = models.CharField(_("note"), max_length=300, blank=True)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    struck_at = models.DateTimeField(_("struck"), null=True, editable=False)
    booked = models.CharField(_("programme"), max_length=200, blank=True, editable=False)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, blank=True, editable=False, related_name="+")

    view_act = "maintenance.money.view"
    attach_act = "maintenance.money.enter"
    access_scope = Scope(organisation="system__organisation", owner="by")

    class Meta:
        ordering = ("-paid_on", "-pk")
        indexes = (models.Index(fields=("system", "paid_on"), name="maintenance_bill_day"),)
        constraints = (
            models.CheckConstraint(condition=~Q(amount_fen=0), name="bill_not_zero"),
            models.UniqueConstraint(
                fields=("system", "voucher"), condition=Q(struck_at__isnull=True), name="bill_voucher_once"
            ),
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="bill_ends_after",
            ),
        )
        verbose_name = _("bill")
        verbose_name_plural = _("bills")

    def __str__(self) -> str:
        return f"{self.paid_on} {self.get_kind_display()} {Decimal(self.amount_fen) / 100:.2f}"

    def get_absolute_url(self) -> str:
        return reverse("maintenance:bill", args=[self.pk])


from chengheng.maintenance.basedata import models as _base_data  # noqa: E402, F401 - so that Django finds them
from chengheng.maintenance.care import models as _care  # noqa: E402, F401
