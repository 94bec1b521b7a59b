"""The supervisor's parts, with real processes that are small."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.processes import Process
from chengheng.project import supervisor
from chengheng.project.leash import leash
from chengheng.project.supervisor import Allowance, AlreadyRunning, Backoff, Supervisor


def test_waiting_doubles_and_is_forgotten_after_a_healthy_run():
    backoff = Backoff(first=1, most=10, chance=lambda: 1.0)
    assert [backoff.after(0, healthy=20) for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert backoff.after(25, healthy=20) == 1
    assert backoff.after(1, healthy=20) == 2


@given(runs=st.lists(st.floats(0, 100), max_size=60), chance=st.floats(0, 1))
def test_waiting_stays_between_three_quarters_of_the_first_and_the_most(runs: list[float], chance: float):
    backoff = Backoff(first=0.2, most=15, chance=lambda: chance)
    assert all(0.15 <= backoff.after(ran, healthy=20) <= 15 for ran in runs)


@given(times=st.lists(st.floats(0, 0.2), min_size=1, max_size=400))
def test_a_flood_is_let_through_at_its_rate_and_counted(times: list[float]):
    allowance, now, passed = Allowance(rate=10, burst=20), 100.0, 0
    for pause in times:
        now += pause
        passed += allowance.take(now)
    assert passed <= 20 + 10 * sum(times) + 1
    assert passed + allowance.settle() == len(times)
    assert allowance.settle() == 0


def test_one_supervisor_a_folder(scratch: Path):
    held = supervisor.lock(scratch)
    with pytest.raises(AlreadyRunning) as refused:
        supervisor.lock(scratch)
    assert refused.value.holder == str(os.getpid())
    assert supervisor.is_up(scratch)
    held.close()
    assert not supervisor.is_up(scratch)


def shell(name: str, script: str, **fields: object) -> Process:
    return Process(name, lambda: ["/bin/sh", "-c", script], **fields)  # type: ignore[arg-type]


class Run:
    """A supervisor with its log at hand."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        self.supervisor = Supervisor(folder, self.lines.append)

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    async def until(self, true: Callable[[], object], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.02)


def test_what_dies_is_started_again_and_its_lines_carry_its_name(scratch: Path):
    async def life() -> Run:
        run = Run(scratch)
        await run.supervisor.keep(shell("crasher", "echo alive; exit 3"))
        await run.until(lambda: sum("crasher    | alive" in line for line in run.lines) >= 3)
        await run.supervisor.stopped()
        return run

    run = asyncio.run(life())
    assert run.said("supervisor | crasher ended (status 3)")
    assert run.said("supervisor | crasher starts again in")


def test_a_killed_process_leaves_nothing_of_its_group_behind(scratch: Path):
    async def life() -> None:
        run = Run(scratch)
        await run.supervisor.keep(shell("parent", "sleep 98765 & echo child $!; wait"))
        await run.until(lambda: run.said("child "))
        grandchild = int(run.lines[0].rsplit(" ", 1)[1])
        os.kill(run.supervisor.children["parent"].pid, signal.SIGKILL)
        await run.until(lambda: run.said("parent ended (SIGKILL)"))
        await run.until(lambda: not alive(grandchild))
        await run.supervisor.stopped()

    asyncio.run(life())


def test_what_does_not_stop_is_killed_and_the_last_started_stops_first(scratch: Path):
    async def life() -> Run:
        run = Run(scratch)
        await run.supervisor.keep(shell("first", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
        await run.supervisor.keep(shell("deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done", patience=0.5))
        await run.until(lambda: run.said("first      | up") and run.said("deaf       | up"))
        await run.supervisor.stopped()
        return run

    run = asyncio.run(life())
    assert run.lines.index("supervisor | deaf does not stop; killed") < run.lines.index("first      | bye")
    assert not (scratch / "processes.json").exists()


def test_a_flood_of_lines_is_cut_and_said(scratch: Path):
    async def life() -> Run:
        run = Run(scratch)
        status = await run.supervisor.run(shell("flood", "yes flooding | head -n 20000"))
        assert status == 0
        await run.supervisor.stopped()
        return run

    run = asyncio.run(life())
    passed = sum("flooding" in line for line in run.lines)
    dropped = sum(int(line.split()[6]) for line in run.lines if "logs too fast" in line)
    assert 2000 <= passed < 5000
    assert passed + dropped == 20_000


def test_a_program_that_is_not_there_is_named_and_tried_again(scratch: Path):
    async def life() -> Run:
        run = Run(scratch)
        await run.supervisor.keep(Process("ghost", lambda: ["/nonexistent/ghost"]))
        await run.until(lambda: sum("ghost ended" in line for line in run.lines) >= 2)
        await run.supervisor.stopped()
        return run

    assert asyncio.run(life()).said("/nonexistent/ghost")


def test_a_process_on_a_leash_dies_with_its_parent(scratch: Path):
    pid_file = scratch / "pid"
    code = (
        "import os, subprocess, time\nfrom chengheng.project.leash import leash\nimport signal\n"
        f"child = subprocess.Popen([*leash(None, signal.SIGKILL), 'sleep', '98765'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\ntime.sleep(99)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 15
    while not (pid_file.exists() and pid_file.read_text() and b"sleep" in command_of(int(pid_file.read_text()))):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int(pid_file.read_text())
    parent.kill()
    parent.wait()
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_leash_is_not_put_on_an_orphan():
    words = leash(None, signal.SIGTERM)
    words[4] = "1"  # the parent that was meant has gone
    done = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the supervisor is gone" in done.stderr


def command_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
