"""Fit a head, calibrate it on folds it did not see, compare it with the old one on rows neither has seen.

Each gram's presence is weighted by 1 + |log-count ratio| before a linear support vector machine sees it (Wang, Manning
2012, blended with plain presence); the weighting is folded into the stored weights, so scoring stays one product.
Deterministic: the same rows give the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped,unused-ignore]

from chengheng.opinion.analyser import features, nearness, text
from chengheng.opinion.analyser.heads import Head, Heads

LEAST_ROWS = 40
FOLDS = 4
# The support vector machine's C, and the power of a gram's rarity in its weight; the folds choose. Measured in five-fold
# cross-validation: rarity lifts long reviews (ChnSentiCorp .889 to .895), short posts not (weibo2018 .860, .859).
_TRIALS = ((0.15, 0.0), (0.5, 0.0), (0.5, 1.0))
_ABSTAIN_AT_MOST = 0.2
_RIGHT_ENOUGH = 0.97


class TooFewRows(ValueError):
    """Not enough labelled rows, or a label with fewer than four."""


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    label: str
    at: float = 0.0  # seconds since 1970; 0 when unknown


@dataclass(frozen=True, slots=True)
class Marks:
    """How a head did on rows it had not seen."""

    rows: int
    accuracy: float
    macro_f1: float
    sure_share: float
    sure_accuracy: float

    def as_dict(self) -> dict[str, float]:
        return {
            "rows": self.rows,
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "sure_share": round(self.sure_share, 4),
            "sure_accuracy": round(self.sure_accuracy, 4),
        }


def table_of(texts: Sequence[str]) -> sparse.csr_matrix:
    """The feature matrix of any number of texts."""
    parts = []
    for start in range(0, len(texts), 4096):
        rows = features.matrix(text.normalise(texts[start : start + 4096]))
        parts.append(sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=(len(rows), features.BUCKETS)))
    return sparse.vstack(parts, format="csr")


def digests(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """What a model remembers of the rows it was fitted on: hashes, not texts."""
    if not texts:
        return np.zeros(0, np.int64)
    return np.concatenate(
        [nearness.exact(text.letters(text.normalise(texts[i : i + 4096]))) for i in range(0, len(texts), 4096)]
    )


def column(
    table: sparse.csr_matrix,
    yes: npt.NDArray[np.bool_],
    softness: float = 0.3,
    balanced: bool = False,
    rarity: float = 0.0,
) -> tuple[npt.NDArray[np.float64], float]:
    """Weights over buckets and the bias of one yes/no question."""
    from sklearn.svm import LinearSVC  # type: ignore[import-untyped,unused-ignore]

    of_yes = np.repeat(yes, np.diff(table.indptr))
    plus = np.bincount(table.indices[of_yes], minlength=features.BUCKETS) + 1.0
    minus = np.bincount(table.indices[~of_yes], minlength=features.BUCKETS) + 1.0
    ratio = np.log(plus / plus.sum()) - np.log(minus / minus.sum())
    scale = 1.0 + np.abs(ratio)
    if rarity:
        scale *= np.log((len(yes) + 1.0) / (plus + minus - 1.0)).clip(0.1) ** rarity
        # The rows keep their length on the whole, so that the softness means the same with and without.
        weight = table.data * scale[table.indices]
        scale *= np.sqrt(len(yes) / max(float(weight @ weight), 1e-9))
    weighted = sparse.csr_matrix(
        (table.data.astype(np.float64) * scale[table.indices], table.indices, table.indptr), shape=table.shape
    )
    machine = LinearSVC(C=softness, max_iter=4000, random_state=0, class_weight="balanced" if balanced else None)
    machine.fit(weighted, yes)
    return machine.coef_[0] * scale, float(machine.intercept_[0])


def _columns(
    table: sparse.csr_matrix,
    labels: npt.NDArray[np.int64],
    classes: int,
    softness: float,
    balanced: bool,
    rarity: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    wanted = [1] if classes == 2 else range(classes)
    fitted = [column(table, labels == label, softness, balanced, rarity) for label in wanted]
    return np.stack([weights for weights, _ in fitted], 1), np.array([bias for _, bias in fitted])


def sigmoid(distance: npt.NDArray[np.float64], yes: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Platt's slope and offset, with his smoothed targets."""
    from scipy.optimize import minimize

    plus, minus = yes.sum(), (~yes).sum()
    target = np.where(yes, (plus + 1) / (plus + 2), 1 / (minus + 2))

    def loss(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = point[0] * distance + point[1]
        chance = 1 / (1 + np.exp(-np.clip(margin, -40, 40)))
        value = np.logaddexp(0, margin) - target * margin
        gap = chance - target
        return float(value.sum()), np.array([(gap * distance).sum(), gap.sum()])

    found = minimize(loss, np.array([2.0, 0.0]), jac=True, method="L-BFGS-B").x
    return float(found[0]), float(found[1])


def fit(name: str, rows: Sequence[Row], labels: Sequence[str] | None = None, seed: int = 0) -> Head:
    """A head fitted on all `rows`. `labels` fixes the order (two-sided heads: no, then yes)."""
    order = list(labels) if labels else sorted({row.label for row in rows})
    counts = {label: sum(row.label == label for row in rows) for label in order}
    if len(rows) < LEAST_ROWS or len(order) < 2 or min(counts.values()) < FOLDS:
        raise TooFewRows(f"{len(rows)} rows, labels {counts}: at least {LEAST_ROWS} rows and {FOLDS} of each label")
    number = {label: index for index, label in enumerate(order)}
    truth = np.array([number[row.label] for row in rows])
    table = table_of([row.text for row in rows])
    balanced = min(counts.values()) < 0.25 * len(rows) / len(order) * 2

    # Calibration: distances of each row from a machine that did not see it (repeats share a fold).
    keys = digests([row.text for row in rows])
    folds: npt.NDArray = (
        (keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)) >> np.uint64(33)
    ) % FOLDS
    if any(len(np.unique(truth[folds != fold])) < len(order) for fold in range(FOLDS)):
        folds = np.arange(len(rows)) % FOLDS
    columns = 1 if len(order) == 2 else len(order)
    wanted = [1] if columns == 1 else list(range(columns))
    trials = []
    for softness, rarity in _TRIALS:
        outside = np.zeros((len(rows), columns))
        for fold in range(FOLDS):
            inside = folds != fold
            weights, bias = _columns(table[inside], truth[inside], len(order), softness, balanced, rarity)
            outside[~inside] = table[~inside] @ weights + bias
        answer = (outside[:, 0] > 0).astype(int) if columns == 1 else outside.argmax(1)
        trials.append((macro_f1(truth, answer, len(order)), softness, rarity, outside))
    _, softness, rarity, outside = max(trials, key=lambda trial: trial[0])
    sigmoids = [sigmoid(outside[:, at], truth == label) for at, label in enumerate(wanted)]
    weights, bias = _columns(table, truth, len(order), softness, balanced, rarity)
    head = Head(
        name,
        order,
        weights.astype(np.float32),
        bias,
        np.array([slope for slope, _ in sigmoids]),
        np.array([offset for _, offset in sigmoids]),
        sure=0.0,
        seen=np.unique(keys),
    )
    chances = head.probabilities(outside - bias)
    head.sure = _sure(chances.max(1), chances.argmax(1) == truth)
    head.facts = {
        "rows": len(rows),
        "labels": counts,
        "scheme": features.SCHEME,
        "softness": softness,
        "rarity": rarity,
    }
    return head


