"""GeoReport v2 as its clients speak it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.people.actions import create_token
from chengheng.patrol import open311
from chengheng.patrol.models import ENDED, Case, Source
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING

V2 = "/open311/v2"


@pytest.fixture
def key(posts):
    machine = builders.holder("patrol.outside", builders.organisation("12345 hotline"), name="12345")
    return create_token(machine, machine, "open311")[1]


def send(client, key, form="json", **fields):
    lon, lat = IN_HEPING
    body = {"api_key": key, "service_code": "event-06010", "lat": lat, "long": lon, "description": "垃圾"} | fields
    return client.post(f"{V2}/requests.{form}", {name: value for name, value in body.items() if value is not None})


def test_services_and_their_definitions(client, key):
    rows = client.get(f"{V2}/services.json", {"api_key": key}).json()
    found = {row["service_code"]: row for row in rows}
    assert found["event-06010"]["service_name"] == "暴露垃圾"
    assert len(found) == 403
    definition = client.get(f"{V2}/services/event-06010.json", {"api_key": key}).json()
    assert definition == [{"service_code": "event-06010", "attributes": []}]
    assert client.get(f"{V2}/services/event-99999.json", {"api_key": key}).status_code == 404
    tree = ElementTree.fromstring(client.get(f"{V2}/services.xml", {"api_key": key}).content)
    assert (tree.tag, tree[0].tag, len(tree)) == ("services", "service", 403)


def test_a_request_becomes_a_case_and_is_found_again(client, key):
    answer = send(client, key, first_name="三", last_name="张", phone="022-1", media_url="https://example.org/1.jpg")
    assert answer.status_code == 201, answer.content
    (made,) = answer.json()
    case = Case.objects.get()
    assert (case.source, case.district_code, case.reporter_name) == (Source.API, HEPING, "张三")
    assert "example.org" in case.description
    number = made["service_request_id"]
    assert number == case.number
    (row,) = client.get(f"{V2}/requests/{number}.json", {"api_key": key}).json()
    assert (row["status"], row["service_code"], row["lat"]) == ("open", "event-06010", IN_HEPING[1])
    assert client.get(f"{V2}/tokens/{number}.json", {"api_key": key}).json()[0]["service_request_id"] == number
    tree = ElementTree.fromstring(client.get(f"{V2}/requests/{number}.xml", {"api_key": key}).content)
    assert tree.find("request/service_request_id").text == number
    assert tree.find("request/description").text.startswith("垃圾")


def test_requests_are_listed_by_status_service_and_time(client, key):
    send(client, key)
    send(client, key, service_code="event-06011")
    Case.objects.filter(code="06011").update(state="closed")

    def numbers(**params):
        answer = client.get(f"{V2}/requests.json", {"api_key": key, **params})
        assert answer.status_code == 200, answer.content
        return len(answer.json())

    assert numbers() == 2
    assert (numbers(status="open"), numbers(status="closed"), numbers(status="open,closed")) == (1, 1, 2)
    assert numbers(service_code="event-06011") == 1
    assert numbers(end_date="2020-01-01T00:00:00Z") == 0
    assert numbers(service_request_id=Case.objects.first().number) == 1


@pytest.mark.parametrize(
    "fields",
    [{"service_code": None}, {"lat": None}, {"lat": "north"}, {"lat": "nan"}, {"long": "400"}, {"lat": None, "long": None},
     {"lat": "31.2", "long": "121.4"}],
)  # fmt: skip
def test_what_is_missing_is_told_with_400(client, key, fields):
    answer = send(client, key, **fields)
    assert (answer.status_code, answer.json()[0]["code"]) == (400, 400)
    assert not Case.objects.exists()


def test_nothing_is_open_without_a_key(client, posts, key):
    for url in ("services", "requests", "services/event-06010", "requests/1", "tokens/1"):
        assert client.get(f"{V2}/{url}.json").status_code == 403
        assert client.get(f"{V2}/{url}.xml", {"api_key": "guess"}).status_code == 403
    assert send(client, "guess").status_code == 403
    access.sign_in(client, posts.receptionist)
    lon, lat = IN_HEPING
    assert (
        client.post(f"{V2}/requests.json", {"service_code": "event-06010", "lat": lat, "long": lon}).status_code == 403
    )


def test_a_key_sees_its_own_cases_only(client, key, posts):
    send(client, key)
    other = builders.holder("patrol.outside", builders.organisation("Other"))
    stranger = create_token(other, other, "t")[1]
    assert client.get(f"{V2}/requests.json", {"api_key": stranger}).json() == []
    assert client.get(f"{V2}/requests/{Case.objects.get().number}.json", {"api_key": stranger}).status_code == 404


def test_ended_states_are_the_final_states_of_the_flow():
    from chengheng.patrol.flows import CASE

    assert set(ENDED) == CASE.final


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.text() | st.none() | st.booleans() | st.floats(), max_size=3),
        max_size=4,
    )
)
def test_any_text_makes_well_formed_xml(rows):
    tree = ElementTree.fromstring(open311._xml("rows", "row", rows).encode("utf-8", "replace"))
    assert len(tree) == len(rows)
