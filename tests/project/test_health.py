"""Alive, ready, measured: what probes and Prometheus see."""

from __future__ import annotations

import pytest

from chengheng.project import health


def test_alive_needs_nothing(client):
    assert client.get("/healthz").json() == {"status": "alive"}


def test_ready_when_database_migrations_and_file_store_are(client, db, settings, scratch):
    settings.FILE_STORE = scratch / "files"
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "database": "ok", "migrations": "ok", "files": "ok"}


def test_not_ready_while_a_migration_is_missing(client, db, settings, scratch, monkeypatch):
    from django.db import connection

    settings.FILE_STORE = scratch / "files"
    monkeypatch.setattr(health, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'people'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["migrations"].endswith("not applied")
    assert answer.json()["database"] == "ok"


def test_not_ready_while_the_file_store_cannot_be_written(client, db, settings, scratch):
    (scratch / "files").write_text("a file where the folder should be")
    settings.FILE_STORE = scratch / "files"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["files"] != "ok"


def test_metrics_count_requests_by_route_and_jobs_by_state(client, db):
    from chengheng.common.jobs.tasks import tidy

    client.get("/healthz")
    tidy.defer(timestamp=1)
    text = client.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    assert 'chengheng_requests_total{method="GET",route="healthz",status="200"}' in text
    assert 'chengheng_request_seconds_count{route="healthz"}' in text
    waiting = next(
        line for line in text.splitlines() if line.startswith('chengheng_jobs{queue="default",state="todo"}')
    )
    assert float(waiting.split()[-1]) >= 1
    assert "chengheng_database_up 1.0" in text
    oldest = next(line for line in text.splitlines() if line.startswith("chengheng_jobs_oldest_seconds "))
    assert 0 <= float(oldest.split()[1]) < 3600


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "192.0.2.7"}, False),
        ({"REMOTE_ADDR": ""}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.7"}, False),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer the-token"}, True),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer another"}, False),
    ],
)
def test_metrics_are_for_this_machine_or_the_token(client, db, monkeypatch, headers, allowed):
    monkeypatch.setenv("CHENGHENG_METRICS_TOKEN", "the-token")
    assert client.get("/metrics", **headers).status_code == (200 if allowed else 403)


def test_without_a_token_set_an_empty_bearer_opens_nothing(client, db):
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7", HTTP_AUTHORIZATION="Bearer ").status_code == 403
