"""Bound groups: the words of a whole partition of items (a million), key after key, as search reads them.

A row holds the items of neighbouring keys: some hundred rare ones together, or a frequent one alone, so that rows are of
one to two kilobytes except where a key has more. A rare word therefore costs one row a group. An item is told by its
place in the group, as the step from the item before it in seven bits a byte (the highest bit: more bytes follow).

    a key alone     steps
    keys together   how many (16 bits), the keys (32 bits each), where the steps of each end (16 bits each), all steps

`Binding` says of a group whether it is complete, and names the items whose words changed since: these are proposed
whatever is asked, until `binding` has folded them in. What writes groups is there; here is how they are laid out and read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db import connection

from chengheng.opinion import partitions

SPAN = partitions.SIZE  # items of a group: those of one partition, so that both go together
PLACE_BITS = 20
_ROW, _ALONE = 1500, 400  # bytes: of a row of several keys at most about that; from that on a key has its own
_count = np.dtype("<u2")
Numbers = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.uint64]
"""Key (unsigned) × 2²⁰ + place, ascending and each once."""

_AT = (
    "cross join lateral (select first_key, last_key, postings from opinion_bound b where b.number = {number}"
    " and b.last_key >= {key} order by b.last_key limit 1) found where found.first_key <= {key}"
)
_HOLDING = (
    "select asked.number, found.first_key, found.last_key, found.postings"  # noqa: S608 - own names
    " from unnest(%s::int[]) asked(number) " + _AT.format(number="asked.number", key="%s")
)
_ROWS = (
    "select distinct on (found.last_key) found.first_key, found.last_key, found.postings"  # noqa: S608 - own names
    " from unnest(%s::bigint[]) asked(key) " + _AT.format(number="%s", key="asked.key")
)
_SIZES = (
    "select asked.key, case when found.first_key = found.last_key then octet_length(found.postings) else 1 end"  # noqa: S608
    " from unnest(%s::bigint[]) asked(key) " + _AT.format(number="%s", key="asked.key")
)


def unsigned(key: int) -> int:
    """A signed 32-bit key as groups keep it."""
    return key & 0xFFFFFFFF


def rows_of(pairs: Pairs) -> Iterator[tuple[int, int, bytes]]:
    """`(first key, last key, postings)` of the rows that hold these pairs."""
    if not len(pairs):
        return
    keys = (pairs >> np.uint64(PLACE_BITS)).astype(np.int64)
    steps = (pairs & np.uint64((1 << PLACE_BITS) - 1)).astype(np.int64)
    begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    firsts = steps[begins]
    steps[1:] -= steps[:-1].copy()
    steps[begins] = firsts
    data, ends = _bytes_of(steps)
    ends = ends[np.concatenate((begins[1:], [len(pairs)])) - 1]
    starts = np.concatenate(([0], ends[:-1]))
    keys = keys[begins]
    alone = ends - starts >= _ALONE
    together = (ends + 6 * np.arange(1, len(ends) + 1)) // _ROW
    cut = np.concatenate(([True], alone[1:] | alone[:-1] | (together[1:] != together[:-1]), [True]))
    cuts = np.flatnonzero(cut).tolist()
    for at, upto in itertools.pairwise(cuts):
        first, last = int(keys[at]), int(keys[upto - 1])
        steps_of = data[int(starts[at]) : int(ends[upto - 1])]
        if upto - at == 1:
            yield first, last, steps_of
        else:
            head = np.array([upto - at], _count).tobytes() + keys[at:upto].astype("<u4").tobytes()
            yield first, last, head + (ends[at:upto] - starts[at]).astype(_count).tobytes() + steps_of


def _bytes_of(steps: Numbers) -> tuple[bytes, Numbers]:
    """All steps one behind the other, and where each ends."""
    sizes = 1 + (steps >= 1 << 7) + (steps >= 1 << 14)
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]), np.uint8)
    out[ends - 1] = steps & 127
    more = np.flatnonzero(sizes > 1)
    out[ends[more] - 2] = 128 | ((steps[more] >> 7) & 127)
    more = more[sizes[more] > 2]
    out[ends[more] - 3] = 128 | (steps[more] >> 14)
    return out.tobytes(), ends


def _steps_of(data: bytes) -> tuple[Numbers, Numbers]:
    """The steps of `_bytes_of`, and where the last byte of each stands."""
    held = np.frombuffer(data, np.uint8)
    last = np.flatnonzero(held < 128)
    steps = held[last].astype(np.int64)
    if len(last) < len(held):
        # Before the first step stands nothing: these indexes then wrap round to the last byte, which is none of "more".
        one = held[last - 1].astype(np.int64)
        more = np.flatnonzero(one >= 128)
        steps[more] += (one[more] & 127) << 7
        two = held[last[more] - 2].astype(np.int64)
        far = two >= 128
        steps[more[far]] += (two[far] & 127) << 14
    return steps, last


def places_of(key: int, first: int, last: int, data: bytes) -> Numbers:
    """The places of the items that hold `key`, ascending, from the row that may hold it."""
    if first == last:
        return np.cumsum(_steps_of(data)[0]) if key == first else np.zeros(0, np.int64)
    count = int(np.frombuffer(data, _count, 1)[0])
    keys = np.frombuffer(data, "<u4", count, 2)
    at = int(np.searchsorted(keys, np.uint32(key)))
    if at == count or int(keys[at]) != key:
        return np.zeros(0, np.int64)
    begin = 2 + 6 * count
    ends = np.frombuffer(data, _count, count, 2 + 4 * count)
    return np.cumsum(_steps_of(data[begin + (int(ends[at - 1]) if at else 0) : begin + int(ends[at])])[0])


def pairs_of(first: int, last: int, data: bytes) -> Pairs:
    """Everything that a row holds."""
    if first == last:
        keys, ends, steps = np.array([first], np.uint64), np.array([len(data)]), data
    else:
        count = int(np.frombuffer(data, _count, 1)[0])
        keys = np.frombuffer(data, "<u4", count, 2).astype(np.uint64)
        ends = np.frombuffer(data, _count, count, 2 + 4 * count).astype(np.int64)
        steps = data[2 + 6 * count :]
    every, at = _steps_of(steps)
    upto = np.searchsorted(at, ends)  # how many steps end before the key's end
    begins = np.concatenate(([0], upto[:-1]))
    places = np.cumsum(every)
    before = np.concatenate(([0], places))[begins]
    counts = upto - begins
    places -= np.repeat(before, counts)
    return (np.repeat(keys, counts) << np.uint64(PLACE_BITS)) | places.astype(np.uint64)


@dataclass(frozen=True)
class Group:
    """A bound group as a search meets it: `amended` are places of items whose words changed since; `times`, where the
    question cuts through the group's time, says of each of its segments (from `first_segment`) when its items came."""

    number: int
    amended: tuple[int, ...] = ()
    times: bytes = b""


