"""What cases in stock cost: a create, the queue, the inbox, the list with filters, duplicates, a case, map tiles, search.

CHENGHENG_BENCH_SIZES="10000,100000" (default; "10000,100000,1000000" for a million): so many cases in stock, written by
COPY, of which 5,000 are live (CHENGHENG_BENCH_LIVE) as a city has them at any size of its history. Pages go in process
through the whole stack of middleware; the time is the wall's, the processor's of the web and of the database beside it.
The plan of each statement that took over a millisecond is kept in var/bench/patrol_growth-<cases>.explain.txt. What
must hold: nothing costs more at ten times the stock.
"""

from __future__ import annotations

import io
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from benchmarks.limits import site
from benchmarks.report import Report

SIZES = [int(size) for size in os.environ.get("CHENGHENG_BENCH_SIZES", "10000,100000").split(",")]
LIVE = int(os.environ.get("CHENGHENG_BENCH_LIVE", "5000"))
TIMES = int(os.environ.get("CHENGHENG_BENCH_TIMES", "9"))
EDITION = "GB/T 30428.2-2013"
STATES = ("reported", "accepted", "filed", "handling", "handling", "handling", "handled", "checked")
WORDS = (
    "小区门口有垃圾堆放",
    "路面有积尘和杂物",
    "沿街商户占道经营",
    "墙面有小广告",
    "非机动车占用人行道",
    "井盖松动有声响",
)
POINTS, AT_ONCE = 1_000_000, 250_000
FILL = """
insert into patrol_case (
    id, state, state_since, alert_level, version, due_at, source, edition, kind, code, class_name, component_id, description,
    address, lon, lat, accuracy_m, cell, area_code, district_code, urgent, self_handled, observed_at, reported_at, month,
    reporter_name, reporter_phone, outside_number, filed, accepted, voided, exempt, reworks, hand_backs, extensions,
    suspensions, extension_reason, accepted_at, filed_at, dispatched_at, handle_due_at, handled_at, closed_at,
    reported_by_id, department_id, doubts)
select made.n + 1, state, at, 0, 1, case when live then now() + (made.n %% 400 - 200) * interval '1 hour' end,
    case when made.n %% 10 < 8 then 'collector' else 'hotline' end, %(edition)s, 'event',
    '01' || lpad((made.n %% 36 + 1)::text, 2, '0'), 'bench', '', (%(words)s::text[])[1 + (hashint8(made.n) & 65535) %% 6],
    '南京路' || made.n %% 500 || '号', lon, lat, 8, cell, district, district, false, false, at, at,
    (extract(year from day) * 100 + extract(month from day))::int, '', '', '',
    case when state not in ('reported', 'accepted') then true end, case when state != 'reported' then true end, false, false,
    0, 0, 0, 0, '', at, case when state not in ('reported', 'accepted') then at end, case when handed then at end,
    case when handed then at + interval '5 hours' end, case when state in ('handled', 'checked', 'closed') then at end,
    case when state = 'closed' then at end, case when made.n %% 50 = 0 then %(collector)s end,
    case when handed and made.n %% 6 = 0 then %(department)s end, '{}'
from (select *, state in ('handling', 'handled', 'checked', 'closed') as handed, '12010' || 1 + n %% 6 as district,
             at at time zone 'Asia/Shanghai' as day
      from (select n, n >= %(live_from)s as live, now() - (%(size)s - n) * interval '2 minutes' as at,
                   case when n >= %(live_from)s then (%(states)s::text[])[1 + n %% 8] else 'closed' end as state
            from generate_series(%(first)s::bigint, %(last)s) n) plain) made
join point on point.n = made.n * 7919 %% %(points)s
"""
"""Cases of a city with some 263,000 a year; the places are POINTS different ones."""


def run(report: Report) -> None:
    with site():
        measure(report)


def measure(report: Report) -> None:
    from django.conf import settings
    from django.utils import translation

    settings.ALLOWED_HOSTS = ["*"]
    translation.activate("zh-hans")
    people = _people()
    found: dict[str, list[float]] = {}
    for size in SIZES:
        seconds = fill(size, people)
        report.line(f"{size:,} cases written by COPY and analysed", size / seconds, "rows/s")
        with open(f"var/bench/patrol_growth-{size}.explain.txt", "w") as plans:
            for what, (work, note) in _works(people).items():
                wall, busy, base = _measured(work)
                _explain(work, what, plans)
                found.setdefault(what, []).append(wall)
                report.line(f"{what}, {size:,} cases", wall, "ms", f"web {busy:.1f}, database {base:.1f} ms CPU{note}")
    for what, times in found.items():
        if len(times) > 1:
            report.line(f"{what}: growth at {SIZES[-1] / SIZES[0]:.0f} × the stock", times[-1] / times[0], "×")


