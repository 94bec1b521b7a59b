"""The demonstration's maintenance answers the indicators of the four maintenance programmes."""

from __future__ import annotations

from datetime import date

import pytest

from chengheng.common import measures
from chengheng.common.demo import DemoCity
from chengheng.common.measures import Period, Scope
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import demo
from chengheng.maintenance.models import Device, Fault
from chengheng.performance import demo as targets
from chengheng.performance import queries
from chengheng.simulate.city import build_base

pytestmark = pytest.mark.django_db


def test_the_four_programmes_are_answered_by_the_right_system():
    city = DemoCity()
    build_base(city)
    demo.build(city)
    demo.build(city)
    assert Device.objects.count() == 22 + 222 + 36 + 33
    assert Fault.objects.filter(closed_at=None).count() == 2
    targets.build(city)
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
