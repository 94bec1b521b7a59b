"""Reading files of target tables and comparing them with what is stored. No database is needed to read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from chengheng.performance import readers
from chengheng.performance.rules.reading import Cell, Programme, Reading, Remark
from chengheng.performance.rules.tables import recognise

FATAL = {"no_table", "no_columns", "no_indicators", "no_name", "no_year", "twice"}


@dataclass
class Batch:
    """Several files read together. `complete` says that nothing essential is missing, so that they may be imported."""

    files: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)
    sources: dict[int, str] = field(default_factory=dict)
    contents: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def fatal(self) -> list[Remark]:
        return [remark for remark in self.reading.unread if remark.code in FATAL]

    @property
    def complete(self) -> bool:
        return bool(self.reading.programmes) and not self.fatal

    def source_of(self, programme: Programme) -> str:
        return self.sources.get(id(programme), "")


def read_files(files: Iterable[tuple[str, bytes]], year: int | None = None) -> Batch:
    """Read (name, content) pairs; raises `readers.Unreadable` for a file that cannot be read at all."""
    batch = Batch()
    seen: set[tuple[int | None, str, str]] = set()
    for name, content in files:
        reading = recognise(readers.read(content, name), year)
        batch.files.append(name)
        batch.contents.append((name, content))
        batch.digests.append(hashlib.sha256(content).hexdigest())
        batch.reading.unread += reading.unread
        batch.reading.notes += reading.notes
        for programme in reading.programmes:
            if programme.key in seen:
                at = Cell(programme.name, programme.line, programme.place)
                batch.reading.unread.append(Remark(name, at.line, at.place, at.text, "twice"))
                continue
            seen.add(programme.key)
            batch.sources[id(programme)] = name
            batch.reading.programmes.append(programme)
    return batch
