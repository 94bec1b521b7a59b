"""How a service is judged: response within its limit, penalties by the contract's rules.

The limit of four hours is the budget's target (绩效目标表 2024, 系统运行维护响应时间 ≤4 小时). What 响应 means is not defined
there; a site chooses among `RESPONSES`. Penalties are the contract's own numbers; the example is a local one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.notices.rules import sign_own

RESPONSES = ("responded", "arrived", "fixed")
"""Which moment ends the response: the vendor accepted, stood on site, or had it repaired."""


@dataclass(frozen=True)
class PenaltyRule:
    """`kind`: "late_response" or "late_repair" (per started hour late), "low_rate" (per started per cent below)."""

    kind: str
    amount_fen: int
    most_fen: int = 0
    threshold: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.kind not in {"late_response", "late_repair", "low_rate"} or self.amount_fen < 0 or self.most_fen < 0:
            raise ValueError(f"not a penalty rule: {self}")


def _started(amount: Decimal) -> int:
    whole = int(amount)
    return whole if amount == whole else whole + 1


def penalty(rule: PenaltyRule, over: Iterable[Decimal]) -> int:
    """Fen to be deducted for what was over (hours late of each fault, per cent below the rate); up to the rule's most."""
    total = sum(_started(amount) for amount in over if amount > 0) * rule.amount_fen
    return min(total, rule.most_fen) if rule.most_fen else total


HOURS_OF_A_DAY = {Kind.NATURAL_DAYS: 24, Kind.WORKING_DAYS: 8}
"""Hours that one day of a limit stands for in penalties by the hour; eight working hours a day are a local rule."""


def limit_hours(limit: Limit) -> Decimal:
    """A time limit in hours as its own clock counts them."""
    return limit.amount * HOURS_OF_A_DAY.get(limit.kind, 1)


WINDOW_S = 300


def signed(secret: str, stamp: str, body: bytes, given: str, now: datetime) -> bool:
    """Whether a delivery is signed as our own webhooks are (`notices.rules.sign_own`) and not older than `WINDOW_S`."""
    if not secret or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        return False
    if abs(now.timestamp() - int(stamp)) > WINDOW_S:
        return False
    return hmac.compare_digest(sign_own(secret, int(stamp), body).encode(), given.strip().encode())
