"""What command stores: the sites of the conference system and their links, orders and their targets, plans, the rota.

An order is one instruction; a target is that order as one organisation has it, with its own receipt and finish. Plans
(预案) are tables of orders to be given; a run is one start of a plan, in earnest or as a drill. What must not go in:
who may do what (roles), how things move (flows).
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.models import Moving
from chengheng.common.people import roles
from chengheng.common.people.access import Scope
from chengheng.common.places.queries import name_of

_PERSON: dict[str, Any] = {"to": "people.User", "on_delete": models.PROTECT, "related_name": "+"}
_ORGANISATION: dict[str, Any] = {"to": "people.Organisation", "on_delete": models.PROTECT, "related_name": "+"}


class Priority(models.TextChoices):
    ROUTINE = "routine", _("routine")
    URGENT = "urgent", _("urgent")
    EMERGENCY = "emergency", _("emergency")


class ResourceKind(models.TextChoices):
    VEHICLE = "vehicle", _("vehicle")
    TEAM = "team", pgettext_lazy("resource", "team")
    SALT = "salt", _("de-icing agent")
    EQUIPMENT = "equipment", _("equipment")


class Site(models.Model):
    """A venue (会场) of the conference system: the main one, a district commission's or a unit's."""

    class Kind(models.TextChoices):
        MAIN = "main", _("main venue")
        DISTRICT = "district", _("district commission")
        UNIT = "unit", _("subordinate unit")

    code = models.CharField(_("code"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    area_code = models.CharField(_("area"), max_length=15, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    lon = models.FloatField(_("longitude"), null=True, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True)
    contact = models.CharField(_("contact"), max_length=40, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    serves_from = models.DateField(_("in service from"))
    serves_until = models.DateField(_("in service until"), null=True, blank=True)
    link_state = models.CharField(pgettext_lazy("venue", "link"), max_length=10, blank=True, editable=False)
    checked_at = models.DateTimeField(_("link checked"), null=True, editable=False)

    view_act = "command.site.view"
    access_scope = Scope(organisation="organisation", area="area_code")

    class Meta:
        ordering = ("kind", "code")
        constraints = (
            models.CheckConstraint(
                condition=Q(serves_until__isnull=True) | Q(serves_until__gte=F("serves_from")),
                name="command_site_serves_forward",
            ),
        )
        verbose_name = _("venue")
        verbose_name_plural = _("venues")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:site", args=[self.pk])

    @property
    def link_label(self) -> str:
        """The last link check in words; "" when there was none."""
        return str(dict(LinkCheck.Result.choices).get(self.link_state, ""))


class LinkCheck(models.Model):
    """Whether a site's link worked at a moment: a round of calls, a test before a conference, a reading of a machine."""

    class Result(models.TextChoices):
        GOOD = "good", pgettext_lazy("link", "good")
        POOR = "poor", pgettext_lazy("link", "poor")
        DOWN = "down", pgettext_lazy("link", "down")

    class Way(models.TextChoices):
        HAND = "hand", _("called by hand")
        MACHINE = "machine", _("reported by a machine")

    site = models.ForeignKey(Site, models.CASCADE, related_name="checks", verbose_name=_("venue"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    result = models.CharField(pgettext_lazy("link", "result"), max_length=10, choices=Result.choices)
    way = models.CharField(_("way"), max_length=10, choices=Way.choices, default=Way.HAND)
    loss_percent = models.DecimalField(_("packet loss (%)"), max_digits=5, decimal_places=2, null=True, blank=True)
    jitter_ms = models.DecimalField(_("jitter (ms)"), max_digits=7, decimal_places=1, null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    by = models.ForeignKey(**_PERSON, null=True, verbose_name=_("by"))

    view_act = "command.site.view"
    access_scope = Scope(organisation="site__organisation", area="site__area_code")

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=("site", "-at"), name="command_check_site"),)
        constraints = (models.UniqueConstraint(fields=("site", "at"), name="command_check_once"),)
        verbose_name = _("link check")
        verbose_name_plural = _("link checks")

    def __str__(self) -> str:
        return f"{self.site} {timezone.localtime(self.at):%Y-%m-%d %H:%M} {self.get_result_display()}"

    def get_absolute_url(self) -> str:
        return self.site.get_absolute_url()


def _checklist() -> ArrayField:
    """Items to be ticked before an order may be reported finished."""
    return ArrayField(models.CharField(max_length=120), default=list, blank=True, verbose_name=_("checklist"))


class Plan(models.Model):
    """One edition of a plan (预案): what is ordered, of whom and when, at each level of a snowfall, a flood or an event.

    Only a draft may be changed. Adopted, it is what `start_plan` takes until a later edition is adopted; what was run keeps
    pointing at the edition that it was run by.
    """

    class Kind(models.TextChoices):
        SNOW = "snow", _("snow clearing")
        FLOOD = "flood", _("flood")
        EVENT = "event", _("major event")
        OTHER = "other", pgettext_lazy("plan", "other")

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("plan", "draft")
        IN_FORCE = "in_force", _("in force")
        RETIRED = "retired", pgettext_lazy("plan", "retired")

    code = models.CharField(_("code"), max_length=30)
    edition = models.PositiveSmallIntegerField(pgettext_lazy("plan", "edition"), default=1)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    source = models.CharField(_("source"), max_length=300)
    about = models.TextField(_("about"), max_length=4000, blank=True)
    adopted_at = models.DateTimeField(_("adopted"), null=True, editable=False)
    adopted_by = models.ForeignKey(**_PERSON, null=True, editable=False, verbose_name=_("adopted by"))

    view_act = "command.plan.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("kind", "code", "-edition")
        constraints = (
            models.UniqueConstraint(fields=("code", "edition"), name="command_plan_edition_once"),
            models.UniqueConstraint(fields=("code",), condition=Q(state="in_force"), name="command_plan_one_in_force"),
            models.UniqueConstraint(fields=("code",), condition=Q(state="draft"), name="command_plan_one_draft"),
        )
        verbose_name = pgettext_lazy("emergency", "plan")
        verbose_name_plural = pgettext_lazy("emergency", "plans")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:plan", args=[self.pk])


class PlanLevel(models.Model):
    """A level of a plan (一级 the gravest) with what triggers it."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="levels")
    rank = models.PositiveSmallIntegerField(_("rank"))
    name = models.CharField(_("name"), max_length=60)
    trigger = models.CharField(_("trigger"), max_length=300)

    class Meta:
        ordering = ("plan", "rank")
        constraints = (models.UniqueConstraint(fields=("plan", "rank"), name="command_level_once"),)
        verbose_name = _("plan level")
        verbose_name_plural = _("plan levels")

    def __str__(self) -> str:
        return f"{self.plan} · {self.name}"


class PlanStep(models.Model):
    """One order of a level: when after the start, to whom, with which limits."""

    class To(models.TextChoices):
        DISTRICTS = "districts", _("all district commissions")
        UNITS = "units", _("all subordinate units")
        SITES = "sites", _("all venues")
        ON_DUTY = "on_duty", _("organisations with somebody on duty at that moment")
        AREA = "area", _("organisations in an area")
        NAMED = "named", _("named organisations")
        ROLE = "role", _("everybody who holds a role")

    level = models.ForeignKey(PlanLevel, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(_("position"))
    phase = models.CharField(
        _("phase"), max_length=20, help_text=_("Before, during or after, in the plan's own words.")
    )
    offset_minutes = models.PositiveIntegerField(_("minutes after the start"), default=0)
    title = models.CharField(_("title"), max_length=120)
    body = models.TextField(_("text"), max_length=2000)
    to = models.CharField(pgettext_lazy("order", "to"), max_length=10, choices=To.choices)
    area_code = models.CharField(_("area"), max_length=15, blank=True)
    role = models.CharField(_("role"), max_length=60, blank=True)
    named = models.ManyToManyField("people.Organisation", related_name="+", blank=True, verbose_name=_("organisations"))
    checklist = _checklist()
    priority = models.CharField(_("priority"), max_length=10, choices=Priority.choices, default=Priority.URGENT)
    receipt_minutes = models.PositiveIntegerField(_("receipt within (minutes)"), default=15)
    finish_minutes = models.PositiveIntegerField(_("finish within (minutes)"), default=480)

    class Meta:
        ordering = ("level", "position")
        constraints = (
            models.UniqueConstraint(fields=("level", "position"), name="command_step_once"),
            models.CheckConstraint(
                condition=Q(receipt_minutes__gt=0, finish_minutes__gt=0), name="command_step_has_limits"
            ),
        )
        verbose_name = _("plan step")
        verbose_name_plural = _("plan steps")

    def __str__(self) -> str:
        return f"{self.level} · {self.title}"

    @property
    def area_name(self) -> str:
        return name_of(self.area_code) if self.area_code else ""

    @property
    def role_name(self) -> str:
        """The role in words; its code when no room declares it any more."""
        known = roles.get(self.role)
        return str(known.label) if known else self.role


class PlanNeed(models.Model):
    """What a level needs to be at hand; the start page shows it beside what is free."""

    level = models.ForeignKey(PlanLevel, models.CASCADE, related_name="needs")
    kind = models.CharField(_("kind"), max_length=10, choices=ResourceKind.choices)
    amount = models.DecimalField(pgettext_lazy("resource", "amount"), max_digits=10, decimal_places=2)
    unit = models.CharField(_("unit"), max_length=10)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        ordering = ("level", "kind", "unit")
        constraints = (
            models.UniqueConstraint(fields=("level", "kind", "unit"), name="command_need_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="command_need_is_something"),
        )
        verbose_name = _("resource needed")
        verbose_name_plural = _("resources needed")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount.normalize():f} {self.unit}"


class PlanRun(models.Model):
    """One start of a plan at a level. `drill`: an exercise; its orders say so and do not count in measures."""

    level = models.ForeignKey(PlanLevel, models.PROTECT, related_name="runs", verbose_name=_("level"))
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    drill = models.BooleanField(_("drill"), default=False)
    reason = models.CharField(_("reason"), max_length=300)
    started_at = models.DateTimeField(_("started"))
    started_by = models.ForeignKey(**_PERSON, null=True, verbose_name=_("started by"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(**_PERSON, null=True, verbose_name=_("ended by"))
    conclusion = models.TextField(_("conclusion"), max_length=4000, blank=True)

    view_act = "command.run.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("level", "drill"), condition=Q(ended_at__isnull=True), name="command_run_once_at_a_time"
            ),
        )
        verbose_name = _("plan run")
        verbose_name_plural = _("plan runs")

    def __str__(self) -> str:
        return f"{self.level} · {timezone.localtime(self.started_at):%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("command:run", args=[self.pk])


class Order(Moving):
    """An instruction (指令): text, limits, place. Who does what of it is in its targets."""

    title = models.CharField(_("title"), max_length=120)
    body = models.TextField(_("text"), max_length=4000)
    priority = models.CharField(_("priority"), max_length=10, choices=Priority.choices, default=Priority.ROUTINE)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("issued at"))
    issued_by = models.ForeignKey(**_PERSON, null=True, verbose_name=_("issued by"))
    issued_at = models.DateTimeField(_("issued"))
    receipt_minutes = models.PositiveIntegerField(_("receipt within (minutes)"))
    finish_minutes = models.PositiveIntegerField(_("finish within (minutes)"))
    address = models.CharField(_("place"), max_length=200, blank=True)
    lon = models.FloatField(_("longitude"), null=True, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True)
    run = models.ForeignKey(PlanRun, models.PROTECT, null=True, related_name="orders", verbose_name=_("plan run"))
    step = models.ForeignKey(PlanStep, models.SET_NULL, null=True, related_name="+")
    drill = models.BooleanField(_("drill"), default=False)
    tell_all = models.BooleanField(_("tell everybody there, not only who is on duty"), default=False)
    checklist = _checklist()
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    view_act = "command.order.view"
    access_scope = Scope(organisation="organisation", owner="issued_by")

    class Meta(Moving.Meta):
        ordering = ("-issued_at", "-pk")
        indexes = [
            *Moving.Meta.indexes,
            models.Index(fields=("-issued_at",), name="command_order_recent"),
            models.Index(fields=("calendar_version",), name="command_order_dated"),
        ]
        verbose_name = pgettext_lazy("dispatch", "order")
        verbose_name_plural = pgettext_lazy("dispatch", "orders")

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("command:order", args=[self.pk])

    @property
    def number(self) -> str:
        """The number that people use: "令20241214-000012"."""
        return f"令{timezone.localtime(self.issued_at):%Y%m%d}-{self.pk or 0:06}"


class OrderPapers(Order):
    """The same row as what its attachments hang on: whoever got the order may open them."""

    view_act = "command.target.view"
    access_scope = Scope(
        organisation="targets__organisation", owner=("targets__holder", "targets__person", "issued_by")
    )

    class Meta:
        proxy = True
        verbose_name = _("papers of an order")
        verbose_name_plural = _("papers of orders")


class OrderTemplate(models.Model):
    """An order that is often given: its text and limits, to be filled in when it is given."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    title = models.CharField(_("title"), max_length=120)
    body = models.TextField(_("text"), max_length=4000)
    priority = models.CharField(_("priority"), max_length=10, choices=Priority.choices, default=Priority.ROUTINE)
    receipt_minutes = models.PositiveIntegerField(_("receipt within (minutes)"), default=30)
    finish_minutes = models.PositiveIntegerField(_("finish within (minutes)"), default=480)
    checklist = _checklist()

    view_act = "command.order.give"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(receipt_minutes__gt=0, finish_minutes__gte=F("receipt_minutes")),
                name="command_template_has_limits",
            ),
        )
        verbose_name = _("order template")
        verbose_name_plural = _("order templates")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:order_template", args=[self.pk])


