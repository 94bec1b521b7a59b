"""The heading row is found where people put it, and a column is known by all its names."""

from __future__ import annotations

import io

import openpyxl
import pytest
from django.utils import translation

from chengheng.common.intake import checking, headings
from chengheng.common.intake.errors import UnreadableFile
from tests.intake.test_reading import workbook
from tests.stock.imports import RoadImporter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def check(rows, **options):
    content = rows if isinstance(rows, bytes) else workbook(rows)
    return checking.check(RoadImporter(), content, options.pop("name", "roads.xlsx"), **options)


@pytest.mark.parametrize(
    "head",
    [
        ["编号", "名称"],
        ["Number", "Road name"],
        ["number", "name"],
        [" 编 号 *", "道路名称（必填）"],
        ["道路\n编号", "名称："],
        ["ＮＵＭＢＥＲ", "ROAD NAME"],
    ],
)
def test_headings_are_known_by_label_name_and_alias(head):
    found = check([head, ["R1", "大沽南路"]])
    assert not found.problems.count
    assert list(found.rows.tuples("number", "name")) == [("R1", "大沽南路")]


def test_a_title_above_the_heading_and_a_column_to_the_left_do_not_disturb():
    found = check(
        [["2024年道路普查表"], ["填报单位：", "市城管委"], [], ["序号", "编号", "名称", "备注"], [1, "R1", "一", "x"]]
    )
    assert found.rows[0]["number"] == "R1"
    assert found.rows[0].number == 5
    assert {column["words"] for column in found.sheets[0].columns if not column["field"]} == {"序号", "备注"}


def test_merged_groups_above_the_columns_are_part_of_the_heading():
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["编号", "名称", "坐标", None, "费用"],
        [None, None, "经度", "纬度", "造价（元）"],
        ["R1", "一", 117.2, 39.1, 12],
    ):
        sheet.append(row)
    sheet.merge_cells("A1:A2")
    sheet.merge_cells("B1:B2")
    sheet.merge_cells("C1:D1")
    target = io.BytesIO()
    book.save(target)
    found = check(target.getvalue())
    row = found.rows[0]
    assert (row["number"], row["name"], row["lon"], row["lat"], row["cost_fen"]) == ("R1", "一", 117.2, 39.1, 1200)
    assert len(found.rows) == 1


def test_a_file_without_the_needed_columns_names_them():
    for rows, words in (
        ([["编号", "长度"], ["R1", 3]], "Missing: Road name."),
        ([["x", "y"], [1, 2]], "Missing: Number, Road name."),
        ([["编号", "名称"]], "heading but no rows"),
    ):
        found = check(rows)
        assert (found.problems.count, len(found.rows)) == (1, 0)
        assert words in found.problems.kept[0].message
    assert [column["words"] for column in check([["什么"], ["x", "y"], [1, 2]]).sheets[0].columns] == ["x", "y"]


def test_the_same_field_twice_is_a_problem():
    found = check([["编号", "名称", "道路编号"], ["R1", "一", "R2"]])
    assert [problem.message for problem in found.problems] == ["Two columns are the same field: “道路编号”."]


def test_what_a_person_matched_before_wins():
    rows = [["编号", "路名", "名称"], ["R1", "一", "二"]]
    assert check(rows).rows[0]["name"] == "二"
    found = check(rows, mapping={headings.key("路名"): "name", headings.key("名称"): ""})
    assert found.rows[0]["name"] == "一"


def test_sheets_that_are_not_read_say_why():
    book = openpyxl.Workbook()
    book.active.append(["编号", "名称"])
    book.active.append(["R1", "一"])
    book.create_sheet("空")
    book.create_sheet("说明").append(["请按格式填写"])
    hidden = book.create_sheet("藏")
    hidden.append(["编号", "名称"])
    hidden.append(["R2", "二"])
    hidden.sheet_state = "hidden"
    more = book.create_sheet("续")
    more.append(["名称", "编号"])
    more.append(["三", "R3"])
    target = io.BytesIO()
    book.save(target)
    found = check(target.getvalue())
    assert found.rows.columns["number"] == ["R1", "R3"]
    assert [(row.sheet, row.number) for row in found.rows] == [("Sheet", 2), ("续", 2)]
    assert [bool(sheet.left_out) for sheet in found.sheets] == [False, True, True, True, False]


def test_every_problem_is_named_by_sheet_row_and_column():
    found = check(
        [
            ["编号", "名称", "长度", "普查日期"],
            ["R1", "", 1, "x"],
            ["R2", "二", "很长", ""],
            ["R2", "三", -1, ""],
            ["R4", "四", 1, ""],
        ]
    )
    assert [(p.row, p.column, p.label, p.value, p.message) for p in found.problems.in_order()] == [
        (2, "B", "Road name", "", "is missing"),
        (2, "D", "Surveyed", "x", "is not a date"),
        (3, "C", "Length", "很长", "is not a number"),
        (4, "C", "Length", "-1.0", "is less than 0"),
    ]
    assert found.rows.columns["number"] == ["R4"]


def test_problems_are_told_in_the_users_language():
    with translation.override("zh-hans"):
        found = check([["编号", "名称", "长度"], ["R1", "一", "很长"]])
    assert found.problems.kept[0].message == "不是数字"


def test_ragged_text_tables_and_too_many_rows():
    found = check("编号,名称,长度\nR1,一\nR2,二,3,4\n".encode("gb18030"), name="道路.csv")
    assert list(found.rows.tuples("number", "length_m")) == [("R1", None), ("R2", 3)]

    class Few(RoadImporter):
        max_rows = 2

    with pytest.raises(UnreadableFile, match="more than 2 rows"):
        checking.check(Few(), workbook([["编号", "名称"], *([f"R{n}", "x"] for n in range(3))]), "a.xlsx")


def test_many_problems_are_all_counted_and_the_first_kept():
    found = check([["编号", "名称", "长度"], *([f"R{n}", "x", "?"] for n in range(1500))])
    assert (found.problems.count, len(found.problems.kept)) == (1500, 1000)
