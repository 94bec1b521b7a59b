"""Evidence: read from ledgers and GB/T 24589, kept as it came, replaced only by a later batch."""

from __future__ import annotations

import io

import pytest
from django.db import Error, transaction
from openpyxl import Workbook

from chengheng.common import intake
from chengheng.common.errors import NotPermitted
from chengheng.common.measures import Period, Scope, evaluate
from chengheng.common.people.access import SYSTEM
from chengheng.finance import actions, imports, queries
from chengheng.finance.errors import NotUndone, OutOfBalance, SameBatch, Unreadable
from chengheng.finance.models import EvidenceBatch, Finding, Line, RuleRun
from tests.finance.planted import QUIET, Y, bal, d, spent

pytestmark = pytest.mark.django_db


def workbook(*rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


U8 = workbook(
    ["某单位 序时账"],
    ["日期", "凭证号", "摘要", "科目编码", "科目名称", "借方金额", "贷方金额", "制单人", "审核人"],
    ["2025-03-05", "记-0001", "购办公用品", "5001.30201", "办公费", 1200.5, None, "甲", "乙"],
    ["", "", "购办公用品", "1002", "银行存款", None, 1200.5, "", ""],
    ["合计", "", "", "", "", 1200.5, 1200.5, "", ""],
)
KINGDEE = workbook(
    ["记账日期", "凭证字", "凭证号", "摘要", "科目", "方向", "原币金额", "制单人"],
    ["2025-03-05", "记", 7, "付款", "500130201", "借", 88, "甲"],
    ["2025-03-05", "记", 7, "付款", "1002", "贷", 88, "甲"],
)


def take_in(actor, content, code="finance.lines"):
    batch = intake.receive(actor, code, "序时账.xlsx", content)
    return intake.check_batch(actor, batch.pk)


@pytest.mark.parametrize(("content", "fen"), [(U8, 120050), (KINGDEE, 8800)])
def test_ledgers_of_two_makers_are_read(unit, people, content, fen):
    batch = take_in(people.accountant, content)
    assert [str(one["message"]) for one in batch.problems] == []
    intake.commit_batch(people.accountant, batch.pk)
    stored = EvidenceBatch.objects.get(unit=unit)
    assert (stored.kind, stored.year, stored.period, stored.rows, stored.debit_fen, stored.credit_fen) == (
        "lines",
        2025,
        3,
        2,
        fen,
        fen,
    )
    first = Line.objects.first()
    assert (first.word, first.number in ("1", "7"), first.econ) == ("记", True, "30201")
    assert RuleRun.objects.filter(unit=unit, rule="T01", outcome="clean").exists()
    with pytest.raises(NotUndone):
        intake.undo_batch(people.accountant, batch.pk)


def test_a_ledger_that_does_not_balance_is_named_and_not_taken(unit, people):
    content = workbook(
        ["日期", "凭证号", "科目编码", "借方金额", "贷方金额"],
        ["2025-03-05", "1", "5001", 10, None],
        ["2025-03-05", "1", "1002", None, 9],
        ["2025-03-05", "2", None, 1, None],
    )
    batch = take_in(people.accountant, content)
    assert {(one["row"], one["field"]) for one in batch.problems} >= {(4, "account"), (4, "debit_fen")}
    assert not EvidenceBatch.objects.exists()


def test_nobody_imports_for_another_unit(unit, people):
    content = workbook(
        ["单位", "日期", "凭证号", "科目编码", "借方金额", "贷方金额"],
        [unit.organisation.code, "2025-03-05", "1", "5001", 10, None],
        [unit.organisation.code, "2025-03-05", "1", "1002", None, 10],
    )
    batch = take_in(people.stranger, content)
    assert len(batch.problems) == 2
    with pytest.raises(NotPermitted):
        actions.store_batch(people.stranger, unit, "lines", Y, 3, QUIET, origin="x")


def test_a_later_batch_replaces_and_nothing_is_changed(unit):
    first = actions.store_batch(SYSTEM, unit, "lines", Y, 3, spent(d(3, 3), 60000, number="1"), origin="a")
    found = Finding.objects.get(rule="T07")
    assert found.batches["lines"] == [[first.pk, first.sha256]]
    with pytest.raises(SameBatch):
        actions.store_batch(SYSTEM, unit, "lines", Y, 3, spent(d(3, 3), 60000, number="1"), origin="b")
    second = actions.store_batch(SYSTEM, unit, "lines", Y, 3, spent(d(3, 3), 60001, number="1"), origin="b")
    first.refresh_from_db()
    found.refresh_from_db()
    assert (first.current, second.current, second.replaces, second.number) == (False, True, first, 2)
    assert found.outdated_at is not None
    for change in (lambda: Line.objects.update(debit_fen=1), lambda: Line.objects.all().delete()):
        with pytest.raises(Error), transaction.atomic():
            change()
    assert Line.objects.count() == 8


def test_the_self_check_proves_the_hashes_and_feeds_the_measure(unit):
    actions.store_batch(SYSTEM, unit, "lines", Y, 3, QUIET, origin="a")
    actions.store_batch(SYSTEM, unit, "balances", Y, 3, [bal("1002", 0, 1, 0, 1)], origin="a")
    check = actions.check_batches(d(3, 31))
    assert (check.batches, check.broken) == (2, [])
    EvidenceBatch.objects.filter(kind="lines").update(sha256="0" * 64)
    assert len(actions.check_batches(d(4, 1)).broken) == 1
    measured = evaluate("finance.net_running", Period(d(3, 1), d(4, 30)), Scope())
    assert (measured.value, measured.denominator) == (50, 2)
    covered = evaluate("finance.aspects_covered", Period(d(3, 1), d(3, 31)), Scope())
    assert covered.value
    assert covered.value >= 3
    assert evaluate("finance.units_covered", Period(d(3, 1), d(3, 31)), Scope()).value == 100
    assert evaluate("finance.units_covered", Period(d(5, 1), d(5, 31)), Scope()).value == 0


def test_the_standard_file_is_imported_and_checked(unit, shared):
    content = (shared / "data" / "sample_24589.xml").read_bytes()
    (batch, *_more) = imports.import_24589(SYSTEM, unit, content, "sample.xml")
    assert batch.debit_fen == batch.credit_fen > 0
    assert RuleRun.objects.filter(unit=unit, rule="T13").exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", Unreadable),
        (b"<a/>", Unreadable),
        (
            '{"记账凭证": [{"记账凭证日期": "20250303", "记账凭证编号": "1", "科目编号": "1001", "借方本币金额": "1"}]}'.encode(),
            OutOfBalance,
        ),
        (
            '{"记账凭证": [{"记账凭证日期": "20259903", "科目编号": "1001", "借方本币金额": "NaN"}]}'.encode(),
            Unreadable,
        ),
    ],
)
def test_bad_standard_files_are_refused(unit, content, error):
    with pytest.raises(error):
        imports.import_24589(SYSTEM, unit, content, "x")
    assert not EvidenceBatch.objects.exists()


def test_who_imports_for_others_and_names_no_unit_is_told_that_it_is_missing(unit, people):
    head = ["单位", "日期", "凭证号", "科目编码", "借方金额", "贷方金额"]
    named, unnamed = (
        take_in(people.importer, workbook(head, [who, "2025-03-05", "1", "5001", 10, None], [who, "2025-03-05", "1", "1002", None, 10]))
        for who in (people.importer.organisation.code, None)
    )  # fmt: skip
    told = [{str(one["message"]) for one in batch.problems} for batch in (named, unnamed)]
    assert [len(one) for one in told] == [1, 1]
    assert told[0] != told[1]


def test_evidence_of_a_whole_year_does_not_speak_of_month_nought(unit, people):
    batch = actions.store_batch(SYSTEM, unit, "budgets", Y, 0, [{"project": "甲", "budget_fen": 5}], origin="x")
    assert f"{Y}-00" not in str(batch)
    shown = queries.evidence_rows(people.issuer, unit, "budgets", {"year": str(Y)})
    (cells,) = (row["cells"] for row in shown["rows"])
    assert 0 not in cells
    assert len(cells) == len(shown["head"])
