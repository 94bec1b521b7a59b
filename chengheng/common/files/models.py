"""Files by content, and which subject carries them. The bytes live in the file store, never in the database."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.files.rules import INLINE


class File(models.Model):
    """One content, stored once however often it is attached. `phash`: 64-bit perceptual hash of a picture, signed."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField(_("size in bytes"))
    media_type = models.CharField(_("kind of file"), max_length=100)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    phash = models.BigIntegerField(null=True, db_index=True)
    taken_at = models.DateTimeField(_("photographed"), null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    device = models.CharField(_("device"), max_length=80, blank=True)
    has_thumbnail = models.BooleanField(default=False)
    stored_at = models.DateTimeField(_("stored"), default=timezone.now)
    removed_at = models.DateTimeField(_("removed from the store"), null=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self) -> str:
        return f"{self.media_type} {self.sha256[:12]}"

    @property
    def path(self) -> Path:
        """Where the bytes lie."""
        return Path(settings.FILE_STORE, "content", self.sha256[:2], self.sha256[2:4], self.sha256)

    @property
    def thumbnail_path(self) -> Path:
        return Path(settings.FILE_STORE, "thumbnails", self.sha256[:2], self.sha256[2:4], f"{self.sha256}.webp")

    @property
    def inline(self) -> bool:
        """Whether a browser may show it in place."""
        return self.media_type in INLINE

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

    @property
    def is_video(self) -> bool:
        return self.media_type.startswith("video/")


class Attachment(models.Model):
    """A file on a subject of any room, as what it serves (`kind`: "before", "after", "receipt", …).

    `subject_type` and `subject_id` name the row as the trail does: ("patrol.case", "17").
    """

    file = models.ForeignKey(File, models.PROTECT, related_name="attachments")
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=40)
    kind = models.CharField(_("kind of attachment"), max_length=40)
    name = models.CharField(_("name"), max_length=130)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("done by")
    )
    at = models.DateTimeField(_("attached"), default=timezone.now)
    withdrawn_at = models.DateTimeField(_("taken back at"), null=True)
    withdrawn_why = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        ordering = ("at", "pk")
        indexes = (
            models.Index(fields=("subject_type", "subject_id", "kind"), name="attachment_subject"),
            models.Index(
                fields=("kind", "at"), condition=models.Q(withdrawn_at__isnull=True), name="attachment_retention"
            ),
        )
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The content, for those who may see the subject."""
        return reverse("files:content", args=[self.pk])

    @property
    def thumbnail_url(self) -> str:
        """The small picture; "" when there is none."""
        return reverse("files:thumbnail", args=[self.pk]) if self.file.has_thumbnail else ""


class RetentionRule(models.Model):
    """How long attachments of a kind are kept, from a day on. Dated data: the latest rule in force holds.

    Without a rule nothing is removed. `days` counts from the moment of attaching.
    """

    kind = models.CharField(_("kind of attachment"), max_length=40)
    subject_type = models.CharField(_("only on"), max_length=60, blank=True)
    days = models.PositiveIntegerField(_("days kept"))
    starts_on = models.DateField(_("in force from"))
    source = models.CharField(_("source"), max_length=200)

    view_act = "files.retention.view"

    class Meta:
        ordering = ("kind", "subject_type", "-starts_on")
        constraints = (
            models.UniqueConstraint(fields=("kind", "subject_type", "starts_on"), name="retention_rule_once"),
            models.CheckConstraint(condition=models.Q(days__gt=0), name="retention_some_days"),
        )
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")

    def __str__(self) -> str:
        return f"{self.kind}: {self.days}"

    def get_absolute_url(self) -> str:
        return reverse("files:retention")
