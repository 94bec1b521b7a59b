"""Many rows into a table at the database's own speed: COPY, as psycopg streams it.

For imports whose rows are plain columns. Nothing of Django's `save` happens: no signals, no `full_clean`; constraints
hold as always. Runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice, repeat
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg import sql

from chengheng.common.intake.garbage import uncollected
from chengheng.common.intake.rows import Rows

_BLOCK = 2_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_SPECIAL = frozenset("\\\t\n\r")


def copy_rows(model: type[Model], rows: Iterable[Any], fields: Sequence[str] | None = None, **constants: Any) -> int:
    """COPY `rows` into the model's table; returns how many.

    `rows`: model instances, mappings, or sequences in the order of `fields`. `fields` are field names of the model
    (foreign keys take a row or its key); without them the first mapping's keys, or all stored fields of instances.
    `constants` are fields with one value for every row (`batch=batch`). Fields that are not given get their default.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return 0
    given: list[Any] = [first]
    if fields is None:
        if isinstance(first, Model):
            fields = [one.attname for one in model._meta.concrete_fields if one.attname not in _generated(model, first)]
        elif isinstance(first, Mapping):
            fields = list(first)
        else:
            raise TypeError("rows that are plain sequences need `fields`")
    names = [name for name in fields if name not in constants]
    count = 0
    with _copying(model, names, constants) as writer:
        while given:
            given.extend(islice(rows, _BLOCK - len(given)))
            count += writer.write([_values(row, names, fields) for row in given])
            given = list(islice(rows, _BLOCK))
    return count


def copy_columns(model: type[Model], columns: Mapping[str, Sequence[Any]], **constants: Any) -> int:
    """The same from whole columns (`Rows.columns`): the fastest way in."""
    names = [name for name in columns if name not in constants]
    if not names:
        return 0
    total = len(columns[names[0]])
    if total == 0:
        return 0
    with uncollected(), _copying(model, names, constants) as writer:
        for start in range(0, total, _BLOCK * 5):
            writer.write_columns([columns[name][start : start + _BLOCK * 5] for name in names])
    return total


def copy_read(model: type[Model], rows: Rows, *names: str, **constants: Any) -> int:
    """`copy_columns` of these fields of an import's rows (all without names)."""
    return copy_columns(model, {name: rows.columns[name] for name in names or rows.columns}, **constants)


def new_keys(model: type[Model], count: int) -> list[int]:
    """`count` fresh primary keys from the model's sequence, for rows that refer to one another in one import."""
    assert model._meta.pk is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "select nextval(pg_get_serial_sequence(%s, %s)) from generate_series(1, %s)",
            [f'"{model._meta.db_table}"', model._meta.pk.column, count],
        )
        return [row[0] for row in cursor.fetchall()]


def _generated(model: type[Model], row: Model) -> set[str]:
    pk = model._meta.pk
    assert pk is not None
    return {pk.attname} if row.pk is None else set()


def _values(row: Any, names: Sequence[str], fields: Sequence[str]) -> Sequence[Any]:
    if isinstance(row, Model):
        return [getattr(row, name) for name in names]
    if isinstance(row, Mapping):
        return [row[name] for name in names]
    return (
        row if len(names) == len(fields) else [value for value, name in zip(row, fields, strict=True) if name in names]
    )


