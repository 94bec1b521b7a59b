"""Hashed character 1-3-grams of a batch as one sparse matrix.

Why characters: no dictionary to keep, new words cost nothing, and on all measured sets they beat segmented words.
The hash is fixed for ever (a model is only as good as the hash it was trained with): `SCHEME` names it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chengheng.opinion.analyser.text import END, Batch

SCHEME = "char123-2^18-v1"
BITS = 18
BUCKETS = 1 << BITS
_LARGEST_BATCH = 1 << (32 - BITS)

_ONE, _TWO, _THREE = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_MIX = np.uint32(0x27D4EB2F)
_SHIFT = np.uint32(32 - BITS)
_HALF = np.uint32(15)

Hashes = npt.NDArray[np.uint32]


def _mixed(values: Hashes) -> Hashes:
    values ^= values >> _HALF
    values *= _MIX
    return values


@dataclass(slots=True)
class Grams:
    """Hashes of the 1-, 2- and 3-grams that begin at each code; `valid[k]` says where the (k+1)-gram exists."""

    hashes: tuple[Hashes, Hashes, Hashes]
    valid: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]


def grams(batch: Batch) -> Grams:
    """Hash every gram of the batch once; features, nearness and explanation read from here."""
    codes = batch.codes
    present = codes != END
    second = np.concatenate((codes[1:], np.zeros(1, np.uint32)))[: len(codes)]
    third = np.concatenate((codes[2:], np.zeros(2, np.uint32)))[: len(codes)]
    one = codes * _ONE
    two = (one ^ second) * _TWO
    three = (two ^ third) * _THREE
    pairs = present & (second != END)
    return Grams(
        (_mixed(one + np.uint32(1)), _mixed(two + np.uint32(2)), _mixed(three + np.uint32(3))),
        (present, pairs, pairs & (third != END)),
    )


@dataclass(slots=True)
class Matrix:
    """Compressed sparse rows: row i holds `indices[indptr[i]:indptr[i+1]]` with weights `data`, of length one."""

    data: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int32]
    indptr: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indptr) - 1


def matrix(batch: Batch, found: Grams | None = None, salt: int = 0) -> Matrix:
    """Presence of each hashed gram, each row scaled to length one. `salt` gives a second text its own buckets."""
    count = len(batch)
    if count > _LARGEST_BATCH:
        raise ValueError(f"at most {_LARGEST_BATCH} documents a batch")
    found = found or grams(batch)
    documents = (batch.documents().astype(np.uint32)) << np.uint32(BITS)
    parts = []
    for hashes, valid in zip(found.hashes, found.valid, strict=True):
        buckets = (hashes ^ np.uint32(salt)) * _ONE if salt else hashes
        parts.append((documents | (buckets >> _SHIFT))[valid])
    keys = np.concatenate(parts)
    keys.sort()
    if len(keys):
        fresh = np.concatenate(([True], keys[1:] != keys[:-1]))
        keys = keys[fresh]
    indptr = np.searchsorted(keys, np.arange(count + 1, dtype=np.uint64) << np.uint64(BITS)).astype(np.int64)
    sizes = np.diff(indptr)
    with np.errstate(divide="ignore"):
        scale = (1.0 / np.sqrt(sizes)).astype(np.float32)
    return Matrix(np.repeat(scale, sizes), (keys & np.uint32(BUCKETS - 1)).astype(np.int32), indptr)
