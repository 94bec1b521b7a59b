"""What every room's tests need about permission: signing in, and proving that pages and API are closed to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters
from django.utils import timezone

SIGN_IN = "/people/sign-in/"

# Every address that answers without a sign-in, with the reason. Nothing else may. Names as in `reverse`, or the address.
PUBLIC: dict[str, str] = {
    "people:sign_in": "the way in",
    "people:sign_in_demo": "the way in of a demonstration; 404 outside of one",
    "people:sign_in_code": "the way in; leads back to the sign-in page without a half-done sign-in",
    "people:sign_in_enrol": "the way in; leads back to the sign-in page without a half-done sign-in",
    "people:sign_out": "ends a session; without one there is nothing to end",
    "/healthz": "watched by machines; says alive and nothing else",
    "/readyz": "watched by machines; says ready and what is not",
    "/metrics": "for this machine itself or with its own token (tests/project); holds no records",
    "maintenance:follow": "whoever reported a fault sees by an unguessable address how it stands and rates the repair",
    "maintenance:label": "behind a QR label; names the device of an unguessable address and takes a report, limited by caller",
    "notices:called": "where a voice gateway reports a call: an address signed by us for one attempt; anything else is 404",
    "files:linked": "an address signed by us for one file and a short time; anything else is 410",
    "ui:choose": "language and appearance before signing in",
    "ui:design": "the living page holds no records",
    "cleanliness:public_bulletin": "the public version of a bulletin, once opened by an act; 404 before; names no person",
}


def sign_in(client: Client, user: Any) -> Client:
    """The client with a session of this user as the sign-in page opens it, second factor proved."""
    client.force_login(user)
    session = client.session
    session["began_at"] = session["seen_at"] = timezone.now().timestamp()
    session["second_factor"] = True
    session.save()
    return client


def let_in(tab: Any, address: str, client: Client, user: Any) -> None:
    """The browser's tab with a session of this user's on the server at this address.

    What the page still asks for as the person before would be answered with 401 and would delete the new cookie: it is
    left, and that person's session is not ended either (a client that signs in anew flushes its own).
    """
    if tab.url.startswith(address):
        tab.goto("about:blank")
        client.cookies.clear()
    sign_in(client, user)
    name = settings.SESSION_COOKIE_NAME
    tab.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])


def is_closed(response: Any) -> bool:
    """Whether an answer kept somebody out: to the sign-in page, 401, 403, or 404 (existence is not told)."""
    if response.status_code in {401, 403, 404}:
        return True
    return response.status_code in {301, 302} and SIGN_IN in response["Location"]


def assert_scoped(client: Client, urls: Iterable[str], allowed_user: Any, refused_user: Any) -> None:
    """GET every address as nobody, as somebody who may, and as somebody who may not (other unit, area or role).

    Nobody is sent to the sign-in page (pages) or refused (API); the allowed user gets 200; the refused one 403 or 404.
    """
    for url in urls:
        client.logout()
        assert is_closed(client.get(url)), f"{url} is open to everybody"
        sign_in(client, allowed_user)
        status = client.get(url).status_code
        assert status == 200, f"{url} answers {status} to {allowed_user}, who may"
        client.logout()
        sign_in(client, refused_user)
        status = client.get(url).status_code
        assert status in {403, 404}, f"{url} answers {status} to {refused_user}, who may not"
    client.logout()


_EXAMPLES = {
    "int": "1",
    "slug": "x",
    "str": "x",
    "path": "x",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def all_addresses() -> Iterator[tuple[str, str]]:
    """Every pattern of the site as (name with namespace, an address that matches it)."""
    yield from _walk(get_resolver().url_patterns, "/", "")


def _walk(patterns: Iterable[URLPattern | URLResolver], prefix: str, space: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        address = prefix + _example(pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _walk(pattern.url_patterns, address, inner)
        else:
            yield (f"{space}{pattern.name}" if pattern.name else address), address


def _example(pattern: URLPattern | URLResolver) -> str:
    route = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        kinds = [kind for kind, known in get_converters().items() if type(known) is type(converter)]
        for kind in kinds:
            example = _EXAMPLES.get(kind, "1")
            route = route.replace(f"<{kind}:{name}>", example)
        route = route.replace(f"<{name}>", "x")
    return route.lstrip("^").rstrip("$")
