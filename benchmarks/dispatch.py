"""A step of an order and the sweep for late ones, with 10,000 orders of 20 targets each open.

One order is given by the action and then copied by the database, so that steps and the sweep work among 200,000 open targets
and their 400,000 clocks. BENCH_ORDERS (10,000).
"""

from __future__ import annotations

import os
import statistics
import time
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from benchmarks.limits import commit_rate, site
from benchmarks.report import Report

ORDERS = int(os.environ.get("BENCH_ORDERS", "10000"))
TARGETS = 20
STEPS = 200


def run(report: Report) -> None:
    with site() as parameters:
        people = _fill(report)
        bare = 1000 / commit_rate(parameters)
        _steps(report, people, bare)
        _sweeps(report)


def _fill(report: Report) -> dict[int, Any]:
    """Organisation → its person on duty; ORDERS open orders."""
    from django.db import connection

    from chengheng.command import actions
    from chengheng.command.models import Order, Target
    from chengheng.common.people.models import Duty, Organisation, User

    def person(name: str, role: str, at: Organisation) -> User:
        made, _new = User.objects.get_or_create(username=name, defaults={"organisation": at, "password": "!"})
        Duty.objects.get_or_create(user=made, role=role, organisation=at, defaults={"starts_on": "2020-01-01"})
        return made

    top, _new = Organisation.objects.get_or_create(code="BD", defaults={"name": "Bench", "kind": "commission"})
    chief = person("bench_chief", "command.chief", top)
    places, people = [], {}
    for number in range(TARGETS):
        place, _new = Organisation.objects.get_or_create(
            code=f"BD{number}", defaults={"name": f"Bench {number}", "kind": "unit", "parent": top}
        )
        places.append(place)
        people[place.pk] = person(f"bench_site{number}", "command.site", place)
    with connection.cursor() as cursor:
        cursor.execute("truncate command_order, command_target cascade")
        cursor.execute("delete from flow_clockrun where subject_type in ('command.order', 'command.target')")
        first = actions.give_order(
            chief, title="bench", body="x", organisations=places, receipt_minutes=600, finish_minutes=6000
        )
        target = first.targets.order_by("pk").first()
        assert target is not None
        began = time.perf_counter()
        orders = _columns(Order)
        cursor.execute(
            f"insert into command_order ({orders}) select {orders} from command_order, generate_series(2, %s)", [ORDERS]
        )
        more = _columns(Target, "order_id")
        cursor.execute(
            f"insert into command_target (order_id, {more}) select o.id, {_of('t', more)}"
            " from command_order o, command_target t where o.id <> %s and t.order_id = %s",
            [first.pk, first.pk],
        )
        for table, kind, row in (
            ("command_order", "command.order", first),
            ("command_target", "command.target", target),
        ):
            cursor.execute(
                "select column_name from information_schema.columns where table_name = 'flow_clockrun'"
                " and column_name not in ('id', 'subject_id')"
            )
            names = ", ".join(f'"{name}"' for (name,) in cursor.fetchall())
            cursor.execute(
                f"insert into flow_clockrun (subject_id, {names}) select s.id, {_of('r', names)} from {table} s, flow_clockrun r"
                " where r.subject_type = %s and r.subject_id = %s and not exists"
                " (select 1 from flow_clockrun k where k.subject_type = %s and k.subject_id = s.id)",
                [kind, row.pk, kind],
            )
        cursor.execute("vacuum analyze command_order")
        cursor.execute("vacuum analyze command_target")
        cursor.execute("vacuum analyze flow_clockrun")
    report.line(f"{Target.objects.count():,} open targets made", time.perf_counter() - began, "s")
    return people


def _columns(model: Any, *without: str) -> str:
    return ", ".join(
        f'"{field.column}"'
        for field in model._meta.concrete_fields
        if not field.primary_key and field.column not in without
    )


def _of(table: str, names: str) -> str:
    return ", ".join(f"{table}.{name}" for name in names.split(", "))


def _steps(report: Report, people: dict[int, Any], bare: float) -> None:
    from chengheng.command import actions
    from chengheng.command.models import Target

    rows = list(Target.objects.order_by("pk")[TARGETS * 3 : TARGETS * 3 + STEPS * 7 : 7])
    for act, more in ((actions.receive_order, {}), (actions.finish_order, {"note": "Done."})):
        times, processor = [], time.process_time()
        for row in rows:
            began = time.perf_counter()
            act(row, people[row.organisation_id], **more)  # type: ignore[operator]
            times.append((time.perf_counter() - began) * 1000)
        busy = (time.process_time() - processor) * 1000 / len(rows)
        name = act.__name__
        report.line(f"{name}: median", statistics.median(times), "ms", "goal 20; limit: a bare commit", limit=bare)
        report.line(f"{name}: 95th percentile", sorted(times)[int(len(times) * 0.95)], "ms")
        report.line(f"{name}: processor time of ours", busy, "ms CPU")


def _sweeps(report: Report) -> None:
    from django.utils import timezone

    from chengheng.command.models import Target
    from chengheng.common import flow

    now = timezone.now()
    times = []
    for _again in range(5):
        began = time.perf_counter()
        flow.sweep(now)
        times.append((time.perf_counter() - began) * 1000)
    report.line("sweep of all flows, nothing due", min(times), "ms", f"{Target.objects.count():,} targets; goal 50")
    due = list(Target.objects.filter(state="issued").order_by("-pk").values_list("pk", flat=True)[:100])
    Target.objects.filter(pk__in=due).update(next_alert_at=now - timedelta(minutes=1))
    began = time.perf_counter()
    touched = flow.sweep(now)
    report.line(
        "sweep of all flows, 100 targets due", (time.perf_counter() - began) * 1000, "ms", f"{touched} dated anew"
    )
