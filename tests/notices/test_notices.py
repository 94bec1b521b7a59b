"""Telling, delivering, reading: with real receivers on this machine."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
from datetime import time, timedelta
from email import message_from_string, policy

import pytest
from aiohttp.test_utils import TestClient, TestServer
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django.utils.translation import gettext_lazy
from procrastinate.contrib.django.models import ProcrastinateJob

from chengheng.common import live, notices, trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.notices import actions, sending, stream
from chengheng.common.notices.errors import NotDead, UnsafeAddress
from chengheng.common.notices.models import Delivery, Endpoint, Message, Notice, Preference, State
from chengheng.common.notices.queries import receipts
from chengheng.common.notices.rules import MOST_ATTEMPTS
from chengheng.common.notices.tasks import look_out, tidy
from chengheng.common.people import access
from tests import builders
from tests.notices.servers import SECRET, Receiver, receiver, sink


@pytest.fixture
def server(settings):
    settings.INSIDE_HOSTS = ["127.0.0.1"]
    with receiver() as state:
        yield state


def endpoint(server: Receiver, channel: str = "webhook", **more) -> Endpoint:
    more = {"name": f"{channel} of the duty room", "secret": SECRET, "least_level": "info"} | more
    return actions.set_endpoint(access.SYSTEM, None, channel=channel, url=server.url(channel), **more)


def tell(**more) -> Message:
    more = {"users": builders.user(phone="13800000000"), "title": "案件超期", "level": "warning"} | more
    return notices.tell(more.pop("users"), more.pop("title"), **more)


def attempt_all(later: timedelta = timedelta()) -> None:
    for delivery in Delivery.objects.filter(state=State.WAITING):
        sending.attempt(delivery.pk, timezone.now() + later)


def queued() -> int:
    return ProcrastinateJob.objects.filter(task_name="notices.deliver", status="todo").count()


def test_each_person_gets_the_notice_once_in_their_language(db):
    unit = builders.organisation()
    wang, smith = builders.user("wang", language="zh-hans"), builders.user("smith", language="en")
    gone = builders.user("gone", is_active=False)
    title = gettext_lazy("This field is required.")  # Django's own text, so that no catalogue of ours is needed
    message = notices.tell([wang, smith, wang, gone], title, subject=unit, level="warning")
    assert {notice.user: notice.title for notice in Notice.objects.all()} == {
        wang: "这个字段是必填项。",
        smith: "This field is required.",
    }
    assert Notice.objects.count() == 2
    assert (message.subject_type, message.subject_id) == ("people.organisation", str(unit.pk))
    assert Notice.objects.first().url == unit.get_absolute_url()


def test_parameters_are_filled_in(db):
    notices.tell(builders.user(), "%(count)s cases wait", params={"count": 3})
    assert Notice.objects.get().title == "3 cases wait"


def test_the_holders_of_a_role_are_found_at_and_below_an_organisation(db):
    city = builders.organisation()
    district = builders.organisation(parent=city)
    here = builders.holder("notices.keeper", district)
    builders.holder("notices.keeper", builders.organisation())
    builders.holder("files.keeper", district)
    notices.tell(title="x", role="notices.keeper", organisation=city)
    assert [notice.user for notice in Notice.objects.all()] == [here]
    assert notices.tell(title="x", role="nobody") is None


def test_what_rolls_back_was_never_told(db, server):
    endpoint(server)
    with transaction.atomic():
        tell()
        assert queued() == 1
        transaction.set_rollback(True)
    assert (Notice.objects.count(), Delivery.objects.count(), queued()) == (0, 0, 0)


@pytest.mark.parametrize("channel", ["wecom", "dingtalk", "feishu", "webhook"])
def test_a_group_is_told_once_with_a_signature_that_its_maker_accepts(db, server, channel):
    endpoint(server, channel)
    people = [builders.user(phone="13800000000"), builders.user(phone="+86 13911112222"), builders.user()]
    tell(users=people, body="水井盖破损")
    attempt_all()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error) == (State.SENT, "")
    (call,) = server.calls
    said = json.dumps(call["json"], ensure_ascii=False)
    assert "案件超期" in said
    assert "水井盖破损" in said
    if channel in ("wecom", "dingtalk"):
        assert "13800000000" in said
        assert "13911112222" in said
    if channel == "webhook":
        assert call["headers"]["Idempotency-Key"] == str(delivery.key) == call["json"]["id"]


def test_a_wrong_secret_is_given_up_at_once_and_said(db, server):
    endpoint(server, "dingtalk", secret="another")
    tell()
    attempt_all()
    delivery = Delivery.objects.get()
    assert delivery.state == State.DEAD
    assert "310000" in delivery.error


def test_a_channel_hears_only_of_its_people_and_level(db, server):
    unit = builders.organisation()
    endpoint(server, organisation=unit, least_level="warning")
    tell(users=builders.user(at=builders.organisation(parent=unit)), level="info")
    tell(users=builders.user())
    assert not Delivery.objects.exists()
    tell(users=builders.user(at=builders.organisation(parent=unit)))
    assert Delivery.objects.count() == 1
    tell(users=builders.user(at=unit), channels=["in_app"])
    assert Delivery.objects.count() == 1


def test_a_receiver_that_fails_is_tried_again_later_with_the_same_key(db, server):
    endpoint(server)
    tell()
    server.answers = [(503, {}, b"busy"), (429, {"Retry-After": "3600"}, b"")]
    attempt_all()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (State.WAITING, 1)
    assert "503" in delivery.error
    assert timedelta(seconds=10) < delivery.next_at - timezone.now() < timedelta(seconds=25)
    assert ProcrastinateJob.objects.filter(task_name="notices.deliver", scheduled_at=delivery.next_at).exists()
    attempt_all()  # too early
    assert len(server.calls) == 1
    attempt_all(timedelta(minutes=1))
    delivery.refresh_from_db()
    assert delivery.next_at - timezone.now() > timedelta(minutes=59)
    attempt_all(timedelta(hours=2))
    delivery.refresh_from_db()
    assert delivery.state == State.SENT
    assert len(server.calls) == 3
    assert len(server.kept) == 1


def test_what_never_works_is_given_up_and_can_be_tried_again_by_its_keeper(db, server):
    endpoint(server)
    tell()
    server.answers = [(500, {}, b"")] * MOST_ATTEMPTS
    for number in range(MOST_ATTEMPTS):
        attempt_all(timedelta(days=number + 1))
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (State.DEAD, MOST_ATTEMPTS)
    with pytest.raises(NotPermitted):
        actions.try_again(builders.user(), delivery)
    actions.try_again(builders.holder("notices.keeper"), delivery)
    with pytest.raises(NotDead):
        actions.try_again(access.SYSTEM, delivery)
    attempt_all()
    delivery.refresh_from_db()
    assert delivery.state == State.SENT


def test_nobody_listening_is_an_error_that_passes(db, server, settings):
    endpoint(server)
    tell()
    row = Endpoint.objects.get()
    row.url = "http://127.0.0.1:9/"
    row.save()
    attempt_all()
    delivery = Delivery.objects.get()
    assert delivery.state == State.WAITING
    assert "refused" in delivery.error.lower()


def test_a_redirect_is_not_followed(db, server):
    endpoint(server)
    tell()
    server.answers = [(302, {"Location": "http://169.254.169.254/"}, b"")]
    attempt_all()
    assert Delivery.objects.get().state == State.DEAD
    assert len(server.calls) == 1


SENDER = """
    import os, sys
    os.environ["DJANGO_SETTINGS_MODULE"] = "chengheng.project.settings"
    import django
    django.setup()
    from django.conf import settings
    from django.db import connection
    settings.INSIDE_HOSTS = ["127.0.0.1"]
    connection.settings_dict["NAME"] = sys.argv[1]
    from chengheng.common.notices.sending import attempt
    attempt(int(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_after_sending_sends_again_and_the_receiver_knows_it(server):
    endpoint(server)
    tell()
    delivery = Delivery.objects.get()
    server.hold = 2
    child = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            textwrap.dedent(SENDER),
            connection.settings_dict["NAME"],
            str(delivery.pk),
        ]
    )
    assert server.came.wait(30)
    child.send_signal(signal.SIGKILL)
    child.wait()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (State.WAITING, 1)
    server.hold = 0
    assert sending.attempt(delivery.pk) is None  # the dead worker's time is not over
    before = queued()
    Delivery.objects.update(next_at=timezone.now() - timedelta(minutes=3))
    look_out(0)
    assert queued() == before + 1
    assert sending.attempt(delivery.pk).state == State.SENT
    assert len(server.calls) == 2
    assert len(server.kept) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_send_the_same_attempt(server):
    import threading

    endpoint(server)
    tell()
    server.hold = 0.3
    pk = Delivery.objects.get().pk

    def work():
        sending.attempt(pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.calls) == 1


