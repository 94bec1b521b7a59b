"""The vendor's page, a system's page with its dependencies, and the monthly service report with penalties by rule."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from docx import Document
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from chengheng.common.measures import Period
from chengheng.maintenance import actions, queries
from chengheng.maintenance.models import Contract, Fault
from chengheng.maintenance.rules import watch
from tests import access
from tests.maintenance.test_faults import START, at, closed, reported

MAY = Period.month(2024, 5)


def test_penalties_stand_line_by_line_and_end_at_the_rules_limit(place):
    Contract.objects.filter(pk=place.contract.pk).update(penalties=[
        {"kind": "late_response", "amount_fen": 20_000, "most_fen": 50_000},
        {"kind": "late_repair", "amount_fen": 10_000},
        {"kind": "low_rate", "amount_fen": 100_000, "threshold": "99.9"},
    ])  # fmt: skip
    place.contract.refresh_from_db()
    first = closed(place, respond=5.5, fix=30)  # 2 started hours late, and 6 hours late
    second = closed(place, START + timedelta(days=3), respond=6, fix=8)  # 2 hours late
    found = queries.service_report(place.contract, MAY.starts_at, MAY.ends_before)
    response, repair, rate = found["penalties"]
    assert [(about, over, fen) for about, over, fen in response.entries] == [
        (first, Decimal("1.5"), 40_000), (second, Decimal(2), 40_000),
    ]  # fmt: skip
    assert (response.fen, response.capped) == (50_000, True)
    assert (repair.fen, repair.capped) == (60_000, False)
    down = Decimal(38) / (3 * 31 * 24) * 100
    assert rate.entries[0][1] == Decimal("99.9") - (100 - down).quantize(Decimal("0.0001"))
    assert found["penalty_fen"] == 50_000 + 60_000 + rate.fen
    assert (found["late"], found["late_repairs"]) == (2, 1)


def test_limits_in_days_are_judged_in_the_hours_of_their_own_clock(place):
    rules = [{"kind": "late_repair", "amount_fen": 10_000}]
    Contract.objects.filter(pk=place.contract.pk).update(
        repair_kind="natural_days", repair_amount=1, penalties=rules, response_amount=30
    )
    place.contract.refresh_from_db()
    closed(place, respond=1, fix=60)
    found = queries.service_report(place.contract, MAY.starts_at, MAY.ends_before)
    assert found["penalty_fen"] == 36 * 10_000


def test_the_report_is_a_document_and_a_workbook_without_formulas(place, client):
    Contract.objects.filter(pk=place.contract.pk).update(penalties=[{"kind": "late_response", "amount_fen": 20_000}])
    fault = closed(place, respond=6)
    Fault.objects.filter(pk=fault.pk).update(title='=HYPERLINK("http://evil")')
    access.sign_in(client, place.engineer)
    base = f"/maintenance/contracts/{place.contract.pk}/report"
    text = Document(io.BytesIO(client.get(f"{base}.docx?month=2024-05").content))
    cells = [cell.text for table in text.tables for row in table.rows for cell in row.cells]
    assert fault.number in cells
    assert "400" in cells
    book = load_workbook(io.BytesIO(client.get(f"{base}.xlsx?month=2024-05").content))
    assert len(book.worksheets) == 3
    rows = list(book.worksheets[2].iter_rows(min_row=2))
    assert [(cell.value, cell.data_type) for cell in rows[0]][2] == ('=HYPERLINK("http://evil")', "s")
    assert [cell.value for cell in next(book.worksheets[1].iter_rows(min_row=2))][3] == 400
    access.sign_in(client, place.stranger)
    assert client.get(f"{base}.docx").status_code == 404


def test_the_vendors_page_shows_their_own_work_and_nobody_elses(place, client):
    fault = reported(place, timezone.now() - timedelta(hours=9))
    access.sign_in(client, place.engineer)
    page = client.get("/maintenance/vendor/").content.decode()
    assert fault.number in page
    assert str(place.contract) in page
    access.sign_in(client, place.stranger)
    page = client.get("/maintenance/vendor/").content.decode()
    assert fault.number not in page
    assert str(place.contract) + "<" not in page
    access.sign_in(client, place.desk)
    assert client.get("/maintenance/vendor/").status_code == 403


def test_a_system_shows_what_depends_on_what(place, client, django_assert_max_num_queries):
    one, two, three = place.devices
    actions.depend(two, one, place.manager)
    actions.depend(three, two, place.manager)
    reported(place, timezone.now() - timedelta(hours=2))
    found = queries.system_page(place.manager, place.system, timezone.now())
    by = {node.device: node for node in found["nodes"]}
    assert [by[device].y for device in place.devices] == [0, queries.NODE_HEIGHT, 2 * queries.NODE_HEIGHT]
    assert by[three].lines == [(by[two].x, by[two].y + queries.NODE_BOTTOM)]
    assert by[one].state == "down"
    assert found["worst"] == [(one, 1)]
    access.sign_in(client, place.engineer)
    with django_assert_max_num_queries(60):
        page = client.get("/maintenance/systems/video/")
    assert b"node-down" in page.content
    access.sign_in(client, place.stranger)
    assert one.name not in client.get("/maintenance/systems/video/").content.decode()
    assert client.get("/maintenance/systems/none/").status_code == 404


@given(st.dictionaries(st.integers(0, 30), st.sets(st.integers(0, 30), max_size=4), max_size=30))
def test_in_the_picture_everything_stands_below_what_it_depends_on(wanted):
    parents = {child: {one for one in found if one < child} for child, found in wanted.items()}
    devices = set(parents) | {one for found in parents.values() for one in found}
    layers = watch.layers(devices, parents)
    assert set(layers) == devices
    for child, found in parents.items():
        assert layers[child] == max((layers[one] + 1 for one in found), default=0)


@pytest.mark.parametrize("hours", [0, 1])
def test_a_month_without_faults_costs_nothing(place, hours):
    found = queries.service_report(place.contract, at(-1000), at(-900 + hours))
    assert (found["penalty_fen"], found["faults"], found["rate"]) == (0, [], Decimal(100))
