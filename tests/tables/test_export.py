"""Exports hold what the list shows, are safe to open, leave a trace, and never drop rows silently."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.common.jobs.models import Job, State
from chengheng.common.jobs.work import run
from chengheng.common.tables import actions, asking, exporting
from chengheng.common.tables.exporting import is_formula, safe_text
from chengheng.common.trail.models import Entry
from tests import builders
from tests.stock.models import Road
from tests.stock.tables import RoadTable
from tests.tables.test_lists import reader, roads  # noqa: F401 (fixture)

pytestmark = pytest.mark.django_db


def book(answer) -> list[tuple]:
    content = b"".join(answer.streaming_content)
    return list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))


def test_a_workbook_holds_typed_cells_of_the_matching_rows(client, reader):
    roads(2)
    Road.objects.filter(number="R00000").update(
        grade="main",
        cost_fen=123_456,
        share=92.5,
        length_m=Decimal("12.5"),
        surveyed_on=date(2024, 5, 1),
        lit=True,
        reported_at=datetime(2024, 5, 1, 16, 30, tzinfo=UTC),
    )
    answer = client.post("/list/road/export/", {"format": "xlsx", "question": "grade=main"})
    assert answer["Content-Type"].startswith("application/vnd.openxmlformats")
    head, row = book(answer)
    assert head[:6] == ("Number", "Name", "Grade", "Keeper", "Length", "Cost (CNY)")
    assert row[:3] == ("R00000", "Road 0", "主干路")
    assert row[4:8] == (12.5, 1234.56, 0.925, "Yes")
    assert row[8].date() == date(2024, 5, 1)
    assert row[9] == datetime(2024, 5, 2, 0, 30), "local time"


def test_text_that_would_run_as_a_formula_stays_text(client, reader):
    road = roads(1)[0]
    road.name = '=HYPERLINK("http://evil","x")'
    road.number = "@SUM(1+1)"
    road.save()
    answer = client.post("/list/road/export/", {"format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    for name, expected in (("A2", road.number), ("B2", road.name)):
        cell = sheet[name]
        assert (cell.value, cell.data_type, cell.quotePrefix) == (expected, "s", True)
    answer = client.post("/list/road/export/", {"format": "csv"})
    content = b"".join(answer.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    row = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1]
    assert row[:2] == ["'@SUM(1+1)", "'" + road.name]


@given(st.text(max_size=20))
def test_no_exported_text_begins_like_a_formula(text):
    safe = safe_text(text)
    assert not is_formula(safe)
    assert safe.removeprefix("'") == text or safe == text
    assert safe.lstrip(" \xa0\u3000")[:1] not in list("=+-@\t\r\n") or not safe


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra", "\n=1", " =1", "　＝1", "＠a"])
def test_every_way_to_begin_a_formula_is_known(text):
    assert is_formula(text)
    assert safe_text(text) == f"'{text}"


@given(name=st.text(max_size=40), shout=st.text(st.characters(), max_size=10))
@settings(max_examples=50)
def test_any_text_comes_back_from_the_workbook(db, name, shout):
    Road.objects.all().delete()
    name = name.replace("\x00", "")
    Road.objects.create(number="N", name=name)
    listing = asking.parse(RoadTable(), builders.holder("road.reader"), QueryDict(), ["name"])
    target = io.BytesIO()
    exporting.write_xlsx(listing, target)
    found = openpyxl.load_workbook(target).active["A2"].value
    clean = exporting.ILLEGAL_CHARACTERS_RE.sub("", name)
    assert (found or "").replace("\r\n", "\n").replace("\r", "\n") == clean.replace("\r\n", "\n").replace("\r", "\n")


def test_only_visible_rows_and_chosen_columns_leave_and_the_trail_says_who(client):
    mine = builders.organisation("Mine")
    roads(1, mine)
    roads(2, builders.organisation("Other"))
    keeper = builders.holder("road.keeper", mine)
    client.force_login(keeper)
    actions.keep_layout(keeper, RoadTable(), ["number"])
    rows = book(client.post("/list/road/export/", {"format": "xlsx", "question": "sort=number&evil=1"}))
    assert rows == [("Number",), ("R00000",)]
    entry = Entry.objects.filter(act="tables.export").get()
    assert entry.actor_id == keeper.pk
    assert entry.data == {
        "rows_of": "stock.road",
        "table": "road",
        "filter": "sort=number",
        "columns": ["number"],
        "format": "xlsx",
        "rows": 1,
    }


def test_more_rows_than_the_limit_are_refused_not_cut(client, reader, monkeypatch):
    roads(4)
    monkeypatch.setattr(RoadTable, "export_limit", 3)
    answer = client.post("/list/road/export/", {"format": "csv"})
    assert answer.status_code == 422
    assert "More than 3 rows match" in answer.content.decode()
    assert not Entry.objects.filter(act="tables.export").exists()


def test_an_export_with_a_bad_filter_is_refused_instead_of_taking_everything(client, reader):
    roads(1)
    assert client.post("/list/road/export/", {"format": "csv", "question": "grade=none"}).status_code == 422
    assert client.post("/list/road/export/", {"format": "exe"}).status_code == 422


def test_without_the_export_act_there_is_no_export(client, reader, monkeypatch):
    roads(1)
    monkeypatch.setattr(RoadTable, "export_act", "road.export")
    assert client.post("/list/road/export/", {"format": "csv"}).status_code == 403
    assert "list-export" not in client.get("/list/road/").content.decode()


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_a_large_export_is_a_job_whose_file_only_its_starter_fetches(
    client, reader, monkeypatch, settings, tmp_path, form
):
    settings.FILE_STORE = tmp_path
    monkeypatch.setattr(exporting, "IN_PAGE_ROWS", 3)
    roads(5)
    answer = client.post("/list/road/export/", {"format": form, "question": "sort=number"})
    job = Job.objects.get()
    assert answer["Location"] == job.get_absolute_url()
    assert client.get(f"/list/export/{job.pk}/").status_code == 404, "not yet"
    run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == (State.DONE, 5, 5), job.error
    assert "5 rows" in client.get(job.get_absolute_url()).content.decode()
    fetched = client.get(job.result_url)
    content = b"".join(fetched.streaming_content)
    if form == "csv":
        assert [line.split(",")[0] for line in content.decode("utf-8-sig").splitlines()][1:] == [
            f"R{n:05d}" for n in range(5)
        ]
    else:
        assert openpyxl.load_workbook(io.BytesIO(content)).active.max_row == 6
    client.force_login(builders.holder("road.reader"))
    assert client.get(job.result_url).status_code == 404


def test_a_large_export_asks_for_permission_again_when_it_runs(client, reader, monkeypatch, settings, tmp_path):
    settings.FILE_STORE = tmp_path
    monkeypatch.setattr(exporting, "IN_PAGE_ROWS", 3)
    roads(5)
    client.post("/list/road/export/", {"format": "csv"})
    reader.duties.all().delete()
    run(Job.objects.get().pk)
    job = Job.objects.get()
    assert job.state == State.FAILED
    assert list(tmp_path.rglob("*.csv")) == []


def test_old_exports_are_cleared_away(settings, tmp_path):
    import os
    import time

    from chengheng.common.tables.tasks import clear_exports

    settings.FILE_STORE = tmp_path
    old, new = exporting.export_folder() / "1.csv", exporting.export_folder() / "2.csv"
    for path in (old, new):
        path.write_text("x")
    os.utime(old, (time.time() - 8 * 86_400,) * 2)
    clear_exports(timestamp=0)
    assert (old.exists(), new.exists()) == (False, True)
