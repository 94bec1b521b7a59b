"""The one place that decides: may this user do this act, and to which rows. Pages and API both ask here.

A user's permission is the union of the grants of the duties they hold today. A model says by `access_scope` which of
its fields carry the organisation, the area and the owner. What a model does not carry, that reach does not give.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.people import roles
from chengheng.common.people.roles import Reach

if TYPE_CHECKING:
    from chengheng.common.people.models import Duty, User

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Scope:
    """How a model's rows belong to somebody, as field look-ups ("case__department").

    `organisation`: a foreign key to Organisation ("" when the model is Organisation itself); `area`: a text field with
    an area code; `owner`: a foreign key to User ("pk" when the model is User itself), or several of which any may own.
    None: rows carry no such thing.
    """

    organisation: str | None = None
    area: str | None = None
    owner: str | tuple[str, ...] | None = None

    def filter(self, reach: Reach, user: User, duty: Duty) -> Q | None:
        """The rows that `reach` opens to this holder of the duty; None for no row."""
        if reach is Reach.ALL:
            return Q()
        if reach is Reach.ORGANISATION and self.organisation is not None:
            path = f"{self.organisation}__path" if self.organisation else "path"
            return Q(**{f"{path}__startswith": duty.organisation.path})
        if reach is Reach.AREA and self.area is not None and duty.area_code:
            return Q(**{f"{self.area}__startswith": duty.area_code})
        if reach is Reach.OWN and self.owner is not None:
            owners = (self.owner,) if isinstance(self.owner, str) else self.owner
            return reduce(or_, (Q(**{owner: user.pk}) for owner in owners))
        return None

    def gives(self, reach: Reach, user_id: int, duty: Duty, belonging: Belonging) -> bool:
        """What `filter` finds in the database, for one row whose belonging is at hand."""
        if reach is Reach.ALL:
            return True
        if reach is Reach.ORGANISATION:
            return any(path.startswith(duty.organisation.path) for path in belonging.paths)
        if reach is Reach.AREA:
            return bool(duty.area_code) and any(code.startswith(duty.area_code) for code in belonging.areas)
        return reach is Reach.OWN and user_id in belonging.owners

    def belonging(self, subject: Model) -> Belonging:
        """Whose this row is."""
        rows = type(subject)._default_manager.filter(pk=subject.pk)

        def found(lookups: Iterable[str]) -> set[Any]:
            return {value for look_up in lookups for value in rows.values_list(look_up, flat=True) if value is not None}

        path = None if self.organisation is None else f"{self.organisation}__path" if self.organisation else "path"
        owners = (self.owner,) if isinstance(self.owner, str) else self.owner or ()
        return Belonging(found([path] if path else []), found([self.area] if self.area else []), found(owners))


@dataclass(frozen=True)
class Belonging:
    """The organisations (paths), areas (codes) and owners (users' ids) of one row."""

    paths: set[str]
    areas: set[str]
    owners: set[int]


class Machine:
    """The actor of what runs by itself: schedules, probes, importers started by the system."""

    pk = None
    is_authenticated = True
    is_active = True

    def __str__(self) -> str:
        return "system"


SYSTEM = Machine()
Actor = Any  # User | Machine | AnonymousUser; Django's own types for request.user are this loose too


_held: dict[tuple[int, UUID, date], list[Duty]] = {}  # per process; see `duties`
_HELD_AT_MOST = 5000


_day: tuple[datetime, datetime, date] | None = None  # the day that was asked for last: its begin, its end, its date


def _today() -> date:
    """`timezone.localdate()` for the many questions of one page: the zone is asked once a day."""
    global _day
    now, known = timezone.now(), _day
    if known is None or not known[0] <= now < known[1]:
        begin = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        known = _day = (begin.astimezone(UTC), (begin + timedelta(days=1)).astimezone(UTC), begin.date())
    return known[2]


def duties(user: Actor) -> list[Duty]:
    """The duties that the user holds today, with organisations.

    Kept per process under the user's `access_stamp`, which a database trigger renews with every change of their duties
    or of the place of a duty's organisation: the user's row, which each request reads anyway, tells whether what is
    kept still holds, in every process at once. A random stamp never comes back, so a rolled-back change leaves nothing.
    """
    if user is SYSTEM or not user.is_authenticated or not user.is_active:
        return []
    today = _today()
    key = (user.pk, user.access_stamp, today)
    held = _held.get(key)
    if held is None:
        held = list(user.duties.held_on(today).select_related("organisation"))
        if len(_held) >= _HELD_AT_MOST:
            _held.clear()
        _held[key] = held
    return held


def is_privileged(user: Actor) -> bool:
    """Whether one of the user's roles asks for a second factor."""
    held = (roles.get(duty.role) for duty in duties(user))
    return any(role is not None and role.privileged for role in held)


def grants(user: Actor, act: str) -> list[tuple[Reach, Duty]]:
    """The reaches by which the user may do `act`, each with the duty that gives it."""
    limits: frozenset[str] | None = getattr(user, "token_acts", None)
    if limits is not None and act not in limits:
        return []
    found = []
    for duty in duties(user):
        role = roles.get(duty.role)
        if role is not None and act in role.grants:
            found.append((role.grants[act], duty))
    return found


def visible(user: Actor, act: str, queryset: QuerySet[Row]) -> QuerySet[Row]:
    """The rows of `queryset` to which the user may do `act`; none when they may not at all."""
    if user is SYSTEM:
        return queryset
    scope: Scope = getattr(queryset.model, "access_scope", Scope())
    reachable = Q(pk__in=[])
    for reach, duty in grants(user, act):
        if reach is Reach.ALL:
            return queryset
        rows = scope.filter(reach, user, duty)
        if rows is not None:
            reachable |= rows
    return queryset.filter(reachable)


def may(user: Actor, act: str, subject: Model | None = None) -> bool:
    """Whether the user may do `act` at all, or to `subject` when one is given."""
    if user is SYSTEM:
        return True
    held = grants(user, act)
    if not held or subject is None:
        return bool(held)
    if any(reach is Reach.ALL for reach, _duty in held):
        return True
    return visible(user, act, type(subject)._default_manager.filter(pk=subject.pk)).exists()


def allowed(user: Actor, acts: Iterable[str], subject: Model) -> set[str]:
    """Those of `acts` that the user may do to `subject`: `may` for each, asked once where the same duties decide."""
    answers: dict[frozenset[tuple[Reach, int]], bool] = {}
    found = set()
    for act in acts:
        deciding = (
            frozenset((reach, duty.pk) for reach, duty in grants(user, act)) if user is not SYSTEM else frozenset()
        )
        if deciding not in answers:
            answers[deciding] = may(user, act, subject)
        if answers[deciding]:
            found.add(act)
    return found


def able(act: str, subject: Model) -> list[User]:
    """The active people who may do `act` to this subject, in a few queries however many they are."""
    from chengheng.common.people.models import Duty

    granting = {role.code: role.grants[act] for role in roles.granting(act)}
    held = Duty.objects.held_on(timezone.localdate()).filter(
        role__in=granting, user__is_active=True, user__is_machine=False
    )
    scope: Scope = getattr(type(subject), "access_scope", Scope())
    belonging = scope.belonging(subject)
    found = {
        duty.user_id: duty.user
        for duty in held.select_related("user", "organisation").order_by("user")
        if scope.gives(granting[duty.role], duty.user_id, duty, belonging)
    }
    return list(found.values())


def require(user: Actor, act: str, subject: Model | None = None) -> None:
    """Raise NotPermitted unless `may`."""
    if not may(user, act, subject):
        raise NotPermitted(act=act)


def fetch(user: Actor, act: str, queryset: QuerySet[Row], **lookup: Any) -> Row:
    """The one row of the look-up to which the user may do `act`; NotFound otherwise, whatever the reason."""
    found = visible(user, act, queryset).filter(**lookup)
    row = next(iter(found.order_by()[:1]), None) if "pk" in lookup else found.first()
    if row is None:
        raise NotFound
    return row


def fetch_locked(user: Actor, act: str, queryset: QuerySet[Row], **lookup: Any) -> Row:
    """As `fetch`, with the row locked until the transaction ends."""
    return fetch(user, act, queryset.select_for_update(of=("self",)), **lookup)