class Target(Moving):
    """An order as one organisation, or one person in it, has it: receipt, progress, finish, each by its own clock."""

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="targets", verbose_name=pgettext_lazy("dispatch", "order")
    )
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    person = models.ForeignKey(**_PERSON, null=True, verbose_name=_("person"))
    site = models.ForeignKey(Site, models.PROTECT, null=True, related_name="targets", verbose_name=_("venue"))
    issued_at = models.DateTimeField(_("issued"))
    receipt_due_at = models.DateTimeField(_("receipt due"))
    finish_due_at = models.DateTimeField(_("finish due"))
    received_at = models.DateTimeField(pgettext_lazy("dispatch", "received"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    returns = models.PositiveSmallIntegerField(_("sent back"), default=0, editable=False)
    extensions = models.PositiveSmallIntegerField(_("extensions"), default=0, editable=False)
    mark = models.PositiveSmallIntegerField(_("mark (1 to 5)"), null=True, editable=False)
    lon = models.FloatField(null=True, editable=False)
    lat = models.FloatField(null=True, editable=False)
    drill = models.BooleanField(_("drill"), default=False, editable=False)

    view_act = "command.target.view"
    access_scope = Scope(organisation="organisation", area="organisation__district_code", owner=("holder",))

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        indexes = [
            *Moving.Meta.indexes,
            models.Index(fields=("organisation", "state", "due_at"), name="command_target_queue"),
            models.Index(fields=("issued_at",), name="command_target_issued"),
            models.Index(fields=("calendar_version",), name="command_target_dated"),
        ]
        constraints = (
            models.UniqueConstraint(
                fields=("order", "organisation"), condition=Q(person__isnull=True), name="command_target_once"
            ),
            models.UniqueConstraint(
                fields=("order", "person"), condition=Q(person__isnull=False), name="command_target_person_once"
            ),
        )
        verbose_name = pgettext_lazy("dispatch", "order received")
        verbose_name_plural = pgettext_lazy("dispatch", "orders received")

    def __str__(self) -> str:
        return f"{self.order} → {self.addressee}"

    @property
    def addressee(self) -> str:
        """Whom the order went to: "East commission", or "East commission · Li"."""
        return f"{self.organisation} · {self.person}" if self.person_id else str(self.organisation)

    def get_absolute_url(self) -> str:
        return reverse("command:target", args=[self.pk])


class Tick(models.Model):
    """An item of an order's checklist that a target has ticked."""

    target = models.ForeignKey(Target, models.CASCADE, related_name="ticks")
    position = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(**_PERSON)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("target", "position"), name="command_tick_once"),)

    def __str__(self) -> str:
        return f"{self.target_id}: {self.position}"


