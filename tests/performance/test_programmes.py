"""Importing, binding, answering: the acts on targets against a real database."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner

from chengheng.common import flow, measures, trail
from chengheng.common.errors import Invalid, NotPermitted, Refusal
from chengheng.common.people.access import SYSTEM
from chengheng.performance import actions, errors, exports, queries
from chengheng.performance.imports import read_files
from chengheng.performance.models import Binding, Indicator, Invitation, Payment, Programme, Snapshot
from tests.builders import holder, organisation

HERE = Path(__file__).parent
SEED = HERE.parents[1] / "chengheng" / "performance" / "data" / "targets_2024.txt"
EXPECTED = json.loads((HERE / "expected_2024.json").read_text())
pytestmark = pytest.mark.django_db


def seed(text=None, name="seed.txt"):
    return read_files([(name, (text or SEED.read_text()).encode())])


@pytest.fixture
def officer():
    return holder("performance.officer")


@pytest.fixture
def stored(officer):
    actions.import_tables(seed(), officer)
    return list(queries.programmes(2024, SYSTEM))


def named(word):
    return Programme.objects.get(name__contains=word)


def one_of(programme, word):
    return Indicator.objects.select_related("binding", "programme").get(programme=programme, description=word)


def pay(programme, fen, day, by):
    return actions.enter_payment(programme, by, amount_fen=fen, paid_on=day, payee="服务单位")


# ── import ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_seed_is_stored_as_a_person_read_it(stored):
    assert [queries.as_json(programme) for programme in stored] == EXPECTED


def test_importing_twice_makes_no_doubles(stored, officer):
    again = actions.import_tables(seed(), officer)
    assert (again.made, again.changed, again.same) == (0, 0, 7)
    assert (Programme.objects.count(), Indicator.objects.count()) == (7, 42)


def test_a_changed_table_is_updated_in_place_and_keeps_its_binding(stored, officer):
    dust = one_of(named("以克论净"), "道路检测数")
    actions.confirm_binding(dust, officer, measure="performance.spent")
    done = actions.import_tables(seed(SEED.read_text().replace("≥6500条次", "≥7000条次")), officer)
    assert (done.made, done.changed, done.same) == (0, 1, 6)
    dust.refresh_from_db()
    assert (dust.value, dust.binding.measure) == (7000, "performance.spent")
    assert Indicator.objects.count() == 42


def test_an_import_is_all_or_nothing(officer):
    broken = SEED.read_text() + "\n\t项目名称\n\t没有指标的项目\n"
    batch = seed(broken)
    assert len(batch.reading.programmes) == 7
    with pytest.raises(errors.NotComplete) as refusal:
        actions.import_tables(batch, officer)
    assert "没有指标的项目" in str(batch.fatal[0])
    assert "seed.txt" in str(refusal.value)
    assert Programme.objects.count() == 0


def test_the_same_programme_twice_in_one_import_is_refused(officer):
    batch = read_files([("a.txt", SEED.read_bytes()), ("b.txt", SEED.read_bytes())])
    assert [remark.code for remark in batch.fatal] == ["twice"] * 7
    with pytest.raises(errors.NotComplete):
        actions.import_tables(batch, officer)


def test_only_who_may_can_import():
    with pytest.raises(NotPermitted):
        actions.import_tables(seed(), holder("performance.viewer"))


def test_an_import_is_on_record(stored):
    assert [entry.act for entry in trail.history(stored[0])] == ["performance.programme.import"]


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_records_every_indicator_says_no_evidence(stored):
    found = queries.overview(2024, SYSTEM, date(2024, 6, 30))
    assert len(found) == 7
    lines = [line for one in found for line in one.indicators]
    assert len(lines) == 42
    assert {line.state for line in lines if line.measure.startswith("performance.") or not line.measure} == {
        "no evidence"
    }
    assert all(line.value is None and line.light == "none" for line in lines if not line.answered)


def test_costs_and_satisfaction_are_suggested_for_their_indicators(stored):
    dust = named("以克论净")
    assert one_of(dust, "项目支出经费").binding.measure == "performance.spent"
    assert one_of(dust, "使用部门满意度").binding.measure == "performance.satisfaction"


def test_payments_answer_the_cost_ceiling(stored, officer):
    dust = named("以克论净")
    pay(dust, 76_150_000, date(2024, 5, 20), officer)
    (one,) = [one for one in queries.overview(2024, SYSTEM, date(2024, 6, 30)) if one.programme == dust]
    (line,) = [line for line in one.indicators if line.description == "项目支出经费"]
    assert (line.answered, line.value, line.light) == (True, Decimal("76.15"), "good")
    assert (one.spent_fen, one.executed, one.money_light) == (76_150_000, Decimal("50.00"), "good")


def test_spending_above_the_ceiling_is_red(stored, officer):
    dust = named("以克论净")
    pay(dust, 160_000_000, date(2024, 5, 20), officer)
    line = queries.answers([one_of(dust, "项目支出经费")], date(2024, 6, 30), with_forecast=True)
    (found,) = line.values()
    assert (found.light, found.forecast.probability) == ("bad", 0)


def test_a_refund_lowers_what_was_spent_and_a_voucher_comes_once(stored, officer):
    dust = named("以克论净")
    actions.enter_payment(dust, officer, amount_fen=100, paid_on=date(2024, 1, 5), payee="甲", voucher="1")
    pay(dust, -40, date(2024, 2, 5), officer)
    assert queries.spent_fen(dust, date(2024, 12, 31)) == 60
    with pytest.raises(Invalid):
        actions.enter_payment(dust, officer, amount_fen=100, paid_on=date(2024, 1, 5), payee="甲", voucher="1")


def test_a_confirmed_measure_shows_in_the_json(stored, officer):
    dust = one_of(named("以克论净"), "项目支出经费")
    assert queries.indicator_as_json(dust)["measure"] is None
    actions.confirm_binding(dust, officer, measure="performance.spent")
    fresh = one_of(named("以克论净"), "项目支出经费")
    assert queries.indicator_as_json(fresh)["measure"] == "performance.spent"
    with pytest.raises(errors.UnknownMeasure):
        actions.confirm_binding(dust, officer, measure="nothing.at_all")


def test_evidence_by_hand_answers_words_and_numbers(stored, officer):
    green = one_of(named("以克论净"), "生态环境")
    with pytest.raises(Invalid):
        actions.record_evidence(green, officer, on=date(2024, 6, 1), note="x", value=Decimal(1))
    actions.record_evidence(green, officer, on=date(2024, 6, 1), note="通报", attainment="partly")
    found = queries.answers([Indicator.objects.select_related("binding").get(pk=green.pk)], date(2024, 6, 30),
                            with_forecast=False)[green.pk]  # fmt: skip
    assert (found.answered, found.light) == (True, "warn")
    before = queries.answers([green], date(2024, 5, 30), with_forecast=False)[green.pk]
    assert not before.answered


def test_monitoring_keeps_one_snapshot_a_day(stored, officer):
    dust = named("以克论净")
    pay(dust, 100, date(2024, 5, 20), officer)
    actions.monitor(dust, officer, date(2024, 6, 30))
    actions.monitor(dust, officer, date(2024, 6, 30))
    assert Snapshot.objects.count() == 6
    assert Snapshot.objects.filter(light="none", value=None).count() == 5


def test_who_keeps_the_targets_is_told_when_a_light_turns(stored, officer):
    from chengheng.common.notices.models import Notice

    dust = named("以克论净")
    pay(dust, 70_000_000, date(2024, 5, 20), officer)
    actions.monitor(dust, officer, date(2024, 6, 30))
    assert not Notice.objects.exists()
    pay(dust, 90_000_000, date(2024, 7, 5), officer)
    actions.monitor(dust, officer, date(2024, 7, 6))
    actions.monitor(dust, officer, date(2024, 7, 7))
    (notice,) = Notice.objects.filter(user=officer)
    assert "项目支出经费" in notice.message.title


def test_evidence_keeps_its_file(stored, officer):
    from django.core.files.uploadedfile import SimpleUploadedFile

    from chengheng.common import files

    green = one_of(named("以克论净"), "生态环境")
    proof = SimpleUploadedFile("通报.txt", "六月通报".encode())
    kept = actions.record_evidence(
        green, officer, on=date(2024, 6, 1), note="通报", attainment="reached", files=[proof]
    )
    assert [attachment.name for attachment in files.of(kept)] == ["通报.txt"]


def test_payments_come_in_from_a_spreadsheet(stored, officer):
    from chengheng.common.intake import Problems, Rows
    from chengheng.performance.ledger import PaymentImporter

    def rows(**columns):
        base = {"programme": [named("以克论净").name] * 2, "paid_on": [date(2024, 3, 1)] * 2, "amount_fen": [100, 200],
                "payee": ["甲", "乙"], "voucher": ["1", "2"], "note": [None, None]}  # fmt: skip
        return Rows(base | columns, ["", ""], [2, 3])

    importer = PaymentImporter(officer)
    for wrong in ({"voucher": ["1", "1"]}, {"programme": ["没有", named("以克论净").name]}, {"amount_fen": [0, 1]}):
        problems = Problems()
        importer.check(rows(**wrong), problems)
        assert problems.count == 1, wrong
    problems = Problems()
    importer.check(rows(), problems)
    assert (problems.count, importer.commit(rows(), None, officer)) == (0, 2)
    assert queries.spent_fen(named("以克论净"), date(2024, 12, 31)) == 300


def test_a_viewer_sees_only_the_programmes_of_the_own_organisation(officer):
    centre = organisation("中心", code="326206")
    actions.import_tables(seed(), officer)
    inside, outside = holder("performance.viewer", centre), holder("performance.viewer")
    assert len(queries.overview(2024, inside)) == 7
    assert queries.overview(2024, outside) == []


# ── surveys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def survey(stored, officer, time_machine):
    time_machine.move_to("2024-09-02 10:00 +0800")
    return actions.make_survey(
        named("以克论净"), officer, title="满意度", population=10, opens_on=date(2024, 9, 1), closes_on=date(2024, 9, 30),
        questions=[("总体满意吗", "scale"), ("建议", "text")],
    )  # fmt: skip


def test_one_answer_a_link_and_nothing_joins_them(survey, officer):
    scale, words = survey.questions.all()
    tokens = actions.invite(survey, officer, 4)
    for token, value in zip(tokens, ("5", "4", "2"), strict=False):
        actions.answer(token, {str(scale.pk): value, str(words.pk): "好"})
    with pytest.raises(errors.BadToken):
        actions.answer(tokens[0], {str(scale.pk): "5"})
    with pytest.raises(errors.BadToken):
        actions.answer("no such token", {})
    with pytest.raises(Invalid):
        actions.answer(tokens[3], {})
    assert Invitation.objects.filter(used=True).count() == 3
    columns = {field.name for field in Invitation._meta.get_fields()} & {
        field.name for field in survey.answers.model._meta.get_fields()
    }
    assert columns == {"id", "survey"}  # the ids are of two kinds: a counter, and chance
    assert not any(entry.act.startswith("performance.survey.answer") for entry in trail.history(survey))
    measured = measures.evaluate(
        "performance.satisfaction", measures.Period.year(2024),
        measures.Scope().with_options({"programme": str(survey.programme_id)}),
    )  # fmt: skip
    assert measured.value == Decimal("66.67")


def test_closing_writes_the_answers_anew(survey, officer):
    scale = survey.questions.first()
    for token in actions.invite(survey, officer, 5):
        actions.answer(token, {str(scale.pk): "5"})
    before = set(survey.answers.values_list("pk", flat=True))
    actions.close_survey(survey, officer)
    after = set(survey.answers.values_list("pk", flat=True))
    assert len(after) == 5
    assert not before & after
    with pytest.raises(Invalid):
        actions.invite(survey, officer, 6)


def test_a_closed_survey_takes_no_answer(survey, officer):
    (token,) = actions.invite(survey, officer, 1)
    actions.close_survey(survey, officer)
    with pytest.raises(errors.SurveyClosed):
        actions.answer(token, {str(survey.questions.first().pk): "5"})


def test_a_person_answers_without_signing_in(survey, officer, client):
    (token,) = actions.invite(survey, officer, 1)
    scale = survey.questions.first()
    url = f"/performance/s/{token}/"
    assert client.get(url).status_code == 200
    assert client.post(url, {}).status_code == 422
    assert client.post(url, {str(scale.pk): "4"}).status_code == 200
    assert client.get(url).status_code == 404


# ── self-evaluation ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def evaluation(stored, officer):
    dust = named("以克论净")
    pay(dust, 152_300_000, date(2024, 10, 20), officer)
    actions.record_evidence(
        one_of(dust, "道路检测数"), officer, on=date(2024, 12, 31), note="台账", value=Decimal(3250)
    )
    return actions.draft_evaluation(dust, officer, date(2024, 12, 31))


def test_the_form_scores_money_and_results(evaluation):
    rows = {row.indicator.description: row for row in evaluation.rows.all()}
    assert [row.weight for row in evaluation.rows.all()] == [
        Decimal(x) for x in ("12.50", "12.50", "12.50", "12.50", "30", "10")
    ]
    assert evaluation.execution_points == 10
    assert rows["道路检测数"].points == Decimal("6.25")
    assert rows["项目支出经费"].points == Decimal("12.50")
    assert (rows["道路检测点位数"].actual, rows["道路检测点位数"].points) == (None, 0)
    assert evaluation.total == Decimal("28.75")


def test_reasons_are_required_before_submitting_and_another_signs(evaluation, officer):
    leader = holder("performance.leader")
    with pytest.raises(errors.ReasonsMissing) as missing:
        flow.take(evaluation, "submit", officer)
    assert "道路检测数" in str(missing.value)
    rows = {row.pk: {"reason": "雨天多"} for row in evaluation.rows.all()}
    actions.edit_evaluation(evaluation, officer, department="市城管委", done="已完成", execution_weight=Decimal(10),
                            execution_reason="", rows=rows)  # fmt: skip
    evaluation.refresh_from_db()
    submitted = flow.take(evaluation, "submit", officer)
    with pytest.raises(NotPermitted):
        flow.take(submitted, "sign", officer)
    signed = flow.take(submitted, "sign", leader)
    assert signed.state == "signed"
    with pytest.raises(errors.Signed):
        actions.draft_evaluation(evaluation.programme, officer)


def test_weights_must_sum_to_a_hundred(evaluation, officer):
    with pytest.raises(Invalid):
        actions.edit_evaluation(evaluation, officer, department="", done="", execution_weight=Decimal(20),
                                execution_reason="", rows={})  # fmt: skip


def test_the_official_form_in_word_and_excel_says_the_same(evaluation):
    from io import BytesIO

    import docx
    import openpyxl

    table = docx.Document(BytesIO(exports.docx(evaluation))).tables[0]
    word = [[cell.text for cell in row.cells] for row in table.rows]
    sheet = openpyxl.load_workbook(BytesIO(exports.xlsx(evaluation))).active
    cells = {(cell.row - 3, cell.column - 1): cell.value for row in sheet.iter_rows() for cell in row if cell.value}
    for box in exports.form(evaluation):
        assert word[box.row][box.column] == box.text
        assert (cells.get((box.row, box.column)) or "") == box.text
    text = "".join(word[10])
    assert "道路检测数" in text
    assert "3250条次" in text
    assert "无佐证" in "".join(word[11])
    assert word[-1][7] == "28.75"


# ── the next year ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_next_years_draft_remembers_what_was_confirmed(stored, officer):
    dust = named("以克论净")
    actions.confirm_binding(one_of(dust, "道路检测数"), officer, measure="performance.spent")
    following = actions.roll_over(dust, officer)
    assert (following.year, following.draft, following.name) == (2025, True, "考核中心2025年度“以克论净”检测考核项目")
    remembered = one_of(following, "道路检测数").binding
    assert (remembered.measure, remembered.confirmed_at) == ("performance.spent", None)
    assert {line["change"] for line in queries.side_by_side(following)} == {"same"}
    with pytest.raises(errors.YearTaken):
        actions.roll_over(dust, officer)


def test_next_years_table_is_compared_with_this_years(stored, officer):
    text = SEED.read_text().replace("2024年", "2025年").replace("≥6500条次", "≥7000条次")
    actions.import_tables(seed(text), officer)
    following = Programme.objects.get(year=2025, name__contains="以克论净")
    assert following.before == named("2024年度“以克论净”")
    changes = {str(line["now"]): line["change"] for line in queries.side_by_side(following)}
    assert changes["道路检测数"] == "changed"
    assert changes["道路检测点位数"] == "same"


# ── pages, API, command line ─────────────────────────────────────────────────────────────────────────────────────────


def test_every_page_opens(stored, officer, evaluation, client):
    client.force_login(officer)
    dust = named("以克论净")
    line = one_of(dust, "项目支出经费")
    pages = ["", "import/", "bindings/", "payments/", "payments/new/", "surveys/", "surveys/new/", "report/?year=2024",
             "report/?year=2024&as_of=2024-06-30", "roll-over/?year=2024", f"programmes/{dust.pk}/",
             f"programmes/{dust.pk}/evaluation/", f"programmes/{dust.pk}/evaluation/print/",
             f"programmes/{dust.pk}/evaluation/docx/", f"programmes/{dust.pk}/evaluation/xlsx/",
             f"programmes/{dust.pk}/compare/", f"indicators/{line.pk}/", f"indicators/{line.pk}/bind/",
             f"indicators/{line.pk}/evidence/"]  # fmt: skip
    for path in pages:
        response = client.get(f"/performance/{path}")
        assert response.status_code == 200, path


def test_a_table_is_previewed_then_imported_through_the_pages(officer, client):
    client.force_login(officer)
    with SEED.open("rb") as file:
        response = client.post("/performance/import/", {"uploads": [file]})
    assert response.status_code == 302
    shown = client.get(response["Location"]).content.decode()
    assert "805.90" in shown
    assert "≥6500条次" in shown
    assert Programme.objects.count() == 0
    assert client.post(response["Location"]).status_code == 302
    assert Programme.objects.count() == 7


def test_a_page_says_why_a_file_was_refused(officer, client, tmp_path):
    client.force_login(officer)
    path = tmp_path / "t.docx"
    path.write_bytes(b"PK nothing")
    with path.open("rb") as file:
        response = client.post("/performance/import/", {"uploads": [file]})
    assert response.status_code == 422
    assert "t.docx" in response.content.decode()


def test_the_api_enters_a_payment_once(stored, officer, client):
    client.force_login(officer)
    body = {"client_id": str(uuid4()), "programme": named("以克论净").pk, "amount_fen": 100, "paid_on": "2024-03-01",
            "payee": "甲"}  # fmt: skip
    first = client.post("/api/v1/performance/payments", json.dumps(body), "application/json")
    again = client.post("/api/v1/performance/payments", json.dumps(body), "application/json")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Payment.objects.count() == 1
    found = client.get("/api/v1/performance/evaluation?year=2024&as_of=2024-06-30").json()
    assert found[0]["spent"] == "0.0001"
    assert found[1]["indicators"][0]["actual"] is None


def test_the_command_line_imports_shows_and_evaluates(officer, monkeypatch):
    from chengheng.common import commands
    from chengheng.performance.commands import evaluate, targets

    monkeypatch.setattr(commands, "opener", nullcontext)  # the site's own closes the test's connection
    run = CliRunner().invoke
    assert run(targets, ["import", str(SEED)]).output.strip().endswith("7 new, 0 changed, 0 unchanged")
    assert json.loads(run(targets, ["show", "--year", "2024", "--format", "json"]).output) == EXPECTED
    assert "42 indicators" in run(targets, ["show", "--year", "2024"]).output
    pay(named("以克论净"), 1_000_000, date(2024, 3, 1), officer)
    found = json.loads(run(evaluate, ["--year", "2024", "--as-of", "2024-06-30", "--format", "json"]).output)
    line = found[0]["indicators"][3]
    assert (line["state"], line["actual"], line["answered_by"]) == ("answered", "1", "performance.spent")
    assert found[0]["indicators"][0]["state"] == "no evidence"
    assert run(evaluate, ["--year", "2024"]).exit_code == 0


def test_bindings_are_confirmed_together(stored, officer, client):
    client.force_login(officer)
    dust = one_of(named("以克论净"), "项目支出经费")
    client.post("/performance/bindings/?year=2024", {"indicator": [dust.pk]})
    assert Binding.objects.get(indicator=dust).confirmed_by == officer
    assert Binding.objects.filter(confirmed_at=None).exists()


def test_a_refusal_is_a_sentence(officer):
    assert isinstance(errors.YearTaken(year=2025), Refusal)
    assert "2025" in str(errors.YearTaken(year=2025))
