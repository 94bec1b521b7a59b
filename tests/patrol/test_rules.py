"""Patrol's rules: the dictionary's editions, counts and ratios, scores, reward allocation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.patrol.rules import allocation, scores, statistics
from chengheng.patrol.rules.allocation import Claimant
from chengheng.patrol.rules.statistics import CaseFacts, StageFacts

# statistics

START = datetime(2024, 5, 1, tzinfo=UTC)
moments = st.integers(0, 1000).map(lambda hours: START + timedelta(hours=hours))
stages = st.builds(StageFacts, due_at=st.none() | moments, done_at=st.none() | moments)
facts = st.builds(
    CaseFacts,
    reported_at=moments,
    by_collector=st.booleans(),
    by_public=st.booleans(),
    accepted=st.none() | st.booleans(),
    filed=st.none() | st.booleans(),
    voided=st.booleans(),
    self_handled=st.booleans(),
    reworks=st.integers(0, 3),
    hand_backs=st.integers(0, 3),
    **dict.fromkeys(("accept", "verify", "file", "dispatch", "handle", "check", "close"), stages),
)


@given(st.lists(facts, max_size=30), moments)
def test_counts_add_up(cases, as_of):
    counts = statistics.count(cases, as_of)
    assert set(counts) == {entry.code for entry in statistics.COUNTS}
    assert counts["valid"] <= min(counts["filed"], counts["collector_reported"]) <= counts["reported"] == len(cases)
    assert counts["handled_in_time"] + counts["handled_late"] == counts["handled"] <= counts["to_handle"]
    assert counts["closed_in_time"] + counts["closed_late"] == counts["closed"]
    for stage in ("verify", "dispatch", "handle", "check", "close"):
        rate = statistics.ratios(counts).get(f"{stage}_in_time_rate")
        assert rate is None or 0 <= rate <= 100


@given(st.lists(facts, max_size=12), st.lists(facts, max_size=12), moments)
def test_counting_two_halves_equals_counting_the_whole(one, other, as_of):
    whole = statistics.count([*one, *other], as_of)
    assert whole == {
        code: number + statistics.count(other, as_of)[code] for code, number in statistics.count(one, as_of).items()
    }


def test_the_valid_report_rate_of_the_target_is_filed_over_reported():
    cases = [CaseFacts(START, filed=True)] * 93 + [CaseFacts(START, filed=False)] * 7
    cases += [CaseFacts(START, by_collector=False, by_public=True, filed=True)] * 50
    counts = statistics.count(cases, START)
    assert statistics.ratios(counts)["valid_rate"] == 93


def test_rework_has_the_base_that_the_city_chose():
    done = StageFacts(done_at=START)
    counts = statistics.count(
        [CaseFacts(START, filed=True, handle=done, reworks=1)] * 3 + [CaseFacts(START, close=done)], START
    )
    assert statistics.ratios(counts, "handled")["rework_rate"] == 100
    assert statistics.ratios(counts, "to_close")["rework_rate"] == 300


# scores

DEPARTMENT = [
    {"code": "filed", "weight": 10, "count": "filed", "bands": [[50, 100], [100, 90], [200, 75], [None, 0]]},
    {"code": "close", "weight": 30, "ratio": "close_rate"},
    {"code": "in_time", "weight": 30, "ratio": "handle_in_time_rate"},
    {"code": "rework", "weight": 30, "ratio": "rework_rate", "inverted": True},
]


def test_a_department_is_scored_by_the_example_rule_set():
    parts = scores.read_parts(DEPARTMENT)
    ratios = {"close_rate": Decimal(90), "handle_in_time_rate": Decimal(80), "rework_rate": Decimal(5)}
    assert scores.score(parts, {"filed": 60}, ratios).total == Decimal("88.50")  # 9 + 27 + 24 + 28.5


def test_a_department_without_cases_has_no_score():
    parts = scores.read_parts(DEPARTMENT)
    assert (
        scores.score(parts, {"filed": 0}, dict.fromkeys(("close_rate", "handle_in_time_rate", "rework_rate"))).total
        is None
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": 20}, "sum to 110"),
        ({"ratio": "close_rate"}, "either a ratio or a count"),
        ({"bands": [[50, 100]]}, "last band"),
        ({"bands": [[50, 100], [40, 90], [None, 0]]}, "must rise"),
    ],
)
def test_a_faulty_rule_set_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        scores.read_parts([DEPARTMENT[0] | change, *DEPARTMENT[1:]])


def test_grades_follow_the_table():
    table = [{"grade": "A", "least": 90}, {"grade": "B", "least": 75}, {"grade": "E", "least": 0}]
    assert [scores.grade(Decimal(x), table) for x in ("90", "89.99", "0")] == ["A", "B", "E"]
    assert scores.grade(None, table) == ""


# allocation

claimants = st.lists(st.tuples(st.decimals(0, 100, places=2), st.integers(1, 50)), min_size=1, max_size=16).map(
    lambda rows: [Claimant(str(number), score, Decimal(units)) for number, (score, units) in enumerate(rows)]
)
parameters = {
    "proportional": {},
    "points": {"points": [10, 7, 5, 3, 1]},
    "bands": {"bands": [[3, "1.5"], [8, 1], [None, "0.5"]]},
    "rank_coefficient": {"base_fen": 36000, "bands": [[7, "1.2"], [14, 1], [None, "0.8"]]},
}


@given(st.integers(0, 10**12), claimants, st.sampled_from(sorted(allocation.METHODS)))
def test_no_fen_is_lost_or_made(pool, who, method):
    result = allocation.METHODS[method][1](pool, who, parameters[method])
    assert sum(share.amount_fen for share in result.shares) + result.remainder_fen == pool
    assert result.remainder_fen >= 0
    assert all(share.amount_fen >= 0 for share in result.shares)


@given(st.integers(0, 10**12), claimants)
def test_who_scores_more_never_gets_less_for_the_same_units(pool, who):
    result = allocation.proportional(pool, [Claimant(c.key, c.score) for c in who], {})
    by_score = sorted(zip(who, result.shares, strict=True), key=lambda pair: pair[0].score)
    amounts = [share.amount_fen for _, share in by_score]
    assert amounts == sorted(amounts)


def test_equal_scores_share_a_rank_and_an_amount():
    who = [
        Claimant("a", Decimal(95)),
        Claimant("b", Decimal(90)),
        Claimant("c", Decimal(90)),
        Claimant("d", Decimal(80)),
    ]
    result = allocation.points(1700, who, {"points": [10, 3, 3, 1]})
    assert [(share.rank, share.amount_fen) for share in result.shares] == [(1, 1000), (2, 300), (2, 300), (4, 100)]


def test_the_example_of_ningbo_yinzhou_comes_out():
    """600 yuan a grid and month, district share 60 %: 360 × coefficient (鄞社治〔2022〕14号)."""
    who = [Claimant("top", Decimal(98), Decimal(100)), Claimant("middle", Decimal(90), Decimal(50))]
    result = allocation.rank_coefficient(10**9, who, {"base_fen": 36000, "bands": [[1, "1.1"], [None, 1]]})
    assert [share.amount_fen for share in result.shares] == [3_960_000, 1_800_000]
