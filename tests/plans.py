"""Asking PostgreSQL how it would read: for queries that must stay fast at ten million rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet


def plan(queryset: QuerySet, *, small: bool = True) -> dict[str, Any]:
    """The plan as PostgreSQL's JSON. `small`: the test's table is small, so reading it whole and sorting it is forbidden
    where any index can serve; what is then still a whole read or a full sort has no index to use."""
    sql, params = queryset.query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        if small:
            for name in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
                cursor.execute(f"set local {name} = off")
        cursor.execute(f"explain (format json) {sql}", params)
        found = cursor.fetchone()[0]
        if small:
            for name in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
                cursor.execute(f"set local {name} = on")
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def nodes(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes, outermost first."""
    yield root
    for child in root.get("Plans", []):
        yield from nodes(child)


def assert_index_used(queryset: QuerySet, index: str, *, ordered: bool = True) -> None:
    """The query reads through `index`; with `ordered`, it also gets its order from there: nothing is sorted whole."""
    root = plan(queryset)
    used = [node.get("Index Name") for node in nodes(root) if "Index Name" in node]
    drawn = json.dumps(root, indent=1, ensure_ascii=False)
    assert index in used, f"{index} is not used, but {used or 'no index'}:\n{drawn}"
    if ordered:
        assert all(node["Node Type"] != "Sort" for node in nodes(root)), f"the rows are sorted whole:\n{drawn}"
