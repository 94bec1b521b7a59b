"""Reading a file into a change set: long enough to be watched."""

from __future__ import annotations

from typing import Any

from chengheng.common import jobs
from chengheng.maintenance.basedata import actions
from chengheng.maintenance.basedata.models import ChangeSet


@jobs.task("maintenance.read_base_data")
def read_base_data(job: jobs.Progress, change_set: int, reading: dict[str, Any]) -> dict[str, Any]:
    """Read, compare, check; the page of the change set shows what came of it."""
    row = ChangeSet.objects.get(pk=change_set)
    steps = iter(range(1, 10))
    row = actions.read_file(row, job.actor, reading, say=lambda text: job.step(next(steps), 4, text))
    job.step(4, 4)
    job.result(row.get_absolute_url(), row.state_label)
    return dict(row.counts)
