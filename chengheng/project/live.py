"""The live process: one asyncio loop for the event stream, signalling and media, on CHENGHENG_LIVE_PORT."""

from __future__ import annotations

import uvloop
from aiohttp import web

from chengheng.common import live
from chengheng.project import config


def serve() -> None:
    """Serve until SIGTERM or SIGINT; streams that are open are closed at once (browsers come back by themselves)."""
    web.run_app(
        live.application(),
        host=config.text("CHENGHENG_HOST"),
        port=config.number("CHENGHENG_LIVE_PORT"),
        access_log=None,
        print=lambda *_: None,
        shutdown_timeout=2,
        loop=uvloop.new_event_loop(),
    )
