"""The catalogue of roles: what each may do (acts) and to whose rows (reach). Rooms declare theirs from their own.

A role is data in code, because which acts exist is code. Who holds a role, where and when, is a `Duty` row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from django.utils.functional import Promise


class Reach(IntEnum):
    """Whose rows an act may touch, narrowest first."""

    OWN = 1
    AREA = 2
    ORGANISATION = 3
    ALL = 4


@dataclass(frozen=True)
class Role:
    """A role: `grants` maps acts to reach.

    `privileged` asks for a second factor at sign-in. `separated_from` names roles that the same user must never hold
    (separation of duties; for the three administrators GB/T 22239-2019 8.1.5 asks for it); "*" means every other role.
    """

    code: str
    label: str | Promise
    grants: Mapping[str, Reach]
    group: str = "common"
    privileged: bool = False
    separated_from: frozenset[str] = field(default_factory=frozenset)


_roles: dict[str, Role] = {}


def declare(role: Role) -> Role:
    """Add a role to the catalogue; the same code twice is a programming error."""
    if _roles.setdefault(role.code, role) is not role:
        raise ValueError(f"role {role.code} is declared twice")
    return role


def get(code: str) -> Role | None:
    """The role of this code, or None when no room declares it (any more)."""
    return _roles.get(code)


def excludes(one: Role, other: Role) -> bool:
    """Whether nobody may hold both at a time. An auditor, who changes nothing, holds no other role at all."""
    if one.code == other.code:
        return False
    return (
        other.code in one.separated_from
        or one.code in other.separated_from
        or "*" in one.separated_from | other.separated_from
    )


def all_roles() -> list[Role]:
    """All declared roles, by group and code."""
    return sorted(_roles.values(), key=lambda role: (role.group, role.code))


def granting(act: str) -> list[Role]:
    """The roles that may do `act`."""
    return [role for role in all_roles() if act in role.grants]


def all_acts() -> list[str]:
    """Every act that some role may do, sorted."""
    return sorted(every_act())


_acts: tuple[tuple[str, ...], frozenset[str]] = ((), frozenset())


def every_act() -> frozenset[str]:
    """As `all_acts`, unsorted and kept, because each call of the API asks."""
    global _acts
    declared = tuple(_roles)
    if _acts[0] != declared:
        _acts = (declared, frozenset(act for role in _roles.values() for act in role.grants))
    return _acts[1]
