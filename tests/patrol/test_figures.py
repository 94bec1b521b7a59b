"""The statistics page: numbers by group, and the very cases behind each of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from chengheng.patrol import statistics
from chengheng.patrol.models import Case
from chengheng.patrol.rules.statistics import COUNTS
from tests import access, builders

AT = datetime(2024, 5, 15, 2, tzinfo=UTC)


def made(number=1, **fields):
    given = {
        "source": "collector", "edition": "GB/T 30428.2-2013", "kind": "event", "code": "0110", "class_name": "暴露垃圾",
        "district_code": "120101", "area_code": "120101", "reported_at": AT, "state": "handling", **fields,
    }  # fmt: skip
    for _ in range(number):
        Case(**given).save()


def history():
    made(3, filed=True, filed_at=AT, dispatched_at=AT, handled_at=AT)
    made(2, filed=True, filed_at=AT, handle_due_at=AT, reworks=2)
    made(1, filed=False, district_code="120102", area_code="120102")
    made(1, reported_at=datetime(2024, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize("count", [count.code for count in COUNTS])
def test_each_count_opens_exactly_the_cases_that_it_counted(db, count):
    history()
    (row,) = statistics.counts(Case.objects.all())
    rows = list(statistics.counted(Case.objects.all(), count))
    sums = {"reworked": "reworks", "handed_back": "hand_backs"}
    shown = sum(getattr(case, sums[count]) for case in rows) if count in sums else len(rows)
    assert shown == row[count]


def test_the_page_counts_whole_months_by_group_and_leads_to_the_cases(client, posts):
    history()
    access.sign_in(client, posts.supervisor)
    asked = {"start": "2024-05", "end": "2024-05", "by": "district_code"}
    text = client.get(reverse("patrol:statistics"), asked).content.decode()
    assert "60.00%" in text, "3 of 5 handled in Heping"
    cases = client.get(reverse("patrol:counted"), {**asked, "key": "120101", "count": "unhandled"})
    assert cases.context["page"].paginator.count == 2
    for by in statistics.NAMED_GROUPS:
        assert client.get(reverse("patrol:statistics"), {**asked, "by": by, "part": "counts"}).status_code == 200
    assert client.get(reverse("patrol:counted"), {**asked, "count": "'; drop"}).status_code == 422


def test_a_district_sees_its_own_numbers_only(client, posts):
    history()
    access.sign_in(client, posts.chief)
    answer = client.get(reverse("patrol:statistics"), {"start": "2024-05", "end": "2024-06"})
    assert len(answer.context["rows"]) == 1
    assert answer.context["total"]["counts"][0][0] == 6
    urls = [reverse("patrol:statistics"), reverse("patrol:counted")]
    access.assert_scoped(client, urls, posts.chief, builders.holder("patrol.collector", posts.commission, "120101"))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_number_is_opened_on_the_page(signed_in, live_server):
    history()
    page = signed_in(builders.holder("patrol.supervisor", builders.organisation("Centre")))
    page.goto(f"{live_server.url}{reverse('patrol:statistics')}?start=2024-05&end=2024-05")
    expect(page.locator(".island-chart canvas")).to_be_visible()
    page.locator("tfoot a").first.click()
    expect(page.locator("tbody tr")).to_have_count(6)
