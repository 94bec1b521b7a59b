"""What runs by itself: a new version when the library of official days was updated, or a new year began."""

from __future__ import annotations

from chengheng.common.jobs import queue


@queue.periodic(cron="5 0 * * *")
@queue.task(name="calendars.prepare", queue="default")
def prepare(timestamp: int) -> None:
    """Take over newly announced holidays."""
    from chengheng.common.calendars.actions import prepare as make

    make()
