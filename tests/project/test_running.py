"""The product as it runs: processes are killed while clients write; nothing acknowledged is lost, all comes back."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import psycopg
import pytest
from procrastinate import App, SyncPsycopgConnector

from chengheng.project.embedded import Embedded
from tools.site import ROOT, Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One running site for this file's tests, which stand in the order of its life."""
    folder = Path("/tmp") / f"ch-{os.getpid()}"
    folder.mkdir()
    running = Site(folder, demo=True)
    try:
        running.start()
        yield running
    finally:
        if running.up is not None:
            running.stop()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def connection(site: Site) -> dict[str, str]:
    """How a client reaches the site's embedded database."""
    server = Embedded(site.data / "postgres")
    return {
        "host": str(server.socket_folder),
        "port": "5432",
        "user": "chengheng",
        "password": (site.data / "secrets" / "postgres_password").read_text(),
        "dbname": "chengheng",
    }


def eventually(true: object, seconds: float = 60) -> None:
    """Wait until `true()` holds."""
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.2)


class Writer(threading.Thread):
    """Keeps doing `act(number)`; numbers whose act came back without an error are acknowledged."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.acknowledged: set[int] = set()
        self.failed = 0
        self.last: Exception | None = None
        self.halt = threading.Event()

    def run(self) -> None:
        for number in itertools.count():
            if self.halt.is_set():
                return
            try:
                self.act(number)
            except Exception as error:
                self.failed += 1
                self.last = error
                time.sleep(0.05)
            else:
                self.acknowledged.add(number)
            time.sleep(0.005)

    def act(self, number: int) -> None:
        raise NotImplementedError


class RowWriter(Writer):
    """Commits rows over a connection of its own, made anew when it broke."""

    def __init__(self, site: Site) -> None:
        super().__init__("rows")
        self.site = site
        self.link: psycopg.Connection | None = None

    def act(self, number: int) -> None:
        if self.link is None or self.link.closed:
            self.link = psycopg.connect(**connection(self.site), connect_timeout=2)
        with self.link.transaction():
            self.link.execute(
                "insert into people_signin (username, at, outcome, origin, agent, session_key)"
                " values (%s, now(), 'refused', '', '', '')",
                [f"row-{number}"],
            )


class PageWriter(Writer):
    """Changes its own telephone number through the page, signed in as a demonstration user.

    Acknowledged is what was answered with the redirect after saving; each such change is an entry of the trail.
    """

    def __init__(self, site: Site) -> None:
        super().__init__("pages")
        self.site = site
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), _Stay())
        page = self._get("/people/sign-in/")
        user = re.search(r'name="user" value="(\d+)"', page)
        assert user, "the sign-in page offers no demonstration users"
        self._post("/people/sign-in/demo/", user=user[1])
        self._get("/people/me/")

    def _get(self, path: str) -> str:
        with self.opener.open(f"{self.site.address}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def _post(self, path: str, **fields: str) -> None:
        token = next(cookie.value for cookie in self.jar if "csrf" in cookie.name)
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        with self.opener.open(f"{self.site.address}{path}", body, timeout=10) as answer:
            assert answer.status == 302, answer.status

    def act(self, number: int) -> None:
        self._post("/people/me/", phone=f"{number + 1}", email="")

    def missing(self) -> set[str]:
        """Acknowledged changes that the trail does not tell of."""
        with psycopg.connect(**connection(self.site)) as link:
            told = "".join(str(data) for (data,) in link.execute("select data::text from trail_entry"))
        return {f'"{number + 1}"' for number in self.acknowledged if f'"{number + 1}"' not in told}


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers, not orders."""

    def redirect_request(self, *_: object) -> None:
        return None

    def http_error_302(self, request: object, answer: object, *_: object) -> object:
        return answer


