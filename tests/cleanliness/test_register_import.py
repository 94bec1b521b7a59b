"""The register comes in again: changed roads get a version, unchanged ones stay, and the import can be taken back."""

from __future__ import annotations

import csv
import io

import pytest

from chengheng.cleanliness import actions, errors
from chengheng.cleanliness.models import Road
from chengheng.common import trail
from chengheng.common.intake import actions as intake
from chengheng.common.intake.models import State

GRADES, LANES = {1: "一级", 2: "二级", 3: "三级"}, {"fast": "快车道", "kerb": "路缘", "pavement": "便道"}


@pytest.fixture
def register(town, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"
    return list(Road.objects.order_by("code")[:5])


def row_of(road, **changes):
    row = {
        "道路编号": road.code, "道路名称": road.name, "等级": GRADES[road.grade], "类别": "主干路",
        "车道": "/".join(LANES[lane] for lane in road.lanes), "坐标": ";".join(f"{lon},{lat}" for lon, lat in road.line),
    }  # fmt: skip
    return row | changes


def checked(planner, *rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    batch = intake.receive(planner, "cleanliness.road", "roads.csv", text.getvalue().encode("utf-8-sig"))
    return intake.check_batch(planner, batch.pk)


def test_a_second_import_makes_versions_of_what_changed_and_leaves_the_rest(register, town, client):
    renamed, moved, same, retired, _other = register
    actions.change_road(retired, town.planner, active=False, reason="built over")
    retired.refresh_from_db()
    further = f"{moved.line[0][0]},{moved.line[0][1]};117.21,39.12"
    new = row_of(same) | {"道路编号": "N-1", "道路名称": "新路"}
    rows = (
        row_of(renamed, 道路名称="新名", 等级="三级"),
        row_of(moved, 坐标=further),
        row_of(same),
        row_of(retired),
        new,
    )
    batch = checked(town.planner, *rows)
    assert batch.state == State.READY, batch.problems
    client.force_login(town.planner)
    page = client.get(batch.get_absolute_url()).content.decode()
    assert "新道路：1。有变化的道路（各记一个新版本）：3。未变：1。文件中没有、保持不变：36。" in page
    assert f"{renamed.code} (道路名称, 等级)" in page or f"{renamed.code} (道路名称、等级)" in page
    assert Road.objects.get(pk=renamed.pk).version == 1, "nothing is stored by the preview"
    intake.commit_batch(town.planner, batch.pk)
    found = {road.code: road for road in Road.objects.all()}
    assert (found[renamed.code].name, found[renamed.code].grade, found[renamed.code].version) == ("新名", 3, 2)
    assert found[renamed.code].contractor_id == renamed.contractor_id, "an empty cell takes nothing away"
    assert found[moved.code].line[1] == [117.21, 39.12]
    assert found[moved.code].length_m != moved.length_m
    assert (found[same.code].version, found[retired.code].active, found["N-1"].version) == (1, True, 1)
    assert [v.data["name"] for v in found[renamed.code].versions.all()] == ["新名", renamed.name]
    assert trail.history(renamed).last().data["name"] == [renamed.name, "新名"]
    intake.undo_batch(town.planner, batch.pk)
    back = Road.objects.get(pk=renamed.pk)
    assert (back.name, back.grade, back.version) == (renamed.name, renamed.grade, 3), "what was is one more version"
    assert not Road.objects.filter(code="N-1").exists()
    assert not Road.objects.get(pk=retired.pk).active


def test_an_import_is_not_undone_over_a_later_change(register, town):
    batch = checked(town.planner, row_of(register[0], 道路名称="新名"))
    intake.commit_batch(town.planner, batch.pk)
    actions.change_road(register[0], town.planner, name="更新", reason="by hand")
    with pytest.raises(errors.ChangedSince):
        intake.undo_batch(town.planner, batch.pk)
    assert Road.objects.get(pk=register[0].pk).name == "更新"


def test_a_road_twice_in_the_file_or_outside_the_city_is_a_problem(register, town):
    road = register[0]
    batch = checked(
        town.planner, row_of(road), row_of(road, 道路名称="别名"), row_of(register[1], 坐标="110,30;110.1,30")
    )
    assert batch.state == State.FAULTY
    assert sorted(one["field"] for one in batch.problems) == ["code", "line"]
