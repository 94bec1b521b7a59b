"""Two platforms of ours: the lower registers at the upper, shares channels under other IDs, and serves it pictures."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta

import av
import pytest

from chengheng.protocols.gb28181 import manscdp, ptz
from chengheng.video.camera.device import Faults
from chengheng.video.camera.picture import read_counters
from chengheng.video.live.platform import CallStopped, Entry
from chengheng.video.live.upstream import Above, Shared, Upwards

from .conftest import PLATFORM_ID, camera, entry, platform, until
from .test_platform import collect, run

LOWER_ID = "12010100002000000001"
MAPPED = "12010100001310000777"


def numbers(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data), format="mp4") as container:
        return [read_counters(frame.to_ndarray(format="gray"))[0] for frame in container.decode(video=0)]


class Cascade:
    """A camera below, our lower platform, our upper platform."""

    def __init__(self, mode: str = "tcp_passive", transport: str = "udp", may_steer: bool = True, faults=None) -> None:
        self.mode, self.transport, self.may_steer, self.faults = mode, transport, may_steer, faults

    async def __aenter__(self) -> Cascade:
        lower_entry = Entry(pk=50, gb_id=LOWER_ID, login="lower-login", password="between-us", mode=self.mode)
        self._upper = platform(lower_entry)
        self.upper = await self._upper.__aenter__()
        self._lower = platform(entry(1), media_first=43000, media_last=43998)
        self.lower = await self._lower.__aenter__()
        self._camera = camera(self.lower, channels=2, faults=self.faults)
        self.camera = await self._camera.__aenter__()
        await until(self.camera.registered.is_set)
        self.states: list[tuple[bool, str]] = []

        async def told(pk: int, registered: bool, fault: str) -> None:
            self.states.append((registered, fault))

        first, _hidden = self.camera.channels.values()
        item = manscdp.CatalogItem(MAPPED, "外滩", status="ON", ptz_type=1)
        self.above = Above(
            1, PLATFORM_ID, "1201000000", "127.0.0.1", self.upper.node.port, self.transport, LOWER_ID, "lower-login",
            "between-us", {MAPPED: Shared(MAPPED, 7, first.id, 1, item, self.may_steer)},
        )  # fmt: skip
        self.upwards = Upwards(self.lower, told)
        await self.upwards.reload([self.above])
        await until(lambda: self.states and self.states[-1][0])
        self.below = self.upper.entries[LOWER_ID]
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.upwards.stop()
        for part in (self._camera, self._lower, self._upper):
            await part.__aexit__(None, None, None)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_lower_registers_with_its_own_login_and_shows_only_what_it_shares(transport: str):
    async def work():
        async with Cascade(transport=transport) as two:
            (catalog,) = await until(lambda: [item for item in two.upper.store.catalogs if item[4]], 12)
            assert [(item.id, item.name, item.status) for item in catalog[1]] == [(MAPPED, "外滩", "ON")]
            assert catalog[2] is True
            assert (await two.upper.query_status(two.below)).online is True
            assert two.below.peer.transport == transport

    run(work())


@pytest.mark.parametrize("mode", ["tcp_passive", "tcp_active", "udp"])
def test_a_picture_comes_through_two_platforms_and_is_fetched_once(mode: str):
    async def work():
        async with Cascade(mode=mode) as two:
            own = await two.lower.live(two.lower.by_pk[1], 7, next(iter(two.camera.channels)))
            own_viewer = two.lower.viewer(own)
            call = await two.upper.live(two.below, 70, MAPPED)
            found = numbers(await collect(two.upper.viewer(call), 2.0))
            assert len(found) >= 10
            assert found == list(range(found[0], found[0] + len(found)))
            assert len(two.camera.sendings) == 1
            await two.upper.end(call, "stopped")
            registration = two.upwards.registrations[1]
            await until(lambda: not registration.relays)
            assert await collect(own_viewer, 0.5)  # our own viewers go on

    run(work())


def test_what_is_not_shared_does_not_exist_up_there():
    async def work():
        async with Cascade() as two:
            hidden = list(two.camera.channels)[1]
            with pytest.raises(CallStopped) as stopped:
                await two.upper.live(two.below, 71, hidden)
            assert stopped.value.detail.startswith("404")

    run(work())


@pytest.mark.parametrize("may_steer", [True, False])
def test_steering_from_above_needs_our_leave(may_steer: bool):
    async def work():
        async with Cascade(may_steer=may_steer) as two:
            channel = next(iter(two.camera.channels.values()))
            await two.upper.control(two.below, MAPPED, PTZCmd=ptz.Move(pan=100).encode())
            if may_steer:
                await until(lambda: channel.moving.pan == 100)
            else:
                await asyncio.sleep(0.5)
                assert channel.moving.pan == 0

    run(work())


def test_recordings_and_playback_through_two_platforms():
    async def work():
        async with Cascade() as two:
            end = datetime.now(manscdp.CHINA).replace(microsecond=0) - timedelta(hours=1)
            found = await two.upper.query_records(two.below, MAPPED, end - timedelta(hours=2), end)
            assert found.complete
            assert {item.device_id for item in found.items.values()} == {MAPPED}
            call = two.upper.prepare(two.below, 70, MAPPED, "playback", from_at=end - timedelta(seconds=20), to_at=end)
            await two.upper.begin(call)
            assert numbers(await collect(two.upper.viewer(call), 1.5))
            await two.upper.playback_control(call, "PLAY", scale=4.0)
            await two.upper.end(call, "stopped")
            await until(lambda: not two.camera.sendings)

    run(work())


def test_a_failure_below_is_told_above():
    async def work():
        async with Cascade(faults=Faults(refuse=486)) as two:
            with pytest.raises(CallStopped) as stopped:
                await two.upper.live(two.below, 70, MAPPED)
            assert stopped.value.detail.startswith("486")

    run(work())


def test_a_wrong_password_is_reported_and_tried_again_more_slowly():
    async def work():
        upper_entry = Entry(pk=50, gb_id=LOWER_ID, login=LOWER_ID, password="right")
        async with platform(upper_entry) as upper, platform(media_first=43000, media_last=43998) as lower:
            states = []

            async def told(pk: int, registered: bool, fault: str) -> None:
                states.append((registered, fault))

            upwards = Upwards(lower, told)
            await upwards.reload(
                [Above(1, PLATFORM_ID, "1201000000", "127.0.0.1", upper.node.port, "udp", LOWER_ID, LOWER_ID, "no")]
            )
            await until(lambda: states)
            assert states[0] == (False, "REGISTER 401")
            await upwards.stop()

    run(work())
