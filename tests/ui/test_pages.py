"""The shell and its borders: what every page carries, and how refusals become words."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from chengheng.common.errors import NotPermitted, Refusal, Stale
from chengheng.common.ui import border, csp
from chengheng.common.ui.views import is_partial


def test_the_living_page_shows_every_component_in_both_languages(client: Client, db: None) -> None:
    chinese = client.get("/design/")
    assert chinese.status_code == 200
    assert 'lang="zh-Hans"' in chinese.content.decode()
    client.cookies["django_language"] = "en"
    english = client.get("/design/").content.decode()
    assert 'lang="en"' in english
    assert "no evidence" in english


def test_the_browsers_language_does_not_override_the_sites(client: Client, db: None) -> None:
    page = client.get("/design/", headers={"accept-language": "en-GB"}).content.decode()
    assert 'lang="zh-Hans"' in page


@pytest.mark.parametrize(("chosen", "attribute"), [("dark", "dark"), ("light", "light"), ("auto", "light")])
def test_the_chosen_appearance_is_in_the_first_byte_of_html(
    client: Client, db: None, chosen: str, attribute: str
) -> None:
    answer = client.post("/preferences/", {"theme": chosen, "next": "/design/"})
    assert answer.status_code == 302
    assert answer["Location"] == "/design/"
    page = client.get("/design/").content.decode()
    assert f'data-bs-theme="{attribute}"' in page.split("<head>")[0]
    assert ("ui/theme.js" in page) is (chosen == "auto")


def test_a_choice_never_leads_off_the_site(client: Client, db: None) -> None:
    answer = client.post("/preferences/", {"language": "en", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"
    assert client.cookies["django_language"].value == "en"


def test_an_unknown_choice_is_not_kept(client: Client, db: None) -> None:
    client.post("/preferences/", {"language": "xx", "theme": "<b>"})
    assert "theme" not in client.cookies
    assert "django_language" not in client.cookies


def test_pages_carry_no_inline_script_or_style(client: Client, db: None) -> None:
    page = client.get("/design/")
    text = page.content.decode()
    assert " style=" not in text
    assert "<style" not in text
    assert "javascript:" not in text
    for script in text.split("<script")[1:]:
        assert " src=" in script.split(">")[0]
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    for part in (
        "default-src 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert part in policy


def test_the_policy_names_the_live_port_of_the_same_host(settings) -> None:
    settings.LIVE_PORT = 8123
    request = RequestFactory().get("/", headers={"host": "localhost:8000"})
    assert csp.live_origin(request) == "http://localhost:8123"
    assert "connect-src 'self' http://localhost:8123 ws://localhost:8123" in csp.policy("http://localhost:8123")


def test_a_nonce_is_in_the_policy_only_when_a_page_asked_for_it() -> None:
    def plain(request):
        return HttpResponse("")

    def asking(request):
        return HttpResponse(str(request.csp_nonce))

    assert "nonce" not in csp.ContentSecurityPolicy(plain)(RequestFactory().get("/"))["Content-Security-Policy"]
    answer = csp.ContentSecurityPolicy(asking)(RequestFactory().get("/"))
    assert f"'nonce-{answer.content.decode()}'" in answer["Content-Security-Policy"]


def test_a_refusal_is_a_page_for_people_and_a_toast_for_htmx(rf: RequestFactory) -> None:
    part = rf.get("/", headers={"hx-request": "true"})
    answer = border.refuse(part, Stale())
    assert answer.status_code == 409
    assert answer["HX-Reswap"] == "none"
    assert json.loads(answer["HX-Trigger"])["toast"] == {"text": str(Stale()), "level": "bad"}


@login_not_required
def _refusing(request):
    raise NotPermitted(act="x")


@login_not_required
def _other(request):
    raise Refusal("No %(thing)s today.", thing="scale")


OWN = [path("refusing/", _refusing), path("other/", _other)]


def _site_urls():
    from chengheng.project import urls

    return urls.urlpatterns


@pytest.fixture
def refusing_site(settings):
    import types

    module = types.ModuleType("tests_refusing_urls")
    module.urlpatterns = [*_site_urls(), *OWN]
    import sys

    sys.modules["tests_refusing_urls"] = module
    settings.ROOT_URLCONF = "tests_refusing_urls"
    yield
    del sys.modules["tests_refusing_urls"]


def test_views_may_raise_refusals(client: Client, db: None, refusing_site: None) -> None:
    assert "您没有进行此操作的权限。" in client.get("/refusing/").content.decode()
    client.cookies["django_language"] = "en"
    answer = client.get("/refusing/")
    assert answer.status_code == 403
    assert "You are not permitted to do this." in answer.content.decode()
    answer = client.get("/other/")
    assert answer.status_code == 409
    assert "No scale today." in answer.content.decode()
    answer = client.get("/other/", headers={"accept": "application/json"})
    assert answer.json() == {"code": "refused", "message": "No scale today."}


def test_an_unknown_address_answers_in_the_sites_words(client: Client, db: None) -> None:
    client.cookies["django_language"] = "en"
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no page at this address" in answer.content.decode()


def test_the_fault_page_needs_no_request_and_no_database() -> None:
    from django.template.loader import render_to_string

    assert "500" in render_to_string("500.html")


def test_a_form_without_its_token_is_refused_in_words(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies["django_language"] = "en"
    answer = client.post("/preferences/", {"theme": "dark"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_boosted_links_get_whole_pages(rf: RequestFactory) -> None:
    assert is_partial(rf.get("/", headers={"hx-request": "true"}))
    assert not is_partial(rf.get("/", headers={"hx-request": "true", "hx-boosted": "true"}))
    assert not is_partial(rf.get("/"))
