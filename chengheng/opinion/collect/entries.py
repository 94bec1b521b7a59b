"""What every reader of a feed, a page or a delivery gives: an entry, in plain text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

SHANGHAI = timezone(timedelta(hours=8))
LONGEST_TITLE, LONGEST_BODY = 300, 100_000


class Unreadable(ValueError):
    """The document is not what it should be, or is hostile; the message is a stable reason code."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`id` is the publisher's own, else the URL. `published_at` is aware, None when unknown or not believable."""

    id: str
    url: str
    title: str
    body: str
    published_at: datetime | None
    author: str = ""
    media: tuple[str, ...] = ()  # pictures, videos and sounds that the feed names with it


_BLOCKS = re.compile(r"</?(?:p|div|br|li|tr|h[1-6]|section|article|blockquote)\b[^>]*>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style|noscript|template|iframe|svg)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>?")
_BLANKS = re.compile(r"[ \t\xa0\u3000\r\f\v]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# Anything that `clean` would change inside of a text: markup, control characters, lines, blanks but single ones.
_UNCLEAN = re.compile(r"[<&\x00-\x1f\x7f\xa0\u3000\ud800-\udfff\ufffe\uffff]|  ")


def clean(fragment: str, longest: int = LONGEST_BODY) -> str:
    """Plain text of a piece of HTML: no tags, no scripts, no control characters, blank runs folded.

    Entities are resolved once, and what they spell is text: `&lt;b&gt;` stays visible as <b> after one more strip, so
    that nothing which looks like a tag survives into a page.
    """
    if not _UNCLEAN.search(fragment):
        return fragment.strip()[:longest].strip()
    text = fragment[: longest * 20]
    if "<" in text or "&" in text:  # else there is nothing to take out and nothing to resolve
        for _ in range(2):
            text = _COMMENT.sub(" ", text)
            text = _HIDDEN.sub(" ", text)
            text = _BLOCKS.sub("\n", text)
            text = _TAG.sub("", text)
            text = html.unescape(text)
        text = _TAG.sub("", _HIDDEN.sub(" ", text))
    text = _CONTROL.sub(" ", text)
    if "\n" not in text:
        return _BLANKS.sub(" ", text).strip()[:longest].strip()
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)[:longest].strip()


def clean_line(fragment: str, longest: int = LONGEST_TITLE) -> str:
    """The same in one line."""
    return " ".join(clean(fragment, longest * 4).split())[:longest].strip()


_CHINESE = re.compile(
    r"(20\d\d|19\d\d)\s*[年/.\-]\s*(\d{1,2})\s*[月/.\-]\s*(\d{1,2})\s*日?(?:[T\s]*(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2}))?)?"
)


def moment(text: str, now: datetime | None = None) -> datetime | None:
    """The time that `text` says, aware and in UTC; None when it says none.

    Times without a zone are Beijing time. More than ten minutes in the future of `now` is not believed.
    """
    text = text.strip()[:100]
    found: datetime | None = None
    try:
        found = datetime.fromisoformat(text) if len(text) >= 10 else None
    except ValueError:
        found = None
    if found is None:
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            found = None
    if found is None:
        match = _CHINESE.search(text)
        if match:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            try:
                found = datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI)
            except ValueError:
                return None
    if found is None:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=SHANGHAI)
    try:
        found = found.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    if found.year < 1990 or (now is not None and found > now + timedelta(minutes=10)):
        return None
    return found
