"""What runs for long: the routes of a month."""

from __future__ import annotations

from typing import Any

from chengheng.cleanliness import actions
from chengheng.cleanliness.models import Plan
from chengheng.common import jobs
from chengheng.common.people.models import User


@jobs.task("cleanliness.route")
def work_out_routes(job: jobs.Progress, plan_id: int, actor_id: int, milliseconds: int = 2000) -> dict[str, Any]:
    """Route every day of a plan."""
    plan = actions.route_plan(
        Plan.objects.get(pk=plan_id), User.objects.get(pk=actor_id), milliseconds=milliseconds, progress=job
    )
    return {"url": plan.get_absolute_url()}
