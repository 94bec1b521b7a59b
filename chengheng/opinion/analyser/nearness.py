"""Exact and near duplicates: a 64-bit hash, a 32-bin one-permutation MinHash over 3-grams, an LSH index of 8 x 4 bands.

One permutation (Li, Owen, Zhang 2012): a gram's hash chooses its bin and its value, so a signature costs one pass.
Empty bins of short texts borrow from the next filled bin, with the distance mixed in (Shrivastava, Li 2014).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chengheng.opinion.analyser.features import grams
from chengheng.opinion.analyser.text import Batch, letters

BINS, BANDS = 32, 8
ROWS = BINS // BANDS
SAME = 0.5  # share of equal bins from which two texts count as one
_EMPTY = np.uint32(0xFFFFFFFF)
Signatures = npt.NDArray[np.uint32]


def exact(stripped: Batch) -> npt.NDArray[np.int64]:
    """64-bit hash of each document's letters; 0 for a document without any."""
    codes, starts = stripped.codes, stripped.starts.tolist()
    data = codes.tobytes()
    found = [
        int.from_bytes(hashlib.blake2b(data[a * 4 : b * 4 - 4], digest_size=8).digest(), "big", signed=True)
        if b - a > 1
        else 0
        for a, b in itertools.pairwise(starts)
    ]
    return np.array(found, np.int64)


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
    empty = table == _EMPTY
    sparse = np.flatnonzero(empty.any(1) & ~empty.all(1))
    if len(sparse):
        part, hole = table[sparse], empty[sparse]
        for _ in range(BINS):
            if not hole.any():
                break
            lender, void = np.roll(part, -1, 1), np.roll(hole, -1, 1)
            fill = hole & ~void
            part = np.where(fill, lender * np.uint32(5) + np.uint32(0x9E3779B1), part)
            hole = hole & void
        table[sparse] = part
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
    return float((one == other).mean())


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
        known_bands = bands(table).tolist()
        void = (table == _EMPTY).all(1).tolist()
        young, old = self._young, self._old
        for index, (key, digest) in enumerate(zip(keys, hashes.tolist(), strict=True)):
            original = 0
            if digest:
                original = self._exact.get(digest) or self._exact_old.get(digest, 0)
            if not original and not void[index]:
                row = table[index]
                seen = set()
                for band in known_bands[index]:
                    candidate = young.get(band) or old.get(band)
                    if candidate and candidate[0] not in seen:
                        seen.add(candidate[0])
                        if likeness(row, np.frombuffer(candidate[1], np.uint32)) >= self.same:
                            original = candidate[0]
                            break
            answers.append(original)
            if digest:
                self._exact.setdefault(digest, original or key)
            if not original and not void[index]:
                entry = (key, table[index].tobytes())
                for band in known_bands[index]:
                    young.setdefault(band, entry)
                self._count += 1
                if self._count >= self.capacity:
                    self._old, self._young = self._young, {}
                    self._exact_old, self._exact = self._exact, {}
                    self._count = 0
                    young, old = self._young, self._old
        return answers


def fingerprint(batch: Batch) -> tuple[npt.NDArray[np.int64], Signatures]:
    """Exact hashes and signatures of a batch."""
    stripped = letters(batch)
    return exact(stripped), signatures(stripped)
