"""What is stored of patrol: dictionary and filing standards, cases and their tasks, collectors' shifts.

What must not go in: what the standards say (rules), how a case moves (flows), who may do what (roles).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.calendars.rules import Kind as LimitKind
from chengheng.common.calendars.rules import Limit
from chengheng.common.dictionary import Edition, Kind
from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope
from chengheng.patrol.rules.honesty import DOUBTS
from chengheng.patrol.rules.scores import read_parts
from chengheng.patrol.rules.statistics import STAGES as COUNTED_STAGES


class DictionaryEntry(models.Model):
    """A small class (小类) of one edition of the dictionary; imported rows and shipped ones alike."""

    edition = models.CharField(_("edition"), max_length=20, choices=[(e.value, e.value) for e in Edition])
    kind = models.CharField(
        pgettext_lazy("case", "kind"),
        max_length=10,
        choices=[(Kind.COMPONENT.value, _("component")), (Kind.EVENT.value, _("event"))],
    )
    class_code = models.CharField(_("class code"), max_length=2)
    class_name = models.CharField(_("class"), max_length=30)
    code = models.CharField(pgettext_lazy("case", "code"), max_length=5)
    name = models.CharField(_("name"), max_length=60)
    active = models.BooleanField(_("active"), default=True)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, editable=False, related_name="+")

    view_act = "patrol.dictionary.view"
    access_scope = Scope()

    class Meta:
        ordering = ("edition", "kind", "code")
        constraints = (models.UniqueConstraint(fields=("edition", "kind", "code"), name="dictionary_entry_once"),)
        verbose_name = _("dictionary entry")
        verbose_name_plural = _("dictionary")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    def get_absolute_url(self) -> str:
        return f"{reverse('patrol:dictionary')}?edition={self.edition}&q={self.code}"


class StandardSet(models.Model):
    """A dated table of filing standards. The one in force on the day of filing counts; older ones stay."""

    name = models.CharField(_("name"), max_length=80)
    in_force_from = models.DateField(_("in force from"))
    source = models.CharField(_("source"), max_length=200)
    is_example = models.BooleanField(_("example"), default=False)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, editable=False, related_name="+")

    view_act = "patrol.standard.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from",)
        verbose_name = _("filing standard table")
        verbose_name_plural = _("filing standard tables")

    def __str__(self) -> str:
        return f"{self.name} ({self.in_force_from})"

    def get_absolute_url(self) -> str:
        return reverse("patrol:standard", args=[self.pk])


class FilingStandard(models.Model):
    """One filing condition (立案条件) of a small class: when to file, how long handling may take, when to close."""

    table = models.ForeignKey(StandardSet, models.CASCADE, related_name="standards", verbose_name=_("table"))
    edition = models.CharField(_("edition"), max_length=20, choices=[(e.value, e.value) for e in Edition])
    kind = models.CharField(pgettext_lazy("case", "kind"), max_length=10, choices=[(k.value, k.value) for k in Kind])
    code = models.CharField(pgettext_lazy("case", "code"), max_length=5)
    condition = models.CharField(_("filing condition"), max_length=200)
    limit_kind = models.CharField(_("kind of limit"), max_length=20, choices=LimitKind.choices())
    limit_amount = models.DecimalField(_("limit"), max_digits=6, decimal_places=2)
    closing_condition = models.CharField(_("closing condition"), max_length=200, blank=True)
    responsible = models.CharField(_("responsible"), max_length=80, blank=True)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, editable=False, related_name="+")

    view_act = "patrol.standard.view"
    access_scope = Scope()

    class Meta:
        ordering = ("table", "edition", "kind", "code", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("table", "edition", "kind", "code", "condition"), name="filing_standard_once"
            ),
            models.CheckConstraint(condition=Q(limit_amount__gt=0), name="filing_standard_has_time"),
        )
        verbose_name = _("filing standard")
        verbose_name_plural = _("filing standards")

    def __str__(self) -> str:
        return f"{self.code} {self.condition}"

    @property
    def limit(self) -> Limit:
        return Limit(LimitKind(self.limit_kind), self.limit_amount)


class StageLimits(models.Model):
    """How long the centre's own stages may take: {"verify": {"kind", "amount"}, …}. Dated, local, with an example."""

    in_force_from = models.DateField(_("in force from"), unique=True)
    limits = models.JSONField(_("limits"))
    source = models.CharField(_("source"), max_length=200)

    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from",)
        verbose_name = _("stage limits")
        verbose_name_plural = _("stage limits")

    def __str__(self) -> str:
        return f"{self.in_force_from}"


