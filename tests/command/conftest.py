"""People and venues of command's tests."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from chengheng.command.models import Plan, PlanLevel, PlanStep, Site
from tests import builders


@pytest.fixture
def city(db) -> SimpleNamespace:
    """A commission with two districts and one unit, their venues, and one person for each post."""
    commission = builders.organisation("Commission", kind="commission")
    east = builders.organisation("East", commission, kind="district", district_code="120102")
    west = builders.organisation("West", commission, kind="district", district_code="120104")
    unit = builders.organisation("Unit", commission, kind="unit")
    for organisation, kind in ((commission, "main"), (east, "district"), (west, "district"), (unit, "unit")):
        Site.objects.create(
            code=f"S-{organisation.code}", name=f"{organisation.name} venue", kind=kind, organisation=organisation,
            area_code=organisation.district_code, lon=117.2, lat=39.1, serves_from=date(2024, 1, 1),
        )  # fmt: skip
    return SimpleNamespace(
        commission=commission, east=east, west=west, unit=unit,
        chief=builders.holder("command.chief", commission),
        dispatcher=builders.holder("command.dispatcher", commission),
        keeper=builders.holder("command.keeper", commission),
        district=builders.holder("command.district_dispatcher", east),
        at_east=builders.holder("command.site", east),
        also_east=builders.holder("command.site", east),
        at_west=builders.holder("command.site", west),
        at_unit=builders.holder("command.site", unit),
    )  # fmt: skip


@pytest.fixture
def plan(city: SimpleNamespace) -> Plan:
    """A snow plan of one level with three orders."""
    made = Plan.objects.create(
        code="SNOW", name="Snow", kind="snow", organisation=city.commission, source="a test", state="in_force"
    )
    level = PlanLevel.objects.create(plan=made, rank=1, name="Level one", trigger="red warning")
    for position, (to, offset) in enumerate((("sites", 0), ("districts", 60), ("named", 240)), 1):
        step = PlanStep.objects.create(
            level=level, position=position, phase="before", offset_minutes=offset, title=f"Step {position}", body="Do it.",
            to=to, receipt_minutes=15, finish_minutes=60,
        )  # fmt: skip
        if to == "named":
            step.named.add(city.unit)
    return made
