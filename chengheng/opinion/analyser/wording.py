"""What a keyword rule asks of a text: all, any, none, and near one another.

`every` is a list of groups; each group needs one of its words ("all of a, b" is two groups of one word, "any of a, b"
is one group of two). `none` forbids. `near` wants a left and a right word with at most `within` characters between.

The short notation, used by the built-in lexicon and in the rule form's text box:

    垃圾|废品 & 小区|楼道 ! 垃圾分类      a group, another group, none of these
    渣土车 ~8 遗撒|抛洒                   near: at most 8 characters between, either order
    城管 >6 打人                          the same, in this order
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chengheng.opinion.analyser.text import Batch, plain
from chengheng.opinion.analyser.words import Hits, Matcher, matcher

FARTHEST = 200


class BadWording(ValueError):
    """The notation cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Near:
    left: tuple[str, ...]
    right: tuple[str, ...]
    within: int
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    every: tuple[tuple[str, ...], ...] = ()
    none: tuple[str, ...] = ()
    near: tuple[Near, ...] = ()
    title_only: bool = False

    def words(self) -> set[str]:
        """All words that must be looked for."""
        found = {word for group in self.every for word in group} | set(self.none)
        for pair in self.near:
            found.update(pair.left, pair.right)
        return found


def _alternatives(piece: str) -> tuple[str, ...]:
    words = tuple(word for word in (plain(part) for part in piece.split("|")) if word)
    if not words:
        raise BadWording(piece)
    return words


_NEAR = re.compile(r"\s*([^~>]+?)\s*([~>])\s*(\d{1,3})\s+([^~>]+?)\s*")


def parse(notation: str, title_only: bool = False) -> Wording:
    """The rule that the notation says; `BadWording` when it says none."""
    every: list[tuple[str, ...]] = []
    none: list[str] = []
    near: list[Near] = []
    for sign, piece in re.findall(r"([&!]?)([^&!]*)", notation.replace("＆", "&").replace("！", "!")):
        if not piece.strip():
            if sign:
                raise BadWording(notation)
            continue
        if sign == "!":
            none.extend(_alternatives(piece))
        elif "~" in piece or ">" in piece:
            parts = _NEAR.fullmatch(piece)
            if not parts or int(parts[3]) > FARTHEST:
                raise BadWording(piece.strip())
            near.append(Near(_alternatives(parts[1]), _alternatives(parts[4]), int(parts[3]), parts[2] == ">"))
        else:
            every.append(_alternatives(piece))
    if not every and not near:
        raise BadWording(notation)
    return Wording(tuple(every), tuple(none), tuple(near), title_only)


class Match(NamedTuple):
    """Rule number, and the spans (code positions of the batch) that made it fire."""

    rule: int
    spans: tuple[tuple[int, int], ...]


Span = tuple[int, int]


def _everywhere(words: Sequence[str], where: str, first: int, last: int) -> list[Span]:
    """Every occurrence, overlaps included, of the words within `where[first:last]`."""
    found = []
    piece = where[first:last]
    for word in words:
        if word not in piece:
            continue
        at = where.find(word, first, last)
        while at >= 0:
            found.append((at, at + len(word)))
            at = where.find(word, at + 1, last)
    return found


class _Test(NamedTuple):
    """A rule taken apart: the group that the matcher looks for, and what is asked once that group was hit.

    `group` is the place of the trigger among the rule's groups, or -1; `pair` and `left` tell which side of which
    near pair it is, or -1.
    """

    trivial: bool
    group: int
    pair: int
    left: bool
    wording: Wording


