"""What rooms' views are written with, and the few pages of the design system itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.common.people import access
from chengheng.common.ui import preferences
from chengheng.common.ui.border import is_partial, toast

__all__ = ["is_partial", "page", "redirect", "require_act", "signed_in", "toast"]

View = Callable[..., HttpResponseBase]  # a file or a stream, too


def signed_in(view: View) -> View:
    """Only for people who are signed in; others are led to the sign-in page and back (htmx: the whole page goes)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if is_partial(request):
            response = HttpResponse(status=401)
            response["HX-Refresh"] = "true"
            return response
        return redirect_to_login(request.get_full_path())

    return guarded


def require_act(act: str) -> Callable[[View], View]:
    """Only for those who may do `act` at all; rows are checked by `access.fetch`/`visible` inside the view.

    The act is kept on the view as `.act`, so that the permission matrix and tests can read it.
    """

    def decorate(view: View) -> View:
        @signed_in
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            access.require(request.user, act)
            return view(request, *args, **kwargs)

        guarded.act = act  # type: ignore[attr-defined]
        return guarded

    return decorate


class RequireAct:
    """The same for class-based views: `class Cases(RequireAct, View): act = "patrol.case.view"`."""

    act: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return require_act(self.act)(super().dispatch)(request, *args, **kwargs)  # type: ignore[misc]


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render `template`, or only `partial` when htmx asks for a part; caches keep the two apart."""
    response = render(request, partial if partial and is_partial(request) else template, context or {}, status=status)
    if partial:
        response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary", ""), "HX-Request"]))
    return response


def redirect(request: HttpRequest, url: str, text: str = "", level: str = "good") -> HttpResponse:
    """Go to `url` after an act; htmx is told to take the whole page along. `text` is shown there."""
    if text:
        from django.contrib import messages

        messages.add_message(
            request,
            {"good": messages.SUCCESS, "warn": messages.WARNING, "bad": messages.ERROR}.get(level, messages.INFO),
            text,
        )
    if is_partial(request):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)


def back(request: HttpRequest, fallback: str = "/") -> str:
    """The address in `next`, or where the request came from, when it is on this site; else `fallback`."""
    for url in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()):
            return url
    return fallback


@login_not_required
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Language or appearance chosen in the shell; open to everybody, kept with the user when there is one."""
    response = HttpResponseRedirect(back(request))
    chosen: dict[str, str] = {}
    if (language := request.POST.get("language", "")) in dict(settings.LANGUAGES):
        preferences.remember(response, settings.LANGUAGE_COOKIE_NAME, language)
        chosen["language"] = language
    if (theme := request.POST.get("theme", "")) in preferences.THEMES:
        preferences.remember(response, preferences.THEME_COOKIE, theme)
        chosen["theme"] = theme
    if chosen and request.user.is_authenticated:
        get_user_model()._default_manager.filter(pk=request.user.pk).update(**chosen)
    return response


@signed_in
def shortcuts(request: HttpRequest) -> HttpResponse:
    """The keyboard help, as the dialog's content."""
    return render(request, "ui/shortcuts.html")


@login_not_required
def design(request: HttpRequest) -> HttpResponse:
    """The living page: every token and component with its states. Holds no data of the city, so it is open."""
    from chengheng.common.ui import gallery

    now = timezone.now()
    return render(
        request,
        "ui/design.html",
        {
            **gallery.examples(),
            "now": now,
            "times": [
                now - timedelta(days=2),
                now + timedelta(minutes=40),
                now + timedelta(hours=20),
                now + timedelta(days=9),
            ],
        },
    )


def denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", {"reason": str(exception or "")}, status=403)


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was open too long or came from elsewhere."""
    text = _("This form is too old or came from another site. Go back, reload the page and send it again.")
    if is_partial(request):
        response = HttpResponse(status=403)
        response["HX-Reswap"] = "none"
        return toast(response, text, "bad")
    return render(request, "403.html", {"reason": text}, status=403)
