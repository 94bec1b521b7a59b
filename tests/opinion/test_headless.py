"""List pages that build themselves by script: read with a browser, which gets nowhere but where the fetcher would go."""

from __future__ import annotations

import asyncio
import json

import pytest

from chengheng.opinion.collect import headless
from chengheng.opinion.collect.fetcher import FetchFailed
from chengheng.opinion.models import DeadLetter, Item, Source
from tests.opinion.sites import collect_once, site

pytestmark = pytest.mark.slow
HTML = {"Content-Type": "text/html; charset=utf-8"}
SCRIPTED = """<body><ul id="list"></ul><script>
fetch('/rows.json').then(answer => answer.json()).then(rows => { for (const [n, title] of rows) {
  const line = document.createElement('li'); line.innerHTML = `<a href="/a/${n}">${title}</a>`;
  document.getElementById('list').append(line) } });
fetch('http://169.254.169.254/latest/meta-data/'); fetch('http://metadata.internal/');
new WebSocket('ws://10.0.0.1/'); document.body.append(Object.assign(document.createElement('iframe'), {src: 'http://192.168.0.1/'}));
</script></body>"""
HOSTILE = {
    "/endless": ("<script>while (true) {}</script>", {"seconds": 5}, "headless_too_slow"),
    "/huge": ("<script>for (let n = 0; n < 6e3; n++) document.body.append(Object.assign(document.createElement('p'), {textContent: 'x'.repeat(300)}))</script>", {"answer": 1_000_000}, "headless_too_large"),
    "/greedy": (
        "<script>const held = []; setInterval(() => held.push(new Uint8Array(5e7).fill(1)), 1)</script>",
        {"memory": 600_000_000}, "headless_memory",
    ),
}  # fmt: skip


@pytest.fixture
def web(chromium_path, settings):
    settings.CHROMIUM = chromium_path
    with site() as found:
        yield found


@pytest.mark.django_db(transaction=True)
def test_a_list_built_by_script_is_read_and_what_it_asks_of_the_inside_is_refused_and_reported(web):
    rows = [(number, f"和平路第{number}处井盖缺失的通报") for number in range(4)]
    web.paths["/list"] = (200, HTML, SCRIPTED.encode())
    web.paths["/rows.json"] = (200, {"Content-Type": "application/json"}, json.dumps(rows).encode())
    place = Source.objects.create(name="list", channel="news", way="list", url=web.root + "/list", rendered=True)
    assert collect_once() == 1
    place.refresh_from_db()
    assert (place.failure, Item.objects.count()) == ("", 4)
    assert set(Item.objects.values_list("title", flat=True)) == {title for _number, title in rows}
    letters = DeadLetter.objects.filter(reason__startswith="page_asked_")
    assert letters.count() == 3
    assert all(reason in ("page_asked_address", "page_asked_local_name", "page_asked_port") for reason in
               letters.values_list("reason", flat=True))  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_page_ends_at_its_bounds(web, path):
    script, bounds, reason = HOSTILE[path]
    web.paths[path] = (200, HTML, f"<body>{script}</body>".encode())
    with pytest.raises(FetchFailed, match=reason):
        asyncio.run(headless.render(web.root + path, headless.Bounds(**bounds), inside=True))


def test_a_page_inside_is_refused_and_without_a_browser_it_is_said(web, settings):
    with pytest.raises(FetchFailed, match="refused_"):
        asyncio.run(headless.render(web.root + "/list"))
    settings.CHROMIUM = "no-such-browser"
    with pytest.raises(FetchFailed, match="headless_missing"):
        asyncio.run(headless.render("http://news.example.com/list"))
    assert web.asked == []
