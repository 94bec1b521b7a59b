"""What a camera costs: parsing against `ffmpeg -c copy`, the whole way from socket to fragments, SIP, catalogs.

CPU seconds of the process, not wall time: the machine may be busy with other things. Kamailio is measured beside us
only where it is installed; where it is not, the report says so.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.report import Report

SECONDS, FPS = 10, 25
STREAMS, HUNDRED = 20, 100
DEVICES, RATE = 20_000, 2000  # registrations a second: above what one core takes, repeats are counted, not work


def camera_frames() -> list[tuple[bytes, bool]]:
    """Ten seconds of 1080p25 at about 4 Mbit/s, key frame every two seconds: moving noise over a street."""
    import av
    import numpy

    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 1920, 1080, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, FPS), Fraction(FPS), 50
    context.bit_rate, context.max_b_frames = 4_000_000, 0
    context.options = {
        "preset": "ultrafast", "tune": "zerolatency",
        "x264-params": "keyint=50:min-keyint=50:scenecut=0:repeat-headers=1:nal-hrd=cbr:vbv-maxrate=4000:vbv-bufsize=2000",
    }  # fmt: skip
    chance = numpy.random.default_rng(1)
    noise = chance.integers(0, 255, (1200, 2400), numpy.uint8)
    out = []
    for number in range(SECONDS * FPS):
        picture = numpy.zeros((1620, 1920), numpy.uint8)
        picture[:1080] = 90 + (noise[number % 100 : number % 100 + 1080, number : number + 1920] >> 4)
        picture[1080:] = 128
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts = number
        out += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    return out


def packets_of(frames: list[tuple[bytes, bool]], ssrc: int = 1) -> list[list[bytes]]:
    """Per frame, its RTP packets."""
    from chengheng.protocols.mpegps import mux
    from chengheng.protocols.rtp.packet import Packetizer

    sender = Packetizer(ssrc)
    return [
        sender.packets(mux.frame("h264", data, number * 3600, key), number * 3600)
        for number, (data, key) in enumerate(frames)
    ]


def parse(report: Report, frames: list[tuple[bytes, bool]]) -> None:
    from chengheng.protocols.media import Stream
    from chengheng.protocols.mpegps import mux

    packets = [packet for group in packets_of(frames) for packet in group]
    rate = sum(map(len, packets)) * 8 / SECONDS / 1e6
    best = 1e9
    for _again in range(3):
        stream = Stream()
        used = time.process_time()
        for packet in packets:
            stream.receive(packet, 0.0)
        best = min(best, time.process_time() - used)
        assert stream.muxer.frames == len(frames)
    ours = best / SECONDS * 100
    theirs: float | None = None
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "in.ps")
            times = 20
            body = b"".join(mux.frame("h264", data, number * 3600, key) for number, (data, key) in enumerate(frames))
            source.write_bytes(body * times)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [ffmpeg, "-v", "quiet", "-f", "mpeg", "-i", str(source), "-c", "copy", "-f", "mp4", "-movflags",
                 "frag_every_frame+empty_moov", "-y", "/dev/null"],
                check=True,
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            theirs = spent / (SECONDS * times) * 100
        report.line("ffmpeg -c copy, PS file to fragments", theirs, "% of a core", "per stream of 10 s")
    report.line(
        "RTP + PS + fMP4, parsing only", ours, "% of a core", f"1080p25, {rate:.1f} Mbit/s, per stream", limit=theirs
    )


def _receive(mode: str, streams: int, pipe: Any, seconds: float) -> None:
    """A process that takes streams as the live process does and tells its CPU seconds."""
    import uvloop

    from chengheng.video.live.ports import Inlet, PortRange
    from chengheng.video.live.source import Source

    async def work() -> None:
        ports = PortRange("127.0.0.1", 36_000, 39_998)
        sources = [Source(tcp=mode != "udp") for _number in range(streams)]
        inlets = [Inlet(ports, mode, source.packet, lambda reason: None) for source in sources]
        pipe.send([await inlet.open() for inlet in inlets])
        await asyncio.sleep(2)
        used, frames = time.process_time(), sum(source.stream.muxer.frames for source in sources)
        started = time.monotonic()
        await asyncio.sleep(seconds)
        spent = time.monotonic() - started
        pipe.send(
            (time.process_time() - used, spent, sum(source.stream.muxer.frames for source in sources) - frames,
             sum(source.stream.rtp.missing for source in sources))
        )  # fmt: skip

    uvloop.run(work())


def _send(mode: str, groups: list[list[bytes]], targets: list[int], seconds: float, sent: Any = None) -> None:
    """Streams to these ports, each at its own phase of the picture clock. A whole frame is one system call: the kernel
    cuts it into datagrams (UDP_SEGMENT), so that the sender is not what is measured."""
    import socket

    sockets = []
    for port in targets:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if mode == "tcp_passive" else socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", port))
        sockets.append(sock)
    whole = [b"".join(len(packet).to_bytes(2, "big") + packet for packet in group) for group in groups]
    cut = [
        [(len(group[at]), b"".join(group[at : at + 40])) for at in range(0, len(group), 40)] for group in groups
    ]  # at most 40 packets and less than 64 kB in one call
    began = time.monotonic()
    turn = 0
    while (due := began + turn / FPS / len(sockets)) < began + seconds:
        late = time.monotonic()
        if due > late:
            time.sleep(due - late)
        number, index = divmod(turn, len(sockets))
        sock, at = sockets[index], number % len(groups)
        turn += 1
        if sent is not None:
            sent.value = turn
        try:
            if mode == "tcp_passive":
                sock.sendall(whole[at])
            else:
                for size, data in cut[at]:
                    sock.sendmsg([data], [(socket.IPPROTO_UDP, 103, size.to_bytes(2, "little"))])
        except OSError:
            if mode == "tcp_passive":
                return


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def live_ffmpeg(report: Report, frames: list[tuple[bytes, bool]], count: int = 5, seconds: float = 8.0) -> float | None:
    """What one live `ffmpeg -c copy` costs: a process each takes the program stream by UDP and writes fragments."""
    import socket

    from chengheng.protocols.mpegps import mux

    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        report.line("ffmpeg -c copy, live", 0, "", "not measured: ffmpeg is not installed")
        return None
    groups = []
    for number, (data, key) in enumerate(frames):
        whole = mux.frame("h264", data, number * 3600, key)
        groups.append([whole[at : at + 1400] for at in range(0, len(whole), 1400)])
    ports, processes = [], []
    for _number in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
        processes.append(
            subprocess.Popen(
                [ffmpeg, "-v", "quiet", "-f", "mpeg", "-i",
                 f"udp://127.0.0.1:{ports[-1]}?buffer_size=8000000&fifo_size=100000", "-c", "copy", "-f", "mp4",
                 "-movflags", "frag_every_frame+empty_moov", "-y", "/dev/null"],
                stdin=subprocess.DEVNULL,
            )
        )  # fmt: skip
    context = multiprocessing.get_context("spawn")
    sent = context.Value("L", 0)
    sender = context.Process(target=_send, args=("udp", groups, ports, seconds + 8, sent))
    try:
        sender.start()
        time.sleep(7)  # it looks at the stream for some seconds before it begins
        used, before = sum(_spent(process.pid) for process in processes), sent.value
        time.sleep(seconds)
        used, made = sum(_spent(process.pid) for process in processes) - used, sent.value - before
    finally:
        sender.kill()
        sender.join(10)
        for process in processes:
            process.kill()
            process.wait(10)
    theirs = used / max(1, made) * FPS * 100
    report.line(
        "ffmpeg -c copy, live by UDP to fragments", theirs, "% of a core",
        f"per stream of 25 pictures/s, {count} processes; {made / seconds / count:.1f} came",
    )  # fmt: skip
    return theirs


def whole_way(
    report: Report, frames: list[tuple[bytes, bool]], mode: str, streams: int = STREAMS, theirs: float | None = None
) -> None:
    groups = packets_of(frames)
    context = multiprocessing.get_context("spawn")
    mine, other = context.Pipe()
    receiver = context.Process(target=_receive, args=(mode, streams, other, 6.0))
    receiver.start()
    sender = None
    try:
        targets = mine.recv()
        sender = context.Process(target=_send, args=(mode, groups, targets, 9.0))
        sender.start()
        used, spent, made, missing = mine.recv()
    finally:
        receiver.join(10)
        receiver.kill()
        if sender is not None:
            sender.join(10)
            sender.kill()
    report.line(
        f"socket to fragments, {streams} streams, {mode}", used / made * FPS * 100, "% of a core",
        f"per stream of 25 pictures/s; {made / spent / streams:.1f} came, {missing} packets missing", limit=theirs,
    )  # fmt: skip


def _watch(port: int, viewers: int, pipe: Any, seconds: float) -> None:
    """Viewers as browsers are: a WebSocket each, told and sent as the player is. The pipe tells when all are served."""
    import aiohttp
    import uvloop

    async def work() -> None:
        got, told = [0] * viewers, ["everybody is served"]

        async def one(number: int) -> None:
            async with session.ws_connect(
                f"http://127.0.0.1:{port}/video/play?h265=1&token={number}", max_msg_size=0
            ) as ws:
                async for message in ws:
                    if message.type == aiohttp.WSMsgType.BINARY:
                        got[number] += len(message.data)
                    if told and all(got):
                        pipe.send(told.pop())

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            tasks = [asyncio.ensure_future(one(number)) for number in range(viewers)]
            while told:
                await asyncio.sleep(0.1)
            before, began = sum(got), time.monotonic()
            await asyncio.sleep(seconds)
            rate = (sum(got) - before) * 8 / (time.monotonic() - began)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        pipe.send(rate)

    uvloop.run(work())


def _serve(streams: int, pipe: Any, seconds: float) -> None:
    """The room's own way from the socket to viewers; the token, the call and the database are stood in for."""
    import django

    django.setup()
    import uvloop
    from aiohttp import web

    from chengheng.video import tokens
    from chengheng.video.live import store
    from chengheng.video.live.platform import Entry, LiveCall
    from chengheng.video.live.ports import Inlet, PortRange
    from chengheng.video.live.source import Source
    from chengheng.video.live.web import Service

    tokens.read_play = lambda token, once: tokens.Play(1, int(token) % streams, "bench")  # type: ignore[assignment]
    store.open_watching = lambda *told: 1  # type: ignore[assignment]
    store.close_watching = lambda *told: None  # type: ignore[assignment]

    async def work() -> None:
        service = Service()
        ports = PortRange("127.0.0.1", 36_000, 39_998)
        entry = Entry(1, "1" * 20, "", "")
        calls = [
            LiveCall(str(number), entry, number, "1" * 20, "live", "tcp_passive", source=Source())
            for number in range(streams)
        ]
        inlets = [Inlet(ports, "tcp_passive", call.source.packet, lambda reason: None) for call in calls]

        async def call_for(watcher: Any) -> LiveCall:
            return calls[watcher.play.channel]

        service._call_for = call_for  # type: ignore[method-assign]
        app = web.Application()
        app.router.add_get("/video/play", service.play)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send([await inlet.open() for inlet in inlets])
        pipe.send(runner.addresses[0][1])
        for _span in range(2):  # without viewers, and with them
            await asyncio.to_thread(pipe.recv)
            used, started = time.process_time(), time.monotonic()
            await asyncio.sleep(seconds)
            pipe.send((time.process_time() - used, time.monotonic() - started))
        await runner.cleanup()

    uvloop.run(work())


