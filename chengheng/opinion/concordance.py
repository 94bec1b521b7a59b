"""Which items hold a word: a concordance of neighbouring letters, written a whole segment of items at a time.

A segment is 4,096 item numbers. Its pairs of letters (32-bit keys, see `rules.word_grams`) are sorted, cut into 4,096
buckets by the key's highest bits, and each bucket is one row of 32-bit postings: the key's other 20 bits, then the
item's place in the segment. Written so, an item costs PostgreSQL about one row of 300 bytes; with an inverted index kept
per pair (GIN) storing an item was measured to cost the database 217 µs instead of 102 µs, and 1.35 KB.

A search walks segments from the newest, so that common words stop early; the items of the segment that is still filling
are asked by their own keys. The concordance only proposes: the text itself decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from django.db import connection

from chengheng.opinion.copying import copy_rows

SEGMENT = 4096
_PLACE_BITS = 12
_KEY_BITS = 20
_MARK = -1  # the bucket of the row that says: this segment is written
_BUCKETS = 1 << (32 - _KEY_BITS)
_SEALED_AT_ONCE = 4
_COLUMNS = {"bucket": "int4", "segment": "int8", "postings": "bytea"}

Places = npt.NDArray[np.uint32]


def postings_of(places: npt.NDArray[np.int64], keys: npt.NDArray[np.int32]) -> Iterator[tuple[int, bytes]]:
    """`(bucket, postings)` of a segment, from pairs of an item's place in it and a key."""
    whole = (keys.view(np.uint32).astype(np.uint64) << np.uint64(_PLACE_BITS)) | places.astype(np.uint64)
    whole.sort()
    buckets = (whole >> np.uint64(_KEY_BITS + _PLACE_BITS)).astype(np.int64)
    data = (whole & np.uint64(0xFFFFFFFF)).astype("<u4").tobytes()
    begins = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1]))) if len(buckets) else buckets
    numbers, cuts = buckets[begins].tolist(), [*begins.tolist(), len(buckets)]
    for at, number in enumerate(numbers):
        yield number, data[cuts[at] * 4 : cuts[at + 1] * 4]


def places_of(postings: bytes, key: int) -> Places:
    """The places of the items that hold `key` (signed), ascending; `postings` is the bucket of that key."""
    table = np.frombuffer(postings, "<u4")
    low = (key & ((1 << _KEY_BITS) - 1)) << _PLACE_BITS
    first, last = np.searchsorted(table, np.array([low, low | (SEGMENT - 1)], np.uint32), "left")
    if last < len(table) and table[last] == low | (SEGMENT - 1):
        last += 1
    return table[first:last] & np.uint32(SEGMENT - 1)


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


def _write(segment: int) -> None:
    places, keys = [], []
    with connection.cursor() as cursor:
        cursor.execute(
            "select id - %s, array_send(grams) from opinion_item where id >= %s and id < %s and grams <> '{}'",
            [segment * SEGMENT, segment * SEGMENT, (segment + 1) * SEGMENT],
        )
        for place, sent in cursor.fetchall():
            # The head of an array (20 bytes), then length and value of each element.
            held = np.frombuffer(sent, ">i4", offset=20)[1::2]
            keys.append(held)
            places.append(np.full(len(held), place, np.int64))
    rows = postings_of(np.concatenate(places), np.concatenate(keys).astype(np.int32)) if keys else iter(())
    copy_rows("opinion_concordance", _COLUMNS, ((bucket, segment, held) for bucket, held in rows))
    copy_rows("opinion_concordance", _COLUMNS, [(_MARK, segment, b"")])


def holding(keys: Sequence[int], before: int | None = None) -> Iterator[list[int]]:
    """Numbers of items that hold all `keys`, newest first, in lists; only below `before` when given."""
    wanted = sorted(set(keys))
    if not wanted:
        return
    sealed = sealed_to()
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from opinion_item where id >= %s and (%s::bigint is null or id < %s) and grams @> %s::int[]"
            " order by id desc",
            [sealed, before, before, wanted],
        )
        newest = [row[0] for row in cursor.fetchall()]
    if newest:
        yield newest
    last, step = sealed // SEGMENT, 16
    with connection.cursor() as cursor:
        cursor.execute("select min(segment) from opinion_concordance where bucket = %s", [_MARK])
        oldest = cursor.fetchone()[0] or 0
    if before is not None:
        last = min(last, (before + SEGMENT - 1) // SEGMENT)
    while last > oldest:
        first = max(oldest, last - step)
        found = _held(wanted, first, last)
        if before is not None:
            found = [number for number in found if number < before]
        if found:
            yield found
        last, step = first, min(step * 2, 512)


def _held(keys: Sequence[int], first: int, last: int) -> list[int]:
    buckets = sorted({bucket_of(key) for key in keys})
    with connection.cursor() as cursor:
        # Written out per bucket: the primary key (bucket, segment) is then walked once for each.
        cursor.execute(
            " union all ".join(
                ["(select segment, bucket, postings from opinion_concordance"
                 " where bucket = %s and segment >= %s and segment < %s)"] * len(buckets)
            ),
            [value for bucket in buckets for value in (bucket, first, last)],
        )  # fmt: skip
        rows: dict[int, dict[int, bytes]] = {}
        for segment, bucket, postings in cursor.fetchall():
            rows.setdefault(segment, {})[bucket] = bytes(postings)
    found: list[int] = []
    for segment in sorted(rows, reverse=True):
        held = rows[segment]
        if len(held) < len(buckets):
            continue
        places: Places | None = None
        for key in keys:
            own = places_of(held[bucket_of(key)], key)
            places = own if places is None else np.intersect1d(places, own, assume_unique=True)
            if not len(places):
                break
        if places is not None and len(places):
            found.extend((places[::-1].astype(np.int64) + segment * SEGMENT).tolist())
    return found
