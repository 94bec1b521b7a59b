"""People and reference data of patrol's tests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chengheng.common.people.models import Organisation, User
from chengheng.patrol import reference
from tests import builders

HEPING = "120101"
IN_HEPING = (117.2025, 39.1185)


@pytest.fixture
def reference_data(db):
    reference.load()


@pytest.fixture
def posts(reference_data) -> SimpleNamespace:
    """One person for each post in Heping, and the department that handles."""
    commission = builders.organisation("Heping commission", kind="district", district_code=HEPING)
    department = builders.organisation("Heping sanitation", commission, kind="department", district_code=HEPING)

    def post(role: str, at: Organisation = commission) -> User:
        return builders.holder(f"patrol.{role}", at, HEPING if role.startswith(("district", "collector")) else "", role)

    return SimpleNamespace(
        commission=commission,
        department=department,
        collector=post("collector"),
        receptionist=post("district_receptionist"),
        chief=post("district_duty_chief"),
        dispatcher=post("district_dispatcher"),
        handler=post("department", department),
        supervisor=post("supervisor"),
    )
