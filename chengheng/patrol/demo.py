"""Patrol's share of the demonstration city: posts in every district and a few cases in all states, by patrol's own acts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from chengheng.common.demo import DemoCity
from chengheng.common.people.models import User
from chengheng.patrol import actions, publishing, queries, sampling
from chengheng.patrol.models import Case, SamplingFinding

HEPING = "120101"
DISTRICTS = (HEPING, "120102", "120103", "120104", "120105", "120106")  # the six inside the outer ring
CLASSES_2024 = ("0110", "0112", "0136", "0201", "0405", "0406", "0410")
CLASSES_NOW = ("06010", "06012", "06013", "06036", "06042", "07001", "09005", "09010")
TEXTS = ("小区门口有垃圾堆放", "路面有积尘和杂物", "沿街商户占道", "墙面有小广告", "非机动车占用人行道", "")
PER_MONTH_2024 = 6
NOW_CASES = 36


def build(city: DemoCity) -> None:
    """People first, then cases; nothing when there are cases already."""
    people = {code: _people(city, code) for code in DISTRICTS}
    city.person("patrol_city", "市级督查员", "326206", "patrol.supervisor", "patrol.city_duty_chief")
    city.person("patrol_manager", "巡查管理员", "326206", "patrol.manager")
    if Case.objects.exists():
        return
    zone = timezone.get_current_timezone()
    for month in range(1, 13):
        for number in range(PER_MONTH_2024):
            day = datetime(2024, month, 2 + number * 4, 9 + number % 6, 10 * (number % 6), tzinfo=zone)
            code = DISTRICTS[number % len(DISTRICTS)]
            _live(city, people[code], code, "GB/T 30428.2-2013", city.random.choice(CLASSES_2024), day, stages=99)
    now = timezone.now()
    for number in reversed(range(NOW_CASES)):  # the oldest first, so that numbers run with the dates
        code = DISTRICTS[number % len(DISTRICTS)]
        day = now - timedelta(hours=3 + 7 * number)
        _live(city, people[code], code, "GB/T 47678.5-2026", city.random.choice(CLASSES_NOW), day, stages=number % 8)
    _figures(city)


def _figures(city: DemoCity) -> None:
    """December 2024: areas inspected again, the month's bulletin, and the reward by the example rule, signed by two."""
    supervisor, manager = (User.objects.get(username=name) for name in ("patrol_city", "patrol_manager"))
    zone = timezone.get_current_timezone()
    with city.at(datetime(2024, 12, 27, 10, tzinfo=zone)):
        plan = sampling.plan_sampling(supervisor, month=202412, size=4, seed="2024-12 示例")
        for visit in plan.visits.all():
            district = visit.area_code[:6]
            lon, lat = city.point_in(district)
            found = [{"kind": "event", "code": "0110", "lon": lon, "lat": lat, "description": "路边有散落垃圾"}]
            sampling.visit_area(visit, supervisor, found if visit.position % 2 else [])
        for number, finding in enumerate(SamplingFinding.objects.filter(visit__plan=plan, missed=None)):
            sampling.decide_finding(finding, supervisor, missed=number == 0)
    with city.at(datetime(2025, 1, 6, 10, tzinfo=zone)):
        publishing.publish_bulletin(supervisor, 202412)
        run = publishing.run_allocation(
            supervisor, title="2024年12月以奖代补（示例规则）", start_month=202412, end_month=202412,
            method="proportional", pool_fen=50_000_000, parameters={"floor": "0"},
        )  # fmt: skip
    with city.at(datetime(2025, 1, 7, 10, tzinfo=zone)):
        run = publishing.approve_allocation(run, manager)
    with city.at(datetime(2025, 1, 8, 10, tzinfo=zone)):
        publishing.publish_allocation(run, supervisor)


def _people(city: DemoCity, code: str) -> dict[str, User]:
    commission, short = f"D{code}", code[-2:]
    name = city.districts[code].name.removesuffix("城市管理委员会")
    return {
        "collector": city.person(f"collector{short}", f"{name}采集员", commission, "patrol.collector", area_code=code),
        "receptionist": city.person(
            f"reception{short}", f"{name}受理员", commission, "patrol.district_receptionist", area_code=code
        ),
        "chief": city.person(
            f"chief{short}", f"{name}值班长", commission, "patrol.district_duty_chief", area_code=code
        ),
        "dispatcher": city.person(
            f"dispatch{short}", f"{name}派遣员", commission, "patrol.district_dispatcher", area_code=code
        ),
        "handler": city.person(f"handler{short}", f"{name}环卫处置员", f"{commission}-HW", "patrol.department"),
    }


def _live(
    city: DemoCity, people: dict[str, User], district: str, edition: str, code: str, start: datetime, stages: int
) -> None:
    """Report a case and take it through up to `stages` further stages, each a while after the one before."""
    lon, lat = city.point_in(district)
    department = city.organisation(f"D{district}-HW")
    with city.at(start):
        case = actions.report_case(
            people["collector"], source="collector", kind="event", code=code, edition=edition, lon=lon, lat=lat,
            accuracy_m=8.0, description=city.random.choice(TEXTS),
        )  # fmt: skip
    refuse = city.random.random() < 0.05
    standard = queries.standards_for(case, timezone.localtime(start).date()).first()
    steps: list[tuple[float, Any, str, dict[str, Any]]] = [(0.3, actions.accept_case, "receptionist", {})]
    if refuse or standard is None:
        steps.append((0.4, actions.decline_case, "chief", {"note": "不符合立案条件"}))
    else:
        steps += [
            (0.4, actions.file_case, "chief", {"data": {"standard": standard.pk}}),
            (0.3, actions.dispatch_case, "dispatcher", {"data": {"department": department}}),
            (city.random.uniform(0.5, 5), actions.report_handled, "handler", {"note": "已处置"}),
            (0.5, actions.ask_to_check, "dispatcher", {"data": {"collector": people["collector"]}}),
            (1.0, actions.check_case, "collector", {"data": {"result": "passed"}}),
            (0.5, actions.close_case, "chief", {}),
        ]
    moment, now = start, timezone.now()
    for hours, act, who, given in steps[:stages]:
        moment += timedelta(hours=hours)
        if moment > now:
            break
        with city.at(moment):
            case = act(case, people[who], **given)
