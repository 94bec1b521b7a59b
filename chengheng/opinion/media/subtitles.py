"""Subtitle files (.srt, .vtt, .ass/.ssa) as timed words, and cues put together to passages. Pure.

SubRip has no standard; WebVTT: W3C WebVTT §4; Advanced SubStation Alpha: the order of its `Format:` line. A file is
told by its content, never by its name. Texts may be in any encoding that the collector knows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

CUES = 4_000
LETTERS = 20_000
PASSAGE_LETTERS, PASSAGE_SECONDS, PAUSE = 160, 15.0, 2.0


@dataclass(frozen=True, slots=True)
class Cue:
    """Words with the seconds in which they are shown (or spoken)."""

    second: float
    until: float
    words: str


_ARROW = re.compile(r"((?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3})\s*-->\s*((?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3})")
_TAGS = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,400}\}")


def _seconds(text: str) -> float:
    parts = [float(part) for part in text.replace(",", ".").split(":")]
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def plain(words: str) -> str:
    """A cue's words without markup, one line."""
    words = _TAGS.sub("", words.replace("\\N", " ").replace("\\n", " ").replace("\\h", " "))
    return " ".join(html.unescape(words).replace("\x00", " ").split())


def kind_of(text: str) -> str:
    """ "vtt", "ass", "srt", or "" for a text that holds no subtitles."""
    head = text.lstrip("\ufeff \t\r\n")[:4000]
    if head.startswith("WEBVTT"):
        return "vtt"
    if re.match(r"\[script info\]", head, re.IGNORECASE):
        return "ass"
    return "srt" if re.match(r"\d{1,6}[ \t]*\r?\n\s*" + _ARROW.pattern, head) or _ARROW.match(head) else ""


def parse(text: str) -> list[Cue]:
    """The cues of a subtitle file in the order of their time; [] when it is none."""
    kind = kind_of(text)
    found = _ass(text) if kind == "ass" else _timed(text) if kind else []
    return sorted(found, key=lambda cue: (cue.second, cue.until))


def _timed(text: str) -> list[Cue]:
    cues: list[Cue] = []
    letters, at = 0, None
    held: list[str] = []

    def close() -> None:
        nonlocal letters
        words = plain(" ".join(held))
        if at is not None and words:
            cues.append(Cue(*at, words))
            letters += len(words)
        held.clear()

    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        found = _ARROW.search(line) if len(line) < 400 else None
        if found:
            close()
            at = (_seconds(found[1]), _seconds(found[2]))
        elif not line.strip():
            close()
            at = None
        elif at is not None:
            held.append(line[:1000])
        if len(cues) >= CUES or letters > LETTERS:
            return cues
    close()
    return cues


def _ass(text: str) -> list[Cue]:
    cues: list[Cue] = []
    order = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    letters = 0
    for line in text.splitlines():
        name, _, rest = line.strip().lstrip("\ufeff").partition(":")
        if name.lower() == "format" and "text" in rest.lower() and "start" in rest.lower():
            order = [part.strip().lower() for part in rest.split(",")][:30]
        if name.lower() != "dialogue":
            continue
        parts = dict(zip(order, rest.split(",", len(order) - 1), strict=False))
        try:
            at = _seconds(parts["start"].strip()), _seconds(parts["end"].strip())
        except (KeyError, ValueError):
            continue
        words = plain(parts.get("text", "")[:1000])
        if words and max(at) < 1e6:
            cues.append(Cue(*at, words))
            letters += len(words)
        if len(cues) >= CUES or letters > LETTERS:
            break
    return cues


def passages(cues: Iterable[Cue]) -> list[Cue]:
    """Neighbouring cues without a pause put together to passages of a few sentences; what is shown on is told once."""
    found: list[Cue] = []
    last = ""
    for cue in cues:
        if cue.words == last:
            continue
        last = cue.words
        if found:
            before = found[-1]
            joined = f"{before.words} {cue.words}"
            if (
                len(joined) <= PASSAGE_LETTERS
                and cue.until - before.second <= PASSAGE_SECONDS
                and before.second <= cue.second < before.until + PAUSE
            ):
                found[-1] = Cue(before.second, max(before.until, cue.until), joined)
                continue
        found.append(cue)
    return found
