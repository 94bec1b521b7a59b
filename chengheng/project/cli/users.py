"""People from the command line: for the first user of a site, and for the day when nobody can sign in."""

from __future__ import annotations

import sys

import click
from django.utils.translation import gettext as _

from chengheng.common.commands import with_database


def register(cli: click.Group) -> None:
    cli.add_command(user)


@click.group()
def user() -> None:
    """Users: create, password, list, lock, unlock."""


def _new_password() -> str:
    """From standard input when it is piped (one line), else asked for twice."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    answer: str = click.prompt(_("Password"), hide_input=True, confirmation_prompt=True)
    return answer


@user.command("create")
@click.argument("username")
@click.option("--name", "display_name", help="The name that people see.")
@click.option("--organisation", "code", required=True, help="Code of the organisation.")
@click.option("--new-organisation", "organisation_name", help="Create that organisation, under this name.")
@click.option("--kind", default="commission", show_default=True, help="Kind of the new organisation.")
@click.option("--role", "role_codes", multiple=True, help="Code of a role; may be repeated.")
@with_database
def create(
    username: str,
    display_name: str | None,
    code: str,
    organisation_name: str | None,
    kind: str,
    role_codes: tuple[str, ...],
) -> None:
    """Create a user; the password comes from standard input or is asked for."""
    from chengheng.project.people import create_user

    create_user(
        username,
        _new_password(),
        display_name=display_name or username,
        organisation_code=code,
        new_organisation=(organisation_name, kind) if organisation_name else None,
        role_codes=role_codes,
    )
    click.echo(_("User %(name)s created.") % {"name": username})


@user.command("password")
@click.argument("username")
@with_database
def password(username: str) -> None:
    """Set a password, end the user's sessions and lift a lock."""
    from chengheng.project.people import find_user, set_password

    person = find_user(username)
    set_password(person, _new_password())
    click.echo(_("Password of %(name)s set.") % {"name": username})


@user.command("list")
@with_database
def show() -> None:
    """All users with their organisation, state and roles."""
    from chengheng.common.people.models import User

    for person in User.objects.select_related("organisation").prefetch_related("duties"):
        state = _("active") if person.is_active else _("locked")
        roles = ", ".join(sorted({duty.role for duty in person.duties.all()})) or "–"
        click.echo(f"{person.username:<20} {person.display_name:<16} {person.organisation.name:<20} {state:<8} {roles}")


@user.command("lock")
@click.argument("username")
@with_database
def lock(username: str) -> None:
    """Let nobody sign in as this user; open sessions end at once."""
    from chengheng.project.people import find_user, set_active

    set_active(find_user(username), False)
    click.echo(_("User %(name)s locked.") % {"name": username})


@user.command("unlock")
@click.argument("username")
@with_database
def unlock(username: str) -> None:
    """Let the user sign in again."""
    from chengheng.project.people import find_user, set_active

    set_active(find_user(username), True)
    click.echo(_("User %(name)s unlocked.") % {"name": username})
