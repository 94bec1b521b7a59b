"""Dictionary, filing standards and history by spreadsheet: all or nothing, and back again."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from chengheng.common.intake import actions as intake
from chengheng.common.intake.models import State
from chengheng.patrol import queries
from chengheng.patrol.models import Case, DictionaryEntry, FilingStandard, StandardSet
from tests import access, builders

EDITION = "CJ/T 214-2007"


@pytest.fixture
def manager(posts, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"
    return builders.holder("patrol.manager")


def sheet(*rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def checked(manager, code, *rows):
    batch = intake.receive(manager, code, "rows.csv", sheet(*rows))
    return intake.check_batch(manager, batch.pk)


def imported(manager, code, *rows):
    batch = checked(manager, code, *rows)
    assert batch.state == State.READY, batch.problems
    return intake.commit_batch(manager, batch.pk)


def entry(**more):
    return {
        "标准": EDITION,
        "类别": "事件",
        "小类代码": "0998",
        "小类名称": "试验小类",
        "大类代码": "09",
        "大类": "试验",
    } | more


def test_an_edition_is_completed_and_taken_back(manager):
    batch = imported(manager, "patrol.dictionary", entry(), entry(小类代码="0999"))
    made = DictionaryEntry.objects.get(code="0998")
    assert (made.edition, made.kind, made.name) == (EDITION, "event", "试验小类")
    assert checked(manager, "patrol.dictionary", entry(小类名称="别的")).state == State.FAULTY, "known already"
    intake.undo_batch(manager, batch.pk)
    assert not DictionaryEntry.objects.filter(code__in=("0998", "0999")).exists()


def standard(**more):
    return {
        "表名": "本市标准", "生效日期": "2024-06-01", "标准": "GB/T 30428.2-2013", "类别": "事件", "小类代码": "0110",
        "立案条件": "暴露垃圾 1 处以上", "时限类型": "工作时", "处置时限": "3", "结案条件": "清理干净", "责任单位": "环卫", "来源": "本市文件",
    } | more  # fmt: skip


def test_a_table_of_filing_standards_holds_from_its_day(manager, posts):
    imported(manager, "patrol.standard", standard(), standard(立案条件="大面积", 时限类型="紧急工作时", 处置时限="1.5"))
    case = Case(edition="GB/T 30428.2-2013", kind="event", code="0110")
    before, after = (queries.standards_for(case, day) for day in (date(2024, 5, 31), date(2024, 6, 1)))
    assert {row.table.name for row in after} == {"本市标准"}
    assert not before.filter(table__name="本市标准").exists()
    assert {(row.limit_kind, row.limit_amount) for row in after} == {
        ("working_hours", Decimal(3)), ("urgent_hours", Decimal("1.5")),
    }  # fmt: skip


def test_standards_with_faults_are_not_taken(manager):
    for fault in (
        {"小类代码": "0000"}, {"时限类型": "有空再说"}, {"处置时限": "0"}, {"生效日期": "2024-13-01"},
    ):  # fmt: skip
        assert checked(manager, "patrol.standard", standard(**fault)).state == State.FAULTY
    assert checked(manager, "patrol.standard", standard(), standard()).state == State.FAULTY
    assert not StandardSet.objects.filter(name="本市标准").exists()


def test_standards_are_taken_back_with_their_table(manager):
    batch = imported(manager, "patrol.standard", standard())
    intake.undo_batch(manager, batch.pk)
    assert not StandardSet.objects.filter(name="本市标准").exists()
    assert not FilingStandard.objects.filter(table__name="本市标准").exists()


def test_versions_of_the_standards_say_what_they_changed(client, manager, posts):
    imported(manager, "patrol.standard", standard(表名="甲", 生效日期="2030-01-01"))
    later = {"表名": "乙", "生效日期": "2030-06-01"}
    imported(manager, "patrol.standard", standard(**later, 处置时限="2"), standard(**later, 立案条件="有粪便"))
    new = StandardSet.objects.get(name="乙")
    found = queries.standard_version(new)["changes"]
    assert (len(found["changed"]), len(found["new"]), len(found["gone"]), found["same"]) == (1, 1, 0, 0)
    assert found["lines"][0]["was"] != found["lines"][0]["is"]
    versions = queries.standard_versions(StandardSet.objects.all())
    assert [row["state"] for row in versions[:3]] == ["later", "later", "now"]
    assert versions[1]["until"] == date(2030, 5, 31)
    urls = [reverse("patrol:standards"), new.get_absolute_url(), reverse("patrol:standard_rows")]
    access.assert_scoped(client, urls, posts.chief, builders.user("nobody", posts.commission))


def past(**more):
    return {
        "任务号": "H-1", "标准": "GB/T 30428.2-2013", "类别": "事件", "小类代码": "0110", "问题来源": "collector",
        "上报时间": "2023-05-04 09:00", "案件状态": "结案", "经度": "117.2025", "纬度": "39.1185", "立案时间": "2023-05-04 09:30",
        "派遣时间": "2023-05-04 09:40", "处置截止时间": "2023-05-04 14:00", "处置时间": "2023-05-04 13:00",
        "结案时间": "2023-05-04 15:00", "区划代码": "",
    } | more  # fmt: skip


def test_history_counts_in_the_statistics_of_its_months(manager):
    from chengheng.patrol import statistics

    late = past(任务号="H-2", 处置时间="2023-05-04 14:30")
    refused = past(
        任务号="H-3",
        案件状态="不予立案",
        经度="",
        纬度="",
        区划代码="120102",
        立案时间="",
        派遣时间="",
        处置时间="",
        处置截止时间="",
        结案时间="",
    )
    batch = imported(manager, "patrol.case", past(), late, refused)
    (line,) = statistics.table(Case.objects.filter(month=202305), [])
    counted = {
        code: line.counts[code] for code in ("reported", "filed", "handled", "handled_in_time", "closed", "not_filed")
    }
    assert counted == {"reported": 3, "filed": 2, "handled": 2, "handled_in_time": 1, "closed": 2, "not_filed": 1}
    assert Case.objects.get(outside_number="H-1").district_code == "120101"
    assert Case.objects.get(outside_number="H-3").district_code == "120102"
    assert checked(manager, "patrol.case", past(地址="x")).state == State.FAULTY, "the number is in use"
    intake.undo_batch(manager, batch.pk)
    assert not Case.objects.exists()


def test_history_that_cannot_be_is_refused(manager):
    for fault in (
        {"处置时间": "2023-05-03 13:00"}, {"结案时间": ""}, {"小类代码": "9999"}, {"经度": "", "纬度": ""},
        {"案件状态": "处理中"}, {"经度": "999"},
    ):  # fmt: skip
        assert checked(manager, "patrol.case", past(**fault)).state == State.FAULTY, fault
    assert checked(manager, "patrol.case", past(), past()).state == State.FAULTY
