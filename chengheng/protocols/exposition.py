"""The text format in which Prometheus exporters show numbers (exposition format 0.0.4, OpenMetrics 1.0 as far as samples).

for sample in samples(text, {"node_load1"}): sample.name, sample.labels, sample.value
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))')
_ESCAPE = re.compile(r"\\(.)")


class ExpositionError(ValueError):
    """A line that is no sample."""


@dataclass(frozen=True)
class Sample:
    """One number, with its labels."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text) if "\\" in text else text


def read_labels(text: str, at: int) -> tuple[dict[str, str], int]:
    """Labels of a `{…}` that opens before `at`, and the place behind it. ExpositionError when they are none."""
    labels: dict[str, str] = {}
    while True:
        end = at
        while end < len(text) and text[end] in " \t":
            end += 1
        if end < len(text) and text[end] == "}":
            return labels, end + 1
        found = _LABEL.match(text, at)
        if found is None:
            raise ExpositionError(text[:80])
        labels[found[1]] = _unescape(found[2])
        at = found.end()


def read_line(line: str) -> Sample:
    """The sample of one line; ExpositionError when it is none."""
    name = _NAME.match(line)
    if name is None:
        raise ExpositionError(line[:80])
    labels: dict[str, str] = {}
    at = name.end()
    if line[at : at + 1] == "{":
        labels, at = read_labels(line, at + 1)
    words = line[at:].partition(" # ")[0].split()
    if not 1 <= len(words) <= 2 or (line[at : at + 1] not in {" ", "\t"} and not labels and at == name.end()):
        raise ExpositionError(line[:80])
    try:
        return Sample(name[0], float(words[0].replace("_", "x")), labels)
    except ValueError:
        raise ExpositionError(line[:80]) from None


def samples(text: str, names: Collection[str]) -> Iterator[Sample]:
    """The samples with one of these names, in their order; other lines are not looked into."""
    wanted = tuple(names)
    for line in text.split("\n"):
        if line.startswith(wanted):
            line = line.rstrip("\r")
            found = _NAME.match(line)
            if found is not None and found[0] in names:
                yield read_line(line)
