"""What hostile files meet at finance's own doors: a clear refusal and nothing kept; and what leaves is no formula."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from chengheng.common import intake
from chengheng.common.people.access import SYSTEM
from chengheng.finance import actions, imports, papers
from chengheng.finance.errors import OutOfBalance, Unreadable
from chengheng.finance.models import EvidenceBatch, Finding, Line
from tests.finance.planted import Y, d, spent

pytestmark = pytest.mark.django_db
LINE = (
    "<记账凭证><记账凭证日期>2025{month:02}12</记账凭证日期><会计年度>2025</会计年度><会计期间号>{month}</会计期间号><记账凭证编号>{number}</记账凭证编号>"
    "<记账凭证行号>1</记账凭证行号><记账凭证摘要>{words}</记账凭证摘要><科目编号>{account}</科目编号><借方本币金额>{debit}</借方本币金额>"
    "<贷方本币金额>{credit}</贷方本币金额></记账凭证>"
)


def line(
    number: Any = 1,
    account: str = "5001.30201",
    debit: Any = "1.00",
    credit: Any = "0",
    words: str = "付款",
    month: int = 3,
) -> str:
    return LINE.format(number=number, account=account, debit=debit, credit=credit, words=words, month=month)


PAIR = line() + line(account="1002", debit="0", credit="1.00")
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><总账>{line(words="&l9;")}</总账>', "document type"),
        (f'<!DOCTYPE x SYSTEM "file:///etc/passwd"><总账>{PAIR}</总账>', "document type"),
        (f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><总账>{line(words="&f;")}</总账>', "document type"),
        (f"<总账>{'<a>' * 40}{PAIR}{'</a>' * 40}</总账>", "deep"),
        (f"<总账>{line(words='长' * 5000)}</总账>", "too long"),
        (f"<总账><记账凭证>{'<辅助项1编号>x</辅助项1编号>' * 300}</记账凭证></总账>", "too many fields"),
        (f"<总账>{PAIR}<记账凭证>", "line 1"),
        (f"<总账>{PAIR}{line(debit='1e400')}</总账>", "amount"),
        (f"<总账>{PAIR}{line(debit='NaN')}</总账>", "amount"),
        (f"<总账>{line(month=13)}</总账>", "month"),
        ("[" * 100_000, ""),
    ],
)
def test_hostile_standard_files_are_refused_with_the_reason(unit, content, words):
    with pytest.raises(Unreadable) as refused:
        imports.import_24589(SYSTEM, unit, content.encode(), "x.xml")
    assert words in str(refused.value)
    assert "passwd" not in str(refused.value)
    assert "root:" not in str(refused.value)
    assert not EvidenceBatch.objects.exists()
    assert not Line.objects.exists()


def test_a_document_type_in_another_encoding_is_refused_too(unit):
    text = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "b">]><总账>{PAIR}</总账>'
    with pytest.raises(Unreadable):
        imports.import_24589(SYSTEM, unit, text.encode("utf-16"), "x.xml")


def test_a_file_that_goes_wrong_at_its_end_leaves_nothing(unit):
    rows = "".join(
        line(n, "5001", "2.00") + line(n, "1002", "0", "2.00", month=4 if n > 4000 else 3) for n in range(5000)
    )
    with pytest.raises(Unreadable):
        imports.import_24589(SYSTEM, unit, f"<总账>{rows}{line(debit='x')}</总账>".encode(), "x.xml")
    with pytest.raises(OutOfBalance):
        imports.import_24589(SYSTEM, unit, f"<总账>{rows}</总账>".encode(), "x.xml")
    assert not EvidenceBatch.objects.exists()
    assert not Line.objects.exists()


class Endless:
    """A GB/T 24589 file of about `megabytes`, made as it is read; notes the process's memory on the way."""

    def __init__(self, megabytes: int) -> None:
        self.left, self.number, self.buffer, self.memory = megabytes * 1024 * 1024, 0, "<总账>".encode(), []

    def seek(self, _place: int) -> None:
        self.buffer, self.number = "<总账>".encode(), 0

    def read(self, size: int = -1) -> bytes:
        while len(self.buffer) < size and self.left > 0:
            month = 1 + self.number % 12
            made = (
                line(self.number, "5001.30201", "12.34", month=month)
                + line(self.number, "1002", "0", "12.34", month=month)
            ).encode() * 8
            self.number += 1
            self.left -= len(made)
            self.buffer += made if self.left > 0 else made + "</总账>".encode()
        part, self.buffer = self.buffer[:size], self.buffer[size:]
        if self.number % 50 == 0:
            self.memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
        return part


@pytest.mark.slow
def test_memory_stays_flat_over_a_large_file(unit, monkeypatch):
    monkeypatch.setattr(imports.engine, "run", lambda *_place: [])
    file = Endless(40)
    made = imports.import_24589(SYSTEM, unit, file, "large.xml")
    assert len(made) == 12
    assert sum(batch.rows for batch in made) > 80_000
    early = max(file.memory[: len(file.memory) // 5])
    assert max(file.memory) - early < 40 * 1024 * 1024
    for batch in made[:2]:
        assert batch.debit_fen == batch.credit_fen
    assert actions.check_batches(d(12, 31)).broken == []


def taken(unit, people, content: bytes, code: str = "finance.bank") -> Any:
    batch = intake.receive(people.accountant, code, "x.xlsx", content)
    return intake.check_batch(people.accountant, batch.pk)


def test_a_zip_bomb_and_a_workbook_with_entities_are_refused(unit, people):
    for part in (b"0" * (60 * 1024 * 1024), b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>'):
        out = io.BytesIO()
        book = Workbook()
        book.save(out)
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet2.xml", part)
        batch = taken(unit, people, out.getvalue())
        assert batch.problems or batch.state == "faulty"
    assert not EvidenceBatch.objects.exists()


def test_a_heading_of_merged_cells_over_a_million_empty_rows_is_read(unit, people):
    book = Workbook()
    sheet = book.active
    sheet["A1"] = "对账单"
    sheet.merge_cells("A1:D1")
    sheet["A2"], sheet["B2"], sheet["C2"] = "交易日期", "账号", "发生额"
    for merged in ("A2:A3", "B2:B3", "C2:D2"):
        sheet.merge_cells(merged)
    sheet["C3"], sheet["D3"] = "收入", "支出"
    sheet.append(["2025-03-04", "B1", 12.5, None])
    sheet["A1048576"].number_format = "0.00"
    out = io.BytesIO()
    book.save(out)
    batch = taken(unit, people, out.getvalue())
    assert [str(one["message"]) for one in batch.problems] == []
    intake.commit_batch(people.accountant, batch.pk)
    stored = EvidenceBatch.objects.get(unit=unit)
    assert (stored.kind, stored.rows) == ("bank", 1)


def test_what_leaves_is_text_and_no_formula(unit, people):
    evil = '=HYPERLINK("http://x","y")'
    actions.store_batch(SYSTEM, unit, "lines", Y, 3, spent(d(3, 3), 60000, party=evil, number="1"), origin="a")
    finding = Finding.objects.get(rule="T07")
    actions.raise_doubt(finding, people.issuer, title=evil)
    for kind in papers.BOOKS:
        _name, content = papers.book(kind, people.issuer)
        for row in load_workbook(io.BytesIO(content)).active.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not (isinstance(cell.value, str) and cell.value.startswith("=")) or cell.quotePrefix
