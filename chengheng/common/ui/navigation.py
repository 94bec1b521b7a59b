"""The menu: every room adds its items; a user sees those whose act they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.functional import Promise
from django.utils.translation import get_language

from chengheng.common.people import access


@dataclass(frozen=True)
class Item:
    """One line of the menu. `act` empty: everybody who is signed in sees it. `icon`: a name of Tabler Icons."""

    room: str
    label: str | Promise
    url_name: str
    icon: str = "point"
    act: str = ""
    order: int = 100
    args: tuple[Any, ...] = ()

    @property
    def url(self) -> str:
        """The address; "" while the room has no page of this name."""
        return _address(settings.ROOT_URLCONF, get_urlconf(), get_script_prefix(), self.url_name, self.args)


@lru_cache(maxsize=1024)
def _address(_root: str, _urlconf: str | None, _prefix: str, name: str, args: tuple[Any, ...]) -> str:
    """`reverse` for the menu, which asks for the same addresses on every page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@dataclass(frozen=True)
class Room:
    """A heading of the menu. Room "" holds the items above all headings."""

    code: str
    label: str | Promise = ""
    icon: str = "folder"
    order: int = 100


@dataclass
class Link:
    """An item as one user sees it on one page."""

    item: Item
    url: str
    current: bool = False


@dataclass
class Group:
    """A room with the links that one user sees."""

    room: Room
    links: list[Link] = field(default_factory=list)

    @property
    def current(self) -> bool:
        return any(link.current for link in self.links)


_items: dict[tuple[str, tuple[Any, ...]], Item] = {}
_rooms: dict[str, Room] = {"": Room("", "", order=0)}


def add(item: Item) -> Item:
    """Add an item to the menu; the same address again replaces the former."""
    _items[item.url_name, item.args] = item
    _in_order.cache_clear()
    return item


def room(code: str, label: str | Promise, icon: str = "folder", order: int = 100) -> Room:
    """Name a heading of the menu. A room that nobody names shows its app's verbose name."""
    _rooms[code] = Room(code, label, icon, order)
    return _rooms[code]


def rooms() -> list[Room]:
    """All named rooms in order, without the one above all headings."""
    return sorted((room for room in _rooms.values() if room.code), key=lambda room: (room.order, room.code))


def items() -> list[Item]:
    """All items of all rooms, by room and order."""
    return list(_in_order(get_language()))


@lru_cache(maxsize=8)
def _in_order(_language: str | None) -> tuple[Item, ...]:
    return tuple(sorted(_items.values(), key=lambda item: (item.room, item.order, str(item.label))))


def heading(code: str) -> Room:
    """The heading of a room code."""
    named = _rooms.get(code)
    if named is not None:
        return named
    known = apps.app_configs.get(code)
    return Room(code, known.verbose_name if known else code)


def for_user(user: Any, here: str = "") -> list[Group]:
    """The menu of this user; the longest address that `here` (a path) begins with is current."""
    groups: dict[str, Group] = {}
    best: Link | None = None
    for item in items():
        if item.act and not access.may(user, item.act):
            continue
        url = item.url
        if not url:
            continue
        link = Link(item, url)
        groups.setdefault(item.room, Group(heading(item.room))).links.append(link)
        under = here == url or (here.startswith(url) and url != "/")
        if under and (best is None or len(url) > len(best.url)):
            best = link
    if best is not None:
        best.current = True
    return sorted(groups.values(), key=lambda group: (group.room.order, group.room.code))
