"""Calls by telephone: by the operator's gateway, answered, not answered, reported later; noted on what they were about."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import notices, trail
from chengheng.common.notices import actions, calls, rules
from chengheng.common.notices.models import Delivery, State
from chengheng.common.notices.rules import Called
from chengheng.common.people import access
from tests import builders
from tests.access import sign_in
from tests.notices.servers import SECRET
from tests.notices.test_notices import attempt_all, server

__all__ = ["server"]  # the fixture
OPTIONS = {
    "fields": {"phone": "callee", "text": "tts", "callback": "notifyUrl"},
    "fixed": {"displayNumber": "02212319"},
    "words": "城市管理指挥中心提醒您：{title}",
    "success": {"code": "0"},
    "result": {"field": "status", "answered": ["10"], "again": ["20", "21"], "key": "dtmf"},
}


@pytest.fixture
def gateway(db, server, settings):
    settings.SITE_URL = "https://city.example"
    server.row = actions.set_endpoint(
        access.SYSTEM, None, channel="phone", name="voice", url=server.url("phone"), secret=SECRET, least_level="warning",
        options=OPTIONS,
    )  # fmt: skip
    return server


def call(person=None, **more) -> tuple[Delivery, object]:
    subject = builders.organisation()
    person = person or builders.user("li", phone="+86 138 0000 1234")
    notices.tell(
        [person, builders.user(phone="13900000000")],
        "除雪指令超时",
        level="urgent",
        subject=subject,
        call=[person],
        **more,
    )
    return Delivery.objects.get(channel="phone"), subject


def noted(subject) -> list[str]:
    return list(trail.history(subject).filter(act="notices.call").values_list("note", flat=True))


def test_whoever_is_to_be_called_hears_the_notice_read_out(gateway):
    gateway.answers = [(200, {}, b'{"code":"0","status":"10","dtmf":"1"}')]
    delivery, subject = call()
    attempt_all()
    said = gateway.calls[0]["json"]
    assert (said["callee"], said["tts"], said["displayNumber"]) == (
        "13800001234",
        "城市管理指挥中心提醒您：除雪指令超时",
        "02212319",
    )
    delivery.refresh_from_db()
    assert (delivery.state, delivery.outcome) == (State.SENT, "answered")
    assert noted(subject) == ["li 138****1234 · 已接听 · 按键 1"]


def test_a_call_that_nobody_answers_is_made_three_times_in_all(gateway):
    gateway.answers = [(200, {}, b'{"code":"0","status":"20"}')] * 3
    delivery, subject = call()
    for number in range(3):
        attempt_all(timedelta(minutes=3 * number))
    delivery.refresh_from_db()
    assert (len(gateway.calls), delivery.state, delivery.outcome) == (3, State.DEAD, "not_answered")
    assert [("将再次呼叫" in note) for note in noted(subject)] == [True, True, False]


def test_a_gateway_may_report_later_at_the_address_that_came_with_the_call(gateway, client):
    gateway.answers = [(200, {}, b'{"code":"0"}')] * 2
    delivery, subject = call()
    attempt_all()
    address = gateway.calls[0]["json"]["notifyUrl"].removeprefix("https://city.example")
    assert client.post(address, {"status": "20"}).status_code == 200  # as a form
    delivery.refresh_from_db()
    assert delivery.state == State.WAITING
    assert delivery.next_at > timezone.now() + timedelta(seconds=100)
    attempt_all(timedelta(minutes=3))
    later = gateway.calls[1]["json"]["notifyUrl"].removeprefix("https://city.example")
    assert client.post(address, {"status": "10"}).status_code == 200  # of the first call, once more: settled already
    assert Delivery.objects.get().outcome == ""
    assert client.post(later, {"status": "10"}, content_type="application/json").status_code == 200
    assert Delivery.objects.get().outcome == "answered"
    assert len(noted(subject)) == 2
    forged = address[:-4] + ("AAA/" if address[-4:-1] != "AAA" else "BBB/")
    assert client.post(forged, {"status": "10"}).status_code == 404
    assert client.get(later).status_code == 405


def test_a_gateway_that_refuses_or_is_away_is_given_up_before_it_is_too_late(gateway):
    gateway.answers = [(200, {}, b'{"code":"7","status":"10"}')] * rules.MOST_CALL_ATTEMPTS
    delivery, subject = call()
    for number in range(rules.MOST_CALL_ATTEMPTS):
        attempt_all(timedelta(hours=number))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.outcome) == (State.DEAD, rules.MOST_CALL_ATTEMPTS, "refused")
    assert noted(subject) == ["li 138****1234 · 网关未能呼叫"]


def test_only_those_who_are_to_be_called_with_a_number_and_not_twice_in_ten_minutes(gateway):
    delivery, _subject = call()
    assert [str(one.notice.user) for one in Delivery.objects.filter(channel="phone")] == ["li"]
    notices.tell([delivery.notice.user], "又一条", level="urgent", call=[delivery.notice.user])
    silent = builders.user("no number")
    notices.tell([silent], "又一条", level="urgent", call=[silent])
    notices.tell([delivery.notice.user], "不要紧", level="info", call=[delivery.notice.user])
    assert Delivery.objects.filter(channel="phone").count() == 1
    Delivery.objects.update(made_at=timezone.now() - timedelta(minutes=11))
    notices.tell([delivery.notice.user], "又一条", level="urgent", call=[delivery.notice.user])
    assert Delivery.objects.filter(channel="phone").count() == 2


def test_the_page_of_the_channels_says_when_nobody_is_called(db, client):
    page = reverse("notices:endpoints")
    sign_in(client, builders.holder("notices.keeper"))
    assert "没有电话语音网关" in client.get(page).content.decode()
    assert not notices.can_call()


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=4))
def test_whatever_a_gateway_says_is_one_of_three_or_nothing(said):
    found = rules.called(said, {"result": {"field": "s", "answered": ["1"], "again": ["2"]}})
    code = said.get("s")
    assert (
        found is None
        if code in (None, "")
        else found[0] is {"1": Called.ANSWERED, "2": Called.NOT_ANSWERED}.get(str(code), Called.REFUSED)
    )


def test_a_number_in_a_record_is_masked():
    assert calls.masked("13800001234") == "138****1234"
    assert calls.masked("110") == "****"
