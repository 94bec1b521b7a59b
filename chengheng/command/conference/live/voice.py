"""Whether a terminal speaks. A browser writes its level into every packet (RFC 6464) and the engine tells who speaks; a
terminal's packets carry none, so a few of them are decoded here, for their level only, and judged as the engine judges.

What must not go in: what follows from a voice (`room`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import av

from chengheng.command.conference import rules, sounds

SAMPLE_SECONDS = 0.08
"""Between two packets that are decoded: of each twenty milliseconds a quarter is enough to know whether somebody speaks."""


class Voice:
    """One terminal's sound; `told` hears when a voice begins and when it ends."""

    def __init__(self, codec: str, told: Callable[[bool], None]) -> None:
        self.codec, self.told = codec, told
        self.on = False
        self._decoder = sounds.decoder(codec)
        self._levels: list[float] = []
        self._sampled = self._began = self._came = 0.0

    def heard(self, payload: bytes, now: float) -> None:
        """A packet that is passed on to the meeting; `now` in seconds of any clock that only goes forward."""
        if now - self._came > rules.VOICE_SECONDS:
            self._levels, self._began = [], now
        self._came = now
        if now - self._sampled < SAMPLE_SECONDS:
            return
        self._sampled = now
        self._levels.append(self._level(payload))
        if now - self._began >= rules.VOICE_SECONDS:
            average = sum(self._levels) / len(self._levels)
            self._levels, self._began = [], now
            self._set(rules.is_voice(average))

    def still(self, now: float) -> None:
        """Nothing comes any more: muted, or it sends no silence."""
        if self.on and now - self._came > rules.VOICE_SECONDS:
            self.stop()

    def stop(self) -> None:
        self._set(False)

    def _set(self, on: bool) -> None:
        if on != self.on:
            self.on = on
            self.told(on)

    def _level(self, payload: bytes) -> float:
        """As RFC 6464 has it: decibels below the loudest possible, 0 to 127."""
        power = count = 0.0
        try:
            for frame in self._decoder.decode(av.Packet(payload)):
                samples = sounds.samples(frame)
                power += float((samples * samples).sum())
                count += samples.size
        except av.FFmpegError:
            return rules.SILENCE_LEVEL
        if not power:
            return rules.SILENCE_LEVEL
        return min(rules.SILENCE_LEVEL, max(0.0, -10 * math.log10(power / count)))
