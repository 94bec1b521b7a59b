"""The processes that make a running site, as data. Rooms add theirs from AppConfig.ready(); the supervisor runs them.

What must not go in: starting or watching anything. That is `chengheng.project.supervisor`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Process:
    """A process that the supervisor keeps running.

    `command` is called at each start, so that it may depend on the settings of the moment. `wanted` is asked once
    at start: False leaves the process out (a program that is not installed, a room that is switched off); `why_not`
    is then said in the log. `stop_signal` asks it to end; after `patience` seconds it is killed. `healthy` (seconds)
    is how long it must run before its restart delay is forgotten.
    """

    name: str
    command: Callable[[], list[str]]
    wanted: Callable[[], bool] = _always
    why_not: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15
    healthy: float = 20


_processes: dict[str, Process] = {}


def add(process: Process) -> Process:
    """Add a process to the site; the same name twice is a programming error."""
    if _processes.setdefault(process.name, process) is not process:
        raise ValueError(f"process {process.name} is declared twice")
    return process


def added() -> list[Process]:
    """What rooms have added, in the order of adding."""
    return list(_processes.values())
