"""A file is imported whole or not at all, once, and can be taken back while nothing stands on it."""

from __future__ import annotations

import io
import threading
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import translation

from chengheng.common import trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.intake import actions, queries, store, template_file
from chengheng.common.intake.errors import (
    AlreadyImported,
    Contradicted,
    DependedUpon,
    NotCommitted,
    NotReady,
    UnreadableFile,
)
from chengheng.common.intake.models import Batch, FieldMapping, State
from chengheng.common.jobs.models import Job
from chengheng.common.jobs.models import State as JobState
from chengheng.common.jobs.work import run
from chengheng.common.trail.models import Entry
from tests import builders
from tests.intake.test_reading import workbook
from tests.stock.imports import RoadImporter
from tests.stock.models import Repair, Road

GOOD = [
    ["编号", "名称", "等级", "养护单位", "长度", "造价", "有路灯", "普查日期", "经度", "纬度"],
    ["R1", "大沽南路", "主干路", "Keeper", "1,200.5", "12万元", "是", "2024年5月1日", "117.2", 39.1],
    ["R2", "围堤道\\n\t", "", "", "", "", "", "", "", ""],
]


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILE_STORE = tmp_path


@pytest.fixture
def importer(db):
    builders.organisation("Keeper", code="K1")
    return builders.holder("road.importer")


def received(actor, rows=GOOD, name="roads.xlsx") -> Batch:
    batch = actions.receive(actor, "road", name, rows if isinstance(rows, bytes) else workbook(rows))
    return actions.check_batch(actor, batch.pk)


def test_a_good_file_is_imported_with_every_value_in_its_type(importer):
    batch = received(importer)
    assert (batch.state, batch.rows, batch.problem_count) == (State.READY, 2, 0), batch.problems
    assert not Road.objects.exists(), "checking stores nothing"
    batch = actions.commit_batch(importer, batch.pk)
    assert (batch.state, batch.rows) == (State.COMMITTED, 2)
    first, second = Road.objects.order_by("number")
    assert (first.grade, first.keeper.code, first.length_m, first.cost_fen) == (
        "main",
        "K1",
        Decimal("1200.50"),
        12_000_000,
    )
    assert (first.lit, first.surveyed_on, first.lon, first.lat) == (True, date(2024, 5, 1), 117.2, 39.1)
    assert first.batch == batch
    assert (second.name, second.grade, second.lit, second.length_m, second.notes) == (
        "围堤道\\n",
        "side",
        False,
        None,
        {},
    )
    assert [entry.act for entry in trail.history(batch)] == ["intake.batch.commit"]


def test_one_bad_row_keeps_all_rows_out(importer):
    batch = received(importer, [*GOOD, ["R1", "again"]])
    assert batch.state == State.FAULTY
    assert {problem["row"] for problem in batch.problems} == {2, 4}
    with pytest.raises(NotReady):
        actions.commit_batch(importer, batch.pk)
    assert not Road.objects.exists()


def test_what_changed_since_the_check_is_found_at_the_commit(importer):
    batch = received(importer)
    Road.objects.create(number="R1", name="made meanwhile")
    batch = actions.commit_batch(importer, batch.pk)
    assert batch.state == State.FAULTY
    assert (batch.problems[0]["row"], batch.problems[0]["value"]) == (2, "R1")
    assert Road.objects.count() == 1


def test_a_row_that_only_the_database_refuses_is_told_in_words(importer, monkeypatch):
    batch = received(importer)
    Road.objects.create(number="R1", name="there before")
    monkeypatch.setattr(RoadImporter, "check", lambda self, rows, problems: None)
    with pytest.raises(Contradicted, match="R1"):
        actions.commit_batch(importer, batch.pk)
    assert Road.objects.count() == 1


def test_a_commit_that_falls_leaves_nothing(importer, monkeypatch):
    batch = received(importer)

    def fall(self, rows, batch, actor):
        Road.objects.create(number="X", name="x", batch=batch)
        raise ZeroDivisionError

    monkeypatch.setattr(RoadImporter, "commit", fall)
    with pytest.raises(ZeroDivisionError):
        actions.commit_batch(importer, batch.pk)
    assert not Road.objects.exists()
    batch.refresh_from_db()
    assert batch.state == State.READY


def test_the_same_file_again_says_so_until_it_is_undone(importer):
    content = workbook(GOOD)  # made once: a workbook names the second it was made in
    batch = received(importer, content)
    assert received(importer, content).pk == batch.pk, "uploaded again before the commit it is the same batch"
    actions.commit_batch(importer, batch.pk)
    with pytest.raises(AlreadyImported) as refusal:
        received(importer, content, name="other name.xlsx")
    assert str(importer) in str(refusal.value)
    actions.undo_batch(importer, batch.pk)
    assert not Road.objects.exists()
    assert actions.commit_batch(importer, received(importer, content).pk).state == State.COMMITTED


