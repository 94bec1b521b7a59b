"""What is stored of movement: the columns that every moving subject carries, and its clocks.

`due_at` and `next_alert_at` are derived from the clocks and kept as indexed columns, so that "who is late" is one read;
`calendar_version` says by which calendar they were worked out.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.flow.table import flow_of


class Moving(models.Model):
    """A subject that moves through a flow. Only `flow.engine` writes these columns."""

    state = models.CharField(_("state"), max_length=30, editable=False)
    state_since = models.DateTimeField(_("in this state since"), default=timezone.now, editable=False)
    holder = models.ForeignKey(
        "people.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("held by")
    )
    holder_organisation = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("held at")
    )
    due_at = models.DateTimeField(_("due"), null=True, editable=False)
    next_alert_at = models.DateTimeField(null=True, editable=False)
    alert_level = models.PositiveSmallIntegerField(_("alert level"), default=0, editable=False)
    calendar_version = models.PositiveIntegerField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True
        indexes: ClassVar[list[models.Index] | tuple[models.Index, ...]] = (
            models.Index(fields=("state", "due_at"), name="%(app_label)s_%(class)s_state"),
            models.Index(
                fields=("next_alert_at",),
                name="%(app_label)s_%(class)s_alert",
                condition=Q(next_alert_at__isnull=False),
            ),
        )

    def get_absolute_url(self) -> str:
        """Where people see the subject; every room gives its own."""
        raise NotImplementedError

    @property
    def state_label(self) -> str:
        return str(flow_of(self).states.get(self.state, self.state))

    @property
    def is_final(self) -> bool:
        return self.state in flow_of(self).final

    @property
    def is_overdue(self) -> bool:
        return self.due_at is not None and self.due_at < timezone.now()


class ClockRun(models.Model):
    """One run of one clock of one subject: its limit, and the intervals in which it ran.

    `started[i]`–`stopped[i]` are the intervals; it runs while `started` is longer. Elapsed time is always worked out
    from them over the calendar, never kept as a counter.
    """

    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    clock = models.CharField(max_length=30)
    run = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=20)
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    extended = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(0))
    started = ArrayField(models.DateTimeField(), default=list)
    stopped = ArrayField(models.DateTimeField(), default=list)
    due_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    met = models.BooleanField(null=True)
    alert_level = models.PositiveSmallIntegerField(default=0)
    calendar_version = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subject_type", "subject_id", "clock", "run"), name="clock_run_once"),
        )

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id} {self.clock} #{self.run}"

    @property
    def is_running(self) -> bool:
        return self.done_at is None and len(self.started) > len(self.stopped)

    @property
    def is_paused(self) -> bool:
        return self.done_at is None and len(self.started) == len(self.stopped)

    @property
    def closed_spans(self) -> list[tuple[datetime, datetime]]:
        """The intervals that are over."""
        return list(zip(self.started, self.stopped, strict=False))

    def spans(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """All intervals up to `now`."""
        return list(zip(self.started, [*self.stopped, now], strict=False)) if self.is_running else self.closed_spans

    def label(self, model: Any) -> str:
        return str(flow_of(model).clock(self.clock).label)
