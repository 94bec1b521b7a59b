"""What runs by itself: the daily monitoring of this year's programmes."""

from __future__ import annotations

import logging

from django.utils import timezone

from chengheng.common.jobs import queue
from chengheng.common.people.access import SYSTEM
from chengheng.performance import actions, queries

log = logging.getLogger(__name__)


@queue.periodic(cron="40 5 * * *")
@queue.task(name="performance.monitor")
def monitor(timestamp: int = 0) -> None:
    """Take the day's snapshot of every indicator of this year; one programme's fault does not stop the others."""
    today = timezone.localdate()
    for programme in queries.programmes(today.year, SYSTEM):
        try:
            actions.monitor(programme, SYSTEM, today)
        except Exception:
            log.exception("monitoring of programme %s failed", programme.pk)
