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
STREAMS = 20
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


def _send(mode: str, groups: list[list[bytes]], targets: list[int], seconds: float) -> None:
    import socket

    sockets = []
    for port in targets:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if mode == "udp" else socket.SOCK_STREAM)
        sock.connect(("127.0.0.1", port))
        sockets.append(sock)
    framed = [b"".join(len(packet).to_bytes(2, "big") + packet for packet in group) for group in groups]
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < seconds:
        at = number % len(groups)
        for sock in sockets:
            try:
                if mode == "udp":
                    for packet in groups[at]:
                        sock.send(packet)
                else:
                    sock.sendall(framed[at])
            except OSError:
                return
        number += 1
        time.sleep(max(0.0, began + number / FPS - time.monotonic()))


def whole_way(report: Report, frames: list[tuple[bytes, bool]], mode: str) -> None:
    groups = packets_of(frames)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    receiver = context.Process(target=_receive, args=(mode, STREAMS, theirs, 6.0))
    receiver.start()
    sender = None
    try:
        targets = ours.recv()
        sender = context.Process(target=_send, args=(mode, groups, targets, 9.0))
        sender.start()
        used, spent, made, missing = ours.recv()
    finally:
        receiver.join(10)
        receiver.kill()
        if sender is not None:
            sender.join(10)
            sender.kill()
    report.line(
        f"socket to fragments, {STREAMS} streams, {mode}", used / spent / STREAMS * 100, "% of a core",
        f"per stream; {made / spent / STREAMS:.1f} pictures/s each, {missing} packets missing",
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
    whole_way(report, frames, "tcp_passive")
    whole_way(report, frames, "udp")
    signalling(report)
    catalog(report)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")
    run(Report("video"))
