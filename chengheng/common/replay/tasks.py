"""What runs by itself: answers are kept long enough for a phone that was offline over a holiday, not for ever."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chengheng.common.jobs import queue

KEEP_DAYS = 60  # local rule: longer than any device stays offline with unsent reports


@queue.periodic(cron="41 3 * * *")
@queue.task(name="replay.forget", queue="default")
def forget(timestamp: int) -> None:
    """Forget requests that were answered more than `KEEP_DAYS` ago."""
    from chengheng.common.replay.recording import forget_before

    forget_before(timezone.now() - timedelta(days=KEEP_DAYS))
