"""Areas as stored: layers (one level, one version each) and their polygons. A layer never changes once in force.

What must not go in: which area holds a point. That is answered from memory (`index`).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.places.rules import Level


class Layer(models.Model):
    """All areas of one level, as published at one time. At most one layer of a level is in force."""

    level = models.CharField(_("level"), max_length=12, choices=Level.choices())
    number = models.PositiveIntegerField(_("version"))
    source = models.CharField(_("source"), max_length=200)
    licence = models.CharField(_("licence"), max_length=80, blank=True)
    caveat = models.TextField(_("caveat"), blank=True)
    datum = models.CharField(_("datum of the file"), max_length=60)
    in_force = models.BooleanField(_("in force"), default=False)
    count = models.PositiveIntegerField(_("areas"), default=0)
    problems = models.JSONField(_("problems found"), default=list)
    made_at = models.DateTimeField(_("imported"), default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("done by")
    )
    published_at = models.DateTimeField(_("in force since"), null=True, blank=True)

    view_act = "places.layer.view"

    class Meta:
        ordering = ("level", "-number")
        constraints = (
            models.UniqueConstraint(fields=("level", "number"), name="layer_number_once"),
            models.UniqueConstraint(fields=("level",), condition=models.Q(in_force=True), name="layer_in_force_once"),
        )
        verbose_name = _("layer of areas")
        verbose_name_plural = _("layers of areas")

    def __str__(self) -> str:
        return _("%(level)s layer, version %(number)s") % {"level": Level(self.level).label, "number": self.number}

    def get_absolute_url(self) -> str:
        return reverse("places:layer", args=[self.pk])

    @property
    def stopping(self) -> int:
        """How many problems keep the layer from coming into force."""
        return sum(1 for problem in self.problems if problem["stops"])


class Area(models.Model):
    """One area of a layer. `polygon` is a GeoJSON Polygon or MultiPolygon in CGCS2000/WGS-84."""

    layer = models.ForeignKey(Layer, models.CASCADE, related_name="areas")
    code = models.CharField(_("code"), max_length=15)
    name = models.CharField(_("name"), max_length=120)
    level = models.CharField(_("level"), max_length=12, choices=Level.choices())
    parent_code = models.CharField(_("within"), max_length=12, blank=True)
    polygon = models.JSONField(_("polygon"))
    west = models.FloatField()
    south = models.FloatField()
    east = models.FloatField()
    north = models.FloatField()
    area_m2 = models.FloatField(_("area in m²"))
    label_lon = models.FloatField()
    label_lat = models.FloatField()

    class Meta:
        ordering = ("code",)
        constraints = (models.UniqueConstraint(fields=("layer", "code"), name="area_code_once"),)
        indexes = (
            models.Index(fields=("parent_code", "code"), name="area_within"),
            models.Index(OpClass("code", name="varchar_pattern_ops"), name="area_code_prefix"),
            models.Index(fields=("level", "west", "east", "south", "north"), name="area_box"),
        )
        verbose_name = _("area")
        verbose_name_plural = _("areas")

    def __str__(self) -> str:
        return f"{self.name} {self.code}"

    def get_absolute_url(self) -> str:
        return reverse("places:area", args=[self.code])

    @property
    def version(self) -> int:
        """The version number of the layer."""
        return self.layer.number

    def as_feature(self, **more: Any) -> dict[str, Any]:
        """A GeoJSON feature with code, name, level, within."""
        return {
            "type": "Feature",
            "id": self.code,
            "properties": {
                "code": self.code,
                "name": self.name,
                "title": self.name,
                "level": self.level,
                "parent_code": self.parent_code,
                "label": [self.label_lon, self.label_lat],
                **more,
            },
            "geometry": self.polygon,
        }


class Edition(models.Model):
    """One publication of base data: unit grids, components, place names, duty zones. Numbers only rise, over all kinds.

    A case keeps the number that was current when it was reported; with it, everything stands as it was seen then.
    """

    number = models.BigAutoField(pgettext_lazy("base data", "edition"), primary_key=True)
    kind = models.CharField(pgettext_lazy("base data", "kind"), max_length=20)
    title = models.CharField(_("title"), max_length=200)
    count = models.PositiveIntegerField(_("features"), default=0)
    digest = models.CharField(_("digest"), max_length=40, blank=True)
    published_at = models.DateTimeField(_("published"), default=timezone.now)

    class Meta:
        ordering = ("-number",)
        indexes = (
            models.Index(fields=("kind", "-number"), name="edition_of_kind"),
            models.Index(fields=("published_at",), name="edition_by_time"),
        )
        verbose_name = _("edition of base data")
        verbose_name_plural = _("editions of base data")

    def __str__(self) -> str:
        return f"{self.number} {self.title}"
