"""What holds in public opinion without a database: channels, delays, alert conditions, delivery signatures, claims.

Time limits are dated data rows (`ResponseLimit`); their sourced examples stand in `EXAMPLE_LIMITS`.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

CHANNELS = ("news", "forum", "tieba", "blog", "weibo", "wechat", "picture", "app", "video")
"""The nine kinds of channel that the programme's target table names, in its order."""

LICENSED_ONLY = ("weibo", "wechat", "video")
"""Channels whose platforms forbid collecting without a licence: delivered by the push-in API from a licensed service."""

EXAMPLE_LIMITS = (
    ("notice", "natural", 1, "Contract of the programme (alert within one hour)"),
    ("rumour", "hours", 5, "政务舆情回应实施细则 2016-11: authoritative information within 5 hours"),
    ("major", "hours", 24, "国办发〔2016〕61号: press conference within 24 hours for major events"),
    ("reply", "hours", 48, "国办发〔2016〕61号: reply within 48 hours"),
)
"""(matter, unit, amount, source). All count continuously (urgent hours): the papers know no working days here."""


def delay_seconds(earlier: datetime | None, later: datetime) -> int | None:
    """Whole seconds from one moment to the other, never negative; None when the first is unknown."""
    return None if earlier is None else max(0, round((later - earlier).total_seconds()))


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile (share 0..1); None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def is_quiet(now: time, start: time | None, stop: time | None) -> bool:
    """Whether a local time lies in quiet hours [start, stop); they may pass midnight. Equal ends mean no quiet."""
    if start is None or stop is None or start == stop:
        return False
    return start <= now < stop if start < stop else now >= start or now < stop


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an alert rule asks besides its words. Empty and zero ask nothing."""

    channels: Collection[str] = ()
    tiers: Collection[int] = ()
    areas: Collection[str] = ()
    topics: Collection[str] = ()
    negative: bool = False
    least_relevance: float = 0.0
    least_doubt: float = 0.0
    least_reach: int = 0
    burst: bool = False
    doubted: bool = False

    @property
    def empty(self) -> bool:
        return self == Conditions()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule may look at in one item."""

    channel: str
    tier: int
    area: str
    topics: Collection[str]
    sentiment: str
    relevance: float
    doubt: float | None
    doubted: bool
    reach: int
    burst: bool


def holds(asked: Conditions, item: Seen) -> bool:
    """Whether an item meets every condition. What was not measured (no model yet) never meets a condition on it."""
    return (
        (not asked.channels or item.channel in asked.channels)
        and (not asked.tiers or item.tier in asked.tiers)
        and (not asked.areas or any(item.area.startswith(area) for area in asked.areas))
        and (not asked.topics or any(topic in asked.topics for topic in item.topics))
        and (not asked.negative or item.sentiment == "negative")
        and item.relevance >= asked.least_relevance
        and (asked.least_doubt <= 0 or (item.doubt is not None and item.doubt >= asked.least_doubt))
        and item.reach >= asked.least_reach
        and (not asked.burst or item.burst)
        and (not asked.doubted or item.doubted)
    )


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What a delivery is signed with: HMAC-SHA256 of "timestamp.body", hexadecimal."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(secret: str, timestamp: str, body: bytes, given: str, now: datetime, window: timedelta) -> bool:
    """Whether a delivery's signature is right and its timestamp (seconds since 1970) is within the window."""
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        return False
    if abs(now.timestamp() - int(timestamp)) > window.total_seconds():
        return False
    try:
        return hmac.compare_digest(signature(secret, timestamp, body), given.strip().lower())
    except TypeError:
        return False


RATINGS = {"true": 5, "partly": 3, "false": 1, "unproven": 2}
"""A verdict as schema.org's ClaimReview reviewRating (1 worst, 5 best)."""


def claim_review(
    claim: str, verdict: str, words: str, url: str, publisher: str, published: datetime, appeared: str = ""
) -> dict[str, object]:
    """The published verdict as schema.org ClaimReview (https://schema.org/ClaimReview)."""
    found: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "ClaimReview",
        "claimReviewed": claim,
        "datePublished": published.isoformat(),
        "url": url,
        "author": {"@type": "Organization", "name": publisher},
        "reviewRating": {
            "@type": "Rating",
            "ratingValue": RATINGS[verdict],
            "bestRating": 5,
            "worstRating": 1,
            "alternateName": words,
        },
    }
    if appeared:
        found["itemReviewed"] = {"@type": "Claim", "appearance": {"@type": "CreativeWork", "url": appeared}}
    return found


def word_grams(plain: str) -> list[int]:
    """The 32-bit keys by which words are found: every two neighbouring letters of the plain text, once, sorted.

    A text of one letter has none: one character is no search in Chinese.
    """
    keys = {
        ((ord(a) * 0x9E3779B1) ^ (ord(b) * 0x85EBCA6B)) & 0xFFFFFFFF
        for a, b in itertools.pairwise(plain)
        if not a.isspace() and not b.isspace()
    }
    return sorted(key - 0x1_0000_0000 if key >= 0x8000_0000 else key for key in keys)
