"""Change sets: drafted, checked, approved by another, published as an edition; gone back from; seen as it was."""

from __future__ import annotations

import pytest
import shapely
from django.utils import timezone

from chengheng.common import places, trail
from chengheng.common.errors import NotPermitted
from chengheng.common.people.access import SYSTEM
from chengheng.common.places import editions
from chengheng.maintenance.basedata import actions, queries
from chengheng.maintenance.basedata.errors import FourEyes, HasProblems, MovedOn, NothingChanges
from chengheng.maintenance.basedata.models import ChangeSet, Item

from .conftest import SIDE, SOUTH, WEST, component, grid_code, grid_rows, grid_shapes, load, pass_through


def codes(kind: str = "component", edition: int | None = None) -> set[str]:
    return set(queries.as_of(kind, edition).values_list("code", flat=True))


def test_published_grids_are_what_the_product_locates_by(part) -> None:
    assert places.locate(WEST + SIDE / 2, SOUTH + SIDE / 2).grid == grid_code(9)
    assert places.edition("grid") == part.grids.edition


def test_a_change_set_goes_from_draft_to_edition(part) -> None:
    rows = [component(number) for number in range(1, 6)]
    made = load("component", rows, actor=part.keeper)
    assert (made.state, made.counts, made.stopping) == ("checked", {"add": 5, "change": 0, "remove": 0, "total": 5}, 0)
    assert codes() == set()
    made = actions.approve(made, part.approver)
    made = actions.publish(made, part.approver)
    assert made.state == "published"
    assert places.edition() == made.edition
    assert codes() == {row["ObjID"] for row in rows}
    item = queries.feature(rows[0]["ObjID"])
    assert item is not None
    assert (item.name, item.sort, item.area_code) == ("雨水箅子", "0104", grid_code(1))
    assert item.attrs["made_on"] == "2024-03-01"
    assert trail.history(made).filter(act="maintenance.base.publish").exists()


def test_whoever_made_it_cannot_approve_it(part) -> None:
    made = load("component", [component(1)], actor=part.keeper)
    with pytest.raises(NotPermitted):
        actions.approve(made, part.stranger)
    made.made_by = part.approver
    made.save()
    with pytest.raises(FourEyes):
        actions.approve(made, part.approver)


def test_a_second_file_gives_only_the_differences(part) -> None:
    rows = [component(number) for number in range(1, 6)]
    first = pass_through(load("component", rows))
    moved = {**rows[1], "shape": shapely.Point(WEST + 0.0004, SOUTH + 0.0026)}
    again = load("component", [rows[0], moved, component(9)], whole=True)
    assert again.counts == {"add": 1, "change": 1, "remove": 3, "total": 5}
    change = again.changes.get(verb="change")
    ((_label, was, now),) = queries.differences(change)
    assert (was.split(",")[0], now.split(",")[0]) == (f"{rows[1]['shape'].x:.6f}", f"{moved['shape'].x:.6f}")
    second = pass_through(again)
    assert codes() == {rows[0]["ObjID"], rows[1]["ObjID"], component(9)["ObjID"]}
    assert codes(edition=first.edition) == {row["ObjID"] for row in rows}
    before = queries.feature(rows[1]["ObjID"], edition=first.edition)
    after = queries.feature(rows[1]["ObjID"], edition=second.edition)
    assert (before.lon, after.lon) == (rows[1]["shape"].x, moved["shape"].x)


def test_a_file_that_holds_the_same_changes_nothing(part) -> None:
    rows = [component(1), component(2)]
    pass_through(load("component", rows))
    assert load("component", rows, whole=True).counts["total"] == 0


def test_going_back_brings_back_the_very_content(part) -> None:
    rows = [component(number) for number in range(1, 6)]
    first = pass_through(load("component", rows))
    pass_through(load("component", [{**rows[0], "ObjState": "破损"}, component(8)], whole=True))
    back = actions.go_back(SYSTEM, "component", first.edition)
    assert (back.state, back.undoes) == ("checked", first.edition)
    assert back.counts == {"add": 4, "change": 1, "remove": 1, "total": 6}
    third = pass_through(back)
    one, other = (editions.Edition.objects.get(number=row.edition) for row in (first, third))
    assert (one.count, one.digest) == (other.count, other.digest)
    assert codes() == {row["ObjID"] for row in rows}
    with pytest.raises(NothingChanges):
        actions.go_back(SYSTEM, "component", first.edition)