def watched(report: Report, frames: list[tuple[bytes, bool]], viewers: int = 100) -> None:
    """Twenty cameras without a viewer and with a hundred by WebSocket, in one run."""
    context = multiprocessing.get_context("spawn")
    mine, other = context.Pipe()
    seconds = 6.0
    server = context.Process(target=_serve, args=(STREAMS, other, seconds))
    server.start()
    others = []
    try:
        targets, port = mine.recv(), mine.recv()
        sender = context.Process(target=_send, args=("tcp_passive", packets_of(frames), targets, seconds * 2 + 40))
        others.append(sender)
        sender.start()
        time.sleep(3)
        mine.send(1)
        alone, spent = mine.recv()
        ours, theirs = context.Pipe()
        watching = context.Process(target=_watch, args=(port, viewers, theirs, seconds))
        others.append(watching)
        watching.start()
        ours.recv()
        mine.send(1)
        full, spent_too = mine.recv()
        rate = ours.recv()
    finally:
        for process in (*others, server):
            process.join(6)
            process.kill()
    report.line(f"the room, {STREAMS} cameras, nobody watches", alone / spent * 100, "% of a core", "TCP")
    report.line(
        f"the room, {STREAMS} cameras, {viewers} viewers by WebSocket", full / spent_too * 100, "% of a core",
        f"{rate / 1e6:.0f} Mbit/s out",
    )  # fmt: skip


