"""The dictionary of components and events: its editions, their codes, what became of them."""

from __future__ import annotations

import csv

import pytest

from chengheng.common.dictionary import (
    Edition,
    Kind,
    component_name,
    is_code,
    read_component_id,
    shipped,
    successor,
)


def test_the_edition_of_2026_is_complete(shared):
    ours = {(entry.kind.value, entry.code): entry.name for entry in shipped(Edition.GBT_2026)}
    kinds = {"管理部件": "component", "管理事项": "event"}
    with (shared / "data" / "gbt47678_5_2026_codes.csv").open(encoding="utf-8-sig") as file:
        theirs = {(kinds[row["kind"]], row["code"]): row["name"] for row in csv.DictReader(file)}
    assert ours == theirs
    assert sum(kind == "component" for kind, _ in ours) == 153
    assert sum(kind == "event" for kind, _ in ours) == 250


@pytest.mark.parametrize("edition", list(Edition))
def test_every_shipped_code_has_its_editions_structure(edition):
    codes = [(entry.kind, entry.code) for entry in shipped(edition)]
    assert all(is_code(edition, code) for _kind, code in codes)
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (Kind.EVENT, "0110", "06010"),  # 暴露垃圾
        (Kind.EVENT, "0405", "09005"),  # 店外经营
        (Kind.EVENT, "0131", None),  # 餐厨垃圾遗撒 was dropped
        (Kind.EVENT, "0501", None),  # emergencies have no successor class
        (Kind.EVENT, "0602", "09013"),  # 临街屠宰 moved
        (Kind.COMPONENT, "0101", "01001"),
        (Kind.COMPONENT, "0508", "01071"),  # 防汛墙 moved
        (Kind.COMPONENT, "nonsense", None),
    ],
)
def test_an_old_code_leads_to_the_new_one_where_there_is_one(kind, old, new):
    assert successor(kind, old) == new


def test_2007_and_2013_do_not_mean_the_same_by_class_04():
    names = {
        edition: {e.class_name for e in shipped(edition) if e.class_code == "04" and e.kind is Kind.EVENT}
        for edition in Edition
    }
    assert names[Edition.CJT_2007] == {"突发事件"}
    assert names[Edition.GBT_2013] == {"街面秩序"}


def test_component_ids_of_both_structures_are_read():
    old = read_component_id("1201010101000001")
    new = read_component_id("12010101001000001")
    assert (old.district, old.code, old.sequence, old.edition) == ("120101", "0101", "000001", Edition.GBT_2013)
    assert (new.district, new.code, new.sequence, new.edition) == ("120101", "01001", "000001", Edition.GBT_2026)
    assert read_component_id("120101０101000001") is None


@pytest.mark.parametrize(
    ("code", "name"),
    [("01001", "供水井盖"), ("0101", "上水井盖"), ("0599", ""), ("99", ""), ("", "")],
)
def test_a_component_is_named_by_its_code(code, name):
    assert component_name(code) == name


def test_a_class_that_the_list_of_2013_lacks_is_named_by_its_successor():
    held = {entry.code for entry in shipped(Edition.GBT_2013)}
    newer = [
        e for e in shipped(Edition.GBT_2026) if e.kind is Kind.COMPONENT and e.code[2] == "0" and e.code[:2] != "05"
    ]
    asked = {entry.code[:2] + entry.code[3:]: entry.name for entry in newer}
    assert {code: component_name(code) for code in asked if code not in held} == {
        code: name for code, name in asked.items() if code not in held
    }
