"""Links between subjects: found from both ends, shown to those who may see the other end."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.template import Context, Template
from django.test import RequestFactory

from chengheng.common import links, trail
from chengheng.common.errors import NotFound
from chengheng.common.links import kinds
from chengheng.common.links.errors import LinkToItself, UnknownKind
from chengheng.common.links.models import Link
from chengheng.common.people import roles
from chengheng.common.people.access import SYSTEM
from tests import builders

VIEWER = roles.declare(
    roles.Role(
        "tests.viewer",
        "Viewer",
        {"people.organisation.view": roles.Reach.ORGANISATION, "people.user.view": roles.Reach.ORGANISATION},
        group="tests",
    )
)


@pytest.fixture
def pair(db):
    return builders.organisation("Alert"), builders.organisation("Case")


def test_a_link_is_found_from_both_ends_and_recorded_with_both(pair):
    alert, case = pair
    made = links.link(alert, case, "cause", SYSTEM)
    assert list(links.of(alert)) == list(links.of(case)) == [made]
    assert [row.label for row in links.shown_to(SYSTEM, alert)] == [kinds.label("cause")]
    assert [row.label for row in links.shown_to(SYSTEM, case)] == [kinds.label("cause", reverse=True)]
    for one, other in ((alert, case), (case, alert)):
        (entry,) = trail.history(one)
        assert (entry.act, entry.data["with"]) == ("links.link.make", ["people.organisation", str(other.pk)])


def test_linking_again_changes_nothing(pair):
    alert, case = pair
    assert links.link(alert, case, "cause", SYSTEM) == links.link(alert, case, "cause", SYSTEM)
    links.link(alert, case, "related", SYSTEM)
    links.link(case, alert, "related", SYSTEM)
    assert Link.objects.count() == 2, "a mutual link has no direction"
    links.link(case, alert, "cause", SYSTEM)
    assert Link.objects.count() == 3, "a directed link has"


def test_unlinking_ends_it_from_either_end(pair):
    alert, case = pair
    links.link(alert, case, "related", SYSTEM)
    assert links.unlink(case, alert, "related", SYSTEM)
    assert not links.unlink(case, alert, "related", SYSTEM)
    assert [entry.act for entry in trail.history(case)] == ["links.link.make", "links.link.end"]


def test_what_is_wrong_is_refused(pair):
    alert, case = pair
    with pytest.raises(UnknownKind):
        links.link(alert, case, "no-such", SYSTEM)
    with pytest.raises(UnknownKind):
        links.unlink(alert, case, "no-such", SYSTEM)
    with pytest.raises(LinkToItself):
        links.link(alert, type(alert).objects.get(pk=alert.pk), "related", SYSTEM)
    with pytest.raises(IntegrityError, match="link_joins_two"), transaction.atomic():
        Link.objects.create(a_type="x", a_id="1", b_type="x", b_id="1", kind="related")
    with pytest.raises(ValueError, match="twice"):
        kinds.declare("cause", "something else")


def test_who_sees_neither_end_links_nothing_and_who_sees_one_end_does_not_unlink(pair):
    alert, case = pair
    with pytest.raises(NotFound):
        links.link(alert, case, "cause", builders.user())
    officer = builders.holder(VIEWER.code, at=alert)
    links.link(alert, case, "cause", officer)
    with pytest.raises(NotFound):
        links.unlink(alert, case, "cause", officer)


def test_the_other_end_is_shown_only_to_those_who_may_see_it(pair):
    alert, case = pair
    links.link(alert, case, "cause", SYSTEM)
    officer = builders.holder(VIEWER.code, at=alert)
    both = builders.holder(VIEWER.code, at=alert)
    type(both.duties.get()).objects.create(user=both, role=VIEWER.code, organisation=case)
    assert links.shown_to(officer, alert) == []
    assert [row.subject for row in links.shown_to(both, alert)] == [case]


def test_a_page_of_many_links_costs_as_many_queries_as_there_are_classes(pair, django_assert_num_queries):
    alert, _case = pair
    for _number in range(5):
        links.link(alert, builders.organisation(), "related", SYSTEM)
        links.link(alert, builders.user(), "related", SYSTEM)
    with django_assert_num_queries(3):
        rows = links.shown_to(SYSTEM, alert)
    assert len(rows) == 10
    assert {row.room for row in rows} != {""}


def test_links_to_what_no_longer_exists_are_left_out(pair):
    alert, _case = pair
    for type_, id_ in (("gone.thing", "1"), ("people.organisation", "0")):
        Link.objects.create(a_type=type_, a_id=id_, b_type="people.organisation", b_id=str(alert.pk), kind="x")
    assert links.shown_to(SYSTEM, alert) == []


def test_the_card_on_a_page(pair):
    alert, case = pair
    links.link(alert, case, "cause", SYSTEM)
    case.name = "<b>hostile</b>"
    case.save()
    request = RequestFactory().get("/")
    request.user = SYSTEM
    html = Template("{% load links %}{% linked_subjects subject %}").render(
        Context({"request": request, "subject": alert})
    )
    assert "&lt;b&gt;hostile" in html
    assert case.get_absolute_url() in html
    request.user = builders.user()
    assert (
        not Template("{% load links %}{% linked_subjects subject %}")
        .render(Context({"request": request, "subject": alert}))
        .strip()
    )
