"""Binding the words of older items: the segments of a whole partition become one group (see `groups.py`).

Done in pieces of about a second, each a transaction: sixteen buckets of all the partition's segments go into rows of the
group; when the last are in, the group answers instead of the segments, and these are deleted, some at a time. A kill at
any point loses the piece it was in. The newest partition is never bound: its items still come.

While a group is being made, its segments answer. An item whose words change then, or later, is named in the group's
`Binding.amended`, and folded in here. One lock keeps this apart from whoever writes a segment anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

import numpy as np
from django.db import connection, transaction

from chengheng.opinion import concordance, groups
from chengheng.opinion.copying import copy_rows
from chengheng.opinion.groups import PLACE_BITS, Pairs

_TOGETHER = 16  # buckets of a piece
_DROPPED = 16  # segments deleted at once
_FOLDED, _FOLDED_KEYS = 32, 20_000  # items, and keys of all of them, folded in at once
_COLUMNS = {"last_key": "int8", "first_key": "int8", "number": "int4", "postings": "bytea"}


def bind(seconds: float) -> bool:
    """Bind for about so long; whether there is more to do."""
    until = time.monotonic() + seconds
    while step():
        if time.monotonic() > until:
            return True
    return False


@transaction.atomic
def step() -> bool:
    """The next piece of work, in one transaction; False when there is none."""
    concordance.lock()
    with connection.cursor() as cursor:
        cursor.execute("select number, written from opinion_binding where not done order by number limit 1")
        begun = cursor.fetchone()
    if begun is not None:
        number, written = begun
        if written < concordance.BUCKETS:
            _write(number, written)
        else:
            _finish(number)
        return True
    return _tidy() or _fold() or _begin()


def forget(number: int) -> None:
    """The items of a partition are gone: forget the words of its group and of the segments that lay in it as a whole."""
    first, last = number * groups.SPAN, (number + 1) * groups.SPAN
    concordance.lock()
    with connection.cursor() as cursor:
        cursor.execute("delete from opinion_bound where number = %s", [number])
        cursor.execute("delete from opinion_binding where number = %s", [number])
        cursor.execute(
            "delete from opinion_concordance where segment >= %s and segment < %s",
            [-(-first // concordance.SEGMENT), last // concordance.SEGMENT],
        )
        cursor.execute(
            "select segment from opinion_concordance where bucket = %s and segment = any(%s)",
            [concordance.MARK, [first // concordance.SEGMENT, last // concordance.SEGMENT]],
        )
        shared = [segment for (segment,) in cursor.fetchall()]
    for segment in shared:
        concordance.write_again(segment)


def _segments(number: int) -> tuple[int, int]:
    """The first and the last segment that hold items of a group; its neighbours have a part in them."""
    first = number * groups.SPAN
    return first // concordance.SEGMENT, (first + groups.SPAN - 1) // concordance.SEGMENT


def _begin() -> bool:
    """Begin with the oldest partition that is full and whose segments are all written."""
    bound, sealed = concordance.bound_to(), concordance.sealed_to()
    with connection.cursor() as cursor:
        cursor.execute(
            "select min(segment) from opinion_concordance where bucket = %s and segment >= %s",
            [concordance.MARK, bound // concordance.SEGMENT],
        )
        first = cursor.fetchone()[0]
    if first is None:
        return False
    number = max(first * concordance.SEGMENT, bound) // groups.SPAN
    if (number + 1) * groups.SPAN > sealed:
        return False
    if (bare := _without_facets(number)) is not None:
        concordance.write_again(bare)
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into opinion_binding (number, written, done, times, amended) values (%s, 0, false, '', '{}')",
            [number],
        )
    return True


def _without_facets(number: int) -> int | None:
    """A segment of the group written before there were facets, whose items are still there; one without is forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select segment, exists (select 1 from opinion_item where id >= segment * %s and id < (segment + 1) * %s)"
            " from opinion_concordance where bucket = %s and segment between %s and %s and postings = '' order by 1",
            [concordance.SEGMENT, concordance.SEGMENT, concordance.MARK, *_segments(number)],
        )
        bare = cursor.fetchall()
        empty = [segment for segment, items in bare if not items]
        if empty:
            cursor.execute("delete from opinion_concordance where segment = any(%s)", [empty])
    return next((segment for segment, items in bare if items), None)


def _write(number: int, written: int) -> None:
    """The next buckets of the segments into rows of the group."""
    upto = min(written + _TOGETHER, concordance.BUCKETS)
    with connection.cursor() as cursor:
        cursor.execute(
            "select bucket, segment, postings from opinion_concordance"
            " where bucket >= %s and bucket < %s and segment between %s and %s",
            [written, upto, *_segments(number)],
        )
        rows = cursor.fetchall()
        copy_rows("opinion_bound", _COLUMNS, _rows(number, _pairs(number, rows)))
        cursor.execute("update opinion_binding set written = %s where number = %s", [upto, number])


