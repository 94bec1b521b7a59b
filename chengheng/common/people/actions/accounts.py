"""Acts of administrators on accounts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access, queries, rules
from chengheng.common.people.access import Actor
from chengheng.common.people.actions.common import (
    by,
    changed,
    check_new_password,
    keep_an_administrator,
    locked_user,
    new_password,
    not_to_oneself,
)
from chengheng.common.people.actions.sessions import end_sessions
from chengheng.common.people.errors import Inactive, NameTaken
from chengheng.common.people.models import Organisation, User

FIELDS = ("display_name", "organisation", "phone", "email")
USERNAME = re.compile(r"[\w.@+-]{1,60}")


@transaction.atomic
def create_user(
    actor: Actor,
    username: str,
    display_name: str,
    organisation: Organisation,
    *,
    phone: str = "",
    email: str = "",
    is_machine: bool = False,
    is_demo: bool = False,
    password: str | None = None,
    now: datetime | None = None,
) -> tuple[User, str]:
    """Make an account; returns it with its initial password ("" for one without: a machine only holds tokens, a
    demonstration account is chosen from a list).

    The password is random unless given, and must be changed at the first sign-in.
    An account has no rights until a security administrator grants a duty. Raises NameTaken, Inactive, WeakPassword.
    """
    access.require(actor, "people.user.create", organisation)
    if is_demo and by(actor) is not None:
        raise Invalid(field="is_demo")  # only the machinery that builds a demonstration makes such accounts
    username = User.normalize_username(username.strip())
    if not USERNAME.fullmatch(username):
        raise Invalid(field="username")
    if not display_name.strip():
        raise Invalid(field="display_name")
    if not organisation.active:
        raise Inactive(name=organisation.name)
    if User.objects.filter(username__iexact=username).exists():
        raise NameTaken(field="username")
    user = User(
        username=username,
        display_name=display_name.strip(),
        organisation=organisation,
        phone=phone,
        email=email,
        is_machine=is_machine,
        is_demo=is_demo,
    )
    initial = ""
    if is_machine or (is_demo and password is None):
        user.set_unusable_password()
    else:
        in_force = queries.policy()
        if password is not None:
            check_new_password(password, in_force, user)
        initial = password if password is not None else new_password(in_force)
        user.set_password(initial)
        user.password_changed_at = now or timezone.now()
        user.must_change_password = not is_demo
    user.save()
    data = {"username": username, "name": user.display_name, "organisation": organisation.code}
    trail.record("people.user.create", actor, user, data | {"machine": is_machine, "demo": is_demo}, new=True)
    return user, initial


@transaction.atomic
def change_user(actor: Actor, user: User, **values: Any) -> User:
    """Change name, organisation, telephone or e-mail. The organisation of an account gives no rights; duties do."""
    access.require(actor, "people.user.change", user)
    row = locked_user(user)
    unknown = values.keys() - set(FIELDS)
    if unknown:
        raise Invalid(field=sorted(unknown)[0])
    if "display_name" in values and not values["display_name"].strip():
        raise Invalid(field="display_name")
    if "organisation" in values:
        access.require(actor, "people.user.change", row)
        if not values["organisation"].active:
            raise Inactive(name=values["organisation"].name)
    change = changed(row, values)
    if change:
        row.save(update_fields=list(change))
        trail.record("people.user.change", actor, row, change)
    return row


@transaction.atomic
def disable_user(actor: Actor, user: User, note: str = "", *, now: datetime | None = None) -> User:
    """Shut an account: its sessions end and its tokens are revoked in the same moment. Raises LastAdministrator."""
    access.require(actor, "people.user.disable", user)
    not_to_oneself(actor, user)
    row = locked_user(user)
    if not row.is_active:
        raise Inactive(name=row.display_name)
    keep_an_administrator(row, rules.ADMINISTRATORS)
    moment = now or timezone.now()
    row.is_active = False
    row.save(update_fields=["is_active"])
    sessions = end_sessions(row, now=moment)
    tokens = row.tokens.filter(revoked_at__isnull=True).update(revoked_at=moment)
    trail.record("people.user.disable", actor, row, {"sessions": sessions, "tokens": tokens}, note)
    return row


@transaction.atomic
def enable_user(actor: Actor, user: User, note: str = "") -> User:
    """Open an account again; revoked tokens stay revoked. Its organisation must be in use."""
    access.require(actor, "people.user.enable", user)
    not_to_oneself(actor, user)
    row = locked_user(user)
    if not row.organisation.active:
        raise Inactive(name=row.organisation.name)
    if not row.is_active:
        row.is_active = True
        row.save(update_fields=["is_active"])
        trail.record("people.user.enable", actor, row, {}, note)
    return row


@transaction.atomic
def reset_password(actor: Actor, user: User, note: str = "", *, now: datetime | None = None) -> str:
    """Give a new initial password, which must be changed at once; the sessions end. Returns it, to be handed over once."""
    access.require(actor, "people.user.reset_password", user)
    not_to_oneself(actor, user)
    row = locked_user(user)
    if row.is_machine:
        raise Invalid(field="user")
    initial = new_password(queries.policy())
    row.set_password(initial)
    row.password_changed_at = now or timezone.now()
    row.must_change_password = True
    row.save(update_fields=["password", "password_changed_at", "must_change_password"])
    trail.record("people.user.reset_password", actor, row, {"sessions": end_sessions(row, now=now)}, note)
    return initial


@transaction.atomic
def reset_second_factor(actor: Actor, user: User, note: str = "", *, now: datetime | None = None) -> User:
    """Take away a lost second factor; who must have one sets up a new one at the next sign-in. The sessions end."""
    access.require(actor, "people.second_factor.reset", user)
    not_to_oneself(actor, user)
    row = locked_user(user)
    row.totp_secret, row.totp_last_step = "", None
    row.save(update_fields=["totp_secret", "totp_last_step"])
    row.recovery_codes.all().delete()
    trail.record("people.second_factor.reset", actor, row, {"sessions": end_sessions(row, now=now)}, note)
    return row


@transaction.atomic
def unlock_user(actor: Actor, user: User, note: str = "", *, now: datetime | None = None) -> User:
    """Lift the lock of a user name: failures before now no longer count."""
    access.require(actor, "people.user.unlock", user)
    not_to_oneself(actor, user)
    row = locked_user(user)
    row.unlocked_at = now or timezone.now()
    row.save(update_fields=["unlocked_at"])
    trail.record("people.user.unlock", actor, row, {}, note)
    return row
