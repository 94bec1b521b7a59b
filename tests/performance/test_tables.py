"""The same table gives the same programmes in every format; nothing is dropped silently."""

from __future__ import annotations

import json
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import docx
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.performance import readers
from chengheng.performance.rules import answer
from chengheng.performance.rules.tables import recognise
from chengheng.performance.rules.words import column

HERE = Path(__file__).parent
SEED = HERE.parents[1] / "chengheng" / "performance" / "data" / "targets_2024.txt"
EXPECTED = json.loads((HERE / "expected_2024.json").read_text())
HEADINGS = ["一级指标", "二级指标", "三级指标", "绩效指标描述", "指标值"]


def read(content: bytes, name: str, **options):
    return recognise(readers.read(content, name), **options)


def answers(reading):
    return [answer.of_programme(programme) for programme in reading.programmes]


def without_measure(programmes):
    return [{**p, "indicators": [{**i, "measure": None} for i in p["indicators"]]} for p in programmes]


# ── a table as rows of (text, columns across, rows down), five columns wide ──────────────────────────────────────────


def layout(programme: dict) -> list[list[tuple[str, int, int]]]:
    """The seed's form: merged budget label, merged levels."""
    budget = programme["budget"]
    other = "" if budget["other"] == "0.00" else budget["other"]
    rows = [
        [("项目名称", 1, 1), (programme["name"], 6, 1)],
        [("预算规模及资金用途", 1, 2), ("预算数", 1, 1), (budget["total"], 1, 1), ("其中：财政    资金", 1, 1),
         (budget["fiscal"], 1, 1), ("其他资金", 1, 1), (other, 1, 1)],
        [(programme["purpose"], 6, 1)],
        [("绩效目标", 1, 1), (f"1.{programme['goals'][0]}", 6, 1)],
        [("一级指标", 1, 1), ("二级指标", 1, 1), ("三级指标", 2, 1), ("绩效指标描述", 1, 1), ("指标值", 2, 1)],
    ]  # fmt: skip
    before = None
    for indicator in programme["indicators"]:
        row = []
        if indicator["level1"] != before:
            before = indicator["level1"]
            row.append((before, 1, sum(each["level1"] == before for each in programme["indicators"])))
        row += [(indicator["level2"], 1, 1), (indicator["level3"], 2, 1), (indicator["description"], 1, 1),
                (indicator["target_text"], 2, 1)]  # fmt: skip
        rows.append(row)
    return rows


def positions(rows):
    """(row, column, text, columns across, rows down) of every cell on the grid."""
    taken = set()
    for r, row in enumerate(rows):
        c = 0
        for text, across, down in row:
            while (r, c) in taken:
                c += 1
            taken |= {(y, x) for y in range(r, r + down) for x in range(c, c + across)}
            yield r, c, text, across, down
            c += across


def as_html(programmes) -> bytes:
    parts = ['<!doctype html><html><head><meta charset="utf-8"><style>table{border-collapse:collapse;width:100%}'
             "td{border:1px solid #000;padding:3px;font-size:11px}</style></head><body>"]  # fmt: skip
    for number, programme in enumerate(programmes, 1):
        title = f"<h3>{number}.{programme['name']}绩效目标表</h3>" if number % 2 else ""
        parts.append(f"{title}<p>{programme['unit_code']}{programme['unit_name']}</p><p>单位：万元</p><table>")
        for row in layout(programme):
            cells = "".join(f'<td colspan="{a}" rowspan="{d}">{text}</td>' for text, a, d in row)
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</table>")
    return "".join(parts).encode()


def as_docx(programmes) -> bytes:
    document = docx.Document()
    for number, programme in enumerate(programmes, 1):
        if number % 2:
            document.add_paragraph(f"{number}.{programme['name']}绩效目标表")
        document.add_paragraph(f"{programme['unit_code']}{programme['unit_name']}")
        document.add_paragraph("单位：万元")
        rows = layout(programme)
        table = document.add_table(len(rows), 7)
        for r, c, text, across, down in positions(rows):
            cell = table.cell(r, c)
            if across > 1 or down > 1:
                cell = cell.merge(table.cell(r + down - 1, c + across - 1))
            cell.text = text
    output = BytesIO()
    document.save(output)
    return output.getvalue()


