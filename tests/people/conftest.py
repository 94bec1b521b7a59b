"""Fixtures of the people room: no kept policy, no counted requests from the test before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chengheng.common.people import limits, queries, rules
from chengheng.common.people.models import User
from tests import builders

PASSWORD = "Correct-Horse-7"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    queries.forget_policy()
    limits.api.clear()
    limits.codes.clear()
    yield
    queries.forget_policy()


def with_password(user: User, password: str = PASSWORD) -> User:
    from django.utils import timezone

    user.set_password(password)
    user.password_changed_at = timezone.now()
    user.save()
    return user


@pytest.fixture
def person(db: None) -> User:
    """An ordinary user who knows a password."""
    return with_password(builders.user("lin"))


@pytest.fixture
def system_administrator(db: None) -> User:
    return builders.holder(rules.SYSTEM_ADMINISTRATOR, name="sys")


@pytest.fixture
def security_administrator(db: None) -> User:
    return builders.holder(rules.SECURITY_ADMINISTRATOR, name="sec")


@pytest.fixture
def auditor(db: None) -> User:
    return builders.holder(rules.AUDITOR, name="aud")
