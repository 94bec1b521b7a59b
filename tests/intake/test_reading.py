"""Files are hostile until checked: what harms is refused before it is opened, what is merely odd is read."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import time
import tracemalloc
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.common.intake import reading
from chengheng.common.intake.errors import HostileFile, UnreadableFile


def workbook(rows, **options) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(options.get("title", "Sheet1"))
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def rebuilt(content: bytes, change=None, add=(), compression=zipfile.ZIP_DEFLATED) -> bytes:
    """The workbook with parts changed by `change(name, data)` and `add`ed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, (change(name, data) if change else None) or data)
        for name, data in add:
            new.writestr(name, data)
    return target.getvalue()


def with_sheet(xml: bytes) -> bytes:
    head = b'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return rebuilt(
        workbook([["a"]]),
        lambda name, data: head + xml + b"</sheetData></worksheet>" if name == "xl/worksheets/sheet1.xml" else None,
    )


def cells(content: bytes, name: str = "book.xlsx") -> list[tuple[int, list]]:
    return list(reading.read(content, name)[0].rows())


def test_rows_keep_the_numbers_that_the_spreadsheet_shows():
    assert cells(workbook([[], ["a", "b"], [], ["", 1, True]])) == [(2, ["a", "b", ""]), (4, ["", 1.0, True])]


def test_a_zip_bomb_is_refused_quickly_and_in_little_memory():
    bomb = rebuilt(workbook([["a"]]), add=[("xl/worksheets/sheet9.xml", b"<worksheet>" + b" " * 900_000_000)])
    assert len(bomb) < 2_000_000
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(HostileFile):
        reading.read(bomb, "bomb.xlsx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 10
    assert peak < 700_000_000


def test_a_zip_whose_directory_lies_about_sizes_is_not_believed():
    bomb = rebuilt(workbook([["a"]]), add=[("xl/worksheets/sheet9.xml", b"<worksheet>" + b" " * 500_000_000)])
    at = bomb.rindex(b"PK\x01\x02", 0, bomb.rindex(b"xl/worksheets/sheet9.xml"))
    lying = bytearray(bomb)
    struct.pack_into("<L", lying, at + 24, 10)  # "only 10 bytes unpacked"
    with pytest.raises(UnreadableFile):
        reading.read(bytes(lying), "bomb.xlsx")


def test_many_small_bombs_share_one_limit(monkeypatch):
    monkeypatch.setattr(reading, "MOST_UNPACKED", 5_000_000)
    parts = [(f"xl/worksheets/sheet{n}.xml", b"<worksheet/>" + b" " * 1_000_000) for n in range(10, 20)]
    with pytest.raises(HostileFile):
        reading.read(rebuilt(workbook([["a"]]), add=parts), "bomb.xlsx")


@pytest.mark.parametrize(
    "part",
    [
        ("xl/vbaProject.bin", b"macro"),
        ("xl/macrosheets/sheet1.xml", b"<xm:macrosheet/>"),
        ("xl/worksheets/evil.xml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><worksheet>&a;</worksheet>'),
        ("xl/worksheets/evil.xml", b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><worksheet/>'),
        ("xl/worksheets/evil.xml", '<?xml version="1.0" encoding="UTF-16"?><worksheet/>'.encode("utf-16")),
        ("xl/worksheets/evil.xml", b'<?xml version="1.0" encoding="IBM037"?><worksheet/>'),
    ],
)
def test_macros_entities_and_strange_encodings_are_refused(part):
    with pytest.raises(HostileFile):
        reading.read(rebuilt(workbook([["a"]]), add=[part]), "book.xlsx")


def test_a_macro_workbook_is_refused_whatever_its_name():
    content = rebuilt(
        workbook([["a"]]),
        lambda name, data: (
            data.replace(b"spreadsheetml.sheet.main", b"sheet.macroEnabled.main")
            if name == "[Content_Types].xml"
            else None
        ),
    )
    with pytest.raises(HostileFile):
        reading.read(content, "book.xlsx")


@pytest.mark.parametrize(
    "xml",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b"<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='ZZ1048576'><v>1</v></c></row>",
        b'<row r="1"><c s="0" r="A1"><v>1</v></c></row><row r="900000"><c s="0" r="CV900000"><v>1</v></c></row>',
        b'<row r="1">' + b"<c><v>1</v></c>" * 900 + b'</row><row r="999999"><c><v>1</v></c></row>',
        b'<row r="1"><c r = "A1"><v>1</v></c></row><row r="1048576"><c r = "GA1048576"><v>1</v></c></row>',
    ],
)
def test_two_cells_far_apart_do_not_fill_the_memory(xml):
    with pytest.raises(UnreadableFile):
        reading.read(with_sheet(xml), "sparse.xlsx")


def test_one_long_text_in_a_million_cells_does_not_fill_the_memory():
    strings = (
        b'<?xml version="1.0" encoding="UTF-8"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<si><t>" + b"x" * 32_000 + b"</t></si></sst>"
    )
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 50_001))
    head = b'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    content = rebuilt(
        workbook([["a"]]),
        lambda name, data: head + rows + b"</sheetData></worksheet>" if name.endswith("sheet1.xml") else None,
        add=[("xl/sharedStrings.xml", strings)],
    )
    with pytest.raises(HostileFile):
        reading.read(content, "book.xlsx")


