"""What runs by itself: deliveries, and the look-out for those that a dead worker left."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chengheng.common.jobs import queue
from chengheng.common.notices.models import Delivery, Message, State

KEEP_DAYS = 180  # read notices; local rule
_LATE = timedelta(minutes=2)


@queue.task(name="notices.deliver", queue="default")
def deliver(delivery: int) -> None:
    """One attempt at a delivery. Bears being run twice: whoever claims it sends it."""
    from chengheng.common.notices.sending import attempt

    attempt(delivery)


def enqueue(delivery: Delivery) -> None:
    """Put the next attempt into the queue, in the caller's transaction, for the time that the delivery says."""
    if delivery.next_at > timezone.now():
        deliver.configure(schedule_at=delivery.next_at).defer(delivery=delivery.pk)
    else:
        deliver.defer(delivery=delivery.pk)


@queue.periodic(cron="* * * * *")
@queue.task(name="notices.look_out", queue="default")
def look_out(timestamp: int) -> None:
    """Take up again what has been due for a while: its worker died in the middle of the attempt."""
    late = Delivery.objects.filter(state=State.WAITING, next_at__lt=timezone.now() - _LATE)
    for delivery in late.order_by("next_at")[:500]:
        deliver.defer(delivery=delivery.pk)


@queue.periodic(cron="25 3 * * *")
@queue.task(name="notices.tidy", queue="default")
def tidy(timestamp: int) -> None:
    """Forget messages that are old and have no unread notice and no waiting delivery."""
    old = Message.objects.filter(at__lt=timezone.now() - timedelta(days=KEEP_DAYS))
    old.exclude(notices__read_at=None, notices__isnull=False).exclude(deliveries__state=State.WAITING).delete()
