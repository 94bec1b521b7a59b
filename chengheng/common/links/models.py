"""Links as rows. Subjects are named as the trail names them: ("patrol.case", "17")."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Link(models.Model):
    """Subject a is `kind` to subject b. Found from both ends."""

    a_type = models.CharField(max_length=60)
    a_id = models.CharField(max_length=40)
    b_type = models.CharField(max_length=60)
    b_id = models.CharField(max_length=40)
    kind = models.CharField(_("kind"), max_length=40)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("linked by")
    )
    at = models.DateTimeField(_("linked"), default=timezone.now)

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("a_type", "a_id", "b_type", "b_id", "kind"), name="link_once"),
            models.CheckConstraint(
                condition=~models.Q(a_type=models.F("b_type"), a_id=models.F("b_id")), name="link_joins_two"
            ),
        )
        indexes = (models.Index(fields=("b_type", "b_id"), name="link_from_b"),)
        verbose_name = _("link")
        verbose_name_plural = _("links")

    def __str__(self) -> str:
        return f"{self.a_type} {self.a_id} {self.kind} {self.b_type} {self.b_id}"
