"""Who speaks at a terminal, judged as the engine judges browsers; and where the voice switch looks."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from chengheng.command.conference import rules
from chengheng.command.conference.live.room import Room
from chengheng.command.conference.live.voice import Voice
from chengheng.protocols.rtp.packet import parse
from tests.command.test_recording import tone


def heard(
    codec: str, packets: list[tuple[float, bytes]], start: float = 100.0
) -> tuple[Voice, list[tuple[float, bool]]]:
    told: list[tuple[float, bool]] = []
    now = start
    voice = Voice(codec, lambda on: told.append((round(now - start, 2), on)))
    for at, packet in packets:
        now = start + at
        voice.heard(parse(packet).payload, now)
    return voice, told


@pytest.mark.parametrize("codec", ["opus", "pcma", "pcmu"])
def test_a_tone_is_a_voice_and_quiet_is_none(codec: str):
    _voice, told = heard(codec, tone(codec, 440, 2))
    assert [on for _at, on in told] == [True]
    assert told[0][0] < 0.7
    assert heard(codec, tone(codec, 440, 2, loud=100))[1] == []  # 52 decibels down: a room, not a voice


@pytest.mark.parametrize("codec", ["opus", "pcma"])
def test_it_ends_with_the_sound_and_when_nothing_comes(codec: str):
    quiet = [(at + 1.5, packet) for at, packet in tone(codec, 440, 1.5, loud=0)]
    voice, told = heard(codec, tone(codec, 440, 1.5) + quiet)
    assert [on for _at, on in told] == [True, False]
    assert told[1][0] < 1.5 + 2.2 * rules.VOICE_SECONDS
    voice, told = heard(codec, tone(codec, 440, 1.5))
    voice.still(100 + 1.6)
    assert [on for _at, on in told] == [True]
    voice.still(100 + 2.1)
    assert [on for _at, on in told] == [True, False]


def test_what_is_no_sound_is_no_voice_and_no_fault():
    voice = Voice("opus", lambda _on: None)
    for number, payload in enumerate((b"", b"\xff", b"\x00" * 40, bytes(range(200)))):
        voice.heard(payload, 100 + number / 10)
    assert not voice.on


def test_the_voice_switch_goes_to_who_speaks_in_a_browser_or_at_a_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "SPEAKER_HOLD_SECONDS", 0.3)
    noted: list[int] = []
    monkeypatch.setattr("chengheng.command.conference.actions.note_speech", lambda pk, _seconds: noted.append(pk))

    async def work() -> list[Any]:
        said: list[Any] = []

        async def say_text(text: str) -> None:
            said.append(text)

        room = Room(1, SimpleNamespace(up=False, epoch=0))  # type: ignore[arg-type]
        room.doc = {"voiceSwitch": True, "participants": []}
        room.members = {5: SimpleNamespace(pk=5, level=0, say_text=say_text, look=lambda: None)}  # type: ignore[dict-item]
        quiet = SimpleNamespace(listen=lambda _now: None, answered=True, finished=False, level=3)
        room.terminals = {7: quiet}  # type: ignore[dict-item]
        room.begin_ticking()
        found: list[Any] = []
        for pk, feed in ((5, "5.1"), (7, "7.t2")):
            room.talk(feed, True)
            await asyncio.sleep(0.1)
            found.append(room.focus != pk)  # a cough does not take the picture
            end = time.monotonic() + 5
            while room.focus != pk and time.monotonic() < end:
                await asyncio.sleep(0.02)
            found.append(room.focus)
            room.talk(feed, False)
        room.doc = {"voiceSwitch": False, "participants": []}
        await asyncio.sleep(0.6)
        found.append(room.focus)
        room._ticker.cancel()
        await asyncio.sleep(0.1)
        return [*found, sum('"focus"' in text for text in said)]

    assert asyncio.run(work()) == [True, 5, True, 7, None, 3]
    assert noted == [5, 7]
