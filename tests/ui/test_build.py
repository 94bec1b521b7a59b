"""The front-end build: small first page, no registry addresses in the lock file, every named icon drawn."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from chengheng.common.ui import assets

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
FIRST_PAGE_BYTES = 100_000


@pytest.fixture
def manifest() -> dict:
    found = assets.manifest()
    if not found:
        pytest.skip("the front end is not built")
    return found


def test_the_first_page_loads_at_most_100_kb_of_script(manifest: dict) -> None:
    scripts, _styles, chunks = assets.files("src/main.ts")
    size = sum(
        len(gzip.compress((assets.BUILD / path.removeprefix(assets.PREFIX)).read_bytes(), 6))
        for path in [*scripts, *chunks]
    )
    assert 5_000 < size <= FIRST_PAGE_BYTES


def test_charts_and_maps_load_only_where_a_page_asks(manifest: dict) -> None:
    later = manifest["src/main.ts"]["dynamicImports"]
    assert "src/islands/chart/index.ts" in later
    assert "src/islands/map/index.ts" in later
    scripts, _styles, chunks = assets.files("src/main.ts")
    text = "".join((assets.BUILD / path.removeprefix(assets.PREFIX)).read_text() for path in [*scripts, *chunks])
    assert "maplibregl-canvas" not in text


def test_the_lock_file_names_no_registry() -> None:
    lock = (FRONTEND / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert not re.search(r'https?://[^"]*/-/[^"]*\.tgz', lock)
    assert all(
        "integrity" in part for name, part in json.loads(lock)["packages"].items() if name and not part.get("link")
    )


def test_versions_are_exact() -> None:
    package = json.loads((FRONTEND / "package.json").read_text())
    for version in [*package["dependencies"].values(), *package["devDependencies"].values()]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_every_icon_that_a_template_names_is_drawn(manifest: dict) -> None:
    named = set()
    for path in (ROOT / "chengheng").rglob("*.html"):
        named |= set(re.findall(r"""(?<![.\w])icon ["']([a-z0-9-]+)["']""", path.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert {name for name in named if not assets.icon_paths(name)} == set()


def test_nothing_is_loaded_from_another_host() -> None:
    outside = re.compile(r"""(?:src|href)=["']https?://|@import\s+["']?https?:|url\(["']?https?:""")
    for path in [*(ROOT / "chengheng").rglob("*.html"), *(FRONTEND / "src").rglob("*.css")]:
        assert not outside.search(path.read_text(encoding="utf-8")), path


def test_templates_carry_no_inline_style_or_script() -> None:
    inline = re.compile(r"""\sstyle=["']|<style|\son[a-z]+=["']|<script(?![^>]*\bsrc=)|\bhx-on|javascript:""")
    for path in (ROOT / "chengheng").rglob("*.html"):
        found = inline.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path}: {found.group() if found else ''}"
