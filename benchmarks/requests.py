"""What a request costs at 1×, 100× and 1000× the rows: list, detail and create, as pages and by the API.

In process, through the whole stack of middleware, on a database with fsync on; processor time of this process and of
its database connection's server, and wall time, the median of REPEAT. Sizes by BENCH_SIZES ("1000,100000,1000000").
"""

from __future__ import annotations

import os
import statistics as stats
import time
import uuid
from collections.abc import Callable
from typing import Any

import psutil

from benchmarks.limits import site
from benchmarks.report import Report

SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "1000,100000,1000000").split(",")]
REPEAT = 30

_FILL = """
insert into patrol_case (state, state_since, alert_level, version, source, edition, kind, code, class_name, component_id,
    description, address, lon, lat, area_code, district_code, urgent, self_handled, observed_at, reported_at, month,
    reporter_name, reporter_phone, outside_number, accepted, filed, voided, exempt, reworks, hand_backs, extensions,
    suspensions, extension_reason, filed_at, handle_due_at, handled_at, closed_at, due_at, department_id, doubts)
select (array['closed','closed','closed','handling','reported'])[1 + n %% 5], at, 0, 1, 'collector', 'GB/T 47678.5-2026',
    'event', '06010', '暴露垃圾', '', '小区门口有垃圾堆放', '', 117.18 + (n %% 997) / 20000.0, 39.10 + (n %% 991) / 20000.0,
    '120101', '1201' || lpad((1 + n %% 6)::text, 2, '0'), false, false, at, at, to_char(at, 'YYYYMM')::int, '', '', '',
    true, true, false, false, n %% 3, 0, 0, 0, '', at, at + interval '4 hours', at + interval '3 hours',
    at + interval '5 hours', at + interval '4 hours', %s, '{}'
from (select n, timestamptz '2024-01-01' + n * interval '31 seconds' as at from generate_series(%s, %s) n) rows
"""


def run(report: Report) -> None:
    """Fill, measure, and fill on; each size on top of the one before."""
    with site():
        from django.db import connection

        from chengheng.common import preparation

        for step in preparation.steps(demo=False):
            step.run()
        people = _people()
        have = 0
        with connection.cursor() as cursor:
            cursor.execute("truncate patrol_case cascade")
        for size in sorted(SIZES):
            with connection.cursor() as cursor:
                cursor.execute(_FILL, [people["department"].pk, have, size - 1])
                cursor.execute("analyze patrol_case")
            have = size
            for name, request in _requests(people).items():
                wall, own, base = _cost(request)
                parts = f"web {own:.1f} + database {base:.1f}; wall {wall:.1f} ms"
                report.line(f"{name}, {size:,} rows", own + base, "ms CPU", parts)


def _people() -> dict[str, Any]:
    from chengheng.common.people.models import Duty, Organisation, User

    centre, _made = Organisation.objects.get_or_create(code="B", defaults={"name": "Bench", "kind": "centre"})
    department, _made = Organisation.objects.get_or_create(
        code="BD", defaults={"name": "Bench department", "kind": "department", "parent": centre}
    )
    found: dict[str, Any] = {"department": department}
    for role in ("patrol.supervisor", "patrol.collector"):
        user, _made = User.objects.get_or_create(
            username=f"bench-{role}", defaults={"display_name": role, "organisation": centre, "password": "!"}
        )
        Duty.objects.get_or_create(user=user, role=role, organisation=centre, defaults={"starts_on": "2020-01-01"})
        found[role] = user
    return found


def _requests(people: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    from django.test import Client
    from django.utils import timezone

    from chengheng.patrol.models import Case

    def client(role: str) -> Client:
        made = Client(SERVER_NAME="localhost")
        made.force_login(people[role], backend="chengheng.common.people.auth.Backend")
        session = made.session
        session["began_at"] = session["seen_at"] = timezone.now().timestamp()
        session["second_factor"] = True
        session.save()
        return made

    watcher, reporter = client("patrol.supervisor"), client("patrol.collector")
    last = Case.objects.order_by("-pk").values_list("pk", flat=True)[0]

    def create() -> Any:
        body = {
            "client_id": str(uuid.uuid4()), "kind": "event", "code": "06010", "edition": "GB/T 47678.5-2026",
            "lon": 117.2025, "lat": 39.1185, "description": "bench",
        }  # fmt: skip
        return reporter.post("/api/v1/patrol/cases", body, content_type="application/json")

    return {
        "list page": lambda: watcher.get("/patrol/cases/"),
        "list page, one district and state": lambda: watcher.get("/patrol/cases/?district=120103&state=handling"),
        "detail page": lambda: watcher.get(f"/patrol/cases/{last}/"),
        "API list": lambda: watcher.get("/api/v1/patrol/cases"),
        "API detail": lambda: watcher.get(f"/api/v1/patrol/cases/{last}"),
        "API create": create,
    }


def _cost(request: Callable[[], Any]) -> tuple[float, float, float]:
    """Median wall ms, and mean processor ms of this process and of the database server's process for our connection."""
    from django.db import connection

    answer = request()
    assert answer.status_code in (200, 201), answer.content[:300]
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    walls, own, base = [], time.process_time(), sum(backend.cpu_times()[:2])
    for _ in range(REPEAT):
        started = time.perf_counter()
        request()
        walls.append((time.perf_counter() - started) * 1000)
    spent, used = time.process_time() - own, sum(backend.cpu_times()[:2]) - base
    return stats.median(walls), spent * 1000 / REPEAT, used * 1000 / REPEAT
