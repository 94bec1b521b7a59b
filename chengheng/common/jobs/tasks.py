"""What runs by itself: the queue's own housekeeping."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chengheng.common.jobs import queue

KEEP_JOBS_DAYS = 90


@queue.periodic(cron="17 3 * * *")
@queue.task(name="jobs.tidy", queue="default")
def tidy(timestamp: int) -> None:
    """Forget ended jobs after `KEEP_JOBS_DAYS` days, and failed deliveries after as long."""
    from django.db import connection

    from chengheng.common.jobs.models import ENDED, Job

    before = timezone.now() - timedelta(days=KEEP_JOBS_DAYS)
    Job.objects.filter(state__in=ENDED, ended_at__lt=before).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from procrastinate_jobs job where status in ('failed', 'cancelled', 'aborted', 'succeeded')"
            " and not exists (select 1 from procrastinate_events e where e.job_id = job.id and e.at >= %s)",
            [before],
        )
