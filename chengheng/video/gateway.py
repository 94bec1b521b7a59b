"""How pages, tasks and commands speak to the live process: signed orders over HTTP on the live port."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings

from chengheng.video.errors import CallFailed, DeviceOffline, LiveUnreachable, Steered
from chengheng.video.tokens import order
from chengheng.video.words import reason


def address() -> str:
    host = settings.LIVE_HOST
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.LIVE_PORT}/video/order"


def ask(do: str, timeout: float = 40, **values: Any) -> Any:
    """Order something and return the answer. LiveUnreachable, DeviceOffline, CallFailed, Steered."""
    request = urllib.request.Request(  # noqa: S310 - our own process
        address(), order(do, values).encode(), {"Content-Type": "text/plain"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return json.load(answer)["answer"]
    except urllib.error.HTTPError as error:
        try:
            told = json.loads(error.read(10_000))
        except ValueError:
            raise LiveUnreachable from error
        if told.get("code") == "offline":
            raise DeviceOffline from error
        if told.get("code") == "steered":
            raise Steered(who=told.get("detail", "")) from error
        raise CallFailed(reason=reason(told.get("code", "failed"))[0]) from error
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise LiveUnreachable from error


def nudge(do: str, timeout: float = 3, **values: Any) -> bool:
    """Order something that may as well wait: False when the live process is not there."""
    try:
        ask(do, timeout, **values)
    except (LiveUnreachable, CallFailed, DeviceOffline, Steered):
        return False
    return True
