"""The collector: reads the sources that are due, keeps what they brought, has the analyser read it, sweeps.

One asyncio loop; fetching is concurrent, each host is visited one at a time and slowly. All state is in the database:
a source's next reading is booked before it is read, entries and the source's new state are committed together, so a
kill at any moment loses nothing and doubles nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from chengheng.opinion import actions
from chengheng.opinion.collect import feeds, headless, pages, robots
from chengheng.opinion.collect.entries import Entry, Unreadable
from chengheng.opinion.collect.fetcher import Answer, Fetcher, FetchFailed
from chengheng.opinion.collect.politeness import LEAST_GAP, HostGate
from chengheng.opinion.models import DeadLetter, Seen, Source, Way

log = logging.getLogger(__name__)
TOGETHER = 200
READ_EVERY, SWEEP_EVERY, DUE_EVERY, HUBS_EVERY = 1.0, 30.0, 2.0, 15.0
ROBOTS_FOR = 24 * 3600.0
FULL_TEXTS = 20
R = TypeVar("R")


def book_due(now: datetime, limit: int = TOGETHER) -> list[Source]:
    """Sources that are due, with their next reading booked so that no other collector takes them."""
    with transaction.atomic():
        due = Source.objects.filter(
            active=True, dead_at__isnull=True, next_at__lte=now, way__in=(Way.FEED, Way.LIST, Way.SITEMAP)
        )
        found = list(due.select_for_update(skip_locked=True).order_by("next_at")[:limit])
        for source in found:
            source.next_at = now + timedelta(minutes=source.interval_minutes)
        Source.objects.bulk_update(found, ["next_at"])
    return found


def entries_of(source: Source, answer: Answer, now: datetime) -> list[Entry]:
    """What the answer holds, by the source's way; Unreadable."""
    if source.way == Way.FEED:
        return feeds.parse(answer.body, answer.url, answer.charset, now)
    if source.way == Way.SITEMAP:
        return pages.sitemap(answer.body, answer.url, now)[0]
    return pages.links(answer.body, answer.url, answer.charset, now, source.pick)


def unseen(source: Source, entries: list[Entry]) -> list[Entry]:
    """The entries that the source has not brought before, in their order."""
    from chengheng.opinion.actions.arriving import identity_of, packed

    known = {identity_of(str(packed(entry)["id"])): entry for entry in entries}
    old = set(Seen.objects.filter(source=source, identity__in=list(known)).values_list("identity", flat=True))
    return [entry for identity, entry in known.items() if identity not in old]


