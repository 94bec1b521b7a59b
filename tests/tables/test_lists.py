"""A list shows what its user may see, in any order, page after page, at a cost that does not grow."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.common.people import queries as people
from chengheng.common.people.models import Organisation
from chengheng.common.tables import asking, declaration
from chengheng.common.tables.errors import BadCursor, TooSlow
from chengheng.common.tables.models import Layout, SavedView
from chengheng.common.trail.models import Entry
from tests import builders
from tests.plans import assert_index_used
from tests.stock.models import Road
from tests.stock.tables import RoadTable

pytestmark = pytest.mark.django_db
START = datetime(2024, 5, 1, tzinfo=UTC)


def roads(count: int, keeper: Organisation | None = None, **fields) -> list[Road]:
    first = Road.objects.count()
    return Road.objects.bulk_create(
        Road(
            number=f"R{first + n:05d}",
            name=f"Road {first + n}",
            keeper=keeper,
            reported_at=START + timedelta(hours=first + n),
            **fields,
        )
        for n in range(count)
    )


@pytest.fixture
def reader(client: Client):
    user = builders.holder("road.reader")
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return user


def numbers(answer) -> list[str]:
    return re.findall(r'<a class="list-link" href="/roads/\d+/">(R\d+)</a>', answer.content.decode())


def test_a_list_shows_its_rows_newest_first_with_labels_and_money(client, reader):
    roads(2, grade="main", cost_fen=1_234_550)
    page = client.get("/list/road/")
    assert numbers(page) == ["R00001", "R00000"]
    text = page.content.decode()
    assert "主干路" in text
    assert "12,345.50 CNY" in text
    assert "2 rows" in text


def test_rows_outside_the_users_reach_are_not_shown(client):
    commission = builders.organisation("Commission")
    mine = builders.organisation("Mine", parent=commission)
    below = builders.organisation("Below", parent=mine)
    other = builders.organisation("Other", parent=commission)
    for keeper in (mine, below, other, None):
        roads(1, keeper)
    client.force_login(builders.holder("road.keeper", mine))
    assert numbers(client.get("/list/road/")) == ["R00001", "R00000"]


def test_who_has_no_duty_for_it_gets_no_list(client):
    client.force_login(builders.user())
    assert client.get("/list/road/").status_code == 403
    assert client.get("/list/nowhere/").status_code == 404
    client.logout()
    assert client.get("/list/road/").status_code == 302


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("q=r00003", ["R00003"]),
        ("q=road+4", ["R00004"]),
        ("grade=main", ["R00004", "R00002", "R00000"]),
        ("grades=main&grades=side", ["R00004", "R00003", "R00002", "R00001", "R00000"]),
        ("reported_at_from=2024-05-01&reported_at_to=2024-05-01", ["R00004", "R00003", "R00002", "R00001", "R00000"]),
        ("reported_at_from=2024-05-02", []),
        ("surveyed_on_to=2024-01-02", ["R00001", "R00000"]),
        ("cost_min=1&cost_max=2.5", ["R00002", "R00001"]),
        ("area_code=120101", ["R00001"]),
        ("sort=number", ["R00000", "R00001", "R00002", "R00003", "R00004"]),
        ("sort=shout", ["R00004", "R00003", "R00002", "R00001", "R00000"]),
        ("sort=password", ["R00004", "R00003", "R00002", "R00001", "R00000"]),
    ],
)
def test_filters_narrow_and_only_declared_columns_sort(client, reader, question, expected):
    for n, road in enumerate(roads(5)):
        road.grade = "main" if n % 2 == 0 else "side"
        road.surveyed_on = date(2024, 1, 1 + n)
        road.cost_fen = n * 100
        road.area_code = "120101001" if n == 1 else "120102"
        road.save()
    assert numbers(client.get(f"/list/road/?{question}")) == expected


def test_a_filter_by_organisation_takes_all_below_it(client, reader):
    top = builders.organisation("Top")
    below = builders.organisation("Below", parent=top)
    roads(1, below)
    roads(1, builders.organisation("Other"))
    assert numbers(client.get(f"/list/road/?keeper={top.pk}")) == ["R00000"]


def test_a_filter_that_cannot_be_read_says_so_beside_its_field(client, reader):
    roads(1)
    page = client.get("/list/road/?reported_at_from=yesterday&cost_min=NaN&keeper=x&grade=none&area_code=%27")
    text = page.content.decode()
    assert page.status_code == 200
    assert "“yesterday” is not a date." in text
    assert "“NaN” is not a number." in text
    assert "There is no such organisation." in text
    assert "There is no such choice." in text


def test_no_match_is_told_apart_from_nothing_there(client, reader):
    assert "Nothing here yet" in client.get("/list/road/").content.decode()
    roads(1)
    assert "No row matches" in client.get("/list/road/?q=zzz").content.decode()


def test_htmx_gets_only_the_list(client, reader):
    roads(1)
    part = client.get("/list/road/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<section id="list"')
    assert "<html" not in part


def test_pages_follow_one_another_without_gap_or_double(client, reader):
    roads(60)
    first = client.get("/list/road/")
    following = re.search(r'rel="next" href="([^"]+)"', first.content.decode()).group(1).replace("&amp;", "&")
    second = client.get(following)
    assert numbers(first) + numbers(second) == [f"R{n:05d}" for n in range(59, -1, -1)]
    back = re.search(r'rel="prev" href="([^"]+)"', second.content.decode()).group(1).replace("&amp;", "&")
    assert numbers(client.get(back)) == numbers(first)
    assert 'rel="prev"' not in client.get(back).content.decode()


@given(
    values=st.lists(st.none() | st.dates(date(2024, 1, 1), date(2024, 1, 5)), max_size=25),
    size=st.integers(1, 7),
    sort=st.sampled_from(["surveyed_on", "-surveyed_on", "grade", "-grade", "number", "-reported_at"]),
)
@settings(max_examples=60)
def test_walking_forward_and_back_meets_every_row_once(db, values, size, sort):
    Road.objects.all().delete()
    Road.objects.bulk_create(
        Road(number=f"N{n}", name="x", surveyed_on=value, grade="main" if n % 3 else "side")
        for n, value in enumerate(values)
    )
    reader = _reader()
    listing = asking.parse(RoadTable(), reader, QueryDict(f"sort={sort}"))
    forward, cursor, pages = [], "", 0
    while True:
        page = asking.read_page(listing, size, after=cursor)
        forward += [row.pk for row in page.rows]
        pages += 1
        if not page.after:
            break
        cursor = page.after
    assert sorted(forward) == sorted(Road.objects.values_list("pk", flat=True))
    assert len(set(forward)) == len(forward)
    backward, cursor = [row.pk for row in page.rows], page.before
    while cursor:
        page = asking.read_page(listing, size, before=cursor)
        backward = [row.pk for row in page.rows] + backward
        cursor = page.before
    assert backward == forward
    filled = [row.surveyed_on for row in (Road.objects.get(pk=pk) for pk in forward) if row.surveyed_on]
    if sort.endswith("surveyed_on"):
        assert filled == sorted(filled, reverse=sort.startswith("-"))


def _reader():
    from chengheng.common.people.models import User

    return User.objects.filter(username="walker").first() or builders.holder("road.reader", name="walker")


@given(cursor=st.text(max_size=80) | st.binary(max_size=60).map(lambda b: __import__("base64").b64encode(b).decode()))
@settings(max_examples=100)
def test_a_forged_cursor_is_refused_in_words(db, cursor):
    listing = asking.parse(RoadTable(), _reader(), QueryDict("sort=surveyed_on"))
    if cursor:
        with pytest.raises(BadCursor):
            asking.read_page(listing, 5, after=cursor)


def test_the_page_of_a_forged_cursor_offers_the_first_page(client, reader):
    roads(1)
    page = client.get("/list/road/?after=abc")
    assert page.status_code == 200
    assert "Start from the first page" in page.content.decode()


def test_the_number_of_queries_does_not_grow_with_rows(client, reader, monkeypatch):
    monkeypatch.setattr(people, "_RECENT_SECONDS", 3600)  # the policy, asked for every ten seconds, falls on no count
    keeper = builders.organisation()
    roads(3, keeper, owner=reader)
    client.get("/list/road/")
    with CaptureQueriesContext(connection) as few:
        client.get("/list/road/")
    roads(100, builders.organisation(), owner=builders.user())
    with CaptureQueriesContext(connection) as many:
        client.get("/list/road/")
    # a full page also counts its rows: one bounded count with its time limit, whatever the number of rows
    assert len(many) <= len(few) + 5
    roads(300)
    with CaptureQueriesContext(connection) as more:
        client.get("/list/road/")
    assert len(more) == len(many)


def test_the_count_stops_at_ten_thousand(client, reader, monkeypatch):
    monkeypatch.setattr(asking, "COUNT_TO", 60)
    roads(70)
    listing = asking.parse(RoadTable(), reader, QueryDict())
    assert asking.bounded_count(listing) == 61


def test_pages_read_through_the_index_wherever_they_are(db):
    roads(50, surveyed_on=date(2024, 1, 1))
    reader = builders.holder("road.reader")
    for sort, index in (("-reported_at", "road_reported"), ("surveyed_on", "road_surveyed")):
        listing = asking.parse(RoadTable(), reader, QueryDict(f"sort={sort}"))
        page = asking.read_page(listing, 5)
        place = asking._decode(listing.sort, listing.queryset, page.after)
        following = listing.queryset.filter(asking._beyond(listing.sort, place, False, listing.sort.descending))
        if listing.sort.nullable:
            following = following.filter(surveyed_on__isnull=False)
        sign = "-" if listing.sort.descending else ""
        order = (f"{sign}{listing.sort.lookup}", f"{sign}pk")
        assert_index_used(following.order_by(*order)[:6], index)


def test_a_question_that_takes_too_long_is_refused_in_words(client, reader, monkeypatch):
    roads(2)
    monkeypatch.setattr(
        RoadTable, "queryset", lambda self, user: Road.objects.extra(where=["pg_sleep(0.2) is not null"])
    )
    monkeypatch.setattr(RoadTable, "statement_seconds", 0.05)
    with pytest.raises(TooSlow):
        asking.read_page(asking.parse(RoadTable(), reader, QueryDict()), 5)
    text = client.get("/list/road/").content.decode()
    assert "takes too long" in text
    with connection.cursor() as cursor:
        cursor.execute("show statement_timeout")
        assert cursor.fetchone()[0] == "0"


def test_chosen_columns_are_remembered_for_the_user_only(client, reader):
    roads(1)
    answer = client.post(
        "/list/road/layout/", {"columns": ["name", "owner", "bogus"], "page_size": "25", "question": "q=road"}
    )
    assert answer.status_code == 302
    assert urlsplit(answer["Location"]).query == "q=road"
    layout = Layout.objects.get(user=reader)
    assert (layout.columns, layout.page_size) == (["name", "owner"], 25)
    heads = re.findall(r'data-label="([^"]+)"', client.get("/list/road/").content.decode())
    assert heads == ["Name", "Owner"]
    client.force_login(builders.holder("road.reader"))
    assert "Cost" in re.findall(r'data-label="([^"]+)"', client.get("/list/road/").content.decode())


def test_a_saved_view_brings_filter_sort_and_columns_back(client, reader):
    roads(3, grade="main")
    answer = client.post("/list/road/views/", {"name": " Main  roads ", "question": "grade=main&sort=number&evil=1"})
    saved = SavedView.objects.get()
    assert (saved.name, saved.query) == ("Main roads", "grade=main&sort=number")
    assert numbers(client.get(answer["Location"])) == ["R00000", "R00001", "R00002"]
    stranger = builders.holder("road.reader")
    client.force_login(stranger)
    assert "Main roads" not in client.get("/list/road/").content.decode()
    assert client.post(reverse("tables:delete_view", args=["road", saved.pk])).status_code == 404
    client.force_login(reader)
    client.post(reverse("tables:delete_view", args=["road", saved.pk]))
    assert not SavedView.objects.exists()


def test_going_back_after_saving_never_leaves_the_site(client, reader):
    answer = client.post("/list/road/layout/", {"columns": ["name"], "base": "https://elsewhere.example/"})
    assert answer["Location"] == "/list/road/"


def test_a_bulk_action_takes_all_chosen_rows_or_none(client):
    mine, other = builders.organisation("Mine"), builders.organisation("Other")
    ours, theirs = roads(2, mine), roads(1, other)
    client.force_login(builders.holder("road.reader", mine))
    client.cookies["django_language"] = "en"
    refused = client.post("/list/road/act/light/", {"chosen": [ours[0].pk, theirs[0].pk]})
    assert refused.status_code == 403
    assert not Road.objects.filter(lit=True).exists()
    done = client.post("/list/road/act/light/", {"chosen": [road.pk for road in ours]}, follow=True)
    assert Road.objects.filter(lit=True).count() == 2
    assert "Switch on: 2 rows." in done.content.decode()
    assert client.post("/list/road/act/light/").status_code == 422
    assert client.post("/list/road/act/light/", {"chosen": ["x"]}).status_code == 404
    assert client.post("/list/road/act/nothing/", {"chosen": [ours[0].pk]}).status_code == 404
    client.force_login(builders.holder("road.keeper", mine))
    assert client.post("/list/road/act/light/", {"chosen": [ours[0].pk]}).status_code == 403


def test_a_tables_own_address_shows_the_same_page(rf, reader):
    from chengheng.common import tables

    roads(1)
    request = rf.get("/roads/")
    request.user, request.session = reader, {}
    assert b"R00000" in tables.view(RoadTable)(request).content


def test_a_code_belongs_to_one_table():
    class Other(declaration.Table):
        code, act = "road", "road.view"

    with pytest.raises(ValueError, match="twice"):
        declaration.register(Other)


def test_links_in_heads_turn_the_order_around(client, reader):
    roads(2)
    text = client.get("/list/road/?sort=number&grade=side").content.decode()
    head = re.search(r'aria-sort="ascending"><a href="([^"]+)"', text).group(1).replace("&amp;", "&")
    assert parse_qs(urlsplit(head).query) == {"sort": ["-number"], "grade": ["side"]}


def test_looking_at_a_list_writes_nothing(client, reader):
    roads(1)
    before = Entry.objects.count()
    client.get("/list/road/")
    assert Entry.objects.count() == before