class Source(models.TextChoices):
    """By which way a problem reached the centre."""

    COLLECTOR = "collector", _("Collector")
    HOTLINE = "hotline", _("Hotline")
    WEB = "web", _("Web")
    LEADER = "leader", _("Leader's order")
    OPINION = "opinion", _("Opinion")
    VIDEO = "video", pgettext_lazy("case", "Video")
    API = "api", _("Other system")


SOURCES = dict(Source.choices)
"""By which way a case reached the centre, in words; a dictionary made once, because lists ask for each row."""

ENDED = ("closed", "refused", "not_filed", "voided")
"""The final states of a case's flow, as the index of live cases knows them (a test holds them together)."""

PUBLIC_SOURCES = (Source.HOTLINE, Source.WEB)


STAGES = {
    "accept": "accepted_at", "verify": "verified_at", "file": "filed_at", "dispatch": "dispatched_at",
    "handle": "handled_at", "check": "checked_at", "close": "closed_at",
}  # fmt: skip
"""The stages in their order, each with the column that says when it was done; when it is due: `<stage>_due_at`."""

_AWAITED = tuple(stage for stage, *_counts in COUNTED_STAGES)


class Case(Moving):
    """A city-management case (案件), from report to closing.

    The columns of the stages (`filed_at`, `handle_due_at`, …) say what was done when; the clocks of the flow are what
    counts time. Both are written by the same act. PostgreSQL itself keeps `marks` and `awaited`, what statistics count
    of them, so that they can never say something else: the bits of `rules.statistics.Marks`, and when the stages of
    `rules.statistics.STAGES` that are not done are due (nothing when none is).
    """

    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    edition = models.CharField(_("edition"), max_length=20, choices=[(e.value, e.value) for e in Edition])
    kind = models.CharField(
        pgettext_lazy("case", "kind"),
        max_length=10,
        choices=[(Kind.COMPONENT.value, _("component")), (Kind.EVENT.value, _("event"))],
    )
    code = models.CharField(_("class code"), max_length=5)
    class_name = models.CharField(_("class"), max_length=60)
    component_id = models.CharField(_("component id"), max_length=17, blank=True)
    description = models.CharField(pgettext_lazy("case", "description"), max_length=1000, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    lon = models.FloatField(_("longitude"), null=True)
    lat = models.FloatField(_("latitude"), null=True)
    accuracy_m = models.FloatField(_("accuracy (m)"), null=True)
    cell = models.BigIntegerField(null=True, editable=False)
    area_code = models.CharField(_("area"), max_length=15, blank=True)
    district_code = models.CharField(_("district"), max_length=6, blank=True)
    urgent = models.BooleanField(_("urgent"), default=False)
    self_handled = models.BooleanField(_("handled on the spot"), default=False)

    observed_at = models.DateTimeField(_("observed"), default=timezone.now)
    reported_at = models.DateTimeField(_("reported"), default=timezone.now)
    month = models.PositiveIntegerField(editable=False)  # 202405, by the site's calendar
    reported_by = models.ForeignKey(
        "people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("reported by"), db_index=False
    )
    reporter_name = models.CharField(_("reporter"), max_length=40, blank=True)
    reporter_phone = models.CharField(_("reporter's phone"), max_length=40, blank=True)
    outside_number = models.CharField(_("number elsewhere"), max_length=60, blank=True)

    # foreign keys without an index of their own: most rows have none of them, and those that have are in one below
    holder = models.ForeignKey(
        "people.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("held by"),
        db_index=False,
    )
    holder_organisation = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("held at"),
        db_index=False,
    )  # fmt: skip
    standard = models.ForeignKey(
        FilingStandard, models.PROTECT, null=True, blank=True, verbose_name=_("filing standard"), db_index=False
    )
    department = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("department"),
        db_index=False,
    )  # fmt: skip
    accepted = models.BooleanField(null=True, editable=False)
    filed = models.BooleanField(null=True, editable=False)
    voided = models.BooleanField(default=False, editable=False)
    exempt = models.BooleanField(_("exempt by appeal"), default=False, editable=False)
    extension_asked_at = models.DateTimeField(_("more time asked for"), null=True, editable=False)
    extension_reason = models.CharField(_("why more time"), max_length=500, blank=True, editable=False)
    reworks = models.PositiveSmallIntegerField(_("reworks"), default=0, editable=False)
    hand_backs = models.PositiveSmallIntegerField(_("hand-backs"), default=0, editable=False)
    extensions = models.PositiveSmallIntegerField(_("extensions"), default=0, editable=False)
    suspensions = models.PositiveSmallIntegerField(_("suspensions"), default=0, editable=False)
    accept_due_at = models.DateTimeField(null=True, editable=False)
    accepted_at = models.DateTimeField(pgettext_lazy("case", "accepted"), null=True, editable=False)
    verify_due_at = models.DateTimeField(null=True, editable=False)
    verified_at = models.DateTimeField(_("verified"), null=True, editable=False)
    file_due_at = models.DateTimeField(null=True, editable=False)
    filed_at = models.DateTimeField(_("filed"), null=True, editable=False)
    dispatch_due_at = models.DateTimeField(null=True, editable=False)
    dispatched_at = models.DateTimeField(_("dispatched"), null=True, editable=False)
    handle_due_at = models.DateTimeField(_("handling due"), null=True, editable=False)
    handled_at = models.DateTimeField(_("handled"), null=True, editable=False)
    check_due_at = models.DateTimeField(null=True, editable=False)
    checked_at = models.DateTimeField(_("checked"), null=True, editable=False)
    check_passed = models.BooleanField(null=True, editable=False)
    close_due_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(pgettext_lazy("case", "closed"), null=True, editable=False)
    duplicate_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="duplicates", db_index=False
    )
    doubts = ArrayField(models.CharField(max_length=30), default=list, blank=True, verbose_name=_("doubts"))
    batch = models.ForeignKey(
        "intake.Batch", models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )
    marks = models.GeneratedField(
        expression=Func(
            "accepted", "filed", "source", "voided", "self_handled", "hand_backs", "exempt",
            *(column for stage, done in STAGES.items() for column in (f"{stage}_due_at", done)), function="patrol_marks",
        ),
        output_field=models.IntegerField(), db_persist=True,
    )  # fmt: skip
    awaited = models.GeneratedField(
        expression=Func(
            "voided", "exempt", *(column for stage in _AWAITED for column in (f"{stage}_due_at", STAGES[stage])),
            function="patrol_awaited",
        ),
        output_field=ArrayField(models.DateTimeField(null=True), null=True), db_persist=True,
    )  # fmt: skip

    view_act = "patrol.case.view"
    access_scope = Scope(organisation="department", area="area_code", owner=("reported_by", "holder"))

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        indexes = [
            *Moving.Meta.indexes,
            models.Index(
                "month",
                "district_code",
                "code",
                name="patrol_case_statistics",
                include=(
                    "area_code", "department", "source", "filed", "reworks", "hand_backs", "marks", "awaited"),
            ),
            models.Index(fields=("cell", "code", "reported_at"), name="patrol_case_near", condition=Q(cell__isnull=False)),
            models.Index(fields=("state", "district_code", "due_at"), name="patrol_case_queue"),
            models.Index(
                fields=("department", "state", "due_at"), name="patrol_case_department",
                condition=Q(department__isnull=False),
            ),
            *(
                models.Index(fields=(name,), name=f"patrol_case_{short}", condition=Q(**{f"{name}__isnull": False}))
                for name, short in (
                    ("holder", "holder"), ("holder_organisation", "held_at"), ("standard", "standard"),
                    ("duplicate_of", "duplicate"),
                )
            ),
            models.Index(fields=("reported_by", "-id"), name="patrol_case_reporter"),
            models.Index(fields=("-reported_at", "-id"), name="patrol_case_recent"),
            models.Index(fields=("lon", "lat"), name="patrol_case_live", condition=~Q(state__in=ENDED)),
            models.Index(fields=("batch",), name="patrol_case_batch", condition=Q(batch__isnull=False)),
            models.Index(fields=("outside_number",), name="patrol_case_outside", condition=~Q(outside_number="")),
            models.Index(
                fields=("due_at",), name="patrol_case_more_time", condition=Q(extension_asked_at__isnull=False)
            ),
            GinIndex(fields=("doubts",), name="patrol_case_doubts", condition=~Q(doubts=[])),
        ]  # fmt: skip
        verbose_name = _("case")
        verbose_name_plural = _("cases")

    def __str__(self) -> str:
        return f"{self.number} {self.class_name}"

    def get_absolute_url(self) -> str:
        return reverse("patrol:case", args=[self.pk])

    @property
    def source_label(self) -> str:
        """By which way it reached the centre, in words."""
        return str(SOURCES.get(self.source, self.source))

    @property
    def doubt_labels(self) -> list[str]:
        """The doubts in words."""
        return [str(DOUBTS.get(doubt, doubt)) for doubt in self.doubts]

    @property
    def number(self) -> str:
        """The number that people use: the day and the id, "20240513-000017"."""
        return f"{timezone.localtime(self.reported_at):%Y%m%d}-{self.pk or 0:06}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        local = timezone.localtime(self.reported_at)
        self.month = local.year * 100 + local.month
        super().save(*args, **kwargs)