def as_xlsx(programmes, merge=True) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    top = 1
    for number, programme in enumerate(programmes, 1):
        for text in [f"{number}.{programme['name']}绩效目标表"] * (number % 2) + [
            f"{programme['unit_code']}{programme['unit_name']}", "单位：万元"
        ]:  # fmt: skip
            sheet.cell(top, 1, text)
            if merge:
                sheet.merge_cells(start_row=top, end_row=top, start_column=1, end_column=7)
            top += 1
        rows = layout(programme)
        for r, c, text, across, down in positions(rows):
            cell = sheet.cell(top + r, c + 1, text or None)
            if text and text.replace(".", "").isdigit():
                cell.value, cell.number_format = float(text), "0.00"
            if merge and (across > 1 or down > 1):
                sheet.merge_cells(
                    start_row=top + r, end_row=top + r + down - 1, start_column=c + 1, end_column=c + across
                )
        top += len(rows)
    output = BytesIO()
    book.save(output)
    return output.getvalue()


def as_pdf(programmes, folder: Path) -> bytes:
    chromium = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
    if chromium is None:
        pytest.skip("no Chromium to print a PDF")
    page, target = folder / "page.html", folder / "page.pdf"
    page.write_bytes(as_html(programmes))
    subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
         f"--print-to-pdf={target}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return target.read_bytes()


# ── the seed ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_seed_gives_seven_programmes_and_42_indicators_as_a_person_read_them():
    reading = read(SEED.read_bytes(), SEED.name)
    assert answers(reading) == EXPECTED
    assert len(reading.programmes) == 7
    assert sum(len(programme.indicators) for programme in reading.programmes) == 42
    assert str(sum(programme.total for programme in reading.programmes)) == "805.90"
    assert reading.unread == []
    assert reading.notes == []


def test_the_kept_copy_is_the_original(shared):
    originals = list((shared / "seed").glob("*.txt"))
    assert [path.read_bytes() for path in originals] == [SEED.read_bytes()]


@pytest.mark.parametrize("make", [as_html, as_docx, as_xlsx, lambda programmes: as_xlsx(programmes, merge=False)])
def test_the_same_tables_in_other_formats_read_the_same(make):
    name = {"as_html": "t.html", "as_docx": "t.docx"}.get(make.__name__, "t.xlsx")
    reading = read(make(EXPECTED), name)
    assert answers(reading) == EXPECTED
    assert reading.unread == []


@pytest.mark.slow
def test_the_same_tables_printed_as_pdf_read_the_same(tmp_path):
    reading = read(as_pdf(EXPECTED, tmp_path), "t.pdf")
    assert answers(reading) == EXPECTED
    assert reading.unread == []


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_the_seed_in_other_encodings_and_line_ends(encoding):
    text = SEED.read_text().replace("\n", "\r\n")
    assert answers(read(text.encode(encoding), "t.txt")) == EXPECTED


def test_the_seed_without_titles_and_with_page_headings_between():
    lines = []
    for number, line in enumerate(SEED.read_text().split("\n")):
        if "bookmark" in line:
            continue
        lines.append(line)
        if number % 40 == 30:
            lines += ["天津市数字化城市管理考核中心2024年部门预算", f"— {number} —"]
    reading = read("\n".join(lines).encode(), "t.txt")
    assert answers(reading) == EXPECTED
    assert reading.unread == []


def test_text_that_belongs_nowhere_is_listed_with_its_place():
    lines = SEED.read_text().split("\n")
    lines.insert(35, "此处有一段无关文字")
    reading = read("\n".join(lines).encode(), "t.txt")
    assert answers(reading) == EXPECTED
    assert [(remark.line, remark.code, remark.text) for remark in reading.unread] == [
        (36, "text", "此处有一段无关文字")
    ]


def test_a_file_without_a_table_says_so_with_its_line():
    reading = read("会议纪要\n\n第一项".encode(), "notes.txt")
    assert reading.programmes == []
    first = reading.unread[0]
    assert (first.file, first.line, first.code) == ("notes.txt", 1, "no_table")


# ── layouts of other places ──────────────────────────────────────────────────────────────────────────────────────────


def html_table(rows) -> bytes:
    body = "".join(
        "<tr>"
        + "".join(
            f'<td colspan="{c[1]}" rowspan="{c[2]}">{c[0]}</td>' if isinstance(c, tuple) else f"<td>{c}</td>"
            for c in row
        )
        + "</tr>"
        for row in rows
    )
    return f"<meta charset=utf-8><p>项目支出绩效目标申报表</p><p>（2025年度）</p><table>{body}</table>".encode()