async def in_thread(function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Run database work in a thread."""

    def fresh() -> R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(fresh, thread_sensitive=True)()


class Collector:
    """Give it a fetcher of the test's own to reach loopback; the product's cannot."""

    def __init__(
        self, fetcher: Fetcher | None = None, gap: float = LEAST_GAP, bounds: headless.Bounds | None = None
    ) -> None:
        self._fetcher = fetcher or Fetcher()
        self._bounds = bounds or headless.Bounds()
        self._gap = gap
        self._gates: dict[str, HostGate] = defaultdict(lambda: HostGate(gap))
        self._robots: dict[str, tuple[float, robots.Robots]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._browser = asyncio.Lock()  # one page at a time: a browser is large
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Collect until `stopping` is set."""
        async with self._fetcher:
            loops = [
                asyncio.create_task(self._every(DUE_EVERY, self._due)),
                asyncio.create_task(self._every(READ_EVERY, self._read)),
                asyncio.create_task(self._every(SWEEP_EVERY, self._sweep)),
                asyncio.create_task(self._every(HUBS_EVERY, self.ask_hubs)),
            ]
            await self.stopping.wait()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, *self._running, return_exceptions=True)

    async def once(self, now: datetime | None = None) -> int:
        """Read every due source once and the inbox empty; returns how many sources were read. For tests and the CLI."""
        now = now or timezone.now()
        try:
            async with self._fetcher:
                due = await in_thread(book_due, now)
                await asyncio.gather(*(self.read_source(source) for source in due))
                await self.ask_hubs()
            await in_thread(actions.read_all)
        finally:
            await in_thread(connections.close_all)
        return len(due)

    async def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        while True:
            started = time.monotonic()
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("%s failed", getattr(work, "__name__", work))
            await asyncio.sleep(max(0.05, seconds - (time.monotonic() - started)))

    async def _due(self) -> None:
        room = TOGETHER - len(self._running)
        if room <= 0:
            return
        for source in await in_thread(book_due, timezone.now(), room):
            task = asyncio.create_task(self.read_source(source))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _read(self) -> None:
        while await in_thread(actions.read_arrivals):
            pass

    async def _sweep(self) -> None:
        now = timezone.now()
        await in_thread(actions.tell_held, now)
        await in_thread(actions.note_silence, now)
        await in_thread(actions.raise_bursts, now)

    async def ask_hubs(self) -> int:
        """Ask hubs for subscriptions that are due (new, denied long ago, lease running out); returns how many."""
        if not actions.public_address(self._fetcher.inside):
            return 0
        due = await in_thread(actions.book_hubs, timezone.now())
        for one in due:
            try:
                await self._turn(urlsplit(one.hub).netloc)
                await self._fetcher.post(one.hub, actions.request_of(one))
            except FetchFailed as failed:
                await in_thread(actions.note_hub_failure, one, timezone.now(), failed.reason)
        return len(due)

    async def read_source(self, source: Source) -> None:
        """One reading of one source, to its end: entries kept, or the failure noted. Nothing escapes."""
        try:
            if source.rendered and source.way == Way.LIST:
                answer = await self._rendered(source)
            else:
                answer = await self._get(source.url, source.etag, source.last_modified)
            now = timezone.now()
            entries: list[Entry] = []
            hub, topic, told = source.hub, "", False
            if answer.status != 304:
                entries = await asyncio.to_thread(entries_of, source, answer, now)
                if source.way == Way.FEED:
                    (hub, topic), told = feeds.hub_of(answer.body, answer.links), True
                entries = await self._with_texts(source, await in_thread(unseen, source, entries))
            await in_thread(
                actions.arrive, source, entries, now,
                etag=answer.etag or (source.etag if answer.status == 304 else ""),
                last_modified=answer.last_modified or (source.last_modified if answer.status == 304 else ""), hub=hub,
            )  # fmt: skip
            if told and (hub or source.hub) and actions.public_address(self._fetcher.inside):
                await in_thread(actions.note_hub, source, hub, topic)
        except FetchFailed as failed:
            await in_thread(
                actions.note_failure, source, timezone.now(), failed.reason, permanent=failed.permanent,
                retry_after=failed.retry_after,
            )  # fmt: skip
        except Unreadable as reason:
            await in_thread(actions.note_failure, source, timezone.now(), f"unreadable_{reason}")
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("reading source %s failed", source.pk)
            await in_thread(actions.note_failure, source, timezone.now(), "internal")

    async def _get(self, url: str, etag: str = "", last_modified: str = "") -> Answer:
        await self._admitted(url)
        return await self._fetcher.get(url, etag, last_modified)

    async def _admitted(self, url: str) -> None:
        """Wait for this site's turn; FetchFailed when its robots.txt says no."""
        parts = urlsplit(url)
        rules = await self._rules(f"{parts.scheme}://{parts.netloc}")
        if not rules.may(url):
            raise FetchFailed("robots", permanent=True)
        await self._turn(parts.netloc, rules.delay())

    async def _rendered(self, source: Source) -> Answer:
        """The list page as its scripts leave it; what it asked for in vain becomes a dead letter."""
        await self._admitted(source.url)
        async with self._browser:
            page = await headless.render(source.url, self._bounds, self._fetcher.resolve, self._fetcher.inside)
        for line in page.refused[:3]:
            reason, _blank, url = line.partition(" ")
            await in_thread(DeadLetter.objects.create, source=source, url=url, reason=f"page_asked_{reason}"[:80])
        return Answer(source.url, 200, page.html, "text/html", "utf-8", "", "")

    async def _turn(self, host: str, delay: float = 0.0) -> None:
        gate = self._gates[host]
        gate.gap = max(self._gap, delay)
        wait = gate.admit(time.monotonic())
        if wait:
            await asyncio.sleep(min(wait, 600.0))

    async def _rules(self, origin: str) -> robots.Robots:
        kept = self._robots.get(origin)
        if kept and time.monotonic() - kept[0] < ROBOTS_FOR:
            return kept[1]
        await self._turn(urlsplit(origin).netloc)
        try:
            answer = await self._fetcher.get(f"{origin}/robots.txt")
            found = robots.read(200, answer.body)
        except FetchFailed as failed:
            found = robots.read(failed.status, b"")
            if not failed.status:
                return found  # silence: nothing may be read now, but ask again next time
        self._robots[origin] = (time.monotonic(), found)
        return found

    async def _with_texts(self, source: Source, entries: list[Entry]) -> list[Entry]:
        """List pages and sitemaps name articles; their texts are read one by one, politely, the newest first."""
        if not source.full_text and source.way == Way.FEED:
            return entries
        done: list[Entry] = []
        for entry in entries[:FULL_TEXTS]:
            if not entry.url:
                done.append(entry)
                continue
            try:
                answer = await self._get(entry.url)
                found = await asyncio.to_thread(pages.article, answer.body, answer.url, answer.charset, timezone.now())
            except (FetchFailed, Unreadable) as problem:
                await in_thread(
                    DeadLetter.objects.create, source=source, url=entry.url, reason=f"article_{problem}"[:80]
                )
                done.append(entry)
                continue
            when = entry.published_at or found.published_at
            done.append(
                Entry(
                    entry.id,
                    entry.url,
                    entry.title or found.title,
                    found.body or entry.body,
                    when,
                    found.author,
                    entry.media,
                )
            )
        return done


async def serve() -> None:
    """The collector process, until SIGTERM or SIGINT."""
    import signal

    collector = Collector()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, collector.stopping.set)
    await collector.run()
