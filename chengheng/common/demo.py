"""The demonstration city as rooms see it: organisations, people with duties, and a seeded source of chance.

A room's `demo.py` has `build(city)`, which makes its share of the city through its own acts. Everything is idempotent:
what is there already is used. Nothing here exists on a site that is not a demonstration.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from typing import Any
from unittest.mock import patch

from django.db import transaction

from chengheng.common.people.access import SYSTEM
from chengheng.common.people.actions import create_organisation, create_user, grant_duty
from chengheng.common.people.models import Duty, Organisation, User


class DemoCity:
    """What a room's demo builds with."""

    def __init__(self, seed: int = 2024) -> None:
        self.random = random.Random(seed)  # noqa: S311 - chance for a demonstration, not for secrets

    def organisation(
        self, code: str, name: str = "", kind: str = "unit", parent: str = "", district_code: str = ""
    ) -> Organisation:
        """The organisation of this code; made when it is missing and a name is given."""
        found = Organisation.objects.filter(code=code).first()
        if found is not None or not name:
            return found or Organisation.objects.get(code=code)
        above = Organisation.objects.get(code=parent) if parent else None
        return create_organisation(SYSTEM, code, name, kind, above, district_code=district_code)

    def person(self, username: str, name: str, organisation: str, *roles: str, area_code: str = "") -> User:
        """A demonstration user with these roles at an organisation (for an area, where roles work by area)."""
        user = User.objects.filter(username=username).first()
        place = self.organisation(organisation)
        with transaction.atomic():
            if user is None:
                user, _initial = create_user(SYSTEM, username, name, place, is_demo=True)
            for role in roles:
                if not Duty.objects.filter(user=user, role=role, organisation=place, area_code=area_code).exists():
                    grant_duty(SYSTEM, user, role, place, area_code=area_code, starts_on=date(2024, 1, 1))
        return User.objects.get(pk=user.pk)

    @cached_property
    def commission(self) -> Organisation:
        return self.organisation("CGW")

    @cached_property
    def centre(self) -> Organisation:
        return self.organisation("326206")

    @cached_property
    def districts(self) -> dict[str, Organisation]:
        """District code → its commission."""
        rows = Organisation.objects.filter(kind="district").exclude(district_code="")
        return {row.district_code: row for row in rows.order_by("district_code")}

    @contextmanager
    def at(self, moment: datetime) -> Iterator[datetime]:
        """Let acts happen at another time than now: only the process that builds a demonstration does this."""
        with patch("django.utils.timezone.now", return_value=moment):
            yield moment

    def point_in(self, district_code: str) -> tuple[float, float]:
        """A chance point inside a district, (lon, lat)."""
        return self._points(district_code, 1)[0]

    def points_in(self, district_code: str, count: int) -> list[tuple[float, float]]:
        """Chance points inside a district."""
        return self._points(district_code, count)

    def _points(self, district_code: str, count: int) -> list[tuple[float, float]]:
        from shapely import contains_xy

        shape = _shape_of(district_code)
        west, south, east, north = shape.bounds
        found: list[tuple[float, float]] = []
        while len(found) < count:
            lon, lat = self.random.uniform(west, east), self.random.uniform(south, north)
            if contains_xy(shape, lon, lat):
                found.append((round(lon, 6), round(lat, 6)))
        return found


def _shape_of(district_code: str) -> Any:
    from shapely.geometry import shape

    from chengheng.common.places.shipped import districts_file

    for feature in districts_file()["features"]:
        if str(feature["properties"]["code"]) == district_code:
            return shape(feature["geometry"])
    raise KeyError(district_code)
