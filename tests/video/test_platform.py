"""The platform and simulated devices on real sockets: registration, presence, catalogs, call-ups and their faults."""

from __future__ import annotations

import asyncio
import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import av
import pytest

from chengheng.protocols.gb28181 import manscdp, ptz
from chengheng.video.camera.device import Faults
from chengheng.video.camera.picture import read_counters
from chengheng.video.live import platform as live_platform
from chengheng.video.live.platform import CallStopped
from chengheng.video.live.source import Viewer

from .conftest import camera, entry, platform, until


def numbers(data: bytes) -> list[int]:
    """The frame numbers that are painted into the pictures of an MP4."""
    with av.open(io.BytesIO(data), format="mp4") as container:
        return [read_counters(frame.to_ndarray(format="gray"))[0] for frame in container.decode(video=0)]


async def collect(viewer: Viewer, seconds: float) -> bytes:
    found = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            for segment in await asyncio.wait_for(viewer.next(), max(0.01, end - time.monotonic())):
                found += segment.data
        except TimeoutError:
            break
    return found


def run(work) -> None:
    """Run a coroutine in a thread of its own: browser tests leave a running loop in the main one."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, bounded()).result()


class TestRegistration:
    def test_a_device_registers_is_asked_and_its_catalog_is_stored(self):
        async def work():
            async with platform(entry(1)) as at, camera(at, channels=5) as device:
                await until(device.registered.is_set)
                catalog = await until(lambda: at.store.catalogs)
                assert [item.name for item in catalog[0][1]] == [f"路口{index}" for index in range(5)]
                assert catalog[0][2:] == (True, 5, True)
                assert at.store.infos[0][1].model == "Simulator"
                assert at.entries[device.gb_id].edition == 2022
                await until(lambda: device.subscriptions)
                assert at.entries[device.gb_id].online
                assert await device.catalog_event(next(iter(device.channels)), "OFF") == 200
                event = await until(lambda: at.store.catalogs[1:])
                assert (event[0][1][0].event, event[0][2]) == ("OFF", False)

        run(work())

    def test_over_tcp(self):
        async def work():
            async with platform(entry(1)) as at, camera(at, channels=30, transport="tcp") as device:
                await until(device.registered.is_set)
                assert len((await until(lambda: at.store.catalogs))[0][1]) == 30
                assert at.entries[device.gb_id].peer.transport == "tcp"

        run(work())

    def test_wrong_passwords_lock_the_device_and_unknown_ones_get_nothing(self):
        async def work():
            async with platform(entry(1)) as at, camera(at, password="wrong") as device:
                for _attempt in range(6):
                    await device.register(3600)
                assert device.status == 403
                assert at.entries[device.gb_id].locked_until > time.time()
                device.password = "secret-1"
                assert await device.register(3600) == 403
                async with camera(at, 77) as stranger:
                    assert await stranger.register(3600) == 403

        run(work())

    def test_a_captured_authorization_cannot_be_played_again(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                seen = []
                at.node.trace = lambda direction, peer, data: seen.append(data) if direction == "in" else None
                assert await device.register(3600) == 200
                stolen = next(data for data in seen if b"authorization" in data.lower())
                async with camera(at, 1) as thief:
                    answers = []
                    thief.node.trace = lambda direction, peer, data: answers.append(data)
                    thief.node.endpoint.outgoing.append(
                        (await thief._peer(), stolen.replace(b"z9hG4bK", b"z9hG4bKx").replace(b"CSeq: ", b"CSeq: 9"))
                    )
                    thief.node.flush()
                    await until(
                        lambda: [item for item in answers if b"CSeq: 9" in item and item.startswith(b"SIP/2.0")]
                    )
                    assert any(item.startswith(b"SIP/2.0 401") for item in answers)

        run(work())

    def test_messages_of_a_stranger_address_are_refused_and_move_nothing(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                bound = at.entries[device.gb_id].peer
                async with camera(at, 1, host="127.0.0.2") as stranger:
                    assert await stranger.send(manscdp.notify("Keepalive", 1, device.gb_id, Status="OK")) == 403
                assert at.entries[device.gb_id].peer == bound

        run(work())

    def test_leaving_and_missed_keepalives_turn_it_offline(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                await device.register(0)
                assert not at.entries[device.gb_id].online
                await device.register(3600)
                await device.keepalive()
                at.entries[device.gb_id].keepalive_s = 0
                at.entries[device.gb_id].seen_at -= 10
                device.keepalive_s = 100
                await at._presence()
                reasons = [reason for _pk, _online, reason in at.store.turned]
                assert "unregistered" in reasons
                assert "keepalive_missed" in reasons

        run(work())

    def test_after_our_restart_a_keepalive_is_taken_while_the_registration_lasts(self):
        async def work():
            async with platform(entry(1)) as first, camera(first) as device:
                await until(device.registered.is_set)
                kept = first.entries[device.gb_id]
                async with platform(
                    entry(1, peer=kept.peer, expires_at=kept.expires_at), entry(2, expires_at=time.time() - 1)
                ) as second:
                    device.target = ("127.0.0.1", second.node.port)
                    assert await device.keepalive()
                    assert second.entries[device.gb_id].online
                    kept_out = second.entries["12010000001320000002"]
                    assert kept_out.peer is None

        run(work())


class TestCatalogs:
    @pytest.mark.parametrize(
        ("faults", "complete"),
        [
            (Faults(catalog_single=True), True),
            (Faults(split_datagrams=True), True),
            (Faults(catalog_short=True), False),
        ],
    )
    def test_awkward_answers(self, faults: Faults, complete: bool, monkeypatch):
        monkeypatch.setattr("chengheng.protocols.gb28181.gathering.Gathering.quiet", 1.0, raising=False)

        async def work():
            async with platform(entry(1)) as at, camera(at, channels=7, faults=faults) as device:
                await until(device.registered.is_set)
                (found, *_rest) = await until(lambda: [item for item in at.store.catalogs if item[4]], 20)
                assert len(found[1]) == 7
                assert found[2] is complete

        run(work())


class TestCalls:
    @pytest.mark.parametrize("mode", ["tcp_passive", "tcp_active", "udp"])
    @pytest.mark.parametrize("codec", ["h264", "h265"])
    def test_live_pictures_arrive_in_order_without_a_gap(self, mode: str, codec: str):
        async def work():
            async with platform(entry(1, mode=mode)) as at, camera(at, codec=codec) as device:
                await until(device.registered.is_set)
                held = at.entries[device.gb_id]
                call = await at.live(held, 1, next(iter(device.channels)))
                viewer = at.viewer(call)
                found = numbers(await collect(viewer, 2.0))
                assert len(found) >= 12
                assert found == list(range(found[0], found[0] + len(found)))
                assert list(call.steps) == ["asked", "invited", "answered", "first_packet", "first_key"]
                assert call.source.stream.rtp.missing == 0
                assert call.source.stream.muxer.codec == codec
                await at.end(call, "stopped")
                await until(lambda: not device.sendings)
                assert not at.ports.used

        run(work())

    def test_many_viewers_share_one_stream_and_start_at_a_key_frame(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                held, channel = at.entries[device.gb_id], next(iter(device.channels))
                calls = await asyncio.gather(*(at.live(held, 1, channel) for _viewer in range(5)))
                assert len({call.id for call in calls}) == 1
                viewers = [at.viewer(calls[0])]
                await asyncio.sleep(0.55)
                viewers.append(at.viewer(calls[0]))
                data = await asyncio.gather(*(collect(viewer, 1.5) for viewer in viewers))
                for found in map(numbers, data):
                    assert found == list(range(found[0], found[0] + len(found)))
                assert len(device.sendings) == 1

        run(work())

    def test_it_stops_half_a_minute_after_the_last_viewer(self, monkeypatch):
        monkeypatch.setattr(live_platform.rules, "IDLE_SECONDS", 1)

        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                call = await at.live(at.entries[device.gb_id], 1, next(iter(device.channels)))
                viewer = at.viewer(call)
                await asyncio.sleep(2.5)
                assert not call.stop_code
                call.source.detach(viewer)
                await until(lambda: call.stop_code, 6)
                assert call.stop_code == "idle"
                await until(lambda: not device.sendings)

        run(work())

    @pytest.mark.parametrize(
        ("faults", "code", "reached"),
        [
            (Faults(refuse=486), "refused", "invited"),
            (Faults(silent=True), "no_media", "answered"),
            (Faults(deaf=True), "no_answer", "invited"),
        ],
    )
    def test_why_there_is_no_picture(self, faults: Faults, code: str, reached: str, monkeypatch):
        monkeypatch.setattr(live_platform, "MEDIA_WAIT_SECONDS", 1.0)

        async def work():
            async with platform(entry(1)) as at, camera(at, faults=faults) as device:
                await until(device.registered.is_set)
                if faults.deaf:
                    monkeypatch.setattr(at.node, "request", _impatient(at.node.request))
                with pytest.raises(CallStopped) as stopped:
                    await at.live(at.entries[device.gb_id], 1, next(iter(device.channels)))
                assert stopped.value.code == code
                (call,) = at.store.calls.values()
                assert list(call.steps)[-1] == reached
                assert "INVITE sip:" in call.trace[0]
                assert not at.ports.used

        run(work())

    def test_a_device_that_is_not_there(self):
        async def work():
            async with platform(entry(1)) as at:
                with pytest.raises(CallStopped) as stopped:
                    await at.live(at.by_pk[1], 1, "12010000001310000001")
                assert stopped.value.code == "offline"

        run(work())

    @pytest.mark.parametrize(
        "faults", [Faults(wrong_ssrc=True), Faults(own_ssrc=True), Faults(no_marker=True), Faults(reorder=0.05)]
    )
    def test_habits_that_must_not_matter(self, faults: Faults):
        async def work():
            async with platform(entry(1, mode="udp")) as at, camera(at, faults=faults) as device:
                await until(device.registered.is_set)
                call = await at.live(at.entries[device.gb_id], 1, next(iter(device.channels)))
                found = numbers(await collect(at.viewer(call), 1.5))
                assert len(found) >= 8
                assert found == list(range(found[0], found[0] + len(found)))

        run(work())

    def test_with_loss_every_picture_shown_is_whole(self):
        async def work():
            async with platform(entry(1, mode="udp")) as at, camera(at, faults=Faults(loss=0.02)) as device:
                await until(device.registered.is_set)
                call = await at.live(at.entries[device.gb_id], 1, next(iter(device.channels)))
                found = numbers(await collect(at.viewer(call), 4))
                assert call.source.stream.rtp.missing
                assert call.source.stream.muxer.frozen or call.source.stream.ps.torn
                assert found == sorted(set(found))
                assert found[-1] - found[0] < 60  # read right: a broken picture would read as nonsense

        run(work())

    def test_media_from_elsewhere_is_refused(self, monkeypatch):
        monkeypatch.setattr(live_platform, "MEDIA_WAIT_SECONDS", 1.0)

        async def work():
            async with platform(entry(1, mode="udp")) as at, camera(at, faults=Faults(silent=True)) as device:
                await until(device.registered.is_set)
                task = asyncio.create_task(at.live(at.entries[device.gb_id], 1, next(iter(device.channels))))
                call = await until(lambda: next((item for item in at.calls.values() if "answered" in item.steps), None))
                loop = asyncio.get_running_loop()
                transport, _protocol = await loop.create_datagram_endpoint(
                    asyncio.DatagramProtocol, local_addr=("127.0.0.3", 0)
                )
                for _packet in range(5):
                    transport.sendto(b"\x80\x60" + bytes(100), ("127.0.0.1", call.inlet.port))
                with pytest.raises(CallStopped) as stopped:
                    await task
                transport.close()
                assert stopped.value.code == "foreign_media"

        run(work())

    def test_playback_with_pause_seek_speed_and_end(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                held, channel = at.entries[device.gb_id], next(iter(device.channels))
                end = datetime.now(manscdp.CHINA).replace(microsecond=0) - timedelta(hours=1)
                records = await at.query_records(held, channel, end - timedelta(hours=3), end)
                assert records.complete
                assert len(records.items) >= 12
                call = at.prepare(held, 1, channel, "playback", from_at=end - timedelta(seconds=8), to_at=end)
                await at.begin(call)
                viewer = at.viewer(call)
                assert numbers(await collect(viewer, 1.0))
                await at.playback_control(call, "PAUSE")
                await asyncio.sleep(0.3)
                await collect(viewer, 0.2)
                assert not await collect(viewer, 0.6)
                await at.playback_control(call, "PLAY", seek_s=4.0)
                assert await collect(viewer, 0.6)
                await at.playback_control(call, "PLAY", scale=4.0)
                await until(lambda: call.stop_code, 8)
                assert call.stop_code == "finished"

        run(work())

    @pytest.mark.parametrize("unscaled", [True, False])
    def test_fast_playback_runs_evenly_whether_or_not_the_device_scales_its_stamps(self, unscaled: bool):
        async def work():
            async with (
                platform(entry(1)) as at,
                camera(at, faults=Faults(unscaled=unscaled), width=320, height=192) as device,
            ):
                await until(device.registered.is_set)
                held, channel = at.entries[device.gb_id], next(iter(device.channels))
                end = datetime.now(manscdp.CHINA).replace(microsecond=0) - timedelta(hours=1)
                call = at.prepare(held, 1, channel, "playback", from_at=end - timedelta(seconds=120), to_at=end)
                await at.begin(call)
                viewer = at.viewer(call)
                await at.playback_control(call, "PLAY", scale=4.0)
                await collect(viewer, 3.0)
                muxer, began = call.source.stream.muxer, time.monotonic()
                before, frames = muxer._time, muxer.frames
                await collect(viewer, 2.0)
                spent = time.monotonic() - began
                assert (muxer.frames - frames) / spent > 18  # 10 a second at normal speed
                assert 0.5 < (muxer._time - before) / 90_000 / spent < 1.6
                assert muxer.speed == (4.0 if unscaled else 1.0)

        run(work())

    def test_ptz_moves_the_picture_and_presets_bring_it_back(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                held, channel = at.entries[device.gb_id], next(iter(device.channels.values()))
                call = await at.live(held, 1, channel.id)
                viewer = at.viewer(call)
                await at.control(held, channel.id, PTZCmd=ptz.PresetAct("set", 3).encode())
                at.steer(held, channel.id, ptz.Move(pan=200).encode(), 5)
                await until(lambda: channel.view.pan > 0.1)
                at.steer(held, channel.id, ptz.Move().encode(), 5)
                await until(lambda: channel.moving == ptz.Move())
                assert [preset.id for preset in await at.query_presets(held, channel.id)] == [3]
                await at.control(held, channel.id, PTZCmd=ptz.PresetAct("call", 3).encode())
                await until(lambda: channel.view.pan == 0)
                call.source.detach(viewer)

        run(work())

    def test_alarms_and_positions_are_told(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(device.registered.is_set)
                assert await device.alarm(next(iter(device.channels))) == 200
                assert await device.position(117.25, 39.12) == 200
                await until(lambda: at.store.alarms and at.store.places)
                assert at.store.alarms[0].description == "移动侦测"
                assert at.store.places[0].lon == 117.25
                await until(lambda: [item for item in device.received if item.name == "Alarm"])

        run(work())


def _impatient(request):
    async def quick(message, peer, timeout=32.0, provisional=None):
        return await request(message, peer, 1.0 if message.method == "INVITE" else timeout, provisional)

    return quick
