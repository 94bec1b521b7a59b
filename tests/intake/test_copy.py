"""COPY brings every value in exactly, whatever is in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, models, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.common.intake.copy import copy_columns, copy_rows, new_keys
from tests import builders
from tests.stock.models import Repair, Road

pytestmark = pytest.mark.django_db
TEXT = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=("Cs",)), max_size=30)
ROAD = st.fixed_dictionaries(
    {
        "name": TEXT,
        "length_m": st.none() | st.decimals(0, 999_999, places=2),
        "cost_fen": st.none() | st.integers(-(2**63), 2**63 - 1),
        "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "lit": st.booleans(),
        "surveyed_on": st.none() | st.dates(date(1, 1, 1)),
        "reported_at": st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),
        "notes": st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=3)
        .map(lambda found: {key.replace("\\u0000", ""): value for key, value in found.items()}),
    }
)  # fmt: skip


@given(st.lists(ROAD, max_size=5))
@settings(max_examples=80)
def test_any_row_comes_back(db, rows):
    Road.objects.all().delete()
    rows = [{"number": f"R{n}", **row} for n, row in enumerate(rows)]
    assert copy_rows(Road, rows) == len(rows)
    for row, stored in zip(rows, Road.objects.order_by("id"), strict=True):
        assert {name: getattr(stored, name) for name in row} == row


def test_rows_may_be_mappings_sequences_columns_or_instances():
    keeper = builders.organisation()
    copy_rows(Road, [{"number": "a", "name": "x", "keeper": keeper}])
    copy_rows(Road, [("b", "y", keeper.pk)], fields=("number", "name", "keeper_id"))
    copy_columns(Road, {"number": ["c", "d"], "name": ["z", "z"]}, keeper=keeper, length_m=Decimal("1.5"))
    copy_rows(Road, [Road(number="e", name="w", keeper=keeper), Road(number="f", name="v", keeper=keeper)])
    assert list(Road.objects.order_by("number").values_list("number", "keeper", "grade")) == [
        (number, keeper.pk, "side") for number in "abcdef"
    ]
    assert Road.objects.filter(length_m=Decimal("1.5")).count() == 2
    assert copy_rows(Road, []) == copy_columns(Road, {"number": []}) == 0


def test_more_rows_than_a_block_all_arrive():
    assert copy_rows(Road, ({"number": f"R{n}", "name": "x"} for n in range(4_501))) == 4_501
    assert Road.objects.count() == 4_501


def test_constraints_hold_and_the_transaction_goes_back_whole():
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_rows(Road, [{"number": "a", "name": "x"}, {"number": "a", "name": "y"}])
    assert not Road.objects.exists()
    with pytest.raises(ValueError, match="no field"):
        copy_rows(Road, [{"bogus": 1}])
    with pytest.raises(ValueError, match="zero"), transaction.atomic():
        copy_rows(Road, [{"number": "a\x00", "name": "x"}])
    with pytest.raises(ValueError, match="zone"), transaction.atomic():
        copy_rows(Road, [{"number": "a", "name": "x", "reported_at": datetime(2024, 1, 1)}])


def test_rows_that_refer_to_one_another_get_their_keys_first():
    keys = new_keys(Road, 3)
    assert len(set(keys)) == 3
    copy_columns(Road, {"id": keys, "number": ["a", "b", "c"], "name": ["x"] * 3})
    copy_columns(Repair, {"road": keys})
    assert Repair.objects.filter(road__number="b").count() == 1
    assert Road.objects.create(number="d", name="x").pk not in keys
    assert isinstance(Road._meta.pk, models.BigAutoField)
