"""Base data as stored: features in versions, change sets with what they change and what is wrong, census tasks.

A feature's row is never overwritten: a publication closes it (`until`) and adds the next. What must not go in: what is
right or wrong (quality), how a change set moves (flows).
"""

from __future__ import annotations

from typing import Any, ClassVar

import shapely
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope
from chengheng.maintenance.basedata.quality import RULES, STOPS
from chengheng.maintenance.basedata.rules import KINDS, class_name

KIND_CHOICES = [(kind.code, kind.label) for kind in KINDS.values()]


class Content(models.Model):
    """What a feature is: code, name, fields of its kind, place. `shape` is WKB, None for a plain point."""

    code = models.CharField(_("identifier"), max_length=40)
    name = models.CharField(_("name"), max_length=200, blank=True)
    sort = models.CharField(pgettext_lazy("base data", "class"), max_length=40, blank=True)
    area_code = models.CharField(_("area"), max_length=15, blank=True)
    attrs = models.JSONField(_("fields"), default=dict)
    lon = models.FloatField(_("longitude"), null=True)
    lat = models.FloatField(_("latitude"), null=True)
    west = models.FloatField(null=True, editable=False)
    south = models.FloatField(null=True, editable=False)
    east = models.FloatField(null=True, editable=False)
    north = models.FloatField(null=True, editable=False)
    shape = models.BinaryField(null=True)
    digest = models.CharField(max_length=16, editable=False)
    grams = ArrayField(models.CharField(max_length=2), null=True, editable=False)  # of place names only

    class Meta:
        abstract = True

    @property
    def geometry(self) -> Any:
        """The shape in CGCS2000/WGS-84 degrees (shapely); None without one."""
        if self.shape is not None:
            return shapely.from_wkb(bytes(self.shape))
        return None if self.lon is None else shapely.Point(self.lon, self.lat)

    @property
    def sort_name(self) -> str:
        return class_name(self.sort) if self.sort.isdigit() else self.sort


COLUMNS = (
    "code", "name", "sort", "area_code", "attrs", "lon", "lat", "west", "south", "east", "north", "shape", "digest",
    "grams",
)  # fmt: skip
"""The columns of `Content`, in the order of the table."""


class Item(Content):
    """A feature as it stands from edition `since` until edition `until` (None: still)."""

    kind = models.CharField(pgettext_lazy("base data", "kind"), max_length=10, choices=KIND_CHOICES)
    since = models.BigIntegerField(_("since edition"))
    until = models.BigIntegerField(_("until edition"), null=True)

    view_act = "maintenance.base.view"
    attach_act = "maintenance.base.change"
    access_scope = Scope(area="area_code")

    class Meta:
        ordering = ("kind", "code")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "code"), condition=Q(until__isnull=True), name="one_current_item_of_a_code"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=models.F("since")), name="item_ends_after"
            ),
        )
        indexes = (
            models.Index(fields=("kind", "code", "since"), name="base_item_versions"),
            models.Index(fields=("kind", "since"), name="base_item_since"),
            models.Index(fields=("kind", "until"), name="base_item_until", condition=Q(until__isnull=False)),
            models.Index(fields=("kind", "sort", "id"), name="base_item_sort", condition=Q(until__isnull=True)),
            models.Index(
                "kind", OpClass("area_code", name="varchar_pattern_ops"), name="base_item_area",
                condition=Q(until__isnull=True),
            ),
            GinIndex(fields=("grams",), name="base_item_grams", condition=Q(until__isnull=True)),
        )  # fmt: skip
        verbose_name = _("feature of base data")
        verbose_name_plural = _("features of base data")

    def __str__(self) -> str:
        return f"{self.name} {self.code}"

    def get_absolute_url(self) -> str:
        return reverse("maintenance:base_item", args=[self.kind, self.code])


class ChangeSet(Moving):
    """Changes to one kind of base data that are published together or not at all."""

    kind = models.CharField(pgettext_lazy("base data", "kind"), max_length=10, choices=KIND_CHOICES)
    title = models.CharField(_("title"), max_length=120)
    source = models.CharField(_("source"), max_length=200, blank=True)
    whole = models.BooleanField(_("complete stock"), default=False)
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    reading = models.JSONField(default=dict, editable=False)  # columns, datum, encoding: how the file is read
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, editable=False, related_name="+")
    base_edition = models.BigIntegerField(default=0, editable=False)
    counts = models.JSONField(default=dict, editable=False)
    found = models.JSONField(default=dict, editable=False)
    stopping = models.PositiveIntegerField(_("problems that stop it"), default=0, editable=False)
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    made_by = models.ForeignKey(
        "people.User", models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("base data", "made by")
    )
    checked_at = models.DateTimeField(_("last checked"), null=True, editable=False)
    approved_by = models.ForeignKey("people.User", models.PROTECT, null=True, editable=False, related_name="+")
    published_at = models.DateTimeField(_("published"), null=True, editable=False)
    edition = models.BigIntegerField(pgettext_lazy("base data", "edition"), null=True, editable=False, unique=True)
    undoes = models.BigIntegerField(_("rolls back edition"), null=True, editable=False)

    view_act = "maintenance.base.view"
    attach_act = "maintenance.base.change"
    access_scope = Scope(owner="made_by")

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        indexes: ClassVar[Any] = (
            *Moving.Meta.indexes,
            models.Index(fields=("kind", "-published_at"), name="base_set_published"),
        )
        verbose_name = _("change set")
        verbose_name_plural = _("change sets")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("maintenance:base_set", args=[self.pk])

    def file_size(self) -> int:
        """Bytes of the file that it is read from."""
        from chengheng.common.intake import store

        return len(store.fetch(self.file_sha256)) if self.file_sha256 else 0


