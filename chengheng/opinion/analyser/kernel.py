"""One pass: documents in, everything that can be told from their words out.

The analyser holds what it needs in memory (rules, models, place names, the index of recent texts) and no more than
that; a room gives it documents with keys, stores what it answers, and builds a new one when rules or models change.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from chengheng.opinion.analyser import features, lexicon, text
from chengheng.opinion.analyser.heads import Heads, Verdicts
from chengheng.opinion.analyser.nearness import NearIndex, Signatures, fingerprint
from chengheng.opinion.analyser.places import Gazetteer, Mention, area_of
from chengheng.opinion.analyser.wording import RuleSet, Wording

RELEVANT = 0.5


@dataclass(frozen=True, slots=True)
class Document:
    """A title (may be empty) and a body. `key` is the room's number for it, never 0; 0 keeps it out of the index."""

    title: str
    body: str
    key: int = 0

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.body}" if self.title else self.body


@dataclass(slots=True)
class Reading:
    """What the analyser says of one document. Spans are positions in `Document.whole`."""

    digest: int
    repeats: int  # key of the first document that told the same; 0 when it is the first
    rules: list[tuple[int, tuple[tuple[int, int], ...]]]
    topics: list[tuple[str, str]]  # (code, name) of the lexicon's classes, most spoken of first
    relevance: float
    doubted: bool  # asks for truth, or is asked, in the lexicon's words
    mentions: list[Mention]
    area: str
    labels: dict[str, str] = field(default_factory=dict)  # head → label; "" abstains; no entry: no trained model
    scores: dict[str, float] = field(default_factory=dict)  # head → probability of its yes or best label

    @property
    def relevant(self) -> bool:
        return self.relevance >= RELEVANT


@dataclass(slots=True)
class Pass:
    """The readings of a batch, with the arrays that the room may keep."""

    readings: list[Reading]
    digests: npt.NDArray[np.int64]
    signatures: Signatures
    batches: list[text.Batch] = field(default_factory=list)  # the plain texts, for who wants more of them


