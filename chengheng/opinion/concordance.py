"""Which items hold a word: a concordance of neighbouring letters, written a whole segment of items at a time.

A segment is 4,096 item numbers. Its pairs of letters (32-bit keys, see `rules.word_grams`) are sorted, cut into 4,096
buckets by the key's highest bits, and each bucket is one row of 32-bit postings: the key's other 20 bits, then the
item's place in the segment. Written so, an item costs PostgreSQL about one row of 300 bytes; with an inverted index kept
per pair (GIN) storing an item was measured to cost the database 217 µs instead of 102 µs, and 1.35 KB.

Beside its letters an item has keys of what lists are narrowed by and what does not change afterwards (`facets_of`): its
kind of channel, area, class, relevance. The row that says that a segment is written tells from when to when its items were
collected, so that a question about last March passes over the other segments.

The segments of a partition that is full are bound into a group later (`binding`), which answers in their stead.

A search walks from the newest to the oldest, so that common words stop early: the items of the segment that is still
filling are asked by their own keys, then segments, then groups. The concordance only proposes: the text itself, and the
query, decide.
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

from chengheng.opinion import groups
from chengheng.opinion.copying import copy_rows
from chengheng.opinion.groups import Group

SEGMENT = 4096
LETTERS = 4000  # of an item by which it can be found
PLACE_BITS = 12
KEY_BITS = 20
MARK = -1  # the bucket of the row that says: this segment is written
BUCKETS = 1 << (32 - KEY_BITS)
_SEALED_AT_ONCE = 4
_STEPS = (16, 64, 256, 1024)  # segments asked at once: first for who wants a page, then for who wants all
_GROUPS = (1, 4, 16)  # groups asked at once, likewise
_LIST = 4000  # numbers proposed together
_AREA_LETTERS = (4, 6, 9, 12)
Numbers = npt.NDArray[np.int64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_times = struct.Struct("<qq")
NEVER = _times.pack(1 << 62, -(1 << 62))  # the time of a segment without items
_LOCK = 0x6F70636F  # one who writes anew what is written: a segment whose words changed, or a group
_POSTINGS = (
    "select array_agg(segment order by segment), array_agg(length(postings) order by segment),"
    " string_agg(postings, ''::bytea order by segment) from opinion_concordance where bucket = %s and "
)
_SOME, _BETWEEN = f"{_POSTINGS}segment = any(%s)", f"{_POSTINGS}segment between %s and %s"
_FEW = 500  # proposals that are not narrowed by facets any more
_COLUMNS = {"bucket": "int4", "segment": "int8", "postings": "bytea"}


def postings_of(places: npt.NDArray[np.int64], keys: npt.NDArray[np.int32]) -> Iterator[tuple[int, bytes]]:
    """`(bucket, postings)` of a segment, from pairs of an item's place in it and a key."""
    whole = (keys.view(np.uint32).astype(np.uint64) << np.uint64(PLACE_BITS)) | places.astype(np.uint64)
    whole.sort()
    whole = whole[np.concatenate(([True], whole[1:] != whole[:-1]))] if len(whole) else whole
    buckets = (whole >> np.uint64(KEY_BITS + PLACE_BITS)).astype(np.int64)
    data = (whole & np.uint64(0xFFFFFFFF)).astype("<u4").tobytes()
    begins = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1]))) if len(buckets) else buckets
    numbers, cuts = buckets[begins].tolist(), [*begins.tolist(), len(buckets)]
    for at, number in enumerate(numbers):
        yield number, data[cuts[at] * 4 : cuts[at + 1] * 4]


def bucket_of(key: int) -> int:
    """The bucket of a signed 32-bit key."""
    return (key & 0xFFFFFFFF) >> KEY_BITS


