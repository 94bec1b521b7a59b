"""Contrast of the design tokens, light and dark, by WCAG 2.2 (1.4.3 text 4.5:1, 1.4.11 parts of controls 3:1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[2] / "frontend" / "src" / "style" / "tokens.css"
BACKGROUNDS = ("paper", "surface", "raised")
STATES = ("good", "warn", "bad", "info", "none")


def themes() -> dict[str, dict[str, str]]:
    text = TOKENS.read_text(encoding="utf-8")
    found = {}
    for name, selector in (("light", r":root"), ("dark", r'\[data-bs-theme="dark"\]')):
        block = re.search(rf"^{selector} \{{(.*?)^\}}", text, re.DOTALL | re.MULTILINE)
        assert block, name
        found[name] = dict(re.findall(r"--ch-([a-z0-9-]+): (#[0-9a-f]{6});", block.group(1)))
    return found


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_light_and_dark_know_the_same_colours() -> None:
    both = themes()
    assert set(both["light"]) == set(both["dark"])
    assert len(both["light"]) > 25


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: str) -> None:
    colours = themes()[theme]
    pairs = [(ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent", "seal", *STATES) for ground in BACKGROUNDS]
    pairs += [(state, f"{state}-soft") for state in STATES]
    pairs += [("accent", "accent-soft"), ("ink", "accent-soft"), ("ink", "none-soft"), ("on-accent", "accent")]
    pairs += [("on-accent", "accent-strong"), ("surface", "bad"), ("surface", "seal")]
    pairs += [(ink, ground) for ink in ("side-ink", "side-ink-2") for ground in ("side", "side-at")]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_borders_of_controls_and_the_focus_ring_can_be_seen(theme: str) -> None:
    colours = themes()[theme]
    weak = {
        (part, ground): round(contrast(colours[part], colours[ground]), 2)
        for part in ("line-strong", "focus")
        for ground in BACKGROUNDS
    }
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}
