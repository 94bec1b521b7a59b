"""The media engine and the live process beside a test: the real Janus as a child, on ports of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from chengheng.command.conference import engine
from chengheng.project.leash import leash
from tests.video.live_site import LiveSite, free_port, wait


class Engine:
    """`start`, `kill` (as a crash), and start again."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        user = engine.USER if os.geteuid() == 0 else None
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*leash(user, signal.SIGTERM), *engine.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        self.child.wait(5)

    def stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(5)


class ConferenceSite(LiveSite):
    """The live process's application in a thread, with the engine."""

    def __init__(self, settings: Any, folder: Path) -> None:
        super().__init__(settings)
        settings.SIP_PORT = 0
        settings.JANUS_PORT, settings.TERMINAL_PORT = free_port(), free_port()
        settings.JANUS_FOLDER = folder / "janus"
        first = 23000 + (os.getpid() % 20) * 300
        settings.CONFERENCE_PORTS = f"{first}-{first + 298}"
        self.engine = Engine(folder / "janus.log")

    @property
    def service(self) -> Any:
        from chengheng.command.conference.live.web import GATEWAY

        assert self.app is not None
        gateway = self.app[GATEWAY]
        gateway.faults = ""
        return gateway

    def __enter__(self) -> ConferenceSite:
        self.engine.start()
        super().__enter__()
        wait(lambda: self.service.janus.up and self.service.hearing.is_set(), 15)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)
        finally:
            self.engine.stop()

    def restart_live(self) -> None:
        """The live process dies and comes back, as far as a thread can: all sockets gone, all memory gone."""
        assert self._runner is not None
        self.run(self._runner.cleanup(), 15)
        self.run(self._start())


def until(condition: Any, seconds: float = 15, every: float = 0.05) -> float:
    """Wait until `condition()` holds; the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(every)
    return time.monotonic() - began
