"""Cases taken in a second by the API against bare commits, and a month's statistics over many cases.

A create is the whole way of `POST /api/v1/patrol/cases` as the web process runs it, without the network: all middleware,
the token, parsing, replay, dictionary, place, flow, clock, trail, commit, with fsync on, on one connection. Its limit is
one bare row a commit on the same server in the same run. Statistics are asked of ROWS cases (1,000,000; CHENGHENG_BENCH_CASES=10000000 for ten million)
over 24 months, as the page asks them.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
from typing import Any
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from benchmarks.limits import commit_rate, site
from benchmarks.report import Report

ROWS = int(os.environ.get("CHENGHENG_BENCH_CASES", "1000000"))
SECONDS = 5.0
LISTS = 3
USER = "bench_collector"

FILL = """
insert into patrol_case (
    state, state_since, alert_level, version, source, edition, kind, code, class_name, component_id, description, address,
    lon, lat, area_code, district_code, urgent, self_handled, observed_at, reported_at, month, reporter_name,
    reporter_phone, outside_number, filed, accepted, voided, exempt, reworks, hand_backs, extensions, suspensions, extension_reason,
    accepted_at, filed_at, file_due_at, dispatched_at, handle_due_at, handled_at, close_due_at, closed_at, doubts)
select 'closed', at, 0, 1, case when n %% 10 < 8 then 'collector' else 'hotline' end, 'GB/T 30428.2-2013', 'event',
    lpad((100 + n %% 60)::text, 4, '0'), 'bench', '', 'bench case of ordinary length, by the gate', '',
    117.2, 39.1, '12010' || n %% 9, '12010' || n %% 9, false, false, at, at,
    (extract(year from at) * 100 + extract(month from at))::int, '', '', '', n %% 12 > 0, true, false, false,
    (n %% 50 = 0)::int, 0, 0, 0, '', at, at, at + interval '1 hour', at, at + interval '1 day',
    at + (n %% 30) * interval '1 hour', at + interval '2 days', at + (n %% 60) * interval '1 hour', '{}'
from (select n, timestamptz '2024-01-01 04:00+08' + (n %% 730) * interval '1 day' as at
      from generate_series(1, %s) n) made
"""


def run(report: Report) -> None:
    with site() as parameters:
        creates(report, parameters)
        statistics_of(report)


def creates(report: Report, parameters: dict[str, str]) -> None:
    """Cases made by the API a second, and the processor time that each takes in the web process and in the database."""
    import psutil
    from django.conf import settings
    from django.db import connection

    from chengheng.common.people import limits
    from chengheng.common.people.actions import create_token
    from chengheng.common.people.models import Duty, Organisation, User
    from chengheng.patrol import queries, reference
    from chengheng.patrol.api import MANY_AT_MOST
    from chengheng.patrol.models import Case, DictionaryEntry
    from chengheng.project.wsgi import application

    settings.ALLOWED_HOSTS = ["*"]
    reference.load()
    at, _made = Organisation.objects.get_or_create(code="BENCH", defaults={"name": "Bench", "kind": "district"})
    user, _made = User.objects.get_or_create(username=USER, defaults={"organisation": at, "password": "!"})
    Duty.objects.get_or_create(
        user=user, role="patrol.collector", organisation=at, area_code="120101", defaults={"starts_on": "2020-01-01"}
    )
    code = DictionaryEntry.objects.filter(edition=queries.edition_today(), kind="event").values_list("code", flat=True)[
        0
    ]
    environ = _environ(create_token(user, user, "bench")[1])

    def told() -> dict[str, Any]:
        return {"client_id": str(uuid4()), "kind": "event", "code": code, "lon": 117.2025, "lat": 39.1185}

    def call(path: str, what: Any, status: str) -> bytes:
        limits.api.clear()  # the limit of calls a minute is not what is measured
        body, said = json.dumps(what).encode(), []
        answer = application(
            {**environ, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)},
            lambda status, _headers, _fault=None: said.append(status),
        )
        text = b"".join(answer)
        answer.close()
        assert said[0].startswith(status), text
        return text

    def create() -> None:
        call("/api/v1/patrol/cases", told(), "201")

    for _ in range(20):
        create()
    asked: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        create()
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    gc.collect()
    gc.freeze()  # as the web process does when it has loaded
    before, made, started, busy = Case.objects.count(), 0, time.perf_counter(), time.process_time()
    base = sum(backend.cpu_times()[:2])
    while time.perf_counter() - started < SECONDS:
        create()
        made += 1
    taken, busy = time.perf_counter() - started, time.process_time() - busy
    base = sum(backend.cpu_times()[:2]) - base
    assert Case.objects.count() - before == made, "every answer is a stored case"
    own, server = time.process_time(), sum(backend.cpu_times()[:2])
    for _call in range(LISTS):
        text = call("/api/v1/patrol/cases/many", [told() for _case in range(MANY_AT_MOST)], "200")
        assert text.count(b'"status": 201') == MANY_AT_MOST
    many = LISTS * MANY_AT_MOST
    own, server = (time.process_time() - own) / many, (sum(backend.cpu_times()[:2]) - server) / many
    gc.unfreeze()
    best = commit_rate(parameters)
    report.line("cases created by the API, 1 connection", made / taken, "cases/s", "limit: bare commits", best)
    report.line("processor time of a create in the web process", busy / made * 1000, "ms", f"goal 3.3; {_pace()}")
    report.line("processor time of a create in the database", base / made * 1000, "ms")
    report.line(f"the same of each of {MANY_AT_MOST} in a call", own * 1000, "ms", f"database {server * 1000:.2f} ms")
    report.line("240,000 created so, reckoned", (own + server) * 240_000 / 60, "CPU minutes")
    report.line("statements of a create, besides begin and commit", len(asked), "")


def _environ(token: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/patrol/cases", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json", "HTTP_AUTHORIZATION": f"Bearer {token}", "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip


def _pace() -> str:
    """How fast this machine is just now: the same Python work in processor time, so that runs can be held together."""
    began = time.process_time()
    for _ in range(5):
        json.loads(json.dumps([{"a": number, "b": str(number)} for number in range(20_000)]))
    return f"a fixed piece of Python took {(time.process_time() - began) * 1000:.0f} ms"


def statistics_of(report: Report) -> None:
    """A month and two years, by district, over ROWS cases."""
    from django.db import connection

    from benchmarks.patrol_growth import without_indexes
    from chengheng.patrol import statistics
    from chengheng.patrol.models import Case

    with connection.cursor() as cursor:
        have = Case.objects.filter(class_name="bench").count()
        if have != ROWS:
            cursor.execute("delete from patrol_case where class_name = 'bench'")
            started = time.perf_counter()
            with without_indexes():
                cursor.execute(FILL, [ROWS])
            report.line(f"{ROWS:,} cases written by one statement", ROWS / (time.perf_counter() - started), "rows/s")
        cursor.execute("vacuum analyze patrol_case")
    for what, first, last in (("a month", 202405, 202405), ("a year", 202401, 202412)):
        cases = Case.objects.filter(month__range=(first, last))
        times = []
        for _ in range(3):
            started = time.perf_counter()
            lines = statistics.table(cases, ["district_code"])
            times.append(time.perf_counter() - started)
        counted = statistics.total(lines).counts["reported"]
        report.line(
            f"statistics of {what} by district, of {ROWS:,} cases", min(times) * 1000, "ms", f"{counted:,} counted"
        )
