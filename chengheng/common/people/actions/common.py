"""What several acts of this room share."""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from chengheng.common.people import access, roles, rules
from chengheng.common.people.access import Actor
from chengheng.common.people.errors import LastAdministrator, NotToOneself, WeakPassword
from chengheng.common.people.models import User

_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_DIGITS = "23456789"
_SIGNS = "-+=%"


def by(actor: Actor) -> User | None:
    """The actor as a foreign key: None for machines."""
    return actor if isinstance(actor, User) else None


def not_to_oneself(actor: Actor, user: User) -> None:
    if actor.pk is not None and actor.pk == user.pk:
        raise NotToOneself


def locked_user(user: User) -> User:
    """The row, locked until the transaction ends."""
    return User.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=user.pk)


def changed(row: Any, values: dict[str, Any]) -> dict[str, list[Any]]:
    """Set the values on the row (not saved); what really changed as {field: [before, after]}, foreign keys by id."""
    found = {}
    for name, value in values.items():
        before = getattr(row, name)
        if before != value:
            found[name] = [getattr(before, "pk", before), getattr(value, "pk", value)]
            setattr(row, name, value)
    return found


def check_new_password(password: str, policy: rules.Policy, user: User) -> None:
    """Raise WeakPassword with every reason at once."""
    personal = [user.username, user.display_name, user.phone, *re.split(r"[@.]", user.email)]
    faults = [str(fault) for fault in rules.password_faults(password, policy, personal)]
    try:
        CommonPasswordValidator().validate(password)
    except ValidationError:
        faults.append(_("It is among the passwords that are tried first everywhere."))
    if faults:
        raise WeakPassword(field="password", faults=" ".join(faults))


def new_password(policy: rules.Policy) -> str:
    """A random initial password that satisfies any policy, without characters that are mistaken for one another."""
    length = max(16, policy.password_min_length)
    kinds = (_LETTERS, _LETTERS.upper(), _DIGITS, _SIGNS)
    while True:
        drawn = "".join(secrets.choice("".join(kinds)) for _n in range(length))
        if all(any(c in kind for c in drawn) for kind in kinds):
            return drawn


def keep_an_administrator(user: User, codes: frozenset[str]) -> None:
    """Raise LastAdministrator if nobody else holds one of these administrators' roles. Locks out a race of two."""
    from chengheng.common.people import queries

    held = {duty.role for duty in access.duties(user)} & rules.ADMINISTRATORS & codes
    for code in sorted(held):
        others = queries.holders(code).exclude(pk=user.pk).filter(is_machine=False).order_by("pk")
        if not others.select_for_update(of=("self",)).exists():
            role = roles.get(code)
            raise LastAdministrator(role=role.label if role else code)
