"""Running a site: up, web, worker, live, migrate, check, settings, trail."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import click
from django.utils.translation import gettext as _

from chengheng.common.commands import with_database
from chengheng.project import config

if TYPE_CHECKING:
    from chengheng.project.supervisor import Supervisor

WELCOME = "welcome.txt"


def register(cli: click.Group) -> None:
    for command in (up, web, worker, live, migrate, check, settings, trail):
        cli.add_command(command)


@click.command()
@click.option("--demo", is_flag=True, help="With the demonstration city, and its users offered on the sign-in page.")
def up(demo: bool) -> None:
    """Start everything on this machine and keep it running."""
    from chengheng.common import processes
    from chengheng.common.processes import Process
    from chengheng.project import cli as project
    from chengheng.project import supervisor

    if demo:
        os.environ["CHENGHENG_DEMO"] = "1"
    folder = config.data_folder()
    project.setup()
    try:
        held = supervisor.lock(folder)
    except supervisor.AlreadyRunning as running:
        raise click.ClickException(
            _("Another `chengheng up` (process %(pid)s) runs on the data folder %(folder)s.")
            % {"pid": running.holder or "?", "folder": folder}
        ) from None
    prepare = Process("prepare", lambda: supervisor.own("migrate", *(["--demo"] if demo else [])))
    with held:
        status = asyncio.run(supervisor.serve((*supervisor.PROCESSES, *processes.added()), prepare, _greet))
    sys.exit(status)


def _greet(supervisor: Supervisor) -> None:
    lines = [_("Open %(address)s") % {"address": config.site_address()}]
    welcome = config.data_folder() / WELCOME
    if welcome.exists():
        lines += welcome.read_text(encoding="utf-8").splitlines()
    for line in lines:
        supervisor.log("chengheng", line)


@click.command()
def web() -> None:
    """Serve pages and API (one process of `up`, alone)."""
    from chengheng.project.web import serve

    serve()


@click.command()
def worker() -> None:
    """Work on the queue and keep the schedule (one process of `up`, alone)."""
    from chengheng.project import cli as project

    project.setup()
    from chengheng.common.jobs.worker import run

    run()


@click.command()
def live() -> None:
    """Serve event streams, signalling and media (one process of `up`, alone)."""
    from chengheng.project import cli as project

    project.setup()
    from chengheng.project.live import serve

    serve()


@click.command()
@click.option("--demo", is_flag=True, help="Also build the demonstration city.")
@with_database
def migrate(demo: bool) -> None:
    """Bring the database and the static files up to date. Safe to repeat, also by several machines at once."""
    from django.core.management import call_command
    from django.db import connection

    from chengheng.common import preparation
    from chengheng.project import rendering, static

    folder = config.data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    welcome: list[str] = []
    with connection.cursor() as cursor:
        # One at a time across all machines of a site; given back with the connection.
        cursor.execute("select pg_advisory_lock(hashtext('chengheng migrate'))")
        with rendering.quick():
            call_command("migrate", interactive=False, verbosity=1 if sys.stdout.isatty() else 0)
        for step in preparation.steps(demo):
            click.echo(_("Preparing: %(step)s") % {"step": step.code})
            welcome += step.run() or []
        cursor.execute("select pg_advisory_unlock(hashtext('chengheng migrate'))")
    if static.collect():
        click.echo(_("Static files collected."))
    path = folder / WELCOME
    path.unlink(missing_ok=True)
    if welcome:
        path.touch(mode=0o600)
        path.write_text("\n".join(welcome) + "\n", encoding="utf-8")


@click.command()
def check() -> None:
    """Look over the site: settings, database, file store, system packages, and which features are off."""
    from chengheng.project import cli as project

    project.setup()
    found = Findings()
    _check_data_folder(found)
    _check_settings(found)
    try:
        with project.database():
            _check_database(found)
    except Exception as error:
        found.fault("database", " ".join(str(error).split()))
    _check_packages(found)
    found.show()
    sys.exit(1 if found.faults else 0)


class Findings:
    """What a check found, line by line."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []
        self.faults = 0

    def good(self, what: str, words: str) -> None:
        self.rows.append(("ok", what, words))

    def off(self, what: str, words: str) -> None:
        self.rows.append(("off", what, words))

    def fault(self, what: str, words: str) -> None:
        self.faults += 1
        self.rows.append(("fault", what, words))

    def show(self) -> None:
        for state, what, words in self.rows:
            mark = {"ok": "✓", "off": "–", "fault": "✗"}[state]
            click.secho(f"{mark} {what:<14} {words}", fg={"ok": None, "off": "yellow", "fault": "red"}[state])


