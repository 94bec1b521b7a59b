"""Run Debian's sipp against a platform of ours, or against Debian's Kamailio, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def run(folder: Path, devices: int, rate: int, password: str = "sipp-pass", timeout: int = 120) -> dict[str, Any]:
    """{"failed", "done", "cpu_s", "counts", …}: every device registers (401, then 200) and sends one keepalive."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.video.sip_element", str(devices)], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        found = _devices(folder, devices, rate, port, password, timeout)
        told, _error = server.communicate("", timeout=30)
    finally:
        server.kill()
        server.wait()
    return found | json.loads(told.strip().splitlines()[-1])


def run_kamailio(folder: Path, devices: int, rate: int, timeout: int = 120) -> dict[str, Any]:
    """As `run`, without counts: one worker that checks the same digests and keeps the bindings in memory."""
    program = shutil.which("kamailio")
    assert program
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, "-DD", "-E", "-f", str(HERE / "kamailio.cfg"), "-l", f"udp:127.0.0.1:{port}", "-m", "256", "-M", "16",
         "-b", "8388608", "-w", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        time.sleep(3)
        before = _group_seconds(server.pid)
        found = _devices(folder, devices, rate, port, "sipp-pass", timeout)
        return found | {"cpu_s": _group_seconds(server.pid) - before}
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _group_seconds(group: int) -> float:
    """Processor seconds so far of all processes of this group."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _devices(folder: Path, devices: int, rate: int, port: int, password: str, timeout: int) -> dict[str, Any]:
    program = shutil.which("sipp")
    assert program
    users = folder / "users.csv"
    lines = ["SEQUENTIAL"]
    for number in range(1, devices + 1):
        gb_id = f"1201000000132{number:07d}"
        lines.append(f"{gb_id};[authentication username={gb_id} password={password}]")
    users.write_text("\n".join(lines) + "\n")
    found = subprocess.run(
        [program, f"127.0.0.1:{port}", "-sf", str(HERE / "register.sipp.xml"), "-inf", str(users), "-i", "127.0.0.1",
         "-m", str(devices), "-r", str(rate), "-l", "4000", "-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1",
         "-timeout", f"{timeout}s", "-nostdin", "-buff_size", "8388608"],
        cwd=folder, capture_output=True, text=True, timeout=timeout + 20, check=False,
    )  # fmt: skip
    with (folder / "stat.csv").open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return {
        "status": found.returncode, "done": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"]),
        "repeats": int(last["Retransmissions(C)"]),
    }  # fmt: skip
