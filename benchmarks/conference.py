"""A conference of 33 venues with media: our gateway beside the bare engine, with the same media in the same run.

A second Janus plays the venues at C speed: each sends its H.264 picture in three layers (720p 1.2 Mbit/s, 360p 350 kbit/s,
180p 120 kbit/s) and one Opus sound (canned RTP by way of a mountpoint) and receives the speaker's large layer, nine small
pictures and three sounds. A mountpoint cannot simulcast: it sends the layers as three sections of one connection, and what
it says is rewritten on the way, so that the engine under test is offered one section with three SSRCs (`a=ssrc-group:SIM`). First all of them come in by our gateway (tickets, SDP
checks, rows, state to everybody), then the same streams run over a plain Janus room without us. Figures are processor time
by /proc; packets and losses are those of the playing Janus' own RTCP: `lost` of what the venues receive, and what the
engine reports lost of what they send. "Picture" is the first video packet at the venue, not decoded.

BENCH_VENUES (33), BENCH_SECONDS (15).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil

from benchmarks.report import Report
from chengheng.command.conference.live.janus import EngineRefused, Janus
from chengheng.protocols.janus import configuration
from chengheng.protocols.janus.messages import Told
from tools.conference import Place, cast
from tools.postgres import free_port
from tools.site import Site

VENUES = int(os.environ.get("BENCH_VENUES", "33"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "15"))
PICTURES, SOUNDS = 10, 3
SETTLED = 3.0
"""Seconds without a new offer: then everybody receives what they asked for, and the meeting is measured."""
FPS = 15
LAYERS = ((320, 180, 120_000), (640, 360, 350_000), (1280, 720, 1_200_000))
"""Width, height and bits a second of each layer, the smallest first, as SSRCs of simulcast stand."""
LIBRARIES = "/usr/lib/x86_64-linux-gnu/janus"


class Engine:
    """A Janus of the benchmark's own: as the site's, or (`plays`) one that plays venues."""

    def __init__(self, folder: Path, name: str, host: str, ports: tuple[int, int], *, plays: bool = False) -> None:
        self.folder, self.port = folder / name, free_port()
        self.folder.mkdir()
        made = configuration.Engine(
            etc=str(self.folder), plugins=f"{LIBRARIES}/plugins", transports=f"{LIBRARIES}/transports",
            events=f"{LIBRARIES}/events", loggers=f"{LIBRARIES}/loggers", api_port=self.port, secret="bench",
            admin_key="bench", media_host=host, media_ports=ports, loops=os.cpu_count() or 1,
        )  # fmt: skip
        texts = configuration.files(replace(made))
        if plays:
            main = texts["janus.jcfg"].replace("ice_lite = true", "ice_lite = false")
            main = main.replace("api_secret =", 'admin_secret = "bench"\n  api_secret =')
            self.admin_port = free_port()
            texts["janus.transport.websockets.jcfg"] = texts["janus.transport.websockets.jcfg"].replace(
                "admin_ws = false", f'admin_ws = true  admin_ws_port = {self.admin_port}  admin_ws_ip = "127.0.0.1"'
            )
            texts["janus.jcfg"] = main.replace("libjanus_streaming.so,", "")
            texts["janus.plugin.streaming.jcfg"] = 'general: { admin_key = "bench" }\n'
        for file, text in texts.items():
            (self.folder / file).write_text(text)
        self.log = (self.folder / "log").open("wb")
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if user is not None:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.child = subprocess.Popen(
            ["janus", "-F", str(self.folder), "-C", str(self.folder / "janus.jcfg")], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, user=user.pw_uid if user else None,
        )  # fmt: skip
        self.janus = Janus(self.port, "bench")
        self.task: asyncio.Task[None] | None = None

    async def ready(self) -> Engine:
        self.task = asyncio.create_task(self.janus.run())
        async with asyncio.timeout(20):
            while not self.janus.up:
                await asyncio.sleep(0.05)
        return self

    async def attach(self, plugin: str, handler: Any) -> int:
        answer = await self.janus.ask(self.janus.client.attach(plugin, plugin))
        handle = int(answer.data["id"])
        self.janus.handlers[handle] = handler
        return handle

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
        self.log.close()


def collapsed(sdp: str) -> str:
    """An offer of sound and three pictures as one of sound and a picture in three layers."""
    head, sound, *pictures = _sections(sdp)
    ssrcs = [next(line.split()[0][7:] for line in picture if line.startswith("a=ssrc:")) for picture in pictures]
    video = [line for line in pictures[0] if not line.startswith(("a=ssrc:", "a=msid:"))]
    video += [f"a=ssrc-group:SIM {' '.join(ssrcs)}", *(f"a=ssrc:{ssrc} cname:venue" for ssrc in ssrcs)]
    return _text(_bundled(head, ("0", "1")), sound, video)


def expanded(sdp: str) -> str:
    """The answer to that, as one of sound and three pictures."""
    head, sound, video = _sections(sdp)
    more = [[f"a=mid:{mid}" if line.startswith("a=mid:") else line for line in video] for mid in ("1", "2", "3")]
    return _text(_bundled(head, ("0", "1", "2", "3")), sound, *more)


def _sections(sdp: str) -> list[list[str]]:
    """Its lines by section. Without the header extension of sections' names: the layers have one name, and the player
    would send its three."""
    found: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            found.append([])
        if not (line.startswith("a=extmap:") and "sdes:mid" in line):
            found[-1].append(line)
    return found


def _bundled(head: list[str], mids: tuple[str, ...]) -> list[str]:
    return [f"a=group:BUNDLE {' '.join(mids)}" if line.startswith("a=group:BUNDLE") else line for line in head]


def _text(*parts: list[str]) -> str:
    return "".join(f"{line}\r\n" for part in parts for line in part)


def used(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Player:
    """One venue's two connections, played by the second Janus. `out`, `back` take candidates to the other side."""

    def __init__(self, load: Engine, number: int) -> None:
        self.load, self.number = load, number
        self.sending = self.receiving = 0
        self.candidates: dict[str, list[Any]] = {"pub": [], "sub": []}
        self.to: Any = None
        self.picture_at = self.offered_at = 0.0
        self.up = asyncio.Event()
        self.early: list[tuple[str, dict[str, Any]]] = []

    def _told(self, leg: str) -> Any:
        def told(message: Told) -> None:
            if message.kind == "trickle":
                if self.to is None:
                    self.candidates[leg].append(message.data)
                else:
                    asyncio.ensure_future(self.to(leg, message.data))  # noqa: RUF006
            elif message.kind == "webrtcup" and leg == "pub":
                self.up.set()
            elif (
                message.kind == "media" and leg == "sub" and message.data.get("type") == "video"
                and message.data.get("receiving") and not self.picture_at
            ):  # fmt: skip
                self.picture_at = time.monotonic()

        return told

    async def offer(self) -> str:
        self.sending = await self.load.attach("streaming", self._told("pub"))
        answer = await self.load.janus.message(self.sending, {"request": "watch", "id": 1})
        assert answer.jsep
        return collapsed(str(answer.jsep["sdp"]))

    async def answered(self, sdp: str) -> None:
        jsep = {"type": "answer", "sdp": expanded(sdp)}
        await self.load.janus.message(self.sending, {"request": "start"}, jsep)

    async def receive(self, sdp: str) -> str:
        jsep = {"type": "offer", "sdp": sdp}
        self.offered_at = time.monotonic()
        if not self.receiving:
            self.receiving = await self.load.attach("videoroom", self._told("sub"))
            body = {"request": "joinandconfigure", "ptype": "publisher", "room": "sink", "id": f"r{self.number}"}
        else:
            body = {"request": "configure"}
        answer = await self.load.janus.message(self.receiving, body, jsep)
        early, self.early = self.early, []
        for leg, candidate in early:
            await self.trickle(leg, candidate)
        assert answer.jsep
        return str(answer.jsep["sdp"])

    async def trickle(self, leg: str, candidate: dict[str, Any] | None) -> None:
        handle = self.sending if leg == "pub" else self.receiving
        if not candidate:
            return
        if not handle:
            self.early.append((leg, candidate))
        else:
            await self.load.janus.send(self.load.janus.client.trickle(handle, candidate))


