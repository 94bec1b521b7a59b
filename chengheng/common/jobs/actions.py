"""What people may do to long work."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from chengheng.common.errors import NotFound
from chengheng.common.jobs.errors import AlreadyEnded
from chengheng.common.jobs.models import Job, State
from chengheng.common.jobs.queries import may_cancel
from chengheng.common.jobs.work import _close


@transaction.atomic
def cancel_job(actor: Any, job_id: int) -> Job:
    """Ask a job to stop; one that waits ends at once, one that runs ends at its next step.

    The starter may, and who holds `jobs.job.cancel` over it. NotFound, AlreadyEnded.
    """
    job = Job.objects.select_for_update(of=("self",)).filter(pk=job_id).first()
    if job is None or not may_cancel(actor, job_id):
        raise NotFound
    if job.ended:
        raise AlreadyEnded
    job.cancel_requested = True
    job.save(update_fields=["cancel_requested"])
    if job.state == State.WAITING:
        _close(job, State.CANCELLED)
    return job
