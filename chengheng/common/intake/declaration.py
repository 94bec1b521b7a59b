"""How an import is declared, and the registry of imports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.functional import Promise

from chengheng.common.intake.errors import UnknownImporter
from chengheng.common.intake.parsers import Parser, text
from chengheng.common.intake.rows import Problems, Rows

if TYPE_CHECKING:
    from django.db.models import Model

    from chengheng.common.intake.models import Batch

Parse = Parser | type[Parser] | Callable[[Any], Any]


@dataclass
class Field:
    """One column of an import. `aliases`: other headings that people use. `default` stands where the cell (or the whole
    column) is empty. `required`: the column must be there and no cell of it empty."""

    name: str
    label: str | Promise
    required: bool = False
    parse: Any = None  # Parse; a plain function may raise ValueError with a sentence
    aliases: Sequence[str] = ()
    default: Any = None
    example: str = ""
    help: str | Promise = ""

    def __post_init__(self) -> None:
        parse = self.parse if self.parse is not None else text()
        if isinstance(parse, type):
            parse = parse()
        if not isinstance(parse, Parser):
            parse = _Function(parse)
        self.parser: Parser = parse


class _Function(Parser):
    """A plain function as a parser."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def parse(self, value: Any) -> Any:
        from chengheng.common.errors import Refusal
        from chengheng.common.intake.parsers import Unreadable

        try:
            return self.function(value)
        except Unreadable:
            raise
        except (ValueError, Refusal) as error:
            raise Unreadable(str(error)) from error

    __call__ = parse


class Importer:
    """An import of one kind of row. One instance serves one check or commit; `actor` is who it is for.

    `models`: the models whose rows the import makes, dependants first; each has a foreign key `batch_field` to
    `intake.Batch`, and the default `undo` deletes by it.
    """

    code: ClassVar[str] = ""
    title: ClassVar[str | Promise] = ""
    act: ClassVar[str] = ""
    fields: ClassVar[Sequence[Field]] = ()
    models: ClassVar[Sequence[type[Model]]] = ()
    batch_field: ClassVar[str] = "batch"
    max_rows: ClassVar[int] = 200_000
    max_columns: ClassVar[int] = 200
    help: ClassVar[str | Promise] = ""

    def __init__(self, actor: Any = None) -> None:
        self.actor = actor
        self.notes: list[str] = []
        """What the commit will do, a sentence each, for the preview; `check` fills it."""

    def check(self, rows: Rows, problems: Problems) -> None:
        """Checks across rows and against what is stored, on the rows whose cells could all be read."""

    def commit(self, rows: Rows, batch: Batch, actor: Any) -> int | None:
        """Make the rows, in bulk, each with `batch`; may return how many were made. Runs in one transaction."""
        raise NotImplementedError

    def undo(self, batch: Batch, actor: Any) -> None:
        """Take the batch back; DependedUpon when something has come to stand on its rows."""
        from chengheng.common.intake.undoing import delete_rows_of

        delete_rows_of(self, batch)

    def done_url(self, batch: Batch) -> str:
        """Where to look at what was imported; "" for nowhere."""
        return ""


_importers: dict[str, type[Importer]] = {}


def register(importer: type[Importer]) -> type[Importer]:
    """Give the importer its pages at `/intake/<code>/`. Usable as decorator."""
    if not importer.code or not importer.act:
        raise ValueError(f"{importer.__name__} needs a code and an act")
    known = _importers.get(importer.code)
    if known is not None and (known.__module__, known.__qualname__) != (importer.__module__, importer.__qualname__):
        raise ValueError(f"importer {importer.code} is declared twice")
    names = [field.name for field in importer.fields]
    if len(set(names)) != len(names):
        raise ValueError(f"importer {importer.code} has two fields of one name")
    _importers[importer.code] = importer
    return importer


def find(code: str) -> type[Importer] | None:
    """The importer of this code, or None when no room declares it (any more)."""
    return _importers.get(code)


def get(code: str) -> type[Importer]:
    """The importer of this code; UnknownImporter."""
    found = find(code)
    if found is None:
        raise UnknownImporter
    return found


def registered() -> list[type[Importer]]:
    """All importers, by code."""
    return [_importers[code] for code in sorted(_importers)]