def test_columns_for_sign_unit_weight_and_scoring():
    reading = read(html_table([
        ["项目名称", ("道路清扫项目", 7, 1)],
        ["主管部门", ("市城管委", 3, 1), "实施单位", ("市环卫中心", 3, 1)],
        [("项目资金（万元）", 1, 3), ("年度资金总额：", 3, 1), ("120.50", 4, 1)],
        [("其中：财政拨款", 3, 1), ("100", 4, 1)],
        [("其他资金", 3, 1), ("20.50", 4, 1)],
        ["年度目标", ("目标1：清扫道路<br>目标2：减少扬尘", 7, 1)],
        [("绩效指标", 1, 4), "一级指标", "二级指标", "三级指标", "指标值类型", "指标值", "计量单位", "分值权重"],
        [("产出指标", 1, 2), "数量指标", "清扫面积", "≥", "24", "万平方米", "20"],
        ["时效指标", "完成及时率", "＝", "100", "%", "20"],
        ["满意度指标", "服务对象满意度指标", "群众满意度", "定性", "优良中低差", "", "10"],
    ]), "t.html")  # fmt: skip
    (programme,) = reading.programmes
    assert (programme.year, programme.name, programme.unit_name) == (2025, "道路清扫项目", "市环卫中心")
    assert (str(programme.total), str(programme.fiscal), str(programme.other)) == ("120.50", "100", "20.50")
    assert programme.facts == {"主管部门": "市城管委"}
    rows = [
        (i.level1, i.level2, i.target_text, i.target.comparison, i.target.value and str(i.target.value), i.target.unit,
         str(i.weight))
        for i in programme.indicators
    ]  # fmt: skip
    assert rows == [
        ("产出指标", "数量指标", "≥24万平方米", ">=", "240000", "平方米", "20"),
        ("产出指标", "时效指标", "＝100%", "=", "100", "%", "20"),
        ("满意度指标", "服务对象满意度指标", "优良中低差", None, None, "", "10"),
    ]
    assert reading.unread == []


def test_one_wide_table_with_many_programmes():
    reading = read(html_table([
        ["单位名称", "项目名称", "预算数", "年度目标", "一级指标", "二级指标", "三级指标", "指标性质", "指标值",
         "度量单位", "权重"],
        [("326206考核中心", 1, 3), ("甲项目", 1, 2), ("12.5", 1, 2), ("做好甲", 1, 2), ("产出指标", 1, 2), "数量指标",
         "台数", "＝", "22", "台", "50"],
        ["质量指标", "养护率", "≥", "90", "%", "40"],
        ["乙项目", "3", "做好乙", "产出指标", "成本指标", "总成本", "≤", "3", "万元", "90"],
    ]), "t.html")  # fmt: skip
    assert [(p.name, p.unit_code, str(p.total), p.goals, p.year, len(p.indicators)) for p in reading.programmes] == [
        ("甲项目", "326206", "12.5", ["做好甲"], 2025, 2),
        ("乙项目", "326206", "3", ["做好乙"], 2025, 1),
    ]
    assert [i.target_text for i in reading.programmes[0].indicators] == ["＝22台", "≥90%"]
    assert reading.unread == []


def test_the_form_of_a_whole_unit():
    content = (
        "<meta charset=utf-8><h2>2024年部门整体支出绩效目标表</h2><table>"
        "<tr><td>部门（单位）名称</td><td colspan=5>天津市某中心</td></tr>"
        "<tr><td>年度预算总额（万元）</td><td>900</td><td>财政拨款</td><td>900</td><td>其他资金</td><td></td></tr>"
        "<tr><td>年度总体目标</td><td colspan=5>目标1：保障运行</td></tr>"
        "<tr><td>一级指标</td><td>二级指标</td><td colspan=2>三级指标</td><td colspan=2>指标值</td></tr>"
        "<tr><td>产出指标</td><td>数量指标</td><td colspan=2>任务数</td><td colspan=2>≥7项</td></tr></table>"
    ).encode()
    reading = read(content, "t.html")
    (programme,) = reading.programmes
    assert programme.whole_unit
    assert (programme.year, programme.unit_name, str(programme.total)) == (2024, "天津市某中心", "900")
    assert programme.name == "天津市某中心2024年部门整体支出"
    assert [i.target_text for i in programme.indicators] == ["≥7项"]
    assert reading.unread == []


