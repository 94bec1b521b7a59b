"""What runs by itself: the sweep that warns, says overdue and escalates."""

from __future__ import annotations

from chengheng.common.flow import engine
from chengheng.common.jobs import queue


@queue.periodic(cron="* * * * *")
@queue.task(name="flow.sweep", queue="default", lock="flow.sweep")
def sweep(timestamp: int) -> int:
    """Give every alert that has come due."""
    return engine.sweep()