class DutyShift(models.Model):
    """Somebody's hours on duty (值班) at an organisation. Orders go to who is on duty when they are given."""

    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    person = models.ForeignKey(**_PERSON, verbose_name=_("person"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    handover = models.TextField(_("handover note"), max_length=2000, blank=True)
    handed_over_at = models.DateTimeField(_("handed over"), null=True, editable=False)
    handed_to = models.ForeignKey(**_PERSON, null=True, editable=False, verbose_name=_("handed over to"))

    view_act = "command.rota.view"
    access_scope = Scope(organisation="organisation", owner="person")

    class Meta:
        ordering = ("-starts_at", "organisation")
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="command_duty_ends_after_start"),
            models.UniqueConstraint(fields=("organisation", "person", "starts_at"), name="command_duty_once"),
        )
        indexes = (models.Index(fields=("organisation", "ends_at"), name="command_duty_now"),)
        verbose_name = _("duty shift")
        verbose_name_plural = _("duty shifts")

    def __str__(self) -> str:
        start, end = timezone.localtime(self.starts_at), timezone.localtime(self.ends_at)
        return f"{self.person} {start:%m-%d %H:%M}–{end:%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("command:shift", args=[self.pk])


class Resource(models.Model):
    """What can be sent: vehicles, teams, salt, equipment; where it is and whether it is free."""

    Kind = ResourceKind

    class State(models.TextChoices):
        FREE = "free", pgettext_lazy("resource", "free")
        BUSY = "busy", pgettext_lazy("resource", "in use")
        OUT = "out", pgettext_lazy("resource", "out of order")

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    amount = models.DecimalField(pgettext_lazy("resource", "amount"), max_digits=10, decimal_places=2, default=1)
    unit = models.CharField(_("unit"), max_length=10)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.FREE)
    lon = models.FloatField(_("longitude"), null=True, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True)
    seen_at = models.DateTimeField(_("position of"), null=True, blank=True)

    view_act = "command.resource.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("kind", "name")
        constraints = (models.UniqueConstraint(fields=("organisation", "name"), name="command_resource_once"),)
        verbose_name = _("resource")
        verbose_name_plural = _("resources")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:resource_change", args=[self.pk])


