"""Two thousand feeds on loopback, one in ten of them ill, collected by a process that is killed on the way.

Every story that a feed served in a whole answer must be stored once and have raised its alert; what is measured is the
time from collection to alert, and from publication to alert at this run's interval. CHENGHENG_BENCH_FEEDS and
CHENGHENG_BENCH_SECONDS change the size (2,000 feeds, 150 s, each read every minute).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from benchmarks.report import Report

FEEDS = int(os.environ.get("CHENGHENG_BENCH_FEEDS", "2000"))
SECONDS = float(os.environ.get("CHENGHENG_BENCH_SECONDS", "150"))
ILL = ("error", "hang_up", "drip", "broken", "endless", "slow")  # what the ill feeds do, in turn
COLLECTOR = """
import asyncio, signal
import django; django.setup()
from chengheng.opinion.collect.fetcher import Caps, Fetcher
from chengheng.opinion.collector import Collector
async def main():
    collector = Collector(Fetcher(Caps(seconds=5), inside=True), gap=0.0)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, collector.stopping.set)
    await collector.run()
asyncio.run(main())
"""


class Feeds:
    """The feeds: every healthy one has a new story every now and then and keeps its last ten."""

    def __init__(self, count: int) -> None:
        self.chance = random.Random(7)
        self.stories: list[list[tuple[str, datetime]]] = [[] for _ in range(count)]
        self.served: set[str] = set()
        self.answers = 0
        self.publishing = True

    def ill(self, number: int) -> str:
        return ILL[number // 10 % len(ILL)] if number % 10 == 3 else ""

    def publish(self) -> None:
        number = self.chance.randrange(len(self.stories))
        told = self.stories[number]
        name = f"{number}-{len(told)}"
        told.append((name, datetime.now(UTC)))

    def body(self, number: int) -> tuple[bytes, list[str]]:
        told = self.stories[number][-10:]
        items = "".join(
            f"<item><title>{name} 号井盖缺失 {hash(name) % 99991}</title><guid>{name}</guid>"
            f"<pubDate>{format_datetime(when)}</pubDate><description>路口的井盖不见了，编号 {name}</description></item>"
            for name, when in told
        )
        page = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{items}</channel></rss>'
        return page.encode(), [name for name, _when in told]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
            head = (
                b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/rss+xml\r\nContent-Length: %d\r\n\r\n"
            )
            if not path.startswith("/f/"):
                writer.write(head % (b"404 Not Found", 0))
                await writer.drain()
                return
            self.answers += 1
            number = int(path[3:])
            ill, (page, names) = self.ill(number), self.body(number)
            if ill == "error":
                writer.write(head % (b"503 Unavailable", 0))
            elif ill == "hang_up":
                writer.write(head % (b"200 OK", len(page) + 100) + page[:40])
            elif ill == "broken":
                writer.write(head % (b"200 OK", 30) + b"<rss><channel><item><<<&&&&&&&")
            elif ill == "drip":
                writer.write(head % (b"200 OK", 9999))
                for _ in range(100):
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.2)
            elif ill == "endless":
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                for _ in range(60):
                    writer.write(b"x" * 1_000_000)
                    await writer.drain()
            else:
                if ill == "slow":
                    await asyncio.sleep(3)
                writer.write(head % (b"200 OK", len(page)) + page)
                await writer.drain()
                self.served.update(names)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    async def live(self, ready: threading.Event, ports: list[int], stop: threading.Event) -> None:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        while not stop.is_set():
            if self.publishing:
                for _ in range(max(1, len(self.stories) // 400)):
                    self.publish()
            await asyncio.sleep(0.5)
        server.close()


def run(report: Report) -> None:
    """Serve, collect, kill, collect on, count."""
    from chengheng.project.embedded import Embedded

    with Embedded.of_site().running():
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        _run(report)


def _run(report: Report) -> None:
    from django.utils import timezone

    from benchmarks.opinion import empty
    from chengheng.opinion.models import Alert, Arrival, DeadLetter, Item, Rule, Source
    from chengheng.opinion.rules import percentile

    empty()
    feeds, ready, stop, ports = Feeds(FEEDS), threading.Event(), threading.Event(), []  # type: ignore[var-annotated]
    server = threading.Thread(target=lambda: asyncio.run(feeds.live(ready, ports, stop)), daemon=True)
    server.start()
    ready.wait(10)
    Rule.objects.create(name="井盖", notation="井盖缺失", merge=False, cool_down_minutes=60)
    now = timezone.now()
    Source.objects.bulk_create(
        Source(name=f"feed {n}", channel="news", way="feed", url=f"http://127.0.0.1:{ports[0]}/f/{n}",
               interval_minutes=1, next_at=now + timedelta(seconds=60 * n / FEEDS))
        for n in range(FEEDS)
    )  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", COLLECTOR])

    began = time.monotonic()
    collector = start()
    try:
        time.sleep(SECONDS * 0.5)
        collector.send_signal(signal.SIGKILL)
        collector.wait()
        killed = Item.objects.count()
        collector = start()
        time.sleep(SECONDS * 0.5)
        feeds.publishing = False
        until = time.monotonic() + SECONDS
        told = {
            name for number, own in enumerate(feeds.stories) if feeds.ill(number) in ("", "slow") for name, _ in own
        }
        while time.monotonic() < until and (len(feeds.served) < len(told) or Item.objects.count() < len(told)):
            time.sleep(1)
    finally:
        collector.send_signal(signal.SIGTERM)
        collector.wait()
        stop.set()
    seconds = time.monotonic() - began
    stored = Item.objects.count()
    distinct = Item.objects.values("source", "identity").distinct().count()
    alerts = list(Alert.objects.values_list("from_collection", "from_publication"))
    if (
        Arrival.objects.exists()
        or stored != distinct
        or stored < len(feeds.served)
        or sum(Alert.objects.values_list("items", flat=True)) != stored
    ):
        raise AssertionError(f"{len(feeds.served)} served, {stored} stored, {distinct} distinct, {len(alerts)} alerts")
    report.line(
        "collection to alert, P95", percentile([row[0] for row in alerts], 0.95) or 0, "s",
        f"{FEEDS:,} feeds, {FEEDS // 10} of them ill, {feeds.answers / seconds:.0f} answers/s, {stored} stories,"
        f" {len(alerts)} alerts; killed at {killed} items, nothing lost or doubled",
    )  # fmt: skip
    report.line(
        "publication to alert, P95", percentile([row[1] for row in alerts if row[1] is not None], 0.95) or 0, "s",
        "each feed read every minute (a city reads every 5 to 30)",
    )  # fmt: skip
    report.line("failures kept as dead letters", DeadLetter.objects.count(), "")
