"""What the portal asks: the programmes with their answers, the pages that fit some words, the numbers of the wall."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.functional import Promise

from chengheng.common import measures
from chengheng.common.measures import Period, Scope
from chengheng.common.ui import headlines, navigation, words
from chengheng.common.ui.search import Found, Hit
from chengheng.performance import queries as performance

log = logging.getLogger(__name__)
WALL_FIGURES = 3  # numbers of one room on the wall; more cannot be read from across a hall


@dataclass(frozen=True)
class Totals:
    """The overview in six numbers. `lights` counts the indicators by traffic light."""

    programmes: int
    budget_fen: int
    indicators: int
    answered: int
    lights: Counter[str]

    @property
    def by_light(self) -> list[tuple[str, int]]:
        return [(light, self.lights[light]) for light in ("good", "warn", "bad", "info", "none") if self.lights[light]]


def years() -> list[int]:
    """Years that have targets, latest first."""
    return performance.years()


def programmes(year: int, user: Any) -> list[performance.Overview]:
    """The programmes of a year that the user may see, each with its indicators and their answers."""
    return performance.overview(year, user)


def totals(found: list[performance.Overview]) -> Totals:
    """Sums over the programmes shown."""
    lights: Counter[str] = Counter()
    answered = count = 0
    for programme in found:
        for indicator in programme.indicators:
            count += 1
            lights[indicator.light] += 1
            answered += indicator.answered
    return Totals(len(found), sum(programme.budget_fen for programme in found), count, answered, lights)


def point(text: str) -> list[float] | None:
    """ "117.2,39.1" as lon, lat; None for anything else."""
    parts = text.split(",")
    if len(parts) != 2:
        return None
    lon, lat = words.decimal(parts[0].strip()), words.decimal(parts[1].strip())
    if lon is None or lat is None or not (-180 <= lon <= 180 and -90 <= lat <= 90):
        return None
    return [float(lon), float(lat)]


def find_pages(user: Any, text: str, limit: int) -> list[Hit]:
    """Pages of the menu whose label or heading has the words."""
    text = text.casefold()
    found = []
    for group in navigation.for_user(user):
        for link in group.links:
            label, heading = str(link.item.label), str(group.room.label)
            if text in label.casefold() or (heading and text in heading.casefold()):
                found.append(Hit(label, link.url, heading, icon=link.item.icon))
    return found[:limit]


@dataclass(frozen=True)
class Headed:
    """What a room found, under the room's heading."""

    room: navigation.Room
    hits: list[Hit]
    failed: bool


def headed(found: list[Found]) -> list[Headed]:
    """Answers of rooms in the menu's order."""
    rooms = [Headed(navigation.heading(one.room), one.hits, one.failed) for one in found]
    return sorted(rooms, key=lambda one: (one.room.order, one.room.code))


@dataclass(frozen=True)
class Figure:
    """A number of the wall: value None means no evidence."""

    label: str
    value: str | None
    unit: str
    note: str = ""


@dataclass
class Panel:
    """A room on the wall."""

    label: str | Promise
    icon: str
    figures: list[Figure] = field(default_factory=list)


def wall(user: Any, today: date) -> list[Panel]:
    """This year's headline numbers of every room of the menu that has measures. A failing measure shows as no evidence."""
    period = Period.year(today.year).to(today)
    panels = []
    for room in navigation.rooms():
        own = {entry.code: entry for entry in measures.all_measures(room.code)}
        codes = [code for code in headlines.of(room.code) if code in own] or list(own)
        if not codes:
            continue
        panel = Panel(str(room.label), room.icon)
        for code in codes[:WALL_FIGURES]:
            value: Decimal | None = None
            try:
                with transaction.atomic():
                    value = measures.evaluate(code, period, Scope(user=user)).value
            except DatabaseError:
                log.exception("measure %s failed for the wall", code)
            entry = own[code]
            panel.figures.append(Figure(str(entry.label), _short(value), entry.unit))
        panels.append(panel)
    return panels


def _short(value: Decimal | None) -> str | None:
    """Few digits: none after the point from a thousand on, else at most one."""
    if value is None:
        return None
    return words.number(value, 0 if abs(value) >= 1000 or value == value.to_integral_value() else 1)
