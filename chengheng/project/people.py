"""What the command line does to users. Whoever has the shell has the site: the trail names the system as the actor."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import trail
from chengheng.common.errors import Invalid, NotFound, Refusal
from chengheng.common.people import roles
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import Duty, Organisation, OrganisationKind, User


class NoSuchUser(NotFound):
    code = "no_such_user"
    message = _("There is no user %(name)s.")


class NameTaken(Refusal):
    code = "name_taken"
    message = _("There is a user %(name)s already.")


class NoSuchOrganisation(Invalid):
    code = "no_such_organisation"
    message = _("There is no organisation with the code %(code)s.")


class NoSuchRole(Invalid):
    code = "no_such_role"
    message = _("There is no role %(role)s. Roles: %(known)s.")


class RolesApart(Invalid):
    code = "roles_apart"
    message = _("Roles %(one)s and %(other)s must not be held by one person.")


class WeakPassword(Invalid):
    code = "weak_password"
    message = _("This password cannot be taken: %(reasons)s")


def find_user(username: str) -> User:
    """The user of this name, in any case of letters; NoSuchUser."""
    person = User.objects.filter(username__iexact=username).first()
    if person is None:
        raise NoSuchUser(name=username)
    return person


def _check_password(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise WeakPassword(reasons=" ".join(error.messages)) from error


def _check_roles(codes: Sequence[str]) -> None:
    for code in codes:
        role = roles.get(code)
        if role is None:
            raise NoSuchRole(role=code, known=", ".join(known.code for known in roles.all_roles()) or "–")
        for other in codes:
            if other in role.separated_from:
                raise RolesApart(one=code, other=other)


@transaction.atomic
def create_user(
    username: str,
    password: str,
    *,
    display_name: str,
    organisation_code: str,
    new_organisation: tuple[str, str] | None = None,
    role_codes: Sequence[str] = (),
) -> User:
    """A user with duties at one organisation, which is made too when `new_organisation` (name, kind) is given."""
    if User.objects.filter(username__iexact=username).exists():
        raise NameTaken(name=username)
    _check_roles(role_codes)
    organisation = Organisation.objects.filter(code=organisation_code).first()
    if organisation is None:
        if new_organisation is None or new_organisation[1] not in OrganisationKind.values:
            raise NoSuchOrganisation(code=organisation_code)
        name, kind = new_organisation
        organisation = Organisation.objects.create(code=organisation_code, name=name, kind=kind)
        trail.record("people.organisation.create", SYSTEM, organisation, {"code": organisation_code, "name": name})
    person = User(username=username, display_name=display_name, organisation=organisation)
    _check_password(password, person)
    person.set_password(password)
    person.password_changed_at = timezone.now()
    person.save()
    trail.record("people.user.create", SYSTEM, person, {"username": username, "roles": list(role_codes)})
    for code in role_codes:
        Duty.objects.create(user=person, role=code, organisation=organisation)
    return person


@transaction.atomic
def set_password(person: User, password: str) -> None:
    """A new password; sessions end because their password hash no longer fits, and a lock-out is lifted."""
    person = User.objects.select_for_update(of=("self",)).get(pk=person.pk)
    _check_password(password, person)
    person.set_password(password)
    person.password_changed_at = timezone.now()
    person.must_change_password = False
    person.failed_sign_ins = 0
    person.locked_until = None
    person.save()
    trail.record("people.user.password", SYSTEM, person)


@transaction.atomic
def set_active(person: User, active: bool) -> None:
    """Lock (False) or unlock (True); unlocking also lifts a lock-out after failed sign-ins."""
    person = User.objects.select_for_update(of=("self",)).get(pk=person.pk)
    person.is_active = active
    if active:
        person.failed_sign_ins = 0
        person.locked_until = None
    person.save()
    trail.record("people.user.unlock" if active else "people.user.lock", SYSTEM, person)
