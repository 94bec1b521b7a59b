"""Checks and commits of large files."""

from __future__ import annotations

from typing import Any

from chengheng.common import jobs


@jobs.task("intake.check")
def check(job: jobs.Progress, batch_id: int) -> dict[str, Any]:
    """Check a file; the page of the batch shows what was found."""
    from chengheng.common.intake.actions import check_batch
    from chengheng.common.people import access

    batch = check_batch(job.actor or access.SYSTEM, batch_id, job.step)
    job.result(url=batch.get_absolute_url(), text=str(batch.get_state_display()))
    return {"state": batch.state, "rows": batch.rows, "problems": batch.problem_count}


@jobs.task("intake.commit")
def commit(job: jobs.Progress, batch_id: int) -> dict[str, Any]:
    """Import a file, all or nothing. Run twice (its worker died after the commit), it finds the work done."""
    from chengheng.common.intake.actions import commit_batch
    from chengheng.common.intake.models import Batch, State
    from chengheng.common.people import access

    done = Batch.objects.filter(pk=batch_id, state=State.COMMITTED).first() if job.job.attempts > 1 else None
    batch = done or commit_batch(job.actor or access.SYSTEM, batch_id, job.step)
    job.result(url=batch.get_absolute_url(), text=str(batch.get_state_display()))
    return {"state": batch.state, "rows": batch.rows, "problems": batch.problem_count}
