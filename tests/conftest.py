"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
