"""The room's door to the live process. The heavy modules are imported only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chengheng.common import live

if TYPE_CHECKING:
    from aiohttp import web


def setup(app: web.Application) -> None:
    from chengheng.video.live.web import setup as real

    real(app)


def register() -> None:
    live.add(setup)