class _copying:
    """One COPY statement: the columns, the constants, the text that COPY reads."""

    def __init__(self, model: type[Model], names: Sequence[str], constants: Mapping[str, Any]) -> None:
        meta = model._meta
        by_name: dict[str, Any] = {one.name: one for one in meta.concrete_fields}
        by_name |= {one.attname: one for one in meta.concrete_fields}
        unknown = [name for name in [*names, *constants] if name not in by_name]
        if unknown:
            raise ValueError(f"{meta.label} has no field {unknown[0]}")
        self.fields = [by_name[name] for name in names]
        taken = {one.column for one in self.fields}
        fixed = {by_name[name]: value for name, value in constants.items()}
        self.per_row: list[Any] = []
        for one in meta.concrete_fields:
            if one.column in taken or one in fixed or one.generated or one.has_db_default():
                continue
            if one.primary_key and not one.has_default():
                continue  # the sequence gives it
            if callable(one.default) and one.unique:
                self.per_row.append(one)  # a fresh value for every row, e.g. uuid4
            else:
                fixed[one] = one.pre_save(model(), True) if getattr(one, "auto_now_add", False) else one.get_default()
        columns = [one.column for one in self.fields] + [one.column for one in self.per_row]
        columns += [one.column for one in fixed]
        self.tail = "".join("\t" + _text_of(one, value) for one, value in fixed.items()) + "\n"
        self.statement = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier(meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )

    def __enter__(self) -> _copying:
        self.cursor = connection.cursor()
        self.stream = self.cursor.copy(self.statement)
        with connection.wrap_database_errors:
            self.copy = self.stream.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        try:
            with connection.wrap_database_errors:  # Django's IntegrityError, not psycopg's
                self.stream.__exit__(*problem)
        finally:
            self.cursor.close()

    def write(self, rows: Sequence[Sequence[Any]]) -> int:
        if rows:
            self.write_columns(list(zip(*rows, strict=True)))
        return len(rows)

    def write_columns(self, columns: Sequence[Sequence[Any]]) -> None:
        """COPY's text format, built column by column: one type test and one conversion per cell."""
        size = len(columns[0])
        texts = [_column_text(one, values) for one, values in zip(self.fields, columns, strict=True)]
        texts += [[_text_of(one, one.get_default()) for _ in repeat(None, size)] for one in self.per_row]
        tail = self.tail
        self.copy.write((tail.join(map("\t".join, zip(*texts, strict=True))) + tail).encode())


def _column_text(one: Any, values: Sequence[Any]) -> Sequence[str]:
    kinds = set(map(type, values))
    if kinds == {str}:
        joined = "".join(values)
        if joined.isprintable() and "\\" not in joined:
            return values  # nothing to escape in the whole column
    elif kinds and kinds <= {int, float}:
        return list(map(repr, values))
    elif kinds == {datetime} and {value.tzinfo for value in values} == {UTC}:
        return list(map(str, values))
    found: list[str] = []
    add = found.append
    for value in values:
        kind = type(value)
        if kind is str:
            add(value if value.isprintable() and "\\" not in value else _escape(value))
        elif value is None:
            add("\\N")
        elif kind is int or kind is float:
            add(repr(value))
        elif kind is datetime and value.tzinfo is UTC:
            add(str(value))
        else:
            add(_text_of(one, value))
    return found


def _escape(value: str) -> str:
    if "\x00" in value:
        raise ValueError("PostgreSQL's text holds no zero characters")
    return value.translate(_ESCAPES) if not _SPECIAL.isdisjoint(value) else value


def _text_of(one: Any, value: Any) -> str:
    """One value as COPY's text."""
    if value is None:
        return "\\N"
    if isinstance(value, Model):
        value = value.pk
    kind = type(value)
    if kind is bool:
        return "t" if value else "f"
    if kind is str:
        return _escape(value)
    if kind in (int, float):
        return repr(value)
    if kind is Decimal:
        return str(value)
    if kind is datetime or kind is date:
        if kind is datetime and value.tzinfo is None:
            raise ValueError(f"{one.name}: a time without a zone")
        return value.isoformat()
    prepared = one.get_db_prep_save(value, connection)
    return _escape(_literal(prepared))


def _literal(prepared: Any) -> str:
    """Anything else (JSON, arrays, UUID, ranges) in the words of psycopg's own dumpers."""
    from psycopg.adapt import PyFormat, Transformer

    if prepared is None:
        return "\\N"
    dumper = Transformer(connection.connection).get_dumper(prepared, PyFormat.TEXT)
    dumped = dumper.dump(prepared)
    return bytes(dumped or b"").decode()
