"""Fixtures that every room's tests share."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tools.browser import FLAGS
from tools.site import Site

# A busy machine is no fault of the product, and the fixtures of these tests hold nothing that one example leaves to the next.
settings.register_profile(
    "chengheng",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("chengheng")


@pytest.fixture
def shared() -> Path:
    """The folder of original tables and test data; the test is skipped where it is not at hand."""
    folder = Path(os.environ["CHENGHENG_SHARED"])
    if not folder.exists():
        pytest.skip("the shared folder is not at hand")
    return folder


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A short-named temporary folder (sockets live in it)."""
    with tempfile.TemporaryDirectory(prefix="ch-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def migrated() -> Path:
    """A data folder that `chengheng migrate` has made of nothing: once in a run, and a site of a test's begins with a copy."""
    folder = Path(os.environ["CHENGHENG_DATA"], "migrated")
    folder.mkdir(parents=True, exist_ok=True)
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with (folder / "of-run").open("a+") as said:  # the other worker waits here and finds it made
        fcntl.flock(said, fcntl.LOCK_EX)
        said.seek(0)
        if said.read() != run:
            shutil.rmtree(folder / "data", ignore_errors=True)
            Site(folder).command("migrate")
            said.truncate(0)
            said.write(run)
    return folder / "data"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """The tests' database is migrated as `chengheng migrate` does it."""
    from chengheng.project.rendering import quick

    with quick():
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Tests that need real transactions empty what they filled afterwards: append-only tables and the queue too."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "sql_flush", _sql_flush)
    yield
    patch.undo()


KEPT = ("django_migrations", "django_content_type", "auth_permission")


def _sql_flush(operations: Any, style: Any, tables: Any, **options: Any) -> list[str]:
    """Delete from the few tables that hold rows: TRUNCATE of all three hundred takes a second a test."""
    with operations.connection.cursor() as cursor:
        cursor.execute(
            "select tablename from pg_tables where schemaname = 'public' and tablename <> all(%s)", [[*KEPT]]
        )
        names = [operations.quote_name(name) for (name,) in cursor.fetchall()]
        cursor.execute(" union all ".join(f"select '{name}' where exists (select from {name})" for name in names))
        filled = [name for (name,) in cursor.fetchall()]
    return ["set local session_replication_role = replica", *(f"delete from {name}" for name in filled)]


PATIENCE = 30_000  # ms; the machine may be busy: nothing waits so long on one at rest


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """The one driver of browsers in this process: it keeps a loop of its own, beside which no second one starts."""
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the ORM is used in the thread of that loop
    with sync_api.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Debian's Chromium, or CHENGHENG_CHROMIUM; tests that need it are skipped where there is none."""
    path = os.environ.get("CHENGHENG_CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("Chromium is not installed")
    return path


@pytest.fixture(scope="session")
def chromium(playwright: Any, chromium_path: str) -> Iterator[Any]:
    """One Chromium for the run."""
    browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
    yield browser
    browser.close()


def _no_events(route: Any) -> None:
    """An event stream on which nothing happens."""
    origin = route.request.headers.get("origin", "*")
    headers = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
    route.fulfill(status=200, content_type="text/event-stream", headers=headers, body="retry: 60000\n\n")


def _tab(chromium: Any, **options: Any) -> Any:
    context = chromium.new_context(locale="zh-CN", color_scheme="light", **options)
    context.route(re.compile(r"/events(\?|$)"), _no_events)  # the live process is not part of these tests
    tab = context.new_page()
    tab.faults = []

    def heard(message: Any) -> None:
        # A test that cuts the network hears so from the browser, sooner or later: no fault of the page.
        if message.type == "error" and "ERR_INTERNET_DISCONNECTED" not in message.text:
            tab.faults.append(message.text)

    tab.on("console", heard)
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    return tab


def _close(tab: Any) -> None:
    faults = list(tab.faults)  # what is cut off by closing is no fault
    tab.context.close()
    assert not faults, f"the page had faults: {faults}"


DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A desktop page in Chinese and light. `page.faults` holds console errors, policy breaches and exceptions seen.

    What is still in `page.faults` at the end fails the test; one that provokes a fault looks at it and clears the list.
    """
    tab = _tab(chromium, **DESKTOP)
    yield tab
    _close(tab)


@pytest.fixture
def phone(chromium: Any) -> Iterator[Any]:
    """As `page`, of a phone's size, with touch."""
    tab = _tab(chromium, **PHONE)
    yield tab
    _close(tab)


@pytest.fixture
def signed_in(chromium: Any, live_server: Any, client: Any) -> Iterator[Any]:
    """`signed_in(user)`: a page as `page`, with a session of that user's on the live server; `signed_in(user, **PHONE)`: as
    `phone`.

    Each person has a browser of their own and the last one's is closed: what a page asks for by itself after its person's
    session has ended (a test's clock jumps) would lead the next person's page to the sign-in.
    """
    from tests import access

    opened: list[Any] = []

    def enter(user: Any, **options: Any) -> Any:
        if opened:
            _close(opened.pop())
        client.cookies.clear()  # signing in with them would end the last person's session
        opened.append(tab := _tab(chromium, **(options or DESKTOP)))
        access.let_in(tab, live_server.url, client, user)
        return tab

    yield enter
    if opened:
        _close(opened.pop())
