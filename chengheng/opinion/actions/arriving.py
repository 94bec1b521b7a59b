"""How words come in: arrivals are kept first, read afterwards, both in whole transactions.

`arrive` is the only door for feeds, deliveries and imports; `read_arrivals` takes a batch out of the inbox, analyses it
and stores items, events, comments and alerts in one transaction. A kill anywhere loses and doubles nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chengheng.opinion import concordance, partitions, reader
from chengheng.opinion.actions import alerts
from chengheng.opinion.actions.sources import note_reading
from chengheng.opinion.analyser import text
from chengheng.opinion.analyser.doubt import Story, Teller
from chengheng.opinion.analyser.kernel import Document, Reading
from chengheng.opinion.collect.entries import Entry, clean, clean_line, moment
from chengheng.opinion.collect.feeds import MOST_MEDIA, web_address
from chengheng.opinion.copying import copy_rows
from chengheng.opinion.models import Channel, Comment, Event, Item, Sentiment, Source

BATCH = 2000  # what a batch costs by itself (some forty statements) is then a few microseconds an item
READERS_LOCK = 0x6F707264  # one reader at a time, of the inbox or of an item's media
_CHANNELS = frozenset(Channel.values)  # asked for every entry; the enumeration would make the list anew each time
_NEGATIVE = {"0", "negative", "neg", "负面", "消极"}


def identity_of(words: str) -> int:
    """64-bit identity of a publisher's own id, signed as PostgreSQL wants it."""
    return int.from_bytes(hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


def author_of(name: str) -> int:
    """An author as a keyed hash: enough to see the same teller again, not enough to name one."""
    if not name:
        return 0
    key = hashlib.sha256(f"opinion.author:{settings.SECRET_KEY}".encode()).digest()[:32]
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=key).digest(), "big", signed=True)


def packed(entry: Entry | Mapping[str, Any]) -> dict[str, Any]:
    """An entry as the inbox keeps it: cleaned, bounded, JSON. A mapping may bring comments, teller, reach, channel."""
    said = asdict(entry) if isinstance(entry, Entry) else dict(entry)
    when = said.get("published_at")
    if isinstance(when, datetime):
        when = when.isoformat()
    kept: dict[str, Any] = {
        "id": clean_line(str(said.get("id") or said.get("url") or ""), 500),
        "url": web_address(str(said.get("url") or ""), ""),
        "title": clean_line(str(said.get("title") or "")),
        "body": clean(str(said.get("body") or "")),
        "published_at": when or None,
        "author": author_of(str(said.get("author") or "")),
    }
    if said.get("channel") in _CHANNELS:
        kept["channel"] = said["channel"]
    for name in ("reach",):
        if said.get(name):
            kept[name] = max(0, min(int(said[name]), 2_000_000_000))
    if isinstance(said.get("teller"), Mapping):
        who = said["teller"]
        kept["teller"] = {
            "verified": bool(who.get("verified")),
            **{name: max(0, int(who.get(name) or 0)) for name in ("followers", "friends", "messages")},
        }
    if said.get("media"):
        kept["media"] = [address for one in list(said["media"])[:MOST_MEDIA] if (address := web_address(str(one), ""))]
    if said.get("comments"):
        kept["comments"] = [
            {"at": str(one.get("at", "")), "words": clean(str(one.get("words", "")), 2000),
             "author": author_of(str(one.get("author") or ""))}
            for one in list(said["comments"])[:500]
        ]  # fmt: skip
    if not kept["id"]:
        kept["id"] = str(identity_of(kept["title"] + kept["body"]))
    return kept


_ARRIVAL = {"source_id": "int8", "identity": "int8", "entry": "jsonb", "collected_at": "moment", "batch_id": "int8"}


@transaction.atomic
def arrive(
    source: Source,
    entries: Iterable[Entry | Mapping[str, Any]],
    now: datetime | None = None,
    *,
    batch: Any = None,
    **answered: str,
) -> int:
    """Keep what a source brought, each of its entries once for ever; returns how many were new.

    `answered` (etag, last_modified, hub) is the source's new state, committed with the entries.
    """
    now = now or timezone.now()
    fresh: dict[int, dict[str, Any]] = {}
    for entry in entries:
        kept = packed(entry)
        if kept["title"] or kept["body"]:
            fresh.setdefault(identity_of(kept["id"]), kept)
    new: list[int] = []
    if fresh:
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into opinion_seen (source_id, identity) select %s, unnest(%s::bigint[])"
                " on conflict do nothing returning identity",
                [source.pk, sorted(fresh)],
            )
            new = [row[0] for row in cursor.fetchall()]
            if new:
                wanted = set(new)
                copy_rows(
                    "opinion_arrival", _ARRIVAL,
                    ((source.pk, identity, kept, now, batch.pk if batch else None)
                     for identity, kept in fresh.items() if identity in wanted),
                )  # fmt: skip
    note_reading(source, now, len(new), **answered)
    return len(new)


