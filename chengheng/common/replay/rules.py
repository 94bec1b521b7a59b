"""When two bodies are the same: pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


def body_hash(body: Any) -> str:
    """SHA-256 of the body as JSON with sorted keys: order of keys and spelling of the text do not matter.

    Numbers that are equal but spelled as another type (1 and 1.0) are different bodies. ValueError for NaN.
    """
    text = json.dumps(
        body, cls=DjangoJSONEncoder, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()
