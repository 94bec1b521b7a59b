"""Which items hold a word: a concordance of neighbouring letters, written a whole segment of items at a time.

A segment is 4,096 item numbers. Its pairs of letters (32-bit keys, see `rules.word_grams`) are sorted, cut into 4,096
buckets by the key's highest bits, and each bucket is one row of 32-bit postings: the key's other 20 bits, then the
item's place in the segment. Written so, an item costs PostgreSQL about one row of 300 bytes; with an inverted index kept
per pair (GIN) storing an item was measured to cost the database 217 µs instead of 102 µs, and 1.35 KB.

Beside its letters an item has keys of what lists are narrowed by and what does not change afterwards (`facets_of`): its
kind of channel, area, class, relevance. The row that says that a segment is written tells from when to when its items were
collected, so that a question about last March passes over the other segments.

A search walks segments from the newest, so that common words stop early; the items of the segment that is still filling
are asked by their own keys. The concordance only proposes: the text itself, and the query, decide.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from django.db import connection

from chengheng.opinion.copying import copy_rows

SEGMENT = 4096
LETTERS = 4000  # of an item by which it can be found
_PLACE_BITS = 12
_KEY_BITS = 20
_MARK = -1  # the bucket of the row that says: this segment is written
_BUCKETS = 1 << (32 - _KEY_BITS)
_SEALED_AT_ONCE = 4
_STEPS = (16, 64, 256, 1024)  # segments asked at once: first for who wants a page, then for who wants all
_AREA_LETTERS = (4, 6, 9, 12)
Numbers = npt.NDArray[np.int64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_times = struct.Struct("<qq")
_POSTINGS = (
    "select array_agg(segment order by segment), array_agg(length(postings) order by segment),"
    " string_agg(postings, ''::bytea order by segment) from opinion_concordance where bucket = %s and "
)
_SOME, _BETWEEN = f"{_POSTINGS}segment = any(%s)", f"{_POSTINGS}segment between %s and %s"
_FEW = 500  # proposals that are not narrowed by facets any more
_COLUMNS = {"bucket": "int4", "segment": "int8", "postings": "bytea"}


def postings_of(places: npt.NDArray[np.int64], keys: npt.NDArray[np.int32]) -> Iterator[tuple[int, bytes]]:
    """`(bucket, postings)` of a segment, from pairs of an item's place in it and a key."""
    whole = (keys.view(np.uint32).astype(np.uint64) << np.uint64(_PLACE_BITS)) | places.astype(np.uint64)
    whole.sort()
    whole = whole[np.concatenate(([True], whole[1:] != whole[:-1]))] if len(whole) else whole
    buckets = (whole >> np.uint64(_KEY_BITS + _PLACE_BITS)).astype(np.int64)
    data = (whole & np.uint64(0xFFFFFFFF)).astype("<u4").tobytes()
    begins = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1]))) if len(buckets) else buckets
    numbers, cuts = buckets[begins].tolist(), [*begins.tolist(), len(buckets)]
    for at, number in enumerate(numbers):
        yield number, data[cuts[at] * 4 : cuts[at + 1] * 4]


def bucket_of(key: int) -> int:
    """The bucket of a signed 32-bit key."""
    return (key & 0xFFFFFFFF) >> _KEY_BITS


def sealed_to() -> int:
    """The first item number that the concordance does not cover yet."""
    with connection.cursor() as cursor:
        cursor.execute("select max(segment) from opinion_concordance where bucket = %s", [_MARK])
        last = cursor.fetchone()[0]
    return 0 if last is None else (int(last) + 1) * SEGMENT


