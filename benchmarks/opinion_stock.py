"""Ten million stored items: what a search, the pages and an alert rule's test-bench cost, and storing on top of them.

CHENGHENG_BENCH_ITEMS=10000000 (default 200,000) says how many; a stock that is there already is used again. The texts are
clauses of the shared corpora put together anew: a block of 249,856 different items (61 segments), written by the
product's own COPY and concordance, then repeated by the database with later numbers and days. Every statement over
10 ms is kept with its plan in var/bench/opinion_stock.explain.txt.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


ITEMS = int(os.environ.get("CHENGHENG_BENCH_ITEMS", "200000"))
TIMES = int(os.environ.get("CHENGHENG_BENCH_TIMES", "5"))
SEGMENTS = 61
BLOCK = SEGMENTS * 4096
DAYS = 365  # over which ten million items are spread
EVENTS = 5000  # of a block
SOURCES = 2000
CHANNELS = {
    "weibo": 50, "wechat": 15, "news": 12, "forum": 8, "tieba": 5, "app": 4, "blog": 3, "video": 2.5, "picture": 0.5,
}  # fmt: skip
RARE = "蓝鲸桥"  # one item in 100,000
TOPICS = (("0101", "暴露垃圾"), ("0107", "道路破损"), ("0202", "占道经营"), ("0301", "违法建筑"), ("0405", "路灯不亮"))


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
    yield
    with connection.cursor() as cursor:
        cursor.execute("set maintenance_work_mem = '512MB'")
        for _name, text in indexes:
            cursor.execute(text.replace(" ON ONLY ", " ON "))


def fill(items: int) -> None:
    """So many items, their events, alerts, sources and concordance, and nothing else."""
    from django.db import connection

    from chengheng.opinion import partitions
    from chengheng.opinion.copying import copy_rows
    from chengheng.opinion.models import Rule, Source

    now = datetime.now(UTC)
    begun = now - timedelta(days=DAYS) * (items / 10_000_000)
    chance = random.Random(7)
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit = off")
        cursor.execute(
            "truncate opinion_source, opinion_rule, opinion_event, opinion_item, opinion_concordance, opinion_seen cascade"
        )
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


def index(first: int, count: int, copies: int) -> None:
    """The concordance of the stock: of the first block by the product, of its repetitions by shifting segments."""
    from django.db import connection, transaction

    from chengheng.opinion import concordance

    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("truncate opinion_concordance")
    for segment in range(first // 4096, (first + count) // 4096):
        with transaction.atomic():
            concordance._write(segment)
    print(f"    {count // 4096} segments in {time.perf_counter() - began:.0f} s", flush=True)
    with connection.cursor() as cursor:
        for copy in range(1, copies):
            cursor.execute(
                "insert into opinion_concordance (bucket, segment, postings)"
                f" select bucket, segment + {copy * SEGMENTS}, postings from opinion_concordance"
                f" where segment < {(first + count) // 4096} order by segment, bucket"
            )
        cursor.execute("vacuum analyze opinion_concordance")
    print(f"    concordance in {time.perf_counter() - began:.0f} s", flush=True)
