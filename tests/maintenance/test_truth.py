"""The whole watch against real things in a network of its own: stopped and started, and compared with the known truth.

A thread enters a network namespace (its own loopback and addresses); in it stand Debian's snmpd, an HTTP server, a bare
TCP port and an address that answers echoes. The prober runs there against the site's database, whose socket is a file.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from chengheng.common.flow.engine import runs_of
from chengheng.maintenance import actions, queries
from chengheng.maintenance.models import Device, Fault, Span
from chengheng.maintenance.prober import process
from chengheng.maintenance.rules import spans as rules
from tests.maintenance.test_prober import Target

CLONE_NEWNET = 0x40000000
INTERVAL = 1.0
LATE = timedelta(seconds=INTERVAL + 1)
"""An interval, and a second for a machine under load."""
EARLY = timedelta(seconds=0.2)


def in_own_network(work):
    """Run a coroutine function in a thread with a network namespace of its own; skipped where that is not permitted."""

    def inside():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            return None
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return asyncio.run(work()), True

    if not connection.settings_dict["HOST"].startswith("/"):
        pytest.skip("from a namespace of its own a database is reached by its socket only")
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("a network namespace needs root and iproute2")
    with ThreadPoolExecutor(1) as one:
        found = one.submit(inside).result()
    if found is None:
        pytest.skip("this machine permits no network namespace")
    return found[0]


class Address:
    """An address of the namespace's loopback: it answers echoes while it is there."""

    target = "192.0.2.80"

    def start(self):
        subprocess.run(["ip", "address", "add", f"{self.target}/32", "dev", "lo"], check=True)

    def stop(self):
        subprocess.run(["ip", "address", "del", f"{self.target}/32", "dev", "lo"], check=True)


class Address6:
    """The same by IPv6."""

    target = "2001:db8::80"

    def start(self):
        subprocess.run(["ip", "-6", "address", "add", f"{self.target}/128", "dev", "lo", "nodad"], check=True)

    def stop(self):
        subprocess.run(["ip", "-6", "address", "del", f"{self.target}/128", "dev", "lo"], check=True)


class Agent:
    """Debian's snmpd."""

    target = "127.0.0.1:10161"
    running = None

    def __init__(self, folder):
        self.folder = folder
        (folder / "kept").mkdir()  # snmpd rewrites an snmpd.conf of its own there
        (folder / "snmpd.conf").write_text("agentaddress udp:127.0.0.1:10161\nrocommunity secret 127.0.0.1\n")

    def start(self):
        self.running = subprocess.Popen(
            ["snmpd", "-f", "-C", "-c", str(self.folder / "snmpd.conf"), "-Lf", "/dev/null",
             "-I", "system_mib,sysORTable,usmConf,snmp_mib,usmUser,vacm_conf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            env={"SNMP_PERSISTENT_DIR": str(self.folder / "kept"), "PATH": "/usr/sbin:/usr/bin:/bin"},
        )  # fmt: skip

    def stop(self):
        self.running.kill()
        self.running.wait()


async def switch(thing, verb):
    """Start or stop a thing, whatever it is; the moment just before and just after."""
    before = datetime.now(UTC)
    done = getattr(thing, verb)()
    if asyncio.iscoroutine(done):
        await done
    return before, datetime.now(UTC)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("snmpd"), reason="snmpd is not installed")
