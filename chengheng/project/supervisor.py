"""The supervisor: starts the processes of a site in order, restarts what dies, stops all in reverse order.

What must hold:
- A process may be killed at any moment and comes back by itself; what it had acknowledged is in PostgreSQL.
- Nothing outlives the supervisor, however it ends: each child is on a leash (`leash.py`), and what a dead child left
  running in its process group is killed before the child is started again.
- One data folder, one supervisor: a lock that the kernel gives back when the holder dies.

It serves no requests and knows no database beyond "does it answer": it must keep running when all else fails.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from chengheng.common.processes import Process
from chengheng.project import config
from chengheng.project.embedded import Embedded
from chengheng.project.leash import leash

LONGEST_LINE = 16_384


def own(*arguments: str) -> list[str]:
    """The command line of one of our own commands, by the Python that runs this."""
    return [sys.executable, "-m", "chengheng", *arguments]


def postgres(server: Embedded) -> Process:
    """The embedded database as a process; fast shutdown is SIGINT to the postmaster."""
    return Process(
        "postgres",
        server.command,
        user="pgserver" if os.geteuid() == 0 else None,
        stop_signal=signal.SIGINT,
        patience=30,
        healthy=5,
    )


PROCESSES: tuple[Process, ...] = (
    Process("web", lambda: own("web")),
    Process("worker", lambda: own("worker")),
    Process("live", lambda: own("live")),
)
"""The product's own processes; rooms add theirs with `chengheng.common.processes.add`."""


class Backoff:
    """How long to wait before the next start: doubling from `first` to `most` seconds, a quarter of it by chance.

    A process that had run for `healthy` seconds starts from `first` again. Chance keeps processes that died of the
    same cause from coming back in step.
    """

    def __init__(self, first: float = 0.2, most: float = 15, chance: Callable[[], float] = random.random) -> None:
        self.first, self.most, self.chance = first, most, chance
        self.failures = 0

    def after(self, ran: float, healthy: float) -> float:
        """Seconds to wait after a run that lasted `ran` seconds."""
        self.failures = 1 if ran >= healthy else self.failures + 1
        full = min(self.most, self.first * 2.0 ** (self.failures - 1))
        return full * (0.75 + 0.25 * self.chance())


class Allowance:
    """How many lines a process may log: `rate` a second, and up to `burst` at once. What is over is counted."""

    def __init__(self, rate: float = 200, burst: float = 2000) -> None:
        self.rate, self.burst = rate, burst
        self.left, self.at = burst, 0.0
        self.dropped = 0

    def take(self, now: float) -> bool:
        """Whether one more line may pass at `now` (seconds on any steady clock)."""
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            self.dropped += 1
            return False
        self.left -= 1
        return True

    def settle(self) -> int:
        """The number of lines dropped since it was last asked."""
        dropped, self.dropped = self.dropped, 0
        return dropped


class AlreadyRunning(Exception):
    """Another supervisor holds this data folder."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def lock(folder: Path) -> IO[str]:
    """Hold the data folder for as long as the returned file stays open; AlreadyRunning names the holder's id."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise AlreadyRunning(holder) from None
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def is_up(folder: Path) -> bool:
    """Whether a supervisor holds this data folder."""
    try:
        lock(folder).close()
    except AlreadyRunning:
        return True
    return False