def _rows(number: int, pairs: Pairs) -> Iterator[tuple[int, int, int, bytes]]:
    return ((last, first, number, data) for first, last, data in groups.rows_of(pairs))


def _pairs(number: int, rows: list[tuple[int, int, bytes]]) -> Pairs:
    """What `(bucket, segment, postings)` of segments say of the group's items."""
    counts = [len(data) // 4 for _bucket, _segment, data in rows]
    held = np.frombuffer(b"".join(data for _bucket, _segment, data in rows), "<u4").astype(np.int64)
    buckets = np.repeat(np.array([bucket for bucket, _segment, _data in rows], np.int64), counts)
    segments = np.repeat(np.array([segment for _bucket, segment, _data in rows], np.int64), counts)
    places = segments * concordance.SEGMENT + (held & (concordance.SEGMENT - 1)) - number * groups.SPAN
    keys = (buckets << concordance.KEY_BITS) | (held >> concordance.PLACE_BITS)
    own = (places >= 0) & (places < groups.SPAN)
    pairs = ((keys[own] << PLACE_BITS) | places[own]).astype(np.uint64)
    pairs.sort()
    return pairs


def _finish(number: int) -> None:
    """All is in: from now on the group answers, not its segments."""
    first, last = _segments(number)
    with connection.cursor() as cursor:
        cursor.execute(
            "select segment, postings from opinion_concordance where bucket = %s and segment between %s and %s",
            [concordance.MARK, first, last],
        )
        marks = {segment: bytes(mark) for segment, mark in cursor.fetchall() if mark}
    spans = {segment: concordance.times_of(mark) for segment, mark in marks.items()}
    begin: datetime | None = min((one for one, _ in spans.values()), default=None)
    end: datetime | None = max((one for _, one in spans.values()), default=None)
    times = b"".join(marks.get(segment, concordance.NEVER) for segment in range(first, last + 1))
    with connection.cursor() as cursor:
        cursor.execute(
            "update opinion_binding set done = true, first_at = %s, last_at = %s, times = %s where number = %s",
            [begin, end, times, number],
        )


def _tidy() -> bool:
    """Delete segments whose items are all in bound groups."""
    bound = concordance.bound_to()
    with connection.cursor() as cursor:
        cursor.execute(
            "select segment from opinion_concordance where bucket = %s and segment < %s order by segment limit %s",
            [concordance.MARK, bound // concordance.SEGMENT, _DROPPED],
        )
        over = [segment for (segment,) in cursor.fetchall()]
        if over:
            cursor.execute(
                "delete from opinion_concordance where bucket between %s and %s and segment = any(%s)",
                [concordance.MARK, concordance.BUCKETS, over],
            )
    return bool(over)


def _fold() -> bool:
    """Enter the words of amended items into the rows of their keys; those that an item lost stay, the text decides."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select number, amended[:%s] from opinion_binding where done and amended <> '{}' order by number limit 1",
            [_FOLDED],
        )
        found = cursor.fetchone()
    if found is None:
        return False
    number, places = found
    every: list[int] = []
    for count, place in enumerate(places, 1):
        own = concordance.keys_of(number * groups.SPAN + place)
        every += [(groups.unsigned(key) << PLACE_BITS) | place for key in own]
        if len(every) > _FOLDED_KEYS:
            places = places[:count]
            break
    _enter(number, np.unique(np.array(every, np.uint64)))
    with connection.cursor() as cursor:
        cursor.execute(
            "update opinion_binding set amended = (select coalesce(array_agg(one), '{}') from unnest(amended) one"
            " where one <> all(%s)) where number = %s",
            [places, number],
        )
    return True


def _enter(number: int, pairs: Pairs) -> None:
    """Enter pairs into the rows of a group that hold their keys, or as rows of their own between these."""
    keys = (pairs >> np.uint64(PLACE_BITS)).astype(np.int64)
    rows = sorted(groups.rows_at(number, np.unique(keys).tolist()), key=lambda row: row[1])
    firsts, lasts = np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int64)
    at = np.searchsorted(lasts, keys)
    inside = at < len(rows)
    inside[inside] = firsts[at[inside]] <= keys[inside]
    gone: list[int] = []
    fresh: list[tuple[int, int, int, bytes]] = []
    for row, places in groupby(np.flatnonzero(inside).tolist(), key=lambda place: int(at[place])):
        old = groups.pairs_of(*rows[row])
        new = np.union1d(old, pairs[list(places)])
        if len(new) > len(old):
            gone.append(rows[row][1])
            fresh += _rows(number, new)
    for _key, places in groupby(np.flatnonzero(~inside).tolist(), key=lambda place: int(keys[place])):
        fresh += _rows(number, pairs[list(places)])
    with connection.cursor() as cursor:
        cursor.execute("delete from opinion_bound where number = %s and last_key = any(%s)", [number, gone])
    copy_rows("opinion_bound", _COLUMNS, fresh)
