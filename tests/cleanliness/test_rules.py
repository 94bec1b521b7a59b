"""Every formula of dust weighing, with its units; properties for what must hold whatever the numbers."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.cleanliness.rules import points, sampling, weighing
from chengheng.cleanliness.rules.estimation import Stratum, estimate, ranking
from chengheng.cleanliness.rules.examples import EXAMPLES
from chengheng.cleanliness.rules.routing import route
from chengheng.cleanliness.rules.weighing import LimitLine, RuleTable, Verdict, judge

grams = st.decimals(0, 500, places=3)
lanes = st.sampled_from(["fast", "slow", "kerb", "pavement"])


def test_grams_on_a_frame_become_grams_a_square_metre():
    assert weighing.grams_per_m2(Decimal("10.4"), Decimal("8"), Decimal("0.24")) == 10
    with pytest.raises(ValueError, match="less"):
        weighing.grams_per_m2(Decimal(7), Decimal(8), Decimal(1))
    with pytest.raises(ValueError, match="area"):
        weighing.grams_per_m2(Decimal(9), Decimal(8), Decimal(0))


@given(tare=grams, net=grams, area=st.decimals("0.01", 4, places=4))
def test_the_same_dust_on_twice_the_area_is_half(tare, net, area):
    one, two = (weighing.grams_per_m2(tare + net, tare, area * k) for k in (1, 2))
    assert abs(one - 2 * two) < Decimal("1e-15") * (1 + one)
    assert weighing.rounded(one * area, 3) == net


@given(st.lists(st.tuples(lanes, grams), min_size=6, max_size=20), st.randoms())
def test_a_verdict_does_not_depend_on_the_order_of_points(found, chance):
    table = RuleTable(EXAMPLES[0].limits)
    mixed = found[:]
    chance.shuffle(mixed)
    assert judge(found, 1, "inner", table) == judge(mixed, 1, "inner", table)


@given(st.lists(st.tuples(lanes, grams), max_size=5))
def test_under_six_points_there_is_no_result(found):
    judged = judge(found, 1, "", RuleTable(EXAMPLES[1].limits))
    assert (judged.verdict, judged.value, judged.score) == (Verdict.INCOMPLETE, None, None)


@given(st.lists(st.tuples(lanes, grams), min_size=6, max_size=12), grams)
def test_more_dust_never_scores_more(found, more):
    table = RuleTable(EXAMPLES[1].limits)
    dirtier = [(lane, value + more) for lane, value in found]
    assert judge(dirtier, 1, "", table).score <= judge(found, 1, "", table).score
    assert 0 <= judge(found, 1, "", table).score <= 100


def test_the_examples_say_what_their_sources_say():
    shijiazhuang, zibo, _beijing = (RuleTable(e.limits) for e in EXAMPLES)
    assert judge([("fast", Decimal(5))] * 6, 1, "inner", shijiazhuang).verdict is Verdict.MISSED  # "<5"
    assert judge([("fast", Decimal("7.9"))] * 6, 1, "outer", shijiazhuang).verdict is Verdict.MET
    assert judge([("fast", Decimal(5))] * 6, 1, "", zibo).verdict is Verdict.MET  # "≤5"
    assert judge([("pavement", Decimal("10.1"))] * 6, 1, "", zibo).verdict is Verdict.MISSED
    assert judge([("fast", Decimal(5))] * 6, 1, "", None).verdict is Verdict.NO_RULE
    assert not any("Tianjin" in e.name or "天津" in e.name for e in EXAMPLES)


def test_the_most_exact_limit_counts():
    table = RuleTable((LimitLine(Decimal(9)), LimitLine(Decimal(5), "kerb"), LimitLine(Decimal(4), "kerb", 1)))
    assert [table.limit_for("kerb", grade).limit for grade in (1, 2)] == [4, 5]
    assert table.limit_for("fast", 1).limit == 9


def test_a_deduction_counts_started_grams():
    table = RuleTable((LimitLine(Decimal(5)),), deduct_missed_fen=100, deduct_gram_fen=10)
    for value, fen in (("5", 0), ("5.1", 110), ("6", 110), ("6.01", 120)):
        assert weighing.deduction_fen(judge([("kerb", Decimal(value))] * 6, 1, "", table), table) == fen


def test_one_far_value_is_an_outlier_and_a_calm_row_has_none():
    row = [Decimal(str(v)) for v in (4.1, 4.3, 4.0, 4.6, 4.2, 19)]
    assert weighing.outliers(row) == [5]
    assert weighing.outliers(row[:5]) == []
    assert weighing.outliers([Decimal(4)] * 6) == []
    assert weighing.outliers([Decimal(4)] * 5 + [Decimal(40)]) == [5]


@given(st.integers(0, 2000), st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 90), min_size=1))
def test_an_allocation_gives_what_is_asked_or_all_there_is(size, free):
    sizes = {name: number + 3 for name, number in free.items()}
    given_ = sampling.allocate(size, sizes, free)
    assert sum(given_.values()) == min(size, sum(free.values()))
    assert all(0 <= given_[name] <= free[name] for name in free)


def frame(count, districts=4):
    return [sampling.FrameRoad(f"R{n:05}", f"1201{n % districts:02}", 1 + n % 3) for n in range(count)]


@given(st.randoms(), st.integers(1, 90))
def test_a_draw_is_the_same_whoever_draws_in_whatever_order(chance, size):
    roads = frame(90)
    mixed = roads[:]
    chance.shuffle(mixed)
    one, two = sampling.draw(roads, size, "seed"), sampling.draw(mixed, size, "seed")
    assert one.codes == two.codes
    assert len(one.codes) == size
    assert sampling.frame_digest(roads) == sampling.frame_digest(mixed)


def test_twelve_months_cover_every_road_and_keep_the_gap():
    counts = {road.code: 0 for road in frame(300)}
    last = dict.fromkeys(counts, -9)
    for month in range(12):
        roads = [
            sampling.FrameRoad(r.code, r.district, r.grade, counts[r.code], month - last[r.code] < 2)
            for r in frame(300)
        ]
        for code in sampling.draw(roads, 55, "2024").codes:
            assert month - last[code] >= 2
            counts[code], last[code] = counts[code] + 1, month
    assert sum(counts.values()) == 660
    assert set(counts.values()) == {2, 3}


def test_every_road_has_the_same_chance():
    """Over many seeds each road of a stratum is drawn equally often (chi-square within 5 sigma)."""
    hits = dict.fromkeys((r.code for r in frame(40, 1)), 0)
    for seed in range(1500):
        for code in sampling.draw(frame(40, 1), 12, str(seed)).codes:
            hits[code] += 1
    mean = sum(hits.values()) / 40
    assert all(abs(number - mean) < 5 * math.sqrt(mean) for number in hits.values())


@given(st.integers(6, 20), st.text(max_size=8), st.lists(lanes, min_size=1, max_size=3, unique=True))
def test_points_lie_on_the_road_evenly_on_both_sides(count, seed, kinds):
    line = [(117.2, 39.1), (117.21, 39.1), (117.21, 39.108)]
    placed = points.place(line, kinds, count, seed)
    steps = {round(b.along_m - a.along_m, 1) for a, b in zip(placed, placed[1:], strict=False)}
    assert len(placed) == count
    assert max(steps) - min(steps) < 0.2
    assert {p.side for p in placed} == {"left", "right"}
    assert {p.lane for p in placed} == set(kinds)
    assert all(points.distance_to_line_m((p.lon, p.lat), line) < 1 for p in placed)
    assert placed == points.place(line, kinds, count, seed)


def test_the_mean_is_weighted_by_the_design():
    found = estimate([Stratum(90, [2.0, 2.0]), Stratum(10, [12.0, 12.0])])
    assert found.mean == pytest.approx(3)
    assert found.se == 0
    alone = estimate([Stratum(5, [4.0])])
    assert (alone.mean, alone.low) == (4, None)
    assert estimate([]) is None


def test_all_roads_checked_leave_only_the_error_of_their_own_values():
    assert estimate([Stratum(3, [1.0, 5.0, 9.0])]).se == 0
    assert estimate([Stratum(3, [1.0, 5.0, 9.0], [0.3, 0.3, 0.3])]).se == pytest.approx(math.sqrt(0.3 / 3))


def test_ties_share_a_rank_and_unsure_places_say_so():
    same = estimate([Stratum(100, [4.0, 4.2, 3.8, 4.0])])
    far = estimate([Stratum(100, [9.0, 9.2, 8.8, 9.0])])
    ranked = ranking({"a": same, "b": same, "c": far})
    assert [(r.code, r.rank) for r in ranked] == [("a", 1), ("b", 1), ("c", 3)]
    assert [(r.best, r.worst) for r in ranked] == [(1, 2), (1, 2), (3, 3)]


def test_routes_visit_every_road_once_and_are_balanced():
    chance = random.Random(1)
    stops = [(117 + chance.random() / 5, 39 + chance.random() / 5) for _ in range(24)]
    found = route(stops, [(117.05, 39.1), (117.15, 39.1)], milliseconds=300)
    assert sorted(stop for one in found.routes for stop in one) == list(range(24))
    assert max(map(len, found.routes)) <= 14
    assert found.solved
    with pytest.raises(ValueError, match="no team"):
        route(stops, [])


def town_truth(chance, roads=3000):
    """A known synthetic town: 16 districts × 4 grades, log-normal roads."""
    truth = {}
    for n in range(roads):
        district, grade = f"1201{n % 16:02}", 1 + n // 16 % 4
        truth[f"R{n:05}"] = (district, grade, (3.5 + grade * 1.6 + n % 16 * 0.05) * math.exp(chance.gauss(0, 0.25)))
    return truth


def coverage(redraws: int) -> tuple[float, float]:
    """Share of intervals that hold the true mean, and how many more checks simple random sampling needs for the same."""
    chance = random.Random(20240501)
    truth = town_truth(chance)
    roads = [sampling.FrameRoad(code, district, grade) for code, (district, grade, _v) in truth.items()]
    true = math.fsum(v for *_s, v in truth.values()) / len(truth)
    values = [v for *_s, v in truth.values()]
    held, errors, simple, size = 0, [], [], 540
    for number in range(redraws):
        drawn = sampling.draw(roads, size, f"redraw {number}")
        strata = []
        for name, codes in drawn.chosen.items():
            seen, own = [], []
            for code in codes:
                real = truth[code][2]
                dots = [real * math.exp(chance.gauss(-0.02, 0.2)) for _ in range(6)]
                mean = math.fsum(dots) / 6
                seen.append(mean)
                own.append(math.fsum((d - mean) ** 2 for d in dots) / 5 / 6)
            strata.append(Stratum(drawn.sizes[name], seen, own))
        found = estimate(strata)
        held += found.low <= true <= found.high
        errors.append((found.mean - true) ** 2)
        plain = [v * math.exp(chance.gauss(-0.02, 0.2) / math.sqrt(6)) for v in chance.sample(values, size)]
        simple.append((math.fsum(plain) / size - true) ** 2)
    return held / redraws, math.fsum(simple) / math.fsum(errors)


@pytest.mark.slow
def test_the_interval_covers_the_truth_in_95_of_100_over_1000_redraws(capsys):
    held, ratio = coverage(1000)
    with capsys.disabled():
        print(f"\n  coverage {held:.3f}; simple random sampling needs {ratio:.2f} × the checks")
    assert 0.93 <= held <= 0.97
    assert ratio > 1.3


values = st.lists(st.floats(0.5, 60), min_size=2, max_size=12)


@settings(deadline=None)  # the first call loads scipy
@given(st.lists(st.tuples(st.integers(12, 400), values), min_size=1, max_size=5), st.floats(0.01, 1000))
def test_an_estimate_in_another_unit_is_the_same_estimate(strata, unit):
    """g/m² or mg/m²: mean, error and interval scale alike; the lower end is never below nothing."""
    one = estimate([Stratum(roads, seen) for roads, seen in strata])
    other = estimate([Stratum(roads, [value * unit for value in seen]) for roads, seen in strata])
    for name in ("mean", "se", "low", "high"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) * unit, rel=1e-6, abs=1e-6 * unit)
    assert 0 <= one.low <= one.mean <= one.high
    assert (
        min(min(seen) for _roads, seen in strata) - 1e-9 <= one.mean <= max(max(seen) for _roads, seen in strata) + 1e-9
    )


@given(st.decimals(0, 100, places=3), st.decimals(0, 100, places=3), st.decimals("0.001", 5, places=3))
def test_two_readings_agree_within_a_digit_whoever_read_first(one, other, digit):
    said = weighing.entries_agree((one, one), (other, other), digit)
    assert said == weighing.entries_agree((other, other), (one, one), digit)
    assert said == (abs(one - other) <= digit)


@given(st.decimals("0.001", 10, places=3), st.decimals("0.01", 4, places=4), grams)
def test_a_digit_of_the_scale_is_so_many_grams_a_square_metre(digit, area, tare):
    step = weighing.grams_per_m2(tare + digit, tare, area)
    assert abs(step - weighing.reading_step(digit, area)) < Decimal("1e-12") * (1 + step)


@given(grams, st.integers(0, 4))
def test_printed_figures_are_rounded_half_up(value, places):
    printed = weighing.rounded(value, places)
    assert -Decimal(5).scaleb(-places - 1) < printed - value <= Decimal(5).scaleb(-places - 1)


@given(grams, grams, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_dust_never_costs_a_contractor_less_and_money_is_whole_fen(one, more, missed, gram):
    table = RuleTable((LimitLine(Decimal(5)),), deduct_missed_fen=missed, deduct_gram_fen=gram)
    less, greater = (
        weighing.deduction_fen(judge([("kerb", value)] * 6, 1, "", table), table) for value in (one, one + more)
    )
    assert less <= greater
    assert isinstance(greater, int)


corners = st.lists(st.tuples(st.floats(116.8, 117.9), st.floats(38.6, 40.1)), min_size=2, max_size=6, unique=True)


@given(corners, st.floats(0, 1))
def test_a_place_along_a_line_lies_on_it_and_so_far_from_its_start(line, share):
    whole = points.length_m(line)
    assert points.length_m(line[::-1]) == pytest.approx(whole)
    at = points.along(line, whole * share)
    gone, best = 0.0, math.inf
    for start, end in zip(line, line[1:], strict=False):
        best = min(best, abs(gone + points.distance_m(*start, *at) - whole * share))
        gone += points.distance_m(*start, *end)
    assert best < 1 + whole * 1e-3, "metres, on the great circle"


@given(corners)
def test_the_way_on_the_ground_is_a_distance(line):
    one, other = line[:2]
    assert points.distance_m(*one, *other) == pytest.approx(points.distance_m(*other, *one))
    assert points.distance_m(*one, *one) == 0
    assert points.distance_m(117, 39, 117, 40) == pytest.approx(111_195, rel=1e-4)
