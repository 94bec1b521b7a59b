"""The live process: who is asking, and from which pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import live
from tests import builders


async def _who(request: web.Request) -> web.Response:
    return web.json_response({"user": (await live.require_user(request)).username})


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    return response


def ask(path: str = "/who", method: str = "GET", **options: object) -> tuple[ClientResponse, str]:
    """One request to a live application with two routes of the test's own."""

    async def asking() -> tuple[ClientResponse, str]:
        app = live.application()
        app.router.add_get("/who", _who)
        app.router.add_post("/who", _who)
        app.router.add_get("/stream", _stream)
        async with TestClient(TestServer(app)) as client:
            response = await client.request(method, path, **options)  # type: ignore[arg-type]
            return response, await response.text()

    return asyncio.run(asking())


@pytest.fixture
def cookie(transactional_db: None) -> Callable[[], dict[str, str]]:
    def sign_in() -> dict[str, str]:
        browser = Client()
        browser.force_login(builders.user("wang", password_changed_at=timezone.now()))
        return {"session": browser.cookies["session"].value}

    return sign_in


def test_it_is_alive():
    response, text = ask("/healthz")
    assert (response.status, text) == (200, '{"status": "alive"}')


def test_the_session_cookie_tells_the_user(cookie):
    response, text = ask(cookies=cookie())
    assert (response.status, text) == (200, '{"user": "wang"}')


def test_nobody_is_refused(transactional_db):
    assert ask()[0].status == 401
    assert ask(cookies={"session": "no-such-session"})[0].status == 401


def test_a_session_ends_with_the_password_and_with_the_account(cookie):
    from chengheng.common.people.models import User

    held = cookie()
    user = User.objects.get(username="wang")
    user.set_password("another password")
    user.save()
    assert ask(cookies=held)[0].status == 401

    browser = Client()
    browser.force_login(user)
    held = {"session": browser.cookies["session"].value}
    assert ask(cookies=held)[0].status == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert ask(cookies=held)[0].status == 401


def test_a_session_that_pages_would_end_is_ended_here_too(transactional_db):
    from importlib import import_module

    from django.conf import settings

    browser = Client()
    browser.force_login(builders.user("wang", password_changed_at=timezone.now()))
    key = browser.cookies["session"].value
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    for began, seen, status in ((60, 10, 200), (60, 86_400, 401), (40 * 86_400, 10, 401)):
        session["began_at"], session["seen_at"] = time.time() - began, time.time() - seen
        session.save()
        assert ask(cookies={"session": key})[0].status == status


def test_who_owes_a_new_password_gets_nothing(cookie):
    from chengheng.common.people.models import User

    held = cookie()
    User.objects.update(must_change_password=True)
    assert ask(cookies=held)[0].status == 401


def test_pages_of_the_site_may_call_with_their_cookie(cookie):
    response, _text = ask(cookies=cookie(), headers={"Origin": "http://localhost:8000"})
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in response.headers["Vary"]


def test_streams_and_refusals_carry_the_same_headers(transactional_db):
    for path in ("/stream", "/who"):
        response, _text = ask(path, headers={"Origin": "http://localhost:8000"})
        assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"


def test_pages_of_others_get_nothing(cookie):
    held = cookie()
    for origin in ("http://evil.example", "http://localhost.evil.example", "null", "file://"):
        for method in ("GET", "POST", "OPTIONS"):
            response, text = ask(cookies=held, method=method, headers={"Origin": origin})
            assert response.status == 403
            assert "wang" not in text
            assert "Access-Control-Allow-Origin" not in response.headers


def test_preflight_is_answered_for_own_pages():
    headers = {"Origin": "http://localhost:8000", "Access-Control-Request-Method": "POST"}
    response, _text = ask(method="OPTIONS", headers=headers)
    assert response.status == 204
    assert "POST" in response.headers["Access-Control-Allow-Methods"]


def test_a_host_that_is_not_of_the_site_is_refused():
    assert ask("/healthz", headers={"Host": "rebound.example"})[0].status == 400


def test_behind_tls_plain_origins_are_not_own(settings):
    settings.HTTPS = True
    settings.ALLOWED_HOSTS = ["city.example"]
    assert live.is_own("https://city.example", "live.example")
    assert not live.is_own("http://city.example", "live.example")


def test_a_site_that_answers_to_every_host_takes_only_pages_of_the_host_asked(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert live.is_own("http://city.example:8000", "city.example:8001")
    assert not live.is_own("http://evil.example:8000", "city.example:8001")


@given(origin=st.text(max_size=60), host=st.sampled_from(["localhost:8001", "[::1]:8001"]))
def test_any_text_may_come_as_origin(origin: str, host: str):
    assert isinstance(live.is_own(origin, host), bool)


def test_rooms_add_their_part(monkeypatch):
    monkeypatch.setattr(live, "_setups", [])
    seen: list[str] = []

    async def background(app: web.Application) -> object:
        seen.append("started")
        yield
        seen.append("ended")

    def setup(app: web.Application) -> None:
        app.cleanup_ctx.append(background)  # type: ignore[arg-type]

    live.add(setup)
    assert ask("/healthz")[0].status == 200
    assert seen == ["started", "ended"]


def test_blocking_work_leaves_the_loop_free(transactional_db):
    async def both() -> list[Awaitable[object]]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            for _ in range(10):
                await asyncio.sleep(0.01)
                ticks += 1

        await asyncio.gather(live.in_thread(time.sleep, 0.15), tick())
        assert ticks == 10
        return []

    asyncio.run(both())
