"""People from the command line: for the first user of a site, and for the day when nobody can sign in.

Whoever has the shell has the site: the acts are the people room's own, done by the system, and on the trail as such.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chengheng.common.commands import with_database
from chengheng.common.errors import Invalid, NotFound

if TYPE_CHECKING:
    from chengheng.common.people.models import User

NOTE = "command line"


class NoSuchUser(NotFound):
    code = "no_such_user"
    message = gettext_lazy("There is no user %(name)s.")


class NoSuchOrganisation(Invalid):
    code = "no_such_organisation"
    message = gettext_lazy("There is no organisation with the code %(code)s.")


def register(cli: click.Group) -> None:
    cli.add_command(user)


@click.group()
def user() -> None:
    """Users: create, password, list, lock, unlock."""


def _find(username: str) -> User:
    from chengheng.common.people.models import User

    person = User.objects.filter(username__iexact=username).first()
    if person is None:
        raise NoSuchUser(name=username)
    return person


@user.command("create")
@click.argument("username")
@click.option("--name", "display_name", help="The name that people see.")
@click.option("--organisation", "code", required=True, help="Code of the organisation.")
@click.option("--new-organisation", "organisation_name", help="Create that organisation first, under this name.")
@click.option("--kind", default="commission", show_default=True, help="Kind of the new organisation.")
@click.option("--role", "role_codes", multiple=True, help="Code of a role; may be repeated.")
@click.option("--password-stdin", is_flag=True, help="Read the initial password from standard input.")
@with_database
def create(
    username: str,
    display_name: str | None,
    code: str,
    organisation_name: str | None,
    kind: str,
    role_codes: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """Create a user, who must change the initial password at the first sign-in."""
    from django.db import transaction

    from chengheng.common.people import actions
    from chengheng.common.people.access import SYSTEM
    from chengheng.common.people.models import Organisation

    given = sys.stdin.readline().rstrip("\n") if password_stdin else None
    with transaction.atomic():
        organisation = Organisation.objects.filter(code=code).first()
        if organisation is None and organisation_name:
            organisation = actions.create_organisation(SYSTEM, code, organisation_name, kind)
        if organisation is None:
            raise NoSuchOrganisation(code=code)
        person, initial = actions.create_user(SYSTEM, username, display_name or username, organisation, password=given)
        for role in role_codes:
            actions.grant_duty(SYSTEM, person, role, organisation, note=NOTE)
    click.echo(_("User %(name)s created.") % {"name": username})
    if given is None:
        click.echo(_("Initial password: %(password)s") % {"password": initial})


@user.command("password")
@click.argument("username")
@with_database
def password(username: str) -> None:
    """Give a new initial password, to be changed at the next sign-in; open sessions end."""
    from chengheng.common.people import actions
    from chengheng.common.people.access import SYSTEM

    initial = actions.reset_password(SYSTEM, _find(username), NOTE)
    click.echo(_("Initial password: %(password)s") % {"password": initial})


@user.command("list")
@with_database
def show() -> None:
    """All users with their organisation, state and roles."""
    from chengheng.common.people.models import User

    for person in User.objects.select_related("organisation").prefetch_related("duties"):
        state = _("active") if person.is_active else _("shut")
        roles = ", ".join(sorted({duty.role for duty in person.duties.all()})) or "–"
        click.echo(f"{person.username:<20} {person.display_name:<16} {person.organisation.name:<20} {state:<8} {roles}")


@user.command("lock")
@click.argument("username")
@with_database
def lock(username: str) -> None:
    """Shut an account: sessions end and tokens are revoked at once."""
    from chengheng.common.people import actions
    from chengheng.common.people.access import SYSTEM

    actions.disable_user(SYSTEM, _find(username), NOTE)
    click.echo(_("User %(name)s is shut out.") % {"name": username})


@user.command("unlock")
@click.argument("username")
@with_database
def unlock(username: str) -> None:
    """Open an account that was shut, and lift the lock after too many failed sign-ins."""
    from chengheng.common.people import actions
    from chengheng.common.people.access import SYSTEM

    person = _find(username)
    if not person.is_active:
        actions.enable_user(SYSTEM, person, NOTE)
    actions.unlock_user(SYSTEM, person, NOTE)
    click.echo(_("User %(name)s may sign in.") % {"name": username})
