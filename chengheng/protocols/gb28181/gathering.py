"""Gathering an answer that comes in several messages (Annex N): catalog and record lists.

Pages come out of order, twice, one item each, or never all; SumNum may count items that are never sent (facts §2
quirk 8). So the end is: as many different items as SumNum says, or no new page for `quiet` seconds. Only a complete
gathering may delete what it does not contain.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from chengheng.protocols.gb28181.manscdp import Page

QUIET_SECONDS = 8.0


@dataclass
class Gathering:
    """One query's answer. `key` tells items apart; later copies replace earlier ones."""

    sn: int
    started: float
    key: Callable[[Any], Hashable] = lambda item: item.id
    quiet: float = QUIET_SECONDS
    total: int | None = None
    pages: int = 0
    duplicates: int = 0
    items: dict[Hashable, Any] = field(default_factory=dict)
    last: float = 0.0
    closed: bool = False

    def __post_init__(self) -> None:
        self.last = self.started

    def receive(self, page: Page, now: float) -> bool:
        """Take a page; True when the answer is complete with it. Pages of another SN are not ours."""
        if self.closed or (page.sn is not None and page.sn != self.sn):
            return self.complete
        fresh = False
        for item in page.items:
            key = self.key(item)
            if key in self.items:
                self.duplicates += 1
            else:
                fresh = True
            self.items[key] = item
        if page.total is not None:
            self.total = max(self.total or 0, page.total)
        self.pages += 1
        if fresh or self.pages == 1:
            self.last = now
        return self.complete

    @property
    def complete(self) -> bool:
        return self.total is not None and len(self.items) >= self.total

    def over(self, now: float) -> bool:
        """Whether to stop waiting: complete, or quiet for too long."""
        return self.complete or now - self.last >= self.quiet
