"""The shipped outlines of Tianjin's 16 districts (see data/NOTICE), used until the city imports its own."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data")
CITY_CODE, CITY_NAME = "120000", "天津市"
LICENCE = "Apache-2.0"


@cache
def districts_file() -> dict[str, Any]:
    """The GeoJSON collection; features carry code, name and label point. Not to be changed by the caller."""
    return json.loads((DATA / "tianjin_districts.geojson").read_text(encoding="utf-8"))
