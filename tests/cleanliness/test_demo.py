"""The demonstration city's share of dust weighing."""

from __future__ import annotations

from chengheng.cleanliness import actions, demo, reference
from chengheng.cleanliness.models import Bulletin, Check, Plan, Road
from chengheng.common.demo import DemoCity
from chengheng.common.measures import Period, evaluate
from chengheng.simulate.city import build_base


def test_the_demo_checks_two_months_and_is_safe_to_repeat(db):
    reference.load()
    city = DemoCity()
    build_base(city)
    demo.build(city)
    demo.build(city)
    assert Road.objects.count() == demo.ROADS
    assert len(set(Road.objects.values_list("district_code", flat=True))) == 16
    assert Check.objects.filter(state="result").count() == 2 * demo.CHECKS
    assert Bulletin.objects.count() == 2
    assert all(actions.redraw(plan) for plan in Plan.objects.all())
    assert evaluate("cleanliness.by_plan", Period.month(2024, 5)).value == 100
    assert evaluate("cleanliness.points_minimum", Period.year(2024)).value == 6
    assert len(Bulletin.objects.first().content["districts"]) >= demo.CHECKS * 3 // 4
