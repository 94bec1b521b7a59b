"""Words for an installation without a trained model: is it the city's business, of which class, and who doubts it.

The lexicon is a table in `data/lexicon.tsv`, read with the same notation that clerks write; a rule that fires in the
title speaks louder than one in the body. Classes are the codes of GB/T 47678.5-2026 table C.1, so that an alert can be
handed to city-case patrol without translation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chengheng.opinion.analyser.doubt import CUES
from chengheng.opinion.analyser.wording import Match, Wording, parse

DICTIONARY = "GB/T 47678.5-2026"
_TITLE, _BODY = 0.9, 0.45  # relevance of a rule hit in the title, or in the body only (precision measured: .95 / .69)


@dataclass(frozen=True, slots=True)
class Entry:
    code: str  # "" where the dictionary has no class for this duty
    name: str
    wording: Wording


def read(lines: Sequence[str]) -> list[Entry]:
    """The entries of a lexicon file."""
    entries = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            code, name, notation = line.split("\t")
            entries.append(Entry("" if code == "-" else code, name, parse(notation)))
    return entries


@cache
def built_in() -> tuple[Entry, ...]:
    return tuple(read((Path(__file__).parent / "data" / "lexicon.tsv").read_text("utf-8").splitlines()))


@cache
def doubt_wording() -> Wording:
    """Comments or texts that ask whether a story is true."""
    return Wording(every=(tuple(CUES),))


def relevance(matches: Sequence[tuple[Entry, Match]], title_end: int) -> float:
    """0..1 from the lexicon alone. `title_end` is the code position where the title ends."""
    if not matches:
        return 0.0
    in_title = any(all(end <= title_end for _, end in match.spans) for _, match in matches)
    more = 1 - 0.85 ** (len({entry.name for entry, _ in matches}) - 1)
    return min(1.0, (_TITLE if in_title else _BODY) + (0.1 if in_title else 0.35) * more)


def blended(lexical: float, learnt: float) -> float:
    """Lexicon and trained relevance together, 0..1; relevant from one half."""
    return min(1.0, (lexical + learnt) / 2)


def classes(matches: Sequence[tuple[Entry, Match]], title_end: int) -> list[tuple[str, str]]:
    """`(code, name)` of the classes named, the most spoken of first; hits in the title count three."""
    weight: Counter[tuple[str, str]] = Counter()
    for entry, match in matches:
        if entry.code:
            weight[entry.code, entry.name] += 3 if match.spans[0][1] <= title_end else 1
    return [pair for pair, _ in weight.most_common()]
