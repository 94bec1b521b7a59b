"""This room's share of the demonstration city: 320 invented roads, two teams, May and June 2024 checked, two bulletins."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from chengheng.cleanliness import actions, simulate
from chengheng.cleanliness.models import Plan, Road, RuleSet, Scale, Team
from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM

ROADS, CHECKS = 320, 12
MONTHS = (202405, 202406)


def build(city: DemoCity) -> None:
    """Register, rule set (an example, adopted as one), teams, a calibrated scale, two months. Safe to repeat."""
    planner = city.person("clean-planner", "抽样计划员", "326206", "cleanliness.planner")
    city.person("clean-chief", "以克论净主管", "326206", "cleanliness.supervisor")
    for number, name in ((1, "称量员甲"), (2, "称量员乙")):
        city.person(f"weigher{number}", name, "326206", "cleanliness.weigher")
    for number in range(1, 4):
        city.person(f"sweeper{number}", f"保洁公司{number}", f"C{number}", "cleanliness.contractor")
    if not RuleSet.objects.exclude(in_force_from=None).exists():
        pattern = RuleSet.objects.get(name__startswith="示例：石家庄")
        actions.adopt_rules(
            pattern, SYSTEM, day=date(2024, 1, 1), name="示例（石家庄长安区，仅供演示）", frame_area_m2=Decimal("0.24"),
            deduct_missed_fen=20_000, deduct_gram_fen=5_000,
        )  # fmt: skip
    if not Road.objects.exists():
        contractors = [city.organisation(f"C{number}") for number in range(1, 4)]
        rows = simulate.register(city.points_in, list(city.districts), ROADS, city.random, contractors)
        actions.add_roads(planner, rows, reason="演示")
    people = {}
    for number in (1, 2):
        pair = [
            city.person(f"inspector{number}{letter}", f"检测员{number}{letter}", "326206", "cleanliness.inspector")
            for letter in "ab"
        ]
        name = f"检测{'一二'[number - 1]}组"
        team = Team.objects.filter(name=name).first() or actions.add_team(
            planner, name=name, organisation=city.centre, members=pair, lon=117.2 + number / 50, lat=39.12
        )
        people[team.pk] = (pair[0], pair[1])
    if not Scale.objects.exists():
        for code, until in (("DEMO-1", date(2027, 6, 30)), ("DEMO-2", date(2024, 3, 31))):
            scale = actions.add_scale(
                SYSTEM, code=code, name="电子天平", resolution_g=Decimal("0.1"), max_g=Decimal(3000)
            )
            actions.calibrate(scale, SYSTEM, on=date(2024, 1, 2), until=until, certificate=f"演示-{code}")
    truth = simulate.Truth()
    for month in MONTHS:
        if not Plan.objects.filter(month=month).exists():
            newest = month == MONTHS[-1]  # only its checks have (drawn) photos
            simulate.run_month(planner, people, month, CHECKS, truth, city.random, milliseconds=40, drawn=newest)
            actions.enter_cost(planner, month=month, amount_fen=CHECKS * 23_430, source="演示发票")
        actions.publish_bulletin(SYSTEM, month=month)
