"""Access units to fragments that a browser plays: parameter sets, time line, freeze after loss.

Rules learned in real Chromium (facts §4): delimiters and filler are dropped; units without a slice wait for the next
slice; a change of parameter sets sends a new initialisation segment; the time line is ours (from 0, rescaled when a
device plays fast without scaling its time stamps, facts §2 quirk 13).
"""

from __future__ import annotations

from typing import NamedTuple

from chengheng.protocols.fmp4.boxes import TIMESCALE, Audio, fragment, fragment_head, initialisation
from chengheng.protocols.h26x import nal
from chengheng.protocols.mpegps.demux import Unit

WRAP = 1 << 33
LONGEST_STEP = TIMESCALE * 2
USUAL_STEP = TIMESCALE // 25
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


class Segment(NamedTuple):
    """What goes to viewers: an initialisation segment (`mime` set) or one fragment."""

    data: bytes
    key: bool
    video: bool
    mime: str = ""
    time: int = 0  # 90 kHz from the stream's start
    codec: str = ""


class Muxer:
    """One stream. `speed` > 1 squeezes the time stamps of a device that plays fast without scaling them."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.codec = ""
        self.picture: nal.Picture | None = None
        self.audio: Audio | None = None
        self.announced_codec = ""
        self.frames = self.dropped = self.frozen = self.key_frames = 0
        self._parameters: dict[str, bytes] = {}
        self._shown: tuple[dict[str, bytes], Audio | None] | None = None
        self._held: list[bytes] = []
        self._waiting_key = True
        self._last_dts: int | None = None
        self._time = 0
        self._step = USUAL_STEP
        self._audio_time: int | None = None
        self._sequence = 0

    @property
    def mime(self) -> str:
        """video/mp4; codecs="…" of what was announced last; "" before the first key frame."""
        if self.picture is None:
            return ""
        names = self.picture.mime + (f", {self.audio.mime}" if self.audio else "")
        return f'video/mp4; codecs="{names}"'

    def receive(self, unit: Unit) -> list[Segment]:
        return self._video(unit) if unit.kind == "video" else self._audio(unit)

    def _video(self, unit: Unit) -> list[Segment]:
        units = nal.split(unit.data)
        if unit.broken:
            self._waiting_key = True
            self._held = []
        if not units:
            return []
        found = nal.sniff(units)
        self.announced_codec = unit.codec
        if found and found != self.codec:
            self.codec = found
            self._parameters = {}
            self._waiting_key = True
        if not self.codec:
            return []  # no parameter sets yet: nothing to go by, whatever the map says
        codec = self.codec
        samples = self._held
        key = slices = False
        for item in units:
            kind = nal.parameter_kind(codec, item)
            if kind:
                self._parameters[kind] = item
            elif nal.is_slice(codec, item):
                slices = True
                key = key or nal.is_key(codec, item)
                samples.append(item)
            elif not nal.is_dropped(codec, item) and len(samples) < 16:
                samples.append(item)
        if not slices:
            self._held = samples
            return []
        self._held = []
        step = self._advance(unit)
        if self._waiting_key:
            if not key:
                self.frozen += 1
                return []
            self._waiting_key = False
        out: list[Segment] = []
        if key:
            self.key_frames += 1
            if not self._announce(out):
                self._waiting_key = True
                return []
        parts = [b""]
        for item in samples:
            parts += (len(item).to_bytes(4, "big"), item)
        composition = self._composition(unit)
        self._sequence += 1
        self.frames += 1
        size = sum(map(len, parts))
        parts[0] = fragment_head(self._sequence, 1, self._time, step, size, key, composition)
        out.append(Segment(b"".join(parts), key, True, "", self._time, codec))
        return out

    def _composition(self, unit: Unit) -> int:
        if unit.pts is None or unit.dts is None:
            return 0
        offset = (unit.pts - unit.dts) % WRAP
        return offset if offset < TIMESCALE else 0

    def _advance(self, unit: Unit) -> int:
        """Move the time line by the sender's step, or by the usual one where the sender's makes no sense."""
        stamp = unit.dts if unit.dts is not None else unit.pts
        step = 0
        if stamp is not None and self._last_dts is not None:
            step = (stamp - self._last_dts) % WRAP
            step = 0 if step > WRAP // 2 or step > LONGEST_STEP or step == 0 else int(step / self.speed)
        if stamp is not None:
            self._last_dts = stamp
        if step:
            self._step = step
        elif self._started:
            step = self._step
        if self._started:
            self._time += step
        self._started = True
        return self._step

    _started = False

    def _announce(self, out: list[Segment]) -> bool:
        wanted = ("vps", "sps", "pps") if self.codec == nal.H265 else ("sps", "pps")
        parameters = {name: self._parameters.get(name, b"") for name in wanted}
        if not parameters["sps"] or not parameters["pps"]:
            return False
        if self._shown is not None and self._shown[0] == parameters and self._shown[1] == self.audio:
            return True
        try:
            self.picture = nal.picture(self.codec, parameters["sps"])
        except ValueError:
            self.dropped += 1
            return False
        self._shown = (parameters, self.audio)
        segment = initialisation(
            self.picture, (parameters.get("vps", b""), parameters["sps"], parameters["pps"]), self.audio
        )
        out.append(Segment(segment, False, True, self.mime, self._time, self.codec))
        return True

    def head(self, audio: Audio | None) -> bytes:
        """An initialisation of what is shown, with a sound track of the caller's own; b"" before the first key frame."""
        if self.picture is None or self._shown is None:
            return b""
        sets = self._shown[0]
        return initialisation(self.picture, (sets.get("vps", b""), sets["sps"], sets["pps"]), audio)

    def time_of(self, stamp: int | None) -> int:
        """Where a time stamp of the sender lies on our time line (90 kHz); where it makes no sense, now."""
        if stamp is None or self._last_dts is None:
            return self._time
        gap = (stamp - self._last_dts + WRAP // 2) % WRAP - WRAP // 2
        return max(0, self._time + int(gap / self.speed)) if abs(gap) < LONGEST_STEP else self._time

    def parameter_sets(self) -> bytes:
        """The current sets as Annex B bytes (for decoding a single key frame)."""
        return b"".join(b"\0\0\0\1" + unit for unit in self._parameters.values())

    # -- sound ---------------------------------------------------------------------------------------------------
    def _audio(self, unit: Unit) -> list[Segment]:
        """AAC in ADTS is passed through; G.711 must be encoded by the owner first, MSE does not play it."""
        if unit.codec != "aac":
            return []
        out: list[Segment] = []
        at = self.time_of(unit.pts)
        for number, (config, rate, channels, data) in enumerate(adts(unit.data)):
            out += self.add_aac(Audio(config, rate, channels), data, at + number * 1024 * TIMESCALE // rate)
        return out

    def add_aac(self, audio: Audio, data: bytes, at: int) -> list[Segment]:
        """One raw AAC frame of 1024 samples at a time of our line; heard from the next key frame on, which tells it."""
        if self.audio != audio:
            self.audio = audio
        if self._shown is None or self._shown[1] != audio:
            return []
        here = at * audio.rate // TIMESCALE
        if self._audio_time is None or abs(here - self._audio_time) > audio.rate * 3 // 10:
            self._audio_time = here
        self._sequence += 1
        segment = fragment(self._sequence, 2, self._audio_time, 1024, data, True)
        self._audio_time += 1024
        return [Segment(segment, False, False, "", self._time, "aac")]


def adts(data: bytes) -> list[tuple[bytes, int, int, bytes]]:
    """ADTS frames to (AudioSpecificConfig, rate, channels, raw frame); stops at the first broken one."""
    found = []
    at = 0
    while at + 7 <= len(data) and data[at] == 0xFF and data[at + 1] & 0xF6 == 0xF0:
        profile = data[at + 2] >> 6
        index = data[at + 2] >> 2 & 15
        channels = (data[at + 2] & 1) << 2 | data[at + 3] >> 6
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        head = 7 if data[at + 1] & 1 else 9
        if length < head or at + length > len(data) or index >= len(AAC_RATES):
            break
        config = ((profile + 1) << 11 | index << 7 | channels << 3).to_bytes(2, "big")
        found.append((config, AAC_RATES[index], channels or 1, data[at + head : at + length]))
        at += length
    return found