class Boundary(models.Model):
    """The outline within which problems are collected (the outer ring), from a day on; imported, never changed."""

    name = models.CharField(_("name"), max_length=80)
    in_force_from = models.DateField(_("in force from"))
    source = models.CharField(_("source"), max_length=200)
    polygon = models.JSONField(_("outline"))  # GeoJSON, CGCS2000/WGS-84
    imported_at = models.DateTimeField(_("imported"), default=timezone.now)
    imported_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "patrol.boundary.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from", "-pk")
        verbose_name = _("boundary of collection")
        verbose_name_plural = _("boundaries of collection")

    def __str__(self) -> str:
        return f"{self.name} ({self.in_force_from})"

    def get_absolute_url(self) -> str:
        return reverse("patrol:boundaries")


class SamplingPlan(models.Model):
    """A random re-inspection: so many areas drawn by a seed, so that anybody can draw them again (`rules.sampling`).

    The missed rate of a plan is what an inspector found and nobody had reported, of all that was found.
    """

    month = models.PositiveIntegerField(_("month"))
    area_code = models.CharField(_("area"), max_length=15, blank=True)
    seed = models.CharField(_("seed"), max_length=40)
    size = models.PositiveSmallIntegerField(_("areas to visit"))
    drawn_from = models.PositiveIntegerField(_("drawn from"))
    drawn_sha256 = models.CharField(max_length=64)  # of the codes drawn from
    made_at = models.DateTimeField(pgettext_lazy("case", "made"), default=timezone.now)
    made_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "patrol.sampling.view"
    access_scope = Scope(area="area_code")

    class Meta:
        ordering = ("-month", "-pk")
        verbose_name = _("re-inspection")
        verbose_name_plural = _("re-inspections")

    def __str__(self) -> str:
        return f"{self.month_text} · {self.seed}"

    @property
    def month_text(self) -> str:
        return f"{self.month // 100}-{self.month % 100:02}"

    def get_absolute_url(self) -> str:
        return reverse("patrol:sampling", args=[self.pk])


