"""Chromium plays what simulated cameras send; the frame counter painted into the picture is read back from a canvas."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from chengheng.common.ui import assets
from chengheng.video import actions
from chengheng.video.camera.device import Faults
from chengheng.video.models import Call, Channel, Device, Scene, Snapshot, Transcode, Watching

from .live_site import wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# Reads the two rows of blocks: [frame number, clock in ms modulo 2^32], for every presented frame.
READ = """
(selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  window.seen = [];
  const bits = (count, row) => {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const d = pen.getImageData(i * 16 + 6, row * 16 + 6, 4, 4).data;
      let sum = 0;
      for (let j = 0; j < d.length; j += 4) sum += d[j];
      value = value * 2 + (sum / 16 > 125 ? 1 : 0);
    }
    return value;
  };
  const look = () => {
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    if (video.videoWidth) {
      pen.drawImage(video, 0, 0);
      const clock = bits(32, 1);
      window.seen.push([bits(24, 0), clock, Math.round(Date.now() % 4294967296) - clock]);
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}
"""


@pytest.fixture(autouse=True)
def built() -> None:
    if not assets.manifest():
        pytest.skip("the front end is not built")


def camera_of(site, device, names, **more):
    row, password = device
    return site.camera(row, password, names, **more)


def ready(device, *names: str) -> list[Channel]:
    row, _password = device
    wait(lambda: Device.objects.get(pk=row.pk).online)
    return [wait(lambda name=name: Channel.objects.filter(name=name).first()) for name in names]


def until(page, expression: str, seconds: float) -> None:
    """Wait for something to become true in the page; its policy forbids the browser's own polling of strings."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not true in time: {expression}"
        page.wait_for_timeout(100)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_a_camera_plays_and_its_counter_is_read(site, device, operator, signed_in, live_server):
    with camera_of(site, device, ["和平路口"], fps=25, gop=25):
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        page.wait_for_selector(".camera-steps:not(.talk-steps) li.is-done:nth-child(6)", timeout=20_000)
        page.evaluate(READ, ".player video")
        until(page, "window.seen && window.seen.length > 40", 40)
        seen = page.evaluate("window.seen")
        numbers = [item[0] for item in seen]
        assert numbers == sorted(numbers)
        assert numbers[-1] - numbers[0] >= 40
        late = [item[2] for item in seen[15:]]
        print(
            f"glass to glass: median {median(late)} ms, largest {max(late)} ms; steps "
            f"{page.locator('.camera-steps:not(.talk-steps)').inner_text().split()}"
        )
        assert median(late) < 1500  # the target is 300 ms on a quiet machine; see benchmarks/video.py
        call = Call.objects.get()
        assert wait(lambda: Call.objects.get(pk=call.pk).first_frame_at)
        assert page.locator(".player-mark").inner_text().count(operator.username) == 6 * 2
        page.goto("about:blank")
        assert wait(lambda: Watching.objects.get().first_picture_ms)


def test_the_wall_shows_four_pictures_and_is_saved_as_a_scene(site, device, operator, signed_in, live_server):
    names = ["一号", "二号", "三号", "四号"]
    with camera_of(site, device, names, fps=8, gop=8, width=480, height=272):
        ready(device, *names)
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/")
        for name in names:
            page.get_by_role("button", name=name, exact=True).click()
        until(
            page,
            "[...document.querySelectorAll('.wall-cell video')].filter(v => v.currentTime > 0.3 && v.videoWidth).length === 4",
            40,
        )
        page.get_by_label("场景名称").fill("主要路口")
        page.get_by_role("button", name="保存场景").click()
        wait(lambda: Scene.objects.first())
        scene = Scene.objects.get()
        assert (scene.title, scene.places, len([cell for cell in scene.cells if cell])) == ("主要路口", 4, 4)
        page.get_by_label("关闭").first.click()
        until(page, "document.querySelectorAll('.wall-cell video').length === 3", 20)
        assert site.service.platform.calls


def test_the_pad_steers_and_the_snapshot_is_kept(site, device, operator, signed_in, live_server):
    with camera_of(site, device, ["和平路口"]) as simulated:
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        page.wait_for_selector(".camera-steps:not(.talk-steps) li.is-done:nth-child(6)", timeout=20_000)
        (view,) = simulated.channels.values()
        right = page.get_by_label("向右", exact=True)
        right.scroll_into_view_if_needed()
        box = right.bounding_box()
        page.mouse.move(box["x"] + 10, box["y"] + 10)
        page.mouse.down()
        wait(lambda: view.view.pan > 0.1)
        page.mouse.up()
        wait(lambda: view.moving.pan == 0)
        page.locator(".ptz-pad").focus()
        page.keyboard.down("ArrowLeft")
        wait(lambda: view.moving.pan < 0)
        page.keyboard.up("ArrowLeft")
        wait(lambda: view.moving.pan == 0)
        page.get_by_role("button", name="抓拍留证").click()
        made = wait(lambda: Snapshot.objects.first())
        assert made.by == operator
        page.goto(f"{live_server.url}{made.get_absolute_url()}")
        assert page.locator("img.full").evaluate("image => image.complete && image.naturalWidth > 100 || 'not yet'")


def test_why_there_is_no_picture_stands_on_the_page(site, device, operator, signed_in, live_server):
    with camera_of(site, device, ["和平路口"], faults=Faults(refuse=486)):
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        page.wait_for_selector(".camera-steps:not(.talk-steps) li.is-stopped", timeout=20_000)
        assert "486" in page.locator(".player-note").inner_text()
        call = Call.objects.order_by("-asked_at").first()
        page.goto(f"{live_server.url}{call.get_absolute_url()}")
        assert page.locator(".timeline-bad").count() == 1


@pytest.mark.parametrize("faults", [Faults(), Faults(no_sub=True)])
def test_h265_is_coded_anew_when_the_browser_and_the_camera_leave_no_other_way(
    site, device, operator, signed_in, live_server, faults
):
    with camera_of(site, device, ["和平路口"], codec="h265", fps=8, gop=8, faults=faults):
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        page.wait_for_selector(".camera-steps:not(.talk-steps) li.is-done:nth-child(6)", timeout=60_000)
        page.evaluate(READ, ".player video")
        until(page, "window.seen && window.seen.length > 16", 40)
        numbers = [item[0] for item in page.evaluate("window.seen")]
        assert numbers == sorted(numbers)
        assert numbers[-1] - numbers[0] >= 16
        asides = page.locator(".camera-steps:not(.talk-steps) li.is-aside").all_inner_texts()
        assert any("H.265" in text for text in asides)
        assert any("转码" in text for text in asides)
        assert page.locator(".camera-steps:not(.talk-steps) li.is-stopped").count() == 0
        assert Watching.objects.get(way="transcode").user == operator
        row = Transcode.objects.get()
        assert row.ended_at is None
        page.goto("about:blank")
        row = wait(lambda: Transcode.objects.filter(ended_at__isnull=False).first(), 20)
        assert row.frames >= 16
        assert row.cpu_seconds > 0
        print(f"coded anew: {row.frames} pictures, {row.cpu_seconds / row.frames * 1000:.1f} ms of processor time each")


def test_beyond_the_limit_it_is_refused_in_words(site, device, engineer, operator, signed_in, live_server):
    actions.set_transcode_limit(engineer, timezone.localdate(), 0, "test")
    with camera_of(site, device, ["和平路口"], codec="h265", fps=5, gop=5):
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        page.wait_for_selector(".player-note:has-text('上限')", timeout=60_000)
        assert "0/0" in page.locator(".player-note").inner_text()
        assert Transcode.objects.get().stop_reason == "transcode_full"


def test_every_page_opens(site, device, engineer, signed_in, live_server, client):
    with camera_of(site, device, ["和平路口"]):
        (camera,) = ready(device, "和平路口")
        page = signed_in(engineer)
        session = client.session
        session["second_factor"] = True  # the engineer's role is privileged
        session.save()
        row, _password = device
        for path in (
            "",
            "cameras/",
            "devices/",
            f"devices/{row.pk}/",
            f"devices/{row.pk}/change/",
            "devices/new/",
            "state/",
            "transcodes/",
            "calls/",
            "operations/",
            "alarms/",
            "upstreams/",
            "upstreams/new/",
            f"cameras/{camera.pk}/change/",
        ):
            answer = page.goto(f"{live_server.url}/video/{path}")
            assert answer.status == 200, path


def test_the_low_latency_mode_plays_by_webrtc(site, device, operator, signed_in, live_server):
    with camera_of(site, device, ["和平路口"], fps=15, gop=15):
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        page.wait_for_selector(".camera-steps:not(.talk-steps) li.is-done:nth-child(6)", timeout=20_000)
        page.get_by_role("button", name="低延时").click()
        until(page, "document.querySelector('.player video').srcObject !== null", 20)
        page.evaluate(READ, ".player video")
        until(page, "window.seen.length > 30", 40)
        seen = page.evaluate("window.seen")
        numbers = [item[0] for item in seen]
        assert numbers[-1] - numbers[0] >= 20
        print(f"glass to glass by WebRTC: median {median([item[2] for item in seen[10:]])} ms")
        assert wait(lambda: Watching.objects.filter(way="webrtc").exists())
        assert len(site.service.platform.calls) == 1
