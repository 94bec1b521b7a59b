"""A thousand reports while the web is killed again and again: none is lost, none is doubled."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chengheng.project.embedded import Embedded
from tests.patrol.conftest import IN_HEPING
from tools.site import ROOT, Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
REPORTS = 1000
AT_ONCE = 12

PREPARE = """
import django; django.setup()
from chengheng.common.people.actions import create_token
from chengheng.common.people.models import AccessPolicy, Duty, Organisation, User
from chengheng.patrol import reference
reference.load()
AccessPolicy.objects.create(version=(AccessPolicy.objects.count() + 1) * 100, effective_from="2020-01-01",
                            address_per_minute=30000, user_per_minute=30000)
at = Organisation.objects.create(code="KILL", name="Kill", kind="district")
user = User.objects.create(username="kill", display_name="kill", organisation=at, password="!")
Duty.objects.create(user=user, role="patrol.collector", organisation=at, area_code="120101", starts_on="2020-01-01")
print("TOKEN", create_token(user, user, "kill")[1])
"""


@pytest.fixture
def site(migrated: Path) -> Iterator[Site]:
    folder = Path("/tmp") / f"chk-{os.getpid()}"
    folder.mkdir()
    running = Site(folder, settings={"CHENGHENG_WEB_WORKERS": "2"})
    try:
        running.begin_with(migrated)
        running.start(seconds=240)
        yield running
    finally:
        if running.up is not None:
            running.stop()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def token_of(site: Site) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PREPARE], env=site.environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "TOKEN" in done.stdout, done.stderr
    return done.stdout.split("TOKEN ")[1].strip()


def connection(site: Site) -> dict[str, str]:
    server = Embedded(site.data / "postgres")
    password = (site.data / "secrets" / "postgres_password").read_text()
    return {
        "host": str(server.socket_folder),
        "port": "5432",
        "user": "chengheng",
        "password": password,
        "dbname": "chengheng",
    }


class Phones:
    """Sends reports as phones do: each keeps its id and goes on until the centre has said that it has it."""

    def __init__(self, site: Site, token: str) -> None:
        self.port, self.token = site.port, token
        self.waiting = [str(uuid.uuid4()) for _number in range(REPORTS)]
        self.answers: dict[str, set[int]] = {}
        self.failed = 0
        self.lock = threading.Lock()

    def work(self) -> None:
        while True:
            with self.lock:
                if not self.waiting:
                    return
                number, mine = len(self.waiting), self.waiting.pop()
            body = {
                "client_id": mine, "kind": "event", "code": "06010", "edition": "GB/T 47678.5-2026",
                "lon": IN_HEPING[0], "lat": IN_HEPING[1], "description": f"report {number}",
            }  # fmt: skip
            self.send_until_answered(mine, json.dumps(body))

    def send_until_answered(self, mine: str, body: str) -> None:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
                line.request("POST", "/api/v1/patrol/cases", body, headers)
                answer = line.getresponse()
                content = answer.read()
                if answer.status in (200, 201):
                    with self.lock:
                        self.answers.setdefault(mine, set()).add(json.loads(content)["id"])
                    return
            except (OSError, http.client.HTTPException, ValueError):
                pass
            finally:
                line.close()
            with self.lock:
                self.failed += 1
            time.sleep(random.random() / 2)


def test_a_thousand_reports_survive_a_web_that_is_killed(site: Site):
    phones = Phones(site, token_of(site))
    threads = [threading.Thread(target=phones.work) for _number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    kills = before = 0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        if len(phones.answers) - before >= REPORTS // 6 and site.kill("web"):  # always in the middle of its work
            before = len(phones.answers)
            kills += 1
    for thread in threads:
        thread.join()
    assert kills >= 2
    assert phones.failed, "nobody noticed the kills: the test proves nothing"
    assert len(phones.answers) == REPORTS
    ids = {pk for answers in phones.answers.values() for pk in answers}
    assert len(ids) == REPORTS, "two phones got the same case"
    with psycopg.connect(**connection(site)) as database:
        (cases,) = database.execute("select count(*) from patrol_case where description like 'report %'").fetchone()
        (found,) = database.execute("select count(*) from patrol_case where id = any(%s)", [list(ids)]).fetchone()
        (clocks,) = database.execute("select count(*) from flow_clockrun where subject_type = 'patrol.case'").fetchone()
        (entries,) = database.execute(
            "select count(*) from trail_entry where subject_type = 'patrol.case' and act = 'patrol.case.report'"
        ).fetchone()
        (requests,) = database.execute("select count(*) from replay_request where answer is not null").fetchone()
    assert (cases, found, clocks, entries, requests) == (REPORTS,) * 5
    assert site.command("trail", "verify").returncode == 0
