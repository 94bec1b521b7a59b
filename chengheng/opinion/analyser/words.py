"""Every occurrence of many keywords in a batch: Hyperscan where it is installed, else a pure matcher with the same answers.

Keywords are literals in plain form (`text.plain`); an occurrence never crosses two documents. Overlaps are all reported:
who wants the longest only takes `longest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chengheng.opinion.analyser.text import Batch, plain

try:
    import hyperscan  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # arm64 and other places without the wheel
    hyperscan = None  # type: ignore[assignment,unused-ignore]

Positions = npt.NDArray[np.int64]


class Hits:
    """Occurrences in order of document, start, end: arrays `word`, `start`, `end` (code positions of the batch)."""

    __slots__ = ("bounds", "end", "start", "word")

    def __init__(self, batch: Batch, word: Positions, start: Positions, end: Positions) -> None:
        order = np.lexsort((word, end, start))
        self.word, self.start, self.end = word[order], start[order], end[order]
        self.bounds = np.searchsorted(self.start, batch.starts)

    def of(self, index: int) -> list[tuple[int, int, int]]:
        """`(word, start, end)` of one document."""
        cut = slice(self.bounds[index], self.bounds[index + 1])
        return list(zip(self.word[cut].tolist(), self.start[cut].tolist(), self.end[cut].tolist(), strict=True))


class Matcher(Protocol):
    words: list[str]

    def find(self, batch: Batch) -> Hits: ...


def _plain_words(words: Iterable[str]) -> list[str]:
    """Plain, not empty, each once, in the order given."""
    return [word for word in dict.fromkeys(plain(word) for word in words) if word]


class PureMatcher:
    """A table of first pairs sifts the positions; the few that remain are compared word by word."""

    _BITS = 20

    def __init__(self, words: Iterable[str]) -> None:
        self.words = _plain_words(words)
        self._pairs = np.zeros(1 << self._BITS, np.bool_)
        self._single: dict[int, int] = {}
        self._by_pair: dict[str, list[tuple[str, int]]] = {}
        for number, word in enumerate(self.words):
            if len(word) == 1:
                self._single[ord(word)] = number
            else:
                self._by_pair.setdefault(word[:2], []).append((word, number))
        if self._by_pair:
            first = np.array([ord(pair[0]) for pair in self._by_pair], np.uint32)
            second = np.array([ord(pair[1]) for pair in self._by_pair], np.uint32)
            self._pairs[self._slot(first, second)] = True

    def _slot(self, first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        return ((first * np.uint32(0x9E3779B1)) ^ (second * np.uint32(0x85EBCA6B))) >> np.uint32(32 - self._BITS)

    def find(self, batch: Batch) -> Hits:
        joined = batch.joined()
        found: list[tuple[int, int, int]] = []
        if self._by_pair and len(batch.codes) > 1:
            for start in np.flatnonzero(self._pairs[self._slot(batch.codes[:-1], batch.codes[1:])]).tolist():
                for word, number in self._by_pair.get(joined[start : start + 2], ()):
                    if joined.startswith(word, start):
                        found.append((number, start, start + len(word)))
        for code, number in self._single.items():
            found.extend((number, start, start + 1) for start in np.flatnonzero(batch.codes == code).tolist())
        table = np.array(found, np.int64).reshape(-1, 3)
        return Hits(batch, table[:, 0], table[:, 1], table[:, 2])


class HyperscanMatcher:
    """The same answers from one Hyperscan pass over the batch's UTF-8."""

    def __init__(self, words: Iterable[str]) -> None:
        if hyperscan is None:
            raise RuntimeError("hyperscan is not installed")
        self.words = _plain_words(words)
        self._sizes = np.array([len(word) for word in self.words], np.int64)
        self._database: Any = None
        if self.words:
            self._database = hyperscan.Database()
            self._database.compile(
                expressions=[
                    "".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "surrogatepass")).encode("ascii")
                    for word in self.words
                ],
                ids=list(range(len(self.words))),
                elements=len(self.words),
                flags=[0] * len(self.words),
            )

    def find(self, batch: Batch) -> Hits:
        numbers: list[int] = []
        ends: list[int] = []
        if self._database is not None and len(batch.codes):
            data = batch.joined().encode("utf-8", "surrogatepass")

            def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
                numbers.append(number)
                ends.append(end)

            self._database.scan(data, match_event_handler=note)
            leads = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
            characters = np.concatenate(([0], np.cumsum(leads)))
            word = np.array(numbers, np.int64)
            end = characters[np.array(ends, np.int64)] if ends else np.zeros(0, np.int64)
        else:
            word = end = np.zeros(0, np.int64)
        end = end.astype(np.int64)
        return Hits(batch, word, end - self._sizes[word], end) if len(word) else Hits(batch, word, end, end)


def matcher(words: Iterable[str], pure: bool = False) -> Matcher:
    """The fastest matcher of this machine."""
    return PureMatcher(words) if pure or hyperscan is None else HyperscanMatcher(words)


def longest(hits: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Only hits that lie in no longer hit: 和平路 hides 和平."""
    kept: list[tuple[int, int, int]] = []
    for hit in sorted(hits, key=lambda hit: (hit[1], -hit[2])):
        if not kept or hit[2] > kept[-1][2]:
            kept.append(hit)
    return kept
