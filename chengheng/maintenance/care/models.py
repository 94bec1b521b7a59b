"""Spare parts with every movement of their stock, articles of the knowledge base, ratings of repairs."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.people.access import Scope


class Spare(models.Model):
    """A kind of part that is kept for repairs. `on_hand` is the sum of its movements, never below nothing."""

    name = models.CharField(_("part"), max_length=100, unique=True)
    system = models.ForeignKey(
        "maintenance.System", models.PROTECT, null=True, blank=True, related_name="spares", verbose_name=_("system"),
        help_text=_("Empty: for every system."),
    )  # fmt: skip
    fits = models.CharField(_("fits"), max_length=120, blank=True, help_text=_("Types or models of devices."))
    place = models.CharField(pgettext_lazy("spare part", "kept at"), max_length=80, blank=True)
    on_hand = models.PositiveIntegerField(_("in stock"), default=0, editable=False)
    least = models.PositiveIntegerField(_("at least"), default=0, help_text=_("Fewer than this: the manager is told."))
    price_fen = models.BigIntegerField(pgettext_lazy("spare part", "price"), default=0)
    active = models.BooleanField(_("active"), default=True)

    view_act = "maintenance.spare.view"
    access_scope = Scope(organisation="system__organisation")

    class Meta:
        ordering = ("name",)
        constraints = (models.CheckConstraint(condition=Q(price_fen__gte=0), name="spare_price_not_below_nothing"),)
        verbose_name = _("spare part")
        verbose_name_plural = _("spare parts")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("maintenance:spare", args=[self.pk])

    @property
    def is_low(self) -> bool:
        return self.active and self.on_hand < self.least


class SpareMove(models.Model):
    """So many of a part came (positive) or went, and why. Never changed."""

    class Why(models.TextChoices):
        RECEIVED = "received", pgettext_lazy("spare part", "received")
        USED = "used", pgettext_lazy("spare part", "used in a repair")
        COUNTED = "counted", pgettext_lazy("spare part", "found by counting")
        SCRAPPED = "scrapped", pgettext_lazy("spare part", "scrapped")

    spare = models.ForeignKey(Spare, models.PROTECT, related_name="moves")
    count = models.IntegerField(_("count"))
    why = models.CharField(pgettext_lazy("spare part", "why"), max_length=10, choices=Why.choices)
    left = models.PositiveIntegerField(pgettext_lazy("spare part", "left"))
    fault = models.ForeignKey("maintenance.Fault", models.PROTECT, null=True, related_name="+")
    note = models.CharField(_("note"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("by"))

    access_scope = Scope(organisation="spare__system__organisation")

    class Meta:
        ordering = ("-pk",)
        constraints = (models.CheckConstraint(condition=~Q(count=0), name="spare_move_not_nothing"),)

    def __str__(self) -> str:
        return f"{self.spare} {self.count:+}"


class Article(models.Model):
    """What is known to help with a trouble of a type of device (知识库). Written by people, often after a repair."""

    title = models.CharField(_("title"), max_length=120)
    kind = models.CharField(_("type"), max_length=40, blank=True, help_text=_("Empty: devices of every type."))
    model = models.CharField(_("model"), max_length=60, blank=True)
    symptom = models.TextField(pgettext_lazy("knowledge base", "what is seen"), max_length=2000)
    solution = models.TextField(pgettext_lazy("knowledge base", "what helps"), max_length=5000)
    fault = models.ForeignKey("maintenance.Fault", models.SET_NULL, null=True, editable=False, related_name="articles")
    by = models.ForeignKey(
        "people.User", models.PROTECT, null=True, editable=False, related_name="+", verbose_name=_("by")
    )
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    active = models.BooleanField(pgettext_lazy("knowledge base", "valid"), default=True)

    view_act = "maintenance.knowledge.view"
    attach_act = "maintenance.knowledge.write"
    access_scope = Scope(owner="by")

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=("kind", "-at"), name="maintenance_article_kind"),)
        verbose_name = pgettext_lazy("knowledge base", "article")
        verbose_name_plural = pgettext_lazy("knowledge base", "articles")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("maintenance:article", args=[self.pk])


class Rating(models.Model):
    """What somebody who reported a fault thinks of its repair, in five steps; the last word counts."""

    SATISFIED = 4

    class Score(models.IntegerChoices):
        VERY_SATISFIED = 5, _("very satisfied")
        SATISFIED = 4, _("satisfied")
        NEITHER = 3, _("neither")
        DISSATISFIED = 2, _("dissatisfied")
        VERY_DISSATISFIED = 1, _("very dissatisfied")

    report = models.OneToOneField("maintenance.Report", models.CASCADE, related_name="rating")
    fault = models.ForeignKey("maintenance.Fault", models.CASCADE, related_name="ratings")
    score = models.PositiveSmallIntegerField(_("satisfaction"), choices=Score.choices)
    words = models.CharField(_("note"), max_length=300, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    view_act = "maintenance.fault.view"
    access_scope = Scope(organisation="fault__vendor")

    class Meta:
        ordering = ("-at", "-pk")
        constraints = (models.CheckConstraint(condition=Q(score__gte=1, score__lte=5), name="rating_of_five_steps"),)
        indexes = (models.Index(F("at").desc(), name="maintenance_rating_at"),)
        verbose_name = _("rating of a repair")
        verbose_name_plural = _("ratings of repairs")

    def __str__(self) -> str:
        return f"{self.fault} {self.get_score_display()}"

    def get_absolute_url(self) -> str:
        return self.fault.get_absolute_url()
