"""What a user likes to see of a list: chosen columns, and named views of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Layout(models.Model):
    """The columns, and the number of rows a page, that a user chose for a table."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"))
    table = models.CharField(_("list"), max_length=100)
    columns = ArrayField(models.CharField(max_length=100), default=list, verbose_name=_("columns"))
    page_size = models.PositiveSmallIntegerField(_("rows a page"), null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "table"), name="layout_once"),)
        verbose_name = _("list layout")
        verbose_name_plural = _("list layouts")

    def __str__(self) -> str:
        return f"{self.table} · {self.user}"


class SavedView(models.Model):
    """A filter, sort and choice of columns that a user gave a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"))
    table = models.CharField(_("list"), max_length=100)
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(_("filter and sort"), blank=True)
    columns = ArrayField(models.CharField(max_length=100), default=list, verbose_name=_("columns"))

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("user", "table", "name"), name="saved_view_once"),)
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")

    def __str__(self) -> str:
        return self.name
