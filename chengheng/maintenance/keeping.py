"""Keeping an entry of a register: a system, a contract, a plan, a part, an article."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from chengheng.common import trail
from chengheng.common.people import access


def said(value: Any) -> str:
    """A field's value as the trail keeps it."""
    return "" if value is None else str(value)


@transaction.atomic
def keep_entry(row: Any, actor: Any, act: str) -> Any:
    """Keep a new or changed entry; the trail keeps what it was. Unchanged, it leaves no record."""
    access.require(actor, act)
    names = [field.name for field in row._meta.fields if field.editable and not field.primary_key]
    before = type(row).objects.select_for_update(of=("self",)).filter(pk=row.pk).first()
    row.save()
    changed = [name for name in names if before is None or getattr(before, name) != getattr(row, name)]
    if before is None:
        trail.record(act, actor, row, {name: said(getattr(row, name)) for name in names}, new=True)
    elif changed:
        old, new = ({name: said(getattr(one, name)) for name in changed} for one in (before, row))
        trail.record(act, actor, row, {"before": old, "after": new})
    return row