async def prepare_load(load: Engine) -> None:
    await load.ready()
    await load.janus.message(
        await load.attach("videoroom", lambda _told: None),
        {"request": "create", "room": "sink", "admin_key": "bench", "publishers": 100, "videocodec": "h264",
         "audiocodec": "opus", "notify_joining": False, "fir_freq": 0, "bitrate": 2_000_000},
    )  # fmt: skip
    await load.janus.message(
        await load.attach("streaming", lambda _told: None),
        {"request": "create", "type": "rtp", "id": 1, "admin_key": "bench", "is_private": True, "media": [
            {"type": "audio", "mid": "0", "port": load.port + 2, "pt": 111, "codec": "opus", "label": "a"}, *(
            {"type": "video", "mid": str(1 + at), "port": load.port + 4 + 2 * at, "pt": 96, "codec": "h264",
             "label": f"v{at}", "fmtp": "profile-level-id=42e01f;packetization-mode=1"} for at in range(len(LAYERS)))]},
    )  # fmt: skip


def source(folder: Path, load: Engine) -> subprocess.Popen[bytes]:
    """A moving picture in three layers and a tone, coded once, sent for ever."""
    clip = folder / "clip.mkv"
    largest = "{}x{}".format(*LAYERS[-1][:2])
    make = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={largest}:r={FPS}", "-f", "lavfi", "-i",
            "sine=440:r=48000", "-t", "10", "-map", "1:a", "-c:a", "libopus", "-b:a", "32k"]  # fmt: skip
    play = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clip), "-map", "0:a", "-c", "copy",
            "-payload_type", "111", "-f", "rtp", f"rtp://127.0.0.1:{load.port + 2}"]  # fmt: skip
    for at, (width, height, bits) in enumerate(LAYERS):
        make += ["-map", "0:v", f"-filter:v:{at}", f"scale={width}:{height}", f"-c:v:{at}", "libx264",
                 f"-b:v:{at}", str(bits), f"-maxrate:v:{at}", str(bits), f"-bufsize:v:{at}", str(bits // 2)]  # fmt: skip
        play += ["-map", f"0:v:{at}", "-c", "copy", "-payload_type", "96", "-f", "rtp",
                 f"rtp://127.0.0.1:{load.port + 4 + 2 * at}?pkt_size=1200"]  # fmt: skip
    make += ["-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-g", str(FPS), "-x264-params",
             "repeat-headers=1", str(clip)]  # fmt: skip
    subprocess.run(make, check=True)
    return subprocess.Popen(play, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wanted_by(number: int, count: int) -> list[int]:
    """The speaker and the nine after it in a ring: numbers of the venues whose pictures a venue shows."""
    speaker = 1 if number == 0 else 0
    ring = [at % count for at in range(number + 1, number + count) if at % count not in (number, speaker)]
    return [speaker, *ring[: PICTURES - 1]]


async def ours(report: Report, site: Site, load: Engine, scene: dict[str, Any]) -> dict[str, float]:
    """The meeting by our gateway; what it cost."""
    pids = {name: site.processes()[name]["pid"] for name in ("live", "janus")}
    places, players, tasks, joins, pictures = [], [], [], [], []
    ids: dict[int, int] = {}
    first = {name: used(pid) for name, pid in pids.items()}
    for number in range(VENUES):
        place, player = Place(site, scene, number), Player(load, number)
        place.offer = player.offer

        async def answered(told: dict[str, Any], player: Player = player) -> None:
            asyncio.ensure_future(player.answered(told["sdp"]))  # noqa: RUF006

        async def receive(told: dict[str, Any], place: Place = place, player: Player = player) -> None:
            async def answer() -> None:
                await place.say(t="sub-answer", sdp=await player.receive(told["sdp"]))

            asyncio.ensure_future(answer())  # noqa: RUF006

        async def trickled(told: dict[str, Any], player: Player = player) -> None:
            await player.trickle(told["pc"], told["candidate"])

        async def to(leg: str, candidate: Any, place: Place = place) -> None:
            await place.say(t="trickle", pc=leg, candidate=candidate)

        player.to = to
        place.on = {"pub-answer": answered, "sub-offer": receive, "trickle": trickled}
        began = time.monotonic()
        tasks.append(asyncio.create_task(place.run()))
        places.append(place)
        players.append(player)
        await asyncio.wait_for(place.joined.wait(), 30)
        ids[number] = place.me
        if number:
            want = [
                [ids[other], "camera", 2 if at == 0 else 0] for at, other in enumerate(range(min(number, PICTURES)))
            ]
            await place.say(t="view", want=want)
        await asyncio.wait_for(player.up.wait(), 30)
        joins.append(time.monotonic() - began)
        if number:
            async with asyncio.timeout(30):
                while not player.picture_at:
                    await asyncio.sleep(0.005)
            pictures.append(player.picture_at - began)
    for number in range(min(SOUNDS, VENUES)):
        await places[number].act("open_mic")
    for number, place in enumerate(places):
        await place.say(t="view", want=[
            [ids[other], "camera", 2 if at == 0 else 0] for at, other in enumerate(wanted_by(number, VENUES))
        ])  # fmt: skip
    report.line("join: ticket to media flowing, median", statistics.median(joins) * 1000, "ms", f"{VENUES} venues")
    report.line("join: 95th percentile", sorted(joins)[int(len(joins) * 0.95)] * 1000, "ms")
    report.line("join to first picture: 95th percentile", sorted(pictures)[int(len(pictures) * 0.95)] * 1000, "ms")
    report.line(f"join to first picture, venue {VENUES}", pictures[-1] * 1000, "ms", "goal 2,000")
    while time.monotonic() - max(player.offered_at for player in players) < SETTLED:
        await asyncio.sleep(0.2)
    joining = {name: used(pid) - first[name] for name, pid in pids.items()}
    report.line("gateway, all joins", joining["live"] * 1000, "ms CPU", "once")
    flow = await flowed(load, players)
    start, began = {name: used(pid) for name, pid in pids.items()}, time.monotonic()
    await asyncio.sleep(SECONDS)
    spent = time.monotonic() - began
    steady = {name: 100 * (used(pid) - start[name]) / spent for name, pid in pids.items()}
    told_of(report, "with us", (await flowed(load, players)).since(flow), time.monotonic() - began)
    found = await arrived(load, players)
    # the roll-call
    began = time.monotonic()
    await places[0].act("begin_roll_call")

    async def answer(place: Place) -> None:
        while not (place.doc.get("roll") or {}).get("open"):
            await asyncio.wait_for(place.changed.wait(), 30)
        await place.act("answer_roll_call")

    await asyncio.gather(*(answer(place) for place in places[1:]))
    while len(places[0].doc["roll"]["answers"]) < VENUES:
        await asyncio.wait_for(places[0].changed.wait(), 30)
    report.line(
        f"roll-call of {VENUES}, all at once", (time.monotonic() - began) * 1000, "ms", "until the chair sees all"
    )
    acts = []
    for number in range(20):
        began = time.monotonic()
        waits = [asyncio.create_task(_banner(place, f"b{number}")) for place in places]
        await places[0].act("set_banner", text=f"b{number}")
        await asyncio.gather(*waits)
        acts.append(time.monotonic() - began)
    report.line("chair's act until the last venue has it: median", statistics.median(acts) * 1000, "ms")
    for place in places:
        place.leaving = True
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for player in players:
        for handle in (player.sending, player.receiving):
            await load.janus.detach(handle)
    return steady | found


async def _banner(place: Place, text: str) -> None:
    while place.doc.get("banner") != text:
        await asyncio.wait_for(place.changed.wait(), 30)


class Flow(NamedTuple):
    """What the venues received and lost, and what the engine says it lost of what they sent."""

    received: int = 0
    octets: int = 0
    lost: int = 0
    sent: int = 0
    lost_up: int = 0

    def since(self, before: Flow) -> Flow:
        return Flow(*(now - then for now, then in zip(self, before, strict=True)))


async def flowed(load: Engine, players: list[Player]) -> Flow:
    """The counters of all connections, by the playing engine's admin interface."""
    found = [0] * len(Flow._fields)
    address = f"http://127.0.0.1:{load.admin_port}/"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(address, protocols=["janus-admin-protocol"], max_msg_size=0, compress=0) as socket,
    ):
        for player in players:
            for handle in (player.sending, player.receiving):
                await socket.send_json({
                    "janus": "handle_info", "transaction": "t", "admin_secret": "bench",
                    "session_id": load.janus.client.session, "handle_id": handle,
                })  # fmt: skip
                told = await socket.receive_json()
                for medium in told["info"]["webrtc"]["media"].values():
                    rtcp, stats = medium.get("rtcp", {}).get("main", {}), medium["stats"]
                    if handle == player.receiving:
                        found[0] += stats["in"]["packets"]
                        found[1] += stats["in"]["bytes"]
                        found[2] += rtcp.get("lost", 0)
                    else:
                        found[3] += stats["out"]["packets"]
                        found[4] += rtcp.get("lost-by-remote", 0)
    return Flow(*found)


def told_of(report: Report, who: str, flow: Flow, seconds: float) -> None:
    """The lines of a flow in the report."""
    report.line(f"{who}: to each venue", flow.octets * 8 / seconds / 1000 / VENUES, "kbit/s", "media, without headers")
    report.line(f"{who}: packets received by the venues", flow.received, "packets", f"{flow.sent:,} sent by them")
    report.line(f"{who}: lost on the way to the venues", flow.lost, "packets", "goal 0")
    report.line(f"{who}: lost on the way to the engine", flow.lost_up, "packets", "goal 0; as its receiver reports say")


async def arrived(load: Engine, players: list[Player]) -> dict[str, float]:
    """Streams that the venues receive, as the sink room counts them."""
    answer = await load.janus.message(
        await load.attach("videoroom", lambda _told: None), {"request": "listparticipants", "room": "sink"}
    )
    return {"receiving": float(len(answer.data.get("participants", []))),
            "pictures": float(sum(1 for player in players if player.picture_at))}  # fmt: skip


async def bare(report: Report, load: Engine, engine: Engine) -> dict[str, float]:
    """The same streams over a plain room, nobody between; what they cost."""
    await engine.ready()
    janus = engine.janus
    await janus.message(
        await engine.attach("videoroom", lambda _told: None),
        {"request": "create", "room": "bare", "admin_key": "bench", "publishers": 100, "bitrate": 1_500_000,
         "bitrate_cap": True, "fir_freq": 0, "videocodec": "h264", "audiocodec": "opus", "opus_fec": True,
         "audiolevel_event": True, "audio_active_packets": 25, "audio_level_average": 40, "notify_joining": False},
    )  # fmt: skip
    players = [Player(load, 100 + number) for number in range(VENUES)]
    handles: dict[tuple[int, str], int] = {}

    def crossing(player: Player, number: int, leg: str) -> Any:
        def told(message: Told) -> None:
            if message.kind == "trickle":
                asyncio.ensure_future(player.trickle(leg, message.data))  # noqa: RUF006
            elif message.kind == "webrtcup" and leg == "pub":
                there[number].set()

        return told

    there = [asyncio.Event() for _player in players]

    for number, player in enumerate(players):

        async def to(leg: str, candidate: Any, number: int = number) -> None:
            await janus.send(janus.client.trickle(handles[number, leg], candidate))

        handle = handles[number, "pub"] = await engine.attach("videoroom", crossing(player, number, "pub"))
        sdp = await player.offer()
        answer = await janus.message(
            handle, {"request": "joinandconfigure", "ptype": "publisher", "room": "bare", "id": f"p{number}"},
            {"type": "offer", "sdp": sdp},
        )  # fmt: skip
        player.to = to
        for candidate in player.candidates["pub"]:
            await to("pub", candidate)
        assert answer.jsep
        await player.answered(str(answer.jsep["sdp"]))
        await asyncio.wait_for(there[number].wait(), 30)
    for number, player in enumerate(players):
        handle = handles[number, "sub"] = await engine.attach("videoroom", crossing(player, number, "sub"))
        streams: list[dict[str, Any]] = [
            {"feed": f"p{other}", "mid": "1", "substream": 0 if at else 2}
            for at, other in enumerate(wanted_by(number, VENUES))
        ]
        streams += [{"feed": f"p{other}", "mid": "0"} for other in range(min(SOUNDS, VENUES)) if other != number]
        try:
            offered = await janus.message(
                handle,
                {"request": "join", "ptype": "subscriber", "room": "bare", "autoupdate": False, "streams": streams},
            )
        except EngineRefused as error:
            raise RuntimeError(f"venue {number}: {error}") from error
        assert offered.jsep
        sdp = await player.receive(str(offered.jsep["sdp"]))
        await janus.message(handle, {"request": "start"}, {"type": "answer", "sdp": sdp})
        async with asyncio.timeout(30):
            while not player.picture_at:
                await asyncio.sleep(0.01)
    await asyncio.sleep(3)
    flow = await flowed(load, players)
    start, began = used(engine.child.pid), time.monotonic()
    await asyncio.sleep(SECONDS)
    cost = 100 * (used(engine.child.pid) - start) / (time.monotonic() - began)
    told_of(report, "bare engine", (await flowed(load, players)).since(flow), time.monotonic() - began)
    return {"janus": cost} | await arrived(load, players)


def run(report: Report) -> None:
    if not shutil.which("janus") or not shutil.which("ffmpeg"):
        print("  Janus or ffmpeg is not installed: nothing measured")
        return
    from chengheng.project import settings as _settings  # noqa: F401

    folder = Path(tempfile.mkdtemp(prefix="ch-bench-"))
    folder.chmod(0o755)
    if prepared := os.environ.get("BENCH_DATA"):  # a site's data folder, prepared before: its preparation takes minutes
        subprocess.run(["cp", "-a", prepared, str(folder / "data")], check=True)
    site = Site(folder, settings={"CHENGHENG_CONFERENCE_PORTS": "24000-24999", "CHENGHENG_SIP_PORT": "0"})
    try:
        site.start(900)
        asyncio.run(_measure(report, site, folder))
    finally:
        if site.up is not None:
            site.stop(120)
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(report: Report, site: Site, folder: Path) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        host = str(probe.getsockname()[0])
    scene = await asyncio.to_thread(cast, site, VENUES)
    engines: list[Engine] = []
    sending = None
    try:
        load = Engine(folder, "load", host, (25000, 26999), plays=True)
        engines.append(load)
        await prepare_load(load)
        sending = source(folder, load)
        with_us = await ours(report, site, load, scene)
        report.line("venues that receive, with us", with_us["receiving"], "venues", f"of {VENUES}")
        report.line("engine, in the meeting", with_us["janus"], "% of a core", "goal 35")
        report.line("engine per venue", with_us["janus"] / VENUES, "% of a core")
        report.line("gateway (live), in the meeting", with_us["live"], "% of a core")
        plain = Engine(folder, "plain", host, (27000, 27999))
        engines.append(plain)
        without = await bare(report, load, plain)
    finally:
        if sending is not None:
            sending.kill()
        for engine in engines:
            await engine.stop()
    report.line("bare engine, the same streams", without["janus"], "% of a core")
    added = 100 * (with_us["janus"] + with_us["live"] - without["janus"]) / without["janus"]
    report.line("our control plane adds", added, "%", "goal 5; gateway and engine against the bare engine")