def test_undo_is_recorded_and_only_for_committed_batches(importer):
    batch = received(importer)
    with pytest.raises(NotCommitted):
        actions.undo_batch(importer, batch.pk)
    actions.commit_batch(importer, batch.pk)
    batch = actions.undo_batch(importer, batch.pk, note="wrong file")
    assert (batch.state, batch.undone_by) == (State.UNDONE, importer)
    assert [entry.note for entry in trail.history(batch)] == ["", "wrong file"]
    with pytest.raises(NotCommitted):
        actions.undo_batch(importer, batch.pk)


def test_undo_is_refused_once_another_record_stands_on_a_row(importer):
    batch = actions.commit_batch(importer, received(importer).pk)
    repair = Repair.objects.create(road=Road.objects.get(number="R1"))
    with pytest.raises(DependedUpon, match="Repair"):
        actions.undo_batch(importer, batch.pk)
    assert Road.objects.count() == 2
    repair.delete()
    actions.undo_batch(importer, batch.pk)
    assert not Road.objects.exists()


def test_undo_is_refused_once_somebody_acted_on_a_row(importer):
    batch = actions.commit_batch(importer, received(importer).pk)
    trail.record("road.rename", importer, Road.objects.get(number="R1"))
    with pytest.raises(DependedUpon):
        actions.undo_batch(importer, batch.pk)
    assert Road.objects.count() == 2


def test_undo_is_refused_by_a_foreign_key_that_django_does_not_know(importer):
    batch = actions.commit_batch(importer, received(importer).pk)
    with connection.cursor() as cursor:
        cursor.execute("create table foreign_thing (road bigint references stock_road deferrable initially deferred)")
        cursor.execute("insert into foreign_thing select id from stock_road limit 1")
    with pytest.raises(DependedUpon):
        actions.undo_batch(importer, batch.pk)
    assert Road.objects.count() == 2


def test_only_who_may_import_can_and_others_batches_stay_hidden(importer):
    stranger, reader = builders.user(), builders.holder("road.reader")
    with pytest.raises(NotPermitted):
        actions.receive(stranger, "road", "a.xlsx", workbook(GOOD))
    with pytest.raises(NotFound):
        actions.receive(importer, "nothing", "a.xlsx", workbook(GOOD))
    batch = received(importer)
    for user in (stranger, reader):
        with pytest.raises(NotFound):
            actions.commit_batch(user, batch.pk)
        with pytest.raises(NotFound):
            queries.batch_for(user, batch.pk)
    colleague = builders.holder("road.importer")
    assert queries.batch_for(colleague, batch.pk) == batch
    importer.duties.all().delete()
    with pytest.raises(NotPermitted):
        actions.commit_batch(type(importer).objects.get(pk=importer.pk), batch.pk)


def test_a_file_that_cannot_be_read_is_a_faulty_batch_with_one_sentence(importer):
    batch = received(importer, b"%PDF-1.7", "a.pdf")
    assert (batch.state, batch.problem_count, batch.problems[0]["row"]) == (State.FAULTY, 1, 0)


def test_headings_matched_by_hand_are_remembered(importer):
    rows = [["编号", "路名"], ["R1", "一"]]
    batch = received(importer, rows)
    assert batch.state == State.FAULTY
    batch = actions.match_headings(importer, batch.pk, {"路名": "name"})
    assert batch.state == State.READY, batch.problems
    assert FieldMapping.objects.get().by == importer
    assert received(importer, [["编号", " 路 名*"], ["R2", "二"]]).state == State.READY
    with pytest.raises(NotFound):
        actions.match_headings(importer, batch.pk, {"路名": "password"})


def test_a_stored_file_that_changed_is_not_imported(importer):
    batch = received(importer)
    path = store._path(batch.sha256)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UnreadableFile):
        actions.commit_batch(importer, batch.pk)


@pytest.mark.django_db(transaction=True)
def test_two_commits_of_one_batch_at_the_same_time_import_it_once(monkeypatch):
    builders.organisation("Keeper", code="K1")
    user, other = builders.holder("road.importer"), builders.holder("road.importer")
    content = workbook(GOOD)
    same, twin = received(user, content), received(other, content)
    equal = received(other, workbook([*GOOD, []]))  # other bytes, the same rows
    assert same.pk != twin.pk
    together = threading.Barrier(5)
    said: list[str] = []

    def commit(actor, batch):
        together.wait(10)
        try:
            said.append(actions.commit_batch(actor, batch.pk).state)
        except (NotReady, AlreadyImported) as refusal:
            said.append(refusal.code)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=commit, args=pair)
        for pair in ((user, same), (other, same), (other, twin), (user, twin), (other, equal))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said.count("committed") == 1, said
    assert len(said) == 5
    assert Road.objects.count() == 2


