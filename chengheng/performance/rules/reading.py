"""What readers hand over and what recognising gives: documents, rows, cells; programmes, indicators, remarks."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal

from chengheng.performance.rules.grammar import Target

_COMPATIBLE = (*range(0x2F00, 0x2FD6), *range(0xF900, 0xFAD9))
_RADICALS: dict[int, int | str] = {code: unicodedata.normalize("NFKC", chr(code)) for code in _COMPATIBLE}
_RADICALS |= str.maketrans(
    "⺟⺠⻁⻄⻅⻆⻉⻋⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻨⻩⻬⻮⻰⻳",
    "母民虎西见角贝车长门青韦页风飞食马骨鬼鱼鸟麦黄齐齿龙龟",
)


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell's text with where it stands: `line` counts lines or rows of the file from 1, `place` says it in words.

    Radicals that PDF writers put in the place of ideographs (U+2F00 …) become the ideographs.
    """

    text: str
    line: int
    place: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text.translate(_RADICALS))


@dataclass(frozen=True)
class Row:
    """One row of a table: by column, the same `Cell` at each position of a merged cell, None where there is none."""

    cells: tuple[Cell | None, ...]
    page_start: bool = False

    def distinct(self) -> list[Cell]:
        """Its cells once each, left to right."""
        seen: dict[int, Cell] = {id(cell): cell for cell in self.cells if cell is not None}
        return list(seen.values())


@dataclass(frozen=True)
class Document:
    """What a reader found in one file: table rows and lines of text (a `Cell` by itself), in reading order."""

    name: str
    parts: tuple[Row | Cell, ...]
    loose: bool = False


@dataclass(frozen=True)
class Remark:
    """Something that a person should look at; `code` is stable (in `UNREAD` or `DOUBTS`), `text` the original."""

    file: str
    line: int
    place: str
    text: str
    code: str

    def __str__(self) -> str:
        meaning = UNREAD.get(self.code) or DOUBTS[self.code]
        shown = f": {self.text[:60]!r}" if self.text else ""
        return f"{self.file}: {self.place}: {meaning}{shown}"


UNREAD = {
    "no_table": "holds no target table",
    "text": "text that belongs to no known field",
    "number": "a number was expected here",
    "no_columns": "a programme without the columns of indicators",
    "no_indicators": "a target table without indicators",
    "no_name": "a target table without a programme name",
    "no_year": "no year in the title, the name or the goals (give one with --year)",
    "row": "a row that fits the columns of the table nowhere",
    "twice": "the same programme again in this import",
}
DOUBTS = {
    "unclear": "holds a figure, but was read as qualitative",
    "blank_target": "an indicator without a target value",
    "name_from_title": "no programme name; taken from the title",
    "unit_from_before": "no unit line; taken from the table before",
    "year_from_before": "no year; taken from the table before",
    "total_from_parts": "no budget total; fiscal and other added up",
    "total_differs": "the budget total is not the sum of fiscal and other",
    "over_budget": "the cost ceiling is above the budget",
}


@dataclass(frozen=True)
class Indicator:
    """One indicator as read. `target_text` is the original text; columns of sign and unit are joined to it."""

    level1: str
    level2: str
    level3: str
    description: str
    target_text: str
    target: Target
    weight: Decimal | None
    scoring: str
    line: int
    place: str


@dataclass
class Programme:
    """One programme as read; budgets in 万元."""

    line: int
    place: str
    year: int | None = None
    unit_code: str = ""
    unit_name: str = ""
    name: str = ""
    whole_unit: bool = False
    total: Decimal | None = None
    fiscal: Decimal | None = None
    other: Decimal | None = None
    purpose: str = ""
    goals: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    indicators: list[Indicator] = field(default_factory=list)

    @property
    def key(self) -> tuple[int | None, str, str]:
        """What makes it the same programme when it is imported again."""
        return (self.year, self.unit_code or self.unit_name, self.name)


@dataclass
class Reading:
    """The programmes of one or more files, with what could not be read and what was read with a doubt."""

    programmes: list[Programme] = field(default_factory=list)
    unread: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
