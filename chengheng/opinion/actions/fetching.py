"""Pictures, videos and sounds that a feed names with a story: fetched by the fetcher's rules and put on the item.

What must not go in: opening the file. It is stored as it came, and read by the sandbox as if a person had attached it.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote, urlsplit

from django.db import transaction
from django.utils import timezone

from chengheng.common import files
from chengheng.common.errors import Refusal
from chengheng.common.files.models import Attachment
from chengheng.common.people.access import SYSTEM
from chengheng.opinion import queries
from chengheng.opinion.collect import robots
from chengheng.opinion.collect.fetcher import Answer, Caps, Fetcher, FetchFailed
from chengheng.opinion.collect.politeness import LEAST_GAP
from chengheng.opinion.models import DeadLetter, Item

MB = 1_000_000
SECONDS = 180.0
_KINDS = ("video", "audio", "image")


def fetch_medium(item: int, url: str, inside: bool = False) -> Attachment | None:
    """Fetch one file and put it on its item, which has it read; None when it was not, which is a dead letter of its source.

    `inside` lets tests reach loopback.
    """
    found = Item.objects.select_related("source").filter(pk=item).first()
    if found is None or not found.source.with_media:
        return None
    most = queries.media_limit(timezone.localdate()).megabytes * MB
    try:
        answer = asyncio.run(_fetched(url, most, inside))
        if answer.media_type.split("/")[0] not in (*_KINDS, "application"):
            raise FetchFailed("not_a_medium")
        name = unquote(urlsplit(answer.url).path.rsplit("/", 1)[-1])[-100:] or "medium"
        stored = files.store(answer.body, name)
        if stored.media_type.split("/")[0] not in _KINDS:
            raise FetchFailed("not_a_medium")
        with transaction.atomic():
            return files.attach(stored, found, "medium", SYSTEM, name)
    except (FetchFailed, Refusal) as problem:
        reason = problem.reason if isinstance(problem, FetchFailed) else problem.code
        DeadLetter.objects.create(source=found.source, url=url[:2000], reason=f"medium_{reason}"[:80])
        return None


async def _fetched(url: str, most: int, inside: bool) -> Answer:
    parts = urlsplit(url)
    caps = Caps(bytes_in=most, bytes_out=most, seconds=SECONDS)
    async with Fetcher(caps, inside=inside, together=1) as fetcher:
        try:
            rules = robots.read(200, (await fetcher.get(f"{parts.scheme}://{parts.netloc}/robots.txt")).body)
        except FetchFailed as failed:
            if failed.reason.startswith("refused_"):
                raise  # not an address to fetch anything from
            rules = robots.read(failed.status, b"")
        if not rules.may(url):
            raise FetchFailed("robots", permanent=True)
        await asyncio.sleep(0.0 if inside else max(LEAST_GAP, min(rules.delay(), 60.0)))
        return await fetcher.get(url)


__all__ = ["fetch_medium"]
