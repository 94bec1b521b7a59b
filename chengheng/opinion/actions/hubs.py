"""Hubs that push what is new (W3C WebSub): asking for a subscription, the hub's answers, what it pushes.

The callback's address carries an unguessable token, every push is signed with a secret of this one subscription, and the
hub's own address is as hostile as a feed's: the fetcher's rules hold for it. Polling goes on, slower, as a net under it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.seal import seal, unseal
from chengheng.opinion.actions.arriving import arrive
from chengheng.opinion.collect import addresses, feeds, politeness
from chengheng.opinion.collect.entries import Unreadable
from chengheng.opinion.models import DeadLetter, Source, Subscription

LEASE = timedelta(days=10)
LEAST_LEASE, MOST_LEASE = timedelta(minutes=5), timedelta(days=30)
ASK_AGAIN = timedelta(hours=1)  # when a hub accepted the request and then kept silent
DENIED_AGAIN = timedelta(hours=24)
ANSWERED_WITHIN = timedelta(hours=24)  # a verification later than this was not asked for
BYTES = 5_000_000
_METHODS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def public_address(inside: bool = False) -> str:
    """The site's address when hubs can reach it, else "": it must be set and lead to the public internet."""
    site = settings.SITE_URL.rstrip("/")
    try:
        port = urlsplit(site).port
        addresses.target(site, (80, 443, port) if port else (80, 443), inside)
    except (addresses.Refused, ValueError):
        return ""
    return site


def callback_of(subscription: Subscription) -> str:
    """Where the hub reaches us for this subscription."""
    return settings.SITE_URL.rstrip("/") + reverse("opinion:websub", args=[subscription.token])


@transaction.atomic
def note_hub(source: Source, hub: str, topic: str) -> Subscription | None:
    """What a feed says of its hub at this reading: begin, change or end the subscription. None without a hub."""
    topic = topic or source.url
    known = Subscription.objects.select_for_update().filter(source=source).first()
    if known is not None and (known.hub, known.topic) == (hub, topic):
        return known
    if known is not None:
        known.delete()  # its callback answers 404 from now on; the hub's lease runs out
        trail.record("opinion.source.change", SYSTEM, source, {"hub_left": known.hub})
    if not hub:
        return None
    return Subscription.objects.create(
        source=source, hub=hub, topic=topic, token=secrets.token_urlsafe(32), sealed_secret=seal(secrets.token_hex(32)),
    )  # fmt: skip


def book_hubs(now: datetime, limit: int = 20) -> list[Subscription]:
    """Subscriptions to be asked for, or renewed, with the next asking booked."""
    with transaction.atomic():
        due = Subscription.objects.filter(next_at__lte=now, source__active=True, source__dead_at=None)
        found = list(
            due.select_for_update(skip_locked=True, of=("self",)).select_related("source").order_by("next_at")[:limit]
        )
        for one in found:
            one.asked_at, one.next_at = now, now + ASK_AGAIN
        Subscription.objects.bulk_update(found, ["asked_at", "next_at"])
    return found


def request_of(subscription: Subscription) -> dict[str, str]:
    """The form that asks the hub (W3C WebSub §5.1)."""
    return {
        "hub.callback": callback_of(subscription), "hub.mode": "subscribe", "hub.topic": subscription.topic,
        "hub.lease_seconds": str(int(LEASE.total_seconds())), "hub.secret": unseal(subscription.sealed_secret) or "",
    }  # fmt: skip


def note_hub_failure(subscription: Subscription, now: datetime, reason: str) -> None:
    """The hub could not be asked: come later and later. What it still pushes is taken."""
    failures = subscription.failures + 1
    wait = politeness.back_off(failures, ASK_AGAIN.total_seconds(), None, failures >= politeness.DEAD_AFTER)
    kept = Q(state=Subscription.State.ACTIVE, lease_until__gt=now)
    rows = Subscription.objects.filter(pk=subscription.pk)
    rows.update(failures=failures, reason=reason[:200], next_at=now + timedelta(seconds=wait))
    rows.exclude(kept).update(state=Subscription.State.FAILED)


