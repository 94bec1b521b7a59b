"""Venues in Chromium with made cameras, a real Janus, and the gateway: what the chair does is what everybody gets."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chengheng.command.conference import actions, engine, queries, turn
from chengheng.command.conference.models import Meeting, Participant, Stroke
from chengheng.command.models import Site
from chengheng.common import files
from chengheng.common.people.models import Duty, User
from chengheng.common.ui import assets
from chengheng.video import actions as video
from chengheng.video.models import Channel, Watching
from tests import access, builders
from tests.command.conference_site import ConferenceSite, until
from tests.conftest import _no_events
from tests.files.test_pages import pdf
from tests.video.live_site import free_port, wait
from tools.browser import FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(480),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("janus"), reason="Janus is not installed"),
]

MEDIA = (
    "--disable-gpu", "--use-fake-device-for-media-stream=fps=15", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--auto-select-desktop-capture-source=Entire screen",
)  # fmt: skip


@pytest.fixture(autouse=True)
def possible() -> None:
    if not assets.manifest():
        pytest.skip("the front end is not built")
    if not engine.media_host():
        pytest.skip("this machine has no network interface but loopback")


@pytest.fixture(scope="module")
def cameras(playwright: Any, chromium_path: str) -> Iterator[Any]:
    """A Chromium whose camera and microphone are made."""
    flags = [*(flag for flag in FLAGS if "gl" not in flag and "swiftshader" not in flag), *MEDIA]
    browser = playwright.chromium.launch(executable_path=chromium_path, args=flags)
    yield browser
    browser.close()


@pytest.fixture
def site(settings: Any) -> Iterator[ConferenceSite]:
    folder = Path(tempfile.mkdtemp(prefix="ch-conf-"))
    folder.chmod(0o755)
    try:
        with ConferenceSite(settings, folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Seat:
    """One person's tab."""

    def __init__(
        self,
        cameras: Any,
        url: str,
        user: Any,
        size: tuple[int, int] = (1280, 800),
        small: bool = True,
    ) -> None:
        self.client, self.url = Client(), url
        self.context = cameras.new_context(locale="zh-CN", viewport={"width": size[0], "height": size[1]})
        self.context.route(re.compile(r"/events(\?|$)"), _no_events)
        if small:  # several venues on one small machine: what is proved does not depend on the size
            self.context.add_init_script("localStorage.setItem('conference:size', '180')")
        self.page = self.context.new_page()
        access.let_in(self.page, url, self.client, user)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def enter(self, meeting: Meeting) -> Seat:
        self.page.goto(f"{self.url}/command/meetings/{meeting.pk}/room/?join=1")
        return self

    def until(self, expression: str, seconds: float = 60) -> float:
        began = time.monotonic()
        while not self.page.evaluate(expression):
            assert time.monotonic() - began < seconds, f"not in time: {expression}\n{self.faults}\n{self.text()[:800]}"
            self.page.wait_for_timeout(50)
        return time.monotonic() - began

    def text(self) -> str:
        return str(self.page.locator("body").inner_text())

    def sees(self, *names: str, seconds: float = 60) -> float:
        """Until these pictures move: frames are decoded, not only announced."""
        tests = " && ".join(f"moving('{name}')" for name in names)
        return self.until(f"(() => {{ {MOVING}; return {tests}; }})()", seconds)

    def sounds(self) -> list[str]:
        found: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('.conf-sounds audio')].map(a => a.dataset.key)"
        )
        return found

    def press(self, name: str) -> None:
        self.page.locator(f"button:text-is('{name}'):visible").first.click()

    def shot(self, name: str) -> None:
        folder = os.environ.get("CHENGHENG_SHOTS")
        if folder:
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    def close(self) -> None:
        self.context.close()
        assert not self.faults, self.faults


