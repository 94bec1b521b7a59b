"""The live process's application in a thread of the test, on free ports, with the test's database."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop
from aiohttp import web


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LiveSite:
    """`run(coroutine)` runs something in the live process's own loop and waits for it."""

    def __init__(self, settings: Any) -> None:
        settings.SIP_PORT, settings.LIVE_PORT = free_port(), free_port()
        settings.SIP_HOST, settings.LIVE_HOST = "127.0.0.1", "127.0.0.1"
        settings.MEDIA_PORTS = "42000-42998"
        settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
        self.settings = settings
        self.loop = uvloop.new_event_loop()
        self.app: web.Application | None = None
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: Any, seconds: float = 40) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    @property
    def service(self) -> Any:
        from chengheng.video.live.web import SERVICE

        assert self.app is not None
        return self.app[SERVICE]

    async def _start(self) -> None:
        from chengheng.common import live

        self.app = live.application()
        self._runner = web.AppRunner(self.app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.settings.LIVE_PORT).start()

    def __enter__(self) -> LiveSite:
        self._thread.start()
        self.run(self._start())
        assert not self.service.faults, self.service.faults
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._runner is not None
        self.run(self._runner.cleanup(), 15)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    @contextmanager
    def camera(self, device: Any, password: str, names: list[str], **more: Any) -> Iterator[Any]:
        """A simulated camera in the same loop, registered."""
        from chengheng.video.camera.device import Camera, CameraChannel

        more.setdefault("fps", 10)
        more.setdefault("gop", 10)
        stem = device.gb_id[:10] + "131"
        channels = [
            CameraChannel(f"{stem}{int(device.gb_id[-6:]) * 10 + index:07d}", name, 117.2 + index / 100, 39.1)
            for index, name in enumerate(names)
        ]
        camera = Camera(
            device.gb_id, password, ("127.0.0.1", self.settings.SIP_PORT), self.settings.SIP_ID, channels,
            realm=self.settings.SIP_REALM, keepalive_s=2, **more,
        )  # fmt: skip
        self.run(camera.start())
        try:
            wait(camera.registered.is_set)
            yield camera
        finally:
            self.run(camera.stop(unregister=False))


def wait(condition: Callable[[], Any], seconds: float = 15) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found
