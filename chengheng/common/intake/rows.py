"""Rows as read, and the problems found in them. Values are kept by column; rows are made when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

from django.utils.functional import Promise

MOST_KEPT = 1_000


class Row(dict[str, Any]):
    """One row: field name → value, with the sheet and the row number that the user's spreadsheet shows."""

    __slots__ = ("index", "number", "sheet")

    def __init__(self, values: Any, sheet: str = "", number: int = 0, index: int = 0) -> None:
        super().__init__(values)
        self.sheet, self.number, self.index = sheet, number, index


class Rows(Sequence[Row]):
    """All good rows. `columns[name]` is the whole column, for bulk work; iterating makes `Row`s."""

    def __init__(self, columns: dict[str, list[Any]], sheets: list[str], numbers: list[int]) -> None:
        self.columns, self.sheets, self.numbers = columns, sheets, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Row | Rows:
        if isinstance(index, slice):
            return Rows(
                {name: values[index] for name, values in self.columns.items()}, self.sheets[index], self.numbers[index]
            )
        values = {name: column[index] for name, column in self.columns.items()}
        return Row(values, self.sheets[index], self.numbers[index], index if index >= 0 else len(self) + index)

    def __iter__(self) -> Iterator[Row]:
        names = list(self.columns)
        if not names:
            return
        cells = zip(*self.columns.values(), strict=True)
        for index, (values, sheet, number) in enumerate(zip(cells, self.sheets, self.numbers, strict=True)):
            yield Row(zip(names, values, strict=True), sheet, number, index)

    def tuples(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples of these fields."""
        return zip(*(self.columns[name] for name in names), strict=True)

    def keep(self, good: Sequence[bool]) -> Rows:
        """Only the rows marked True."""
        if all(good):
            return self

        def pick(values: list[Any]) -> list[Any]:
            return [value for value, kept in zip(values, good, strict=True) if kept]

        return Rows(
            {name: pick(values) for name, values in self.columns.items()}, pick(self.sheets), pick(self.numbers)
        )


@dataclass(frozen=True)
class Problem:
    """What is wrong and where, as the user's spreadsheet counts. `row` 0: the whole sheet or file."""

    sheet: str
    row: int
    column: str
    field: str
    label: str
    value: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Problems:
    """The problems of a file: the first `MOST_KEPT` are kept, all are counted."""

    def __init__(self, labels: dict[str, str] | None = None, columns: dict[tuple[str, str], str] | None = None) -> None:
        self.kept: list[Problem] = []
        self.count = 0
        self._labels = {} if labels is None else labels
        self._columns = {} if columns is None else columns  # filled while the sheets are read

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.kept)

    def add(
        self, row: Row | int | None, field: str = "", message: str | Promise = "", *, sheet: str = "", value: Any = ""
    ) -> None:
        """Report a problem of a row (or its number, or None for the file) and a field ("" for the whole row)."""
        self.count += 1
        if len(self.kept) >= MOST_KEPT:
            return
        number = 0
        if isinstance(row, Row):
            sheet, number = row.sheet, row.number
            if value == "" and field:
                value = row.get(field, "")
        elif row is not None:
            number = int(row)
        shown = "" if value is None else str(value)
        self.kept.append(
            Problem(
                sheet,
                number,
                self._columns.get((sheet, field), ""),
                field,
                str(self._labels.get(field, field)),
                shown if len(shown) <= 80 else shown[:79] + "…",
                str(message),
            )
        )

    def in_order(self) -> list[Problem]:
        """The kept problems by sheet and row; those of the whole file first."""
        return sorted(self.kept, key=lambda problem: (problem.sheet, problem.row))