MOVING = """
window.seenFrames ??= {};
const moving = (name) => [...document.querySelectorAll('.conf-tile')].some((tile) => {
  const video = tile.querySelector('video');
  if (!tile.querySelector('.conf-label').textContent.includes(name) || !video.videoWidth || tile.classList.contains('is-self')) return false;
  const now = video.getVideoPlaybackQuality().totalVideoFrames;
  const key = tile.dataset.tile;
  const was = window.seenFrames[key];
  if (!was || was.of !== video.srcObject?.id) { window.seenFrames[key] = { of: video.srcObject?.id, frames: now }; return false; }
  return now > was.frames + 2;
})
"""


@pytest.fixture
def seats(cameras: Any, live_server: Any) -> Iterator[Any]:
    made: list[Seat] = []

    def sit(user: Any, **more: Any) -> Seat:
        made.append(Seat(cameras, live_server.url, user, **more))
        return made[-1]

    yield sit
    for seat in made:
        seat.close()


@pytest.fixture
def meeting(city: Any, site: ConferenceSite) -> Meeting:
    return actions.call_now(city.chief, title="清雪调度会", sites=Site.objects.all(), minutes=60)


def place(meeting: Meeting, organisation: Any) -> Participant:
    return meeting.participants.get(organisation=organisation)


def test_four_venues_see_each_other_and_the_chair_steers(city, site, meeting, seats):
    chair = seats(city.chief).enter(meeting)
    east = seats(city.at_east).enter(meeting)
    seats(city.at_west).enter(meeting)
    unit = seats(city.at_unit).enter(meeting)
    for seat, names in ((chair, ("East", "West", "Unit")), (east, ("Commission", "West", "Unit"))):
        print("seen after", seat.sees(*names))
    east.press("开麦")
    chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
    chair.shot("conf-chair")
    east.shot("conf-site")
    # a mute that the muted cannot undo
    pk = place(meeting, city.east).pk
    chair.page.locator(f"[data-person='{pk}']").get_by_role("button", name="静音", exact=True).click()
    east.until("document.querySelector('.conf-bar').textContent.includes('已被主席静音')")
    chair.until("document.querySelectorAll('.conf-sounds audio').length === 0")
    east.page.keyboard.press("m")
    east.until("document.querySelector('.conf-note').textContent.includes('静音')")
    assert Participant.objects.get(pk=pk).mic == "held"
    # roll-call
    chair.press("主席台")
    chair.press("点名")
    east.until("!document.querySelector('.conf-ask').hidden")
    east.press("签到")
    chair.press("会场")
    chair.until("document.querySelector('.conf-panel').textContent.includes('已签到')")
    # broadcast
    row = chair.page.locator(f"[data-person='{place(meeting, city.west).pk}']")
    row.locator("summary").click()
    chair.page.wait_for_timeout(4000)  # figures of the line come every three seconds; the open menu stays
    row.get_by_role("button", name="广播会场").click()
    unit.until("document.querySelector('.conf-tile.is-main .conf-label')?.textContent.includes('West')")
    unit.sees("West")
    unit.shot("conf-broadcast")
    assert unit.page.evaluate("document.querySelector('.conf-tile.is-main video').videoWidth") >= 320


def test_the_engine_and_the_gateway_die_and_everybody_is_back_without_a_click(city, site, meeting, seats):
    chair, east = seats(city.chief).enter(meeting), seats(city.at_east).enter(meeting)
    chair.sees("East")
    east.sees("Commission")
    east.press("开麦")
    chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
    site.engine.kill()
    site.engine.start()
    began = time.monotonic()
    chair.until("!document.querySelector('.conf-tile:not(.is-self) video')?.srcObject || !window.stale", 5)
    for seat, other in ((chair, "East"), (east, "Commission")):
        seat.page.evaluate("window.seenFrames = {}")
        seat.sees(other)
    print("pictures again", time.monotonic() - began, "s after the engine was started")
    chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
    site.restart_live()
    began = time.monotonic()
    for seat, other in ((chair, "East"), (east, "Commission")):
        seat.until("document.querySelector('.conf').dataset.line === 'up'", 20)
        seat.page.evaluate("window.seenFrames = {}")
        seat.sees(other)
    print("pictures again", time.monotonic() - began, "s after the gateway came back")
    assert Participant.objects.get(organisation=city.east, meeting=meeting).mic == "open"


