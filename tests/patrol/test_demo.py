"""Patrol's share of the demonstration city: cases in all states, a month published, a reward signed by two."""

from __future__ import annotations

import pytest

from chengheng.common import trail
from chengheng.common.demo import DemoCity
from chengheng.patrol import bulletins, demo
from chengheng.patrol.models import AllocationRun, Bulletin, Case, SamplingPlan
from tests import builders

pytestmark = pytest.mark.slow


@pytest.fixture
def city(reference_data, db):
    city = DemoCity()
    centre = builders.organisation("考核中心", kind="centre", code="326206")
    for code in demo.DISTRICTS:
        commission = builders.organisation(
            f"{code}城市管理委员会", centre, kind="district", code=f"D{code}", district_code=code
        )
        builders.organisation("环卫", commission, kind="department", code=f"D{code}-HW", district_code=code)
    return city


def test_the_demonstration_has_a_published_month_and_is_built_once(city, monkeypatch):
    monkeypatch.setattr(demo, "PER_MONTH_2024", 1)
    monkeypatch.setattr(demo, "NOW_CASES", 2)
    demo.build(city)
    cases = Case.objects.count()
    (bulletin,), (run,), (plan,) = Bulletin.objects.all(), AllocationRun.objects.all(), SamplingPlan.objects.all()
    assert (bulletin.month, bulletins.is_whole(bulletin)) == (202412, True)
    assert run.state == "published"
    assert sum(share["amount_fen"] for share in run.shares) + run.remainder_fen == run.pool_fen
    assert plan.visits.filter(visited_at__isnull=True).count() == 0
    assert trail.verify().ok
    demo.build(city)
    assert (Case.objects.count(), Bulletin.objects.count()) == (cases, 1)