@transaction.atomic
def answer_hub(token: str, mode: str, topic: str, challenge: str, lease: str, reason: str = "") -> str | None:
    """The hub asks whether we meant it, or says no: the challenge to echo, "" for a noted denial, None for 404.

    Only what was asked for within a day, of exactly this topic, is confirmed.
    """
    now = timezone.now()
    found = Subscription.objects.select_for_update().filter(token=token).select_related("source").first()
    if found is None or topic != found.topic or found.asked_at is None:
        return None
    if mode == "denied":
        found.state, found.reason = Subscription.State.DENIED, " ".join(reason.split())[:200]
        found.next_at, found.lease_until = now + DENIED_AGAIN, None
        found.save(update_fields=["state", "reason", "next_at", "lease_until"])
        Source.objects.filter(pk=found.source_id, next_at__gt=now).update(next_at=now)
        trail.record("opinion.source.change", SYSTEM, found.source, {"hub": found.hub, "denied": found.reason})
        return ""
    if mode != "subscribe" or now - found.asked_at > ANSWERED_WITHIN or not 0 < len(challenge) <= 2000:
        return None
    seconds = int(lease) if lease.isascii() and lease.isdigit() and len(lease) < 10 else int(LEASE.total_seconds())
    held = min(max(timedelta(seconds=seconds), LEAST_LEASE), MOST_LEASE)
    fresh = found.state != Subscription.State.ACTIVE
    found.state, found.reason, found.failures = Subscription.State.ACTIVE, "", 0
    found.lease_until, found.next_at = now + held, now + held * 0.8
    found.save(update_fields=["state", "reason", "failures", "lease_until", "next_at"])
    if fresh:
        trail.record("opinion.source.change", SYSTEM, found.source, {"hub": found.hub, "pushes": True})
    return challenge


def signed_by_hub(secret: str, body: bytes, given: str) -> bool:
    """Whether `X-Hub-Signature` ("method=hexadecimal") is the body's (W3C WebSub §7.1), compared in constant time."""
    name, _, digest = given.strip().partition("=")
    method = _METHODS.get(name.lower())
    if method is None or not digest.isascii():
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), body, method).hexdigest(), digest.lower())


def take_push(token: str, body: bytes, charset: str, signature: str) -> int | None:
    """What a hub pushed: how many entries were new. None when no such subscription is in force (404 ends it there).

    A push with a wrong signature is answered like a right one, counted, and dropped. A push that is no feed, and one of
    a source whose articles are read in full, only has the source read at once.
    """
    now = timezone.now()
    found = Subscription.objects.filter(token=token).select_related("source").first()
    if found is None or not found.source.active or not found.pushing(now):
        return None
    rows = Subscription.objects.filter(pk=found.pk)
    if len(body) > BYTES or not signed_by_hub(unseal(found.sealed_secret) or secrets.token_hex(), body, signature):
        rows.update(ignored=F("ignored") + 1)
        return 0
    entries: list[Any] = []
    read_now = found.source.full_text
    if not read_now:
        try:
            entries = feeds.parse(body, found.topic, charset, now)
        except Unreadable as reason:
            DeadLetter.objects.create(source=found.source, url=found.topic[:2000], reason=f"hub_{reason}"[:80])
            read_now = True
    with transaction.atomic():
        source = Source.objects.select_for_update().get(pk=found.source_id)
        polling = {name: getattr(source, name) for name in ("next_at", "etag", "last_modified", "hub")}
        new = arrive(source, entries, now) if entries else 0
        # A push says nothing of the next polling: a hub that tells only half must not keep us from looking.
        Source.objects.filter(pk=source.pk).update(**(polling | ({"next_at": now} if read_now else {})))
        rows.update(pushed_at=now, pushes=F("pushes") + 1)
    return new


__all__ = [
    "answer_hub", "book_hubs", "callback_of", "note_hub", "note_hub_failure", "public_address", "request_of",
    "signed_by_hub", "take_push",
]  # fmt: skip