class Running:
    """One run of a program: its lines go to `say`, its end can be awaited.

    Not asyncio's own subprocess, because that one ends only when the pipe does, and the pipe may be held open by what a
    killed program leaves behind.
    """

    def __init__(self, process: Process, say: Callable[[list[bytes]], None]) -> None:
        self.say, self.rest = say, b""
        self.loop = asyncio.get_running_loop()
        self.popen = subprocess.Popen(  # noqa: S603
            [*leash(process.user, process.stop_signal), *process.command()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/" if process.user else None,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **process.environment},
            start_new_session=True,
        )
        self.pid = self.popen.pid
        self.handle = os.pidfd_open(self.pid)
        self.ended: asyncio.Future[int] = self.loop.create_future()
        self.silent: asyncio.Future[None] = self.loop.create_future()
        self.loop.add_reader(self.handle, self._end)
        assert self.popen.stdout is not None
        self.pipe = self.popen.stdout.fileno()
        os.set_blocking(self.pipe, False)
        self.loop.add_reader(self.pipe, self._read)

    def _end(self) -> None:
        self.loop.remove_reader(self.handle)
        os.close(self.handle)
        self.sweep()
        self.ended.set_result(self.popen.wait())

    def _read(self) -> None:
        try:
            chunk = os.read(self.pipe, 65_536)
        except BlockingIOError:
            return
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        if self.rest and (len(self.rest) > LONGEST_LINE or not chunk):
            lines, self.rest = [*lines, self.rest], b""
        self.say(lines)
        if not chunk:
            self.loop.remove_reader(self.pipe)
            assert self.popen.stdout is not None
            self.popen.stdout.close()
            self.silent.set_result(None)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing when it has ended."""
        if not self.ended.done():
            self.popen.send_signal(number)

    def sweep(self) -> None:
        """Kill the program and what it started in its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> int:
        """Wait for the end and for its last lines; the exit status, negative for a signal."""
        status = await asyncio.shield(self.ended)
        # Whatever left the group on purpose may hold the pipe; its lines are still passed on, but not waited for.
        await asyncio.wait([self.silent], timeout=1)
        return status


@dataclass
class Child:
    """A process as it is now."""

    process: Process
    state: str = "waiting"
    pid: int = 0
    starts: int = 0
    since: float = 0.0
    running: Running | None = None
    backoff: Backoff = field(default_factory=Backoff)
    allowance: Allowance = field(default_factory=Allowance)


class Supervisor:
    """Runs `processes` until `stop` is called. `say` takes finished log lines."""

    def __init__(self, folder: Path, say: Callable[[str], None], server: Embedded | None = None) -> None:
        self.folder, self.say, self.server = folder, say, server
        self.children: dict[str, Child] = {}
        self.keepers: dict[str, asyncio.Task[None]] = {}
        self.stopping = asyncio.Event()

    # Starting

    async def keep(self, process: Process) -> None:
        """Start `process` and keep it running."""
        self.children[process.name] = Child(process)
        self.keepers[process.name] = asyncio.create_task(self._keep(self.children[process.name]))

    async def _keep(self, child: Child) -> None:
        process = child.process
        while not self.stopping.is_set():
            started = time.monotonic()
            try:
                running = Running(process, partial(self._pass_on, child))
            except OSError as error:
                self.log("supervisor", f"{process.name} cannot be started: {error}")
            else:
                child.running, child.pid = running, running.pid
                child.starts += 1
                self._note(child, "running")
                if self.stopping.is_set():  # asked for while this one was being started
                    running.signal(process.stop_signal)
                status = await running.end()
                self._settle(child)
                child.running, child.pid = None, 0
                if self.stopping.is_set():
                    break
                self.log("supervisor", f"{process.name} ended ({_words(status)})")
            delay = child.backoff.after(time.monotonic() - started, process.healthy)
            self._note(child, "waiting")
            self.log("supervisor", f"{process.name} starts again in {delay:.1f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), delay)
        self._note(child, "stopped")

    async def run(self, process: Process) -> int:
        """Run a process once, to its end; its exit status."""
        if self.stopping.is_set():
            return 1
        child = self.children[process.name] = Child(process)
        child.running = Running(process, partial(self._pass_on, child))
        status = await child.running.end()
        self._settle(child)
        del self.children[process.name]
        return status

    async def database_ready(self, seconds: float = 120) -> None:
        """Wait until the embedded server that answers is our own child; RuntimeError when that does not come.

        A command that had started the server for its own time may still be using it: then ours comes up after it.
        """
        assert self.server is not None
        deadline = time.monotonic() + seconds
        told = False
        while not self.stopping.is_set():
            ours, holder = self.children["postgres"].pid, self._postmaster()
            if ours and holder == ours:
                with suppress(RuntimeError):
                    await asyncio.to_thread(self.server.wait_until_ready, 1)
                    return
            elif ours and Path(f"/proc/{holder}").exists() and not told:
                told = True
                self.log("supervisor", f"process {holder} uses the database; waiting until it is done")
            if time.monotonic() > deadline:
                raise RuntimeError("the embedded PostgreSQL does not answer")
            await asyncio.sleep(0.05)

    def _postmaster(self) -> int:
        assert self.server is not None
        try:
            return int((self.server.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return -1

    # Stopping

    def stop(self) -> None:
        """Ask for the end; said again, kill at once."""
        if self.stopping.is_set():
            for child in self.children.values():
                if child.running is not None:
                    child.running.sweep()
        self.stopping.set()

    async def stopped(self) -> None:
        """Stop everything, last started first. Returns when no child is left."""
        self.stopping.set()
        for child in reversed(list(self.children.values())):
            running = child.running
            if running is not None:
                running.signal(child.process.stop_signal)
                try:
                    await asyncio.wait_for(asyncio.shield(running.ended), child.process.patience)
                except TimeoutError:
                    self.log("supervisor", f"{child.process.name} does not stop; killed")
                    running.sweep()
                    await running.end()
            keeper = self.keepers.get(child.process.name)
            if keeper is not None:
                await keeper
        with suppress(OSError):
            (self.folder / "processes.json").unlink()

    # Telling

    def _pass_on(self, child: Child, lines: list[bytes]) -> None:
        now = time.monotonic()
        for line in lines:
            if child.allowance.take(now):
                self._settle(child)
                self.log(child.process.name, line[:LONGEST_LINE].decode("utf-8", "replace").rstrip())

    def _settle(self, child: Child) -> None:
        dropped = child.allowance.settle()
        if dropped:
            self.log("supervisor", f"{child.process.name} logs too fast: {dropped} lines left out")

    def log(self, name: str, line: str) -> None:
        self.say(f"{name:<10} | {line}")

    def _note(self, child: Child, state: str) -> None:
        """Write what runs, for /metrics and `chengheng check`."""
        child.state, child.since = state, time.time()
        told = {
            name: {"state": one.state, "pid": one.pid, "starts": one.starts, "since": one.since}
            for name, one in self.children.items()
        }
        fresh = self.folder / "processes.json.new"
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(self.folder / "processes.json")


def _words(status: int) -> str:
    if status < 0:
        return signal.Signals(-status).name
    return f"status {status}"


def print_line(line: str) -> None:
    """One line of the log stream; a reader that went away does not stop the site."""
    with suppress(BrokenPipeError, ValueError):
        print(line, flush=True)


async def serve(processes: Iterable[Process], prepare: Process, greet: Callable[[Supervisor], None]) -> int:
    """The whole life of `chengheng up`: 0 after a stop that was asked for, 1 when the site could not be prepared.

    `prepare` runs to its end (migrations, reference data) before anything serves; `greet` is called when the web
    answers.
    """
    server = None if config.text("DATABASE_URL") else Embedded.of_site()
    supervisor = Supervisor(config.data_folder(), print_line, server)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    status = 0
    try:
        if server is not None:
            server.prepare()
            await supervisor.keep(postgres(server))
            await supervisor.database_ready()
        if await supervisor.run(prepare) and not supervisor.stopping.is_set():
            supervisor.log("supervisor", "the site could not be prepared; see above")
            status = 1
        else:
            for process in processes:
                if process.wanted():
                    await supervisor.keep(process)
                else:
                    supervisor.log("supervisor", f"{process.name} is off: {process.why_not}")
            greeting = asyncio.create_task(_greet_when_ready(supervisor, greet))
            await supervisor.stopping.wait()
            greeting.cancel()
    except RuntimeError as error:
        supervisor.log("supervisor", str(error))
        status = 1
    finally:
        supervisor.log("supervisor", "stopping")
        await supervisor.stopped()
    return status


async def _greet_when_ready(supervisor: Supervisor, greet: Callable[[Supervisor], None]) -> None:
    host, port = config.reachable_host(), config.number("CHENGHENG_PORT")
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = await asyncio.wait_for(reader.readline(), 10)
            writer.close()
            if b" 200 " in answer:
                greet(supervisor)
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.2)
