"""The worker process: takes jobs from the queue, keeps the schedule, and brings back what a dead worker left.

Short tasks and long work have slots of their own, so an import never keeps a notice waiting. Tasks run in threads;
what they enqueue goes over Django's connection and so into their own transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, close_old_connections
from procrastinate import App, BaseRetryStrategy, RetryDecision, utils
from procrastinate.contrib.django import app as queue
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from chengheng.common.jobs.work import QUEUE, stopping

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
STALLED_AFTER_SECONDS = 20.0
RECOVER_EVERY_SECONDS = 10.0
SHORT_SLOTS = 4
LONG_SLOTS = 2
MOST_TRIES = 20  # while the database is away, each after at most `LONGEST_WAIT_SECONDS`: about eight minutes
LONGEST_WAIT_SECONDS = 30


def run(
    *,
    short_slots: int = SHORT_SLOTS,
    long_slots: int = LONG_SLOTS,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    stalled_after_seconds: float = STALLED_AFTER_SECONDS,
    recover_every_seconds: float = RECOVER_EVERY_SECONDS,
) -> None:
    """Work until SIGTERM or SIGINT; running jobs may finish for a while, then are handed back.

    A job whose worker died is taken up again after at most `stalled_after_seconds + recover_every_seconds`; one that lost
    the database under it is tried again when the database is back.
    """
    asyncio.run(_serve(short_slots, long_slots, heartbeat_seconds, stalled_after_seconds, recover_every_seconds))


async def _serve(
    short_slots: int, long_slots: int, heartbeat: float, stalled_after: float, recover_every: float
) -> None:
    queue.perform_import_paths()
    shared = {task.queue for task in queue.tasks.values()} | {"default", "builtin"}
    # A second app over the same tasks: the worker's own book-keeping needs an async pool with LISTEN, while the tasks
    # keep deferring over Django's connection (replace_connector would take their enqueuing out of their transaction).
    own_line: Any = queue.connector  # Django's, which knows how to make one for workers
    app: App = queue.with_connector(own_line.get_worker_connector())
    app.job_manager = _Manager(app.connector)
    for task in queue.tasks.values():
        task.retry_strategy = task.retry_strategy or _WhenTheDatabaseIsBack()
    options: dict[str, Any] = {
        "install_signal_handlers": False,
        "update_heartbeat_interval": heartbeat,
        "stalled_worker_timeout": stalled_after,
        "shutdown_graceful_timeout": 10.0,
        "delete_jobs": "successful",
        "task_middleware": [_on_a_living_connection],
    }
    async with app.open_async():
        await recover_stalled(app, stalled_after)
        parts = [
            asyncio.create_task(
                app.run_worker_async(queues=sorted(shared - {QUEUE}), concurrency=short_slots, name="short", **options)
            ),
            asyncio.create_task(app.run_worker_async(queues=[QUEUE], concurrency=long_slots, name="long", **options)),
            asyncio.create_task(_recover_forever(app, stalled_after, recover_every)),
        ]
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        told = asyncio.create_task(stop.wait())
        logger.info("worker ready")
        await asyncio.wait([*parts, told], return_when=asyncio.FIRST_COMPLETED)
        stopping.set()  # long work hands its job back at its next step
        failed = [part for part in parts if part.done()]
        for part in parts:
            part.cancel()
        for part in parts:
            with contextlib.suppress(asyncio.CancelledError):
                await part
        if failed and not stop.is_set():
            raise RuntimeError("a part of the worker stopped by itself")
        told.cancel()


def _on_a_living_connection(work: Callable[[], Any], _context: Any, _worker: Any) -> Any:
    """A thread's connection that died with an earlier job would fail every later one: no request ends here to drop it."""
    close_old_connections()
    return work()


def lost_the_database(error: BaseException | None) -> bool:
    """Whether the database went away (or gave up a deadlock, a lock), so that the same again may well succeed."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError):
            return True
        error = error.__cause__
    return False


class _WhenTheDatabaseIsBack(BaseRetryStrategy):
    """For tasks that say nothing else: tried again only when it was the database that failed."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts >= MOST_TRIES or not lost_the_database(exception):
            return None
        return RetryDecision(retry_in={"seconds": min(2 * (job.attempts + 1), LONGEST_WAIT_SECONDS)})


class _Manager(JobManager):
    """Says a job's end until it is heard: else the job would count as running for as long as its worker lives."""

    async def finish_job_by_id_async(self, *args: Any, **named: Any) -> None:
        await _until_heard(super().finish_job_by_id_async, *args, **named)

    async def retry_job_by_id_async(self, *args: Any, **named: Any) -> None:
        await _until_heard(super().retry_job_by_id_async, *args, **named)


async def _until_heard(say: Callable[..., Awaitable[None]], *args: Any, **named: Any) -> None:
    for tried in range(MOST_TRIES):
        try:
            await say(*args, **named)
        except ConnectorException as error:
            if not lost_the_database(error):
                raise
            await asyncio.sleep(min(tried + 1, LONGEST_WAIT_SECONDS))
        else:
            return
    await say(*args, **named)


async def _recover_forever(app: App, stalled_after: float, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await recover_stalled(app, stalled_after)


async def recover_stalled(app: App, stalled_after: float = STALLED_AFTER_SECONDS) -> int:
    """Put back on the queue what workers without a sign of life had taken; the number of jobs put back."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=stalled_after))
    for job in stalled:
        logger.warning("job %s (%s) lost its worker; delivering it again", job.id, job.task_name)
        await app.job_manager.retry_job(job=job, retry_at=utils.utcnow())
    return len(stalled)
