"""The Content-Security-Policy of every page: only our own files, no inline script, no inline style.

What the islands need beyond 'self', found by looking at the browser's reports:
- MapLibre GL starts its worker from a file of ours (worker-src 'self' blob:) and draws icons from blob: images;
- ECharts draws on canvas with tooltips in rich-text mode, so that no style attribute is parsed from HTML;
- the event stream and the media gateway listen on the live port of the same host (connect-src, media-src).
A page that must carry an inline script (none does today) asks for `request.csp_nonce`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject


def live_origin(request: HttpRequest) -> str:
    """Origin of the event stream as this browser reaches it: same host and scheme, the live port."""
    fixed = getattr(settings, "LIVE_ORIGIN", "")
    if fixed:
        return str(fixed)
    host = urlsplit(f"//{request.get_host()}").hostname or "localhost"
    if ":" in host:
        host = f"[{host}]"
    return f"{request.scheme}://{host}:{settings.LIVE_PORT}"


def policy(live: str, nonce: str = "", tiles: str = "") -> str:
    """The header's text. `tiles` is the origin of a configured tile server, when there is one."""
    socket = "ws" + live.removeprefix("http")
    script = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    outside = f" {tiles}" if tiles else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {script}",
            "style-src 'self'",
            f"img-src 'self' data: blob:{outside}",
            "font-src 'self' data:",
            f"connect-src 'self' {live} {socket}{outside}",
            f"media-src 'self' blob: {live}",
            "worker-src 'self' blob:",
            "frame-ancestors 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


def tile_origin() -> str:
    """Origin of the tile server of CHENGHENG_MAP_TILES, "" when none is set (the default: no outside tiles)."""
    url = getattr(settings, "MAP_TILES", "")
    parts = urlsplit(url.replace("{", "").replace("}", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


class ContentSecurityPolicy:
    """Middleware: sets the header unless the view set one of its own (the API's documentation page does)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        made: list[str] = []

        def nonce() -> str:
            made.append(secrets.token_urlsafe(16))
            return made[0]

        request.csp_nonce = SimpleLazyObject(nonce)  # type: ignore[attr-defined]
        response = self.get_response(request)
        if "Content-Security-Policy" not in response:
            response["Content-Security-Policy"] = policy(live_origin(request), made[0] if made else "", tile_origin())
        return response
