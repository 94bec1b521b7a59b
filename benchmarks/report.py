"""What a benchmark says: rows of a table, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One figure. `limit` is the best that the machine allows for it, measured in the same run, in the same unit."""

    what: str
    value: float
    unit: str
    note: str = ""
    limit: float | None = None


@dataclass
class Report:
    """The figures of one benchmark; `line` prints each as it comes."""

    name: str
    rows: list[Row] = field(default_factory=list)

    def line(self, what: str, value: float, unit: str, note: str = "", limit: float | None = None) -> None:
        """Add a figure and show it."""
        row = Row(what, value, unit, note, limit)
        self.rows.append(row)
        share = f"{value / limit:6.0%} of limit" if limit else ""
        print(f"  {what:<52} {_short(value):>10} {unit:<12} {share} {note}".rstrip(), flush=True)

    def write(self, folder: Path) -> Path:
        """The report as JSON, with the machine and the commit that it is of."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps({**circumstances(), **asdict(self)}, ensure_ascii=False, indent=1) + "\n")
        return path


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def circumstances() -> dict[str, Any]:
    """Where and of what the figures are."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": said.stdout.strip(),
        "cpu": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }
