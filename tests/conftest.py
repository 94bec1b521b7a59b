"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def shared() -> Path:
    """The folder of original tables and test data; the test is skipped where it is not at hand."""
    folder = Path(os.environ["CHENGHENG_SHARED"])
    if not folder.exists():
        pytest.skip("the shared folder is not at hand")
    return folder


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A short-named temporary folder (sockets live in it)."""
    with tempfile.TemporaryDirectory(prefix="ch-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that need real transactions empty all tables afterwards, the append-only ones too."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("trail_entry", "trail_seal"):
            cursor.execute(f"alter table {table} disable trigger {table}_no_truncate")
