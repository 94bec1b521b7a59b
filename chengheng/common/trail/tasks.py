"""What runs by itself: the daily seal."""

from __future__ import annotations

from chengheng.common.jobs import queue
from chengheng.common.trail import verifying


@queue.periodic(cron="30 0 * * *")
@queue.task(name="trail.seal", queue="default", lock="trail.seal")
def seal(timestamp: int) -> str:
    """Seal everything settled since the last seal; the digest goes to the log, outside the database."""
    made = verifying.seal()
    return made.digest if made else ""
