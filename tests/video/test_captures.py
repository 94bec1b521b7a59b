"""Pictures that 2022 devices take themselves: the command, the address for one session, hostile uploads, the end."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager

import aiohttp
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chengheng.common import files, trail
from chengheng.common.errors import Invalid, NotFound
from chengheng.protocols.gb28181 import manscdp
from chengheng.video import actions
from chengheng.video.camera.device import Camera, Faults
from chengheng.video.errors import CallFailed, NoCapture
from chengheng.video.live import captures
from chengheng.video.models import Capture, Channel, Device, Snapshot
from tests.builders import holder

from .live_site import wait

pytestmark = pytest.mark.timeout(90)


def ended(pk: int) -> Capture:
    return wait(lambda: Capture.objects.exclude(state="running").filter(pk=pk).first(), 20)


@contextmanager
def ready(site, device, **more):
    row, password = device
    with site.camera(row, password, ["和平路口"], **more) as simulated:
        camera = wait(lambda: Channel.objects.first())
        wait(lambda: Device.objects.filter(pk=row.pk, online=True, edition__isnull=False).exists())
        yield camera, simulated


def test_a_device_takes_pictures_which_are_kept_as_evidence(site, device, operator, client):
    with ready(site, device) as (camera, simulated):
        made = actions.capture(operator, camera.pk, 3, 1)
        assert made.state == "running"
        made = ended(made.pk)
        assert (made.state, made.received, made.refused, made.fault) == ("done", 3, 0, "")
        shots = list(made.snapshots.order_by("at"))
        assert len(shots) == 3
        for shot in shots:
            assert (shot.purpose, shot.by, shot.width, shot.verdict) == ("device", operator, 640, "good")
            assert actions.is_genuine(shot)
            assert files.of(shot).get().file.sha256 == shot.sha256
            assert shot.figures["file"].startswith(camera.gb_id + "02")
            assert shot.figures["device_time"][:10] == timezone.localdate().isoformat()
        told = next(item for item in simulated.received if item.name == "DeviceConfig")
        assert (told.kind, told.device_id) == ("Control", camera.gb_id)
        config = told.root.find("SnapShotConfig")
        assert [config.findtext(name) for name in ("SnapNum", "Interval", "SessionID")] == ["3", "1", made.session]
        assert re.fullmatch(r"http://127\.0\.0\.1:42\d\d\d/[\w-]{43}", config.findtext("UploadURL"))
        assert not site.service.captures.sessions
        assert not site.service.platform.ports.used
        acts = [(entry.act, sorted(entry.data)) for entry in trail.history(camera)]
        assert acts.count(("video.channel.snapshot", ["sha256", "snapshot"])) == 3
        assert ("video.channel.snapshot", ["capture", "wanted"]) in acts
        client.force_login(operator)
        assert "图片已收齐" in client.get(camera.get_absolute_url()).content.decode()
        assert shots[0].figures["file"] in client.get(shots[0].get_absolute_url()).content.decode()
        api = client.get(f"/api/v1/video/captures/{made.pk}").json()
        assert (api["state"], api["received"]) == ("done", 3)


def test_older_devices_are_refused_in_words_and_no_address_is_opened(site, device, operator, client):
    with ready(site, device, edition="2.0") as (camera, _simulated):
        with pytest.raises(NoCapture) as refused:
            actions.capture(operator, camera.pk)
        assert "2016" in str(refused.value)
        client.force_login(operator)
        page = client.get(camera.get_absolute_url()).content.decode()
        assert "GB/T 28181-2016" in page
        assert f"/video/cameras/{camera.pk}/capture" not in page
        assert not Capture.objects.exists()


def test_a_device_that_says_no_is_shown_with_its_answer(site, device, operator):
    with ready(site, device, faults=Faults(no_capture=True)) as (camera, _simulated):
        with pytest.raises(CallFailed):
            actions.capture(operator, camera.pk)
        made = Capture.objects.get()
        assert (made.state, made.fault) == ("refused", "Error")
        assert not site.service.platform.ports.used


def test_uploads_that_are_no_pictures_are_not_kept(site, device, operator):
    with ready(site, device, faults=Faults(bad_pictures=True)) as (camera, _simulated):
        made = ended(actions.capture(operator, camera.pk, 2, 1).pk)
        assert (made.state, made.received, made.refused, made.fault) == ("failed", 0, 2, "not_a_picture")
        assert made.fault_label == "设备上传的不是 JPEG 图片。"
        assert not Snapshot.objects.filter(purpose="device").exists()


def test_who_may_not_and_what_makes_no_sense(site, device, operator):
    with ready(site, device) as (camera, _simulated):
        with pytest.raises(NotFound):
            actions.capture(holder("video.viewer", camera.organisation), camera.pk)
        for number, interval in ((0, 1), (11, 1), (1, 0), (1, 61)):
            with pytest.raises(Invalid):
                actions.capture(operator, camera.pk, number, interval)


def jpeg(width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


async def send(url: str, data, method: str = "POST", local: str = "127.0.0.1", headers=None) -> int:
    connector = aiohttp.TCPConnector(local_addr=(local, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.request(method, url, data=data, headers=headers) as answer,
    ):
        return answer.status


def test_the_address_takes_nothing_but_the_devices_pictures(site, device, operator, monkeypatch):
    """The device itself stays silent here; whatever arrives is tried by hand."""
    monkeypatch.setattr(captures, "LARGEST", 200_000)

    async def silent(self, sn, command) -> None:
        await self.send(manscdp.respond("DeviceConfig", sn, command.device_id, Result="OK"))

    monkeypatch.setattr(Camera, "_configure", silent)
    with ready(site, device) as (camera, simulated):
        made = actions.capture(operator, camera.pk, 2, 1)
        with pytest.raises(CallFailed):
            actions.capture(operator, camera.pk)  # one at a time
        url = next(item for item in simulated.received if item.name == "DeviceConfig").root.findtext(".//UploadURL")
        good = jpeg()

        def answer(*args, **more) -> int:
            return site.run(send(*args, **more))

        assert answer(url[:-1] + ("a" if url[-1] != "a" else "b"), good) == 404
        assert answer(url, good, local="127.0.0.2") == 404
        assert answer(url, None, "GET") == 405
        assert answer(url, good[: len(good) // 2]) == 415  # cut short
        assert answer(url, b"GIF89a" + bytes(50)) == 415
        assert answer(url, b"") == 415
        assert answer(url, b"\xff\xd8\xff" + bytes(300_000)) == 413
        assert answer(url, b"x", headers={"Content-Type": "multipart/form-data"}) == 400
        form = aiohttp.FormData()
        form.add_field("a", "b")
        form.add_field("c", "d", content_type="text/plain")
        assert answer(url, form) == 400
        assert not Snapshot.objects.filter(purpose="device").exists()
        evil = aiohttp.FormData()
        evil.add_field("file", good, filename="../../etc/<script>.jpg", content_type="text/html")
        assert answer(url, evil) == 200  # the name is not believed, the picture is a picture
        kept = Snapshot.objects.get(purpose="device")
        assert "<" not in kept.figures["file"]
        assert files.of(kept).get().file.media_type == "image/jpeg"
        # an end for another session, or of another device, ends nothing
        other = manscdp.notify("UploadSnapShotFinished", 5, camera.gb_id, SessionID="0" * 32)
        assert site.run(simulated.send(other)) == 200
        assert Capture.objects.get(pk=made.pk).state == "running"
        done = manscdp.notify(
            "UploadSnapShotFinished", 6, camera.gb_id, SessionID=made.session, SnapShotList={"SnapShotFileID": ["x"]}
        )
        assert site.run(simulated.send(done)) == 200
        made = ended(made.pk)
        assert (made.state, made.received, made.refused) == ("short", 1, 6)
        with pytest.raises(aiohttp.ClientError):
            site.run(send(url, good))  # the address is gone


def test_without_a_word_of_the_device_its_time_ends_it(site, device, operator, monkeypatch):
    monkeypatch.setattr(captures, "GRACE_SECONDS", 1.0)

    async def silent(self, sn, command) -> None:
        await self.send(manscdp.respond("DeviceConfig", sn, command.device_id, Result="OK"))

    monkeypatch.setattr(Camera, "_configure", silent)
    with ready(site, device) as (camera, _simulated):
        made = ended(actions.capture(operator, camera.pk).pk)
        assert (made.state, made.fault) == ("failed", "timeout")


@given(st.text(max_size=60))
def test_a_files_name_gives_a_time_or_none(name: str):
    found = captures.taken_at(name)
    assert found is None or found.tzinfo is not None


def test_the_time_in_a_real_name():
    found = captures.taken_at("34020000001310000001022025081815045400000")
    assert found is not None
    assert found.isoformat() == "2025-08-18T15:04:54+08:00"
