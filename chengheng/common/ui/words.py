"""Numbers, money and time as people read them here. Pure; templates reach these through `{% load ui %}`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

DASH = "—"
FEN_PER_YUAN = 100
FEN_PER_WAN = 1_000_000  # 万元, ten thousand yuan
MOST_DIGITS = 20  # before or after the point; a decimal holds 28 in all
WARN_SHARE = timedelta(hours=24)  # a deadline nearer than this is shown as near


def decimal(value: Any) -> Decimal | None:
    """`value` as Decimal; None for None, "" and what is no number, or one of more digits than a page can show."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= MOST_DIGITS else None


def number(value: Any, places: int | None = None) -> str:
    """Grouped by thousands; `places` fixes the digits after the point, else as many as the value has (no zeros at the end)."""
    known = decimal(value)
    if known is None:
        return DASH
    if places is not None:
        return f"{known.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
    text = f"{known:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Any, places: int = 1) -> str:
    """A number that already counts in per cent: 92.5 → "92.5%"."""
    known = decimal(value)
    return DASH if known is None else f"{number(known, places)}%"


def money(fen: Any, unit: str = "auto") -> str:
    """Integer fen as 元 below 100,000 元 and 万元 from there on; `unit` yuan or wan fixes it. Two digits either way."""
    known = decimal(fen)
    if known is None:
        return DASH
    wan = unit == "wan" or (unit == "auto" and abs(known) >= 10 * FEN_PER_WAN)
    if wan:
        return _("%(amount)s ×10⁴ CNY") % {"amount": number(known / FEN_PER_WAN, 2)}
    return _("%(amount)s CNY") % {"amount": number(known / FEN_PER_YUAN, 2)}


def span(delta: timedelta) -> str:
    """The length of a time in its two largest units at most: "2 days 3 hours", "40 minutes"."""
    return _span(get_language() or "", int(abs(delta.total_seconds()) // 60))


@lru_cache(maxsize=4096)
def _span(_language: str, minutes: int) -> str:
    """`span` of whole minutes in the language that is active; a list says the same few hundreds over and over."""
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    parts = []
    if days:
        parts.append(ngettext("%(n)d day", "%(n)d days", days) % {"n": days})
    if hours and days < 10:
        parts.append(ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours})
    if minutes and not days:
        parts.append(ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes})
    return " ".join(parts[:2]) or ngettext("%(n)d minute", "%(n)d minutes", 1) % {"n": 1}


def relative(due: datetime, now: datetime | None = None) -> str:
    """ "in 3 hours" or "2 days late"."""
    now = now or timezone.now()
    if due >= now:
        return _("in %(span)s") % {"span": span(due - now)}
    return _("%(span)s late") % {"span": span(now - due)}


def ago(moment: datetime, now: datetime | None = None) -> str:
    """ "3 hours ago"; "just now" within a minute."""
    gone = (now or timezone.now()) - moment
    if gone < timedelta(minutes=1):
        return _("just now")
    return _("%(span)s ago") % {"span": span(gone)}


def nearness(due: datetime, now: datetime | None = None) -> str:
    """late, near (within a day) or far: the colour of a deadline."""
    now = now or timezone.now()
    if due < now:
        return "late"
    return "near" if due - now <= WARN_SHARE else "far"


def clock(moment: datetime | date | None) -> str:
    """A moment in local time to the minute, "2026-11-22 18:20"; a date as it is."""
    if moment is None:
        return DASH
    if isinstance(moment, datetime):
        return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")
    return moment.isoformat()
