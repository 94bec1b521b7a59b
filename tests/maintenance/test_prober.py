"""The prober against real targets on loopback that are stopped and started; what it says is compared with the truth."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from chengheng.maintenance.models import Fault, ProberRun, Span
from chengheng.maintenance.prober import process
from chengheng.maintenance.prober.engine import Engine, Watch
from chengheng.maintenance.prober.probes import Prober, understand
from chengheng.maintenance.rules.watch import Watched


def run(coroutine):
    """In a thread of its own: beside Playwright, this one has a loop already."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(asyncio.run, coroutine).result()


class Target:
    """A TCP server that speaks a little HTTP and can be stopped and started; notes when."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.server = None
        self.status, self.body = "200 OK", b"all is well"

    async def answer(self, reader, writer):
        with suppress(ConnectionError):
            if await reader.read(4096):
                head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + self.body)
                await writer.drain()
        writer.close()

    async def start(self):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", self.port)
        return datetime.now(UTC)

    async def stop(self):
        self.server.close()
        return datetime.now(UTC)


def ask(kind, target, options=None, timeout=2.0):
    async def once():
        prober = Prober()
        try:
            return await prober.ask(understand(kind, target, options or {}), options or {}, timeout)
        finally:
            await prober.close()

    return run(once())


@pytest.mark.parametrize(("kind", "target"), [("tcp", "10.0.0.1"), ("http", "10.0.0.1:80"), ("icmp", "a/b"), ("ssh", "x:1"),
                                         ("tcp", "user@x:1"), ("icmp", ""), ("snmp", "x:99999")])  # fmt: skip
def test_a_target_that_is_none_is_refused(kind, target):
    with pytest.raises(ValueError):  # noqa: PT011
        understand(kind, target, {})


def test_icmp_hears_its_own_echo():
    answer = ask("icmp", "127.0.0.1")
    if "not permitted" in answer.text:
        pytest.skip(answer.text)
    assert answer.ok
    assert 0 < answer.ms < 1000
    gone = ask("icmp", "240.0.0.1", timeout=0.3)  # reserved for ever: nobody answers
    assert not gone.ok


def test_tcp_and_http_tell_what_is_wrong():
    async def all_of_it():
        target, prober, found = Target(), Prober(), {}
        tcp, http = f"127.0.0.1:{target.port}", f"http://127.0.0.1:{target.port}/"
        found["refused"] = await prober.ask(understand("tcp", tcp, {}), {}, 2)
        await target.start()
        for name, status, options in (
            ("good", "200 OK", {"contains": "well"}), ("missing", "200 OK", {"contains": "absent"}),
            ("broken", "500 Oops", {}), ("as asked", "401 No", {"status": 401}),
        ):  # fmt: skip
            target.status = status
            found[name] = await prober.ask(understand("http", http, options), options, 2)
        found["tcp"] = await prober.ask(understand("tcp", tcp, {}), {}, 2)
        await target.stop()
        await prober.close()
        return found

    found = run(all_of_it())
    assert {name for name, answer in found.items() if answer.ok} == {"good", "as asked", "tcp"}
    assert found["broken"].text == "HTTP 500"
    assert found["good"].numbers["status"] == 200


@pytest.mark.skipif(not shutil.which("snmpd"), reason="snmpd is not installed")
def test_snmp_reads_a_real_agent_and_misses_a_stopped_one(scratch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (scratch / "snmpd.conf").write_text(
        f"agentaddress udp:127.0.0.1:{port}\nrocommunity secret 127.0.0.1\n"
        "createUser watcher SHA authauth1 AES privpriv1\nrouser watcher priv\n"
    )
    agent = subprocess.Popen(
        [
            "snmpd", "-f", "-C", "-c", str(scratch / "snmpd.conf"), "-Lf", "/dev/null",
            "-I", "system_mib,sysORTable,usmConf,snmp_mib,usmUser,vacm_conf",
        ],
        env={"SNMP_PERSISTENT_DIR": str(scratch), "PATH": "/usr/sbin:/usr/bin:/bin"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 10
        v2 = {"community": "secret"}
        while not (answer := ask("snmp", f"127.0.0.1:{port}", v2, 1)).ok and time.monotonic() < deadline:
            time.sleep(0.2)
        assert answer.ok, answer
        assert answer.numbers["uptime"] >= 0
        v3 = {"user": "watcher", "auth_key": "authauth1", "priv_key": "privpriv1"}
        assert ask("snmp", f"127.0.0.1:{port}", v3, 3).ok
        assert not ask("snmp", f"127.0.0.1:{port}", {"community": "wrong"}, 0.5).ok
    finally:
        agent.kill()
        agent.wait()
    assert not ask("snmp", f"127.0.0.1:{port}", {"community": "secret"}, 0.5).ok


def test_a_child_that_is_asked_first_still_follows_from_its_parent():
    async def watched():
        seen = []

        async def changed(watch, change, flapping, follows, answer):
            seen.append((watch.pk, change.after, follows))

        engine = Engine(changed)
        parent, child = Target(), Target()
        await parent.start()
        await child.start()

        def watch(pk, target, interval, parents=()):
            return Watch.of(pk, pk, "tcp", f"127.0.0.1:{target.port}", {}, interval=interval, timeout=0.5,
                            memory=Watched(2, 1), parents=frozenset(parents))  # fmt: skip

        engine.set_watches([watch(1, parent, 30.0), watch(2, child, 0.1, [1])])
        task = asyncio.create_task(engine.run())
        deadline = time.monotonic() + 20
        while not {(1, "up", False), (2, "up", False)} <= set(seen) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await parent.stop()
        await child.stop()
        while len(seen) < 3 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return seen

    assert run(watched())[2] == (2, "down", True)


INTERVAL = 1.0


@pytest.mark.django_db(transaction=True)
def test_a_stopped_target_becomes_a_span_and_a_fault_to_the_second(place):
    """Start, stop, start a real server; state, fault, clocks and unknown time follow, one interval at most beside."""
    from chengheng.maintenance import actions, queries

    target, truth = Target(), {}
    check = actions.set_check(
        place.device, place.manager, kind="http", target=f"http://127.0.0.1:{target.port}/", interval_s=1, timeout_s=1,
        fail_after=2, pass_after=2,
    )  # fmt: skip

    async def until(condition, seconds=25.0):
        deadline = time.monotonic() + seconds
        loop = asyncio.get_running_loop()
        while time.monotonic() < deadline:
            if await loop.run_in_executor(None, from_thread, condition):
                return
            await asyncio.sleep(0.2)
        raise AssertionError("it did not happen in time")

    def from_thread(condition):
        from django.db import connections

        try:
            return condition()
        finally:
            connections.close_all()

    def state():
        return Span.objects.filter(check_row=check, until__isnull=True).values_list("state", flat=True).first()

    async def live():
        truth["began"] = await target.start()
        stop = asyncio.Event()
        running = asyncio.create_task(process.Site().run(stop))
        await until(lambda: state() == "up")
        truth["down"] = await target.stop()
        await until(lambda: state() == "down")
        truth["up"] = await target.start()
        await until(lambda: state() == "up")
        stop.set()
        await running
        truth["prober stopped"] = datetime.now(UTC)
        await asyncio.sleep(1.5)
        again = asyncio.Event()
        running = asyncio.create_task(process.Site().run(again))
        await until(lambda: ProberRun.objects.count() == 2 and state() == "up")
        truth["prober back"] = datetime.now(UTC)
        again.set()
        await running
        await target.stop()

    run(live())
    found = list(Span.objects.filter(check_row=check).order_by("since").values_list("state", "since", "until"))
    assert [state for state, _since, _until in found] == ["up", "down", "up", "unknown", "up"]
    late = timedelta(seconds=2 * INTERVAL)  # an interval, and another for a machine under load
    assert truth["down"] - timedelta(seconds=0.2) <= found[1][1] <= truth["down"] + late
    assert truth["up"] - timedelta(seconds=0.2) <= found[2][1] <= truth["up"] + late
    assert all(one[2] == other[1] for one, other in zip(found, found[1:], strict=False))
    assert abs(found[3][1] - truth["prober stopped"]) <= late
    assert found[3][2] <= truth["prober back"]
    fault = Fault.objects.get()
    assert fault.state == "fixed"
    assert fault.happened_at == found[1][1]
    assert fault.fixed_at == max(found[2][1], fault.reported_at)
    due, down = queries.normal_seconds([place.device.pk], truth["began"], truth["prober back"])[place.device.pk]
    known = found[3][2] - found[3][1]
    assert abs(float(down) - (truth["up"] - truth["down"]).total_seconds()) <= late.total_seconds()
    assert float(due) == pytest.approx((truth["prober back"] - truth["began"] - known).total_seconds(), abs=1e-5)
    assert ProberRun.objects.filter(ended_at__isnull=False).count() == 2
    assert check.hours.exists()
