"""Signing in on the page, as a browser does it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.people import actions, hashing, rules
from chengheng.common.people.models import SignIn
from tests import builders
from tests.people.conftest import PASSWORD, with_password

SIGN_IN = "/people/sign-in/"


def send(client: Client, username: str, password: str = PASSWORD, **more: str):
    return client.post(SIGN_IN, {"username": username, "password": password, **more})


def test_the_right_password_opens_a_session_that_is_listed(client, person):
    response = send(client, "lin", next="/people/me/")
    assert (response.status_code, response["Location"]) == (302, "/people/me/")
    page = client.get("/people/me/sessions/")
    assert page.status_code == 200
    row = SignIn.objects.get(outcome="done")
    assert (row.user, row.address, row.session_key) == (person, "127.0.0.1", client.session.session_key)
    assert [entry.act for entry in trail.history(row)] == ["people.sign_in.done"]
    assert "no-store" in client.get("/people/me/")["Cache-Control"]


def test_the_name_is_read_without_case(client, person):
    assert send(client, "LIN").status_code == 302


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/geo+json, application/json", 401), ("text/html", 302), ("image/avif,*/*;q=0.8", 302)],
)
def test_a_script_that_asks_for_data_is_not_answered_with_the_sign_in_page(client, db, accept, status):
    response = client.get("/people/me/", headers={"accept": accept})
    assert response.status_code == status
    if status == 401:
        assert response.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("hostile", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_off_the_site(client, person, hostile):
    assert send(client, "lin", next=hostile)["Location"] == "/"


def test_wrong_passwords_unknown_names_and_closed_accounts_hear_the_same_words(client, person):
    closed = with_password(builders.user("closed", is_active=False))
    machine = with_password(builders.user("robot", is_machine=True))
    texts = set()
    for name, password in (
        (person.username, "wrong"),
        ("nobody", PASSWORD),
        (closed.username, PASSWORD),
        (machine.username, PASSWORD),
    ):
        response = send(client, name, password)
        assert response.status_code == 401
        texts.add(
            re.search(r'role="alert".*?</form>', response.content.decode(), re.DOTALL)[0].replace(f'"{name}"', "")
        )
    assert len(texts) == 1
    assert SignIn.objects.filter(outcome="refused").count() == 4


def test_unknown_names_cost_as_many_password_hashes_as_known_ones(db, monkeypatch, settings):
    settings.PASSWORD_HASHERS = ["chengheng.common.people.hashing.Argon2"]
    with_password(builders.user("lin"))
    hasher = hashing.Argon2
    counted: list[str] = []
    encode, verify = hasher.encode, hasher.verify
    monkeypatch.setattr(hasher, "encode", lambda self, *a, **k: (counted.append("hash"), encode(self, *a, **k))[1])
    monkeypatch.setattr(hasher, "verify", lambda self, *a, **k: (counted.append("hash"), verify(self, *a, **k))[1])
    for name in ("lin", "nobody"):
        counted.clear()
        with pytest.raises(actions.signing.SignInRefused):
            actions.check_password(name, "wrong", actions.Knock("192.0.2.1"))
        assert counted == ["hash"]


def test_five_failures_lock_the_name_for_a_quarter_of_an_hour_even_for_the_right_password(client, person):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for _number in range(5):
            assert send(client, "lin", "wrong").status_code == 401
        assert send(client, "lin").status_code == 429
        assert SignIn.objects.filter(outcome="locked").count() == 1
        clock.shift(timedelta(minutes=14))
        assert send(client, "lin").status_code == 429
        clock.shift(timedelta(minutes=2))
        assert send(client, "lin").status_code == 302


def test_names_that_do_not_exist_are_locked_too(client, db):
    for _number in range(5):
        assert send(client, "nobody", "wrong").status_code == 401
    assert send(client, "nobody", "wrong").status_code == 429


def test_a_security_administrator_lifts_the_lock(client, person, security_administrator):
    for _number in range(5):
        send(client, "lin", "wrong")
    actions.unlock_user(security_administrator, person)
    assert send(client, "lin").status_code == 302


def test_an_address_that_tries_many_names_is_locked(client, person):
    now = timezone.now()
    SignIn.objects.bulk_create(
        SignIn(username=f"u{n}", at=now - timedelta(seconds=100 + n), origin="127.0.0.1", outcome="refused")
        for n in range(50)
    )
    assert send(client, "lin").status_code == 429


def test_attempts_faster_than_the_policy_lets_through_are_told_when_to_come_back(client, person):
    now = timezone.now()
    SignIn.objects.bulk_create(
        SignIn(username=f"u{n}", at=now - timedelta(seconds=20), origin="127.0.0.1", outcome="done") for n in range(60)
    )
    response = send(client, "lin")
    assert response.status_code == 429
    assert 30 <= int(response["Retry-After"]) <= 40


def test_signing_in_changes_the_session_key(client, person):
    client.get(SIGN_IN)
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    send(client, "lin")
    assert client.session.session_key != before
    assert "planted" not in client.session
    assert not Session.objects.filter(session_key=before).exists()


# The second factor


def code_at(secret: str, moment) -> str:
    return rules.totp_code(secret, rules.totp_step(moment))


def test_a_privileged_user_is_not_signed_in_before_the_second_factor_works(client, auditor):
    with_password(auditor)
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        response = send(client, "aud")
        assert response["Location"] == reverse("people:sign_in_enrol")
        assert client.get("/people/me/").status_code == 302, "half signed in is not signed in"
        page = client.get(response["Location"])
        assert b"<svg" in page.content
        secret = client.session["new_secret"]
        assert client.post(response["Location"], {"code": "000000"}).status_code == 401
        done = client.post(response["Location"], {"code": code_at(secret, start)})
        codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", done.content.decode())
        assert len(codes) == 10
        assert client.get("/people/sign-ins/").status_code == 200
        auditor.refresh_from_db()
        assert secret not in auditor.totp_secret, "the secret is sealed in the database"

        client.post("/people/sign-out/")
        response = send(client, "aud")
        assert response["Location"] == reverse("people:sign_in_code")
        assert client.get(reverse("people:sign_in_enrol")).status_code == 302, "a password alone sets up no new device"
        assert client.post(response["Location"], {"code": code_at(secret, start)}).status_code == 401, "used before"
        clock.shift(timedelta(seconds=30))
        again = client.post(response["Location"], {"code": code_at(secret, start + timedelta(seconds=30))})
        assert again.status_code == 302
        assert client.get("/people/sign-ins/").status_code == 200

        client.post("/people/sign-out/")
        send(client, "aud")
        assert (
            client.post(reverse("people:sign_in_code"), {"code": codes[0].lower().replace("-", " ")}).status_code == 302
        )
        client.post("/people/sign-out/")
        send(client, "aud")
        assert client.post(reverse("people:sign_in_code"), {"code": codes[0]}).status_code == 401, "works once"


def test_wrong_codes_lock_like_wrong_passwords_and_the_right_password_does_not_reset_the_count(client, person):
    secret = rules.new_totp_secret()
    now = timezone.now()
    actions.enrol_second_factor(person, secret, code_at(secret, now), now=now)
    with time_machine.travel(now + timedelta(minutes=1), tick=False):
        for _number in range(5):
            assert send(client, "lin").status_code == 302
            assert client.post(reverse("people:sign_in_code"), {"code": "123"}).status_code == 401
        assert send(client, "lin").status_code == 429


def test_the_code_must_come_within_ten_minutes(client, person):
    secret = rules.new_totp_secret()
    now = timezone.now()
    actions.enrol_second_factor(person, secret, code_at(secret, now), now=now)
    with time_machine.travel(now + timedelta(minutes=1), tick=False) as clock:
        send(client, "lin")
        clock.shift(timedelta(minutes=11))
        response = client.post(reverse("people:sign_in_code"), {"code": code_at(secret, timezone.now())})
        assert response["Location"] == SIGN_IN


def test_who_becomes_privileged_while_signed_in_must_set_up_a_second_factor_before_going_on(
    client, person, security_administrator
):
    send(client, "lin")
    assert client.get("/people/me/").status_code == 200
    actions.grant_duty(security_administrator, person, rules.AUDITOR, person.organisation)
    assert client.get("/people/sign-ins/")["Location"] == reverse("people:own_second_factor")
    refused = client.get("/api/v1/people/me")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_owed")


# Demonstration


def test_a_demonstration_offers_its_users_by_role_and_one_click_signs_in(client, settings, db):
    settings.DEMO = True
    auditor = builders.holder(rules.AUDITOR, name="demo-auditor")
    type(auditor).objects.filter(pk=auditor.pk).update(is_demo=True)
    page = client.get(SIGN_IN).content.decode()
    assert "demo-auditor" in page
    assert client.post("/people/sign-in/demo/", {"user": auditor.pk})["Location"] == "/"
    assert client.get("/people/sign-ins/").status_code == 200, "no second factor is asked of demonstration accounts"


def test_outside_a_demonstration_its_users_cannot_come_in(client, settings, db):
    user = with_password(builders.user("demo", is_demo=True))
    assert b"demo-title" not in client.get(SIGN_IN).content
    assert client.post("/people/sign-in/demo/", {"user": user.pk}).status_code == 404
    assert send(client, "demo").status_code == 401
    settings.DEMO = True
    assert client.post("/people/sign-in/demo/", {"user": user.pk}).status_code == 302
    settings.DEMO = False
    assert client.get("/people/me/").status_code == 302, "their sessions end with the demonstration"


def test_a_demonstration_lets_nobody_else_in_by_click(client, settings, person):
    settings.DEMO = True
    assert client.post("/people/sign-in/demo/", {"user": person.pk}).status_code == 404
    assert client.post("/people/sign-in/demo/", {"user": "1 or 1=1"}).status_code == 404
