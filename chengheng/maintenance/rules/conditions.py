"""What must hold of numbers that a probe read, one condition a line. Local notation, in the likeness of PromQL:

    node_load1 < 8
    node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"} > 0.1
    1.3.6.1.2.1.25.3.3.1.2.1 <= 90

Left of the sign stand names of an exporter (labels narrow them down) or numeric SNMP OIDs. A name that several samples
carry must hold for each; of a quotient, samples with the same labels are divided. What is not there does not hold.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chengheng.protocols.exposition import ExpositionError, Sample, read_labels

SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_TERM = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*|\d+(?:\.\d+)+)")
_REST = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$")
MOST = 50


@dataclass(frozen=True)
class Term:
    """A name or OID, with the labels that a sample must carry."""

    name: str
    labels: dict[str, str] = field(default_factory=dict, compare=False)  # the condition's text tells them apart

    def of(self, samples: Iterable[Sample]) -> dict[frozenset[tuple[str, str]], float]:
        """Labels → value of the samples that are meant."""
        return {
            frozenset(sample.labels.items()): sample.value
            for sample in samples
            if sample.name == self.name and self.labels.items() <= sample.labels.items()
        }


@dataclass(frozen=True)
class Condition:
    """One line: `left [/ right] sign bound`."""

    text: str
    left: Term
    right: Term | None
    sign: str
    bound: float

    def broken(self, samples: list[Sample]) -> str:
        """Why it does not hold, "" when it does."""
        values = self.left.of(samples)
        if self.right is not None:
            below = self.right.of(samples)
            values = {key: _quotient(value, below[key]) for key, value in values.items() if key in below}
        if not values:
            return f"{self.text}: not found"
        for value in values.values():
            if math.isnan(value) or not SIGNS[self.sign](value, self.bound):
                return f"{self.text}: is {value:g}"
        return ""


def _quotient(value: float, by: float) -> float:
    return value / by if by else math.nan


def _term(text: str, at: int) -> tuple[Term, int]:
    found = _TERM.match(text, at)
    if found is None:
        raise ValueError(text)
    end = found.end()
    labels: dict[str, str] = {}
    if text[end : end + 1] == "{":
        try:
            labels, end = read_labels(text, end + 1)
        except ExpositionError:
            raise ValueError(text) from None
    return Term(found[1], labels), end


def read(lines: str) -> list[Condition]:
    """The conditions of a text; ValueError with the line that is none, or for more than `MOST`."""
    found = []
    for line in lines.splitlines():
        text = line.strip()
        if not text:
            continue
        left, at = _term(text, 0)
        right = None
        if text[at:].lstrip().startswith("/"):
            right, at = _term(text, text.index("/", at) + 1)
        rest = _REST.match(text, at)
        if rest is None or len(text) > 500:
            raise ValueError(text)
        found.append(Condition(text, left, right, rest[1], float(rest[2])))
    if len(found) > MOST:
        raise ValueError(f"more than {MOST} lines")
    return found


def names(conditions: Iterable[Condition]) -> set[str]:
    """The names or OIDs that the conditions ask for."""
    return {term.name for one in conditions for term in (one.left, one.right) if term is not None}


def broken(conditions: Iterable[Condition], samples: list[Sample]) -> str:
    """The first condition that does not hold, in words; "" when all do."""
    return next((words for words in (one.broken(samples) for one in conditions) if words), "")
