"""Rows to PostgreSQL's binary COPY, packed here column by column: far cheaper than adapting value by value, on both sides.

The format is that of the manual's "COPY, Binary Format": a signature, rows of (length, value) fields in network order,
a trailer. Only the kinds of column that this room writes in bulk are known; a wrong kind is refused by the server.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TAIL = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AT_ONCE = 64  # rows
_INT4 = 23  # the type's number in pg_type

_int8, _int4, _float8, _bool = (struct.Struct(shape).pack for shape in (">iq", ">ii", ">id", ">i?"))
_length = struct.Struct(">i").pack
_json = json.JSONEncoder(ensure_ascii=False).encode  # one for all: `json.dumps` would build it anew for each value


@lru_cache(maxsize=4096)
def _moment(value: datetime) -> bytes:
    return _int8(8, (value - _EPOCH) // _MICROSECOND)


def _text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _jsonb(value: Any) -> bytes:
    data = _json(value).replace("\\u0000", " ").encode()
    return _length(len(data) + 1) + b"\x01" + data


def _bytea(value: bytes) -> bytes:
    return _length(len(value)) + value


def _integers(values: Sequence[Sequence[int] | npt.NDArray[np.int32]]) -> list[bytes]:
    """int4[] fields, all at once; no element is null."""
    counts = [len(value) for value in values]
    held = [np.asarray(value, ">i4") for value in values if len(value)]
    pairs = np.empty((sum(counts), 2), ">i4")
    pairs[:, 0] = 4
    if held:
        pairs[:, 1] = np.concatenate(held)
    data, at, found = pairs.tobytes(), 0, []
    for count in counts:
        found.append(
            _some_integers(20 + 8 * count, 1, 0, _INT4, count, 1) + data[at : at + 8 * count] if count else _NONE
        )
        at += 8 * count
    return found


_some_integers, _NONE = struct.Struct(">iiiiii").pack, struct.pack(">iiii", 12, 0, 0, _INT4)
_FIXED = {"int8": (">i8", 8), "int4": (">i4", 4), "float8": (">f8", 8), "bool": ("?", 1)}
_ONE_BY_ONE: dict[str, Callable[[Any], bytes]] = {
    "int8": lambda value: _int8(8, value),
    "int4": lambda value: _int4(4, value),
    "float8": lambda value: _float8(8, value),
    "bool": lambda value: _bool(1, value),
    "text": _text,
    "moment": _moment,
    "jsonb": _jsonb,
    "bytea": _bytea,
    "int4[]": lambda value: _integers([value])[0],
}


def _packed(kind: str, values: Sequence[Any]) -> Sequence[bytes]:
    """A column's fields. Most columns of a batch say the same in every row, or a few things over and over."""
    pack, count = _ONE_BY_ONE[kind], len(values)
    if all(value is None for value in values):
        return [_NULL] * count
    if kind == "int4[]" and not any(value is None for value in values):
        return _integers(values)
    if kind in ("text", "moment"):
        known = {value: _NULL if value is None else pack(value) for value in set(values)}
        return [known[value] for value in values]
    return [_NULL if value is None else pack(value) for value in values]


def _columns(columns: Mapping[str, str], values: Sequence[Sequence[Any]]) -> Iterator[Sequence[bytes]]:
    """The fields of all columns; neighbouring ones of a fixed width without nulls are packed as one."""
    kinds, at = list(columns.values()), 0
    while at < len(kinds):
        end = at
        while end < len(kinds) and kinds[end] in _FIXED and None not in values[end]:
            end += 1
        if end - at < 2:
            yield _packed(kinds[at], values[at])
            at += 1
            continue
        parts = []
        for number in range(at, end):
            shape, width = _FIXED[kinds[number]]
            parts += [(f"l{number}", ">i4"), (f"v{number}", shape)]
        table = np.empty(len(values[at]), parts)
        for number in range(at, end):
            table[f"l{number}"] = _FIXED[kinds[number]][1]
            table[f"v{number}"] = values[number]
        data, width = table.tobytes(), table.itemsize
        yield [data[start : start + width] for start in range(0, len(data), width)]
        at = end


def copy_rows(table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Write `rows`, whose values stand in the order of `columns` (name to kind); None is null. In the caller's transaction."""
    count = struct.pack(">h", len(columns))
    values = list(zip(*rows, strict=True))
    if not values:
        return
    if len(values) != len(columns):
        raise ValueError(f"{len(values)} values for {len(columns)} columns of {table}")
    fields = list(_columns(columns, values))
    lines = [count + b"".join(row) for row in zip(*fields, strict=True)]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin (format binary)") as copy,
    ):
        copy.write(_HEAD)
        for at in range(0, len(lines), _AT_ONCE):  # megabytes at once would only pile up on this side
            copy.write(b"".join(lines[at : at + _AT_ONCE]))
        copy.write(_TAIL)
