"""The three separated administrators: what each may, what none may, and what the database itself refuses."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, close_old_connections, connection, transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Invalid, NotPermitted
from chengheng.common.people import access, actions, errors, roles, rules
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.administrators import GRANTS, LABELS
from chengheng.common.people.models import AccessPolicy, Duty, GrantRequest
from chengheng.common.trail.models import Entry
from tests import builders

PLAIN = roles.declare(roles.Role("tests.clerk", "Clerk", {"tests.paper.view": roles.Reach.ORGANISATION}, group="tests"))
PRIVILEGED = roles.declare(
    roles.Role("tests.chief", "Chief", {"tests.paper.sign": roles.Reach.ALL}, group="tests", privileged=True)
)


@pytest.fixture
def unit(db):
    return builders.organisation("Unit")


@pytest.fixture
def clerk(unit):
    return builders.user("clerk", unit)


def test_no_act_of_change_belongs_to_two_administrators():
    for act in LABELS:
        holders = [code for code, granted in GRANTS.items() if act in granted]
        assert len(holders) == 1 or act.endswith(".view"), act


def test_no_other_role_of_any_room_carries_an_act_of_administration():
    ours = {act for granted in GRANTS.values() for act in granted if not act.endswith(".view")}
    for role in roles.all_roles():
        if role.code not in rules.ADMINISTRATORS:
            assert not ours & set(role.grants), role.code


def test_the_auditor_changes_nothing():
    assert all(act.rsplit(".", 1)[1] in {"view", "export", "verify"} for act in GRANTS[rules.AUDITOR])


def every_act(unit, clerk, duty, request, sign_in, token):
    """Every act of administration with its code."""
    return {
        "people.organisation.create": lambda who: actions.create_organisation(who, "X1", "X", "unit", unit),
        "people.organisation.change": lambda who: actions.change_organisation(who, unit, name="New"),
        "people.organisation.move": lambda who: actions.move_organisation(who, unit, None),
        "people.organisation.close": lambda who: actions.close_organisation(who, unit),
        "people.organisation.reopen": lambda who: actions.reopen_organisation(who, unit),
        "people.user.create": lambda who: actions.create_user(who, "new", "New", unit),
        "people.user.change": lambda who: actions.change_user(who, clerk, phone="1"),
        "people.user.disable": lambda who: actions.disable_user(who, clerk),
        "people.user.enable": lambda who: actions.enable_user(who, clerk),
        "people.user.reset_password": lambda who: actions.reset_password(who, clerk),
        "people.user.unlock": lambda who: actions.unlock_user(who, clerk),
        "people.second_factor.reset": lambda who: actions.reset_second_factor(who, clerk),
        "people.duty.grant": lambda who: actions.grant_duty(who, clerk, PLAIN.code, unit),
        "people.duty.confirm": lambda who: actions.decide_grant(who, request, True),
        "people.duty.end": lambda who: actions.end_duty(who, duty),
        "people.policy.change": lambda who: actions.set_policy(who, lock_after=4),
        "people.session.revoke": lambda who: actions.revoke_sessions(who, clerk),
        "people.token.create": lambda who: actions.create_token(who, builders.user(is_machine=True), "t"),
        "people.token.revoke": lambda who: actions.revoke_token(who, token),
    }


ACTS = sorted(every_act(*[None] * 6))


@pytest.mark.parametrize("act", ACTS)
def test_each_act_is_done_by_its_administrator_only_and_is_recorded(
    act, unit, clerk, system_administrator, security_administrator, auditor
):
    duty = Duty.objects.create(user=builders.user(at=unit), role=PRIVILEGED.code, organisation=unit)
    request = GrantRequest.objects.create(
        user=clerk, role=PRIVILEGED.code, organisation=unit, starts_on=date(2026, 1, 1), asked_by=builders.user()
    )
    token, _text = actions.create_token(clerk, clerk, "mine")
    do = every_act(unit, clerk, duty, request, None, token)[act]
    for who in (system_administrator, security_administrator, auditor, builders.user()):
        before = Entry.objects.count()
        if access.may(who, act):
            with transaction.atomic():
                if act == "people.organisation.close":
                    clerk.is_active = False
                    clerk.save()
                    type(clerk).objects.filter(organisation=unit).update(is_active=False)
                if act == "people.organisation.reopen":
                    type(unit).objects.filter(pk=unit.pk).update(active=False)
                if act == "people.user.enable":
                    type(clerk).objects.filter(pk=clerk.pk).update(is_active=False)
                if act == "people.organisation.move":
                    unit.parent = builders.organisation()
                    unit.save()
                do(who)
                entry = Entry.objects.order_by("pk").last()
                assert (Entry.objects.count() > before, entry.act, entry.actor_id) == (True, act, who.pk)
                transaction.set_rollback(True)
        else:
            with pytest.raises(NotPermitted):
                do(who)
            assert Entry.objects.count() == before
    assert sum(access.may(who, act) for who in (system_administrator, security_administrator, auditor)) == 1


@pytest.mark.parametrize("first", sorted(rules.ADMINISTRATORS))
@pytest.mark.parametrize("second", sorted(rules.ADMINISTRATORS))
def test_nobody_holds_two_of_the_three(first, second, clerk, unit, security_administrator):
    actions.grant_duty(security_administrator, clerk, first, unit)
    refusal = errors.DutyHeld if first == second else errors.RolesSeparated
    with pytest.raises(refusal):
        actions.grant_duty(security_administrator, clerk, second, unit)


def test_the_auditor_holds_no_other_role_and_no_other_becomes_auditor(clerk, unit, security_administrator):
    actions.grant_duty(security_administrator, clerk, rules.AUDITOR, unit)
    with pytest.raises(errors.RolesSeparated):
        actions.grant_duty(security_administrator, clerk, PLAIN.code, unit)
    other = builders.user()
    actions.grant_duty(security_administrator, other, PLAIN.code, unit)
    with pytest.raises(errors.RolesSeparated):
        actions.grant_duty(security_administrator, other, rules.AUDITOR, unit)


def test_one_after_the_other_is_no_conflict(clerk, unit, security_administrator):
    today = timezone.localdate()
    actions.grant_duty(security_administrator, clerk, rules.AUDITOR, unit, ends_on=today + timedelta(days=9))
    later = today + timedelta(days=10)
    actions.grant_duty(security_administrator, clerk, rules.SYSTEM_ADMINISTRATOR, unit, starts_on=later)
    with pytest.raises(errors.RolesSeparated):
        actions.grant_duty(security_administrator, clerk, rules.SECURITY_ADMINISTRATOR, unit, ends_on=today)


def test_the_database_itself_refuses_two_of_the_three(clerk, unit):
    Duty.objects.create(user=clerk, role=rules.AUDITOR, organisation=unit)
    with pytest.raises(IntegrityError, match="three administrators"), transaction.atomic():
        Duty.objects.create(user=clerk, role=rules.SYSTEM_ADMINISTRATOR, organisation=unit)
    other = Duty.objects.create(user=clerk, role=PLAIN.code, organisation=unit)
    with pytest.raises(IntegrityError, match="three administrators"), transaction.atomic():
        Duty.objects.filter(pk=other.pk).update(role=rules.SECURITY_ADMINISTRATOR)


@pytest.mark.django_db(transaction=True)
def test_two_grants_at_the_same_moment_do_not_slip_past_each_other():
    unit = builders.organisation()
    clerk = builders.user("clerk", unit)
    gate, outcomes = threading.Barrier(2), []

    def insert(role):
        try:
            with transaction.atomic():
                gate.wait(5)
                Duty.objects.create(user=clerk, role=role, organisation=unit)
            outcomes.append("done")
        except IntegrityError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=insert, args=[role]) for role in (rules.AUDITOR, rules.SYSTEM_ADMINISTRATOR)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    close_old_connections()
    assert sorted(outcomes) == ["done", "refused"]


def test_nobody_grants_to_themselves_not_even_past_the_actions(security_administrator, unit):
    with pytest.raises(errors.NotToOneself):
        actions.grant_duty(security_administrator, security_administrator, PLAIN.code, unit)
    with pytest.raises(IntegrityError, match="duty_not_by_oneself"), transaction.atomic():
        Duty.objects.create(
            user=security_administrator, role=PLAIN.code, organisation=unit, granted_by=security_administrator
        )


@pytest.mark.parametrize("act", [actions.unlock_user, actions.reset_second_factor])
def test_security_administrators_do_not_serve_themselves(act, security_administrator):
    with pytest.raises(errors.NotToOneself):
        act(security_administrator, security_administrator)


@pytest.mark.parametrize("act", [actions.disable_user, actions.enable_user, actions.reset_password])
def test_system_administrators_do_not_serve_themselves(act, system_administrator):
    with pytest.raises(errors.NotToOneself):
        act(system_administrator, system_administrator)


def test_granting_refuses_what_is_wrong(clerk, unit, security_administrator):
    grant = lambda **more: actions.grant_duty(  # noqa: E731
        security_administrator, more.pop("user", clerk), more.pop("role", PLAIN.code), more.pop("at", unit), **more
    )
    with pytest.raises(errors.UnknownRole):
        grant(role="no.such")
    with pytest.raises(Invalid):
        grant(starts_on=date(2026, 2, 1), ends_on=date(2026, 1, 1))
    with pytest.raises(errors.Inactive):
        grant(user=builders.user(is_active=False))
    with pytest.raises(errors.Inactive):
        grant(at=builders.organisation(active=False))
    with pytest.raises(Invalid):
        grant(user=builders.user(is_machine=True), role=PRIVILEGED.code)


def test_a_duty_ends_at_once_and_can_be_granted_again(clerk, unit, security_administrator):
    duty = actions.grant_duty(security_administrator, clerk, PLAIN.code, unit)
    clerk.refresh_from_db()
    assert access.may(clerk, "tests.paper.view")
    actions.end_duty(security_administrator, duty)
    clerk.refresh_from_db()
    assert not access.may(clerk, "tests.paper.view")
    with pytest.raises(errors.DutyEnded):
        actions.end_duty(security_administrator, duty)
    again = actions.grant_duty(security_administrator, clerk, PLAIN.code, unit)
    assert (again.pk, again.ended_at) == (duty.pk, None)
    assert [entry.act for entry in trail.history(clerk)] == [
        "people.duty.grant",
        "people.duty.end",
        "people.duty.grant",
    ]


def test_a_duty_that_ends_on_a_day_holds_through_it(clerk, unit, security_administrator):
    today = timezone.localdate()
    duty = actions.grant_duty(security_administrator, clerk, PLAIN.code, unit)
    with pytest.raises(Invalid):
        actions.end_duty(security_administrator, duty, on=today - timedelta(days=1))
    duty = actions.end_duty(security_administrator, duty, on=today)
    assert duty.holds_on(today)
    assert not duty.holds_on(today + timedelta(days=1))


def test_the_last_administrator_stays(security_administrator, system_administrator, auditor):
    second = builders.holder(rules.SECURITY_ADMINISTRATOR)
    duty = auditor.duties.get()
    with pytest.raises(errors.LastAdministrator):
        actions.end_duty(security_administrator, duty)
    with pytest.raises(errors.LastAdministrator):
        actions.disable_user(system_administrator, auditor)
    actions.disable_user(system_administrator, second)
    with pytest.raises(errors.LastAdministrator):
        actions.disable_user(system_administrator, security_administrator)


# Two security administrators


@pytest.fixture
def two_needed(security_administrator):
    actions.set_policy(security_administrator, second_administrator=True)
    return builders.holder(rules.SECURITY_ADMINISTRATOR, name="sec2")


def test_a_privileged_role_waits_for_the_second_administrator(two_needed, security_administrator, clerk, unit):
    request = actions.grant_duty(security_administrator, clerk, PRIVILEGED.code, unit)
    assert isinstance(request, GrantRequest)
    assert not clerk.duties.exists()
    assert isinstance(actions.grant_duty(security_administrator, clerk, PLAIN.code, unit), Duty)
    with pytest.raises(errors.AnotherDecides):
        actions.decide_grant(security_administrator, request, True)
    with pytest.raises(errors.AnotherDecides):
        actions.decide_grant(SYSTEM, request, True)
    duty = actions.decide_grant(two_needed, request, True)
    assert (duty.role, duty.granted_by) == (PRIVILEGED.code, security_administrator)
    with pytest.raises(errors.Decided):
        actions.decide_grant(two_needed, request, False)


def test_who_would_receive_does_not_decide(two_needed, security_administrator, unit):
    request = actions.grant_duty(security_administrator, two_needed, PRIVILEGED.code, unit)
    with pytest.raises(errors.AnotherDecides):
        actions.decide_grant(two_needed, request, True)


def test_a_declined_grant_gives_nothing_and_separation_is_looked_at_again(
    two_needed, security_administrator, clerk, unit
):
    declined = actions.grant_duty(security_administrator, clerk, PRIVILEGED.code, unit)
    assert actions.decide_grant(two_needed, declined, False, "not needed") is None
    request = actions.grant_duty(security_administrator, clerk, rules.AUDITOR, unit)
    actions.grant_duty(security_administrator, clerk, PLAIN.code, unit)
    with pytest.raises(errors.RolesSeparated):
        actions.decide_grant(two_needed, request, True)
    assert not clerk.duties.filter(role=rules.AUDITOR).exists()


# Policies


def test_policies_are_versions_that_are_never_rewritten(security_administrator):
    today = timezone.localdate()
    first = actions.set_policy(security_administrator, lock_after=4)
    later = actions.set_policy(security_administrator, today + timedelta(days=5), lock_after=3, today=today)
    assert (first.version, later.version) == (1, 2)
    from chengheng.common.people import queries

    assert queries.policy_on(today).lock_after == 4
    assert queries.policy_on(today + timedelta(days=5)).lock_after == 3
    assert queries.policy_on(today - timedelta(days=1)) == rules.DEFAULT_POLICY
    for change in (lambda: AccessPolicy.objects.update(lock_after=20), lambda: AccessPolicy.objects.all().delete()):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()
    with pytest.raises(errors.PolicyTooEarly):
        actions.set_policy(security_administrator, today - timedelta(days=1))
    with pytest.raises(errors.PolicyOutOfBounds):
        actions.set_policy(security_administrator, lock_after=1000)
    with pytest.raises(Invalid):
        actions.set_policy(security_administrator, no_such=1)


# Organisations and accounts


def test_a_subtree_moves_with_its_rights(unit, system_administrator):
    left, right = (builders.organisation(name) for name in ("Left", "Right"))
    actions.move_organisation(system_administrator, unit, left)
    below = actions.create_organisation(system_administrator, "B1", "Below", "unit", type(unit).objects.get(pk=unit.pk))
    boss = builders.holder(PLAIN.code, at=right)
    assert not access.may(boss, "tests.paper.view", below)
    actions.move_organisation(system_administrator, unit, right)
    below.refresh_from_db()
    assert below.path == f"/{right.pk}/{unit.pk}/{below.pk}/"
    assert access.may(boss, "tests.paper.view", below)
    assert not access.may(builders.holder(PLAIN.code, at=left), "tests.paper.view", below)


def test_rights_follow_when_the_holders_own_organisation_moves(unit, system_administrator):
    left = builders.organisation("Left")
    boss = builders.holder(PLAIN.code, at=unit)
    assert access.may(boss, "tests.paper.view", unit)
    actions.move_organisation(system_administrator, unit, left)
    boss.refresh_from_db()
    unit.refresh_from_db()
    assert access.may(boss, "tests.paper.view", unit)
    assert not access.may(boss, "tests.paper.view", left)


def test_organisations_refuse_what_is_wrong(unit, system_administrator):
    child = builders.organisation(parent=unit)
    with pytest.raises(errors.TreeLoop):
        actions.move_organisation(system_administrator, unit, child)
    with pytest.raises(errors.TreeLoop):
        actions.move_organisation(system_administrator, unit, unit)
    with pytest.raises(errors.CodeTaken):
        actions.create_organisation(system_administrator, unit.code, "X", "unit")
    with pytest.raises(Invalid):
        actions.create_organisation(system_administrator, "N1", "X", "no such kind")
    with pytest.raises(Invalid):
        actions.create_organisation(system_administrator, "N1", " ", "unit")
    with pytest.raises(Invalid):
        actions.change_organisation(system_administrator, unit, code="other")
    with pytest.raises(errors.OrganisationInUse):
        actions.close_organisation(system_administrator, unit)
    actions.close_organisation(system_administrator, child)
    with pytest.raises(errors.Inactive):
        actions.close_organisation(system_administrator, child)
    with pytest.raises(errors.Inactive):
        actions.create_organisation(system_administrator, "N2", "X", "unit", child)
    with pytest.raises(errors.Inactive):
        actions.move_organisation(system_administrator, builders.organisation(), child)
    actions.close_organisation(system_administrator, unit)
    with pytest.raises(errors.Inactive):
        actions.reopen_organisation(system_administrator, child)


def test_accounts_refuse_what_is_wrong(unit, system_administrator, clerk):
    create = lambda name="n", **more: actions.create_user(system_administrator, name, "N", more.pop("at", unit), **more)  # noqa: E731
    for name in ("", "a b", "x" * 61, "a/b"):
        with pytest.raises(Invalid):
            create(name)
    with pytest.raises(errors.NameTaken):
        create("CLERK")
    with pytest.raises(errors.WeakPassword):
        create(password="short")
    with pytest.raises(errors.Inactive):
        create(at=builders.organisation(active=False))
    with pytest.raises(Invalid, match=""):
        create(is_demo=True)
    with pytest.raises(errors.Inactive):
        actions.change_user(system_administrator, clerk, organisation=builders.organisation(active=False))
    with pytest.raises(Invalid):
        actions.change_user(system_administrator, clerk, is_active=False)


def test_a_new_account_has_a_password_that_must_change_and_a_machine_has_none(unit, system_administrator):
    user, initial = actions.create_user(system_administrator, "new", "New", unit)
    assert user.check_password(initial)
    assert user.must_change_password
    assert not rules.password_faults(initial, rules.DEFAULT_POLICY)
    machine, nothing = actions.create_user(system_administrator, "robot", "Robot", unit, is_machine=True)
    assert (nothing, machine.has_usable_password()) == ("", False)
    with pytest.raises(Invalid):
        actions.reset_password(system_administrator, machine)
