"""From single probe results to the state of a check: hysteresis, flapping, when to probe.

Local rules, all configurable per check: a check goes down after `fail_after` failures in a row, and the outage is dated
back to the first of them; it comes up after `pass_after` successes in a row, and the recovery is dated to the first of
them. So an edge is known to one probe interval, and that is what the evidence says. A check that changed its state
`FLAPS` times within `FLAP_WINDOW` is flapping: its spans stay exact, but no new fault is raised until it has been quiet.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

UP, DOWN, UNKNOWN = "up", "down", "unknown"
FLAPS = 5
FLAP_WINDOW = timedelta(minutes=30)


@dataclass
class Watched:
    """The memory of one check. `state` since `since`; `streak` results in a row say otherwise, first at `turned_at`."""

    fail_after: int = 3
    pass_after: int = 2
    state: str = UNKNOWN
    since: datetime | None = None
    streak: int = 0
    turned_at: datetime | None = None
    changes: deque[datetime] = field(default_factory=lambda: deque(maxlen=FLAPS))

    def take(self, ok: bool, at: datetime) -> Change | None:
        """One result; the change of state that it completes, or None. Results come in order of time."""
        saw = UP if ok else DOWN
        if saw == self.state:
            self.streak, self.turned_at = 0, None
            return None
        if self.streak and self._turning != saw:
            self.streak = 0
        self._turning = saw
        if not self.streak:
            self.turned_at = at
        self.streak += 1
        needed = self.pass_after if ok else self.fail_after
        if self.state == UNKNOWN and ok:
            needed = 1  # after a start of the prober, one answer is knowledge enough
        if self.streak < needed:
            return None
        before, began = self.state, self.turned_at or at
        self.state, self.since, self.streak, self.turned_at = saw, began, 0, None
        if before != UNKNOWN:
            self.changes.append(at)
        return Change(before, saw, began, at)

    _turning: str = ""

    def is_flapping(self, now: datetime) -> bool:
        """Whether it changed too often lately."""
        return len(self.changes) == FLAPS and now - self.changes[0] <= FLAP_WINDOW


@dataclass(frozen=True)
class Change:
    """A check went from one state to another; it began at `began` and was certain at `seen`."""

    before: str
    after: str
    began: datetime
    seen: datetime


def phase(key: str, interval: float) -> float:
    """Where in its interval a check is probed (seconds, 0 ≤ phase < interval): spread evenly, the same after a restart."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * interval


Key = TypeVar("Key", int, str)


def is_suppressed(device: Key, parents: dict[Key, set[Key]], down: set[Key]) -> bool:
    """Whether a device's outage follows from another's: something that it depends on, however far, is down too."""
    seen: set[Key] = set()
    waiting = set(parents.get(device, ()))
    while waiting:
        one = waiting.pop()
        if one in down:
            return True
        seen.add(one)
        waiting |= parents.get(one, set()) - seen
    return False


def closes_a_ring(device: int, parent: int, parents: dict[int, set[int]]) -> bool:
    """Whether `device` depending on `parent` would make something depend on itself."""
    return device == parent or is_suppressed(parent, parents, {device})


def layers(devices: set[int], parents: dict[int, set[int]]) -> dict[int, int]:
    """Device → how many steps it stands above the ground: 0 for what depends on nothing. There are no rings."""
    found: dict[int, int] = {}
    waiting = list(devices)
    while waiting:
        one = waiting[-1]
        above = parents.get(one, set()) & devices
        missing = [other for other in above if other not in found]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        found[one] = max((found[other] + 1 for other in above), default=0)
    return found
