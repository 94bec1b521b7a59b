"""The administration pages: who sees them, and that each act works from its button."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chengheng.common.people import actions, rules
from chengheng.common.people.models import AccessPolicy, ApiToken, Duty, GrantRequest, Organisation, SignIn, User
from chengheng.common.trail.models import Entry
from tests import builders
from tests.access import assert_scoped, sign_in

VISIBLE = {
    "system_administrator": ("users", "user_new", "organisations", "organisation_new"),
    "security_administrator": ("users", "organisations", "duties", "permissions", "policy"),
    "auditor": ("users", "organisations", "duties", "permissions", "policy", "sign_ins"),
}


@pytest.mark.parametrize("who", VISIBLE)
def test_pages_are_open_to_their_administrator_and_closed_to_others(who, request, client):
    assert_scoped(
        client, [reverse(f"people:{name}") for name in VISIBLE[who]], request.getfixturevalue(who), builders.user()
    )


@pytest.mark.parametrize(
    ("who", "closed"),
    [
        ("system_administrator", ("duties", "policy", "sign_ins", "permissions")),
        ("security_administrator", ("user_new", "organisation_new", "sign_ins")),
        ("auditor", ("user_new", "organisation_new")),
    ],
)
def test_administrators_do_not_open_the_pages_of_the_others(who, closed, request, client):
    sign_in(client, request.getfixturevalue(who))
    for name in closed:
        assert client.get(reverse(f"people:{name}")).status_code == 403, name


@pytest.fixture
def system(system_administrator) -> Client:
    return sign_in(Client(), system_administrator)


@pytest.fixture
def security(security_administrator) -> Client:
    return sign_in(Client(), security_administrator)


def test_own_pages_open_for_everybody(client, person):
    sign_in(client, person)
    for name in ("profile", "own_password", "own_second_factor", "sessions", "tokens"):
        assert client.get(reverse(f"people:{name}")).status_code == 200, name
    assert client.post(reverse("people:profile"), {"phone": "022-1", "email": "a@example.org"}).status_code == 302
    person.refresh_from_db()
    assert (person.phone, person.email) == ("022-1", "a@example.org")


def test_a_user_is_made_and_the_initial_password_shown_once(system):
    unit = builders.organisation()
    form = {"username": "wang", "display_name": "王芳", "organisation": unit.pk}
    page = system.post(reverse("people:user_new"), form)
    initial = re.search(r"data-secret>([^<]+)<", page.content.decode())[1]
    user = User.objects.get(username="wang")
    assert user.check_password(initial)
    assert "no-store" in page["Cache-Control"]
    assert initial not in system.get(user.get_absolute_url()).content.decode()
    assert system.post(reverse("people:user_new"), form).status_code == 422


def test_the_buttons_of_a_users_page(system, security):
    user = builders.user()
    for client, act, look in (
        (system, "disable", lambda: not user.is_active),
        (system, "enable", lambda: user.is_active),
        (security, "unlock", lambda: user.unlocked_at is not None),
        (security, "reset-second-factor", lambda: not user.totp_secret),
        (security, "end-sessions", lambda: True),
    ):
        assert client.post(reverse("people:user_act", args=[user.pk, act])).status_code == 302
        user.refresh_from_db()
        assert look(), act
    assert system.post(reverse("people:user_act", args=[user.pk, "unlock"])).status_code == 403
    assert system.post(reverse("people:user_act", args=[user.pk, "no-such"])).status_code == 404
    assert system.post(reverse("people:user_password", args=[user.pk])).status_code == 200
    assert (
        system.post(
            reverse("people:user_edit", args=[user.pk]), {"display_name": "New", "organisation": user.organisation_id}
        ).status_code
        == 302
    )
    user.refresh_from_db()
    assert user.display_name == "New"


def test_a_duty_is_granted_shown_and_ended(security, security_administrator):
    user = builders.user()
    url = reverse("people:duty_new", args=[user.pk])
    form = {"role": rules.AUDITOR, "organisation": user.organisation_id, "starts_on": timezone.localdate().isoformat()}
    assert security.get(url).status_code == 200
    assert security.post(url, form).status_code == 302
    assert security.post(url, form | {"role": rules.SYSTEM_ADMINISTRATOR}).status_code == 409
    duty = Duty.objects.get(user=user)
    assert duty.granted_by == security_administrator
    assert str(duty.user) in security.get(reverse("people:duties")).content.decode()
    builders.holder(rules.AUDITOR)
    security.post(reverse("people:duty_end", args=[duty.pk]))
    duty.refresh_from_db()
    assert duty.ended_at is not None


def test_a_second_administrator_confirms_on_the_duties_page(security, security_administrator):
    actions.set_policy(security_administrator, second_administrator=True)
    user = builders.user()
    actions.grant_duty(security_administrator, user, rules.AUDITOR, user.organisation)
    asked = GrantRequest.objects.get()
    url = reverse("people:grant_decide", args=[asked.pk])
    assert security.post(url, {"accept": "1"}).status_code == 403
    second = sign_in(Client(), builders.holder(rules.SECURITY_ADMINISTRATOR))
    assert url in second.get(reverse("people:duties")).content.decode()
    second.post(url, {"accept": "1"})
    assert Duty.objects.filter(user=user, role=rules.AUDITOR).exists()


def test_organisations_are_made_moved_and_closed_on_their_pages(system):
    root = builders.organisation("Root")
    form = {"code": "N1", "name": "New", "kind": "department", "parent": root.pk}
    assert system.post(reverse("people:organisation_new"), form).status_code == 302
    made = Organisation.objects.get(code="N1")
    assert "New" in system.get(reverse("people:organisations")).content.decode()
    assert system.get(made.get_absolute_url()).status_code == 200
    edit = {"name": "Newer", "kind": "street", "phone": "1"}
    assert system.post(reverse("people:organisation_edit", args=[made.pk]), edit).status_code == 302
    assert system.post(reverse("people:organisation_move", args=[made.pk]), {"parent": ""}).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.path) == ("Newer", f"/{made.pk}/")
    for act, active in (("close", False), ("reopen", True)):
        system.post(reverse("people:organisation_act", args=[made.pk, act]))
        made.refresh_from_db()
        assert made.active is active


def test_a_policy_is_set_on_its_page(security):
    page = security.get(reverse("people:policy"))
    form = {name: page.context["form"][name].value() for name in page.context["form"].fields}
    form = {key: value for key, value in form.items() if value not in (None, False)} | {"lock_after": 4}
    form["effective_from"] = timezone.localdate().isoformat()
    assert security.post(reverse("people:policy"), form).status_code == 302
    assert AccessPolicy.objects.get().lock_after == 4
    assert security.post(reverse("people:policy"), form | {"lock_after": 999}).status_code == 422
    assert security.get(reverse("people:policy")).status_code == 200


def test_a_machine_account_gets_its_token_from_the_security_administrator(security):
    robot = builders.user(is_machine=True)
    url = reverse("people:user_token", args=[robot.pk])
    form = {"name": "probe", "expires_on": timezone.localdate().isoformat()}
    page = security.post(url, form)
    text = re.search(r"data-secret>(chg_[^<]+)<", page.content.decode())[1]
    token = ApiToken.objects.get(digest=rules.token_digest(text))
    assert security.get(reverse("people:user_token", args=[builders.user().pk])).status_code == 404
    security.post(reverse("people:user_token_revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert security.get(robot.get_absolute_url()).status_code == 200


def test_people_make_and_revoke_their_own_tokens(client, person):
    sign_in(client, person)
    page = client.post(reverse("people:tokens"), {"name": "mine", "expires_on": timezone.localdate().isoformat()})
    assert "chg_" in page.content.decode()
    token = ApiToken.objects.get()
    stranger = sign_in(Client(), builders.user())
    assert stranger.post(reverse("people:token_revoke", args=[token.pk])).status_code == 404
    client.post(reverse("people:token_revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_the_auditor_filters_pages_and_exports_sign_ins_and_that_is_recorded(client, auditor):
    sign_in(client, auditor)
    now = timezone.now()
    SignIn.objects.bulk_create(
        SignIn(username=f"=cmd{n}", at=now, outcome="refused", address="192.0.2.1", origin="192.0.2.1", agent="@x")
        for n in range(120)
    )
    SignIn.objects.create(username="other", at=now, outcome="done")
    url, seen, before = reverse("people:sign_ins"), 0, ""
    while True:
        page = client.get(url, {"outcome": "refused", "before": before})
        seen += len(page.context["rows"])
        before = page.context["before"]
        if not before:
            break
    assert seen == 120
    assert client.get(url, {"before": "nonsense", "address": "x", "outcome": "x"}).status_code == 200
    export = client.post(reverse("people:sign_ins_export") + "?q=%3Dcmd")
    lines = export.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 121
    assert ",'=cmd" in lines[1], "a name that a stranger typed is no formula"
    entry = Entry.objects.get(act="people.sign_in.export")
    assert (entry.actor_id, entry.data["rows"]) == (auditor.pk, 120)


def test_the_matrix_shows_what_decides(client, auditor):
    sign_in(client, auditor)
    page = client.get(reverse("people:permissions")).content.decode()
    assert "people.duty.grant" in page
    assert client.get(reverse("people:permissions"), {"group": "no-such"}).status_code == 200


def test_lists_cost_a_fixed_number_of_queries(client, auditor, django_assert_max_num_queries):
    for _number in range(30):
        builders.holder(rules.AUDITOR)
    sign_in(client, auditor)
    for name in ("users", "duties", "organisations"):
        client.get(reverse(f"people:{name}"))
        with django_assert_max_num_queries(12):
            client.get(reverse(f"people:{name}"))
