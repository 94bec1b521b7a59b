"""The `chengheng` command: the site's own commands in this folder, each room's in its `commands.py`.

Exit statuses: 0 done, 1 failed, 2 bad input. A refusal of the product is said in a sentence, never as a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from chengheng import __version__
from chengheng.common import commands
from chengheng.common.errors import Invalid, Refusal
from chengheng.project import config

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

COMMON = (
    "people", "trail", "calendars", "flow", "places", "files", "notices", "measures",
    "links", "replay", "tables", "intake", "jobs", "ui",
)  # fmt: skip
ROOMS = (
    "patrol", "cleanliness", "video", "opinion", "maintenance", "finance", "command",
    "performance", "portal", "simulate",
)  # fmt: skip


def setup() -> None:
    """Load Django and speak the site's language."""
    import django
    from django.conf import settings
    from django.utils import translation

    django.setup()
    translation.activate(settings.LANGUAGE_CODE)


@contextmanager
def database() -> Iterator[None]:
    """Django ready and the database answering; an embedded server that is down is started for the block's time."""
    from django.db import connections

    if config.text("DATABASE_URL"):
        setup()
        yield
        return
    from chengheng.project.embedded import Embedded

    with Embedded.of_site().running():
        setup()
        try:
            yield
        finally:
            connections.close_all()


commands.opener = database


class Refused(click.ClickException):
    """A refusal at the command line: its sentence, and status 2 when the input was at fault."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.exit_code = 2 if isinstance(refusal, Invalid) else 1  # type: ignore[misc]


class Commands(click.Group):
    """A group that turns refusals into words and exit statuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise Refused(refusal) from refusal


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version=__version__, prog_name="chengheng")
def cli() -> None:
    """城衡 Chengheng: seven city-management systems whose records answer the targets of the budget."""


for module in ("site", "keeping", "users"):
    import_module(f"{__name__}.{module}").register(cli)
for room in (*(f"common.{name}" for name in COMMON), *ROOMS):
    if find_spec(f"chengheng.{room}.commands"):
        import_module(f"chengheng.{room}.commands").register(cli)
