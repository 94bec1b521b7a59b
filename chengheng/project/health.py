"""Is it alive, is it ready, what does it do: /healthz, /readyz, /metrics, and the middleware that counts requests."""

from __future__ import annotations

import hmac
import ipaddress
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_only_middleware
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from chengheng.project import config

Answer = Callable[[HttpRequest], HttpResponse]

REQUESTS = Counter("chengheng_requests_total", "Requests answered.", ("method", "route", "status"))
DURATIONS = Histogram(
    "chengheng_request_seconds",
    "Time to answer, by route.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@sync_only_middleware
def measured(answer: Answer) -> Answer:
    """Count and time each request under its route (never its path: paths are without number)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = answer(request)
        match = request.resolver_match
        route = match.route if match else "none"
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        DURATIONS.labels(route).observe(time.perf_counter() - started)
        return response

    return middleware


@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else."""
    return JsonResponse({"status": "alive"})


@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when this site can work, 503 with the part that cannot otherwise."""
    parts = {"database": database_fault(), "migrations": "", "files": file_store_fault()}
    if not parts["database"]:
        missing = missing_migrations()
        parts["migrations"] = f"{missing} not applied" if missing else ""
    ready = not any(parts.values())
    told = {name: fault or "ok" for name, fault in parts.items()}
    return JsonResponse({"status": "ready" if ready else "not ready", **told}, status=200 if ready else 503)


def database_fault() -> str:
    """Why the database cannot be used, or ""."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except (DatabaseError, InterfaceError):
        connection.close()
        return "does not answer"
    return ""


_migrated = False


def missing_migrations() -> int:
    """How many migrations are not applied. Asked anew until all are, then remembered."""
    global _migrated
    if _migrated:
        return 0
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _migrated = not missing
    return len(missing)


def file_store_fault() -> str:
    """Why the file store cannot be written, or ""."""
    try:
        folder = Path(settings.FILE_STORE)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
    except OSError as error:
        return os.strerror(error.errno or 0)
    return ""


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; for this machine itself, or with the token of CHENGHENG_METRICS_TOKEN."""
    if not _may_read_metrics(request):
        return HttpResponse("not for you\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY)
    site = CollectorRegistry()
    site.register(_Site())
    return HttpResponse(text + generate_latest(site), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = config.text("CHENGHENG_METRICS_TOKEN")
    given = request.headers.get("Authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    if any(header in request.headers for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False  # a proxy on this machine speaks for somebody else
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Site:
    """What the database and the supervisor know, read at the time of asking."""

    def collect(self) -> Iterator[Any]:
        up = GaugeMetricFamily("chengheng_database_up", "1 when the database answers.")
        jobs = GaugeMetricFamily("chengheng_jobs", "Jobs of the queue by state.", labels=("queue", "state"))
        oldest = GaugeMetricFamily("chengheng_jobs_oldest_seconds", "Age of the oldest job that is due and waits.")
        fault = database_fault()
        up.add_metric([], 0 if fault else 1)
        yield up
        if not fault:
            with connection.cursor() as cursor:
                cursor.execute(
                    "select queue_name, status::text, count(*) from procrastinate_jobs"
                    " where status in ('todo', 'doing', 'failed') group by 1, 2"
                )
                for queue, state, count in cursor.fetchall():
                    jobs.add_metric([queue, state], count)
                cursor.execute(
                    "select coalesce(extract(epoch from now() - min(coalesce(j.scheduled_at, e.at))), 0)"
                    " from procrastinate_jobs j left join procrastinate_events e"
                    " on e.job_id = j.id and e.type = 'deferred'"
                    " where j.status = 'todo' and (j.scheduled_at is null or j.scheduled_at <= now())"
                )
                oldest.add_metric([], float(cursor.fetchone()[0]))
            yield jobs
            yield oldest
        running = GaugeMetricFamily("chengheng_process_up", "1 when the process runs.", labels=("process",))
        starts = GaugeMetricFamily("chengheng_process_starts", "Starts since `up`.", labels=("process",))
        for name, state in processes().items():
            running.add_metric([name], state["state"] == "running")
            starts.add_metric([name], state["starts"])
        yield running
        yield starts


def processes() -> dict[str, dict[str, Any]]:
    """What the supervisor of this data folder runs, by name; {} when none does."""
    try:
        told: dict[str, dict[str, Any]] = json.loads((config.data_folder() / "processes.json").read_text())
    except (OSError, ValueError):
        return {}
    return told