def seal(upto: int) -> int:
    """Write the segments that are full below item number `upto`; returns how many. In the caller's transaction.

    The caller is the one reader of arrivals: no item below `upto` can still come. Segments without an item are passed
    over.
    """
    known, last, written = sealed_to(), upto // SEGMENT * SEGMENT, 0
    while known < last and written < _SEALED_AT_ONCE:
        with connection.cursor() as cursor:
            cursor.execute("select min(id) from opinion_item where id >= %s and id < %s", [known, last])
            first = cursor.fetchone()[0]
        if first is None:
            break
        _write(first // SEGMENT)
        known, written = (first // SEGMENT + 1) * SEGMENT, written + 1
    return written


def seal_again(item: int) -> None:
    """The words of a stored item changed: write its segment anew if it was written. In the caller's transaction."""
    segment = item // SEGMENT
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [0x6F70636F])
        cursor.execute(
            "delete from opinion_concordance where segment = %s and bucket between %s and %s",
            [segment, _MARK, _BUCKETS],
        )
        written = cursor.rowcount > 0
    if written:
        _write(segment)


@lru_cache(maxsize=4096)
def facet(name: str, value: str) -> int:
    """The key of a property, among the keys of letters; two that fall together only make one proposal too many."""
    digest = hashlib.blake2b(f"{name}={value}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True)


LONG = facet("long", "1")


def facets_of(channel: str, area: str, topic: str, relevant: bool, long: bool) -> list[int]:
    """The keys of an item's properties: channel, the area and those it lies in, the class by its first letters; `long`
    when only the beginning of its text is in the concordance."""
    found = [facet("channel", channel)]
    found += [facet("area", area[:size]) for size in _AREA_LETTERS if len(area) >= size]
    found += [facet("topic", topic[:size].lower()) for size in range(1, min(len(topic), 8) + 1)]
    if relevant:
        found.append(facet("relevant", "1"))
    if long:
        found.append(LONG)
    return found


def area_facet(area: str) -> int | None:
    """The key of the smallest kept area that everything in `area` has; None when it is larger than all of them."""
    sizes = [size for size in _AREA_LETTERS if size <= len(area)]
    return facet("area", area[: sizes[-1]]) if sizes else None


def topic_facet(topic: str) -> int:
    """The key of classes that begin with these letters."""
    return facet("topic", topic[:8].lower())


@dataclass(frozen=True)
class Asked:
    """What an item must have: all `keys` of letters, one key of each of `facets`, collected from `since` to `until`."""

    keys: tuple[int, ...] = ()
    facets: tuple[tuple[int, ...], ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.keys or self.facets or self.since or self.until)


def _write(segment: int) -> None:
    places, keys = [], []
    first = last = None
    with connection.cursor() as cursor:
        cursor.execute(
            "select id - %s, array_send(grams), channel, area_code, topic_name, relevance >= 0.5, collected_at,"
            " length(title) + length(body) >= %s"
            " from opinion_item where id >= %s and id < %s",
            [segment * SEGMENT, LETTERS, segment * SEGMENT, (segment + 1) * SEGMENT],
        )
        for place, sent, channel, area, topic, relevant, at, long in cursor.fetchall():
            # The head of an array (20 bytes; 12 of an empty one), then length and value of each element.
            held = np.frombuffer(sent, ">i4", offset=20)[1::2] if len(sent) > 20 else ()
            keys += [held, facets_of(channel, area, topic, relevant, long)]
            places.append(np.full(len(held) + len(keys[-1]), place, np.int64))
            first = at if first is None or at < first else first
            last = at if last is None or at > last else last
    rows: Iterator[tuple[int, bytes]] = iter(())
    if keys:
        every = np.concatenate(keys).astype(np.int32)
        where = np.concatenate(places)
        rows = postings_of(where, every)
    copy_rows("opinion_concordance", _COLUMNS, ((bucket, segment, held) for bucket, held in rows))
    mark = b"" if first is None or last is None else _times.pack(_micros(first), _micros(last))
    copy_rows("opinion_concordance", _COLUMNS, [(_MARK, segment, mark)])


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def holding(asked: Asked, before: int | None = None, above: int | None = None) -> Iterator[list[int]]:
    """Numbers of items that may have all that is asked, in lists: newest first, only below `before` when given;
    with `above` the oldest first, only above it."""
    if not asked:
        return
    sealed = sealed_to()
    forward = above is not None
    tail = _unsealed(asked, max(sealed, (above or -1) + 1), before, forward)
    if tail and not forward:
        yield tail
    marks = _marks(asked, before, above)
    keys = _rarest_first(asked.keys, int(marks.segments[-1])) if len(marks.segments) else []
    steps = iter(_STEPS)
    step, at = next(steps), 0
    segments = marks.segments if forward else marks.segments[::-1]
    while at < len(segments):
        found = _held(keys, asked.facets, np.sort(segments[at : at + step]), marks.unknown)
        if before is not None:
            found = found[found < before]
        if above is not None:
            found = found[found > above]
        if len(found):
            yield (found if forward else found[::-1]).tolist()
        at, step = at + step, next(steps, step)
    if tail and forward:
        yield tail


@dataclass(frozen=True)
class _Marks:
    """The written segments that may hold items of the time asked for, ascending; those of which facets are not kept."""

    segments: Numbers
    unknown: Numbers


def _marks(asked: Asked, before: int | None, above: int | None) -> _Marks:
    with connection.cursor() as cursor:
        cursor.execute(
            "select segment, postings from opinion_concordance where bucket = %s"
            " and (%s::bigint is null or segment <= %s) and (%s::bigint is null or segment >= %s) order by segment",
            [_MARK, before, (before or 0) // SEGMENT, above, (above or 0) // SEGMENT],
        )
        rows = cursor.fetchall()
    since = _micros(asked.since) if asked.since else -(1 << 62)
    until = _micros(asked.until) if asked.until else 1 << 62
    kept, unknown = [], []
    for segment, mark in rows:
        if mark:
            first, last = _times.unpack(mark)
            if first > until or last < since:
                continue
        else:
            unknown.append(segment)
        kept.append(segment)
    return _Marks(np.array(kept, np.int64), np.array(unknown, np.int64))


def _rarest_first(keys: Sequence[int], segment: int) -> list[int]:
    """The keys in the order of how many items of one segment hold them: the first one leaves the fewest to look at."""
    some = np.array([segment], np.int64)
    return sorted(keys, key=lambda key: len(_numbers(key, some))) if len(keys) > 1 else list(keys)


def _unsealed(asked: Asked, first: int, before: int | None, forward: bool) -> list[int]:
    """Of the items that the concordance does not cover yet those with the letters; the query tells their other sides."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from opinion_item where id >= %s and (%s::bigint is null or id < %s) and grams @> %s::int[]"
            " order by id",
            [first, before, before, list(asked.keys)],
        )
        found = [row[0] for row in cursor.fetchall()]
        return found if forward else found[::-1]


def _held(keys: Sequence[int], facets: Sequence[Sequence[int]], segments: Numbers, unknown: Numbers) -> Numbers:
    """The numbers in these segments, ascending. Each key is only looked for where the ones before it were found."""
    found: Numbers | None = None
    for key in keys:
        own = _numbers(key, segments)
        found = own if found is None else np.intersect1d(found, own, assume_unique=True)
        if not len(found):
            return found
        segments = np.unique(found // SEGMENT)
    if found is not None and len(found) <= _FEW:
        return found  # the query looks at so few sooner than this would
    for group in facets:
        own = np.unique(np.concatenate([_numbers(key, segments) for key in group]))
        if len(unknown):  # segments of before there were facets: all of theirs may have it
            own = np.union1d(own, _all_of(np.intersect1d(unknown, segments)))
        found = own if found is None else np.intersect1d(found, own, assume_unique=True)
    return _all_of(segments) if found is None else found


def _all_of(segments: Numbers) -> Numbers:
    return (segments[:, None] * SEGMENT + np.arange(SEGMENT)).ravel()


def _numbers(key: int, segments: Numbers) -> Numbers:
    """The items of some segments (ascending) that hold `key`, ascending."""
    if not len(segments):
        return np.zeros(0, np.int64)
    first, last = int(segments[0]), int(segments[-1])
    some = last - first + 1 > 4 * len(segments)  # else the few between them are read with the others
    with connection.cursor() as cursor:
        cursor.execute(_SOME if some else _BETWEEN, [bucket_of(key), *([segments.tolist()] if some else [first, last])])
        held, lengths, data = cursor.fetchone()
    if held is None:
        return np.zeros(0, np.int64)
    numbers = numbers_of(key, held, lengths, data)
    return numbers if some else numbers[np.isin(numbers // SEGMENT, segments)]


def numbers_of(key: int, segments: Sequence[int], lengths: Sequence[int], data: bytes) -> Numbers:
    """The items that hold `key`, ascending, from the postings of its bucket in many segments, one behind the other."""
    table = np.frombuffer(data, "<u4")
    at = np.flatnonzero(table >> np.uint32(_PLACE_BITS) == np.uint32(key & ((1 << _KEY_BITS) - 1)))
    ends = np.cumsum(np.array(lengths, np.int64) // 4)
    own = np.array(segments, np.int64)[np.searchsorted(ends, at, "right")]
    return own * SEGMENT + (table[at] & np.uint32(SEGMENT - 1))