def _sure(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> float:
    """The lowest level from which answers are right often enough; never abstains on more than a fifth."""
    order = np.argsort(-confidence)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= _RIGHT_ENOUGH)
    kept = max(int(good[-1]) + 1 if len(good) else 0, int(np.ceil(len(order) * (1 - _ABSTAIN_AT_MOST))))
    return float(confidence[order[min(kept, len(order)) - 1]])


def macro_f1(truth: npt.NDArray[np.int64], answer: npt.NDArray[np.int64], classes: int) -> float:
    """Unweighted mean of the classes' F1; a class that neither has counts nothing."""
    values = []
    for label in range(classes):
        hit = int(((truth == label) & (answer == label)).sum())
        total = int((truth == label).sum() + (answer == label).sum())
        if total:
            values.append(2 * hit / total)
    return float(np.mean(values)) if values else 0.0


def marks(head: Head, rows: Sequence[Row]) -> Marks:
    """The head's marks on `rows`; rows whose label it does not know count as wrong."""
    number = {label: index for index, label in enumerate(head.labels)}
    truth = np.array([number.get(row.label, -1) for row in rows])
    answers, sure = [], []
    heads = Heads([head])
    for start in range(0, len(rows), 4096):
        verdicts = heads.score_texts([row.text for row in rows[start : start + 4096]])[head.name]
        answers.append(verdicts.best)
        sure.append(verdicts.sure)
    answer, certain = np.concatenate(answers), np.concatenate(sure)
    right = answer == truth
    return Marks(
        len(rows),
        float(right.mean()),
        macro_f1(truth, answer, len(head.labels)),
        float(certain.mean()),
        float(right[certain].mean()) if certain.any() else 0.0,
    )


def held_out(rows: Sequence[Row], share: float = 0.2) -> tuple[list[Row], list[Row]]:
    """Rows to fit on, rows to compare on. By time (the latest are held out) when rows carry it, else by the text's
    own hash, so that the same text is on the same side in every version."""
    if rows and all(row.at for row in rows):
        ordered = sorted(rows, key=lambda row: row.at)
        cut = int(len(ordered) * (1 - share))
        return ordered[:cut], ordered[cut:]
    keys = digests([row.text for row in rows]).view(np.uint64)
    out = ((keys * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(32)).astype(np.float64) / 2**32 < share
    return [row for row, o in zip(rows, out, strict=True) if not o], [
        row for row, o in zip(rows, out, strict=True) if o
    ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The candidate and the head in use on the same held-out rows that neither was fitted on."""

    head: Head
    new: Marks
    old: Marks | None
    fresh_rows: int

    @property
    def better(self) -> bool:
        """The candidate may replace: nothing to replace, or at least as good on enough fresh rows."""
        return self.old is None or (self.fresh_rows >= 30 and self.new.macro_f1 >= self.old.macro_f1)


def compare(name: str, rows: Sequence[Row], old: Head | None = None, labels: Sequence[str] | None = None) -> Comparison:
    """Fit on the fitting part and compare on the held-out part."""
    inside, outside = held_out(rows)
    head = fit(name, inside, labels)
    known = set(head.seen.tolist()) | (set(old.seen.tolist()) if old else set())
    fresh = [
        row for row, key in zip(outside, digests([r.text for r in outside]).tolist(), strict=True) if key not in known
    ]
    if not fresh:
        raise TooFewRows("no held-out row that neither model was fitted on")
    before = marks(old, fresh) if old is not None and set(old.labels) >= set(head.labels) else None
    new = marks(head, fresh)
    head.facts["held_out"] = new.as_dict()
    return Comparison(head, new, before, len(fresh))
