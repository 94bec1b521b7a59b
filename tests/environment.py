"""The test run's environment, set before Django's settings load: its own data folder and database server.

Loaded with `-p tests.environment`. DATABASE_URL runs the same tests on any PostgreSQL ≥ 15.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("CHENGHENG_SHARED", str(ROOT.parent / "shared"))
os.environ["CHENGHENG_DATA"] = os.environ.get("CHENGHENG_TEST_DATA", str(ROOT / "var" / "test"))
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the embedded server once, in the controlling process; xdist's workers find it running."""
    if os.environ.get("DATABASE_URL") or hasattr(config, "workerinput"):
        return
    from chengheng.project.embedded import Embedded

    server = Embedded.of_site().running(fsync="off", synchronous_commit="off", full_page_writes="off")
    server.__enter__()
    config.add_cleanup(lambda: server.__exit__(None, None, None))
