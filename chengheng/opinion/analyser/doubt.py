"""How likely a story is false: text, teller and comments, recomputed as comments arrive.

Text alone is unsafe (measured: .90 area under curve, .55 recall at 5 % false alarms), the teller adds much and the
comments of the first hour as much again; so the score is a blend of two gram columns and a few plain numbers, and it
only ranks the queue and pushes a notice. A person gives the verdict, always.

Base rates drift: the blend is calibrated on the latest part of the rows, with gram columns that were fitted on the
earlier part only, once without comments, once with those of a day, once with all, so that it stands at any age.
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

from chengheng.opinion.analyser import features, text
from chengheng.opinion.analyser.heads import BadModel, Head, Heads, Reason, explain
from chengheng.opinion.analyser.training import Comparison, Marks, TooFewRows, column, digests, macro_f1, table_of

NAME = "doubt"
DAY = 86_400.0
_LATEST = 0.25
_PARTS = (
    "text", "comments", "verified", "followers", "friends", "messages", "ratio", "unknown_teller",
    "questions", "doubts", "has_comments",
)  # fmt: skip

CUES = (
    "谣", "假的", "辟谣", "求证", "真的吗", "真的假的", "真假", "不实", "证实", "核实", "求真相", "骗人", "p图", "旧闻",
    "旧图", "摆拍", "瞎编", "造谣", "官方回应", "以讹传讹",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Teller:
    """What is publicly counted about who published; nothing that names a person is kept."""

    verified: bool = False
    followers: int = 0
    friends: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """A text, its teller if known, and comments as (seconds after publication, words)."""

    text: str
    teller: Teller | None = None
    comments: tuple[tuple[float, str], ...] = ()
    label: str = ""  # "1" false, "0" not
    at: float = 0.0


def _numbers(story: Story, comments: Sequence[str]) -> list[float]:
    who = story.teller or Teller()
    followers, friends = np.log1p(max(who.followers, 0)), np.log1p(max(who.friends, 0))
    count = max(len(comments), 1)
    plain = [text.plain(comment) for comment in comments]
    return [
        float(who.verified),
        followers / 10,
        friends / 8,
        float(np.log1p(max(who.messages, 0))) / 10,
        (followers - friends) / 10,
        float(story.teller is None),
        sum("?" in comment for comment in plain) / count,
        sum(any(cue in comment for cue in CUES) for comment in plain) / count,
        float(bool(comments)),
    ]


def known_by(story: Story, age: float) -> list[str]:
    """The comments made within `age` seconds of publication."""
    return [words for after, words in story.comments if after <= age]


@dataclass(slots=True)
class Doubt:
    """The trained blend. `blend` has one coefficient per `_PARTS`, then the constant."""

    words: Head
    comments: Head
    blend: npt.NDArray[np.float64]
    facts: dict[str, Any] = field(default_factory=dict)

    def parts(self, stories: Sequence[Story], age: float = np.inf) -> npt.NDArray[np.float64]:
        """One row per story, columns `_PARTS`."""
        heads = Heads([self.words, self.comments])
        of_text = heads.score_texts([story.text for story in stories])
        heard = [known_by(story, age) for story in stories]
        of_comments = heads.score_texts(["\n".join(comments) for comments in heard])
        chance = np.clip(of_text["text"].probabilities[:, 1], 1e-9, 1 - 1e-9)
        said = np.clip(of_comments["comments"].probabilities[:, 1], 1e-9, 1 - 1e-9)
        margin = np.log(chance / (1 - chance))
        reply = np.where([bool(comments) for comments in heard], np.log(said / (1 - said)), 0.0)
        return np.column_stack(
            [margin, reply, np.array([_numbers(s, c) for s, c in zip(stories, heard, strict=True)]).reshape(-1, 9)]
        )

    def risk(self, stories: Sequence[Story], age: float = np.inf) -> npt.NDArray[np.float64]:
        """Probability 0..1 that each story is false, from what was known `age` seconds after publication."""
        if not stories:
            return np.zeros(0)
        parts = self.parts(stories, age)
        return 1 / (1 + np.exp(-np.clip(parts @ self.blend[:-1] + self.blend[-1], -40, 40)))

    def explain(self, story: Story, age: float = np.inf) -> tuple[list[tuple[str, float]], list[Reason]]:
        """What each part added to the log-odds, strongest first; and the grams of the text that moved its part."""
        row = self.parts([story], age)[0]
        shares = [(name, float(value * weight)) for name, value, weight in zip(_PARTS, row, self.blend, strict=False)]
        return sorted(shares, key=lambda share: -abs(share[1])), explain(self.words, story.text, "1")

    def save(self, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        with part.open("wb") as out:
            np.savez_compressed(
                out,
                scheme=np.array(features.SCHEME),
                name=np.array(NAME),
                blend=self.blend,
                facts=np.array(json.dumps(self.facts, ensure_ascii=False)),
                seen=self.words.seen,
                text_weights=self.words.weights,
                text_bias=self.words.bias,
                comments_weights=self.comments.weights,
                comments_bias=self.comments.bias,
            )
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Doubt:
        try:
            with np.load(path, allow_pickle=False) as kept:
                if str(kept["scheme"]) != features.SCHEME or str(kept["name"]) != NAME:
                    raise BadModel(f"{path.name}: {kept['name']} of scheme {kept['scheme']}")
                doubt = cls(
                    _head("text", kept["text_weights"], float(kept["text_bias"][0]), kept["seen"]),
                    _head("comments", kept["comments_weights"], float(kept["comments_bias"][0])),
                    kept["blend"],
                    json.loads(str(kept["facts"])),
                )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            if isinstance(error, BadModel):
                raise
            raise BadModel(f"{path.name}: {error}") from error
        if doubt.blend.shape != (len(_PARTS) + 1,):
            raise BadModel(f"{path.name}: blend of shape {doubt.blend.shape}")
        return doubt


def _head(name: str, weights: npt.NDArray[Any], bias: float, seen: npt.NDArray[np.int64] | None = None) -> Head:
    head = Head(
        name,
        ["0", "1"],
        weights.reshape(-1, 1).astype(np.float32),
        np.array([bias]),
        np.array([1.0]),
        np.array([0.0]),
        sure=0.0,
    )
    if seen is not None:
        head.seen = seen
    return head


def _gram_heads(stories: Sequence[Story]) -> tuple[Head, Head]:
    truth = np.array([story.label == "1" for story in stories])
    weights, bias = column(table_of([story.text for story in stories]), truth)
    words = _head("text", weights, bias, np.unique(digests([story.text for story in stories])))
    heard = np.array([bool(story.comments) for story in stories])
    if heard.sum() >= 20 and 0 < truth[heard].sum() < heard.sum():
        with_comments = [story for story in stories if story.comments]
        said = table_of(["\n".join(known_by(story, np.inf)) for story in with_comments])
        weights, bias = column(said, truth[heard])
        return words, _head("comments", weights, bias)
    return words, _head("comments", np.zeros(features.BUCKETS), 0.0)


def fit(stories: Sequence[Story]) -> Doubt:
    """Fit on labelled stories in order of time."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped,unused-ignore]

    ordered = sorted(stories, key=lambda story: story.at)
    counts = {label: sum(story.label == label for story in ordered) for label in ("0", "1")}
    cut = int(len(ordered) * (1 - _LATEST))
    early, late = ordered[:cut], ordered[cut:]
    if min(counts.values()) < 20 or any(len({story.label for story in part}) < 2 for part in (early, late)):
        raise TooFewRows(f"{counts}: at least 20 of each, spread over time")
    trial = Doubt(*_gram_heads(early), np.zeros(len(_PARTS) + 1))
    parts = np.concatenate([trial.parts(late, age) for age in (-1.0, DAY, np.inf)])
    truth = np.tile([story.label == "1" for story in late], 3)
    blend = LogisticRegression(C=1.0, max_iter=4000).fit(parts, truth)
    words, comments = _gram_heads(ordered)
    return Doubt(
        words,
        comments,
        np.concatenate((blend.coef_[0], blend.intercept_)),
        {"rows": len(ordered), "labels": counts, "scheme": features.SCHEME},
    )


