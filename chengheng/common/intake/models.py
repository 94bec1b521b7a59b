"""What is stored about imports: each file brought in, and how headings were read before."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.access import Scope


class State(models.TextChoices):
    UPLOADED = "uploaded", _("Being checked")
    FAULTY = "faulty", _("Has problems")
    READY = "ready", _("Ready")
    COMMITTED = "committed", _("Imported")
    UNDONE = "undone", _("Undone")


class Batch(models.Model):
    """One file for one importer. `rows`: read, and once committed: imported. `report`: sheets, headings, sample rows.

    `problems` holds the first ones as {sheet, row, column, field, label, value, message}; `problem_count` counts all.
    """

    importer = models.CharField(_("import"), max_length=100)
    sha256 = models.CharField(max_length=64, editable=False)
    name = models.CharField(_("file"), max_length=200)
    size = models.BigIntegerField(_("bytes"), default=0)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.UPLOADED)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="batches", verbose_name=_("by")
    )
    at = models.DateTimeField(_("uploaded"), default=timezone.now)
    mapping = models.JSONField(default=dict, editable=False)
    report = models.JSONField(default=dict, editable=False)
    problems = models.JSONField(default=list, editable=False)
    problem_count = models.PositiveIntegerField(_("problems"), default=0)
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+", verbose_name=_("job"))
    committed_at = models.DateTimeField(_("imported"), null=True)
    committed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("imported by")
    )
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("undone by")
    )

    view_act = "intake.batch.view"
    access_scope = Scope(organisation="by__organisation", owner="by")

    class Meta:
        ordering = ("-at",)
        indexes = (
            models.Index(fields=("importer", "-at"), name="batch_importer"),
            models.Index(fields=("sha256",), name="batch_file"),
            models.Index(fields=("at", "id"), name="batch_at"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("importer", "sha256"), condition=Q(state="committed"), name="batch_file_committed_once"
            ),
        )
        verbose_name = _("import batch")
        verbose_name_plural = _("import batches")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("intake:batch", args=[self.pk])

    @property
    def title(self) -> Any:
        """What kind of rows this brings."""
        from chengheng.common.intake import declaration

        known = declaration.find(self.importer)
        return known.title if known is not None else self.importer


class FieldMapping(models.Model):
    """How a person matched a heading to a field, remembered for the next file with that heading. `field` "" means:
    this heading is left out."""

    importer = models.CharField(_("import"), max_length=100)
    heading = models.CharField(_("heading"), max_length=200)
    field = models.CharField(_("field"), max_length=100, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("importer", "heading"), name="field_mapping_once"),)
        verbose_name = _("remembered heading")
        verbose_name_plural = _("remembered headings")

    def __str__(self) -> str:
        return f"{self.importer}: {self.heading} → {self.field or '—'}"