class SamplingVisit(models.Model):
    """One area of a re-inspection, visited or not yet."""

    plan = models.ForeignKey(SamplingPlan, models.CASCADE, related_name="visits")
    position = models.PositiveSmallIntegerField()
    area_code = models.CharField(_("area"), max_length=15)
    area_name = models.CharField(_("name"), max_length=120)
    collector = models.ForeignKey(
        "people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("collector")
    )
    visited_at = models.DateTimeField(_("visited"), null=True)
    visited_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    note = models.CharField(pgettext_lazy("case", "note"), max_length=500, blank=True)

    view_act = "patrol.sampling.view"
    access_scope = Scope(area="area_code")

    class Meta:
        ordering = ("plan", "position")
        constraints = (models.UniqueConstraint(fields=("plan", "area_code"), name="sampling_area_once"),)
        verbose_name = _("area to visit")
        verbose_name_plural = _("areas to visit")

    def __str__(self) -> str:
        return f"{self.area_name} · {self.plan}"

    def get_absolute_url(self) -> str:
        return self.plan.get_absolute_url()


class SamplingFinding(models.Model):
    """A problem that an inspector found. `case`: the report that it was known by; `missed` None until it is decided."""

    visit = models.ForeignKey(SamplingVisit, models.CASCADE, related_name="findings")
    edition = models.CharField(_("edition"), max_length=20)
    kind = models.CharField(pgettext_lazy("case", "kind"), max_length=10)
    code = models.CharField(pgettext_lazy("case", "code"), max_length=5)
    class_name = models.CharField(_("class"), max_length=60)
    description = models.CharField(pgettext_lazy("case", "description"), max_length=500, blank=True)
    lon = models.FloatField(_("longitude"))
    lat = models.FloatField(_("latitude"))
    found_at = models.DateTimeField(_("found"))
    case = models.ForeignKey(Case, models.PROTECT, null=True, related_name="+", verbose_name=_("case"))
    missed = models.BooleanField(_("missed"), null=True)
    decided_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "patrol.sampling.view"
    access_scope = Scope(area="visit__area_code")

    class Meta:
        ordering = ("visit", "pk")
        constraints = (
            models.CheckConstraint(condition=~Q(missed=True) | Q(case=None), name="a_missed_finding_has_no_case"),
        )
        verbose_name = pgettext_lazy("re-inspection", "finding")
        verbose_name_plural = pgettext_lazy("re-inspection", "findings")

    def __str__(self) -> str:
        return f"{self.code} {self.class_name}"

    def get_absolute_url(self) -> str:
        return self.visit.get_absolute_url()


