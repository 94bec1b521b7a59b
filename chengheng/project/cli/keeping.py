"""Keeping a site: backup and restore."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from django.utils.translation import gettext as _

from chengheng.common.commands import with_database
from chengheng.project import config


def register(cli: click.Group) -> None:
    cli.add_command(backup)
    cli.add_command(restore)


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path), required=False)
@with_database
def backup(target: Path | None) -> None:
    """Write database, files and secrets into one archive. The site may be running."""
    from chengheng.project import backup as keeping

    now = datetime.now().astimezone()
    path = target or config.data_folder() / "backups" / f"chengheng-{now:%Y%m%d-%H%M%S}.tar"
    if path.exists():
        raise click.UsageError(_("%(path)s exists already.") % {"path": path})
    manifest = keeping.backup(path)
    files = sum(name.startswith("files/") for name in manifest.members)
    click.echo(_("%(path)s: the database and %(files)d files.") % {"path": path, "files": files})


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only check the archive: every member against its hash.")
def restore(source: Path, check: bool) -> None:
    """Fill an empty site from an archive. The site must not be running."""
    from chengheng.project import backup as keeping
    from chengheng.project import cli as project
    from chengheng.project import supervisor

    if check:
        project.setup()
        manifest = keeping.inspect(source)
        click.echo(
            _("Whole: %(count)d members, made %(at)s.") % {"count": len(manifest.members), "at": manifest.made_at}
        )
        return
    try:
        held = supervisor.lock(config.data_folder())
    except supervisor.AlreadyRunning:
        raise click.ClickException(_("The site is running. Stop `chengheng up` first.")) from None
    with held, project.database():
        manifest = keeping.restore(source)
    click.echo(_("Restored the site of %(at)s. Run `chengheng migrate` or `chengheng up`.") % {"at": manifest.made_at})
