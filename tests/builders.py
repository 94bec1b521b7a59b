"""Builders of the things that many tests need. Each takes what the test is about and fills in the rest."""

from __future__ import annotations

import itertools
from typing import Any

from chengheng.common.people.models import Duty, Organisation, User

_numbers = itertools.count(1)


def organisation(name: str = "", parent: Organisation | None = None, kind: str = "unit", **fields: Any) -> Organisation:
    number = next(_numbers)
    fields.setdefault("code", f"O{number}")
    return Organisation.objects.create(name=name or f"Organisation {number}", kind=kind, parent=parent, **fields)


def user(name: str = "", at: Organisation | None = None, **fields: Any) -> User:
    number = next(_numbers)
    name = name or f"user{number}"
    fields.setdefault("password", "!")  # none: nobody can sign in with it, so none is too old
    return User.objects.create(username=name, display_name=name, organisation=at or organisation(), **fields)


def holder(role: str, at: Organisation | None = None, area_code: str = "", name: str = "") -> User:
    """A user who holds `role` at an organisation, from long ago."""
    person = user(name, at)
    Duty.objects.create(
        user=person, role=role, organisation=person.organisation, area_code=area_code, starts_on="2020-01-01"
    )
    return person


def also(person: User, *roles: str) -> User:
    """The same person with further roles; who asked before keeps the duties that were read then, so take what comes back."""
    for role in roles:
        Duty.objects.create(user=person, role=role, organisation=person.organisation, starts_on="2020-01-01")
    return User.objects.get(pk=person.pk)
