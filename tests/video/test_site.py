"""Devices, calls, evidence and permissions through the whole of it: database, live process, simulated cameras."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import aiohttp
import pytest
from django.utils import timezone

from chengheng.common import files, trail
from chengheng.common.errors import Invalid, NotFound
from chengheng.common.measures import Period, evaluate
from chengheng.common.people import access
from chengheng.video import actions, gateway, queries, tasks, tokens
from chengheng.video.camera.device import Faults
from chengheng.video.errors import CallFailed, DeviceOffline, LiveUnreachable, Steered
from chengheng.video.models import (
    Alarm,
    Call,
    Channel,
    Device,
    Operation,
    Position,
    Recording,
    Snapshot,
    StateSpan,
    Subscription,
    Watching,
)
from tests.builders import holder

from .live_site import wait

pytestmark = pytest.mark.timeout(90)


def channel(name: str = "和平路口") -> Channel:
    return wait(lambda: Channel.objects.filter(name=name).first())


async def watch(port: int, token: str, seconds: float = 2.0, say: dict | None = None) -> tuple[list[dict], bytes]:
    """What a player is told and sent."""
    told, data = [], b""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/video/play?token={token}&h265=1", max_msg_size=0) as socket,
    ):
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                message = await socket.receive(timeout=left)
            except TimeoutError:
                break
            if message.type == aiohttp.WSMsgType.TEXT:
                told.append(json.loads(message.data))
                if say and told[-1]["type"] == "format":
                    await socket.send_json(say)
            elif message.type == aiohttp.WSMsgType.BINARY:
                data += message.data
            else:
                break
    return told, data


def test_a_device_is_added_registers_brings_its_cameras_and_its_state_is_kept(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口", "南京路"]):
        assert channel().organisation == row.organisation
        wait(lambda: Device.objects.get(pk=row.pk).online)
        row.refresh_from_db()
        assert (row.model, row.edition, row.catalog_complete, row.catalog_found) == ("Simulator", 2022, True, 2)
        assert row.transport == "udp"
        tree = queries.tree(operator)
        assert tree[0]["count"] == 2
        assert {leaf["name"] for leaf in tree[0]["children"][0]["children"]} == {"和平路口", "南京路"}
        assert len(queries.points(operator)["features"]) == 2
    span = StateSpan.objects.get(device=row)
    assert span.online
    assert span.until is None


def test_the_password_is_sealed_and_never_in_the_trail(device):
    row, password = device
    assert password not in row.sealed_password
    assert all(password not in json.dumps(entry.data) for entry in trail.history(row))


def test_watching_needs_a_token_that_works_once_and_is_recorded(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"]):
        camera = channel()
        token = actions.permit_watching(operator, camera.pk)
        told, data = site.run(watch(site.settings.LIVE_PORT, token, 3.0, {"type": "first_picture"}))
        assert [item["step"] for item in told if item["type"] == "step"][:4] == [
            "invited", "answered", "first_packet", "first_key",
        ]  # fmt: skip
        assert any(item["type"] == "format" and item["mime"].startswith("video/mp4") for item in told)
        assert len(data) > 20_000
        again = site.run(_refused(site.settings.LIVE_PORT, token))
        assert again == 403
        assert site.run(_refused(site.settings.LIVE_PORT, "x")) == 403
        watching = wait(lambda: Watching.objects.exclude(closed_at=None).first())
        assert watching.user == operator
        assert watching.first_picture_ms is not None
        assert "video.channel.view" in [entry.act for entry in trail.history(camera)]
        call = Call.objects.get()
        assert call.first_frame_at is not None
        assert "INVITE sip:" in call.trace


async def _refused(port: int, token: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/video/play?token={token}") as answer,
    ):
        return answer.status


def test_who_may_not_see_a_camera_gets_no_token(site, device):
    row, password = device
    stranger = holder("video.unit_viewer")
    with site.camera(row, password, ["和平路口"]):
        with pytest.raises(NotFound):
            actions.permit_watching(stranger, channel().pk)
        assert not queries.tree(stranger)


def test_a_lost_permission_ends_the_picture(site, device, operator, monkeypatch):
    monkeypatch.setattr("chengheng.video.live.web.PERMISSION_SECONDS", 0.5)
    row, password = device
    with site.camera(row, password, ["和平路口"]):
        token = actions.permit_watching(operator, channel().pk)
        future = asyncio.run_coroutine_threadsafe(watch(site.settings.LIVE_PORT, token, 14), site.loop)
        wait(lambda: Watching.objects.first())
        operator.duties.all().delete()
        told, _data = future.result(30)
        assert told[-1]["code"] == "revoked"


def test_why_no_picture_is_told_in_words(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"], faults=Faults(refuse=486)):
        token = actions.permit_watching(operator, channel().pk)
        told, _data = site.run(watch(site.settings.LIVE_PORT, token, 5))
        assert told[-1]["type"] == "stopped"
        assert told[-1]["code"] == "refused"
        assert "486" in told[-1]["detail"]
        call = Call.objects.get()
        steps = queries.steps_of(call)
        assert [step["state"] for step in steps] == ["done", "done", "stopped", "missing", "missing", "missing"]


def test_a_snapshot_is_evidence(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"]):
        camera = channel()
        wait(lambda: Device.objects.get(pk=row.pk).online)
        made = actions.take_snapshot(operator, camera.pk)
        assert (made.verdict, made.by, made.width) == ("good", operator, 640)
        picture = files.of(made).get()
        assert picture.file.sha256 == made.sha256
        assert actions.is_genuine(made)
        made.at -= timedelta(seconds=1)
        assert not actions.is_genuine(made)


def test_probes_tell_black_and_frozen_from_good(site, device, operator):
    row, password = device
    faults = Faults()
    with site.camera(row, password, ["和平路口"], faults=faults):
        camera = channel()
        wait(lambda: Device.objects.get(pk=row.pk).online)
        for fault, verdict in ((None, "good"), ("black", "black"), ("frozen", "frozen")):
            if fault:
                setattr(faults, fault, True)
                faults.black = fault == "black"
            for call in list(site.service.platform.calls.values()):
                site.run(site.service.platform.end(call, "stopped"))
            gateway.ask("snapshot", channel=camera.pk, purpose="probe")
            camera.refresh_from_db()
            assert camera.picture == verdict
        assert tasks.probe() == 0  # all were probed just now
        today = timezone.localdate()
        found = evaluate("video.picture_rate", Period(today, today))
        assert (found.numerator, found.denominator) == (1, 3)


def test_a_recording_is_kept_whole_and_removed_when_its_time_is_over(site, device, operator):
    import av

    row, password = device
    with site.camera(row, password, ["和平路口"]):
        wait(lambda: Device.objects.get(pk=row.pk).online)
        made = actions.record(operator, channel().pk, seconds=2)
        wait(lambda: Recording.objects.get(pk=made.pk).ended_at)
        made.refresh_from_db()
        stored = files.of(made).get()
        assert actions.is_genuine(made)
        with av.open(str(stored.file.path)) as container:
            frames = list(container.decode(video=0))
        assert len(frames) >= 15
        assert float(frames[0].time) < 0.1
        Recording.objects.update(keep_until=timezone.now() - timedelta(days=1))
        assert tasks.retention() == 1
        made.refresh_from_db()
        assert made.removed_at is not None
        assert not stored.file.path.exists()


def test_operations_take_their_snapshots_by_plan(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口", "南京路"]):
        channel("南京路")
        wait(lambda: Device.objects.get(pk=row.pk).online)
        now = timezone.now()
        operation = actions.plan_operation(
            operator, list(Channel.objects.values_list("pk", flat=True)), title="清融雪", kind="snow",
            starts_at=now - timedelta(minutes=1), ends_at=now + timedelta(hours=1), snapshot_minutes=30,
        )  # fmt: skip
        assert tasks.operation_snapshots() == 2
        assert tasks.operation_snapshots() == 0
        album = queries.album(operation)
        assert len(album) == 2
        assert all(item["picture"] for item in album)
        actions.note_operation(operator, operation.pk, "路面已见黑")
        assert Operation.objects.get().notes.count() == 1


def test_steering_moves_the_camera_and_a_commander_takes_it_over(site, device, operator):
    row, password = device
    commander = holder("video.commander", row.organisation)
    with site.camera(row, password, ["和平路口"]) as simulated:
        camera = channel()
        wait(lambda: Device.objects.get(pk=row.pk).online)
        (seen,) = simulated.channels.values()
        actions.steer(operator, camera.pk, {"pan": 1})
        wait(lambda: seen.moving.pan == 255)
        other = holder("video.operator", row.organisation)
        with pytest.raises(Steered):
            actions.steer(other, camera.pk, {"pan": -1})
        actions.steer(commander, camera.pk, {"pan": -1})
        wait(lambda: seen.moving.pan == -255)
        with pytest.raises(Steered):
            actions.steer(operator, camera.pk, {})
        both = {str(operator), str(commander)}
        wait(lambda: {one.actor_label for one in trail.history(camera) if one.act == "video.channel.steer"} == both)


def test_recordings_of_the_device_are_listed_and_played(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"]):
        camera = channel()
        wait(lambda: Device.objects.get(pk=row.pk).online)
        end = timezone.now() - timedelta(minutes=30)
        found = actions.list_device_records(operator, camera.pk, end - timedelta(hours=20), end)
        assert found["complete"]
        assert len(found["items"]) >= 80
        token = actions.permit_watching(operator, camera.pk, from_at=end - timedelta(seconds=60), to_at=end)
        _told, data = site.run(watch(site.settings.LIVE_PORT, token, 2.5))
        assert len(data) > 10_000
        wait(lambda: Call.objects.get(kind="playback").ended_at)


def test_a_new_catalog_keeps_what_people_wrote_and_marks_what_left(site, device, engineer):
    row, password = device
    with site.camera(row, password, ["和平路口", "南京路"]) as simulated:
        camera = channel()
        channel("南京路")
        actions.change_channel(engineer, camera.pk, edited_name="和平路—南京路（西）", lon=117.5, lat=39.5)
        gone = next(item for item in simulated.channels.values() if item.name == "南京路")
        del simulated.channels[gone.id]
        answer = actions.read_catalog(engineer, row.pk)
        assert answer["complete"]
        camera.refresh_from_db()
        assert (camera.name, camera.raw_name, camera.lon) == ("和平路—南京路（西）", "和平路口", 117.5)
        assert Channel.objects.get(name="南京路").removed_at is not None


def test_alarms_reach_the_list(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"]) as simulated:
        camera = channel()
        site.run(simulated.alarm(camera.gb_id))
        alarm = wait(lambda: Alarm.objects.first())
        assert alarm.channel == camera
        actions.see_alarm(operator, alarm.pk)
        assert Alarm.objects.get().seen_by == operator


def test_orders_must_be_signed_fresh_and_new(site):
    async def send(text: str) -> int:
        url = f"http://127.0.0.1:{site.settings.LIVE_PORT}/video/order"
        async with aiohttp.ClientSession() as session, session.post(url, data=text) as answer:
            return answer.status

    signed = tokens.order("state", {})
    assert site.run(send(signed)) == 200
    assert site.run(send(signed)) == 403
    assert site.run(send("state")) == 403
    assert site.run(send(tokens.play_token(tokens.Play(1, 1)))) == 403


def test_without_the_live_process_it_is_said(transactional_db, settings, device, operator):
    from .live_site import free_port

    settings.LIVE_PORT = free_port()
    row, _password = device
    camera = Channel.objects.create(device=row, gb_id="12010000001310000009", name="x", organisation=row.organisation)
    with pytest.raises(DeviceOffline):
        actions.take_snapshot(operator, camera.pk)
    Device.objects.update(online=True)
    with pytest.raises(LiveUnreachable):
        actions.take_snapshot(operator, camera.pk)


def test_an_offline_device_is_a_refusal_in_words(site, device, operator):
    row, _password = device
    camera = Channel.objects.create(device=row, gb_id="12010000001310000009", name="x", organisation=row.organisation)
    Device.objects.update(online=True)
    with pytest.raises((CallFailed, DeviceOffline)):
        actions.take_snapshot(operator, camera.pk)
    assert access.may(operator, "video.channel.snapshot", camera)
    assert not Snapshot.objects.exists()


def test_what_a_device_tells_is_chosen_and_its_answers_are_kept(site, device, operator, client):
    row, password = device
    faults = Faults()
    with site.camera(row, password, ["和平路口"], faults=faults, mobile=True) as simulated:
        camera = channel()
        wait(lambda: Subscription.objects.filter(subject="Catalog", state="active").exists())
        actions.subscribe(operator, row.pk, catalog=True, alarms=True, positions=True, position_seconds=1)
        wait(lambda: list(Subscription.objects.values_list("state", flat=True)) == ["active"] * 3)
        for event, online in (("OFF", False), ("ON", True), ("VLOST", False), ("ON", True)):
            site.run(simulated.catalog_event(camera.gb_id, event))
            wait(lambda online=online: Channel.objects.get(pk=camera.pk).online is online)
        stem = camera.gb_id[:-1]
        site.run(simulated.catalog_event(f"{stem}8", "ADD", "新装"))
        wait(lambda: Channel.objects.filter(name="新装", online=True).exists())
        site.run(simulated.catalog_event(f"{stem}8", "UPDATE", "新装（改）"))
        wait(lambda: Channel.objects.filter(name="新装（改）").exists())
        site.run(simulated.catalog_event(f"{stem}8", "DEL"))
        wait(lambda: Channel.objects.get(gb_id=f"{stem}8").removed_at)
        wait(lambda: Position.objects.count() >= 3)
        wait(lambda: Subscription.objects.get(subject="Catalog").notices == 7)
        client.force_login(operator)
        page = client.get(f"/video/devices/{row.pk}/")
        assert page.context["track"]["count"] >= 3
        (line,) = page.context["map"]["layers"][0]["data"]["features"]
        assert len(line["geometry"]["coordinates"]) >= 3
        (point,) = client.get("/video/mobile.geojson?bbox=116,38,118,40").json()["features"]
        assert point["properties"]["url"] == row.get_absolute_url()
        assert client.get("/video/mobile.geojson?shape=line").json()["features"]
        # a refusal is shown on the page, in the device's own words
        faults.refuse_subscribe = 489
        client.post(f"/video/devices/{row.pk}/subscribe", {"position_seconds": "10"})
        wait(lambda: Subscription.objects.get(subject="Alarm").state == "ended")
        answer = client.post(
            f"/video/devices/{row.pk}/subscribe", {"alarms": "on", "position_seconds": "10"}, follow=True
        )
        assert "489 Bad Event" in answer.content.decode()
        told = client.get(f"/api/v1/video/devices/{row.pk}/subscriptions").json()
        assert {item["subject"]: item["state"] for item in told}["Alarm"] == "refused"
        assert "video.device.subscribe" in [entry.act for entry in trail.history(row)]


def test_who_may_not_choose_and_what_makes_no_sense(site, device, operator):
    row, _password = device
    with pytest.raises(NotFound):
        actions.subscribe(holder("video.viewer"), row.pk, catalog=True, alarms=True, positions=True)
    with pytest.raises(Invalid):
        actions.subscribe(operator, row.pk, catalog=True, alarms=False, positions=True, position_seconds=0)
    actions.subscribe(operator, row.pk, catalog=False, alarms=True, positions=False)  # offline: kept until it comes
    assert [item["text"] for item in queries.subscriptions_of(Device.objects.get(pk=row.pk))][0] == "不需要"
    assert not Subscription.objects.exists()
