"""Playback control in INFO (Annex B): PLAY, PAUSE, TEARDOWN with Scale and Range.

Annex B writes RTSP/1.0, practice also MANSRTSP/1.0: both are read, RTSP/1.0 is written.
"""

from __future__ import annotations

from dataclasses import dataclass

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class MansrtspError(ValueError):
    """No playback control message."""


@dataclass(frozen=True)
class Control:
    """`method` PLAY, PAUSE or TEARDOWN. `scale` None keeps the speed; `seek_s` seconds from the start, None: go on."""

    method: str
    cseq: int
    scale: float | None = None
    seek_s: float | None = None
    resume: bool = False

    def encode(self) -> bytes:
        lines = [f"{self.method} RTSP/1.0", f"CSeq: {self.cseq}"]
        if self.method == "PAUSE":
            lines.append("PauseTime: now")
        if self.scale is not None:
            lines.append(f"Scale: {self.scale:f}")
        if self.seek_s is not None:
            lines.append(f"Range: npt={self.seek_s:g}-")
        elif self.resume:
            lines.append("Range: npt=now-")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True)
class Answer:
    status: int
    cseq: int
    rtp_seq: int | None = None
    rtp_time: int | None = None


def _head(data: bytes) -> tuple[list[str], dict[str, str]]:
    lines = data[:4096].decode("latin-1").replace("\r", "\n").split("\n")
    lines = [line.strip() for line in lines if line.strip()]
    if not lines:
        raise MansrtspError("empty")
    values = {}
    for line in lines[1:]:
        name, _colon, value = line.partition(":")
        values[name.strip().lower()] = value.strip()
    return lines[0].split(), values


def _real(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None


def _int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def read(data: bytes) -> Control | Answer:
    """A control or the answer to one."""
    first, values = _head(data)
    cseq = _int(values.get("cseq", ""))
    if "RTSP/" in first[0].upper():
        if len(first) < 2 or not (first[1].isascii() and first[1].isdigit()):
            raise MansrtspError("no status")
        info = dict(part.partition("=")[::2] for part in values.get("rtp-info", "").replace(" ", "").split(";"))
        seq, time = info.get("seq", ""), info.get("rtptime", "")
        return Answer(int(first[1][:3]), cseq, _int(seq) if seq else None, _int(time) if time else None)
    if len(first) < 2 or "RTSP/" not in first[-1].upper():
        raise MansrtspError("no control")
    method = first[0].upper()
    if method not in ("PLAY", "PAUSE", "TEARDOWN"):
        raise MansrtspError("unknown control")
    scale = _real(values["scale"]) if "scale" in values else None
    seek, resume = None, False
    span = values.get("range", "").lower().replace(" ", "")
    if span.startswith("npt="):
        start = span[4:].partition("-")[0]
        resume = start == "now"
        seek = None if resume else _real(start)
    return Control(method, cseq, scale, seek, resume)


def ok(cseq: int) -> bytes:
    return f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n\r\n".encode()
