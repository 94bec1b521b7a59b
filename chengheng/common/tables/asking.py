"""From an address to a page of rows: reading the parameters, the order, the cursor, the bounded count.

Pages go by keyset: "the rows after this one", never by offset, so page 1,000 costs what page 1 costs. The count stops
at `COUNT_TO`. Empty values come last in either direction and are read as a second phase, so that each phase is one
index range.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict

from chengheng.common.errors import Invalid
from chengheng.common.tables.declaration import Column, Listing, Proposals, Sort, Table, follow
from chengheng.common.tables.errors import BadCursor, TooSlow

COUNT_TO = 10_000
COUNT_SECONDS = 1.5
PROPOSED_SECONDS = 0.06  # counting among proposed keys: of a table that is too large for counting
_TRIED, _COUNTED = 200, 500  # proposed keys that one query looks at
PAGE_SIZES = (25, 50, 100, 200)


@dataclass(frozen=True)
class Page:
    """One page of rows; `before`/`after` are cursors of the neighbours, "" where there is none."""

    rows: list[Any]
    before: str
    after: str


def parse(table: Table, user: Any, params: QueryDict, columns: list[str] | None = None) -> Listing:
    """What the parameters ask of the table, scoped to the user."""
    queryset = table.visible(user)
    listing = Listing(
        table,
        user,
        queryset,
        table.sort(queryset.model, params.get("sort", "")),
        table.chosen(columns or []),
    )
    for one in table.filters:
        try:
            value = one.read(params)
        except Invalid as problem:
            listing.problems[one.name] = str(problem)
            continue
        if value is not None:
            listing.values[one.name] = value
            listing.queryset = one.apply(listing.queryset, value, user)
    listing.proposals = table.proposals(listing.values)
    return listing


def question(table: Table, params: QueryDict) -> QueryDict:
    """Only the parameters that the table knows (filters and sort): what a saved view or an export keeps."""
    kept = QueryDict(mutable=True)
    for name in [*(name for one in table.filters for name in one.parameters), "sort"]:
        values = [value for value in params.getlist(name) if value]
        if values:
            kept.setlist(name, values)
    return kept


def read_page(listing: Listing, size: int, after: str = "", before: str = "") -> Page:
    """The page after or before a cursor, or the first. At most two queries. BadCursor, TooSlow."""
    sort = listing.sort
    place = _decode(sort, listing.queryset, after or before) if after or before else None
    backwards = bool(before) and not after
    with _bounded(listing.table.statement_seconds):
        if listing.proposals is not None and sort.lookup == "pk":
            rows = _choose(listing, listing.proposals, place, size + 1, sort.descending != backwards)
        else:
            rows = _walk(listing.queryset, sort, place, size + 1, backwards)
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    first, last = (_encode(sort, rows[0]), _encode(sort, rows[-1])) if rows else ("", "")
    return Page(
        rows,
        before=first if (more if backwards else bool(after)) else "",
        after=last if (True if backwards else more) else "",
    )


def _walk(queryset: QuerySet, sort: Sort, place: tuple[Any, Any] | None, limit: int, backwards: bool) -> list[Any]:
    """`limit` rows from `place` on, in the list's order or against it.

    The list's order: filled values by (value, key) in the direction asked, then the empty ones by key likewise.
    """
    descending = sort.descending != backwards
    phases = [False, True] if sort.nullable else [False]
    if backwards:
        phases.reverse()
    if place is not None:
        phases = phases[phases.index(place[0] is None) :]
    rows: list[Any] = []
    for position, empty in enumerate(phases):
        part = queryset
        if sort.nullable:
            part = part.filter(**{f"{sort.lookup}__isnull": empty})
        if place is not None and position == 0:
            part = part.filter(_beyond(sort, place, empty, descending))
        sign = "-" if descending else ""
        order = [f"{sign}pk"] if empty or sort.lookup == "pk" else [f"{sign}{sort.lookup}", f"{sign}pk"]
        rows.extend(part.order_by(*order)[: limit - len(rows)])
        if len(rows) >= limit:
            break
    return rows


def _choose(
    listing: Listing, proposals: Proposals, place: tuple[Any, Any] | None, limit: int, descending: bool
) -> list[Any]:
    """`limit` rows from `place` on, out of proposed keys."""
    key = place[1] if place is not None else None
    keys = proposals(key, None) if descending else proposals(None, -1 if key is None else key)
    rows: list[Any] = []
    for part in proposed(listing, keys, _TRIED):
        rows.extend(part.order_by("-pk" if descending else "pk")[: limit - len(rows)])
        if len(rows) >= limit:
            break
    return rows


def proposed(listing: Listing, keys: Iterable[Sequence[int]], together: int) -> Iterator[QuerySet]:
    """The list's query over proposed keys, so many `together`, in the order in which they are proposed."""
    for some in keys:
        for at in range(0, len(some), together):
            yield listing.queryset.filter(pk__in=some[at : at + together])


