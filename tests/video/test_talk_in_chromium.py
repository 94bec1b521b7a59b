"""Hold to speak in the browser: what Chromium's made microphone beeps is heard by the simulated device."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from chengheng.common import trail
from chengheng.common.ui import assets
from chengheng.video import actions
from chengheng.video.camera.device import Faults
from chengheng.video.live.sound import TABLES
from chengheng.video.models import Broadcast
from tests.builders import holder
from tools.browser import FLAGS

from .live_site import wait
from .test_pictures_in_chromium import camera_of, ready

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def chromium(playwright: Any, chromium_path: str) -> Iterator[Any]:
    """A Chromium whose microphone is made: it beeps twice a second."""
    if not assets.manifest():
        pytest.skip("the front end is not built")
    made = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    browser = playwright.chromium.launch(executable_path=chromium_path, args=[*FLAGS, *made])
    yield browser
    browser.close()


def beeps(sound: bytes) -> tuple[int, float]:
    """How many beeps, and the share of the time in which there is one."""
    samples = TABLES["g711a"][numpy.frombuffer(sound, numpy.uint8)].astype(float)
    blocks = samples[: len(samples) // 80 * 80].reshape(-1, 80)
    loud = numpy.sqrt((blocks**2).mean(axis=1)) > 300
    return int((loud[1:] & ~loud[:-1]).sum()), float(loud.mean())


def test_what_is_said_while_the_button_is_held_is_heard(site, device, operator, signed_in, live_server, client):
    with camera_of(site, device, ["和平路口"], fps=5, gop=5) as simulated:
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        key = page.get_by_role("button", name="按住喊话")
        key.scroll_into_view_if_needed()
        box = key.bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 20)
        page.mouse.down()
        page.wait_for_selector(".talk-steps li.is-done:nth-child(6)", timeout=20_000)
        assert page.locator(".talk-key").inner_text() == "请讲话"
        (hearing,) = simulated.heard
        wait(lambda: hearing.packets > 130, 30)
        page.mouse.up()
        wait(lambda: hearing.ended)
        count, share = beeps(bytes(hearing.sound))
        assert count >= 3
        assert share < 0.5  # beeps and silence, not noise
        row = wait(lambda: Broadcast.objects.exclude(ended_at=None).first())
        assert (row.by, row.stop_reason, row.transport, row.target_id) == (operator, "talk_over", "udp", camera.gb_id)
        assert row.seconds > 2.5
        assert not site.service.talking
        # the same by the space bar; a page that goes away lets go
        key.focus()
        page.keyboard.down(" ")
        page.wait_for_selector(".talk-steps li.is-done:nth-child(6)", timeout=20_000)
        page.goto("about:blank")
        wait(lambda: Broadcast.objects.filter(ended_at=None).count() == 0 and Broadcast.objects.count() == 2)
        assert Broadcast.objects.first().stop_reason in ("talk_over", "talk_gone")
        wait(lambda: all(item.ended for item in simulated.heard))
        acts = [(entry.act, sorted(entry.data)) for entry in trail.history(camera)]
        assert acts.count(("video.channel.talk", ["asked"])) == 2
        assert acts.count(("video.channel.talk", ["broadcast", "end", "seconds"])) == 2
    client.force_login(operator)
    assert "首段声音已发出" in client.get(row.get_absolute_url()).content.decode()
    assert row.get_absolute_url() in client.get(camera.get_absolute_url()).content.decode()


def test_a_device_without_a_loudspeaker_is_told_in_words(site, device, operator, signed_in, live_server, client):
    with camera_of(site, device, ["和平路口"], fps=5, gop=5, faults=Faults(no_speaker=True)):
        (camera,) = ready(device, "和平路口")
        page = signed_in(operator)
        page.goto(f"{live_server.url}/video/cameras/{camera.pk}/")
        key = page.get_by_role("button", name="按住喊话")
        key.focus()
        page.keyboard.down("Enter")
        page.wait_for_selector(".talk-steps li.is-stopped:nth-child(3)", timeout=20_000)
        assert "设备拒绝" in page.locator(".talk-note").inner_text()
        page.keyboard.up("Enter")
        row = wait(lambda: Broadcast.objects.exclude(ended_at=None).first())
        assert row.stop_reason == "talk_refused"
        viewer = holder("video.viewer")
        client.force_login(viewer)
        assert client.post(f"/video/cameras/{camera.pk}/talk").status_code in (403, 404)
        assert f"/video/cameras/{camera.pk}/talk" not in client.get(camera.get_absolute_url()).content.decode()
        token = actions.permit_watching(operator, camera.pk)  # a token to watch does not open the loudspeaker
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{site.settings.LIVE_PORT}/video/talk?token={token}")
        assert refused.value.code == 403