class Change(Content):
    """One feature of a change set: as it shall be (`verb` add, change), or as it was (remove)."""

    class Verb(models.TextChoices):
        ADD = "add", pgettext_lazy("base data", "add")
        CHANGE = "change", pgettext_lazy("base data", "change")
        REMOVE = "remove", pgettext_lazy("base data", "remove")

    change_set = models.ForeignKey(ChangeSet, models.CASCADE, related_name="changes")
    verb = models.CharField(pgettext_lazy("base data", "what happens"), max_length=6, choices=Verb.choices)
    row = models.PositiveIntegerField(_("row of the file"), default=0)
    before = models.ForeignKey(Item, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index(fields=("change_set", "verb", "id"), name="base_change_verb"),
            models.Index(fields=("change_set", "code"), name="base_change_code"),
        )
        verbose_name = pgettext_lazy("base data", "change")
        verbose_name_plural = pgettext_lazy("base data", "changes")

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.code}"


class Problem(models.Model):
    """What a rule found at a feature of a change set, and where."""

    change_set = models.ForeignKey(ChangeSet, models.CASCADE, related_name="problems")
    rule = models.CharField(max_length=20)
    weight = models.CharField(max_length=5)
    code = models.CharField(_("identifier"), max_length=40, blank=True)
    row = models.PositiveIntegerField(_("row of the file"), default=0)
    values = models.JSONField(default=dict)
    shape = models.BinaryField(null=True)

    class Meta:
        ordering = ("-weight", "pk")
        indexes = (models.Index(fields=("change_set", "weight", "rule"), name="base_problem_rule"),)
        verbose_name = _("problem found")
        verbose_name_plural = _("problems found")

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """What is wrong, in words."""
        return str(RULES[self.rule].text) % {"code": self.code, **self.values}

    @property
    def label(self) -> str:
        return str(RULES[self.rule].label)

    @property
    def stops(self) -> bool:
        return self.weight == STOPS


class Mapping(models.Model):
    """How files with these columns were read last time."""

    kind = models.CharField(max_length=10, choices=KIND_CHOICES)
    signature = models.CharField(max_length=64)
    reading = models.JSONField(default=dict)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("kind", "signature"), name="one_mapping_of_columns"),)
        verbose_name = _("remembered columns")
        verbose_name_plural = _("remembered columns")

    def __str__(self) -> str:
        return f"{self.kind} {self.signature[:8]}"


class Census(models.Model):
    """A census task (普查任务): somebody walks an area and says of every component whether it is there."""

    title = models.CharField(_("title"), max_length=120)
    area_code = models.CharField(_("area"), max_length=15)
    sort = models.CharField(pgettext_lazy("base data", "class"), max_length=5, blank=True)
    surveyor = models.ForeignKey("people.User", models.PROTECT, related_name="+", verbose_name=_("surveyor"))
    due_on = models.DateField(_("due on"))
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    made_by = models.ForeignKey(
        "people.User", models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("base data", "made by")
    )
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    change_set = models.ForeignKey(ChangeSet, models.SET_NULL, null=True, editable=False, related_name="censuses")

    view_act = "maintenance.base.survey"
    attach_act = "maintenance.base.survey"
    access_scope = Scope(owner="surveyor", area="area_code")

    class Meta:
        ordering = ("finished_at", "due_on", "pk")
        indexes = (models.Index(fields=("surveyor", "finished_at"), name="base_census_surveyor"),)
        verbose_name = _("census task")
        verbose_name_plural = _("census tasks")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("maintenance:base_census", args=[self.pk])


class Sighting(models.Model):
    """What the surveyor found of one component."""

    class Verb(models.TextChoices):
        CONFIRM = "confirm", _("there, as recorded")
        MOVE = "move", _("stands elsewhere")
        NEW = "new", _("not recorded yet")
        GONE = "gone", _("not there any more")

    census = models.ForeignKey(Census, models.CASCADE, related_name="sightings")
    code = models.CharField(_("identifier"), max_length=40, blank=True)
    verb = models.CharField(pgettext_lazy("census", "finding"), max_length=8, choices=Verb.choices)
    sort = models.CharField(pgettext_lazy("base data", "class"), max_length=5, blank=True)
    lon = models.FloatField(_("longitude"), null=True)
    lat = models.FloatField(_("latitude"), null=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    at = models.DateTimeField(pgettext_lazy("census", "seen"), default=timezone.now)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "maintenance.base.survey"
    access_scope = Scope(owner="census__surveyor", area="census__area_code")

    class Meta:
        ordering = ("-at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("census", "code"), condition=~Q(code=""), name="one_sighting_of_a_component"
            ),
            models.CheckConstraint(condition=Q(verb="new") ^ ~Q(code=""), name="sighting_names_what_is_known"),
        )
        verbose_name = _("sighting")
        verbose_name_plural = _("sightings")

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.code}"

    def get_absolute_url(self) -> str:
        return self.census.get_absolute_url()
