"""Who may move a meeting: its caller's office. Used by the flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chengheng.command.conference import queries
from chengheng.command.conference.models import Meeting
from chengheng.common.errors import NotPermitted


def leads(act: str) -> Callable[[Meeting, Any, Mapping[str, Any]], None]:
    """A guard: the actor's office reaches the organisation that called the meeting."""

    def guard(meeting: Meeting, actor: Any, _data: Mapping[str, Any]) -> None:
        if not queries.may_lead(actor, act, meeting):
            raise NotPermitted(act=act)

    return guard
