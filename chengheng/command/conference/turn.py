"""The relay (TURN, RFC 8656) for venues whose network lets no UDP through to the engine: told to browsers with a name and a
password that end by themselves.

The password is an HMAC of the name under a secret that the relay shares (coturn's `use-auth-secret`, the "REST API for
access to TURN services"), so nothing is told to the relay and nothing needs to be stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from django.conf import settings

from chengheng.command.conference import rules


def addresses() -> list[str]:
    """The addresses as set: "turn:relay.example:3478?transport=tcp", "stun:…"."""
    return [one for one in settings.TURN_URLS.replace(",", " ").split() if one]


def servers(who: str, now: float | None = None) -> list[dict[str, Any]]:
    """What a browser takes as `iceServers`; [] without a relay. Good for the longest meeting."""
    out: list[dict[str, Any]] = []
    for address in addresses():
        if address.startswith("stun"):
            out.append({"urls": address})
        elif settings.TURN_SECRET:
            until = int(now if now is not None else time.time()) + rules.LONGEST_MINUTES * 60
            name = f"{until}:{who}"
            digest = hmac.new(settings.TURN_SECRET.encode(), name.encode(), hashlib.sha1).digest()
            out.append({"urls": address, "username": name, "credential": base64.b64encode(digest).decode()})
    return out
