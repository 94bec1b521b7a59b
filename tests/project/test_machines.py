"""A call by a bearer token goes straight to its endpoint, and is answered as it was on the long way."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from chengheng.common.people.actions import create_token
from chengheng.project import machines
from tests import builders

pytestmark = pytest.mark.django_db
LIST = "/api/v1/patrol/cases"


@pytest.fixture
def token():
    user = builders.user()
    return create_token(user, user, "probe")[1]


@pytest.fixture
def long_way(monkeypatch):
    def switch():
        monkeypatch.setattr(machines, "_is_by_token", lambda request: False)

    return switch


def said(answer):
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in ("X-Request-ID", "Content-Security-Policy", "Content-Length", "Vary")
    }


@pytest.mark.parametrize(
    ("path", "status"), [(LIST, 200), (f"{LIST}/1", 404), (f"{LIST}?before=x", 422), ("/api/v1/nothing", 404)]
)
def test_the_answer_and_its_headers_are_those_of_the_long_way(token, long_way, path, status):
    headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
    straight = Client().get(path, headers=headers)
    long_way()
    long = Client().get(path, headers=headers)
    assert straight.status_code == long.status_code == status
    if path != "/api/v1/nothing":  # a page, which names its request and its time
        assert straight.content == long.content
    assert said(straight) == said(long)
    assert straight["Content-Length"] == str(len(straight.content))


def test_a_wrong_token_is_nobody(token):
    answer = Client().get(LIST, headers={"authorization": f"Bearer {token}x"})
    assert answer.status_code == 401


def test_a_host_that_is_not_ours_is_refused(token, settings):
    settings.ALLOWED_HOSTS = ["city.example"]
    answer = Client().post(LIST, headers={"authorization": f"Bearer {token}", "host": "elsewhere.example"})
    assert answer.status_code == 400


def test_a_session_beside_the_token_goes_the_long_way(token, monkeypatch):
    monkeypatch.setattr(machines, "SessionStore", lambda: pytest.fail("it went the straight way"))
    client = Client()
    client.force_login(builders.user("other"), backend="chengheng.common.people.auth.Backend")
    session = client.session
    session["began_at"] = session["seen_at"] = timezone.now().timestamp()
    session.save()
    assert client.get(LIST, headers={"authorization": f"Bearer {token}"}).status_code == 200
