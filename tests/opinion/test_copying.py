"""Rows by binary COPY arrive as they were, and the postings of a segment name every item that holds a key."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from chengheng.opinion import concordance
from chengheng.opinion.copying import copy_rows

KEYS = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.django_db
def test_every_kind_of_column_arrives_as_it_was():
    kinds = {
        "a": "int8", "b": "int4", "c": "float8", "d": "bool", "e": "text", "f": "moment", "g": "jsonb", "h": "bytea",
        "i": "int4[]",
    }  # fmt: skip
    rows = [
        (-(2**63), 2**31 - 1, -0.25, True, "路面\t\\N 塌陷\n🙂", datetime(2026, 11, 23, 1, 2, 3, 456789, UTC),
         {"字": ["a", None, 1.5]}, b"\x00\xff", np.array([-(2**31), 7], np.int32)),
        (0, 0, 0.0, False, "", datetime(1999, 12, 31, tzinfo=UTC), [], b"", []),
        (None,) * 9,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "create temp table kinds (a bigint, b int, c float8, d bool, e text, f timestamptz, g jsonb, h bytea, i int[])"
        )
        copy_rows("kinds", kinds, rows)
        cursor.execute("select a, b, c, d, e, f, g::text::json, h, i from kinds")
        found = [(*row[:7], row[7] if row[7] is None else bytes(row[7]), row[8]) for row in cursor.fetchall()]
    wanted = [tuple(value.tolist() if isinstance(value, np.ndarray) else value for value in row) for row in rows]
    assert found == wanted


@given(st.sets(st.tuples(st.integers(0, concordance.SEGMENT - 1), KEYS), max_size=12), KEYS)
def test_postings_name_every_item_of_a_key_and_no_other(pairs, other):
    places = np.array([place for place, _key in pairs], np.int64)
    keys = np.array([key for _place, key in pairs], np.int32)
    buckets = dict(concordance.postings_of(places, keys))
    for key in {key for _place, key in pairs} | {other}:
        bucket = concordance.bucket_of(key)
        held = buckets.get(bucket, b"")
        found = concordance.numbers_of(key, [0], [len(held)], held).tolist()
        assert found == sorted(place for place, own in pairs if own == key)
