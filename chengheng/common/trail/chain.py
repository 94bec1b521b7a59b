"""The hash chain, pure: what exactly is hashed. Changing a line here breaks every chain; add a version instead."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

_LEAST_EXPONENT_FLOAT = 1e16  # from here on Python writes floats with an exponent, which PostgreSQL's jsonb spells out


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        if isinstance(value, set | frozenset):
            return sorted(value)
        try:
            return super().default(value)
        except TypeError:
            return str(value)


def storable(data: dict[str, Any]) -> dict[str, Any]:
    """`data` as it will come back from a jsonb column: plain JSON types, floats in the one spelling that survives.

    Raises ValueError for NaN and infinities, which JSON does not have.
    """
    if all(map(_is_settled, data.values())):
        return data
    return _settle(json.loads(json.dumps(data, cls=_Encoder, allow_nan=False, ensure_ascii=False)))


def _is_settled(value: Any) -> bool:
    """Whether it comes back from JSON and from jsonb as it is: plain text and whole numbers, as most acts have them."""
    if type(value) is list:
        return all(type(item) is str and "\x00" not in item for item in value)
    return value is None or type(value) in (bool, int) or (type(value) is str and "\x00" not in value)


def _settle(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _settle(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_settle(item) for item in value]
    if isinstance(value, float):
        return int(Decimal(repr(value))) if abs(value) >= _LEAST_EXPONENT_FLOAT else value + 0.0
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")  # jsonb has no NUL
    return value


def link(
    previous: str,
    subject_type: str,
    subject_id: str,
    seq: int,
    at: datetime,
    actor_id: int | None,
    actor_label: str,
    act: str,
    data: dict[str, Any],
    note: str,
) -> str:
    """SHA-256 (hex) of one entry and the one before it."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [previous, subject_type, subject_id, seq, moment, actor_id, actor_label, act, data, note]
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