def read_all(now: datetime | None = None) -> int:
    """Read the inbox until it is empty; returns how many items were stored."""
    total = 0
    while read := read_arrivals(now=now):
        total += read
    return total


def read_arrivals(limit: int = BATCH, now: datetime | None = None) -> int:
    """Take up to `limit` arrivals, analyse and store them; returns how many. One transaction; one reader at a time."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("select pg_try_advisory_xact_lock(%s)", [READERS_LOCK])
                if not cursor.fetchone()[0]:
                    return 0
                cursor.execute(
                    "delete from opinion_arrival where id in (select id from opinion_arrival order by id limit %s"
                    " for update skip locked) returning id, source_id, entry, collected_at, batch_id, identity",
                    [limit],
                )
                rows = sorted(cursor.fetchall())
            return _store(rows, now or timezone.now()) if rows else 0
    except BaseException:
        reader.forget()  # what the reader learnt from this batch is not true
        raise


def _store(rows: Sequence[tuple[Any, ...]], now: datetime) -> int:
    reading_room = reader.reader()
    with connection.cursor() as cursor:
        cursor.execute("select nextval('opinion_item_number') from generate_series(1, %s)", [len(rows)])
        numbers = [row[0] for row in cursor.fetchall()]
    partitions.make_room(min(numbers), max(numbers))
    sources = {source.pk: source for source in Source.objects.filter(pk__in={row[1] for row in rows})}
    entries = [row[2] if isinstance(row[2], dict) else json.loads(row[2]) for row in rows]
    items = [
        _item(number, row, entry, sources[row[1]], now)
        for number, row, entry in zip(numbers, rows, entries, strict=True)
    ]
    found = reading_room.read([Document(item.title, item.body, item.id) for item in items])
    grams = [keys for batch in found.batches for keys in _grams(batch)]
    for index, (item, reading) in enumerate(zip(items, found.readings, strict=True)):
        _fill(item, reading, found.signatures[index].tobytes())
        item.grams = grams[index]
        item.debunked_id = reading_room.debunked([rule for rule, _ in reading.rules], found.signatures[index]) or None
        item.rules = [reading_room.rules[rule].pk for rule, _ in reading.rules if rule < len(reading_room.rules)]
    comments = _comments(items, entries, now)
    _risk(reading_room, items, found.readings, comments)
    _events(reading_room, items, now)
    copy_rows("opinion_item", _COLUMNS, map(attrgetter(*_COLUMNS), items))
    _ask_media(items, entries, sources)
    concordance.seal(max(numbers) + 1)
    Comment.objects.bulk_create([one for some in comments.values() for one in some], ignore_conflicts=True)
    alerts.raise_by_rules(items, found.readings, reading_room, sources, now)
    return len(items)


def _ask_media(items: Sequence[Draft], entries: Sequence[dict[str, Any]], sources: Mapping[int, Source]) -> None:
    """Have fetched what feeds name with a story, of sources that are to be watched as well as read; a repeat's is known."""
    from chengheng.opinion.tasks import fetch_media

    for item, entry in zip(items, entries, strict=True):
        if entry.get("media") and sources[item.source_id].with_media and not item.original:
            for address in entry["media"]:
                fetch_media.defer(item=item.id, url=address)


def _grams(batch: text.Batch) -> list[npt.NDArray[np.int32]]:
    """`rules.word_grams` of a whole batch at once, of the first letters of each text."""
    codes = batch.codes
    if len(codes) < 2:
        return [np.zeros(0, np.int32)] * len(batch)
    keys = (codes[:-1] * np.uint32(0x9E3779B1)) ^ (codes[1:] * np.uint32(0x85EBCA6B))
    blank = (codes == text.END) | (codes == ord(" "))
    good = ~(blank[:-1] | blank[1:]) & (batch.origin[1:] < concordance.LETTERS)
    # Document and key in one number, so that one sort of the batch finds each document's keys once.
    signed = keys.view(np.int32)[good].astype(np.int64) + (1 << 31)
    both = (batch.documents()[:-1][good] << 32) | signed
    both.sort()
    if len(both):
        both = both[np.concatenate(([True], both[1:] != both[:-1]))]
    cuts = np.searchsorted(both, np.arange(1, len(batch), dtype=np.int64) << 32)
    return np.split(((both & 0xFFFFFFFF) - (1 << 31)).astype(np.int32), cuts)


@dataclass(slots=True)
class Founded:
    """An event that this batch founds: the columns of `opinion_event`."""

    id: int
    title: str
    first_item: int
    first_at: datetime
    last_at: datetime
    area_code: str
    topic_code: str
    topic_name: str
    items: int = 0
    channels: dict[str, int] = field(default_factory=dict)
    burst_at: datetime | None = None
    burst_tail: float | None = None
    vector: bytes = b""
    changed_at: datetime | None = None


