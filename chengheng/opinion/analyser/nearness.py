"""Exact and near duplicates: a 64-bit hash, a 32-bin one-permutation MinHash over 3-grams, an LSH index of 8 x 4 bands.

One permutation (Li, Owen, Zhang 2012): a gram's hash chooses its bin and its value, so a signature costs one pass.
Empty bins of short texts borrow from the next filled bin, with the distance mixed in (Shrivastava, Li 2014).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from chengheng.opinion.analyser.features import grams
from chengheng.opinion.analyser.text import Batch, letters

BINS, BANDS = 32, 8
ROWS = BINS // BANDS
SAME = 0.5  # share of equal bins from which two texts count as one
_EMPTY = np.uint32(0xFFFFFFFF)
Signatures = npt.NDArray[np.uint32]


def _lending() -> npt.NDArray[np.uint32]:
    """Factor and summand of a value lent over 0, 1, 2 … bins: each bin on the way makes 5 x + a constant of it."""
    steps = [(1, 0)]
    for _ in range(BINS - 1):
        factor, summand = steps[-1]
        steps.append((factor * 5 & 0xFFFFFFFF, summand * 5 + 0x9E3779B1 & 0xFFFFFFFF))
    return np.array(steps, np.uint32).T


_LENT = _lending()


def exact(stripped: Batch) -> npt.NDArray[np.int64]:
    """64-bit hash of each document's letters; 0 for a document without any."""
    data, starts = stripped.codes.tobytes(), (stripped.starts * 4).tolist()
    digest = partial(hashlib.blake2b, digest_size=8)
    found = b"".join([digest(data[a : b - 4]).digest() for a, b in itertools.pairwise(starts)])
    return np.where(np.diff(stripped.starts) > 1, np.frombuffer(found, ">i8"), 0).astype(np.int64)


def signatures(stripped: Batch) -> Signatures:
    """`(n, 32)`; a row of a document with fewer than three letters is all `0xFFFFFFFF`."""
    found = grams(stripped)
    valid = found.valid[2]
    hashes = found.hashes[2][valid]
    result = np.full(len(stripped) * BINS, _EMPTY, np.uint32)
    if len(hashes):
        slots = stripped.documents()[valid] * BINS + (hashes >> np.uint32(27)).astype(np.int64)
        np.minimum.at(result, slots, hashes & np.uint32(0x07FFFFFF))
    table = result.reshape(-1, BINS)
    filled = table != _EMPTY
    sparse = np.flatnonzero(~filled.all(1) & filled.any(1))
    part = table[sparse]
    # For each bin the next filled one, itself included, going round: looked for from the right in two copies of the row.
    twice = np.where(np.tile(filled[sparse], 2), np.arange(2 * BINS), 2 * BINS)
    ahead = np.minimum.accumulate(twice[:, ::-1], 1)[:, ::-1][:, :BINS]
    distance = ahead - np.arange(BINS)
    lent = np.take_along_axis(part, ahead % BINS, 1)
    table[sparse] = lent * _LENT[0][distance] + _LENT[1][distance]
    return table


def bands(table: Signatures) -> npt.NDArray[np.int64]:
    """`(n, 8)` keys; two texts that share one are candidates."""
    rows = table.reshape(len(table), BANDS, ROWS).astype(np.uint64)
    keys = np.arange(BANDS, dtype=np.uint64)[None, :] * np.uint64(0x9E3779B97F4A7C15)
    for row in range(ROWS):
        keys = (keys ^ rows[:, :, row]) * np.uint64(0xD6E8FEB86659FD93)
        keys ^= keys >> np.uint64(32)
    return keys.view(np.int64)


def likeness(one: Signatures, other: Signatures) -> float:
    """Estimated share of common 3-grams, 0 to 1."""
    return np.count_nonzero(one == other) / BINS


class NearIndex:
    """The latest `capacity` to 2 x `capacity` documents, found by likeness. Two generations: the older falls whole."""

    def __init__(self, capacity: int = 500_000, same: float = SAME) -> None:
        self.capacity, self.same = capacity, same
        self._young: dict[int, tuple[int, bytes]] = {}
        self._old: dict[int, tuple[int, bytes]] = {}
        self._exact: dict[int, int] = {}
        self._exact_old: dict[int, int] = {}
        self._count = 0

    def add(self, keys: Sequence[int], hashes: npt.NDArray[np.int64], table: Signatures) -> list[int]:
        """For each document the key of the first-known text that it repeats, or 0; documents found new are kept.

        Keys must not be 0. A repeat points at the original, not at another repeat.
        """
        answers = []
        void = (table == _EMPTY).all(1).tolist()
        for index, (key, digest, banded) in enumerate(zip(keys, hashes.tolist(), bands(table).tolist(), strict=True)):
            original = self._exact.get(digest) or self._exact_old.get(digest, 0) if digest else 0
            if not original and not void[index]:
                # Most texts are like none before them: told for all bands at once.
                new = self._young.keys().isdisjoint(banded)
                if not new or not self._old.keys().isdisjoint(banded):
                    original = self._alike(table[index], banded)
                if not original:
                    entry = (key, table[index].tobytes())
                    fresh = banded if new else [band for band in banded if band not in self._young]
                    self._young.update(dict.fromkeys(fresh, entry))
                    self._count += 1
            answers.append(original)
            if digest:
                self._exact.setdefault(digest, original or key)
            if self._count >= self.capacity:
                self._old, self._young = self._young, {}
                self._exact_old, self._exact = self._exact, {}
                self._count = 0
        return answers

    def _alike(self, row: npt.NDArray[np.uint32], banded: Sequence[int]) -> int:
        """The first-known text that shares a band with this one and as many bins as `same` asks; 0 when none does."""
        tried = set()
        for band in banded:
            candidate = self._young.get(band) or self._old.get(band)
            if candidate and candidate[0] not in tried:
                tried.add(candidate[0])
                if likeness(row, np.frombuffer(candidate[1], np.uint32)) >= self.same:
                    return candidate[0]
        return 0


def fingerprint(batch: Batch) -> tuple[npt.NDArray[np.int64], Signatures]:
    """Exact hashes and signatures of a batch."""
    stripped = letters(batch)
    return exact(stripped), signatures(stripped)
