"""The queue, the schedule, and long work with progress and cancel.

Two ways to work later:

- `queue`: procrastinate's app. `@queue.task(...)` in a room's `tasks.py`, `task.defer(...)` inside the act's transaction:
  the job exists if and only if the act commits. Delivery is at least once, so a task must bear being run twice.
  `@queue.periodic(cron="…")` for what runs by the clock.
- `@task("room.name")` and `start(...)`: work that a person waits for, with a row (`Job`) that shows progress, can be
  cancelled and keeps its result.
"""

from procrastinate.contrib.django import app as queue

from chengheng.common.jobs.terminal import follow
from chengheng.common.jobs.work import Cancelled, Progress, start, task

__all__ = ["Cancelled", "Progress", "follow", "queue", "start", "task"]
