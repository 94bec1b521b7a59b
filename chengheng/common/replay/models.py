"""Requests that were answered, by the id that the client made."""

from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone


class Request(models.Model):
    """One create request and its answer. Written in the transaction of the act: there is an answer or there was no act."""

    client_id = models.UUIDField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    purpose = models.CharField(max_length=80)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=200)
    answer = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("actor", "purpose", "client_id"), name="replay_request_once", nulls_distinct=False
            ),
        )
        indexes = (models.Index(fields=("at",), name="replay_request_time"),)

    def __str__(self) -> str:
        return f"{self.purpose} {self.client_id}"
