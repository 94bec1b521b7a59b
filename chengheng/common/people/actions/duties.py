"""Granting and ending duties: where rights come from, so where the separation of the administrators is held."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access, queries, roles, rules
from chengheng.common.people.access import Actor
from chengheng.common.people.actions.common import by, keep_an_administrator, locked_user, not_to_oneself
from chengheng.common.people.errors import (
    AnotherDecides,
    Decided,
    DutyEnded,
    DutyHeld,
    Inactive,
    RolesSeparated,
    UnknownRole,
)
from chengheng.common.people.models import Duty, GrantRequest, Organisation, User


def _check_separation(user: User, role: roles.Role, starts_on: date, ends_on: date | None) -> None:
    """Raise RolesSeparated if the user holds, in an overlapping time, a role that excludes this one."""
    overlapping = Duty.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on), user=user, ended_at__isnull=True
    )
    if ends_on is not None:
        overlapping = overlapping.filter(starts_on__lte=ends_on)
    for duty in overlapping:
        other = roles.get(duty.role)
        if other is not None and roles.excludes(role, other):
            raise RolesSeparated(role=role.label, other=other.label)


def _check_grant(
    user: User, code: str, organisation: Organisation, area_code: str, starts_on: date, ends_on: date | None
) -> roles.Role:
    role = roles.get(code)
    if role is None:
        raise UnknownRole(field="role")
    if ends_on is not None and ends_on < starts_on:
        raise Invalid(field="ends_on")
    if not user.is_active:
        raise Inactive(name=user.display_name)
    if not organisation.active:
        raise Inactive(name=organisation.name)
    if user.is_machine and role.privileged:
        raise Invalid(field="role")  # a machine has no second factor
    _check_separation(user, role, starts_on, ends_on)
    same = Duty.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on),
        user=user, role=code, organisation=organisation, area_code=area_code, ended_at__isnull=True,
    )  # fmt: skip
    if same.exists():
        raise DutyHeld
    return role


def _grant(
    actor: Actor,
    user: User,
    code: str,
    organisation: Organisation,
    area_code: str,
    starts_on: date,
    ends_on: date | None,
    note: str,
    asked_by: User | None = None,
) -> Duty:
    """Write the duty; one that ended before is taken up again (what it was is in the trail)."""
    duty, _made = Duty.objects.update_or_create(
        user=user,
        role=code,
        organisation=organisation,
        area_code=area_code,
        defaults={"starts_on": starts_on, "ends_on": ends_on, "ended_at": None, "granted_by": asked_by or by(actor)},
    )
    data = {
        "duty": duty.pk, "role": code, "organisation": organisation.code, "area": area_code,
        "from": starts_on, "until": ends_on,
    }  # fmt: skip
    if asked_by is not None:
        data["asked_by"] = asked_by.username
    trail.record("people.duty.confirm" if asked_by else "people.duty.grant", actor, user, data, note)
    return duty


@transaction.atomic
def grant_duty(
    actor: Actor,
    user: User,
    role: str,
    organisation: Organisation,
    *,
    area_code: str = "",
    starts_on: date | None = None,
    ends_on: date | None = None,
    note: str = "",
) -> Duty | GrantRequest:
    """Give a user a role at an organisation, from a day (today) until a day (open).

    A privileged role becomes a GrantRequest for a second security administrator when the policy asks for one.
    Raises NotToOneself, UnknownRole, RolesSeparated, DutyHeld, Inactive. Recorded on the user's chain.
    """
    access.require(actor, "people.duty.grant")
    not_to_oneself(actor, user)
    person = locked_user(user)
    begin = starts_on or timezone.localdate()
    declared = _check_grant(person, role, organisation, area_code, begin, ends_on)
    asker = by(actor)
    if declared.privileged and asker is not None and queries.policy().second_administrator:
        request = GrantRequest.objects.create(
            user=person, role=role, organisation=organisation, area_code=area_code, starts_on=begin, ends_on=ends_on,
            asked_by=asker,
        )  # fmt: skip
        data = {"request": request.pk, "role": role, "organisation": organisation.code, "area": area_code}
        trail.record("people.duty.ask", actor, person, data, note)
        return request
    return _grant(actor, person, role, organisation, area_code, begin, ends_on, note)


@transaction.atomic
def decide_grant(
    actor: Actor, request: GrantRequest, accept: bool, note: str = "", *, now: datetime | None = None
) -> Duty | None:
    """A second security administrator accepts or declines; None when declined. Raises AnotherDecides, Decided."""
    access.require(actor, "people.duty.confirm")
    row = GrantRequest.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=request.pk)
    if row.decided_at is not None:
        raise Decided
    decider = by(actor)
    if decider is None or decider.pk in (row.asked_by_id, row.user_id):
        raise AnotherDecides
    row.decided_by, row.decided_at, row.accepted = decider, now or timezone.now(), accept
    row.save(update_fields=["decided_by", "decided_at", "accepted"])
    person = locked_user(row.user)
    if not accept:
        trail.record("people.duty.decline", actor, person, {"request": row.pk, "role": row.role}, note)
        return None
    _check_grant(person, row.role, row.organisation, row.area_code, row.starts_on, row.ends_on)
    return _grant(
        actor, person, row.role, row.organisation, row.area_code, row.starts_on, row.ends_on, note, row.asked_by
    )


@transaction.atomic
def end_duty(actor: Actor, duty: Duty, *, on: date | None = None, note: str = "", now: datetime | None = None) -> Duty:
    """End a duty at once, or after its last day `on`. Raises NotToOneself, DutyEnded, LastAdministrator."""
    access.require(actor, "people.duty.end")
    not_to_oneself(actor, duty.user)
    person = locked_user(duty.user)
    row = Duty.objects.select_for_update(of=("self",)).select_related("user", "organisation").get(pk=duty.pk)
    moment = now or timezone.now()
    if row.ended_at is not None or (row.ends_on is not None and row.ends_on < timezone.localdate(moment)):
        raise DutyEnded
    if by(actor) is not None and row.role in rules.ADMINISTRATORS:
        keep_an_administrator(person, frozenset({row.role}))
    if on is None:
        row.ended_at = moment
    elif on < max(row.starts_on, timezone.localdate(moment)):
        raise Invalid(field="ends_on")
    else:
        row.ends_on = on
    row.save(update_fields=["ended_at", "ends_on"])
    trail.record(
        "people.duty.end",
        actor,
        person,
        {"duty": row.pk, "role": row.role, "organisation": row.organisation.code, "last_day": on},
        note,
    )
    return row
