"""When to come again: per source by its tier, per host never too fast, after failures later and later.

Pure: time is an argument, and what there is to remember is in the values.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

LEAST_GAP = 1.0  # seconds between two fetches of one host
DEAD_AFTER = 8  # failures in a row
LONGEST_BACK_OFF = 6 * 3600.0
PERMANENT_BACK_OFF = 24 * 3600.0


def back_off(failures: int, interval: float, retry_after: float | None = None, permanent: bool = False) -> float:
    """Seconds until the next try after `failures` failures in a row (1 or more)."""
    if permanent:
        return max(PERMANENT_BACK_OFF, retry_after or 0.0)
    wait = min(interval * 2 ** min(failures, 16), LONGEST_BACK_OFF)
    return max(wait, retry_after or 0.0, interval)


def dead(failures: int) -> bool:
    """The source is put aside as a dead letter: only a person, or the daily look, wakes it."""
    return failures >= DEAD_AFTER


def jitter(key: str, interval: float) -> float:
    """A fixed share of up to a tenth of the interval, so that sources do not march in step."""
    return interval * 0.1 * int.from_bytes(hashlib.blake2b(key.encode(), digest_size=2).digest(), "big") / 65535


@dataclass(slots=True)
class HostGate:
    """One host's turn: `admit` says how long to wait, and books the turn."""

    gap: float = LEAST_GAP
    free_at: float = 0.0

    def admit(self, now: float) -> float:
        wait = max(0.0, self.free_at - now)
        self.free_at = max(self.free_at, now) + self.gap
        return wait