def test_a_recording_becomes_one_file_with_chapters_that_plays(city, site, meeting, seats):
    import av

    from chengheng.command.conference import recording
    from chengheng.command.conference.models import MeetingRecording

    chair, east = seats(city.chief).enter(meeting), seats(city.at_east).enter(meeting)
    chair.sees("East")
    east.sees("Commission")
    east.press("开麦")
    chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
    chair.press("主席台")
    chair.press("录制")
    chair.until("document.querySelector('.conf-marks').textContent.includes('录制中')")
    east.page.wait_for_timeout(3000)
    chair.press("点名")
    east.press("共享屏幕")
    chair.until("document.querySelector('.conf-tile.is-main')?.dataset.tile.endsWith('/screen')")
    chair.shot("conf-lead")
    east.page.wait_for_timeout(5000)
    chair.page.on("dialog", lambda dialog: dialog.accept())
    chair.press("结束会议")
    east.until("document.body.textContent.includes('会议已结束')")
    chair.until("document.body.textContent.includes('会议已结束')")
    tape = MeetingRecording.objects.get()
    assert tape.state == "waiting"
    folder = engine.recordings() / tape.folder
    until(lambda: not list(folder.glob("*.part")), 10)
    began = time.monotonic()
    recording.put_together(tape.pk)
    tape.refresh_from_db()
    assert tape.state == "ready", tape.fault
    print("put together", tape.seconds, "s of meeting in", time.monotonic() - began, "s")
    assert 5 <= tape.seconds < 90
    (kept,) = files.of(queries.papers_of(meeting), "recording")
    with av.open(str(kept.file.path)) as played:
        assert {"video", "audio"} <= {stream.type for stream in played.streams}
        assert any("点名" in chapter["metadata"]["title"] for chapter in played.chapters())
        pictures = [frame.to_ndarray(format="gray") for frame in played.decode(video=0)]
    assert len(pictures) >= tape.seconds * 9
    assert max(picture.std() for picture in pictures) > 20  # not an empty canvas
    assert not folder.exists()
    page = seats(city.at_east)
    page.page.goto(f"{page.url}{meeting.get_absolute_url()}")
    page.until(
        "document.querySelector('video.conf-playback')?.readyState >= 1 || document.querySelector('video.conf-playback')?.error",
        15,
    )
    assert page.page.evaluate("document.querySelector('video.conf-playback').duration") >= 5
    page.shot("conf-meeting")


def test_a_console_rings_is_answered_and_tests_its_line(city, site, seats):
    from chengheng.command.models import LinkCheck

    east = seats(city.at_east)
    east.page.goto(f"{east.url}/command/console/")
    east.until("document.querySelector('.conf-state.is-up') !== null")
    actions.ask_for_line_tests()
    until(lambda: LinkCheck.objects.filter(way="machine").exists() or east.page.wait_for_timeout(200), 40)
    check = LinkCheck.objects.get(way="machine")
    print("line test", check.result, check.loss_percent, check.jitter_ms, check.note)
    assert "rtt" in check.note
    assert check.by is None
    east.shot("conf-console")
    assert actions.missed_line_tests(check.at) == 2  # west and unit have no console open
    meeting = actions.call_now(city.chief, title="清雪调度会", sites=Site.objects.all(), minutes=60)
    east.until("document.querySelector('.conf-call.is-ringing') !== null")
    east.shot("conf-ringing")
    east.press("接听入会")
    east.until("document.querySelector('.conf')?.dataset.line === 'up'")
    assert Participant.objects.get(meeting=meeting, organisation=city.east).call == "accepted"