class JobWriter(Writer):
    """Puts jobs on the queue; each must be worked on some time, whatever is killed."""

    def __init__(self, site: Site) -> None:
        super().__init__("jobs")
        self.site = site

    def act(self, number: int) -> None:
        app = App(connector=SyncPsycopgConnector(kwargs=connection(self.site), max_size=1, min_size=1, timeout=2))
        with app.open():
            app.configure_task("jobs.tidy", queue="default").defer(timestamp=number)
        time.sleep(0.2)


def test_a_second_supervisor_on_the_same_folder_is_refused(site: Site):
    other = site.command("up", check=False)
    assert other.returncode == 1
    assert f"process {site.up.pid}" in other.stderr


def test_commands_work_beside_the_running_site(site: Site):
    assert site.command("check").returncode == 0
    assert site.command("trail", "verify").returncode == 0


def test_killed_processes_come_back_and_nothing_acknowledged_is_lost(site: Site):
    writers = [RowWriter(site), JobWriter(site), PageWriter(site)]
    for writer in writers:
        writer.start()
    chance = random.Random(20261122)
    before = {name: state["starts"] for name, state in site.processes().items()}
    assert {"postgres", "web", "worker", "live"} <= set(before)
    victims = sorted(before) * 3
    chance.shuffle(victims)
    for victim in victims:
        eventually(lambda victim=victim: site.kill(victim))
        time.sleep(chance.uniform(0.5, 2.0))
    site.wait_ready()
    eventually(lambda: all(state["state"] == "running" for state in site.processes().values()))
    time.sleep(1)
    for writer in writers:
        writer.halt.set()
        writer.join(20)

    rows, jobs, pages = writers
    with psycopg.connect(**connection(site)) as link:
        found = {name for (name,) in link.execute("select username from people_signin where username like 'row-%'")}
    lost = {f"row-{number}" for number in rows.acknowledged} - found
    assert not lost
    assert len(rows.acknowledged) > 100, rows.last
    assert len(pages.acknowledged) > 20, pages.last
    assert not pages.missing()
    assert site.command("trail", "verify").returncode == 0
    assert rows.failed, "the database was killed three times and nobody noticed: the test proves nothing"
    after = {name: state["starts"] for name, state in site.processes().items()}
    assert all(after[name] - before[name] >= 3 for name in before), (before, after)

    def drained() -> bool:
        with psycopg.connect(**connection(site)) as link:
            left = link.execute(
                "select count(*) from procrastinate_jobs where task_name = 'jobs.tidy' and status <> 'succeeded'"
            ).fetchone()
        return left == (0,)

    assert len(jobs.acknowledged) > 10, jobs.last
    eventually(drained, 180)


def test_web_workers_do_not_outlive_their_master(site: Site):
    master = site.processes()["web"]["pid"]
    workers = [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
    assert workers
    os.kill(master, signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 10)
    site.wait_ready()


def test_nothing_outlives_a_killed_supervisor_and_the_site_starts_again(site: Site):
    site.up.kill()
    site.up.wait()
    eventually(lambda: not site.pids(), 40)
    site.start()
    assert all(state["state"] == "running" for state in site.processes().values())


def test_sigterm_stops_everything_and_leaves_no_process(site: Site):
    started = time.monotonic()
    assert site.stop() == 0
    assert time.monotonic() - started < 30
    assert site.pids() == []
    assert "stopping" in site.log.read_text()


def test_a_command_starts_the_database_for_its_own_time_only(site: Site):
    assert site.command("check").returncode == 0
    assert site.pids() == []


def test_a_command_that_is_killed_takes_its_database_along(site: Site):
    command = subprocess.Popen(
        [sys.executable, "-c", "from chengheng.project.cli import database\nimport time\nwith database(): time.sleep(99)"],
        env=site.environment(), cwd=ROOT,
    )  # fmt: skip
    try:
        eventually(lambda: len(site.pids()) > 3, 30)
    finally:
        command.kill()
        command.wait()
    eventually(lambda: not site.pids(), 30)