def test_amounts_in_yuan_are_read_as_wan():
    content = SEED.read_text().replace("单位：万元", "单位：元").replace("152.30", "1523000")
    assert str(read(content.encode(), "t.txt").programmes[0].total.normalize()) == "152.3"


# ── hostile files ────────────────────────────────────────────────────────────────────────────────────────────────────


def refused(content: bytes, name: str) -> str:
    with pytest.raises(readers.Unreadable) as refusal:
        readers.read(content, name)
    assert f"{name}: line" in str(refusal.value)
    return refusal.value.code


def archive(files) -> bytes:
    output = BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return output.getvalue()


def test_hostile_files_are_refused_in_words():
    assert refused(b"", "t.txt") == "empty"
    assert refused(b"x" * (readers.LARGEST + 1), "t.txt") == "too_large"
    assert refused(b"\xd0\xcf\x11\xe0 old", "t.doc") == "old_format"
    assert refused(b"GIF89a", "t.gif") == "format"
    assert refused(b"PK not an archive", "t.docx") == "broken"
    assert refused(archive({"word/document.xml": b"\0" * 200_000_000}), "t.docx") == "bomb"
    assert refused(archive({"word/document.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}), "t.docx") == "entities"
    assert refused(archive({"xl/workbook.xml": b"<broken"}), "t.xlsx") == "broken"
    assert refused(b'<!DOCTYPE html [<!ENTITY a "aaaa">]><p>&a;</p>', "t.html") == "entities"
    assert refused(b"%PDF-1.4 nothing more", "t.pdf") in {"broken", "empty"}
    assert refused(b"\xff\xff\xfe\x81\x20\xff", "t.txt") == "encoding"


def test_a_scanned_pdf_is_refused_clearly():
    from PIL import Image

    output = BytesIO()
    Image.new("RGB", (600, 800), "white").save(output, "PDF")
    assert refused(output.getvalue(), "scan.pdf") == "scanned"


def test_deep_markup_does_not_break_the_reader():
    assert recognise(readers.read(b"<div>" * 20_000 + b"x", "t.html")).programmes == []


_words = [
    "项目名称", "预算数", "152.30", "绩效目标", *HEADINGS, "产出指标", "数量指标", "满意度指标", "成本指标", "≥5个", "甲",
    "", "单位：万元", "326206中心",
]  # fmt: skip


@given(st.lists(st.sampled_from(_words), max_size=40), st.sampled_from(["\n\t", "\t", "\n"]))
def test_any_order_of_the_words_is_read_without_fault(words, between):
    text = between.join(["\t甲", *words])
    reading = recognise(readers.read(text.encode(), "t.txt"))
    assert reading.programmes or reading.unread


def test_a_table_whose_name_has_lost_its_label_is_a_table_of_its_own():
    lines = SEED.read_text().split("\n")
    whole = recognise(readers.read("\n".join(lines).encode(), "t.txt")).programmes
    labels = [number for number, line in enumerate(lines) if line.strip() == "项目名称"]
    assert len(labels) == 7
    for number in labels:
        kept = "\n".join(lines[:number] + lines[number + 1 :])
        reading = recognise(readers.read(kept.encode(), "t.txt"))
        found = reading.programmes
        assert [len(one.indicators) for one in found] == [6] * 7
        assert [one.total for one in found] == [one.total for one in whole]
        assert sum(one.name == other.name for one, other in zip(found, whole, strict=True)) >= 6
        unnamed = [one.line for one in found if not one.name]  # no title names it either: said, not guessed
        assert unnamed == [remark.line for remark in reading.unread if remark.code == "no_name"]


@given(st.data())
def test_cutting_lines_out_of_the_seed_never_adds_indicators_or_fails(data):
    lines = SEED.read_text().split("\n")
    cut = set(data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=6)))
    kept = "\n".join(line for number, line in enumerate(lines) if number not in cut)
    reading = recognise(readers.read(kept.encode(), "t.txt"))
    # without a heading of columns, each text under it looks like a row of its own
    most = 42 * 3 if any(column(lines[number]) for number in cut) else 42 + len(cut)
    assert sum(len(programme.indicators) for programme in reading.programmes) <= most