# e-mail and text messages


def test_an_e_mail_arrives_in_the_person_s_language(db, settings):
    settings.SITE_URL = "https://city.example"
    with sink() as mail:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{mail.port}"
        person = builders.user("wang", email="wang@example.org", language="zh-hans")
        unit = builders.organisation()
        notices.tell(person, "案件\n超期", "详见系统", subject=unit, level="urgent")
        attempt_all()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error) == (State.SENT, "")
    mail_read = message_from_string(mail.mails[0], policy=policy.default)
    assert "案件 超期" in mail_read["Subject"]
    assert mail_read["Message-ID"] == f"<{delivery.key}@chengheng>"
    assert f"https://city.example{unit.get_absolute_url()}" in mail_read.get_content()


@pytest.mark.parametrize(("answer", "state"), [("550 no such person", State.DEAD), ("451 later", State.WAITING)])
def test_a_mail_server_s_no_is_final_or_not_as_it_says(db, settings, answer, state):
    with sink() as mail:
        mail.refuse = answer
        settings.EMAIL_URL = f"smtp://127.0.0.1:{mail.port}"
        tell(users=builders.user(email="wang@example.org"))
        attempt_all()
    assert Delivery.objects.get().state == state
    assert not mail.mails


def test_without_a_mail_server_no_e_mail_is_even_planned(db, settings):
    settings.EMAIL_URL = ""
    tell(users=builders.user(email="wang@example.org"))
    assert not Delivery.objects.exists()


