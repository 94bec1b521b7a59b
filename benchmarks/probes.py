"""Probes: echoes against fping, connects against Debian's blackbox exporter, and 10,000 devices each minute.

CPU is that of the process that probes (fping, the exporter, or a process of ours), in the same run, over the same
targets on loopback. Needs ICMP (root, or net.ipv4.ping_group_range); what is not installed is left out and said.
CHENGHENG_BENCH_PROBES (10000) is the number of targets, CHENGHENG_BENCH_SECONDS (60) how long the engine runs.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.report import Report

TARGETS = int(os.environ.get("CHENGHENG_BENCH_PROBES", "10000"))
SECONDS = float(os.environ.get("CHENGHENG_BENCH_SECONDS", "60"))
AT_ONCE = 200


def addresses(count: int) -> list[str]:
    """So many different addresses of loopback."""
    return [f"127.{1 + n // 62_500}.{n // 250 % 250}.{1 + n % 250}" for n in range(count)]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _all(kind: str, targets: list[str]) -> dict[str, float]:
    """Ask each target once, `AT_ONCE` under way; figures of this process."""
    from chengheng.maintenance.prober.probes import Answer, Prober, understand

    prober = Prober()
    understood = [understand(kind, target, {}) for target in targets]
    waiting = iter(understood)
    done = asyncio.Event()
    good = left = 0
    left = len(understood)

    def answered(answer: Answer) -> None:
        nonlocal good, left
        good += answer.ok
        left -= 1
        if not left:
            done.set()
        following = next(waiting, None)
        if following is not None:
            loop.call_soon(prober.start, following, {}, 2.0, answered)

    loop = asyncio.get_running_loop()
    began, used = time.perf_counter(), _cpu()
    for _each in range(AT_ONCE):
        first = next(waiting, None)
        if first is not None:
            prober.start(first, {}, 2.0, answered)
    await done.wait()
    figures = {"cpu": _cpu() - used, "wall": time.perf_counter() - began, "good": good}
    await prober.close()
    return figures


async def _engine(targets: list[tuple[str, str]], seconds: float) -> dict[str, float]:
    """Keep so many checks for a while, each once a minute."""
    from chengheng.maintenance.prober.engine import Engine, Watch
    from chengheng.maintenance.rules.watch import Watched

    async def changed(*_said: Any) -> None:
        pass

    engine = Engine(changed)
    watches = [
        Watch.of(n, n, kind, target, {}, interval=60.0, timeout=2.0, memory=Watched())
        for n, (kind, target) in enumerate(targets)
    ]
    engine.set_watches(watches)
    task = asyncio.create_task(engine.run())
    await asyncio.sleep(8)  # the first answers come soon after the start and are not the steady state
    probes, used, began = engine.probes, _cpu(), time.perf_counter()
    await asyncio.sleep(seconds)
    figures = {"cpu": _cpu() - used, "wall": time.perf_counter() - began, "probes": engine.probes - probes,
               "good": sum(w.last is not None and w.last.ok for w in watches), "skipped": engine.skipped}  # fmt: skip
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return figures


def _in_process(work: Callable[..., Any], *args: Any) -> dict[str, float]:
    """The figures of a coroutine function run in a fresh process, on uvloop as the prober runs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, work, args))
    process.start()
    figures: dict[str, float] = ours.recv()
    process.join()
    return figures


def _child(pipe: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    import uvloop

    pipe.send(uvloop.run(work(*args)))


def _fping(targets: list[str], folder: Path) -> dict[str, float]:
    names = folder / "targets"
    names.write_text("\n".join(targets))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run = subprocess.run(
        ["fping", "-q", "-c1", "-i", "0", "-t", "2000", "-f", str(names)], capture_output=True, text=True
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    good = sum("rcv/%loss = 1/1/0%" in line for line in run.stderr.splitlines())
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall, "good": good}


@contextmanager
def _listener() -> Iterator[int]:
    """A TCP port on all of loopback that accepts and closes, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_accept, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _accept(pipe: Any) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", 0))
        server.listen(4096)
        pipe.send(server.getsockname()[1])
        while True:
            with suppress(OSError):
                server.accept()[0].close()


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _blackbox(module: str, targets: list[str], folder: Path) -> dict[str, float]:
    """Have the exporter probe each target; its CPU alone. Questions come over eight kept connections."""
    import http.client
    from urllib.parse import quote

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "bb.yml").write_text("modules:\n  tcp:\n    prober: tcp\n  icmp:\n    prober: icmp\n")
    exporter = subprocess.Popen(
        ["prometheus-blackbox-exporter", f"--config.file={folder / 'bb.yml'}", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        good: list[int] = []

        def ask(part: list[str]) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            for target in part:
                connection.request("GET", f"/probe?module={module}&target={quote(target)}")
                good.append(b"probe_success 1" in connection.getresponse().read())
            connection.close()

        ask(targets[:20])
        good.clear()
        used, began = _ticks(exporter.pid), time.perf_counter()
        threads = [threading.Thread(target=ask, args=(targets[n::8],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"cpu": _ticks(exporter.pid) - used, "wall": time.perf_counter() - began, "good": sum(good)}
    finally:
        exporter.kill()
        exporter.wait()


def run(report: Report) -> None:
    echo = addresses(TARGETS)
    with tempfile.TemporaryDirectory(prefix="ch-") as name, _listener() as port:
        folder = Path(name)
        connect = [f"{address}:{port}" for address in echo]
        ours, peers = _in_process(_all, "icmp", echo), {}
        if shutil.which("fping"):
            peers["fping"] = _fping(echo, folder)
        _compare(report, "ICMP echo", TARGETS, ours, peers)
        few = connect[: max(TARGETS // 5, 100)]
        ours, peers = _in_process(_all, "tcp", few), {}
        if shutil.which("prometheus-blackbox-exporter"):
            peers["blackbox exporter"] = _blackbox("tcp", few, folder)
        _compare(report, "TCP connect", len(few), ours, peers)
        checks = [("tcp", target) if n % 5 == 4 else ("icmp", echo[n]) for n, target in enumerate(connect)]
        kept = _in_process(_engine, checks, SECONDS)
        share = kept["cpu"] / kept["wall"]
        report.line(
            f"engine: {TARGETS} checks each minute, 4/5 ICMP, 1/5 TCP", share * 100, "% of a core",
            f"{kept['probes'] / kept['wall']:.0f} probes/s, {kept['cpu'] / max(kept['probes'], 1) * 1e6:.0f} µs each, "
            f"{kept['good']:.0f} answered, {kept['skipped']:.0f} skipped",
        )  # fmt: skip
        if share > 0.25 * TARGETS / 10_000:
            raise AssertionError(f"{share:.0%} of a core for {TARGETS} checks each minute")


def _compare(report: Report, what: str, count: int, ours: dict[str, float], peers: dict[str, dict[str, float]]) -> None:
    for name, figures in {"ours": ours, **peers}.items():
        report.line(
            f"{what}, {name}", figures["cpu"] / count * 1e6, "µs CPU each",
            f"{count / figures['wall']:.0f}/s, {figures['good']:.0f} of {count} answered",
        )  # fmt: skip
    for name, figures in peers.items():
        report.line(f"{what}: CPU of {name} ÷ ours", figures["cpu"] / ours["cpu"], "×")
    if not peers:
        print(f"  {what}: no peer is installed to compare with", flush=True)
