"""A month's availability of 10,000 devices: outages alone, with a stop of the prober, and with windows besides.

The goal is 100 ms. CPU is that of the database's backend and of this process together, over all rounds; the wall depends on
what else the machine does. Each answer is held against `rules.spans` for a sample of the devices. DEVICES=… makes it smaller.
"""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.limits import site
from benchmarks.report import Report

DEVICES = int(os.environ.get("DEVICES", "10000"))
ROUNDS = 12
GOAL_MS = 100
END = datetime(2026, 6, 1, tzinfo=UTC)
START = END - timedelta(days=30)
SINCE = END - timedelta(days=200)


def run(report: Report) -> None:
    with site():
        measure(report)


def _fill(chance: random.Random) -> Any:
    from chengheng.maintenance.models import Device, Span, System

    system, _made = System.objects.get_or_create(code="bench", defaults={"name": "Bench"})
    with_devices = [
        Device(code=f"B{n}", name="x", system=system, kind="x", in_service_at=SINCE) for n in range(DEVICES)
    ]
    Device.objects.bulk_create(with_devices, batch_size=2000)
    spans = []
    for pk in Device.objects.filter(system=system).values_list("pk", flat=True):
        for _each in range(6):
            at = SINCE + timedelta(seconds=chance.random() * 200 * 86_400)
            until = at + timedelta(minutes=chance.randint(1, 90))
            spans.append(Span(device_id=pk, state="down", since=at, until=until))
    Span.objects.bulk_create(spans, batch_size=5000)
    return system


def measure(report: Report) -> None:
    """The figures, on a database that is migrated; what was made is taken away again."""
    from django.db import connection

    from chengheng.maintenance.models import Device, Exclusion, Span

    chance = random.Random(1)
    _clear()
    system = _fill(chance)
    try:
        devices = Device.objects.filter(system=system)
        _asked(report, "outages alone", devices, chance)
        stop = START + timedelta(days=9)
        keys = list(devices.values_list("pk", flat=True))
        Span.objects.bulk_create(
            [Span(device_id=pk, state="unknown", since=stop, until=stop + timedelta(minutes=4)) for pk in keys],
            batch_size=5000,
        )
        _asked(report, "and the prober stood once", devices, chance)
        for week in range(4):
            at = START + timedelta(days=7 * week, hours=3)
            Exclusion.objects.create(system=system, starts_at=at, ends_at=at + timedelta(hours=2), reason="window")
        _asked(report, "and a window each week", devices, chance)
    finally:
        _clear()
        connection.close()


def _clear() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "delete from maintenance_exclusion where system_id in (select id from maintenance_system where code = 'bench')"
        )
        cursor.execute(
            "delete from maintenance_span where device_id in (select d.id from maintenance_device d"
            " join maintenance_system s on s.id = d.system_id where s.code = 'bench')"
        )
        cursor.execute(
            "delete from maintenance_device where system_id in (select id from maintenance_system where code = 'bench')"
        )
        cursor.execute("delete from maintenance_system where code = 'bench'")


def _backend_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _asked(report: Report, what: str, devices: Any, chance: random.Random) -> None:
    from django.db import connection

    from chengheng.maintenance import queries

    with connection.cursor() as cursor:
        cursor.execute("analyze maintenance_device; analyze maintenance_span; analyze maintenance_exclusion")
        cursor.execute("select pg_backend_pid()")
        pid = cursor.fetchone()[0]
    found = queries.normal_seconds(devices, START, END, now=END)
    walls, used = [], time.process_time() + _backend_cpu(pid)
    for _each in range(ROUNDS):
        began = time.perf_counter()
        found = queries.normal_seconds(devices, START, END, now=END)
        walls.append(time.perf_counter() - began)
    cpu = (time.process_time() + _backend_cpu(pid) - used) / ROUNDS
    assert len(found) == DEVICES
    _true(found, chance)
    note = f"goal {GOAL_MS}; wall {min(walls) * 1000:.0f}–{max(walls) * 1000:.0f} ms"
    report.line(f"a month of {DEVICES:,} devices, {what}", cpu * 1000, "ms of CPU", note)


def _true(found: dict[int, Any], chance: random.Random) -> None:
    """A sample against the rules that the query must obey."""
    from django.db.models import Q

    from chengheng.maintenance.models import Device, Exclusion
    from chengheng.maintenance.rules import spans as rules

    for device in Device.objects.filter(pk__in=chance.sample(sorted(found), 25)):
        rows = list(device.spans.filter(since__lt=END, until__gt=START))
        windows = Exclusion.objects.filter(Q(device=device) | Q(system=device.system_id))
        said = rules.normal_time(
            (START, END), [(device.in_service_at, END)],
            [(row.since, row.until) for row in rows if row.state == "down"],
            [(row.since, row.until) for row in rows if row.state == "unknown"],
            [(row.starts_at, row.ends_at) for row in windows],
        )  # fmt: skip
        due, down = found[device.pk]
        assert abs(float(due) - said.due.total_seconds()) < 1e-3, (device, due, said)
        assert abs(float(down) - said.down.total_seconds()) < 1e-3, (device, down, said)
