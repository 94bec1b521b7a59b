"""Reports taken down at the centre, and the queue that is worked by the keyboard."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from chengheng.common.people import access as people
from chengheng.common.places.editions import open_edition
from chengheng.patrol import actions, queries, reference
from chengheng.patrol.models import Case, DictionaryEntry
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING


def entry():
    return DictionaryEntry.objects.filter(edition=queries.edition_today(), name="暴露垃圾").get()


def report(collector, code=None, **more):
    return actions.report_case(
        collector,
        source="collector",
        kind="event",
        code=code or entry().code,
        lon=IN_HEPING[0],
        lat=IN_HEPING[1],
        **more,
    )


def form(**more):
    return {
        "client_id": str(uuid4()), "source": "hotline", "entry": entry().pk, "description": "垃圾没人收",
        "address": "南市大街1号", "reporter_name": "王先生", "reporter_phone": "13800000000", **more,
    }  # fmt: skip


def test_a_call_is_taken_down_once_however_often_it_is_sent(client, posts):
    access.sign_in(client, posts.receptionist)
    sent = form(lon=IN_HEPING[0], lat=IN_HEPING[1])
    first, again = (client.post(reverse("patrol:receive"), sent) for _ in range(2))
    case = Case.objects.get()
    assert first["Location"] == again["Location"] == case.get_absolute_url()
    assert (case.source, case.district_code, case.reporter_name) == ("hotline", HEPING, "王先生")


def test_a_call_without_any_place_is_refused_with_words_and_nothing_is_lost(client, posts):
    access.sign_in(client, posts.receptionist)
    answer = client.post(reverse("patrol:receive"), form(address=""))
    assert answer.status_code == 422
    assert "垃圾没人收" in answer.content.decode()
    assert not Case.objects.exists()


def test_what_lies_near_is_shown_while_the_caller_is_on_the_line(client, posts):
    case = report(posts.collector)
    access.sign_in(client, posts.receptionist)
    where = {"lon": IN_HEPING[0], "lat": IN_HEPING[1], "entry": entry().pk}
    assert case.number in client.get(reverse("patrol:alike"), where).content.decode()
    assert case.number not in client.get(reverse("patrol:alike"), {**where, "lon": "nan"}).content.decode()


def test_only_reception_takes_calls_down(client, posts):
    access.assert_scoped(
        client, [reverse("patrol:receive"), reverse("patrol:classes")], posts.receptionist, posts.handler
    )


def test_each_post_queues_its_own_stage_the_nearest_deadline_first(posts):
    first, second = report(posts.collector), report(posts.collector)
    assert [case.pk for case in queries.queue(posts.receptionist)["rows"]] == [first.pk, second.pk]
    assert queries.queue(posts.dispatcher)["rows"] == []
    actions.accept_case(first, posts.receptionist)
    assert queries.queue(posts.chief)["rows"] == [first]
    assert [case.pk for case in queries.queue(posts.receptionist, "reported")["rows"]] == [second.pk]


def test_next_goes_round_what_was_passed(client, posts):
    first, second = report(posts.collector), report(posts.collector)
    access.sign_in(client, posts.receptionist)
    to = [client.get(reverse("patrol:next"), {"past": past})["Location"] for past in ("", first.pk, second.pk)]
    assert [url.split("?")[0] for url in to] == [
        first.get_absolute_url(), second.get_absolute_url(), reverse("patrol:queue")
    ]  # fmt: skip
    assert client.get(reverse("patrol:next"))["Location"].startswith(first.get_absolute_url())


def test_many_cases_become_cells_that_lose_none(posts, monkeypatch):
    for place in range(5):
        case = report(posts.collector)
        Case.objects.filter(pk=case.pk).update(lon=117.20 + place * 0.001)
    box = (117.1, 39.0, 117.3, 39.2)
    assert len(queries.on_map(posts.receptionist, box)["features"]) == 5
    monkeypatch.setattr(queries, "ON_MAP_AT_MOST", 2)
    cells = queries.on_map(posts.receptionist, box)["features"]
    assert sum(cell["properties"]["count"] for cell in cells) == 5
    assert len(cells) < 5
    assert queries.on_map(posts.handler, box)["features"] == []


@pytest.mark.parametrize("box", ["", "1,2,3", "a,b,c,d", "117,39,116,40", "nan,0,1,1"])
def test_a_box_that_is_none_is_refused(client, posts, box):
    access.sign_in(client, posts.receptionist)
    assert client.get(reverse("patrol:cases_geojson"), {"bbox": box}).status_code == 422


def test_search_finds_a_case_by_number_and_words_only_for_those_who_may(posts):
    case = report(posts.collector, description="桥下渣土")
    for words in (case.number, str(case.pk), "桥下"):
        assert [hit.url for hit in queries.find(posts.receptionist, words, 5)] == [case.get_absolute_url()]
        assert queries.find(posts.handler, words, 5) == []
    assert not people.may(posts.handler, "patrol.case.receive")


@pytest.mark.parametrize("words", ["桥", "桥下", "渣土 桥下", "KV", "kV柜", "12345-9", "下渣", "南京路 桥下"])
def test_words_are_found_wherever_they_stand(posts, words):
    case = report(posts.collector, description="桥下渣土,10kV柜旁", address="南京路1号", outside_number="12345-9")
    report(posts.collector, description="下桥 桥下土渣")
    assert [found.pk for found in queries.with_words(Case.objects.filter(state="reported"), words)][-1:] == [case.pk]
    assert not queries.with_words(Case.objects.all(), "下桥下").exists(), "each pair is there, the word is not"


_TEXT = st.text(alphabet=st.sampled_from("桥下渣土南京路AaBß1 号'\\%\t"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.tuples(_TEXT, _TEXT, _TEXT, _TEXT))
def test_the_pairs_of_the_index_are_each_two_neighbours_of_one_column(db, parts):
    with connection.cursor() as cursor:
        cursor.execute("select patrol_pairs(%s, %s, %s, %s)", parts)
        (pairs,) = cursor.fetchone()
    lower = [part.lower() for part in parts]
    assert set(pairs) == {part[place : place + 2] for part in lower for place in range(len(part) - 1)}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_queue_is_worked_without_the_mouse(signed_in, live_server):
    reference.load()
    commission = builders.organisation("Heping commission", kind="district", district_code=HEPING)
    collector = builders.holder("patrol.collector", commission, HEPING, "collector")
    receptionist = builders.holder("patrol.district_receptionist", commission, HEPING, "receptionist")
    cases = [report(collector), report(collector)]
    page = signed_in(receptionist)
    page.goto(f"{live_server.url}{reverse('patrol:queue')}")
    with page.expect_navigation():
        page.keyboard.press("n")
    for case in cases:
        expect(page.locator("h1")).to_contain_text(case.number)
        page.keyboard.press("Enter")
        expect(page.locator("dialog[open] textarea")).to_be_focused()
        page.keyboard.type("属实")
        with page.expect_navigation():
            page.keyboard.press("Control+Enter")
        expect(page.get_by_text("已受理").first).to_be_visible()
        with page.expect_navigation():
            page.keyboard.press("n")
    expect(page).to_have_url(f"{live_server.url}{reverse('patrol:queue')}")
    assert set(Case.objects.values_list("state", flat=True)) == {"accepted"}


def test_a_case_names_the_base_data_that_it_was_placed_by(client, posts):
    before = report(posts.collector)
    with transaction.atomic():
        first = open_edition("grid", "单元网格 2026", timezone.now())
    then = report(posts.collector)
    with transaction.atomic():
        open_edition("grid", "单元网格 2027", timezone.now())
    access.sign_in(client, posts.receptionist)
    assert client.get(before.get_absolute_url()).context["base_edition"] == 0
    page = client.get(then.get_absolute_url())
    assert page.context["base_edition"] == first.number
    assert f"第 {first.number} 版" in page.content.decode()
