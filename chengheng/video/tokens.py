"""Play tokens: made after a permission check, good for one minute, for one user, one camera, one use.

And signed orders from pages to the live process. Both are signed with the site's secret; neither holds a device's
credentials.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing

PLAY_SECONDS = 60
ORDER_SECONDS = 30
_PLAY, _ORDER, _TALK = "video.play", "video.order", "video.talk"


class BadToken(Exception):
    """Not ours, too old, or used already."""


@dataclass(frozen=True)
class Play:
    """What a token permits. `priority` 0: may not steer; of a talk token, who goes first. Times are UNIX seconds for playback, 0 for live."""

    user: int
    channel: int
    name: str = ""
    session: str = ""
    priority: int = 0
    kind: str = "live"
    from_at: int = 0
    to_at: int = 0
    stream: int = 0
    nonce: str = ""


class Once:
    """Remembers nonces until they would be refused for their age anyway."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, float] = {}

    def take(self, nonce: str) -> bool:
        """True the first time."""
        now = time.monotonic()
        if len(self._seen) > 10_000 or (self._seen and next(iter(self._seen.values())) < now):
            self._seen = {key: until for key, until in self._seen.items() if until >= now}
        if not nonce or nonce in self._seen:
            return False
        self._seen[nonce] = now + self._seconds + 5
        return True


def play_token(play: Play) -> str:
    return signing.dumps({**asdict(play), "nonce": secrets.token_hex(12)}, salt=_PLAY, compress=True)


def talk_token(play: Play) -> str:
    """A token to speak, which does not open a picture."""
    return signing.dumps({**asdict(play), "nonce": secrets.token_hex(12)}, salt=_TALK, compress=True)


def read_play(token: str, once: Once) -> Play:
    """Check and use up a token. BadToken otherwise."""
    return _read(token, once, _PLAY)


def read_talk(token: str, once: Once) -> Play:
    """As `read_play`, for a token to speak."""
    return _read(token, once, _TALK)


def _read(token: str, once: Once, salt: str) -> Play:
    try:
        play = Play(**signing.loads(token, salt=salt, max_age=PLAY_SECONDS))
    except (signing.BadSignature, TypeError) as error:
        raise BadToken from error
    if not once.take(play.nonce):
        raise BadToken
    return play


def order(do: str, values: dict[str, Any]) -> str:
    return signing.dumps({"do": do, "values": values, "nonce": secrets.token_hex(12)}, salt=_ORDER, compress=True)


def read_order(text: str, once: Once) -> tuple[str, dict[str, Any]]:
    try:
        found = signing.loads(text, salt=_ORDER, max_age=ORDER_SECONDS)
    except signing.BadSignature as error:
        raise BadToken from error
    if not once.take(found["nonce"]):
        raise BadToken
    return found["do"], found["values"]
