"""What people ask around a repair: what helps, how a fault stands for who reported it, how satisfied users are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Avg, Case, Count, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from chengheng.common.people import access
from chengheng.common.ui.search import Hit
from chengheng.maintenance.care.models import Article, Rating, Spare
from chengheng.maintenance.models import Fault


def articles_for(user: Any, fault: Fault, limit: int = 5) -> list[Article]:
    """Valid articles for a fault's device, the fitting ones first: its model, its type with a word of the title, its type."""
    rows = access.visible(user, "maintenance.knowledge.view", Article.objects.filter(active=True))
    device = fault.device
    rows = rows.filter(Q(kind=device.kind) | Q(kind="")).filter(Q(model="") | Q(model=device.model))
    pairs = {fault.title[n : n + 2] for n in range(len(fault.title) - 1)} - {device.kind[:2]}
    likely = Q()
    for pair in sorted(pairs)[:40]:
        likely |= Q(title__contains=pair) | Q(symptom__contains=pair)
    whens = [When(~Q(model=""), then=Value(0))] + ([When(likely, then=Value(1))] if pairs else [])
    rank = Case(*whens, When(~Q(kind=""), then=Value(2)), default=Value(3), output_field=IntegerField())
    return list(rows.annotate(rank=rank).order_by("rank", "-at")[:limit])


def satisfied(rows: QuerySet[Rating]) -> dict[str, Any]:
    """How many ratings, how many satisfied or very satisfied, and the mean of the five steps."""
    return rows.order_by().aggregate(
        ratings=Count("pk"), satisfied=Count("pk", filter=Q(score__gte=Rating.SATISFIED)), score=Avg("score")
    )


def find(user: Any, words: str, limit: int) -> Iterable[Hit]:
    """Articles and spare parts for the search box."""
    if access.grants(user, "maintenance.knowledge.view"):
        rows = access.visible(user, "maintenance.knowledge.view", Article.objects.filter(active=True))
        rows = rows.filter(Q(title__icontains=words) | Q(symptom__icontains=words) | Q(solution__icontains=words))
        for article in rows[:limit]:
            yield Hit(article.title, article.get_absolute_url(), _("What helps"), article.kind, "bulb")
    if access.grants(user, "maintenance.spare.view"):
        spares = access.visible(
            user, "maintenance.spare.view", Spare.objects.filter(name__icontains=words, active=True)
        )
        for spare in spares[:limit]:
            yield Hit(spare.name, spare.get_absolute_url(), _("Spare part"), str(spare.on_hand), "package")
