"""What people ask about long work."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from chengheng.common.errors import NotFound
from chengheng.common.jobs.models import Job
from chengheng.common.people import access


def jobs_of(user: Any) -> QuerySet[Job]:
    """The user's own jobs, and those that `jobs.job.view` opens to them."""
    found = Job.objects.filter(actor=user.pk) | access.visible(user, Job.view_act, Job.objects.all())
    return found.select_related("actor")


def job_for(user: Any, job_id: int) -> Job:
    """One job that the user may see; NotFound otherwise."""
    job = jobs_of(user).filter(pk=job_id).first()
    if job is None:
        raise NotFound
    return job


def may_cancel(user: Any, job_id: int) -> bool:
    """Whether the user may cancel this job: their own, or by `jobs.job.cancel`."""
    if Job.objects.filter(pk=job_id, actor=user.pk).exists():
        return True
    return access.visible(user, "jobs.job.cancel", Job.objects.filter(pk=job_id)).exists()
