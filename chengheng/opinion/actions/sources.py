"""Acts on sources: enter, change, wake; and what the collector notes of each reading."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import health, notices, trail
from chengheng.common.people import access
from chengheng.common.people.seal import seal
from chengheng.opinion import errors, queries
from chengheng.opinion.collect import politeness
from chengheng.opinion.collect.addresses import Refused, target
from chengheng.opinion.models import DeadLetter, Source, Subscription, Way

SLOWER = 4

_FIELDS = (
    "name", "channel", "way", "url", "tier", "region", "pick", "full_text", "rendered", "with_media", "interval_minutes", "quiet_hours",
    "licence", "active",
)  # fmt: skip


@transaction.atomic
def save_source(actor: Any, source: Source | None = None, *, is_demo: bool = False, **fields: Any) -> Source:
    """Enter a source, or change one. AddressRefused for an address that would not be fetched."""
    access.require(actor, "opinion.source.change")
    unknown = set(fields) - set(_FIELDS)
    if unknown:
        raise TypeError(f"a source has no {unknown}")
    fresh = source is None
    found = Source(is_demo=is_demo) if source is None else Source.objects.select_for_update().get(pk=source.pk)
    changed = {name: value for name, value in fields.items() if fresh or getattr(found, name) != value}
    for name, value in changed.items():
        setattr(found, name, value)
    if found.polled and ("url" in changed or fresh) and not is_demo:
        try:
            found.url = target(found.url).url
        except Refused as reason:
            raise errors.AddressRefused(field="url", reason=str(reason)) from reason
    if "url" in changed:
        found.etag = found.last_modified = found.hub = ""
        found.next_at, found.failures, found.dead_at = timezone.now(), 0, None
        Subscription.objects.filter(source=found.pk).delete()
    found.save()
    trail.record("opinion.source.change", actor, found, {"changed": {k: str(v) for k, v in changed.items()}}, new=fresh)
    return found


@transaction.atomic
def new_secret(actor: Any, source: Source) -> str:
    """A new signing secret for a source that delivers; shown once, kept sealed."""
    access.require(actor, "opinion.source.change")
    secret = secrets.token_urlsafe(32)
    Source.objects.filter(pk=source.pk).update(sealed_secret=seal(secret))
    trail.record("opinion.source.change", actor, source, {"secret": "new"})
    return secret


@transaction.atomic
def wake_source(actor: Any, source: Source) -> None:
    """Read a source that was put aside again, at once."""
    access.require(actor, "opinion.source.wake")
    Source.objects.filter(pk=source.pk).update(
        dead_at=None, failures=0, failure="", silent_since=None, next_at=timezone.now()
    )
    trail.record("opinion.source.wake", actor, source)


def _note_hour(source: Source, at: datetime, readings: int = 0, failures: int = 0, items: int = 0) -> None:
    hour = at.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into opinion_sourcehour (source_id, hour, readings, failures, items) values (%s, %s, %s, %s, %s)"
            " on conflict (source_id, hour) do update set readings = opinion_sourcehour.readings + excluded.readings,"
            " failures = opinion_sourcehour.failures + excluded.failures,"
            " items = opinion_sourcehour.items + excluded.items",
            [source.pk, hour, readings, failures, items],
        )


def note_reading(
    source: Source, now: datetime, items: int, *, etag: str = "", last_modified: str = "", hub: str = ""
) -> None:
    """The source answered (or delivered): it is alive, and is read again after its interval. Inside a transaction."""
    interval = source.interval_minutes * 60
    if hub and any(one.pushing(now) for one in Subscription.objects.filter(source=source)):
        interval = min(interval * SLOWER, 24 * 3600)  # the hub tells what is new; polling is the net under it
    changes: dict[str, Any] = {
        "answered_at": now, "tried_at": now, "failures": 0, "failure": "", "dead_at": None,
        "next_at": now + timedelta(seconds=interval + politeness.jitter(source.name, interval)),
    }  # fmt: skip
    if items:
        changes |= {"last_item_at": Greatest(Coalesce(F("last_item_at"), now), now), "silent_since": None}
    if source.polled:
        changes |= {"etag": etag, "last_modified": last_modified, "hub": hub}
    Source.objects.filter(pk=source.pk).update(**changes)
    if items and source.silent_since:
        health.report(f"opinion:{source.pk}", ok=True, at=now)
    _note_hour(source, now, readings=1, items=items)


@transaction.atomic
def note_failure(
    source: Source,
    now: datetime,
    reason: str,
    *,
    url: str = "",
    permanent: bool = False,
    retry_after: float | None = None,
) -> None:
    """The source could not be read: come later; after eight failures in a row put it aside and say so."""
    found = Source.objects.select_for_update().get(pk=source.pk)
    failures = found.failures + 1
    wait = politeness.back_off(failures, found.interval_minutes * 60, retry_after, permanent)
    put_aside = politeness.dead(failures) and found.dead_at is None
    Source.objects.filter(pk=found.pk).update(
        failures=failures, failure=reason[:80], tried_at=now, next_at=now + timedelta(seconds=wait),
        dead_at=now if put_aside else found.dead_at,
    )  # fmt: skip
    _note_hour(found, now, failures=1)
    DeadLetter.objects.create(source=found, at=now, url=(url or found.url)[:2000], reason=reason[:80])
    if put_aside:
        notices.tell(
            queries.told_of_sources(), _("Source put aside: %(source)s"),
            _("It failed %(failures)s times in a row; the last reason is %(reason)s."),
            params={"source": found.name, "failures": failures, "reason": reason}, subject=found, level="warning",
        )  # fmt: skip


@transaction.atomic
def note_silence(now: datetime) -> list[Source]:
    """Raise a fault for each active source without an item for longer than its `quiet_hours`; returns them."""
    quiet = []
    active = Source.objects.filter(active=True, silent_since=None).exclude(way=Way.IMPORT)
    for source in active.filter(Q(last_item_at__isnull=False) | Q(made_at__lt=now)).select_for_update(skip_locked=True):
        last = source.last_item_at or source.made_at
        if now - last > timedelta(hours=source.quiet_hours):
            Source.objects.filter(pk=source.pk).update(silent_since=now)
            quiet.append(source)
    for source in quiet:
        trail.record("opinion.source.change", access.SYSTEM, source, {"silent": True})
        silent = str(_("Source has gone silent: %(source)s") % {"source": source.name})
        health.report(f"opinion:{source.pk}", ok=False, at=now, text=silent)
        notices.tell(
            queries.told_of_sources(), _("Source has gone silent: %(source)s"),
            _("No item for more than %(hours)s hours."),
            params={"source": source.name, "hours": source.quiet_hours}, subject=source, level="warning",
        )  # fmt: skip
    return quiet
