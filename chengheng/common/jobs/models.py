"""What is stored about long work that a person waits for. The queue itself is procrastinate's."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.access import Scope


class State(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


ENDED = (State.DONE, State.FAILED, State.CANCELLED)


class Job(models.Model):
    """One piece of long work. `done` of `total` steps; `total` 0 means that the length is not known yet."""

    task = models.CharField(_("task"), max_length=100)
    params = models.JSONField(default=dict, editable=False)
    title = models.CharField(_("title"), max_length=200)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="jobs", verbose_name=_("started by")
    )
    language = models.CharField(max_length=10, default="", editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    done = models.BigIntegerField(_("steps done"), default=0)
    total = models.BigIntegerField(_("steps in all"), default=0)
    text = models.CharField(_("progress"), max_length=300, blank=True)
    result_url = models.CharField(max_length=500, blank=True)
    result = models.JSONField(null=True, editable=False)
    error = models.TextField(_("error"), blank=True)
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("began"), null=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    view_act = "jobs.job.view"
    access_scope = Scope(owner="actor", organisation="actor__organisation")

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("actor", "-created_at"), name="job_actor"),
            models.Index(fields=("created_at", "id"), name="job_created"),
            models.Index(fields=("state",), name="job_open", condition=Q(state__in=("waiting", "running"))),
        )
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("jobs:job", args=[self.pk])

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def percent(self) -> int | None:
        """Whole percent done; None while the length is unknown."""
        if self.state == State.DONE:
            return 100
        return min(100, self.done * 100 // self.total) if self.total > 0 else None
