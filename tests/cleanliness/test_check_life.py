"""A road check from the sealed plan to the result, and everything that must be caught on the way."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from PIL import Image

from chengheng.cleanliness import actions, errors, queries, views
from chengheng.cleanliness.models import Check, PlanItem, Point, Result, Road, RuleSet
from chengheng.common import files, jobs, trail
from chengheng.common.errors import NotPermitted
from chengheng.common.jobs.models import Job
from chengheng.common.measures import Period, evaluate
from chengheng.common.people.access import SYSTEM
from tests.cleanliness.conftest import noon, sampled, submit


def test_a_plan_is_drawn_routed_sealed_and_can_be_drawn_again(town, plan):
    assert plan.items.count() == 12
    assert {name: drawn for name, (_size, drawn) in plan.strata.items()} == {
        "120101-1": 4, "120101-2": 4, "120101-3": 4,
    }  # fmt: skip
    assert actions.redraw(plan)
    item = plan.items.first()
    assert len(item.points) == 6
    assert {p["side"] for p in item.points} == {"left", "right"}
    assert {p["lane"] for p in item.points} == {"fast", "kerb", "pavement"}
    PlanItem.objects.filter(pk=item.pk).update(first_day=item.day + timedelta(days=1))
    assert not actions.redraw(plan), "somebody turned the plan behind its seal"


def test_a_sealed_day_opens_to_its_team_only_when_it_has_come(town, plan, monkeypatch):
    item = plan.items.first()
    monkeypatch.setattr("chengheng.cleanliness.queries.timezone.localdate", lambda: item.day - timedelta(days=1))
    assert not queries.day_of(town.inspector, item.day).exists()
    monkeypatch.setattr("chengheng.cleanliness.queries.timezone.localdate", lambda: item.day)
    assert queries.day_of(town.inspector, item.day).exists()
    assert not queries.day_of(town.boss, item.day).exists()


def test_the_next_month_takes_other_roads(town, plan):
    june = actions.make_plan(town.planner, month=202406, size=12)
    first, second = (set(p.items.values_list("road", flat=True)) for p in (plan, june))
    assert not first & second
    assert june.seed == plan.seed


def test_a_check_becomes_a_result_when_both_have_signed_and_all_is_weighed(town, plan):
    item = plan.items.first()
    check = submit(town, item)
    assert check.state == "sampled"
    with pytest.raises(errors.NotYourTeam):
        actions.sign_check(check, town.inspector)
    check = actions.sign_check(check, town.witness, now=noon(item.day, 90))
    assert (check.state, check.valid_points, check.verdict) == ("result", 6, "met")
    assert check.value == Decimal("4.35")  # grams 4.1 … 4.6 on 1 m²
    assert [e.act for e in trail.history(check)][0] == "cleanliness.check.submit"
    year = Period.year(2024)
    assert evaluate("cleanliness.road_checks", year).value == 1
    assert evaluate("cleanliness.points_minimum", year).value == 6
    assert evaluate("cleanliness.points_share", year).value == 100
    assert evaluate("cleanliness.by_plan", year).numerator == 1
    assert evaluate("cleanliness.cost_per_check", year).value is None
    actions.enter_cost(town.planner, month=202405, amount_fen=23_430, source="invoice 1")
    assert evaluate("cleanliness.cost_per_check", year).value == Decimal("234.30")


def test_the_sixth_point_missing_is_caught(town, plan):
    item = plan.items.first()
    with pytest.raises(errors.PointMissing) as refused:
        submit(town, item, points=sampled(item, 5))
    assert "5" in str(refused.value)
    assert not Check.objects.exists()


def test_a_void_point_leaves_the_check_incomplete_and_not_a_result(town, plan):
    item = plan.items.first()
    check = submit(town, item)
    actions.void_point(check.points.first(), town.chief, reason="bag torn")
    check = actions.sign_check(check, town.witness)
    assert (check.state, check.verdict, check.valid_points, check.value) == ("incomplete", "incomplete", 5, None)
    assert evaluate("cleanliness.road_checks", Period.year(2024)).value == 0
    assert evaluate("cleanliness.points_minimum", Period.year(2024)).value == 5
    check = actions.order_recheck(check, town.chief, data={"day": item.day + timedelta(days=1)}, note="again")
    item.refresh_from_db()
    again = submit(town, item, points=sampled(item, source="bluetooth", mark="C"))
    assert again.recheck_of == check


@pytest.fixture
def waiting(town, plan):
    """A signed check whose six bags are in the weighing room."""
    item = plan.items.first()
    check = actions.sign_check(submit(town, item, points=sampled(item)), town.witness)
    for point in check.points.all():
        actions.receive_bag(town.weigher, point.bag.code)
    return check


def reading(point, grams="12.0", **fields):
    return {"bag": point.bag.code, "scale": "S1", "gross_g": Decimal(grams), "tare_g": Decimal(8), **fields}


def test_two_people_read_by_hand_and_agree_within_a_digit(town, waiting):
    for point in waiting.points.all():
        actions.weigh(point, town.weigher, **reading(point))
        with pytest.raises(errors.SecondPersonNeeded):
            actions.weigh(point, town.weigher, **reading(point))
        actions.weigh(point, town.second, **reading(point, "12.1"))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.value) == ("result", Decimal("4.1"))


def test_readings_that_differ_stay_on_record_and_are_read_anew(town, waiting):
    point = waiting.points.first()
    actions.weigh(point, town.weigher, **reading(point))
    assert actions.weigh(point, town.second, **reading(point, "13.0")).value is None
    actions.weigh(point, town.weigher, **reading(point))
    assert actions.weigh(point, town.second, **reading(point)).value == 4
    assert point.weighings.count() == 4


def test_a_bag_mixed_up_is_caught(town, waiting):
    one, other = waiting.points.all()[:2]
    with pytest.raises(errors.BagMixedUp) as refused:
        actions.weigh(one, town.weigher, **reading(one, bag=other.bag.code))
    assert other.bag.code in str(refused.value)
    assert not one.weighings.exists()


def test_a_bag_mixed_up_on_the_scale_at_the_road_is_caught(town, plan):
    item = plan.items.first()
    points = sampled(item, source="bluetooth")
    one, other = points[:2]
    points[0] = replace(one, reading=replace(one.reading, bag=other.bag))
    with pytest.raises(errors.BagMixedUp) as refused:
        submit(town, item, points=points)
    assert (other.bag in str(refused.value), "#2" in str(refused.value)) == (True, True)
    assert not Check.objects.exists()


def test_a_bag_that_never_came_to_the_room_is_not_weighed(town, plan):
    item = plan.items.first()
    point = submit(town, item, points=sampled(item)).points.first()
    with pytest.raises(errors.BagNotReceived):
        actions.weigh(point, town.weigher, **reading(point))


def test_a_scale_out_of_calibration_blocks(town, waiting):
    point = waiting.points.first()
    with pytest.raises(errors.NotCalibrated):
        actions.weigh(point, town.weigher, now=noon(date(2027, 1, 4)), **reading(point))
    actions.calibrate(
        town.scale, town.weigher, on=date(2026, 11, 1), until=date(2026, 11, 1), certificate="failed", passed=False
    )
    with pytest.raises(errors.NotCalibrated):
        actions.weigh(point, town.weigher, now=noon(date(2026, 11, 22)), **reading(point))
    assert not point.weighings.exists()


def test_an_outlier_is_never_dropped_silently(town, waiting):
    for index, point in enumerate(waiting.points.all()):
        grams = "60" if index == 5 else f"{12 + index / 10:.1f}"
        actions.weigh(point, town.weigher, **reading(point, grams, source="serial"))
    waiting.refresh_from_db()
    odd = waiting.points.get(number=6)
    assert waiting.state == "signed"
    assert odd.flagged
    actions.reweigh(odd, town.weigher, reason="was it read right?")
    actions.weigh(odd, town.weigher, **reading(odd, "60", source="serial"))
    waiting.refresh_from_db()
    assert waiting.state == "signed"
    actions.confirm_outlier(odd, town.chief, reason="sand from a lorry, on the photo")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.valid_points) == ("result", 6)
    assert waiting.verdict == "missed"


def photo(colour: int, stamp: str = "") -> files.File:
    picture = Image.new("RGB", (64, 48), (colour, 90, 120))
    exif = Image.Exif()
    if stamp:
        exif.get_ifd(0x8769)[0x9003] = stamp
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return files.store(out.getvalue(), f"{colour}.jpg")


def with_photos(item, stamp="", offset=timedelta()):
    points, colour = [], 0
    for point in sampled(item):
        shots = []
        for kind in ("before", "frame", "after"):
            colour += 7
            file = photo(colour, stamp)
            shots.append(actions.checking.Photo(kind, file.sha256, point.taken_at + offset))
        points.append(actions.Sampled(**{**vars(point), "photos": shots}))
    return points


def test_photos_are_needed_and_kept(town, plan):
    item = plan.items.first()
    with pytest.raises(errors.PhotoMissing):
        submit(town, item, points=sampled(item), photos_needed=True)
    check = submit(town, item, points=with_photos(item), photos_needed=True)
    assert files.of(check).count() == 18


def test_a_reading_by_hand_on_the_road_needs_a_photo_of_the_scale(town, plan):
    item = plan.items.first()
    read = [one.reading for one in sampled(item, source="hand")]
    points = [actions.Sampled(**{**vars(one), "reading": r}) for one, r in zip(with_photos(item), read, strict=True)]
    with pytest.raises(errors.PhotoMissing) as refused:
        submit(town, item, points=points, photos_needed=True)
    assert "天平读数" in str(refused.value)
    seen = [
        actions.Sampled(**{**vars(one), "photos": [
            *one.photos, actions.checking.Photo("scale", photo(140 + 14 * one.number).sha256, one.taken_at)]})
        for one in points
    ]  # fmt: skip
    check = submit(town, item, points=seen, photos_needed=True)
    assert files.of(check, "scale").count() == 6


def test_a_photo_from_yesterday_is_caught(town, plan):
    item = plan.items.first()
    yesterday = f"{item.day - timedelta(days=1):%Y:%m:%d} 12:05:00"
    with pytest.raises(errors.PhotoNotOfThisCheck):
        submit(town, item, points=with_photos(item, yesterday), photos_needed=True)
    with pytest.raises(errors.PhotoNotOfThisCheck):
        submit(town, item, points=with_photos(item, offset=timedelta(days=-1)), photos_needed=True)


def test_a_photo_is_used_once(town, plan):
    one, other = plan.items.all()[:2]
    submit(town, one, points=with_photos(one), photos_needed=True)
    with pytest.raises(errors.PhotoUsedBefore):
        submit(town, other, points=with_photos(other), photos_needed=True)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"arrived": (117.5, 39.3)}, errors.NotThere),
        ({"arrived_at": noon(date(2024, 4, 30)), "done_at": noon(date(2024, 4, 30), 9)}, errors.NotThisDay),
        ({"done_at": noon(date(2024, 6, 30))}, errors.ClockWrong),
    ],
)
def test_place_and_time_must_fit(town, plan, change, refusal):
    with pytest.raises(refusal):
        submit(town, plan.items.first(), **change)


def test_a_wet_road_is_left_out_and_may_be_moved_with_a_reason(town, plan):
    item = plan.items.first()
    check = submit(town, item, surface="wet", points=[])
    assert (check.state, check.exclusion) == ("excluded", "wet")
    moved = actions.move_item(item, town.planner, day=item.day + timedelta(days=2), reason="rain")
    assert (moved.moves, moved.first_day) == (1, item.day)
    assert actions.redraw(plan), "a move does not break the seal"
    assert submit(town, PlanItem.objects.get(pk=item.pk)).state == "sampled"


def test_too_strong_a_wind_leaves_the_road_out_by_the_rule_of_the_day(town, plan):
    item = plan.items.first()
    assert submit(town, item, wind_ms=Decimal("7.9")).exclusion == "", "no limit in the rule set, no refusal"
    RuleSet.objects.filter(pk=town.rules.pk).update(max_wind_ms=Decimal("5.4"))
    one, other = plan.items.all()[1:3]
    assert submit(town, one, wind_ms=Decimal("5.4")).exclusion == ""
    left_out = submit(town, other, wind_ms=Decimal("5.5"), points=[])
    assert (left_out.exclusion, left_out.state) == ("wind", "excluded")


def test_a_check_is_made_once_and_by_the_team(town, plan):
    item = plan.items.first()
    submit(town, item)
    with pytest.raises(errors.CheckedAlready):
        submit(town, item)
    with pytest.raises(NotPermitted):
        actions.submit_check(
            plan.items.last(), town.boss, witness=town.witness, arrived_at=noon(item.day), arrived=(1, 1),
            done_at=noon(item.day), weather="clear", surface="dry", points=[],
        )  # fmt: skip


def test_the_contractor_appeals_and_the_deduction_follows_the_rule(town, plan):
    item = plan.items.first()
    check = actions.sign_check(submit(town, item, points=sampled(item, source="serial", grams=14)), town.witness)
    assert check.verdict == "missed"
    assert queries.deductions([202405])[0]["amount_fen"] == 50_000 + 10 * 10_000  # 9.x g/m² above 5
    check = actions.appeal(check, town.boss, note="a lorry lost sand")
    assert evaluate("cleanliness.road_checks", Period.year(2024)).value == 1
    check = actions.reject_appeal(check, town.chief, note="the photos show none")
    assert check.state == "result"


def test_results_can_be_worked_out_under_another_rule_set(town, plan):
    for item in plan.items.all()[:3]:
        actions.sign_check(submit(town, item, points=sampled(item, source="serial", grams=6)), town.witness)
    before = list(Check.objects.values_list("verdict", flat=True))
    shijiazhuang = RuleSet.objects.get(name__contains="石家庄")
    done = actions.recompute(shijiazhuang, town.chief, months=[202405])
    assert done["checks"] == 3
    assert list(Check.objects.values_list("verdict", flat=True)) == before


def test_a_month_is_published_frozen(town, plan):
    with pytest.raises(errors.NothingToPublish):
        actions.publish_bulletin(town.chief, month=202405)
    for index, item in enumerate(plan.items.all()):
        actions.sign_check(submit(town, item, points=sampled(item, source="serial", grams=3 + index)), town.witness)
    made = actions.publish_bulletin(town.chief, month=202405)
    assert (made.content["checks"], made.content["points"]) == (12, 72)
    assert made.content["districts"][0]["rank"] == 1
    assert made.content["districts"][0]["low"] is not None
    assert town.inspector.display_name not in str(made.content)


def test_a_changed_road_keeps_its_former_line(town):
    road = Road.objects.first()
    changed = actions.change_road(road, town.planner, name="新名", reason="renamed")
    assert [v.data["name"] for v in changed.versions.all()] == ["新名", "测试路0"]
    with pytest.raises(errors.BadLine):
        actions.change_road(road, SYSTEM, line=[[0, 0], [1, 1]], reason="")
    assert Point.objects.count() == 0


def test_a_whole_day_is_moved_for_rain_and_routed_anew(town, plan):
    items = list(plan.items.order_by("day", "position"))
    day, to = items[0].day, items[-1].day
    plan.items.filter(pk__in=[i.pk for i in items[:3]]).update(day=day)
    submit(town, PlanItem.objects.get(pk=items[0].pk))
    assert actions.replan_day(plan, town.planner, day=day, to=to, reason="rain", milliseconds=20) == 2
    assert list(plan.items.filter(day=day)) == [items[0]], "what is checked stays"
    there = plan.items.filter(day=to)
    assert {i.reason for i in there.filter(moves=1)} == {"rain"}
    assert sorted(there.values_list("position", flat=True)) == list(range(1, there.count() + 1))
    assert actions.redraw(plan), "the seal is of what was first planned"
    assert trail.history(plan).last().note == "rain"
    with pytest.raises(errors.CheckedAlready):
        actions.replan_day(plan, town.planner, day=day, to=to, reason="rain")
    with pytest.raises(NotPermitted):
        actions.replan_day(plan, town.inspector, day=to, to=day, reason="rain")


def test_another_rule_set_is_compared_and_the_raw_points_stay(town, plan):
    for index, item in enumerate(plan.items.all()[:4]):
        actions.sign_check(submit(town, item, points=sampled(item, source="serial", grams=2 + 3 * index)), town.witness)
    raw = list(Point.objects.order_by("pk").values())
    official = list(Check.objects.order_by("pk").values("verdict", "value", "score", "version"))
    shijiazhuang = RuleSet.objects.get(name__contains="石家庄")
    actions.recompute(shijiazhuang, town.chief, months=[202405])
    found = queries.comparison(shijiazhuang, [202405])
    mine, other = found["sides"]
    assert mine.met + mine.missed == other.met + other.missed == 4
    assert mine.fen > other.fen == 0, "the example deducts nothing"
    assert found["changed"] == sum(number for _a, _b, number in found["moved"])
    assert [row["name"] for row in found["districts"]] == ["和平区"]
    kept = ("check_of", "verdict", "value", "by_lane", "score", "valid_points", "deduction_fen")
    actions.recompute(town.rules, town.chief, months=[202405])
    again = Result.objects.filter(official=False, rule_set=town.rules).order_by("check_of")
    same = Result.objects.filter(official=True).order_by("check_of")
    assert list(again.values(*kept)) == list(same.values(*kept)), "the rules of the day find again what they found"
    assert raw == list(Point.objects.order_by("pk").values())
    assert official == list(Check.objects.order_by("pk").values("verdict", "value", "score", "version"))


def test_results_of_many_years_are_tried_under_other_rules_by_a_job(town, plan, client, monkeypatch):
    for item in plan.items.all()[:2]:
        actions.sign_check(submit(town, item, points=sampled(item, source="serial")), town.witness)
    monkeypatch.setattr(views, "MOST_AT_ONCE", 1)
    client.force_login(town.chief)
    other = RuleSet.objects.get(name__contains="石家庄")
    asked = {"rules": other.pk, "first": 202405, "last": 202405}
    answer = client.post(reverse("cleanliness:what_if"), asked)
    job = Job.objects.get(task="cleanliness.recompute")
    assert answer.url == job.get_absolute_url()
    assert not Result.objects.filter(rule_set=other).exists(), "nothing is done while the user waits"
    jobs.work.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.result["checks"]) == ("done", 2, 2, 2)
    assert Result.objects.filter(rule_set=other, official=False).count() == 2
    shown = client.get(job.result_url).context["compared"]
    assert [side.checks for side in shown["sides"]] == [2, 2]


def test_a_year_under_other_rules_asks_as_few_questions_as_a_day(town, plan, django_assert_max_num_queries):
    items = list(plan.items.all())
    rules = RuleSet.objects.get(name__contains="石家庄")
    for item in items[:6]:
        actions.sign_check(submit(town, item, points=sampled(item, source="serial")), town.witness)
        with django_assert_max_num_queries(14):
            actions.recompute(rules, SYSTEM, months=[202405])
    assert Result.objects.filter(rule_set=rules, official=False).count() == 6


def test_a_frame_that_is_not_the_rules_waits_for_a_decision(town, plan, client):
    entered, wrong = plan.items.all()[:2]
    first, second = (
        actions.sign_check(
            submit(town, item, frame_area_m2=Decimal("0.5"), points=sampled(item, source="serial")), town.witness
        )
        for item in (entered, wrong)
    )
    assert [one.state for one in (first, second)] == ["signed", "signed"], "never used without a word"
    assert list(queries.doubted_frames()) == [first, second]
    client.force_login(town.weigher)
    assert "不是规则的采样框" in client.get(reverse("cleanliness:weighing")).content.decode()
    client.force_login(town.chief)
    assert "采样框" in client.get(first.get_absolute_url()).content.decode()
    ask = reverse("cleanliness:decide_frame", args=[first.pk])
    assert client.post(ask, {"rule": "entered", "reason": ""}).status_code == 422
    assert client.post(ask, {"rule": "entered", "reason": "photo shows 0.5"}).status_code == 302
    actions.decide_frame(second, town.chief, rule=True, reason="typing error")
    first, second = (Check.objects.get(pk=one.pk) for one in (first, second))
    assert (first.state, second.state) == ("result", "result")
    assert second.frame_area_m2 == second.rule_frame_m2 == 1
    assert first.value == 2 * second.value
    assert trail.history(second).filter(act="cleanliness.point.decide").get().data["entered_m2"] == "0.5000"
    with pytest.raises(errors.FrameNotDoubted):
        actions.decide_frame(first, town.chief, rule=True, reason="again")
    with pytest.raises(NotPermitted):
        actions.decide_frame(first, town.weigher, rule=True, reason="not the weigher's")
