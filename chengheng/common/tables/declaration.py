"""How a list is declared: columns, bulk acts, the table itself, and the registry. No request, no HTML here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chengheng.common.people import access
from chengheng.common.tables.errors import UnknownTable

if TYPE_CHECKING:
    from chengheng.common.tables.filters import Filter

KINDS = frozenset(
    {
        "text", "number", "datetime", "date", "badge", "link", "money_fen", "percent", "boolean", "user",
        "organisation",
    }
)  # fmt: skip
NUMERIC = frozenset({"number", "money_fen", "percent"})


Proposals = Callable[[int | None, int | None], Iterator[list[int]]]
"""(before, above) → keys in lists: below `before` from the highest down, or above `above` from the lowest up."""


@dataclass(frozen=True)
class Column:
    """One column of a list.

    `name`: attribute path of the row ("number", "department__name"); a field with choices shows its label.
    `kind`: one of `KINDS`. money_fen is integer fen, percent counts in per cent. `value`: callable(row) instead of the
    path. `sort`: the look-up to sort by; None derives it from `name` where that is a stored field, "" forbids sorting.
    `tones`: state → good, warn, bad, info for badges. `shown`: whether it shows until a user chooses columns.
    """

    name: str
    label: str | Promise
    kind: str = "text"
    link: bool = False
    badge: bool = False
    value: Callable[[Any], Any] | None = None
    sort: str | None = None
    tones: Mapping[Any, str] | Callable[[Any], str] | None = None
    shown: bool = True
    export: bool = True
    help: str | Promise = ""
    places: int | None = None

    def __post_init__(self) -> None:
        if self.badge and self.kind == "text":
            object.__setattr__(self, "kind", "badge")
        if self.kind == "link":
            object.__setattr__(self, "link", True)
        if self.kind not in KINDS:
            raise ValueError(f"column {self.name}: no kind {self.kind!r}")

    def raw(self, row: Any) -> Any:
        """The row's value as stored; None where the path ends at nothing."""
        if self.value is not None:
            return self.value(row)
        return follow(row, self.name)

    def shown_value(self, row: Any) -> Any:
        """The row's value, choices replaced by their labels."""
        if self.value is not None:
            return self.value(row)
        *path, last = self.name.split("__")
        owner = follow(row, "__".join(path)) if path else row
        if owner is None:
            return None
        labels = _labels(owner.__class__, last)
        if labels is None:
            return follow(owner, last)
        value = getattr(owner, last)
        label = labels.get(value, value)
        return str(label) if isinstance(label, Promise) else label

    def tone(self, row: Any) -> str:
        """The badge's tone; "" when the declaration gives none."""
        if callable(self.tones):
            return self.tones(row)
        return str((self.tones or {}).get(str(self.raw(row)), ""))


@lru_cache(maxsize=1024)
def _labels(model: type, name: str) -> dict[Any, Any] | None:
    """Value → label of a field with choices, None for any other; Django's `get_…_display` makes this anew for each row."""
    try:
        choices = model._meta.get_field(name).flatchoices  # type: ignore[attr-defined]
    except (AttributeError, FieldDoesNotExist):
        return None
    return dict(choices) or None


def follow(row: Any, path: str) -> Any:
    """`follow(case, "department__name")`: attribute after attribute, None as soon as one is None."""
    for part in path.split("__"):
        if row is None:
            return None
        row = getattr(row, part)
        if callable(row) and not isinstance(row, type):
            row = row()
    return row


@dataclass(frozen=True)
class BulkAction:
    """An act on chosen rows. `perform(user, rows)` runs in one transaction with the rows that `act` opens to the user
    (all of the chosen ones, or the whole is refused) and may return a sentence to show."""

    name: str
    label: str | Promise
    act: str
    perform: Callable[[Any, list[Any]], str | Promise | None]
    confirm: str | Promise = ""
    icon: str = ""
    danger: bool = False


@dataclass(frozen=True)
class Sort:
    """A sort order: a whitelisted column, the look-up behind it, and whether it may be empty."""

    name: str
    lookup: str
    descending: bool
    field: Field
    nullable: bool

    @property
    def text(self) -> str:
        return f"-{self.name}" if self.descending else self.name


