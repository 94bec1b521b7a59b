"""Units with books, and people of each side."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from chengheng.common.people.access import SYSTEM
from chengheng.finance import actions, reference
from tests import builders


@pytest.fixture
def aspects(db):
    reference.load()


@pytest.fixture
def unit(aspects):
    """An institution under supervision."""
    return make_unit("institution")


def make_unit(kind="institution", parent=None, name=""):
    accounting = "enterprise" if kind == "enterprise" else "government"
    return actions.supervise_unit(
        SYSTEM, builders.organisation(name, parent), kind=kind, accounting=accounting, supervised_from=date(2020, 1, 1)
    )


@pytest.fixture
def people(unit):
    """One person for each side of a doubt."""
    office = builders.organisation("审计处")

    def post(role, at=office, name=""):
        return builders.holder(f"finance.{role}", at, name=name or role)

    return SimpleNamespace(
        importer=post("importer"), editor=post("rule_editor"), issuer=post("issuer"), reviewer=post("reviewer"),
        closer=post("closer"), accountant=post("unit_accountant", unit.organisation),
        stranger=post("unit_accountant", builders.organisation("别的单位"), "stranger"),
    )  # fmt: skip
