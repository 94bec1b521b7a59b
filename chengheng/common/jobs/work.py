"""Starting long work, and doing it: the registry of tasks, the progress that a task reports, one run of one job.

A run holds a session lock on its job, on a connection of its own. The lock tells whether the run lives, exactly: it
goes when the process dies, and a second delivery of the same job finds it taken. Progress goes over that connection
too, so it shows (and the cancel button works) while the task is in the middle of one large transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as queue

from chengheng.common.errors import Refusal
from chengheng.common.jobs.errors import UnknownTask

if TYPE_CHECKING:
    from chengheng.common.jobs.models import Job

logger = logging.getLogger(__name__)

QUEUE = "long"
MOST_ATTEMPTS = 3
WRITE_EVERY_SECONDS = 0.5
_LOCK_SPACE = 0x6A6F62  # "job": keeps our advisory locks apart from others'


class Cancelled(Exception):
    """Raised by `Progress.step` once somebody asked to cancel; the run ends as cancelled."""


class _HandedBack(BaseException):
    """The worker is told to stop: the run gives its job back to the queue at the next step."""


stopping = threading.Event()
"""Set by a worker process that is shutting down."""


@dataclass(frozen=True)
class Task:
    """Long work by name. `repeatable`: may begin again after its worker died (at most `MOST_ATTEMPTS` runs)."""

    name: str
    work: Callable[..., Any]
    repeatable: bool = True


_tasks: dict[str, Task] = {}


def task(name: str, *, repeatable: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare long work, in a room's `tasks.py`: `@jobs.task("room.name") def work(job: Progress, **params)`.

    The function's return value is kept as the job's `result` (JSON). A `Refusal` fails the job with its own words.
    """

    def declare(work: Callable[..., Any]) -> Callable[..., Any]:
        if name in _tasks:
            raise ValueError(f"job task {name} is declared twice")
        _tasks[name] = Task(name, work, repeatable)
        return work

    return declare


def start(task_name: str, actor: Any, title: str, params: dict[str, Any] | None = None) -> Job:
    """Enqueue the work in the caller's transaction and return its `Job` row. `params` must be JSON.

    UnknownTask for a name that no room declares.
    """
    from chengheng.common.jobs.models import Job

    if task_name not in _tasks:
        raise UnknownTask(task=task_name)
    with transaction.atomic():
        job = Job.objects.create(
            task=task_name,
            params=params or {},
            title=str(title)[:200],
            actor_id=getattr(actor, "pk", None),
            language=translation.get_language() or "",
        )
        run_job.defer(job_id=job.pk)
    return job


class Progress:
    """What a task sees of its job."""

    def __init__(self, job: Job, write: Callable[[str, list[Any]], list[tuple[Any, ...]]]) -> None:
        self.job = job
        self.actor: Any = job.actor
        self._write = write
        self._written_at = float("-inf")

    def step(self, done: int, total: int = 0, text: str = "") -> None:
        """Report `done` of `total` steps. Cheap: written at most twice a second. Raises `Cancelled` when asked to."""
        if stopping.is_set() and _tasks[self.job.task].repeatable:
            raise _HandedBack
        now = time.monotonic()
        last = total > 0 and done >= total and done != self.job.done
        self.job.done, self.job.total = done, total
        if text:
            self.job.text = str(text)[:300]
        if now - self._written_at < WRITE_EVERY_SECONDS and not last:
            return
        self._written_at = now
        rows = self._write(
            "update jobs_job set done = %s, total = %s, text = %s, heartbeat_at = now() where id = %s"
            " returning cancel_requested",
            [self.job.done, self.job.total, self.job.text, self.job.pk],
        )
        if rows and rows[0][0]:
            raise Cancelled

    def result(self, url: str = "", text: str = "") -> None:
        """Where the outcome is to be seen, and one sentence about it; stored when the job ends."""
        if url:
            self.job.result_url = url[:500]
        if text:
            self.job.text = str(text)[:300]


@queue.task(name="jobs.run", queue=QUEUE)
def run_job(job_id: int) -> None:
    """One delivery of a job by the queue."""
    run(job_id)


