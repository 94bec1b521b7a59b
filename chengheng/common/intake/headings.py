"""Finding the heading row of a sheet and which column is which field.

A heading may be one row or several (merged groups above the columns), may stand below a title, may carry marks ("*"),
units in brackets and line breaks. What a person matched by hand before wins over every guess.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import translation

from chengheng.common.intake.declaration import Field
from chengheng.common.intake.parsers import plain

LOOK_AT_ROWS = 20
MOST_DEPTH = 3


@dataclass
class Heading:
    """A heading as found: 1-based `row` where it ends; per 0-based column its words; which columns are which fields."""

    row: int
    words: dict[int, str]
    fields: dict[str, int]
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    @property
    def unread(self) -> dict[int, str]:
        """Columns with a heading that no field takes."""
        taken = set(self.fields.values())
        return {column: words for column, words in self.words.items() if column not in taken}


def key(words: str) -> str:
    """A heading for comparing: narrow, lower case, no spaces, marks or trailing bracketed units."""
    found = unicodedata.normalize("NFKC", words).casefold()
    found = re.sub(r"[\s*＊:：·._/\\\-—]+", "", found)
    return re.sub(r"[(\[【〔][^()\[\]【】〔〕]*[)\]】〕]$", "", found) or found


def names_of(one: Field) -> set[str]:
    """Every key by which a heading may mean the field."""
    found = {key(one.name), *(key(alias) for alias in one.aliases)}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found.add(key(str(one.label)))
    return found - {""}


def known_names(fields: Sequence[Field]) -> dict[str, str]:
    """Heading key → field name; an earlier field keeps a key that a later one also claims."""
    known: dict[str, str] = {}
    for one in fields:
        for name in names_of(one):
            known.setdefault(name, one.name)
    return known


def find(
    rows: Sequence[tuple[int, list[Any]]],
    fields: Sequence[Field],
    *,
    first_column: int = 0,
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = (),
    remembered: Mapping[str, str] | None = None,
) -> Heading | None:
    """The heading among a sheet's first rows: the one that gives the most fields; None when none gives any.

    `remembered`: heading key → field name, "" for a heading that is left out on purpose.
    """
    grid: dict[int, dict[int, str]] = {}
    for number, cells in rows[:LOOK_AT_ROWS]:
        grid[number] = {
            first_column + index: words
            for index, cell in enumerate(cells)
            if (words := _words(cell)) and len(words) <= 200
        }
    _spread_merged(grid, merged)
    known = known_names(fields)
    required = [one.name for one in fields if one.required]
    best: tuple[tuple[int, int, int, int], Heading] | None = None
    for end in sorted(grid):
        for depth in range(1, MOST_DEPTH + 1):
            above = [number for number in range(end - depth + 1, end + 1) if number in grid]
            if len(above) != depth:
                break
            heading = _match(end, [grid[number] for number in above], known, remembered or {})
            heading.missing = [name for name in required if name not in heading.fields]
            if not heading.fields:
                continue
            score = (-len(heading.missing), len(heading.fields), -depth, -end)
            if best is None or score > best[0]:
                best = (score, heading)
    return best[1] if best is not None else None


def likely(rows: Sequence[tuple[int, list[Any]]], first_column: int = 0) -> Heading:
    """Where nothing is known: the row among the first with the most words, so that a person can say what they mean."""
    best = Heading(0, {}, {})
    for number, cells in rows[:LOOK_AT_ROWS]:
        words = {
            first_column + index: _words(cell)
            for index, cell in enumerate(cells)
            if isinstance(cell, str) and 0 < len(_words(cell)) <= 60
        }
        if len(words) > len(best.words):
            best = Heading(number, words, {})
    return best


def _words(cell: Any) -> str:
    if cell is None or isinstance(cell, bool) or cell == "":
        return ""
    try:
        return re.sub(r"\s+", " ", plain(cell)).strip()
    except ValueError:
        return ""


def _spread_merged(grid: dict[int, dict[int, str]], merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Let every cell of a merged range hold the words of its first."""
    if not grid:
        return
    last = max(grid)
    for (top, left), (bottom, right) in merged[:2000]:
        words = grid.get(top + 1, {}).get(left, "")
        if not words or top + 1 > last or (bottom - top + 1) * (right - left + 1) > 4000:
            continue
        for number in range(top + 1, min(bottom + 1, last) + 1):
            for column in range(left, right + 1):
                grid.setdefault(number, {}).setdefault(column, words)


def _match(end: int, levels: list[dict[int, str]], known: Mapping[str, str], remembered: Mapping[str, str]) -> Heading:
    columns = sorted({column for level in levels for column in level})
    heading = Heading(end, {}, {})
    for column in columns:
        parts: list[str] = []
        for level in levels:
            words = level.get(column, "")
            if words and (not parts or parts[-1] != words):
                parts.append(words)
        if not parts:
            continue
        heading.words[column] = " / ".join(parts)
        guesses = [key("".join(parts)), key(heading.words[column])]
        if levels[-1].get(column):
            guesses.append(key(parts[-1]))
        field_name = next((remembered[guess] for guess in guesses if guess in remembered), None)
        if field_name is None:
            field_name = next((known[guess] for guess in guesses if guess in known), "")
        if not field_name:
            continue
        if field_name in heading.fields:
            heading.doubled.append(heading.words[column])
            continue
        heading.fields[field_name] = column
    return heading
