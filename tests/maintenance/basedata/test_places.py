"""Addresses and places by words, for the whole product, within what one may see."""

from __future__ import annotations

import shapely
from django.test import Client
from django.urls import reverse

from chengheng.common import places
from chengheng.common.ui import search

from .conftest import component, load, pass_through

HERE = shapely.Point(117.19, 39.12)
ROWS = [
    {"code": "P1", "name": "滨江道步行街", "address": "天津市和平区滨江道", "class": "商业街", "shape": HERE},
    {
        "code": "P2",
        "name": "劝业场",
        "address": "天津市和平区和平路290号",
        "aliases": "天祥商场，劝业商场",
        "shape": HERE,
    },
    {"code": "P3", "name": "和平路290号", "address": "天津市和平区和平路290号", "class": "门牌", "shape": HERE},
    {
        "code": "P4",
        "name": "南京路108号",
        "address": "和平区南京路一百零八号",
        "class": "门牌",
        "shape": shapely.Point(117.3, 39.2),
    },
    {"code": "P5", "name": "滨江道地铁站", "address": "和平区", "class": "站点", "shape": shapely.Point(117.3, 39.2)},
]


def names(user, asked: str, **more) -> list[str]:
    return [spot.title for spot in places.search(user, asked, **more)]


def test_places_are_found_by_name_part_alias_and_address(part) -> None:
    pass_through(load("place", ROWS))
    anyone = part.stranger
    assert names(anyone, "劝业场")[0] == "劝业场"
    assert names(anyone, "劝业商场")[0] == "劝业场"
    assert names(anyone, "天津市和平路２９０号")[0] == "和平路290号"
    assert names(anyone, "和平路二百九十号")[0] == "和平路290号"
    assert names(anyone, "南京路 108 号") == ["南京路108号"]
    assert set(names(anyone, "滨江道")[:2]) == {"滨江道步行街", "滨江道地铁站"}
    assert names(anyone, "滨江道的步行街")[0] == "滨江道步行街"
    assert names(anyone, "滨江道", near=(117.3, 39.2))[0] == "滨江道地铁站"
    assert names(anyone, "") == names(anyone, "咖啡馆") == []


def test_a_place_that_was_taken_away_is_found_no_more(part) -> None:
    pass_through(load("place", ROWS))
    pass_through(load("place", ROWS[1:], whole=True))
    assert names(part.stranger, "滨江道步行街")[:1] == ["滨江道地铁站"]


def test_components_are_found_by_code_only_by_those_who_may(part) -> None:
    pass_through(load("component", [component(1)]))
    code = component(1)["ObjID"]
    assert [spot.detail for spot in places.search(part.keeper, code)] == [code]
    assert places.search(part.stranger, code) == []


def test_areas_are_found_by_name_and_code(part) -> None:
    assert names(part.stranger, "网格001") == ["网格001"]
    assert names(part.stranger, "120101003012001") == ["网格001"]


def test_the_search_box_leads_to_the_map(part) -> None:
    pass_through(load("place", ROWS))
    (found,) = [one for one in search.ask(part.stranger, "劝业场") if one.room == "places"]
    assert (found.hits[0].title, found.hits[0].url) == ("劝业场", reverse("portal:map") + "?at=117.190000,39.120000")


def test_other_pages_ask_for_places(part, client: Client) -> None:
    pass_through(load("place", ROWS))
    client.force_login(part.stranger)
    found = client.get(reverse("places:search"), {"q": "劝业场"}).json()["found"]
    assert (found[0]["title"], found[0]["lon"]) == ("劝业场", 117.19)
    assert Client().get(reverse("places:search"), {"q": "x"}).status_code == 302