def test_preferences_and_quiet_hours_hold_but_not_for_what_is_urgent(db, settings, server):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    endpoint(server, "sms")
    person = builders.user(email="wang@example.org", phone="13800000000")
    now = timezone.localtime()
    tell(users=person, level="info")
    assert not Delivery.objects.exists()
    actions.choose(
        person, email_from="info", sms_from="", quiet_start=(now - timedelta(hours=1)).time(),
        quiet_stop=(now + timedelta(hours=1)).time(),
    )  # fmt: skip
    tell(users=person, level="info")
    (email,) = Delivery.objects.all()
    assert timedelta(minutes=58) < email.next_at - now <= timedelta(minutes=61)
    tell(users=person, level="urgent")
    assert Delivery.objects.exclude(pk=email.pk).get().next_at - now < timedelta(minutes=1)
    tell(users=person, level="info", channels=["sms"])
    assert Delivery.objects.filter(channel="sms").count() == 1


def test_a_text_message_goes_by_the_gateway_with_its_own_names(db, server):
    endpoint(
        server,
        "sms",
        options={"fields": {"phone": "mobile", "text": "msg"}, "fixed": {"sign": "城管"}, "success": {"code": "0"}},
    )
    tell(level="urgent", body="请立即处置")
    attempt_all()
    assert Delivery.objects.get().state == State.SENT
    said = server.calls[0]["json"]
    assert said.pop("id") == str(Delivery.objects.get().key)
    assert said == {"mobile": "13800000000", "msg": "案件超期，请立即处置", "sign": "城管"}


# setting up


def test_a_channel_is_kept_sealed_and_recorded_without_its_secrets(db, server):
    keeper = builders.holder("notices.keeper")
    row = actions.set_endpoint(
        keeper, None, channel="wecom", name="值班群", url=server.url("wecom"), secret="hush-hush"
    )
    with connection.cursor() as cursor:
        cursor.execute("select endpoint::text from notices_endpoint endpoint")
        stored = cursor.fetchone()[0]
    assert "access_token" not in stored
    assert "hush-hush" not in stored
    entry = trail.history(row).get()
    assert "access_token" not in str(entry.data)
    actions.set_endpoint(keeper, row, channel="wecom", name="值班群 2")
    row.refresh_from_db()
    assert (row.name, row.url, row.secret) == ("值班群 2", server.url("wecom"), "hush-hush")
    with pytest.raises(UnsafeAddress):
        actions.set_endpoint(keeper, None, channel="wecom", name="x", url="https://10.1.1.1/")
    with pytest.raises(NotPermitted):
        actions.set_endpoint(builders.user(), None, channel="wecom", name="x", url=server.url("wecom"))
    assert actions.send_test(keeper, row)
    attempt_all()
    assert len(server.calls) == 1


