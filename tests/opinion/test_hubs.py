"""A feed's hub is asked, verified, believed only when it signs, and left when it ends; polling stays under it."""

from __future__ import annotations

import hashlib
import hmac
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode

import pytest
from django.utils import timezone

from chengheng.common.people.seal import unseal
from chengheng.opinion import actions, reader
from chengheng.opinion.actions.hubs import callback_of, signed_by_hub
from chengheng.opinion.collect import feeds
from chengheng.opinion.models import Alert, DeadLetter, Item, Source, Subscription
from tests.access import sign_in
from tests.builders import holder
from tests.opinion.sites import collect_once, rss, site
from tests.opinion.test_life import fresh_reader, rule, source

__all__ = ["fresh_reader"]
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TOPIC = "https://news.example.com/feed"


@pytest.fixture(autouse=True)
def _fresh():
    reader.forget()
    yield
    reader.forget()


class Hub:
    """A hub that keeps what it was asked; `verify` and `push` act as a hub does, over HTTP."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer = 202
        self.root = ""

    def call(self, url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as reply:
                return reply.status, reply.read()
        except HTTPError as error:
            return error.code, error.read()

    def verify(self, number: int = -1, **more: str) -> tuple[int, bytes]:
        said = self.asked[number]
        query = {"hub.mode": "subscribe", "hub.topic": said["hub.topic"], "hub.challenge": "c-1",
                 "hub.lease_seconds": "3600"} | {name.replace("_", ".", 1): value for name, value in more.items()}  # fmt: skip
        return self.call(f"{said['hub.callback']}?{urlencode(query)}")

    def push(self, body: bytes, secret: str = "", method: str = "sha256") -> int:
        said = self.asked[-1]
        digest = hmac.new((secret or said["hub.secret"]).encode(), body, method).hexdigest()
        headers = {"X-Hub-Signature": f"{method}={digest}", "Content-Type": "application/rss+xml"}
        return self.call(said["hub.callback"], body, **headers)[0]


@contextmanager
def hub() -> Iterator[Hub]:
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            state.asked.append({name: values[0] for name, values in form.items()})
            self.send_response(state.answer)
            if state.answer == 307:
                self.send_header("Location", "http://169.254.169.254/latest/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.root = f"http://127.0.0.1:{server.server_address[1]}/hub"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def with_hub(feed: bytes, address: str, topic: str) -> tuple[int, dict[str, str], bytes]:
    """A feed whose answer names its hub in the Link header."""
    return 200, {"Link": f'<{address}>; rel="hub", <{topic}>; rel="self"', "Content-Type": "application/rss+xml"}, feed


@pytest.mark.django_db(transaction=True)
def test_a_hub_is_asked_verified_and_pushes_in_seconds(live_server, settings):
    settings.SITE_URL = live_server.url
    rule()
    with site() as host, hub() as middle:
        topic = f"{host.root}/feed"
        host.paths["/feed"] = with_hub(rss(("旧闻", "很久以前", timezone.now())), middle.root, topic)
        place = source(url=topic)
        collect_once()
        (asked,) = middle.asked
        found = Subscription.objects.get()
        assert asked["hub.mode"] == "subscribe"
        assert asked["hub.topic"] == topic
        assert asked["hub.callback"] == callback_of(found)
        assert len(found.token) >= 40
        assert asked["hub.secret"] not in (found.sealed_secret, "")
        fresh = rss(("和平路路面塌陷", "推送的消息", timezone.now()))
        assert middle.push(fresh) == 404  # nothing is taken before the intent was verified
        assert middle.verify(hub_topic="https://other.example.com/") == (404, b"")
        assert middle.verify() == (200, b"c-1")
        found.refresh_from_db()
        assert found.pushing(timezone.now())
        assert timedelta(minutes=59) < found.lease_until - timezone.now() < timedelta(minutes=61)
        before = Source.objects.get()
        assert middle.push(fresh) == 202
        actions.read_all()
        assert Item.objects.filter(title="和平路路面塌陷").count() == 1
        assert Alert.objects.count() == 1
        after = Source.objects.get()
        assert (after.next_at, after.hub, after.etag) == (before.next_at, before.hub, before.etag)
        assert middle.push(fresh) == 202  # told again: nothing is doubled
        forged = rss(("伪造", "塌陷", timezone.now()))
        assert middle.push(forged, secret="guessed") == 202  # as the standard wants; and dropped
        actions.read_all()
        assert Item.objects.count() == 2
        found.refresh_from_db()
        assert (found.pushes, found.ignored) == (2, 1)
        # polling goes on, four times slower, and finds what the hub kept to itself
        Source.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        host.paths["/feed"] = with_hub(rss(("漏推的消息", "x", timezone.now())), middle.root, topic)
        collect_once()
        assert Item.objects.filter(title="漏推的消息").exists()
        wait = Source.objects.get().next_at - timezone.now()
        assert wait > timedelta(minutes=place.interval_minutes * 3.9)
        # the lease is renewed before it ends
        assert len(middle.asked) == 1
        Subscription.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        collect_once()
        assert len(middle.asked) == 2
        assert middle.verify(hub_lease_seconds="7200") == (200, b"c-1")
        assert Subscription.objects.get().lease_until - timezone.now() > timedelta(minutes=110)
        # the feed leaves its hub: the address is gone
        host.paths["/feed"] = rss(("再见", "x", timezone.now()))
        Source.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        collect_once()
        assert not Subscription.objects.exists()
        assert middle.push(fresh) == 404


@pytest.mark.django_db(transaction=True)
def test_without_a_public_address_nothing_is_subscribed(settings, client):
    with site() as host, hub() as middle:
        host.paths["/feed"] = with_hub(rss(("旧闻", "x", timezone.now())), middle.root, f"{host.root}/feed")
        place = source(url=f"{host.root}/feed")
        settings.SITE_URL = ""
        collect_once()
        settings.SITE_URL = "http://10.1.2.3:8000"
        Source.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        collect_once()
        assert not middle.asked
        assert not Subscription.objects.exists()
    body = sign_in(client, holder("opinion.chief")).get(place.get_absolute_url()).content.decode()
    assert "CHENGHENG_SITE_URL" in body


@pytest.mark.django_db(transaction=True)
def test_a_hostile_or_dead_hub_is_not_reached_and_comes_later(settings, live_server):
    settings.SITE_URL = live_server.url
    with site() as host, hub() as middle:
        middle.answer = 307  # sends the asking on to the metadata address
        host.paths["/feed"] = with_hub(rss(("一", "x", timezone.now())), middle.root, f"{host.root}/feed")
        source(url=f"{host.root}/feed")
        collect_once()
        found = Subscription.objects.get()
        assert (found.state, found.reason, found.failures) == ("failed", "refused_address", 1)
        Subscription.objects.update(hub="http://169.254.169.254/hub", next_at=timezone.now() - timedelta(seconds=1))
        Source.objects.update(next_at=timezone.now() + timedelta(hours=1))
        collect_once()
        found.refresh_from_db()
        assert (found.reason, found.failures) == ("refused_address", 2)
        assert found.next_at > timezone.now() + timedelta(hours=1)
        Subscription.objects.update(hub=middle.root, next_at=timezone.now() - timedelta(seconds=1))
        middle.answer = 500
        collect_once()
        found.refresh_from_db()
        assert (found.reason, found.failures) == ("http_500", 3)


def subscribed(**fields) -> Subscription:
    from chengheng.opinion.actions.hubs import note_hub

    found = note_hub(source(hub="https://hub.example.com/"), "https://hub.example.com/", TOPIC)
    assert found is not None
    Subscription.objects.filter(pk=found.pk).update(asked_at=timezone.now(), **fields)
    return Subscription.objects.get()


@pytest.mark.django_db
def test_a_denial_is_kept_with_its_reason_and_polled_at_once():
    found = subscribed(state="active", lease_until=timezone.now() + timedelta(days=1))
    Source.objects.update(next_at=timezone.now() + timedelta(hours=5))
    assert actions.answer_hub(found.token, "denied", TOPIC, "", "", "no\nmore") == ""
    found.refresh_from_db()
    assert (found.state, found.reason, found.lease_until) == ("denied", "no more", None)
    assert not found.pushing(timezone.now())
    assert Source.objects.get().next_at <= timezone.now()


@pytest.mark.django_db
def test_only_what_was_asked_for_is_confirmed():
    found = subscribed()
    assert actions.answer_hub("x" * 43, "subscribe", TOPIC, "c", "60") is None
    assert actions.answer_hub(found.token, "unsubscribe", TOPIC, "c", "60") is None
    assert actions.answer_hub(found.token, "subscribe", TOPIC, "", "60") is None
    assert actions.answer_hub(found.token, "subscribe", TOPIC, "c", "99999999999999") == "c"
    found.refresh_from_db()
    assert found.lease_until - timezone.now() <= timedelta(days=30)
    Subscription.objects.update(asked_at=timezone.now() - timedelta(days=2))
    assert actions.answer_hub(found.token, "subscribe", TOPIC, "c", "60") is None


@pytest.mark.django_db
def test_a_lease_that_ended_takes_no_push_and_polling_is_quick_again():
    found = subscribed(state="active", lease_until=timezone.now() - timedelta(seconds=1))
    body = rss(("一", "x", NOW))
    secret = unseal(found.sealed_secret) or ""
    given = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert actions.take_push(found.token, body, "", given) is None
    now = timezone.now()
    actions.arrive(found.source, [], now, hub=found.hub)
    wait = Source.objects.get().next_at - now
    assert wait < timedelta(minutes=found.source.interval_minutes * 1.2)


@pytest.mark.django_db
def test_a_push_that_is_no_feed_has_the_source_read_at_once():
    found = subscribed(state="active", lease_until=timezone.now() + timedelta(days=1))
    Source.objects.update(next_at=timezone.now() + timedelta(hours=5))
    body = b"<html>no feed"
    given = "sha1=" + hmac.new((unseal(found.sealed_secret) or "").encode(), body, hashlib.sha1).hexdigest()
    assert actions.take_push(found.token, body, "", given) == 0
    assert Source.objects.get().next_at <= timezone.now()
    assert DeadLetter.objects.get().reason.startswith("hub_")


@pytest.mark.django_db
def test_the_callback_is_rate_limited_and_bounded(client, monkeypatch):
    from chengheng.opinion import views

    views._hubs.clear()
    found = subscribed(state="active", lease_until=timezone.now() + timedelta(days=1))
    url = f"/opinion/websub/{found.token}/"
    assert client.delete(url).status_code == 405
    assert client.post(url, b"x" * 21_000_000, content_type="text/xml").status_code == 413
    assert client.post(url, b"x" * 6_000_000, content_type="text/xml").status_code == 202
    assert Subscription.objects.get().ignored == 1
    monkeypatch.setattr(views, "HUB_A_MINUTE", 2)
    views._hubs.clear()
    states = [client.post(url, b"x", content_type="text/xml").status_code for _ in range(3)]
    assert states == [202, 202, 429]
    views._hubs.clear()


@pytest.mark.parametrize("given", ["", "sha256", "sha256=", "md5=00", "sha256=é", "sha1=" + "0" * 40])
def test_bad_signatures_are_told(given):
    assert not signed_by_hub("s", b"body", given)


def test_every_method_of_the_standard_is_taken():
    for method in ("sha1", "sha256", "sha384", "sha512"):
        assert signed_by_hub("s", b"body", f"{method}=" + hmac.new(b"s", b"body", method).hexdigest().upper())


def test_an_entry_cannot_name_a_hub():
    mine = b'<rss><channel><title>a</title><item><description><![CDATA[<link rel="hub" href="https://evil.example.com/">]]>'
    assert feeds.hub_of(mine)[0] == ""
    true = b'<rss xmlns:a="x"><channel><a:link rel="hub" href="https://hub.example.com/"/><item></item></channel></rss>'
    assert feeds.hub_of(true)[0] == "https://hub.example.com/"
