"""Which items tell of the same event: single-pass clustering of titles.

A title is its character 2- and 3-grams, weighted by rarity seen so far and sketched into 512 numbers; it joins the
nearest live event above the threshold or founds one. Titles, because full texts were measured to hurt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from chengheng.opinion.analyser.features import grams
from chengheng.opinion.analyser.text import letters, normalise

DIMENSIONS = 512
SAME = 0.2
LIVE_SECONDS = 7 * 86_400.0
_BLOCK = 256
_SLOTS = 1 << 18
_PRIOR = 3000.0  # titles that every count begins with, so that the first titles do not call their own words common
_SEEDS = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35], np.uint32)

Vectors = npt.NDArray[np.float32]


@dataclass(slots=True)
class Clusters:
    """Live events. State is plain arrays so that a room can store and reload it (`ids`, `sums`, `last`)."""

    same: float = SAME
    live_seconds: float = LIVE_SECONDS
    ids: list[int] = field(default_factory=list)
    sums: Vectors = field(default_factory=lambda: np.zeros((0, DIMENSIONS), np.float32))
    last: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    next_id: int = 1
    _seen: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(_SLOTS, np.int32))
    _titles: int = 0
    _lengths: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _measured: Vectors | None = None  # the sums that `_lengths` was measured of
    _room: Vectors = field(default_factory=lambda: np.zeros((0, DIMENSIONS), np.float32))

    def vectors(self, titles: Sequence[str], learn: bool = True) -> Vectors:
        """Unit vectors of the titles; rarity is learnt from them first."""
        batch = letters(normalise(titles))
        found = grams(batch)
        documents = batch.documents()
        keys = []
        for size in (1, 2):
            valid = found.valid[size]
            keys.append((documents[valid] << 32) | found.hashes[size][valid].astype(np.int64))
        key = np.concatenate(keys)
        key.sort()  # numpy's own `unique` hashes, which takes three times as long
        key = key[np.concatenate(([True], key[1:] != key[:-1]))] if len(key) else key
        document, hashed = key >> 32, (key & 0xFFFFFFFF).astype(np.uint32)
        slot = hashed >> np.uint32(14)
        if learn:
            np.add.at(self._seen, slot, 1)
            self._titles += len(titles)
        rarity = np.log((self._titles + _PRIOR) / (self._seen[slot] + 3.0)).clip(0.05)
        mixed = np.outer(_SEEDS, hashed)
        mixed ^= mixed >> np.uint32(15)
        mixed *= np.uint32(0x2C1B3C6D)
        at = document * DIMENSIONS + ((mixed >> np.uint32(1)) % np.uint32(DIMENSIONS))
        weights = np.where(mixed & np.uint32(1), rarity, -rarity)
        sketched = np.bincount(at.ravel(), weights.ravel(), len(titles) * DIMENSIONS)
        table: Vectors = sketched.astype(np.float32).reshape(-1, DIMENSIONS)
        table /= np.sqrt(np.einsum("ij,ij->i", table, table)).clip(1e-9)[:, None]
        return table

    def add(self, titles: Sequence[str], times: Sequence[float]) -> list[int]:
        """The event id of every title, in order; a title without letters gets 0."""
        answers: list[int] = []
        for start in range(0, len(titles), _BLOCK):
            answers.extend(self._block(titles[start : start + _BLOCK], times[start : start + _BLOCK]))
        return answers

    def _block(self, titles: Sequence[str], times: Sequence[float]) -> list[int]:
        vectors = self.vectors(titles)
        self.expire(min(times))
        known = len(self.ids)
        if known:
            likeness = vectors @ self.sums.T
            likeness /= self._known_lengths()
            nearest = likeness.argmax(1)
            nearness = likeness[np.arange(len(titles)), nearest].tolist()
            places = nearest.tolist()
        else:
            nearness, places = [-1.0] * len(titles), [-1] * len(titles)
        # Events that this block founds: their products with every title follow from the titles' own products.
        among = vectors @ vectors.T
        products = np.zeros((len(titles), len(titles)), np.float32)
        lengths = np.ones(len(titles), np.float32)
        members: list[list[int]] = []
        said: list[bool] = (np.abs(vectors).max(1) > 0).tolist()
        answers = []
        latest: list[float] = []
        for index in range(len(titles)):
            if not said[index]:
                answers.append(0)
                continue
            best, at = nearness[index], places[index]
            founded = len(members)
            if founded:
                beside = products[index, :founded] / lengths[:founded]
                other = int(beside.argmax())
                if float(beside[other]) > best:
                    best, at = float(beside[other]), known + other
            if best >= self.same:
                if at < known:
                    self.sums[at] += vectors[index]
                    self._lengths[at] = max(1e-9, float(np.linalg.norm(self.sums[at])))
                    self.last[at] = max(self.last[at], times[index])
                else:
                    own = at - known
                    lengths[own] = np.sqrt(lengths[own] ** 2 + 2 * products[index, own] + 1)
                    products[:, own] += among[index]
                    members[own].append(index)
                    latest[own] = max(latest[own], times[index])
                answers.append(self.ids[at])
            else:
                products[:, founded] = among[index]
                members.append([index])
                latest.append(times[index])
                self.ids.append(self.next_id)
                answers.append(self.next_id)
                self.next_id += 1
        if members:
            self._found(
                np.array([vectors[own[0]] if len(own) == 1 else vectors[own].sum(0) for own in members], np.float32)
            )
            self.last = np.concatenate((self.last, np.array(latest)))
        return answers

    def _known_lengths(self) -> npt.NDArray[np.float32]:
        """The lengths of `sums`, measured anew only when somebody put other sums in their place."""
        if self._measured is not self.sums:
            self._lengths = np.sqrt(np.einsum("ij,ij->i", self.sums, self.sums)).clip(1e-9)
            self._measured = self.sums
        return self._lengths

    def _found(self, more: Vectors) -> None:
        """Take founded events in behind the others, in room that is kept ahead of them."""
        lengths = self._known_lengths()
        known, wanted = len(self.sums), len(self.sums) + len(more)
        if self.sums.base is not self._room or wanted > len(self._room):
            self._room = np.empty((max(1024, wanted * 3 // 2), DIMENSIONS), np.float32)
            self._room[:known] = self.sums
        self._room[known:wanted] = more
        self.sums = self._measured = self._room[:wanted]
        self._lengths = np.concatenate((lengths, np.sqrt(np.einsum("ij,ij->i", more, more)).clip(1e-9)))

    def expire(self, now: float) -> None:
        """Forget events that nothing was added to for `live_seconds`."""
        alive = self.last >= now - self.live_seconds
        if not alive.all():
            self.ids = [number for number, keep in zip(self.ids, alive.tolist(), strict=True) if keep]
            self.sums, self.last = self.sums[alive], self.last[alive]
