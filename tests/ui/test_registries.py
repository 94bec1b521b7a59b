"""What rooms add to the shell: menu items, search answers, map layers."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.urls import reverse

from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from chengheng.common.ui import maplayers, navigation, search
from chengheng.common.ui.navigation import Item
from chengheng.common.ui.search import Hit
from tests.builders import holder, user

READER = Role("ui.reader", "Reader", {"ui.test.read": Reach.ALL})


@pytest.fixture
def registries(monkeypatch):
    """Registries of this test alone."""
    monkeypatch.setattr(navigation, "_items", dict(navigation._items))
    monkeypatch.setattr(navigation, "_rooms", dict(navigation._rooms))
    monkeypatch.setattr(search, "_finders", {})
    monkeypatch.setattr(maplayers, "_layers", {})
    monkeypatch.setattr(roles, "_roles", {**roles._roles, READER.code: READER})


def links(person, here="/") -> dict[str, bool]:
    return {link.url: link.current for group in navigation.for_user(person, here) for link in group.links}


def test_a_menu_shows_what_one_may_open(db, registries) -> None:
    navigation.add(Item("", "Secret", "ui:design", act="ui.test.read"))
    assert "/design/" not in links(user())
    assert "/design/" in links(holder("ui.reader"))


def test_an_item_without_a_page_is_left_out(db, registries) -> None:
    navigation.add(Item("", "Nowhere", "nowhere:at_all"))
    assert "" not in links(user())


def test_the_longest_address_is_current(db, registries) -> None:
    navigation.add(Item("", "Badge", "portal:inbox_badge"))
    assert links(user(), "/inbox/badge/") | {} == {**links(user()), "/": False, "/inbox/badge/": True}
    assert links(user(), "/inbox/7/")["/inbox/"] is True
    assert links(user(), "/")["/"] is True


def test_every_item_of_the_product_leads_to_a_page() -> None:
    assert [item.url_name for item in navigation.items() if not item.url] == []


def test_one_rooms_fault_does_not_silence_the_others(db, registries) -> None:
    def broken(person, words, limit):
        raise OperationalError("down")

    search.add("a", broken)
    search.add("b", lambda person, words, limit: [Hit(f"{words} {n}", "/x/") for n in range(50)])
    first, second = search.ask(None, "  two   words ", limit=3)
    assert first.failed
    assert [hit.title for hit in second.hits] == ["two words 0", "two words 1", "two words 2"]
    assert search.ask(None, "   ") == []


def test_a_layer_is_for_those_who_may(db, registries) -> None:
    maplayers.add("x", "X", "/x.geojson", "ui.test.read", shape="line")
    maplayers.add("y", "Y", "/y.geojson", order=1)
    assert [layer.code for layer in maplayers.for_user(holder("ui.reader"))] == ["y", "x"]
    assert [layer.code for layer in maplayers.for_user(user())] == ["y"]


def test_the_shell_leads_with_the_portal(db) -> None:
    assert reverse("portal:overview") == "/"