def sealed_to() -> int:
    """The first item number that the concordance does not cover yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select max(number) from opinion_binding where done),"
            " (select max(segment) from opinion_concordance where bucket = %s)",
            [MARK],
        )
        bound, last = cursor.fetchone()
    return max(0 if bound is None else (bound + 1) * groups.SPAN, 0 if last is None else (last + 1) * SEGMENT)


def bound_to() -> int:
    """The first item number that no bound group answers for."""
    with connection.cursor() as cursor:
        cursor.execute("select max(number) from opinion_binding where done")
        last = cursor.fetchone()[0]
    return 0 if last is None else (int(last) + 1) * groups.SPAN


def lock() -> None:
    """Let nobody else write anew what is written, until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])


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
    """The words of a stored item changed: write its segment anew if it was written, and have its group propose it until
    its words are folded in. In the caller's transaction."""
    segment, (group, place) = item // SEGMENT, divmod(item, groups.SPAN)
    lock()
    with connection.cursor() as cursor:
        cursor.execute(
            "update opinion_binding set amended = array_append(amended, %s) where number = %s and %s <> all(amended)",
            [place, group, place],
        )
        cursor.execute("select 1 from opinion_concordance where bucket = %s and segment = %s", [MARK, segment])
        written = cursor.fetchone() is not None
    if written:
        write_again(segment)