def test_the_lobby_the_whiteboard_a_round_of_pictures_and_a_vote(city, site, seats):
    row = actions.call_now(city.chief, title="清雪会商", sites=Site.objects.all(), minutes=60, lobby=True)
    chair, east = seats(city.chief).enter(row), seats(city.at_east).enter(row)
    viewer = seats(builders.holder("command.chief", city.commission)).enter(row)  # watches without an invitation
    east.until("document.querySelector('.conf-waiting')?.textContent.includes('等候室')")
    assert not east.page.query_selector(".conf-board")
    chair.until("document.querySelector('.conf-panel').textContent.includes('等候准入')")
    chair.press("全部准入")
    east.until("document.querySelectorAll('.conf-tile').length > 0")
    # the whiteboard: one draws, everybody sees the same, a page that comes later too
    chair.press("主席台")
    chair.press("打开白板")
    for seat in (chair, east):
        seat.until("document.querySelector('.conf-board canvas.is-mine') !== null")
    area = east.page.locator(".conf-board canvas").bounding_box()
    assert area
    assert abs(area["width"] / area["height"] - 16 / 9) < 0.02
    east.page.mouse.move(area["x"] + area["width"] * 0.25, area["y"] + area["height"] * 0.25)
    east.page.mouse.down()
    east.page.mouse.move(area["x"] + area["width"] * 0.75, area["y"] + area["height"] * 0.75, steps=12)
    east.page.mouse.up()
    until(lambda: Stroke.objects.filter(meeting=row).exists() or east.page.wait_for_timeout(100))
    points = Stroke.objects.get().points
    assert abs(points[0] - 2500) < 60
    assert abs(points[-1] - 7500) < 60
    for seat in (chair, east):
        seat.until(INKED.replace("X", "0.5"))
    chair.shot("conf-board")
    assert viewer.page.evaluate("!document.querySelector('.conf-board canvas.is-mine')")
    east.page.reload()
    east.until(INKED.replace("X", "0.5"))
    east.page.set_viewport_size({"width": 390, "height": 844})
    for seat in (chair, east):  # nothing of the board lies under the tools
        board, tools = (
            seat.page.locator(f".conf-board {one}").first.bounding_box() for one in ("canvas", ".conf-board-tools")
        )
        assert tools["y"] + tools["height"] <= board["y"]
        assert abs(board["width"] / board["height"] - 16 / 9) < 0.02
    east.shot("conf-board-phone")
    east.page.set_viewport_size({"width": 1280, "height": 800})
    chair.page.locator(".conf-board-tools").get_by_role("button", name="存为文件").click()
    until(lambda: files.of(queries.papers_of(row), "paper") or chair.page.wait_for_timeout(100))
    chair.press("清空白板")
    for seat in (chair, east):
        seat.until(f"!({INKED.replace('X', '0.5')})")
    assert Stroke.objects.filter(meeting=row).count() == 1  # wiped, not forgotten
    chair.press("收起白板")
    east.until("document.querySelector('.conf-board') === null")
    # the round of pictures: the main one changes by itself
    chair.page.locator("[data-key='seconds']").select_option("5")
    chair.page.locator(".conf-panel button[data-key='poll']").click()
    east.until("document.querySelector('.conf-marks').textContent.includes('轮询')")
    main = "document.querySelector('.conf-tile.is-main')?.dataset.tile ?? ''"
    east.until(f"({main}) !== ''")
    first = east.page.evaluate(main)
    east.until(f"({main}) !== '' && ({main}) !== '{first}'", 12)
    chair.press("停止轮询")
    # the vote: counted when it is closed, and not before
    chair.page.locator(".conf-tab", has_text="表决").click()
    chair.page.get_by_placeholder("表决事项").fill("今夜全员上岗")
    chair.page.get_by_placeholder("选项，每行一个").fill("同意\n不同意")
    chair.press("发起表决")
    for seat, answer in ((chair, "同意"), (east, "不同意")):
        seat.until("!document.querySelector('.conf-ask').hidden")
        assert "今夜全员上岗" in seat.page.locator(".conf-ask").inner_text()
        seat.page.locator(".conf-ask").get_by_role("button", name=answer, exact=True).click()
    chair.until("document.querySelector('.conf-panel').textContent.includes('已投：2')")
    assert not chair.page.query_selector(".conf-panel meter")
    chair.press("结束表决")
    chair.until("document.querySelectorAll('.conf-panel meter').length === 2")
    chair.shot("conf-vote")
    vote = row.votes.get()
    assert sorted(vote.ballots.values_list("choice", flat=True)) == [0, 1]


