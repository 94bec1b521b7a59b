"""The demonstration city gets the seven real tables; building it twice changes nothing."""

import pytest
pytestmark = pytest.mark.django_db
def test_demo_twice():
    from chengheng.simulate.city import build_base
    from chengheng.common.demo import DemoCity
    from chengheng.performance import demo, queries
    from chengheng.performance.models import Payment
    from chengheng.common.people.access import SYSTEM
    from datetime import date
    city = DemoCity(); build_base(city)
    demo.build(city); n = Payment.objects.count()
    demo.build(city)
    assert Payment.objects.count() == n == 84
    found = queries.overview(2024, SYSTEM, date(2026, 11, 22))
    lines=[l for o in found for l in o.indicators]
    assert len(lines) == 42
    assert sum(l.answered for l in lines) >= 7
    assert all(o.programme.organisation for o in found)
