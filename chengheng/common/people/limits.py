"""How often somebody may ask: token buckets in the memory of the process.

A limit here protects the machine, so it must cost less than what it prevents: no write, no query. The price is that
each web process counts by itself: with n processes a caller may come to n times the limit. Where the exact number
matters (guessing of passwords) attempts are counted in PostgreSQL instead, see `actions.signing`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

KEYS_AT_MOST = 20_000


class Buckets:
    """Token buckets by key: each fills at `per_minute` and holds as much as one minute gives."""

    def __init__(self, keys_at_most: int = KEYS_AT_MOST) -> None:
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._keys_at_most = keys_at_most
        self._lock = threading.Lock()

    def take(self, key: str, per_minute: int, now: float | None = None) -> float:
        """Take one; 0.0 when granted, else the seconds until the next one is there."""
        moment = time.monotonic() if now is None else now
        rate = per_minute / 60
        with self._lock:
            level, at = self._levels.pop(key, (float(per_minute), moment))
            level = min(float(per_minute), level + (moment - at) * rate)
            granted = level >= 1
            self._levels[key] = (level - 1 if granted else level, moment)
            if len(self._levels) > self._keys_at_most:
                self._levels.popitem(last=False)
        return 0.0 if granted else (1 - level) / rate

    def clear(self) -> None:
        with self._lock:
            self._levels.clear()


api = Buckets()
codes = Buckets()