# ── pages ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def upload(client, rows=GOOD, name="roads.xlsx"):
    content = rows if isinstance(rows, bytes) else workbook(rows)
    return client.post("/intake/road/", {"file": SimpleUploadedFile(name, content)})


def test_from_upload_to_undo_over_the_pages(client, importer):
    client.force_login(importer)
    client.cookies["django_language"] = "en"
    content = workbook(GOOD)
    assert "Roads" in client.get("/intake/").content.decode()
    page = client.get("/intake/road/").content.decode()
    assert "amount in yuan" in page, "the hints are shown"
    assert "degrees, decimal -180 … 180" in page
    preview = client.get(upload(client, content)["Location"])
    text = preview.content.decode()
    assert "2 rows were read without a problem" in text
    assert "大沽南路" in text
    batch = Batch.objects.get()
    done = client.post(f"/intake/batch/{batch.pk}/commit/", follow=True).content.decode()
    assert "2 rows were imported" in done
    assert Road.objects.count() == 2
    again = upload(client, content)
    assert again.status_code == 422
    assert "imported already" in again.content.decode()
    undone = client.post(f"/intake/batch/{batch.pk}/undo/", {"note": "x"}, follow=True).content.decode()
    assert "The import was undone." in undone
    assert client.get(f"/intake/batch/{batch.pk}/file/").content == content
    assert "roads.xlsx" in client.get("/intake/batch/").content.decode()


def test_the_preview_names_the_place_of_every_problem(client, importer):
    client.force_login(importer)
    client.cookies["django_language"] = "en"
    answer = upload(client, [["编号", "名称", "长度"], ["R1", "<b>x</b>", "<script>"]])
    text = client.get(answer["Location"]).content.decode()
    assert "&lt;script&gt;" in text
    assert "<script>" not in text.replace("<script type", "").replace("<script src", "")
    assert "is not a number" in text
    assert "<b>C</b> Length" in text
    assert "/commit/" not in text


def test_headings_are_matched_on_the_page(client, importer):
    client.force_login(importer)
    answer = upload(client, [["编号", "路名"], ["R1", "一"]])
    batch = Batch.objects.get()
    assert "路名" in client.get(answer["Location"]).content.decode()
    client.post(
        f"/intake/batch/{batch.pk}/match/", {"words": ["编号", "路名", "evil"], "field": ["number", "name", "x"]}
    )
    batch.refresh_from_db()
    assert batch.state == State.READY
    assert FieldMapping.objects.count() == 1


def test_pages_are_closed_to_who_may_not(client, importer):
    batch = received(importer)
    client.force_login(builders.user())
    assert client.get("/intake/road/").status_code == 403
    assert client.get("/intake/road/template/").status_code == 403
    for verb in ("", "file/"):
        assert client.get(f"/intake/batch/{batch.pk}/{verb}").status_code == 404
    for verb in ("commit", "undo", "check", "match"):
        assert client.post(f"/intake/batch/{batch.pk}/{verb}/").status_code == 404
    assert batch.name not in client.get("/intake/batch/").content.decode()


def test_a_large_file_is_checked_and_committed_by_jobs(client, importer, monkeypatch):
    monkeypatch.setattr(actions, "IN_PAGE_BYTES", 10)
    client.force_login(importer)
    upload(client)
    batch = Batch.objects.get()
    assert (batch.state, batch.job.task) == (State.UPLOADED, "intake.check")
    assert 'hx-trigger="every 1s"' in client.get(batch.get_absolute_url()).content.decode()
    run(batch.job.pk)
    batch.refresh_from_db()
    assert batch.state == State.READY
    client.post(f"/intake/batch/{batch.pk}/commit/")
    batch = Batch.objects.get()
    run(batch.job.pk)
    batch.refresh_from_db()
    assert batch.state == State.COMMITTED
    assert Job.objects.filter(state=JobState.DONE).count() == 2
    assert Road.objects.count() == 2


def test_the_template_is_read_back_without_matching(importer):
    with translation.override("zh-hans"):
        content = template_file.build(RoadImporter())
    book = openpyxl.load_workbook(io.BytesIO(content))
    data = book.worksheets[0]
    assert [cell.value for cell in data[1]][:2] == ["Number*", "Road name*"]
    assert len(data.data_validations.dataValidation) == 2
    assert book["lists"].sheet_state == "hidden"
    assert book.worksheets[1]["A2"].value == "Number"
    empty = received(importer, content)
    assert empty.state == State.FAULTY, "an empty template brings no example rows in"
    data.append(["R1", "一", "主干路"])
    target = io.BytesIO()
    book.save(target)
    batch = received(importer, target.getvalue())
    assert (batch.state, batch.rows) == (State.READY, 1), batch.problems
    assert not Entry.objects.exists()