# pages


def test_the_bell_counts_the_drop_down_gives_receipts_and_reading_ends_it(db, client):
    person = builders.user()
    client.force_login(person)
    assert client.get("/notices/bell").content == b""
    unit = builders.organisation()
    message = notices.tell(person, "案件 <b>超期</b>", subject=unit, level="urgent")
    notices.tell([person, builders.user()], "另一件")
    assert client.get("/notices/bell").content == b"2"
    assert client.get("/notices/unread").json() == {"unread": 2}
    assert receipts(message.pk) == {"told": 1, "seen": 0, "read": 0}
    shown = client.get("/notices/latest").content.decode()
    assert "案件 &lt;b&gt;超期" in shown
    assert receipts(message.pk) == {"told": 1, "seen": 1, "read": 0}
    first = Notice.objects.get(message=message)
    response = client.get(first.get_absolute_url())
    assert (response.status_code, response["Location"]) == (302, unit.get_absolute_url())
    assert client.get("/notices/bell").content == b"1"
    other = Notice.objects.get(user=person, read_at=None)
    assert client.post(f"/notices/{other.pk}/read", headers={"HX-Request": "true"}).status_code == 200
    assert client.get("/notices/bell").content == b""
    assert Notice.objects.filter(read_at=None).count() == 1


def test_nobody_opens_another_s_notice(db, client):
    notices.tell(builders.user(), "x")
    client.force_login(builders.user())
    pk = Notice.objects.get().pk
    assert client.get(f"/notices/{pk}/").status_code == 404
    assert client.post(f"/notices/{pk}/read").status_code == 404
    with pytest.raises(NotFound):
        actions.read(builders.user(), pk)


def test_marking_all_leaves_what_came_after_the_page(db, client):
    person = builders.user()
    client.force_login(person)
    for _ in range(3):
        notices.tell(person, "x")
    newest = Notice.objects.first().pk
    notices.tell(person, "later")
    client.post("/notices/read", {"up_to": newest})
    assert [notice.title for notice in Notice.objects.filter(read_at=None)] == ["later"]


def test_the_pages_of_a_person_and_of_the_keeper_load(db, client, server):
    person = builders.user()
    client.force_login(person)
    for number in range(60):
        notices.tell(person, f"notice {number}")
    page = client.get("/notices/").content.decode()
    assert "notice 59" in page
    assert "notice 5<" not in page
    oldest = Notice.objects.all()[49].pk
    assert "notice 5<" in client.get(f"/notices/?before={oldest}", headers={"HX-Request": "true"}).content.decode()
    assert client.get("/notices/preferences/").status_code == 200
    sent = {"email_from": "info", "sms_from": "", "quiet_start": "22:00", "quiet_stop": "07:00"}
    assert client.post("/notices/preferences/", sent).status_code == 302
    assert Preference.objects.get().quiet_start == time(22)
    assert client.post("/notices/preferences/", {**sent, "quiet_stop": ""}).status_code == 200
    for path in ("/notices/channels/", "/notices/deliveries/", "/notices/channels/new/"):
        assert client.get(path).status_code == 403


def test_the_keeper_sets_up_tests_and_looks_after_channels(db, client, server, settings):
    from chengheng.common.people import roles

    settings.DEMO = True
    keeper = builders.holder("notices.keeper")
    type(keeper).objects.filter(pk=keeper.pk).update(is_demo=True)  # owes no second factor here
    client.force_login(keeper)
    assert roles.get("notices.keeper").privileged
    form = {
        "channel": "dingtalk",
        "name": "值班群",
        "url": server.url("dingtalk"),
        "secret": SECRET,
        "least_level": "warning",
        "active": "on",
    }
    assert "10.0.0.1" in client.post("/notices/channels/new/", form | {"url": "https://10.0.0.1/"}).content.decode()
    assert client.post("/notices/channels/new/", form).status_code == 302
    row = Endpoint.objects.get()
    shown = client.get(f"/notices/channels/{row.pk}/").content.decode()
    assert "access_token" not in shown
    assert SECRET not in shown
    assert (
        client.post(f"/notices/channels/{row.pk}/", form | {"name": "新名", "url": "", "secret": ""}).status_code == 302
    )
    assert client.post(f"/notices/channels/{row.pk}/test").status_code == 302
    attempt_all()
    assert "新名" in client.get("/notices/channels/").content.decode()
    assert client.get("/notices/deliveries/?state=sent").status_code == 200
    Delivery.objects.update(state=State.DEAD)
    assert client.post(f"/notices/deliveries/{Delivery.objects.get().pk}/retry").status_code == 302


