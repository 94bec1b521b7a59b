"""Daily, weekly, monthly and special reports: sentences with the numbers of the items that they rest on. Nothing else.

A sentence is made only from stored rows and says how many; without rows it is not written. What the reader should
think of it is a person's part (`judgement`).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chengheng.common import trail
from chengheng.common.people import access
from chengheng.opinion import errors, queries
from chengheng.opinion.models import Alert, Channel, Claim, Event, Item, Report

_SOME = 20  # item numbers kept with a sentence; the count says how many there are


def _sentence(words: str, items: list[int], **links: Any) -> dict[str, Any]:
    return {"words": words, "items": items[:_SOME], **links}


def bounds(starts_on: date, ends_on: date) -> tuple[datetime, datetime]:
    """The first and the first-after moment of whole local days."""
    zone = timezone.get_default_timezone()
    return (
        datetime.combine(starts_on, time.min, zone),
        datetime.combine(ends_on + timedelta(days=1), time.min, zone),
    )


@transaction.atomic
def compose_report(
    actor: Any, kind: str, starts_on: date, ends_on: date, event: Event | None = None, judgement: str = ""
) -> Report:
    """Compose and keep a report in the site's language. NothingToReport when the period holds no item."""
    access.require(actor, "opinion.report.compose")
    start, end = bounds(starts_on, ends_on)
    items = access.visible(
        actor, "opinion.item.view", Item.objects.filter(collected_at__gte=start, collected_at__lt=end)
    )
    if event is not None:
        items = items.filter(event=event)
    if not items.exists():
        raise errors.NothingToReport
    with translation.override("zh-hans"):
        sections = [
            section
            for section in (
                _whole(items, start, end), _events(items, event), _claims(actor, start, end, event), _spread(items),
                _voices(items), _alerts(actor, start, end, event),
            )
            if section["sentences"]
        ]  # fmt: skip
    report = Report.objects.create(
        kind=kind, starts_on=starts_on, ends_on=ends_on, event=event, sections=sections, judgement=judgement,
        made_by=actor if getattr(actor, "pk", None) else None,
    )  # fmt: skip
    trail.record("opinion.report.compose", actor, report, {"kind": kind}, new=True)
    return report


def _numbers(items: Any) -> list[int]:
    return list(items.order_by("-pk").values_list("pk", flat=True)[:_SOME])


def _whole(items: Any, start: datetime, end: datetime) -> dict[str, Any]:
    total, relevant = items.count(), items.filter(relevance__gte=0.5)
    sentences = [
        _sentence(
            _("%(total)s items were stored, %(relevant)s of them about city management.")
            % {"total": total, "relevant": relevant.count()},
            _numbers(relevant) or _numbers(items),
        )
    ]
    before = Item.objects.filter(
        collected_at__gte=start - (end - start), collected_at__lt=start, relevance__gte=0.5
    ).count()
    if before:
        change = (relevant.count() - before) * 100 // before
        sentences.append(
            _sentence(
                _("In the period before there were %(before)s; the change is %(change)s %%.")
                % {"before": before, "change": f"{change:+d}"},
                _numbers(relevant),
            )
        )
    judged = relevant.exclude(sentiment="")
    if judged.exists():
        negative = judged.filter(sentiment="negative")
        sentences.append(
            _sentence(
                _("Of %(judged)s whose sentiment was judged, %(negative)s are negative.")
                % {"judged": judged.count(), "negative": negative.count()},
                _numbers(negative),
            )
        )
    classes = relevant.exclude(topic_name="").values("topic_name").annotate(n=Count("pk")).order_by("-n")[:5]
    for row in classes:
        sentences.append(
            _sentence(
                _("%(name)s: %(count)s items.") % {"name": row["topic_name"], "count": row["n"]},
                _numbers(relevant.filter(topic_name=row["topic_name"])),
            )
        )
    return {"title": _("Overall"), "sentences": sentences}


