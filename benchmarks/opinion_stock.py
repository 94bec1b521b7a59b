"""Ten million stored items: what a search, the pages and an alert rule's test-bench cost, and storing on top of them.

CHENGHENG_BENCH_ITEMS=10000000 (default 200,000) says how many; a stock that is there already is used again. The texts are
clauses of the shared corpora put together anew: a block of 249,856 different items (61 segments), written by the
product's own COPY and concordance, then repeated by the database with later numbers and days; the partitions that are
full are bound (with CHENGHENG_BENCH_UNBOUND set they are not; CHENGHENG_BENCH_ONLY=search,export asks only what is named so). Beside the time of the wall stands that of the processor, ours and the database's. The
statements of what takes over 100 ms are kept with their plans in var/bench/opinion_stock.explain.txt.
"""

from __future__ import annotations

import os
import random
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from benchmarks.report import Report  # noqa: E402 - the environment comes first

ITEMS = int(os.environ.get("CHENGHENG_BENCH_ITEMS", "200000"))
TIMES = int(os.environ.get("CHENGHENG_BENCH_TIMES", "5"))
SEGMENTS = 61
BLOCK = SEGMENTS * 4096
BOUND = 2  # partitions bound by the product
DAYS = 365  # over which ten million items are spread
EVENTS = 5000  # of a block
SOURCES = 2000
CHANNELS = {
    "weibo": 50, "wechat": 15, "news": 12, "forum": 8, "tieba": 5, "app": 4, "blog": 3, "video": 2.5, "picture": 0.5,
}  # fmt: skip
RARE = "蓝鲸桥"  # one item in 100,000
TOPICS = (("0101", "暴露垃圾"), ("0107", "道路破损"), ("0202", "占道经营"), ("0301", "违法建筑"), ("0405", "路灯不亮"))


TRIED: list[Any] = []  # what the test-bench answered


def _clauses() -> list[str]:
    from benchmarks.opinion import _load

    texts = [row["t"] for name in ("weibo2018_train", "teddy_hot4326", "chnsenti_train") for row in _load(name)]
    found = {clause.strip() for text in texts for clause in re.split(r"[。！？；，\n]", text.replace("\x00", " "))}
    return sorted(clause for clause in found if 5 <= len(clause) <= 60)


def _rows(first: int, count: int, begun: datetime, clauses: list[str], chance: random.Random) -> Iterator[list[Any]]:
    """`count` items from number `first` on, each as the values of the columns that are written."""
    from chengheng.opinion.actions.arriving import _grams
    from chengheng.opinion.analyser import text

    step = timedelta(days=DAYS) / 10_000_000
    channels = chance.choices(list(CHANNELS), list(CHANNELS.values()), k=count)
    by_channel: dict[str, list[int]] = {}
    for source in range(SOURCES):
        by_channel.setdefault(list(CHANNELS)[source % len(CHANNELS)], []).append(source + 1)
    for at in range(0, count, 2000):
        rows = []
        for number in range(first + at, first + min(at + 2000, count)):
            channel = channels[number - first]
            body = "，".join(chance.choices(clauses, k=chance.choice((3, 4, 5, 6, 6, 7, 30)))) + "。"
            if chance.random() < 1e-5:
                body = f"{RARE}边上{body}"
            title = chance.choice(clauses)[:30] if channel in ("news", "forum", "app", "blog") else ""
            when = begun + step * number
            relevant = chance.random() < 0.15
            topic = chance.choice(TOPICS) if relevant else ("", "")
            event = None
            if relevant or chance.random() < 0.03:
                event = 1 if chance.random() < 0.05 else 1 + min(EVENTS - 1, int((number - first) / BLOCK * EVENTS))
            rows.append(
                [number, chance.choice(by_channel[channel]), channel, f"https://bench.example/{number}", title, body,
                 chance.getrandbits(62), 0 if chance.random() < 0.9 else chance.randrange(100_000),
                 when - timedelta(minutes=chance.randrange(1, 40)), when, when, chance.getrandbits(62),
                 chance.randbytes(128), number - chance.randrange(1, 2000) if chance.random() < 0.08 else 0, event,
                 0.9 if relevant else 0.1, "negative" if chance.random() < 0.3 else "", *topic, False,
                 f"1201{chance.randrange(1, 17):02}" if chance.random() < 0.4 else "", [], chance.getrandbits(62), ""]
            )  # fmt: skip
        grams = _grams(text.normalise([f"{row[4]}\n{row[5]}" if row[4] else row[5] for row in rows]))
        for row, keys in zip(rows, grams, strict=True):
            yield [*row, keys]