@dataclass(slots=True)
class Draft:
    """An item on its way in: the columns of `opinion_item`, without the weight of a model instance."""

    id: int
    source_id: int
    channel: str
    url: str
    title: str
    body: str
    author: int
    teller: dict[str, Any] | None
    reach: int
    published_at: datetime | None
    collected_at: datetime
    stored_at: datetime
    batch_id: int | None
    identity: int
    digest: int = 0
    signature: bytes = b""
    original: int = 0
    event_id: int | None = None
    relevance: float = 0.0
    sentiment: str = ""
    sentiment_score: float | None = None
    topic_code: str = ""
    topic_name: str = ""
    label: str = ""
    doubt: float | None = None
    doubted: bool = False
    area_code: str = ""
    rules: list[int] = field(default_factory=list)
    debunked_id: int | None = None
    grams: Sequence[int] | npt.NDArray[np.int32] = ()
    event: Event | Founded | None = None

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.body}" if self.title else self.body

    def stored(self, source: Source) -> Item:
        """The item itself, once its row is there."""
        item = Item(**{name: getattr(self, name) for name in _COLUMNS if name != "source_id"}, source=source)
        if isinstance(self.event, Event):
            item.event = self.event
        item._state.adding = False
        item._state.db = "default"
        return item


def _item(number: int, row: tuple[Any, ...], entry: dict[str, Any], source: Source, now: datetime) -> Draft:
    return Draft(
        id=number,
        source_id=source.pk,
        channel=entry.get("channel") or source.channel,
        url=entry["url"],
        title=entry["title"],
        body=entry["body"],
        author=entry.get("author") or 0,
        teller=entry.get("teller"),
        reach=entry.get("reach") or 0,
        published_at=moment(entry["published_at"], row[3]) if entry.get("published_at") else None,
        collected_at=row[3],
        stored_at=now,
        batch_id=row[4],
        identity=row[5],
    )


def _fill(item: Draft, reading: Reading, signature: bytes) -> None:
    item.digest, item.signature, item.original = reading.digest, signature, reading.repeats
    item.relevance, item.doubted = round(reading.relevance, 4), reading.doubted
    item.area_code = reading.area
    if reading.topics:
        item.topic_code, item.topic_name = reading.topics[0]
    item.label = reading.labels.get("class", "")[:40]
    if "sentiment" in reading.labels:
        said = reading.labels["sentiment"]
        item.sentiment = "" if not said else Sentiment.NEGATIVE if said in _NEGATIVE else Sentiment.POSITIVE
        item.sentiment_score = round(reading.scores["sentiment"], 4)


def _comments(
    items: Sequence[Draft | Item], entries: Sequence[dict[str, Any]], now: datetime
) -> dict[int, list[Comment]]:
    found: dict[int, list[Comment]] = defaultdict(list)
    for item, entry in zip(items, entries, strict=True):
        for one in entry.get("comments", ()):
            at = moment(one["at"], now) or item.collected_at
            found[item.id].append(
                Comment(item_id=item.id, identity=identity_of(f"{one['at']}{one['words']}"), at=at, words=one["words"],
                        author=one.get("author") or 0)
            )  # fmt: skip
    return found


def story_of(item: Draft | Item, comments: Iterable[Comment], whole: str = "") -> Story:
    """An item as the false-story head reads it; `whole`: its text together with the words of its media."""
    begun = item.published_at or item.collected_at
    return Story(
        whole or item.whole,
        Teller(**item.teller) if item.teller else None,
        tuple(((one.at - begun).total_seconds(), one.words) for one in comments),
    )


def _risk(
    reading_room: reader.Reader, items: Sequence[Draft], readings: Sequence[Reading], comments: dict[int, list[Comment]]
) -> None:
    asked = [item for item, reading in zip(items, readings, strict=True) if reading.relevant or reading.rules]
    for item in items:
        item.doubted = item.doubted or any(_asks(one.words) for one in comments.get(item.id, ()))
    if reading_room.doubt is not None and asked:
        risks = reading_room.doubt.risk([story_of(item, comments.get(item.id, ())) for item in asked])
        for item, risk in zip(asked, risks.tolist(), strict=True):
            item.doubt = round(risk, 4)


def _asks(words: str) -> bool:
    from chengheng.opinion.analyser.doubt import CUES

    plain = text.plain(words)
    return any(cue in plain for cue in CUES)


