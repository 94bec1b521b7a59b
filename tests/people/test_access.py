"""Who may: the ways of asking agree."""

from __future__ import annotations

import pytest

from chengheng.common.people import access, roles
from chengheng.common.people.models import Duty
from chengheng.common.people.roles import Reach, Role
from tests import builders
from tests.things.models import Lamp

ACT = "lamp.polish"


@pytest.fixture(autouse=True)
def polishers(monkeypatch):
    monkeypatch.setattr(roles, "_roles", dict(roles._roles))
    for reach in Reach:
        roles.declare(Role(code=f"polisher.{reach.name}", label=reach.name, grants={ACT: reach}, group="lamp"))


def test_who_is_able_is_everybody_who_may(db):
    city = builders.organisation("city")
    south = builders.organisation("south", city)
    inner = builders.organisation("inner", south)
    places = [city, south, inner, builders.organisation("elsewhere")]
    people = []
    for reach in Reach:
        for place in places:
            for area in ("", "120101", "120101001", "120102"):
                people.append(builders.holder(f"polisher.{reach.name}", place, area))
    people[0].is_active = False
    people[0].save()
    Duty.objects.filter(user=people[1]).update(ends_on="2021-01-01")
    owner = next(person for person in people if person.duties.get().role == "polisher.OWN")
    lamp = Lamp.objects.create(name="lamp", department=inner, area_code="120101001", owner=owner)
    stray = Lamp.objects.create(name="stray", department=places[3])
    for subject in (lamp, stray):
        able = access.able(ACT, subject)
        assert {user.pk for user in able} == {user.pk for user in people if access.may(fresh(user), ACT, subject)}
        assert len(able) == len({user.pk for user in able}) > 0


def fresh(user):
    return type(user).objects.get(pk=user.pk)