def _check_data_folder(found: Findings) -> None:
    from chengheng.project import supervisor

    folder = config.data_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".check").write_text("1")
        (folder / ".check").unlink()
    except OSError as error:
        found.fault("data", f"{folder}: {error.strerror}")
        return
    state = _("`up` is running") if supervisor.is_up(folder) else _("`up` is not running")
    found.good("data", f"{folder} ({state})")
    loose = [path.name for path in (folder / "secrets").glob("*") if path.stat().st_mode & 0o077]
    if loose:
        found.fault("secrets", _("readable by others: %(names)s") % {"names": ", ".join(sorted(loose))})
    else:
        found.good("secrets", _("readable by their owner only"))


def _check_settings(found: Findings) -> None:
    from django.core import checks

    known = {setting.name for setting in config.SETTINGS}
    for name in sorted(os.environ):
        if name.startswith("CHENGHENG_") and name not in known and name != "CHENGHENG_TEST_DATA":
            found.fault("settings", _("%(name)s is not a setting") % {"name": name})
    worst = [message for message in checks.run_checks() if message.is_serious()]
    for message in worst:
        found.fault("settings", f"{message.id}: {message.msg}")
    if config.flag("CHENGHENG_DEBUG"):
        found.fault("settings", _("CHENGHENG_DEBUG is on: error pages show code and settings"))
    if not config.flag("CHENGHENG_HTTPS") and config.text("CHENGHENG_HOST") not in {"127.0.0.1", "::1", "localhost"}:
        found.off("https", _("off, while the site listens to other machines: passwords travel in the clear"))
    if not config.text("CHENGHENG_EMAIL_URL"):
        found.off("e-mail", _("off: CHENGHENG_EMAIL_URL is empty"))
    if not worst:
        found.good("settings", _("no fault found"))


def _check_database(found: Findings) -> None:
    from django.db import connection

    from chengheng.project import health

    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        version = int(cursor.fetchone()[0])
        cursor.execute("show server_encoding")
        encoding = cursor.fetchone()[0]
    where = _("at DATABASE_URL") if config.text("DATABASE_URL") else _("embedded")
    if version < 150_000:
        found.fault("database", _("PostgreSQL %(version)s is too old, 15 is needed") % {"version": version // 10_000})
    elif encoding != "UTF8":
        found.fault("database", _("the database is not in UTF-8 but in %(encoding)s") % {"encoding": encoding})
    else:
        found.good("database", f"PostgreSQL {version // 10_000}.{version % 10_000}, {where}")
    missing = health.missing_migrations()
    if missing:
        found.fault("migrations", _("%(count)d not applied: run `chengheng migrate`") % {"count": missing})
    else:
        found.good("migrations", _("all applied"))
    fault = health.file_store_fault()
    if fault:
        found.fault("file store", fault)
    else:
        found.good("file store", _("can be written"))


def _check_packages(found: Findings) -> None:
    from chengheng.project.packages import PACKAGES

    for package in PACKAGES:
        if package.purpose != "run":
            continue
        if package.present:
            found.good(package.name, _(package.serves))
        else:
            found.off(package.name, _("off without this package: %(feature)s") % {"feature": _(package.serves)})


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text")
def settings(form: str) -> None:
    """The table of settings: environment variables, defaults, meanings, and what is set now."""
    if form == "markdown":
        click.echo(settings_table())
        return
    for setting in config.SETTINGS:
        value = os.environ.get(setting.name)
        shown = setting.default or '""'
        if value is not None and value != setting.default:
            secret = any(word in setting.name for word in ("URL", "TOKEN"))
            shown = _("set (not shown)") if secret else value
        click.echo(f"{setting.name:<28} {shown:<28} {setting.meaning}")


def settings_table() -> str:
    """The settings as a Markdown table."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else 'empty'} | {setting.meaning} |"
        for setting in config.SETTINGS
    ]
    return "\n".join(rows)


@click.group()
def trail() -> None:
    """The record of every act."""


@trail.command("verify")
@with_database
def verify() -> None:
    """Prove that no record was changed, removed or slipped in."""
    from chengheng.common import trail as record

    result = record.verify()
    for problem in result.problems:
        click.echo(str(problem), err=True)
    if not result.ok:
        raise click.ClickException(
            _("The trail does not hold: %(problems)d problems in %(checked)d entries.")
            % {"problems": len(result.problems), "checked": result.checked}
        )
    click.echo(_("The trail holds: %(checked)d entries checked.") % {"checked": result.checked})
