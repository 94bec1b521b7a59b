"""Rows written and joined without the ORM's compiler, for the few ways where a request must cost little.

The ORM builds each statement anew, which takes several times as long as PostgreSQL needs to run it. Here a statement is
text that is kept. What must not go in: anything that the ORM does as quickly, and questions of permission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, transaction
from django.db.models import DateField, Field, Model
from django.db.models.base import ModelState

if TYPE_CHECKING:
    from chengheng.common.database.base import QuickCursor

Row = TypeVar("Row", bound=Model)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def in_one_transaction(act: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """`transaction.atomic` for an act that checks everything before it writes anything.

    Inside a transaction it is part of that one, without a savepoint of its own: a refusal has left nothing behind, and
    a fault of the database ends the whole transaction anyway.
    """

    @wraps(act)
    def done(*args: Given.args, **named: Given.kwargs) -> Answer:
        if connection.in_atomic_block:
            return act(*args, **named)
        with transaction.atomic():
            return act(*args, **named)

    return done


def cursor() -> QuickCursor:
    """A cursor for a statement that is kept text: PostgreSQL plans it once a connection (`common.database`)."""
    return cast("QuickCursor", connection.prepared_cursor())  # type: ignore[attr-defined]


def _named(model: type[Model], columns: tuple[str, ...]) -> str:
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f'insert into "{model._meta.db_table}" ({quoted})'


_Part = tuple[type[Model], tuple[str, ...]]


@lru_cache(maxsize=256)
def _insert_statement(model: type[Model], columns: tuple[str, ...], part: _Part | None = None) -> str:
    key, marks = model._meta.pk.column, ", ".join(["%s"] * len(columns))
    whole = f'{_named(model, columns)} values ({marks}) returning "{key}"'
    if part is None:
        return whole
    with_key = ", ".join([f'made."{key}"'] + ["%s"] * (len(part[1]) - 1))
    second = f"{_named(*part)} select {with_key} from made"  # noqa: S608 - names of our own models
    return f'with made as ({whole}), part as ({second}) select "{key}" from made'  # noqa: S608 - names of our own models


@lru_cache(maxsize=256)
def _quiet_insert(model: type[Model], columns: tuple[str, ...]) -> str:
    return f"{_named(model, columns)} values ({', '.join(['%s'] * len(columns))})"


_PLAIN = frozenset({str, int, float, bool, datetime})


@lru_cache(maxsize=64)
def _written(model: type[Model]) -> list[tuple[str, str, Field[Any, Any], bool]]:
    """Each field that an insert may name: its attribute, its column, itself, and whether it changes what it saves."""
    return [
        (field.attname, str(field.column), field, not _saves_as_it_is(field))
        for field in model._meta.local_concrete_fields
        if not field.generated
    ]


def _saves_as_it_is(field: Field[Any, Any]) -> bool:
    saves = type(field).pre_save
    return saves is Field.pre_save or (isinstance(field, DateField) and not (field.auto_now or field.auto_now_add))


def _values(row: Model, skip: str = "") -> tuple[tuple[str, ...], list[Any]]:
    columns: list[str] = []
    values: list[Any] = []
    here, kept = connections[DEFAULT_DB_ALIAS], row.__dict__
    for name, column, field, changes in _written(type(row)):
        value = field.pre_save(row, True) if changes or name not in kept else kept[name]
        if value is None or name == skip:
            continue
        columns.append(column)
        values.append(value if type(value) in _PLAIN else field.get_db_prep_save(value, here))
    return tuple(columns), values


def insert(row: Row, part: Model | None = None, by: str = "") -> Row:
    """Insert a new row, as `save(force_insert=True)` does for a model of one table with a generated key.

    Columns that are None are not named, so they must have no default in the database. No signals are sent and no `save`
    of the model's own is called; `pre_save` of the fields is. `part` is another new row that carries the key of `row` in
    its field `by`; both are written by one statement, and the key of the part is not read back. A row whose key was
    drawn before (`next_key`) is given to `write`, so that inside of `together` it is written at its end.
    """
    drawn = row.pk is not None
    if part is not None and drawn:
        setattr(part, by, row.pk)
        insert(row)
        columns, values = _values(part)
        write(_quiet_insert(type(part), columns), values)
        return row
    columns, values = _values(row)
    if drawn:
        write(_quiet_insert(type(row), columns), values)
    else:
        second = None
        if part is not None:
            names, more = _values(part, skip=by)
            second = (type(part), (str(part._meta.get_field(by).column), *names))  # type: ignore[union-attr]
            values += more
        with cursor() as one:
            one.execute(_insert_statement(type(row), columns, second), values)
            row.pk = one.fetchone()[0]  # type: ignore[index]
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    if part is not None:
        setattr(part, by, row.pk)
    return row


def next_key(model: type[Model]) -> str:
    """SQL for the next key of a model, for those who ask the database several things at once; `insert` takes it."""
    return f"nextval(pg_get_serial_sequence('{model._meta.db_table}', '{model._meta.pk.column}'))"


@lru_cache(maxsize=128)
def _update_statement(model: type[Model], names: tuple[str, ...]) -> str:
    pairs = ", ".join(f'"{model._meta.get_field(name).column}" = %s' for name in names)  # type: ignore[union-attr]
    return f'update "{model._meta.db_table}" set {pairs} where "{model._meta.pk.column}" = %s'  # noqa: S608 - our own


def update(row: Model, names: tuple[str, ...]) -> None:
    """Write these fields of a stored row, as `save(update_fields=names)` does where a model has no `save` of its own."""
    here, values = connections[DEFAULT_DB_ALIAS], []
    for name in names:
        field = row._meta.get_field(name)
        values.append(field.get_db_prep_save(field.pre_save(row, False), here))  # type: ignore[union-attr]
    with cursor() as one:
        one.execute(_update_statement(type(row), names), [*values, row.pk])
        if one.rowcount != 1:
            raise DatabaseError(f"{row} is not stored any more")


@lru_cache(maxsize=64)
def _defaults(model: type[Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """What a new row of the model has when nothing is said: plain values, and those that are made anew each time."""
    plain, made = {}, []
    for field in model._meta.concrete_fields:
        if field.generated:
            continue
        default = field.default if field.has_default() else None
        if callable(default):
            made.append((field.attname, default))
        else:
            plain[field.attname] = field.get_default()
    return plain, made


def new(model: type[Row], values: dict[str, Any]) -> Row:
    """A new row as `model(**values)` makes it, at a third of the cost; foreign keys are named by their column.

    Not for models with an `__init__` or with fields that do something when a row is made (files).
    """
    plain, made = _defaults(model)
    row = model.__new__(model)
    row._state = ModelState()
    row.__dict__.update(plain)
    row.__dict__.update(values)
    for name, default in made:
        if name not in values:
            row.__dict__[name] = default()
    return row


_waiting: ContextVar[tuple[list[str], list[Any]] | None] = ContextVar("statements_waiting", default=None)


def write(statement: str, values: Sequence[Any]) -> None:
    """Run a statement that writes and whose answer nobody needs: at once, or inside of `together` at its end."""
    waiting = _waiting.get()
    if waiting is None:
        with cursor() as one:
            one.execute(statement, values)
    else:
        waiting[0].append(statement)
        waiting[1].extend(values)


@contextmanager
def together(at_the_end: bool = False) -> Iterator[None]:
    """What the block gives to `write` goes to the database as one statement at its end; not at all when the block raises.

    Inside a transaction, around acts that do not read what they have written by `write`. The writings see what was
    there before the end, not one another, so no two may be to the same row. A block inside of another is part of it.
    `at_the_end` says that the transaction ends with it: then the statement goes along with the commit.
    """
    if _waiting.get() is not None:
        yield
        return
    waiting: tuple[list[str], list[Any]] = ([], [])
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    if waiting[0] and at_the_end:
        connection.write_with_commit(_joined(tuple(waiting[0])), waiting[1])  # type: ignore[attr-defined]
    elif waiting[0]:
        write(_joined(tuple(waiting[0])), waiting[1])


@lru_cache(maxsize=64)
def _joined(statements: tuple[str, ...]) -> str:
    """Statements that write as one: PostgreSQL runs each part of `with` that writes once and to its end."""
    if len(statements) == 1:
        return statements[0]
    parts = ", ".join(f"part_{number} as ({statement})" for number, statement in enumerate(statements[:-1]))
    return f"with {parts} {statements[-1]}"


@lru_cache(maxsize=64)
def _fields(model: type[Model]) -> tuple[Sequence[Field[Any, Any]], list[str], list[tuple[int, Any]]]:
    fields = model._meta.concrete_fields
    converters = [
        (place, convert)
        for place, field in enumerate(fields)
        if (convert := getattr(field, "from_db_value", None)) is not None
    ]
    return fields, [field.attname for field in fields], converters


def columns(model: type[Model], alias: str) -> str:
    """The model's columns for a select, in the order that `read` takes them."""
    return ", ".join(f'{alias}."{field.column}"' for field in _fields(model)[0])


def width(model: type[Model]) -> int:
    """How many columns `columns` names."""
    return len(_fields(model)[0])


def read(model: type[Row], values: Sequence[Any]) -> Row:
    """A row of the model from the values of its `columns`, as the ORM makes it; not for models that `new` is not for."""
    _all, names, converters = _fields(model)
    if converters:
        values = list(values)
        for place, convert in converters:
            values[place] = convert(values[place], None, connection)
    row = model.__new__(model)
    row.__dict__.update(zip(names, values, strict=True))
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return row