class Hook(models.Model):
    """An address that is told of every change of the cases that its owner may see: signed, in order, until it took them.

    The cursor is how far the trail was told. After a failure the same changes are sent again, later each time.
    """

    url = models.URLField(_("address"), max_length=500)
    secret = models.CharField(max_length=400, editable=False)  # sealed
    owner = models.ForeignKey(
        "people.User", models.PROTECT, related_name="+", verbose_name=pgettext_lazy("webhook", "owner")
    )
    active = models.BooleanField(_("active"), default=True)
    made_at = models.DateTimeField(pgettext_lazy("case", "made"), default=timezone.now)
    era = models.BigIntegerField(default=0, editable=False)
    transaction_id = models.BigIntegerField(default=0, editable=False)
    entry_id = models.BigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    next_at = models.DateTimeField(default=timezone.now, editable=False)
    told_at = models.DateTimeField(_("last told"), null=True, editable=False)
    last_fault = models.CharField(_("last fault"), max_length=200, blank=True, editable=False)

    view_act = "patrol.hook.manage"
    access_scope = Scope(owner="owner")

    class Meta:
        ordering = ("pk",)
        indexes = (models.Index(fields=("next_at",), condition=Q(active=True), name="patrol_hook_due"),)
        verbose_name = pgettext_lazy("webhook", "webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.url

    def get_absolute_url(self) -> str:
        return reverse("patrol:hook", args=[self.pk])


class HookDelivery(models.Model):
    """One call to a hook's address: what was told, and what the receiver said. The latest of each hook are kept."""

    hook = models.ForeignKey(Hook, models.CASCADE, related_name="deliveries")
    at = models.DateTimeField(pgettext_lazy("webhook", "called"))
    name = models.CharField(pgettext_lazy("webhook", "delivery"), max_length=80)  # as in X-Chengheng-Delivery
    cases = models.PositiveIntegerField(_("cases"))
    size = models.PositiveIntegerField(pgettext_lazy("webhook", "bytes"))
    took_ms = models.PositiveIntegerField(_("milliseconds"))
    fault = models.CharField(pgettext_lazy("webhook", "fault"), max_length=200, blank=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=("hook", "-id"), name="patrol_hook_latest"),)

    def __str__(self) -> str:
        return self.name


