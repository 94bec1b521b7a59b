"""A scratch site for tests, screenshots and benchmarks: `chengheng up` in a folder of its own, on free ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.postgres import free_port

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Site:
    """`start` brings it up, `stop` takes it down; as a context manager it does both."""

    folder: Path
    demo: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    live_port: int = field(default_factory=free_port)
    janus_port: int = field(default_factory=free_port)
    sip_port: int = field(default_factory=free_port)
    terminal_port: int = field(default_factory=free_port)
    up: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    def environment(self) -> dict[str, str]:
        """The environment of the site's processes and commands."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CHENGHENG_", "PYTEST"))}
        kept.pop("DATABASE_URL", None)
        return kept | {
            "DJANGO_SETTINGS_MODULE": "chengheng.project.settings",
            "CHENGHENG_DATA": str(self.data),
            "CHENGHENG_PORT": str(self.port),
            "CHENGHENG_LIVE_PORT": str(self.live_port),
            "CHENGHENG_JANUS_PORT": str(self.janus_port),
            "CHENGHENG_SIP_PORT": str(self.sip_port),
            "CHENGHENG_TERMINAL_PORT": str(self.terminal_port),
            "CHENGHENG_LANGUAGE": "en",
            "CHENGHENG_SHARED": os.environ.get("CHENGHENG_SHARED", str(ROOT.parent / "shared")),
            **self.settings,
        }

    def command(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `chengheng` command on the site; a failure shows what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "chengheng", *arguments],
            env=self.environment(), cwd=ROOT, input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"chengheng {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
        return done

    def begin_with(self, made: Path) -> None:
        """Begin with a copy of a stopped site's data folder instead of nothing."""
        subprocess.run(["cp", "-a", str(made), str(self.data)], check=True)

    def start(self, seconds: float = 400) -> None:
        """Start and wait until the web is ready."""
        with self.log.open("ab") as log:
            self.up = subprocess.Popen(
                [sys.executable, "-m", "chengheng", "up", *(["--demo"] if self.demo else [])],
                env=self.environment(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_ready(seconds)

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until web and live answer."""
        deadline = time.monotonic() + seconds
        while not (self.answers("/readyz") and self.answers("/healthz", self.live_port)):
            assert self.up is not None
            if self.up.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the site is not ready:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.2)

    def answers(self, path: str, port: int | None = None) -> bool:
        """Whether a GET of `path` is answered with 200."""
        with (
            suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=5) as answer,
        ):
            return int(answer.status) == 200
        return False

    def processes(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says of its processes."""
        with suppress(OSError, ValueError):
            told: dict[str, dict[str, Any]] = json.loads((self.data / "processes.json").read_text())
            return told
        return {}

    def kill(self, name: str) -> bool:
        """Kill one of its processes; False while it waits to be started again (0 would kill the caller's own group)."""
        pid = self.processes().get(name, {}).get("pid") or 0
        with suppress(ProcessLookupError):
            if pid > 1:
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def pids(self) -> list[int]:
        """All processes of this site that are alive, wherever they hang in the tree: their environment names its folder."""
        found = []
        mark, folder = f"CHENGHENG_DATA={self.data}\0".encode(), str(self.data)
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
                # PostgreSQL's children write over their environment; they are told by where they work.
                works_here = str((process / "cwd").readlink()).startswith(folder)
                named = folder.encode() in (process / "cmdline").read_bytes()
                if state != "Z" and (works_here or named or mark in (process / "environ").read_bytes()):
                    found.append(int(process.name))
        return found

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM; the exit status."""
        assert self.up is not None
        if self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
        try:
            return self.up.wait(seconds)
        finally:
            self.up.kill()
            self.up.wait()

    def __enter__(self) -> Site:
        try:
            self.start()
        except BaseException:
            if self.up is not None:
                self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
