"""Every executable rule finds its planted fault, and leaves the honest counterpart alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from chengheng.common import trail
from chengheng.common.errors import NotPermitted
from chengheng.common.people.access import SYSTEM
from chengheng.finance import actions, engine
from chengheng.finance.errors import NotProposed, NotTried, SeparationOfDuties, UnknownParameter
from chengheng.finance.models import Finding, RuleRun
from chengheng.finance.rules.catalogue import econ_of, plain_account, rules
from tests import builders
from tests.finance.conftest import make_unit
from tests.finance.planted import LOCAL, PLANTS, Y, d, voucher

EXECUTABLE = [rule.code for rule in rules().values() if rule.executable]


def books(unit, evidence):
    """Store the evidence; returns the period to ask about."""
    periods = []
    for key, rows in evidence.items():
        if key == "kind":
            continue
        kind, year, period = key if isinstance(key, tuple) else (key, Y, 0 if key in engine.YEARLY else 3)
        actions.store_batch(SYSTEM, unit, kind, year, period, rows, origin="planted", run_rules=False)
        if year == Y and period:
            periods.append(period)
    return max(periods)


def test_every_executable_rule_has_a_planted_fault():
    assert len(rules()) == 97
    assert set(PLANTS) == set(EXECUTABLE) == set(rules())


@pytest.mark.parametrize("code", EXECUTABLE)
def test_the_fault_is_found_and_honest_books_are_left_alone(aspects, code):
    if code in LOCAL:
        name, value = LOCAL[code]
        actions.set_parameter(SYSTEM, code, name, Decimal(value), valid_from=date(2020, 1, 1), source="test")
    outcomes = []
    for evidence in PLANTS[code]:
        unit = make_unit(evidence.get("kind", "institution"))
        period = books(unit, evidence)
        (answer,) = engine.ask(unit, Y, period, [code])
        assert not answer.missing
        outcomes.append(answer.outcome)
        assert all(one.text and "{" not in one.text for one in answer.found)
    assert outcomes == [RuleRun.Outcome.FOUND, RuleRun.Outcome.CLEAN]


def test_missing_evidence_is_not_clean(unit):
    books(unit, {"lines": PLANTS["T13"][1]["lines"]})
    said = {answer.rule.code: answer for answer in engine.ask(unit, Y, 3, ["B02", "W01", "C02", "V01", "T01"])}
    assert said["B02"].outcome == said["W01"].outcome == said["C02"].outcome == RuleRun.Outcome.INSUFFICIENT
    assert said["B02"].missing == ["budgets"]
    assert said["C02"].missing == ["balances", "parameter"]
    assert said["V01"].outcome == RuleRun.Outcome.NOT_APPLICABLE
    assert said["T01"].outcome == RuleRun.Outcome.CLEAN


def test_too_few_amounts_are_not_clean_by_benford(unit):
    books(unit, {"lines": PLANTS["T13"][1]["lines"]})
    (answer,) = engine.ask(unit, Y, 3, ["T10"])
    assert (answer.outcome, answer.missing, answer.found) == (RuleRun.Outcome.INSUFFICIENT, ["amounts"], [])


def test_the_nearest_parameter_counts(aspects):
    above = make_unit()
    below = make_unit(parent=above.organisation)
    rule = rules()["T07"]
    for unit, value in ((None, 10), (above, 20)):
        actions.set_parameter(
            SYSTEM, "T07", "min_yuan", Decimal(value), valid_from=date(2025, 1, 1), source="t", unit=unit
        )
    assert engine.parameters_of(rule, below, date(2025, 6, 1))["min_yuan"] == 20
    assert engine.parameters_of(rule, make_unit(), date(2025, 6, 1))["min_yuan"] == 10
    assert engine.parameters_of(rule, below, date(2024, 6, 1))["min_yuan"] == 50000


def test_codes_are_read_out_of_account_numbers():
    assert plain_account("5001.30227") == "500130227"
    assert econ_of("5001.30227") == econ_of("500130227") == econ_of("5001", "30227 委托业务费") == "30227"
    assert econ_of("1002.01") == ""


def test_a_back_test_says_what_other_values_would_find(unit):
    books(unit, PLANTS["T07"][0])
    (trial,) = engine.back_test(unit, Y, "T07", {"min_yuan": Decimal(100000)})
    assert (trial.period, trial.now, trial.then, trial.more, len(trial.fewer)) == (3, 1, 0, [], 1)
    (trial,) = engine.back_test(unit, Y, "T07", {"min_yuan": Decimal(10000)})
    assert (trial.now, trial.then) == (1, 1)


def test_a_proposal_is_tried_and_put_in_force_by_another_person(unit, people):
    books(unit, PLANTS["T07"][0])
    given = {"valid_from": date(Y, 1, 1), "source": "津财〔2025〕1号"}
    with pytest.raises(NotPermitted):
        actions.propose_change(people.issuer, "T07", "min_yuan", Decimal(100000), **given)
    with pytest.raises(UnknownParameter):
        actions.propose_change(people.editor, "T07", "nothing", Decimal(1), **given)
    change = actions.propose_change(people.editor, "T07", "min_yuan", Decimal(100000), **given)
    leader = builders.holder("finance.leader", people.editor.organisation, name="负责人")
    with pytest.raises(NotTried):
        actions.enforce_change(change, leader)
    change = actions.try_change(change)
    assert [(one["now"], one["then"]) for one in change.result] == [(1, 0)]
    with pytest.raises(NotPermitted):
        actions.enforce_change(change, people.editor)
    assert engine.ask(unit, Y, 3, ["T07"])[0].outcome == RuleRun.Outcome.FOUND
    change = actions.enforce_change(change, leader)
    assert (change.state, change.decided_by_id) == ("live", leader.pk)
    assert engine.ask(unit, Y, 3, ["T07"])[0].outcome == RuleRun.Outcome.CLEAN
    with pytest.raises(NotProposed):
        actions.withdraw_change(change, people.editor)
    assert trail.history(change).count() == 2


def test_one_person_with_both_duties_still_needs_another(unit, people):
    change = actions.try_change(
        actions.propose_change(SYSTEM, "T07", "min_yuan", Decimal(1), valid_from=date(Y, 1, 1), source="x")
    )
    leader = builders.holder("finance.leader", people.editor.organisation, name="负责人")
    type(change).objects.filter(pk=change.pk).update(proposed_by=leader)
    with pytest.raises(SeparationOfDuties):
        actions.enforce_change(change, leader)


def test_a_wrong_depreciation_of_a_month_is_not_forgotten_when_the_next_month_is_right(aspects):
    unit = make_unit()
    wrong, right = (PLANTS["A09"][n]["assets"] for n in (0, 1))
    for period, rows in ((3, wrong), (4, right)):
        actions.store_batch(SYSTEM, unit, "assets", Y, period, rows, origin="planted")
    (found,) = Finding.objects.filter(unit=unit, rule="A09")
    assert (found.period, found.outdated_at) == (3, None)


def test_the_year_end_of_an_enterprise_is_asked_for_reversals_too(aspects):
    unit = make_unit("enterprise")
    old = voucher(d(12, 30, Y - 1), ("6602", 500, 0), ("1002", 0, 500))
    red = voucher(d(1, 4), ("6602", -500, 0), ("1002", 0, -500), summary="冲销")
    period = books(unit, {("lines", Y - 1, 12): old, ("lines", Y, 1): red})
    (answer,) = engine.ask(unit, Y, period, ["T09"])
    assert len(answer.found) == 1
