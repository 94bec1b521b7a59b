"""Starts `sandbox.py` for one file, bounds what it may cost, and gathers what it told. No database, no Django."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chengheng.opinion.media import sandbox

MEMORY_BYTES = 5 * 512 * 1024**2
MOST_TOLD = 96 * 1024**2
NOTES = {
    "frames_cut", "picture_cut", "subtitles_cut", "sound_cut", "cover_damaged", "subtitle_damaged", "sound_damaged",
    "film_damaged", "out_of_time", "told_too_much",
}  # fmt: skip
REFUSALS = {
    "damaged", "too_many_pixels", "nothing_inside", "kind_not_read", "out_of_memory", "out_of_time", "internal", "died",
}  # fmt: skip


@dataclass(slots=True)
class Shot:
    """A picture, a cover or a frame: its second (None outside time), a JPEG of our making, the lines read in it."""

    kind: str
    second: float | None
    jpeg: bytes
    lines: list[str]


@dataclass(slots=True)
class Cued:
    """A text with its seconds, from an embedded subtitle stream."""

    second: float
    until: float
    words: str
    track: int


@dataclass(slots=True)
class Found:
    """What one file gave. `refused` says why nothing may be believed of it; `notes` what was left out."""

    refused: str = ""
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    shots: list[Shot] = field(default_factory=list)
    cues: list[Cued] = field(default_factory=list)
    sound_seconds: float = 0.0
    finished: bool = False

    def hear(self, line: bytes) -> None:
        """Take over one line of the sandbox; it is believed no more than the file is."""
        try:
            said = json.loads(line)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        with contextlib.suppress(KeyError, TypeError, ValueError, binascii.Error):
            if "facts" in said:
                self.facts = {
                    name: value for name, value in said["facts"].items()
                    if name in ("seconds", "width", "height", "sound", "subtitles") and isinstance(value, bool | int | float)
                }  # fmt: skip
            elif "shot" in said:
                one = said["shot"]
                second = None if one["second"] is None else max(0.0, min(float(one["second"]), 1e6))
                lines = [str(words)[:1000] for words in one["lines"]][:200]
                self.shots.append(Shot(str(one["kind"]), second, base64.b64decode(one["jpeg"]), lines))
            elif "subtitle" in said:
                one = said["subtitle"]
                start = max(0.0, min(float(one["second"]), 1e6))
                until = max(start, min(float(one["until"]), 1e6))
                self.cues.append(Cued(start, until, str(one["words"])[:1000], int(one["track"])))
            elif "note" in said:
                self.note(str(said["note"]))
            elif "sound" in said:
                self.sound_seconds = float(said["sound"])
            elif "refused" in said:
                self.refused = str(said["refused"]) if said["refused"] in REFUSALS else "internal"
            elif said.get("done"):
                self.finished = True

    def note(self, code: str) -> None:
        """Say once that something was left out."""
        if code in NOTES and code not in self.notes:
            self.notes.append(code)


def look(
    path: Path, media_type: str, *, frames: int, seconds: float, words: bool, wav: Path | None = None,
    sound_seconds: float = 0.0, memory: int = MEMORY_BYTES,
) -> Found:  # fmt: skip
    """Open a file in the sandbox; returns when it ended or its time was over. What came before the end is kept.

    `words`: read the words in pictures. `wav`: where to put the sound, when it is wanted.
    """
    found = Found()
    order = {
        "path": str(path.resolve()), "media_type": media_type, "frames": frames, "words": words, "memory": memory,
        "wav": str(wav) if wav else "", "sound_seconds": sound_seconds, "cpu_seconds": int(seconds) + 5,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="medium-") as folder:
        with _running([sys.executable, "-I", sandbox.__file__, json.dumps(order)], folder) as process:
            ended = _listen(process, found, time.monotonic() + seconds)
        if not ended:
            found.note("out_of_time")
        if not found.finished and not found.refused:
            found.refused = "out_of_time" if not ended else "died"
    if found.refused in ("out_of_time", "died", "out_of_memory") and (found.shots or found.cues):
        # What was brought out before is sound and is worth having; the rest is missing and this is said.
        found.note("out_of_time")
        found.refused = ""
    return found


@contextmanager
def _running(command: list[str], folder: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.Popen(  # noqa: S603 - our own program, no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
        env=environment, start_new_session=True, close_fds=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _listen(process: subprocess.Popen[bytes], found: Found, deadline: float) -> bool:
    """Hear the process until it ends; False when its time was over or it told too much."""
    assert process.stdout is not None
    handle, held, told = process.stdout.fileno(), b"", 0
    os.set_blocking(handle, False)
    with selectors.DefaultSelector() as chooser:
        chooser.register(handle, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if not chooser.select(left):
                continue
            data = os.read(handle, 1 << 16)
            if not data:
                return True
            told += len(data)
            if told > MOST_TOLD:
                found.note("told_too_much")
                return False
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                found.hear(line)
