"""The web process: pages and API under granian's WSGI, in CHENGHENG_WEB_WORKERS processes."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from granian import Granian
from granian.constants import Interfaces

from chengheng.project import config
from chengheng.project.leash import hold


def load(target: str) -> Callable[..., Any]:
    """Load the WSGI application in a worker that dies with its master (granian's workers alone would live on)."""
    hold(signal.SIGKILL)
    module, name = target.split(":")
    application: Callable[..., Any] = getattr(import_module(module), name)
    from django.urls import get_resolver

    get_resolver().reverse_dict  # noqa: B018 - loads every room's pages now, not during somebody's first request
    gc.collect()
    gc.freeze()  # what was loaded stays; looking through it again and again costs each request its share
    return application


def serve() -> None:
    """Serve until SIGTERM or SIGINT."""
    figures = config.data_folder() / "metrics"
    shutil.rmtree(figures, ignore_errors=True)
    figures.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(figures)  # one file of counters a worker, read by whichever answers
    server = Granian(
        "chengheng.project.wsgi:application",
        address=config.text("CHENGHENG_HOST"),
        port=config.number("CHENGHENG_PORT"),
        interface=Interfaces.WSGI,
        workers=config.number("CHENGHENG_WEB_WORKERS"),
        blocking_threads=config.number("CHENGHENG_WEB_THREADS"),
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=10,
        log_level="warning",  # type: ignore[arg-type]
    )
    server.serve(target_loader=load)
    sys.exit(0)
