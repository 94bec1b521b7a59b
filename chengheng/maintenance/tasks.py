"""What runs by itself: visits of the inspection plans, faults that had to wait, forgetting of old hourly figures. The prober is its own process."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chengheng.common.jobs import queue
from chengheng.maintenance import actions
from chengheng.maintenance.models import Hourly

HOURS_KEPT = timedelta(days=396)


@queue.periodic(cron="15 2 * * *")
@queue.task(name="maintenance.visits", queue="default")
def visits(timestamp: int = 0) -> int:
    """Make the visits that plans ask for within the next thirty days. Returns how many."""
    return actions.make_visits(timezone.localdate() + actions.VISITS_AHEAD)


@queue.periodic(cron="* * * * *")
@queue.task(name="maintenance.raise_due", queue="default")
def raise_due(timestamp: int = 0) -> int:
    """Raise the faults of outages that go on although the reason to wait with them is over. Returns how many."""
    return len(actions.raise_due())


@queue.periodic(cron="40 3 * * *")
@queue.task(name="maintenance.forget_hours", queue="default")
def forget_hours(timestamp: int = 0) -> int:
    """Forget hourly figures older than thirteen months; spans are kept for ever. Returns how many."""
    return Hourly.objects.filter(hour__lt=timezone.now() - HOURS_KEPT).delete()[0]
