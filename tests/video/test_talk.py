"""Voice broadcast: the device is told, asks for the sound and hears it; who may speak, and why nobody hears anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy
import pytest

from chengheng.protocols.gb28181 import manscdp, sdp
from chengheng.video import rules
from chengheng.video.camera.device import Faults
from chengheng.video.live.platform import CallStopped
from chengheng.video.live.sound import TABLES
from chengheng.video.live.talk import PACKET, Talk

from .conftest import CHANNEL, camera, entry, platform, until
from .test_platform import run

pytestmark = pytest.mark.timeout(60)
TONE = 440


def in_a_loop(test: Callable[..., Any]) -> Callable[..., None]:
    @wraps(test)
    def beside(*args: Any, **more: Any) -> None:
        run(test(*args, **more))

    return beside


def alaw(samples: numpy.ndarray) -> bytes:
    """Samples to A-law by the nearest value of the table that the decoder uses."""
    table = TABLES["g711a"].astype(numpy.int32)
    order = numpy.argsort(table)
    at = numpy.searchsorted(table[order], samples).clip(0, 255)
    return order[at].astype(numpy.uint8).tobytes()


def tone(seconds: float) -> bytes:
    return alaw((numpy.sin(numpy.arange(int(8000 * seconds)) / 8000 * 2 * numpy.pi * TONE) * 12_000).astype(int))


def pitch(sound: bytes) -> float:
    """The strongest frequency of A-law samples."""
    samples = TABLES["g711a"][numpy.frombuffer(sound, numpy.uint8)].astype(float)
    strength = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(strength[1:].argmax() + 1) * 8000 / len(samples)


def talk(at, number: int = 1, priority: int = 3, name: str = "周视频", target: str = "") -> Talk:
    found = at.entries[f"1201000000132{number:07d}"]
    return Talk(
        f"talk-{priority}-{name}", found, number, target or f"1201000000131{number * 100:07d}", 1, name, priority
    )


async def speak(made: Talk, sound: bytes) -> None:
    """As a page does: pieces of 40 ms, as fast as they may come."""
    for at in range(0, len(sound), 320):
        made.say(sound[at : at + 320])
        if at % 3200 == 0:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", ["udp", "tcp_active", "tcp_passive"])
@in_a_loop
async def test_the_device_asks_for_the_sound_and_hears_the_tone(way):
    async with platform(entry()) as at, camera(at, faults=Faults(talk=way)) as device:
        await device.registered.wait()
        made = talk(at)
        await at.talks.begin(made)
        assert list(made.steps) == ["asked", "told", "agreed", "invited", "connected"]
        assert made.transport == {"udp": "udp", "tcp_active": "tcp_passive", "tcp_passive": "tcp_active"}[way]
        assert made.outlet.port in at.ports.used
        await speak(made, tone(1.0))
        (hearing,) = device.heard
        await until(lambda: hearing.packets == 50)
        assert hearing.missing == 0
        assert abs(pitch(bytes(hearing.sound)) - TONE) < 3
        assert "speaking" in made.steps
        await at.talks.end(made, "talk_over")
        await until(lambda: hearing.ended)
        assert not at.ports.used
        assert not at.talks.speaking
        assert at.store.calls[made.id].stop_code == "talk_over"
        told = next(item for item in device.received if item.name == "Broadcast")
        assert (told.kind, told.text("SourceID"), told.text("TargetID")) == (
            "Notify",
            at.settings.gb_id,
            made.target_id,
        )


@pytest.mark.parametrize(
    ("faults", "code", "last"),
    [
        (Faults(no_speaker=True), "talk_refused", "told"),
        (Faults(no_fetch=True), "talk_no_invite", "agreed"),
    ],
)
@in_a_loop
async def test_where_it_stopped_is_told(monkeypatch, faults, code, last):
    monkeypatch.setattr("chengheng.video.live.talk.INVITE_SECONDS", 0.3)
    async with platform(entry()) as at, camera(at, faults=faults) as device:
        await device.registered.wait()
        made = talk(at)
        with pytest.raises(CallStopped) as stopped:
            await at.talks.begin(made)
        assert (stopped.value.code, made.stop_code, list(made.steps)[-1]) == (code, code, last)
        assert not at.talks.speaking
        assert any("Broadcast" in item for item in made.trace)


@in_a_loop
async def test_a_device_that_is_silent_or_away_is_told(monkeypatch):
    monkeypatch.setattr("chengheng.video.live.talk.ANSWER_SECONDS", 0.3)
    async with platform(entry()) as at, camera(at) as device:
        with pytest.raises(CallStopped) as stopped:
            await at.talks.begin(talk(at))
        assert stopped.value.code == "offline"
        await device.registered.wait()
        device._command = lambda command, peer: None  # takes the message and never says anything
        with pytest.raises(CallStopped) as stopped:
            await at.talks.begin(talk(at))
        assert stopped.value.code == "talk_no_answer"


@in_a_loop
async def test_one_speaks_at_a_time_and_a_commander_takes_over():
    async with platform(entry()) as at, camera(at) as device:
        await device.registered.wait()
        first = talk(at)
        await at.talks.begin(first)
        with pytest.raises(CallStopped) as stopped:
            await at.talks.begin(talk(at, name="别人"))
        assert (stopped.value.code, stopped.value.detail) == ("talk_busy", "周视频")
        assert not first.stop_code
        commander = talk(at, priority=6, name="秦指挥")
        await at.talks.begin(commander)
        assert (first.stop_code, first.stop_detail) == ("talk_taken", "秦指挥")
        assert list(at.talks.speaking.values()) == [commander]
        await until(lambda: [item.ended for item in device.heard] == [True, False])
        await device.hang_up(device.heard[1])
        await until(lambda: commander.stop_code)
        assert commander.stop_code == "talk_device_ended"
        assert not at.ports.used


@in_a_loop
async def test_it_ends_by_itself_and_a_flood_is_not_passed_on(monkeypatch):
    monkeypatch.setattr(rules, "LONGEST_TALK_SECONDS", 0.4)
    async with platform(entry()) as at, camera(at) as device:
        await device.registered.wait()
        made = talk(at)
        await at.talks.begin(made)
        made.say(tone(0.5) * 60)
        assert made.packets <= 8000 // PACKET + 2
        await until(lambda: made.stop_code)
        assert made.stop_code == "talk_limit"
        before = made.packets
        made.say(tone(0.1))
        assert made.packets == before


@in_a_loop
async def test_strangers_invitations_are_refused():
    async with platform(entry(), entry(2)) as at, camera(at) as device, camera(at, 2) as other:
        await device.registered.wait()
        await other.registered.wait()
        made = talk(at)
        begun = asyncio.create_task(at.talks.begin(made))
        message = other._message("INVITE", sdp.Description(host="127.0.0.1", media="audio", payloads=[8]).encode())
        assert (await other.node.request(message, await other._peer(), 4)).status == 403
        await begun
        assert at.talks.speaking
        message = device._message("INVITE", b"")  # nothing waits for it any more
        assert (await device.node.request(message, await device._peer(), 4)).status == 403


def test_the_announcement_reads_as_the_samples_do(shared):
    told = manscdp.read(manscdp.broadcast(7, "1" * 20, "2" * 20))
    assert (told.kind, told.name, told.sn, told.device_id) == ("Notify", "Broadcast", 7, "")
    assert (told.text("SourceID"), told.text("TargetID")) == ("1" * 20, "2" * 20)
    folder = shared / "data" / "gb28181"
    real = manscdp.read(next(folder.glob("077*")).read_bytes().partition(b"\r\n\r\n")[2] or b"")
    assert (real.kind, real.name) == ("Notify", "Broadcast")
    for name, tcp in (("079*", False), ("080*", True)):
        offer = sdp.read(next(folder.glob(name)).read_bytes().partition(b"\r\n\r\n")[2])
        assert (offer.media, offer.tcp, offer.payload_of("PCMA/8000"), offer.direction) == ("audio", tcp, 8, "recvonly")


def test_which_loudspeaker_is_meant():
    assert rules.loudspeaker(CHANNEL, {}) == CHANNEL
    assert rules.loudspeaker(CHANNEL, {"a": "x"}) == "a"
    assert rules.loudspeaker(CHANNEL, {"a": "x", "b": CHANNEL}) == "b"
    assert rules.loudspeaker(CHANNEL, {"a": "x", "b": "y"}) == CHANNEL
    assert rules.may_interrupt(3, 6)
    assert not rules.may_interrupt(3, 3)
