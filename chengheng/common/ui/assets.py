"""What the front-end build made: the manifest of scripts and styles, and the icons. Pages still work without a build."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)
BUILD = Path(__file__).resolve().parent / "static" / "ui" / "build"
PREFIX = "ui/build/"


@lru_cache(maxsize=1)
def _read(stamp: float) -> tuple[dict[str, Any], dict[str, str]]:
    manifest: dict[str, Any] = {}
    icons: dict[str, str] = {}
    if (BUILD / "manifest.json").exists():
        manifest = json.loads((BUILD / "manifest.json").read_text(encoding="utf-8"))
    else:
        log.warning("the front end is not built: run `make setup` (npm ci && npm run build in frontend/)")
    if (BUILD / "icons.json").exists():
        icons = json.loads((BUILD / "icons.json").read_text(encoding="utf-8"))
    return manifest, icons


_stamp = -1.0


def stamp() -> float:
    """When the icons were built; read once, in debug mode each time."""
    global _stamp
    if _stamp < 0 or settings.DEBUG:
        path = BUILD / "icons.json"
        _stamp = path.stat().st_mtime if path.exists() else 0.0
    return _stamp


def manifest() -> dict[str, Any]:
    """Vite's manifest: source path → built file, its styles and what it imports; {} before the first build."""
    return _read(stamp())[0]


def icon_paths(name: str) -> str:
    """The inside of an icon's <svg>; "" for a name that the build did not find."""
    return _read(stamp())[1].get(name, "")


def files(entry: str) -> tuple[list[str], list[str], list[str]]:
    """Static paths of an entry: its scripts, its styles, and the chunks that it imports at once (for modulepreload)."""
    known = manifest()
    if entry not in known:
        return [], [], []
    styles: list[str] = []
    chunks: list[str] = []
    seen: set[str] = set()

    def walk(key: str) -> None:
        if key in seen:
            return
        seen.add(key)
        part = known[key]
        for child in part.get("imports", ()):
            walk(child)
        styles.extend(PREFIX + style for style in part.get("css", ()) if PREFIX + style not in styles)
        if key != entry:
            chunks.append(PREFIX + part["file"])

    walk(entry)
    return [PREFIX + known[entry]["file"]], styles, chunks
