"""Rows from pasted text, where cells merely follow one another: found by the words of the first two levels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chengheng.performance.rules.grammar import plain
from chengheng.performance.rules.reading import Cell, Row
from chengheng.performance.rules.words import (
    LEVEL1,
    LEVEL2,
    LEVEL2_AFTER_LEVEL1,
    MONEY_UNIT,
    PAGE_NUMBER,
    UNIT_LINE,
    WIDE,
    column,
    head_field,
    is_title,
    tidy,
)  # fmt: skip


def rows_of(parts: Iterable[Row | Cell]) -> Iterator[Row | Cell]:
    """Rows from cells that merely follow one another; lines between tables pass through."""
    items: list[tuple[Cell, bool]] = []
    for part in parts:
        if isinstance(part, Cell):
            items.append((part, False))
        else:
            items.extend((cell, True) for cell in part.cells if cell is not None)
    position = 0
    while position < len(items):
        cell, in_table = items[position]
        if not in_table:
            yield cell
            position += 1
            continue
        headings, start = _headings(items, position)
        if not headings:
            yield Row((cell,))
            position += 1
            continue
        yield from (line for line, is_cell in items[position:start] if not is_cell)
        yield Row(tuple(headings))
        end = _body_end(items, start)
        yield from _body_rows(items[start:end], headings)
        position = end


def _headings(items: list[tuple[Cell, bool]], position: int) -> tuple[list[Cell], int]:
    """The headings of columns that start here and where they end; none when this is no row of headings."""
    keys: list[str] = []
    found: list[Cell] = []
    end = position
    for index in range(position, len(items)):
        cell, in_table = items[index]
        if not in_table or (found and not tidy(cell.text)):
            continue  # a page's heading, or an empty cell, in the middle
        key = column(cell.text)
        if key is None or key in WIDE or key in keys:
            break
        keys.append(key)
        found.append(cell)
        end = index + 1
    complete = keys[:1] in (["level1"], ["level2"]) and "value" in keys and len(keys) >= 3
    return (found, end) if complete else ([], position)


def _body_end(items: list[tuple[Cell, bool]], position: int) -> int:
    for index in range(position, len(items)):
        cell, in_table = items[index]
        text = tidy(cell.text)
        if not in_table or not text:
            continue
        field_of = head_field(text)
        if field_of and field_of[0] in {"name", "unit", "unit_code", "total", "goals"}:
            return _back_over_headings(items, index, position)
    return len(items)


def _back_over_headings(items: list[tuple[Cell, bool]], index: int, start: int) -> int:
    """The head of the next table begins with its title, unit line and money unit, before its first label.

    One text of another kind may stand behind a title or unit line: the name, where its label was left out.
    """
    back, others = index, 0
    while index > start:
        cell, in_table = items[index - 1]
        text = tidy(cell.text)
        others += bool(text) and in_table and not _is_of_a_head(text)
        if others > 1:
            break
        index -= 1
        if not others or is_title(text) or UNIT_LINE.fullmatch(text):
            back = index
    return back


def _is_of_a_head(text: str) -> bool:
    known = head_field(text)
    return bool(
        UNIT_LINE.fullmatch(text)
        or MONEY_UNIT.search(plain(text))
        or is_title(text)
        or (known and known[0] == "heading")
    )


def _body_rows(items: list[tuple[Cell, bool]], headings: list[Cell]) -> Iterator[Row | Cell]:
    keys = [column(cell.text) for cell in headings]
    leading = [key for key in keys if key in {"level1", "level2"}]
    rest = len(keys) - len(leading)
    stream: list[Cell] = []
    for cell, in_table in items:
        text = tidy(cell.text)
        if not in_table or MONEY_UNIT.fullmatch(plain(text)) or UNIT_LINE.fullmatch(text) or (
            text and (is_title(text) or (PAGE_NUMBER.fullmatch(text) and not text.isdigit()))
        ):  # fmt: skip
            if text:
                yield cell
            continue
        if column(text) in keys and text == tidy(headings[keys.index(column(text))].text):
            continue  # the headings again on the next page
        stream.append(cell)
    blank = Cell("", 0, "")
    level1, level2 = blank, blank
    group: list[Cell] = []

    def flush() -> Iterator[Row]:
        nonlocal group
        for chunk in _chunks(group, rest, len(keys)):
            if len(chunk) < rest:
                yield Row(tuple(blank for _ in keys) + tuple(chunk))
                continue
            lead = {"level1": level1, "level2": level2}
            yield Row(tuple(lead[key] for key in leading) + tuple(chunk))
        group = []

    for index, cell in enumerate(stream):
        level = _level_of(cell, stream, index)
        if level and _is_content(group, rest, stream, index):
            level = 0
        if level == 0:
            group.append(cell)
            continue
        yield from flush()
        if level == 1:
            level1, level2 = cell, blank
        else:
            level2 = cell
    yield from flush()


def _is_content(group: list[Cell], rest: int, stream: list[Cell], index: int) -> bool:
    """A level's word inside an unfinished row is that row's text when it stands there twice (name, description)."""
    filled = [tidy(cell.text) for cell in group if tidy(cell.text)]
    return len(filled) % rest == 1 and tidy(stream[index].text) == filled[-1]


def _level_of(cell: Cell, stream: list[Cell], index: int) -> int:
    """1 or 2 for a word of that level, else 0. 成本指标 and 满意度指标 are of both: the next word decides."""
    text = "".join(cell.text.split())
    if text in LEVEL2_AFTER_LEVEL1:
        before = next(("".join(each.text.split()) for each in reversed(stream[:index]) if tidy(each.text)), "")
        return 2 if before in LEVEL1 else 0
    if text in LEVEL1 and text in LEVEL2:
        following = next(("".join(each.text.split()) for each in stream[index + 1 :] if tidy(each.text)), "")
        return 1 if following in LEVEL2 | LEVEL2_AFTER_LEVEL1 else 2
    return 1 if text in LEVEL1 else 2 if text in LEVEL2 else 0


def _chunks(group: list[Cell], rest: int, width: int) -> Iterator[list[Cell]]:
    """The rows that follow the words of the levels; blanks stand for merged cells, or for cells left empty."""
    while group and not tidy(group[-1].text):
        group = group[:-1]
    filled = [cell for cell in group if tidy(cell.text)]
    if not filled:
        return
    blank = Cell("", filled[0].line, filled[0].place)
    if len(filled) % rest == 0:
        source = filled
    elif len(group) <= rest:
        source = group + [blank] * (rest - len(group))
        if rest == 3 and len(filled) == 2:  # name and value, nothing between: the description was left out
            source = [filled[0], blank, filled[1]]
    elif (len(group) + width - rest) % width == 0:
        padded = [blank] * (width - rest) + group
        yield from (padded[start + width - rest : start + width] for start in range(0, len(padded), width))
        return
    else:  # more cells than columns: one row of them, the others by themselves, where they will be reported
        yield filled[:rest]
        yield from ([cell] for cell in filled[rest:])
        return
    for start in range(0, len(source), rest):
        yield source[start : start + rest]
