"""What holds for every request before any view: who asks from where, whether the session still lives, who may go on.

Order in the settings: `Requests` outermost, `Sessions` and `SignInRequired` after authentication.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from chengheng.common.errors import Refusal
from chengheng.common.people import actions, limits, queries, rules
from chengheng.common.people.errors import PasswordChangeOwed, SecondFactorOwed, TooMany, Unauthenticated
from chengheng.common.people.logs import request_id
from chengheng.common.people.models import SignIn, User
from chengheng.common.trail import recording

Respond = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_API = "/api/"
_SEEN_EVERY = timedelta(minutes=1)
_PERMISSIONS = "camera=(self), microphone=(self), geolocation=(self), display-capture=(self), fullscreen=(self), payment=(), usb=(), serial=(), bluetooth=(), interest-cohort=()"


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(_API)


def answer(request: HttpRequest, refusal: Refusal) -> JsonResponse:
    """A refusal of the API raised before the API is reached."""
    with override(_language(request)):
        response = JsonResponse(refusal.as_dict(), status=refusal.status, json_dumps_params={"ensure_ascii": False})
    if isinstance(refusal, TooMany):
        response["Retry-After"] = str(refusal.retry_after)
    return response


def _language(request: HttpRequest) -> str:
    """Language of words said before the language middleware had its turn."""
    return getattr(request, "LANGUAGE_CODE", settings.LANGUAGE_CODE)


class Requests:
    """Client address through trusted proxies, request id, limit per address for the API, headers of every answer."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response
        self.trusted = rules.networks(settings.TRUSTED_PROXIES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        remote = request.META.get("REMOTE_ADDR", "")
        address = rules.client_address(remote, request.META.get("HTTP_X_FORWARDED_FOR", ""), self.trusted)
        request.client_address = address  # type: ignore[attr-defined]
        request.id = self._id(request, remote)  # type: ignore[attr-defined]
        address_token = recording.client_address.set(address or None)
        id_token = request_id.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self._limited(request, address) or self.get_response(request)
        finally:
            recording.client_address.reset(address_token)
            request_id.reset(id_token)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("X-Permitted-Cross-Domain-Policies", "none")
        return response

    def _id(self, request: HttpRequest, remote: str) -> str:
        """A trusted proxy's id is kept, so that its log and ours can be read together; others get a new one."""
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        from_proxy = rules.is_trusted(remote, self.trusted)
        return given if from_proxy and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

    def _limited(self, request: HttpRequest, address: str) -> HttpResponse | None:
        if not is_api(request) or not address:
            return None
        wait = limits.api.take(f"address:{rules.origin(address)}", queries.recent_policy().address_per_minute)
        return answer(request, TooMany(wait)) if wait else None


def _moment(stamp: Any) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if isinstance(stamp, int | float) else None


class Sessions:
    """Ends sessions that were idle too long or are too old, and sends who still owes something to the page for it.

    A request that the page makes by itself (polling) says so with `X-Passive: 1` and does not keep a session alive.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.session_key and request.user.is_authenticated:
            self._keep_time(request)
        response = self.get_response(request)
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def _keep_time(self, request: HttpRequest) -> None:
        now = timezone.now()
        session, policy = request.session, queries.recent_policy()
        began = _moment(session.get("began_at"))
        seen = _moment(session.get("seen_at"))
        if began is None or seen is None:  # opened by code (a test, a shell): its time begins now
            session["began_at"] = session["seen_at"] = now.timestamp()
            return
        if now - began >= timedelta(hours=policy.session_hours):
            self._end(request, "limit", now)
        elif now - seen >= timedelta(minutes=policy.session_idle_minutes):
            self._end(request, "idle", now)
        elif now - seen >= _SEEN_EVERY and request.headers.get("X-Passive") != "1":
            session["seen_at"] = now.timestamp()
            SignIn.objects.filter(pk=session.get("sign_in") or 0).update(seen_at=now)

    def _end(self, request: HttpRequest, why: str, now: datetime) -> None:
        sign_in = SignIn.objects.filter(pk=request.session.get("sign_in") or 0, user=request.user.pk or 0).first()
        if sign_in is not None and isinstance(request.user, User):
            actions.end_own_session(request.user, sign_in, why, now=now)
        request.session.flush()
        request.user = AnonymousUser()

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        user = request.user
        if not user.is_authenticated or not isinstance(user, User) or not _is_guarded(view) or _is_for_debtors(view):
            return None
        if is_api(request) and "Authorization" in request.headers:
            return None  # a bearer token decides, not this session
        owed = what_is_owed(user, request.session)
        if owed is None:
            return None
        if is_api(request):
            return answer(request, owed)
        page = "people:own_password" if isinstance(owed, PasswordChangeOwed) else "people:own_second_factor"
        return _go(request, reverse(page))


def what_is_owed(user: User, session: Any) -> Refusal | None:
    """What this session must do before anything else: change a password, or prove a second factor."""
    policy = queries.recent_policy()
    if user.is_demo and settings.DEMO:
        return None
    if user.must_change_password or (
        user.has_password and rules.password_expired(user.password_changed_at, policy, timezone.now())
    ):
        return PasswordChangeOwed()
    if not session.get("second_factor") and queries.second_factor_compulsory(user, policy):
        return SecondFactorOwed()
    return None


class SignInRequired:
    """Every page asks for a sign-in unless its view says `@login_not_required`. The API asks by itself."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.user.is_authenticated or is_api(request) or not _is_guarded(view):
            return None
        if request.headers.get("HX-Request") == "true":
            return _go(request, reverse("people:sign_in"))
        if not request.accepts(
            "text/html"
        ):  # asked for data by a page's script: the sign-in page would be no answer to it
            return answer(request, Unauthenticated())
        return redirect_to_login(request.get_full_path(), reverse("people:sign_in"))


def _is_guarded(view: Any) -> bool:
    return bool(getattr(view, "login_required", True))


def _is_for_debtors(view: Any) -> bool:
    return bool(getattr(view, "for_debtors", False))


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        response = HttpResponse(status=401)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)
