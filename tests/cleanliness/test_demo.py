"""The demonstration city's share of dust weighing."""

from __future__ import annotations

from chengheng.cleanliness import actions, demo, reference
from chengheng.cleanliness.models import Bulletin, Check, Plan, Road
from chengheng.common import files
from chengheng.common.demo import DemoCity
from chengheng.common.measures import Period, evaluate
from chengheng.simulate.city import build_base


def test_the_demo_checks_two_months_and_is_safe_to_repeat(db, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"
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
    newest, earlier = (Check.objects.filter(month=month).first() for month in (202406, 202405))
    kinds = [photo.kind for photo in files.of(newest)]
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(("before", "frame", "after", "scale"), 6)
    assert not files.of(earlier), "only the newest month has pictures"
    shown = files.of(newest, "before")[0].file
    assert newest.arrived_at <= shown.taken_at <= newest.done_at, "with the camera's time of the check"
