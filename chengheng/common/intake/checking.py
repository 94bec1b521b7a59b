"""Reading a file for an importer: sheets, headings, cells, checks across rows. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from chengheng.common.intake import headings, reading
from chengheng.common.intake.declaration import Importer
from chengheng.common.intake.errors import NoHeader, UnreadableFile
from chengheng.common.intake.garbage import uncollected
from chengheng.common.intake.rows import Problems, Rows

SAMPLE_ROWS = 10
Step = Callable[[int, int, str], None]


@dataclass
class SheetReport:
    """What became of one sheet, for the preview."""

    name: str
    rows: int = 0
    heading_row: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    """Per heading: {"column", "words", "field"} ("" where it is not read)."""
    left_out: str = ""
    """Why the sheet was not read; "" when it was."""


@dataclass
class Checked:
    """A file as read: good rows, problems, what became of each sheet, and a sample of the cells as they stand."""

    rows: Rows
    problems: Problems
    sheets: list[SheetReport]
    sample: list[dict[str, Any]]
    read_rows: int
    notes: list[str] = field(default_factory=list)
    """What the commit will do, in the importer's own words."""

    def report(self) -> dict[str, Any]:
        """For `Batch.report`."""
        return {"sheets": [vars(sheet) for sheet in self.sheets], "sample": self.sample, "notes": self.notes}


def check(
    importer: Importer,
    content: bytes,
    name: str,
    mapping: Mapping[str, str] | None = None,
    step: Step | None = None,
) -> Checked:
    """Read `content` for the importer. `mapping`: heading key → field name ("" leaves it out), from what was remembered.

    Problems of headings, cells and rows are collected; a file that cannot be read at all raises UnreadableFile.
    """
    with uncollected():
        return _check(importer, content, name, mapping, step)


def _check(
    importer: Importer, content: bytes, name: str, mapping: Mapping[str, str] | None, step: Step | None
) -> Checked:
    tell = step or (lambda done, total, text: None)
    tell(0, 0, _("Reading the file"))
    fields = {one.name: one for one in importer.fields}
    labels = {one.name: str(one.label) for one in importer.fields}
    letters: dict[tuple[str, str], str] = {}
    problems = Problems(labels, letters)
    reports: list[SheetReport] = []
    columns: dict[str, list[Any]] = {one: [] for one in fields}
    sheet_names: list[str] = []
    numbers: list[int] = []
    sample: list[dict[str, Any]] = []
    nearest: list[str] | None = None
    bad: set[int] = set()

    for sheet in reading.read(content, name):
        report = SheetReport(sheet.name)
        reports.append(report)
        if not sheet.visible:
            report.left_out = _("The sheet is hidden.")
            continue
        rows = list(islice(sheet.rows(), importer.max_rows + headings.LOOK_AT_ROWS + 1))
        if not rows:
            report.left_out = _("The sheet is empty.")
            continue
        heading = headings.find(
            rows, importer.fields, first_column=sheet.first_column, merged=sheet.merged, remembered=mapping
        )
        if heading is None:
            report.left_out = _("No heading row was found.")
            report.columns = _columns(headings.likely(rows, sheet.first_column))  # to be matched by hand
            continue
        if heading.missing:
            missing = [labels[one] for one in heading.missing]
            report.left_out = _("The heading row %(row)s lacks: %(missing)s.") % {
                "row": heading.row,
                "missing": _(", ").join(missing),
            }
            if nearest is None or len(missing) < len(nearest):
                nearest = missing
            report.columns = _columns(heading)
            report.heading_row = heading.row
            continue
        body = rows[next((at for at, (number, _cells) in enumerate(rows) if number > heading.row), len(rows)) :]
        if len(body) + len(numbers) > importer.max_rows:
            raise UnreadableFile(_("The file has more than %(most)s rows. Split it."), most=f"{importer.max_rows:,}")
        report.rows, report.heading_row, report.columns = len(body), heading.row, _columns(heading)
        for words in heading.doubled:
            problems.add(
                heading.row, "", _("Two columns are the same field: “%(words)s”.") % {"words": words}, sheet=sheet.name
            )
        offset = len(numbers)
        numbers += [number for number, _cells in body]
        sheet_names += [sheet.name] * len(body)
        raw = _by_column([cells for _number, cells in body], heading, sheet.first_column)
        for position, (one, declared) in enumerate(fields.items()):
            tell(position, len(fields), _("Checking “%(column)s”") % {"column": labels[one]})
            if one in heading.fields:
                letters[sheet.name, one] = reading.column_letters(heading.fields[one])
            cells = raw.get(one)
            if cells is None:
                columns[one] += [declared.default] * len(body)
                continue
            parsed, found = declared.parser.column(cells)
            for index, message in found:
                bad.add(offset + index)
                problems.add(body[index][0], one, message, sheet=sheet.name, value=cells[index])
            if declared.required and type(None) in set(map(type, parsed)):
                wrong = {index for index, _message in found}
                for index, value in enumerate(parsed):
                    if value is None and index not in wrong:
                        bad.add(offset + index)
                        problems.add(body[index][0], one, _("is missing"), sheet=sheet.name)
            elif declared.default is not None:
                parsed = [declared.default if value is None else value for value in parsed]
            columns[one] += parsed
        for index in range(min(len(body), SAMPLE_ROWS - len(sample))):
            sample.append(
                {
                    "sheet": sheet.name,
                    "row": body[index][0],
                    "cells": {one: _shown(cells[index]) for one, cells in raw.items()},
                }
            )
    if not numbers:
        if nearest is None and any(report.heading_row for report in reports):
            problems.add(None, "", _("The file has a heading but no rows."))
        else:
            needed = [labels[one.name] for one in importer.fields if one.required]
            problems.add(None, "", str(NoHeader(missing=_(", ").join(nearest or needed))))
        return Checked(Rows(columns, [], []), problems, reports, [], 0)
    everything = Rows(columns, sheet_names, numbers)
    rows_good = everything.keep([index not in bad for index in range(len(numbers))]) if bad else everything
    tell(0, 0, _("Checking across rows"))
    importer.check(rows_good, problems)
    return Checked(rows_good, problems, reports, sample, len(numbers), [str(note) for note in importer.notes])


def _columns(heading: headings.Heading) -> list[dict[str, Any]]:
    taken = {column: one for one, column in heading.fields.items()}
    return [
        {
            "column": reading.column_letters(column),
            "words": words,
            "key": headings.key(words),
            "field": taken.get(column, ""),
        }
        for column, words in heading.words.items()
    ]


def _by_column(rows: list[list[Any]], heading: headings.Heading, first_column: int) -> dict[str, list[Any]]:
    """The cells of each field's column. Short rows (text tables have them) count as empty at their end."""
    if not rows:
        return {one: [] for one in heading.fields}
    width = max(map(len, rows))
    if min(map(len, rows)) != width:
        rows = [cells + [""] * (width - len(cells)) for cells in rows]
    turned = list(zip(*rows, strict=True))
    return {
        one: list(turned[column - first_column]) if 0 <= column - first_column < width else [""] * len(rows)
        for one, column in heading.fields.items()
    }


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    found = str(cell)
    return found if len(found) <= 60 else found[:59] + "…"
