"""Whatever a client sends to patrol's API, it gets an answer of the API: never a fault of the server."""

from __future__ import annotations

import json

import pytest
import schemathesis
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings

from chengheng.common.people.actions import create_token
from chengheng.common.people.models import Duty
from chengheng.patrol import actions
from chengheng.project.api import api
from tests import builders
from tests.patrol.conftest import HEPING, IN_HEPING

PREFIX = "/api/v1/patrol/"
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), default=str))
)
OPERATIONS = [
    found.ok() for found in SCHEMA.get_all_operations() if found.ok() is not None and found.ok().path.startswith(PREFIX)
]


@pytest.fixture
def everything(client, posts, settings, tmp_path):
    """A token of somebody with every post of patrol, and a case that exists."""
    settings.FILE_STORE = tmp_path / "files"
    person = builders.user("everybody", posts.commission)
    roles = (
        "collector",
        "city_receptionist",
        "city_duty_chief",
        "city_dispatcher",
        "department",
        "supervisor",
        "manager",
    )
    for role in roles:
        Duty.objects.create(
            user=person, role=f"patrol.{role}", organisation=posts.commission, area_code=HEPING, starts_on="2020-01-01"
        )
    actions.report_case(
        person,
        source="collector",
        kind="event",
        code="06010",
        edition="GB/T 47678.5-2026",
        lon=IN_HEPING[0],
        lat=IN_HEPING[1],
    )
    return {"HTTP_AUTHORIZATION": f"Bearer {create_token(person, person, 'fuzz')[1]}"}


def send(client, case, headers):
    """The generated case by Django's client, whose database is the test's."""
    given = {"QUERY_STRING": "", **headers}
    path = case.formatted_path
    if case.query:
        from urllib.parse import urlencode

        given["QUERY_STRING"] = urlencode(case.query, doseq=True, errors="replace")
    body, kind = b"", "application/json"
    if case.media_type == "application/json":
        body = json.dumps(case.body, default=str).encode("utf-8", "replace")
    elif isinstance(case.body, dict):
        body, kind = {name: str(value) for name, value in case.body.items()}, None
    call = getattr(client, case.method.lower())
    if case.method == "GET":
        return call(path, **given)
    return call(path, body, **({"content_type": kind} if kind else {}), **given)


@pytest.mark.parametrize("address", ["cases?state=%00", "cases?district=%00", "dictionary?q=%00", "cases.geojson?bbox=1,2,3,4&state=%00",
    "cases.geojson?bbox=nan,2,3,4", "changes?cursor=1.2.9999999999999999999",
    "cases/99999999999999999999999", "tiles/0/0/99999999999999999999.mvt"])  # fmt: skip
def test_what_no_database_holds_is_refused_in_words(client, everything, address):
    assert client.get(PREFIX + address, **everything).status_code in (404, 422)


def test_the_schema_has_the_operations_of_patrol():
    assert {"/api/v1/patrol/cases", "/api/v1/patrol/changes", "/api/v1/patrol/hooks"} <= {o.path for o in OPERATIONS}
    assert len(OPERATIONS) >= 20


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
def test_no_request_is_a_fault(client, everything, operation, monkeypatch):
    client.raise_request_exception = False
    from chengheng.common.people import limits

    @settings(
        max_examples=25, deadline=None, phases=(Phase.generate,), derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def fuzz(case):
        limits.api.clear()
        with transaction.atomic():
            answer = send(client, case, everything)
            transaction.set_rollback(True)
        assert answer.status_code < 500, (answer.status_code, case.method, case.formatted_path, case.query, case.body)
        assert connection.is_usable()

    fuzz()
