"""The border for pages: a `Refusal` becomes words, once. (The API has its own handler in project/api.py.)"""

from __future__ import annotations

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chengheng.common.errors import Refusal


def is_partial(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page (a boosted link asks for a whole one)."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


def toast(response: HttpResponse, text: str, level: str = "info") -> HttpResponse:
    """Let the page show a short message: level is info, good, warn or bad."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    events["toast"] = {"text": text, "level": level}
    response["HX-Trigger"] = json.dumps(events)
    return response


def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The refusal as a page, or as a toast that leaves the page as it was when htmx asked."""
    if is_partial(request):
        response = HttpResponse(status=refusal.status)
        response["HX-Reswap"] = "none"
        return toast(response, str(refusal), "bad")
    if "text/html" not in request.headers.get("Accept", "text/html") and "application/json" in request.headers.get(
        "Accept", ""
    ):
        return HttpResponse(
            json.dumps(refusal.as_dict(), ensure_ascii=False), content_type="application/json", status=refusal.status
        )
    return render(request, "ui/refusal.html", {"refusal": refusal}, status=refusal.status)


class RefusalBorder:
    """Middleware: whatever a view raises as a Refusal is answered in the user's words."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return refuse(request, exception) if isinstance(exception, Refusal) else None