_COLUMNS = {
    "id": "int8", "source_id": "int8", "channel": "text", "url": "text", "title": "text", "body": "text",
    "author": "int8", "reach": "int4", "published_at": "moment", "collected_at": "moment", "stored_at": "moment",
    "digest": "int8", "signature": "bytea", "original": "int8", "event_id": "int8", "relevance": "float8",
    "sentiment": "text", "topic_code": "text", "topic_name": "text", "doubted": "bool", "area_code": "text",
    "rules": "int4[]", "identity": "int8", "label": "text", "grams": "int4[]",
}  # fmt: skip


@contextmanager
def _without_indexes() -> Iterator[None]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index"
            " where indrelid = 'opinion_item'::regclass and not indisprimary"
        )
        indexes = cursor.fetchall()
        for name, _text in indexes:
            cursor.execute(f"drop index {name}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("set maintenance_work_mem = '512MB'")
            for _name, text in indexes:
                cursor.execute(text.replace(" ON ONLY ", " ON "))


def fill(items: int) -> None:
    """So many items, their events, alerts, sources and concordance, and nothing else."""
    from django.db import connection

    from benchmarks.opinion import empty
    from chengheng.opinion import partitions
    from chengheng.opinion.copying import copy_rows
    from chengheng.opinion.models import Rule, Source

    now = datetime.now(UTC)
    begun = now - timedelta(days=DAYS) * (items / 10_000_000)
    chance = random.Random(7)
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit = off")
    empty()
    Source.objects.bulk_create(
        Source(id=n + 1, name=f"source {n}", channel=list(CHANNELS)[n % len(CHANNELS)], way="push", region="120101",
               last_item_at=now, answered_at=now)
        for n in range(SOURCES)
    )  # fmt: skip
    Rule.objects.bulk_create(Rule(id=n + 1, name=f"rule {n}", notation="井盖缺失") for n in range(50))
    count = min(items, BLOCK) // 4096 * 4096
    copies = max(1, items // BLOCK)
    shift = timedelta(days=DAYS) / 10_000_000 * BLOCK
    first = 4096
    partitions.make_room(0, first + copies * BLOCK)
    copy_rows(
        "opinion_event",
        {"id": "int8", "title": "text", "first_item": "int8", "first_at": "moment", "last_at": "moment", "items": "int4",
         "channels": "jsonb", "area_code": "text", "topic_code": "text", "topic_name": "text", "vector": "bytea",
         "changed_at": "moment"},
        ((n + 1, f"event {n}", first + n * BLOCK // EVENTS, begun + shift * (n / EVENTS),
          begun + shift * (n / EVENTS + 0.01), 9, {"weibo": 5, "news": 4}, "", "", "", b"", begun)
         for n in range(EVENTS)),
    )  # fmt: skip
    clauses, began = _clauses(), time.perf_counter()
    with _without_indexes():
        rows = _rows(first, count, begun, clauses, chance)
        for _part in range(0, count, 4096):
            copy_rows("opinion_item", _COLUMNS, [next(rows) for _ in range(4096)])
        print(f"    {count:,} items written in {time.perf_counter() - began:.0f} s", flush=True)
        names = ", ".join(_COLUMNS)
        for copy in range(1, copies):
            said = {
                "id": f"id + {copy * BLOCK}", "event_id": f"case when event_id = 1 then 1 else event_id + {copy * EVENTS} end", "digest": f"digest + {copy}",
                "original": f"case when original = 0 then 0 else original + {copy * BLOCK} end",
                "identity": f"identity + {copy}",
            } | {name: f"{name} + %s" for name in ("published_at", "collected_at", "stored_at")}  # fmt: skip
            with connection.cursor() as cursor:
                cursor.execute(
                    "insert into opinion_event (id, title, first_item, first_at, last_at, items, channels, area_code,"
                    " topic_code, topic_name, vector, changed_at)"
                    f" select id + {copy * EVENTS}, title, first_item + {copy * BLOCK}, first_at + %s, last_at + %s,"
                    " items, channels, area_code, topic_code, topic_name, vector, changed_at from opinion_event"
                    f" where id <= {EVENTS}",
                    [shift * copy, shift * copy],
                )
                cursor.execute(
                    f"insert into opinion_item ({names}) select {', '.join(said.get(name, name) for name in _COLUMNS)}"
                    f" from opinion_item where id >= {first} and id < {first + BLOCK}",
                    [shift * copy] * 3,
                )
            print(f"    {(copy + 1) * BLOCK:,} items after {time.perf_counter() - began:.0f} s", flush=True)
    last = first + (copies - 1) * BLOCK + count
    with connection.cursor() as cursor:
        cursor.execute("select setval('opinion_item_number', %s)", [last - 1])
        cursor.execute("select setval('opinion_event_id_seq', %s)", [copies * EVENTS])
        # One event that everybody talks of, all year.
        cursor.execute(
            "update opinion_event set last_at = %s, items = (select count(*) from opinion_item where event_id = 1)"
            " where id = 1", [now],
        )  # fmt: skip
        cursor.execute(
            "insert into opinion_seen (source_id, identity) select source_id, identity from opinion_item order by 1, 2"
        )
        cursor.execute(
            "insert into opinion_alert (state, state_since, alert_level, version, rule_id, item_id, event_id, title,"
            " level, area_code, channel, items, published_at, collected_at, raised_at, from_publication,"
            " from_collection, conclusion, told_at)"
            " select case when id < %s then 'closed' else 'raised' end, stored_at, 0, 1, 1 + id %% 50, id, event_id,"
            " left(body, 60), 'warning', area_code, channel, 1, published_at, collected_at, stored_at, 600, 2, '',"
            " stored_at from opinion_item where id %% 500 = 7",
            [last - 100_000],
        )
    print(f"    indexes, identities and alerts after {time.perf_counter() - began:.0f} s", flush=True)
    index(first, count, copies)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    print(f"    filled in {time.perf_counter() - began:.0f} s", flush=True)


def _shift() -> int:
    """Microseconds from a block to its next repetition."""
    return round(DAYS * 86_400_000_000 / 10_000_000 * BLOCK)


def index(first: int, count: int, copies: int) -> None:
    """The segments of the stock: of the first block by the product, of its repetitions by shifting them. Only those are
    needed that the product binds then, or that are not bound; the groups of the others are shifted too (`bind`)."""
    from django.db import connection, transaction

    from chengheng.opinion import concordance, groups
    from chengheng.opinion.copying import copy_rows

    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit = off")
        cursor.execute("truncate opinion_concordance, opinion_binding, opinion_bound")
    for segment in range(first // 4096, (first + count) // 4096):
        with transaction.atomic():
            concordance._write(segment)
    print(f"    {count // 4096} segments in {time.perf_counter() - began:.0f} s", flush=True)
    full = (first + (copies - 1) * BLOCK + count) // groups.SPAN
    wanted = [
        copy for copy in range(1, copies)
        if first + copy * BLOCK < BOUND * groups.SPAN or first + (copy + 1) * BLOCK > full * groups.SPAN
    ]  # fmt: skip
    with connection.cursor() as cursor:
        for copy in wanted:
            cursor.execute(
                "insert into opinion_concordance (bucket, segment, postings)"
                f" select bucket, segment + {copy * SEGMENTS}, postings from opinion_concordance"
                f" where segment < {(first + count) // 4096} and bucket >= 0 order by segment, bucket"
            )
        marks = _marks()
        copy_rows(
            "opinion_concordance", {"bucket": "int4", "segment": "int8", "postings": "bytea"},
            [(-1, segment + copy * SEGMENTS, concordance._times.pack(begin + copy * _shift(), end + copy * _shift()))
             for copy in wanted for segment, begin, end in marks],
        )  # fmt: skip
        cursor.execute("vacuum analyze opinion_concordance")
    print(f"    segments of {len(wanted) + 1} blocks in {time.perf_counter() - began:.0f} s", flush=True)


def _marks() -> list[tuple[int, int, int]]:
    """The segments of the first block, and from when to when their items came, in microseconds."""
    from django.db import connection

    from chengheng.opinion import concordance

    with connection.cursor() as cursor:
        cursor.execute(
            "select segment, postings from opinion_concordance where bucket = -1 order by 1 limit %s", [SEGMENTS]
        )
        return [(segment, *concordance._times.unpack(bytes(held))) for segment, held in cursor.fetchall()]


def _groups(numbers: range, first: int, copies: int) -> list[Any]:
    """Groups made of the first block's segments, shifted to each of its repetitions; they answer when the `Binding`s
    that come back are stored."""
    import numpy as np
    from django.db import connection, transaction

    from chengheng.opinion import binding, concordance, groups
    from chengheng.opinion.copying import copy_rows
    from chengheng.opinion.models import Binding

    began = time.perf_counter()
    for bucket in range(0, concordance.BUCKETS, binding._TOGETHER):
        with connection.cursor() as cursor:
            cursor.execute(
                "select bucket, segment, postings from opinion_concordance"
                " where bucket >= %s and bucket < %s and segment < %s",
                [bucket, bucket + binding._TOGETHER, first // 4096 + SEGMENTS],
            )
            pairs = binding._pairs(0, cursor.fetchall()).astype(np.int64)
        keys, items = pairs >> groups.PLACE_BITS << groups.PLACE_BITS, pairs & ((1 << groups.PLACE_BITS) - 1)
        for number in numbers:
            parts = []
            for copy in range(copies):
                places = items + copy * BLOCK - number * groups.SPAN
                own = (places >= 0) & (places < groups.SPAN)
                parts.append((keys[own] | places[own]).astype(np.uint64))
            every = np.sort(np.concatenate(parts))
            with transaction.atomic():
                copy_rows("opinion_bound", binding._COLUMNS, binding._rows(number, every))
    marks, found = _marks(), []
    for number in numbers:
        times = b""
        for segment in range(*(one + at for at, one in enumerate(binding._segments(number)))):
            copy, at = divmod(segment - first // 4096, SEGMENTS)
            times += concordance._times.pack(marks[at][1] + copy * _shift(), marks[at][2] + copy * _shift())
        spans = [concordance.times_of(times[at : at + 16]) for at in range(0, len(times), 16)]
        found.append(
            Binding(number=number, written=concordance.BUCKETS, done=True, first_at=min(one for one, _ in spans),
                    last_at=max(one for _, one in spans), times=times)
        )  # fmt: skip
    print(f"    groups {numbers.start} to {numbers.stop - 1} in {time.perf_counter() - began:.0f} s", flush=True)
    return found


def bind(report: Report) -> None:
    """Bind full partitions, and say what that costs; a small stock has none. Two by the product, the others, which are
    repetitions, by shifting."""
    from django.db import connection

    from chengheng.opinion import binding, concordance, groups
    from chengheng.opinion.models import Binding

    first, copies = 4096, max(1, ITEMS // BLOCK)
    full = concordance.sealed_to() // groups.SPAN
    if Binding.objects.filter(done=True).count() < full:
        shifted = _groups(range(BOUND, full), first, copies) if full > BOUND else []
        pieces: list[float] = []
        began = _clock()
        while Binding.objects.filter(done=True).count() < min(BOUND, full):
            at = time.perf_counter()
            binding.step()
            pieces.append((time.perf_counter() - at) * 1000)
        wall, spent = (one / min(BOUND, full) / groups.SPAN * 1000 for one in _since(began))
        report.line("binding a million items", wall, "s", f"processor {spent:.1f} s; {len(pieces)} pieces")
        report.line("binding: a piece", statistics.median(pieces), "ms", f"the longest {max(pieces):,.0f} ms")
        report.line("binding: memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")
        Binding.objects.bulk_create(shifted)
        began, pieces = _clock(), []
        while binding.step():
            pieces.append(0)
        wall, spent = _since(began)
        report.line("deleting the segments", wall / 1000, "s", f"processor {spent / 1000:.1f} s; {len(pieces)} pieces")
        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze opinion_bound, opinion_binding")
            cursor.execute("vacuum full opinion_concordance")
            cursor.execute("analyze opinion_concordance")
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_total_relation_size('opinion_bound'), pg_total_relation_size('opinion_concordance'),"
            " (select count(*) from opinion_bound), (select count(*) from opinion_concordance where bucket = -1)"
        )
        bound, words, rows, segments = map(float, cursor.fetchone())
    if full:
        within = full * groups.SPAN
        report.line("disk of a bound item", bound / within, "bytes", f"{full} groups, {rows / within:.3f} rows an item")
    report.line("disk of an item in segments", words / max(1, segments * 4096), "bytes", f"{segments:,.0f} segments")


def _clock() -> tuple[float, float]:
    """Now by the wall, and the processor time so far of this process and of its connection's server process, in seconds."""
    from django.db import connection

    connection.ensure_connection()
    with open(f"/proc/{connection.connection.info.backend_pid}/schedstat") as said:
        database = int(said.read().split()[0]) / 1e9
    return time.perf_counter(), time.process_time() + database


def _since(began: tuple[float, float]) -> tuple[float, float]:
    """Milliseconds since `_clock`: by the wall, of processor time."""
    wall, spent = _clock()
    return (wall - began[0]) * 1000, (spent - began[1]) * 1000


_FRESH = """
import sys, time
from benchmarks.opinion_stock import _clock, _person, _since
from benchmarks.patrol_growth import _client
import django
django.setup()
from django.conf import settings
from django.utils import translation
settings.ALLOWED_HOSTS = ["*"]
translation.activate("zh-hans")
client = _client(_person())
began = _clock()
assert client.get(sys.argv[1]).status_code == 200
print(*_since(began))
"""


def _fresh(address: str) -> tuple[float, float]:
    """Milliseconds of the first page of a web process that has just begun: by the wall, of processor time."""
    said = subprocess.run([sys.executable, "-c", _FRESH, address], capture_output=True, text=True, check=True)
    wall, spent = map(float, said.stdout.split()[-2:])
    return wall, spent


def works(person: Any) -> dict[str, tuple[Callable[[], Any], float]]:
    """What is measured, with its goal in milliseconds (0: none was set)."""
    from django.db.models import Max
    from django.http import QueryDict
    from django.urls import reverse
    from django.utils import timezone

    from benchmarks.patrol_growth import _client
    from chengheng.common.people.access import SYSTEM
    from chengheng.common.tables import asking, exporting
    from chengheng.common.tables.declaration import get
    from chengheng.common.tables.models import SavedView
    from chengheng.opinion import actions, queries
    from chengheng.opinion.models import Alert, Item, Rule

    client = _client(person)

    def got(url: str) -> Callable[[], Any]:
        def ask() -> None:
            answer = client.get(url)
            assert answer.status_code == 200, (url, answer)

        return ask

    def written(query: str) -> Callable[[], Any]:
        """The export of a list as it is written, counted first."""

        def ask() -> None:
            table = get("opinion.item")()
            listing = asking.parse(table, person, QueryDict(query))
            exporting.count_for_export(listing)
            assert list(exporting.csv_lines(listing))

        return ask

    newest = Item.objects.aggregate(n=Max("pk"))["n"]
    month = timezone.localdate() - timedelta(days=int(DAYS * min(1, ITEMS / 10_000_000) * 0.8))
    until = month + timedelta(days=30)
    items, search = reverse("opinion:items"), reverse("opinion:search")
    saved, _made = SavedView.objects.get_or_create(
        user=person, table="opinion.item", name="bench", defaults={"query": f"q={RARE}&channel=weibo", "columns": []}
    )

    def find(words: str, **more: Any) -> Callable[[], Any]:
        return lambda: queries.search(SYSTEM, words, 30, **more)

    tried: list[Any] = TRIED
    alert = Alert.objects.order_by("-pk").values_list("pk", flat=True)[0]
    old = newest // 4
    return {
        "search: a rare word": (find(RARE), 200),
        "search: a word that is not there": (find("鸑鷟桥塌"), 200),
        "search: a common word": (find("我们"), 200),
        "search: two common words": (find("我们 时候"), 200),
        "search: two words seldom together": (find("酒店大堂 堵车"), 200),
        "search: common, a rare kind of channel": (find("我们", channels=["picture"]), 200),
        "search: common, thirty days long ago": (find("我们", first=month, last=until), 200),
        "search: rare, one kind of channel, thirty days": (
            find(RARE, channels=["weibo"], first=month, last=until), 200),
        "search: common, older ones": (find("我们", before=old), 200),
        "saved search": (got(f"{items}?view={saved.pk}"), 200),
        "page: overview": (got(reverse("opinion:overview")), 0),
        "page: search, common word": (got(f"{search}?q=我们"), 0),
        "page: items, newest": (got(items), 0),
        "page: items, a rare kind of channel": (got(f"{items}?channel=picture"), 0),
        "page: items, an area and a kind": (got(f"{items}?channel=blog&area_code=120116"), 0),
        "page: items, a class": (got(f"{items}?topic_name=路灯"), 0),
        "page: items, two words": (got(f"{items}?q=我们 时候"), 0),
        "page: items, about city management": (got(f"{items}?about=1"), 0),
        "page: items, thirty days long ago": (got(f"{items}?collected_at_from={month}&collected_at_to={until}"), 0),
        "page: events": (got(reverse("opinion:events")), 0),
        "page: an event of a few items": (got(reverse("opinion:event", args=[EVENTS * min(2, max(1, ITEMS // BLOCK) - 1) + 77])), 0),
        "page: the largest event": (got(reverse("opinion:event", args=[1])), 0),
        "page: alerts": (got(reverse("opinion:alerts")), 0),
        "page: an alert": (got(reverse("opinion:alert", args=[alert])), 0),
        "page: an item": (got(reverse("opinion:item", args=[newest - 5])), 0),
        "page: a source": (got(reverse("opinion:source", args=[5])), 0),
        "test-bench: a rule of rare words, 30 days": (
            lambda: actions.try_rule(SYSTEM, Rule(name="t", notation=f"{RARE} 边上"), 30), 0),
        "test-bench: a rule of common words, 30 days": (
            lambda: tried.append(actions.try_rule(SYSTEM, Rule(name="t", notation="垃圾|路灯 小区"), 30)), 0),
        "export: a rare word": (written(f"q={RARE}"), 0),
        "export: two words seldom together": (written("q=酒店大堂 堵车"), 0),
        "export: two common words, a rare kind of channel": (written("q=我们 时候&channel=picture"), 0),
    }  # fmt: skip


def _person() -> Any:
    from chengheng.common.people.models import Duty, Organisation, User

    office, _made = Organisation.objects.get_or_create(code="BENCH", defaults={"name": "Bench", "kind": "centre"})
    user, _made = User.objects.get_or_create(
        username="stock_chief", defaults={"organisation": office, "password": "!", "display_name": "chief"}
    )
    Duty.objects.get_or_create(
        user=user, role="opinion.chief", organisation=office, defaults={"starts_on": "2020-01-01"}
    )
    return user


def run(report: Report) -> None:
    from benchmarks.limits import site
    from benchmarks.opinion import FOLDER

    if not FOLDER.exists():
        print("  the texts are not at hand (CHENGHENG_SHARED): nothing measured")
        return
    with site():
        measure(report)


def measure(report: Report) -> None:
    """Fill when needed, then ask everything: the median of some warm calls, and the first, cold one."""
    from django.conf import settings
    from django.db import connection
    from django.urls import reverse
    from django.utils import translation

    from benchmarks.patrol_growth import _explain
    from chengheng.opinion.models import Item

    settings.ALLOWED_HOSTS = ["*"]
    translation.activate("zh-hans")
    wanted = max(1, ITEMS // BLOCK) * min(ITEMS, BLOCK) // 4096 * 4096
    with connection.cursor() as cursor:
        cursor.execute("select last_value from opinion_item_number")
        there = cursor.fetchone()[0]
    if abs(there - wanted) > 20_000:
        fill(ITEMS)
    with connection.cursor() as cursor:
        cursor.execute(
            "select sum(pg_total_relation_size(inhrelid)), sum(pg_indexes_size(inhrelid)) from pg_inherits"
            " where inhparent = 'opinion_item'::regclass"
        )
        whole, indexes = map(float, cursor.fetchone())
    report.line("stored items", wanted, "", f"{min(wanted, BLOCK):,} of them different texts")
    report.line("disk an item: table", (whole - indexes) / wanted, "bytes", f"all {whole / 1e9:.1f} GB with indexes")
    report.line("disk an item: indexes", indexes / wanted, "bytes")
    if "CHENGHENG_BENCH_UNBOUND" not in os.environ:
        bind(report)
    late, person = 0, _person()
    with open("var/bench/opinion_stock.explain.txt", "w") as plans:
        for what, (work, goal) in works(person).items():
            if not any(one in what for one in os.environ.get("CHENGHENG_BENCH_ONLY", "").split(",")):
                continue
            spent = []
            for _time in range(TIMES + 1):
                began = _clock()
                work()
                spent.append(_since(began))
            median, busy = (statistics.median(one) for one in zip(*spent[1:], strict=True))
            late += bool(goal) and median > goal
            note = f"processor {busy:,.0f} ms; first {spent[0][0]:,.0f} ms" + (f"; goal {goal:.0f}" if goal else "")
            report.line(what, median, "ms", note)
            if median > 100:
                _explain(work, what, plans)
    for trial in TRIED[-1:]:
        told = "complete" if trial.complete else f"not complete: back to {trial.reached:%Y-%m-%d %H:%M}"
        report.line(
            "test-bench, common words: items asked", trial.looked_at, "", f"{trial.count:,} would have fired; {told}"
        )
    newest = Item.objects.order_by("-pk").values_list("pk", flat=True)[0]
    for what, address in (("an item", reverse("opinion:item", args=[newest - 5])), ("items", reverse("opinion:items"))):
        wall, busy = _fresh(address)
        report.line(f"first page of a new web process: {what}", wall, "ms", f"processor {busy:,.0f} ms")
    report.line("searches over their goal", late, "")