def transcode(report: Report) -> None:
    """One 1080p25 stream in H.265 coded anew as 720 lines of H.264, as the room's own process does it."""
    import av
    import numpy

    from chengheng.video.live.transcode_child import Coder

    context = av.CodecContext.create("libx265", "w")
    context.width, context.height, context.pix_fmt = 1920, 1080, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, FPS), Fraction(FPS), 50
    context.bit_rate, context.max_b_frames = 4_000_000, 0
    context.options = {
        "preset": "ultrafast", "tune": "zerolatency",
        "x265-params": "keyint=50:bframes=0:repeat-headers=1:log-level=none:vbv-maxrate=4000:vbv-bufsize=2000",
    }  # fmt: skip
    noise = numpy.random.default_rng(1).integers(0, 255, (1200, 2400), numpy.uint8)
    units = []
    for number in range(3 * FPS):
        picture = numpy.full((1620, 1920), 128, numpy.uint8)
        picture[:1080] = 90 + (noise[number % 100 : number % 100 + 1080, number : number + 1920] >> 4)
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts = number
        units += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    rate = sum(len(data) for data, _key in units) * 8 / len(units) * FPS / 1e6
    coder = Coder(720)
    used, made = time.process_time(), 0
    for number, (data, key) in enumerate(units):
        made += len(coder(data, number * 3600, key))
    report.line(
        "H.265 1080p25 coded anew as 720 lines of H.264", (time.process_time() - used) / made * FPS * 100,
        "% of a core", f"per stream, {rate:.1f} Mbit/s in, {made} pictures",
    )  # fmt: skip


