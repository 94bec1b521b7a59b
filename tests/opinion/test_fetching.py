"""What a feed names with a story is fetched within the limits, read like any attached file, and heard by the rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from chengheng.opinion import actions, ocr
from chengheng.opinion.collect import feeds
from chengheng.opinion.models import Alert, DeadLetter, Excerpt, Item, MediaLimit, Source
from tests.builders import holder
from tests.opinion import films
from tests.opinion.sites import collect_once, site
from tests.opinion.test_life import fresh_reader, rule

__all__ = ["fresh_reader"]
pytestmark = pytest.mark.django_db(transaction=True)
SRT = "1\n00:00:01,000 --> 00:00:02,500\n和平路地铁口路面塌陷\n"
FEED = """<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><item><title>昨晚街头一幕</title>
<guid>1</guid><description>现场</description><pubDate>{when}</pubDate><enclosure url="{root}/film.mp4" type="video/mp4" length="1"/>
<media:group><media:content url="{root}/page" medium="video"/></media:group><enclosure url="{root}/terms" type="text/html"/>
<media:content url="http://10.0.0.1/inside.mp4" type="video/mp4"/></item></channel></rss>"""


@pytest.fixture
def web():
    with site() as found:
        yield found


def test_a_film_that_a_feed_names_is_fetched_read_and_alerted_and_what_is_none_is_reported(web, tmp_path, monkeypatch):
    monkeypatch.setattr(ocr, "available", lambda: False)  # the subtitles are enough here
    holder("opinion.clerk")
    rule()
    when = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    web.paths["/feed"] = FEED.format(root=web.root, when=when).encode()
    web.paths["/film.mp4"] = (
        200, {"Content-Type": "video/mp4"}, films.film(tmp_path, [films.drawn("街头")], subtitles=SRT)
    )  # fmt: skip
    web.paths["/page"] = (200, {"Content-Type": "text/html"}, b"<html>not a film</html>")
    Source.objects.create(name="films", channel="video", way="feed", url=web.root + "/feed", with_media=True)
    assert collect_once() == 1
    item = Item.objects.get()
    assert not Alert.objects.exists()
    asked = [job.args for job in ProcrastinateJob.objects.filter(task_name="opinion.fetch_media").order_by("id")]
    assert [one["url"].rsplit("/", 1)[-1] for one in asked] == ["film.mp4", "page", "inside.mp4"]
    made = [actions.fetch_medium(one["item"], one["url"], inside=True) for one in asked]
    assert [one is not None for one in made] == [True, False, False]
    actions.read_medium(made[0].pk)
    assert Excerpt.objects.get(kind="subtitle").words == "和平路地铁口路面塌陷"
    assert Alert.objects.get().item == item
    assert set(DeadLetter.objects.values_list("reason", flat=True)) == {
        "medium_not_a_medium", "medium_refused_address"
    }  # fmt: skip


def test_robots_the_limit_and_the_source_are_obeyed(web):
    web.paths["/robots.txt"] = b"User-agent: *\nDisallow: /closed/"
    web.paths["/closed/a.png"] = web.paths["/open.png"] = b"\x89PNG" + b"0" * 1_100_000
    MediaLimit.objects.create(megabytes=1, in_force_from=date(2020, 1, 1), source="test")
    place = Source.objects.create(name="p", channel="news", way="push", with_media=True)
    actions.arrive(place, [{"id": "1", "title": "路面塌陷", "media": [web.root + "/open.png", "javascript:1"]}])
    actions.read_all()
    item = Item.objects.get()
    assert ProcrastinateJob.objects.filter(task_name="opinion.fetch_media").count() == 1
    for path in ("/closed/a.png", "/open.png"):
        assert actions.fetch_medium(item.pk, web.root + path, inside=True) is None
    assert set(DeadLetter.objects.values_list("reason", flat=True)) == {"medium_robots", "medium_too_large"}
    Source.objects.update(with_media=False)
    assert actions.fetch_medium(item.pk, web.root + "/open.png", inside=True) is None
    assert DeadLetter.objects.count() == 2


def test_atom_and_json_feeds_name_media_too():
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><title>a</title>
    <link rel="enclosure" type="audio/mpeg" href="/a.mp3"/><link href="/1"/></entry></feed>"""
    assert feeds.parse(atom, "http://a.example.com/")[0].media == ("http://a.example.com/a.mp3",)
    said = b'{"items": [{"id": "1", "title": "a", "attachments": [{"url": "/v.mp4", "mime_type": "video/mp4"}, {"url": 3}, 5]}]}'
    assert feeds.parse(said, "http://a.example.com/")[0].media == ("http://a.example.com/v.mp4",)
