"""Words bound into groups answer as the segments did: at every moment of the work, and after it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.people.access import SYSTEM
from chengheng.opinion import binding, concordance, groups, partitions, queries, rules
from chengheng.opinion.concordance import Asked
from chengheng.opinion.models import Alert, Binding, Bound, Concordance, Item, Rule, Source

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SPAN = 26  # items of a group here: segments of four lie across its borders
CHANNELS, AREAS, TOPICS = ("news", "weibo", "picture"), ("", "120101", "120102001"), ("", "油烟", "路灯不亮")
LETTERS = "路面塌陷灯"


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.dictionaries(
        st.integers(0, 2**32 - 1),
        st.one_of(
            st.sets(st.integers(0, groups.SPAN - 1), min_size=1, max_size=6),
            st.builds(range, st.integers(0, 9), st.integers(500_000, 600_000), st.sampled_from([600, 20_000])),
        ),
        max_size=40,
    ),
    st.integers(0, 2**32 - 1),
)
def test_rows_name_every_item_of_a_key_and_no_other(held, other):
    pairs = np.array(sorted(key << groups.PLACE_BITS | place for key in held for place in held[key]), np.uint64)
    rows = list(groups.rows_of(pairs))
    assert all(one[1] < two[0] for one, two in zip(rows, rows[1:], strict=False))
    for key in {*held, other}:
        row = next((row for row in rows if row[1] >= key), None)
        found = groups.places_of(key, *row).tolist() if row and row[0] <= key else []
        assert found == sorted(held.get(key, ()))
    whole = [groups.pairs_of(*row) for row in rows]
    assert not rows or np.array_equal(np.concatenate(whole), pairs)


def test_rows_stay_short_and_a_frequent_key_stands_alone():
    chance = random.Random(3)
    rare = {chance.randrange(2**32): [chance.randrange(groups.SPAN)] for _ in range(3000)}
    pairs = [key << 20 | place for key in rare for place in rare[key]] + [7 << 20 | place for place in range(5000)]
    rows = list(groups.rows_of(np.array(sorted(pairs), np.uint64)))
    assert [len(data) for first, last, data in rows if first <= 7 <= last] == [5000]
    assert all(1000 < len(data) < 2000 for first, _last, data in rows[2:-1] if first > 7)


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small(db, monkeypatch):
    monkeypatch.setattr(groups, "SPAN", SPAN)
    monkeypatch.setattr(concordance, "SEGMENT", 4)
    monkeypatch.setattr(concordance, "_STEPS", (1, 2))
    monkeypatch.setattr(concordance, "_FEW", -1)
    monkeypatch.setattr(binding, "_TOGETHER", 1500)
    monkeypatch.setattr(binding, "_DROPPED", 3)


def stock(numbers, chance: random.Random) -> list[Item]:
    """Items of these numbers, a few hours apart, written into segments."""
    place = Source.objects.create(name="示例", channel="news", way="push")
    items = [item_of(place, number, "".join(chance.choices(LETTERS, k=chance.randrange(9))), chance)
             for number in numbers]  # fmt: skip
    Item.objects.bulk_create(items)
    with connection.cursor() as cursor:
        cursor.execute("select setval('opinion_item_number', %s)", [max(numbers)])
    while concordance.seal(max(numbers) + 1):
        pass
    return items


def item_of(place: Source, number: int, body: str, chance: random.Random) -> Item:
    return Item(
        id=number, source=place, body=body, grams=rules.word_grams(body), channel=chance.choice(CHANNELS),
        area_code=chance.choice(AREAS), topic_name=chance.choice(TOPICS), relevance=chance.choice((0.1, 0.9)),
        collected_at=NOW + timedelta(hours=number),
    )  # fmt: skip


def question(chance: random.Random) -> tuple[Asked, int | None, int | None]:
    words = " ".join("".join(chance.choices(LETTERS, k=2)) for _ in range(chance.randrange(3)))
    day = (NOW + timedelta(hours=chance.randrange(130))).date()
    asked = queries.asked(
        words, chance.choice(((), ("weibo",), ("picture", "news"))), chance.choice((None, None, day)),
        chance.choice((None, None, day + timedelta(days=1))), area=chance.choice(("", "120101", "120102001")),
        topic=chance.choice(("", "路灯")), relevant=chance.random() < 0.3,
    )  # fmt: skip
    before, above = chance.choice(((None, None), (chance.randrange(140), None), (None, chance.randrange(-1, 140))))
    return asked, before, above


def answer(asked: Asked, before: int | None = None, above: int | None = None) -> list[int]:
    found = [number for some in concordance.holding(asked, before, above) for number in some]
    assert found == sorted(set(found), reverse=above is None)
    return found


def work() -> int:
    """Bind all that can be bound; how many pieces that took."""
    return sum(1 for _ in iter(binding.step, False))


@pytest.mark.parametrize("seed", range(2))
def test_bound_words_answer_as_the_segments_did_at_every_moment(small, seed):
    chance = random.Random(seed)
    items = stock(sorted(chance.sample(range(1, 128), 100)), chance)
    asked = [question(chance) for _ in range(48)]
    wanted = [answer(*one) for one in asked]
    assert any(wanted)
    pieces = 0
    while True:
        for number in chance.sample(range(len(asked)), 8):
            assert answer(*asked[number]) == wanted[number]
        with transaction.atomic():  # a kill in the middle of the piece
            binding.step()
            transaction.set_rollback(True)
        if not binding.step():
            break
        pieces += 1
    assert [answer(*one) for one in asked] == wanted
    assert pieces > 4 * 4
    assert set(Binding.objects.values_list("number", "done")) == {(number, True) for number in range(4)}
    assert Concordance.objects.filter(segment__lt=4 * SPAN // 4).count() == 0
    assert set(Bound.objects.values_list("number", flat=True)) <= set(range(4))
    assert concordance.sealed_to() > items[-1].pk - 4


@pytest.mark.parametrize("forward", [False, True])
def test_a_search_under_way_goes_on_when_its_segments_are_bound(small, forward):
    chance = random.Random(1)
    items = stock(range(1, 120), chance)
    asked = queries.asked(channels=["news"])
    wanted = [item.pk for item in items if item.channel == "news"]
    search = concordance.holding(asked, above=0 if forward else None)
    found = [number for some in islice(search, 3) for number in some]
    assert work() > 4
    found += [number for some in search for number in some]
    assert found == (wanted if forward else wanted[::-1])


def test_what_comes_later_is_written_and_bound_too(small):
    chance = random.Random(2)
    place = stock(range(1, 4 * SPAN + 1), chance)[0].source
    work()
    assert not binding.step()
    new = [item_of(place, number, "路面", chance) for number in range(4 * SPAN + 1, 6 * SPAN)]
    Item.objects.bulk_create(new)
    while concordance.seal(6 * SPAN):
        pass
    assert concordance.sealed_to() == 6 * SPAN // 4 * 4
    assert answer(queries.asked("路面"), above=4 * SPAN) == [item.pk for item in new]
    work()
    assert answer(queries.asked("路面"), above=4 * SPAN) == [item.pk for item in new]
    assert Binding.objects.filter(done=True).count() == 6


def test_an_item_whose_words_change_is_found_by_the_new_ones_before_while_and_after_it_is_bound(small):
    chance = random.Random(4)
    items = stock(range(1, 100), chance)

    def change(number: int) -> None:
        item = items[number - 1]
        item.body, item.grams = "图中有水管", rules.word_grams("图中有水管")
        item.save(update_fields=["body", "grams"])
        concordance.seal_again(item.pk)

    wanted = []
    for number in (3, 9, 26, 60, 77):
        change(number)
        wanted.insert(0, number)
        assert [item.pk for item in queries.search(SYSTEM, "水管")] == wanted
        for _piece in range(5):
            binding.step()
            assert [item.pk for item in queries.search(SYSTEM, "水管")] == wanted
    work()
    change(2)
    assert [item.pk for item in queries.search(SYSTEM, "水管")] == [*wanted, 2]
    assert Binding.objects.get(number=0).amended == [2]
    assert binding.step()
    assert not Binding.objects.exclude(amended=[]).exists()
    assert [item.pk for item in queries.search(SYSTEM, "水管")] == [*wanted, 2]
    assert not binding.step()
    rows = list(Bound.objects.order_by("number", "last_key").values_list("number", "first_key", "last_key"))
    assert all(one[0] < two[0] or one[2] < two[1] for one, two in zip(rows, rows[1:], strict=False))


def test_segments_of_before_there_were_properties_get_them_first(small):
    stock(range(1, SPAN + 4), random.Random(5))
    wanted = answer(queries.asked(channels=["weibo"]))
    old = [concordance.groups.unsigned(concordance.facet("channel", name)) >> 20 for name in CHANNELS]
    with connection.cursor() as cursor:
        cursor.execute("delete from opinion_concordance where segment = 2 and bucket = any(%s)", [old])
        cursor.execute("update opinion_concordance set postings = '' where segment = 2 and bucket = -1")
    assert set(answer(queries.asked(channels=["weibo"]))) > set(wanted)
    work()
    assert answer(queries.asked(channels=["weibo"])) == wanted


def test_a_word_costs_one_row_a_group_by_the_index(small):
    stock(range(1, 4 * SPAN + 2), random.Random(6))
    work()
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(f"explain {groups._HOLDING}", [[0, 1, 2, 3], 7, 7])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using opinion_bound_pkey" in plan
    assert "Sort" not in plan


def test_a_partition_is_dropped_with_the_words_of_its_items(db, monkeypatch):
    monkeypatch.setattr(concordance, "SEGMENT", 4096)
    partitions.make_room(0, partitions.SIZE)
    chance = random.Random(7)
    items = stock([1, 2, 5000, 999_999, 1_000_000, 1_004_000], chance)
    work()
    assert Binding.objects.get().number == 0
    asked = queries.asked(channels=list(CHANNELS))
    assert answer(asked) == [item.pk for item in items][::-1]
    alert = Alert(rule=Rule.objects.create(name="一", notation="路"), item=items[0], title="一", raised_at=NOW,
                  collected_at=NOW, state_since=NOW, from_collection=1)  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
    alert.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        partitions.drop(0)
    alert.delete()
    partitions.drop(0)
    assert answer(asked) == [1_004_000, 1_000_000]
    assert not Bound.objects.exists()
    assert not Binding.objects.exists()
    assert concordance.sealed_to() == 1_003_520
