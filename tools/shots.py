"""Screenshots of the pages in docs/shots.toml into docs/shots: both languages, light and dark, desktop and phone.

    python -m tools.shots [NAME…] [--address URL] [--quick]

Without an address a demonstration site of its own is started in a temporary folder. `--quick`: Chinese, light, desktop
only. Faults that a page reports (script errors, refused resources) are printed and make the status 1.
"""

from __future__ import annotations

import argparse
import io
import itertools
import shutil
import sys
import tempfile
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools.browser import FLAGS
from tools.site import ROOT, Site

TARGET = ROOT / "docs" / "shots"
LANGUAGES = ("zh-hans", "en")
THEMES = ("light", "dark")
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}


def pages(names: list[str]) -> list[dict[str, Any]]:
    """The listed pages, or those of the given names; KeyError for a name that is not listed."""
    listed = tomllib.loads((ROOT / "docs" / "shots.toml").read_text(encoding="utf-8"))["page"]
    known = {page["name"]: page for page in listed}
    return [known[name] for name in names] if names else listed


def context(browser: Browser, address: str, language: str, theme: str, size: str) -> BrowserContext:
    """A browser profile that prefers this language, appearance and size."""
    made = browser.new_context(
        locale="zh-CN" if language == "zh-hans" else "en-GB",
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="Asia/Shanghai",
        **SIZES[size],
    )
    made.add_cookies(
        [
            {"name": "django_language", "value": language, "url": address},
            {"name": "theme", "value": theme, "url": address},
        ]
    )
    return made


def sign_in(within: BrowserContext, address: str, username: str) -> None:
    """Sign in as a demonstration user through the sign-in page."""
    tab = within.new_page()
    tab.goto(f"{address}/people/sign-in/")
    button = tab.locator(f'button[name=user][data-username="{username}"]')
    if not button.count():
        button = tab.locator("button[name=user]")  # the page does not say user names: the first of the offered
    button.first.click()
    tab.wait_for_load_state()
    if "/sign-in/" in tab.url:
        raise RuntimeError(f"could not sign in as {username}")
    tab.close()


def _listen(tab: Page, name: str, faults: list[str]) -> None:
    """Keep what the page reports as faults."""
    tab.on("pageerror", lambda error: faults.append(f"{name}: {error}"))
    tab.on("console", lambda message: faults.append(f"{name}: {message.text}") if message.type == "error" else None)


def shoot(browser: Browser, address: str, wanted: list[dict[str, Any]], quick: bool) -> list[str]:
    """Take the pictures; returns the faults that pages reported."""
    faults: list[str] = []
    TARGET.mkdir(parents=True, exist_ok=True)
    choices = [("zh-hans", "light", "desktop")] if quick else list(itertools.product(LANGUAGES, THEMES, SIZES))
    for language, theme, size in choices:
        for user in sorted({page.get("user", "") for page in wanted}):
            with context(browser, address, language, theme, size) as profile:
                if user:
                    sign_in(profile, address, user)
                for page in wanted:
                    if page.get("user", "") != user:
                        continue
                    name = f"{page['name']}-{language}-{theme}-{size}"
                    tab = profile.new_page()
                    _listen(tab, name, faults)
                    answer = tab.goto(f"{address}{page['path']}", wait_until="load")
                    if answer is None or not answer.ok:
                        faults.append(f"{name}: status {answer.status if answer else 'none'}")
                    if page.get("wait"):
                        tab.wait_for_selector(page["wait"], timeout=15_000)
                    tab.wait_for_timeout(page.get("settle", 600))
                    taken = tab.screenshot(full_page=bool(page.get("full")))
                    Image.open(io.BytesIO(taken)).convert("RGB").save(TARGET / f"{name}.webp", quality=70, method=4)
                    tab.close()
                    print(name, flush=True)
    return faults


def gallery(listed: list[dict[str, Any]]) -> str:
    """The documentation page of all pictures: each page large in Chinese, links to its other languages, looks and sizes."""
    lines = [
        "# Pages",
        "",
        "Made by `make shots` on the demonstration city; the small links are the other languages, looks and sizes.",
    ]
    for page in listed:
        others = [
            f"[{language} {theme} {size}](shots/{page['name']}-{language}-{theme}-{size}.webp)"
            for language, theme, size in itertools.product(LANGUAGES, THEMES, SIZES)
        ]
        picture = f"![{page['name']}](shots/{page['name']}-zh-hans-light-desktop.webp)"
        lines += ["", f"## {page['name'].replace('-', ' ')}", "", picture, "", " · ".join(others)]
    return "\n".join(lines) + "\n"


def main() -> int:
    reader = argparse.ArgumentParser(prog="tools.shots")
    reader.add_argument("names", nargs="*")
    reader.add_argument("--address", default="")
    reader.add_argument("--quick", action="store_true")
    asked = reader.parse_args()
    chromium = shutil.which("chromium")
    if not chromium:
        print("Chromium is not installed (apt-get install chromium)", file=sys.stderr)
        return 1
    try:
        wanted = pages(asked.names)
    except KeyError as error:
        print(f"docs/shots.toml lists no page {error}", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        address = asked.address.rstrip("/")
        if not address:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ch-", ignore_cleanup_errors=True)))
            site = Site(folder, demo=True, settings={"CHENGHENG_LANGUAGE": "zh-hans"})
            address = stack.enter_context(site).address
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        stack.callback(browser.close)
        faults = shoot(browser, address, wanted, asked.quick)
    (ROOT / "docs" / "pages.md").write_text(gallery(pages([])), encoding="utf-8")
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