def test_old_messages_go_when_nobody_waits_for_them(db):
    person = builders.user()
    for title in ("read", "unread"):
        notices.tell(person, title)
    Message.objects.update(at=timezone.now() - timedelta(days=400))
    Notice.objects.filter(title="read").update(read_at=timezone.now())
    tidy(0)
    assert [message.title for message in Message.objects.all()] == ["unread"]


# the event stream


@pytest.fixture
def signed_in(transactional_db):
    def sign_in(person):
        browser = Client()
        browser.force_login(person)
        return {"session": browser.cookies["session"].value}

    return sign_in


async def read_event(response) -> dict[str, str]:
    """The next event of a stream, past comments and the retry line."""
    while True:
        block = (await asyncio.wait_for(response.content.readuntil(b"\n\n"), 10)).decode()
        fields = dict(line.split(": ", 1) for line in block.strip().splitlines() if not line.startswith(":"))
        if "event" in fields:
            return fields


def test_the_stream_brings_each_person_their_own_notices_and_what_they_missed(signed_in):
    wang, li = builders.user("wang"), builders.user("li")
    cookies = signed_in(wang)
    notices.tell(wang, "told before")

    async def go():
        async with TestClient(TestServer(live.application())) as browser:
            assert (await browser.get("/events")).status == 401
            await asyncio.sleep(0.5)  # the listener connects
            one = await browser.get("/events", cookies=cookies)
            two = await browser.get("/events", cookies=cookies)
            await live.in_thread(notices.tell, li, "for another")
            await live.in_thread(notices.tell, wang, "案件\n超期", level="urgent")
            for window in (one, two):
                event = await read_event(window)
                data = json.loads(event["data"])
                assert (event["event"], data["title"], data["level"]) == ("notice", "案件\n超期", "urgent")
            two.close()
            await live.in_thread(notices.tell, wang, "missed")
            assert json.loads((await read_event(one))["data"])["title"] == "missed"
            again = await browser.get("/events", cookies=cookies, headers={"Last-Event-ID": event["id"]})
            assert json.loads((await read_event(again))["data"])["title"] == "missed"
            by_address = await browser.get(f"/events?after={int(event['id']) - 2}", cookies=cookies)
            assert json.loads((await read_event(by_address))["data"])["title"] != "for another"
            for window in (one, again, by_address):
                window.close()

    asyncio.run(go())


def test_a_lost_database_connection_of_the_stream_is_made_again(signed_in):
    wang = builders.user("wang")
    cookies = signed_in(wang)

    def cut() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and query ilike 'listen %%'"
            )
            return cursor.fetchone()[0]

    async def go():
        async with TestClient(TestServer(live.application())) as browser:
            await asyncio.sleep(0.5)
            window = await browser.get("/events", cookies=cookies)
            assert await live.in_thread(cut) >= 1
            rest = await asyncio.wait_for(window.content.read(), 10)  # the stream ends, so that the browser returns
            assert b"notice" not in rest
            await asyncio.sleep(1.5)
            window = await browser.get("/events", cookies=cookies)
            await live.in_thread(notices.tell, wang, "back")
            assert json.loads((await read_event(window))["data"])["title"] == "back"
            window.close()

    asyncio.run(go())


def test_a_signed_out_stream_ends(signed_in, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.3)
    wang = builders.user("wang")
    cookies = signed_in(wang)

    async def go():
        async with TestClient(TestServer(live.application())) as browser:
            window = await browser.get("/events", cookies=cookies)
            assert (await asyncio.wait_for(window.content.readuntil(b": here\n\n"), 5)).endswith(b": here\n\n")
            await live.in_thread(type(wang).objects.filter(pk=wang.pk).update, is_active=False)
            await asyncio.wait_for(window.content.read(), 5)

    asyncio.run(go())
