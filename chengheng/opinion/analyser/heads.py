"""All scores of a batch from one sparse x dense product; what made a score; when to abstain.

A head is a linear model over hashed grams: `weights (2^18, k)`, `bias`, and a sigmoid per column that turns distance
into probability. Two-sided heads (sentiment, relevance, doubt) have one column; class heads one per class. A head
abstains when its surest label is below `sure`, the level at which it was right often enough on rows it had not seen.

Files are plain numpy archives, read with pickling forbidden.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped,unused-ignore]

from chengheng.opinion.analyser import features, text

Floats = npt.NDArray[np.float32]


class BadModel(ValueError):
    """The file is not a model of this product, or of another feature scheme."""


@dataclass(slots=True)
class Head:
    """One trained model. `labels` has one entry per class, two for a two-sided head (no, yes)."""

    name: str
    labels: list[str]
    weights: Floats
    bias: npt.NDArray[np.float64]
    slope: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    sure: float
    facts: dict[str, Any] = field(default_factory=dict)
    seen: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def two_sided(self) -> bool:
        return self.weights.shape[1] == 1

    def save(self, path: Path) -> None:
        """Write the archive whole or not at all."""
        part = path.with_name(path.name + ".part")
        with part.open("wb") as out:
            np.savez_compressed(
                out,
                scheme=np.array(features.SCHEME),
                name=np.array(self.name),
                labels=np.array(self.labels),
                weights=self.weights.astype(np.float32),
                bias=self.bias,
                slope=self.slope,
                offset=self.offset,
                sure=np.array(self.sure),
                facts=np.array(json.dumps(self.facts, ensure_ascii=False)),
                seen=self.seen,
            )
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Head:
        try:
            with np.load(path, allow_pickle=False) as kept:
                if str(kept["scheme"]) != features.SCHEME:
                    raise BadModel(f"{path.name}: made for {kept['scheme']}, this version reads {features.SCHEME}")
                head = cls(
                    str(kept["name"]),
                    [str(label) for label in kept["labels"]],
                    kept["weights"],
                    kept["bias"],
                    kept["slope"],
                    kept["offset"],
                    float(kept["sure"]),
                    json.loads(str(kept["facts"])),
                    kept["seen"],
                )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            if isinstance(error, BadModel):
                raise
            raise BadModel(f"{path.name}: {error}") from error
        columns = 1 if len(head.labels) == 2 else len(head.labels)
        if head.weights.shape != (features.BUCKETS, columns) or len(head.bias) != columns:
            raise BadModel(f"{path.name}: weights of shape {head.weights.shape}")
        return head

    def probabilities(self, distance: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """`(n, labels)` from the raw columns of the product (bias not yet added)."""
        margin = (distance + self.bias) * self.slope + self.offset
        yes = 1.0 / (1.0 + np.exp(-np.clip(margin, -40, 40)))
        if self.two_sided:
            return np.concatenate((1.0 - yes, yes), 1)
        return yes / np.maximum(yes.sum(1, keepdims=True), 1e-12)


@dataclass(slots=True)
class Verdicts:
    """One head's answers: probabilities `(n, labels)`, best label per row, whether the head is sure of it."""

    head: Head
    probabilities: npt.NDArray[np.float64]

    @property
    def best(self) -> npt.NDArray[np.int64]:
        return self.probabilities.argmax(1)

    @property
    def sure(self) -> npt.NDArray[np.bool_]:
        return self.probabilities.max(1) >= self.head.sure

    def label(self, row: int) -> str:
        """The label, or "" when the head abstains."""
        return self.head.labels[int(self.best[row])] if self.sure[row] else ""


class Heads:
    """The active heads side by side, so that a batch costs one product."""

    def __init__(self, heads: Sequence[Head] = ()) -> None:
        self.heads = {head.name: head for head in heads}
        self._cuts: dict[str, slice] = {}
        at = 0
        for head in heads:
            self._cuts[head.name] = slice(at, at + head.weights.shape[1])
            at += head.weights.shape[1]
        self._weights: Floats = (
            np.ascontiguousarray(np.concatenate([head.weights for head in heads], 1), np.float32)
            if heads
            else np.zeros((features.BUCKETS, 0), np.float32)
        )

    def missing(self, name: str) -> bool:
        """True when no model was trained for this head yet: the interface says so instead of guessing."""
        return name not in self.heads

    def score(self, rows: features.Matrix) -> dict[str, Verdicts]:
        """Every head's answers for every row."""
        if not self.heads:
            return {}
        table = sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=(len(rows), features.BUCKETS))
        distances = table @ self._weights
        return {
            name: Verdicts(head, head.probabilities(distances[:, self._cuts[name]]))
            for name, head in self.heads.items()
        }

    def score_texts(self, texts: Sequence[str]) -> dict[str, Verdicts]:
        return self.score(features.matrix(text.normalise(texts)))


@dataclass(frozen=True, slots=True)
class Reason:
    """A piece of the original text and how much it moved the score (positive: towards the label)."""

    start: int
    end: int
    words: str
    weight: float


def explain(head: Head, original: str, label: str, top: int = 12) -> list[Reason]:
    """The grams of `original` that moved the score towards or away from `label`, strongest first.

    Weights sum, with the bias, to the score's distance; equal grams are listed once, where they first stand.
    """
    batch = text.normalise([original])
    found = features.grams(batch)
    rows = features.matrix(batch, found)
    if not len(rows.data):
        return []
    scale = float(rows.data[0])
    column = 0 if head.two_sided else head.labels.index(label)
    sign = -1.0 if head.two_sided and label == head.labels[0] else 1.0
    reasons: dict[int, Reason] = {}
    for size, (hashes, valid) in enumerate(zip(found.hashes, found.valid, strict=True), 1):
        for place in np.flatnonzero(valid).tolist():
            bucket = int(hashes[place] >> np.uint32(32 - features.BITS))
            if bucket in reasons:
                continue
            start, end = int(batch.origin[place]), int(batch.origin[place + size - 1]) + 1
            weight = sign * scale * float(head.weights[bucket, column])
            reasons[bucket] = Reason(start, end, original[start:end], weight)
    return sorted(reasons.values(), key=lambda reason: -abs(reason.weight))[:top]
