"""A month's normal time of 10,000 devices is one quick question to the database."""

from __future__ import annotations

import random
import time
from datetime import timedelta

import pytest

from chengheng.maintenance import queries
from chengheng.maintenance.models import Device, Span
from tests.maintenance.test_faults import START


@pytest.mark.slow
def test_a_month_of_ten_thousand_devices(place):
    from django.db import connection

    chance = random.Random(1)
    since = START - timedelta(days=200)
    Device.objects.bulk_create(
        [Device(code=f"B{n}", name="x", system=place.system, kind="x", in_service_at=since) for n in range(10_000)],
        batch_size=2000,
    )
    ids = list(Device.objects.filter(code__startswith="B").values_list("pk", flat=True))
    spans = []
    for pk in ids:
        for _n in range(6):
            at = since + timedelta(seconds=chance.random() * 200 * 86400)
            spans.append(
                Span(device_id=pk, state="down", since=at, until=at + timedelta(minutes=chance.randint(1, 90)))
            )
    Span.objects.bulk_create(spans, batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("analyze maintenance_device; analyze maintenance_span")
    devices = Device.objects.filter(code__startswith="B")
    taken, by_query = [], []
    for _n in range(5):
        began = time.perf_counter()
        found = queries.normal_seconds(ids, START - timedelta(days=30), START, now=START)
        taken.append(time.perf_counter() - began)
        began = time.perf_counter()
        same = queries.normal_seconds(devices, START - timedelta(days=30), START, now=START)
        by_query.append(time.perf_counter() - began)
    print(f"\n10,000 devices, 60,000 outages in 200 days, one month: {min(taken) * 1000:.0f} ms; "
          f"named by a query {min(by_query) * 1000:.0f} ms")  # fmt: skip
    assert len(found) == 10_000
    assert same == found
    assert min(taken) < 5
