"""The pages in a real browser: no console error, no breach of the content policy, an answer given on a phone."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from chengheng.common.people.access import SYSTEM
from chengheng.performance import actions, queries
from chengheng.performance.imports import read_files
from tests.builders import holder

SEED = Path(__file__).parents[2] / "chengheng" / "performance" / "data" / "targets_2024.txt"
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def dust(transactional_db):
    actions.import_tables(read_files([(SEED.name, SEED.read_bytes())]), SYSTEM)
    programme = queries.programmes(2024, SYSTEM)[0]
    for month in range(1, 11):
        actions.enter_payment(programme, SYSTEM, amount_fen=14_000_000, paid_on=date(2024, month, 20), payee="检测单位")
    return programme


def without_live_process(page):
    """The event stream runs in a process of its own, which is not up here: an empty stream stands for it."""
    page.route(
        f"**:{settings.LIVE_PORT}/**",
        lambda route: route.fulfill(
            status=200, content_type="text/event-stream", body="",
            headers={"access-control-allow-origin": route.request.headers.get("origin", "*"),
                     "access-control-allow-credentials": "true"},
        ),
    )  # fmt: skip


def test_a_programme_shows_money_and_results(dust, signed_in, live_server, tmp_path):
    page = signed_in(holder("performance.officer"))
    without_live_process(page)
    for path in ("", f"programmes/{dust.pk}/?as_of=2024-10-31", "bindings/?year=2024", "report/?year=2024", "import/"):
        page.goto(f"{live_server.url}/performance/{path}")
        page.locator("h1").wait_for()
        page.screenshot(path=tmp_path / f"{path.split('/')[0] or 'programmes'}.png", full_page=True)
        assert "以克论净" in page.content() or "import" in path
    assert page.faults == []


def test_an_answer_is_given_on_a_phone(dust, phone, live_server):
    today = timezone.localdate()
    survey = actions.make_survey(
        dust, SYSTEM, title="满意度", population=20, opens_on=today, closes_on=today + timedelta(days=9),
        questions=[("总体满意吗", "scale")],
    )  # fmt: skip
    (token,) = actions.invite(survey, SYSTEM, 1)
    phone.goto(f"{live_server.url}/performance/s/{token}/")
    phone.get_by_text("非常满意").click()
    phone.get_by_role("button", name="提交").click()
    phone.get_by_role("heading", name="谢谢您的评价").wait_for()
    assert survey.answers.count() == 1
    assert phone.faults == []
