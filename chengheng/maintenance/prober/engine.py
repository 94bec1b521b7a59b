"""The schedule and the states: every check at its own phase of its interval, changes handed on in order.

Knows no database: `changed(check, change, flapping, follows, answer)` and `rolled(rows)` are called with what is to be
kept. Time of day comes from `clock` so that tests can stand beside it.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from chengheng.maintenance.prober.probes import Answer, Prober, Target, understand
from chengheng.maintenance.rules.watch import DOWN, Change, Watched, phase

log = logging.getLogger(__name__)
AT_ONCE = 500
"""Dialogues under way at once; echoes and connects are not counted, they cost no task."""


@dataclass
class Watch:
    """One check as the engine holds it."""

    pk: int
    device: int
    target: Target
    options: dict[str, Any]
    interval: float
    timeout: float
    memory: Watched
    parents: frozenset[int] = frozenset()
    last: Answer | None = None
    last_at: datetime | None = None
    sums: dict[datetime, list[float]] = field(default_factory=dict)
    hour: datetime | None = None
    labels: dict[str, str] = field(default_factory=dict)
    early: bool = False

    @classmethod
    def of(cls, pk: int, device: int, kind: str, target: str, options: dict[str, Any], **more: Any) -> Watch:
        """ValueError when the target is not understood."""
        return cls(pk=pk, device=device, target=understand(kind, target, options), options=options, **more)


Changed = Callable[[Watch, Change, bool, bool, Answer], Awaitable[None]]


class Engine:
    """Runs until cancelled. `set_watches` may be called at any time; what stays the same keeps its memory.

    Somebody who wants each result puts a bounded queue in `results`: (check, when, good, ms).
    """

    def __init__(self, changed: Changed, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._changed, self._clock = changed, clock
        self.watches: dict[int, Watch] = {}
        self._due: list[tuple[float, int, int]] = []
        self._round = 0
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._busy: set[int] = set()
        self._changes: asyncio.Queue[tuple[Watch, Change, bool, bool, Answer]] = asyncio.Queue()
        self.probes = 0
        self.skipped = 0
        self.results: deque[tuple[int, datetime, bool, float | None]] | None = None

    def set_watches(self, wanted: Iterable[Watch]) -> None:
        """Take up what is to be watched; each check starts at its own phase."""
        fresh = {watch.pk: watch for watch in wanted}
        for pk, watch in fresh.items():
            known = self.watches.get(pk)
            if known is not None and (known.target, known.options) == (watch.target, watch.options):
                watch.memory, watch.sums, watch.last = known.memory, known.sums, known.last
        self.watches = fresh
        self._round += 1
        now, wall = time.monotonic(), time.time()
        self._due = []
        for pk, watch in fresh.items():
            wait = (phase(str(pk), watch.interval) - wall) % watch.interval
            watch.early = watch.last is None and wait > 5
            if watch.early:
                wait = phase(f"first {pk}", 5)  # the first answer soon and not in step; then at its own phase
            self._due.append((now + wait, pk, self._round))
        heapq.heapify(self._due)
        self._wake.set()

    async def run(self) -> None:
        """Probe and hand on changes, for ever."""
        self.prober = Prober()
        keeper = asyncio.create_task(self._keep())
        try:
            while True:
                await self._turn()
        finally:
            keeper.cancel()
            for task in self._running:
                task.cancel()
            await asyncio.gather(keeper, *self._running, return_exceptions=True)
            await self.prober.close()

    async def _turn(self) -> None:
        self._wake.clear()
        if not self._due:
            await self._wake.wait()
            return
        wait = self._due[0][0] - time.monotonic()
        if wait > 0:
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
                return
            except TimeoutError:
                pass
        due, pk, turn = heapq.heappop(self._due)
        watch = self.watches.get(pk)
        if watch is None or turn != self._round:
            return
        if watch.early:
            watch.early = False
            following = time.monotonic() + (phase(str(pk), watch.interval) - time.time()) % watch.interval
        else:
            following = max(due + watch.interval, time.monotonic())
        heapq.heappush(self._due, (following, pk, turn))
        if pk in self._busy or self.prober.talking >= AT_ONCE:
            self.skipped += 1
            if self.prober.talking >= AT_ONCE:
                await asyncio.sleep(0.01)
            return
        self._busy.add(pk)
        self.prober.start(watch.target, watch.options, watch.timeout, partial(self._take, watch, self._clock()))

    def _take(self, watch: Watch, asked_at: datetime, answer: Answer) -> None:
        self.probes += 1
        watch.last, watch.last_at = answer, asked_at
        if self.results is not None:
            self.results.append((watch.pk, asked_at, answer.ok, answer.ms))
        hour = watch.hour
        if hour is None or not 0 <= (asked_at - hour).total_seconds() < 3600:
            hour = watch.hour = asked_at.replace(minute=0, second=0, microsecond=0)
        sums = watch.sums.get(hour)
        if sums is None:
            sums = watch.sums[hour] = [0, 0, 0.0, 1e12, 0.0]
        sums[0] += 1
        if answer.ok and answer.ms is not None:
            sums[1] += 1
            sums[2] += answer.ms
            sums[3], sums[4] = min(sums[3], answer.ms), max(sums[4], answer.ms)
        change = watch.memory.take(answer.ok, asked_at)
        if change is None:
            self._busy.discard(watch.pk)
            return
        flapping = watch.memory.is_flapping(change.seen)
        if change.after != DOWN or not watch.parents:
            self._busy.discard(watch.pk)
            self._changes.put_nowait((watch, change, flapping, False, answer))
            return
        task = asyncio.create_task(self._take_below(watch, change, flapping, answer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _take_below(self, watch: Watch, change: Change, flapping: bool, answer: Answer) -> None:
        """An outage of what depends on something: first see whether that fails too. The check rests meanwhile."""
        try:
            follows = await self._a_parent_fails(watch)
        finally:
            self._busy.discard(watch.pk)
        self._changes.put_nowait((watch, change, flapping, follows, answer))

    async def _a_parent_fails(self, watch: Watch) -> bool:
        """Ask what the device depends on right now: its outage may not have been noticed yet, by the luck of phases."""
        above = [other for other in self.watches.values() if other.device in watch.parents and other.pk != watch.pk]
        if any(other.memory.state == DOWN for other in above):
            return True
        answers = await asyncio.gather(*(self.prober.ask(o.target, o.options, o.timeout) for o in above))
        return any(not answer.ok for answer in answers)

    async def _keep(self) -> None:
        """Hand changes on one after the other; one that could not be kept is tried again, nothing overtakes it."""
        while True:
            entry = await self._changes.get()
            wait = 0.5
            while True:
                try:
                    await self._changed(*entry)
                    break
                except asyncio.CancelledError:
                    raise
                except Exception:
                    log.exception("a change of check %s could not be kept; again in %.1f s", entry[0].pk, wait)
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, 30)

    def take_sums(self, before: datetime) -> list[tuple[int, datetime, list[float]]]:
        """The hours that ended before a moment: (check, hour, [results, good, sum ms, fastest, slowest]); taken once."""
        done = []
        for watch in self.watches.values():
            for hour in [hour for hour in watch.sums if hour < before]:
                done.append((watch.pk, hour, watch.sums.pop(hour)))
        return done
