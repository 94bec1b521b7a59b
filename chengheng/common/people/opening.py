"""The step from a proved sign-in to a session of the browser. The only module of this room that touches both."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone

from chengheng.common.errors import Refusal
from chengheng.common.people import actions, queries
from chengheng.common.people.actions.signing import CODE_WITHIN
from chengheng.common.people.models import SignIn, User

BACKEND = "chengheng.common.people.auth.Backend"


def knock(request: HttpRequest) -> actions.Knock:
    """Where this request comes from."""
    return actions.Knock(getattr(request, "client_address", ""), request.headers.get("User-Agent", ""))


def remember_half(request: HttpRequest, sign_in: SignIn, next_url: str) -> None:
    """The password was right and a second factor is awaited: kept in a session that nobody knew before."""
    request.session.flush()
    request.session["half"] = {"sign_in": sign_in.pk, "next": next_url}
    request.session.set_expiry(int(CODE_WITHIN.total_seconds()))


def half(request: HttpRequest) -> SignIn | None:
    """The sign-in that awaits its second factor in this browser, unless it took too long."""
    kept = request.session.get("half")
    if not kept:
        return None
    since = timezone.now() - CODE_WITHIN
    row = SignIn.objects.select_related("user__organisation").filter(
        pk=kept["sign_in"], outcome=SignIn.Outcome.HALF, at__gt=since
    )
    sign_in = row.first()
    return sign_in if sign_in is not None and sign_in.user is not None and sign_in.user.may_sign_in else None


def open_session(request: HttpRequest, sign_in: SignIn, *, second_factor: bool) -> None:
    """Sign the user in under a new session key. Raises SignInStale when the attempt was used already."""
    now = timezone.now()
    user = sign_in.user
    assert user is not None
    request.session.flush()
    auth.login(request, user, backend=BACKEND)
    session = request.session
    session["began_at"] = session["seen_at"] = now.timestamp()
    session["second_factor"] = second_factor
    session["sign_in"] = sign_in.pk
    session.set_expiry(now + timedelta(hours=queries.policy().session_hours))
    session.save()
    try:
        actions.conclude(sign_in, session.session_key or "", second_factor=second_factor, now=now)
    except Refusal:
        auth.logout(request)
        raise


def close_session(request: HttpRequest) -> None:
    """Sign out this browser."""
    if isinstance(request.user, User):
        sign_in = SignIn.objects.filter(pk=request.session.get("sign_in") or 0, user=request.user).first()
        if sign_in is not None:
            actions.end_own_session(request.user, sign_in)
    auth.logout(request)


def renew_session(request: HttpRequest, user: User) -> None:
    """After a change of password: this session goes on under a new key."""
    auth.update_session_auth_hash(request, user)
    request.session.save()
    SignIn.objects.filter(pk=request.session.get("sign_in") or 0, user=user).update(
        session_key=request.session.session_key
    )