def run(job_id: int, watch: Callable[[Job], None] | None = None) -> None:
    """Do the job here and now, unless it has ended or another process is at it.

    `watch` is called with the job on every step (the command line prints from it).
    """
    with _own_line(job_id) as write:
        if write is None:
            logger.info("job %s is running elsewhere", job_id)
            return
        job = _begin(job_id)
        if job is None:
            return
        with translation.override(job.language or settings.LANGUAGE_CODE):
            _perform(job, Progress(job, write), watch)


def _begin(job_id: int) -> Job | None:
    """Mark the job as running, or close it when it must not begin again; None when there is nothing to do."""
    from chengheng.common.jobs.models import Job, State

    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).select_related("actor").filter(pk=job_id).first()
        if job is None or job.ended:
            return None
        known = _tasks.get(job.task)
        with translation.override(job.language or settings.LANGUAGE_CODE):
            if job.cancel_requested:
                _close(job, State.CANCELLED)
            elif known is None:
                _close(job, State.FAILED, error=str(UnknownTask(task=job.task)))
            elif job.attempts and not known.repeatable:
                _close(job, State.FAILED, error=_("The worker process ended during this work. Start it again."))
            elif job.attempts >= MOST_ATTEMPTS:
                _close(
                    job,
                    State.FAILED,
                    error=_("The worker process ended %(times)d times during this work; it was not tried again.")
                    % {"times": job.attempts},
                )
        if job.ended:
            return None
        job.state, job.attempts = State.RUNNING, job.attempts + 1
        job.started_at = job.heartbeat_at = timezone.now()
        job.save(update_fields=["state", "attempts", "started_at", "heartbeat_at"])
        return job


def _perform(job: Job, progress: Progress, watch: Callable[[Job], None] | None) -> None:
    from chengheng.common.jobs.models import State

    if watch is not None:
        step = progress.step

        def watched_step(done: int, total: int = 0, text: str = "") -> None:
            step(done, total, text)
            watch(job)

        progress.step = watched_step  # type: ignore[method-assign]
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            answer = _tasks[job.task].work(progress, **job.params)
    except Cancelled:
        _close(job, State.CANCELLED)
    except _HandedBack:
        with transaction.atomic():
            job.state, job.attempts = State.WAITING, job.attempts - 1
            job.save(update_fields=["state", "attempts"])
            run_job.defer(job_id=job.pk)
    except Refusal as refusal:
        _close(job, State.FAILED, error=str(refusal))
    except Exception as error:
        logger.exception("job %s (%s) failed", job.pk, job.task)
        _close(
            job, State.FAILED, error=_("Unexpected error: %(error)s") % {"error": f"{type(error).__name__}: {error}"}
        )
    else:
        if answer is not None:
            job.result = answer
        job.done = max(job.done, job.total)
        _close(job, State.DONE)
    if watch is not None:
        watch(job)


def _close(job: Job, state: str, error: str = "") -> None:
    job.state, job.error, job.ended_at = state, error[:2000], timezone.now()
    job.save(update_fields=["state", "error", "ended_at", "done", "total", "text", "result", "result_url"])


@contextmanager
def _own_line(job_id: int) -> Iterator[Callable[[str, list[Any]], list[tuple[Any, ...]]] | None]:
    """A connection of the run's own, holding the job's lock; None when another run holds it.

    Inside a transaction (a test, or a caller who wants job and work to be one) the job's row cannot be seen from
    outside yet: then the work's own connection is used, and no lock is needed.
    """
    if connection.in_atomic_block:

        def write_here(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                return cursor.fetchall()

        yield write_here
        return
    with psycopg.connect(**connection_params(), autocommit=True) as line:
        taken = line.execute("select pg_try_advisory_lock(%s, %s)", [_LOCK_SPACE, job_id % 2**31]).fetchone()
        if not (taken and taken[0]):
            yield None
            return

        def write(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
            return line.execute(sql.encode(), params).fetchall()

        yield write


def connection_params() -> dict[str, Any]:
    """libpq's parameters of Django's database, for a plain psycopg connection."""
    params = connection.get_connection_params()
    return {
        key: value for key, value in params.items() if key not in {"cursor_factory", "context", "prepare_threshold"}
    }
