"""The words for acts: what the timeline and the permission matrix show instead of a code."""

from __future__ import annotations

from django.utils.functional import Promise

_labels: dict[str, str | Promise] = {}


def declare(act: str, label: str | Promise) -> str:
    """Give an act its label; the last declaration holds. Returns the act, so that a constant can be made of it."""
    _labels[act] = label
    return act


def label(act: str) -> str:
    """The label of an act in the current language, or its code when none was declared."""
    return str(_labels.get(act, act))
