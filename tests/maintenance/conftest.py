"""A vendor, its contract and devices; people who hold the posts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from chengheng.maintenance.models import Contract, Device, Site, System
from chengheng.maintenance.reference import load
from tests import builders

TIANJIN = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def place(db):
    """A system with a contract (respond in 4 h, repair in 24 h, around the clock) and three devices."""
    load()
    system = System.objects.get(code="video")
    centre = builders.organisation("Centre")
    vendor = builders.organisation("Vendor", kind="vendor")
    other = builders.organisation("Another vendor", kind="vendor")
    contract = Contract.objects.create(
        system=system, vendor=vendor, title="Contract", starts_on=date(2024, 1, 1), ends_on=date(2030, 12, 31),
        response_amount=Decimal(4), repair_amount=Decimal(24),
    )  # fmt: skip
    site = Site.objects.create(code="S1", name="Room", organisation=centre)
    since = datetime(2024, 1, 1, tzinfo=TIANJIN)
    devices = [
        Device.objects.create(
            code=f"D{n}",
            name=f"Device {n}",
            system=system,
            site=site,
            kind="switch",
            vendor=vendor,
            in_service_at=since,
        )
        for n in range(3)
    ]
    return SimpleNamespace(
        system=system, vendor=vendor, other=other, contract=contract, site=site, devices=devices, device=devices[0],
        manager=builders.holder("maintenance.manager", centre), desk=builders.holder("maintenance.desk", centre),
        engineer=builders.holder("maintenance.vendor", vendor), stranger=builders.holder("maintenance.vendor", other),
    )  # fmt: skip