class CaseTask(models.Model):
    """A question to a collector about a case: verify it before filing (核实), or check it after handling (核查)."""

    class Purpose(models.TextChoices):
        VERIFY = "verify", _("verify before filing")
        CHECK = "check", _("check after handling")

    class Result(models.TextChoices):
        TRUE = "true", _("as reported")
        FALSE = "false", _("not as reported")
        PASSED = "passed", _("solved")
        FAILED = "failed", _("not solved")

    case = models.ForeignKey(Case, models.CASCADE, related_name="tasks", verbose_name=_("case"))
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    collector = models.ForeignKey("people.User", models.PROTECT, related_name="+", verbose_name=_("collector"))
    asked_at = models.DateTimeField(pgettext_lazy("case", "asked"), default=timezone.now)
    asked_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    due_at = models.DateTimeField(_("due"), null=True)
    done_at = models.DateTimeField(pgettext_lazy("case", "done"), null=True)
    result = models.CharField(pgettext_lazy("case", "result"), max_length=10, choices=Result.choices, blank=True)
    note = models.CharField(pgettext_lazy("case", "note"), max_length=500, blank=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    view_act = "patrol.task.view"
    access_scope = Scope(area="case__area_code", owner="collector")

    class Meta:
        ordering = ("due_at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("case", "purpose"),
                condition=Q(done_at__isnull=True, withdrawn_at__isnull=True),
                name="one_open_task_of_a_purpose",
            ),
        )
        indexes = (
            models.Index(
                fields=("collector", "due_at"),
                condition=Q(done_at__isnull=True, withdrawn_at__isnull=True),
                name="patrol_task_open",
            ),
        )
        verbose_name = _("collector's task")
        verbose_name_plural = _("collectors' tasks")

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} · {self.case}"

    def get_absolute_url(self) -> str:
        return self.case.get_absolute_url()


class Shift(models.Model):
    """A collector's shift: signed in and out on the phone, with where."""

    collector = models.ForeignKey("people.User", models.PROTECT, related_name="shifts", verbose_name=_("collector"))
    area_code = models.CharField(_("area"), max_length=15, blank=True)
    started_at = models.DateTimeField(pgettext_lazy("case", "signed in"))
    ended_at = models.DateTimeField(_("signed out"), null=True)
    start_lon = models.FloatField(null=True)
    start_lat = models.FloatField(null=True)

    view_act = "patrol.shift.view"
    access_scope = Scope(organisation="collector__organisation", area="area_code", owner="collector")

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(fields=("collector",), condition=Q(ended_at__isnull=True), name="one_open_shift"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")), name="shift_ends_after_start"
            ),
        )
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")

    def __str__(self) -> str:
        return f"{self.collector} {timezone.localtime(self.started_at):%Y-%m-%d %H:%M}"


class TrackPoint(models.Model):
    """Where a collector was in a shift, as the phone saw it."""

    shift = models.ForeignKey(Shift, models.CASCADE, related_name="track")
    at = models.DateTimeField()
    lon = models.FloatField()
    lat = models.FloatField()
    accuracy_m = models.FloatField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("shift", "at"), name="track_point_once"),)

    def __str__(self) -> str:
        return f"{self.at} {self.lon:.5f},{self.lat:.5f}"


def month_of(moment: datetime) -> int:
    """The month of a moment by the site's calendar, as `Case.month` keeps it: 202405."""
    local = timezone.localtime(moment)
    return local.year * 100 + local.month


class PatrolSettings(models.Model):
    """Numbers that a city sets for patrol, dated: duplicates, honesty of evidence, extensions. The newest in force counts."""

    in_force_from = models.DateField(_("in force from"), unique=True)
    near_m = models.PositiveSmallIntegerField(_("duplicates: within metres"), default=50)
    near_hours = models.PositiveSmallIntegerField(_("duplicates: within hours"), default=24)
    photo_distance_m = models.PositiveSmallIntegerField(_("photo may be taken within metres"), default=200)
    photo_age_hours = models.PositiveSmallIntegerField(_("photo may be older by hours"), default=12)
    photo_hash_bits = models.PositiveSmallIntegerField(_("photos alike: differing bits"), default=6)
    top_speed_kmh = models.PositiveSmallIntegerField(_("impossible speed (km/h)"), default=90)
    most_extensions = models.PositiveSmallIntegerField(_("extensions a case"), default=2)
    most_suspension_days = models.PositiveSmallIntegerField(_("suspension, days"), default=365)
    appeal_days = models.PositiveSmallIntegerField(_("appeal within days"), default=10)
    quota_per_shift = models.PositiveSmallIntegerField(_("reports a shift"), default=0)
    rework_base = models.CharField(
        _("rework rate over"),
        max_length=10,
        default="to_close",
        choices=[("to_close", _("cases to close")), ("handled", _("cases handled"))],
    )
    reward_pool_fen = models.BigIntegerField(_("reward pool"), default=0)
    source = models.CharField(_("source"), max_length=200)

    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from",)
        verbose_name = _("patrol settings")
        verbose_name_plural = _("patrol settings")

    def __str__(self) -> str:
        return f"{self.in_force_from}"


