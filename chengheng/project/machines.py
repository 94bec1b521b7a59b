"""The straight way of an API call by a bearer token: from the outermost middleware to its endpoint.

What stands between is for browsers: sessions, CSRF, messages, static files, sign-in pages. Each takes its share of every
call, and none decides about one: the token does, in `people.auth`. What such a call keeps: its limit and its id
(`Requests`, before), the check of the host, its language, and headers no weaker than a page's. A call that brings a
session's cookie too, or an address that nothing answers, goes the long way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from chengheng.common.people.middleware import is_api
from chengheng.common.ui.preferences import Language

Answer = Callable[[HttpRequest], HttpResponseBase]
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": settings.X_FRAME_OPTIONS,
}


class Machines:
    """Middleware: answers calls by a bearer token, hands on all others."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.spoken: Any = Language(self._answer)  # type: ignore[arg-type]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_by_token(request):
            return self.get_response(request)
        request.get_host()  # refuses a host that is not ours
        try:
            request.resolver_match = get_resolver().resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        if not request.resolver_match.namespace.startswith("api"):
            return self.get_response(request)
        request.user, request.session = AnonymousUser(), SessionStore()
        response: HttpResponse = self.spoken(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not response.streaming and not response.has_header("Content-Length"):
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        match = request.resolver_match
        assert match is not None
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return answer


def _is_by_token(request: HttpRequest) -> bool:
    return (
        is_api(request)
        and request.META.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "
        and settings.SESSION_COOKIE_NAME not in request.META.get("HTTP_COOKIE", "")
    )
