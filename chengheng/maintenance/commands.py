"""`chengheng prober`: watch the devices (one process of `up`, alone)."""

from __future__ import annotations

import click

from chengheng.common.commands import with_database


def register(cli: click.Group) -> None:
    """Add this room's commands."""
    cli.add_command(prober)


@click.command()
@with_database
def prober() -> None:
    """Watch the devices under maintenance (one process of `up`, alone)."""
    from chengheng.maintenance.prober.process import serve

    serve()
