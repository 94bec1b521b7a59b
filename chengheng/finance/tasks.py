"""What runs by itself: the daily check that stored evidence is unchanged, and proposals tried on the books."""

from __future__ import annotations

from typing import Any

from chengheng.common import jobs
from chengheng.common.jobs import queue


@queue.periodic(cron="40 4 * * *")
@queue.task(name="finance.check_batches", queue="default", lock="finance.check_batches")
def check_batches(timestamp: int) -> None:
    """Prove every batch in force against its hash."""
    from chengheng.finance.actions import check_batches as check

    check()


@jobs.task("finance.try_change")
def try_change(job: jobs.Progress, change: int) -> dict[str, Any]:
    """What a proposed parameter value would find, beside what is found now."""
    from chengheng.finance.actions import try_change as try_it
    from chengheng.finance.models import RuleChange

    tried = try_it(RuleChange.objects.select_related("unit__organisation").get(pk=change), job.step)
    return {"now": sum(one["now"] for one in tried.result), "then": sum(one["then"] for one in tried.result)}
