"""Run Debian's sipp against a platform of ours in its own process."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def run(folder: Path, devices: int, rate: int, password: str = "sipp-pass", timeout: int = 120) -> dict[str, Any]:
    """{"failed", "done", "cpu_s", "counts", …}: every device registers (401, then 200) and sends one keepalive."""
    program = shutil.which("sipp")
    assert program
    users = folder / "users.csv"
    lines = ["SEQUENTIAL"]
    for number in range(1, devices + 1):
        gb_id = f"1201000000132{number:07d}"
        lines.append(f"{gb_id};[authentication username={gb_id} password={password}]")
    users.write_text("\n".join(lines) + "\n")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.video.sip_element", str(devices)], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        found = subprocess.run(
            [program, f"127.0.0.1:{port}", "-sf", str(HERE / "register.sipp.xml"), "-inf", str(users), "-i", "127.0.0.1",
             "-m", str(devices), "-r", str(rate), "-l", "4000", "-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1",
             "-timeout", f"{timeout}s", "-nostdin", "-buff_size", "8388608"],
            cwd=folder, capture_output=True, text=True, timeout=timeout + 20, check=False,
        )  # fmt: skip
        told, _error = server.communicate("", timeout=30)
    finally:
        server.kill()
        server.wait()
    with (folder / "stat.csv").open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return {
        "status": found.returncode, "done": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"]),
        "repeats": int(last["Retransmissions(C)"]), **json.loads(told.strip().splitlines()[-1]),
    }  # fmt: skip
