"""Making many rows without Python looking for garbage among them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_open = 0
_lock = threading.Lock()


@contextmanager
def uncollected() -> Iterator[None]:
    """Hundreds of thousands of rows are made and none is garbage: looking for cycles among them, again and again, takes
    a third of an import's time. Counted, because several imports may be under way in one process."""
    global _open
    with _lock:
        _open += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _open -= 1
            if not _open:
                gc.enable()