def _beyond(sort: Sort, place: tuple[Any, Any], empty: bool, descending: bool) -> Q:
    value, key = place
    side = "lt" if descending else "gt"
    if empty or sort.lookup == "pk":
        return Q(**{f"pk__{side}": key})
    # col <= v and (col < v or key < k): an index range on col alone, the rest of it a filter on few rows
    return Q(**{f"{sort.lookup}__{side}e": value}) & (
        Q(**{f"{sort.lookup}__{side}": value}) | Q(**{f"pk__{side}": key})
    )


def _encode(sort: Sort, row: Any) -> str:
    value = follow(row, sort.lookup)
    text = value.isoformat() if isinstance(value, datetime | date) else None if value is None else str(value)
    return base64.urlsafe_b64encode(json.dumps([sort.text, text, str(row.pk)]).encode()).decode().rstrip("=")


def _decode(sort: Sort, queryset: QuerySet, cursor: str) -> tuple[Any, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        order, text, key = found
        if order != sort.text or not isinstance(key, str) or not (text is None or isinstance(text, str)):
            raise BadCursor
        if text is None and not sort.nullable:
            raise BadCursor
        if text is not None and "\x00" in text:
            raise BadCursor
        value = None if text is None else sort.field.to_python(text)
        if isinstance(value, Decimal) and not value.is_finite():
            raise BadCursor
        return value, queryset.model._meta.pk.to_python(key)
    except (ValueError, TypeError, ValidationError, OverflowError, RecursionError) as error:
        raise BadCursor from error


def bounded_count(listing: Listing) -> int | None:
    """How many rows match, counted up to `COUNT_TO` + 1; None when even that takes too long."""
    try:
        with _bounded(COUNT_SECONDS):
            if listing.proposals is not None:
                return _count(listing, listing.proposals)
            return listing.queryset.order_by().values("pk")[: COUNT_TO + 1].count()
    except TooSlow:
        return None


def _count(listing: Listing, proposals: Proposals) -> int:
    """The rows among the proposed keys; TooSlow as soon as all of it takes too long."""
    found, until = 0, time.monotonic() + PROPOSED_SECONDS
    for part in proposed(listing, proposals(None, None), _COUNTED):
        found += part.order_by().count()
        if found > COUNT_TO:
            return COUNT_TO + 1
        if time.monotonic() > until:
            raise TooSlow
    return found


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Let no statement of the block think longer; TooSlow otherwise."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("select set_config('statement_timeout', %s, true)", [f"{int(seconds * 1000)}ms"])
            yield
            with connection.cursor() as cursor:
                cursor.execute("set local statement_timeout to default")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "57014":  # query_canceled
            raise TooSlow from error
        raise


def cells(columns: list[Column], row: Any) -> list[tuple[Column, Any, str]]:
    """The row's cells: column, value as shown, tone."""
    return [(column, column.shown_value(row), column.tone(row) if column.kind == "badge" else "") for column in columns]
