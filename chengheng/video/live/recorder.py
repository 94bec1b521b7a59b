"""Recording a stream to a file as it passes: fragments rebased to begin at zero, ended when the format changes.

The sound track is the recorder's own, so that it does not depend on whether somebody watches: AAC as the device sends
it, G.711 encoded. What else a device may send (G.722.1, G.723.1, G.729, SVAC) is named and not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from chengheng.protocols.fmp4.boxes import TIMESCALE, Audio, fragment
from chengheng.protocols.fmp4.muxer import Segment, adts
from chengheng.protocols.mpegps.demux import Unit
from chengheng.video.live.sound import AAC_OF_G711, RATE, TABLES, Encoder
from chengheng.video.live.source import Source

_TIME = 60  # where the decode time stands in our own fragments
_PATIENCE = 2 * TIMESCALE  # how long pictures wait for the first AAC frame, which tells the track's format


class Recorder:
    """A listener of a `Source`. `ended(reason)` is called once; `path` then holds a complete fMP4, or nothing.

    `sound` is how the device codes its sound, `sounded` how many seconds of it are in the file.
    """

    def __init__(
        self,
        path: Path,
        ended: Callable[[str], None],
        source: Source,
        most_bytes: int = 900 * 1024 * 1024,
        seconds: float = 0,
    ) -> None:
        self.path = path
        self._file: BinaryIO = path.open("xb")
        self._ended = ended
        self._source = source
        self._most = most_bytes
        self._seconds = seconds
        self._base: int | None = None
        self._head: bytes | None = None
        self._audio: Audio | None = None
        self._waiting: list[Segment] | None = None
        self._encoder = Encoder()
        self._sequence = 0
        self._heard_until = 0  # in samples of the sound track
        self.size = 0
        self.frames = 0
        self.seconds = 0.0
        self.sound = ""
        self.sounded = 0.0
        self.closed = False

    def begin(self) -> None:
        """Take part from now on, and what is there already: the initialisation and all since the last key frame."""
        source = self._source
        if source.initialisation is not None:
            self(source.initialisation)
        for segment in source.cache:
            self(segment)
        source.listeners.add(self)
        source.hearing.add(self.hear)

    def __call__(self, segment: Segment) -> None:
        if self.closed:
            return
        if segment.mime:
            if self._head is None:
                self._choose()
            elif self._source.stream.muxer.head(self._audio) != self._head:
                self.close("format_changed")
        elif not segment.video:
            return  # the viewers' sound track
        elif self._waiting is not None:
            self._waiting.append(segment)
            if segment.time - self._waiting[0].time > _PATIENCE:
                self._open(None)
        elif self._head is not None:
            self._picture(segment)

    def _choose(self) -> None:
        """Which sound track the file gets, by what the stream's map says."""
        if self._waiting is not None:
            self._waiting.clear()  # the format changed before anything was written
            return
        stream = self._source.stream
        self.sound = stream.ps.audio_codec
        if self.sound in TABLES:
            self._open(AAC_OF_G711)
        elif self.sound != "aac":
            self._open(None)
        elif stream.muxer.audio is not None:
            self._open(stream.muxer.audio)
        else:
            self._waiting = []

    def _open(self, audio: Audio | None) -> None:
        self._audio = audio
        self._head = self._source.stream.muxer.head(audio)
        self._write(self._head)
        waiting, self._waiting = self._waiting or [], None
        for segment in waiting:
            self._picture(segment)

    def _picture(self, segment: Segment) -> None:
        if self._base is None:
            if not segment.key:
                return
            self._base = segment.time
        self._write(self._rebased(segment))
        self.frames += 1
        self.seconds = (segment.time - self._base) / TIMESCALE
        if self.size > self._most:
            self.close("full")
        elif self._seconds and self.seconds >= self._seconds:
            self.close("done")

    def hear(self, units: list[Unit]) -> None:
        """Sound as the device sent it, to where its time stamp belongs."""
        if self.closed:
            return
        muxer = self._source.stream.muxer
        if self._waiting is not None:
            found = next((adts(unit.data) for unit in units if unit.codec == "aac"), [])
            if found:
                self._open(Audio(*found[0][:3]))
        if self._audio is None or self._base is None:
            return
        rate = self._audio.rate
        base = self._base * rate // TIMESCALE
        if self._audio is AAC_OF_G711:
            units = [unit for unit in units if unit.codec in TABLES]
            if units:
                at = muxer.time_of(units[0].pts) * RATE // TIMESCALE
                for when, data in self._encoder.encode(units, at):
                    self._sound(when - base, data)
            return
        for unit in units:
            at = muxer.time_of(unit.pts) * rate // TIMESCALE - base
            for number, (_config, _rate, _channels, data) in enumerate(adts(unit.data)):
                self._sound(at + number * 1024, data)

    def _sound(self, at: int, data: bytes) -> None:
        """One AAC frame; times follow one another without gap as long as the sender's clock agrees."""
        assert self._audio is not None
        if at < 0:
            return  # from before the first picture
        if abs(at - self._heard_until) < self._audio.rate * 3 // 10 and self.sounded:
            at = self._heard_until
        elif at < self._heard_until:
            return
        self._sequence += 1
        self._write(fragment(self._sequence, 2, at, 1024, data, True))
        self._heard_until = at + 1024
        self.sounded += 1024 / self._audio.rate

    def _rebased(self, segment: Segment) -> bytes:
        data = segment.data
        assert self._base is not None
        time = int.from_bytes(data[_TIME : _TIME + 8], "big") - self._base
        return data[:_TIME] + max(0, time).to_bytes(8, "big") + data[_TIME + 8 :]

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)

    def close(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        self._source.listeners.discard(self)
        self._source.hearing.discard(self.hear)
        self._file.close()
        self._ended(reason)