def _events(reading_room: reader.Reader, items: Sequence[Draft], now: datetime) -> None:
    """Relevant items (and those that rules hit) join or found events; repeats follow their original's title."""
    clusters = reading_room.clusters
    told = [item for item in items if (item.relevance >= 0.5 or item.rules or item.debunked_id) and item.whole.strip()]
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute("select last_value, is_called from opinion_event_id_seq")
        last, called = cursor.fetchone()
    clusters.next_id = first_new = int(last) + (1 if called else 0)
    titles = [item.title or item.body[:60] for item in told]
    moments = [item.published_at or item.collected_at for item in told]
    chosen = clusters.add(titles, [moment_.timestamp() for moment_ in moments])
    by_event: dict[int, list[Draft]] = defaultdict(list)
    for item, cluster in zip(told, chosen, strict=True):
        if cluster:
            by_event[cluster].append(item)
    places = {cluster: at for at, cluster in enumerate(clusters.ids)}
    told_of: list[Event | Founded] = []
    known = Event.objects.select_for_update().in_bulk([cluster for cluster in by_event if cluster < first_new])
    for number, members in by_event.items():
        when = [item.published_at or item.collected_at for item in members]
        event: Event | Founded | None = known.get(number)
        if event is None:
            first = members[when.index(min(when))]
            event = Founded(
                id=number, title=(first.title or first.body[:60])[:300], first_item=first.id, first_at=min(when),
                last_at=max(when), area_code=first.area_code, topic_code=first.topic_code, topic_name=first.topic_name,
            )  # fmt: skip
        told_of.append(event)
        counts: Counter[str] = Counter(event.channels)
        counts.update(item.channel for item in members)
        event.channels, event.items = dict(counts), event.items + len(members)
        event.last_at, event.first_at = max([event.last_at, *when]), min([event.first_at, *when])
        event.changed_at = now
        if number in places:
            event.vector = clusters.sums[places[number]].astype(np.float16).tobytes()
        for item in members:
            item.event, item.event_id = event, number
    _write_events(told_of)
    if clusters.next_id > first_new:
        with connection.cursor() as cursor:
            cursor.execute("select setval('opinion_event_id_seq', %s)", [clusters.next_id - 1])
    reading_room.events_written(now)


_EVENT = {
    "id": "int8", "first_item": "int8", "items": "int4", "title": "text", "first_at": "moment", "last_at": "moment",
    "channels": "jsonb", "area_code": "text", "topic_code": "text", "topic_name": "text", "burst_at": "moment",
    "burst_tail": "float8", "vector": "bytea", "changed_at": "moment",
}  # fmt: skip
_GROWING = ("first_at", "last_at", "items", "channels", "vector", "changed_at")


def _write_events(events: Sequence[Event | Founded]) -> None:
    """New and grown events in one COPY: a batch of unrelated texts founds or grows one for almost each of them."""
    columns = ", ".join(_EVENT)
    with connection.cursor() as cursor:
        cursor.execute("create temp table if not exists opinion_event_told (like opinion_event) on commit drop")
        cursor.execute("truncate opinion_event_told")
    copy_rows("opinion_event_told", _EVENT, map(attrgetter(*_EVENT), events))
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into opinion_event ({columns}) select {columns} from opinion_event_told"  # noqa: S608 - own names
            f" on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in _GROWING)}"
        )


_COLUMNS = {  # those of a fixed width that are never null stand together: they are packed as one
    "id": "int8", "source_id": "int8", "author": "int8", "reach": "int4", "digest": "int8", "original": "int8",
    "relevance": "float8", "doubted": "bool", "identity": "int8", "channel": "text", "url": "text", "title": "text",
    "body": "text", "teller": "jsonb", "published_at": "moment", "collected_at": "moment", "stored_at": "moment",
    "signature": "bytea", "event_id": "int8", "sentiment": "text", "sentiment_score": "float8", "topic_code": "text",
    "topic_name": "text", "label": "text", "doubt": "float8", "area_code": "text", "rules": "int4[]",
    "debunked_id": "int8", "grams": "int4[]", "batch_id": "int8",
}  # fmt: skip


@transaction.atomic
def comment(item: Item, said: Iterable[Mapping[str, Any]], now: datetime | None = None) -> Item:
    """Comments of a stored item arrived: keep the new ones and work the false-story risk out again."""
    now = now or timezone.now()
    found = Item.objects.select_for_update().get(pk=item.pk)
    entry = packed({"title": "x", "comments": list(said)})
    fresh = _comments([found], [entry], now)[found.pk]
    Comment.objects.bulk_create(fresh, ignore_conflicts=True)
    room = reader.reader()
    before = found.doubt
    every = list(found.comments.all())
    found.doubted = found.doubted or any(_asks(one.words) for one in every)
    if room.doubt is not None:
        found.doubt = round(float(room.doubt.risk([story_of(found, every)])[0]), 4)
    found.save(update_fields=["doubt", "doubted"])
    if found.doubt != before or found.doubted:
        alerts.raise_again(found, room, now)
    return found