@pytest.mark.django_db(transaction=True)
def test_state_fault_clocks_and_availability_follow_the_known_truth(place, scratch):
    web, port, address, agent = Target(), Target(), Address(), Agent(scratch)
    things = {
        "http": (web, f"http://127.0.0.1:{web.port}/", {"contains": "all is well"}, {}),
        "tcp": (port, f"127.0.0.1:{port.port}", {}, {}),
        "icmp": (address, address.target, {}, {}),
        "snmp": (agent, agent.target, {"must": "1.3.6.1.2.1.1.3.0 >= 0"}, {"community": "secret"}),
    }
    if Path("/proc/net/if_inet6").exists():
        things["icmp 6"] = (Address6(), Address6.target, {}, {})
    checks, truth = {}, {}
    for name, (_thing, target, options, secrets) in things.items():
        device = Device.objects.create(
            code=f"T-{name.replace(' ', '')}", name=name, system=place.system, kind="real", vendor=place.vendor,
            in_service_at=datetime.now(UTC) - timedelta(hours=1),
        )  # fmt: skip
        checks[name] = actions.set_check(
            device, place.manager, kind=name.partition(" ")[0], target=target, options=options, secrets=secrets, interval_s=1,
            timeout_s=0.8, fail_after=2, pass_after=2,
        )  # fmt: skip

    def now_are():
        from django.db import connections

        found = Span.objects.filter(check_row__in=checks.values(), until__isnull=True)
        try:
            return {span.device.name: span.state for span in found.select_related("device")}
        finally:
            connections.close_all()

    async def until(state):
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 90
        while (found := await loop.run_in_executor(None, now_are)) != dict.fromkeys(checks, state):
            assert loop.time() < deadline, (state, found)
            await asyncio.sleep(0.2)

    async def live():
        stop = asyncio.Event()
        for name, (thing, *_rest) in things.items():
            truth[name] = [await switch(thing, "start")]
        await asyncio.sleep(1)
        running = asyncio.create_task(process.Site().run(stop))
        try:
            await until("up")
            for verb, state in (("stop", "down"), ("start", "up"), ("stop", "down"), ("start", "up")):
                for name, (thing, *_rest) in things.items():
                    truth[name].append(await switch(thing, verb))
                await until(state)
                await asyncio.sleep(1.5)
            return datetime.now(UTC)
        finally:
            stop.set()
            await running
            agent.stop()
            await web.stop()
            await port.stop()

    ended = in_own_network(live)
    for name, check in checks.items():
        found = list(Span.objects.filter(check_row=check).order_by("since"))
        assert [span.state for span in found] == ["up", "down", "up", "down", "up"], name
        edges = [span.since for span in found[1:]]
        slow = LATE + (timedelta(seconds=1) if name == "snmp" else timedelta(0))  # snmpd needs a moment to start
        for seen, (before, after) in zip(edges, truth[name][1:], strict=True):
            assert before - EARLY <= seen <= after + slow, (name, seen - after)
        assert all(one.until == other.since for one, other in zip(found, found[1:], strict=False))

        faults = list(Fault.objects.filter(device=check.device))
        assert len(faults) == 1, "the second outage is the same fault, back before it was closed"
        (fault,) = faults
        assert (fault.state, fault.source, fault.check_row, fault.reworks) == ("fixed", "probe", check, 1)
        assert fault.happened_at == edges[0]
        assert timedelta(0) <= fault.reported_at - fault.happened_at <= slow + timedelta(seconds=INTERVAL)
        assert fault.due_at is None, "no clock runs while it works"
        assert fault.fixed_at >= edges[3]
        clocks = {run.clock: run for run in runs_of(fault)}
        assert clocks["respond"].started[0] == fault.reported_at

        start = found[0].since
        due, down = queries.normal_seconds([check.device_id], start, ended)[check.device_id]
        counted = rules.normal_time(
            (start, ended), [(start, ended)], [(s.since, s.until) for s in found if s.state == "down"]
        )
        assert (float(due), float(down)) == (
            pytest.approx((ended - start).total_seconds(), abs=1e-5),
            pytest.approx(counted.down.total_seconds(), abs=1e-5),
        )
        real = (truth[name][2][0] - truth[name][1][1]) + (truth[name][4][0] - truth[name][3][1])
        print(f"\n{name}: down {float(down):.2f} s, truth {real.total_seconds():.2f} s")
        assert abs(float(down) - real.total_seconds()) <= 2 * slow.total_seconds()