class WeatherNote(models.Model):
    """What the weather is or will be, as somebody on duty wrote it down: by whom it was said, and when. No feed makes
    these: what is not entered is not known."""

    class Warning(models.TextChoices):
        NONE = "", pgettext_lazy("weather", "no warning")
        BLUE = "blue", _("blue warning")
        YELLOW = "yellow", _("yellow warning")
        ORANGE = "orange", _("orange warning")
        RED = "red", _("red warning")

    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    text = models.TextField(_("weather"), max_length=600)
    warning = models.CharField(_("warning in force"), max_length=10, choices=Warning.choices, blank=True, default="")
    source = models.CharField(_("source"), max_length=120)
    said_at = models.DateTimeField(_("as of"))
    until = models.DateTimeField(_("holds until"), null=True, blank=True)
    by = models.ForeignKey(**_PERSON, null=True, verbose_name=_("entered by"))
    entered_at = models.DateTimeField(_("entered"), default=timezone.now)

    view_act = "command.weather.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("-said_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("said_at")), name="command_weather_forward"
            ),
        )
        verbose_name = _("weather note")
        verbose_name_plural = _("weather notes")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.said_at):%Y-%m-%d %H:%M} {self.text[:40]}"

    def get_absolute_url(self) -> str:
        return reverse("command:weather")

    @property
    def tone(self) -> str:
        return {"blue": "info", "yellow": "warn", "orange": "warn", "red": "bad"}.get(self.warning, "none")


import chengheng.command.conference.models  # noqa: E402,F401  (its tables are this application's)