def marks(doubt: Doubt, stories: Sequence[Story], age: float) -> Marks:
    """Accuracy on labelled stories from what was known at `age`; nothing abstains here."""
    truth = np.array([int(story.label == "1") for story in stories])
    answer = (doubt.risk(stories, age) > 0.5).astype(np.int64)
    right = float((answer == truth).mean())
    return Marks(len(stories), right, macro_f1(truth, answer, 2), 1.0, right)


def compare(stories: Sequence[Story], old: Doubt | None = None, age: float = 3600.0) -> tuple[Doubt, Comparison]:
    """Fit on the earlier four fifths, compare on the latest fifth that neither model was fitted on."""
    ordered = sorted(stories, key=lambda story: story.at)
    cut = int(len(ordered) * 0.8)
    doubt = fit(ordered[:cut])
    known = set(doubt.words.seen.tolist()) | (set(old.words.seen.tolist()) if old else set())
    late = ordered[cut:]
    keys = digests([story.text for story in late]).tolist()
    fresh = [story for story, key in zip(late, keys, strict=True) if key not in known]
    if not fresh:
        raise TooFewRows("no held-out story that neither model was fitted on")
    new = marks(doubt, fresh, age)
    doubt.facts["held_out"] = new.as_dict()
    return doubt, Comparison(doubt.words, new, marks(old, fresh, age) if old else None, len(fresh))