class ScoreRuleSet(models.Model):
    """How districts, departments, collectors and posts are scored: parts and grades as data (`rules.scores`), dated.

    `parts`: {"district": [part, …], "department", "collector", "receptionist", "duty_chief", "dispatcher"}; `grades`: best first, [{"grade", "least"}].
    """

    name = models.CharField(_("name"), max_length=80)
    in_force_from = models.DateField(_("in force from"), unique=True)
    source = models.CharField(_("source"), max_length=400)
    is_example = models.BooleanField(_("example"), default=False)
    parts = models.JSONField(_("parts"))
    grades = models.JSONField(_("grades"))

    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from",)
        verbose_name = _("score rule set")
        verbose_name_plural = _("score rule sets")

    def __str__(self) -> str:
        return f"{self.name} ({self.in_force_from})"

    def clean(self) -> None:
        """Refuse parts that the rules cannot read: weights must sum to 100, bands must be complete."""
        try:
            for rows in self.parts.values():
                read_parts(rows)
        except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError) as problem:
            raise ValidationError({"parts": str(problem)}) from problem


class Bulletin(models.Model):
    """The figures of a month as they were published: frozen rows, the rules and the calendar that they were made by.

    The database refuses to change or delete one; a correction is a new edition, and both stay.
    """

    month = models.PositiveIntegerField(_("month"))
    edition = models.PositiveSmallIntegerField(pgettext_lazy("bulletin", "edition"), default=1)
    as_of = models.DateTimeField(pgettext_lazy("case", "as of"))
    rule_set = models.ForeignKey(ScoreRuleSet, models.PROTECT, verbose_name=_("score rule set"))
    rules = models.JSONField(_("rules as they stood"))
    rows = models.JSONField(pgettext_lazy("case", "rows"))
    calendar_version = models.PositiveIntegerField(pgettext_lazy("case", "calendar version"))
    sha256 = models.CharField(max_length=64)
    note = models.CharField(pgettext_lazy("case", "note"), max_length=500, blank=True)
    published_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "patrol.bulletin.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-month", "-edition")
        constraints = (models.UniqueConstraint(fields=("month", "edition"), name="bulletin_edition_once"),)
        verbose_name = _("monthly bulletin")
        verbose_name_plural = _("monthly bulletins")

    def __str__(self) -> str:
        return f"{self.month // 100}-{self.month % 100:02} · {self.edition}"

    def get_absolute_url(self) -> str:
        return reverse("patrol:bulletin", args=[self.pk])


class AllocationRun(Moving):
    """One working-out of the reward: what went in, by which method, what each district gets, and who answered for it.

    `inputs`: [{"key", "label", "score", "units", "bulletins"}]; `shares`: [{"key", "label", "amount_fen", "rank",
    "coefficient"}]. The database refuses to change them; another what-if is another run.
    """

    title = models.CharField(_("title"), max_length=120)
    start_month = models.PositiveIntegerField(_("from month"))
    end_month = models.PositiveIntegerField(_("to month"))
    method = models.CharField(pgettext_lazy("case", "method"), max_length=30)
    parameters = models.JSONField(_("parameters"), default=dict)
    pool_fen = models.BigIntegerField(_("reward pool"))
    inputs = models.JSONField(_("inputs"))
    shares = models.JSONField(_("shares"))
    remainder_fen = models.BigIntegerField(_("remainder"))
    created_at = models.DateTimeField(pgettext_lazy("case", "made"), default=timezone.now)
    created_by = models.ForeignKey(
        "people.User", models.PROTECT, related_name="+", verbose_name=pgettext_lazy("case", "made by")
    )
    approved_by = models.ForeignKey(
        "people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("approved by")
    )
    published_at = models.DateTimeField(pgettext_lazy("case", "published"), null=True)

    view_act = "patrol.allocation.view"
    access_scope = Scope()

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=Q(pool_fen__gte=0), name="allocation_pool_not_negative"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("created_by")), name="allocation_approved_by_another"
            ),
        )
        verbose_name = _("reward allocation")
        verbose_name_plural = _("reward allocations")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("patrol:allocation", args=[self.pk])
