"""Language and appearance: chosen by a person, kept in a cookie and with their user, known before the page is drawn."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

THEME_COOKIE = "theme"
THEMES = ("light", "dark", "auto")
YEAR = 365 * 24 * 3600


def theme(request: HttpRequest) -> str:
    """light, dark or auto (the device decides): the cookie first, then the user's own choice."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    if chosen not in THEMES:
        chosen = getattr(getattr(request, "user", None), "theme", "")
    return chosen if chosen in THEMES else "auto"


def language(request: HttpRequest) -> str:
    """The cookie, then the user's own choice, then the site's. Machines (no cookie, /api/) may ask by Accept-Language."""
    known = dict(settings.LANGUAGES)
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in known:
        return chosen
    if request.path_info.startswith("/api/"):
        return translation.get_language_from_request(request)
    chosen = getattr(getattr(request, "user", None), "language", "")
    return chosen if chosen in known else settings.LANGUAGE_CODE


class Language:
    """Middleware after authentication: the site's language is its own, not the browser's, until a person chooses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(language(request)):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language())
        return response


def remember(response: HttpResponse, name: str, value: str) -> None:
    """Keep a choice for a year."""
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