def _people() -> dict[str, Any]:
    from chengheng.common.people.models import Duty, Organisation, User
    from chengheng.patrol import reference

    reference.load()
    district, _made = Organisation.objects.get_or_create(
        code="BENCH", defaults={"name": "Bench", "kind": "district", "district_code": "120101"}
    )
    department, _made = Organisation.objects.get_or_create(
        code="BENCH-HW",
        defaults={"name": "Bench HW", "kind": "department", "district_code": "120101", "parent": district},
    )
    given: dict[str, Any] = {"department": department}
    for name, role, at, area in (
        ("collector", "collector", district, "120101"), ("reception", "district_receptionist", district, "120101"),
        ("chief", "city_duty_chief", district, ""), ("handler", "department", department, ""),
        ("supervisor", "supervisor", district, ""),
    ):  # fmt: skip
        user, _made = User.objects.get_or_create(
            username=f"growth_{name}", defaults={"organisation": at, "password": "!", "display_name": name}
        )
        Duty.objects.get_or_create(
            user=user, role=f"patrol.{role}", organisation=at, area_code=area, defaults={"starts_on": "2020-01-01"}
        )
        given[name] = user
    return given


@contextmanager
def without_indexes() -> Iterator[None]:
    """The indexes of cases but those of constraints taken away and built again at the end, in a tenth of the time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index"
            " where indrelid = 'patrol_case'::regclass and not indisunique"
        )
        indexes = cursor.fetchall()
        cursor.execute("set maintenance_work_mem = '512MB'")
        for name, _text in indexes:
            cursor.execute(f"drop index {name}")
        try:
            yield
        finally:
            for _name, text in indexes:
                cursor.execute(text)


def fill(size: int, people: dict[str, Any]) -> float:
    """So many cases and no others: the oldest first, two minutes apart, the last LIVE of them not ended. Its seconds."""
    from django.db import connection

    from chengheng.patrol.queries import cell_of

    chance, points = random.Random(size), min(size, POINTS)
    with connection.cursor() as cursor:
        cursor.execute("truncate patrol_case, flow_clockrun cascade")
        cursor.execute("create temporary table point (n bigint, lon float8, lat float8, cell bigint)")
        with cursor.copy("copy point from stdin") as copy:
            for number in range(points):
                lon, lat = 117.05 + chance.random() * 0.3, 39.0 + chance.random() * 0.25
                copy.write_row((number, lon, lat, cell_of(lon, lat)))
        cursor.execute("analyze point")
    began = time.perf_counter()
    with without_indexes(), connection.cursor() as cursor:
        # the rows point at people who are there; to ask so for each would take as long as to write it
        cursor.execute("set session_replication_role = replica; set work_mem = '256MB'")
        for first in range(0, size, AT_ONCE):
            cursor.execute(
                FILL,
                {"first": first, "last": min(first + AT_ONCE, size) - 1, "size": size, "points": points,
                 "live_from": size - min(LIVE, size), "states": list(STATES), "words": list(WORDS),
                 "edition": EDITION, "collector": people["collector"].pk, "department": people["department"].pk},
            )  # fmt: skip
        cursor.execute("drop table point; reset session_replication_role; reset work_mem")
        cursor.execute("select setval(pg_get_serial_sequence('patrol_case', 'id'), %s)", [size])
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze patrol_case")
    return time.perf_counter() - began


def _works(people: dict[str, Any]) -> dict[str, tuple[Callable[[], Any], str]]:
    from django.urls import reverse

    from benchmarks.patrol import _environ
    from chengheng.common.people import limits
    from chengheng.common.people.actions import create_token
    from chengheng.patrol import queries, tiles
    from chengheng.patrol.models import Case
    from chengheng.project.wsgi import application

    environ = _environ(create_token(people["collector"], people["collector"], "growth")[1])
    settings, now = queries.settings_in_force(), datetime.now(UTC)
    chance = random.Random(1)

    def create() -> None:
        limits.api.clear()
        told = {"client_id": str(uuid4()), "kind": "event", "code": "06010", "lon": 117.2025, "lat": 39.1185}
        told |= {"lon": 117.19 + chance.random() * 0.02, "lat": 39.11 + chance.random() * 0.01}
        body = json.dumps(told).encode()
        said: list[str] = []
        answer = application(
            {**environ, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)},
            lambda status, _headers, _fault=None: said.append(status),
        )
        text = b"".join(answer)
        answer.close()
        assert said[0].startswith("201"), text

    clients = {name: _client(people[name]) for name in ("reception", "chief", "handler", "supervisor")}

    def got(who: str, url: str) -> Callable[[], Any]:
        def ask() -> None:
            answer = clients[who].get(url)
            assert answer.status_code == 200, answer
            b"".join(answer) if answer.streaming else answer.content

        return ask

    cases = reverse("patrol:cases")
    middle = Case.objects.order_by("-pk").values_list("pk", flat=True)[100]
    from chengheng.protocols import mvt

    def tile(zoom: int) -> Callable[[], Any]:
        import numpy as np

        x, y = (int(part[0] * 2**zoom) for part in mvt.world(np.array([117.2]), np.array([39.12])))
        return lambda: tiles.tile(people["supervisor"], zoom, x, y)

    return {
        "create by the API": (create, ""),
        "queue of a district's reception": (got("reception", reverse("patrol:queue")), ""),
        "queue of the city's duty chief": (got("chief", reverse("patrol:queue")), ""),
        "queue of a department": (got("handler", reverse("patrol:queue")), ""),
        "inbox of the duty chief": (got("chief", "/inbox/"), ""),
        "list, newest first": (got("supervisor", cases), ""),
        "list, state and district": (got("supervisor", f"{cases}?state=handling&district=120101"), ""),
        "list, closed in a district": (
            got("supervisor", f"{cases}?state=closed&district=120102"), ""),
        "list, words that are there": (got("supervisor", f"{cases}?q=小广告"), ""),
        "list, words that are not there": (got("supervisor", f"{cases}?q=没有这个"), ""),
        "list of a department": (got("handler", cases), ""),
        "search box, words that are not there": (lambda: queries.find(people["supervisor"], "没有这个", 5), ""),
        "a case": (got("supervisor", reverse("patrol:case", args=[middle])), ""),
        "duplicates near a place": (lambda: queries.near(117.2, 39.12, "0110", now, settings), "; goal 5 ms"),
        "departments suggested": (
            lambda: list(queries.departments_for(Case(code="0110", edition=EDITION, district_code="120101"))[:20]), ""),
        "map tile, zoom 10": (tile(10), "; goal 50 ms"),
        "map tile, zoom 13": (tile(13), "; goal 50 ms"),
        "map tile, zoom 17": (tile(17), "; goal 50 ms"),
    }  # fmt: skip


def _client(user: Any) -> Any:
    from django.test import Client
    from django.utils import timezone

    client = Client(SERVER_NAME="localhost", REMOTE_ADDR="", headers={"accept-language": "zh-hans"})
    client.force_login(user, backend="chengheng.common.people.auth.Backend")
    session = client.session
    session["began_at"] = session["seen_at"] = timezone.now().timestamp()
    session["second_factor"] = True
    session.save()
    return client


def _measured(work: Callable[[], Any]) -> tuple[float, float, float]:
    """Milliseconds of one call: the median by the wall, and the mean of processor time in web and database."""
    import psutil
    from django.db import connection

    for _time in range(3):
        work()
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    spent = []
    busy, base = time.process_time(), sum(backend.cpu_times()[:2])
    for _time in range(TIMES):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    busy, base = time.process_time() - busy, sum(backend.cpu_times()[:2]) - base
    return statistics.median(spent), busy / TIMES * 1000, base / TIMES * 1000


def _explain(work: Callable[[], Any], what: str, plans: Any) -> None:
    """The plans of the statements of one call that took longer than a millisecond."""
    from django.db import connection

    slow: list[tuple[float, str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        answer = execute(sql, params, many, context)
        took = (time.perf_counter() - began) * 1000
        if took > 1 and sql.lstrip().lower().startswith(("select", "with")) and "insert into" not in sql:
            slow.append((took, sql, params))
        return answer

    with connection.execute_wrapper(note):
        work()
    for took, sql, params in slow:
        with connection.cursor() as cursor:
            cursor.execute(f"explain (analyze, buffers) {sql}", params)
            lines = [row[0] for row in cursor.fetchall()]
        plans.write(f"== {what}: {took:.1f} ms\n{sql}\n" + "\n".join(lines) + "\n\n")
