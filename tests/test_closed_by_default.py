"""The whole site is closed to strangers, address by address."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.access import PUBLIC, all_addresses, is_closed

ADDRESSES = sorted(set(all_addresses()))


@pytest.mark.parametrize(("name", "address"), ADDRESSES, ids=[f"{name} {address}" for name, address in ADDRESSES])
def test_a_stranger_gets_nothing(name: str, address: str, db: None, client: Client) -> None:
    if name in PUBLIC:
        pytest.skip(PUBLIC[name])
    for method in (client.get, client.post):
        response = method(address)
        assert is_closed(response) or response.status_code == 405, f"{method.__name__} {address} is open"


def test_the_list_of_open_addresses_names_only_addresses_that_exist() -> None:
    assert set(PUBLIC) <= {name for name, _address in ADDRESSES}


def test_most_of_the_site_was_looked_at() -> None:
    assert len(ADDRESSES) > len(PUBLIC) + 30
