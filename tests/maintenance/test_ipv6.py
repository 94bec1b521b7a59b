"""Every kind of probe by a literal IPv6 address, against peers on ::1."""

from __future__ import annotations

import asyncio
import shutil
import socket
import struct
import subprocess
import time

import pytest

from chengheng.maintenance.prober.probes import Pinger, understand
from chengheng.protocols.sip import message as sip
from tests.maintenance.test_prober import ask as ask_once
from tests.maintenance.test_prober import run
from tests.maintenance.test_talks import ask, tcp_server, udp_server
from tests.protocols.test_probing import mysql_packet, served


def _here() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _here(), reason="this machine has no IPv6 loopback")


@pytest.mark.parametrize(
    ("kind", "target", "address", "port"),
    [
        ("icmp", "::1", "::1", 0), ("icmp", "2001:DB8:0:0::1", "2001:db8::1", 0), ("icmp", "[::1]", "::1", 0),
        ("icmp", "fe80::1%lo", "fe80::1%lo", 0), ("tcp", "[2001:db8::1]:22", "2001:db8::1", 22), ("snmp", "::1", "::1", 161),
        ("ntp", "[::1]:1123", "::1", 1123), ("sip", "sip:3402@[::1]:5070", "::1", 5070),
    ],
)  # fmt: skip
def test_literal_addresses_are_understood(kind, target, address, port):
    found = understand(kind, target, {})
    assert (found.address, found.port) == (address, port)


@pytest.mark.parametrize("target", ["::1", "2001:db8::1:22"])
def test_a_connect_needs_brackets_that_set_the_port_apart(target):
    with pytest.raises(ValueError, match=target):
        understand("tcp", target, {})


def test_icmp_hears_its_own_echo_and_misses_who_is_not_there():
    answer = ask_once("icmp", "::1")
    if "not permitted" in answer.text:
        pytest.skip(answer.text)
    assert answer.ok, answer
    assert 0 < answer.ms < 1000
    assert ask_once("icmp", "0:0:0::1").ok
    assert not ask_once("icmp", "100::1", timeout=0.3).ok  # RFC 6666: what is sent there is dropped


def test_both_families_answer_side_by_side_and_none_for_the_other():
    async def many():
        loop = asyncio.get_running_loop()
        four, six = Pinger(socket.AF_INET), Pinger(socket.AF_INET6)
        futures = []
        for number in range(200):
            future = loop.create_future()
            futures.append(future)
            (six if number % 2 else four).send("::1" if number % 2 else "127.0.0.1", 2, future.set_result)
        answers = await asyncio.gather(*futures)
        six.send("no address", 1, answers.append)
        four.close()
        six.close()
        return answers

    try:
        *answers, wrong = run(many())
    except Exception as error:
        if type(error).__name__ == "NoPing":
            pytest.skip(str(error))
        raise
    assert all(answer.ok for answer in answers)
    assert not wrong.ok


def test_the_other_kinds_speak_over_it():
    async def web(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Host: [::1]:" in head
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell")
        await writer.drain()

    async def camera(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("OPTIONS rtsp://[::1]:")
        writer.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
        await writer.drain()

    async def mysql(reader, writer):
        writer.write(mysql_packet(b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"saltsalt\0" + bytes(31)))
        await reader.read(200)
        await writer.drain()

    def phone(data):
        asked = sip.parse(data)
        assert "[::1]:" in asked.get("via")
        return [sip.response_to(asked, 200).encode()]

    def clock(data):
        now = time.time()
        return [served(data, now, now)]

    async def all_of_them():
        async with tcp_server(web, "::1") as page, tcp_server(camera, "::1") as rtsp, tcp_server(mysql, "::1") as base:
            async with udp_server(phone, "::1") as sips, udp_server(clock, "::1") as time_of:
                return {
                    "tcp": await ask("tcp", f"[::1]:{rtsp}"),
                    "http": await ask("http", f"http://[::1]:{page}/", {"contains": "well"}),
                    "rtsp": await ask("rtsp", f"rtsp://[::1]:{rtsp}/1"),
                    "database": await ask("database", f"mysql://[::1]:{base}"),
                    "sip": await ask("sip", f"sip:3402@[::1]:{sips}"),
                    "ntp": await ask("ntp", f"[::1]:{time_of}"),
                }

    for kind, answer in run(all_of_them()).items():
        assert answer.ok, (kind, answer)


@pytest.mark.skipif(not shutil.which("snmpd"), reason="snmpd is not installed")
def test_snmp_reads_a_real_agent_over_it(scratch):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    (scratch / "snmpd.conf").write_text(f"agentaddress udp6:[::1]:{port}\nrocommunity6 secret ::1\n")
    agent = subprocess.Popen(
        ["snmpd", "-f", "-C", "-c", str(scratch / "snmpd.conf"), "-Lf", "/dev/null",
         "-I", "system_mib,sysORTable,usmConf,snmp_mib,usmUser,vacm_conf"],
        env={"SNMP_PERSISTENT_DIR": str(scratch), "PATH": "/usr/sbin:/usr/bin:/bin"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 10
        while not (answer := ask_once("snmp", f"[::1]:{port}", {"community": "secret"}, 1)).ok:
            assert time.monotonic() < deadline, answer
            time.sleep(0.2)
    finally:
        agent.kill()
        agent.wait()