def write_again(segment: int) -> None:
    """Write a written segment anew from its items. In the caller's transaction, under `lock`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from opinion_concordance where segment = %s and bucket between %s and %s", [segment, MARK, BUCKETS]
        )
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
    held = _held_by(segment * SEGMENT, (segment + 1) * SEGMENT)
    rows: Iterator[tuple[int, bytes]] = iter(())
    mark = b""
    if held is not None:
        numbers, keys, times = held
        rows = postings_of(numbers - segment * SEGMENT, keys)
        mark = _times.pack(_micros(min(times)), _micros(max(times)))
    copy_rows("opinion_concordance", _COLUMNS, ((bucket, segment, postings) for bucket, postings in rows))
    copy_rows("opinion_concordance", _COLUMNS, [(MARK, segment, mark)])


def _held_by(first: int, upto: int) -> tuple[Numbers, npt.NDArray[np.int32], Sequence[datetime]] | None:
    """Of the items from `first` to before `upto`: numbers and keys in pairs, of letters and of properties; times of all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, array_send(grams), channel, area_code, topic_name, relevance >= 0.5,"
            " length(title) + length(body) >= %s, collected_at"
            " from opinion_item where id >= %s and id < %s",
            [LETTERS, first, upto],
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    numbers, sent, *properties, times = zip(*rows, strict=True)
    # The head of an array (20 bytes; 12 of an empty one), then length and value of each element.
    letters = np.frombuffer(b"".join([one[20:] for one in sent]), ">i4")[1::2]
    own = [facets_of(*some) for some in zip(*properties, strict=True)]
    keys = np.concatenate((letters, [key for some in own for key in some])).astype(np.int32)
    counts = [max(0, len(one) - 20) // 8 for one in sent] + [len(some) for some in own]
    return np.repeat(np.array(numbers * 2, np.int64), counts), keys, times


def keys_of(item: int) -> list[int]:
    """The keys of a stored item: letters and properties; none of one that is gone."""
    held = _held_by(item, item + 1)
    return [] if held is None else held[1].tolist()


def times_of(mark: bytes) -> tuple[datetime, datetime]:
    """From when to when the items of a segment were collected."""
    first, last = _times.unpack(mark)
    return _EPOCH + timedelta(microseconds=first), _EPOCH + timedelta(microseconds=last)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def holding(asked: Asked, before: int | None = None, above: int | None = None) -> Iterator[list[int]]:
    """Numbers of items that may have all that is asked, in lists: newest first, only below `before` when given;
    with `above` the oldest first, only above it."""
    if not asked:
        return
    forward = above is not None
    while True:
        for (low, high), found in _parts(asked, before, above):
            if found is None:  # segments were bound meanwhile: go on from here with the groups
                break
            for at in range(0, len(found), _LIST):
                yield (found[at : at + _LIST] if forward else found[::-1][at : at + _LIST]).tolist()
            if forward:
                above = max(above or 0, high - 1)
            else:
                before = low if before is None else min(before, low)
        else:
            return


_Part = tuple[tuple[int, int], Numbers | None]


def _parts(asked: Asked, before: int | None, above: int | None) -> Iterator[_Part]:
    """`((from, to), numbers)`: what may be found among the items from a number to before another, ascending; the parts
    one after the other from the newest, or with `above` from the oldest. None for the numbers: they moved meanwhile."""
    plan = _plan(asked, before, above)
    forward = above is not None
    parts = (_unsealed, _of_segments, _of_groups)
    for part in reversed(parts) if forward else parts:
        for span, found in part(asked, plan, before, above):
            if found is not None and before is not None:
                found = found[found < before]
            if found is not None and above is not None:
                found = found[found > above]
            yield span, found


@dataclass(frozen=True)
class _Plan:
    """What answers, all as of one moment: bound groups and written segments that may hold items of the time asked for,
    ascending; the segments of which facets are not kept; to where items are bound, and written."""

    groups: list[Group]
    segments: Numbers
    unknown: Numbers
    bound: int
    sealed: int


def _plan(asked: Asked, before: int | None, above: int | None) -> _Plan:
    since, until = asked.since or _EPOCH, asked.until or datetime.max.replace(tzinfo=UTC)
    low, high = (above or 0), 1 << 62 if before is None else before
    with connection.cursor() as cursor:
        cursor.execute(
            "with bound as (select coalesce(max(number)::bigint + 1, 0) * %(span)s as upto from opinion_binding where done)"
            " select null::bigint, null::bytea, upto, null::int[],"
            " (select max(segment) from opinion_concordance where bucket = %(mark)s) from bound"
            " union all (select number, case when first_at >= %(since)s and last_at < %(until)s then '' else times end,"
            " null, amended, null from opinion_binding where done and number between %(low)s / %(span)s and"
            " %(high)s / %(span)s and first_at < %(until)s and last_at >= %(since)s)"
            " union all (select segment, postings, null, null, null from opinion_concordance where bucket = %(mark)s and"
            " segment >= greatest((select upto from bound), %(low)s) / %(size)s and segment <= %(high)s / %(size)s)",
            {"mark": MARK, "since": since, "until": until, "low": low, "high": high, "span": groups.SPAN,
             "size": SEGMENT},
        )  # fmt: skip
        rows = cursor.fetchall()
    first, end = _micros(since), _micros(until)
    bundles, kept, unknown = [], [], []
    for number, times, upto, amended, last in rows:
        if upto is not None:
            bound = upto
            sealed = bound if last is None else max(bound, (last + 1) * SEGMENT)
        elif amended is not None:
            bundles.append(Group(number, tuple(amended), bytes(times)))
        elif not times:
            unknown.append(number)
            kept.append(number)
        else:
            begun, ended = _times.unpack(times)
            if begun < end and ended >= first:
                kept.append(number)
    return _Plan(
        sorted(bundles, key=lambda group: group.number), np.array(sorted(kept), np.int64), np.array(unknown, np.int64),
        bound, sealed,
    )  # fmt: skip


def _stepped(steps: Sequence[int], count: int, forward: bool) -> Iterator[slice]:
    """Slices of so many things in steps that grow, from the last or the first on."""
    at, sizes, size = 0, iter(steps), steps[0]
    while at < count:
        size = next(sizes, size)
        upto = min(at + size, count)
        yield slice(at, upto) if forward else slice(count - upto, count - at)
        at = upto


def _of_segments(asked: Asked, plan: _Plan, before: int | None, above: int | None) -> Iterator[_Part]:
    if not len(plan.segments):
        return
    keys = _rarest_first(asked.keys, int(plan.segments[-1]))
    for some in _stepped(_STEPS, len(plan.segments), above is not None):
        segments = plan.segments[some]
        found = _held(keys, asked.facets, segments, plan.unknown)
        span = max(int(segments[0]) * SEGMENT, plan.bound), (int(segments[-1]) + 1) * SEGMENT
        bound = bound_to()
        yield span, None if bound > span[0] else found[found >= plan.bound]


def _of_groups(asked: Asked, plan: _Plan, before: int | None, above: int | None) -> Iterator[_Part]:
    """Letters are looked for in the groups of a step together, properties in one group after the other."""
    if not plan.groups:
        return
    keys = groups.rarest_first(asked.keys, plan.groups[-1].number)
    for some in _stepped(_GROUPS, len(plan.groups), above is not None):
        step = plan.groups[some]
        found: dict[int, Numbers] | None = None
        for key in keys:
            own = groups.places(key, [group.number for group in step] if found is None else list(found))
            if found is not None:
                own = {number: groups.within(found[number], held) for number, held in own.items()}
            found = {number: held for number, held in own.items() if len(held)}
        few = found is not None and sum(map(len, found.values())) <= _FEW
        for group in step if above is not None else reversed(step):
            places = None if found is None else found.get(group.number, np.zeros(0, np.int64))
            for facet_keys in () if few else asked.facets:
                if places is not None and not len(places):
                    break
                own_places = _any_of(facet_keys, group.number)
                places = own_places if places is None else groups.within(places, own_places)
            if places is None:  # only a time is asked for
                places = np.arange(groups.SPAN)
            if group.amended:
                places = np.union1d(places, np.array(group.amended, np.int64))
            first = group.number * groups.SPAN
            yield (first, first + groups.SPAN), _in_time(first + places, first // SEGMENT, group.times, asked)


def _any_of(keys: Sequence[int], group: int) -> Numbers:
    """The places of a group's items that have one of the keys."""
    held = [places for key in keys for places in groups.places(key, [group]).values()]
    if len(held) < 2:
        return held[0] if held else np.zeros(0, np.int64)
    table = np.zeros(groups.SPAN, bool)
    for places in held:
        table[places] = True
    return np.flatnonzero(table)


def _in_time(numbers: Numbers, first_segment: int, times: bytes, asked: Asked) -> Numbers:
    """Those of a group's items whose segment has some of the time asked for."""
    if not times or not len(numbers):
        return numbers
    spans = np.frombuffer(times, "<i8").reshape(-1, 2)
    good = np.ones(len(spans), bool)
    if asked.until:
        good &= spans[:, 0] < _micros(asked.until)
    if asked.since:
        good &= spans[:, 1] >= _micros(asked.since)
    return numbers[good[numbers // SEGMENT - first_segment]]


def _rarest_first(keys: Sequence[int], segment: int) -> list[int]:
    """The keys in the order of how many items of one segment hold them: the first one leaves the fewest to look at."""
    some = np.array([segment], np.int64)
    return sorted(keys, key=lambda key: len(_numbers(key, some))) if len(keys) > 1 else list(keys)


def rarest(keys: Sequence[int]) -> int:
    """The one of some keys that the fewest items of the newest written segment hold."""
    return _rarest_first(keys, sealed_to() // SEGMENT - 1)[0]


def _unsealed(asked: Asked, plan: _Plan, before: int | None, above: int | None) -> Iterator[_Part]:
    """Of the items that the concordance does not cover yet those with the letters; the query tells their other sides."""
    if before is not None and before <= plan.sealed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from opinion_item where id >= %s and grams @> %s::int[] order by id",
            [max(plan.sealed, (above or -1) + 1), list(asked.keys)],
        )
        found = np.array([row[0] for row in cursor.fetchall()], np.int64)
    yield (plan.sealed, plan.sealed + 1 if not len(found) else int(found[-1]) + 1), found


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
    at = np.flatnonzero(table >> np.uint32(PLACE_BITS) == np.uint32(key & ((1 << KEY_BITS) - 1)))
    ends = np.cumsum(np.array(lengths, np.int64) // 4)
    own = np.array(segments, np.int64)[np.searchsorted(ends, at, "right")]
    return own * SEGMENT + (table[at] & np.uint32(SEGMENT - 1))
