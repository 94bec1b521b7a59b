"""Many deadlines with one timer: what is not done in time is told so, at most a tick late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

TICK = 0.05


class Deadlines:
    """Questions in the order of their deadlines, one queue for each length of time. `late(key)` is called once."""

    def __init__(self, late: Callable[[int], None]) -> None:
        self._late = late
        self._loop = asyncio.get_running_loop()
        self._queues: dict[float, deque[tuple[float, int]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, key: int, seconds: float) -> None:
        """`late(key)` in so many seconds; a key that was answered meanwhile is the owner's to let by."""
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = deque()
        queue.append((self._loop.time() + seconds, key))
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        now, nearest = self._loop.time(), None
        for seconds, queue in list(self._queues.items()):
            while queue and queue[0][0] <= now:
                self._late(queue.popleft()[1])
            if not queue:
                del self._queues[seconds]
            elif nearest is None or queue[0][0] < nearest:
                nearest = queue[0][0]
        self._timer = None
        if nearest is not None:
            self._timer = self._loop.call_later(max(TICK, nearest - now), self._tick)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