class Table:
    """A list of rows of one model. See the package for an example; one instance serves one request.

    `act`: what a user must be permitted to do to see a row; rows are scoped by it. `export_act`: the same for export
    (default `act`). `statement_seconds` bounds how long the database may think about a page.
    """

    code: ClassVar[str] = ""
    title: ClassVar[str | Promise] = ""
    act: ClassVar[str] = ""
    export_act: ClassVar[str] = ""
    columns: ClassVar[Sequence[Column]] = ()
    filters: ClassVar[Sequence[Filter]] = ()
    actions: ClassVar[Sequence[BulkAction]] = ()
    default_sort: ClassVar[str] = ""
    page_size: ClassVar[int] = 50
    export_limit: ClassVar[int | None] = None
    empty: ClassVar[str | Promise] = _("Nothing here yet.")
    statement_seconds: ClassVar[float] = 8.0
    navigation: ClassVar[Sequence[tuple[str | Promise, str] | tuple[str | Promise, str, str]]] = ()
    """Buttons above the list: (label, url name)."""

    def queryset(self, user: Any) -> QuerySet:
        """The rows, unscoped, with `select_related` for what the columns show."""
        raise NotImplementedError

    def require(self, user: Any) -> None:
        """Refuse those who may not see the list at all; NotPermitted."""
        access.require(user, self.act)

    def visible(self, user: Any) -> QuerySet:
        """The rows that this user may see."""
        return access.visible(user, self.act, self.queryset(user))

    def proposals(self, values: Mapping[str, Any]) -> Proposals | None:
        """For a table too large for the database's own indexes: keys that rows matching `values` may have, from an index
        of the room's own; None where it has nothing to say. The query still decides; only orders by key are served."""
        return None

    def row_url(self, row: Any) -> str:
        """Where a row leads; "" for nowhere."""
        return row.get_absolute_url() if hasattr(row, "get_absolute_url") else ""

    def row_class(self, row: Any) -> str:
        """A CSS class for the row ("row-late")."""
        return ""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def chosen(self, names: Sequence[str]) -> list[Column]:
        """The columns of these names in this order; the declared ones when none of the names is known."""
        known = [self.by_name[name] for name in names if name in self.by_name]
        return known or [column for column in self.columns if column.shown]

    def sorts(self, model: type[Model]) -> dict[str, Sort]:
        """The whitelist: every column that stands on a stored field, ascending."""
        found = {}
        for column in self.columns:
            lookup = column.sort if column.sort is not None else ("" if column.value else column.name)
            known = resolve(model, lookup) if lookup else None
            if known is not None:
                stored, nullable = known
                found[column.name] = Sort(column.name, lookup, False, stored, nullable)
        return found

    def sort(self, model: type[Model], text: str) -> Sort:
        """The order that `text` ("-due_at") asks for; the default where it is not on the whitelist; else by key."""
        sorts = self.sorts(model)
        for wanted in (text, self.default_sort):
            name = wanted.removeprefix("-")
            if name in sorts:
                found = sorts[name]
                return Sort(found.name, found.lookup, wanted.startswith("-"), found.field, found.nullable)
            known = resolve(model, name) if wanted and wanted == self.default_sort else None
            if known is not None:
                return Sort(name, name, wanted.startswith("-"), known[0], known[1])
        return Sort("pk", "pk", True, model._meta.pk, False)


def resolve(model: type[Model], lookup: str) -> tuple[Field, bool] | None:
    """The stored field at a look-up path and whether it (or the way to it) may be empty; None when there is none."""
    nullable = False
    current: Any = model
    stored: Any = None
    for part in lookup.split("__"):
        if current is None:
            return None
        try:
            stored = current._meta.pk if part == "pk" else current._meta.get_field(part)
        except FieldDoesNotExist:
            return None
        if not getattr(stored, "concrete", False) or stored.many_to_many:
            return None
        nullable = nullable or stored.null
        current = stored.related_model
    if stored.is_relation:
        return None
    return stored, nullable


_tables: dict[str, type[Table]] = {}


def register(table: type[Table]) -> type[Table]:
    """Give the table its page at `/list/<code>/`. Usable as decorator; a code taken by another class is an error."""
    if not table.code or not table.act:
        raise ValueError(f"{table.__name__} needs a code and an act")
    known = _tables.setdefault(table.code, table)
    if known is not table and (known.__module__, known.__qualname__) != (table.__module__, table.__qualname__):
        raise ValueError(f"table {table.code} is declared twice")
    _tables[table.code] = table
    return table


def get(code: str) -> type[Table]:
    """The table of this code; UnknownTable."""
    if code not in _tables:
        raise UnknownTable
    return _tables[code]


def registered() -> list[type[Table]]:
    """All tables, by code."""
    return [_tables[code] for code in sorted(_tables)]


@dataclass
class Listing:
    """What a user asks of a table: parsed filters, order, columns. Made by `asking.parse`."""

    table: Table
    user: Any
    queryset: QuerySet
    sort: Sort
    columns: list[Column]
    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    proposals: Proposals | None = None
