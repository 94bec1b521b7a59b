"""The demonstration's maintenance: it answers the indicators of the four maintenance programmes, their real ledger takes
its bills, and its base data has editions and a draft. Built once for all of this."""

from __future__ import annotations

import json
from datetime import date

import pytest
from django.utils import timezone

from chengheng.common import measures, spending
from chengheng.common.demo import DemoCity
from chengheng.common.measures import Period, Scope
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import actions, demo
from chengheng.maintenance.basedata import actions as basedata
from chengheng.maintenance.basedata.models import ChangeSet, Item
from chengheng.maintenance.models import Device, Fault, System
from chengheng.performance import demo as targets
from chengheng.performance import queries
from chengheng.performance.models import Payment, Programme
from chengheng.simulate.city import build_base

pytestmark = pytest.mark.django_db


def test_the_demonstration_answers_its_programmes_takes_bills_and_has_base_data():
    city = DemoCity()
    build_base(city)
    demo.build(city)
    demo.build(city)
    targets.build(city)
    the_four_programmes_are_answered_by_the_right_system()
    base_data_has_editions_a_draft_with_problems_and_a_measure()
    the_real_ledger_takes_bills()


def the_four_programmes_are_answered_by_the_right_system() -> None:
    assert Device.objects.count() == 22 + 222 + 36 + 33
    assert Fault.objects.filter(closed_at=None).count() == 2
    found = {}
    for one in queries.overview(2024, SYSTEM, date(2026, 11, 22)):
        for line in one.indicators:
            if line.measure.startswith("maintenance."):
                found.setdefault(one.programme.name, {})[line.measure] = line
    counts = [lines["maintenance.devices"].value for lines in found.values() if "maintenance.devices" in lines]
    assert sorted(counts) == [22, 36, 222]
    venues = measures.evaluate("maintenance.sites", Period.year(2024), Scope().with_options({"system": "command"}))
    assert venues.value == 33
    assert len(found) == 4
    for lines in found.values():
        assert all(line.answered for line in lines.values())
        assert lines["maintenance.normal_rate"].value >= 90
        assert lines["maintenance.response_hours"].value <= 4


def base_data_has_editions_a_draft_with_problems_and_a_measure() -> None:
    assert Item.objects.filter(kind="component", until=None).count() == 430
    draft = ChangeSet.objects.get(state="draft")
    assert {"grid_differs", "required", "doubled"} <= draft.found.keys()
    kind = Scope().with_options({"kind": "component"})
    assert measures.evaluate("maintenance.base_updated", Period.year(2024), kind).value == 400 + 42
    assert measures.evaluate("maintenance.base_updated", Period.year(2023), Scope()).value == 0
    assert json.loads(json.dumps(draft.counts))["add"] == 6
    assert basedata.check_set(draft, SYSTEM).stopping == draft.stopping


def the_real_ledger_takes_bills() -> None:
    ceilings = {
        code: spending.purse("maintenance", {"system": code}, 2024)
        for code in ("video", "platform", "finance", "command")
    }
    assert {code: purse.ceiling_fen // 1_000_000 for code, purse in ceilings.items()} == {
        "video": 3, "platform": 194, "finance": 2, "command": 26,
    }  # fmt: skip
    assert len({purse.name for purse in ceilings.values()}) == 4
    system = System.objects.get(code="finance")
    bill = actions.enter_bill(
        SYSTEM,
        system=system,
        kind="network",
        amount_fen=50_000,
        paid_on=date(2024, 5, 20),
        payee="运营商",
        voucher="网-1",
    )
    payment = Payment.objects.get(voucher="网-1")
    assert (payment.amount_fen, payment.programme.name) == (50_000, bill.booked)
    assert (
        spending.purse("maintenance", {"system": "finance"}, 2024).spent_fen == ceilings["finance"].spent_fen + 50_000
    )
    assert spending.purse("maintenance", {"system": "finance"}, timezone.localdate().year + 5) is None
    late = actions.enter_bill(
        SYSTEM, system=system, kind="power", amount_fen=1, paid_on=date(2023, 1, 1), payee="x", voucher="1"
    )
    assert late.booked == ""
    assert Programme.objects.filter(name=bill.booked).exists()
