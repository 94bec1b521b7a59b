"""One's own account: password, second factor, sessions, tokens, the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.common.errors import NotFound
from chengheng.common.people import access, actions, errors, roles, rules
from chengheng.common.people.auth import user_of_token
from chengheng.common.people.models import SignIn
from tests import builders
from tests.access import sign_in
from tests.people.conftest import PASSWORD, with_password
from tests.people.test_administrators import PLAIN, PRIVILEGED

NEW = "Another-Staple-9"


def open_browser(username: str = "lin", password: str = PASSWORD) -> Client:
    client = Client()
    assert client.post("/people/sign-in/", {"username": username, "password": password}).status_code == 302
    return client


# Password


def test_changing_the_password_keeps_this_session_and_ends_the_others(person):
    here, there = open_browser(), open_browser()
    form = {"old": PASSWORD, "password": NEW, "again": NEW}
    key = here.session.session_key
    assert here.post("/people/me/password/", form).status_code == 302
    assert here.get("/people/me/").status_code == 200
    assert here.session.session_key != key
    assert there.get("/people/me/").status_code == 302
    assert SignIn.objects.get(outcome="done", ended_at=None).session_key == here.session.session_key
    open_browser(password=NEW)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"old": "wrong", "password": NEW, "again": NEW}, 422),
        ({"old": PASSWORD, "password": NEW, "again": NEW + "x"}, 422),
        ({"old": PASSWORD, "password": "weak", "again": "weak"}, 422),
        ({"old": PASSWORD, "password": PASSWORD, "again": PASSWORD}, 422),
        ({}, 422),
    ],
)
def test_a_password_change_that_is_wrong_changes_nothing(person, form, status):
    client = open_browser()
    assert client.post("/people/me/password/", form).status_code == status
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_guessing_the_present_password_in_an_open_session_locks(person):
    client = open_browser()
    for _number in range(5):
        client.post("/people/me/password/", {"old": "wrong", "password": NEW, "again": NEW})
    right = client.post("/people/me/password/", {"old": PASSWORD, "password": NEW, "again": NEW})
    assert right.status_code == 429


def test_old_passwords_do_not_come_back_until_five_others_were_used(person):
    current = PASSWORD
    for number in range(6):
        new = f"Changed-Often-{number}"
        actions.change_password(person, current, new)
        person.refresh_from_db()
        current = new
        if number < 4:
            with pytest.raises(errors.PasswordUsedBefore):
                actions.change_password(person, current, PASSWORD)
    actions.change_password(person, current, PASSWORD)


def test_an_initial_password_opens_only_the_page_that_changes_it(person, system_administrator):
    initial = actions.reset_password(system_administrator, person)
    client = open_browser(password=initial)
    assert client.get("/people/me/")["Location"] == "/people/me/password/"
    assert client.get("/api/v1/people/me").json()["code"] == "password_change_owed"
    assert client.post("/people/me/password/", {"old": initial, "password": NEW, "again": NEW}).status_code == 302
    assert client.get("/people/me/").status_code == 200


def test_a_password_grows_too_old(person):
    client = open_browser()
    type(person).objects.filter(pk=person.pk).update(password_changed_at=timezone.now() - timedelta(days=91))
    assert client.get("/people/me/")["Location"] == "/people/me/password/"


# Sessions


def test_a_session_ends_when_idle_and_polling_does_not_keep_it(person):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        client = open_browser()
        clock.shift(timedelta(minutes=29))
        assert client.get("/people/me/").status_code == 200
        clock.shift(timedelta(minutes=20))
        assert client.get("/people/me/", headers={"X-Passive": "1"}).status_code == 200
        clock.shift(timedelta(minutes=11))
        assert client.get("/people/me/").status_code == 302
        row = SignIn.objects.get(outcome="done")
        assert row.ended_at == timezone.now()
        assert row.seen_at == start + timedelta(minutes=29)


def test_a_session_ends_after_twelve_hours_however_busy(person):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = open_browser()
        for _number in range(35):
            clock.shift(timedelta(minutes=20))
            assert client.get("/people/me/").status_code == 200
        clock.shift(timedelta(minutes=20))
        assert client.get("/people/me/").status_code == 302


def test_people_see_their_sessions_and_end_them(person):
    here, there = open_browser(), open_browser()
    other = SignIn.objects.exclude(session_key=here.session.session_key).get(outcome="done")
    assert here.post(f"/people/me/sessions/{other.pk}/end/").status_code == 302
    assert there.get("/people/me/").status_code == 302
    third = open_browser()
    here.post("/people/me/sessions/end/")
    assert third.get("/people/me/").status_code == 302
    assert here.get("/people/me/").status_code == 200
    assert Session.objects.count() == 1


def test_nobody_ends_the_session_of_another(person):
    open_browser()
    row = SignIn.objects.get(outcome="done")
    stranger = builders.user()
    with pytest.raises(NotFound):
        actions.end_own_session(stranger, row)
    client = sign_in(Client(), with_password(stranger))
    assert client.post(f"/people/me/sessions/{row.pk}/end/").status_code == 404


def test_revoking_and_disabling_end_everything_at_once(person, security_administrator, system_administrator):
    client = open_browser()
    _token, text = actions.create_token(person, person, "mine")
    actions.revoke_session(security_administrator, SignIn.objects.get(outcome="done"))
    assert client.get("/people/me/").status_code == 302
    client = open_browser()
    actions.disable_user(system_administrator, person)
    assert client.get("/people/me/").status_code == 302
    with pytest.raises(errors.Unauthenticated):
        user_of_token(text)


# Second factor


def test_a_second_factor_is_replaced_and_removed_only_with_the_device(person):
    now = timezone.now()
    code = lambda secret, seconds: rules.totp_code(secret, rules.totp_step(now + timedelta(seconds=seconds)))  # noqa: E731
    old, new = rules.new_totp_secret(), rules.new_totp_secret()
    with pytest.raises(errors.WrongCode):
        actions.enrol_second_factor(person, old, "000000", now=now)
    actions.enrol_second_factor(person, old, code(old, 0), now=now)
    later = now + timedelta(seconds=30)
    with pytest.raises(errors.WrongCode):
        actions.enrol_second_factor(person, new, code(new, 30), now=later)
    actions.enrol_second_factor(person, new, code(new, 30), old_code=code(old, 30), now=later)
    with pytest.raises(errors.WrongCode):
        actions.remove_second_factor(person, code(old, 60), now=now + timedelta(seconds=60))
    actions.renew_recovery_codes(person, code(new, 60), now=now + timedelta(seconds=60))
    assert not actions.remove_second_factor(person, code(new, 90), now=now + timedelta(seconds=90)).has_second_factor


def test_a_privileged_user_cannot_do_without(auditor):
    now = timezone.now()
    secret = rules.new_totp_secret()
    actions.enrol_second_factor(auditor, secret, rules.totp_code(secret, rules.totp_step(now)), now=now)
    with pytest.raises(errors.SecondFactorCompulsory):
        actions.remove_second_factor(auditor, "1", now=now)


def test_codes_cannot_be_guessed_in_an_open_session(person):
    now = timezone.now()
    secret = rules.new_totp_secret()
    actions.enrol_second_factor(person, secret, rules.totp_code(secret, rules.totp_step(now)), now=now)
    for _number in range(10):
        with pytest.raises(errors.WrongCode):
            actions.remove_second_factor(person, "000000", now=now)
    with pytest.raises(errors.TooMany):
        actions.remove_second_factor(person, "000000", now=now)


# Tokens and the API


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_token_opens_the_api_as_its_user_within_its_acts(client, db):
    clerk = builders.holder(PLAIN.code)
    _token, text = actions.create_token(clerk, clerk, "probe", ["tests.paper.view"])
    answer = client.get("/api/v1/people/me", headers=bearer(text))
    assert (answer.status_code, answer.json()["username"], answer.json()["acts"]) == (
        200, clerk.username, ["tests.paper.view"],
    )  # fmt: skip
    assert "session" not in client.cookies, "a token opens no session"


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic eDp5", "bearer", "Token x"])
def test_a_wrong_token_is_refused_even_with_a_good_session(person, header):
    client = open_browser()
    answer = client.get("/api/v1/people/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_strangers_get_401_in_the_shape_of_all_refusals(client, db):
    answer = client.get("/api/v1/people/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_session_serves_the_api_and_changing_needs_the_csrf_token(person):
    assert open_browser().get("/api/v1/people/me").json()["username"] == "lin"


def test_tokens_end_by_time_and_by_hand(client, person):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        token, text = actions.create_token(person, person, "mine", expires_at=start + timedelta(days=1))
        assert client.get("/api/v1/people/me", headers=bearer(text)).status_code == 200
        token.refresh_from_db()
        assert token.last_used_at == start
        clock.shift(timedelta(days=1))
        assert client.get("/api/v1/people/me", headers=bearer(text)).status_code == 401
        token, text = actions.create_token(person, person, "mine")
        actions.revoke_token(person, token)
        assert client.get("/api/v1/people/me", headers=bearer(text)).status_code == 401


def test_making_tokens_refuses_what_is_wrong(person, auditor, security_administrator):
    now = timezone.now()
    with pytest.raises(errors.TokenScope):
        actions.create_token(person, person, "t", ["tests.paper.view"])
    with pytest.raises(errors.TokenScope):
        actions.create_token(auditor, auditor, "t")
    with pytest.raises(errors.TokenScope):
        actions.create_token(security_administrator, security_administrator, "t", ["people.duty.grant"])
    with pytest.raises(errors.Invalid):
        actions.create_token(person, person, " ")
    with pytest.raises(errors.Invalid):
        actions.create_token(security_administrator, person, "t")
    for until in (now - timedelta(seconds=1), now + timedelta(days=366)):
        with pytest.raises(errors.TokenLifetime):
            actions.create_token(person, person, "t", expires_at=until, now=now)
    _token, text = actions.create_token(person, person, "t")
    by_token = user_of_token(text)
    with pytest.raises(errors.NotByToken):
        actions.create_token(by_token, by_token, "child")


def test_only_the_security_administrator_revokes_the_tokens_of_others(
    person, system_administrator, security_administrator
):
    token, _text = actions.create_token(person, person, "t")
    with pytest.raises(errors.NotPermitted):
        actions.revoke_token(system_administrator, token)
    actions.revoke_token(security_administrator, token)


@settings(max_examples=25)
@given(scope=st.sets(st.sampled_from(["tests.paper.view", "tests.paper.sign", "people.duty.view", "trail.entry.view"])))
def test_a_token_never_widens_what_its_user_may(db, scope):
    clerk = builders.holder(PLAIN.code)
    allowed = {act for act in roles.all_acts() if access.may(clerk, act)}
    try:
        _token, text = actions.create_token(clerk, clerk, "t", scope)
    except errors.TokenScope:
        assert not scope <= allowed
        return
    by_token = user_of_token(text)
    may = {act for act in roles.all_acts() if access.may(by_token, act)}
    assert may == (scope or allowed)


def test_a_user_who_asks_too_often_is_told_when_to_come_back(client, person, security_administrator):
    actions.set_policy(security_administrator, user_per_minute=60)
    _token, text = actions.create_token(person, person, "t")
    answers = [client.get("/api/v1/people/me", headers=bearer(text)) for _number in range(62)]
    assert [answer.status_code for answer in answers[:60]] == [200] * 60
    while answers[-1].status_code == 200 and len(answers) < 200:  # a slow machine gives the bucket time to fill
        answers.append(client.get("/api/v1/people/me", headers=bearer(text)))
    assert answers[-1].status_code == 429
    assert answers[-1]["Retry-After"] == "1"


def test_an_address_that_asks_too_often_is_stopped_before_anything_else(client, security_administrator):
    actions.set_policy(security_administrator, address_per_minute=60)
    codes = {client.get("/api/v1/people/me", headers=bearer("guess")).status_code for _number in range(62)}
    assert codes == {401, 429}


def test_every_answer_carries_its_request_id_and_headers(client, db, settings):
    answer = client.get("/people/sign-in/", headers={"X-Request-ID": "from-a-stranger"})
    assert answer["X-Request-ID"] != "from-a-stranger"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "camera=(self)" in answer["Permissions-Policy"]
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    proxied = Client().get("/people/sign-in/", headers={"X-Request-ID": "from-our-proxy"})
    assert proxied["X-Request-ID"] == "from-our-proxy"


def test_privileged_acts_stay_privileged(db):
    assert access.is_privileged(builders.holder(PRIVILEGED.code))
    assert not access.is_privileged(builders.holder(PLAIN.code))
