"""A small town of dust: three districts' roads, a team of two, a weighing room, the Zibo example in force."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from chengheng.cleanliness import actions, reference
from chengheng.cleanliness.models import Road, RuleSet
from chengheng.common.people.access import SYSTEM
from tests import builders

TIANJIN = ZoneInfo("Asia/Shanghai")
HEPING = "120101"


def road_row(number: int, district: str = HEPING, grade: int = 1, **fields):
    lon, lat = 117.19 + number % 20 * 0.002, 39.11 + number // 20 * 0.002
    return {
        "code": f"{district}-{number:04}", "name": f"测试路{number}", "district_code": district, "grade": grade,
        "road_class": "trunk", "zone": "inner", "lanes": ["fast", "kerb", "pavement"],
        "line": [[lon, lat], [lon + 0.004, lat + 0.001]], **fields,
    }  # fmt: skip


@pytest.fixture
def town(db) -> SimpleNamespace:
    reference.load()
    centre = builders.organisation("Centre", kind="centre")
    contractor = builders.organisation("Broom & Co", kind="contractor")
    rows = [road_row(n, grade=1 + n % 3, contractor=contractor) for n in range(40)]
    actions.add_roads(SYSTEM, rows)
    zibo = RuleSet.objects.get(name__contains="淄博")
    rules = actions.adopt_rules(zibo, SYSTEM, day=date(2024, 1, 1), deduct_missed_fen=50_000, deduct_gram_fen=10_000)
    people = {
        name: builders.holder(f"cleanliness.{role}", centre, name=name)
        for name, role in (
            ("planner", "planner"), ("inspector", "inspector"), ("witness", "inspector"), ("weigher", "weigher"),
            ("second", "weigher"), ("chief", "supervisor"),
        )
    }  # fmt: skip
    people["boss"] = builders.holder("cleanliness.contractor", contractor, name="boss")
    team = actions.add_team(
        people["planner"], name="Team 1", organisation=centre, members=[people["inspector"], people["witness"]],
        lon=117.2, lat=39.12,
    )  # fmt: skip
    scale = actions.add_scale(
        people["weigher"], code="S1", name="Bench", resolution_g=Decimal("0.1"), max_g=Decimal(3000)
    )
    actions.calibrate(scale, SYSTEM, on=date(2024, 1, 1), until=date(2026, 12, 31), certificate="C-1")
    return SimpleNamespace(rules=rules, team=team, scale=scale, contractor=contractor, centre=centre, **people)


@pytest.fixture
def plan(town):
    made = actions.make_plan(town.planner, month=202405, size=12, seed="lot 17")
    actions.route_plan(made, town.planner, milliseconds=20)
    return actions.seal_plan(made, town.planner)


def noon(day: date, minutes: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=TIANJIN) + timedelta(minutes=minutes)


def sampled(item, count: int = 6, source: str = "", grams: float = 4, mark: str = "B", **fields):
    """The item's points as a phone hands them in."""
    found = []
    for point in item.points[:count]:
        number = point["number"]
        reading = None
        if source:
            net = Decimal(str(grams)) + Decimal(number) / 10
            reading = actions.checking.Reading(f"{mark}{item.pk}-{number}", "S1", Decimal(8) + net, Decimal(8), source)
        found.append(
            actions.Sampled(
                number=number, lon=point["lon"], lat=point["lat"], taken_at=noon(item.day, number),
                bag=f"{mark}{item.pk}-{number}", reading=reading, **fields,
            )
        )  # fmt: skip
    return found


def submit(town, item, **fields):
    given = {
        "witness": town.witness, "arrived_at": noon(item.day), "arrived": tuple(item.road.line[0]),
        "done_at": noon(item.day, 20), "weather": "clear", "surface": "dry", "now": noon(item.day, 60),
        "photos_needed": False, "frame_area_m2": Decimal(1),
    }  # fmt: skip
    points = fields.pop("points", None)
    return actions.submit_check(
        item, town.inspector, points=sampled(item, source="bluetooth") if points is None else points,
        **{**given, **fields},
    )  # fmt: skip


__all__ = ["Road", "noon", "sampled", "submit"]