def signalling(report: Report) -> None:
    if not shutil.which("sipp"):
        report.line("SIP", 0, "", "not measured: sipp is not installed")
        return
    from tests.video import sipp

    with tempfile.TemporaryDirectory() as folder:
        found = sipp.run(Path(folder), DEVICES, RATE)
    transactions = found["done"] * 3
    peer: float | None = None
    if shutil.which("kamailio"):
        with tempfile.TemporaryDirectory() as folder:
            theirs = sipp.run_kamailio(Path(folder), DEVICES, RATE)
        peer = theirs["done"] * 3 / theirs["cpu_s"]
        report.line(
            "the same by Kamailio, one worker", peer, "per CPU s",
            f"{theirs['done']} devices, {theirs['failed']} failed, {theirs['repeats']} repeats",
        )  # fmt: skip
    report.line(
        "REGISTER 401, REGISTER 200, Keepalive by sipp", transactions / found["cpu_s"], "per CPU s",
        f"{found['done']} devices, {found['failed']} failed, {found['repeats']} repeats; "
        + (f"{transactions / found['cpu_s'] / peer:.2f} of Kamailio" if peer else "Kamailio is not installed here"),
    )  # fmt: skip
    report.line(
        "50,000 devices, keepalive each minute", 50_000 / 60 / (transactions / found["cpu_s"]) * 100, "% of a core"
    )
    report.line("writes to the database during that", found["writes"], "statements")


def catalog(report: Report) -> None:
    from django.conf import settings
    from django.core.management import call_command

    from chengheng.common.people.models import Organisation
    from chengheng.project.embedded import Embedded
    from chengheng.protocols.gb28181 import manscdp
    from chengheng.video.live.store import save_catalog
    from chengheng.video.models import Channel, Device

    with Embedded.of_site().running():
        call_command("migrate", verbosity=0, interactive=False)
        Device.objects.filter(gb_id="12010000001110000001").delete()
        unit, _new = Organisation.objects.get_or_create(code="BENCH", defaults={"name": "bench", "kind": "unit"})
        device = Device.objects.create(
            gb_id="12010000001110000001", name="bench", organisation=unit, sealed_password="x"
        )
        items = [
            manscdp.CatalogItem(f"1201000000132{number:07d}", f"摄像机{number}", "海康", "DS-2CD", address="天津市和平区",
                                parent_id=device.gb_id, status="ON", lon=117.2, lat=39.1, civil_code="120101")
            for number in range(10_000)
        ]  # fmt: skip
        body = manscdp.catalog_page(1, device.gb_id, len(items), items)
        started, used = time.perf_counter(), time.process_time()
        page = manscdp.catalog(manscdp.read(body))
        report.line("catalog of 10,000 entries, read", time.process_time() - used, "CPU s", f"{len(body) / 1e6:.1f} MB")
        save_catalog(device.pk, list(page.items), True, len(items), True)
        report.line("…and stored", time.perf_counter() - started, "s", f"wall, load {os.getloadavg()[0]:.1f}")
        started = time.perf_counter()
        save_catalog(device.pk, list(page.items), True, len(items), True)
        report.line("…stored again, unchanged", time.perf_counter() - started, "s", "wall")
        assert Channel.objects.filter(device=device, removed_at=None).count() == 10_000
        device.delete()
        assert settings.configured


def run(report: Report) -> None:
    import django

    django.setup()
    frames = camera_frames()
    parse(report, frames)
    theirs = live_ffmpeg(report, frames)
    for streams in (STREAMS, HUNDRED):
        for mode in ("tcp_passive", "udp"):
            whole_way(report, frames, mode, streams, theirs)
    watched(report, frames)
    transcode(report)
    signalling(report)
    catalog(report)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")
    run(Report("video"))
