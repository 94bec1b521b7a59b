"""The door to the live process. The modules behind it are imported only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chengheng.common import live

if TYPE_CHECKING:
    from aiohttp import web


def setup(app: web.Application) -> None:
    from chengheng.command.conference.live.web import setup as real

    real(app)


def register() -> None:
    live.add(setup)
