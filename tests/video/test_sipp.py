"""Debian's sipp, a stranger's SIP implementation, registers devices at our platform and keeps them alive."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from . import sipp

pytestmark = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed")


def test_two_thousand_devices_register_with_digest_and_send_keepalives(tmp_path: Path):
    found = sipp.run(tmp_path, 2000, 1000)
    assert (found["done"], found["failed"], found["status"]) == (2000, 0, 0)
    assert found["online"] == 2000
    assert found["counts"]["registered"] == found["counts"]["keepalive"] == 2000
    assert found["writes"] < 20  # the database is told in batches


def test_wrong_passwords_get_nowhere(tmp_path: Path):
    found = sipp.run(tmp_path, 5, 5, password="wrong", timeout=10)
    assert found["done"] == 0
    assert found["online"] == 0
