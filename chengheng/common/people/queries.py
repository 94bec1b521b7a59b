"""What is asked about people: the policy in force, sessions, holders of roles, the permission matrix."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.utils import timezone

from chengheng.common.people import access, roles, rules
from chengheng.common.people.models import AccessPolicy, Duty, Organisation, SignIn, User
from chengheng.common.trail import acts


def policy_on(day: date) -> rules.Policy:
    """The policy in force on a day: of the rows in force the one that begins last; the default without any."""
    row = AccessPolicy.objects.filter(effective_from__lte=day).order_by("-effective_from", "-version").first()
    return row.as_rules() if row else rules.DEFAULT_POLICY


def policy() -> rules.Policy:
    """The policy in force today."""
    return policy_on(timezone.localdate())


_recent: tuple[float, rules.Policy] | None = None
_RECENT_SECONDS = 10


def recent_policy() -> rules.Policy:
    """As `policy`, up to ten seconds old: for what every request asks."""
    global _recent
    now = time.monotonic()
    if _recent is None or now - _recent[0] > _RECENT_SECONDS:
        _recent = (now, policy())
    return _recent[1]


def forget_policy() -> None:
    """Read the policy anew next time."""
    global _recent
    _recent = None


def needs_second_factor(user: User, in_force: rules.Policy | None = None) -> bool:
    """Whether a password alone does not let this user in. A demonstration waives it for demonstration accounts."""
    if settings.DEMO and user.is_demo:
        return False
    in_force = in_force or policy()
    return user.has_second_factor or second_factor_compulsory(user, in_force)


def second_factor_compulsory(user: User, in_force: rules.Policy | None = None) -> bool:
    """Whether the user must have a second factor: by a privileged role, or by policy for all."""
    if settings.DEMO and user.is_demo:
        return False
    return access.is_privileged(user) or (in_force or policy()).second_factor_for_all


def failures(*, username: str = "", origin: str = "", since: datetime, limit: int) -> list[datetime]:
    """Times of failed sign-ins by user name or by origin after `since`, newest first, at most `limit`."""
    who = Q(username=username) if username else Q(origin=origin)
    rows = SignIn.objects.filter(who, at__gt=since, outcome__in=SignIn.FAILURES)
    return list(rows.order_by("-at", "-pk").values_list("at", flat=True)[:limit])


def open_sessions(users: Iterable[User] | None = None, now: datetime | None = None) -> QuerySet[SignIn]:
    """Sessions that are open, as the sign-ins that opened them; of these users, or of all."""
    alive = Session.objects.filter(expire_date__gt=now or timezone.now()).values("session_key")
    found = SignIn.objects.filter(outcome=SignIn.Outcome.DONE, ended_at__isnull=True, session_key__in=alive)
    return found if users is None else found.filter(user__in=users)


def locked_until(username: str, unlocked_at: datetime | None, in_force: rules.Policy, now: datetime) -> datetime | None:
    """When the lock of a user name ends; None when it is not locked."""
    since = now - rules.counting_time(in_force)
    last = (
        SignIn.objects.filter(username=username, outcome=SignIn.Outcome.DONE, at__gt=since)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    since = max(moment for moment in (since, last, unlocked_at) if moment is not None)
    return rules.locked_until(
        failures(username=username, since=since, limit=in_force.lock_after), in_force.lock_after, in_force, now
    )


def holders(role: str, organisation: Organisation | None = None, day: date | None = None) -> QuerySet[User]:
    """Active users who hold a role on a day (today), at an organisation or anywhere."""
    held = Duty.objects.held_on(day or timezone.localdate()).filter(role=role)
    if organisation is not None:
        held = held.filter(organisation=organisation)
    return User.objects.filter(pk__in=held.values("user"), is_active=True)


def holders_of_act(act: str, day: date | None = None) -> QuerySet[User]:
    """Active users with some role that may do `act`."""
    codes = [role.code for role in roles.granting(act)]
    held = Duty.objects.held_on(day or timezone.localdate()).filter(role__in=codes)
    return User.objects.filter(pk__in=held.values("user"), is_active=True)


@dataclass(frozen=True)
class MatrixRow:
    """One act of the permission matrix: its room, label, and the reach per role (None: may not)."""

    room: str
    act: str
    label: str
    reaches: list[roles.Reach | None]


def permission_matrix(group: str = "") -> tuple[list[roles.Role], list[MatrixRow]]:
    """Roles (of a group, or all) and a row per act that any of them may do."""
    columns = [role for role in roles.all_roles() if not group or role.group == group]
    rows = [
        MatrixRow(act.split(".")[0], act, acts.label(act), [role.grants.get(act) for role in columns])
        for act in sorted({act for role in columns for act in role.grants})
    ]
    return columns, rows


def demo_users() -> list[tuple[str, list[User]]]:
    """The demonstration users by the label of their first role, for the sign-in page; empty outside a demonstration."""
    if not settings.DEMO:
        return []
    users = User.objects.filter(is_demo=True, is_active=True, is_machine=False).select_related("organisation")
    held: dict[int, Duty] = {}
    for duty in Duty.objects.held_on(timezone.localdate()).filter(user__in=users).order_by("pk"):
        held.setdefault(duty.user_id, duty)
    groups: dict[str, list[User]] = {}
    known = {role.code: number for number, role in enumerate(roles.all_roles())}
    for user in sorted(
        users, key=lambda user: (known.get(held[user.pk].role, 999) if user.pk in held else 1000, user.pk)
    ):
        groups.setdefault(held[user.pk].label if user.pk in held else "", []).append(user)
    return list(groups.items())
