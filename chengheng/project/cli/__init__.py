"""The `chengheng` command: the site's own commands here, each room's in its `commands.py`."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec

import click

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

ROOMS = (
    "patrol", "cleanliness", "video", "opinion", "maintenance", "finance", "command", "performance", "simulate",
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version="0.1.0")
def cli() -> None:
    """城衡 Chengheng."""


for room in ROOMS:
    if find_spec(f"chengheng.{room}.commands"):
        import_module(f"chengheng.{room}.commands").register(cli)
