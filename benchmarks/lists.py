"""The cost of a list page at 1,000, 100,000 and 1,000,000 rows: first page, a page deep inside, a filtered page.

The whole view is measured: permission, filter, order, page, bounded count, template. What must hold: the deep page costs
what the first costs, and rows cost nothing but the count, which stops at 10,000.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.limits import site
from benchmarks.report import Report

SIZES = (1_000, 100_000, 1_000_000)
TIMES = 15


def run(report: Report) -> None:
    with site():
        measure(report)


def measure(report: Report) -> None:
    """Jobs, because that list has a scope, a state, a person and a time, like the others."""
    from django.db import connection, transaction
    from django.http import QueryDict
    from django.test import RequestFactory

    from chengheng.common.jobs.models import Job
    from chengheng.common.jobs.tables import JobTable
    from chengheng.common.people import roles
    from chengheng.common.people.models import Duty, Organisation, User
    from chengheng.common.tables import asking
    from chengheng.common.tables.views import show_table

    roles.declare(roles.Role("bench.jobs", "Bench", {"jobs.job.view": roles.Reach.ALL}))
    factory = RequestFactory()

    def milliseconds(work: Callable[[], Any]) -> float:
        work()
        spent = []
        for _time in range(TIMES):
            started = time.perf_counter()
            work()
            spent.append((time.perf_counter() - started) * 1000)
        return sorted(spent)[len(spent) // 2]

    with transaction.atomic():
        place = Organisation.objects.create(code="bench", name="Bench", kind="centre")
        user = User.objects.create(username="bench", display_name="Bench", organisation=place)
        Duty.objects.create(user=user, role="bench.jobs", organisation=place, starts_on="2020-01-01")

        def show(question: str) -> Any:
            request = factory.get(f"/jobs/?{question}", headers={"HX-Request": "true"})
            request.user, request.session = user, {}  # type: ignore[assignment]
            return show_table(request, JobTable())

        made = 0
        for size in SIZES:
            with connection.cursor() as cursor:
                cursor.execute(
                    "insert into jobs_job (task, params, title, actor_id, language, state, done, total, text, result_url,"
                    " error, cancel_requested, attempts, created_at) select 'x', '{}', 'Job ' || n, %s, '', 'done', 1, 1,"
                    " '', '', '', false, 1, now() - n * interval '1 second' from generate_series(%s::int, %s::int) n",
                    [user.pk, made + 1, size],
                )
                cursor.execute("analyze jobs_job")
            made = size
            middle = Job.objects.order_by("created_at", "pk")[size // 2]
            deep = asking._encode(JobTable().sort(Job, "-created_at"), middle)
            listing = asking.parse(JobTable(), user, QueryDict(""))
            report.line(f"{size:>9,} rows: first page", milliseconds(partial(show, "")), "ms")
            report.line(f"{size:>9,} rows: page in the middle", milliseconds(partial(show, f"after={deep}")), "ms")
            report.line(f"{size:>9,} rows: filtered by state", milliseconds(partial(show, "state=done")), "ms")
            report.line(
                f"{size:>9,} rows: of which reading the middle page",
                milliseconds(partial(asking.read_page, listing, 50, after=deep)),
                "ms",
            )
            report.line(
                f"{size:>9,} rows: of which counting",
                milliseconds(partial(asking.bounded_count, listing)),
                "ms",
            )
        transaction.set_rollback(True)
