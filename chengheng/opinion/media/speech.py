"""Speech to text by a recogniser that the operator sets up. The product ships none, and guesses nothing without one.

Two ways, both named by the operator in the settings and never by a page: a program (`CHENGHENG_SPEECH_COMMAND`, for
example `sherpa-onnx-offline --tokens={model}/tokens.txt --paraformer={model}/model.int8.onnx {wav}`), or an http address
on this machine or inside the house (`CHENGHENG_SPEECH_URL`) that takes the WAV as the body of a POST. Sound is 16 kHz,
one channel, 16 bit. The answer is plain text, or JSON: `{"text": …}`, `{"segments": [{"start", "end", "text"}, …]}`, a list
of such segments, or one JSON object a line (lines that are no JSON are then passed over: programs talk).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from chengheng.opinion.media.subtitles import Cue

MOST_ANSWER = 4_000_000
SEGMENTS = 4_000
LETTERS = 20_000


class SpeechFailed(Exception):
    """The recogniser could not be asked or did not answer; the message is for the log."""


def missing() -> str:
    """Why speech is not read on this site: "" (it is), "none" (nothing set up), "model", "program", "address"."""
    if settings.SPEECH_MODEL and not Path(settings.SPEECH_MODEL).is_dir():
        return "model"
    if settings.SPEECH_COMMAND:
        if "{model}" in settings.SPEECH_COMMAND and not settings.SPEECH_MODEL:
            return "model"
        try:
            program = shlex.split(settings.SPEECH_COMMAND)[0]
        except (ValueError, IndexError):
            return "program"
        return "" if shutil.which(program) else "program"
    if settings.SPEECH_URL:
        parts = urlsplit(settings.SPEECH_URL)
        return "" if parts.scheme == "http" and parts.hostname else "address"
    return "none"


def hear(wav: Path, seconds: float) -> list[Cue]:
    """What is said in a WAV file, in passages with their seconds; [] for silence. SpeechFailed. Waits `seconds` at most."""
    if why := missing():
        raise SpeechFailed(f"not set up: {why}")
    answer = _run(wav, seconds) if settings.SPEECH_COMMAND else _post(wav, seconds)
    return segments(answer)


def _run(wav: Path, seconds: float) -> str:
    model = settings.SPEECH_MODEL
    command = [
        part.replace("{wav}", str(wav)).replace("{model}", model) for part in shlex.split(settings.SPEECH_COMMAND)
    ]
    if not any(str(wav) in part for part in command):
        command.append(str(wav))
    keep = ("PATH", "HOME", "LD_LIBRARY_PATH", "LANG", "OMP_NUM_THREADS")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(  # noqa: S603 - the operator's own program, no shell
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, cwd=wav.parent, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise SpeechFailed("too slow") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status:
            raise SpeechFailed(f"exit status {status}")
        out.seek(0)
        answer = out.read(MOST_ANSWER + 1)
    return _text(answer)


def _post(wav: Path, seconds: float) -> str:
    parts = urlsplit(settings.SPEECH_URL)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=min(seconds, 600.0))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with wav.open("rb") as file:
            headers = {"Content-Type": "audio/wav", "Content-Length": str(wav.stat().st_size)}
            line.request("POST", path, body=file, headers=headers)
            reply = line.getresponse()
            answer = reply.read(MOST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise SpeechFailed(f"{type(error).__name__}") from error
    finally:
        line.close()
    if reply.status != 200:
        raise SpeechFailed(f"http {reply.status}")
    return _text(answer)


def _text(answer: bytes) -> str:
    if len(answer) > MOST_ANSWER:
        raise SpeechFailed("the answer is too long")
    return answer.decode("utf-8", "replace")


def segments(answer: str) -> list[Cue]:
    """The passages of a recogniser's answer, in their order; text without times stands at second 0."""
    try:
        said: Any = json.loads(answer)
    except ValueError:
        told = []
        for line in answer.splitlines():
            with contextlib.suppress(ValueError):
                one = json.loads(line)
                if isinstance(one, dict) and isinstance(one.get("segments"), list):
                    told += one["segments"]
                elif isinstance(one, dict) and "text" in one:
                    told.append(one)
        said = told or answer
    if isinstance(said, dict):
        said = said["segments"] if isinstance(said.get("segments"), list) else [said]
    if isinstance(said, str):
        said = [{"text": said}]
    found: list[Cue] = []
    letters = 0
    for one in said if isinstance(said, list) else []:
        if not isinstance(one, dict):
            continue
        words = " ".join(str(one.get("text") or "").replace("\x00", " ").split())[:4000]
        if words and any(map(str.isalnum, words)):
            start = _second(one.get("start"))
            found.append(Cue(start, max(start, _second(one.get("end"))), words))
            letters += len(words)
        if len(found) >= SEGMENTS or letters > LETTERS:
            break
    return found


def _second(value: Any) -> float:
    try:
        second = float(value or 0.0)
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, min(second, 1e6)) if math.isfinite(second) else 0.0