INKED = """(() => {
  const canvas = document.querySelector('.conf-board canvas');
  if (!canvas) return false;
  const { data } = canvas.getContext('2d').getImageData(canvas.width * X - 8, canvas.height * X - 8, 16, 16);
  for (let at = 0; at < data.length; at += 4) if (data[at] < 128) return true;
  return false;
})()"""


def test_it_fits_a_phone(city, site, meeting, seats):
    chair = seats(city.chief).enter(meeting)
    phone = seats(city.at_east, size=(390, 844)).enter(meeting)
    phone.sees("Commission")
    chair.sees("East")
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.shot("conf-phone")


def test_the_pages_of_meetings_fit_a_desk_and_a_phone(city, seats):
    from datetime import timedelta

    from django.utils import timezone

    row = actions.call_meeting(
        city.chief, title="清融雪工作视频调度会", starts_at=timezone.now() + timedelta(hours=1), minutes=60,
        sites=Site.objects.all(), agenda="一、点名",
    )  # fmt: skip
    actions.begin_meeting(row, city.chief)
    for width in (1440, 390):
        seat = seats(city.chief, size=(width, 900))
        for name, address in (
            ("form", "/command/meetings/new/"), ("list", "/command/meetings/"), ("meeting", row.get_absolute_url()),
            ("template", "/command/templates/new/"), ("screen", "/command/"),
        ):  # fmt: skip
            seat.page.goto(f"{seat.url}{address}")
            assert seat.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} at {width}"
            seat.shot(f"page-{name}-{width}")


