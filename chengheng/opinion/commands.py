"""`chengheng opinion …`: train models, collect, read what waits.

Exit statuses: 0 done, 1 refused or failed, 3 the new model is not better (it was kept, the old one stays in use).
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from chengheng.common.commands import with_database

HEADS = click.Choice(["sentiment", "class", "relevance", "doubt"])


def register(cli: click.Group) -> None:
    """Add this room's commands."""
    cli.add_command(opinion)


@click.group()
def opinion() -> None:
    """Public opinion (舆情)."""


def _lines(path: Path) -> Iterator[str]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from file
    else:
        with path.open(encoding="utf-8") as file:
            yield from file


@opinion.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--head", type=HEADS, required=True, help="Which question the model answers.")
@click.option("--corrections/--no-corrections", default=True, help="Add the clerks' corrections to the rows.")
@with_database
def train(file: Path, head: str, corrections: bool) -> None:
    """Train a model from JSON lines (text, label, time; .gz too), compare it on a held-out part, and put it to use when
    it is at least as good as the one in use. The product ships no corpus and no model: train on your own cases."""
    from chengheng.common.errors import Refusal
    from chengheng.common.people.access import SYSTEM
    from chengheng.opinion import actions, errors
    from chengheng.opinion.models import ModelVersion

    try:
        run = actions.train_from_corrections if corrections and head != "doubt" else actions.train
        version = run(SYSTEM, head, _lines(file))
    except errors.NotBetter as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(3)
    except (Refusal, OSError, UnicodeDecodeError) as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(1)
    made: ModelVersion = version
    click.echo(f"{head} {made.number}: {made.rows} rows, held out {made.marks}, before {made.old_marks}")


@opinion.command()
@with_database
def read() -> None:
    """Analyse everything that waits in the inbox."""
    from chengheng.opinion import actions

    click.echo(actions.read_all())


@opinion.command()
@click.option("--once", is_flag=True, help="Read every due source once and stop.")
@with_database
def collect(once: bool) -> None:
    """Read the sources and analyse what they bring (one process of `up`, alone)."""
    import asyncio

    from chengheng.opinion.collector import Collector, serve

    if once:
        click.echo(asyncio.run(Collector().once()))
    else:
        asyncio.run(serve())
