"""Normal time, hysteresis, phases, penalties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chengheng.maintenance.rules import service, spans, sweep, watch

calm = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the machine may be busy
T0 = datetime(2024, 5, 1, tzinfo=UTC)


def at(minutes):
    return T0 + timedelta(minutes=minutes)


intervals = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 60)).map(lambda pair: (at(pair[0]), at(pair[0] + pair[1]))),
    max_size=8,
)


def minutes_of(found):
    return {
        n
        for start, end in found
        for n in range(int((start - T0) / timedelta(minutes=1)), int((end - T0) / timedelta(minutes=1)))
    }


@calm
@given(
    st.lists(
        st.tuples(st.integers(0, 230), st.integers(1, 40), intervals, intervals, intervals), min_size=1, max_size=6
    )
)
def test_the_sweep_over_many_devices_is_the_same_as_one_by_one(devices):
    def micros(moment):
        return (moment - T0) // timedelta(microseconds=1)

    services = [(at(start), at(start + length)) for start, length, *_rest in devices]
    kinds = []
    for which in (2, 3, 4):
        rows = [(n, micros(a), micros(b)) for n, one in enumerate(devices) for a, b in one[which]]
        kinds.append(sweep.Intervals(*(np.array([row[c] for row in rows], dtype=np.int64) for c in range(3))))
    lo, hi = (np.array([micros(one[side]) for one in services]) for side in (0, 1))
    due, down = sweep.normal_times(lo, hi, *kinds)
    for place, (_start, _length, broken, unknown, excluded) in enumerate(devices):
        said = spans.normal_time((at(0), at(300)), [services[place]], broken, unknown, excluded)
        assert (due[place], down[place]) == tuple(one // timedelta(microseconds=1) for one in (said.due, said.down))


@calm
@given(intervals, intervals, intervals)
def test_normal_time_equals_counting_minutes(down, unknown, excluded):
    period = (at(20), at(220))
    found = spans.normal_time(period, [(at(10), at(240))], down, unknown, excluded)
    due = minutes_of([period]) - minutes_of(excluded) - (minutes_of(unknown) - minutes_of(down))
    assert found.due == timedelta(minutes=len(due))
    assert found.down == timedelta(minutes=len(due & minutes_of(down)))
    assert found.normal + found.down == found.due


@calm
@given(st.lists(st.booleans(), max_size=80), st.integers(1, 4), st.integers(1, 4))
def test_states_change_only_after_enough_results_in_a_row(results, fail_after, pass_after):
    memory, state, changes = watch.Watched(fail_after, pass_after), "unknown", []
    for number, ok in enumerate(results):
        change = memory.take(ok, at(number))
        if change is None:
            continue
        needed = (1 if state == "unknown" else pass_after) if ok else fail_after
        first = number - needed + 1
        assert results[first : number + 1] == [ok] * needed
        assert change == watch.Change(state, "up" if ok else "down", at(first), at(number))
        state = change.after
        changes.append(change)
    assert all(one.after != other.after for one, other in zip(changes, changes[1:], strict=False))
    assert memory.state == state


def test_a_check_that_changes_often_flaps_and_calms_down():
    memory = watch.Watched(1, 1)
    for number in range(7):
        memory.take(number % 2 == 0, at(number))
    assert memory.is_flapping(at(7))
    assert not memory.is_flapping(at(60))


@calm
@given(st.text(), st.floats(0.1, 3600))
def test_a_phase_lies_in_its_interval(key, interval):
    assert 0 <= watch.phase(key, interval) < interval


def test_an_outage_follows_from_one_further_up():
    parents = {1: {2}, 2: {3}, 4: {1}}
    assert watch.is_suppressed(1, parents, {3})
    assert not watch.is_suppressed(3, parents, {1})
    assert watch.closes_a_ring(3, 4, parents)
    assert watch.closes_a_ring(1, 1, {})
    assert not watch.closes_a_ring(4, 2, parents)


def test_penalties_count_started_hours_up_to_the_most():
    rule = service.PenaltyRule("late_response", 100, most_fen=450)
    assert service.penalty(rule, [Decimal("0.1"), Decimal(2), Decimal(-3)]) == 300
    assert service.penalty(rule, [Decimal("9.5")]) == 450
