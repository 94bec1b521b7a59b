"""What runs by itself in the file store."""

from __future__ import annotations

from chengheng.common.jobs import queue


@queue.periodic(cron="40 2 * * *")
@queue.task(name="files.tidy", queue="default")
def tidy(timestamp: int) -> None:
    """Remove left-overs of broken uploads, then let go of what is kept long enough."""
    from chengheng.common.files.attaching import let_go
    from chengheng.common.files.keeping import sweep

    sweep()
    while let_go():
        pass
