"""Words in pictures, read offline by RapidOCR (its models come inside its wheel). Slow: seconds a picture, in the worker.

Where the wheel is missing, `available` says so and pictures stay unread; nothing is guessed.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chengheng.opinion.analyser import text

_LEAST_SURE = 0.5


def available() -> bool:
    """Whether pictures can be read on this machine."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR  # type: ignore[import-not-found,unused-ignore]

    return RapidOCR()


def read(path: Path | bytes) -> str:
    """The lines of a picture from top to bottom; "" where there are none."""
    found = _engine()(path if isinstance(path, bytes) else str(path))
    lines = zip(found.txts or (), found.scores or (), strict=False)
    return "\n".join(words for words, sure in lines if sure >= _LEAST_SURE and text.plain(words))


def read_attachment(pk: int) -> str:
    """Read a picture attached to an item: its words join the item's searchable keys and come back as text."""
    from django.db import transaction

    from chengheng.common.files import Attachment
    from chengheng.opinion import concordance
    from chengheng.opinion.models import Item
    from chengheng.opinion.rules import word_grams

    attachment = Attachment.objects.select_related("file").get(pk=pk)
    words = read(attachment.file.path)
    if words and attachment.subject_type == "opinion.item":
        with transaction.atomic():
            item = Item.objects.select_for_update().get(pk=attachment.subject_id)
            note = f"[图] {words}"
            if note not in item.body:
                item.body = f"{item.body}\n{note}".strip()
                item.grams = word_grams(text.plain(item.whole[:4000]))
                item.save(update_fields=["body", "grams"])
                concordance.seal_again(item.pk)
    return words
