"""What runs by itself besides the collector: the morning's report, and the words of pictures, videos and sounds."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from chengheng.common.jobs import queue
from chengheng.common.jobs.work import QUEUE as LONG
from chengheng.common.people.access import SYSTEM
from chengheng.opinion import actions, binding, errors
from chengheng.opinion.models import Report

log = logging.getLogger(__name__)
BIND_SECONDS = 120  # a million items take about a minute, once a partition is full


@queue.periodic(cron="30 6 * * *")
@queue.task(name="opinion.daily_report")
def daily_report(timestamp: int = 0) -> None:
    """Yesterday's report, once; a day without items gets none."""
    day = timezone.localdate() - timedelta(days=1)
    if Report.objects.filter(kind=Report.Kind.DAILY, starts_on=day, ends_on=day).exists():
        return
    try:
        actions.compose_report(SYSTEM, Report.Kind.DAILY, day, day)
    except errors.NothingToReport:
        log.info("no item on %s: no report", day)


@queue.periodic(cron="*/2 * * * *")
@queue.task(name="opinion.read_waiting")
def read_waiting(timestamp: int = 0) -> None:
    """Read what waits when no collector runs (a site that only takes deliveries); the lock keeps the two apart."""
    actions.read_all()
    actions.tell_held(timezone.now())


@queue.periodic(cron="7-59/10 * * * *")
@queue.task(name="opinion.bind_words", queue=LONG, lock="opinion.bind_words")
def bind_words(timestamp: int = 0) -> None:
    """Bind the words of older items, partition by partition; what is not done in time goes on at the next run."""
    binding.bind(BIND_SECONDS)


@queue.task(name="opinion.fetch_media", queue=LONG, lock="opinion.media")
def fetch_media(item: int, url: str) -> None:
    """Fetch a picture, video or sound that a feed named with a story, and put it on the item, which has it read."""
    actions.fetch_medium(item, url)


@queue.task(name="opinion.read_media", queue=LONG, lock="opinion.media")
def read_media(attachment: int) -> None:
    """Read a picture, video, sound or subtitle file attached to an item; one at a time on a site, among the long work."""
    actions.read_medium(attachment)
