"""What the machine's PostgreSQL can do at best: the limits that other benchmarks are held against.

Bare COPY of rows as wide as a case, rows inserted one a commit by one and by eight connections, and the same without
waiting for the disk, which tells how much of a commit is the disk. Everything with fsync on, as a site runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg

from benchmarks.report import Report
from chengheng.project.embedded import Embedded

COLUMNS = (
    "id bigint primary key", "number varchar(30) not null", "title varchar(200) not null", "state varchar(30) not null",
    "reported_at timestamptz not null", "due_at timestamptz", "district varchar(12) not null",
    "grid varchar(15) not null", "lon double precision not null", "lat double precision not null",
    "source varchar(20) not null", "description text not null",
)  # fmt: skip
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
Case = tuple[int, str, str, str, datetime, datetime, str, str, float, float, str, str]


def case(number: int) -> Case:
    """A row as wide as a city case, about 250 bytes."""
    at = _BEGIN + timedelta(seconds=number * 7)
    return (
        number, f"12010120240101{number:08}", f"井盖缺失 {number}", "handling", at, at + timedelta(hours=4), "120101",
        "120101001002003", 117.2 + number % 997 / 10_000, 39.1 + number % 991 / 10_000, "collector",
        "路面井盖缺失,影响通行,已设置警示标志,请尽快处置。" * 2,
    )  # fmt: skip


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """The benchmark site's server, as a site runs it; yields connection parameters."""
    embedded = Embedded.of_site()
    with embedded.running():
        yield embedded.connection()


@contextmanager
def site() -> Iterator[dict[str, str]]:
    """The benchmark site with its database migrated; yields connection parameters as `server` does."""
    import django

    django.setup()
    with server() as parameters:
        from django.core.management import call_command
        from django.db import connection

        try:
            call_command("migrate", verbosity=0)
            yield parameters
        finally:
            connection.close()  # the server stops next; another benchmark in this process starts it again


@contextmanager
def table(connection: psycopg.Connection, name: str = "limit_case") -> Iterator[str]:
    """An empty table of `COLUMNS`, dropped afterwards."""
    connection.execute(f"drop table if exists {name}")
    connection.execute(f"create table {name} ({', '.join(COLUMNS)})")
    connection.execute(f"create index on {name} (state, due_at)")
    connection.commit()
    try:
        yield name
    finally:
        connection.execute(f"drop table {name}")
        connection.commit()


def copy_rate(connection: psycopg.Connection, rows: int = 200_000) -> float:
    """Rows a second of one COPY in one transaction, with a primary key and one more index."""
    made = [case(number) for number in range(rows)]
    with table(connection) as name:
        started = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(f"copy {name} from stdin") as copy:
            for row in made:
                copy.write_row(row)
        connection.commit()
        return rows / (time.perf_counter() - started)


def commit_rate(
    parameters: dict[str, str], connections: int = 1, seconds: float = 4, wait_for_disk: bool = True
) -> float:
    """Single-row transactions a second by so many connections at once."""
    done = [0] * connections
    with psycopg.connect(**parameters) as owner, table(owner) as name:
        stop = time.perf_counter() + seconds

        def work(place: int) -> None:
            with psycopg.connect(**parameters, autocommit=True) as connection:
                connection.execute(f"set synchronous_commit = {'on' if wait_for_disk else 'off'}")
                marks = ", ".join(["%s"] * len(COLUMNS))
                while time.perf_counter() < stop:
                    row = case(done[place] * connections + place)
                    connection.execute(f"insert into {name} values ({marks})", row)
                    done[place] += 1

        threads = [threading.Thread(target=work, args=(place,)) for place in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(done) / seconds


def run(report: Report) -> None:
    with server() as parameters:
        with psycopg.connect(**parameters) as connection:
            report.line("bare COPY, rows of 12 columns, 2 indexes", copy_rate(connection), "rows/s")
        one = commit_rate(parameters)
        report.line("one row a commit, 1 connection", one, "commits/s", f"{1e6 / one:.0f} µs each")
        report.line("one row a commit, 8 connections", commit_rate(parameters, 8), "commits/s")
        quick = commit_rate(parameters, wait_for_disk=False)
        report.line("one row a commit, not waiting for the disk", quick, "commits/s", f"{1e6 / quick:.0f} µs each")
