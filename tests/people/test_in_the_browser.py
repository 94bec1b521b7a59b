"""The way in, as people see it, in a real browser under the strict content policy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.utils import timezone

from chengheng.common.people import rules
from tests import builders
from tests.people.conftest import PASSWORD, with_password

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def keep(page, name: str) -> None:
    """A picture for a person to look at, when CHENGHENG_SHOTS names a folder."""
    if folder := os.environ.get("CHENGHENG_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture
def page(page):
    """The event stream has its own process, which does not run here: that it cannot be reached is no fault of a page."""
    yield page
    page.faults[:] = [fault for fault in page.faults if "ERR_CONNECTION_REFUSED" not in fault]


def test_a_privileged_user_sets_up_a_second_factor_and_reads_the_sign_ins(page, live_server):
    with_password(builders.holder(rules.AUDITOR, name="auditor"))
    page.goto(live_server.url + "/people/sign-ins/")
    keep(page, "sign-in")
    page.fill("input[name=username]", "auditor")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".qr svg, svg.segno")
    keep(page, "second-factor")
    secret = page.inner_text("ol code").replace(" ", "")
    page.fill("input[name=code]", rules.totp_code(secret, rules.totp_step(timezone.now())))
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-recovery-codes]")
    keep(page, "recovery-codes")
    page.click("a.btn-primary")
    page.wait_for_url("**/people/sign-ins/")
    assert page.inner_text("tbody tr td:nth-child(2)") == "auditor"
    keep(page, "sign-ins")
    for name in (
        "permissions",
        "users",
        "duties",
        "organisations",
        "policy",
        "me",
        "me/second-factor",
        "me/tokens",
        "me/sessions",
    ):
        page.goto(f"{live_server.url}/people/{name}/")
        keep(page, name.replace("/", "-"))
    page.goto(f"{live_server.url}/people/users/{builders.User.objects.get(username='auditor').pk}/")
    keep(page, "user")


def test_one_click_signs_in_to_a_demonstration(page, live_server, settings):
    settings.DEMO = True
    for role, name in ((rules.AUDITOR, "审计员小林"), (rules.SYSTEM_ADMINISTRATOR, "系统管理员老王")):
        user = builders.holder(role, name=name)
        type(user).objects.filter(pk=user.pk).update(is_demo=True)
    page.goto(live_server.url + "/people/sign-in/?next=/people/me/")
    keep(page, "sign-in-demo")
    page.click("text=审计员小林")
    page.wait_for_url("**/people/me/")
    assert "审计员小林" in page.inner_text("main")