def _events(items: Any, event: Event | None) -> dict[str, Any]:
    counts = items.filter(event__isnull=False).values("event").annotate(n=Count("pk")).order_by("-n", "event")[:10]
    events = Event.objects.in_bulk([row["event"] for row in counts])
    sentences = []
    for row in counts:
        found = events[row["event"]]
        sentences.append(
            _sentence(
                _("“%(title)s”: %(count)s items, first on %(first)s.")
                % {"title": found.title, "count": row["n"],
                   "first": timezone.localtime(found.first_at).strftime("%Y-%m-%d %H:%M")},
                _numbers(items.filter(event=found)), event=found.pk,
            )
        )  # fmt: skip
    return {"title": _("Main events"), "sentences": sentences}


def _claims(actor: Any, start: datetime, end: datetime, event: Event | None) -> dict[str, Any]:
    claims = access.visible(actor, "opinion.claim.view", Claim.objects.all()).filter(
        Q(found_at__gte=start, found_at__lt=end) | Q(published_at__gte=start, published_at__lt=end)
    )
    if event is not None:
        claims = claims.filter(event=event)
    sentences = []
    for claim in claims.order_by("found_at"):
        said = claim.get_verdict_display() if claim.verdict else _("not yet judged")
        before, after = queries.effect_of(claim)
        words = _("%(number)s “%(title)s”: %(state)s; verdict: %(verdict)s.") % {
            "number": claim.number, "title": claim.title, "state": claim.state_label, "verdict": said,
        }  # fmt: skip
        if claim.published_at:
            words += _(" %(before)s items before the statement, %(after)s after it.") % {
                "before": before,
                "after": after,
            }
        sentences.append(_sentence(words, [claim.item_id], claim=claim.pk))
    return {"title": _("Suspected false stories and what was done"), "sentences": sentences}


def _spread(items: Any) -> dict[str, Any]:
    sentences = []
    for row in items.values("channel").annotate(n=Count("pk")).order_by("-n"):
        sentences.append(
            _sentence(
                _("%(channel)s: %(count)s items.") % {"channel": Channel(row["channel"]).label, "count": row["n"]},
                _numbers(items.filter(channel=row["channel"])),
            )
        )
    widest = items.filter(reach__gt=0).order_by("-reach").first()
    if widest is not None:
        sentences.append(
            _sentence(
                _("Widest reach: “%(title)s” (%(reach)s).") % {"title": str(widest), "reach": widest.reach}, [widest.pk]
            )
        )
    return {"title": _("Spread"), "sentences": sentences}


def _voices(items: Any) -> dict[str, Any]:
    """What media and people say: their own words, quoted, nothing in between."""
    sentences, seen = [], Counter[int]()
    for item in items.filter(relevance__gte=0.5, original=0).order_by("-reach", "-relevance", "-pk")[:40]:
        if item.event_id and seen[item.event_id]:
            continue
        seen[item.event_id or 0] += bool(item.event_id)
        quote = " ".join((item.body or item.title).split())[:90]
        sentences.append(
            _sentence(_("%(source)s: “%(quote)s”") % {"source": item.source.name, "quote": quote}, [item.pk])
        )
        if len(sentences) >= 8:
            break
    return {"title": _("What media and people say"), "sentences": sentences}


def _alerts(actor: Any, start: datetime, end: datetime, event: Event | None) -> dict[str, Any]:
    alerts = access.visible(actor, "opinion.alert.view", Alert.objects.filter(raised_at__gte=start, raised_at__lt=end))
    if event is not None:
        alerts = alerts.filter(event=event)
    if not alerts.exists():
        return {"title": _("Alerts"), "sentences": []}
    found = queries.delays(alerts)
    words = _("%(count)s alerts; from publication to alert: median %(median)s min, 95th percentile %(p95)s min,"
              " within one hour %(share)s %%.") % {
        "count": found.alerts, "median": round((found.median or 0) / 60, 1), "p95": round((found.p95 or 0) / 60, 1),
        "share": round(100 * (found.within_hour or 0), 1),
    }  # fmt: skip
    return {
        "title": _("Alerts"),
        "sentences": [_sentence(words, list(alerts.values_list("item_id", flat=True)[:_SOME]))],
    }
