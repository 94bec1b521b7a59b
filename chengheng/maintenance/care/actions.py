"""What people do around a repair: keep spare parts, write down what helps, say what they think of it.

One act, one transaction: permission, lock, check, change, record, tell.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import notices, trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.maintenance.care.errors import NothingToRate, StockShort
from chengheng.maintenance.care.models import Article, Rating, Spare, SpareMove
from chengheng.maintenance.keeping import keep_entry
from chengheng.maintenance.models import Fault, Report

RATED_IN = ("fixed", "verified", "closed")
"""States of a fault in which there is a repair to think something of."""

# Spare parts


@transaction.atomic
def keep_spare(spare: Spare, actor: Any) -> Spare:
    """Keep a new or changed kind of part. Its stock is changed by movements only."""
    held = Spare.objects.select_for_update().filter(pk=spare.pk).first()
    if held is not None:
        spare.on_hand = held.on_hand
    return keep_entry(spare, actor, "maintenance.spare.change")


@transaction.atomic
def move_spare(
    spare: Spare, actor: Any, *, why: str, count: int, note: str = "", fault: Fault | None = None
) -> SpareMove:
    """Book a movement: `count` received or scrapped, or (counted) how many there really are. StockShort below nothing."""
    spare = access.fetch_locked(actor, "maintenance.spare.change", Spare.objects.all(), pk=spare.pk)
    if count < 0 or (count == 0 and why != SpareMove.Why.COUNTED):
        raise Invalid(_("Give a number from 1."), field="count")
    change = {
        SpareMove.Why.RECEIVED: count, SpareMove.Why.SCRAPPED: -count, SpareMove.Why.COUNTED: count - spare.on_hand,
    }.get(SpareMove.Why(why))  # fmt: skip
    if change is None:
        raise Invalid(_("Parts are used by a repair."), field="why")
    if change == 0:
        raise Invalid(_("So many are recorded already."), field="count")
    return _move(spare, actor, change, why, note=note, fault=fault)


def _move(spare: Spare, actor: Any, change: int, why: str, *, note: str = "", fault: Fault | None = None) -> SpareMove:
    """The movement itself; the caller holds the row's lock."""
    if spare.on_hand + change < 0:
        raise StockShort(name=spare.name, left=spare.on_hand)
    was_low = spare.is_low
    spare.on_hand += change
    spare.save(update_fields=["on_hand"])
    made = SpareMove.objects.create(
        spare=spare, count=change, why=why, left=spare.on_hand, fault=fault, note=note[:200],
        by=actor if actor.pk else None,
    )  # fmt: skip
    data = {"count": change, "why": str(why), "left": spare.on_hand} | ({"fault": fault.number} if fault else {})
    trail.record("maintenance.spare.move", actor, spare, data, note)
    if spare.is_low and not was_low:
        notices.tell(
            role="maintenance.manager", title=_("Few are left: %(name)s"), body=_("%(left)s in stock, at least %(least)s."),
            params={"name": spare.name, "left": spare.on_hand, "least": spare.least}, subject=spare, level="warning",
        )  # fmt: skip
    return made


def use_spare(fault: Fault, actor: Any, name: str, count: int) -> Spare | None:
    """Take a part that a repair used out of stock; None when no such part is kept. Called within the repair's act.

    A repair is not held up by the books: where fewer are recorded than were used, what is recorded goes, and the manager
    is asked to count.
    """
    rows = Spare.objects.select_for_update().filter(name=name, active=True)
    spare = rows.first()
    if spare is None or spare.system_id not in (None, fault.system_id):
        return None
    taken = min(count, spare.on_hand)
    if taken:
        _move(spare, actor, -taken, SpareMove.Why.USED, fault=fault)
    if taken < count:
        notices.tell(
            role="maintenance.manager", title=_("Please count: %(name)s"),
            body=_("A repair used %(count)s, the books held %(left)s."),
            params={"name": spare.name, "count": count, "left": taken}, subject=spare, level="warning",
        )  # fmt: skip
    return spare


# Knowledge


@transaction.atomic
def keep_article(article: Article, actor: Any) -> Article:
    """Keep a new or changed article; whoever is not its author needs reach over all."""
    if article.pk:
        access.fetch_locked(actor, "maintenance.knowledge.write", Article.objects.all(), pk=article.pk)
    else:
        article.by = actor if actor.pk else None
    return keep_entry(article, actor, "maintenance.knowledge.write")


# Ratings


@transaction.atomic
def rate(
    report: Report, *, score: int, words: str = "", now: datetime | None = None, actor: Any = access.SYSTEM
) -> Rating:
    """What whoever reported thinks of the repair; said again, the last word counts. NothingToRate before it is fixed.

    Whoever holds the report's token speaks for it, so no permission is asked; the trail keeps who was signed in.
    """
    fault = Fault.objects.select_for_update(of=("self",)).get(pk=report.fault_id)
    if fault.void or fault.state not in RATED_IN:
        raise NothingToRate
    if score not in Rating.Score.values:
        raise Invalid(_("Choose one of the five steps."), field="score")
    before = Rating.objects.filter(report=report).first()
    made, _new = Rating.objects.update_or_create(
        report=report, defaults={"fault": fault, "score": score, "words": words[:300], "at": now or timezone.now()}
    )
    trail.record("maintenance.fault.rate", actor, fault, {"score": score, "report": report.pk}, words)
    if score < 3 and (before is None or before.score >= 3):
        notices.tell(
            role="maintenance.desk", title=_("Dissatisfied with a repair: %(fault)s"), body=words or "",
            params={"fault": str(fault)}, subject=fault, level="warning",
        )  # fmt: skip
    return made


def ask_for_ratings(fault: Fault) -> None:
    """Ask those who reported by their own account what they think of the repair. Called when it is verified."""
    for report in fault.report_rows.exclude(by=None).exclude(token="").filter(rating=None).select_related("by"):
        notices.tell(
            [report.by] if report.by else None, title=_("How was the repair? %(fault)s"),
            body=_("Please say in five steps how satisfied you are: %(address)s"),
            params={"fault": str(fault), "address": report.follow_url()}, subject=fault,
        )  # fmt: skip
