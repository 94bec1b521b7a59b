"""Twenty streams for an hour while devices restart at random: does memory grow, does a session or a port stay behind?

The real live process with its database, twenty simulated devices (UDP and TCP in turn) with one encoded picture
sequence for all, a viewer by WebSocket for each, who comes back as the player does; every few seconds a device is
killed without a word, or leaves properly, and returns a little later; one in six speaks through its loudspeaker first.
`CHENGHENG_DATA=… python -m benchmarks.soak [minutes]`. Not part of `python -m benchmarks`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")
STREAMS = 20
WIDTH, HEIGHT, FPS, GOP = 640, 368, 12, 24
STEM = "1201018800132"


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Soak:
    """The devices, the viewers and what they counted."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self.devices: list[tuple[str, str, int]] = []  # ID, password, camera's key
        self.cameras: list[Any] = [None] * STREAMS
        self.received = [0] * STREAMS
        self.reasons: dict[str, int] = {}
        self.restarts = {"killed": 0, "left": 0}
        self.talks = {"heard": 0, "stopped": 0}
        self.over = asyncio.Event()
        self.chance = random.Random(7)

    def prepare(self) -> None:
        """Devices and their cameras in the database; those of an earlier run go."""
        from django.utils import timezone

        from chengheng.common.people.access import SYSTEM
        from chengheng.common.people.models import Duty, Organisation, User
        from chengheng.video import actions
        from chengheng.video.models import Channel, Device

        Device.objects.filter(gb_id__startswith=STEM).delete()
        unit, _new = Organisation.objects.get_or_create(code="SOAK", defaults={"name": "soak", "kind": "unit"})
        self.user, new = User.objects.get_or_create(
            username="soak", defaults={"display_name": "soak", "organisation": unit}
        )
        if new:
            Duty.objects.create(
                user=self.user, role="video.operator", organisation=unit, starts_on=timezone.localdate()
            )
        for number in range(STREAMS):
            mode = ("tcp_passive", "udp", "tcp_active")[number % 3]
            row, password = actions.add_device(SYSTEM, f"{STEM}{number:07d}", f"soak {number}", unit, media_mode=mode)
            channel = Channel.objects.create(
                device=row, gb_id=f"{STEM[:10]}131{number:07d}", name=row.name, raw_name=row.name, organisation=unit,
                parent_id=row.gb_id, ptz_type=1,
            )  # fmt: skip
            self.devices.append((row.gb_id, password, channel.pk))

    async def camera(self, number: int) -> Any:
        from django.conf import settings

        from chengheng.video.camera.device import Camera, CameraChannel

        gb_id, password, _pk = self.devices[number]
        made = Camera(
            gb_id, password, ("127.0.0.1", settings.SIP_PORT), settings.SIP_ID,
            [CameraChannel(f"{STEM[:10]}131{number:07d}", f"soak {number}")], realm=settings.SIP_REALM,
            transport="tcp" if number % 2 else "udp", width=WIDTH, height=HEIGHT, fps=FPS, gop=GOP, keepalive_s=20,
        )  # fmt: skip
        await made.start()
        return made

    async def viewer(self, number: int) -> None:
        """As the player: opens, counts, comes back when it was stopped."""
        import aiohttp
        from django.conf import settings

        from chengheng.video import tokens

        pk = self.devices[number][2]
        async with aiohttp.ClientSession() as session:
            while not self.over.is_set():
                token = tokens.play_token(tokens.Play(self.user.pk, pk, "soak"))
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.ws_connect(
                        f"http://127.0.0.1:{settings.LIVE_PORT}/video/play?token={token}&h265=0", max_msg_size=0
                    ) as socket:
                        closing = asyncio.ensure_future(self._close_at_end(socket))
                        async for message in socket:
                            if message.type == aiohttp.WSMsgType.BINARY:
                                self.received[number] += len(message.data)
                            elif message.type == aiohttp.WSMsgType.TEXT and '"stopped"' in message.data:
                                code = message.json().get("code", "")
                                self.reasons[code] = self.reasons.get(code, 0) + 1
                        closing.cancel()
                await asyncio.sleep(1.5)

    async def _close_at_end(self, socket: Any) -> None:
        await self.over.wait()
        await socket.close()

    async def speak(self, number: int) -> None:
        """Three seconds through the device's loudspeaker."""
        import aiohttp
        from django.conf import settings

        from chengheng.video import tokens

        token = tokens.talk_token(tokens.Play(self.user.pk, self.devices[number][2], "soak", "", 3, "talk"))
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://127.0.0.1:{settings.LIVE_PORT}/video/talk?token={token}") as socket,
            ):
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.TEXT and '"connected"' in message.data:
                        for _piece in range(75):
                            await socket.send_bytes(bytes(320))
                            await asyncio.sleep(0.04)
                        await socket.send_str('{"type":"over"}')
                        self.talks["heard"] += 1
                    elif message.type == aiohttp.WSMsgType.TEXT and '"stopped"' in message.data:
                        self.talks["stopped"] += 1

    async def restarts_(self) -> None:
        """Every few seconds a device falls over, or leaves, and comes back."""
        while not self.over.is_set():
            await asyncio.sleep(self.chance.uniform(5, 15))
            number = self.chance.randrange(STREAMS)
            camera, self.cameras[number] = self.cameras[number], None
            if camera is None:
                continue
            if self.chance.random() < 1 / 6:
                talking = asyncio.ensure_future(self.speak(number))
                await asyncio.sleep(1.5)  # now and then it falls over while somebody speaks
                if self.chance.random() < 0.5:
                    await talking
            killed = self.chance.random() < 0.7
            self.restarts["killed" if killed else "left"] += 1
            await camera.stop(unregister=not killed)
            await asyncio.sleep(self.chance.uniform(1, 10))
            if not self.over.is_set():
                self.cameras[number] = await self.camera(number)

    async def run(self, report: Any) -> None:
        from chengheng.video import gateway

        _one_sequence()
        live = subprocess.Popen([sys.executable, "-m", "chengheng", "live"], stdout=subprocess.DEVNULL)
        try:
            await asyncio.sleep(8)
            for number in range(STREAMS):
                self.cameras[number] = await self.camera(number)
            viewers = [asyncio.ensure_future(self.viewer(number)) for number in range(STREAMS)]
            restarting = [asyncio.ensure_future(self.restarts_()) for _hand in range(2)]
            began = time.monotonic()
            warm = min(180.0, self.minutes * 60 / 4)
            rows: list[tuple[float, float, int, float, int]] = []
            while (spent := time.monotonic() - began) < self.minutes * 60:
                await asyncio.sleep(min(60.0, self.minutes * 60 - spent))
                spent = time.monotonic() - began
                state = await asyncio.to_thread(gateway.ask, "state")
                if spent >= warm - 1:
                    rows.append(
                        (spent, _rss_mb(live.pid), _descriptors(live.pid), _cpu_s(live.pid), sum(self.received))
                    )
                print(
                    f"  {spent / 60:5.1f} min  {_rss_mb(live.pid):6.1f} MB  {_descriptors(live.pid)} descriptors  "
                    f"{state['calls']} calls {state['viewers']} viewers {state['ports']} ports  "
                    f"{sum(self.restarts.values())} restarts", flush=True,
                )  # fmt: skip
            self.over.set()
            for task in restarting:
                task.cancel()
            await asyncio.gather(*viewers, *restarting, return_exceptions=True)
            await asyncio.sleep(40)  # a call ends 30 s after its last viewer
            state = await asyncio.to_thread(gateway.ask, "state")
            after = (_rss_mb(live.pid), _descriptors(live.pid))
            for camera in self.cameras:
                if camera is not None:
                    await camera.stop()
        finally:
            live.terminate()
            live.wait(20)
        await asyncio.to_thread(self._tell, report, rows, state, after)

    def _tell(self, report: Any, rows: list[Any], state: dict[str, Any], after: tuple[float, int]) -> None:
        from chengheng.video.models import Broadcast, Call

        first, middle, last = rows[0], rows[len(rows) // 2], rows[-1]
        load = f"load {os.getloadavg()[0]:.1f}"
        for name, row in (("start", first), ("middle", middle), ("end", last)):
            report.line(f"memory of the live process, {name}", row[1], "MB", f"after {row[0] / 60:.0f} min, {load}")
            report.line(f"open descriptors, {name}", row[2], "")
        report.line("memory after everybody has gone", after[0], "MB", f"{after[1]} descriptors")
        report.line("calls left", state["calls"], "", f"{state['viewers']} viewers, {state['ports']} ports in use")
        stuck = Call.objects.filter(channel__device__gb_id__startswith=STEM, ended_at=None, stop_reason="").count()
        report.line("call-ups without an end in the database", stuck, "")
        report.line(
            "announcements without an end in the database", Broadcast.objects.filter(ended_at=None).count(), "",
            f"{self.talks}",
        )  # fmt: skip
        calls = Call.objects.filter(channel__device__gb_id__startswith=STEM)
        report.line("call-ups", calls.count(), "", f"{calls.exclude(first_key_at=None).count()} with a picture")
        report.line("restarts", sum(self.restarts.values()), "", f"{self.restarts}; told to viewers {self.reasons}")
        spent = last[0] - first[0]
        report.line(
            "whole live process", (last[3] - first[3]) / spent * 100, "% of a core",
            f"{(last[4] - first[4]) * 8 / spent / 1e6:.1f} Mbit/s out, {STREAMS} streams and viewers",
        )  # fmt: skip


def _one_sequence() -> None:
    """Encode two seconds of pictures once; every simulated camera sends them round and round."""
    from datetime import UTC, datetime

    from chengheng.video.camera import device
    from chengheng.video.camera.picture import Encoder, View, draw

    encoder = Encoder("h264", WIDTH, HEIGHT, FPS, GOP, 800_000)
    now = datetime.now(UTC)
    frames = [
        encoder.encode(draw(WIDTH, HEIGHT, number, View(), "soak", now, number), number % GOP == 0)
        for number in range(GOP * 2)
    ]
    frames = [item for item in frames if item[0]]

    class Looped(device._Pictures):
        def __init__(self, camera: Any, channel: Any) -> None:
            self.camera, self.channel = camera, channel
            self.number, self.key_wanted = 0, False
            self._next, self._due = None, 0.0

        def make(self, at: Any) -> tuple[bytes, bool]:
            if self.key_wanted:
                self.key_wanted, self.number = False, 0
            self.number += 1
            return frames[(self.number - 1) % len(frames)]

    device._Pictures = Looped  # type: ignore[misc]


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.report import Report
    from chengheng.project.embedded import Embedded

    report = Report("soak")
    soak = Soak(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
    with Embedded.of_site().running():
        call_command("migrate", verbosity=0, interactive=False)
        soak.prepare()
        asyncio.run(soak.run(report))
    report.write(Path("var") / "bench")


if __name__ == "__main__":
    main()
