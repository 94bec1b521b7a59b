"""What a room's phone page needs besides itself: to be installed, and to work for a whole shift without network.

A room serves these beside its page (`/m/`, `/m/clean/`): the worker's scope is the folder that it is served from.
"""

from __future__ import annotations

from pathlib import Path

from django.http import HttpResponse, JsonResponse
from django.templatetags.static import static

from chengheng.common.ui import assets

_WORKER = Path(__file__).parent / "phone-worker.js"


def worker() -> HttpResponse:
    """The service worker: the same for every phone page; it knows its page by its own address."""
    return HttpResponse(
        _WORKER.read_text(encoding="utf-8"), content_type="text/javascript", headers={"Cache-Control": "no-cache"}
    )


def files(entry: str) -> JsonResponse:
    """The static files that the page of this front-end entry needs, for the worker to keep."""
    scripts, styles, chunks = assets.files(entry)
    return JsonResponse([static(path) for path in (*scripts, *styles, *chunks, "ui/theme.js")], safe=False)


def manifest(name: str, short_name: str, page: str) -> JsonResponse:
    """What a phone needs to install the page at the path `page`."""
    return JsonResponse(
        {
            "name": name,
            "short_name": short_name,
            "start_url": page,
            "scope": page,
            "display": "standalone",
            "background_color": "#f4f3ee",
            "theme_color": "#16343a",
            "icons": [{"src": static("ui/mark.svg"), "sizes": "any", "type": "image/svg+xml"}],
        },
        content_type="application/manifest+json",
    )
