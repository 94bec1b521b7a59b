"""Who is asking: the session's user, or the user of an API token. Pages use `Backend`, the API uses `API_AUTH`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer

from chengheng.common import rows
from chengheng.common.people import limits, queries, roles, rules
from chengheng.common.people.administrators import CHANGING_ACTS
from chengheng.common.people.errors import TooMany, Unauthenticated
from chengheng.common.people.models import ApiToken, User

_USE_NOTED_EVERY = timedelta(minutes=1)


class Backend:
    """Loads the user of a session. There is no `authenticate`: the only way in is `actions.signing`."""

    def get_user(self, user_id: int) -> User | None:
        return self.get_users([user_id]).get(user_id)

    def get_users(self, user_ids: Iterable[int]) -> dict[int, User]:
        """As `get_user` for many, in one question."""
        found = User.objects.select_related("organisation").filter(pk__in=user_ids)
        return {user.pk: user for user in found if user.may_sign_in}


def count_call(user: User) -> None:
    """One call of the API by this user, against their limit; TooMany when it is used up."""
    wait = limits.api.take(f"user:{user.pk}", queries.recent_policy().user_per_minute)
    if wait:
        raise TooMany(wait)


class Bearer(HttpBearer):
    """`Authorization: Bearer <token>`. A wrong, expired or revoked token is refused; it never falls back to a session."""

    def __call__(self, request: HttpRequest) -> Any:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _blank, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> User:
        user = user_of_token(token)
        count_call(user)
        request.user = user
        return user


def user_of_token(text: str) -> User:
    """The user of a token that is valid now, narrowed to its acts (`token_acts`); Unauthenticated otherwise."""
    now = timezone.now()
    with rows.cursor() as cursor:
        cursor.execute(_token_statement(), [rules.token_digest(text), now])
        found = cursor.fetchone()
    if found is None:
        raise Unauthenticated
    token, acts, last_used_at = found[:3]
    user = rows.read(User, found[3:])
    if not user.is_active or (user.is_demo and not settings.DEMO):
        raise Unauthenticated
    user.token_acts = _acts_of(frozenset(acts) or roles.every_act())
    if last_used_at is None or last_used_at < now - _USE_NOTED_EVERY:
        before = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _USE_NOTED_EVERY)
        ApiToken.objects.filter(before, pk=token).update(last_used_at=now)
    return user


@lru_cache(maxsize=512)
def _acts_of(acts: frozenset[str]) -> frozenset[str]:
    """What a token with these acts may do: never change who may do what."""
    return acts - CHANGING_ACTS


@lru_cache(maxsize=1)
def _token_statement() -> str:
    """The token that is neither revoked nor over, and its user: asked with every call of the API."""
    return (
        f"select t.id, t.acts, t.last_used_at, {rows.columns(User, 'u')}"  # noqa: S608 - our own columns
        " from people_apitoken t join people_user u on u.id = t.user_id"
        " where t.digest = %s and t.revoked_at is null and t.expires_at > %s"
    )


class Session(APIKeyCookie):
    """The session of the browser; changing requests need the CSRF token (ninja checks it for cookies)."""

    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if not request.user.is_authenticated:
            raise Unauthenticated
        count_call(request.user)
        return request.user


API_AUTH = [Bearer(), Session()]
"""For `NinjaAPI(auth=API_AUTH)`: a bearer token, or the session."""
