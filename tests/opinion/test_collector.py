"""The collector over loopback: good feeds come in once, hostile ones never hurt and are reported, a kill loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chengheng.opinion import actions, reader
from chengheng.opinion.models import Alert, Arrival, DeadLetter, Item, Seen, Source
from tests.builders import holder
from tests.opinion.sites import collect_once, rss, site
from tests.opinion.test_life import rule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_reader():
    reader.forget()
    yield
    reader.forget()


@pytest.fixture
def web():
    with site() as found:
        yield found


def feed(web, path: str, **fields) -> Source:
    return Source.objects.create(**({"name": path, "channel": "news", "way": "feed", "url": web.root + path} | fields))


def again() -> None:
    Source.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_feed_is_read_once_conditionally_and_alerts(web):
    holder("opinion.clerk")
    rule()
    now = datetime.now(UTC) - timedelta(minutes=5)
    web.paths["/feed"] = (200, {"ETag": '"1"'}, rss(("和平路路面塌陷", "现场", now), encoding="gb18030"))
    place = feed(web, "/feed")
    assert collect_once() == 1
    alert = Alert.objects.get()
    assert alert.from_collection < 30
    assert 290 <= alert.from_publication < 360
    assert collect_once() == 0  # not due
    again()
    web.paths["/feed"] = (304, {}, b"")
    assert collect_once() == 1
    place.refresh_from_db()
    assert (place.etag, place.failures, Item.objects.count()) == ('"1"', 0, 1)


def test_list_pages_bring_their_articles(web):
    links = "".join(f'<li><a href="/a/{n}.html">第{n}条新闻说路面塌陷了</a></li>' for n in range(3))
    web.paths["/list"] = f"<html><body><ul class=list>{links}</ul></body></html>".encode()
    for n in range(3):
        body = (
            f"<html><h1>第{n}条</h1><div><p>今天上午，和平路{n}号门前路面塌陷，"
            "市政部门已经到场围挡抢修，请市民绕行。</p></div></html>"
        )
        web.paths[f"/a/{n}.html"] = body.encode()
    feed(web, "/list", way="list")
    collect_once()
    assert Item.objects.count() == 3
    assert all("围挡抢修" in item.body for item in Item.objects.all())


def test_robots_are_obeyed(web):
    web.paths["/robots.txt"] = b"User-agent: *\nDisallow: /feed"
    web.paths["/feed"] = rss(("甲", "乙", datetime.now(UTC)))
    place = feed(web, "/feed")
    collect_once()
    place.refresh_from_db()
    assert (place.failure, "/feed" in web.asked) == ("robots", False)


HOSTILE = {
    "/xxe": b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&x;</title></item></channel></rss>',
    "/laughs": b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><rss>&b;</rss>',
    "/drip": "drip",
    "/endless": "endless",
    "/bomb": "bomb",
    "/metadata": (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/loop": (302, {"Location": "/loop"}, b""),
    "/html": "<html>不是订阅源</html>".encode(),
    "/junk": bytes(range(256)) * 40,
    "/empty": b"",
    "/500": (500, {"Retry-After": "9"}, b"oops"),
}  # fmt: skip


def test_hostile_feeds_never_hurt_and_are_reported(web):
    web.paths.update(HOSTILE)
    now = datetime.now(UTC)
    web.paths["/good"] = rss(("<script>alert(1)</script>垃圾成堆", "<img src=x onerror=alert(1)>正文", now))
    places = {path: feed(web, path) for path in [*HOSTILE, "/good"]}
    collect_once(seconds=2.0)
    for path in HOSTILE:
        places[path].refresh_from_db()
        assert places[path].failures == 1, path
        assert places[path].failure, path
    assert DeadLetter.objects.count() == len(HOSTILE)
    assert [item.title for item in Item.objects.all()] == ["垃圾成堆"]
    assert not any("169.254" in path for path in web.asked)


KILLED = """
import os, django
django.setup()
from chengheng.opinion import actions, reader
from chengheng.opinion.actions import arriving
from chengheng.opinion.models import Source
place = Source.objects.get(name="killed")
point = os.environ["DIE_AT"]
def die(*args, **kwargs):
    print("dying", flush=True)
    os.kill(os.getpid(), 9)
entries = [{"id": str(n), "title": f"第{n}条说井盖缺失{n*7919}", "body": ""} for n in range(300)]
if point == "arriving":
    arriving.note_reading = die
    actions.arrive(place, entries)
actions.arrive(place, entries)
if point == "reading":
    arriving.copy_rows = die
if point == "alerting":
    arriving.alerts.raise_by_rules = die
actions.read_arrivals(100)
if point == "between":
    die()
actions.read_arrivals(100)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("point", "kept"), [("arriving", 0), ("reading", 300), ("alerting", 300), ("between", 300)])
def test_a_kill_at_any_point_loses_and_doubles_nothing(point, kept):
    rule(notation="井盖缺失", merge=False)
    place = Source.objects.create(name="killed", channel="news", way="push")
    settings = connection.settings_dict
    name = settings["NAME"]
    environment = os.environ | {"DIE_AT": point, "PGDATABASE": name}
    code = KILLED.replace(
        "django.setup()",
        f"from django.conf import settings; settings.DATABASES['default']['NAME'] = {name!r}; django.setup()",
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert Arrival.objects.count() + Item.objects.count() == kept == Seen.objects.count()
    entries = [{"id": str(n), "title": f"第{n}条说井盖缺失{n * 7919}", "body": ""} for n in range(300)]
    actions.arrive(place, entries)  # the service sends again
    actions.read_all()
    assert Item.objects.count() == 300
    assert Item.objects.values("identity").distinct().count() == 300
    assert sum(Alert.objects.values_list("items", flat=True)) == 300
