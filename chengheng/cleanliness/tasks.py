"""What runs for long: the routes of a month, many years under another rule set."""

from __future__ import annotations

from typing import Any

from chengheng.cleanliness import actions
from chengheng.cleanliness.models import Plan, RuleSet
from chengheng.common import jobs
from chengheng.common.people.models import User


@jobs.task("cleanliness.route")
def work_out_routes(job: jobs.Progress, plan_id: int, actor_id: int, milliseconds: int = 2000) -> dict[str, Any]:
    """Route every day of a plan."""
    plan = actions.route_plan(
        Plan.objects.get(pk=plan_id), User.objects.get(pk=actor_id), milliseconds=milliseconds, progress=job
    )
    job.result(plan.get_absolute_url())
    return {"routed": plan.routed}


@jobs.task("cleanliness.recompute")
def try_rules(job: jobs.Progress, rules: int, months: list[int], url: str) -> dict[str, Any]:
    """Judge all results of these months under another rule set; they are seen side by side at `url`."""
    found = actions.recompute(RuleSet.objects.get(pk=rules), job.actor, months=months, step=job.step)
    job.result(url)
    return found
