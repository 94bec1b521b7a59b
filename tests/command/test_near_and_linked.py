"""Records of other systems are linked while an order is written; a place leads to who and what is near it; weather."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chengheng.command import actions, errors, queries
from chengheng.command.models import Order, Resource, Site, Target, WeatherNote
from chengheng.common import links, trail
from chengheng.common.errors import Invalid, NotFound, NotPermitted
from chengheng.common.links import choosing
from chengheng.common.people.access import SYSTEM
from chengheng.common.places import near
from chengheng.common.places.ground import distance_m
from chengheng.patrol import actions as patrol
from chengheng.patrol.models import Case, DictionaryEntry, Shift, TrackPoint
from chengheng.video.models import Channel, Device
from tests import builders

LON, LAT = 117.2, 39.13
LIMITS = {"receipt_minutes": 15, "finish_minutes": 60}


def camera(at, name: str = "和平路口", lon: float = LON, lat: float = LAT) -> Channel:
    device, _made = Device.objects.get_or_create(
        gb_id="12010000002000000009", defaults={"organisation": at, "name": "d"}
    )
    number = f"1201000000131{Channel.objects.count():07}"
    return Channel.objects.create(device=device, gb_id=number, organisation=at, name=name, lon=lon, lat=lat)


def case(description: str = "积水影响通行") -> Case:
    DictionaryEntry.objects.get_or_create(
        edition="GB/T 47678.5-2026",
        kind="event",
        code="0101",
        defaults={"class_code": "01", "class_name": "Roads", "name": "Water"},
    )
    return patrol.report_case(
        SYSTEM, source="hotline", kind="event", code="0101",
        description=description, address="", area_code="120101", observed_at=timezone.now(),
    )  # fmt: skip


@pytest.mark.django_db
class TestLinkedWhileWritten:
    def test_is_found_by_words_and_only_by_who_may_see_it(self, city):
        shown = camera(city.east)
        key = f"video.channel:{shown.pk}"
        assert choosing.find(city.dispatcher, "和平") == []
        city.dispatcher = builders.also(city.dispatcher, "video.viewer")
        found = choosing.find(city.dispatcher, "和平")
        assert [(one.key, one.title, one.url) for one in found] == [(key, "和平路口", shown.get_absolute_url())]
        assert choosing.find(city.dispatcher, " ") == []
        assert choosing.chosen(city.dispatcher, [key, key]) == [shown]
        for bad in ("video.channel:0", "video.channel:x", "video.device:1", "people.user:1", "x", ""):
            with pytest.raises(NotFound):
                choosing.chosen(city.dispatcher, [bad])
        with pytest.raises(NotFound):
            choosing.chosen(city.chief, [key])

    def test_the_order_carries_it_to_whoever_may_see_it(self, city, client):
        shown = camera(city.east)
        city.dispatcher = builders.also(city.dispatcher, "video.viewer")
        city.at_east = builders.also(city.at_east, "video.unit_viewer")
        client.force_login(city.dispatcher)
        page = client.get("/command/orders/linkable/", {"q": "和平"}).content.decode()
        assert f'value="video.channel:{shown.pk}"' in page
        answer = client.post("/command/orders/new/", {
            "title": "Salt", "body": "Bring it.", "priority": "urgent", "receipt_minutes": 15, "finish_minutes": 60,
            "organisations": [city.east.pk, city.west.pk], "linked": [f"video.channel:{shown.pk}"],
        })  # fmt: skip
        order = Order.objects.get()
        assert answer.status_code == 302
        assert [row.subject for row in links.shown_to(city.dispatcher, order)] == [shown]
        assert "links.link.make" in [entry.act for entry in trail.history(shown)]
        for person, organisation, sees in ((city.at_east, city.east, True), (city.at_west, city.west, False)):
            client.force_login(person)
            page = client.get(Target.objects.get(organisation=organisation).get_absolute_url()).content.decode()
            assert ("和平路口" in page) is sees

    def test_one_that_may_not_be_seen_stops_the_order(self, city, client):
        shown = camera(city.east)
        client.force_login(city.dispatcher)
        answer = client.post("/command/orders/new/", {
            "title": "Salt", "body": "x", "priority": "urgent", **LIMITS, "organisations": [city.east.pk],
            "linked": [f"video.channel:{shown.pk}"],
        })  # fmt: skip
        assert answer.status_code == 422
        assert not Order.objects.exists()

    def test_a_case_is_found_by_its_words(self, city):
        made = case()
        city.dispatcher = builders.also(city.dispatcher, "patrol.supervisor")
        assert [one.key for one in choosing.find(city.dispatcher, "积水")] == [f"patrol.case:{made.pk}"]
        assert [one.key for one in choosing.find(city.dispatcher, str(made).split()[0])] == [f"patrol.case:{made.pk}"]


@pytest.mark.django_db
class TestAPlaceOnTheMap:
    def test_leads_to_who_is_on_duty_with_the_phone(self, city):
        now = timezone.now()
        Site.objects.filter(organisation=city.east).update(lon=LON, lat=LAT)
        Site.objects.filter(organisation=city.west).update(lon=LON + 1, contact="Wang", phone="022-1")
        actions.add_shift(city.chief, city.east, city.at_east, now, now + timedelta(hours=8), "13800000000")
        rows = {row.organisation: row for row in queries.answerable(city.chief, LON, LAT, 1000)}
        assert (rows[city.east].phone, rows[city.east].on_duty, rows[city.east].metres) == ("13800000000", True, 0)
        assert city.west not in rows
        assert list(rows)[0] == city.east
        far = {row.organisation: row for row in queries.answerable(city.chief, LON + 1, 39.1, 1000)}
        assert (far[city.west].person, far[city.west].phone, far[city.west].on_duty) == ("Wang", "022-1", False)

    def test_shows_cameras_resources_and_collectors_within_reach_to_who_may_see_them(self, city):
        close, _far = camera(city.east), camera(city.east, "far", LON + 0.2)
        Resource.objects.create(
            name="Plough", kind="vehicle", organisation=city.east, unit="辆", lon=LON, lat=LAT + 0.001
        )
        collector = builders.holder("patrol.collector", city.east)
        shift = Shift.objects.create(collector=collector, started_at=timezone.now())
        old = Shift.objects.create(collector=builders.holder("patrol.collector", city.east), started_at=timezone.now())
        for at, minutes, one in ((LON + 1, 9, shift), (LON, 1, shift), (LON, 300, old)):
            TrackPoint.objects.create(shift=one, at=timezone.now() - timedelta(minutes=minutes), lon=at, lat=LAT)
        assert [group.finder.code for group in near.around(city.chief, LON, LAT, 500)] == ["command.resource"]
        city.chief = builders.also(city.chief, "video.viewer", "patrol.manager")
        found = {group.finder.code: group.rows for group in near.around(city.chief, LON, LAT, 500)}
        assert [row.key for row in found["video.channel"]] == [f"video.channel:{close.pk}"]
        assert [(row.spot.title, row.metres) for row in found["command.resource"]] == [("Plough 1 辆", 111)]
        assert [row.spot.person for row in found["patrol.shift"]] == [collector]

    def test_fills_an_order_and_a_meeting(self, city, client):
        shown = camera(city.east)
        city.chief = builders.also(city.chief, "video.viewer")
        client.force_login(city.chief)
        page = client.get("/command/near/", {"lon": LON, "lat": LAT, "reach": 5000}).content.decode()
        assert f'name="organisations" value="{city.east.pk}"' in page
        assert f'name="linked" value="video.channel:{shown.pk}"' in page
        chosen = {"lon": LON, "lat": LAT, "organisations": [city.east.pk], "linked": [f"video.channel:{shown.pk}"]}
        page = client.get("/command/orders/new/", chosen).content.decode()
        assert f'name="organisations" value="{city.east.pk}" checked' in page
        assert f'value="video.channel:{shown.pk}" checked' in page
        page = client.get("/command/meetings/new/", chosen).content.decode()
        assert f'name="sites" value="{Site.objects.get(organisation=city.east).pk}" checked' in page

    def test_no_place_is_not_found(self, city, client):
        client.force_login(city.chief)
        for bad in ({}, {"lon": "x", "lat": LAT}, {"lon": 400, "lat": LAT}, {"lon": LON, "lat": LAT, "reach": 10**7}):
            assert client.get("/command/near/", bad).status_code == 404


@given(st.floats(-179, 179), st.floats(-79, 79), st.floats(50, 20_000), st.floats(0, 6.28))
def test_a_box_holds_every_place_within_reach(lon, lat, metres, bearing):
    """Whatever lies at most so far away is in the box that finders look into."""
    up = metres / 112_000 * math.cos(bearing)
    wide = metres / 112_000 * math.sin(bearing) / math.cos(math.radians(lat))
    place = lon + wide, lat + up
    west, south, east, north = near.box(lon, lat, metres)
    if distance_m(lon, lat, *place) <= metres:
        assert west <= place[0] <= east
        assert south <= place[1] <= north


@pytest.mark.django_db
class TestWeather:
    def test_is_what_somebody_wrote_with_source_and_time(self, city, client):
        client.force_login(city.dispatcher)
        answer = client.post(
            "/command/weather/", {"text": "Snow tonight", "source": "Observatory", "warning": "orange"}
        )
        note = WeatherNote.objects.get()
        assert answer.status_code == 302
        assert (note.by, note.source, note.warning) == (city.dispatcher, "Observatory", "orange")
        assert [entry.act for entry in trail.history(note)] == ["command.weather.note"]
        for person in (city.chief, city.at_unit, city.district):
            client.force_login(person)
            page = client.get("/command/").content.decode()
            assert all(words in page for words in ("Snow tonight", "Observatory"))

    def test_the_gravest_that_holds_comes_first_and_old_ones_go(self, city):
        now = timezone.now()
        for text, hours, until, warning in (
            ("old", 13, None, "red"), ("plain", 1, None, ""), ("red", 11, None, "red"), ("long", 30, now + timedelta(hours=1), "blue"),
            ("over", 2, now - timedelta(hours=1), "red"),
        ):  # fmt: skip
            actions.note_weather(
                city.chief, text=text, source="x", said_at=now - timedelta(hours=hours), until=until, warning=warning
            )
        assert [note.text for note in queries.weather(city.at_unit)] == ["red", "long", "plain"]

    def test_wrong_ones_are_refused(self, city, client):
        now = timezone.now()
        with pytest.raises(NotPermitted):
            actions.note_weather(city.at_unit, text="x", source="y")
        with pytest.raises(Invalid):
            actions.note_weather(city.chief, text="x", source=" ")
        with pytest.raises(errors.InTheFuture):
            actions.note_weather(city.chief, text="x", source="y", said_at=now + timedelta(hours=1))
        with pytest.raises(Invalid):
            actions.note_weather(city.chief, text="x", source="y", said_at=now, until=now - timedelta(hours=1))
        client.force_login(city.at_unit)
        assert client.post("/command/weather/", {"text": "x", "source": "y"}).status_code == 200
        assert not WeatherNote.objects.exists()
