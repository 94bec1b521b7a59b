"""What of conferences runs by itself: missed calls and forgotten meetings, recordings, the daily test of links."""

from __future__ import annotations

import logging

from chengheng.common.jobs import queue

log = logging.getLogger(__name__)


@queue.periodic(cron="* * * * *")
@queue.task(name="command.meeting_sweep", queue="default")
def meeting_sweep(timestamp: int = 0) -> int:
    """Every minute: see `actions.sweep`."""
    from chengheng.command.conference import actions

    return actions.sweep()


@queue.periodic(cron="30 0 * * *")
@queue.task(name="command.line_tests", queue="default")
def line_tests(timestamp: int = 0) -> None:
    """Every day at 08:30 in Shanghai: every open console tests its line; five minutes later who has not is down."""
    from django.utils import timezone

    from chengheng.command.conference import actions

    began = timezone.now()
    actions.ask_for_line_tests()
    finish_line_tests.configure(schedule_in={"minutes": 5}).defer(began=began.isoformat())


@queue.task(name="command.line_tests_over", queue="default")
def finish_line_tests(began: str) -> int:
    """Venues that have not reported a test of their line since: see `actions.missed_line_tests`."""
    from datetime import datetime

    from chengheng.command.conference import actions

    return actions.missed_line_tests(datetime.fromisoformat(began))


@queue.task(name="command.put_together", queue="default")
def put_together(recording: int) -> None:
    """Make one file of a meeting's raw tracks."""
    from chengheng.command.conference import recording as tapes

    tapes.put_together(recording)
