"""Recognises target tables in the rows that a reader found, whatever the file's format.

What a table is made of (facts/domain.md §0, and the provincial forms): a head of labels with their values, a row of
column headings, then indicators. Nothing is dropped silently: what fits nowhere is in `Reading.unread` with its place;
what was read with a doubt is in `Reading.notes`. A loose document has no grid; `loose` makes its rows first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from chengheng.performance.rules import grammar, loose
from chengheng.performance.rules.grammar import Target, plain
from chengheng.performance.rules.reading import Cell, Document, Indicator, Programme, Reading, Remark, Row
from chengheng.performance.rules.words import (
    ANNEX,
    INDICATOR,
    LEVEL1,
    MONEY_UNIT,
    PAGE_NUMBER,
    SUMS,
    UNIT_LINE,
    WAN_OF,
    YEAR,
    YEAR_LINE,
    columns_of,
    goals_of,
    head_field,
    is_title,
    label,
    tidy,
)  # fmt: skip


def recognise(document: Document, year: int | None = None) -> Reading:
    """Read every target table of the document. `year` is used where the tables name none."""
    return _Recogniser(document, year).run()


class _Recogniser:
    def __init__(self, document: Document, year: int | None) -> None:
        self.document, self.default_year = document, year
        self.reading = Reading()
        self.money_unit = "万元"
        self.head: list[Cell] = []
        self.lines: list[Cell] = []  # text between, not yet known whether a heading of the next table or of a page
        self.columns: dict[str, list[int]] | None = None
        self.current: Programme | None = None
        self.seen: set[int] = set()
        self.levels = {"level1": "", "level2": "", "level3": ""}
        self.pending: dict[str, str] | None = None
        lines = Counter(self._shape(part.text) for part in document.parts if isinstance(part, Cell))
        self.repeated = {shape for shape, count in lines.items() if count > 1}
        self.title = ""
        self.outside: set[int] = set()  # cells that are lines between tables: never a label's value

    @staticmethod
    def _shape(text: str) -> str:
        """A line without its figures: page headings and page numbers look alike on every page."""
        return re.sub(r"\d+", "0", tidy(text))

    def run(self) -> Reading:
        parts: Iterable[Row | Cell] = self.document.parts
        if self.document.loose:
            parts = loose.rows_of(self.document.parts)
        for part in parts:
            if isinstance(part, Cell):
                self.lines.append(part)
                self.outside.add(id(part))
            elif self.columns is None:
                self._head_row(part)
            else:
                self._body_row(part)
        self._finish()
        if self.head or self.lines:
            self._unread_head()
        if not self.reading.programmes:
            first = next((part if isinstance(part, Cell) else part.distinct()[0] for part in self.document.parts
                          if isinstance(part, Cell) or part.distinct()), None)  # fmt: skip
            self.reading.unread.insert(0, self._remark("no_table", first or Cell("", 1, "line 1")))
        return self.reading

    def _remark(self, code: str, cell: Cell, text: str | None = None) -> Remark:
        return Remark(self.document.name, cell.line, cell.place, tidy(cell.text) if text is None else text, code)

    def _unread(self, code: str, cell: Cell) -> None:
        self.reading.unread.append(self._remark(code, cell))

    def _note(self, code: str, cell: Cell, text: str | None = None) -> None:
        self.reading.notes.append(self._remark(code, cell, text))

    # head

    def _head_row(self, row: Row) -> None:
        columns = columns_of(row)
        if columns is None:
            cells = row.distinct()
            if self._names_another(cells):
                self._unread_head()
            self.head.extend(self.lines)
            self.lines = []
            self.head.extend(cell for cell in cells if id(cell) not in self.seen)
            self.seen.update(id(cell) for cell in cells)
            return
        self._open(columns, row)

    def _names_another(self, cells: list[Cell]) -> bool:
        """Whether a second programme's name comes before any headings of columns came for the first."""
        named = any((head_field(tidy(cell.text)) or ("",))[0] == "name" for cell in self.head)
        return named and any((head_field(tidy(cell.text)) or ("",))[0] == "name" for cell in cells)

    def _open(self, columns: dict[str, list[int]], row: Row) -> None:
        self.columns = columns
        self.seen.update(id(cell) for cell in row.distinct())
        self.levels = dict.fromkeys(self.levels, "")
        self.head.extend(self.lines)
        self.lines = []
        if "name" in columns:
            self.wide_head = self._programme(self.head, row, wide=True)
            self.current = None
        else:
            self.current = self._programme(self.head, row)
        self.head = []

    def _unread_head(self) -> None:
        """A head that no columns followed: its programme is reported as a whole, else each text of it."""
        names = [
            (cell, following)
            for cell, following in zip(self.head, [*self.head[1:], None], strict=False)
            if (head_field(tidy(cell.text)) or ("",))[0] == "name"
        ]
        for cell, following in names:
            self.reading.unread.append(
                self._remark("no_columns", cell, tidy(following.text if following else cell.text))
            )
        for cell in self.lines if names else self.head + self.lines:
            if tidy(cell.text) and not self._is_heading(cell):
                self._unread("text", cell)
        self.head, self.lines = [], []

    def _is_heading(self, cell: Cell) -> bool:
        text = tidy(cell.text)
        if not text or self._shape(text) in self.repeated or is_title(text) or MONEY_UNIT.search(plain(text)):
            return True
        return any(kind.fullmatch(text) for kind in (PAGE_NUMBER, UNIT_LINE, ANNEX, YEAR_LINE))

    def _programme(self, head: list[Cell], row: Row, wide: bool = False) -> Programme:
        """The programme that a head of labels describes."""
        anchor = next((cell for cell in head if tidy(cell.text)), row.distinct()[0])
        found = Programme(line=anchor.line, place=anchor.place)
        title, budget_open = "", False
        skip: set[int] = set()
        for cell in head:
            text = tidy(cell.text)
            if match := MONEY_UNIT.search(plain(text)):
                self.money_unit = match["unit"]
            if is_title(text):
                title = title or text
                found.whole_unit = found.whole_unit or "整体" in text
                found.year = found.year or next((int(year) for year in YEAR.findall(text)), None)
        for index, cell in enumerate(head):
            text = tidy(cell.text)
            if index in skip or not text or is_title(text) or PAGE_NUMBER.fullmatch(text):
                continue
            if match := UNIT_LINE.fullmatch(text):
                found.unit_code, found.unit_name = match["code"], match["name"].strip()
                continue
            known = head_field(cell.text)
            if known is None:
                if MONEY_UNIT.fullmatch(plain(text).strip("()")):
                    continue
                if YEAR_LINE.fullmatch(text):
                    found.year = found.year or int(re.findall(r"20\d\d", text)[0])
                elif budget_open and not found.purpose and id(cell) not in self.outside:
                    found.purpose = text
                elif not self._is_heading(cell):
                    self._unread("text", cell)
                continue
            key, value = known
            if label(cell.text) == "预算规模及资金用途" or key in {"total", "fiscal", "other"}:
                budget_open = True
            elif key in {"goals", "name"}:
                budget_open = False
            if key == "heading":
                continue
            if key in {"total", "fiscal", "other"}:
                self._budget(found, key, value, cell, head, index, skip)
                continue
            if not value:
                position = self._next_value(head, index, skip)
                if position is None:
                    continue
                skip.add(position)
                value = head[position].text
            self._fill(found, key, value, label(cell.text))
        self.title = title
        self._complete(found, title, anchor, wide)
        return found

    def _next_value(self, head: list[Cell], index: int, skip: set[int]) -> int | None:
        """The next cell with text that is no label; None when a label comes first."""
        for position in range(index + 1, len(head)):
            if position in skip or not tidy(head[position].text) or id(head[position]) in self.outside:
                continue
            return None if head_field(head[position].text) else position
        return None

    def _budget(self, found: Programme, key: str, value: str, cell: Cell, head: list[Cell], index: int,
                skip: set[int]) -> None:  # fmt: skip
        if not value:
            for position in range(index + 1, len(head)):
                text = tidy(head[position].text)
                if not text or position in skip or id(head[position]) in self.outside:
                    continue
                if not head_field(text) and self._amount(text, "") is not None:
                    skip.add(position)
                    value, cell = text, head[position]
                break
        if not value:
            return
        amount = self._amount(value, label(head[index].text) + head[index].text)
        if amount is None:
            self._unread("number", cell)
        elif getattr(found, key) is None:
            setattr(found, key, amount)

    def _amount(self, text: str, context: str) -> Decimal | None:
        """An amount in 万元: its own unit first, then the label's, then the table's."""
        bare = plain(text).rstrip("。;；")
        unit = next((unit for unit in ("亿元", "万元", "千元", "元") if bare.endswith(unit)), "")
        number = grammar.number_from(bare.removesuffix(unit)) if re.match(r"-?\d", bare) else None
        if number is None:
            return None
        if not unit:
            inside = re.search(r"[(（](亿元|万元|千元|元)[)）]", context)
            unit = inside[1] if inside else self.money_unit
        return number * WAN_OF[unit]

    @staticmethod
    def _fill(found: Programme, key: str, value: str, word: str) -> None:
        if key == "goals":
            found.goals += goals_of(value)
        elif key == "unit":
            match = UNIT_LINE.fullmatch(tidy(value))
            if match:
                found.unit_code, found.unit_name = match["code"], match["name"]
            elif not found.unit_name:
                found.unit_name = tidy(value)
        elif key == "unit_code":
            found.unit_code = found.unit_code or tidy(value)
        elif key == "year":
            year = re.search(r"20\d\d", value)
            found.year = int(year[0]) if year else found.year
        elif key == "fact":
            found.facts.setdefault(word, tidy(value))
        elif key == "purpose" and found.purpose:
            found.purpose = f"{found.purpose}\n{tidy(value)}"
        else:
            setattr(found, key, tidy(value))

    def _complete(self, found: Programme, title: str, anchor: Cell, wide: bool) -> None:
        before = self.reading.programmes[-1] if self.reading.programmes else None
        if wide:
            return
        if not found.name and title:
            name = re.sub(r"绩效目标[^，。；]{0,8}表?$", "", "".join(title.split()))
            name = re.sub(r"^\d+[.、．]|^附件\d*[:：]?", "", name)
            if found.whole_unit and found.unit_name and found.unit_name not in name:
                name = f"{found.unit_name}{name}"
            found.name = name
            if not found.whole_unit:
                self._note("name_from_title", anchor, title)
        if not found.unit_code and not found.unit_name and before:
            found.unit_code, found.unit_name = before.unit_code, before.unit_name
            self._note("unit_from_before", anchor, found.name)
        if found.year is None:
            for text in (found.name, found.purpose, *found.goals):
                if match := YEAR.search(text):
                    found.year = int(match[1])
                    break
        if found.year is None:
            found.year = self.default_year
        if found.year is None and before:
            found.year = before.year
            self._note("year_from_before", anchor, found.name)
        self._check_budget(found, anchor)

    def _check_budget(self, found: Programme, anchor: Cell) -> None:
        parts = [amount for amount in (found.fiscal, found.other) if amount is not None]
        if found.total is None and parts:
            found.total = sum(parts, Decimal(0))
            self._note("total_from_parts", anchor, found.name)
        elif found.total is not None and parts and sum(parts, Decimal(0)) != found.total:
            self._note("total_differs", anchor, found.name)

    # body

    def _body_row(self, row: Row) -> None:
        cells = [cell for cell in row.distinct() if tidy(cell.text)]
        if not cells:
            return
        columns = columns_of(row)
        if columns is not None:
            if self._starts_anew():
                self._finish()
                self._open(columns, row)
            else:  # the headings again on the next page
                self._page_break(row)
                self.columns = columns
            return
        if self._is_head(row, cells):
            self._finish()
            self.columns = None
            self._head_row(row)
            return
        if len(cells) == 1 and self._is_heading(cells[0]):
            self.lines.append(cells[0])
            return
        self._page_break(row)
        assert self.columns is not None
        if "name" in self.columns:
            self._wide_row(row)
        if self.current is None:
            self._unread("row", cells[0])
            return
        self._indicator_row(row, cells)

    def _starts_anew(self) -> bool:
        """Whether the lines before a repeated row of headings hold another table's title (a page repeats its own)."""
        titles = {
            text
            for line in self.lines
            if is_title(text := tidy(line.text)) and self._shape(text) not in self.repeated and text != self.title
        }
        return bool(titles) and self.current is not None and bool(self.current.indicators or self.pending)

    def _is_head(self, row: Row, cells: list[Cell]) -> bool:
        first = head_field(cells[0].text)
        if first is None or tidy(cells[0].text) in LEVEL1:
            return bool(UNIT_LINE.fullmatch(tidy(cells[0].text))) and len(cells) == 1
        if first[0] == "fact" and self.current is not None:
            for cell, following in zip(cells, [*cells[1:], None], strict=False):
                field_of = head_field(cell.text)
                if field_of and field_of[0] == "fact":
                    value = field_of[1] or (following.text if following and not head_field(following.text) else "")
                    self.current.facts.setdefault(label(cell.text.split("：")[0].split(":")[0]), tidy(value))
            self.seen.update(id(cell) for cell in cells)
            return False
        return first[0] in {"name", "unit", "unit_code", "year", "total"} and len(cells) <= 8

    def _page_break(self, row: Row) -> None:
        """Lines that turned out to stand inside a table: headings of pages, or text that nobody asked for."""
        for line in self.lines:
            if not self._is_heading(line):
                self._unread("text", line)
        self.lines = []

    def _read(self, row: Row, key: str) -> tuple[str, list[Cell]]:
        """The text under a heading, and its cells."""
        assert self.columns is not None
        cells: dict[int, Cell] = {}
        for index in self.columns.get(key, ()):
            cell = row.cells[index] if index < len(row.cells) else None
            if cell is not None and tidy(cell.text):
                cells[id(cell)] = cell
        return tidy("".join(cell.text for cell in cells.values())), list(cells.values())

    def _wide_row(self, row: Row) -> None:
        name, cells = self._read(row, "name")
        if not name or id(cells[0]) in self.seen or (self.current and self.current.name == name):
            return
        self._close_indicators()
        self.seen.add(id(cells[0]))
        found = Programme(line=cells[0].line, place=cells[0].place, name=name, year=self.wide_head.year)
        found.unit_code, found.unit_name = self.wide_head.unit_code, self.wide_head.unit_name
        for key in ("total", "fiscal", "other"):
            text, where = self._read(row, key)
            if text:
                amount = self._amount(text, "")
                if amount is None:
                    self._unread("number", where[0])
                setattr(found, key, amount)
        for key in ("purpose", "goals", "unit_code", "year"):
            text, where = self._read(row, key)
            if text:
                self._fill(found, key, where[0].text, "")
        unit, _where = self._read(row, "programme_unit")
        if unit:
            match = UNIT_LINE.fullmatch(unit)
            found.unit_code, found.unit_name = (match["code"], match["name"]) if match else (found.unit_code, unit)
        self._complete(found, "", cells[0], wide=False)
        self.levels = dict.fromkeys(self.levels, "")
        self.current = found

    def _indicator_row(self, row: Row, cells: list[Cell]) -> None:
        assert self.current is not None
        texts: dict[str, str] = {}
        fresh: dict[str, bool] = {}
        for key in INDICATOR:
            text, where = self._read(row, key)
            texts[key] = text
            fresh[key] = any(id(cell) not in self.seen for cell in where)
        row_is_new = any(fresh[key] for key in ("level3", "description", "value"))
        every = {id(cell) for cell in cells}
        if not row_is_new:
            for cell in cells:
                if id(cell) not in self.seen and not self._covered(row, cell) and not SUMS.match(tidy(cell.text)):
                    self._unread("row", cell)
            self._levels(texts, fresh)
            self.seen |= every
            return
        if SUMS.fullmatch(texts["level1"] or texts["level3"]):
            self.seen |= every
            return
        if row.page_start and self._continues(texts):
            self.seen |= every
            return
        self._levels(texts, fresh)
        for cell in cells:
            if id(cell) not in self.seen and not self._covered(row, cell) and not head_field(cell.text):
                self._unread("text", cell)
        self.seen |= every
        if not texts["level3"] and not (fresh["level1"] or fresh["level2"]):
            texts["level3"] = self.levels["level3"]
        self.levels["level3"] = texts["level3"]
        self._close_indicators()
        first = cells[0]
        self.pending = {**texts, "level1": self.levels["level1"], "level2": self.levels["level2"]}
        self.pending_at = next((cell for cell in self._read(row, "level3")[1] + cells), first)

    def _covered(self, row: Row, cell: Cell) -> bool:
        """Whether a cell stands under some heading of columns."""
        return any(cell in self._read(row, key)[1] for key in self.columns or ())

    def _continues(self, texts: dict[str, str]) -> bool:
        """A row cut by the end of a page goes on in the first row of the next: no new levels, and a part is missing."""
        if self.pending is None or texts["level1"] or texts["level2"]:
            return False
        if texts["value"] and texts["level3"]:
            return False
        if texts["value"] and self.pending["value"]:
            return False
        for key, text in texts.items():
            if key not in {"level1", "level2"}:
                self.pending[key] = tidy(f"{self.pending[key]}{text}")
        return True

    def _levels(self, texts: dict[str, str], fresh: dict[str, bool]) -> None:
        """Keep the levels of merged or left-out cells; a new first level empties those below."""
        if texts["level1"] and (fresh["level1"] or texts["level1"] != self.levels["level1"]):
            self.levels = {"level1": texts["level1"], "level2": "", "level3": ""}
        if texts["level2"] and (fresh["level2"] or texts["level2"] != self.levels["level2"]):
            self.levels.update(level2=texts["level2"], level3="")

    def _close_indicators(self) -> None:
        if self.pending is None or self.current is None:
            return
        texts, at, self.pending = self.pending, self.pending_at, None
        sign = grammar.sign_of(texts["sign"])
        target = grammar.parse(texts["value"], unit=texts["unit"], comparison=texts["sign"])
        original = texts["value"]
        if (
            sign
            and not texts["sign"].startswith(("正向", "反向", "负向", "逆向"))
            and grammar.number_from(original) is not None
        ):
            original = f"{texts['sign']}{original}"
        if texts["unit"] and grammar.number_from(texts["value"].lstrip("≥≤=><＝≧≦")) is not None:
            original = f"{original}{texts['unit']}"
        if plain(texts["sign"]).startswith("定性"):
            target, original = Target(grammar.QUALITATIVE), texts["value"]
        weight = None
        if texts["weight"]:
            weight = grammar.number_from(plain(texts["weight"]).removesuffix("分").removesuffix("%"))
            if weight is None:
                self._unread("number", Cell(texts["weight"], at.line, at.place))
        if not original:
            self._note("blank_target", at, texts["level3"])
        elif target.unclear:
            self._note("unclear", at, original)
        self.current.indicators.append(Indicator(
            texts["level1"], texts["level2"], texts["level3"], texts["description"], original, target, weight,
            texts["scoring"], at.line, at.place,
        ))  # fmt: skip
        if self.current not in self.reading.programmes:
            self.reading.programmes.append(self.current)
        self._check_ceiling(self.current, target, texts["level2"] + texts["level1"], at)

    def _check_ceiling(self, programme: Programme, target: Target, levels: str, at: Cell) -> None:
        if "成本" not in levels or target.value is None or target.comparison != "<=" or programme.total is None:
            return
        ceiling = grammar.fen(target.value, target.unit)
        if ceiling is not None and ceiling > int(programme.total * 1_000_000):
            self._note("over_budget", at, grammar.render(target))

    def _finish(self) -> None:
        """Close the programme at hand."""
        self._close_indicators()
        if self.current is not None:
            at = Cell(self.current.name, self.current.line, self.current.place)
            if not self.current.indicators:
                self._unread("no_indicators", at)
        for programme in self.reading.programmes:
            at = Cell(programme.name, programme.line, programme.place)
            known = {(remark.code, remark.line) for remark in self.reading.unread}
            if not programme.name and ("no_name", at.line) not in known:
                self._unread("no_name", at)
            if programme.year is None and ("no_year", at.line) not in known:
                self._unread("no_year", at)
        self.current = None
        self.columns = None
