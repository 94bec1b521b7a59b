"""The prober as a process of the site: checks from the database, changes into it, and when it ran."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chengheng.common import processes
from chengheng.maintenance.prober.export import RemoteWrite

log = logging.getLogger(__name__)
RELOAD_EVERY = 20.0
SEEN_EVERY = 5.0


def register() -> None:
    """Have the supervisor keep the prober running."""
    processes.add(processes.Process("prober", lambda: [sys.executable, "-m", "chengheng", "prober"]))


def load() -> list[Any]:
    """The checks to run, with what each remembers from its open span."""
    from chengheng.maintenance.actions import parents_of_all
    from chengheng.maintenance.models import Check, Span
    from chengheng.maintenance.prober.engine import Watch
    from chengheng.maintenance.rules.watch import Watched

    parents = parents_of_all()
    states = dict(Span.objects.filter(until__isnull=True, check_row__isnull=False).values_list("check_row", "state"))
    found = []
    checks = Check.objects.filter(enabled=True, device__retired_at__isnull=True).exclude(kind=Check.Kind.TOLD)
    for check in checks.select_related("device__system"):
        memory = Watched(check.fail_after, check.pass_after, state=states.get(check.pk, "unknown"))
        try:
            found.append(
                Watch.of(
                    check.pk, check.device_id, check.kind, check.target, check.options | check.secrets, interval=check.interval_s,
                    timeout=min(check.timeout_s, check.interval_s), memory=memory,
                    parents=frozenset(parents.get(check.device_id, ())),
                    labels={"device": check.device.code, "system": check.device.system.code, "kind": check.kind,
                            "check": str(check.pk)},
                )
            )  # fmt: skip
        except ValueError:
            log.warning("check %s: its target is not understood", check.pk)
    return found


def begin(now: datetime, name: str = "main") -> int:
    """Note that the prober starts. From the end of its last run on, what it watched was not known. Returns the run."""
    from django.db import transaction

    from chengheng.maintenance.models import Check, ProberRun, Span

    with transaction.atomic():
        last = ProberRun.objects.select_for_update().filter(prober=name).first()
        if last is not None:
            gap_from = last.ended_at or last.last_seen_at
            ProberRun.objects.filter(pk=last.pk, ended_at__isnull=True).update(ended_at=gap_from)
            open_spans = Span.objects.filter(until__isnull=True, check_row__isnull=False)
            open_spans = open_spans.exclude(state="unknown").exclude(check_row__kind=Check.Kind.TOLD)
            fresh = []
            for span in open_spans.select_for_update():
                span.until = max(gap_from, span.since)
                fresh.append(Span(device_id=span.device_id, check_row_id=span.check_row_id, state="unknown",
                                  since=span.until, cause="the prober did not run"))  # fmt: skip
                span.save(update_fields=["until"])
            Span.objects.bulk_create(fresh)
        return ProberRun.objects.create(prober=name, started_at=now, last_seen_at=now).pk


def seen(run: int, now: datetime, *, ended: bool = False) -> None:
    """Note that the prober is (was) there."""
    from chengheng.maintenance.models import ProberRun

    ProberRun.objects.filter(pk=run).update(last_seen_at=now, **({"ended_at": now} if ended else {}))


def keep_change(check: int, change: Any, flapping: bool, follows: bool, text: str) -> None:
    """Keep a change of state; a check that was deleted meanwhile is forgotten."""
    from chengheng.maintenance.actions import record_change
    from chengheng.maintenance.models import Check

    row = Check.objects.filter(pk=check).first()
    if row is not None:
        record_change(row, change, flapping=flapping, follows=follows, text=text)


def keep_sums(rows: list[Any]) -> None:
    """Add what was measured to the hours."""
    from django.db.models import F
    from django.db.models.functions import Greatest, Least

    from chengheng.maintenance.models import Check, Hourly

    known = set(Check.objects.filter(pk__in={row[0] for row in rows}).values_list("pk", flat=True))
    for pk, hour, (results, good, total, fastest, slowest) in rows:
        if pk not in known:
            continue
        figures = {"results": int(results), "good": int(good)}
        if good:
            figures |= {"fastest_ms": fastest, "mean_ms": total / good, "slowest_ms": slowest}
        _row, made = Hourly.objects.get_or_create(check_row_id=pk, hour=hour, defaults=figures)
        if not made:
            mean = (F("mean_ms") * F("good") + total) / (F("good") + good) if good else F("mean_ms")
            Hourly.objects.filter(check_row_id=pk, hour=hour).update(
                results=F("results") + results, good=F("good") + good, mean_ms=mean,
                fastest_ms=Least("fastest_ms", fastest) if good else F("fastest_ms"),
                slowest_ms=Greatest("slowest_ms", slowest) if good else F("slowest_ms"),
            )  # fmt: skip


class Site:
    """The engine with the database beside it, in one thread of its own."""

    def __init__(self, name: str = "main") -> None:
        from chengheng.maintenance.prober.engine import Engine

        self.name = name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prober-db")
        self.engine = Engine(self._changed)

    async def _do(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        from chengheng.common.live import _fresh

        return await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(_fresh, function, *args, **kwargs)
        )

    async def _changed(self, watch: Any, change: Any, flapping: bool, follows: bool, answer: Any) -> None:
        await self._do(keep_change, watch.pk, change, flapping, follows, answer.text)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set."""
        run = await self._do(begin, datetime.now(UTC), self.name)
        self.engine.set_watches(await self._do(load))
        export = RemoteWrite.of_site(self.engine)
        engine = asyncio.create_task(self.engine.run())
        exporting = asyncio.create_task(export.run()) if export else None
        loop = asyncio.get_running_loop()
        known, reload_at = self._shape(), loop.time() + RELOAD_EVERY
        try:
            while not stop.is_set() and not engine.done():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), SEEN_EVERY)
                try:
                    await self._do(seen, run, datetime.now(UTC))
                    rows = self.engine.take_sums(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
                    if rows:
                        await self._do(keep_sums, rows)
                    if loop.time() >= reload_at:
                        reload_at = loop.time() + RELOAD_EVERY
                        wanted = await self._do(load)
                        if self._shape(wanted) != known:
                            self.engine.set_watches(wanted)
                            known = self._shape()
                except Exception:
                    log.exception("the database did not answer; the probes go on")
        finally:
            for task in (engine, exporting):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
            with suppress(Exception):
                await self._do(keep_sums, self.engine.take_sums(datetime.now(UTC) + timedelta(hours=2)))
                await self._do(seen, run, datetime.now(UTC), ended=True)
                await self._do(_close)
            self._thread.shutdown()

    def _shape(self, watches: Any = None) -> set[Any]:
        rows = self.engine.watches.values() if watches is None else watches
        return {
            (w.pk, w.device, w.target, repr(w.options), w.interval, w.timeout, w.parents, w.memory.fail_after,
             w.memory.pass_after)
            for w in rows
        }  # fmt: skip


def _close() -> None:
    from django.db import connections

    connections.close_all()


def serve() -> None:
    """Probe until SIGTERM or SIGINT."""
    import uvloop

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await Site().run(stop)

    uvloop.run(main())
