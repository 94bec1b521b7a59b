"""What runs by itself: the daily check that stored evidence is unchanged."""

from __future__ import annotations

from chengheng.common.jobs import queue


@queue.periodic(cron="40 4 * * *")
@queue.task(name="finance.check_batches", queue="default", lock="finance.check_batches")
def check_batches(timestamp: int) -> None:
    """Prove every batch in force against its hash."""
    from chengheng.finance.actions import check_batches as check

    check()
