"""What runs by itself: other systems are told of changes."""

from __future__ import annotations

from chengheng.common.jobs import queue


@queue.periodic(cron="* * * * *")
@queue.task(name="patrol.tell_hooks", queue="default", lock="patrol.tell_hooks")
def tell_hooks(timestamp: int) -> int:
    """Tell every address that is due; what it does not take is told again later."""
    from chengheng.patrol import changes

    return changes.tell_due()


@queue.task(name="patrol.tell_hooks_now", queue="default", lock="patrol.tell_hooks")
def tell_hooks_now() -> int:
    """As each minute, when somebody asks for it."""
    from chengheng.patrol import changes

    return changes.tell_due()