class Analyser:
    """`rules` are the room's alert wordings, in its order; everything else has a sensible built-in."""

    def __init__(
        self,
        rules: Sequence[Wording] = (),
        heads: Heads | None = None,
        gazetteer: Gazetteer | None = None,
        index: NearIndex | None = None,
        entries: Sequence[lexicon.Entry] | None = None,
        pure: bool = False,
    ) -> None:
        self.heads = heads or Heads()
        self.gazetteer = gazetteer or Gazetteer(())
        self.index = index
        self.entries = list(lexicon.built_in() if entries is None else entries)
        self._own = len(rules)
        self._doubt = self._own + len(self.entries)
        self._rules = RuleSet(
            [*rules, *(entry.wording for entry in self.entries), lexicon.doubt_wording()], self.gazetteer.words, pure
        )
        self._words = self._rules.matcher.words
        self._places = {self._rules.number[word] for word in self.gazetteer.words}

    def read(self, documents: Sequence[Document]) -> Pass:
        """Analyse a batch; any number of documents."""
        parts = [self._read(documents[i : i + 1024]) for i in range(0, len(documents), 1024)]
        if not parts:
            return Pass([], np.zeros(0, np.int64), np.zeros((0, 32), np.uint32))
        return Pass(
            [reading for part in parts for reading in part.readings],
            np.concatenate([part.digests for part in parts]),
            np.concatenate([part.signatures for part in parts]),
            [batch for part in parts for batch in part.batches],
        )

    def _read(self, documents: Sequence[Document]) -> Pass:
        batch = text.normalise([document.whole for document in documents])
        digests, signatures = fingerprint(batch)
        if self.index is not None:
            keyed = [i for i, document in enumerate(documents) if document.key]
            repeats = [0] * len(documents)
            if keyed:
                known = self.index.add([documents[i].key for i in keyed], digests[keyed], signatures[keyed])
                for i, original in zip(keyed, known, strict=True):
                    repeats[i] = original
        else:
            repeats = [0] * len(documents)
        verdicts = self.heads.score(features.matrix(batch)) if self.heads.heads else {}
        answers = _answers(verdicts, len(documents))
        hits = self._rules.find(batch)
        joined = batch.joined()
        whole = list(zip(hits.word.tolist(), hits.start.tolist(), hits.end.tolist(), strict=True))
        bounds, starts, known = hits.bounds.tolist(), batch.starts.tolist(), digests.tolist()
        origin = _Origin(batch)
        readings = [
            self._reading(
                document,
                whole[bounds[index] : bounds[index + 1]],
                origin,
                joined,
                (starts[index], starts[index + 1] - 1),
                Reading(known[index], repeats[index], [], [], 0.0, False, [], "", *answers[index]),
            )
            for index, document in enumerate(documents)
        ]
        return Pass(readings, digests, signatures, [batch])

    def _reading(
        self,
        document: Document,
        hits: list[tuple[int, int, int]],
        origin: _Origin,
        joined: str,
        bounds: tuple[int, int],
        reading: Reading,
    ) -> Reading:
        """What the keywords add to what the models said."""
        learnt = reading.scores.get("relevance")
        if hits:
            start, end = bounds
            # A short text without a title is its own title; a long one without has none.
            title_end = end if len(document.body) <= 40 else start
            if document.title:
                title_end = origin.first_from(len(document.title), start, end)
            lexical = []
            for match in self._rules.matches(hits, joined, start, end, title_end):
                if match.rule < self._own:
                    reading.rules.append((match.rule, origin.spans(match.spans)))
                elif match.rule < self._doubt:
                    lexical.append((self.entries[match.rule - self._own], match))
                else:
                    reading.doubted = True
            if lexical:
                reading.relevance = lexicon.relevance(lexical, title_end)
                reading.topics = lexicon.classes(lexical, title_end)
            if self._places:
                self._place(hits, origin, reading)
        if learnt is not None:
            reading.relevance = lexicon.blended(reading.relevance, learnt)
        return reading

    def _place(self, hits: list[tuple[int, int, int]], origin: _Origin, reading: Reading) -> None:
        named = [(self._words[word], start, end) for word, start, end in hits if word in self._places]
        if named:
            reading.mentions = [
                Mention(mention.code, *origin.spans(((mention.start, mention.end),))[0])
                for mention in self.gazetteer.mentions(named)
            ]
            reading.area = area_of(reading.mentions)


def _answers(verdicts: dict[str, Verdicts], count: int) -> list[tuple[dict[str, str], dict[str, float]]]:
    """For each document the label and the chance that each head gives."""
    if not verdicts:
        return [({}, {}) for _ in range(count)]
    names, labels, chances = list(verdicts), [], []
    for verdict in verdicts.values():
        words = [*verdict.head.labels, ""]
        labels.append([words[best] for best in np.where(verdict.sure, verdict.best, -1).tolist()])
        chance = verdict.probabilities[:, 1] if verdict.head.two_sided else verdict.probabilities.max(1)
        chances.append(chance.tolist())
    return [
        (dict(zip(names, said, strict=True)), dict(zip(names, sure, strict=True)))
        for said, sure in zip(zip(*labels, strict=True), zip(*chances, strict=True), strict=True)
    ]


class _Origin:
    """The way back from code positions to positions in the document, as a plain list (numpy scalars are slow)."""

    def __init__(self, batch: text.Batch) -> None:
        self._list = batch.origin.tolist()

    def spans(self, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        kept = self._list
        return tuple([(kept[start], kept[end - 1] + 1) for start, end in spans])

    def first_from(self, place: int, start: int, end: int) -> int:
        """The first code of `start:end` that stands at `place` of its document or later."""
        return bisect_left(self._list, place, start, end)
