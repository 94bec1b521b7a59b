"""Rules of conferences: pure functions and tables; no database, no clock, no I/O. All local rules, configurable in code.

Who may use which of the chair's verbs is one table here; the verbs' names are the operators' (hardware conference
systems): 点名, 广播会场, 轮询, 声控切换, 申请/释放主席, 申请发言.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

LAYOUTS = (1, 4, 9, 16)
MOST_MICS = 6
"""Open microphones at once: more cannot be understood, and every one goes to every venue."""
MOST_CAMERAS = 4
"""Cameras shown in one meeting at once (local rule): each is a stream that every page may ask for."""
MOST_TERMINALS = 8
"""Terminals (SIP) in one meeting at once (local rule): their packets pass through the gateway itself."""
TICKET_SECONDS = 60
RING_SECONDS = 60
SPEAKER_HOLD_SECONDS = 2.0
"""A new voice must last so long before the picture goes to it (voice switch), so that a cough does not take it."""
VOICE_LEVEL, VOICE_SECONDS, SILENCE_LEVEL = 40, 0.5, 127.0
"""Who is louder than so many decibels below the loudest possible (RFC 6464), on the average of so long, speaks."""
POLL_SECONDS = (5, 300)
LONGEST_MINUTES = 12 * 60
MOST_STROKES, MOST_POINTS = 2000, 400
"""Of a whiteboard, and of one stroke: what a page still draws at once."""
INKS = ("#1f2937", "#d63939", "#206bc4", "#2fb344", "#f59f00")

# loss from 1 % is poor, from 5 % bad; jitter from 30 ms poor: the thresholds of `command.rules.judge_link`
QUALITY = ((Decimal(5), 1), (Decimal(1), 2))

_ALL = frozenset({"chair", "co_chair", "operator", "site", "viewer"})
_SPEAK = frozenset({"chair", "co_chair", "operator", "site"})
_LEAD = frozenset({"chair", "co_chair"})
_STEER = frozenset({"chair", "co_chair", "operator"})

VERBS: dict[str, frozenset[str]] = {
    # everybody for themselves
    "say": _ALL,
    "open_mic": _SPEAK,
    "close_mic": _SPEAK,
    "ask_floor": _SPEAK,
    "withdraw_floor": _SPEAK,
    "answer_roll_call": _SPEAK,
    "cast": _SPEAK,
    "share": _SPEAK,
    "unshare": _SPEAK,
    "request_chair": _SPEAK,
    "draw": _SPEAK,
    "show_paper": _SPEAK,
    "turn_page": _SPEAK,
    "hide_paper": _SPEAK,
    # with the chair's power
    "mute": _STEER,
    "mute_all": _STEER,
    "unmute": _STEER,
    "unmute_all": _STEER,
    "hold_camera": _STEER,
    "release_camera": _STEER,
    "set_layout": _STEER,
    "set_banner": _STEER,
    "spotlight": _STEER,
    "broadcast": _STEER,
    "poll": _STEER,
    "voice_switch": _STEER,
    "call": _STEER,
    "call_absent": _STEER,
    "invite": _STEER,
    "bring_camera": _STEER,
    "bring_terminal": _STEER,
    "hang_up": _STEER,
    "record": _STEER,
    "board": _STEER,
    "wipe_board": _STEER,
    "stop_share": _STEER,
    "give_floor": _LEAD,
    "refuse_floor": _LEAD,
    "begin_roll_call": _LEAD,
    "mark_present": _LEAD,
    "close_roll_call": _LEAD,
    "open_vote": _LEAD,
    "close_vote": _LEAD,
    "admit": _LEAD,
    "lock": _LEAD,
    "lobby": _LEAD,
    "free_mics": _LEAD,
    "extend": _LEAD,
    "remove": _LEAD,
    "release_chair": frozenset({"chair"}),
    "give_chair": frozenset({"chair"}),
    "end": _LEAD,
}


def powers(role: str, holds_chair: bool) -> str:
    """The role whose verbs somebody has now: who holds the chair has the chair's; an appointed chair who released it has
    a venue's until it is asked for again."""
    if holds_chair:
        return "chair"
    return "site" if role == "chair" else role


def may(verb: str, role: str, holds_chair: bool) -> bool:
    """Whether somebody may use a verb now."""
    return powers(role, holds_chair) in VERBS.get(verb, frozenset())


def may_send(role: str) -> bool:
    """Viewers watch and listen; whatever they offer to send is refused."""
    return role != "viewer"


def is_voice(level: float) -> bool:
    """Whether an average level (decibels below the loudest possible) is a voice."""
    return level < VOICE_LEVEL


def quality(loss_percent: Decimal, jitter_ms: Decimal) -> int:
    """3 good, 2 poor, 1 bad."""
    for least, level in QUALITY:
        if loss_percent >= least:
            return level
    return 2 if jitter_ms >= 30 else 3


def next_start(start: datetime, repeat: str) -> datetime | None:
    """The next beginning of a repeated meeting, at the same local time of day (`start` is a local time).

    A monthly one on a day that the next month does not have is held on that month's last day.
    """
    if repeat == "daily":
        return start + timedelta(days=1)
    if repeat == "weekly":
        return start + timedelta(days=7)
    if repeat == "workdays":
        following = start + timedelta(days=1)
        while following.weekday() >= 5:
            following += timedelta(days=1)
        return following
    if repeat == "monthly":
        year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
        return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))
    return None


def repeats_on(start: datetime, repeat: str, until: date | None) -> datetime | None:
    """`next_start`, unless it is after `until`."""
    following = next_start(start, repeat)
    return None if following is None or (until is not None and following.date() > until) else following


def polled(order: Sequence[int], started_at: datetime, seconds: int, now: datetime) -> int | None:
    """Whose turn it is in a round of pictures (轮询): everybody here in turn, `seconds` each."""
    if not order or seconds <= 0:
        return None
    return order[int(max(0.0, (now - started_at).total_seconds()) // seconds) % len(order)]


def present_seconds(spans: Sequence[tuple[datetime, datetime]]) -> int:
    """How long somebody was there: spans joined where they overlap."""
    total, end = 0.0, None
    for begin, until in sorted(spans):
        if end is None or begin > end:
            total += (until - begin).total_seconds()
            end = until
        elif until > end:
            total += (until - end).total_seconds()
            end = until
    return round(total)


def stroke_fits(points: object) -> bool:
    """Whether these are the points of a stroke: x, y, x, y, … each from 0 to 10,000, at least one and at most 400."""
    return (
        isinstance(points, list)
        and 2 <= len(points) <= 2 * MOST_POINTS
        and len(points) % 2 == 0
        and all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= 10_000 for one in points)
    )


def grid(count: int) -> tuple[int, int]:
    """Columns and rows that hold so many pictures of the same size."""
    columns = 1
    while columns * columns < count:
        columns += 1
    return columns, max(1, -(-count // columns))
