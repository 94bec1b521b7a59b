"""What the standards say for this room: pure functions and tables; no database, no clock, no I/O.

Steps of a call-up and its stop reasons, PTZ arbitration, picture verdicts, online time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

KEEPALIVE_SECONDS = 60  # GB/T 28181-2016 9.6: default period
KEEPALIVE_MISSES = 3  # 9.6: three missed make a device offline
SHORTEST_EXPIRES = 60  # below this a device would register all the time (local rule); 9.1 asks it for ≥ 3600
LONGEST_EXPIRES = 86_400  # 9.1: default
FAILURES_TO_LOCK = 5  # local rule
LOCK_SECONDS = 900  # local rule
SOURCE_FAILURES_TO_LOCK = 40  # many devices may stand behind one address (local rule)
IDLE_SECONDS = 30  # one stream stays this long after its last viewer (local rule)
SUBSCRIBE_SECONDS = 3600  # what we ask for (local rule; Annex P leaves it to the subscriber)
REFRESH_SHARE = 0.7  # of what was granted; the rest is for devices that are slow to answer (local rule)
LEAST_GRANTED, MOST_GRANTED = 60, 86_400  # what we grant to a platform above (local rule)
POSITION_DAYS = 90  # positions are kept this long (local rule)
STEPS = ("asked", "invited", "answered", "first_packet", "first_key", "first_frame")

# PTZ: who may take the camera from whom (local rule; ControlPriority of A.2.3.1.2 carries the same number upwards)
PTZ_HOLD_SECONDS = 10


@dataclass(frozen=True)
class Steering:
    """Who moves a camera now, with which priority (greater wins), and when they last did."""

    user: int | str
    name: str
    priority: int
    at: float


def may_steer(holder: Steering | None, user: int | str, priority: int, now: float) -> bool:
    """Whether `user` may move the camera: nobody holds it, they hold it, it went cold, or their priority is greater."""
    if holder is None or holder.user == user:
        return True
    return now - holder.at >= PTZ_HOLD_SECONDS or priority > holder.priority


# -- speaking through a device (9.12) ----------------------------------------------------------------------------------
TALK_STEPS = ("asked", "told", "agreed", "invited", "connected", "speaking")
LONGEST_TALK_SECONDS = 120.0  # at a stretch (local rule)
QUIET_TALK_SECONDS = 5.0  # without sound the page is taken for gone (local rule)


def may_interrupt(speaker_priority: int, priority: int) -> bool:
    """One speaker a device: only a greater priority takes the loudspeaker over (local rule, as for steering)."""
    return priority > speaker_priority


def loudspeaker(channel_id: str, outputs: Mapping[str, str]) -> str:
    """Which ID a broadcast for a camera goes to. `outputs`: voice outputs of the device, ID to ParentID.

    The camera's own output where the catalog has one below it, the device's only one else; a device that lists none
    takes the camera's ID, as is common practice.
    """
    own = [name for name, parent in sorted(outputs.items()) if parent == channel_id]
    if own:
        return own[0]
    return next(iter(outputs)) if len(outputs) == 1 else channel_id


def reached(times: Mapping[str, datetime | None]) -> str:
    """The last step of `STEPS` that a call-up reached."""
    last = "asked"
    for step in STEPS:
        if times.get(step) is not None:
            last = step
    return last


def succeeded(times: Mapping[str, datetime | None], within: timedelta = timedelta(seconds=10)) -> bool:
    """A call-up counts as successful when the first key frame came within `within` (local definition, configurable)."""
    asked, key = times.get("asked"), times.get("first_key")
    return asked is not None and key is not None and key - asked <= within


# -- pictures --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Thresholds:
    """What a picture is judged by; brightness, deviation and change in steps of 255.

    The defaults are an example set of ours (no standard names figures); a city sets its own, dated, on the page of
    thresholds.
    """

    black_mean: float = 22.0  # limited range black is 16
    plain_deviation: float = 7.0
    blur_variance: float = 12.0  # variance of the Laplacian on a 320 pixel wide picture
    frozen_difference: float = 0.15  # mean absolute difference of two pictures some seconds apart


EXAMPLE_THRESHOLDS = Thresholds()


def verdict(
    mean: float, deviation: float, sharpness: float, difference: float | None, by: Thresholds = EXAMPLE_THRESHOLDS
) -> str:
    """What a probe's figures mean: black, covered, blurred, frozen or good (local rule).

    `difference` is None when only one picture was taken; then nothing is said about frozen.
    """
    if mean <= by.black_mean and deviation < by.plain_deviation * 2:
        return "black"
    if deviation < by.plain_deviation:
        return "covered"
    if difference is not None and difference < by.frozen_difference:
        return "frozen"
    if sharpness < by.blur_variance:
        return "blurred"
    return "good"


# -- recording by plan -----------------------------------------------------------------------------------------------
DOWNLOAD_SPEED = 4  # times the speed at which recordings are fetched from a device (local rule)
LONGEST_DOWNLOAD = timedelta(hours=4)  # local rule
LONGEST_PIECE = timedelta(minutes=30)  # a plan is recorded in files of at most this length (local rule)


def runs_until(weekdays: str, from_time: time, to_time: time, now: datetime) -> datetime | None:
    """When the window of a plan that is open at `now` (local) closes; None when none is.

    `weekdays` are the days on which a window opens, 1 Monday to 7 Sunday; one that passes midnight belongs to its
    first day.
    """
    for back in (0, 1):
        day = now.date() - timedelta(days=back)
        if str(day.isoweekday()) not in weekdays:
            continue
        opens = datetime.combine(day, from_time, now.tzinfo)
        closes = datetime.combine(day, to_time, now.tzinfo)
        if closes <= opens:
            closes += timedelta(days=1)
        if opens <= now < closes:
            return closes
    return None


# -- pictures that devices take themselves -----------------------------------------------------------------------------
MOST_CAPTURED = 10  # SnapNum (2022 A.2.1.24)
LONGEST_CAPTURE_INTERVAL = 60  # seconds (local rule)


# -- transcoding -----------------------------------------------------------------------------------------------------
TRANSCODE_HEIGHT = 720  # pictures are not coded larger than this (local rule)
TRANSCODE_IDLE_SECONDS = 5.0  # a transcode stays this long after its last viewer (local rule)


EXAMPLE_TRANSCODES = 2  # cameras at once, of ours: a 1080p picture takes about a quarter of a core; 0 switches it off


# -- online time -----------------------------------------------------------------------------------------------------
def online_seconds(
    spans: Iterable[tuple[bool, datetime, datetime | None]], start: datetime, end: datetime
) -> tuple[Decimal, Decimal]:
    """(seconds online, seconds known) of spans (online, since, until or None for still) inside [start, end)."""
    online = known = timedelta()
    for is_online, since, until in spans:
        low, high = max(since, start), min(until or end, end)
        if high > low:
            known += high - low
            if is_online:
                online += high - low
    return Decimal(str(online.total_seconds())), Decimal(str(known.total_seconds()))


def granted_expires(asked: int | None) -> int:
    """Seconds of registration that we grant; 0 stays 0 (unregister)."""
    if asked == 0:
        return 0
    return max(SHORTEST_EXPIRES, min(asked if asked is not None else 3600, LONGEST_EXPIRES))


def granted_subscription(asked: int | None) -> int:
    """Seconds of a subscription that we grant to a platform above; 600 without a wish (Annex P); 0 ends it."""
    if asked == 0:
        return 0
    return max(LEAST_GRANTED, min(asked if asked is not None else 600, MOST_GRANTED))


def refresh_after(granted: int) -> float:
    """Seconds after which a subscription of `granted` seconds is refreshed."""
    return max(granted * REFRESH_SHARE, min(granted / 2, 10.0))