def test_going_back_to_before_the_first_edition_empties_the_kind(part) -> None:
    pass_through(load("component", [component(1)]))
    pass_through(actions.go_back(SYSTEM, "component", 0))
    assert codes() == set()


def test_what_was_checked_is_what_is_published(part) -> None:
    late = actions.approve(load("component", [component(1)]), SYSTEM)
    pass_through(load("component", [component(2)]))
    with pytest.raises(MovedOn):
        actions.publish(late, SYSTEM)
    late.refresh_from_db()
    assert late.state == "approved"
    assert codes() == {component(2)["ObjID"]}


def test_a_returned_set_is_checked_against_what_came_in_between(part) -> None:
    from chengheng.common import flow

    late = load("component", [component(1), component(2)])
    pass_through(load("component", [component(1), component(3)]))
    late = flow.take(late, "return", SYSTEM, note="again")
    late = actions.check_set(late, SYSTEM)
    assert late.counts == {"add": 1, "change": 0, "remove": 0, "total": 1}
    pass_through(late)
    assert len(codes()) == 3


def test_a_set_with_problems_stays_a_draft_and_cannot_be_approved(part) -> None:
    made = load("component", [component(1), component(2, BGID=grid_code(7))])
    assert made.state == "draft"
    assert made.found == {"grid_differs": 1}
    with pytest.raises(HasProblems):
        actions.approve(made, SYSTEM)


def test_a_feature_can_be_put_right_by_hand(part) -> None:
    wrong = component(2, BGID=grid_code(7))
    made = load("component", [component(1), wrong])
    attrs = {"authority": "和平区城市管理委员会", "owner": "排水所", "grid": grid_code(1)}
    actions.propose(
        made, SYSTEM, [{"code": wrong["ObjID"], "name": "雨水箅子", "attrs": attrs, "shape": wrong["shape"]}]
    )
    made = actions.check_set(ChangeSet.objects.get(pk=made.pk), SYSTEM)
    assert (made.state, made.counts["add"]) == ("checked", 2)
    actions.propose(actions.open_set(SYSTEM, "component", "x"), SYSTEM, [{"verb": "remove", "code": "nothing"}])


def test_the_edition_that_a_case_saw_is_found_by_its_time(part) -> None:
    before = timezone.now()
    first = pass_through(load("component", [component(1)]))
    between = timezone.now()
    pass_through(load("component", [{**component(1), "ObjState": "破损"}]))
    assert places.edition_at(before, "component") == 0
    seen = places.edition_at(between, "component")
    assert seen == first.edition
    then, now = queries.feature(component(1)["ObjID"], edition=seen), queries.feature(component(1)["ObjID"])
    assert (then.attrs["state"], now.attrs["state"]) == ("完好", "破损")


def test_a_published_row_is_never_written_over(part) -> None:
    pass_through(load("component", [component(1)]))
    row = Item.objects.get(kind="component", until=None)
    pass_through(load("component", [{**component(1), "ObjState": "破损"}]))
    again = Item.objects.get(pk=row.pk)
    assert (again.attrs, again.digest, again.since) == (row.attrs, row.digest, row.since)
    assert again.until is not None


def test_new_grids_make_a_new_layer_and_components_are_held_against_it(part) -> None:
    shapes = grid_shapes()
    merged = [(shapes[0][0], shapely.union(shapes[0][1], shapes[1][1])), *shapes[2:]]
    pass_through(load("grid", grid_rows(merged), whole=True))
    assert places.locate(*shapes[1][1].centroid.coords[0]).grid == shapes[0][0]
    made = load("component", [component(1, grid=2)])
    assert made.found == {"grid_differs": 1}


@pytest.mark.django_db(transaction=True)
def test_nobody_who_reads_waits_for_a_publication() -> None:
    import threading

    from django.db import connection, transaction

    from chengheng.common.people.access import SYSTEM as machine

    pass_through(load("place", [{"code": "P1", "name": "甲", "shape": shapely.Point(117.2, 39.1)}]))
    change = actions.approve(
        load("place", [{"code": "P2", "name": "乙", "shape": shapely.Point(117.2, 39.1)}]), machine
    )
    answers: list[set[str]] = []

    def read() -> None:
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '1s'; set statement_timeout = '5s'")
        answers.append(codes("place"))
        connection.close()

    def look() -> None:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(10)

    with transaction.atomic():
        actions.publish(change, machine)
        look()
    look()
    assert answers == [{"P1"}, {"P1", "P2"}]
