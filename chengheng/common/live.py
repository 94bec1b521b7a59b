"""The live process's registry: rooms add routes and background work for what must not wait for a request.

    def setup(app: web.Application) -> None:
        app.router.add_get("/events", events)
        app.cleanup_ctx.append(listen)          # a background task for the life of the process

    live.add(setup)                             # from AppConfig.ready()

It runs one asyncio loop: nothing in it may block; the ORM is used in threads (`in_thread`). Who is asking is told by
the same session cookie as pages (`user_of`). Other origins than the site's own hosts get nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

if TYPE_CHECKING:
    from chengheng.common.people.models import User

R = TypeVar("R")
Setup = Callable[[web.Application], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CORS = web.RequestKey("cors", dict)
_setups: list[Setup] = []
_THREADS = 8
_threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="live-db")


def add(setup: Setup) -> Setup:
    """Add a room's part of the live application. Usable as a decorator."""
    _setups.append(setup)
    return setup


def application() -> web.Application:
    """A fresh application with every room's part and /healthz."""
    app = web.Application(middlewares=[own_origins])
    app.on_response_prepare.append(_add_cors)
    app.on_startup.append(_warm)
    app.on_cleanup.append(_release_connections)
    app.router.add_get("/healthz", _healthz)
    for setup in _setups:
        setup(app)
    return app


async def _warm(app: web.Application) -> None:
    """Import now, in a thread, what telling the first visitor needs: half a second that the visitor would wait."""
    asyncio.get_running_loop().run_in_executor(_threads, _import_for_visitors)


def _import_for_visitors() -> None:
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import get_backends

    import_module(settings.SESSION_ENGINE)
    import_module("chengheng.common.people.middleware")
    get_backends()


async def _healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def in_thread(function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Run blocking code (the ORM) in a thread of its own; connections that went bad are dropped before and after."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(_fresh, function, *args, **kwargs))


def _fresh(function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    from django.db import close_old_connections

    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


async def _release_connections(app: web.Application) -> None:
    """Close the database connection of every thread: they meet at a barrier, so that none does it twice."""
    from django.db import connections

    together = Barrier(_THREADS)

    def close() -> None:
        with suppress(BrokenBarrierError):  # a thread that is busy for longer keeps its connection
            together.wait(2)
        connections.close_all()

    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(_threads, close) for _ in range(_THREADS)))


async def user_of(request: web.Request) -> User | None:
    """The user whose session cookie came with the request; None when nobody is signed in (any more).

    The same checks as pages make: the session is there, neither idle nor too old, its password hash is still the
    user's, the user is active and owes neither a new password nor a second factor. A stream that stays open asks again
    from time to time: a revoked session must not go on listening.
    """
    from django.conf import settings

    key = request.cookies.get(settings.SESSION_COOKIE_NAME)
    return await in_thread(user_of_session, key) if key else None


def user_of_session(key: str) -> User | None:
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import get_user
    from django.http import HttpRequest

    from chengheng.common.people.middleware import what_is_owed
    from chengheng.common.people.models import User

    asked = HttpRequest()
    asked.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(asked)
    if not isinstance(user, User) or not user.is_active or _has_timed_out(asked.session):
        return None
    return user if what_is_owed(user, asked.session) is None else None


def users_of_sessions(keys: Iterable[str]) -> dict[str, User]:
    """As `user_of_session` for many at once, with two questions for all; whoever these do not clear is asked for alone."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.models import Session
    from django.utils import timezone
    from django.utils.crypto import constant_time_compare

    from chengheng.common.people.auth import Backend
    from chengheng.common.people.middleware import what_is_owed

    wanted = set(keys)
    make = import_module(settings.SESSION_ENGINE).SessionStore
    stores = {
        row.pk: (make(row.pk), row) for row in Session.objects.filter(pk__in=wanted, expire_date__gt=timezone.now())
    }
    for store, row in stores.values():
        store._session_cache = row.get_decoded()
    people = Backend().get_users({int(store.get(SESSION_KEY) or 0) for store, _row in stores.values()})
    found: dict[str, User] = {}
    for key in wanted:
        store = stores[key][0] if key in stores else {}
        user = people.get(int(store.get(SESSION_KEY) or 0))
        if (
            user is not None
            and store.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
            and constant_time_compare(store.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
            and not _has_timed_out(store) and what_is_owed(user, store) is None
        ):  # fmt: skip
            found[key] = user
        elif (alone := user_of_session(key)) is not None:
            found[key] = alone
    return found


def _has_timed_out(session: Any) -> bool:
    """Whether pages would end this session for its age or idleness; listening does not keep a session alive."""
    from chengheng.common.people.queries import recent_policy

    began, seen, policy = session.get("began_at"), session.get("seen_at"), recent_policy()
    if not isinstance(began, int | float) or not isinstance(seen, int | float):
        return False  # opened by code, as in tests: its time begins with the first page
    now = time.time()
    return now - began >= policy.session_hours * 3600 or now - seen >= policy.session_idle_minutes * 60


async def require_user(request: web.Request) -> User:
    """As `user_of`, but answers 401 when nobody is signed in."""
    user = await user_of(request)
    if user is None:
        raise web.HTTPUnauthorized(text="sign in first")
    return user


def is_own(origin: str, host: str) -> bool:
    """Whether `origin` ("https://city.example:8000") is one of the site's own hosts; `host` is the request's Host."""
    from django.conf import settings
    from django.http.request import split_domain_port, validate_host

    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ({"https"} if settings.HTTPS else {"http", "https"}) or not name:
        return False
    name = f"[{name}]" if ":" in name else name
    if name == split_domain_port(host)[0]:
        return True
    return validate_host(name, [allowed for allowed in settings.ALLOWED_HOSTS if allowed != "*"])


@web.middleware
async def own_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pages of the site's own hosts may call with their cookie; a page of anybody else may not."""
    from django.conf import settings
    from django.http.request import split_domain_port, validate_host

    if not validate_host(split_domain_port(request.host)[0], settings.ALLOWED_HOSTS):
        return web.Response(status=400, text="not a host of this site")
    origin = request.headers.get("Origin")
    if origin is None:
        return await handler(request)
    if not is_own(origin, request.host):
        return web.Response(status=403, text="not an origin of this site")
    allow = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        allow |= {
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            "Access-Control-Allow-Headers": "Content-Type, Last-Event-ID, X-CSRFToken",
            "Access-Control-Max-Age": "600",
        }
        return web.Response(status=204, headers=allow)

    # Streams send their headers early, so `_add_cors` adds these just before that, not after the handler.
    request[_CORS] = allow
    return await handler(request)


async def _add_cors(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(request.get(_CORS, {}))
