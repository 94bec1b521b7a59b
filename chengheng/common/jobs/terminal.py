"""Long work on a terminal: one line that moves, Ctrl-C cancels."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from django.db import connection
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from chengheng.common.jobs.models import Job

WORKER_SILENT_AFTER_SECONDS = 30


def follow(job: Job, out: TextIO | None = None, every_seconds: float = 0.5) -> Job:
    """Print the job's progress until it ends, and return it as it ended.

    Where no worker is running, the work is done here. The first Ctrl-C asks the job to cancel, the second leaves it.
    """
    line = _Line(out or sys.stderr)
    if not worker_is_alive():
        from chengheng.common.jobs.work import run

        line.note(_("No worker is running; working here."))
        try:
            run(job.pk, watch=line.show)
        except KeyboardInterrupt:
            _ask_to_cancel(job)
            raise
        job.refresh_from_db()
    asked = False
    while not job.ended:
        try:
            line.show(job)
            time.sleep(every_seconds)
            job.refresh_from_db()
        except KeyboardInterrupt:
            if asked:
                raise
            asked = True
            _ask_to_cancel(job)
            line.note(_("Cancelling…"))
    line.show(job)
    line.end()
    return job


def worker_is_alive() -> bool:
    """Whether any worker process gave a sign of life lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select 1 from procrastinate_workers where last_heartbeat > now() - make_interval(secs => %s))",
            [WORKER_SILENT_AFTER_SECONDS],
        )
        return bool(cursor.fetchone()[0])


def _ask_to_cancel(job: Job) -> None:
    type(job).objects.filter(pk=job.pk, ended_at=None).update(cancel_requested=True)


class _Line:
    """A progress line: rewritten in place on a terminal, one line per change elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.live = out.isatty()
        self.shown = ""

    def show(self, job: Job) -> None:
        percent = "" if job.percent is None else f"{job.percent:3d}% "
        steps = f"{job.done:,}/{job.total:,} " if job.total else ""
        text = f"{job.title}: {job.get_state_display()} {percent}{steps}{job.error or job.text}".rstrip()
        if text == self.shown:
            return
        self.out.write(f"\r\x1b[K{text}" if self.live else f"{text}\n")
        self.out.flush()
        self.shown = text

    def note(self, text: str) -> None:
        self.out.write(f"{text}\n")

    def end(self) -> None:
        if self.live:
            self.out.write("\n")
