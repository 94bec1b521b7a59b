"""Program stream to access units, one unit per picture or audio frame.

Bytes come in pieces of any cut; lengths are believed only as long as a start code follows where they say (facts §2
quirk 10: wrong PSM lengths and CRC, PES of length 0, private data, H.265 announced as H.264).
"""

from __future__ import annotations

from typing import NamedTuple

VIDEO_TYPES = {0x1B: "h264", 0x24: "h265", 0x10: "mpeg4", 0x80: "svac"}
AUDIO_TYPES = {
    0x90: "g711a", 0x91: "g711u", 0x92: "g722.1", 0x93: "g723.1", 0x99: "g729", 0x0F: "aac", 0x9B: "svac-audio",
    0x04: "mp3", 0x03: "mp3",
}  # fmt: skip
LARGEST = 8 * 1024 * 1024
START = b"\x00\x00\x01"
PACK = b"\x00\x00\x01\xba"


class Unit(NamedTuple):
    """One access unit. `pts`, `dts`: 90 kHz, 33 bits, None when the PES had none; `codec` as the PSM says or ""."""

    kind: str  # "video" or "audio"
    codec: str
    pts: int | None
    dts: int | None
    data: bytes
    broken: bool  # bytes are missing inside or before it


class Demuxer:
    """Call `receive` with each piece, `flush` where a frame is known to end; units come out of both."""

    __slots__ = (
        "_audio", "_audio_pts", "_buffer", "_lost", "_streams", "_video", "_video_dts", "_video_pts", "errors",
        "psm_seen",
        "torn",
    )  # fmt: skip

    def __init__(self) -> None:
        self._buffer = b""
        self._streams: dict[int, str] = {}
        self._video: list[bytes] = []
        self._video_pts: int | None = None
        self._video_dts: int | None = None
        self._audio: list[bytes] = []
        self._audio_pts: int | None = None
        self._lost = False
        self.errors = 0
        self.torn = 0
        self.psm_seen = False

    @property
    def audio_codec(self) -> str:
        """What the program stream map says of the sound; "" when there is none, or no map yet."""
        return next((name for stream, name in self._streams.items() if 0xC0 <= stream <= 0xDF), "")

    def receive(self, data: bytes, lost: bool = False, torn: bool = False) -> list[Unit]:
        """Bytes in, finished units out. `lost`: something before these bytes is missing; `torn`: inside them.

        Torn bytes are thrown away, and so are bytes after a loss that do not begin with a pack: no length in them can
        be believed, and half a key frame would be shown as a whole one.
        """
        if lost or torn:
            self._buffer = b""
            self._video.clear()
            self._audio.clear()
            self._lost = True
            if torn or not data.startswith(PACK):
                self.torn += 1
                return []
        buffer = self._buffer + data if self._buffer else data
        out: list[Unit] = []
        position = self._walk(buffer, out)
        self._buffer = buffer[position:] if position < len(buffer) else b""
        if len(self._buffer) > LARGEST:
            self.errors += 1
            self._buffer = b""
            self._lost = True
        return out

    def flush(self, out: list[Unit] | None = None) -> list[Unit]:
        """The sender says that a frame has ended: give out what is whole; an unbounded PES ends here too."""
        out = [] if out is None else out
        buffer = self._buffer
        if len(buffer) >= 9 and buffer[:3] == START and 0xE0 <= buffer[3] <= 0xEF and not (buffer[4] | buffer[5]):
            self._pes(buffer, 0, len(buffer), out)
            self._buffer = b""
        elif buffer.strip(b"\0"):
            return out
        self._give_video(out)
        return out

    def _walk(self, buffer: bytes, out: list[Unit]) -> int:
        position, size = 0, len(buffer)
        while True:
            if buffer[position : position + 3] != START:
                found = buffer.find(START, position)
                if found < 0:
                    return max(position, size - 2)
                if found > position:
                    self.errors += 1
                position = found
            if size - position < 6:
                return position
            code = buffer[position + 3]
            if code == 0xBA:
                end = self._pack_end(buffer, position, size)
                if end < 0:
                    return position
                self._give_video(out)
                self._give_audio(out)
                position = end
            elif code == 0xB9:
                position += 4
            elif code < 0xB9:
                position += 3  # an elementary start code outside a PES: seek on
                self.errors += 1
            else:
                length = buffer[position + 4] << 8 | buffer[position + 5]
                end = position + 6 + length
                if 0xE0 <= code <= 0xEF and not length:
                    end = self._unbounded_end(buffer, position)
                    if end < 0:
                        return position
                elif end > size:
                    # an invented length must not make us wait for ever
                    return position
                if end + 3 <= size and buffer[end : end + 3] != START and code in (0xBB, 0xBC):
                    self.errors += 1
                    found = buffer.find(START, position + 6)
                    end = found if found > 0 else end
                if 0xC0 <= code <= 0xEF:
                    self._pes(buffer, position, end, out)
                elif code == 0xBC:
                    self._map(buffer, position, end)
                position = end

    @staticmethod
    def _pack_end(buffer: bytes, position: int, size: int) -> int:
        if buffer[position + 4] >> 4 == 0b0010:  # MPEG-1
            return position + 12 if size - position >= 12 else -1
        if size - position < 14:
            return -1
        end = position + 14 + (buffer[position + 13] & 7)
        return end if end <= size else -1

    @staticmethod
    def _unbounded_end(buffer: bytes, position: int) -> int:
        at = position + 6
        while True:
            at = buffer.find(START, at)
            if at < 0 or at + 3 >= len(buffer):
                return -1
            if buffer[at + 3] >= 0xB9:
                return at
            at += 3

    def _map(self, buffer: bytes, position: int, end: int) -> None:
        """Program stream map: stream types by stream id; the CRC is not checked, Dahua's is wrong."""
        if end - position < 14:
            return
        self.psm_seen = True
        info = buffer[position + 8] << 8 | buffer[position + 9]
        at = position + 10 + info
        if at + 2 > end:
            return
        length = buffer[at] << 8 | buffer[at + 1]
        at += 2
        stop = min(at + length, end)
        while at + 4 <= stop:
            kind, stream = buffer[at], buffer[at + 1]
            self._streams[stream] = VIDEO_TYPES.get(kind) or AUDIO_TYPES.get(kind) or f"0x{kind:02x}"
            at += 4 + (buffer[at + 2] << 8 | buffer[at + 3])

    def _pes(self, buffer: bytes, position: int, end: int, out: list[Unit]) -> None:
        if end - position < 9:
            return
        start = position + 9 + buffer[position + 8]
        if buffer[position + 6] >> 6 != 2 or start > end:
            self.errors += 1
            return
        flags = buffer[position + 7] >> 6
        pts = dts = None
        if flags & 2 and start - position >= 14:
            pts = _stamp(buffer, position + 9)
            if flags == 3 and start - position >= 19:
                dts = _stamp(buffer, position + 14)
        code = buffer[position + 3]
        if code >= 0xE0:
            if pts is not None and pts != self._video_pts and self._video:
                self._give_video(out)
            if pts is not None:
                self._video_pts, self._video_dts = pts, dts
            if end > start:
                self._video.append(buffer[start:end])
        else:
            if pts is not None and self._audio:
                self._give_audio(out)
            if pts is not None:
                self._audio_pts = pts
            if end > start:
                self._audio.append(buffer[start:end])

    def _give_video(self, out: list[Unit]) -> None:
        chunks = self._video
        if not chunks:
            return
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        codec = next((name for stream, name in self._streams.items() if 0xE0 <= stream <= 0xEF), "")
        out.append(Unit("video", codec, self._video_pts, self._video_dts, data, self._lost))
        self._video = []
        self._lost = False

    def _give_audio(self, out: list[Unit]) -> None:
        if not self._audio:
            return
        out.append(Unit("audio", self.audio_codec, self._audio_pts, None, b"".join(self._audio), False))
        self._audio = []


def _stamp(buffer: bytes, at: int) -> int:
    return (
        (buffer[at] >> 1 & 7) << 30 | buffer[at + 1] << 22 | (buffer[at + 2] >> 1) << 15
        | buffer[at + 3] << 7 | buffer[at + 4] >> 1
    )  # fmt: skip
