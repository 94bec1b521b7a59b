"""Glass to glass in real Chromium: the camera's clock is painted into the picture and read back from what is shown.

Needs a running demonstration site (`chengheng up --demo`), because camera, live process, pages and browser must be
processes of their own: `python -m benchmarks.glass http://127.0.0.1:8100 [user]`. Not part of `python -m benchmarks`.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from benchmarks.report import Report

FRAMES = int(os.environ.get("FRAMES", "150"))
READ = """
() => {
  const video = document.querySelector('.player video');
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  canvas.width = 32 * 16; canvas.height = 32;
  window.late = []; window.shown = [];
  const look = (now, meta) => {
    if (video.videoWidth) {
      pen.drawImage(video, 0, 0);
      const strip = pen.getImageData(0, 24, 512, 1).data;
      let clock = 0;
      for (let i = 0; i < 32; i++) clock = clock * 2 + (strip[(i * 16 + 8) * 4] > 125 ? 1 : 0);
      const shown = performance.timeOrigin + meta.expectedDisplayTime;
      window.late.push(Math.round(shown % 4294967296) - clock);
      window.shown.push(meta.mediaTime);
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}
"""


def _wait(page: Any, expression: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            seen = page.evaluate("[window.late, document.querySelector('.player-note')?.innerText]")
            raise SystemExit(f"not true in time: {expression}; seen {seen}")
        page.wait_for_timeout(200)


def _figures(page: Any) -> tuple[float, float, int]:
    page.evaluate(READ)
    _wait(page, f"window.late.length >= {FRAMES}", 60)
    late = sorted(page.evaluate("window.late")[FRAMES // 3 : FRAMES])
    return late[len(late) // 2], late[len(late) * 95 // 100], len(late)


def run(report: Report, site: str, user: str) -> None:
    from playwright.sync_api import sync_playwright

    from tools.browser import FLAGS

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=os.environ.get("CHENGHENG_CHROMIUM", "/usr/bin/chromium"), args=list(FLAGS)
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page.goto(f"{site}/people/sign-in/")
        page.locator(f"button[data-username={user}]").click()
        page.wait_for_load_state("load")
        page.goto(f"{site}/video/cameras/1/")
        page.wait_for_selector(".camera-steps li.is-done:nth-child(6)", timeout=30_000)
        page.goto("about:blank")
        page.goto(f"{site}/video/cameras/1/")  # the call stands now: what a second viewer waits
        page.wait_for_selector(".camera-steps li.is-done:nth-child(6)", timeout=30_000)
        first = page.locator(".camera-steps li:nth-child(6) span").inner_text().split()[0]
        load = f"load {os.getloadavg()[0]:.1f}"
        report.line("first picture, call standing", float(first), "ms", load, limit=600)
        middle, worst, count = _figures(page)
        report.line(
            "MSE, glass to glass, median", middle, "ms", f"{count} pictures, 95 % {worst} ms, {load}", limit=300
        )
        page.get_by_role("button", name="低延时").click()
        _wait(page, "document.querySelector('.player video').srcObject !== null", 20)
        middle, worst, count = _figures(page)
        report.line(
            "WebRTC, glass to glass, median", middle, "ms", f"{count} pictures, 95 % {worst} ms, {load}", limit=60
        )
        browser.close()


if __name__ == "__main__":
    run(Report("glass"), sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "shipin")