def test_a_camera_and_a_terminal_are_in_the_recording_where_they_were_seen_and_heard(city, settings, seats, tmp_path):
    """A simulated GB/T 28181 camera, whose picture carries the clock, and baresip with a test picture and a tone."""
    import av
    import numpy

    from chengheng.command.conference import recording, terminals, verbs
    from chengheng.command.conference.models import MeetingRecording, Terminal
    from chengheng.video.camera.picture import read_counters
    from tests.command import softphone
    from tests.command.test_recording import level_of, sound_of

    folder = Path(tempfile.mkdtemp(prefix="ch-conf-"))
    folder.chmod(0o755)
    Duty.objects.create(user=city.chief, role="video.viewer", organisation=city.commission, starts_on="2024-01-01")
    engineer = builders.holder("video.engineer", city.commission)
    device, password = video.add_device(engineer, "12010000001320000001", "Bridge", city.commission)
    with_phone = softphone.is_here()
    site = ConferenceSite(settings, folder)
    settings.SIP_PORT = free_port()
    phone = None
    try:
        with site, site.camera(device, password, ["桥头"], width=640, height=360):
            channel = wait(lambda: Channel.objects.filter(name="桥头", online=True).first())
            chief = User.objects.get(pk=city.chief.pk)
            meeting = actions.call_now(chief, title="清雪调度会", sites=Site.objects.all(), minutes=60)
            me = meeting.participants.get(role="chair")
            use = lambda verb, **data: verbs.use(verb, me.pk, chief, data)  # noqa: E731
            chair = seats(chief).enter(meeting)
            chair.until("document.querySelector('.conf')?.dataset.line === 'up'")
            use("record", on=True)
            chair.until("document.querySelector('.conf-marks').textContent.includes('录制中')")
            chair.page.wait_for_timeout(1500)
            use("bring_camera", picture=f"video.channel:{channel.pk}")
            chair.sees("桥头", seconds=60)
            place = None
            if with_phone:
                row = Terminal(number="1001", name="东区终端", site=Site.objects.get(organisation=city.east))
                phone = softphone.Softphone(
                    tmp_path / "phone", "1001", terminals.save(city.keeper, row), settings.TERMINAL_PORT
                ).__enter__()
                until(lambda: Terminal.objects.get(pk=row.pk).is_reachable or chair.page.wait_for_timeout(100), 60)
                use("bring_terminal", terminal=row.pk)
                chair.sees("东区终端", seconds=60)
                chair.page.wait_for_timeout(3000)
                place = meeting.participants.get(role="terminal")
                use("mute", target=place.pk)
                chair.page.wait_for_timeout(3500)
                use("unmute", target=place.pk)
            chair.page.wait_for_timeout(3000)
            actions.end_meeting(Meeting.objects.get(pk=meeting.pk), chief)
            chair.until("document.body.textContent.includes('会议已结束')", 60)
            tape = MeetingRecording.objects.get()
            tracks = engine.recordings() / tape.folder
            until(lambda: not list(tracks.glob("*.part")), 20)
            began, found = recording.sources(tracks)
            recording.put_together(tape.pk)
    finally:
        if phone is not None:
            phone.__exit__()
        shutil.rmtree(folder, ignore_errors=True)
    tape.refresh_from_db()
    assert tape.state == "ready", tape.fault
    titles = [one["title"] for one in tape.chapters]
    assert "摄像机 桥头 画面接入" in titles
    (kept,) = files.of(queries.papers_of(meeting), "recording")
    path = str(kept.file.path)
    with av.open(path) as played:
        pictures = list(played.decode(video=0))
    # the camera: whatever second is looked at, its clock in the picture is that second's
    camera = meeting.participants.get(role="camera")
    starts = {(one.participant, one.kind): one.began for one in found}
    late = []
    for at in numpy.arange(starts[camera.pk, "video"] + 1.5, len(pictures) / recording.FPS - 3, 1.0):
        if any(abs(one.began - at) < 1.5 for one in found):
            continue  # the places are changing
        shown = sum(1 for one in found if one.kind == "video" and one.began < at)
        x, y, _width, height = recording.boxes(shown, False)[1]
        luma = pictures[int(at * recording.FPS)].to_ndarray(format="yuv420p")[y + (height - 360) // 2 :, x : x + 640]
        behind = (began + at) * 1000 - read_counters(luma)[1]
        late.append(((behind + 2**31) % 2**32 - 2**31) / 1000)
    print("clock in the camera's picture behind the recording's time", [round(one, 2) for one in late])
    assert len(late) >= 3
    assert max(abs(one) for one in late) < 3
    if place is None:
        return
    assert "终端 东区终端 接入" in titles
    # the terminal: its test picture is in its place, its tone in the seconds in which it was not muted
    with av.open(str(tmp_path / "phone" / "picture.mp4")) as clip:
        due = next(clip.decode(video=0)).to_ndarray(format="gray").astype(float)[:300]
    at = starts[place.pk, "video"] + 3
    x, y, width, height = recording.boxes(3, False)[2]
    whole = pictures[int(at * recording.FPS)].to_ndarray(format="gray")[y : y + 300, x : x + width].astype(float)
    alike = float(numpy.corrcoef(whole.ravel(), due.ravel())[0, 1])
    print("the terminal's picture is like its test picture", round(alike, 3))
    assert alike > 0.7
    moments = {one.what: one.at.timestamp() - began for one in meeting.events.filter(what__in=("mute", "unmute"))}
    sound = sound_of(path)
    before, during, after = (
        level_of(sound, 1000, begin, begin + 1) for begin in (moments["mute"] - 1.5, moments["mute"] + 1.5, moments["unmute"] + 1.5)
    )  # fmt: skip
    print("its tone before the mute, during it, after it", before, during, after)
    assert min(before, after) > 0.03
    assert during < 0.003


def test_a_camera_of_the_video_system_takes_part(city, settings, seats):
    """Called up from a simulated GB/T 28181 camera and sent on by the engine; whoever brought it must keep the right."""
    folder = Path(tempfile.mkdtemp(prefix="ch-conf-"))
    folder.chmod(0o755)
    for person in (city.chief, city.at_east):
        Duty.objects.create(user=person, role="video.viewer", organisation=person.organisation, starts_on="2024-01-01")
    engineer = builders.holder("video.engineer", city.commission)
    device, password = video.add_device(engineer, "12010000001320000001", "Bridge", city.commission)
    site = ConferenceSite(settings, folder)
    settings.SIP_PORT = free_port()
    try:
        with site, site.camera(device, password, ["桥头"]):
            channel = wait(lambda: Channel.objects.filter(name="桥头", online=True).first(), 60)
            chief = User.objects.get(pk=city.chief.pk)
            key = f"video.channel:{channel.pk}"
            meeting = actions.call_now(chief, title="清雪调度会", sites=Site.objects.all(), minutes=60, cameras=[key])
            chair, west = seats(chief).enter(meeting), seats(city.at_west).enter(meeting)
            print("camera seen after", chair.sees("桥头", seconds=60), west.sees("桥头", seconds=60))
            chair.shot("conf-camera")
            assert west.page.evaluate("document.querySelectorAll('.conf-sounds audio').length") == 0
            assert Watching.objects.get(way="meeting", closed_at=None).user == chief
            site.engine.kill()
            site.engine.start()
            west.page.wait_for_timeout(500)
            west.page.evaluate("window.seenFrames = {}")
            print("camera again after", west.sees("桥头", seconds=60), "s")
            (watched,) = Watching.objects.filter(way="meeting")  # the engine's death did not end the call-up
            assert watched.closed_at is None
            Duty.objects.filter(user=chief, role="video.viewer").delete()
            west.until(
                "![...document.querySelectorAll('.conf-label')].some(one => one.textContent.includes('桥头'))", 60
            )
            until(lambda: not Watching.objects.filter(way="meeting", closed_at=None).exists(), 60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_document_is_turned_by_the_presenter_and_everybody_follows(city, site, meeting, seats, settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"
    east, chair = seats(city.at_east).enter(meeting), seats(city.chief).enter(meeting)
    for seat in (east, chair):
        seat.until("document.querySelector('.conf')?.dataset.line === 'up'", 40)
    east.press("文件")
    picked = {"name": "除雪方案.pdf", "mimeType": "application/pdf", "buffer": pdf("red", "lime", "blue")}
    east.page.locator(".conf-panel input[type=file]").set_input_files([picked])
    east.until("document.querySelector('.conf-panel').textContent.includes('除雪方案.pdf')")
    east.press("向全体展示")
    page = "document.querySelector('.conf-paper img')"
    for seat in (east, chair):
        seat.until(f"{page}?.alt === '除雪方案.pdf 1/3' && {page}.naturalWidth > 1000")
    east.page.locator(".conf-paper").get_by_label("下一页").click()
    chair.until(f"{page}.alt === '除雪方案.pdf 2/3' && {page}.complete && {page}.naturalWidth > 1000")
    east.page.keyboard.press("ArrowRight")  # who has clicked goes on with the keys
    for seat in (chair, east):
        seat.until(f"{page}.alt === '除雪方案.pdf 3/3' && !document.querySelector('.is-turning')")
    chair.shot("conf-paper-chair")
    east.shot("conf-paper-east")
    east.page.set_viewport_size({"width": 390, "height": 844})
    east.until("innerWidth === 390")
    assert east.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    east.shot("conf-paper-phone")
    chair.page.locator(".conf-paper").get_by_label("上一页").click()  # the chair may
    east.until(f"{page}.alt === '除雪方案.pdf 2/3'")
    east.press("停止展示")
    chair.until("!document.querySelector('.conf-paper')")


RELAY_ONLY = """
const Real = window.RTCPeerConnection;
window.peers = [];
window.RTCPeerConnection = class extends Real {
  constructor(settings) { super({ ...settings, iceTransportPolicy: "relay" }); window.peers.push(this); }
};
"""
WAYS = """async () => {
  const found = [];
  for (const peer of window.peers) {
    const stats = [...(await peer.getStats()).values()];
    const pair = stats.find((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded");
    if (pair) found.push(stats.filter((one) => one.id === pair.localCandidateId).map((one) => `${one.candidateType} ${one.relayProtocol}`)[0]);
  }
  return found;
}"""
ASK_RELAY = """async ({ urls, username, credential }) => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls, username, credential }], iceTransportPolicy: "relay" });
  const found = [];
  peer.onicecandidate = (event) => event.candidate?.candidate && found.push("candidate");
  peer.onicecandidateerror = (event) => found.push(event.errorCode);
  peer.createDataChannel("x");
  await peer.setLocalDescription(await peer.createOffer());
  for (let wait = 0; wait < 100 && !found.length; wait++) await new Promise((done) => setTimeout(done, 100));
  peer.close();
  return found;
}"""


@pytest.fixture
def relay(settings: Any) -> Iterator[None]:
    """coturn as docs/rooms/conference.md has it: it lets in by the shared secret, and relays to the engine and nowhere else."""
    program = shutil.which("turnserver")
    if not program:
        pytest.skip("coturn is not installed")
    host, port = engine.media_host(), free_port()
    settings.TURN_URLS, settings.TURN_SECRET = f"turn:{host}:{port}?transport=tcp", "of the test"
    first = 28000 + (os.getpid() % 20) * 100
    with tempfile.TemporaryDirectory(prefix="ch-turn-") as folder:
        Path(folder, "conf").write_text("\n".join((
            f"listening-ip={host}", f"relay-ip={host}", f"listening-port={port}", f"min-port={first}", f"max-port={first + 99}",
            "use-auth-secret", "static-auth-secret=of the test", "realm=test", "fingerprint", "no-cli", "no-tls", "no-dtls",
            "no-multicast-peers", "no-tcp-relay", f"allowed-peer-ip={host}", "denied-peer-ip=0.0.0.0-255.255.255.255",
            f"userdb={folder}/turndb", f"pidfile={folder}/pid", "log-file=stdout", "simple-log",
        )))  # fmt: skip
        with Path(folder, "log").open("wb") as log:
            child = subprocess.Popen(
                [program, "-c", f"{folder}/conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                until(lambda: _listens(host, port), 10)
                yield
            finally:
                child.terminate()
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait(5)


def _listens(host: str, port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex((host, port)) == 0


def test_a_venue_that_no_udp_reaches_takes_part_by_the_relay(city, relay, site, meeting, seats):
    """Chromium forced to the relay, over TCP: sends and receives; a name that has ended is not let in."""
    chair = seats(city.chief).enter(meeting)
    east = seats(city.at_east)
    east.context.add_init_script(RELAY_ONLY)
    east.enter(meeting)
    print("picture by the relay after", east.sees("Commission", seconds=60))
    chair.sees("East", seconds=60)
    ways = east.page.evaluate(WAYS)
    assert ways == ["relay tcp", "relay tcp"]  # what it sends, and what it receives
    (server,) = turn.servers("c1", now=time.time() - 13 * 3600)
    assert 401 in east.page.evaluate(ASK_RELAY, server)
    (server,) = turn.servers("c1")
    assert east.page.evaluate(ASK_RELAY, server)[0] == "candidate"
