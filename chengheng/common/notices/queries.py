"""What people ask about their notices, and keepers about deliveries."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from chengheng.common.notices.models import Delivery, Endpoint, Notice, State


def latest(user: Any, most: int = 12) -> list[Notice]:
    """The newest notices of the user, for the bell."""
    return list(Notice.objects.filter(user=user)[:most])


def mine(user: Any, *, unread: bool = False, before: int | None = None) -> QuerySet[Notice]:
    """The user's notices, newest first; older than `before` when given (paging)."""
    rows = Notice.objects.filter(user=user)
    if unread:
        rows = rows.filter(read_at=None)
    return rows.filter(pk__lt=before) if before else rows


def endpoints() -> QuerySet[Endpoint]:
    """The ways out with what became of their deliveries."""
    return Endpoint.objects.select_related("organisation").annotate(
        sent=Count("deliveries", filter=Q(deliveries__state=State.SENT)),
        waiting=Count("deliveries", filter=Q(deliveries__state=State.WAITING)),
        dead=Count("deliveries", filter=Q(deliveries__state=State.DEAD)),
        last_sent=Max("deliveries__sent_at"),
    )


def deliveries(state: str = "", before: int | None = None) -> QuerySet[Delivery]:
    """Deliveries, newest first."""
    rows = Delivery.objects.select_related("message", "endpoint", "notice__user")
    rows = rows.filter(state=state) if state else rows
    return rows.filter(pk__lt=before) if before else rows


def receipts(message: int) -> dict[str, int]:
    """How many of a message's readers were told, saw it and opened it."""
    return Notice.objects.filter(message=message).aggregate(
        told=Count("pk"),
        seen=Count("pk", filter=Q(seen_at__isnull=False)),
        read=Count("pk", filter=Q(read_at__isnull=False)),
    )