def test_a_million_formatted_empty_rows_cost_little():
    empty = b"".join(b'<row r="%d" s="1" ht="15"><c r="A%d" s="1"/></row>' % (n, n) for n in range(3, 1_000_001))
    content = with_sheet(
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row>' + empty
    )
    began = time.process_time()
    assert cells(content) == [(1, ["a"]), (2, [1.0])]
    assert time.process_time() - began < 8


def test_cells_without_places_are_read():
    assert cells(with_sheet(b"<row><c><v>1</v></c><c><v>2</v></c></row>")) == [(1, [1.0, 2.0])]


def test_formulas_are_not_run_their_results_are_read():
    xml = b'<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>WEBSERVICE("http://evil")</f><v>x</v></c></row>'
    assert cells(with_sheet(xml)) == [(1, [2.0, "x"])]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "a.xlsx"),
        (b"PK\x03\x04rubbish", "a.xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "a.xls"),
        (b"%PDF-1.7", "a.pdf"),
        (b"just text", "a.xlsx"),
        (b"a,b\n1,\x002\n", "a.csv"),
        (b"\xff\xfea", "a.csv"),
        (b"a\n\xff\xff\n", "a.csv"),
    ],
)
def test_what_is_no_table_is_refused_in_words(content, name):
    with pytest.raises(UnreadableFile) as refusal:
        list(reading.read(content, name)[0].rows())
    assert str(refusal.value)


def test_a_zip_that_is_no_workbook_is_refused():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        made.writestr("word/document.xml", "<x/>")
    with pytest.raises(UnreadableFile):
        reading.read(target.getvalue(), "a.xlsx")


def test_two_parts_of_one_name_are_refused():
    target = io.BytesIO(workbook([["a"]]))
    with zipfile.ZipFile(target, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(HostileFile):
        reading.read(target.getvalue(), "a.xlsx")


@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=150)
def test_a_damaged_workbook_is_read_or_refused_never_worse(flips):
    content = bytearray(workbook([["编号", "名称"], ["1", "一"], [2, True]]))
    for at, value in flips:
        content[at % len(content)] = value
    with contextlib.suppress(UnreadableFile):
        for sheet in reading.read(bytes(content), "a.xlsx"):
            list(sheet.rows())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_text_tables_of_every_usual_encoding_and_separator(encoding, mark):
    lines = [mark.join(["编号", "名称"]), mark.join(["1", '"一""二"']), "", mark.join(["3", "龘㐂"]), ""]
    assert cells("\r\n".join(lines).encode(encoding), "表.csv") == [
        (1, ["编号", "名称"]),
        (2, ["1", '一"二']),
        (4, ["3", "龘㐂"]),
    ]


@given(
    st.lists(
        st.lists(
            st.text(st.characters(blacklist_characters="\x00\r", blacklist_categories=("Cs",)), max_size=6),
            min_size=2,
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_text_table_comes_back(table):
    import csv

    target = io.StringIO()
    csv.writer(target).writerows(table)
    text = target.getvalue()
    found = [row for _number, row in reading._read_text(text.encode("utf-8-sig"), "a.csv").rows()]
    if reading.separator(text) == ",":
        assert found == [row for row in table if any(row)]


def test_a_text_table_with_a_gigantic_cell_is_refused():
    with pytest.raises(UnreadableFile):
        cells(b"a,b\n" + b"x" * 200_000 + b",1\n", "a.csv")


def test_column_letters():
    assert [reading.column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert re.fullmatch("[A-Z]+", reading.column_letters(16_383))


def test_a_part_with_a_wrong_checksum_is_refused():
    content = bytearray(workbook([["a"]]))
    at = content.rindex(b"PK\x01\x02")
    crc = struct.unpack_from("<L", content, at + 16)[0]
    struct.pack_into("<L", content, at + 16, crc ^ 1)
    with pytest.raises(UnreadableFile):
        reading.read(bytes(content), "a.xlsx")
