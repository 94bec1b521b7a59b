"""`chengheng targets import|show|suggest` and `chengheng evaluate`.

Exit statuses: 0 done, 1 refused or failed, 2 a file that holds no target table or cannot be read. A dry run loads no
Django: it reads files and prints. Results go to the standard output, everything about them to the standard error.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chengheng.common.commands import with_database

if TYPE_CHECKING:
    from chengheng.performance.imports import Batch

FORMATS = click.Choice(["json", "table"])


def register(cli: click.Group) -> None:
    """Add this room's commands."""
    cli.add_command(targets)
    cli.add_command(evaluate)


@click.group()
def targets() -> None:
    """Target tables of the budget (绩效目标表)."""


@targets.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read and print only; needs no database.")
@click.option("--format", "style", type=FORMATS, default=None, help="json (a dry run's default) or table.")
@click.option("--year", type=click.IntRange(2000, 2100), help="The year of tables that do not name theirs.")
def import_files(files: tuple[Path, ...], dry_run: bool, style: str | None, year: int | None) -> None:
    """Import target tables from .txt, .docx, .xlsx, .html or .pdf files: all or nothing, repeatable."""
    from chengheng.performance.imports import read_files
    from chengheng.performance.readers import Unreadable
    from chengheng.performance.rules import answer

    contents = []
    for path in files:
        try:
            contents.append((str(path), path.read_bytes()))
        except OSError as error:
            _stop(f"{path}: line 1: {error.strerror or error}")
    try:
        batch = read_files(contents, year)
    except Unreadable as error:
        _stop(str(error))
    for remark in batch.reading.unread:
        click.echo(f"unread: {remark}", err=True)
    for remark in batch.reading.notes:
        click.echo(f"look at: {remark}", err=True)
    without = [remark for remark in batch.reading.unread if remark.code == "no_table"]
    if without:
        _stop("\n".join(f"{remark.file}: line {remark.line}: holds no target table" for remark in without))
    if dry_run:
        programmes = [answer.of_programme(programme) for programme in batch.reading.programmes]
        _print(programmes, style or "json")
        sys.exit(0 if batch.complete else 1)
    _store(batch, style)


@with_database
def _store(batch: Batch, style: str | None) -> None:
    from chengheng.common.errors import Refusal
    from chengheng.common.people import access
    from chengheng.performance import actions, queries

    try:
        done = actions.import_tables(batch, access.SYSTEM)
    except Refusal as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(1)
    if style == "json":
        found = [queries.as_json(row) for row in _all(programme.year or 0 for programme in batch.reading.programmes)]
        _print(found, "json")
    else:
        click.echo(f"{done.made} new, {done.changed} changed, {done.same} unchanged")


@targets.command("show")
@click.option("--year", type=int, required=True)
@click.option("--format", "style", type=FORMATS, default="table", show_default=True)
@with_database
def show(year: int, style: str) -> None:
    """Show a year's programmes and indicators."""
    from chengheng.performance import queries

    _print([queries.as_json(programme) for programme in _all([year])], style)


@click.command()
@click.option("--year", type=int, required=True)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The day that counts; today, or the year's end.")
@click.option("--format", "style", type=FORMATS, default="table", show_default=True)
@with_database
def evaluate(year: int, as_of: datetime | None, style: str) -> None:
    """Answer each indicator of a year from what the systems recorded."""
    from chengheng.common.people import access
    from chengheng.performance import queries

    day: date | None = as_of.date() if as_of else None
    if day is not None and day.year < year:
        raise click.BadParameter(f"the year {year} has not begun on {day}", param_hint="--as-of")
    found = queries.overview(year, access.SYSTEM, day, with_forecast=True)
    if style == "json":
        _print([queries.evaluation_as_json(one) for one in found], "json")
        return
    for one in found:
        spent = "no payments" if one.executed is None else f"{one.executed}% of the budget spent"
        click.echo(f"\n{one.name}  [{spent}; {one.answered}/{len(one.indicators)} answered]")
        for line in one.indicators:
            value = "no evidence" if not line.answered else line.text or f"{line.value:f}{line.unit}"
            click.echo(f"  {line.light:5} {line.level2:　<10} {line.name}: {line.target_text}  →  {value}")


def _all(years: Any) -> list[Any]:
    from chengheng.common.people import access
    from chengheng.performance import queries

    return [row for year in sorted(set(years)) for row in queries.programmes(year, access.SYSTEM)]


def _print(programmes: list[dict[str, Any]], style: str) -> None:
    if style == "json":
        click.echo(json.dumps(programmes, ensure_ascii=False, indent=2))
        return
    for programme in programmes:
        click.echo(f"\n{programme['year']} {programme['unit_code']} {programme['unit_name']}")
        click.echo(f"{programme['name']}  {programme['budget']['total']}万元")
        for line in programme["indicators"]:
            read = "qualitative"
            if line["comparison"]:
                read = f"{line['comparison']} {line['value']}{line['unit']}"
            click.echo(f"  {line['level1']} / {line['level2']} / {line['level3']}: {line['target_text']}  [{read}]")
    count = sum(len(programme["indicators"]) for programme in programmes)
    click.echo(f"\n{len(programmes)} programmes, {count} indicators")


def _stop(text: str) -> None:
    click.echo(text, err=True)
    sys.exit(2)
