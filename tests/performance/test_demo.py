"""The demonstration city gets the seven real tables; building it twice changes nothing."""

from datetime import date

import pytest

from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM
from chengheng.performance import demo, queries
from chengheng.performance.models import Payment
from chengheng.simulate.city import build_base

pytestmark = pytest.mark.django_db


def test_the_demonstration_holds_the_real_tables_once():
    city = DemoCity()
    build_base(city)
    demo.build(city)
    demo.build(city)
    assert Payment.objects.count() == 84
    found = queries.overview(2024, SYSTEM, date(2026, 11, 22))
    lines = [line for one in found for line in one.indicators]
    assert (len(found), len(lines)) == (7, 42)
    assert all(one.programme.organisation is not None for one in found)
    assert sum(line.answered and line.measure == "performance.spent" for line in lines) == 7
