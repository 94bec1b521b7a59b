"""An alert becomes work of another system: a case that the receivers see, an order to a unit; both ends linked."""

from __future__ import annotations

import pytest
from django.utils import timezone

from chengheng.command.models import Order
from chengheng.common import links
from chengheng.common.errors import NotPermitted, Refusal
from chengheng.common.links import handing
from chengheng.common.people.models import Duty, User
from chengheng.opinion import actions, reader, reference
from chengheng.opinion.models import Alert, Rule
from chengheng.patrol import reference as patrol_reference
from chengheng.patrol.models import Case
from tests.builders import holder, organisation
from tests.opinion.test_life import NOW, bring, rule, said, source

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert() -> Alert:
    reader.forget()
    reference.load()
    patrol_reference.load()
    Rule.objects.all().delete()
    rule(notation="垃圾")
    bring(source(), said("南开区兴南街道小区垃圾成堆无人清理", "业主反映已有一周。"), now=NOW)
    yield Alert.objects.get()
    reader.forget()


def test_an_alert_becomes_a_case_of_the_class_and_place_that_the_text_names(alert):
    clerk = holder("opinion.clerk")
    found = actions.hand_over_alert(alert, "hand_over", clerk, note="请核实", data={"work": "case"})
    case = Case.objects.get()
    assert (found.state, case.state, case.source, case.code) == ("answering", "reported", "opinion", "06010")
    assert case.district_code == "120104"
    assert "业主反映已有一周" in case.description
    assert "请核实" in case.description
    assert case.outside_number == alert.item.url
    (row,) = links.of(found)
    assert {row.a_type, row.b_type} == {"opinion.alert", "patrol.case"}
    assert found.due_at > timezone.now()


def test_work_that_is_refused_leaves_the_alert_as_it_was(alert):
    with pytest.raises(Refusal):
        actions.hand_over_alert(
            alert, "hand_over", holder("opinion.clerk"), data={"work": "case", "class_code": "no such class"}
        )
    assert Alert.objects.get().state == "raised"
    assert not Case.objects.exists()


def test_an_order_may_be_given_only_by_who_may_give_orders(alert):
    chief = holder("opinion.chief")
    unit = organisation("和平区环卫队")
    with pytest.raises(handing.NotOffered):
        actions.hand_over_alert(alert, "hand_over", chief, data={"work": "order", "organisation": unit})
    Duty.objects.create(user=chief, role="command.dispatcher", organisation=chief.organisation, starts_on="2020-01-01")
    chief = User.objects.get(pk=chief.pk)
    found = actions.hand_over_alert(alert, "hand_over", chief, data={"work": "order", "organisation": unit})
    order = Order.objects.get()
    assert [target.organisation for target in order.targets.all()] == [unit]
    found = actions.hand_over_alert(found, "hand_over_too", chief, data={"work": "case"})
    assert {found.state, Case.objects.get().state} == {"answering", "reported"}
    assert links.of(found).count() == 2


def test_nobody_else_hands_over(alert):
    with pytest.raises(NotPermitted):
        actions.hand_over_alert(alert, "hand_over", holder("patrol.collector"), data={"work": "case"})
