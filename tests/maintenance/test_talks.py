"""Probes against servers that really speak: PostgreSQL, an exporter, TLS, and peers of our own SIP, RTSP, NTP and MySQL."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from chengheng.maintenance.prober.engine import Engine, Watch
from chengheng.maintenance.prober.export import RemoteWrite
from chengheng.maintenance.prober.probes import Prober, understand
from chengheng.maintenance.rules.watch import Watched
from chengheng.protocols import ntp
from chengheng.protocols.sip import message as sip
from tests.maintenance.test_prober import run
from tests.protocols.test_probing import _schema, mysql_packet, pg_error, served


async def ask(kind, target, options=None, timeout=2.0):
    prober = Prober()
    try:
        return await prober.ask(understand(kind, target, options or {}), options or {}, timeout)
    finally:
        await prober.close()


@asynccontextmanager
async def tcp_server(answer, host="127.0.0.1", **more):
    async def serve(reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, host, 0, **more)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def udp_server(answer, host="127.0.0.1"):
    class Serve(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            for told in answer(data):
                self.transport.sendto(told, addr)

    transport, _protocol = await asyncio.get_running_loop().create_datagram_endpoint(Serve, local_addr=(host, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize(("status", "good"), [(200, True), (401, True), (404, True), (480, False), (503, False)])
def test_sip_hears_life_over_udp_and_tcp_whatever_else_comes(status, good):
    def answers(data):
        asked = sip.parse(data)
        assert (asked.method, asked.get("max-forwards")) == ("OPTIONS", "70")
        other = sip.response_to(asked, 200)
        other.set("call-id", "somebody else's")
        return [b"noise", other.encode(), sip.response_to(asked, 100).encode(), sip.response_to(asked, status).encode()]

    async def stream(reader, writer):
        for part in answers(await reader.readuntil(b"\r\n\r\n"))[1:]:
            writer.write(part)
        await writer.drain()
        await reader.read()

    async def both():
        async with udp_server(answers) as udp, tcp_server(stream) as tcp:
            return [
                await ask("sip", f"sip:34020000002000000001@127.0.0.1:{udp}"),
                await ask("sip", f"127.0.0.1:{tcp};transport=tcp"),
            ]

    for answer in run(both()):
        assert (answer.ok, answer.numbers) == (good, {"status": float(status)}), answer


def test_sip_asks_again_when_a_datagram_is_lost():
    heard = []

    def answers(data):
        heard.append(data)
        return [sip.response_to(sip.parse(data), 200).encode()] if len(heard) > 1 else []

    async def once():
        async with udp_server(answers) as port:
            return await ask("sip", f"127.0.0.1:{port}", timeout=3)

    assert run(once()).ok
    assert len(heard) == 2


SDP = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


def test_rtsp_tells_answer_login_and_video_apart():
    async def camera(reader, writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            cseq = head.partition("CSeq: ")[2].partition("\r\n")[0]
            assert "pass" not in head.partition("\r\n")[0]
            body, extra, status = b"", "", "200 OK"
            if head.startswith("DESCRIBE"):
                if "Authorization: Digest" in head:
                    body = SDP if "/ch1" in head else b"v=0\r\nm=audio 0 RTP/AVP 8\r\n"
                else:
                    status, extra = "401 Unauthorized", 'WWW-Authenticate: Digest realm="cam", nonce="n1"\r\n'
            writer.write(
                f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body
            )

    async def all_of_them():
        login = {"describe": True, "user": "admin", "password": "pass"}
        async with tcp_server(camera) as port:
            url = f"rtsp://127.0.0.1:{port}"
            return [await ask("rtsp", f"{url}/ch1", options) for options in ({}, login, {"describe": True})] + [
                await ask("rtsp", f"{url}/ch2", login)
            ]

    plain, seen, stranger, silent = run(all_of_them())
    assert plain.ok
    assert seen.ok, seen
    assert (stranger.ok, stranger.text) == (False, "RTSP 401 Unauthorized")
    assert (silent.ok, silent.text) == (False, "no video in what it offers")


def test_ntp_judges_the_clock():
    ahead = {}

    def answers(data):
        now = time.time() + ahead["by"]
        return [b"x" * 48, served(ntp.request(1.0), now, now), served(data, now, now, leap=ahead.get("leap", 0))]

    async def asked(by, leap=0, options=None):
        ahead.update(by=by, leap=leap)
        async with udp_server(answers) as port:
            return await ask("ntp", f"127.0.0.1:{port}", options)

    async def all_of_them():
        return [await asked(0.0), await asked(30.0), await asked(30.0, options={"offset_s": 60}), await asked(0.0, 3)]

    right, wrong, allowed, blind = run(all_of_them())
    assert right.ok
    assert abs(right.numbers["offset_s"]) < 0.5
    assert not wrong.ok
    assert wrong.text.startswith("its clock is +")
    assert allowed.ok
    assert not blind.ok


def test_a_database_is_ready_or_says_why_not(db):
    from django.db import connection

    host, port = connection.settings_dict["HOST"], int(connection.settings_dict["PORT"] or 5432)

    async def pipe(reader, writer):
        by_socket = host.startswith("/")
        theirs, ours = await (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if by_socket
            else asyncio.open_connection(host, port)
        )

        async def copy(source, target):
            while data := await source.read(4096):
                target.write(data)
                await target.drain()

        await asyncio.wait([asyncio.create_task(copy(reader, ours)), asyncio.create_task(copy(theirs, writer))],
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        ours.close()

    async def starting(reader, writer):
        await reader.read(100)
        writer.write(pg_error("57P03", "the database system is starting up"))
        await writer.drain()

    logins = []

    async def mysql(reader, writer):
        writer.write(mysql_packet(b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"saltsalt\0" + bytes(31)))
        logins.append(await reader.read(200))
        writer.write(mysql_packet(b"\xff" + (1045).to_bytes(2, "little") + b"#28000Access denied", 2))
        await writer.drain()

    async def all_of_them():
        async with tcp_server(pipe) as real, tcp_server(starting) as soon, tcp_server(mysql) as my:
            return (
                await ask("database", f"postgresql://127.0.0.1:{real}"),
                await ask("database", f"postgresql://127.0.0.1:{soon}"),
                await ask("database", f"mysql://127.0.0.1:{my}"),
                await ask("database", f"mysql://127.0.0.1:{real}", timeout=0.5),
            )

    real, soon, my, wrong = run(all_of_them())
    assert real.ok, real
    assert (soon.ok, soon.text) == (False, "57P03 the database system is starting up")
    assert (my.ok, my.text) == (True, "8.0.36")
    assert logins[0][3] == 1
    assert b"probe" in logins[0]
    assert not wrong.ok


@pytest.mark.skipif(not shutil.which("prometheus-blackbox-exporter"), reason="no exporter is installed")
def test_the_numbers_of_a_real_exporter_are_held_against_conditions(scratch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (scratch / "bb.yml").write_text("modules:\n  tcp:\n    prober: tcp\n")
    exporter = subprocess.Popen(
        [
            "prometheus-blackbox-exporter",
            f"--config.file={scratch / 'bb.yml'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/metrics"

    async def all_of_them():
        found = {}
        for must in ("", "go_goroutines > 0\nprocess_open_fds / process_max_fds < 0.9", "go_goroutines > 1e6",
                     'go_info{version="none"} == 1', 'no_such_number < 1'):  # fmt: skip
            found[must] = await ask("metrics", url, {"must": must})
        return found

    try:
        deadline = time.monotonic() + 15
        while not run(ask("tcp", f"127.0.0.1:{port}")).ok and time.monotonic() < deadline:
            time.sleep(0.2)
        found = run(all_of_them())
    finally:
        exporter.kill()
        exporter.wait()
    assert [answer.ok for answer in found.values()] == [True, True, False, False, False], found
    assert found["go_goroutines > 1e6"].text.startswith("go_goroutines > 1e6: is ")
    assert found["no_such_number < 1"].text == "no_such_number < 1: not found"


@pytest.mark.parametrize(
    "line", ["node_load1", "< 3", "a{b=c} < 1", "a < b", "a / < 1", 'a{b="c" < 1', "a =< 1", "1.3 < 2 3"]
)
def test_what_is_no_condition_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011
        understand("metrics", "http://127.0.0.1/", {"must": line})


def certificate(folder, days):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - timedelta(days=100)).not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{days}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def test_https_reads_the_certificate_whether_it_is_trusted_or_not(scratch):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=gbk\r\nContent-Length: 8\r\n\r\n"
            + "运行正常".encode("gbk")
        )
        await writer.drain()

    async def asked(days, **options):
        async with tcp_server(answer, ssl=certificate(scratch, days)) as port:
            return await ask("http", f"https://127.0.0.1:{port}/", options)

    async def all_of_them():
        return [await asked(30), await asked(30, verify=False, contains="正常"), await asked(3, verify=False),
                await asked(3, verify=False, certificate_days=2, without="正常")]  # fmt: skip

    untrusted, good, ending, word = run(all_of_them())
    assert not untrusted.ok
    assert "certificate" in untrusted.text.lower()
    assert good.ok, good
    assert 29.9 < good.numbers["certificate_days"] < 30.1
    assert ending.text.startswith("the certificate ends in 3.0 days") or ending.text.startswith(
        "the certificate ends in 2.9"
    )
    assert word.text == "the page holds '正常'"


def test_every_result_goes_out_once_by_remote_write_and_waits_while_nobody_takes_it():
    import cramjam
    from aiohttp import ClientSession

    got, status = [], [503, 204]

    async def receive(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await reader.readexactly(length)
        assert "authorization: bearer t0ken" in head
        assert "content-encoding: snappy" in head
        code = status.pop(0)
        if code == 204:
            got.append(_schema().FromString(bytes(cramjam.snappy.decompress_raw(body))))
        writer.write(f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    async def changed(*_said):
        pass

    async def all_of_it():
        async with tcp_server(receive) as port:
            engine = Engine(changed)
            export = RemoteWrite(engine, f"http://127.0.0.1:{port}/api/v1/write", "t0ken")
            engine.set_watches([
                Watch.of(1, 1, "tcp", f"127.0.0.1:{port + 1 if port < 65000 else port - 1}", {}, interval=0.1, timeout=0.5,
                         memory=Watched(), labels={"device": "SP-001", "kind": "tcp"}),
            ])  # fmt: skip
            task = asyncio.create_task(engine.run())
            while engine.probes < 3:
                await asyncio.sleep(0.02)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            async with ClientSession() as session:
                first = await export.push(session)
                second = await export.push(session)
            return first, second, engine.probes, export.sent, len(export._results)

    first, second, probes, sent, left = run(all_of_it())
    assert (first, second, sent, left) == (False, True, probes, 0)
    (series,) = got[0].timeseries
    assert {one.name: one.value for one in series.labels} == {
        "__name__": "chengheng_probe_success", "device": "SP-001", "kind": "tcp",
    }  # fmt: skip
    assert [point.value for point in series.samples] == [0.0] * probes
    assert abs(series.samples[0].timestamp / 1000 - time.time()) < 60
