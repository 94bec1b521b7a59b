"""A worker process on the test database, with short times: `python -m tests.jobs.worker_process NAME`."""

from __future__ import annotations

import os
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

from chengheng.common import jobs


@jobs.task("tests.long")
def long(job: jobs.Progress) -> dict:
    """Takes for ever the first time it runs, and no time the second."""
    if job.job.attempts == 1:
        for n in range(600):
            job.step(n, 600, "the first run")
            time.sleep(0.1)
    return {"attempts": job.job.attempts}


@jobs.task("tests.deaf")
def deaf(job: jobs.Progress) -> None:
    """Dies with its worker every time."""
    job.step(1, 2)
    os.kill(os.getpid(), 9)


@jobs.queue.task(name="tests.mark", queue="default")
def mark(text: str) -> None:
    """A short task: dies with its worker the first time."""
    from chengheng.common.jobs.models import Job

    first = not Job.objects.filter(task="mark").exists()
    Job.objects.create(task="mark", title=text)
    if first:
        os.kill(os.getpid(), 9)


@jobs.queue.task(name="tests.cut_off", queue="default")
def cut_off(text: str) -> None:
    """A short task that loses every connection of this process the first time; `text` tells the runs apart."""
    from django.db import connection

    from chengheng.common.jobs.models import Job

    first = not Job.objects.filter(task="cut_off").exists()
    Job.objects.create(task="cut_off", title=text)
    if first:
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
                " where application_name = %s and pid <> pg_backend_pid()",
                [os.environ["PGAPPNAME"]],
            )
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")
    Job.objects.create(task="cut_off", title=f"{text}, to the end")


def main() -> None:
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    import django

    django.setup()
    from chengheng.common.jobs.worker import run

    run(heartbeat_seconds=0.3, stalled_after_seconds=1.5, recover_every_seconds=0.3)


if __name__ == "__main__":
    main()
