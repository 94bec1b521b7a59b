"""A worker that is killed loses nothing: what it had taken is taken up again. Real processes, real kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from chengheng.common import jobs
from chengheng.common.jobs.models import Job, State
from tests.jobs import worker_process

pytestmark = [pytest.mark.system, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def worker() -> Iterator[Callable[[], subprocess.Popen]]:
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        name = connection.settings_dict["NAME"]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.worker_process", name],
            cwd=ROOT,
            env={**os.environ, "CHENGHENG_LOG_LEVEL": "INFO", "PGAPPNAME": f"worker-{len(started)}"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def now_is(job: Job, **wanted) -> bool:
    job.refresh_from_db()
    return all(getattr(job, name) == value for name, value in wanted.items())


def test_long_work_of_a_killed_worker_is_taken_up_by_another(worker):
    job = jobs.start("tests.long", None, "Long work", {})
    first = worker()
    until(lambda: now_is(job, state=State.RUNNING) and job.done > 0)
    first.send_signal(signal.SIGKILL)
    first.wait()
    worker()
    until(lambda: now_is(job, state=State.DONE))
    assert job.result == {"attempts": 2}


def test_work_that_kills_every_worker_is_given_up_clearly(worker):
    job = jobs.start("tests.deaf", None, "Deadly work", {})
    for _attempt in range(3):
        process = worker()
        process.wait(120)
        assert process.returncode == -signal.SIGKILL
    worker()
    until(lambda: now_is(job, state=State.FAILED))
    assert job.attempts == 3
    assert "3" in job.error


def test_a_short_task_of_a_killed_worker_is_delivered_again(worker):
    worker_process.mark.defer(text="once more")
    first = worker()
    first.wait(120)
    worker()
    until(lambda: Job.objects.filter(task="mark").count() == 2)


def test_a_short_task_that_lost_the_database_is_done_when_it_is_back(worker):
    processes = [worker()]

    def done(**titles: str) -> int:
        if processes[-1].poll() is not None:  # it was just fetching when the line broke: a supervisor starts it again
            processes.append(worker())
        return Job.objects.filter(task="cut_off", title__endswith="to the end", **titles).count()

    worker_process.cut_off.defer(text="one")
    until(lambda: done(title__startswith="one") == 1)
    for number in range(8):  # more than there are threads: none has kept a dead connection
        worker_process.cut_off.defer(text=f"later {number}")
    until(lambda: done(title__startswith="later") == 8)

    def left() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from procrastinate_jobs where task_name = 'tests.cut_off'")
            return cursor.fetchone()[0]

    until(lambda: left() == 0)


def test_a_worker_told_to_stop_hands_its_long_work_back(worker):
    job = jobs.start("tests.long", None, "Long work", {})
    process = worker()
    until(lambda: now_is(job, state=State.RUNNING) and job.done > 0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert now_is(job, state=State.WAITING, attempts=0)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where task_name = 'jobs.run' and status = 'todo'")
        assert cursor.fetchone()[0] == 1