class RuleSet:
    """Many wordings over one matcher.

    Of every rule one group, the one of the longest words, goes into the matcher; the others are looked for in the few
    documents where that one was hit. So common words (小区, 道路) cost nothing in all the other documents.
    """

    def __init__(self, wordings: Sequence[Wording], extra: Iterable[str] = (), pure: bool = False) -> None:
        self.wordings = [_plain_wording(wording) for wording in wordings]
        triggers: dict[str, list[int]] = {}
        self._tests: list[_Test] = []
        for rule, wording in enumerate(self.wordings):
            candidates = [(words, number, -1, False) for number, words in enumerate(wording.every)]
            for number, pair in enumerate(wording.near):
                candidates += [(pair.left, -1, number, True), (pair.right, -1, number, False)]
            group, place, pair_number, left = max(candidates, key=lambda c: (min(map(len, c[0])), -len(c[0])))
            trivial = len(candidates) == 1 and not wording.none and not wording.title_only
            self._tests.append(_Test(trivial, place, pair_number, left, wording))
            for word in group:
                triggers.setdefault(word, []).append(rule)
        self.matcher: Matcher = matcher([*sorted(triggers), *extra], pure)
        self.number = {word: number for number, word in enumerate(self.matcher.words)}
        self._rules = {self.number[word]: rules for word, rules in triggers.items()}

    def find(self, batch: Batch) -> Hits:
        return self.matcher.find(batch)

    def matches(
        self, hits: Sequence[tuple[int, int, int]], joined: str, start: int, end: int, title_end: int | None = None
    ) -> list[Match]:
        """The rules that the document at `joined[start:end]` fulfils, given its hits; in order of their numbers."""
        spoken: dict[int, list[Span]] = {}
        for word, first, last in hits:
            if word in spoken:
                spoken[word].append((first, last))
            elif word in self._rules:
                spoken[word] = [(first, last)]
        asked: dict[int, list[Span]] = {}
        for word, spans in spoken.items():
            for rule in self._rules[word]:
                asked[rule] = sorted(asked[rule] + spans) if rule in asked else spans
        found = []
        for rule in sorted(asked):
            test, spans = self._tests[rule], asked[rule]
            if test.trivial:
                found.append(Match(rule, tuple(spans)))
                continue
            limit = end
            if test.wording.title_only and title_end is not None:
                limit = title_end
                spans = [span for span in spans if span[1] <= limit]
                if not spans:
                    continue
            more = _more(test, spans, joined, start, limit)
            if more is not None and not _everywhere(test.wording.none, joined, start, limit):
                found.append(Match(rule, tuple(sorted(set(more)))))
        return found


def _more(test: _Test, spans: list[Span], joined: str, start: int, limit: int) -> list[Span] | None:
    """All spans of a rule that holds; None when one of its other demands is not met."""
    kept: list[Span] = []
    for number, pair in enumerate(test.wording.near):
        known = spans if number == test.pair else _everywhere(pair.left, joined, start, limit)
        close = _pairs(pair, known, number != test.pair or test.left, joined, start, limit)
        if not close:
            return None
        kept.extend(close)
    for number, words in enumerate(test.wording.every):
        found = spans if number == test.group else _everywhere(words, joined, start, limit)
        if not found:
            return None
        kept.extend(found)
    return kept


def _pairs(pair: Near, known: list[Span], of_left: bool, joined: str, start: int, limit: int) -> list[Span]:
    """The spans of left and right words that stand close enough to one another; one side's are known."""
    others = pair.right if of_left else pair.left
    reach = pair.within + max(map(len, others))
    found = []
    for one in known:
        first = max(start, one[0] - reach) if not (pair.ordered and of_left) else one[1]
        last = min(limit, one[1] + reach) if not pair.ordered or of_left else one[0]
        for other in _everywhere(others, joined, first, last):
            if _close(one, other, pair) if of_left else _close(other, one, pair):
                found += [one, other]
    return found


def _close(a: Span, b: Span, pair: Near) -> bool:
    if a[1] <= b[0]:
        return b[0] - a[1] <= pair.within
    return not pair.ordered and b[1] <= a[0] and a[0] - b[1] <= pair.within


def _plain_wording(wording: Wording) -> Wording:
    def words(group: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for word in map(plain, group) if word))

    every = tuple(words(group) for group in wording.every)
    near = tuple(Near(words(p.left), words(p.right), p.within, p.ordered) for p in wording.near)
    if not (every or near) or not all(every) or not all(p.left and p.right for p in near):
        raise BadWording(str(wording))
    return Wording(every, words(wording.none), near, wording.title_only)