def rows_at(number: int, keys: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """The rows of a group in which these unsigned keys have their place."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [list(keys), number])
        return [(first, last, bytes(data)) for first, last, data in cursor.fetchall()]


def rarest_first(keys: Sequence[int], number: int) -> list[int]:
    """Signed keys in the order of how much one group says of them: the first one leaves the fewest to look at."""
    if len(keys) < 2:
        return list(keys)
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [[unsigned(key) for key in keys], number])
        sizes: dict[int, int] = dict(cursor.fetchall())
    return sorted(keys, key=lambda key: sizes.get(unsigned(key), 0))


def places(key: int, numbers: Sequence[int]) -> dict[int, Numbers]:
    """Group → the places in it, ascending, of the items that hold a signed key; groups without one are left out."""
    key = unsigned(key)
    with connection.cursor() as cursor:
        cursor.execute(_HOLDING, [list(numbers), key, key])
        rows = cursor.fetchall()
    found = ((number, places_of(key, first, last, bytes(data))) for number, first, last, data in rows)
    return {number: some for number, some in found if len(some)}


def within(some: Numbers, held: Numbers) -> Numbers:
    """Those of the places `some` that are in `held` too."""
    if len(held) > 64 * len(some):
        at = np.searchsorted(held, some)
        at[at == len(held)] = 0
        return some[held[at] == some]
    table = np.zeros(SPAN, bool)
    table[held] = True
    return some[table[some]]
