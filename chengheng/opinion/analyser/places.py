"""Names of districts, subdistricts, communities and roads in a text, to area codes.

The longest name wins (和平路 is no mention of 和平区), and a name that several areas share is decided by an area above
one of them that the text also names; undecided names give nothing rather than a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chengheng.opinion.analyser.text import plain


@dataclass(frozen=True, slots=True)
class Place:
    """An area. Codes nest: a subdistrict's code begins with its district's."""

    code: str
    name: str
    also: tuple[str, ...] = ()


class Mention(NamedTuple):
    code: str
    start: int
    end: int


def _names(place: Place) -> set[str]:
    names = {place.name, *place.also}
    for long, short in (("街道办事处", "街"), ("街道", "街")):
        if place.name.endswith(long):
            names.add(place.name.removesuffix(long) + short)
    return {name for name in map(plain, names) if len(name) >= 2}


class Gazetteer:
    """All known names. `words` go into the one keyword matcher; `mentions` reads its hits."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._codes: dict[str, list[str]] = {}
        self.names: dict[str, str] = {}
        for place in places:
            self.names[place.code] = place.name
            for name in sorted(_names(place)):
                codes = self._codes.setdefault(name, [])
                if place.code not in codes:
                    codes.append(place.code)

    @property
    def words(self) -> list[str]:
        return list(self._codes)

    def mentions(self, hits: Sequence[tuple[str, int, int]]) -> list[Mention]:
        """Hits are `(word, start, end)` of one document, place names or not."""
        kept: list[tuple[str, int, int]] = []
        for hit in sorted((hit for hit in hits if hit[0] in self._codes), key=lambda hit: (hit[1], -hit[2])):
            if not kept or hit[1] >= kept[-1][2]:
                kept.append(hit)
        sure = {self._codes[word][0] for word, _, _ in kept if len(self._codes[word]) == 1}
        found = []
        for word, start, end in kept:
            codes = self._codes[word]
            if len(codes) > 1:
                codes = [code for code in codes if any(code != above and code.startswith(above) for above in sure)]
            if len(codes) == 1:
                found.append(Mention(codes[0], start, end))
        return found


def area_of(mentions: Sequence[Mention]) -> str:
    """The one area that a text is about: the most named line of codes, its deepest member; "" when two tie."""
    if not mentions:
        return ""
    codes = [mention.code for mention in mentions]
    weight = {code: sum(other.startswith(code) or code.startswith(other) for other in codes) for code in set(codes)}
    best = max(weight.values())
    top = [code for code in weight if weight[code] == best]
    deepest = max(top, key=len)
    if all(deepest.startswith(code) for code in top):
        return deepest
    common = top[0]
    for code in top[1:]:
        while common and not code.startswith(common):
            common = common[:-1]
    return common if common in weight else ""
