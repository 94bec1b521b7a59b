"""The command line: a dry run without a database, exit statuses, messages that name file and line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEED = ROOT / "chengheng" / "performance" / "data" / "targets_2024.txt"


def chengheng(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "chengheng", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_a_dry_run_needs_no_database(tmp_path):
    done = chengheng("targets", "import", SEED, "--dry-run", "--format", "json",
                     DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", CHENGHENG_DATA=str(tmp_path))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((HERE / "expected_2024.json").read_text())
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_table_stops_with_status_2(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("会议纪要\n第一项\n")
    for options in ((), ("--dry-run",)):
        done = chengheng("targets", "import", path, *options, CHENGHENG_DATA=str(tmp_path / "data"))
        assert done.returncode == 2
        assert "notes.txt: line 1: holds no target table" in done.stderr
        assert done.stdout == ""


def test_a_missing_or_unreadable_file_stops_with_status_2(tmp_path):
    path = tmp_path / "t.pdf"
    path.write_bytes(b"%PDF-1.4 broken")
    for name in (path, tmp_path / "none.txt"):
        done = chengheng("targets", "import", name, "--dry-run", CHENGHENG_DATA=str(tmp_path / "data"))
        assert done.returncode == 2
        assert f"{name}: line 1" in done.stderr


def test_what_could_not_be_read_is_told_beside_the_result(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(SEED.read_text().replace("\t单位：万元\n", "\t单位：万元\n\t不知何处的文字\n", 1))
    done = chengheng("targets", "import", path, "--dry-run", CHENGHENG_DATA=str(tmp_path / "data"))
    assert "line 4: text that belongs to no known field: '不知何处的文字'" in done.stderr
    assert len(json.loads(done.stdout)) == 7
